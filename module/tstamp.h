/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_TSTAMP_H
#define _TERN_TSTAMP_H

#include <linux/skbuff.h>

struct msghdr;
struct sock;

/* tern_skb_cb.stamp: is the byte at stamp_seq watched? */
enum {
	TERN_STAMP_NONE,
	TERN_STAMP_SENT,	/* on its way out of this host */
	TERN_STAMP_ACK,		/* and until it is acknowledged */
};

void tern_tstamp_request(struct sock *sk, u32 tsflags, u32 copied);
void tern_tstamp_split(struct sk_buff *skb, struct sk_buff *tail);
void tern_tstamp_acked(struct sock *sk, struct sk_buff *skb);
void tern_tstamp_keep(const struct sock *sk, struct sk_buff *skb, struct sk_buff **last);
void tern_tstamp_tell(struct sock *sk, struct msghdr *msg, struct sk_buff *last);
void tern_tstamp_merge(struct sk_buff *to, struct sk_buff *from);

#endif
