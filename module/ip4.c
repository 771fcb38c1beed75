// SPDX-License-Identifier: GPL-2.0
/*
 * Tern over IPv4: routes, packets out, packets in, connect()'s address.
 *
 * The socket side is called under the socket lock, the receive side from
 * softirq under RCU.
 */
#include <linux/icmp.h>
#include <linux/inetdevice.h>
#include <net/icmp.h>
#include <net/inet_common.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/protocol.h>
#include <net/route.h>

#include "icmp.h"
#include "input.h"
#include "ip.h"
#include "sock.h"

static struct dst_entry *ip4_dst(struct sock *sk)
{
	return __sk_dst_check(sk, 0);
}

static int ip4_route(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);
	struct flowi4 *fl4 = &inet->cork.fl.u.ip4;
	struct rtable *rt;

	if (ip4_dst(sk))
		return 0;
	rt = ip_route_output_ports(sock_net(sk), fl4, sk, inet->inet_daddr, inet->inet_saddr,
				   inet->inet_dport, inet->inet_sport, sk->sk_protocol,
				   ip_sock_rt_tos(sk), sk->sk_bound_dev_if);
	if (IS_ERR(rt)) {
		sk->sk_route_caps = 0;
		return PTR_ERR(rt);
	}
	sk_setup_caps(sk, &rt->dst);
	return 0;
}

static int ip4_xmit(struct sock *sk, struct sk_buff *skb)
{
	return ip_queue_xmit(sk, skb, &inet_sk(sk)->cork.fl);
}

static u8 reply_flags(const struct tern_reply *reply)
{
	if (reply->sk)
		return inet_sk_flowi_flags(reply->sk);
	return reply->transparent ? FLOWI_FLAG_ANYSRC : 0;
}

static struct rtable *reply_route(struct net *net, const struct tern_reply *reply,
				  struct flowi4 *fl4)
{
	const struct tern_flow *flow = &reply->flow;

	flowi4_init_output(fl4, reply->oif, reply->mark, reply->tos & ~INET_ECN_MASK,
			   RT_SCOPE_UNIVERSE, tern_protocol,
			   reply_flags(reply),
			   flow->raddr.s6_addr32[3], flow->laddr.s6_addr32[3],
			   flow->rport, flow->lport, tern_reply_uid(net, reply));
	return ip_route_output_flow(net, fl4, reply->sk);
}

static u8 reply_ttl(const struct tern_reply *reply, const struct rtable *rt)
{
	int ttl = reply->sk ? READ_ONCE(inet_sk(reply->sk)->uc_ttl) : -1;

	return ttl < 0 ? ip4_dst_hoplimit(&rt->dst) : ttl;
}

static void ip4_reply(struct net *net, struct sk_buff *skb, const struct tern_reply *reply)
{
	struct flowi4 fl4;
	struct rtable *rt = reply_route(net, reply, &fl4);
	struct iphdr *iph;

	if (IS_ERR(rt)) {
		kfree_skb(skb);
		return;
	}
	skb_dst_set(skb, &rt->dst);
	skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	iph = ip_hdr(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = reply->tos;
	iph->id = 0;
	iph->frag_off = htons(IP_DF);
	iph->ttl = reply_ttl(reply, rt);
	iph->protocol = tern_protocol;
	iph->saddr = fl4.saddr;
	iph->daddr = fl4.daddr;
	if (reply->sk && !ip_dont_fragment(reply->sk, &rt->dst)) {
		iph->frag_off = 0;
		ip_select_ident(net, skb, NULL);
	}
	skb->protocol = htons(ETH_P_IP);
	ip_local_out(net, skb->sk, skb);
}

static u32 ip4_reply_mtu(struct net *net, const struct tern_reply *reply)
{
	struct flowi4 fl4;
	struct rtable *rt = reply_route(net, reply, &fl4);
	u32 mtu;

	if (IS_ERR(rt))
		return 0;
	mtu = tern_advertised_mtu(&rt->dst, dst_mtu(&rt->dst), tern_ip4.header_len);
	ip_rt_put(rt);
	return mtu;
}

static void ip4_seed_checksum(struct tern_hdr *th, const struct tern_flow *flow, u32 len)
{
	th->check = ~csum_tcpudp_magic(flow->laddr.s6_addr32[3], flow->raddr.s6_addr32[3], len,
				  tern_protocol, 0);
}

static u32 ip4_ext_len(const struct sock *sk)
{
	const struct ip_options_rcu *opt;
	u32 len;

	rcu_read_lock();
	opt = rcu_dereference(inet_sk(sk)->inet_opt);
	len = opt ? opt->opt.optlen : 0;
	rcu_read_unlock();
	return len;
}

static bool ip4_accepts_pmtu(const struct sock *sk)
{
	return inet_sk(sk)->pmtudisc != IP_PMTUDISC_DONT && ip_sk_accept_pmtu(sk);
}

static bool ip4_may_probe(const struct sock *sk, const struct dst_entry *dst)
{
	return ip_dont_fragment(sk, dst);
}

/* AF_INET6 sockets keep the v4-mapped form besides: getsockname() and dumps read it */
static void set_mapped(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);

	if (sk->sk_family != AF_INET6)
		return;
	ipv6_addr_set_v4mapped(inet->inet_daddr, &sk->sk_v6_daddr);
	ipv6_addr_set_v4mapped(inet->inet_saddr, &inet->pinet6->saddr);
	ipv6_addr_set_v4mapped(inet->inet_rcv_saddr, &sk->sk_v6_rcv_saddr);
}

static void ip4_child(struct sock *sk, const struct tern_flow *flow, const struct sk_buff *skb)
{
	struct inet_sock *inet = inet_sk(sk);
	struct ipv6_pinfo *np = inet->pinet6;

	inet->inet_daddr = flow->raddr.s6_addr32[3];
	inet->inet_saddr = flow->laddr.s6_addr32[3];
	inet->inet_rcv_saddr = inet->inet_saddr;
	inet->mc_index = TERN_CB(skb)->iif;
	inet->mc_ttl = ip_hdr(skb)->ttl;
	inet->rcv_tos = ip_hdr(skb)->tos;
	set_mapped(sk);
	if (sk->sk_family != AF_INET6)
		return;
	np->mcast_oif = inet->mc_index;
	np->mcast_hops = inet->mc_ttl;
	np->rcv_flowinfo = 0;
}

const struct tern_ip_ops tern_ip4 = {
	.family		= AF_INET,
	.header_len	= sizeof(struct iphdr),
	.mss_default	= TERN_MSS_DEFAULT_V4,
	.dst		= ip4_dst,
	.route		= ip4_route,
	.xmit		= ip4_xmit,
	.reply		= ip4_reply,
	.reply_mtu	= ip4_reply_mtu,
	.seed_checksum	= ip4_seed_checksum,
	.ext_len	= ip4_ext_len,
	.accepts_pmtu	= ip4_accepts_pmtu,
	.may_probe	= ip4_may_probe,
	.child		= ip4_child,
};

/**
 * tern_ip4_connect - connect() to an IPv4 address
 * @sk: socket in CLOSED, locked
 * @uaddr: struct sockaddr_in
 * @addr_len: its length
 *
 * Return: 0 with the SYN sent, or -errno.
 */
int tern_ip4_connect(struct sock *sk, struct tern_sockaddr *uaddr, int addr_len)
{
	const struct sockaddr_in *sin = (const struct sockaddr_in *)uaddr;
	struct tern_sock *ts = tern_sk(sk);
	struct inet_sock *inet = inet_sk(sk);
	struct flowi4 *fl4 = &inet->cork.fl.u.ip4;
	bool chose_saddr = !inet->inet_saddr;
	struct rtable *rt;
	int err;

	if (addr_len < sizeof(*sin))
		return -EINVAL;
	if (sin->sin_family != AF_INET)
		return -EAFNOSUPPORT;

	rt = ip_route_connect(fl4, sin->sin_addr.s_addr, inet->inet_saddr, sk->sk_bound_dev_if,
			      sk->sk_protocol, inet->inet_sport, sin->sin_port, sk);
	if (IS_ERR(rt)) {
		if (PTR_ERR(rt) == -ENETUNREACH)
			IP_INC_STATS(sock_net(sk), IPSTATS_MIB_OUTNOROUTES);
		return PTR_ERR(rt);
	}
	if (rt->rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST)) {
		ip_rt_put(rt);
		return -ENETUNREACH;
	}
	if (chose_saddr) {
		inet->inet_saddr = fl4->saddr;
		inet->inet_rcv_saddr = fl4->saddr;	/* even if that of a group was bound */
	}
	inet->inet_daddr = fl4->daddr;
	inet->inet_dport = sin->sin_port;
	set_mapped(sk);
	sk_setup_caps(sk, &rt->dst);

	ts->ip = &tern_ip4;
	ipv6_addr_set_v4mapped(inet->inet_saddr, &ts->conn.flow.laddr);
	ipv6_addr_set_v4mapped(inet->inet_daddr, &ts->conn.flow.raddr);
	ts->conn.flow.rport = sin->sin_port;
	err = tern_connect_start(sk);
	if (!err)
		return 0;
	inet->inet_dport = 0;
	sk->sk_route_caps = 0;
	if (chose_saddr && !(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		inet_reset_saddr(sk);
	return err;
}

static int ip4_rcv(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	const struct iphdr *iph;
	struct tern_flow flow;
	int sdif = inet_sdif(skb), iif = inet_iif(skb);

	if (!tern_rcv_header(net, skb))
		return 0;
	iph = ip_hdr(skb);
	if (skb->pkt_type != PACKET_HOST ||
	    skb_rtable(skb)->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST) ||
	    ipv4_is_multicast(iph->saddr) || ipv4_is_lbcast(iph->saddr)) {
		tern_mib_inc(net, InErrs);
		kfree_skb(skb);
		return 0;
	}
	if (skb_checksum_init(skb, tern_protocol, inet_compute_pseudo)) {
		tern_rcv_bad_checksum(net, skb);
		return 0;
	}
	ipv6_addr_set_v4mapped(iph->daddr, &flow.laddr);
	ipv6_addr_set_v4mapped(iph->saddr, &flow.raddr);
	tern_rcv(net, skb, &flow, iif, sdif);
	return 0;
}

static int ip4_err(struct sk_buff *skb, u32 info)
{
	const struct iphdr *iph = (const struct iphdr *)skb->data;
	struct tern_icmp icmp = {
		.info = info,
		.iif = inet_iif(skb),
		.daddr = &iph->daddr,
		.quoted = skb->data + iph->ihl * 4,
	};
	int type = icmp_hdr(skb)->type, code = icmp_hdr(skb)->code;

	ipv6_addr_set_v4mapped(iph->saddr, &icmp.flow.laddr);
	ipv6_addr_set_v4mapped(iph->daddr, &icmp.flow.raddr);

	switch (type) {
	case ICMP_REDIRECT:
		icmp.redirect = true;
		break;
	case ICMP_PARAMETERPROB:
		icmp.err = EPROTO;
		break;
	case ICMP_TIME_EXCEEDED:
		icmp.err = EHOSTUNREACH;
		break;
	case ICMP_DEST_UNREACH:
		if (code > NR_ICMP_UNREACH)
			return 0;
		if (code == ICMP_FRAG_NEEDED)
			icmp.too_big = true;
		else
			icmp.err = icmp_err_convert[code].errno;
		break;
	default:
		return 0;
	}
	return tern_icmp_error(dev_net(skb->dev), skb, &icmp);
}

static const struct net_protocol ip4_protocol = {
	.handler = ip4_rcv,
	.err_handler = ip4_err,
	.no_policy = 1,
	.icmp_strict_tag_validation = 1,
};

/**
 * tern_ip4_register - ask for IPv4 packets of the protocol
 *
 * Context: module load. Return: 0, or -EAGAIN when somebody has the number.
 */
int __init tern_ip4_register(void)
{
	return inet_add_protocol(&ip4_protocol, tern_protocol);
}

/**
 * tern_ip4_unregister - no packets any more when this returns
 */
void tern_ip4_unregister(void)
{
	inet_del_protocol(&ip4_protocol, tern_protocol);
}
