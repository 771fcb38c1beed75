/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RACK_H
#define _TERN_RACK_H

#include <linux/types.h>

#include "seq.h"

struct sk_buff;
struct sock;
struct tern_sock;

/**
 * struct tern_rack - what RFC 8985 remembers of a connection
 * @sent_us: when the latest of the delivered segments was sent (RACK.xmit_ts)
 * @end_seq: its end (RACK.end_seq)
 * @rtt_us: RTT of the latest delivery (RACK.rtt)
 * @fack: end of the highest segment that was delivered (RACK.fack)
 * @prior_fack: @fack before this acknowledgment
 * @dsack_round: snd_nxt when a D-SACK last widened the reordering window
 * @reo_wnd_mult: reordering window in quarters of the smallest RTT
 * @reo_wnd_persist: recoveries until @reo_wnd_mult is 1 again
 * @reordering: most bytes by which a segment arrived after a later one
 * @valid: there is a delivered segment to compare with
 * @reordering_seen: a segment arrived after a later one
 * @in_dsack_round: @dsack_round holds
 */
struct tern_rack {
	u32 sent_us;
	u32 end_seq;
	u32 rtt_us;
	u32 fack;
	u32 prior_fack;
	u32 dsack_round;
	u32 reordering;
	u8 reo_wnd_mult;
	u8 reo_wnd_persist;
	bool valid;
	bool reordering_seen;
	bool in_dsack_round;
};

/**
 * tern_sent_after - which of two segments was sent later?
 * @us1: clock when the one was sent
 * @end_seq1: its end
 * @us2: clock when the other was
 * @end_seq2: its end
 *
 * Return: whether the one was.
 */
static inline bool tern_sent_after(u32 us1, u32 end_seq1, u32 us2, u32 end_seq2)
{
	return (s32)(us1 - us2) > 0 || (us1 == us2 && seq_after(end_seq1, end_seq2));
}

void tern_rack_init(struct tern_sock *ts);
void tern_rack_delivered(struct sock *sk, const struct sk_buff *skb, u32 end_seq, bool earlier);
void tern_rack_dsack(struct tern_sock *ts);
void tern_rack_recovered(struct tern_sock *ts);
u32 tern_rack_reordering_window(const struct tern_sock *ts);
u32 tern_rack_detect_loss(struct sock *sk);
bool tern_rack_overdue(const struct tern_sock *ts, const struct sk_buff *skb);

#endif
