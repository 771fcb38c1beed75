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

/* as long as a train is short, only the RTT tells */
static void path_burst(struct tern_cong *c, u32 *now_us, u32 rtt_us)
{
	path_train(c, now_us, rtt_us, rtt_us / 4);
}

/* round trips until slow start is over, or as many as are asked for */
static int path_bursts(struct tern_cong *c, u32 *now_us, u32 rtt_us, int most)
{
	int n;

	for (n = 0; n < most && tern_in_slow_start(c); n++)
		path_burst(c, now_us, rtt_us);
	return n;
}

/* a slow start, of which the handshake has shown the smallest RTT */
static void path_search(struct tern_cong *c, u32 segments, u32 min_rtt_us)
{
	path_begin(c, &tern_newreno, segments);
	c->min_rtt_us = min_rtt_us;
}

static void hystart_leaves_slow_start_when_the_rtt_grows(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;

	path_search(&c, 20, 50000);
	path_bursts(&c, &now, 50000, 2);
	KUNIT_EXPECT_EQ(test, path_bursts(&c, &now, 58000, 10), 6);
	/* at a quarter of the pace; without, it would be 5000 */
	KUNIT_EXPECT_LT(test, c.snd_cwnd, 400 * MSS);
}

static void hystart_is_not_cautious_later(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;

	path_begin(&c, &tern_newreno, 100);
	c.hystart.css_rounds = 1;
	path_lose(&c);
	c.snd_cwnd = 10 * MSS;
	path_burst(&c, &now, 50000);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, 20 * MSS);
}

/* without waiting for rounds to pass */
static void hystart_leaves_at_once_when_the_rtt_has_grown_by_half(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;

	path_search(&c, 20, 50000);
	path_bursts(&c, &now, 50000, 3);
	KUNIT_EXPECT_TRUE(test, tern_in_slow_start(&c));
	path_burst(&c, &now, 76000);
	KUNIT_EXPECT_FALSE(test, tern_in_slow_start(&c));
	KUNIT_EXPECT_LT(test, c.snd_cwnd, 190 * MSS);
}

/* a round trip of so many segments (two for each sample) after a jump of the RTT */
static bool goes_on_after(u32 segments, u32 rtt_us)
{
	struct tern_cong c;
	u32 now = 0;

	path_search(&c, segments / 4, 30000);
	path_bursts(&c, &now, 40000, 2);
	path_burst(&c, &now, rtt_us);
	return tern_in_slow_start(&c);
}

static void hystart_wants_many_samples_or_large_ones(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, goes_on_after(64, 50000));
	KUNIT_EXPECT_FALSE(test, goes_on_after(72, 50000));
	KUNIT_EXPECT_FALSE(test, goes_on_after(64, 61000));
	KUNIT_EXPECT_TRUE(test, goes_on_after(12, 61000));
}

/* the ACKs of the third round come for all of it */
static void path_with_a_long_train(struct kunit *test, struct tern_cong *c, u32 *now_us)
{
	path_search(c, 100, 50000);
	path_bursts(c, now_us, 50000, 2);
	KUNIT_EXPECT_EQ(test, c->snd_cwnd, 400 * MSS);
	path_round_trip(c, now_us, 50000);
	KUNIT_EXPECT_GT(test, c->snd_cwnd, (400 + 300) * MSS);
	KUNIT_EXPECT_LT(test, c->snd_cwnd, (400 + 350) * MSS);
	KUNIT_EXPECT_EQ(test, c->hystart.css_rounds, 1);
}

static void hystart_is_cautious_after_a_long_train(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;

	/* the RTT is what it was */
	path_with_a_long_train(test, &c, &now);
	path_burst(&c, &now, 50000);
	KUNIT_EXPECT_GT(test, c.snd_cwnd, (700 + 650) * MSS);
	KUNIT_EXPECT_EQ(test, c.hystart.css_rounds, 0);
}

static void hystart_stays_cautious_when_the_rtt_confirms_it(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;

	path_with_a_long_train(test, &c, &now);
	KUNIT_EXPECT_EQ(test, path_bursts(&c, &now, 58000, 10), 5);
}

/* with the RTT of the handshake far below, and that steady */
static void hystart_is_not_over_by_a_train_alone(struct kunit *test)
{
	struct tern_cong c;
	u32 now = 0;
	int n;

	path_search(&c, 100, 20000);
	for (n = 0; n < 4; n++)
		path_round_trip(&c, &now, 32000);
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
	KUNIT_CASE(hystart_is_not_cautious_later),
	KUNIT_CASE(hystart_leaves_at_once_when_the_rtt_has_grown_by_half),
	KUNIT_CASE(hystart_wants_many_samples_or_large_ones),
	KUNIT_CASE(hystart_is_cautious_after_a_long_train),
	KUNIT_CASE(hystart_stays_cautious_when_the_rtt_confirms_it),
	KUNIT_CASE(hystart_is_not_over_by_a_train_alone),
	KUNIT_CASE(hystart_goes_on_while_the_rtt_is_steady),
	KUNIT_CASE(window_stays_sane_whatever_comes),
	{ }
};

static struct kunit_suite cong_suite = {
	.name = "tern_cong",
	.test_cases = cong_cases,
};

kunit_test_suite(cong_suite);
