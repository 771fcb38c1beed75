// SPDX-License-Identifier: GPL-2.0
/*
 * RACK (module/rack.c): the rules of RFC 8985, section 6, on a clock that is
 * set here. That the list it walks is as good as a look at every segment is
 * part of scoreboard_test.c.
 */
#include "flight.h"

#define RTT	FLIGHT_RTT_US

static void send_every(struct kunit *test, u32 n, u32 us)
{
	while (n--) {
		KUNIT_ASSERT_NOT_NULL(test, flight_send(test->priv, FLIGHT_MSS));
		flight_tick(us);
	}
}

static void sack(struct flight *f, u32 first, u32 last)
{
	flight_sack(f, f->iss + first * FLIGHT_MSS, f->iss + (last + 1) * FLIGHT_MSS);
}

static struct sk_buff *segment(struct flight *f, u32 n)
{
	return tern_rtx_find(&f->ts, f->iss + n * FLIGHT_MSS);
}

static bool is_lost(struct flight *f, u32 n)
{
	return (TERN_CB(segment(f, n))->mark & (TERN_SKB_LOST | TERN_SKB_RETRANS)) == TERN_SKB_LOST;
}

/* no reordering was seen: the third segment above it is enough */
static void third_segment_above_is_enough(struct kunit *test)
{
	struct flight *f = test->priv;

	send_every(test, 10, 100);
	flight_tick(RTT - 1000);
	sack(f, 1, 2);
	KUNIT_EXPECT_GT(test, flight_detect(f), 0);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 0);
	sack(f, 1, 3);
	KUNIT_EXPECT_EQ(test, flight_detect(f), 0);
	KUNIT_EXPECT_TRUE(test, is_lost(f, 0));
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, FLIGHT_MSS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* fewer: a quarter of the smallest RTT */
static void reordering_window_passes_first(struct kunit *test)
{
	struct flight *f = test->priv;
	u32 left;

	send_every(test, 3, 0);
	flight_tick(100);
	send_every(test, 1, 0);
	flight_tick(RTT);
	sack(f, 3, 3);
	KUNIT_EXPECT_EQ(test, f->ts.rack.rtt_us, RTT);
	left = flight_detect(f);
	KUNIT_EXPECT_EQ(test, left, RTT / 4 - 100);
	flight_tick(left - 1);
	KUNIT_EXPECT_EQ(test, flight_detect(f), 1);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 0);
	flight_tick(1);
	KUNIT_EXPECT_EQ(test, flight_detect(f), 0);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 3 * FLIGHT_MSS);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

static void what_was_sent_later_is_not_lost(struct kunit *test)
{
	struct flight *f = test->priv;

	send_every(test, 5, 100);
	flight_tick(2 * RTT);
	sack(f, 2, 2);
	f->ts.ca_state = TERN_CA_RECOVERY;	/* no window for reordering */
	flight_detect(f);
	KUNIT_EXPECT_TRUE(test, is_lost(f, 0) && is_lost(f, 1));
	KUNIT_EXPECT_FALSE(test, is_lost(f, 3) || is_lost(f, 4));
	flight_tick(100 * RTT);
	flight_detect(f);
	KUNIT_EXPECT_FALSE(test, is_lost(f, 3) || is_lost(f, 4));
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* cut from one super-segment, in one microsecond: the sequence numbers tell */
static void same_time_is_ordered_by_number(struct kunit *test)
{
	struct flight *f = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, flight_send(f, 10 * FLIGHT_MSS));
	flight_tick(RTT);
	sack(f, 4, 5);
	f->ts.ca_state = TERN_CA_RECOVERY;
	flight_detect(f);
	KUNIT_EXPECT_TRUE(test, is_lost(f, 0) && is_lost(f, 3));
	KUNIT_EXPECT_FALSE(test, is_lost(f, 6));
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* what counting cannot find */
static void lost_retransmission_is_found(struct kunit *test)
{
	struct flight *f = test->priv;

	send_every(test, 6, 100);
	flight_tick(RTT);
	sack(f, 1, 3);
	flight_detect(f);
	KUNIT_ASSERT_TRUE(test, is_lost(f, 0));
	f->ts.ca_state = TERN_CA_RECOVERY;
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, 0), FLIGHT_MSS), 0);
	flight_tick(100);
	send_every(test, 1, 0);
	flight_tick(RTT / 2);
	/* sent before the retransmission */
	sack(f, 4, 5);
	flight_detect(f);
	KUNIT_EXPECT_FALSE(test, is_lost(f, 0));
	/* sent after it */
	flight_tick(RTT / 2);
	sack(f, 6, 6);
	flight_detect(f);
	KUNIT_EXPECT_TRUE(test, is_lost(f, 0));
	KUNIT_EXPECT_EQ(test, f->ts.retrans_out, 0);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* section 6.2, step 2: sooner than any RTT, it is the first transmission's */
static void answer_to_the_first_transmission_is_no_sample(struct kunit *test)
{
	struct flight *f = test->priv;
	struct tern_rack before;

	send_every(test, 5, 100);
	flight_tick(RTT);
	sack(f, 2, 4);
	flight_detect(f);
	KUNIT_ASSERT_TRUE(test, is_lost(f, 0) && is_lost(f, 1));
	flight_tick(50);
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, 0), FLIGHT_MSS), 0);
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, 1), FLIGHT_MSS), 0);
	before = f->ts.rack;
	flight_tick(RTT - 1);
	sack(f, 0, 0);
	KUNIT_EXPECT_EQ(test, f->ts.rack.sent_us, before.sent_us);
	KUNIT_EXPECT_EQ(test, f->ts.rack.rtt_us, before.rtt_us);
	flight_tick(1);
	sack(f, 1, 1);
	KUNIT_EXPECT_EQ(test, f->ts.rack.sent_us, before.sent_us + 100 + RTT + 50);
	KUNIT_EXPECT_EQ(test, f->ts.rack.rtt_us, RTT);
}

/* the same, known by the timestamp that the acknowledgment echoes */
static void older_echo_is_no_sample(struct kunit *test)
{
	struct flight *f = test->priv;
	struct tern_ack_news news = { };
	u32 sent_us;

	send_every(test, 2, 100);
	flight_mark_lost(f, segment(f, 0));
	flight_tick(5);
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, 0), FLIGHT_MSS), 0);
	sent_us = TERN_CB(segment(f, 0))->sent_us;
	flight_tick(2 * RTT);
	f->ts.snd_una += FLIGHT_MSS;
	news.acked = FLIGHT_MSS;
	news.tsecr = sent_us + f->ts.ts_off - 1;
	tern_rtx_clean(flight_sk(f), &news);
	KUNIT_EXPECT_FALSE(test, f->ts.rack.valid);
	KUNIT_EXPECT_TRUE(test, news.retrans_acked);
	KUNIT_EXPECT_EQ(test, news.delivered, FLIGHT_MSS);
}

static void reordering_is_seen(struct kunit *test)
{
	struct flight *f = test->priv;
	unsigned long before = flight_count(TERN_MIB_ReorderSeen);

	send_every(test, 10, 100);
	flight_tick(RTT);
	sack(f, 5, 5);
	KUNIT_EXPECT_FALSE(test, f->ts.rack.reordering_seen);
	sack(f, 6, 6);
	KUNIT_EXPECT_FALSE(test, f->ts.rack.reordering_seen);
	sack(f, 3, 3);
	KUNIT_EXPECT_TRUE(test, f->ts.rack.reordering_seen);
	KUNIT_EXPECT_EQ(test, flight_count(TERN_MIB_ReorderSeen), before + 1);
	/* from now on, three segments above are not enough */
	sack(f, 3, 9);
	f->ts.ca_state = TERN_CA_RECOVERY;
	KUNIT_EXPECT_GT(test, flight_detect(f), 0);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 0);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* a repair that fills a hole is no reordering */
static void retransmission_is_no_reordering(struct kunit *test)
{
	struct flight *f = test->priv;

	send_every(test, 10, 100);
	flight_tick(RTT);
	sack(f, 5, 9);
	flight_detect(f);
	KUNIT_ASSERT_TRUE(test, is_lost(f, 0));
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), segment(f, 0), FLIGHT_MSS), 0);
	flight_tick(RTT);
	sack(f, 0, 0);
	KUNIT_EXPECT_FALSE(test, f->ts.rack.reordering_seen);
}

/* section 6.2, step 4 */
static void dsack_widens_the_window_once_in_a_round(struct kunit *test)
{
	struct flight *f = test->priv;
	struct tern_rack *rack = &f->ts.rack;
	static const struct tern_options none;
	int i;

	send_every(test, 4, 0);
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_mult, 1);
	tern_rack_dsack(&f->ts);
	tern_rack_dsack(&f->ts);
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_mult, 2);
	/* not yet over */
	flight_ack(f, f->ts.snd_nxt - FLIGHT_MSS, &none, true);
	flight_detect(f);
	tern_rack_dsack(&f->ts);
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_mult, 2);
	flight_ack(f, f->ts.snd_nxt, &none, true);
	flight_detect(f);
	tern_rack_dsack(&f->ts);
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_mult, 3);
	for (i = 0; i < 15; i++)
		tern_rack_recovered(&f->ts);
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_mult, 3);
	tern_rack_recovered(&f->ts);
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_mult, 1);
	tern_rack_recovered(&f->ts);
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_persist, 0);
	for (i = 0; i < 1000; i++) {
		rack->in_dsack_round = false;
		tern_rack_dsack(&f->ts);
	}
	KUNIT_EXPECT_EQ(test, rack->reo_wnd_mult, U8_MAX);
}

/* section 6.3 */
static void overdue_is_what_should_have_been_acknowledged(struct kunit *test)
{
	struct flight *f = test->priv;
	u32 wait;

	send_every(test, 3, 0);
	/* nothing to compare with: all of it */
	KUNIT_EXPECT_TRUE(test, tern_rack_overdue(&f->ts, segment(f, 2)));
	flight_tick(RTT);
	sack(f, 0, 0);
	flight_tick(500);
	send_every(test, 1, 0);
	wait = RTT + RTT / 4;		/* rtt, and the window for reordering */
	flight_tick(wait - 1);
	KUNIT_EXPECT_TRUE(test, tern_rack_overdue(&f->ts, segment(f, 2)));
	KUNIT_EXPECT_FALSE(test, tern_rack_overdue(&f->ts, segment(f, 3)));
	flight_tick(1);
	KUNIT_EXPECT_TRUE(test, tern_rack_overdue(&f->ts, segment(f, 3)));
}

static struct kunit_case rack_cases[] = {
	KUNIT_CASE(third_segment_above_is_enough),
	KUNIT_CASE(reordering_window_passes_first),
	KUNIT_CASE(what_was_sent_later_is_not_lost),
	KUNIT_CASE(same_time_is_ordered_by_number),
	KUNIT_CASE(lost_retransmission_is_found),
	KUNIT_CASE(answer_to_the_first_transmission_is_no_sample),
	KUNIT_CASE(older_echo_is_no_sample),
	KUNIT_CASE(reordering_is_seen),
	KUNIT_CASE(retransmission_is_no_reordering),
	KUNIT_CASE(dsack_widens_the_window_once_in_a_round),
	KUNIT_CASE(overdue_is_what_should_have_been_acknowledged),
	{ }
};

static struct kunit_suite rack_suite = {
	.name = "tern_rack",
	.init = flight_init,
	.exit = flight_exit,
	.test_cases = rack_cases,
};

kunit_test_suite(rack_suite);
