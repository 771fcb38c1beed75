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

#include "handshake.h"
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

/* it has left the table by our hand */
static void tw_unhashed(struct tern_tw *tw, enum tern_event event)
{
	tern_transition(&tw->conn.flow, TCP_TIME_WAIT, event);
	tern_port_release(&tw->bind);
	atomic_dec(&tern_net(tw->conn.net)->nr_tw);
	smp_mb();	/* with tw_restart(): either sees what the other did */
	if (timer_delete(&tw->timer))
		tern_tw_put(tw);
	tern_tw_put(tw);	/* the table's */
}

/* returns whether it was ours to end */
static bool tw_end(struct tern_tw *tw, enum tern_event event)
{
	if (!tern_conn_unhash(&tw->conn))
		return false;
	tw_unhashed(tw, event);
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

	refcount_inc(&tw->conn.ref);	/* before the timer has it to give back */
	if (mod_timer(&tw->timer, jiffies + delay))
		tern_tw_put(tw);
	smp_mb();	/* with tw_unhashed(), as there */
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
	atomic64_set(&tw->conn.cookie, atomic64_read(&sk->sk_cookie));
	timer_setup(&tw->timer, tw_timer, TIMER_PINNED);
	tw->snd_nxt = ts->snd_nxt;
	tw->rcv_nxt = ts->rcv_nxt;
	tw->rcv_wnd = tern_receive_window(ts);
	tw->local_tag = ts->local_tag;
	tw->peer_tag = ts->peer_tag;
	tw->ts_recent = ts->ts_recent;
	tw->ts_recent_stamp = ts->ts_recent_stamp;
	tw->ts_off = ts->ts_off;
	tw->tsval = tern_tsval(ts);
	tw->challenge_stamp = 0;
	tw->dup_ack_stamp = 0;
	tw->mark = READ_ONCE(sk->sk_mark);
	tw->tos = tern_reply_tos(sk, ts->ip);
	tw->family = sk->sk_family;
	tw->transparent = inet_sk_flowi_flags(sk) & FLOWI_FLAG_ANYSRC;
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

static u32 tw_clock(const struct tern_tw *tw)
{
	return tern_clock_us() + tw->ts_off;
}

/**
 * tern_tw_may_be_reused - may a connection from this side take its place?
 * @conn: entry of the connection table
 *
 * If all that was sent has an older clock, the peer can tell old from new
 * (RFC 6191, section 2): the clock goes on from one connection to the next, but
 * must have moved. What the peer had sent has the wrong tag.
 *
 * Context: under the lock of its chain. Return: whether it is in TIME_WAIT and
 * that is proven.
 */
bool tern_tw_may_be_reused(const struct tern_conn *conn)
{
	const struct tern_tw *tw = container_of(conn, struct tern_tw, conn);

	return conn->kind == TERN_CONN_TW && seq_after(tw_clock(tw), READ_ONCE(tw->tsval));
}

/* behind all that the connection has sent (RFC 9293, 3.6.1) */
static u32 next_isn(const struct tern_tw *tw)
{
	u32 isn = tern_isn(&tw->conn.flow);

	return seq_after(isn, tw->snd_nxt) ? isn : tw->snd_nxt + U16_MAX;
}

/**
 * tern_tw_succeed - end an object whose place connect() has taken
 * @tw: object, out of the table by tern_conn_hash()
 *
 * Return: initial sequence number of the new connection.
 */
u32 tern_tw_succeed(struct tern_tw *tw)
{
	u32 isn = next_isn(tw);

	tern_mib_inc(tw->conn.net, TWRecycled);
	tw_unhashed(tw, TERN_EV_OPEN_ACTIVE);
	return isn;
}

static void send_ack(struct tern_tw *tw)
{
	struct tern_reply reply = {
		.flow = tw->conn.flow,
		.oif = tw->conn.dev,
		.mark = tw->mark,
		.tos = tw->tos,
		.transparent = tw->transparent,
	};
	struct tern_fields fields = {
		.seq = tw->snd_nxt,
		.ack = tw->rcv_nxt,
		.window = tw->rcv_wnd,
		.tag = tw->peer_tag,
		.tsval = tw_clock(tw),
		.tsecr = READ_ONCE(tw->ts_recent),
		.flags = TERN_ACK,
	};

	WRITE_ONCE(tw->tsval, fields.tsval);
	tern_reply_send(tw->conn.net, &reply, &fields);
}

/* to a segment that is not acceptable; see tern_send_dup_ack() */
static void send_dup_ack(struct tern_tw *tw, bool bare)
{
	if (bare && !tern_not_lately(&tw->dup_ack_stamp))
		return;
	tern_mib_inc(tw->conn.net, DupACKsSent);
	send_ack(tw);
}

static void send_challenge_ack(struct tern_tw *tw)
{
	if (!tern_not_lately(&tw->challenge_stamp) || !tern_challenge_allowed(tw->conn.net))
		return;
	tern_mib_inc(tw->conn.net, ChallengeACKs);
	send_ack(tw);
}

static bool is_older(const struct tern_tw *tw, const struct tern_skb_cb *cb)
{
	return tern_ts_is_older(cb->tsval, READ_ONCE(tw->ts_recent),
				READ_ONCE(tw->ts_recent_stamp));
}

static bool in_window(const struct tern_tw *tw, const struct tern_skb_cb *cb)
{
	return !seq_before(cb->end_seq, tw->rcv_nxt) &&
	       !seq_after(cb->seq, tw->rcv_nxt + tw->rcv_wnd);
}

/* a SYN that no segment of the old connection can be mistaken for (RFC 6191) */
static bool is_new_connection(const struct tern_tw *tw, const struct tern_skb_cb *cb,
			      const struct tern_options *opts)
{
	return (cb->flags & (TERN_SYN | TERN_ACK | TERN_RST | TERN_FIN)) == TERN_SYN &&
	       !cb->tag && opts->tag && !is_older(tw, cb) &&
	       (seq_after(cb->tsval, READ_ONCE(tw->ts_recent)) ||
		seq_after(cb->seq, tw->rcv_nxt));
}

static bool somebody_listens(const struct tern_tw *tw, struct sk_buff *skb)
{
	struct sock *sk = tern_listener_lookup(tw->conn.net, &tw->conn.flow, skb);

	if (sk)
		sock_put(sk);
	return sk;
}

/* as acceptable() in input.c; there is no socket whose lock could be held */
static bool acceptable(struct tern_tw *tw, const struct tern_skb_cb *cb)
{
	bool rst = cb->flags & TERN_RST, bare = cb->seq == cb->end_seq;
	struct net *net = tw->conn.net;

	if (cb->tag != tw->local_tag && !(rst && cb->tag == tw->peer_tag)) {
		if (cb->flags & TERN_SYN && !(cb->flags & TERN_ACK) && !cb->tag)
			send_challenge_ack(tw);
		else
			tern_mib_inc(net, InTagErrs);
		return false;
	}
	if (!rst && is_older(tw, cb)) {
		tern_mib_inc(net, PAWSDrops);
		send_dup_ack(tw, bare);
		return false;
	}
	if (!in_window(tw, cb)) {
		tern_mib_inc(net, OutOfWindow);
		if (cb->flags & TERN_SYN && !rst)
			send_challenge_ack(tw);
		else if (!rst)
			send_dup_ack(tw, bare);
		return false;
	}
	if (rst && cb->seq == tw->rcv_nxt) {
		if (tw_end(tw, TERN_EV_RCV_RST))
			tern_mib_inc(net, TWKilled);
		return false;
	}
	if (cb->flags & (TERN_RST | TERN_SYN)) {
		send_challenge_ack(tw);
		return false;
	}
	return cb->flags & TERN_ACK;
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
	struct tern_skb_cb *cb = TERN_CB(skb);
	struct net *net = tw->conn.net;
	struct tern_options opts;

	if (tern_options_parse(skb_transport_header(skb) + TERN_HLEN_MIN,
			       cb->hdr_len - TERN_HLEN_MIN, &opts)) {
		tern_mib_inc(net, InHdrErrs);
		goto drop;
	}
	if (is_new_connection(tw, cb, &opts) && somebody_listens(tw, skb)) {
		cb->tw_isn = next_isn(tw);
		if (tw_end(tw, TERN_EV_RCV_SYN))
			tern_mib_inc(net, TWRecycled);
		return false;
	}
	if (!acceptable(tw, cb))
		goto drop;
	if (!seq_after(cb->seq, tw->rcv_nxt)) {
		WRITE_ONCE(tw->ts_recent, cb->tsval);
		WRITE_ONCE(tw->ts_recent_stamp, jiffies);
	}
	/* a FIN that comes again: our ACK of it was lost */
	if (cb->end_seq == tw->rcv_nxt && cb->flags & TERN_FIN)
		tw_restart(tw);
	if (cb->seq != cb->end_seq)
		send_ack(tw);
drop:
	kfree_skb(skb);
	return true;
}

/**
 * tern_tw_kill - end an object before its time
 * @tw: object, with a reference of the caller's
 */
void tern_tw_kill(struct tern_tw *tw)
{
	tw_end(tw, TERN_EV_TIMEOUT);
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
