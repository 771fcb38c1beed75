/* SPDX-License-Identifier: GPL-2.0 */
/* A path as a congestion control sees it: round trips, and losses. */
#ifndef _TERN_TEST_PATH_H
#define _TERN_TEST_PATH_H

#include <linux/minmax.h>

#include "cong.h"

#define MSS 1448u

static inline void path_begin(struct tern_cong *c, struct tern_cong_ops *ops, u32 segments)
{
	*c = (struct tern_cong){
		.ops = ops,
		.mss = MSS,
		.snd_cwnd = segments * MSS,
		.snd_ssthresh = TERN_SSTHRESH_UNKNOWN,
		.min_rtt_us = 1,
		.rtt_us = 1000,		/* a queue */
	};
}

static inline void path_lose(struct tern_cong *c)
{
	c->snd_ssthresh = c->ops->ssthresh(c);
	c->snd_cwnd = c->snd_ssthresh;
}

/* a window is acknowledged, two segments at a time, in so much of an RTT */
static inline void path_train(struct tern_cong *c, u32 *now_us, u32 rtt_us, u32 length_us)
{
	u32 acks = max(c->snd_cwnd / (2 * MSS), 1u), i;

	for (i = 0; i < acks; i++) {
		struct tern_cong_sample s = {
			.acked = 2 * MSS,
			.rtt_us = rtt_us,
			.srtt_us = rtt_us,
			.now_us = *now_us + length_us / acks * (i + 1),
			.snd_una = *now_us / 100 + i,
			.snd_nxt = *now_us / 100 + acks,
		};

		c->ops->ack(c, &s);
	}
	*now_us += rtt_us;
}

/* of a path that is full */
static inline void path_round_trip(struct tern_cong *c, u32 *now_us, u32 rtt_us)
{
	path_train(c, now_us, rtt_us, rtt_us);
}

static inline u32 path_distance(u32 bytes1, u32 bytes2)
{
	return bytes1 < bytes2 ? bytes2 - bytes1 : bytes1 - bytes2;
}

#endif
