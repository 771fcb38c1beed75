// SPDX-License-Identifier: GPL-2.0
/*
 * TIME_WAIT: the end that closed first keeps answering for 2 MSL, as a small
 * object in the place of the socket. It holds the port, answers a FIN that
 * comes again, and stands down for a new connection that is clearly newer.
 *
 * Objects live in the connection table and are reference counted; the one who
 * takes an object out of the table ends it.
 */
#include <linux/slab.h>
#include <net/sock.h>

#include "ip.h"
#include "output.h"
#include "sock.h"
#include "timewait.h"

/**
 * tern_tw_put - give a reference back
 * @tw: object
 */
void tern_tw_put(struct tern_tw *tw)
{
	if (refcount_dec_and_test(&tw->conn.ref))
		kfree_rcu(tw, rcu);
}

/* returns whether it was ours to end */
static bool tw_end(struct tern_tw *tw, enum tern_event event)
{
	if (!tern_conn_unhash(&tw->conn))
		return false;
	tern_transition(&tw->conn.flow, TCP_TIME_WAIT, event);
	tern_port_release(&tw->bind);
	atomic_dec(&tern_net(tw->conn.net)->nr_tw);
	smp_mb();	/* with tw_restart(): either sees what the other did */
	if (timer_delete(&tw->timer))
		tern_tw_put(tw);
	tern_tw_put(tw);	/* the table's */
	return true;
}

static void tw_timer(struct timer_list *timer)
{
	struct tern_tw *tw = timer_container_of(tw, timer, timer);

	tw_end(tw, TERN_EV_TIMEOUT);
	tern_tw_put(tw);
}

static void tw_restart(struct tern_tw *tw)
{
	unsigned long delay = READ_ONCE(tern_net(tw->conn.net)->timewait) * HZ;

	if (!mod_timer(&tw->timer, jiffies + delay))
		refcount_inc(&tw->conn.ref);
	smp_mb();	/* with tw_end(), as there */
	if (!tern_conn_hashed(&tw->conn) && timer_delete(&tw->timer))
		tern_tw_put(tw);
}

static struct tern_tw *tw_create(struct sock *sk)
{
	struct tern_net *tn = tern_net(sock_net(sk));
	const struct tern_sock *ts = tern_sk(sk);
	struct tern_tw *tw;

	if (atomic_inc_return(&tn->nr_tw) > READ_ONCE(tn->max_tw_buckets)) {
		tern_mib_inc(sock_net(sk), TWOverflow);
		goto fail;
	}
	tw = kmalloc(sizeof(*tw), GFP_ATOMIC | __GFP_NOWARN);
	if (!tw)
		goto fail;
	tern_conn_init(&tw->conn, sock_net(sk), TERN_CONN_TW);
	timer_setup(&tw->timer, tw_timer, TIMER_PINNED);
	tw->snd_nxt = ts->snd_nxt;
	tw->rcv_nxt = ts->rcv_nxt;
	tw->rcv_wnd = tern_receive_window(ts);
	tw->local_tag = ts->local_tag;
	tw->peer_tag = ts->peer_tag;
	tw->ts_recent = ts->ts_recent;
	tw->ts_off = ts->ts_off;
	tw->mark = READ_ONCE(sk->sk_mark);
	tw->tos = tern_reply_tos(sk, ts->ip);
	return tw;
fail:
	atomic_dec(&tn->nr_tw);
	return NULL;
}

/**
 * tern_time_wait - replace a socket by a TIME_WAIT object
 * @sk: socket, locked, whose last event led to TIME_WAIT
 *
 * The socket is CLOSED afterwards, and freed if no program holds it. Without
 * memory, or with too many objects, the connection ends at once: an old
 * segment may then be answered by a RST.
 */
void tern_time_wait(struct sock *sk)
{
	struct tern_tw *tw = tw_create(sk);

	if (tw) {
		tern_port_to_timewait(sk, &tw->bind);
		refcount_inc(&tw->conn.ref);		/* ours, over the table's */
		if (tern_conn_replace(&tern_sk(sk)->conn, &tw->conn)) {
			tern_mib_inc(sock_net(sk), TWs);
			tw_restart(tw);
		} else {				/* disconnect() took it out */
			tern_port_release(&tw->bind);
			atomic_dec(&tern_net(sock_net(sk))->nr_tw);
			tern_tw_put(tw);
		}
		tern_tw_put(tw);
	}
	tern_finish(sk);
}

static void send_ack(struct tern_tw *tw)
{
	struct tern_reply reply = {
		.flow = tw->conn.flow,
		.oif = tw->conn.dev,
		.mark = tw->mark,
		.tos = tw->tos,
	};
	struct tern_fields fields = {
		.seq = tw->snd_nxt,
		.ack = tw->rcv_nxt,
		.window = tw->rcv_wnd,
		.tag = tw->peer_tag,
		.tsval = tern_clock_us() + tw->ts_off,
		.tsecr = tw->ts_recent,
		.flags = TERN_ACK,
	};

	tern_reply_send(tw->conn.net, &reply, &fields);
}

/* a SYN that no segment of the old connection can be mistaken for (RFC 6191) */
static bool is_new_connection(const struct tern_tw *tw, const struct tern_skb_cb *cb)
{
	return cb->flags & TERN_SYN && !(cb->flags & (TERN_ACK | TERN_RST)) && !cb->tag &&
	       (seq_after(cb->tsval, tw->ts_recent) || seq_after(cb->seq, tw->rcv_nxt));
}

/**
 * tern_tw_rcv - a segment for a connection in TIME_WAIT (RFC 9293, 3.10.7.4)
 * @tw: object, with a reference of the caller's
 * @skb: segment; consumed if true is returned
 *
 * Context: softirq, RCU. Return: false when the object has stood down and the
 * segment must be looked up again.
 */
bool tern_tw_rcv(struct tern_tw *tw, struct sk_buff *skb)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct net *net = tw->conn.net;
	bool rst = cb->flags & TERN_RST;

	if (is_new_connection(tw, cb)) {
		if (tw_end(tw, TERN_EV_RCV_SYN))
			tern_mib_inc(net, TWRecycled);
		return false;
	}
	if (cb->flags & TERN_SYN && !rst) {
		if (tern_challenge_allowed(net)) {
			tern_mib_inc(net, ChallengeACKs);
			send_ack(tw);
		}
		goto drop;
	}
	if (cb->tag != tw->local_tag && !(rst && cb->tag == tw->peer_tag)) {
		tern_mib_inc(net, InTagErrs);
		goto drop;
	}
	if (rst) {
		if (cb->seq == tw->rcv_nxt && tw_end(tw, TERN_EV_RCV_RST))
			tern_mib_inc(net, TWKilled);
		goto drop;
	}
	/* a FIN that comes again: our ACK of it was lost */
	if (cb->end_seq == tw->rcv_nxt && cb->flags & TERN_FIN)
		tw_restart(tw);
	else if (cb->seq == cb->end_seq &&
		 (cb->seq == tw->rcv_nxt || !tern_challenge_allowed(net)))
		goto drop;
	send_ack(tw);
drop:
	kfree_skb(skb);
	return true;
}

static void purge_one(struct tern_conn *conn, void *net)
{
	if (conn->kind == TERN_CONN_TW && conn->net == net)
		tw_end(tern_conn_tw(conn), TERN_EV_TIMEOUT);
}

/**
 * tern_timewait_purge - end all TIME_WAIT objects of a namespace that goes away
 * @net: namespace, without packets any more
 */
void tern_timewait_purge(struct net *net)
{
	tern_conn_for_each(purge_one, net);
}
