// SPDX-License-Identifier: GPL-2.0
/* Taking back a reduction that was a mistake (module/undo.c). */
#include "flight.h"

#define CWND	(30 * FLIGHT_MSS)

static struct sk_buff *segment(struct flight *f, u32 n)
{
	return tern_rtx_find(&f->ts, f->iss + n * FLIGHT_MSS);
}

/* ten segments, of which the first two are believed to be lost and sent again */
static void begin_recovery(struct kunit *test, enum tern_ca_state state)
{
	struct flight *f = test->priv;
	struct tern_sock *ts = &f->ts;
	int i;

	for (i = 0; i < 10; i++)
		KUNIT_ASSERT_NOT_NULL(test, flight_send(f, FLIGHT_MSS));
	ts->cong.snd_cwnd = CWND;
	ts->cong.snd_ssthresh = 2 * CWND;
	tern_undo_begin(flight_sk(f));
	ts->ca_state = state;
	ts->recover_seq = ts->snd_nxt;
	ts->cong.snd_cwnd = CWND / 2;
	ts->cong.snd_ssthresh = CWND / 2;
	flight_tick(FLIGHT_RTT_US);
	for (i = 0; i < 2; i++) {
		flight_mark_lost(f, segment(f, i));
		KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, i), FLIGHT_MSS), 0);
	}
}

/* both of them, by an acknowledgment that echoes such a timestamp */
static bool acknowledge_both(struct flight *f, u32 tsecr)
{
	static const struct tern_options none;

	flight_ack(f, f->iss + 2 * FLIGHT_MSS, &none, true);
	f->news.tsecr = tsecr;
	return tern_undo_try(flight_sk(f), &f->news);
}

static void echo_of_the_first_transmission_undoes(struct kunit *test)
{
	static const enum tern_ca_state states[] = { TERN_CA_RECOVERY, TERN_CA_LOSS };
	static const enum tern_mib_field counters[] = { TERN_MIB_PartialUndo, TERN_MIB_LossUndo };
	struct flight *f = test->priv;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		unsigned long before = flight_count(counters[i]);
		static const struct tern_options none;

		begin_recovery(test, states[i]);
		flight_mark_lost(f, segment(f, 5));
		KUNIT_EXPECT_TRUE(test, acknowledge_both(f, f->ts.undo.tsval - 1));
		KUNIT_EXPECT_EQ(test, f->ts.cong.snd_cwnd, CWND);
		KUNIT_EXPECT_EQ(test, f->ts.cong.snd_ssthresh, 2 * CWND);
		/* what still counted as lost is under way */
		KUNIT_EXPECT_EQ(test, f->ts.lost_out, 0);
		KUNIT_EXPECT_EQ(test, tern_in_flight(&f->ts), 8 * FLIGHT_MSS);
		KUNIT_EXPECT_EQ(test, flight_count(counters[i]), before + 1);
		/* only once */
		KUNIT_EXPECT_FALSE(test, tern_undo_try(flight_sk(f), &f->news));
		flight_ack(f, f->ts.snd_nxt, &none, true);
		f->iss = f->ts.snd_nxt;
	}
}

static void echo_of_the_repair_undoes_nothing(struct kunit *test)
{
	struct flight *f = test->priv;

	begin_recovery(test, TERN_CA_RECOVERY);
	KUNIT_EXPECT_FALSE(test, acknowledge_both(f, f->ts.undo.tsval));
	KUNIT_EXPECT_EQ(test, f->ts.cong.snd_cwnd, CWND / 2);
}

static void half_an_answer_undoes_nothing(struct kunit *test)
{
	static const struct tern_options none;
	struct flight *f = test->priv;

	begin_recovery(test, TERN_CA_RECOVERY);
	flight_ack(f, f->iss + FLIGHT_MSS, &none, true);
	f->news.tsecr = f->ts.undo.tsval - 1;
	KUNIT_EXPECT_FALSE(test, tern_undo_try(flight_sk(f), &f->news));
}

/* RFC 3708: all that was sent again arrived twice */
static void duplicates_of_all_repairs_undo(struct kunit *test)
{
	struct flight *f = test->priv;
	unsigned long before = flight_count(TERN_MIB_DSACKUndo);

	begin_recovery(test, TERN_CA_RECOVERY);
	acknowledge_both(f, f->ts.undo.tsval);
	f->news.dsacked = FLIGHT_MSS;
	tern_undo_dsack(flight_sk(f), f->iss + FLIGHT_MSS, FLIGHT_MSS);
	KUNIT_EXPECT_FALSE(test, tern_undo_try(flight_sk(f), &f->news));
	/* of an earlier recovery, and of what was sent since */
	tern_undo_dsack(flight_sk(f), f->iss, FLIGHT_MSS);
	tern_undo_dsack(flight_sk(f), f->ts.recover_seq + 1, FLIGHT_MSS);
	KUNIT_EXPECT_FALSE(test, tern_undo_try(flight_sk(f), &f->news));
	tern_undo_dsack(flight_sk(f), f->iss + 2 * FLIGHT_MSS, FLIGHT_MSS);
	KUNIT_EXPECT_TRUE(test, tern_undo_try(flight_sk(f), &f->news));
	KUNIT_EXPECT_EQ(test, f->ts.cong.snd_cwnd, CWND);
	KUNIT_EXPECT_EQ(test, flight_count(TERN_MIB_DSACKUndo), before + 1);
}

static void nothing_is_undone_that_was_not_sent_again(struct kunit *test)
{
	struct flight *f = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, flight_send(f, FLIGHT_MSS));
	tern_undo_begin(flight_sk(f));
	f->ts.ca_state = TERN_CA_RECOVERY;
	flight_mark_lost(f, segment(f, 0));
	f->news.dsacked = FLIGHT_MSS;
	KUNIT_EXPECT_FALSE(test, tern_undo_try(flight_sk(f), &f->news));
}

/* two segments count as lost, and come before it is their turn to be sent again */
static void what_comes_by_itself_undoes(struct kunit *test)
{
	static const struct tern_options none;
	struct flight *f = test->priv;
	int i;

	for (i = 0; i < 10; i++)
		KUNIT_ASSERT_NOT_NULL(test, flight_send(f, FLIGHT_MSS));
	f->ts.cong.snd_cwnd = CWND;
	f->ts.cong.snd_ssthresh = 2 * CWND;
	tern_undo_begin(flight_sk(f));
	f->ts.ca_state = TERN_CA_RECOVERY;
	f->ts.recover_seq = f->ts.snd_nxt;
	f->ts.cong.snd_ssthresh = CWND / 2;
	flight_mark_lost(f, segment(f, 0));
	flight_mark_lost(f, segment(f, 1));
	flight_ack(f, f->iss + FLIGHT_MSS, &none, true);
	KUNIT_EXPECT_FALSE(test, tern_undo_try(flight_sk(f), &f->news));
	flight_ack(f, f->iss + 2 * FLIGHT_MSS, &none, true);
	KUNIT_EXPECT_TRUE(test, tern_undo_try(flight_sk(f), &f->news));
	KUNIT_EXPECT_EQ(test, f->ts.cong.snd_ssthresh, 2 * CWND);
	KUNIT_EXPECT_EQ(test, f->ts.ca_state, TERN_CA_OPEN);
}

/* timeout after timeout, for longer than the clock can tell earlier from later */
static void nothing_is_undone_after_an_hour(struct kunit *test)
{
	struct flight *f = test->priv;
	int minutes;

	begin_recovery(test, TERN_CA_LOSS);
	for (minutes = 0; minutes < 50; minutes += 2) {
		flight_tick(120 * USEC_PER_SEC);
		tern_undo_age(&f->ts);
	}
	KUNIT_EXPECT_FALSE(test, acknowledge_both(f, tern_tsval(&f->ts)));
}

/*
 * Two segments are sent again by a recovery, and once more by the timeout that
 * breaks it off. An echo of the recovery's own transmissions takes the timeout
 * back, and nothing else; one of the first transmissions takes all of it back.
 */
static void a_timeout_in_a_recovery_is_judged_by_itself(struct kunit *test)
{
	static const enum tern_ca_state before[] = { TERN_CA_RECOVERY, TERN_CA_OPEN };
	struct flight *f = test->priv;
	struct tern_sock *ts = &f->ts;
	static const struct tern_options none;
	unsigned int i;
	u32 n;

	for (i = 0; i < 2; i++) {
		begin_recovery(test, TERN_CA_RECOVERY);
		flight_tick(10 * FLIGHT_RTT_US);
		tern_undo_interrupt(ts);
		ts->ca_state = TERN_CA_LOSS;
		ts->cong.snd_cwnd = FLIGHT_MSS;
		for (n = 0; n < 2; n++) {
			flight_mark_lost(f, segment(f, n));
			KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, n),
							      FLIGHT_MSS), 0);
		}
		KUNIT_EXPECT_TRUE(test, acknowledge_both(f, i ? ts->undo.tsval - 1 :
								ts->undo.timeout_tsval - 1));
		KUNIT_EXPECT_EQ(test, ts->ca_state, before[i]);
		KUNIT_EXPECT_EQ(test, ts->cong.snd_ssthresh, i ? 2 * CWND : CWND / 2);
		KUNIT_EXPECT_EQ(test, ts->cong.snd_cwnd, i ? CWND : FLIGHT_MSS);
		KUNIT_EXPECT_FALSE(test, tern_undo_try(flight_sk(f), &f->news));
		flight_ack(f, ts->snd_nxt, &none, true);
		f->iss = ts->snd_nxt;
	}
}

static void the_timeouts_own_echo_takes_nothing_back(struct kunit *test)
{
	struct flight *f = test->priv;
	u32 n;

	begin_recovery(test, TERN_CA_RECOVERY);
	flight_tick(10 * FLIGHT_RTT_US);
	tern_undo_interrupt(&f->ts);
	f->ts.ca_state = TERN_CA_LOSS;
	for (n = 0; n < 2; n++) {
		flight_mark_lost(f, segment(f, n));
		KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, n), FLIGHT_MSS), 0);
	}
	KUNIT_EXPECT_FALSE(test, acknowledge_both(f, f->ts.undo.timeout_tsval));
	KUNIT_EXPECT_EQ(test, f->ts.ca_state, TERN_CA_LOSS);
}

/* a peer that makes up D-SACKs: not as often as it likes in one flight */
static void not_for_ever_in_one_flight(struct kunit *test)
{
	static const struct tern_options none;
	struct flight *f = test->priv;
	int i, undone = 0;

	for (i = 0; i < 10; i++)
		KUNIT_ASSERT_NOT_NULL(test, flight_send(f, FLIGHT_MSS));
	for (i = 0; i < 100; i++) {
		tern_undo_begin(flight_sk(f));
		f->ts.ca_state = TERN_CA_RECOVERY;
		flight_mark_lost(f, segment(f, 3));
		KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, 3), FLIGHT_MSS), 0);
		f->news.dsacked = FLIGHT_MSS;
		f->ts.undo.retrans = 0;
		undone += tern_undo_try(flight_sk(f), &f->news);
	}
	KUNIT_EXPECT_GT(test, undone, 1);
	KUNIT_EXPECT_LT(test, undone, 10);
	flight_ack(f, f->iss + 10 * FLIGHT_MSS, &none, true);
	begin_recovery(test, TERN_CA_RECOVERY);
	KUNIT_EXPECT_TRUE(test, f->ts.undo.possible);
}

static struct kunit_case undo_cases[] = {
	KUNIT_CASE(echo_of_the_first_transmission_undoes),
	KUNIT_CASE(echo_of_the_repair_undoes_nothing),
	KUNIT_CASE(half_an_answer_undoes_nothing),
	KUNIT_CASE(duplicates_of_all_repairs_undo),
	KUNIT_CASE(what_comes_by_itself_undoes),
	KUNIT_CASE(nothing_is_undone_that_was_not_sent_again),
	KUNIT_CASE(nothing_is_undone_after_an_hour),
	KUNIT_CASE(a_timeout_in_a_recovery_is_judged_by_itself),
	KUNIT_CASE(the_timeouts_own_echo_takes_nothing_back),
	KUNIT_CASE(not_for_ever_in_one_flight),
	{ }
};

static struct kunit_suite undo_suite = {
	.name = "tern_undo",
	.init = flight_init,
	.exit = flight_exit,
	.test_cases = undo_cases,
};

kunit_test_suite(undo_suite);
