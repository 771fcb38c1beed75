// SPDX-License-Identifier: GPL-2.0
/* DCTCP (module/dctcp.c) against RFC 8257, sections 3.3 and 3.5. */
#include <kunit/test.h>

#include "path.h"

#define WINDOW	100u			/* segments */

static void begin(struct tern_cong *c)
{
	path_begin(c, &tern_dctcp, WINDOW);
	c->ops->init(c);
}

/* a round trip in which so many of a hundred segments are marked */
static void observe(struct tern_cong *c, u32 marked)
{
	u32 i;

	for (i = 0; i < WINDOW; i++) {
		struct tern_cong_sample s = {
			.acked = MSS,
			.marked = i < marked,
			.round_ended = i == WINDOW - 1,
		};

		c->ops->observe(c, &s);
	}
}

/* what a mark takes from the window now, in bytes */
static u32 answer_to_mark(struct tern_cong *c)
{
	u32 ssthresh;

	c->marked = true;
	ssthresh = c->ops->ssthresh(c);
	c->marked = false;
	return c->snd_cwnd - ssthresh;
}

static void careful_at_first(struct kunit *test)
{
	struct tern_cong c;

	begin(&c);
	KUNIT_EXPECT_EQ(test, answer_to_mark(&c), WINDOW * MSS / 2);
	observe(&c, WINDOW);
	KUNIT_EXPECT_EQ(test, answer_to_mark(&c), WINDOW * MSS / 2);
}

/* alpha = (1 - g) alpha + g F, with g = 1/16; cwnd = cwnd (1 - alpha / 2) */
static void answer_follows_the_share(struct kunit *test)
{
	static const u32 shares[] = { 0, 10, 0, 50, 100, 3, 0, 0 };
	u64 alpha = 1ull << 40, expected;
	struct tern_cong c;
	u32 i, n;

	begin(&c);
	for (i = 0; i < ARRAY_SIZE(shares); i++) {
		for (n = 0; n < 10; n++) {
			observe(&c, shares[i]);
			alpha += div_u64((u64)shares[i] << 40, 16 * WINDOW) - alpha / 16;
			expected = (alpha >> 20) * (WINDOW * MSS) >> 21;
			KUNIT_EXPECT_LT(test, path_distance(answer_to_mark(&c), expected), 64);
		}
	}
}

static void no_marks_no_answer(struct kunit *test)
{
	struct tern_cong c;
	u32 n;

	begin(&c);
	for (n = 0; n < 300; n++)
		observe(&c, 0);
	KUNIT_EXPECT_LT(test, answer_to_mark(&c), MSS / 10);
}

static void loss_halves(struct kunit *test)
{
	struct tern_cong c;
	u32 n;

	begin(&c);
	for (n = 0; n < 100; n++)
		observe(&c, 0);
	path_lose(&c);
	KUNIT_EXPECT_EQ(test, c.snd_cwnd, WINDOW * MSS / 2);
}

static void round_without_news_changes_nothing(struct kunit *test)
{
	struct tern_cong_sample nothing = { .round_ended = true };
	struct tern_cong c;
	u32 before;

	begin(&c);
	observe(&c, 30);
	before = answer_to_mark(&c);
	c.ops->observe(&c, &nothing);
	KUNIT_EXPECT_EQ(test, answer_to_mark(&c), before);
}

static struct kunit_case dctcp_cases[] = {
	KUNIT_CASE(careful_at_first),
	KUNIT_CASE(answer_follows_the_share),
	KUNIT_CASE(no_marks_no_answer),
	KUNIT_CASE(loss_halves),
	KUNIT_CASE(round_without_news_changes_nothing),
	{ }
};

static struct kunit_suite dctcp_suite = {
	.name = "tern_dctcp",
	.test_cases = dctcp_cases,
};

kunit_test_suite(dctcp_suite);
