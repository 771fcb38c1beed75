/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_OUTPUT_H
#define _TERN_OUTPUT_H

#include <linux/skbuff.h>
#include <net/sock.h>

#include "demux.h"
#include "wire.h"

struct tern_ip_ops;
struct tern_reply;
struct tern_sock;

/**
 * struct tern_fields - what goes into a header, host byte order
 * @seq: sequence number
 * @ack: acknowledgment number
 * @window: receive window, bytes
 * @tag: verification tag of the receiver
 * @tsval: clock
 * @tsecr: clock echoed
 * @flags: TERN_FIN ...
 * @opts: options
 */
struct tern_fields {
	u32 seq;
	u32 ack;
	u32 window;
	u32 tag;
	u32 tsval;
	u32 tsecr;
	u8 flags;
	struct tern_options opts;
};

/* output.c */
void tern_header_push(struct sk_buff *skb, const struct tern_ip_ops *ip,
		      const struct tern_flow *flow, const struct tern_fields *fields);
u32 tern_granted_window(const struct sock *sk);
u32 tern_select_window(struct sock *sk);
void tern_sync_mss(struct sock *sk);
u16 tern_advertised_mss(const struct tern_sock *ts, u32 mtu);
int tern_transmit(struct sock *sk, struct sk_buff *skb, gfp_t gfp);
void tern_send_syn(struct sock *sk);
void tern_send_ack(struct sock *sk);
void tern_send_dup_ack(struct sock *sk, bool bare);
void tern_send_challenge_ack(struct sock *sk);
void tern_send_probe(struct sock *sk);
void tern_send_reset(struct sock *sk);
bool tern_challenge_allowed(struct net *net);
bool tern_not_lately(u32 *stamp);

/* reply.c */
void tern_reply_send(struct net *net, const struct tern_reply *reply,
		     const struct tern_fields *fields);
void tern_reply_reset(struct net *net, struct sk_buff *skb, const struct tern_flow *flow);

/* send.c */
void tern_push_pending(struct sock *sk);
void tern_push(struct sock *sk, u8 nagle);
bool tern_send_one(struct sock *sk);
void tern_send_fin(struct sock *sk);
void tern_write_queue_purge(struct sock *sk);
bool tern_check_space(struct sock *sk);

#endif
