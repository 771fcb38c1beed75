// SPDX-License-Identifier: GPL-2.0
/*
 * Cutting super-segments. A super-segment travels whole through lo, veth and
 * whatever else takes SKB_GSO_SCTP, the one software GSO type that no device
 * confuses with its own TCP engine; before a device that does not, the stack
 * calls this.
 *
 * Runs in the transmit path of any device, on packets that may have come from
 * anywhere: nothing but the packet is trusted or touched.
 */
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/ip6_checksum.h>
#include <net/protocol.h>

#include "offload.h"
#include "sock.h"
#include "wire.h"

#ifdef HAVE_NET_GSO
#include <net/gso.h>
#endif

static __sum16 pseudo_sum(const struct sk_buff *skb, u32 len)
{
	if (skb->protocol == htons(ETH_P_IPV6))
		return ~csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, len,
					tern_protocol, 0);
	return ~csum_tcpudp_magic(ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, len, tern_protocol, 0);
}

/*
 * The checksum's seed for another length. The addresses in it are not always
 * those of the IP header: with a routing header the last is not reached yet.
 */
static __sum16 seed_for_len(__sum16 seed, u32 old_len, u32 len)
{
	__wsum change = (__force __wsum)htonl(~old_len + len);

	return ~csum_fold(csum_add(csum_unfold(seed), change));
}

/*
 * The byte that a program wants timestamps of (tstamp.c) is the last of a write.
 * The last segment answers for it: that one also carries the socket.
 */
static void move_stamp(const struct sk_buff *skb, struct sk_buff *segs)
{
	u8 flags = skb_shinfo(skb)->tx_flags & SKBTX_ANY_TSTAMP;

	if (likely(!flags))
		return;
	while (segs->next)
		segs = segs->next;
	skb_shinfo(segs)->tx_flags |= flags;
	skb_shinfo(segs)->tskey = skb_shinfo(skb)->tskey;
}

/* headers of the pieces: each its own sequence number, the ends of the flags, checksum */
static void finish_segments(struct sk_buff *segs, u32 seq, u32 mss, __sum16 seed, u32 old_len)
{
	struct sk_buff *skb;

	for (skb = segs; skb; skb = skb->next, seq += mss) {
		struct tern_hdr *th = (struct tern_hdr *)skb_transport_header(skb);

		th->seq = htonl(seq);
		if (skb->next)
			th->flags &= ~(TERN_FIN | TERN_PSH);
		if (skb != segs)
			th->flags &= ~TERN_CWR;
		th->check = seed_for_len(seed, old_len, skb->len - skb_transport_offset(skb));
		if (skb->ip_summed != CHECKSUM_PARTIAL)
			th->check = gso_make_checksum(skb, ~(__force __wsum)th->check);
		else		/* a tunnel around it may have a checksum of its own */
			gso_reset_checksum(skb, ~(__force __wsum)th->check);
	}
}

static struct sk_buff *segment(struct sk_buff *skb, netdev_features_t features)
{
	unsigned int mss = skb_shinfo(skb)->gso_size, hdr_len;
	const struct tern_hdr *th;
	struct sk_buff *segs;
	u32 seq, len;
	__sum16 seed;

	if (!(skb_shinfo(skb)->gso_type & SKB_GSO_SCTP) || !mss ||
	    !pskb_may_pull(skb, TERN_HLEN_MIN))
		return ERR_PTR(-EINVAL);
	th = (const struct tern_hdr *)skb_transport_header(skb);
	hdr_len = tern_hdr_len(th);
	if (hdr_len < TERN_HLEN_MIN || !pskb_may_pull(skb, hdr_len) || skb->len - hdr_len <= mss)
		return ERR_PTR(-EINVAL);
	th = (const struct tern_hdr *)skb_transport_header(skb);
	seq = ntohl(th->seq);
	len = skb->len;
	seed = skb->ip_summed == CHECKSUM_PARTIAL ? th->check : pseudo_sum(skb, len);
	__skb_pull(skb, hdr_len);

	if (skb_gso_ok(skb, features | NETIF_F_GSO_ROBUST)) {
		/* the device takes it whole; its count of segments may be a stranger's */
		skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(skb->len, mss);
		return NULL;
	}
	/* a device that knows the checksums of TCP and UDP only does not know this one */
	if (!(features & NETIF_F_HW_CSUM))
		features &= ~NETIF_F_CSUM_MASK;
	segs = skb_segment(skb, features);
	if (!IS_ERR_OR_NULL(segs)) {
		finish_segments(segs, seq, mss, seed, len);
		move_stamp(skb, segs);
	}
	return segs;
}

static const struct net_offload offload = {
	.callbacks.gso_segment = segment,
};

/**
 * tern_offload_register - super-segments may be sent from now on
 *
 * Context: module load. Return: 0 or -errno.
 */
int __init tern_offload_register(void)
{
	int err = inet_add_offload(&offload, tern_protocol);

	if (err)
		return err;
	err = inet6_add_offload(&offload, tern_protocol);
	if (err)
		inet_del_offload(&offload, tern_protocol);
	return err;
}

/**
 * tern_offload_unregister - none is on its way when this returns
 */
void tern_offload_unregister(void)
{
	inet6_del_offload(&offload, tern_protocol);
	inet_del_offload(&offload, tern_protocol);
}
