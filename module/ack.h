/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_ACK_H
#define _TERN_ACK_H

#include <linux/types.h>

struct sk_buff;
struct sock;
struct tern_options;

bool tern_ack(struct sock *sk, const struct sk_buff *skb, const struct tern_options *opts);
void tern_ack_sent(struct sock *sk);
void tern_data_sent(struct sock *sk);
void tern_ack_schedule(struct sock *sk, const struct sk_buff *skb);
void tern_ack_check(struct sock *sk);
void tern_quick_acks(struct sock *sk);
void tern_window_update(struct sock *sk, int copied);

#endif
