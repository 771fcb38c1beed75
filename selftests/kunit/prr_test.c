// SPDX-License-Identifier: GPL-2.0
/* The pace of a recovery (module/prr.c), by RFC 9937. */
#include <kunit/test.h>

#include "prr.h"

#define MSS 1448u

/*
 * One loss in a window of so many segments, one acknowledgment for each of the
 * others. Returns segments sent until the end of the recovery.
 */
static u32 recover(u32 window, u32 ssthresh)
{
	u32 pipe = window - 2, sent = 0, acks;	/* one lost, one SACKed */
	struct tern_prr prr;

	tern_prr_begin(&prr, window * MSS);
	for (acks = 1; acks < window; acks++) {
		u32 allowance = tern_prr_allowance(&prr, MSS, pipe * MSS, ssthresh * MSS, MSS,
						   false);

		for (; allowance >= MSS; allowance -= MSS) {
			prr.out += MSS;
			pipe++;
			sent++;
		}
		pipe -= !!pipe;
	}
	return sent;
}

static void prr_sends_in_proportion(struct kunit *test)
{
	static const u32 thresholds[][2] = { { 100, 70 }, { 100, 50 }, { 1000, 700 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(thresholds); i++) {
		u32 sent = recover(thresholds[i][0], thresholds[i][1]);

		KUNIT_EXPECT_GE(test, sent + 2, thresholds[i][1]);
		KUNIT_EXPECT_LE(test, sent, thresholds[i][1] + 2);
	}
}

static void prr_always_sends_the_first(struct kunit *test)
{
	struct tern_prr prr;

	tern_prr_begin(&prr, 1000 * MSS);
	KUNIT_EXPECT_GE(test, tern_prr_allowance(&prr, 0, 999 * MSS, 500 * MSS, MSS, false), MSS);
}

static void prr_below_ssthresh_slow_starts_only_when_it_is_safe(struct kunit *test)
{
	struct tern_prr prr;

	tern_prr_begin(&prr, 20 * MSS);
	prr.out = MSS;
	KUNIT_EXPECT_EQ(test, tern_prr_allowance(&prr, MSS, 2 * MSS, 10 * MSS, MSS, false), MSS);
	KUNIT_EXPECT_EQ(test, tern_prr_allowance(&prr, MSS, 2 * MSS, 10 * MSS, MSS, true), 2 * MSS);
	KUNIT_EXPECT_EQ(test, tern_prr_allowance(&prr, MSS, 10 * MSS, 10 * MSS, MSS, true), 0);
}

static struct kunit_case prr_cases[] = {
	KUNIT_CASE(prr_sends_in_proportion),
	KUNIT_CASE(prr_always_sends_the_first),
	KUNIT_CASE(prr_below_ssthresh_slow_starts_only_when_it_is_safe),
	{ }
};

static struct kunit_suite prr_suite = {
	.name = "tern_prr",
	.test_cases = prr_cases,
};

kunit_test_suite(prr_suite);
