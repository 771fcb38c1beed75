/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RECOVERY_H
#define _TERN_RECOVERY_H

#include <linux/types.h>

#include "rate.h"

struct sk_buff;
struct sock;
struct tern_options;

/**
 * struct tern_ack_news - what one acknowledgment told, collected on its way
 * @prior_in_flight: bytes in flight before it
 * @acked: bytes by which snd_una moved
 * @delivered: bytes that are known only now to have arrived
 * @dsacked: bytes that arrived twice
 * @dsack_end: sequence number behind them
 * @now_us: clock when it came, if @acked or with SACK blocks
 * @rtt_us: round-trip time by its timestamp, 0 for none
 * @tsecr: timestamp it echoes
 * @retrans_acked: it covers, for the first time, what had been sent again
 * @ece: it reports congestion
 * @round_ended: it acknowledges all that was sent when a round trip began
 * @rate: delivery rate
 */
struct tern_ack_news {
	u32 prior_in_flight;
	u32 acked;
	u32 delivered;
	u32 dsacked;
	u32 dsack_end;
	u32 now_us;
	u32 rtt_us;
	u32 tsecr;
	bool retrans_acked;
	bool ece;
	bool round_ended;
	struct tern_rate_sample rate;
};

/* scoreboard.c */
void tern_scoreboard_init(struct sock *sk);
void tern_scoreboard_advance(struct sock *sk);
void tern_scoreboard_sack(struct sock *sk, const struct tern_options *opts, u32 ack,
			  struct tern_ack_news *news);
void tern_scoreboard_mark_lost(struct sock *sk);
void tern_scoreboard_forget(struct sock *sk);

/* undo.c */
void tern_undo_begin(struct sock *sk);
void tern_undo_interrupt(struct tern_sock *ts);
void tern_undo_age(struct tern_sock *ts);
void tern_undo_retransmitted(struct tern_sock *ts, const struct sk_buff *skb);
void tern_undo_dsack(struct sock *sk, u32 end_seq, u32 len);
bool tern_undo_try(struct sock *sk, const struct tern_ack_news *news);

/* tlp.c */
u32 tern_tlp_timeout(const struct sock *sk);
bool tern_tlp_fire(struct sock *sk);
bool tern_tlp_was_duplicate(const struct tern_sock *ts, const struct tern_ack_news *news);
bool tern_tlp_repaired_loss(struct sock *sk, const struct tern_ack_news *news);

/* recovery.c */
void tern_recovery_init(struct sock *sk);
void tern_recovery_ack(struct sock *sk, const struct tern_ack_news *news);
void tern_recovery_reo_timeout(struct sock *sk);
void tern_recovery_enter_loss(struct sock *sk);
void tern_recovery_mtu_lost(struct sock *sk);
void tern_recovery_mark_lost(struct sock *sk, struct sk_buff *skb);
void tern_recovery_xmit(struct sock *sk);
int tern_retransmit(struct sock *sk, struct sk_buff *skb, u32 limit);

#endif
