/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RTXQUEUE_H
#define _TERN_RTXQUEUE_H

#include <linux/skbuff.h>
#include <net/sock.h>

struct tern_ack_news;
struct tern_sock;

struct sk_buff *tern_rtx_head(const struct tern_sock *ts);
struct sk_buff *tern_rtx_find(const struct tern_sock *ts, u32 seq);
void tern_rtx_append(struct tern_sock *ts, struct sk_buff *skb);
struct sk_buff *tern_rtx_split(struct sock *sk, struct sk_buff *skb, u32 len, gfp_t gfp);
struct sk_buff *tern_skb_split(struct sock *sk, struct sk_buff *skb, u32 len, gfp_t gfp);
void tern_rtx_clean(struct sock *sk, struct tern_ack_news *news);
void tern_rtx_purge(struct sock *sk);
void tern_rtx_mark_sacked(struct tern_sock *ts, struct sk_buff *skb);
void tern_rtx_mark_lost(struct tern_sock *ts, struct sk_buff *skb);
void tern_rtx_mark_retrans(struct tern_sock *ts, struct sk_buff *skb);
void tern_rtx_unmark(struct tern_sock *ts, struct sk_buff *skb, u8 marks);
void tern_rtx_watch(struct tern_sock *ts, struct sk_buff *skb);
void tern_rtx_order(struct tern_sock *ts);
void tern_wmem_free_skb(struct sock *sk, struct sk_buff *skb);

/* segments of which news is awaited, in the order of sending; skb may be taken out */
#define tern_rtx_for_each_sent(ts, skb, next) \
	list_for_each_entry_safe(skb, next, &(ts)->sent_order, tcp_tsorted_anchor)

/**
 * tern_skb_unlinked - a segment leaves the queues: route and destructor are its own again
 * @skb: segment, or the copy of one
 */
static inline void tern_skb_unlinked(struct sk_buff *skb)
{
	skb->_skb_refdst = 0;
	skb->destructor = NULL;
}

#endif
