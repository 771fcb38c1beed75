// SPDX-License-Identifier: GPL-2.0
/*
 * NewReno (RFC 5681, RFC 6582): a segment more for each round trip, half of
 * it on congestion. With SACK the rest of RFC 6582 is recovery.c's. Pure.
 */
#include <linux/minmax.h>
#include <linux/module.h>

#include "cong.h"

/**
 * tern_congestion_avoidance - grow the window by a segment in a round trip
 * @c: window
 * @acked: bytes acknowledged, beyond what slow start took
 */
void tern_congestion_avoidance(struct tern_cong *c, u32 acked)
{
	c->credit += min(acked, c->snd_cwnd);
	if (tern_in_slow_start(c) || c->credit < c->snd_cwnd)
		return;
	c->credit -= c->snd_cwnd;
	c->snd_cwnd += c->mss;
}
EXPORT_SYMBOL_GPL(tern_congestion_avoidance);

static u32 newreno_ssthresh(struct tern_cong *c)
{
	c->credit = 0;
	return max(c->snd_cwnd / 2, 2 * c->mss);
}

static void newreno_ack(struct tern_cong *c, const struct tern_cong_sample *s)
{
	tern_congestion_avoidance(c, tern_slow_start(c, s));
}

struct tern_cong_ops tern_newreno = {
	.name = "newreno",
	.ssthresh = newreno_ssthresh,
	.ack = newreno_ack,
};
