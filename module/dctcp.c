// SPDX-License-Identifier: GPL-2.0
/*
 * DCTCP (RFC 8257), for paths whose routers mark early and all traffic is
 * alike: the window is reduced by the share of bytes that were marked, not by
 * half at the first mark. It grows as NewReno's, and halves on loss. Pure.
 */
#include <linux/build_bug.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "cong.h"

#define ALPHA_ONE	0x100000u	/* everything was marked */
#define GAIN_SHIFT	4		/* g = 1/16, section 4.2 */

/**
 * struct dctcp - state of a connection, in tern_cong.priv
 * @alpha: estimate of the marked share, in parts of ALPHA_ONE
 * @acked: bytes acknowledged in this round trip
 * @marked: those of them that were reported as marked
 */
struct dctcp {
	u32 alpha;
	u32 acked;
	u32 marked;
};

static_assert(sizeof(struct dctcp) <= TERN_CONG_PRIV * sizeof(u64));

static struct dctcp *dctcp_of(struct tern_cong *c)
{
	return (struct dctcp *)c->priv;
}

static void dctcp_init(struct tern_cong *c)
{
	dctcp_of(c)->alpha = ALPHA_ONE;		/* section 4.2: careful at first */
}

/* section 3.3 */
static void dctcp_observe(struct tern_cong *c, const struct tern_cong_sample *s)
{
	struct dctcp *dctcp = dctcp_of(c);
	u32 share;

	dctcp->acked += s->acked;
	if (s->marked)
		dctcp->marked += s->acked;
	if (!s->round_ended || !dctcp->acked)
		return;
	share = div_u64((u64)dctcp->marked * ALPHA_ONE, dctcp->acked);
	dctcp->alpha -= dctcp->alpha >> GAIN_SHIFT;
	dctcp->alpha = min(dctcp->alpha + (share >> GAIN_SHIFT), ALPHA_ONE);
	dctcp->acked = 0;
	dctcp->marked = 0;
}

/* sections 3.3 and 3.5 */
static u32 dctcp_ssthresh(struct tern_cong *c)
{
	u32 part = c->marked ? dctcp_of(c)->alpha : ALPHA_ONE;
	u32 less = (u64)c->snd_cwnd * part / ALPHA_ONE / 2;

	c->credit = 0;
	return max(c->snd_cwnd - less, 2 * c->mss);
}

static void dctcp_ack(struct tern_cong *c, const struct tern_cong_sample *s)
{
	tern_congestion_avoidance(c, tern_slow_start(c, s));
}

struct tern_cong_ops tern_dctcp = {
	.name = "dctcp",
	.restricted = true,
	.exact_ecn = true,
	.init = dctcp_init,
	.observe = dctcp_observe,
	.ssthresh = dctcp_ssthresh,
	.ack = dctcp_ack,
};
