// SPDX-License-Identifier: GPL-2.0
/*
 * The scoreboard (module/scoreboard.c) and the counts of the retransmission
 * queue, against a record of every byte (flight.c), whatever arrives in
 * whatever order; and what RFC 2018, RFC 2883 and RFC 6675 say of single cases.
 */
#include <linux/sched.h>

#include "flight.h"

/* more of them are the business of tools/fuzz */
#define RUNS	25

static void send_segments(struct kunit *test, u32 n)
{
	while (n--) {
		KUNIT_ASSERT_NOT_NULL(test, flight_send(test->priv, FLIGHT_MSS));
		flight_tick(10);
	}
}

/* the segments from first to last, of one MSS each, in a block */
static struct tern_sack_block block(const struct flight *f, u32 first, u32 last)
{
	return (struct tern_sack_block){ f->iss + first * FLIGHT_MSS,
					 f->iss + (last + 1) * FLIGHT_MSS };
}

static void sack(struct flight *f, u32 first, u32 last)
{
	flight_sack(f, block(f, first, last).start, block(f, first, last).end);
}

static u8 mark_of(struct flight *f, u32 n)
{
	return TERN_CB(tern_rtx_find(&f->ts, f->iss + n * FLIGHT_MSS))->mark;
}

/* --- whatever happens ----------------------------------------------------------- */

static void anything(struct kunit *test, u32 iss, u32 seed, bool honest)
{
	struct dice dice = { .state = seed };
	struct flight *f = flight_new(iss);
	const char *trouble = "";
	int step;

	KUNIT_ASSERT_NOT_NULL(test, f);
	for (step = 0; step < 1000 && !*trouble; step++) {
		flight_step(f, &dice, honest);
		trouble = flight_check(f);
		cond_resched();
	}
	KUNIT_EXPECT_TRUE_MSG(test, !*trouble, "seed %u, step %d: %s", seed, step, trouble);
	trouble = *trouble ? "" : flight_free(f);
	KUNIT_ASSERT_STREQ(test, trouble, "");
}

static void honest_peer_is_believed_to_the_byte(struct kunit *test)
{
	u32 seed;

	for (seed = 1; seed <= RUNS; seed++)
		anything(test, seed * 0x20000000u - 300, seed, true);
}

static void lying_peer_does_not_upset_the_counts(struct kunit *test)
{
	u32 seed;

	for (seed = 1; seed <= RUNS; seed++)
		anything(test, seed * 0x20000000u - 300, seed, false);
}

/* with nobody but this judge, and no change of mind */
static void counting_is_that_of_rfc_6675(struct kunit *test)
{
	u32 seed, step;

	for (seed = 1; seed <= RUNS; seed++) {
		struct flight *f = flight_new(0u - 700);
		struct dice dice = { .state = seed };

		KUNIT_ASSERT_NOT_NULL(test, f);
		for (step = 0; step < 200 && !*flight_check(f); step++) {
			u32 n = (f->ts.snd_nxt - f->ts.snd_una) / FLIGHT_MSS, at;

			if (n < 60)
				flight_send(f, (1 + dice_roll(&dice, 3)) * FLIGHT_MSS);
			at = f->ts.snd_una + dice_roll(&dice, n + 1) * FLIGHT_MSS;
			if (at != f->ts.snd_nxt)
				flight_arrives(f, at, at + FLIGHT_MSS);
			flight_answer(f);
			flight_judge(f);
			cond_resched();
		}
		KUNIT_EXPECT_STREQ(test, flight_check(f), "");
		KUNIT_EXPECT_STREQ(test, flight_free(f), "");
	}
}

/* --- blocks --------------------------------------------------------------------- */

static void invalid_blocks_are_discarded(struct kunit *test)
{
	struct flight *f = test->priv;
	u32 una, nxt, n = 0, before = flight_count(TERN_MIB_SACKDiscard);
	static const struct tern_options none;

	send_segments(test, 10);
	flight_ack(f, f->iss + 2 * FLIGHT_MSS, &none, true);
	una = f->ts.snd_una;
	nxt = f->ts.snd_nxt;
	{
		const struct tern_sack_block bad[] = {
			{ una + 40, una + 40 }, { una + 40, una + 20 }, { una + 20, nxt + 1 },
			{ nxt, nxt + 20 }, { una + 20, una + 20 + 0x80000000u },
		};

		for (n = 0; n < ARRAY_SIZE(bad); n++)
			flight_sack(f, bad[n].start, bad[n].end);
	}
	KUNIT_EXPECT_EQ(test, flight_count(TERN_MIB_SACKDiscard), before + n);
	KUNIT_EXPECT_EQ(test, f->ts.sacked_out, 0);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
	flight_sack(f, una + 20, nxt);
	KUNIT_EXPECT_EQ(test, f->ts.sacked_out, nxt - una - 20);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

static void super_segment_is_cut_where_a_block_ends(struct kunit *test)
{
	struct flight *f = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, flight_send(f, 10 * FLIGHT_MSS));
	sack(f, 3, 5);
	KUNIT_EXPECT_EQ(test, f->ts.sacked_out, 3 * FLIGHT_MSS);
	KUNIT_EXPECT_EQ(test, f->news.delivered, 3 * FLIGHT_MSS);
	KUNIT_EXPECT_EQ(test, mark_of(f, 2) & TERN_SKB_SACKED, 0);
	KUNIT_EXPECT_EQ(test, mark_of(f, 3) & TERN_SKB_SACKED, TERN_SKB_SACKED);
	KUNIT_EXPECT_EQ(test, mark_of(f, 6) & TERN_SKB_SACKED, 0);
	KUNIT_EXPECT_EQ(test, f->ts.high_sacked, f->iss + 6 * FLIGHT_MSS);
	/* grown at both ends: only what is new counts */
	sack(f, 2, 7);
	KUNIT_EXPECT_EQ(test, f->news.delivered, 3 * FLIGHT_MSS);
	/* once more, as peers do */
	sack(f, 2, 7);
	KUNIT_EXPECT_EQ(test, f->news.delivered, 0);
	sack(f, 2, 9);
	KUNIT_EXPECT_EQ(test, f->news.delivered, 2 * FLIGHT_MSS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* CVE-2019-11477, CVE-2019-11478 */
static void byte_by_byte_does_not_shred_the_queue(struct kunit *test)
{
	struct flight *f = test->priv;
	struct sk_buff *skb;
	u32 seq, n = 0;

	for (seq = 0; seq < 4; seq++)
		KUNIT_ASSERT_NOT_NULL(test, flight_send(f, 10 * FLIGHT_MSS));
	for (seq = f->iss + 1; seq != f->ts.snd_nxt - 1; seq += 2)
		flight_sack(f, seq, seq + 1);
	for (seq = f->iss + 1; seq != f->ts.snd_nxt - 7; seq += 2)
		flight_sack(f, seq, seq + 7);
	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb)) {
		n++;
		KUNIT_EXPECT_GE(test, skb->len, FLIGHT_MSS / 2);
	}
	KUNIT_EXPECT_LE(test, n, 4 * 10 * 2);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* --- D-SACK: RFC 2883, section 4 ------------------------------------------------- */

static void dsack_is_recognized(struct kunit *test)
{
	struct flight *f = test->priv;
	const u32 una = f->iss + 4 * FLIGHT_MSS;
	static const struct {
		int block[2][2];	/* in segments from una: first, behind the last */
		u32 segments;		/* that arrived twice */
	} cases[] = {
		{ { { -2, -1 }, { 0, 0 } }, 1 },	/* below the acknowledgment */
		{ { { -3, -1 }, { 2, 4 } }, 2 },	/* the same, with a SACK */
		{ { { 3, 4 }, { 2, 6 } }, 1 },		/* within the second block */
		{ { { 2, 6 }, { 2, 6 } }, 4 },		/* all of it */
		{ { { 2, 3 }, { 5, 6 } }, 0 },		/* just two blocks */
		{ { { 2, 6 }, { 3, 4 } }, 0 },		/* not the other way round */
		{ { { 1, 3 }, { 2, 6 } }, 0 },		/* not in part */
	};
	static const struct tern_options none;
	unsigned int i;

	send_segments(test, 12);
	flight_ack(f, una, &none, true);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long before = flight_count(TERN_MIB_DSACKRecv);
		struct tern_options opts = { };
		u32 n = cases[i].segments;

		for (; opts.nr_sack < 2 && cases[i].block[opts.nr_sack][1]; opts.nr_sack++) {
			const int *b = cases[i].block[opts.nr_sack];

			opts.sack[opts.nr_sack].start = una + b[0] * (int)FLIGHT_MSS;
			opts.sack[opts.nr_sack].end = una + b[1] * (int)FLIGHT_MSS;
		}
		flight_ack(f, una, &opts, true);
		KUNIT_EXPECT_EQ_MSG(test, f->news.dsacked, n * FLIGHT_MSS, "case %u", i);
		KUNIT_EXPECT_EQ(test, flight_count(TERN_MIB_DSACKRecv), before + !!n);
		if (n)
			KUNIT_EXPECT_EQ(test, f->news.dsack_end, opts.sack[0].end);
		KUNIT_EXPECT_STREQ(test, flight_check(f), "");
	}
}

static void dsack_of_an_age_long_past_tells_nothing(struct kunit *test)
{
	struct flight *f = test->priv;

	send_segments(test, 4);
	f->ts.max_window = 1000;
	flight_sack(f, f->iss - 1001, f->iss);
	KUNIT_EXPECT_EQ(test, f->news.dsacked, 0);
	flight_sack(f, f->iss - 1000, f->iss);
	KUNIT_EXPECT_EQ(test, f->news.dsacked, 1000);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* --- loss by counting: RFC 6675, section 4 --------------------------------------- */

static void two_segments_above_are_not_enough(struct kunit *test)
{
	struct flight *f = test->priv;

	send_segments(test, 10);
	sack(f, 1, 2);
	flight_judge(f);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 0);
	sack(f, 1, 3);		/* more than two segments of bytes */
	flight_judge(f);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, FLIGHT_MSS);
	KUNIT_EXPECT_EQ(test, mark_of(f, 0), TERN_SKB_LOST);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

static void three_runs_above_are_enough(struct kunit *test)
{
	struct flight *f = test->priv;

	/* of segments that are small */
	KUNIT_ASSERT_TRUE(test, flight_send(f, 10) && flight_send(f, 10) && flight_send(f, 10) &&
			  flight_send(f, 10) && flight_send(f, 10) && flight_send(f, 10) &&
			  flight_send(f, 10));
	flight_sack(f, f->iss + 10, f->iss + 20);
	flight_sack(f, f->iss + 30, f->iss + 40);
	flight_judge(f);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 0);
	flight_sack(f, f->iss + 50, f->iss + 60);
	flight_judge(f);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 10);
	KUNIT_EXPECT_EQ(test, TERN_CB(tern_rtx_head(&f->ts))->mark, TERN_SKB_LOST);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* --- runs that are skipped ---------------------------------------------------------- */

static u32 longest_run(const struct flight *f)
{
	u32 longest = 0;
	int i;

	for (i = 0; i < TERN_SACK_BLOCKS; i++)
		longest = max(longest, f->ts.sacked_runs[i].end - f->ts.sacked_runs[i].start);
	return longest / FLIGHT_MSS;
}

static void pieces_make_a_run(struct kunit *test)
{
	static const struct tern_options none;
	struct flight *f = test->priv;
	u32 n;

	send_segments(test, 60);
	sack(f, 10, 14);
	sack(f, 20, 29);
	KUNIT_EXPECT_EQ(test, longest_run(f), 10);
	sack(f, 12, 24);		/* joins them */
	KUNIT_EXPECT_EQ(test, longest_run(f), 20);
	sack(f, 5, 35);			/* around all of it */
	KUNIT_EXPECT_EQ(test, longest_run(f), 31);
	/* more of them than are remembered: the longest stays */
	for (n = 38; n < 58; n += 2)
		sack(f, n, n);
	KUNIT_EXPECT_EQ(test, longest_run(f), 31);
	KUNIT_EXPECT_EQ(test, f->ts.sacked_out, 41 * FLIGHT_MSS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
	/* nothing is remembered of what is gone */
	flight_ack(f, f->iss + 60 * FLIGHT_MSS, &none, true);
	KUNIT_EXPECT_EQ(test, longest_run(f), 0);
}

/* --- reneging: RFC 2018, section 8 ------------------------------------------------ */

static void reneging_forgets_every_sack(struct kunit *test)
{
	struct flight *f = test->priv;
	unsigned long before = flight_count(TERN_MIB_SACKReneging);

	send_segments(test, 10);
	sack(f, 0, 0);
	sack(f, 2, 4);
	sack(f, 6, 9);
	flight_mark_lost(f, tern_rtx_find(&f->ts, f->iss + FLIGHT_MSS));
	flight_forget(f);
	KUNIT_EXPECT_EQ(test, flight_count(TERN_MIB_SACKReneging), before + 1);
	KUNIT_EXPECT_EQ(test, f->ts.sacked_out, 0);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, FLIGHT_MSS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
	/* the same block is news again */
	sack(f, 2, 4);
	KUNIT_EXPECT_EQ(test, f->ts.sacked_out, 3 * FLIGHT_MSS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

static struct kunit_case scoreboard_cases[] = {
	KUNIT_CASE(honest_peer_is_believed_to_the_byte),
	KUNIT_CASE(lying_peer_does_not_upset_the_counts),
	KUNIT_CASE(counting_is_that_of_rfc_6675),
	KUNIT_CASE(invalid_blocks_are_discarded),
	KUNIT_CASE(super_segment_is_cut_where_a_block_ends),
	KUNIT_CASE(byte_by_byte_does_not_shred_the_queue),
	KUNIT_CASE(dsack_is_recognized),
	KUNIT_CASE(dsack_of_an_age_long_past_tells_nothing),
	KUNIT_CASE(two_segments_above_are_not_enough),
	KUNIT_CASE(three_runs_above_are_enough),
	KUNIT_CASE(pieces_make_a_run),
	KUNIT_CASE(reneging_forgets_every_sack),
	{ }
};

static struct kunit_suite scoreboard_suite = {
	.name = "tern_scoreboard",
	.init = flight_init,
	.exit = flight_exit,
	.test_cases = scoreboard_cases,
};

kunit_test_suite(scoreboard_suite);
