// SPDX-License-Identifier: GPL-2.0
/*
 * NewReno (RFC 5681, RFC 6582): a segment more for each round trip, half of
 * it on congestion. With SACK the rest of RFC 6582 is recovery.c's. Pure.
 */
#include <linux/minmax.h>

#include "cong.h"

/* priv[0]: bytes acknowledged towards the next increase */

static u32 newreno_ssthresh(struct tern_cong *c)
{
	c->priv[0] = 0;
	return max(c->snd_cwnd / 2, 2 * c->mss);
}

static void newreno_ack(struct tern_cong *c, const struct tern_cong_sample *s)
{
	c->priv[0] += tern_slow_start(c, s);
	if (!tern_in_slow_start(c) && c->priv[0] >= c->snd_cwnd) {
		c->priv[0] -= c->snd_cwnd;
		c->snd_cwnd += c->mss;
	}
}

struct tern_cong_ops tern_newreno = {
	.name = "newreno",
	.ssthresh = newreno_ssthresh,
	.ack = newreno_ack,
};
