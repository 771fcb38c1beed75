// SPDX-License-Identifier: GPL-2.0
/*
 * CUBIC (RFC 9438): after a congestion event the window grows along a cubic
 * curve of the time since then, which is flat where the window was when
 * congestion struck, and not slower than NewReno would.
 *
 * Pure: integers only, bytes and milliseconds. C is 0.4 segments/s^3, beta
 * 0.7. Time counts only while the window limits the sender (section 5.8).
 *
 * One thing the RFC does not have: a loss on a path without a queue is the
 * path's and not congestion, most likely; then beta is 0.85, which RFC 8511
 * found safe where a queue is known to be short.
 */
#include <linux/build_bug.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "cong.h"

#define BETA_NUM	70
#define BETA_NO_QUEUE	85
#define BETA_DEN	100
#define QUEUE_PART	10		/* of the smallest RTT: less than that is no queue */
#define FRACTION	10		/* bits of a byte's fraction */
#define CURVE_MS_MAX	400000		/* its cube fits 64 bits */
#define ALPHA_NUM	9		/* 3 (1 - beta) / (1 + beta), section 4.3 */
#define ALPHA_DEN	17

/**
 * struct cubic - state of a connection, in tern_cong.priv
 * @w_max: window at the last congestion event
 * @last_w_max: @w_max before that event, for undo
 * @k_ms: time from the begin of the epoch to @w_max
 * @elapsed_us: age of the epoch
 * @last_us: clock of the last acknowledgment that counted
 * @epoch: an epoch has begun
 * @w_est: window that NewReno would have, in fractions
 * @credit: fractions of a byte that the window is owed
 */
struct cubic {
	u32 w_max;
	u32 last_w_max;
	u32 k_ms;
	u64 elapsed_us;
	u32 last_us;
	bool epoch;
	u64 w_est;
	u64 credit;
};

static_assert(sizeof(struct cubic) <= TERN_CONG_PRIV * sizeof(u64));

static struct cubic *cubic_of(struct tern_cong *c)
{
	return (struct cubic *)c->priv;
}

static u32 cube_root(u64 x)
{
	u32 root = 0;
	int shift;

	for (shift = 63; shift >= 0; shift -= 3) {
		u64 step;

		root *= 2;
		step = 3ull * root * (root + 1ull) + 1;
		if (x >> shift >= step) {
			x -= step << shift;
			root++;
		}
	}
	return root;
}

/* section 4.2: K = cbrt((W_max - cwnd_epoch) / C), windows in segments */
static u32 time_to_w_max(const struct tern_cong *c, u32 w_max)
{
	u64 missing = w_max - c->snd_cwnd;

	return cube_root(div_u64(missing * 2500000000ull, c->mss));
}

static void begin_epoch(struct tern_cong *c, u32 now_us)
{
	struct cubic *cubic = cubic_of(c);

	cubic->epoch = true;
	cubic->elapsed_us = 0;
	cubic->last_us = now_us;
	cubic->w_est = (u64)c->snd_cwnd << FRACTION;
	cubic->credit = 0;
	if (c->snd_cwnd < cubic->w_max) {
		cubic->k_ms = time_to_w_max(c, cubic->w_max);
	} else {
		cubic->k_ms = 0;
		cubic->w_max = c->snd_cwnd;
	}
}

/* W_cubic(t) = C (t - K)^3 + W_max */
static u32 curve(const struct tern_cong *c, const struct cubic *cubic, u64 t_ms)
{
	s64 t = (s64)min_t(u64, t_ms, CURVE_MS_MAX) - cubic->k_ms, w;

	t = clamp_t(s64, t, -CURVE_MS_MAX, CURVE_MS_MAX);
	w = div_s64(t * t * t, 1000000);
	w = div_s64(w * c->mss * 4, 10000) + cubic->w_max;
	return clamp_t(s64, w, 0, S32_MAX);
}

/*
 * Section 4.3. Two things are as in Linux's CUBIC, with which paths are shared,
 * and not as in the RFC: alpha is not raised to 1 once the window is back where
 * it was, and the window follows this one by whole segments, in a round trip.
 */
static u32 reno_window(const struct tern_cong *c, struct cubic *cubic, u32 acked)
{
	u64 grow = div_u64((u64)c->mss * acked << FRACTION, ALPHA_DEN) * ALPHA_NUM;

	cubic->w_est += div_u64(grow, c->snd_cwnd);
	return min_t(u64, cubic->w_est >> FRACTION, S32_MAX);
}

static void avoid_congestion(struct tern_cong *c, const struct tern_cong_sample *s, u32 acked)
{
	struct cubic *cubic = cubic_of(c);
	u32 now_ms, target, reno;

	if (!cubic->epoch)
		begin_epoch(c, s->now_us);
	cubic->elapsed_us += min(s->now_us - cubic->last_us, 2 * s->srtt_us);
	cubic->last_us = s->now_us;
	now_ms = div_u64(cubic->elapsed_us, 1000);

	/* sections 4.4 and 4.5: where the curve is one RTT from now */
	target = curve(c, cubic, (u64)now_ms + s->srtt_us / 1000);
	target = clamp(target, c->snd_cwnd, c->snd_cwnd + c->snd_cwnd / 2);
	reno = reno_window(c, cubic, acked);
	if (curve(c, cubic, now_ms) < reno && reno >= c->snd_cwnd)
		target = max(target, c->snd_cwnd + rounddown(reno - c->snd_cwnd, c->mss));
	cubic->credit += div_u64((u64)(target - c->snd_cwnd) * acked << FRACTION, c->snd_cwnd);
	c->snd_cwnd += cubic->credit >> FRACTION;
	cubic->credit &= (1 << FRACTION) - 1;
}

static void cubic_ack(struct tern_cong *c, const struct tern_cong_sample *s)
{
	u32 acked = tern_slow_start(c, s);

	if (acked && !tern_in_slow_start(c))
		avoid_congestion(c, s, acked);
}

/* a mark comes from a queue, whatever the RTT says */
static bool no_queue(const struct tern_cong *c)
{
	return !c->marked && c->rtt_us && c->rtt_us - c->min_rtt_us < c->min_rtt_us / QUEUE_PART;
}

/* sections 4.6 and 4.7: multiplicative decrease, fast convergence */
static u32 cubic_ssthresh(struct tern_cong *c)
{
	struct cubic *cubic = cubic_of(c);
	bool gently = no_queue(c);
	u32 beta = gently ? BETA_NO_QUEUE : BETA_NUM;
	u32 reduced = (u64)c->snd_cwnd * beta / BETA_DEN;

	cubic->epoch = false;
	cubic->last_w_max = cubic->w_max;
	if (c->snd_cwnd < cubic->w_max)
		cubic->w_max = (u64)c->snd_cwnd * (BETA_DEN + beta) / (2 * BETA_DEN);
	else
		cubic->w_max = c->snd_cwnd;
	/* whole segments: with a few in flight, a part of one is a large part */
	if (gently)
		reduced = min(reduced + c->mss / 2, c->snd_cwnd - c->mss);
	return max(rounddown(reduced, c->mss), 2 * c->mss);
}

/* section 4.9.1 */
static void cubic_undo(struct tern_cong *c)
{
	struct cubic *cubic = cubic_of(c);

	cubic->w_max = cubic->last_w_max;
	cubic->epoch = false;
}

struct tern_cong_ops tern_cubic = {
	.name = "cubic",
	.ssthresh = cubic_ssthresh,
	.ack = cubic_ack,
	.undo = cubic_undo,
};
