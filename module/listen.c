// SPDX-License-Identifier: GPL-2.0
/*
 * listen() and accept(). The listener's lists are under their own lock,
 * because the handshake fills them without the socket lock (handshake.c).
 */
#include <linux/list.h>
#include <net/inet_common.h>
#include <net/sock.h>

#include "handshake.h"
#include "ip.h"
#include "output.h"
#include "ops.h"
#include "sock.h"
#include "timer.h"

static int listen_start(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);
	struct tern_sock *ts = tern_sk(sk);
	u8 locks = sk->sk_userlocks;
	int err;

	if (inet->inet_num) {
		locks |= SOCK_BINDPORT_LOCK;	/* should this fail, the port stays */
	} else {
		err = tern_get_port(sk, 0);
		if (err)
			return err;
		inet->inet_sport = htons(inet->inet_num);
	}
	tern_rcv_saddr(sk, &ts->conn.flow.laddr);
	ts->conn.flow.lport = inet->inet_sport;
	sk->sk_ack_backlog = 0;
	sk_dst_reset(sk);
	/*
	 * LISTEN comes before the check that nobody else listens there: of two
	 * that do so at once, one must see the other.
	 */
	tern_state_event(sk, TERN_EV_OPEN_PASSIVE);
	err = tern_get_port(sk, inet->inet_num);
	if (!err)
		err = tern_listener_hash(sk);
	if (err) {
		u8 kept = sk->sk_userlocks;

		sk->sk_userlocks = locks;
		tern_state_event(sk, TERN_EV_CLOSE);
		sk->sk_userlocks = kept;
	}
	return err;
}

/**
 * tern_listen - listen()
 * @sock: socket, bound or not
 * @backlog: connections that may wait for accept(), limited by somaxconn already
 *
 * Return: 0, -EINVAL or -EADDRINUSE.
 */
int tern_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	int err = -EINVAL;

	lock_sock(sk);
	if (sock->state != SS_UNCONNECTED || sock->type != SOCK_STREAM)
		goto out;
	if (!((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)))
		goto out;
	WRITE_ONCE(sk->sk_max_ack_backlog, backlog);
	err = sk->sk_state == TCP_LISTEN ? 0 : listen_start(sk);
out:
	release_sock(sk);
	return err;
}

static void drop_half_open(struct tern_listener *listen)
{
	struct tern_syn *syn;

	spin_lock_bh(&listen->lock);
	while (!list_empty(&listen->syn_list)) {
		syn = list_first_entry(&listen->syn_list, struct tern_syn, link);
		refcount_inc(&syn->conn.ref);
		list_del_init(&syn->link);
		WRITE_ONCE(listen->nr_syn, listen->nr_syn - 1);
		spin_unlock_bh(&listen->lock);
		tern_syn_drop(syn, TERN_EV_ABORT);
		tern_syn_put(syn);
		spin_lock_bh(&listen->lock);
	}
	spin_unlock_bh(&listen->lock);
}

static struct sock *accept_queue_pop(struct sock *sk)
{
	struct tern_listener *listen = &tern_sk(sk)->listen;
	struct tern_sock *child;

	spin_lock_bh(&listen->lock);
	child = list_first_entry_or_null(&listen->accept_list, struct tern_sock, accept_link);
	if (child) {
		list_del_init(&child->accept_link);
		sk_acceptq_removed(sk);
	}
	spin_unlock_bh(&listen->lock);
	return (struct sock *)child;
}

/**
 * tern_listen_stop - a listener leaves LISTEN: nobody will accept() what waits
 * @sk: socket, locked, its state no longer LISTEN
 *
 * Half-open connections are forgotten, established ones reset.
 */
void tern_listen_stop(struct sock *sk)
{
	struct sock *child;

	drop_half_open(&tern_sk(sk)->listen);
	while ((child = accept_queue_pop(sk))) {
		sock_hold(child);
		local_bh_disable();
		bh_lock_sock_nested(child);
		tern_abandon_child(child);
		local_bh_enable();
		cond_resched();
	}
	WARN_ON_ONCE(sk->sk_ack_backlog);
}

static int wait_for_connect(struct sock *sk, long timeo)
{
	struct tern_listener *listen = &tern_sk(sk)->listen;
	DEFINE_WAIT(wait);
	int err;

	for (;;) {
		prepare_to_wait_exclusive(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
		release_sock(sk);
		if (list_empty_careful(&listen->accept_list))
			timeo = schedule_timeout(timeo);
		sched_annotate_sleep();
		lock_sock(sk);
		err = 0;
		if (!list_empty_careful(&listen->accept_list))
			break;
		err = -EINVAL;
		if (sk->sk_state != TCP_LISTEN)
			break;
		err = sock_intr_errno(timeo);
		if (signal_pending(current))
			break;
		err = -EAGAIN;
		if (!timeo)
			break;
	}
	finish_wait(sk_sleep(sk), &wait);
	return err;
}

static struct sock *accept_locked(struct sock *sk, bool nonblock, int *err)
{
	struct sock *child;
	long timeo;

	if (sk->sk_state != TCP_LISTEN) {
		*err = -EINVAL;
		return NULL;
	}
	while (!(child = accept_queue_pop(sk))) {
		timeo = sock_rcvtimeo(sk, nonblock);
		*err = -EAGAIN;
		if (!timeo)
			return NULL;
		*err = wait_for_connect(sk, timeo);
		if (*err)
			return NULL;
	}
	*err = 0;
	return child;
}

/*
 * tern_accept - accept(): the connection that waits longest
 *
 * Arguments as struct proto has them in this kernel. Return: a socket, or
 * NULL with the error -EINVAL, -EAGAIN or as for a signal.
 */
struct sock *tern_accept(TERN_ACCEPT_ARGS)
{
	struct sock *child;
	int err;

	lock_sock(sk);
	child = accept_locked(sk, tern_accept_flags & O_NONBLOCK, &err);
	release_sock(sk);
	tern_accept_set_err(err);
	return child;
}

/*
 * tern_sock_accept - accept() at either door
 *
 * Arguments as struct proto_ops has them in this kernel. Return: 0 or -errno.
 */
int tern_sock_accept(TERN_SOCK_ACCEPT_ARGS)
{
	int err = tern_inet_accept(sock, newsock);

	if (!err)
		tern_intercept_sockopt(newsock);
	return err;
}
