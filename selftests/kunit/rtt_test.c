// SPDX-License-Identifier: GPL-2.0
/* RTT and timeout (module/rtt.c) against the formulas of RFC 6298. */
#include <kunit/test.h>
#include <linux/math64.h>

#include "dice.h"
#include "rtt.h"

#define SECOND_US	1000000u
#define ONE	65536ll		/* fixed point: a microsecond */

static s64 distance(s64 a, s64 b)
{
	return a < b ? b - a : a - b;
}

static void rtt_follows_rfc_6298(struct kunit *test)
{
	struct dice dice = { .state = 2 };
	s64 srtt = 0, rttvar = 0;
	struct tern_rtt rtt;
	int i;

	tern_rtt_init(&rtt);
	KUNIT_EXPECT_EQ(test, tern_rtt_rto(&rtt, 200000), 1000000);
	for (i = 0; i < 1000; i++) {
		u32 sample = 20000 + dice_roll(&dice, 10000);

		tern_rtt_sample(&rtt, sample, 0);
		KUNIT_EXPECT_EQ(test, rtt.last, sample);
		if (!i) {
			srtt = sample * ONE;
			rttvar = sample * ONE / 2;
		} else {
			rttvar += (distance(srtt, sample * ONE) - rttvar) / 4;
			srtt += (sample * ONE - srtt) / 8;
		}
		KUNIT_EXPECT_LT(test, distance(rtt.srtt * ONE / 8, srtt), 10 * ONE);
		KUNIT_EXPECT_LT(test, distance(rtt.rttvar * ONE / 4, rttvar), 10 * ONE);
	}
	KUNIT_EXPECT_EQ(test, tern_rtt_rto(&rtt, 200000), rtt.srtt / 8 + 200000);
	KUNIT_EXPECT_EQ(test, tern_rtt_rto(&rtt, 1), rtt.srtt / 8 + rtt.rttvar);
	KUNIT_EXPECT_GE(test, rtt.min, 20000);
}

static void rtt_of_any_sample_stays_sane(struct kunit *test)
{
	static const u32 samples[] = { 0, 1, ~0u, 1u << 31, 5, 0, ~0u };
	struct tern_rtt rtt;
	int i;

	tern_rtt_init(&rtt);
	for (i = 0; i < 1000; i++) {
		tern_rtt_sample(&rtt, samples[i % 7], 0);
		KUNIT_EXPECT_GT(test, rtt.srtt, 0);
		KUNIT_EXPECT_GE(test, tern_rtt_rto(&rtt, 1), 1);
	}
}

/* a path that has become longer: its old minimum is forgotten within five minutes */
static void the_minimum_is_of_the_last_minutes(struct kunit *test)
{
	u32 now_us = -60 * SECOND_US, i;	/* the clock wraps */
	struct tern_rtt rtt;

	tern_rtt_init(&rtt);
	tern_rtt_sample(&rtt, 10000, now_us);
	for (i = 0; i < 120; i++)
		tern_rtt_sample(&rtt, 50000, now_us += SECOND_US);
	KUNIT_EXPECT_EQ(test, rtt.min, 10000);
	for (i = 0; i < 185; i++)
		tern_rtt_sample(&rtt, 50000, now_us += SECOND_US);
	KUNIT_EXPECT_EQ(test, rtt.min, 50000);
	/* a shorter one is seen at once */
	tern_rtt_sample(&rtt, 5000, now_us);
	KUNIT_EXPECT_EQ(test, rtt.min, 5000);
	/* after a long silence the first sample alone counts no more than others */
	tern_rtt_sample(&rtt, 70000, now_us + 400 * SECOND_US);
	KUNIT_EXPECT_EQ(test, rtt.min, 5000);
}

/* a packet that is late, and even a few, do not look like a queue; a queue does */
static void the_recent_minimum_tells_of_a_queue(struct kunit *test)
{
	struct tern_rtt rtt;
	int i;

	tern_rtt_init(&rtt);
	for (i = 0; i < 4; i++)
		tern_rtt_sample(&rtt, 20000, 0);
	KUNIT_EXPECT_EQ(test, tern_rtt_recent_min(&rtt), 0);
	tern_rtt_sample(&rtt, 21000, 0);
	KUNIT_EXPECT_EQ(test, tern_rtt_recent_min(&rtt), 20000);
	for (i = 0; i < 100; i++) {
		tern_rtt_sample(&rtt, i % 5 ? 25000 : 20100, 0);
		KUNIT_EXPECT_LE(test, tern_rtt_recent_min(&rtt), 20100);
	}
	for (i = 0; i < 8; i++)
		tern_rtt_sample(&rtt, 25000, 0);
	KUNIT_EXPECT_EQ(test, tern_rtt_recent_min(&rtt), 25000);
}

static struct kunit_case rtt_cases[] = {
	KUNIT_CASE(rtt_follows_rfc_6298),
	KUNIT_CASE(the_minimum_is_of_the_last_minutes),
	KUNIT_CASE(the_recent_minimum_tells_of_a_queue),
	KUNIT_CASE(rtt_of_any_sample_stays_sane),
	{ }
};

static struct kunit_suite rtt_suite = {
	.name = "tern_rtt",
	.test_cases = rtt_cases,
};

kunit_test_suite(rtt_suite);
