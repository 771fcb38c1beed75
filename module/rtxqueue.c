// SPDX-License-Identifier: GPL-2.0
/*
 * The retransmission queue: segments sent and not yet acknowledged, ordered
 * by sequence number in a red-black tree, with what became of each. The marks
 * and the three byte counts (sacked_out, lost_out, retrans_out) change here
 * only, so that they agree. Those of which news is awaited are besides in a
 * list ordered by the time of sending, for RACK; its links are where an skb
 * has the route and the destructor, which a queued one does not need.
 *
 * Called with the socket locked.
 */
#include <linux/list_sort.h>

#include "compat.h"
#include "rack.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"
#include "tstamp.h"

static u32 seq_len(const struct sk_buff *skb)
{
	return TERN_CB(skb)->end_seq - TERN_CB(skb)->seq;
}

/**
 * tern_rtx_head - the oldest segment not acknowledged
 * @ts: socket
 *
 * Return: segment, or NULL when nothing is in flight.
 */
struct sk_buff *tern_rtx_head(const struct tern_sock *ts)
{
	return skb_rb_first(&ts->rtx_queue);
}

/**
 * tern_rtx_find - the segment that holds a sequence number
 * @ts: socket
 * @seq: sequence number
 *
 * Return: the segment with seq in [seq, end_seq), else the first one behind
 * it, else NULL.
 */
struct sk_buff *tern_rtx_find(const struct tern_sock *ts, u32 seq)
{
	struct rb_node *node = ts->rtx_queue.rb_node;
	struct sk_buff *skb, *found = NULL;

	while (node) {
		skb = rb_to_skb(node);
		if (seq_before(seq, TERN_CB(skb)->end_seq)) {
			found = skb;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * tern_rtx_append - enter a segment, by its sequence number
 * @ts: socket
 * @skb: segment that was sent, in no queue
 */
void tern_rtx_append(struct tern_sock *ts, struct sk_buff *skb)
{
	struct rb_node **link = &ts->rtx_queue.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (seq_before(TERN_CB(skb)->seq, TERN_CB(rb_to_skb(parent))->seq))
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&skb->rbnode, parent, link);
	rb_insert_color(&skb->rbnode, &ts->rtx_queue);
	INIT_LIST_HEAD(&skb->tcp_tsorted_anchor);
}

/**
 * tern_rtx_watch - news of a segment is awaited
 * @ts: socket
 * @skb: segment in the queue, sent just now; or earlier, if tern_rtx_order() follows
 */
void tern_rtx_watch(struct tern_sock *ts, struct sk_buff *skb)
{
	list_move_tail(&skb->tcp_tsorted_anchor, &ts->sent_order);
}

static int sent_later(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct tern_skb_cb *cb = TERN_CB(list_entry(a, struct sk_buff, tcp_tsorted_anchor));
	const struct tern_skb_cb *than =
		TERN_CB(list_entry(b, struct sk_buff, tcp_tsorted_anchor));

	return (s32)(cb->sent_us - than->sent_us) ?: (s32)(cb->end_seq - than->end_seq);
}

/**
 * tern_rtx_order - put what is watched into the order of sending again
 * @ts: socket
 */
void tern_rtx_order(struct tern_sock *ts)
{
	list_sort(NULL, &ts->sent_order, sent_later);
}

static void rtx_remove(struct tern_sock *ts, struct sk_buff *skb)
{
	rb_erase(&skb->rbnode, &ts->rtx_queue);
	list_del(&skb->tcp_tsorted_anchor);
}

/**
 * tern_wmem_free_skb - free a segment and give back what it was charged
 * @sk: socket
 * @skb: segment in no queue
 */
void tern_wmem_free_skb(struct sock *sk, struct sk_buff *skb)
{
	sk_wmem_queued_add(sk, -skb->truesize);
	sk_mem_uncharge(sk, skb->truesize);
	tern_skb_unlinked(skb);
	__kfree_skb(skb);
}

/* have the fragments to oneself: a clone may be under way; the charge stays the same */
static bool unshare(struct sk_buff *skb, gfp_t gfp)
{
	unsigned int truesize = skb->truesize;
	int err = skb_unclone(skb, gfp);

	skb->truesize = truesize;
	return !err;
}

/**
 * tern_skb_split - cut a queued segment in two
 * @sk: socket
 * @skb: segment, in whatever queue; keeps the first part
 * @len: payload of the first part, bytes; more than 0, less than it has
 * @gfp: how to allocate
 *
 * Return: the second part, charged to the socket and in no queue, with no
 * marks; or NULL for want of memory.
 */
struct sk_buff *tern_skb_split(struct sock *sk, struct sk_buff *skb, u32 len, gfp_t gfp)
{
	struct tern_skb_cb *cb = TERN_CB(skb), *tail_cb;
	struct sk_buff *tail;
	int moved = skb->len - len;

	if (!unshare(skb, gfp))
		return NULL;
	tail = alloc_skb_fclone(TERN_HEADROOM, gfp);
	if (!tail)
		return NULL;
	skb_reserve(tail, TERN_HEADROOM);
	__skb_header_release(tail);
	tail->ip_summed = skb->ip_summed;
	sk_wmem_schedule(sk, tail->truesize);	/* over the limit, if need be */
	sk_wmem_queued_add(sk, tail->truesize);
	sk_mem_charge(sk, tail->truesize);
	tail->truesize += moved;
	skb->truesize -= moved;

	tail_cb = TERN_CB(tail);
	*tail_cb = *cb;
	tail_cb->mark = 0;
	tail_cb->seq = cb->seq + len;
	cb->end_seq = tail_cb->seq;
	cb->flags &= ~(TERN_FIN | TERN_PSH);

	skb_split(skb, tail, len);
	if (cb->stamp)
		tern_tstamp_split(skb, tail);
	return tail;
}

/**
 * tern_rtx_split - cut a segment of the retransmission queue in two
 * @sk: socket
 * @skb: segment in the queue; keeps the first part
 * @len: payload of the first part, bytes
 * @gfp: how to allocate
 *
 * Both parts have the marks of the whole. Return: the second part, in the
 * queue, or NULL for want of memory.
 */
struct sk_buff *tern_rtx_split(struct sock *sk, struct sk_buff *skb, u32 len, gfp_t gfp)
{
	struct sk_buff *tail = tern_skb_split(sk, skb, len, gfp);

	if (!tail)
		return NULL;
	if (TERN_CB(skb)->mark & TERN_SKB_MTU_PROBE)
		tern_mtu_probe_cancel(sk);	/* sent again in parts, it tells no more */
	TERN_CB(skb)->mark &= ~TERN_SKB_MTU_PROBE;
	TERN_CB(tail)->mark = TERN_CB(skb)->mark;
	tern_rtx_append(tern_sk(sk), tail);
	if (!list_empty(&skb->tcp_tsorted_anchor))
		list_add(&tail->tcp_tsorted_anchor, &skb->tcp_tsorted_anchor);
	return tail;
}

/* drop the first len bytes of payload, which were acknowledged */
static bool trim_head(struct sock *sk, struct sk_buff *skb, u32 len)
{
	struct skb_shared_info *shinfo;
	u32 left = len;
	int i, kept = 0;

	if (!unshare(skb, GFP_ATOMIC))
		return false;
	shinfo = skb_shinfo(skb);
	for (i = 0; i < shinfo->nr_frags; i++) {
		u32 size = skb_frag_size(&shinfo->frags[i]);

		if (size <= left) {
			skb_frag_unref(skb, i);
			left -= size;
			continue;
		}
		shinfo->frags[kept] = shinfo->frags[i];
		if (left) {
			skb_frag_off_add(&shinfo->frags[kept], left);
			skb_frag_size_sub(&shinfo->frags[kept], left);
			left = 0;
		}
		kept++;
	}
	shinfo->nr_frags = kept;
	skb->len -= len;
	skb->data_len -= len;
	skb->truesize -= len;
	sk_wmem_queued_add(sk, -len);
	sk_mem_uncharge(sk, len);
	return true;
}

/* the front of a segment was acknowledged: keep the rest, and the counts true */
static void acknowledge_part(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_skb_cb *cb = TERN_CB(skb);
	u32 len = ts->snd_una - cb->seq;
	u8 mark = cb->mark;

	if (len > skb->len || !trim_head(sk, skb, len))
		return;
	if (mark & TERN_SKB_SACKED)
		ts->sacked_out -= len;
	if (mark & TERN_SKB_LOST)
		ts->lost_out -= len;
	if (mark & TERN_SKB_RETRANS)
		ts->retrans_out -= len;
	cb->seq += len;
}

static void delivered(struct sock *sk, const struct sk_buff *skb, u32 end_seq,
		      struct tern_ack_news *news)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	bool earlier = cb->mark & TERN_SKB_EVER_RETRANS &&
		       seq_before(news->tsecr, cb->sent_us + tern_sk(sk)->ts_off);

	tern_rack_delivered(sk, skb, end_seq, earlier);
	if (!earlier)
		tern_rate_delivered(tern_sk(sk), cb, &news->rate);
}

/**
 * tern_rtx_clean - free what snd_una covers
 * @sk: socket; snd_una was just advanced, by news->acked
 * @news: @delivered, @retrans_acked and @rate are added to
 *
 * What had been SACKed was news of an earlier acknowledgment.
 */
void tern_rtx_clean(struct sock *sk, struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;
	u32 sacked = 0;

	while ((skb = tern_rtx_head(ts))) {
		struct tern_skb_cb *cb = TERN_CB(skb);

		if (seq_after(cb->end_seq, ts->snd_una)) {
			if (!seq_before(cb->seq, ts->snd_una))
				break;
			if (cb->mark & TERN_SKB_SACKED)
				sacked += ts->snd_una - seq_max(cb->seq, ts->snd_una - news->acked);
			else
				delivered(sk, skb, ts->snd_una, news);
			news->retrans_acked |= cb->mark & (TERN_SKB_RETRANS | TERN_SKB_LOST);
			if (cb->stamp)
				tern_tstamp_acked(sk, skb);
			acknowledge_part(sk, skb);
			break;
		}
		if (cb->mark & TERN_SKB_SACKED)
			sacked += cb->end_seq - seq_max(cb->seq, ts->snd_una - news->acked);
		else
			delivered(sk, skb, cb->end_seq, news);
		if (cb->mark & TERN_SKB_MTU_PROBE)
			tern_mtu_probe_delivered(sk);
		if (cb->stamp)
			tern_tstamp_acked(sk, skb);
		news->retrans_acked |= cb->mark & (TERN_SKB_RETRANS | TERN_SKB_LOST);
		tern_rtx_unmark(ts, skb, cb->mark);
		rtx_remove(ts, skb);
		tern_wmem_free_skb(sk, skb);
	}
	news->delivered += news->acked - sacked;
}

/**
 * tern_rtx_purge - free the whole queue
 * @sk: socket
 */
void tern_rtx_purge(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct rb_node *node = rb_first(&ts->rtx_queue);

	while (node) {
		struct sk_buff *skb = rb_to_skb(node);

		node = rb_next(node);
		rtx_remove(ts, skb);
		tern_wmem_free_skb(sk, skb);
	}
	ts->sacked_out = 0;
	ts->lost_out = 0;
	ts->retrans_out = 0;
}

/**
 * tern_rtx_mark_sacked - the peer has it
 * @ts: socket
 * @skb: segment in the queue
 */
void tern_rtx_mark_sacked(struct tern_sock *ts, struct sk_buff *skb)
{
	if (TERN_CB(skb)->mark & TERN_SKB_SACKED)
		return;
	tern_rtx_unmark(ts, skb, TERN_SKB_LOST | TERN_SKB_RETRANS);
	TERN_CB(skb)->mark |= TERN_SKB_SACKED;
	ts->sacked_out += seq_len(skb);
	list_del_init(&skb->tcp_tsorted_anchor);
}

/**
 * tern_rtx_mark_lost - it is believed to be lost
 * @ts: socket
 * @skb: segment in the queue, not SACKed
 */
void tern_rtx_mark_lost(struct tern_sock *ts, struct sk_buff *skb)
{
	if (TERN_CB(skb)->mark & TERN_SKB_SACKED)
		return;
	list_del_init(&skb->tcp_tsorted_anchor);
	if (TERN_CB(skb)->mark & TERN_SKB_LOST)
		return;
	TERN_CB(skb)->mark |= TERN_SKB_LOST;
	ts->lost_out += seq_len(skb);
}

/**
 * tern_rtx_mark_retrans - it was sent again, just now
 * @ts: socket
 * @skb: segment in the queue
 */
void tern_rtx_mark_retrans(struct tern_sock *ts, struct sk_buff *skb)
{
	if (!(TERN_CB(skb)->mark & TERN_SKB_RETRANS))
		ts->retrans_out += seq_len(skb);
	TERN_CB(skb)->mark |= TERN_SKB_RETRANS | TERN_SKB_EVER_RETRANS;
	list_move_tail(&skb->tcp_tsorted_anchor, &ts->sent_order);
}

/**
 * tern_rtx_unmark - take marks back
 * @ts: socket
 * @skb: segment in the queue
 * @marks: TERN_SKB_* to clear; those that are not set do not matter
 */
void tern_rtx_unmark(struct tern_sock *ts, struct sk_buff *skb, u8 marks)
{
	marks &= TERN_CB(skb)->mark;
	if (marks & TERN_SKB_SACKED)
		ts->sacked_out -= seq_len(skb);
	if (marks & TERN_SKB_LOST)
		ts->lost_out -= seq_len(skb);
	if (marks & TERN_SKB_RETRANS)
		ts->retrans_out -= seq_len(skb);
	TERN_CB(skb)->mark &= ~marks;
}
