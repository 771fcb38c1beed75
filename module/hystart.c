// SPDX-License-Identifier: GPL-2.0
/*
 * Slow start (RFC 5681, 3.1) that ends before the path's queue overflows:
 * HyStart++ (RFC 9406). When the smallest RTT of a round has grown, the window
 * grows more slowly for some rounds; if the RTT stays up, slow start is over. It
 * is over at once when the queue is as long as half of the path: the rounds of
 * caution would overflow a buffer of a bandwidth-delay product.
 *
 * Pure. Without the RFC's limit L on growth by one acknowledgment: what that
 * protects from, bursts, is pacing's business here.
 */
#include <linux/minmax.h>
#include <linux/module.h>
#include <net/tern_cong.h>

#include "seq.h"

#define MIN_RTT_THRESH_US	4000u
#define MAX_RTT_THRESH_US	16000u
#define MIN_RTT_DIVISOR		8
#define N_RTT_SAMPLE		8
#define CSS_GROWTH_DIVISOR	4
#define CSS_ROUNDS		5
#define UNKNOWN			(~0u)

static void begin_round(struct tern_hystart *hs, u32 snd_nxt)
{
	hs->round_end = snd_nxt;
	hs->last_min_us = hs->min_us;
	hs->min_us = UNKNOWN;
	hs->samples = 0;
}

static void judge_round(struct tern_hystart *hs)
{
	u32 threshold;

	if (hs->samples < N_RTT_SAMPLE || hs->last_min_us == UNKNOWN)
		return;
	if (hs->css_rounds) {
		/* the RTT came down again: it was not a queue */
		if (hs->min_us < hs->baseline_us)
			hs->css_rounds = 0;
		return;
	}
	threshold = clamp(hs->last_min_us / MIN_RTT_DIVISOR, MIN_RTT_THRESH_US, MAX_RTT_THRESH_US);
	if (hs->min_us >= hs->last_min_us + threshold) {
		hs->baseline_us = hs->min_us;
		hs->css_rounds = 1;
	}
}

/* more than half a round trip: no path is that unsteady for all of a round's samples */
static bool queue_is_certain(const struct tern_cong *c)
{
	const struct tern_hystart *hs = &c->hystart;

	return hs->css_rounds && hs->samples >= N_RTT_SAMPLE &&
	       hs->min_us - c->min_rtt_us > c->min_rtt_us / 2;
}

static void sample_round(struct tern_cong *c, const struct tern_cong_sample *s)
{
	struct tern_hystart *hs = &c->hystart;

	if (!hs->last_min_us) {		/* a new connection */
		hs->min_us = UNKNOWN;
		begin_round(hs, s->snd_nxt);
	}
	if (s->rtt_us) {
		hs->min_us = min(hs->min_us, s->rtt_us);
		if (hs->samples < N_RTT_SAMPLE)
			hs->samples++;
		judge_round(hs);
		if (queue_is_certain(c)) {
			c->snd_ssthresh = c->snd_cwnd;
			return;
		}
	}
	if (seq_before(s->snd_una, hs->round_end))
		return;
	begin_round(hs, s->snd_nxt);
	if (hs->css_rounds && ++hs->css_rounds > CSS_ROUNDS)
		c->snd_ssthresh = c->snd_cwnd;
}

/**
 * tern_slow_start - grow the window below the threshold
 * @c: window
 * @s: what the acknowledgment told
 *
 * Return: bytes of s->acked beyond the threshold: for congestion avoidance.
 */
u32 tern_slow_start(struct tern_cong *c, const struct tern_cong_sample *s)
{
	u32 grow;

	if (!tern_in_slow_start(c))
		return s->acked;
	/* only the first time: later the threshold is known */
	if (c->snd_ssthresh == TERN_SSTHRESH_UNKNOWN)
		sample_round(c, s);
	grow = c->hystart.css_rounds ? s->acked / CSS_GROWTH_DIVISOR : s->acked;
	if (grow <= c->snd_ssthresh - c->snd_cwnd) {
		c->snd_cwnd += grow;
		return 0;
	}
	grow -= c->snd_ssthresh - c->snd_cwnd;
	c->snd_cwnd = c->snd_ssthresh;
	return grow;
}
EXPORT_SYMBOL_GPL(tern_slow_start);
