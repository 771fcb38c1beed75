// SPDX-License-Identifier: GPL-2.0
/*
 * RACK (RFC 8985): a segment is lost when one that was sent later has been
 * delivered, and time for reordering has passed. Only times of sending are
 * compared, never sequence numbers alone: so a retransmission that is lost is
 * found the same way.
 *
 * Called by recovery.c for every acknowledgment, with the socket locked.
 */
#include "mib.h"
#include "rack.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"

#define PERSIST_RECOVERIES	16	/* section 6.2, step 4 */
#define MULT_MAX		U8_MAX

/**
 * tern_rack_init - a connection begins
 * @ts: socket, snd_una set
 */
void tern_rack_init(struct tern_sock *ts)
{
	ts->rack = (struct tern_rack){
		.fack = ts->snd_una,
		.prior_fack = ts->snd_una,
		.reo_wnd_mult = 1,
	};
}

/**
 * tern_rack_delivered - a segment was acknowledged or SACKed (steps 2 and 3)
 * @sk: socket
 * @skb: segment, its marks still those of before
 * @end_seq: its end, or that of the part of it
 * @earlier: it is known that not its last transmission was
 */
void tern_rack_delivered(struct sock *sk, const struct sk_buff *skb, u32 end_seq, bool earlier)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct tern_rack *rack = &ts->rack;
	u32 rtt = tern_clock_us() - cb->sent_us;

	if (seq_after(end_seq, rack->fack)) {
		rack->fack = end_seq;
	} else if (seq_before(end_seq, rack->prior_fack) &&
		   !(cb->mark & TERN_SKB_EVER_RETRANS)) {
		ts->stats.reord_seen++;
		if (!rack->reordering_seen)
			tern_mib_inc(sock_net(sk), ReorderSeen);
		rack->reordering_seen = true;
		rack->reordering = max(rack->reordering, rack->prior_fack - cb->seq);
	}
	/* of which transmission? Not of the last one, when that is so recent */
	if (earlier || (cb->mark & TERN_SKB_EVER_RETRANS && rtt < ts->rtt.min))
		return;
	rack->rtt_us = rtt;
	if (!rack->valid ||
	    tern_sent_after(cb->sent_us, end_seq, rack->sent_us, rack->end_seq)) {
		rack->sent_us = cb->sent_us;
		rack->end_seq = end_seq;
		rack->valid = true;
	}
}

/**
 * tern_rack_dsack - a retransmission was not needed: wait longer (step 4)
 * @ts: socket
 */
void tern_rack_dsack(struct tern_sock *ts)
{
	struct tern_rack *rack = &ts->rack;

	/* once in a round trip */
	if (rack->in_dsack_round)
		return;
	rack->in_dsack_round = true;
	rack->dsack_round = ts->snd_nxt;
	rack->reo_wnd_persist = PERSIST_RECOVERIES;
	if (rack->reo_wnd_mult < MULT_MAX)
		rack->reo_wnd_mult++;
}

/**
 * tern_rack_recovered - a recovery is over (step 4)
 * @ts: socket
 */
void tern_rack_recovered(struct tern_sock *ts)
{
	struct tern_rack *rack = &ts->rack;

	if (rack->reo_wnd_persist && !--rack->reo_wnd_persist)
		rack->reo_wnd_mult = 1;
}

/**
 * tern_rack_reordering_window - how long to wait for what may be late only
 * @ts: socket
 *
 * Return: microseconds.
 */
u32 tern_rack_reordering_window(const struct tern_sock *ts)
{
	/* as long as nothing was reordered: three duplicate ACKs, as ever (RFC 6675) */
	if (!ts->rack.reordering_seen &&
	    (ts->ca_state >= TERN_CA_RECOVERY || ts->sacked_out > 2u * ts->mss))
		return 0;
	return min_t(u64, (u64)ts->rtt.min / 4 * ts->rack.reo_wnd_mult, ts->rtt.srtt >> 3);
}

/* microseconds until the segment counts as lost; 0 or less: it does */
static s32 time_left(const struct tern_sock *ts, const struct sk_buff *skb, u32 now)
{
	return TERN_CB(skb)->sent_us + ts->rack.rtt_us + tern_rack_reordering_window(ts) - now;
}

/**
 * tern_rack_overdue - would the segment have been acknowledged by now?
 * @ts: socket
 * @skb: segment in the retransmission queue
 *
 * For a retransmission timeout (section 6.3). Return: whether.
 */
bool tern_rack_overdue(const struct tern_sock *ts, const struct sk_buff *skb)
{
	return !ts->rack.valid || time_left(ts, skb, tern_clock_us()) <= 0;
}

/**
 * tern_rack_detect_loss - mark what is lost (step 5)
 * @sk: socket
 *
 * Return: microseconds until the next segment may have to be marked, or 0.
 */
u32 tern_rack_detect_loss(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_rack *rack = &ts->rack;
	u32 now = tern_clock_us(), timeout = 0;
	struct sk_buff *skb, *next;

	if (rack->in_dsack_round && !seq_before(ts->snd_una, rack->dsack_round))
		rack->in_dsack_round = false;
	if (!rack->valid)
		return 0;
	tern_rtx_for_each_sent(ts, skb, next) {
		const struct tern_skb_cb *cb = TERN_CB(skb);
		s32 left;

		if (!tern_sent_after(rack->sent_us, rack->end_seq, cb->sent_us, cb->end_seq))
			break;
		left = time_left(ts, skb, now);
		if (left > 0)
			timeout = max_t(u32, timeout, left);
		else
			tern_recovery_mark_lost(sk, skb);
	}
	return timeout;
}
