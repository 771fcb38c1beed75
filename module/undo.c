// SPDX-License-Identifier: GPL-2.0
/*
 * Taking back a congestion response that was a mistake: nothing was lost, it
 * was late. Three witnesses: the acknowledgment of a segment that was sent again
 * echoes the timestamp of its first transmission (Eifel, RFC 3522 and RFC
 * 4015); every retransmission is reported as a duplicate (RFC 3708); or all that
 * counted as lost arrives while pacing still holds the retransmissions back.
 *
 * With a timestamp on every segment the first witness speaks at the first
 * acknowledgment after a timeout, which is what F-RTO (RFC 5682) would have to
 * wait longer for. It must be able to speak whatever the timeout breaks off: one
 * in the midst of a recovery is judged by itself, and if it was a mistake the
 * recovery goes on where it was.
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
		/* a probe that was sent before may come as a duplicate too */
		.retrans = max(ts->retrans_out, ts->tlp_out && ts->tlp_retrans ? ts->tlp_len : 0),
		.snd_cwnd = ts->cong.snd_cwnd,
		.snd_ssthresh = ts->cong.snd_ssthresh,
	};
}

/**
 * tern_undo_interrupt - a timeout in the midst of a recovery
 * @ts: socket, about to enter loss from TERN_CA_CWR or TERN_CA_RECOVERY
 */
void tern_undo_interrupt(struct tern_sock *ts)
{
	ts->undo.interrupted = ts->undone < MAX_UNDONE ? ts->ca_state : TERN_CA_OPEN;
	ts->undo.timeout_sent = false;
}

/**
 * tern_undo_age - another timeout in a series that may be long
 * @ts: socket
 *
 * An echo cannot be compared any more when the clock has gone half around.
 */
void tern_undo_age(struct tern_sock *ts)
{
	struct tern_undo *undo = &ts->undo;

	if (undo->retransmitted && tern_tsval(ts) - undo->tsval > 1u << 30)
		undo->possible = false;
	if (undo->timeout_sent && tern_tsval(ts) - undo->timeout_tsval > 1u << 30)
		undo->interrupted = TERN_CA_OPEN;
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
	if (undo->interrupted && !undo->timeout_sent) {
		undo->timeout_sent = true;
		undo->timeout_tsval = cb->sent_us + ts->ts_off;
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
static void restore_flight(struct sock *sk)
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
	ts->undone++;
	ts->undone_seq = ts->snd_nxt;
}

static void restore_window(struct tern_sock *ts)
{
	ts->cong.snd_cwnd = max(ts->cong.snd_cwnd, ts->undo.snd_cwnd);
	ts->cong.snd_ssthresh = max(ts->cong.snd_ssthresh, ts->undo.snd_ssthresh);
	if (ts->cong.ops->undo)
		ts->cong.ops->undo(&ts->cong);
	ts->undo.possible = false;
}

/* what was sent again at or after such a time was acknowledged too early */
static bool echo_is_older(const struct tern_sock *ts, const struct tern_ack_news *news, u32 tsval)
{
	return ts->ca_state >= TERN_CA_RECOVERY && news->retrans_acked && !ts->retrans_out &&
	       seq_before(news->tsecr, tsval);
}

/* what counted as lost has come by itself: not even a loss probe was sent again */
static bool nothing_was_lost(const struct tern_sock *ts)
{
	return ts->ca_state == TERN_CA_RECOVERY && !ts->lost_out && !ts->undo.retrans;
}

/* of all that was reduced since TERN_CA_OPEN; the counter that tells of it, or -1 */
static int mistaken_reduction(const struct tern_sock *ts, const struct tern_ack_news *news)
{
	const struct tern_undo *undo = &ts->undo;

	if (!undo->possible)
		return -1;
	if (!undo->retransmitted) {
		if (!nothing_was_lost(ts))
			return -1;
	} else if (news->dsacked && !undo->retrans) {
		return TERN_MIB_DSACKUndo;
	} else if (!echo_is_older(ts, news, undo->tsval)) {
		return -1;
	}
	if (ts->ca_state == TERN_CA_LOSS)
		return TERN_MIB_LossUndo;
	return seq_before(ts->snd_una, ts->recover_seq) ? TERN_MIB_PartialUndo :
							  TERN_MIB_FullUndo;
}

/* of the timeout only */
static bool mistaken_timeout(const struct tern_sock *ts, const struct tern_ack_news *news)
{
	return ts->ca_state == TERN_CA_LOSS && ts->undo.interrupted && ts->undo.timeout_sent &&
	       echo_is_older(ts, news, ts->undo.timeout_tsval);
}

/**
 * tern_undo_try - was it a mistake?
 * @sk: socket in any state of enum tern_ca_state
 * @news: what the acknowledgment told
 *
 * If so, ca_state is what it was before, and the window too, or will be.
 *
 * Return: whether something was taken back.
 */
bool tern_undo_try(struct sock *sk, const struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	u8 before = TERN_CA_OPEN;
	int counter = mistaken_reduction(ts, news);

	if (counter >= 0) {
		restore_window(ts);
	} else if (mistaken_timeout(ts, news)) {
		counter = TERN_MIB_LossUndo;
		before = ts->undo.interrupted;	/* which sets the window itself */
	} else {
		return false;
	}
	tern_mib_count(sock_net(sk), counter);
	if (ts->ca_state == TERN_CA_LOSS)
		tern_mib_inc(sock_net(sk), SpuriousRTOs);
	restore_flight(sk);
	ts->undo.interrupted = TERN_CA_OPEN;
	ts->ca_state = before;
	return true;
}
