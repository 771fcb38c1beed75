// SPDX-License-Identifier: GPL-2.0
/* Sequence numbers (module/seq.h), everywhere on their circle. */
#include <kunit/test.h>

#include "seq.h"

static void seq_order_at_the_wrap(struct kunit *test)
{
	static const u32 points[] = { 0, 1, 1000, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++) {
		u32 at = points[i];

		KUNIT_EXPECT_FALSE(test, seq_before(at, at));
		KUNIT_EXPECT_TRUE(test, seq_before(at, at + 1));
		KUNIT_EXPECT_TRUE(test, seq_before(at - 1, at));
		KUNIT_EXPECT_TRUE(test, seq_before(at, at + 0x7fffffff));
		KUNIT_EXPECT_TRUE(test, seq_after(at + 1000, at));
		KUNIT_EXPECT_FALSE(test, seq_after(at, at));
		KUNIT_EXPECT_FALSE(test, seq_after(at, at + 0x7fffffff));
		KUNIT_EXPECT_EQ(test, at + 5, seq_max(at, at + 5));
		KUNIT_EXPECT_EQ(test, at - 5, seq_min(at, at - 5));
		KUNIT_EXPECT_TRUE(test, seq_between(at, at - 1, at + 1));
		KUNIT_EXPECT_TRUE(test, seq_between(at, at, at));
		KUNIT_EXPECT_TRUE(test, seq_between(at, at, at + 1));
		KUNIT_EXPECT_TRUE(test, seq_between(at, at - 1, at));
		KUNIT_EXPECT_FALSE(test, seq_between(at + 2, at - 1, at + 1));
		KUNIT_EXPECT_FALSE(test, seq_between(at - 2, at - 1, at + 1));
	}
}

static struct kunit_case seq_cases[] = {
	KUNIT_CASE(seq_order_at_the_wrap),
	{ }
};

static struct kunit_suite seq_suite = {
	.name = "tern_seq",
	.test_cases = seq_cases,
};

kunit_test_suite(seq_suite);
