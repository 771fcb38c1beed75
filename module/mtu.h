/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_MTU_H
#define _TERN_MTU_H

#include <linux/types.h>

struct sk_buff;
struct sock;

/**
 * struct tern_mtu - packetization layer path MTU discovery (RFC 8899)
 * @limit: largest packet that is known to pass, 0: no limit but the route's
 * @high: a packet of this size did not pass; 0 for none
 * @probe: size of the packet under way as a probe, 0 for none
 * @lost: probes of the size @probed in a row that were lost
 * @probed: size of the last probe
 * @next: jiffies, when the next probe may go
 */
struct tern_mtu {
	u32 limit;
	u32 high;
	u32 probe;
	u32 probed;
	u8 lost;
	unsigned long next;
};

void tern_mtu_timeout(struct sock *sk, const struct sk_buff *skb);
u32 tern_mtu_probe_payload(struct sock *sk);
void tern_mtu_probe_sent(struct sock *sk, struct sk_buff *skb);
void tern_mtu_probe_delivered(struct sock *sk);
void tern_mtu_probe_lost(struct sock *sk);
void tern_mtu_probe_cancel(struct sock *sk);

#endif
