/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Congestion control behind one table. Everything is in bytes. The hooks are
 * called under the socket lock, from softirq or process context.
 */
#ifndef _TERN_CONG_H
#define _TERN_CONG_H

#include <linux/types.h>

struct sock;

/**
 * struct tern_cong_ops - a congestion control
 * @name: as in net.tern.congestion_control
 * @init: a connection begins; snd_cwnd is the initial window. May be NULL
 * @ssthresh: bytes to go down to after a loss (RFC 5681, equation 4)
 * @ack: @acked bytes were acknowledged or SACKed outside of recovery while
 *	the window limited the sender; grow snd_cwnd
 */
struct tern_cong_ops {
	const char *name;
	void (*init)(struct sock *sk);
	u32 (*ssthresh)(struct sock *sk);
	void (*ack)(struct sock *sk, u32 acked);
};

extern const struct tern_cong_ops tern_newreno;

void tern_cong_init(struct sock *sk);
void tern_cong_ack(struct sock *sk, u32 acked);
void tern_cong_enter_recovery(struct sock *sk);
void tern_cong_enter_loss(struct sock *sk);
void tern_cong_exit(struct sock *sk);
void tern_cong_restart_after_idle(struct sock *sk, u32 idle_us);
bool tern_cong_slow_start(const struct sock *sk);

#endif
