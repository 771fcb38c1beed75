/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_ECN_H
#define _TERN_ECN_H

#include <linux/types.h>

struct sock;
struct tern_skb_cb;

bool tern_ecn_accepts(const struct sock *sk, u8 syn_flags);
u8 tern_ecn_syn(struct sock *sk);
void tern_ecn_syn_ack(struct sock *sk, u8 flags);
u8 tern_ecn_mark(struct sock *sk, bool new_data);
void tern_ecn_data(struct sock *sk, const struct tern_skb_cb *cb);

#endif
