// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a socket, told to whoever listens ("tern ss -E"): the message that
 * sock_diag has for TCP, in a group of Tern's own, since sock_diag chooses its
 * groups by protocol and does not know this one.
 *
 * Called by close.c, in any context, with the socket locked and about to go.
 */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <net/netlink.h>

#include "sock.h"

static void fill_message(struct sock *sk, struct inet_diag_msg *msg)
{
	const struct tern_flow *flow = &tern_sk(sk)->conn.flow;
	bool wide = sk->sk_family == AF_INET6, connected = inet_sk(sk)->inet_dport;

	memset(msg, 0, sizeof(*msg));
	msg->idiag_family = sk->sk_family;
	msg->idiag_state = sk->sk_state;
	msg->id.idiag_if = sk->sk_bound_dev_if;
	msg->id.idiag_sport = flow->lport;
	memcpy(msg->id.idiag_src, &flow->laddr.s6_addr32[wide ? 0 : 3], wide ? 16 : 4);
	if (connected) {
		msg->id.idiag_dport = flow->rport;
		memcpy(msg->id.idiag_dst, &flow->raddr.s6_addr32[wide ? 0 : 3], wide ? 16 : 4);
	}
	sock_diag_save_cookie(sk, msg->id.idiag_cookie);
}

static int fill(struct sock *sk, struct sk_buff *skb)
{
	struct nlmsghdr *nlh = nlmsg_put(skb, 0, 0, SOCK_DIAG_BY_FAMILY,
					 sizeof(struct inet_diag_msg), 0);
	struct nlattr *attr;

	if (!nlh)
		return -EMSGSIZE;
	fill_message(sk, nlmsg_data(nlh));
	attr = nla_reserve_64bit(skb, INET_DIAG_INFO, sizeof(struct tcp_info), INET_DIAG_PAD);
	if (!attr || nla_put_u8(skb, INET_DIAG_PROTOCOL, sk->sk_protocol))
		return -EMSGSIZE;
	tern_info_fill_tcp_locked(sk, nla_data(attr));
	nlmsg_end(skb, nlh);
	return 0;
}

/**
 * tern_notify_end - a socket has ended
 * @sk: socket, locked, CLOSED
 */
void tern_notify_end(struct sock *sk)
{
	struct sock *nl = sock_net(sk)->diag_nlsk;
	struct sk_buff *skb;

	if (!nl || !netlink_has_listeners(nl, TERN_DIAG_GROUP))
		return;
	skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return;
	if (fill(sk, skb))
		nlmsg_free(skb);
	else
		nlmsg_multicast(nl, skb, 0, TERN_DIAG_GROUP, GFP_ATOMIC);
}
