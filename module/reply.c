// SPDX-License-Identifier: GPL-2.0
/*
 * Segments that no socket sends: SYN-ACKs, what TIME_WAIT answers, and RST to
 * a segment that belongs to no connection. Called from softirq and from
 * timers, under RCU or with a reference to what they are sent for.
 */
#include <net/ip.h>

#include "handshake.h"
#include "ip.h"
#include "output.h"
#include "sock.h"

/**
 * tern_reply_send - build a segment without payload and send it
 * @net: namespace
 * @reply: where to
 * @fields: header
 */
void tern_reply_send(struct net *net, const struct tern_reply *reply,
		     const struct tern_fields *fields)
{
	const struct tern_ip_ops *ip = tern_ip_of(&reply->flow.raddr);
	struct sk_buff *skb = alloc_skb(TERN_HEADROOM, GFP_ATOMIC);

	if (!skb) {
		tern_mib_inc(net, NoMemory);
		return;
	}
	skb_reserve(skb, TERN_HEADROOM);
	tern_header_push(skb, ip, &reply->flow, fields);
	skb->mark = reply->mark;
	if (reply->sk) {	/* filters and qdiscs ask whose it is */
		skb->priority = READ_ONCE(reply->sk->sk_priority);
		skb_set_owner_w(skb, reply->sk);
	}
	tern_mib_inc(net, OutSegs);
	ip->reply(net, skb, reply);
}

/* the tag that the sender of this segment will accept; 0 when it cannot be known */
static u32 acceptable_tag(struct sk_buff *skb)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct tern_options opts;

	if (cb->flags & TERN_ACK)
		return cb->tag;		/* reflected */
	if (!(cb->flags & TERN_SYN))
		return 0;
	if (tern_options_parse(skb_transport_header(skb) + TERN_HLEN_MIN,
			       cb->hdr_len - TERN_HLEN_MIN, &opts))
		return 0;
	return opts.tag;
}

/* by the interface it came in on, where the address alone does not tell */
static int reply_interface(struct net *net, const struct sk_buff *skb,
			   const struct tern_flow *flow)
{
	if (ipv6_addr_type(&flow->raddr) & IPV6_ADDR_LINKLOCAL)
		return TERN_CB(skb)->iif;
	return netif_index_is_l3_master(net, skb->skb_iif) ? skb->skb_iif : 0;
}

/**
 * tern_reply_reset - answer a segment that belongs to nobody (RFC 9293, 3.10.7.1)
 * @net: namespace
 * @skb: the segment, header pulled in; stays the caller's
 * @flow: its ends, seen from here
 *
 * Says nothing the receiver of the RST cannot check: the tag is its own from
 * its SYN, or the one it sent (protocol.rst, "Reset").
 */
void tern_reply_reset(struct net *net, struct sk_buff *skb, const struct tern_flow *flow)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct tern_reply reply = {
		.flow = *flow,
		.oif = reply_interface(net, skb, flow),
		.mark = tern_reply_mark(net, skb),
	};
	struct tern_fields fields = {
		.flags = TERN_RST,
		.tsval = tern_clock_us() + tern_ts_offset(flow),
		.tsecr = cb->tsval,
	};

	if (cb->flags & TERN_RST)
		return;
	fields.tag = acceptable_tag(skb);
	if (!fields.tag)
		return;
	if (cb->flags & TERN_ACK) {
		fields.seq = cb->ack;
	} else {
		fields.flags |= TERN_ACK;
		fields.ack = cb->end_seq;
	}
	tern_mib_inc(net, OutRsts);
	tern_reply_send(net, &reply, &fields);
}
