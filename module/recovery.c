// SPDX-License-Identifier: GPL-2.0
/*
 * Loss recovery: what an acknowledgment or a timer means for the state of
 * the connection, and sending again what is lost.
 *
 *	OPEN ---- rack.c finds a loss ---------> RECOVERY: prr.c sets the pace
 *	  |------ ECE, or a probe repaired one -> CWR: likewise, nothing to repair
 *	  `------ retransmission timeout -------> LOSS: slow start
 *
 * Each ends when everything that was in flight at its beginning has been
 * acknowledged, or at once when undo.c finds that it was a mistake. Bytes
 * throughout. Called with the socket locked.
 */
#include "cong.h"
#include "mib.h"
#include "output.h"
#include "pacing.h"
#include "rack.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"
#include "timer.h"

/**
 * tern_recovery_init - a connection begins: nothing sent, nothing lost
 * @sk: socket, snd_una and snd_nxt set
 */
void tern_recovery_init(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->ca_state = TERN_CA_OPEN;
	ts->recover_seq = ts->snd_una;
	ts->tlp_out = false;
	ts->undo.possible = false;
	ts->undone = 0;
	tern_scoreboard_init(sk);
	tern_rack_init(ts);
}

static u32 segments(const struct tern_sock *ts, const struct sk_buff *skb)
{
	return DIV_ROUND_UP(max_t(u32, skb->len, 1), ts->mss);
}

/**
 * tern_recovery_mark_lost - a segment is believed to be lost
 * @sk: socket
 * @skb: segment in the retransmission queue, not SACKed; perhaps sent again
 */
void tern_recovery_mark_lost(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);

	if (TERN_CB(skb)->mark & TERN_SKB_MTU_PROBE) {
		TERN_CB(skb)->mark &= ~TERN_SKB_MTU_PROBE;
		tern_mtu_probe_lost(sk);
		ts->mtu_lost = skb->len;
	}
	if (TERN_CB(skb)->mark & TERN_SKB_RETRANS)
		tern_mib_add(sock_net(sk), LostRetransmit, segments(ts, skb));
	tern_rtx_unmark(ts, skb, TERN_SKB_RETRANS);
	tern_rtx_mark_lost(ts, skb);
	ts->rtx_seq = seq_min(ts->rtx_seq, TERN_CB(skb)->seq);
	ts->lost_anew = true;
	tern_mib_add(sock_net(sk), LostSegs, segments(ts, skb));
}

/* what was reduced by the share of marks is halved when a loss follows (RFC 8257, 3.5) */
static bool loss_after_mark(const struct tern_sock *ts, bool marked)
{
	return ts->ca_state == TERN_CA_CWR && ts->cong.marked && !marked &&
	       ts->cong.ops->exact_ecn;
}

static void lower_ssthresh(struct tern_sock *ts, bool marked)
{
	ts->cong.marked = marked;
	ts->cong.snd_cwnd = tern_cong_validated(ts);
	ts->cong.snd_ssthresh = ts->cong.ops->ssthresh(&ts->cong);
}

/* a congestion response, by PRR; with undo when it may be a mistake */
static void reduce(struct sock *sk, enum tern_ca_state state, bool marked, u32 in_flight)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->ca_state == TERN_CA_OPEN) {
		tern_undo_begin(sk);
		if (state != TERN_CA_RECOVERY)
			ts->undo.possible = false;
		tern_prr_begin(&ts->prr, in_flight);
	}
	/* once for a window */
	if (ts->ca_state == TERN_CA_OPEN || loss_after_mark(ts, marked))
		lower_ssthresh(ts, marked);
	ts->ecn_cwr_due = true;
	ts->ca_state = state;
	ts->recover_seq = ts->snd_nxt;
}

/*
 * What was lost was too large: window and threshold stay (RFC 1191, section 6.5),
 * as in the state that touches neither.
 */
static void repair_without_response(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->ca_state = TERN_CA_LOSS;
	ts->recover_seq = ts->snd_nxt;
	ts->undo.possible = false;
	ts->undo.interrupted = TERN_CA_OPEN;
}

static void leave(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->ca_state == TERN_CA_RECOVERY)
		tern_rack_recovered(ts);
	if (ts->ca_state != TERN_CA_LOSS)
		ts->cong.snd_cwnd = ts->cong.snd_ssthresh;
	ts->ca_state = TERN_CA_OPEN;
	/* late D-SACKs may still tell that it was a mistake: undo.possible stays */
}

static struct tern_cong_sample sample_of(const struct tern_sock *ts,
					 const struct tern_ack_news *news)
{
	return (struct tern_cong_sample){
		.acked = news->delivered,
		.rtt_us = news->rtt_us,
		.srtt_us = ts->rtt.srtt >> 3,
		.now_us = tern_clock_us(),
		.snd_una = ts->snd_una,
		.snd_nxt = ts->snd_nxt,
		.marked = news->ece,
		.round_ended = news->round_ended,
		.is_app_limited = news->rate.app_limited,
		.delivery_rate = news->rate.bytes_per_s,
	};
}

static void grow(struct sock *sk, const struct tern_ack_news *news)
{
	struct tern_cong_sample sample = sample_of(tern_sk(sk), news);

	if (news->acked)	/* RFC 5681, 3.1 */
		tern_cong_ack(sk, &sample);
}

static void observe(struct tern_sock *ts, const struct tern_ack_news *news)
{
	struct tern_cong_sample sample = sample_of(ts, news);

	ts->cong.ops->observe(&ts->cong, &sample);
}

static void pace_recovery(struct sock *sk, const struct tern_ack_news *news, bool lost)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 pipe = tern_in_flight(ts);

	if (news->delivered || !ts->prr.out)
		ts->cong.snd_cwnd = pipe + tern_prr_allowance(&ts->prr, news->delivered, pipe,
							      ts->cong.snd_ssthresh, ts->mss,
							      news->acked && !lost);
}

static void detect_loss(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 timeout;

	ts->lost_anew = false;
	ts->mtu_lost = 0;
	timeout = tern_rack_detect_loss(sk);
	ts->reo_pending = timeout;
	ts->reo_at = jiffies + tern_us_to_jiffies(timeout);
	if (!ts->rack.valid && ts->sacked_out)
		tern_scoreboard_mark_lost(sk);
}

static void respond(struct sock *sk, const struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->mtu_lost && ts->lost_out == ts->mtu_lost && ts->ca_state == TERN_CA_OPEN) {
		repair_without_response(sk);
	} else if (ts->lost_out && ts->ca_state < TERN_CA_RECOVERY) {
		tern_mib_inc(sock_net(sk), SackRecovery);
		reduce(sk, TERN_CA_RECOVERY, false, news->prior_in_flight);
	}
	if (ts->ca_state == TERN_CA_OPEN || ts->ca_state == TERN_CA_LOSS)
		grow(sk, news);
	else
		pace_recovery(sk, news, ts->lost_anew);
}

/**
 * tern_recovery_ack - judge the scoreboard after an acknowledgment
 * @sk: socket; snd_una, scoreboard and RTT are up to date
 * @news: what it told
 *
 * Leaves in reo_at when to look again by the clock.
 */
void tern_recovery_ack(struct sock *sk, const struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	bool repaired, marked, undone;

	if (ts->cong.ops->observe)
		observe(ts, news);
	tern_scoreboard_advance(sk);
	if (news->dsacked) {
		tern_undo_dsack(sk, news->dsack_end, news->dsacked);
		if (!tern_tlp_was_duplicate(ts, news))
			tern_rack_dsack(ts);
	}
	repaired = tern_tlp_repaired_loss(sk, news);
	detect_loss(sk);

	/* echoes go on until CWR has arrived, which goes with data sent since then */
	marked = news->ece && seq_after(ts->snd_una, ts->recover_seq);
	undone = tern_undo_try(sk, news);
	if (undone && ts->ca_state == TERN_CA_OPEN) {
		/* nothing was reduced: a mark will be news, and nothing is to be confirmed */
		ts->recover_seq = ts->snd_una;
		ts->ecn_cwr_due = false;
	}
	if (undone)
		detect_loss(sk);
	if (ts->ca_state != TERN_CA_OPEN && !seq_before(ts->snd_una, ts->recover_seq)) {
		leave(sk);
		if (!ts->lost_out)	/* this one has done its duty */
			return;
	} else if ((repaired || marked) && !undone && ts->ca_state == TERN_CA_OPEN) {
		if (marked)
			tern_mib_inc(sock_net(sk), ECNReduced);
		reduce(sk, TERN_CA_CWR, !repaired, news->prior_in_flight);
		if (ts->snd_una == ts->snd_nxt) {	/* nothing to pace it by */
			leave(sk);
			return;
		}
	}
	respond(sk, news);
}

/**
 * tern_recovery_reo_timeout - time for reordering has passed (RFC 8985, 6.2)
 * @sk: socket
 */
void tern_recovery_reo_timeout(struct sock *sk)
{
	const struct tern_ack_news nothing = {
		.prior_in_flight = tern_in_flight(tern_sk(sk)),
	};

	detect_loss(sk);
	if (!tern_sk(sk)->lost_anew)
		return;
	respond(sk, &nothing);
	tern_recovery_xmit(sk);
}

/* the first timeout of a series shows that something else has failed */
static void count_failure(const struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);

	if (ts->retransmits > 1)
		return;
	if (ts->ca_state == TERN_CA_RECOVERY)
		tern_mib_inc(sock_net(sk), SackRecoveryFail);
	else if (ts->ca_state != TERN_CA_LOSS && ts->sacked_out)
		tern_mib_inc(sock_net(sk), SackFailures);
	else if (ts->ca_state == TERN_CA_LOSS)
		tern_mib_inc(sock_net(sk), LossFailures);
}

/**
 * tern_recovery_enter_loss - a retransmission timeout (RFC 5681, RFC 8985 section 6.3)
 * @sk: socket with something in flight
 *
 * Lost is what RACK finds overdue, and the first segment in any case. A head
 * that was SACKed and is still not acknowledged means that the peer threw it
 * away: then no SACK counts any more. A second timeout for the same data does
 * not reduce the threshold again; one after some progress does.
 */
void tern_recovery_enter_loss(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = tern_rtx_head(ts), *head = skb;

	count_failure(sk);
	if (skb && TERN_CB(skb)->mark & TERN_SKB_SACKED)
		tern_scoreboard_forget(sk);
	for (; skb; skb = skb_rb_next(skb)) {
		if (TERN_CB(skb)->mark & TERN_SKB_SACKED)
			continue;
		if (skb == head || tern_rack_overdue(ts, skb))
			tern_recovery_mark_lost(sk, skb);
	}
	if (ts->ca_state == TERN_CA_OPEN ||
	    (ts->ca_state == TERN_CA_LOSS && ts->retransmits == 1)) {
		tern_undo_begin(sk);
		lower_ssthresh(ts, false);
	} else if (ts->ca_state == TERN_CA_LOSS) {
		tern_undo_age(ts);
	} else {
		tern_undo_interrupt(ts);
		if (loss_after_mark(ts, false))
			lower_ssthresh(ts, false);
	}
	ts->cong.snd_cwnd = tern_in_flight(ts) + ts->mss;
	ts->ca_state = TERN_CA_LOSS;
	ts->ecn_cwr_due = true;
	ts->tlp_out = false;
	ts->recover_seq = ts->snd_nxt;
	ts->rtx_seq = ts->snd_una;
	ts->lost_seq = ts->snd_nxt;
}

/**
 * tern_recovery_mtu_lost - the path turned out narrower: what was too large is lost
 * @sk: socket, mss reduced already
 */
void tern_recovery_mtu_lost(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	for (skb = tern_rtx_head(ts); skb; skb = skb_rb_next(skb))
		if (TERN_CB(skb)->seg_len > ts->mss && !(TERN_CB(skb)->mark & TERN_SKB_SACKED))
			tern_recovery_mark_lost(sk, skb);
	if (!ts->lost_out)
		return;
	if (ts->ca_state == TERN_CA_OPEN)
		repair_without_response(sk);
	tern_recovery_xmit(sk);
}

/**
 * tern_retransmit - send a segment again
 * @sk: socket, locked
 * @skb: segment in the retransmission queue
 * @limit: most bytes to send; the rest is cut off and stays in the queue
 *
 * Return: 0, -EBUSY while the first copy has not left this host, or -errno.
 */
int tern_retransmit(struct sock *sk, struct sk_buff *skb, u32 limit)
{
	struct tern_sock *ts = tern_sk(sk);
	int err = -ENOMEM;

	if (skb_fclone_busy(sk, skb)) {
		tern_mib_inc(sock_net(sk), SpuriousRtxHostQueues);
		return -EBUSY;
	}
	if (skb->len <= limit || tern_rtx_split(sk, skb, limit, GFP_ATOMIC))
		err = tern_transmit(sk, skb, GFP_ATOMIC);
	if (err) {
		tern_mib_add(sock_net(sk), RetransFail, segments(ts, skb));
		return err;
	}
	tern_mib_add(sock_net(sk), RetransSegs, max_t(u32, skb_shinfo(skb)->gso_segs, 1));
	ts->stats.total_retrans += segments(ts, skb);
	ts->stats.bytes_retrans += skb->len;
	ts->prr.out += skb->len;
	tern_undo_retransmitted(ts, skb);
	tern_rtx_mark_retrans(ts, skb);
	return 0;
}

/**
 * tern_recovery_xmit - send again what is lost, as far as the window allows
 * @sk: socket, locked
 */
void tern_recovery_xmit(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	if (!ts->lost_out)
		return;
	for (skb = tern_rtx_find(ts, ts->rtx_seq); skb; skb = skb_rb_next(skb)) {
		u32 in_flight = tern_in_flight(ts), room;

		if ((TERN_CB(skb)->mark & (TERN_SKB_LOST | TERN_SKB_RETRANS)) != TERN_SKB_LOST) {
			ts->rtx_seq = TERN_CB(skb)->end_seq;
			continue;
		}
		room = ts->cong.snd_cwnd > in_flight ? ts->cong.snd_cwnd - in_flight : 0;
		if (room < min_t(u32, skb->len, ts->mss) || tern_pacing_waits(sk))
			return;
		room = max_t(u32, rounddown(room, ts->mss), ts->mss);
		room = min(room, tern_pacing_burst(sk));
		if (tern_retransmit(sk, skb, room))
			return;
		if (skb == tern_rtx_head(ts))	/* RFC 6675, section 6 */
			tern_rtx_restart(sk);
		if (ts->ca_state == TERN_CA_LOSS)
			tern_mib_add(sock_net(sk), SlowStartRetrans, segments(ts, skb));
		else
			tern_mib_add(sock_net(sk), FastRetrans, segments(ts, skb));
		ts->rtx_seq = TERN_CB(skb)->end_seq;
	}
}
