// SPDX-License-Identifier: GPL-2.0
/*
 * The active side of the handshake, from a route to the first SYN. The
 * addresses were dealt with in ip4.c and ip6.c; the answer is input.c's.
 */
#include "handshake.h"
#include "input.h"
#include "ip.h"
#include "output.h"
#include "recovery.h"
#include "sock.h"
#include "timer.h"
#include "timewait.h"

/* everything of an earlier connection on this socket is gone (disconnect()) */
static void begin(struct sock *sk, u32 iss)
{
	struct tern_sock *ts = tern_sk(sk);

	WRITE_ONCE(sk->sk_err, 0);
	sk->sk_err_soft = 0;
	sock_reset_flag(sk, SOCK_DONE);
	ts->local_tag = tern_new_tag();
	ts->peer_tag = 0;
	ts->iss = iss;
	ts->snd_una = ts->iss;
	ts->snd_nxt = ts->iss + 1;
	WRITE_ONCE(ts->write_seq, ts->snd_nxt);
	ts->snd_sml = ts->snd_nxt;
	ts->snd_wnd = 0;
	ts->max_window = 0;
	ts->rcv_nxt = 0;
	ts->copied_seq = 0;
	ts->rcv_wup = 0;
	ts->rcv_wnd = 0;
	ts->ts_off = tern_ts_offset(&ts->conn.flow);
	ts->peer_mss = ts->ip->mss_default;
	ts->rcv_mss = ts->ip->mss_default;
	tern_reset_connection(sk);
	tern_sync_mss(sk);
	tern_recovery_init(sk);
}

/* rules may ask for the port, which had not been chosen when the route was looked up */
static int route_again(struct sock *sk)
{
	sk_dst_reset(sk);
	return tern_sk(sk)->ip->route(sk);
}

/**
 * tern_connect_start - take a port, enter SYN_SENT, send the SYN
 * @sk: socket in CLOSED, locked, routed; conn.flow has both addresses and the
 *	remote port
 *
 * Return: 0, -EADDRNOTAVAIL, -ENOMEM, or why there is no route from that port.
 */
int tern_connect_start(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_conn *old = NULL;
	bool bound = ts->bind.bucket;
	u32 iss;
	int err;

	ts->conn.dev = sk->sk_bound_dev_if;
	err = tern_port_connect(sk, &old);
	if (err)
		return err;
	iss = old ? tern_tw_succeed(tern_conn_tw(old)) : tern_isn(&ts->conn.flow);
	err = bound ? 0 : route_again(sk);
	if (err) {
		tern_leave_tables(sk);
		return err;
	}
	sk_set_txhash(sk);
	begin(sk, iss);
	tern_state_event(sk, TERN_EV_OPEN_ACTIVE);
	tern_mib_inc(sock_net(sk), ActiveOpens);
	tern_send_syn(sk);
	tern_rtx_restart(sk);
	return 0;
}
