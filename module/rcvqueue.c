// SPDX-License-Identifier: GPL-2.0
/*
 * From the network to the program: segments in order go to
 * sk_receive_queue, others wait in a red-black tree and are reported in SACK
 * blocks. Payload is never copied here; what overlaps is skipped when it is
 * read. Whether there is room for a segment, and how it is made, is rcvmem.c.
 *
 * Called with the socket locked, from softirq or from the backlog.
 */
#include <net/sock.h>

#include "ack.h"
#include "buffers.h"
#include "input.h"
#include "output.h"
#include "rcvmem.h"
#include "rcvqueue.h"
#include "sock.h"
#include "tstamp.h"

/**
 * tern_readable - is there enough for the program?
 * @sk: socket; need not be locked
 * @target: bytes, from SO_RCVLOWAT
 *
 * Return: whether.
 */
bool tern_readable(const struct sock *sk, int target)
{
	const struct tern_sock *ts = tern_sk(sk);
	int avail = READ_ONCE(ts->rcv_nxt) - READ_ONCE(ts->copied_seq);

	if (avail <= 0)
		return false;
	/* a full buffer must not wait for more than it can take, nor while memory is short */
	return avail >= target || sk_under_memory_pressure(sk) ||
	       atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf) / 8 * 7 ||
	       tern_receive_window(ts) <= ts->rcv_mss;
}

/**
 * tern_data_ready - wake who waits for data, if there is enough of it
 * @sk: socket, locked
 */
void tern_data_ready(struct sock *sk)
{
	if (tern_readable(sk, READ_ONCE(sk->sk_rcvlowat)) || sock_flag(sk, SOCK_DONE))
		sk->sk_data_ready(sk);
}

/**
 * tern_note_duplicate - report in the next ACK that these bytes came twice
 * @sk: socket, locked
 * @start: first sequence number
 * @end: the one after the last (RFC 2883)
 */
void tern_note_duplicate(struct sock *sk, u32 start, u32 end)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_mib_inc(sock_net(sk), DupSegs);
	ts->have_dsack = true;
	ts->dsack.start = start;
	ts->dsack.end = end;
}

static void sack_remove_at(struct tern_sock *ts, int i)
{
	for (ts->nr_sack--; i < ts->nr_sack; i++)
		ts->sack[i] = ts->sack[i + 1];
}

/* RFC 2018, section 4: the block with the newest segment comes first */
static void sack_add(struct tern_sock *ts, u32 start, u32 end)
{
	int i;

	for (i = 0; i < ts->nr_sack; ) {
		if (seq_after(start, ts->sack[i].end) || seq_before(end, ts->sack[i].start)) {
			i++;
			continue;
		}
		start = seq_min(start, ts->sack[i].start);
		end = seq_max(end, ts->sack[i].end);
		sack_remove_at(ts, i);
	}
	if (ts->nr_sack == TERN_SACK_BLOCKS)
		ts->nr_sack--;
	for (i = ts->nr_sack++; i > 0; i--)
		ts->sack[i] = ts->sack[i - 1];
	ts->sack[0].start = start;
	ts->sack[0].end = end;
}

/* rcv_nxt has moved: blocks below are in order now */
static void sack_forget_received(struct tern_sock *ts)
{
	int i;

	for (i = 0; i < ts->nr_sack; ) {
		if (seq_before(ts->rcv_nxt, ts->sack[i].start))
			i++;
		else
			sack_remove_at(ts, i);
	}
}

/**
 * tern_sack_cut - bytes that were reported are there no more
 * @ts: socket, locked
 * @end: first of them; all above are gone
 */
void tern_sack_cut(struct tern_sock *ts, u32 end)
{
	int i;

	for (i = 0; i < ts->nr_sack; ) {
		ts->sack[i].end = seq_min(ts->sack[i].end, end);
		if (seq_before(ts->sack[i].start, ts->sack[i].end))
			i++;
		else
			sack_remove_at(ts, i);
	}
}

static void ofo_drop(struct sock *sk, struct sk_buff *skb)
{
	rb_erase(&skb->rbnode, &tern_sk(sk)->ofo_queue);
	kfree_skb(skb);
}

/**
 * tern_ofo_purge - throw the out-of-order queue away
 * @sk: socket, locked
 */
void tern_ofo_purge(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	while ((skb = skb_rb_first(&ts->ofo_queue)))
		ofo_drop(sk, skb);
	ts->nr_sack = 0;
}

/* to the socket, for which there is room */
static void charge(struct sock *sk, struct sk_buff *skb)
{
	skb_set_owner_r(skb, sk);
	tern_sk(sk)->rcv_charged += skb->truesize;
}

/* append to the segment before, if their payload can share one skb */
static bool coalesce(struct sock *sk, struct sk_buff *to, struct sk_buff *from)
{
	bool stolen;
	int delta;

	if (TERN_CB(to)->end_seq != TERN_CB(from)->seq || TERN_CB(to)->flags & TERN_FIN ||
	    !skb_try_coalesce(to, from, &stolen, &delta))
		return false;
	atomic_add(delta, &sk->sk_rmem_alloc);
	tern_sk(sk)->rcv_charged += delta;
	sk_mem_charge(sk, delta);
	TERN_CB(to)->end_seq = TERN_CB(from)->end_seq;
	TERN_CB(to)->flags |= TERN_CB(from)->flags;
	tern_tstamp_merge(to, from);
	kfree_skb_partial(from, stolen);
	return true;
}

static void rcv_advance(struct sock *sk, u32 end_seq)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->stats.bytes_received += end_seq - ts->rcv_nxt;
	WRITE_ONCE(ts->rcv_nxt, end_seq);
}

/* takes an skb charged to nobody */
static void queue_in_order(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);

	rcv_advance(sk, TERN_CB(skb)->end_seq);
	if (tail && coalesce(sk, tail, skb))
		return;
	charge(sk, skb);
	__skb_queue_tail(&sk->sk_receive_queue, skb);
}

/* the gap is filled: move what follows; returns whether a FIN was among it */
static bool ofo_drain(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;
	bool fin = false;

	while ((skb = skb_rb_first(&ts->ofo_queue)) && !fin) {
		struct tern_skb_cb *cb = TERN_CB(skb);

		if (seq_after(cb->seq, ts->rcv_nxt))
			break;
		rb_erase(&skb->rbnode, &ts->ofo_queue);
		skb->dev = NULL;	/* part of the tree's node */
		if (!seq_after(cb->end_seq, ts->rcv_nxt)) {
			tern_note_duplicate(sk, cb->seq, cb->end_seq);
			kfree_skb(skb);
			continue;
		}
		fin = cb->flags & TERN_FIN;
		rcv_advance(sk, cb->end_seq);
		__skb_queue_tail(&sk->sk_receive_queue, skb);
	}
	return fin;
}

/* after the new segment stands what it covers: drop it */
static void ofo_drop_covered(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *next;

	while ((next = skb_rb_next(skb))) {
		if (seq_before(TERN_CB(skb)->end_seq, TERN_CB(next)->end_seq)) {
			if (seq_before(TERN_CB(next)->seq, TERN_CB(skb)->end_seq))
				tern_note_duplicate(sk, TERN_CB(next)->seq, TERN_CB(skb)->end_seq);
			return;
		}
		tern_note_duplicate(sk, TERN_CB(next)->seq, TERN_CB(next)->end_seq);
		ofo_drop(sk, next);
	}
}

static void ofo_insert(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	struct rb_node **link = &ts->ofo_queue.rb_node, *parent = NULL;
	u32 seq = TERN_CB(skb)->seq, end_seq = TERN_CB(skb)->end_seq;
	struct sk_buff *other;

	tern_mib_inc(sock_net(sk), OFOQueue);
	ts->stats.rcv_ooopack++;
	sack_add(ts, seq, end_seq);
	while (*link) {
		parent = *link;
		other = rb_to_skb(parent);
		if (seq_before(seq, TERN_CB(other)->seq)) {
			link = &parent->rb_left;
			continue;
		}
		if (!seq_after(end_seq, TERN_CB(other)->end_seq)) {
			tern_note_duplicate(sk, seq, end_seq);
			kfree_skb(skb);
			return;
		}
		if (coalesce(sk, other, skb)) {
			tern_mib_inc(sock_net(sk), OFOMerge);
			ofo_drop_covered(sk, other);
			return;
		}
		link = &parent->rb_right;
	}
	charge(sk, skb);
	rb_link_node(&skb->rbnode, parent, link);
	rb_insert_color(&skb->rbnode, &ts->ofo_queue);
	ofo_drop_covered(sk, skb);
}

static void in_order(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	bool fin = TERN_CB(skb)->flags & TERN_FIN;

	queue_in_order(sk, skb);
	if (!RB_EMPTY_ROOT(&ts->ofo_queue) && !fin) {
		fin = ofo_drain(sk);
		/* RFC 5681, 4.2: at once when a gap was filled */
		if (RB_EMPTY_ROOT(&ts->ofo_queue))
			ts->ack_now = true;
	}
	if (ts->nr_sack)
		sack_forget_received(ts);
	if (fin)
		tern_rcv_fin(sk);
	if (!tern_is_orphan(sk))
		tern_data_ready(sk);
}

/**
 * tern_data_queue - take the payload and FIN of a segment
 * @sk: socket, locked, in a state that receives
 * @skb: segment, header pulled, charged to nobody; always consumed
 *
 * Return: whether a connection is still there: FIN may have ended it.
 */
bool tern_data_queue(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_skb_cb *cb = TERN_CB(skb);
	u32 window = tern_receive_window(ts);

	if (!seq_after(cb->end_seq, ts->rcv_nxt)) {
		tern_note_duplicate(sk, cb->seq, cb->end_seq);
		goto drop_and_ack;
	}
	if (!seq_before(cb->seq, ts->rcv_nxt + window) && !(cb->seq == ts->rcv_nxt && !skb->len)) {
		tern_mib_inc(sock_net(sk), OutOfWindow);
		goto drop_and_ack;
	}
	if (!tern_rcv_make_room(sk, skb)) {
		tern_data_ready(sk);
		goto drop_and_ack;
	}
	if (seq_after(cb->seq, ts->rcv_nxt)) {
		ts->ack_now = true;
		tern_quick_acks(sk);
		ofo_insert(sk, skb);
		return true;
	}
	if (seq_before(cb->seq, ts->rcv_nxt))
		tern_note_duplicate(sk, cb->seq, ts->rcv_nxt);
	tern_ack_schedule(sk, skb);
	if (skb->len >= ts->rcv_mss)
		tern_rcv_rtt_sample(ts, cb->tsecr);
	in_order(sk, skb);
	return sk->sk_state != TCP_CLOSE;

drop_and_ack:
	ts->ack_now = true;
	tern_quick_acks(sk);
	kfree_skb(skb);
	return true;
}
