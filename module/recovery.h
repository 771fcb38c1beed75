/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RECOVERY_H
#define _TERN_RECOVERY_H

#include <linux/types.h>

struct sk_buff;
struct sock;
struct tern_options;

void tern_recovery_init(struct sock *sk);
u32 tern_recovery_sack(struct sock *sk, const struct tern_options *opts, u32 ack);
void tern_recovery_ack(struct sock *sk, u32 delivered);
void tern_recovery_enter_loss(struct sock *sk);
void tern_recovery_mtu_lost(struct sock *sk);
void tern_recovery_xmit(struct sock *sk);
int tern_retransmit(struct sock *sk, struct sk_buff *skb, u32 limit);

#endif
