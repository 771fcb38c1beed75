// SPDX-License-Identifier: GPL-2.0
/*
 * The passive side of the handshake. A SYN to a listener becomes a small
 * object in the connection table (RFC 4987: half-open costs no socket); the
 * ACK that completes the handshake replaces it by a socket in the listener's
 * accept queue. Here too: initial sequence numbers, tags and clock offsets.
 *
 * Runs in softirq without the listener's socket lock: its lists have a lock
 * of their own (struct tern_listener). Whoever takes the object out of the
 * table, and only that one, ends it.
 */
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <net/busy_poll.h>
#include <net/ip.h>

#include "ack.h"
#include "ecn.h"
#include "handshake.h"
#include "input.h"
#include "ip.h"
#include "output.h"
#include "sock.h"
#include "timer.h"

static siphash_key_t isn_key, ts_key;

/**
 * tern_handshake_init - draw the keys
 *
 * Context: module load.
 */
void __init tern_handshake_init(void)
{
	get_random_bytes(&isn_key, sizeof(isn_key));
	get_random_bytes(&ts_key, sizeof(ts_key));
}

/**
 * tern_new_tag - a verification tag
 *
 * Return: random, not 0.
 */
u32 tern_new_tag(void)
{
	return get_random_u32() ?: 1;
}

/**
 * tern_isn - initial sequence number (RFC 6528)
 * @flow: the connection
 *
 * Return: a keyed hash of the ends plus a clock of 4 microseconds.
 */
u32 tern_isn(const struct tern_flow *flow)
{
	return siphash(flow, offsetofend(struct tern_flow, rport), &isn_key) +
	       (u32)(ktime_get_ns() >> 12);
}

/**
 * tern_ts_offset - where the clock that a peer sees begins
 * @flow: the connection; ports do not count, so that the clock goes on from
 *	one connection to the next between the same hosts
 *
 * Return: microseconds.
 */
u32 tern_ts_offset(const struct tern_flow *flow)
{
	return siphash(flow, offsetof(struct tern_flow, lport), &ts_key);
}

/**
 * tern_syn_put - give a reference back
 * @syn: object
 */
void tern_syn_put(struct tern_syn *syn)
{
	if (!refcount_dec_and_test(&syn->conn.ref))
		return;
	sock_put(syn->listener);
	kfree_rcu(syn, rcu);
}

/* it has left the table by our hand: leave the listener and the timer too */
static void syn_unlink(struct tern_syn *syn)
{
	struct tern_listener *listen = &tern_sk(syn->listener)->listen;

	spin_lock_bh(&listen->lock);
	if (!list_empty(&syn->link)) {
		list_del_init(&syn->link);
		WRITE_ONCE(listen->nr_syn, listen->nr_syn - 1);
	}
	spin_unlock_bh(&listen->lock);
	smp_mb();	/* with syn_timer(): either sees what the other did */
	if (timer_delete(&syn->timer))
		tern_syn_put(syn);
	tern_syn_put(syn);		/* the table's */
}

/**
 * tern_syn_drop - end a half-open connection, unless somebody else just did
 * @syn: object, with a reference of the caller's
 * @event: what ends it, enum tern_event
 */
void tern_syn_drop(struct tern_syn *syn, int event)
{
	if (!tern_conn_unhash(&syn->conn))
		return;
	tern_transition(&syn->conn.flow, TCP_SYN_RECV, event);
	tern_mib_inc(syn->conn.net, AttemptFails);
	syn_unlink(syn);
}

static void reply_init(const struct tern_syn *syn, struct tern_reply *reply)
{
	*reply = (struct tern_reply){
		.flow = syn->conn.flow,
		.sk = syn->listener,
		.oif = syn->conn.dev,
		.mark = syn->mark,
		.tos = syn->tos,
	};
}

static u32 mtu_of(const struct tern_syn *syn)
{
	struct tern_reply reply;

	reply_init(syn, &reply);
	return tern_ip_of(&reply.flow.raddr)->reply_mtu(syn->conn.net, &reply);
}

static void send_syn_ack(struct tern_syn *syn)
{
	const struct tern_ip_ops *ip = tern_ip_of(&syn->conn.flow.raddr);
	u16 user_mss = tern_sk(syn->listener)->user_mss;
	struct tern_reply reply;
	struct tern_fields fields = {
		.seq = syn->iss,
		.ack = syn->irs + 1,
		.window = syn->rcv_wnd,
		.tag = syn->peer_tag,
		.tsval = tern_clock_us() + syn->ts_off,
		.tsecr = syn->ts_recent,
		.flags = TERN_SYN | TERN_ACK,
		.opts.tag = syn->local_tag,
	};
	u32 mtu = mtu_of(syn);

	if (!mtu)
		return;
	if (syn->ecn)
		fields.flags |= TERN_ECE;
	fields.opts.mss = clamp_t(u32, mtu - ip->header_len - TERN_HLEN_MIN, TERN_MSS_MIN,
				  user_mss ?: U16_MAX);
	reply_init(syn, &reply);
	tern_reply_send(syn->conn.net, &reply, &fields);
}

static void syn_timer(struct timer_list *timer)
{
	struct tern_syn *syn = timer_container_of(syn, timer, timer);
	struct sock *listener = syn->listener;
	u32 limit;

	if (!tern_conn_hashed(&syn->conn))
		goto put;
	limit = tern_sk(listener)->syn_retries ?:
		READ_ONCE(tern_net(syn->conn.net)->synack_retries);
	if (syn->acked)
		limit = max_t(u32, limit, tern_sk(listener)->defer_accept);
	if (inet_sk_state_load(listener) != TCP_LISTEN || syn->retrans >= limit) {
		tern_syn_drop(syn, TERN_EV_TIMEOUT);
		goto put;
	}
	syn->retrans++;
	/* one that only waits for data has our SYN-ACK, until it must wait no more */
	if (!syn->acked || syn->retrans >= tern_sk(listener)->defer_accept) {
		tern_mib_inc(syn->conn.net, RetransSegs);
		tern_mib_inc(syn->conn.net, SynRetrans);
		syn->resent++;
		send_syn_ack(syn);
	}
	/* RFC 6298, 5.5: twice as long each time */
	mod_timer(&syn->timer, jiffies + min(HZ << min_t(u8, syn->retrans, 7), 120 * HZ));
	/* unhashed meanwhile: its owner has not seen the timer pending, perhaps */
	smp_mb();	/* with syn_unlink(), as there */
	if (!tern_conn_hashed(&syn->conn) && timer_delete(&syn->timer))
		goto put;
	return;
put:
	tern_syn_put(syn);
}

static bool room_for_syn(struct sock *listener)
{
	struct net *net = sock_net(listener);

	if (sk_acceptq_is_full(listener)) {
		tern_mib_inc(net, ListenOverflows);
		tern_mib_inc(net, ListenDrops);
		return false;
	}
	if (READ_ONCE(tern_sk(listener)->listen.nr_syn) >=
	    READ_ONCE(tern_net(net)->max_syn_backlog)) {
		tern_mib_inc(net, SynDrops);
		tern_mib_inc(net, ListenDrops);
		return false;
	}
	return true;
}

/* when memory is short, no more than is granted to each (rcvmem.c) */
static u32 first_window(const struct sock *listener)
{
	u32 window = min_t(u32, READ_ONCE(listener->sk_rcvbuf) / 2,
			   tern_window_clamp(tern_sk(listener)));

	if (sk_under_memory_pressure(listener))
		window = min_t(u32, window, READ_ONCE(tern_net(sock_net(listener))->rmem[0]));
	return window;
}

static struct tern_syn *syn_create(struct sock *listener, struct sk_buff *skb,
				   const struct tern_options *opts, const struct tern_flow *flow)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	u32 mark = tern_reply_mark(sock_net(listener), skb);
	struct tern_syn *syn = kmalloc(sizeof(*syn), GFP_ATOMIC | __GFP_NOWARN);

	if (!syn)
		return NULL;
	tern_conn_init(&syn->conn, sock_net(listener), TERN_CONN_SYN);
	syn->conn.flow = *flow;
	syn->conn.dev = inet_request_bound_dev_if(listener, skb);
	if (!syn->conn.dev && ipv6_addr_type(&flow->raddr) & IPV6_ADDR_LINKLOCAL)
		syn->conn.dev = cb->iif;
	syn->listener = listener;
	sock_hold(listener);
	INIT_LIST_HEAD(&syn->link);
	timer_setup(&syn->timer, syn_timer, TIMER_PINNED);
	syn->iss = cb->tw_isn ?: tern_isn(flow);
	syn->irs = cb->seq;
	syn->local_tag = tern_new_tag();
	syn->peer_tag = opts->tag;
	syn->window = cb->window;
	syn->ts_recent = cb->tsval;
	syn->ts_off = tern_ts_offset(flow);
	syn->rcv_wnd = first_window(listener);
	syn->mark = sk_fullsock(listener) ? READ_ONCE(listener->sk_mark) ?: mark : 0;
	syn->peer_mss = max_t(u16, opts->mss ?: tern_ip_of(&flow->raddr)->mss_default,
			      TERN_MSS_MIN);
	syn->dup_ack_stamp = 0;
	syn->retrans = 0;
	syn->resent = 0;
	syn->acked = false;
	syn->ecn = tern_ecn_accepts(listener, cb->flags);
	syn->tos = tern_reply_tos(listener, tern_ip_of(&flow->raddr));
	return syn;
}

/*
 * Into the table and the listener's list, as one step: whoever finds it in the
 * table and ends it then waits in syn_unlink() for the lock. False when the
 * listener has closed, or another CPU took the same SYN.
 */
static bool syn_link(struct tern_syn *syn)
{
	struct tern_listener *listen = &tern_sk(syn->listener)->listen;
	bool linked;

	spin_lock_bh(&listen->lock);
	linked = inet_sk_state_load(syn->listener) == TCP_LISTEN &&
		 !tern_conn_hash(&syn->conn, NULL);
	if (linked) {
		list_add_tail(&syn->link, &listen->syn_list);
		WRITE_ONCE(listen->nr_syn, listen->nr_syn + 1);
	}
	spin_unlock_bh(&listen->lock);
	return linked;
}

/**
 * tern_listen_rcv - a segment for a listener (RFC 9293, 3.10.7.2)
 * @listener: socket; not locked
 * @skb: segment; stays the caller's
 * @flow: its ends, seen from here
 *
 * Context: softirq, RCU.
 */
void tern_listen_rcv(struct sock *listener, struct sk_buff *skb, const struct tern_flow *flow)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct net *net = sock_net(listener);
	struct tern_options opts;
	struct tern_syn *syn;

	if (cb->flags & TERN_RST)
		return;
	/* nobody connects to a listener from the listener's own address and port */
	if (flow->lport == flow->rport && ipv6_addr_equal(&flow->laddr, &flow->raddr)) {
		tern_mib_inc(net, InErrs);
		return;
	}
	if (cb->flags & TERN_ACK) {
		tern_reply_reset(net, skb, flow);
		return;
	}
	if (!(cb->flags & TERN_SYN) || cb->flags & TERN_FIN || cb->tag ||
	    tern_options_parse(skb_transport_header(skb) + TERN_HLEN_MIN,
			       cb->hdr_len - TERN_HLEN_MIN, &opts) || !opts.tag) {
		tern_mib_inc(net, InHdrErrs);
		return;
	}
	if (!room_for_syn(listener))
		return;
	syn = syn_create(listener, skb, &opts, flow);
	if (!syn) {
		tern_mib_inc(net, NoMemory);
		return;
	}
	/* the reference of creation becomes the table's */
	refcount_inc(&syn->conn.ref);
	if (!syn_link(syn)) {
		/* closed since it was looked up: nobody listens there */
		if (inet_sk_state_load(listener) != TCP_LISTEN)
			tern_reply_reset(net, skb, flow);
		tern_syn_put(syn);
		goto put;
	}
	tern_transition(flow, TCP_LISTEN, TERN_EV_RCV_SYN);
	refcount_inc(&syn->conn.ref);
	mod_timer(&syn->timer, jiffies + HZ);	/* RFC 6298, 2.1 */
	send_syn_ack(syn);
put:
	tern_syn_put(syn);
}

/* the listener's copy becomes a socket of its own; returned locked */
static struct sock *child_create(struct tern_syn *syn, const struct sk_buff *skb)
{
	struct sock *listener = syn->listener;
	const struct tern_ip_ops *ip = tern_ip_of(&syn->conn.flow.raddr);
	struct sock *sk = sk_clone_lock(listener, GFP_ATOMIC);
	struct inet_sock *inet;
	struct tern_sock *ts;

	if (!sk)
		return NULL;
	ts = tern_sk(sk);
	inet = inet_sk(sk);
	tern_init_child(sk);
	ts->ip = ip;
	atomic64_set(&sk->sk_cookie, atomic64_read(&syn->conn.cookie));
	inet->inet_num = ntohs(syn->conn.flow.lport);
	inet->inet_sport = syn->conn.flow.lport;
	inet->inet_dport = syn->conn.flow.rport;
	sk->sk_bound_dev_if = syn->conn.dev;
	WRITE_ONCE(sk->sk_mark, syn->mark);
	ip->child(sk, &syn->conn.flow, skb);

	ts->iss = syn->iss;
	ts->snd_una = syn->iss;
	ts->snd_nxt = syn->iss + 1;
	ts->write_seq = ts->snd_nxt;
	ts->irs = syn->irs;
	ts->rcv_nxt = syn->irs + 1;
	ts->rcv_wup = ts->rcv_nxt;
	ts->copied_seq = ts->rcv_nxt;
	ts->rcv_wnd = syn->rcv_wnd;
	ts->snd_wnd = syn->window;
	ts->snd_wl1 = syn->irs;
	ts->max_window = syn->window;
	ts->local_tag = syn->local_tag;
	ts->peer_tag = syn->peer_tag;
	ts->peer_mss = syn->peer_mss;
	ts->ts_off = syn->ts_off;
	ts->ts_recent = syn->ts_recent;
	ts->ts_recent_stamp = jiffies;
	ts->ecn_ok = syn->ecn;
	ts->stats.total_retrans = syn->resent;
	ts->stats.timeouts = syn->resent;
	ts->stats.timeout_series = !!syn->resent;
	sk->sk_state = TCP_SYN_RECV;	/* a new socket, no transition */
	if (ip->route(sk)) {
		__acquire(&sk->sk_lock.slock);	/* by sk_clone_lock() */
		tern_free_child(sk);
		return NULL;
	}
	tern_sync_mss(sk);
	sk_set_txhash(sk);
	sk_mark_napi_id_set(sk, skb);
	return sk;
}

/* returns false when the listener has closed meanwhile */
static bool accept_queue_add(struct sock *listener, struct sock *sk)
{
	struct tern_listener *listen = &tern_sk(listener)->listen;
	bool listening;

	spin_lock_bh(&listen->lock);
	listening = inet_sk_state_load(listener) == TCP_LISTEN;
	if (listening) {
		list_add_tail(&tern_sk(sk)->accept_link, &listen->accept_list);
		sk_acceptq_added(listener);
	}
	spin_unlock_bh(&listen->lock);
	return listening;
}

/* returns false when another CPU was faster: the segment is for what it made */
static bool complete_handshake(struct tern_syn *syn, struct sk_buff *skb)
{
	struct sock *listener = syn->listener, *sk;
	struct net *net = syn->conn.net;

	if (sk_acceptq_is_full(listener)) {
		/* as if the ACK were lost: our SYN-ACK, sent again, gives another chance */
		tern_mib_inc(net, ListenOverflows);
		goto drop;
	}
	sk = child_create(syn, skb);
	if (!sk)
		goto drop;
	__acquire(&sk->sk_lock.slock);	/* by sk_clone_lock() */
	if (tern_port_inherit(listener, sk)) {
		tern_free_child(sk);
		goto drop;
	}
	if (!tern_conn_replace(&syn->conn, &tern_sk(sk)->conn)) {
		tern_free_child(sk);
		return false;
	}
	syn_unlink(syn);
	tern_mib_inc(net, PassiveOpens);
	skb_dst_drop(skb);
	tern_rcv_established(sk, skb);
	/* a RST or FIN may have come with the ACK: accept() gets it all the same */
	if (!accept_queue_add(listener, sk)) {
		tern_abandon_child(sk);
		return true;
	}
	bh_unlock_sock(sk);
	listener->sk_data_ready(listener);
	sock_put(sk);
	return true;
drop:
	tern_mib_inc(net, ListenDrops);
	kfree_skb(skb);
	return true;
}

static bool seq_acceptable(const struct tern_syn *syn, const struct tern_skb_cb *cb)
{
	return !seq_before(cb->end_seq, syn->irs + 1) &&
	       !seq_after(cb->seq, syn->irs + 1 + syn->rcv_wnd);
}

/* TCP_DEFER_ACCEPT: a bare ACK is not news enough, for a while */
static bool want_to_wait(const struct tern_syn *syn, const struct tern_skb_cb *cb)
{
	return tern_sk(syn->listener)->defer_accept > syn->retrans &&
	       cb->end_seq == syn->irs + 1;
}

/**
 * tern_syn_rcv - a segment for a half-open connection (RFC 9293, 3.10.7.4)
 * @syn: object, with a reference of the caller's
 * @skb: segment; consumed if true is returned
 *
 * Context: softirq, RCU. Return: false when the object is no more and the
 * segment must be looked up again.
 */
bool tern_syn_rcv(struct tern_syn *syn, struct sk_buff *skb)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct net *net = syn->conn.net;
	bool rst = cb->flags & TERN_RST;
	struct tern_options opts;

	if (inet_sk_state_load(syn->listener) != TCP_LISTEN) {
		tern_syn_drop(syn, TERN_EV_ABORT);
		return false;
	}
	/*
	 * The SYN again: our SYN-ACK was lost. If it is another one, the peer has
	 * forgotten the first, and will answer by a RST that makes room for this one.
	 */
	if (cb->flags & TERN_SYN && !(cb->flags & (TERN_ACK | TERN_RST)) && !cb->tag) {
		if (cb->seq == syn->irs)
			WRITE_ONCE(syn->ts_recent, cb->tsval);	/* what the SYN-ACK echoes */
		if (cb->seq == syn->irs || tern_not_lately(&syn->dup_ack_stamp))
			send_syn_ack(syn);
		goto drop;
	}
	if (cb->tag != syn->local_tag && !(rst && cb->tag == syn->peer_tag)) {
		tern_mib_inc(net, InTagErrs);
		goto drop;
	}
	if (!rst && seq_before(cb->tsval, syn->ts_recent)) {
		tern_mib_inc(net, PAWSDrops);
		goto drop;
	}
	if (!seq_acceptable(syn, cb)) {
		tern_mib_inc(net, OutOfWindow);
		if (!rst)
			send_syn_ack(syn);
		goto drop;
	}
	if (rst) {
		if (cb->seq == syn->irs + 1)
			tern_syn_drop(syn, TERN_EV_RCV_RST);
		goto drop;
	}
	if (!(cb->flags & TERN_ACK) || cb->flags & TERN_SYN)
		goto drop;
	if (cb->ack != syn->iss + 1) {
		tern_reply_reset(net, skb, &syn->conn.flow);
		goto drop;
	}
	if (tern_options_parse(skb_transport_header(skb) + TERN_HLEN_MIN,
			       cb->hdr_len - TERN_HLEN_MIN, &opts)) {
		tern_mib_inc(net, InHdrErrs);
		goto drop;
	}
	if (want_to_wait(syn, cb)) {
		syn->acked = true;
		goto drop;
	}
	return complete_handshake(syn, skb);
drop:
	kfree_skb(skb);
	return true;
}

/**
 * tern_syn_icmp - the SYN-ACK did not get through
 * @syn: object, with a reference of the caller's
 * @seq: sequence number that the error quotes
 */
void tern_syn_icmp(struct tern_syn *syn, u32 seq)
{
	if (seq == syn->iss)
		tern_syn_drop(syn, TERN_EV_ICMP_ERROR);
	else
		tern_mib_inc(syn->conn.net, IcmpIgnored);
}
