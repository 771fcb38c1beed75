// SPDX-License-Identifier: GPL-2.0
/*
 * Taking back a congestion response that was a mistake: nothing was lost, it
 * was late. Two witnesses: the acknowledgment of a segment that was sent again
 * echoes the timestamp of its first transmission (Eifel, RFC 3522 and RFC
 * 4015), or every retransmission is reported as a duplicate (RFC 3708).
 *
 * With a timestamp on every segment the first witness speaks at the first
 * acknowledgment after a timeout, which is what F-RTO (RFC 5682) would have to
 * wait longer for; so that is not here.
 *
 * Called with the socket locked, by recovery.c.
 */
#include "mib.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"

#define MAX_UNDONE	8

/**
 * tern_undo_begin - remember what it is like before the window is reduced
 * @sk: socket, about to enter recovery or loss from TERN_CA_OPEN
 *
 * A peer can make up witnesses, and all that is in flight must be looked at each
 * time: what is in flight at the first mistake gives room for a few more.
 */
void tern_undo_begin(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->undo = (struct tern_undo){
		.possible = ts->undone < MAX_UNDONE,
		.seq = ts->snd_una,
		.snd_cwnd = ts->cong.snd_cwnd,
		.snd_ssthresh = ts->cong.snd_ssthresh,
	};
}

/**
 * tern_undo_age - another timeout in a series that may be long
 * @ts: socket
 *
 * An echo cannot be compared any more when the clock has gone half around.
 */
void tern_undo_age(struct tern_sock *ts)
{
	if (ts->undo.retransmitted && tern_tsval(ts) - ts->undo.tsval > 1u << 30)
		ts->undo.possible = false;
}

/**
 * tern_undo_retransmitted - something was sent again
 * @ts: socket
 * @skb: segment
 */
void tern_undo_retransmitted(struct tern_sock *ts, const struct sk_buff *skb)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct tern_undo *undo = &ts->undo;

	if (!undo->retransmitted) {
		undo->retransmitted = true;
		undo->tsval = cb->sent_us + ts->ts_off;
	}
	undo->retrans += cb->end_seq - cb->seq;
}

/**
 * tern_undo_dsack - bytes arrived twice
 * @sk: socket
 * @end_seq: sequence number behind them
 * @len: how many
 */
void tern_undo_dsack(struct sock *sk, u32 end_seq, u32 len)
{
	struct tern_undo *undo = &tern_sk(sk)->undo;

	/* not those of an earlier recovery, nor what was sent since */
	if (seq_after(end_seq, undo->seq) && !seq_after(end_seq, tern_sk(sk)->recover_seq))
		undo->retrans -= min(undo->retrans, len);
}

/* what counted as lost is under way after all */
static void restore(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	for (skb = tern_rtx_head(ts); skb; skb = skb_rb_next(skb)) {
		if (!(TERN_CB(skb)->mark & TERN_SKB_LOST))
			continue;
		tern_rtx_unmark(ts, skb, TERN_SKB_LOST | TERN_SKB_RETRANS);
		tern_rtx_watch(ts, skb);
	}
	tern_rtx_order(ts);
	ts->cong.snd_cwnd = max(ts->cong.snd_cwnd, ts->undo.snd_cwnd);
	ts->cong.snd_ssthresh = max(ts->cong.snd_ssthresh, ts->undo.snd_ssthresh);
	if (ts->cong.ops->undo)
		ts->cong.ops->undo(&ts->cong);
	ts->undo.possible = false;
	ts->undone++;
	ts->undone_seq = ts->snd_nxt;
}

/**
 * tern_undo_try - was it a mistake?
 * @sk: socket in TERN_CA_RECOVERY or TERN_CA_LOSS
 * @news: what the acknowledgment told
 *
 * Return: true when the window is what it was before: the state is to be
 * TERN_CA_OPEN again.
 */
bool tern_undo_try(struct sock *sk, const struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_undo *undo = &ts->undo;

	if (!undo->possible || !undo->retransmitted)
		return false;
	if (news->dsacked && !undo->retrans) {
		tern_mib_inc(sock_net(sk), DSACKUndo);
	} else if (ts->ca_state >= TERN_CA_RECOVERY && news->retrans_acked &&
		   !ts->retrans_out && seq_before(news->tsecr, undo->tsval)) {
		if (ts->ca_state == TERN_CA_LOSS)
			tern_mib_inc(sock_net(sk), LossUndo);
		else if (seq_before(ts->snd_una, ts->recover_seq))
			tern_mib_inc(sock_net(sk), PartialUndo);
		else
			tern_mib_inc(sock_net(sk), FullUndo);
	} else {
		return false;
	}
	if (ts->ca_state == TERN_CA_LOSS)
		tern_mib_inc(sock_net(sk), SpuriousRTOs);
	restore(sk);
	return true;
}
