// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors about segments that were sent, and redirects. One is believed only
 * if the sequence number it quotes is one of an unacknowledged segment (RFC
 * 5927, section 4.1), and so is the tag, where the quote is long enough to have
 * it: its sender has seen the segment.
 *
 * Called from softirq through ip4.c and ip6.c.
 */
#include <linux/errqueue.h>
#include <linux/icmp.h>
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
	struct dst_entry *dst;

	if ((1 << sk->sk_state) & (TCPF_LISTEN | TCPF_CLOSE))
		return;
	dst = ts->ip->dst(sk);
	if (dst)
		dst->ops->update_pmtu(dst, sk, NULL, READ_ONCE(ts->mtu_info), true);
	if (ts->ip->route(sk))		/* the news may be a route of its own */
		return;
	tern_sync_mss(sk);
	tern_recovery_mtu_lost(sk);
	tern_push_pending(sk);
}

/* the route may refuse to believe it; a later redirect does for one that is missed */
static void redirect(struct sock *sk, struct sk_buff *skb)
{
	struct dst_entry *dst = sock_owned_by_user(sk) ? NULL : tern_sk(sk)->ip->dst(sk);

	if (dst)
		dst->ops->redirect(dst, sk, skb);
}

/*
 * The whole error, for recvmsg() with MSG_ERRQUEUE. As for TCP: of a connection
 * that is being opened, and over IPv4 also without IP_RECVERR. The kernel has
 * functions for this, but not all kernels export them.
 */
static void queue_error(struct sock *sk, struct sk_buff *skb, const struct tern_icmp *icmp)
{
	bool ipv4 = ipv6_addr_v4mapped(&icmp->flow.raddr);
	struct sock_exterr_skb *serr;

	if (!ipv4 && !tern_inet6_recverr(sk))
		return;
	skb = skb_clone(skb, GFP_ATOMIC);
	if (!skb)
		return;
	serr = SKB_EXT_ERR(skb);
	memset(&serr->ee, 0, sizeof(serr->ee));
	serr->ee.ee_errno = icmp->err;
	serr->ee.ee_origin = ipv4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
	serr->ee.ee_type = icmp_hdr(skb)->type;		/* where that of ICMPv6 has them */
	serr->ee.ee_code = icmp_hdr(skb)->code;
	serr->ee.ee_info = icmp->info;
	serr->addr_offset = (const u8 *)icmp->daddr - skb_network_header(skb);
	serr->port = icmp->flow.rport;
	skb->protocol = htons(ipv4 ? ETH_P_IP : ETH_P_IPV6);
	__skb_pull(skb, icmp->quoted - skb->data);
	skb_reset_transport_header(skb);
	if (sock_queue_err_skb(sk, skb))
		kfree_skb(skb);
}

/* routers need not quote more than 8 bytes (RFC 792), but do */
static bool tag_fits(const struct sk_buff *skb, const struct tern_icmp *icmp, u32 tag)
{
	const struct tern_hdr *th;
	struct tern_hdr copy;

	th = skb_header_pointer(skb, (const u8 *)icmp->quoted - skb->data,
				offsetofend(struct tern_hdr, tag), &copy);
	return !th || ntohl(th->tag) == tag;
}

static void sock_error_arrived(struct sock *sk, struct sk_buff *skb,
			       const struct tern_icmp *icmp, u32 seq)
{
	struct tern_sock *ts = tern_sk(sk);

	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return;
	if (!seq_between(seq, ts->snd_una, ts->snd_nxt) ||
	    !tag_fits(skb, icmp, ts->peer_tag)) {
		tern_mib_inc(sock_net(sk), IcmpIgnored);
		return;
	}
	if (icmp->redirect) {
		redirect(sk, skb);
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
	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		queue_error(sk, skb, icmp);
	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV) && !sock_owned_by_user(sk)) {
		tern_mib_inc(sock_net(sk), AttemptFails);
		tern_abort(sk, icmp->err, TERN_EV_ICMP_ERROR);
		return;
	}
	/* a soft error: it is the reason if the connection times out (RFC 9293 3.9.2.2) */
	if (!sock_owned_by_user(sk) && (ipv6_addr_v4mapped(&icmp->flow.raddr) ?
					tern_inet_recverr(sk) : tern_inet6_recverr(sk))) {
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
		sock_error_arrived(sk, skb, icmp, seq);
		bh_unlock_sock(sk);
		break;
	case TERN_CONN_SYN:
		if (!tag_fits(skb, icmp, tern_conn_syn(conn)->peer_tag))
			tern_mib_inc(net, IcmpIgnored);
		else if (!icmp->too_big && !icmp->redirect)
			tern_syn_icmp(tern_conn_syn(conn), seq);
		break;
	case TERN_CONN_TW:
		break;
	}
	tern_conn_put(conn);
	return 0;
}
