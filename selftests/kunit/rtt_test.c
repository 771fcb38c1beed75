// SPDX-License-Identifier: GPL-2.0
/* RTT and timeout (module/rtt.c) against the formulas of RFC 6298. */
#include <kunit/test.h>
#include <linux/math64.h>

#include "dice.h"
#include "rtt.h"

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

		tern_rtt_sample(&rtt, sample);
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
		tern_rtt_sample(&rtt, samples[i % 7]);
		KUNIT_EXPECT_GT(test, rtt.srtt, 0);
		KUNIT_EXPECT_GE(test, tern_rtt_rto(&rtt, 1), 1);
	}
}

static struct kunit_case rtt_cases[] = {
	KUNIT_CASE(rtt_follows_rfc_6298),
	KUNIT_CASE(rtt_of_any_sample_stays_sane),
	{ }
};

static struct kunit_suite rtt_suite = {
	.name = "tern_rtt",
	.test_cases = rtt_cases,
};

kunit_test_suite(rtt_suite);
