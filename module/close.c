// SPDX-License-Identifier: GPL-2.0
/*
 * The ways a socket ends: close(), shutdown(), disconnect, errors, and what
 * becomes of a connection when its program, its listener or its namespace
 * goes away.
 *
 * Two things must both have happened before a socket is freed: the program
 * has let go (SOCK_DEAD) and the state is CLOSED. Whichever comes second
 * calls destroy().
 */
#include <linux/sock_diag.h>
#include <net/inet_common.h>
#include <net/sock.h>
#include <net/xfrm.h>

#include "ack.h"
#include "handshake.h"
#include "ip.h"
#include "output.h"
#include "rcvqueue.h"
#include "recovery.h"
#include "sock.h"
#include "timer.h"
#include "timewait.h"

/* a socket that no program holds and no table has */
static void dispose_of(struct sock *sk)
{
	WARN_ON_ONCE(sk->sk_state != TCP_CLOSE);
	WARN_ON_ONCE(!sock_flag(sk, SOCK_DEAD));
	sk->sk_prot->destroy(sk);
	sk_stream_kill_queues(sk);
	xfrm_sk_free_policy(sk);
	sock_put(sk);
}

static void destroy(struct sock *sk)
{
	tern_notify_end(sk);
	dispose_of(sk);
}

/**
 * tern_leave_tables - nobody finds the socket by its addresses any more
 * @sk: socket, locked
 *
 * The port stays with the socket if the program asked for that port.
 */
void tern_leave_tables(struct sock *sk)
{
	sk->sk_prot->unhash(sk);
	if (!(sk->sk_userlocks & SOCK_BINDPORT_LOCK))
		tern_put_port(sk);
}

static void became_closed(struct sock *sk)
{
	tern_timers_clear(sk);
	sk->sk_shutdown = SHUTDOWN_MASK;
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk);
		return;
	}
	atomic_dec(&tern_net(sock_net(sk))->nr_orphans);
	destroy(sk);
}

/**
 * tern_done - the connection is over
 * @sk: socket, locked
 * @event: why; leads to CLOSED
 *
 * Frees the socket if no program holds it: the caller has a reference.
 */
void tern_done(struct sock *sk, enum tern_event event)
{
	tern_write_queue_purge(sk);
	tern_state_event(sk, event);
	became_closed(sk);
}

/**
 * tern_finish - the socket is over, its connection lives on in TIME_WAIT
 * @sk: socket, locked
 */
void tern_finish(struct sock *sk)
{
	tern_write_queue_purge(sk);
	tern_leave_tables(sk);
	inet_sk_set_state(sk, TCP_CLOSE);
	became_closed(sk);
}

/**
 * tern_abort - the connection is over by an error
 * @sk: socket, locked
 * @err: for SO_ERROR, positive
 * @event: leads to CLOSED
 */
void tern_abort(struct sock *sk, int err, enum tern_event event)
{
	bool dead = sock_flag(sk, SOCK_DEAD);

	WRITE_ONCE(sk->sk_err, err);
	tern_done(sk, event);
	if (!dead)
		sk_error_report(sk);
}

/**
 * tern_free_child - a new socket that could not be made a connection
 * @sk: from sk_clone_lock(), locked, in no table; freed
 */
void tern_free_child(struct sock *sk)
	__releases(&sk->sk_lock.slock)
{
	tern_put_port(sk);
	sk->sk_state = TCP_CLOSE;
	sock_set_flag(sk, SOCK_DEAD);
	bh_unlock_sock(sk);
	dispose_of(sk);		/* it never was a connection: nobody hears of its end */
	sock_put(sk);
}

/* states in which the peer does not know that all is over (RFC 9293, 3.10.5) */
static bool need_reset(int state)
{
	return (1 << state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT | TCPF_FIN_WAIT1 |
			       TCPF_FIN_WAIT2 | TCPF_SYN_RECV);
}

static int destroy_connection(struct sock *sk, int err)
{
	int old = sk->sk_state;

	if (old == TCP_CLOSE)
		return -ENOENT;
	if (need_reset(old))
		tern_send_reset(sk);
	tern_abort(sk, err, old == TCP_SYN_SENT ? TERN_EV_CLOSE : TERN_EV_ABORT);
	return 0;
}

/**
 * tern_diag_destroy - an administrator ends the socket (SOCK_DESTROY)
 * @sk: socket, not locked, with a reference of the caller's
 * @err: for SO_ERROR, positive
 *
 * Return: 0, or -ENOENT if it is CLOSED already.
 */
int tern_diag_destroy(struct sock *sk, int err)
{
	int ret = 0;

	lock_sock(sk);
	if (sk->sk_state == TCP_LISTEN) {
		tern_abort(sk, err, TERN_EV_CLOSE);
		tern_listen_stop(sk);
	} else {
		/* a listener that closes does not ask who owns a connection that waits */
		local_bh_disable();
		bh_lock_sock(sk);
		ret = destroy_connection(sk, err);
		bh_unlock_sock(sk);
		local_bh_enable();
	}
	release_sock(sk);
	return ret;
}

/**
 * tern_conn_kill - an administrator ends a connection in whatever form (diag.c)
 * @conn: entry, with a reference of the caller's
 *
 * Context: process. Return: 0, -EPERM, or -ENOENT if it has ended already.
 */
int tern_conn_kill(struct tern_conn *conn)
{
	if (conn->kind == TERN_CONN_SOCK)
		return sock_diag_destroy(tern_conn_sk(conn), ECONNABORTED);
	if (!ns_capable(conn->net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (conn->kind == TERN_CONN_SYN)
		tern_syn_drop(tern_conn_syn(conn), TERN_EV_ABORT);
	else
		tern_tw_kill(tern_conn_tw(conn));
	return 0;
}
EXPORT_SYMBOL_GPL(tern_conn_kill);

/**
 * tern_abandon_child - a connection that nobody will accept()
 * @sk: socket, locked in softirq manner, with a reference of the caller's;
 *	both are given back
 */
void tern_abandon_child(struct sock *sk)
	__releases(&sk->sk_lock.slock)
{
	sock_orphan(sk);
	atomic_inc(&tern_net(sock_net(sk))->nr_orphans);
	if (sk->sk_state == TCP_CLOSE) {
		became_closed(sk);
	} else {
		if (need_reset(sk->sk_state))
			tern_send_reset(sk);
		tern_done(sk, TERN_EV_ABORT);
	}
	bh_unlock_sock(sk);
	sock_put(sk);
}

static void reset_connection_state(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	__skb_queue_purge(&sk->sk_receive_queue);
	tern_ofo_purge(sk);
	tern_write_queue_purge(sk);
	ts->snd_wnd = 0;
	ts->ack_pending = false;
	ts->ack_now = false;
	ts->have_dsack = false;
	tern_info_reset(sk);
	ts->copied_seq = ts->rcv_nxt;
}

/**
 * tern_disconnect - connect() to AF_UNSPEC, shutdown() of a listener, linger 0
 * @sk: socket, locked
 * @flags: unused
 *
 * The socket is as new afterwards, except for its options and, if the program
 * chose them, its address and port.
 *
 * Return: 0.
 */
int tern_disconnect(struct sock *sk, int flags)
{
	struct inet_sock *inet = inet_sk(sk);
	int old = sk->sk_state;

	if (need_reset(old) ||
	    ((1 << old) & (TCPF_CLOSING | TCPF_LAST_ACK) &&
	     tern_sk(sk)->snd_nxt != tern_sk(sk)->write_seq)) {
		tern_send_reset(sk);
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	} else if (old == TCP_SYN_SENT) {
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	}
	if (old == TCP_LISTEN || old == TCP_SYN_SENT)
		tern_state_event(sk, TERN_EV_CLOSE);
	else if (old != TCP_CLOSE)
		tern_state_event(sk, TERN_EV_ABORT);
	if (old == TCP_LISTEN)
		tern_listen_stop(sk);

	tern_timers_clear(sk);
	reset_connection_state(sk);
	inet->inet_dport = 0;
	if (!(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		inet_reset_saddr(sk);
	sk->sk_shutdown = 0;
	sock_reset_flag(sk, SOCK_DONE);
	sk_set_peek_off(sk, -1);
	sk_dst_reset(sk);
	if (sk->sk_frag.page) {
		put_page(sk->sk_frag.page);
		sk->sk_frag.page = NULL;
		sk->sk_frag.offset = 0;
	}
	sk_error_report(sk);
	return 0;
}

/* the program sends no more: FIN, if the state knows one */
static void close_send_side(struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_ESTABLISHED:
	case TCP_SYN_RECV:
	case TCP_CLOSE_WAIT:
		tern_state_event(sk, TERN_EV_CLOSE);
		tern_send_fin(sk);
		break;
	case TCP_SYN_SENT:
		tern_state_event(sk, TERN_EV_CLOSE);
		tern_timers_clear(sk);
		break;
	}
}

/**
 * tern_shutdown - shutdown(): the send side, for inet_shutdown()
 * @sk: socket, locked
 * @how: SEND_SHUTDOWN, RCV_SHUTDOWN or both
 */
void tern_shutdown(struct sock *sk, int how)
{
	if (!(how & SEND_SHUTDOWN))
		return;
	if ((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_SYN_SENT | TCPF_SYN_RECV |
				   TCPF_CLOSE_WAIT))
		close_send_side(sk);
}

static u32 discard_unread(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;
	u32 unread = 0;

	while ((skb = __skb_dequeue(&sk->sk_receive_queue))) {
		u32 end = TERN_CB(skb)->seq + skb->len;

		if (seq_after(end, ts->copied_seq))
			unread += end - seq_max(ts->copied_seq, TERN_CB(skb)->seq);
		__kfree_skb(skb);
	}
	return unread;
}

/* close() tells the peer: by FIN, or by RST if something will be missed */
static void say_goodbye(struct sock *sk)
{
	struct net *net = sock_net(sk);
	u32 unread = discard_unread(sk);

	sk_mem_reclaim(sk);
	if (sk->sk_state == TCP_CLOSE)
		return;
	if (unread) {
		/* RFC 2525, section 2.17: data was acknowledged that nobody has read */
		tern_mib_inc(net, AbortOnClose);
		tern_send_reset(sk);
		tern_write_queue_purge(sk);
		tern_state_event(sk, TERN_EV_ABORT);
		tern_timers_clear(sk);
	} else if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime) {
		tern_mib_inc(net, AbortOnData);
		sk->sk_prot->disconnect(sk, 0);
	} else {
		close_send_side(sk);
	}
}

static bool still_closing(const struct sock *sk)
{
	return (1 << sk->sk_state) & (TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_LAST_ACK);
}

/* SO_LINGER: until the peer has everything, the time is over, or a signal comes */
static void linger(struct sock *sk, long timeout)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	if (!timeout)
		return;
	add_wait_queue(sk_sleep(sk), &wait);
	do {
		if (sk_wait_event(sk, &timeout, !still_closing(sk), &wait))
			break;
	} while (!signal_pending(current) && timeout);
	remove_wait_queue(sk_sleep(sk), &wait);
}

/**
 * tern_too_many_orphans - must a connection that no program holds end?
 * @sk: orphan, locked
 *
 * Return: whether: there are more than max_orphans, or no memory is left.
 */
bool tern_too_many_orphans(const struct sock *sk)
{
	const struct tern_net *tn = tern_net(sock_net(sk));

	return atomic_read(&tn->nr_orphans) > READ_ONCE(tn->max_orphans) ||
	       (sk->sk_wmem_queued > SOCK_MIN_SNDBUF &&
		tern_memory_exhausted());
}

/**
 * tern_orphan_abort - end it
 * @sk: orphan, locked
 */
void tern_orphan_abort(struct sock *sk)
{
	tern_mib_inc(sock_net(sk), AbortOnMemory);
	tern_send_reset(sk);
	tern_done(sk, TERN_EV_ABORT);
}

/* the program is gone, the connection goes on by itself or ends */
static void become_orphan(struct sock *sk)
{
	struct tern_net *tn = tern_net(sock_net(sk));

	atomic_inc(&tn->nr_orphans);
	tern_mib_inc(sock_net(sk), Orphans);
	/* a namespace that everybody has left ends its orphans: tern_kill_orphans() */
	tern_sk_release_net(sk);
	if (tern_too_many_orphans(sk)) {
		tern_orphan_abort(sk);
		return;
	}
	if (sk->sk_state != TCP_FIN_WAIT2)
		return;
	if (tern_sk(sk)->linger2 < 0) {
		tern_mib_inc(sock_net(sk), AbortOnLinger);
		tern_send_reset(sk);
		tern_done(sk, TERN_EV_TIMEOUT);
	} else {
		tern_fin_wait2_arm(sk);
	}
}

/**
 * tern_close - close() of the last descriptor
 * @sk: socket, not locked; the reference of struct socket is given back
 * @timeout: how long to linger, jiffies
 */
void tern_close(struct sock *sk, long timeout)
{
	/* an orphan lets its namespace go: not before we are through with both */
	struct net *net = sk->sk_net_refcnt ? get_net(sock_net(sk)) : NULL;
	int state;

	lock_sock(sk);
	sk->sk_shutdown = SHUTDOWN_MASK;
	if (sk->sk_state == TCP_LISTEN) {
		tern_state_event(sk, TERN_EV_CLOSE);
		tern_listen_stop(sk);
	} else {
		say_goodbye(sk);
		linger(sk, timeout);
	}

	state = sk->sk_state;
	sock_hold(sk);
	sock_orphan(sk);
	if (state != TCP_CLOSE)
		become_orphan(sk);
	else
		destroy(sk);
	release_sock(sk);
	sock_put(sk);
	if (net)
		put_net(net);
}

static void kill_orphan(struct tern_conn *conn, void *net)
{
	struct sock *sk;

	if (conn->net != net)
		return;
	if (conn->kind == TERN_CONN_SYN)
		tern_syn_drop(tern_conn_syn(conn), TERN_EV_ABORT);
	if (conn->kind != TERN_CONN_SOCK)
		return;
	sk = tern_conn_sk(conn);
	local_bh_disable();
	bh_lock_sock(sk);
	WARN_ON_ONCE(sock_owned_by_user(sk));
	if (sk->sk_state != TCP_CLOSE)
		tern_done(sk, TERN_EV_ABORT);
	bh_unlock_sock(sk);
	local_bh_enable();
	tern_timers_clear_sync(sk);
}

/**
 * tern_kill_orphans - end what is left of the connections of a namespace
 * @net: namespace that goes away: no program, no interface, no packet is left
 *
 * Context: process. No timer of a killed socket runs when this returns.
 */
void tern_kill_orphans(struct net *net)
{
	tern_conn_for_each(kill_orphan, net);
}
