// SPDX-License-Identifier: GPL-2.0
/* Tail loss probes (module/tlp.c), by RFC 8985, section 7. */
#include "flight.h"

#define RTT	FLIGHT_RTT_US

static void send_segments(struct kunit *test, u32 n)
{
	while (n--)
		KUNIT_ASSERT_NOT_NULL(test, flight_send(test->priv, FLIGHT_MSS));
}

static u32 timeout(struct kunit *test)
{
	return tern_tlp_timeout(flight_sk(test->priv));
}

/* between one and a half and two round trips, by how steady they are */
static void probe_after_two_round_trips(struct kunit *test)
{
	struct flight *f = test->priv;

	send_segments(test, 3);
	f->ts.last_progress = tern_clock_us();
	f->ts.rtt.rttvar = 4 * RTT;
	KUNIT_EXPECT_EQ(test, timeout(test), 2 * RTT);
	f->ts.rtt.rttvar = 0;
	KUNIT_EXPECT_EQ(test, timeout(test), RTT * 3 / 2);
	flight_tick(RTT);
	KUNIT_EXPECT_EQ(test, timeout(test), RTT / 2);
	flight_tick(RTT);
	KUNIT_EXPECT_EQ(test, timeout(test), 1);
}

/* from the last segment, or from when what was acknowledged last had been sent */
static void probe_waits_from_the_last_sign(struct kunit *test)
{
	struct flight *f = test->priv;

	f->ts.rtt.rttvar = 0;
	send_segments(test, 3);
	flight_tick(RTT);
	f->ts.last_progress = tern_clock_us();
	KUNIT_EXPECT_EQ(test, timeout(test), RTT / 2);
	flight_tick(RTT / 4);
	f->ts.last_progress = tern_clock_us();
	KUNIT_EXPECT_EQ(test, timeout(test), RTT / 2);
}

static void single_segment_waits_for_a_delayed_ack(struct kunit *test)
{
	struct flight *f = test->priv;

	send_segments(test, 1);
	f->ts.last_progress = tern_clock_us();
	f->ts.rtt.rttvar = 4 * RTT;
	KUNIT_EXPECT_EQ(test, timeout(test), 2 * RTT + 40 * USEC_PER_MSEC);
}

/* which is acknowledged at once */
static void end_of_a_longer_message_does_not(struct kunit *test)
{
	struct flight *f = test->priv;

	send_segments(test, 2);
	KUNIT_ASSERT_NOT_NULL(test, flight_send(f, FLIGHT_MSS / 2));
	f->ts.snd_sml = f->ts.snd_nxt;
	f->ts.turn_snd = f->ts.snd_una;
	f->ts.snd_una += 2 * FLIGHT_MSS;
	f->ts.last_progress = tern_clock_us();
	f->ts.rtt.rttvar = 4 * RTT;
	KUNIT_EXPECT_EQ(test, timeout(test), 2 * RTT);
	f->ts.turn_snd = f->ts.snd_una;		/* of a message that is short */
	KUNIT_EXPECT_EQ(test, timeout(test), 2 * RTT + 40 * USEC_PER_MSEC);
	f->ts.snd_una -= 2 * FLIGHT_MSS;
}

static void no_probe_where_none_is_due(struct kunit *test)
{
	struct flight *f = test->priv;
	struct tern_sock *ts = &f->ts;

	send_segments(test, 3);
	KUNIT_EXPECT_NE(test, timeout(test), 0);
	f->tn->tlp = 0;
	KUNIT_EXPECT_EQ(test, timeout(test), 0);
	f->tn->tlp = 1;
	ts->tlp_out = true;			/* one is on its way */
	KUNIT_EXPECT_EQ(test, timeout(test), 0);
	ts->tlp_out = false;
	ts->ca_state = TERN_CA_RECOVERY;
	KUNIT_EXPECT_EQ(test, timeout(test), 0);
	ts->ca_state = TERN_CA_OPEN;
	ts->sacked_out = FLIGHT_MSS;		/* RACK will tell */
	KUNIT_EXPECT_EQ(test, timeout(test), 0);
	ts->sacked_out = 0;
	tern_rtt_init(&ts->rtt);		/* no sample */
	KUNIT_EXPECT_EQ(test, timeout(test), 0);
}

static void probe_is_new_data_if_there_is_some(struct kunit *test)
{
	struct flight *f = test->priv;

	send_segments(test, 2);
	f->new_data = true;
	KUNIT_EXPECT_TRUE(test, tern_tlp_fire(flight_sk(f)));
	KUNIT_EXPECT_FALSE(test, f->ts.tlp_retrans);
	KUNIT_EXPECT_EQ(test, f->ts.tlp_seq, f->iss + 3 * FLIGHT_MSS);
	KUNIT_EXPECT_EQ(test, f->ts.retrans_out, 0);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* else the last segment, cut from what it was sent with */
static void probe_is_the_last_segment_else(struct kunit *test)
{
	struct flight *f = test->priv;
	struct sk_buff *last;

	KUNIT_ASSERT_NOT_NULL(test, flight_send(f, 4 * FLIGHT_MSS + 7));
	KUNIT_EXPECT_TRUE(test, tern_tlp_fire(flight_sk(f)));
	KUNIT_EXPECT_TRUE(test, f->ts.tlp_out && f->ts.tlp_retrans);
	KUNIT_EXPECT_EQ(test, f->ts.retrans_out, 7);
	last = skb_rb_last(&f->ts.rtx_queue);
	KUNIT_EXPECT_EQ(test, last->len, 7);
	KUNIT_EXPECT_TRUE(test, TERN_CB(last)->mark & TERN_SKB_RETRANS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");

	KUNIT_ASSERT_NOT_NULL(test, flight_send(f, 4 * FLIGHT_MSS));
	KUNIT_EXPECT_TRUE(test, tern_tlp_fire(flight_sk(f)));
	KUNIT_EXPECT_EQ(test, f->ts.retrans_out, 7 + FLIGHT_MSS);
	last = skb_rb_last(&f->ts.rtx_queue);
	KUNIT_EXPECT_EQ(test, last->len, FLIGHT_MSS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

static void no_memory_no_probe(struct kunit *test)
{
	struct flight *f = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, flight_send(f, 4 * FLIGHT_MSS));
	flight_no_memory(true);
	KUNIT_EXPECT_FALSE(test, tern_tlp_fire(flight_sk(f)));
	flight_no_memory(false);
	KUNIT_EXPECT_EQ(test, f->ts.retrans_out, 0);
	KUNIT_EXPECT_FALSE(test, f->ts.tlp_retrans);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* section 7.4 */
static void answered_probe_tells_whether_there_was_a_loss(struct kunit *test)
{
	static const struct {
		bool new_data;		/* the probe was */
		int echo;		/* relative to the probe's timestamp */
		bool dsack;
		bool repaired;
		bool over;		/* no more is awaited of it */
	} cases[] = {
		{ false, 0, false, true, true },	/* the probe was needed */
		{ false, 0, true, false, true },	/* it was a duplicate */
		{ false, -1, false, false, false },	/* a D-SACK may come yet */
		{ false, -1, true, false, true },
		{ true, 0, false, false, true },
	};
	static const struct tern_options none;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flight *f = flight_new(0u - 30);
		struct sock *sk = flight_sk(f);

		KUNIT_ASSERT_NOT_NULL(test, f);
		KUNIT_ASSERT_TRUE(test, flight_send(f, FLIGHT_MSS) && flight_send(f, FLIGHT_MSS));
		flight_tick(2 * RTT);
		f->new_data = cases[i].new_data;
		KUNIT_EXPECT_TRUE(test, tern_tlp_fire(sk));
		flight_tick(RTT);
		flight_ack(f, f->iss + FLIGHT_MSS, &none, true);
		KUNIT_EXPECT_FALSE(test, tern_tlp_repaired_loss(sk, &f->news));
		KUNIT_EXPECT_TRUE(test, f->ts.tlp_out);
		flight_ack(f, f->ts.snd_nxt, &none, true);
		f->news.tsecr = f->ts.tlp_tsval + cases[i].echo;
		if (cases[i].dsack)
			f->news.dsacked = FLIGHT_MSS;
		KUNIT_EXPECT_EQ_MSG(test, tern_tlp_repaired_loss(sk, &f->news), cases[i].repaired,
				    "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, f->ts.tlp_out, !cases[i].over, "case %u", i);
		KUNIT_EXPECT_STREQ(test, flight_free(f), "");
	}
}

static struct kunit_case tlp_cases[] = {
	KUNIT_CASE(probe_after_two_round_trips),
	KUNIT_CASE(probe_waits_from_the_last_sign),
	KUNIT_CASE(single_segment_waits_for_a_delayed_ack),
	KUNIT_CASE(end_of_a_longer_message_does_not),
	KUNIT_CASE(no_probe_where_none_is_due),
	KUNIT_CASE(probe_is_new_data_if_there_is_some),
	KUNIT_CASE(probe_is_the_last_segment_else),
	KUNIT_CASE(no_memory_no_probe),
	KUNIT_CASE(answered_probe_tells_whether_there_was_a_loss),
	{ }
};

static struct kunit_suite tlp_suite = {
	.name = "tern_tlp",
	.init = flight_init,
	.exit = flight_exit,
	.test_cases = tlp_cases,
};

kunit_test_suite(tlp_suite);
