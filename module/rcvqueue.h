/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RCVQUEUE_H
#define _TERN_RCVQUEUE_H

#include <linux/types.h>

struct sk_buff;
struct sock;
struct tern_sock;

bool tern_data_queue(struct sock *sk, struct sk_buff *skb);
void tern_sack_cut(struct tern_sock *ts, u32 end);
void tern_ofo_purge(struct sock *sk);
void tern_data_ready(struct sock *sk);
bool tern_readable(const struct sock *sk, int target);
void tern_note_duplicate(struct sock *sk, u32 start, u32 end);

#endif
