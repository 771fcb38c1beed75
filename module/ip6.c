// SPDX-License-Identifier: GPL-2.0
/*
 * Tern over IPv6: routes, packets out, packets in, connect()'s address.
 *
 * The socket side is called under the socket lock, the receive side from
 * softirq under RCU.
 */
#include <net/addrconf.h>
#include <net/inet_common.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/protocol.h>
#include <net/transp_v6.h>

#include "icmp.h"
#include "input.h"
#include "ip.h"
#include "sock.h"

static void flow_of_sock(struct sock *sk, struct flowi6 *fl6)
{
	struct ipv6_pinfo *np = inet6_sk(sk);

	memset(fl6, 0, sizeof(*fl6));
	fl6->flowi6_proto = sk->sk_protocol;
	fl6->daddr = sk->sk_v6_daddr;
	fl6->saddr = np->saddr;
	fl6->flowlabel = ip6_make_flowinfo(np->tclass, np->flow_label);
	fl6->flowi6_oif = sk->sk_bound_dev_if;
	fl6->flowi6_mark = READ_ONCE(sk->sk_mark);
	fl6->fl6_dport = inet_sk(sk)->inet_dport;
	fl6->fl6_sport = inet_sk(sk)->inet_sport;
	fl6->flowi6_uid = sk->sk_uid;
	security_sk_classify_flow(sk, flowi6_to_flowi_common(fl6));
}

static struct dst_entry *ip6_dst(struct sock *sk)
{
	return __sk_dst_check(sk, inet6_sk(sk)->dst_cookie);
}

static int ip6_route(struct sock *sk)
{
	struct ipv6_pinfo *np = inet6_sk(sk);
	struct flowi6 *fl6 = &inet_sk(sk)->cork.fl.u.ip6;
	struct in6_addr *final_p, final;
	struct dst_entry *dst;

	if (ip6_dst(sk))
		return 0;
	flow_of_sock(sk, fl6);
	final_p = fl6_update_dst(fl6, rcu_dereference_protected(np->opt, lockdep_sock_is_held(sk)),
				 &final);
	dst = ip6_dst_lookup_flow(sock_net(sk), sk, fl6, final_p);
	if (IS_ERR(dst)) {
		sk->sk_route_caps = 0;
		return PTR_ERR(dst);
	}
	np->dst_cookie = rt6_get_cookie(dst_rt6_info(dst));
	sk_setup_caps(sk, dst);
	return 0;
}

static int ip6_xmit_segment(struct sock *sk, struct sk_buff *skb)
{
	struct ipv6_pinfo *np = inet6_sk(sk);
	struct flowi6 fl6;
	int err;

	err = ip6_route(sk);
	if (err) {
		WRITE_ONCE(sk->sk_err_soft, -err);
		kfree_skb(skb);
		return err;
	}
	rcu_read_lock();
	skb_dst_set_noref(skb, __sk_dst_get(sk));
	fl6 = inet_sk(sk)->cork.fl.u.ip6;
	fl6.daddr = sk->sk_v6_daddr;	/* a routing header may have changed it */
	err = ip6_xmit(sk, skb, &fl6, READ_ONCE(sk->sk_mark), rcu_dereference(np->opt),
		       np->tclass, READ_ONCE(sk->sk_priority));
	rcu_read_unlock();
	return err;
}

static struct dst_entry *reply_route(struct net *net, const struct tern_reply *reply,
				     struct flowi6 *fl6)
{
	memset(fl6, 0, sizeof(*fl6));
	fl6->flowi6_proto = tern_protocol;
	fl6->daddr = reply->flow.raddr;
	fl6->saddr = reply->flow.laddr;
	fl6->flowi6_oif = reply->oif;
	fl6->flowi6_mark = reply->mark;
	fl6->fl6_dport = reply->flow.rport;
	fl6->fl6_sport = reply->flow.lport;
	fl6->flowlabel = ip6_make_flowinfo(reply->tos, 0);
	fl6->flowi6_uid = tern_reply_uid(net, reply);
	return ip6_dst_lookup_flow(net, reply->sk, fl6, NULL);
}

static u8 reply_hops(const struct tern_reply *reply, struct dst_entry *dst)
{
	int hops = reply->sk ? inet6_sk(reply->sk)->hop_limit : -1;

	return hops < 0 ? ip6_dst_hoplimit(dst) : hops;
}

static void ip6_reply(struct net *net, struct sk_buff *skb, const struct tern_reply *reply)
{
	struct flowi6 fl6;
	struct dst_entry *dst = reply_route(net, reply, &fl6);
	struct ipv6hdr *hdr;

	if (IS_ERR(dst)) {
		kfree_skb(skb);
		return;
	}
	skb_dst_set(skb, dst);
	skb_push(skb, sizeof(*hdr));
	skb_reset_network_header(skb);
	hdr = ipv6_hdr(skb);
	ip6_flow_hdr(hdr, reply->tos, 0);
	hdr->nexthdr = tern_protocol;
	hdr->hop_limit = reply_hops(reply, dst);
	hdr->saddr = fl6.saddr;
	hdr->daddr = fl6.daddr;
	skb->protocol = htons(ETH_P_IPV6);
	ip6_local_out(net, skb->sk, skb);
}

static u32 ip6_reply_mtu(struct net *net, const struct tern_reply *reply)
{
	struct flowi6 fl6;
	struct dst_entry *dst = reply_route(net, reply, &fl6);
	u32 mtu;

	if (IS_ERR(dst))
		return 0;
	mtu = tern_advertised_mtu(dst, dst_mtu(dst), tern_ip6.header_len);
	dst_release(dst);
	return mtu;
}

static void ip6_seed_checksum(struct tern_hdr *th, const struct tern_flow *flow, u32 len)
{
	th->check = ~csum_ipv6_magic(&flow->laddr, &flow->raddr, len, tern_protocol, 0);
}

static u32 ip6_ext_len(const struct sock *sk)
{
	const struct ipv6_txoptions *opt;
	u32 len;

	rcu_read_lock();
	opt = rcu_dereference(inet6_sk(sk)->opt);
	len = opt ? opt->opt_flen + opt->opt_nflen : 0;
	rcu_read_unlock();
	return len;
}

static bool ip6_accepts_pmtu(const struct sock *sk)
{
	return ip6_sk_accept_pmtu(sk);
}

static bool ip6_may_probe(const struct sock *sk, const struct dst_entry *dst)
{
	return ip6_accepts_pmtu(sk);
}

static void ip6_child(struct sock *sk, const struct tern_flow *flow, const struct sk_buff *skb)
{
	struct inet_sock *inet = inet_sk(sk);
	struct ipv6_pinfo *np = inet->pinet6;

	sk->sk_v6_daddr = flow->raddr;
	sk->sk_v6_rcv_saddr = flow->laddr;
	np->saddr = flow->laddr;
	np->mcast_oif = TERN_CB(skb)->iif;
	np->mcast_hops = ipv6_hdr(skb)->hop_limit;
	np->rcv_flowinfo = ip6_flowinfo(ipv6_hdr(skb));
	/* as TCP: what looks at the IPv4 side sees an address that is nobody's */
	inet->inet_daddr = LOOPBACK4_IPV6;
	inet->inet_saddr = LOOPBACK4_IPV6;
	inet->inet_rcv_saddr = LOOPBACK4_IPV6;
}

const struct tern_ip_ops tern_ip6 = {
	.family		= AF_INET6,
	.header_len	= sizeof(struct ipv6hdr),
	.mss_default	= TERN_MSS_DEFAULT_V6,
	.dst		= ip6_dst,
	.route		= ip6_route,
	.xmit		= ip6_xmit_segment,
	.reply		= ip6_reply,
	.reply_mtu	= ip6_reply_mtu,
	.seed_checksum	= ip6_seed_checksum,
	.ext_len	= ip6_ext_len,
	.accepts_pmtu	= ip6_accepts_pmtu,
	.may_probe	= ip6_may_probe,
	.child		= ip6_child,
};

static int connect_mapped(struct sock *sk, const struct sockaddr_in6 *sin6)
{
	struct inet_sock *inet = inet_sk(sk);
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = sin6->sin6_port,
		.sin_addr.s_addr = sin6->sin6_addr.s6_addr32[3],
	};

	if (ipv6_only_sock(sk))
		return -ENETUNREACH;
	/* bound to an IPv6 address: no packet from there reaches an IPv4 host */
	if (!ipv6_addr_any(&sk->sk_v6_rcv_saddr) && !ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr))
		return -ENETUNREACH;
	if (ipv6_addr_any(&sk->sk_v6_rcv_saddr)) {
		inet->inet_saddr = 0;
		inet->inet_rcv_saddr = 0;
	}
	return tern_ip4_connect(sk, (struct tern_sockaddr *)&sin, sizeof(sin));
}

/* a link-local address needs an interface; the bound one and the scope must agree */
static int choose_scope(struct sock *sk, const struct sockaddr_in6 *sin6, int addr_len)
{
	if (!(ipv6_addr_type(&sin6->sin6_addr) & IPV6_ADDR_LINKLOCAL))
		return 0;
	if (addr_len >= sizeof(*sin6) && sin6->sin6_scope_id) {
		if (!sk_dev_equal_l3scope(sk, sin6->sin6_scope_id))
			return -EINVAL;
		sk->sk_bound_dev_if = sin6->sin6_scope_id;
	}
	return sk->sk_bound_dev_if ? 0 : -EINVAL;
}

static int connect_native(struct sock *sk, const struct sockaddr_in6 *sin6)
{
	struct tern_sock *ts = tern_sk(sk);
	struct inet_sock *inet = inet_sk(sk);
	struct ipv6_pinfo *np = inet6_sk(sk);
	bool chose_saddr = ipv6_addr_any(&sk->sk_v6_rcv_saddr);
	int err;

	sk->sk_v6_daddr = sin6->sin6_addr;
	inet->inet_dport = sin6->sin6_port;
	if (!chose_saddr)
		np->saddr = sk->sk_v6_rcv_saddr;

	sk_dst_reset(sk);
	err = ip6_route(sk);
	if (err)
		goto fail;
	if (chose_saddr) {
		np->saddr = inet->cork.fl.u.ip6.saddr;
		sk->sk_v6_rcv_saddr = np->saddr;
	}
	inet->inet_rcv_saddr = LOOPBACK4_IPV6;

	ts->ip = &tern_ip6;
	ts->conn.flow.laddr = np->saddr;
	ts->conn.flow.raddr = sk->sk_v6_daddr;
	ts->conn.flow.rport = sin6->sin6_port;
	err = tern_connect_start(sk);
	if (!err)
		return 0;
fail:
	inet->inet_dport = 0;
	if (chose_saddr && !(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		inet_reset_saddr(sk);
	return err;
}

/**
 * tern_ip6_connect - connect() to an IPv6 or v4-mapped address
 * @sk: AF_INET6 socket in CLOSED, locked
 * @uaddr: struct sockaddr_in6
 * @addr_len: its length
 *
 * Return: 0 with the SYN sent, or -errno.
 */
int tern_ip6_connect(struct sock *sk, struct tern_sockaddr *uaddr, int addr_len)
{
	struct sockaddr_in6 sin6;
	struct ipv6_pinfo *np = inet6_sk(sk);
	int err;

	if (addr_len < SIN6_LEN_RFC2133)
		return -EINVAL;
	memset(&sin6, 0, sizeof(sin6));
	memcpy(&sin6, uaddr, min_t(int, addr_len, sizeof(sin6)));
	if (sin6.sin6_family != AF_INET6)
		return -EAFNOSUPPORT;

	np->flow_label = 0;
	if (tern_inet6_sndflow(sk)) {
		struct ip6_flowlabel *label;

		np->flow_label = sin6.sin6_flowinfo & IPV6_FLOWLABEL_MASK;
		if (np->flow_label) {
			label = fl6_sock_lookup(sk, np->flow_label);
			if (IS_ERR(label))
				return -EINVAL;
			fl6_sock_release(label);
		}
	}
	/* connect() to "any" means this host (BSD) */
	if (ipv6_addr_any(&sin6.sin6_addr)) {
		if (ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr))
			ipv6_addr_set_v4mapped(htonl(INADDR_LOOPBACK), &sin6.sin6_addr);
		else
			sin6.sin6_addr = in6addr_loopback;
	}
	if (ipv6_addr_type(&sin6.sin6_addr) & IPV6_ADDR_MULTICAST)
		return -ENETUNREACH;
	err = choose_scope(sk, &sin6, addr_len);
	if (err)
		return err;
	if (ipv6_addr_v4mapped(&sin6.sin6_addr))
		return connect_mapped(sk, &sin6);
	return connect_native(sk, &sin6);
}

static int ip6_rcv(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	const struct ipv6hdr *hdr;
	struct tern_flow flow;
	int sdif = inet6_sdif(skb), iif = inet6_iif(skb);

	if (!tern_rcv_header(net, skb))
		return 0;
	hdr = ipv6_hdr(skb);
	if (skb->pkt_type != PACKET_HOST || !ipv6_unicast_destination(skb) ||
	    ipv6_addr_is_multicast(&hdr->saddr) || ipv6_addr_any(&hdr->saddr) ||
	    ipv6_addr_v4mapped(&hdr->saddr)) {
		tern_mib_inc(net, InErrs);
		kfree_skb(skb);
		return 0;
	}
	if (skb_checksum_init(skb, tern_protocol, ip6_compute_pseudo)) {
		tern_rcv_bad_checksum(net, skb);
		return 0;
	}
	flow.laddr = hdr->daddr;
	flow.raddr = hdr->saddr;
	tern_rcv(net, skb, &flow, iif, sdif);
	return 0;
}

static int ip6_err(struct sk_buff *skb, struct inet6_skb_parm *opt, u8 type, u8 code,
		   int offset, __be32 info)
{
	const struct ipv6hdr *hdr = (const struct ipv6hdr *)skb->data;
	struct tern_icmp icmp = {
		.info = ntohl(info),
		.iif = inet6_iif(skb),
		.daddr = &hdr->daddr,
		.quoted = skb->data + offset,
	};

	icmp.flow.laddr = hdr->saddr;
	icmp.flow.raddr = hdr->daddr;
	if (type == NDISC_REDIRECT)
		icmp.redirect = true;
	else if (type == ICMPV6_PKT_TOOBIG)
		icmp.too_big = true;
	else
		icmpv6_err_convert(type, code, &icmp.err);
	return tern_icmp_error(dev_net(skb->dev), skb, &icmp);
}

static const struct inet6_protocol ip6_protocol = {
	.handler = ip6_rcv,
	.err_handler = ip6_err,
	.flags = INET6_PROTO_NOPOLICY | INET6_PROTO_FINAL,
};

/**
 * tern_ip6_register - ask for IPv6 packets of the protocol
 *
 * Context: module load. Return: 0, or -EAGAIN when somebody has the number.
 */
int __init tern_ip6_register(void)
{
	return inet6_add_protocol(&ip6_protocol, tern_protocol);
}

/**
 * tern_ip6_unregister - no packets any more when this returns
 */
void tern_ip6_unregister(void)
{
	inet6_del_protocol(&ip6_protocol, tern_protocol);
}
