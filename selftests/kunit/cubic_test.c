// SPDX-License-Identifier: GPL-2.0
/*
 * CUBIC (module/cubic.c) against the formulas of RFC 9438, in integers: bytes
 * and milliseconds. C is 4/10 segments/s^3.
 */
#include <kunit/test.h>
#include <linux/math64.h>

#include "path.h"

#define MS_CUBED	1000000000ll		/* of a second */

/* what struct cubic begins with */
struct view {
	u32 w_max;
	u32 last_w_max;
	u32 k_ms;
};

static struct view view_of(const struct tern_cong *c)
{
	struct view view;

	memcpy(&view, c->priv, sizeof(view));
	return view;
}

/* C k^3, in bytes times 10 MS_CUBED */
static u64 rise(u64 k_ms)
{
	return 4 * MSS * k_ms * k_ms * k_ms;
}

/* W_cubic(t), section 4.2 */
static u32 w_cubic(s64 t_ms, s64 k_ms, u32 w_max)
{
	s64 t = t_ms - k_ms;

	return w_max + div64_s64(4 * (s64)MSS * t * t * t, 10 * MS_CUBED);
}

/* the window goes from W_max down, and the first acknowledgment begins an epoch */
static struct view begin_epoch(struct tern_cong *c, u32 segments, u32 now)
{
	struct tern_cong_sample s = { .acked = 1, .srtt_us = 1000, .now_us = now };

	path_begin(c, &tern_cubic, segments);
	path_lose(c);
	c->ops->ack(c, &s);
	return view_of(c);
}

static void cubic_k_is_the_cube_root(struct kunit *test)
{
	static const u32 windows[] = { 7, 10, 100, 1000, 5000, 40000, 700000 };
	struct tern_cong c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		struct view view = begin_epoch(&c, windows[i], 0);
		u64 missing = (view.w_max - c.snd_ssthresh) * 10ull * MS_CUBED;

		KUNIT_EXPECT_EQ(test, view.w_max, windows[i] * MSS);
		KUNIT_EXPECT_LE(test, rise(view.k_ms), missing);
		KUNIT_EXPECT_GT(test, rise(view.k_ms + 1), missing);
	}
}

static void cubic_follows_its_curve(struct kunit *test)
{
	static const u32 windows[] = { 200, 1000, 5000 };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		const u32 w_max = windows[i] * MSS;
		u32 now = 0xffff0000, k_ms;		/* the clock wraps on the way */
		struct tern_cong c;

		k_ms = begin_epoch(&c, windows[i], now).k_ms;
		path_begin(&c, &tern_cubic, windows[i]);
		path_lose(&c);
		KUNIT_EXPECT_LT(test, path_distance(c.snd_cwnd, w_max / 10 * 7), MSS);
		for (n = 1; n <= 150; n++) {
			u32 expected = w_cubic(n * 100, k_ms, w_max);

			path_round_trip(&c, &now, 100000);
			KUNIT_EXPECT_LT_MSG(test, path_distance(c.snd_cwnd, expected), w_max / 20,
					    "W_max %u, %u.%u s: %u, RFC %u", w_max, n / 10, n % 10,
					    c.snd_cwnd, expected);
		}
	}
}

static void cubic_is_not_slower_than_reno(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;
	int n;

	/* on a short path the curve is flat for ages */
	path_begin(&c, &tern_cubic, 40);
	path_lose(&c);
	for (n = 0; n < 100; n++)
		path_round_trip(&c, &now, 2000);
	/* 0.53 segments in a round trip, section 4.3 */
	KUNIT_EXPECT_LT(test, path_distance(c.snd_cwnd, (28 + 53) * MSS), 6 * MSS);
}

static void cubic_converges_fast(struct kunit *test)
{
	struct tern_cong c;

	path_begin(&c, &tern_cubic, 100);
	path_lose(&c);
	path_lose(&c);
	/* the second time below W_max: room is made, section 4.7 */
	KUNIT_EXPECT_LT(test, path_distance(view_of(&c).w_max, 70 * MSS / 100 * 85), MSS);
}

static void cubic_undo_forgets_the_reduction(struct kunit *test)
{
	struct tern_cong c;
	u32 w_max;

	path_begin(&c, &tern_cubic, 100);
	path_lose(&c);
	w_max = view_of(&c).w_max;
	path_lose(&c);
	KUNIT_EXPECT_NE(test, w_max, view_of(&c).w_max);
	c.ops->undo(&c);
	KUNIT_EXPECT_EQ(test, w_max, view_of(&c).w_max);
}

static void cubic_reduces_less_without_a_queue(struct kunit *test)
{
	struct tern_cong c;

	path_begin(&c, &tern_cubic, 100);
	c.min_rtt_us = 20000;
	c.rtt_us = 21000;
	path_lose(&c);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, 85 * MSS);
	path_begin(&c, &tern_cubic, 100);
	c.min_rtt_us = 20000;
	c.rtt_us = 23000;
	path_lose(&c);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, 70 * MSS);
	path_begin(&c, &tern_cubic, 100);
	c.min_rtt_us = 20000;
	c.rtt_us = 21000;
	c.marked = true;
	path_lose(&c);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, 70 * MSS);
}

/* rounding down would make 0.75 of 0.85; but it is a reduction for all that */
static void cubic_reduces_a_small_window_by_a_segment(struct kunit *test)
{
	static const u8 after[] = { [1] = 2, [2] = 2, [3] = 2, [4] = 3, [5] = 4, [6] = 5,
				    [7] = 6, [8] = 7, [9] = 8, [10] = 9, [11] = 9, [20] = 17 };
	struct tern_cong c;
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(after); i++) {
		if (!after[i])
			continue;
		path_begin(&c, &tern_cubic, i);
		c.min_rtt_us = 20000;
		c.rtt_us = 21000;
		path_lose(&c);
		KUNIT_EXPECT_EQ(test, c.snd_cwnd, after[i] * MSS);
	}
}

static struct kunit_case cubic_cases[] = {
	KUNIT_CASE(cubic_k_is_the_cube_root),
	KUNIT_CASE(cubic_follows_its_curve),
	KUNIT_CASE(cubic_is_not_slower_than_reno),
	KUNIT_CASE(cubic_converges_fast),
	KUNIT_CASE(cubic_undo_forgets_the_reduction),
	KUNIT_CASE(cubic_reduces_less_without_a_queue),
	KUNIT_CASE(cubic_reduces_a_small_window_by_a_segment),
	{ }
};

static struct kunit_suite cubic_suite = {
	.name = "tern_cubic",
	.test_cases = cubic_cases,
};

kunit_test_suite(cubic_suite);
