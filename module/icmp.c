// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors about segments that were sent. An error is believed only if the
 * sequence number it quotes is one of an unacknowledged segment (RFC 5927,
 * section 4.1): its sender has seen the segment.
 *
 * Called from softirq through ip4.c and ip6.c.
 */
#include <net/sock.h>

#include "handshake.h"
#include "icmp.h"
#include "ip.h"
#include "output.h"
#include "recovery.h"
#include "sock.h"

/**
 * tern_pmtu_reduced - take a smaller path MTU into use (RFC 1191, RFC 8201)
 * @sk: socket, locked; mtu_info is what the error said
 */
void tern_pmtu_reduced(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if ((1 << sk->sk_state) & (TCPF_LISTEN | TCPF_CLOSE))
		return;
	ts->ip->update_pmtu(sk, READ_ONCE(ts->mtu_info));
	if (ts->ip->route(sk))		/* the news may be a route of its own */
		return;
	tern_sync_mss(sk);
	tern_recovery_mtu_lost(sk);
	tern_push_pending(sk);
}

static void sock_error_arrived(struct sock *sk, const struct tern_icmp *icmp, u32 seq)
{
	struct tern_sock *ts = tern_sk(sk);

	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return;
	if (!seq_between(seq, ts->snd_una, ts->snd_nxt)) {
		tern_mib_inc(sock_net(sk), IcmpIgnored);
		return;
	}
	if (icmp->too_big && !ts->ip->accepts_pmtu(sk))
		return;
	if (icmp->too_big) {
		WRITE_ONCE(ts->mtu_info, icmp->info);
		if (!sock_owned_by_user(sk))
			tern_pmtu_reduced(sk);
		else if (!test_and_set_bit(TERN_DEFER_PMTU, &ts->deferred))
			sock_hold(sk);
		return;
	}
	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV) && !sock_owned_by_user(sk)) {
		tern_mib_inc(sock_net(sk), AttemptFails);
		tern_abort(sk, icmp->err, TERN_EV_ICMP_ERROR);
		return;
	}
	/* a soft error: it is the reason if the connection times out (RFC 9293 3.9.2.2) */
	if (!sock_owned_by_user(sk) &&
	    (sk->sk_family == AF_INET ? tern_inet_recverr(sk) : tern_inet6_recverr(sk))) {
		WRITE_ONCE(sk->sk_err, icmp->err);
		sk_error_report(sk);
	} else {
		WRITE_ONCE(sk->sk_err_soft, icmp->err);
	}
}

/**
 * tern_icmp_error - deliver an ICMP error to whom it concerns
 * @net: namespace
 * @skb: the ICMP packet, owned by the caller
 * @icmp: what it says
 *
 * Context: softirq. Return: 0, or -ENOENT when nobody sent such a segment.
 */
int tern_icmp_error(struct net *net, struct sk_buff *skb, struct tern_icmp *icmp)
{
	const struct tern_hdr *th = (const struct tern_hdr *)icmp->quoted;
	struct tern_conn *conn;
	struct sock *sk;
	u32 seq;

	/* icmp_socket_deliver() and icmpv6_notify() made 8 bytes readable */
	icmp->flow.lport = th->source;
	icmp->flow.rport = th->dest;
	seq = ntohl(th->seq);

	rcu_read_lock();
	conn = tern_conn_lookup(net, &icmp->flow, icmp->iif, 0);
	rcu_read_unlock();
	if (!conn)
		return -ENOENT;

	switch (conn->kind) {
	case TERN_CONN_SOCK:
		sk = tern_conn_sk(conn);
		bh_lock_sock(sk);
		sock_error_arrived(sk, icmp, seq);
		bh_unlock_sock(sk);
		break;
	case TERN_CONN_SYN:
		if (!icmp->too_big)
			tern_syn_icmp(tern_conn_syn(conn), seq);
		break;
	case TERN_CONN_TW:
		break;
	}
	tern_conn_put(conn);
	return 0;
}
