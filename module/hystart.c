// SPDX-License-Identifier: GPL-2.0
/*
 * Slow start (RFC 5681, 3.1) that ends before the path's queue overflows:
 * HyStart++ (RFC 9406). When the smallest RTT of a round has grown, the window
 * grows more slowly for some rounds; if the RTT stays up, slow start is over. It
 * is over at once when the queue is certainly as long as half of the path: the
 * rounds of caution would overflow a buffer of a bandwidth-delay product.
 *
 * The smallest RTT of a round is that of its beginning: when it has grown, the
 * window has doubled already. So there is a second sign, the train of the first
 * HyStart (Ha and Rhee, 2011): ACKs that follow one another for most of a round
 * trip. That may be the path's unsteadiness: growth is slow until the next round,
 * whose RTT tells.
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
#define N_CERTAIN		32
#define CSS_GROWTH_DIVISOR	4
#define CSS_ROUNDS		5
#define TRAIN_GAP_US		2000u	/* between ACKs: more is no train */
#define UNKNOWN			(~0u)

static void begin_round(struct tern_hystart *hs, const struct tern_cong_sample *s)
{
	hs->round_end = s->snd_nxt;
	hs->last_min_us = hs->min_us;
	hs->min_us = UNKNOWN;
	hs->samples = 0;
	hs->train_begin_us = s->now_us;
	hs->train_end_us = s->now_us;
}

static u32 rtt_threshold(const struct tern_hystart *hs)
{
	return clamp(hs->last_min_us / MIN_RTT_DIVISOR, MIN_RTT_THRESH_US, MAX_RTT_THRESH_US);
}

static void judge_round(struct tern_hystart *hs)
{
	if (hs->samples < N_RTT_SAMPLE || hs->last_min_us == UNKNOWN)
		return;
	if (hs->css_rounds) {
		/* the RTT came down again: it was not a queue */
		if (hs->min_us < hs->baseline_us)
			hs->css_rounds = 0;
		return;
	}
	if (hs->min_us >= hs->last_min_us + rtt_threshold(hs)) {
		hs->baseline_us = hs->min_us;
		hs->css_rounds = 1;
	}
}

/*
 * Pacing at twice the window in a round trip, of a window that doubles meanwhile,
 * takes ln 2 = 0.69 of it: ACKs for three quarters tell of a queue.
 */
static void judge_train(struct tern_cong *c, const struct tern_cong_sample *s)
{
	struct tern_hystart *hs = &c->hystart;

	if (s->now_us - hs->train_end_us > min(TRAIN_GAP_US, c->min_rtt_us / 4))
		return;
	hs->train_end_us = s->now_us;
	if (!hs->css_rounds && hs->last_min_us != UNKNOWN && hs->samples >= N_RTT_SAMPLE &&
	    hs->train_end_us - hs->train_begin_us > s->srtt_us * 3 / 4) {
		hs->baseline_us = 0;	/* until this round is over */
		hs->css_rounds = 1;
	}
}

/*
 * Where the RTT is unsteady, a few samples may all be half as large again by
 * chance, but neither many nor all twice as large.
 */
static bool queue_is_certain(const struct tern_cong *c)
{
	const struct tern_hystart *hs = &c->hystart;
	u32 part = hs->samples >= N_CERTAIN ? c->min_rtt_us / 2 : c->min_rtt_us;

	return hs->css_rounds && hs->baseline_us && hs->samples >= N_RTT_SAMPLE &&
	       hs->min_us > c->min_rtt_us + part;
}

static void sample_round(struct tern_cong *c, const struct tern_cong_sample *s)
{
	struct tern_hystart *hs = &c->hystart;

	if (!hs->last_min_us) {		/* a new connection */
		hs->min_us = UNKNOWN;
		begin_round(hs, s);
	}
	if (s->rtt_us) {
		hs->min_us = min(hs->min_us, s->rtt_us);
		if (hs->samples < N_CERTAIN)
			hs->samples++;
		judge_round(hs);
		if (queue_is_certain(c)) {
			c->snd_ssthresh = c->snd_cwnd;
			return;
		}
	}
	judge_train(c, s);
	if (seq_before(s->snd_una, hs->round_end))
		return;
	begin_round(hs, s);
	if (hs->css_rounds && !hs->baseline_us && hs->last_min_us != UNKNOWN)
		hs->baseline_us = hs->last_min_us + rtt_threshold(hs);
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
	/* only the first time: later the threshold is known */
	bool searching = c->snd_ssthresh == TERN_SSTHRESH_UNKNOWN;
	u32 grow = s->acked;

	if (!tern_in_slow_start(c))
		return s->acked;
	if (searching)
		sample_round(c, s);
	if (searching && c->hystart.css_rounds)
		grow /= CSS_GROWTH_DIVISOR;
	if (grow <= c->snd_ssthresh - c->snd_cwnd) {
		c->snd_cwnd += grow;
		return 0;
	}
	grow -= c->snd_ssthresh - c->snd_cwnd;
	c->snd_cwnd = c->snd_ssthresh;
	return grow;
}
EXPORT_SYMBOL_GPL(tern_slow_start);
