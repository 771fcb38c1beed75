/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_PACING_H
#define _TERN_PACING_H

#include <linux/types.h>

struct sk_buff;
struct sock;

void tern_pacing_init(struct sock *sk);
void tern_pacing_stop(struct sock *sk);
void tern_pacing_stop_sync(struct sock *sk);
void tern_pacing_update(struct sock *sk);
bool tern_pacing_waits(struct sock *sk);
u32 tern_pacing_burst(const struct sock *sk);
void tern_pacing_stamp(const struct sock *sk, struct sk_buff *skb);
void tern_pacing_sent(struct sock *sk, u32 len);
void tern_pacing_resume(struct sock *sk);

#endif
