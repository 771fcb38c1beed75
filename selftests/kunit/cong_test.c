// SPDX-License-Identifier: GPL-2.0
/*
 * Slow start with HyStart++ (module/hystart.c), NewReno (module/newreno.c),
 * and what holds for every congestion control.
 */
#include <kunit/test.h>
#include <linux/sched.h>

#include "dice.h"
#include "path.h"

static void slow_start_doubles(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0xfffff000;
	int i;

	path_begin(&c, &tern_newreno, 10);
	for (i = 0; i < 4; i++)
		path_round_trip(&c, &now, 100000);
	KUNIT_EXPECT_LT(test, path_distance(c.snd_cwnd, 160 * MSS), 2 * MSS);
}

static void newreno_halves_and_adds_one_in_a_round_trip(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;
	int i;

	path_begin(&c, &tern_newreno, 100);
	path_lose(&c);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, 50 * MSS);
	for (i = 0; i < 20; i++)
		path_round_trip(&c, &now, 100000);
	KUNIT_EXPECT_LT(test, path_distance(c.snd_cwnd, 70 * MSS), MSS * 3 / 2);
}

static void hystart_leaves_slow_start_when_the_rtt_grows(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0, rtt = 50000;
	int n;

	path_begin(&c, &tern_newreno, 20);
	c.min_rtt_us = 50000;
	for (n = 0; n < 10 && tern_in_slow_start(&c); n++) {
		path_round_trip(&c, &now, rtt);
		rtt += n > 1 ? 10000 : 0;
	}
	KUNIT_EXPECT_FALSE(test, tern_in_slow_start(&c));
	/* five rounds at a quarter of the pace; without, it would be 20000 */
	KUNIT_EXPECT_LT(test, c.snd_cwnd, 800 * MSS);
}

/* without waiting for rounds to pass */
static void hystart_leaves_at_once_when_the_rtt_has_grown_by_half(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;
	int n;

	path_begin(&c, &tern_newreno, 20);
	c.min_rtt_us = 50000;
	for (n = 0; n < 3; n++)
		path_round_trip(&c, &now, 50000);
	KUNIT_EXPECT_TRUE(test, tern_in_slow_start(&c));
	path_round_trip(&c, &now, 76000);
	KUNIT_EXPECT_FALSE(test, tern_in_slow_start(&c));
	KUNIT_EXPECT_LT(test, c.snd_cwnd, 190 * MSS);
}

/* nor for the RTT; but it must confirm that */
static void hystart_is_cautious_after_a_long_train(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;

	path_begin(&c, &tern_newreno, 100);
	c.min_rtt_us = 50000;
	path_train(&c, &now, 50000, 25000);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, 200 * MSS);
	path_train(&c, &now, 50000, 25000);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, 400 * MSS);
	path_train(&c, &now, 50000, 40000);
	KUNIT_EXPECT_GT(test, c.snd_cwnd, (400 + 250) * MSS);
	KUNIT_EXPECT_LT(test, c.snd_cwnd, (400 + 350) * MSS);
	KUNIT_EXPECT_EQ(test, c.hystart.css_rounds, 1);
	path_train(&c, &now, 50000, 25000);
	KUNIT_EXPECT_GT(test, c.snd_cwnd, (700 + 550) * MSS);
	KUNIT_EXPECT_EQ(test, c.hystart.css_rounds, 0);
}

/* eight samples in a row may be large by chance */
static void hystart_goes_on_with_jitter(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;
	int n;

	path_begin(&c, &tern_newreno, 10);
	c.min_rtt_us = 30000;
	for (n = 0; n < 2; n++)
		path_train(&c, &now, 40000, 20000);
	path_train(&c, &now, 50000, 2000);
	path_train(&c, &now, 40000, 20000);
	KUNIT_EXPECT_TRUE(test, tern_in_slow_start(&c));
}

static void hystart_goes_on_while_the_rtt_is_steady(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;
	int n;

	path_begin(&c, &tern_newreno, 20);
	for (n = 0; n < 10; n++)
		path_round_trip(&c, &now, 50000 + n % 2 * 3000);
	KUNIT_EXPECT_TRUE(test, tern_in_slow_start(&c));
}

static void window_stays_sane_whatever_comes(struct kunit *test)
{
	static struct tern_cong_ops *const all[] = { &tern_cubic, &tern_newreno, &tern_dctcp };
	struct dice dice = { .state = 3 };
	int i, n;

	for (i = 0; i < 20000; i++) {
		struct tern_cong c;
		u32 now = dice_u32(&dice);

		path_begin(&c, all[i % ARRAY_SIZE(all)], 1 + dice_roll(&dice, 700000));
		for (n = 0; n < 20; n++) {
			struct tern_cong_sample s = {
				.acked = dice_roll(&dice, 64 * MSS),
				.rtt_us = dice_roll(&dice, 1000000),
				.srtt_us = 1 + dice_roll(&dice, 1000000),
				.now_us = now += dice_roll(&dice, 10000000),
				.snd_una = dice_u32(&dice),
				.snd_nxt = dice_u32(&dice),
			};

			c.ops->ack(&c, &s);
			if (!dice_roll(&dice, 4))
				path_lose(&c);
			KUNIT_ASSERT_GE(test, c.snd_cwnd, MSS);
			KUNIT_ASSERT_LE(test, c.snd_cwnd, (u32)S32_MAX);
		}
		cond_resched();
	}
}

static struct kunit_case cong_cases[] = {
	KUNIT_CASE(slow_start_doubles),
	KUNIT_CASE(newreno_halves_and_adds_one_in_a_round_trip),
	KUNIT_CASE(hystart_leaves_slow_start_when_the_rtt_grows),
	KUNIT_CASE(hystart_leaves_at_once_when_the_rtt_has_grown_by_half),
	KUNIT_CASE(hystart_is_cautious_after_a_long_train),
	KUNIT_CASE(hystart_goes_on_with_jitter),
	KUNIT_CASE(hystart_goes_on_while_the_rtt_is_steady),
	KUNIT_CASE(window_stays_sane_whatever_comes),
	{ }
};

static struct kunit_suite cong_suite = {
	.name = "tern_cong",
	.test_cases = cong_cases,
};

kunit_test_suite(cong_suite);
