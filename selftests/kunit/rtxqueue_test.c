// SPDX-License-Identifier: GPL-2.0
/*
 * The retransmission queue (module/rtxqueue.c): finding, cutting, freeing, and
 * whether the payload stays that of its sequence numbers.
 */
#include "flight.h"

static u32 segments(const struct flight *f)
{
	const struct sk_buff *skb;
	u32 n = 0;

	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb))
		n++;
	return n;
}

static void queue_finds_by_number(struct kunit *test)
{
	struct flight *f = test->priv;
	struct sk_buff *first = flight_send(f, 60), *second = flight_send(f, 60);

	KUNIT_ASSERT_TRUE(test, first && second);
	KUNIT_EXPECT_PTR_EQ(test, tern_rtx_head(&f->ts), first);
	KUNIT_EXPECT_PTR_EQ(test, tern_rtx_find(&f->ts, f->iss - 5), first);
	KUNIT_EXPECT_PTR_EQ(test, tern_rtx_find(&f->ts, f->iss), first);
	KUNIT_EXPECT_PTR_EQ(test, tern_rtx_find(&f->ts, f->iss + 59), first);
	KUNIT_EXPECT_PTR_EQ(test, tern_rtx_find(&f->ts, f->iss + 60), second);
	KUNIT_EXPECT_PTR_EQ(test, tern_rtx_find(&f->ts, f->iss + 119), second);
	KUNIT_EXPECT_NULL(test, tern_rtx_find(&f->ts, f->iss + 120));
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* anywhere: within a fragment, between two, at the wrap of the sequence numbers */
static void queue_splits_anywhere(struct kunit *test)
{
	u32 len;

	for (len = 1; len < 400; len += 7) {
		struct flight *f = flight_new(0u - 200);
		struct sk_buff *skb, *tail;

		KUNIT_ASSERT_NOT_NULL(test, f);
		skb = flight_send(f, 400);
		KUNIT_EXPECT_NOT_NULL(test, skb);
		tail = skb ? tern_rtx_split(flight_sk(f), skb, len, GFP_KERNEL) : NULL;
		KUNIT_EXPECT_NOT_NULL(test, tail);
		if (tail) {
			KUNIT_EXPECT_EQ(test, skb->len, len);
			KUNIT_EXPECT_EQ(test, TERN_CB(tail)->seq, f->iss + len);
			KUNIT_EXPECT_PTR_EQ(test, skb_rb_next(skb), tail);
		}
		KUNIT_EXPECT_STREQ(test, flight_check(f), "");
		KUNIT_EXPECT_STREQ(test, flight_free(f), "");
	}
}

/* FIN and PSH belong to the last byte, marks to all of them */
static void split_keeps_flags_and_marks(struct kunit *test)
{
	struct flight *f = test->priv;
	struct sk_buff *skb = flight_send(f, 100), *tail;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	TERN_CB(skb)->flags |= TERN_PSH | TERN_FIN;
	flight_mark_lost(f, skb);
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), skb, 100), 0);
	tail = tern_rtx_split(flight_sk(f), skb, 40, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tail);
	KUNIT_EXPECT_EQ(test, TERN_CB(skb)->flags, TERN_ACK);
	KUNIT_EXPECT_EQ(test, TERN_CB(tail)->flags, TERN_ACK | TERN_PSH | TERN_FIN);
	KUNIT_EXPECT_EQ(test, TERN_CB(skb)->mark, TERN_CB(tail)->mark);
	KUNIT_EXPECT_EQ(test, TERN_CB(skb)->sent_us, TERN_CB(tail)->sent_us);
	KUNIT_EXPECT_EQ(test, f->ts.lost_out, 100);
	KUNIT_EXPECT_EQ(test, f->ts.retrans_out, 100);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

static void split_without_memory_changes_nothing(struct kunit *test)
{
	struct flight *f = test->priv;
	struct sk_buff *skb = flight_send(f, 100);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	flight_no_memory(true);
	KUNIT_EXPECT_NULL(test, tern_rtx_split(flight_sk(f), skb, 40, GFP_KERNEL));
	flight_no_memory(false);
	KUNIT_EXPECT_EQ(test, skb->len, 100);
	KUNIT_EXPECT_EQ(test, segments(f), 1);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* acknowledged byte by byte, whatever the marks are */
static void partial_acknowledgments_trim(struct kunit *test)
{
	static const struct tern_options none;
	struct flight *f = test->priv;
	struct sk_buff *skb;
	u32 n;

	for (n = 0; n < 3; n++)
		KUNIT_ASSERT_NOT_NULL(test, flight_send(f, 150));
	skb = tern_rtx_head(&f->ts);
	flight_mark_lost(f, skb);
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), skb, 150), 0);
	flight_mark_lost(f, skb_rb_next(skb));
	flight_sack(f, f->iss + 300, f->iss + 450);
	for (n = 1; n <= 450; n++) {
		flight_ack(f, f->iss + n, &none, true);
		KUNIT_ASSERT_STREQ(test, flight_check(f), "");
	}
	KUNIT_EXPECT_NULL(test, tern_rtx_head(&f->ts));
	KUNIT_EXPECT_EQ(test, tern_in_flight(&f->ts), 0);
}

static void marks_count_once(struct kunit *test)
{
	struct flight *f = test->priv;
	struct sk_buff *skb = flight_send(f, 100);
	struct tern_sock *ts = &f->ts;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	tern_rtx_mark_lost(ts, skb);
	tern_rtx_mark_lost(ts, skb);
	KUNIT_EXPECT_EQ(test, ts->lost_out, 100);
	KUNIT_EXPECT_EQ(test, tern_in_flight(ts), 0);
	tern_rtx_mark_retrans(ts, skb);
	tern_rtx_mark_retrans(ts, skb);
	KUNIT_EXPECT_EQ(test, ts->retrans_out, 100);
	KUNIT_EXPECT_EQ(test, tern_in_flight(ts), 100);
	tern_rtx_mark_sacked(ts, skb);
	tern_rtx_mark_sacked(ts, skb);
	KUNIT_EXPECT_EQ(test, ts->sacked_out, 100);
	KUNIT_EXPECT_EQ(test, ts->lost_out, 0);
	KUNIT_EXPECT_EQ(test, ts->retrans_out, 0);
	/* what the peer has is not lost */
	tern_rtx_mark_lost(ts, skb);
	KUNIT_EXPECT_EQ(test, ts->lost_out, 0);
	tern_rtx_unmark(ts, skb, TERN_SKB_SACKED | TERN_SKB_LOST);
	KUNIT_EXPECT_EQ(test, ts->sacked_out, 0);
	KUNIT_EXPECT_EQ(test, ts->lost_out, 0);
	tern_rtx_watch(ts, skb);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

static void watched_in_the_order_of_sending(struct kunit *test)
{
	struct flight *f = test->priv;
	struct sk_buff *skb[4];
	int i;

	for (i = 0; i < 4; i++) {
		skb[i] = flight_send(f, FLIGHT_MSS);
		KUNIT_ASSERT_NOT_NULL(test, skb[i]);
		flight_tick(100000);	/* the clock wraps in between */
	}
	flight_mark_lost(f, skb[1]);
	KUNIT_ASSERT_EQ(test, tern_retransmit(flight_sk(f), skb[1], FLIGHT_MSS), 0);
	KUNIT_EXPECT_PTR_EQ(test, list_last_entry(&f->ts.sent_order, struct sk_buff,
						  tcp_tsorted_anchor), skb[1]);
	tern_rtx_watch(&f->ts, skb[0]);
	tern_rtx_watch(&f->ts, skb[2]);
	tern_rtx_order(&f->ts);
	KUNIT_EXPECT_PTR_EQ(test, list_first_entry(&f->ts.sent_order, struct sk_buff,
						   tcp_tsorted_anchor), skb[0]);
	KUNIT_EXPECT_STREQ(test, flight_check(f), "");
}

/* a probe of the path MTU: told when it arrived, and when it can tell nothing any more */
static void mtu_probe_is_reported(struct kunit *test)
{
	static const struct tern_options none;
	struct flight *f = test->priv;
	struct sk_buff *skb;
	int i;

	for (i = 0; i < 3; i++) {
		skb = flight_send(f, 100);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		TERN_CB(skb)->mark |= TERN_SKB_MTU_PROBE;
	}
	KUNIT_EXPECT_NOT_NULL(test, tern_rtx_split(flight_sk(f), skb, 40, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, f->probes_lost, 1);
	flight_sack(f, f->iss + 100, f->iss + 200);
	KUNIT_EXPECT_EQ(test, f->probes_delivered, 1);
	flight_ack(f, f->iss + 300, &none, true);
	KUNIT_EXPECT_EQ(test, f->probes_delivered, 2);
	KUNIT_EXPECT_EQ(test, f->probes_lost, 1);
}

static struct kunit_case rtxqueue_cases[] = {
	KUNIT_CASE(queue_finds_by_number),
	KUNIT_CASE(queue_splits_anywhere),
	KUNIT_CASE(split_keeps_flags_and_marks),
	KUNIT_CASE(split_without_memory_changes_nothing),
	KUNIT_CASE(partial_acknowledgments_trim),
	KUNIT_CASE(marks_count_once),
	KUNIT_CASE(watched_in_the_order_of_sending),
	KUNIT_CASE(mtu_probe_is_reported),
	{ }
};

static struct kunit_suite rtxqueue_suite = {
	.name = "tern_rtxqueue",
	.init = flight_init,
	.exit = flight_exit,
	.test_cases = rtxqueue_cases,
};

kunit_test_suite(rtxqueue_suite);
