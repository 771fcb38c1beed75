// SPDX-License-Identifier: GPL-2.0
/*
 * Room for a segment that has arrived. It is charged to its socket, whose
 * limit is the receive buffer, and to all sockets together, whose limit is
 * net.tern.mem. Where there is no room, the queues are made smaller before
 * anything is dropped: what costs much more than it carries is copied into few
 * segments (collapsed). Only then segments out of order are dropped, from the
 * highest sequence number down and no more than is needed (pruned): the sender
 * still has them (RFC 2018, section 8). A little in order is always taken.
 *
 * Called with the socket locked, from softirq or from the backlog.
 */
#include <net/sock.h>

#include "compat.h"
#include "output.h"
#include "rcvmem.h"
#include "rcvqueue.h"
#include "sock.h"

#define DENSE_MAX	SKB_MAX_ORDER(0, 0)	/* payload that fits into a page */

/* half of the buffer is offered as window, so this one takes others' room */
static bool is_sparse(const struct sk_buff *skb)
{
	return skb->truesize > 2 * skb->len;
}

static u32 payload_end(const struct sk_buff *skb)
{
	return TERN_CB(skb)->seq + skb->len;
}

/**
 * struct run - sparse segments without a gap between them
 * @first: of the run
 * @behind: the one after its last, or the list's head
 * @seq: of its first byte that was not read
 * @len: bytes
 * @truesize: what it costs
 * @fin: FIN comes after it
 */
struct run {
	struct sk_buff *first;
	struct sk_buff *behind;
	u32 seq;
	u32 len;
	u32 truesize;
	bool fin;
};

static void find_run(struct run *run, struct sk_buff_head *list, struct sk_buff *first, u32 read)
{
	struct sk_buff *skb = first;
	u32 end = seq_max(TERN_CB(first)->seq, read);

	*run = (struct run){ .first = first, .seq = end };
	skb_queue_walk_from(list, skb) {
		end = seq_max(end, payload_end(skb));
		if (run->fin || !is_sparse(skb) || end - run->seq > DENSE_MAX ||
		    seq_after(TERN_CB(skb)->seq, run->seq + run->len))
			break;
		run->len = end - run->seq;
		run->truesize += skb->truesize;
		run->fin = TERN_CB(skb)->flags & TERN_FIN;
	}
	run->behind = skb;
}

static void copy_run(struct sk_buff *dense, const struct run *run)
{
	struct sk_buff *skb;
	u32 skip;

	*TERN_CB(dense) = *TERN_CB(run->first);
	TERN_CB(dense)->seq = run->seq;
	TERN_CB(dense)->end_seq = run->seq + run->len + run->fin;
	for (skb = run->first; skb != run->behind; skb = skb->next) {
		TERN_CB(dense)->flags |= TERN_CB(skb)->flags;
		skip = run->seq + dense->len - TERN_CB(skb)->seq;
		if (skip < skb->len)
			skb_copy_bits(skb, skip, skb_put(dense, skb->len - skip), skb->len - skip);
	}
}

/* the list is ordered by sequence number; without memory some of it stays as it is */
static void collapse(struct sock *sk, struct sk_buff_head *list)
{
	struct sk_buff *skb = list->next, *dense, *next;
	struct run run;

	for (; skb != (struct sk_buff *)list; skb = run.behind) {
		find_run(&run, list, skb, tern_sk(sk)->copied_seq);
		if (run.behind == skb)
			run.behind = skb->next;
		if (run.truesize < 2 * SKB_TRUESIZE(run.len))
			continue;
		dense = alloc_skb(run.len, GFP_ATOMIC | __GFP_NOWARN);
		if (!dense)
			return;
		copy_run(dense, &run);
		/* charged before the others are freed: they give back what this one takes */
		skb_set_owner_r(dense, sk);
		__skb_queue_before(list, skb, dense);
		for (; skb != run.behind; skb = next) {
			next = skb->next;
			__skb_unlink(skb, list);
			consume_skb(skb);
			tern_mib_inc(sock_net(sk), RcvCollapsed);
		}
	}
}

static void collapse_ofo(struct sock *sk)
{
	struct rb_root *tree = &tern_sk(sk)->ofo_queue;
	struct rb_node *last = NULL;
	struct sk_buff_head list;
	struct sk_buff *skb;

	__skb_queue_head_init(&list);
	while ((skb = skb_rb_first(tree))) {
		rb_erase(&skb->rbnode, tree);
		__skb_queue_tail(&list, skb);
	}
	collapse(sk, &list);
	while ((skb = __skb_dequeue(&list))) {
		rb_link_node(&skb->rbnode, last, last ? &last->rb_right : &tree->rb_node);
		rb_insert_color(&skb->rbnode, tree);
		last = &skb->rbnode;
	}
}

/* not for each segment of a flood: an eighth of what is there must be new */
static void collapse_queues(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (8 * ts->rcv_charged < atomic_read(&sk->sk_rmem_alloc))
		return;
	ts->rcv_charged = 0;
	collapse_ofo(sk);
	collapse(sk, &sk->sk_receive_queue);
}

static bool fits(struct sock *sk, struct sk_buff *skb, int limit)
{
	return atomic_read(&sk->sk_rmem_alloc) <= limit &&
	       sk_rmem_schedule(sk, skb, skb->truesize);
}

/* make room for skb by what lies above it; returns whether there is enough */
static bool prune_ofo(struct sock *sk, struct sk_buff *skb, int limit)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *last = skb_rb_last(&ts->ofo_queue);
	bool pruned = false, enough;

	while (!(enough = fits(sk, skb, limit)) && last &&
	       seq_after(TERN_CB(last)->seq, TERN_CB(skb)->seq)) {
		rb_erase(&last->rbnode, &ts->ofo_queue);
		kfree_skb(last);
		pruned = true;
		last = skb_rb_last(&ts->ofo_queue);
	}
	if (pruned) {
		tern_mib_inc(sock_net(sk), OFOPruned);
		tern_sack_cut(ts, last ? TERN_CB(last)->end_seq : ts->rcv_nxt);
	}
	return enough;
}

/*
 * Whatever others hold, a little in order is taken, so that a connection crawls
 * on. sk_forward_alloc goes below zero by it, and what the program reads brings
 * it back.
 */
static bool is_granted(const struct sock *sk, const struct sk_buff *skb)
{
	return !skb->len ||
	       payload_end(skb) - tern_sk(sk)->copied_seq <= tern_granted_window(sk);
}

/**
 * tern_rcv_make_room - may a segment be queued? Make room for it
 * @sk: socket
 * @skb: segment with payload or FIN, header pulled, charged to nobody
 *
 * What is in order was promised a place, whatever carries it: up to twice the
 * buffer, which is four times the window.
 *
 * Return: whether it may be charged to the socket.
 */
bool tern_rcv_make_room(struct sock *sk, struct sk_buff *skb)
{
	bool in_order = !seq_after(TERN_CB(skb)->seq, tern_sk(sk)->rcv_nxt);
	int limit = READ_ONCE(sk->sk_rcvbuf);

	if (in_order)
		limit = 2 * min(limit, INT_MAX / 2);
	if (likely(fits(sk, skb, limit)))
		return true;
	tern_mib_inc(sock_net(sk), PruneCalled);
	collapse_queues(sk);
	if (prune_ofo(sk, skb, limit) || (in_order && is_granted(sk, skb)))
		return true;
	if (atomic_read(&sk->sk_rmem_alloc) > limit)
		tern_mib_inc(sock_net(sk), RcvPruned);
	if (in_order)
		tern_mib_inc(sock_net(sk), RcvQDrop);
	else
		tern_mib_inc(sock_net(sk), OFODrop);
	return false;
}
