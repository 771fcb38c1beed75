/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Tern needs of the network layer: one table for IPv4, one for IPv6.
 * A socket's tern_sock.ip points to the one its packets use, which for a
 * v4-mapped peer is IPv4 whatever the socket's family.
 */
#ifndef _TERN_IP_H
#define _TERN_IP_H

#include <linux/in6.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "compat.h"
#include "demux.h"
#include "wire.h"

/**
 * struct tern_reply - how a segment without a socket travels
 * @flow: ends, seen from here
 * @sk: listener in whose stead, which has the rest to say, or NULL; the caller
 *	has a reference
 * @oif: interface to leave by, 0 for what the route says
 * @mark: SO_MARK
 * @tos: TOS or traffic class
 * @transparent: IP_TRANSPARENT: the local address need not be ours; of @sk, if there
 *	is one, that is asked
 */
struct tern_reply {
	struct tern_flow flow;
	struct sock *sk;
	int oif;
	u32 mark;
	u8 tos;
	bool transparent;
};

/**
 * struct tern_ip_ops - one version of IP
 * @family: AF_INET or AF_INET6
 * @header_len: of IP, bytes
 * @mss_default: MSS of a peer that sent no option
 * @dst: the route of the locked socket, NULL if a new one must be looked for
 * @route: make sure that the locked socket has a route; 0 or -errno
 * @xmit: send a segment of a locked socket; consumes it; 0 or -errno
 * @reply: route and send a segment that has no socket; consumes it
 * @reply_mtu: MTU of the route that @reply would take, to be told to the peer; 0 if
 *	there is none
 * @seed_checksum: put the sum of the pseudo-header where the device adds the rest
 * @ext_len: bytes of IP options or extension headers on the socket's packets
 * @accepts_pmtu: does the program want ICMP to be believed (IP_MTU_DISCOVER)?
 * @may_probe: is what is too large on the way dropped, and not cut in pieces?
 * @child: take the addresses of a flow into a new socket, and what IP_PKTOPTIONS
 *	tells of the packet that completed the handshake
 */
struct tern_ip_ops {
	u16 family;
	u16 header_len;
	u16 mss_default;
	struct dst_entry *(*dst)(struct sock *sk);
	int (*route)(struct sock *sk);
	int (*xmit)(struct sock *sk, struct sk_buff *skb);
	void (*reply)(struct net *net, struct sk_buff *skb, const struct tern_reply *reply);
	u32 (*reply_mtu)(struct net *net, const struct tern_reply *reply);
	void (*seed_checksum)(struct tern_hdr *th, const struct tern_flow *flow, u32 len);
	u32 (*ext_len)(const struct sock *sk);
	bool (*accepts_pmtu)(const struct sock *sk);
	bool (*may_probe)(const struct sock *sk, const struct dst_entry *dst);
	void (*child)(struct sock *sk, const struct tern_flow *flow, const struct sk_buff *skb);
};

extern const struct tern_ip_ops tern_ip4;
extern const struct tern_ip_ops tern_ip6;

int tern_ip4_connect(struct sock *sk, struct tern_sockaddr *uaddr, int addr_len);
int tern_ip6_connect(struct sock *sk, struct tern_sockaddr *uaddr, int addr_len);
int tern_ip4_register(void);
void tern_ip4_unregister(void);
int tern_ip6_register(void);
void tern_ip6_unregister(void);

static inline const struct tern_ip_ops *tern_ip_of(const struct in6_addr *addr)
{
	return ipv6_addr_v4mapped(addr) ? &tern_ip4 : &tern_ip6;
}

/* MTU of a route, for what the peer is told: "advmss" of ip-route(8) may ask for less */
static inline u32 tern_advertised_mtu(const struct dst_entry *dst, u32 mtu, u32 header_len)
{
	u32 mss = dst_metric_raw(dst, RTAX_ADVMSS);

	return mss ? min(mtu, mss + header_len + TERN_HLEN_MIN) : mtu;
}

/* the mark of an answer to a packet (net.ipv4.fwmark_reflect and its like) */
static inline u32 tern_reply_mark(struct net *net, const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IPV6) ? IP6_REPLY_MARK(net, skb->mark) :
						    IP4_REPLY_MARK(net, skb->mark);
}

/* has a router on the way marked the packet? (RFC 3168) */
static inline bool tern_congestion_experienced(const struct sk_buff *skb)
{
	return INET_ECN_is_ce(skb->protocol == htons(ETH_P_IPV6) ?
			      ipv6_get_dsfield(ipv6_hdr(skb)) : ip_hdr(skb)->tos);
}

/* whose routes and policies a reply takes */
static inline kuid_t tern_reply_uid(const struct net *net, const struct tern_reply *reply)
{
	return reply->sk ? reply->sk->sk_uid : make_kuid(net->user_ns, 0);
}

/* type of service of what is sent in a socket's stead: never ECN-capable */
static inline u8 tern_reply_tos(const struct sock *sk, const struct tern_ip_ops *ip)
{
	return (ip->family == AF_INET ? inet_sk(sk)->tos : inet6_sk(sk)->tclass) & ~INET_ECN_MASK;
}

/* the address a socket receives on, all zero (v4-mapped for AF_INET) for every one */
static inline void tern_rcv_saddr(const struct sock *sk, struct in6_addr *addr)
{
	if (sk->sk_family == AF_INET)
		ipv6_addr_set_v4mapped(inet_sk(sk)->inet_rcv_saddr, addr);
	else
		*addr = sk->sk_v6_rcv_saddr;
}

/* does a claim on @claim (all of IPv6 only, with @v6only) get packets for @addr? */
static inline bool tern_addr_covers(const struct in6_addr *claim, bool v6only,
				    const struct in6_addr *addr)
{
	if (ipv6_addr_any(claim))
		return !v6only || !ipv6_addr_v4mapped(addr);
	if (ipv6_addr_v4mapped(claim) && !claim->s6_addr32[3])
		return ipv6_addr_v4mapped(addr);
	return ipv6_addr_equal(claim, addr);
}

#endif
