// SPDX-License-Identifier: GPL-2.0
/*
 * Acknowledgments: taking the peer's in, and when to send one's own.
 *
 * Taking in (RFC 9293, 3.10.7.4, fifth check): validity, send window, RTT,
 * scoreboard, retransmission queue, recovery, timers. Sending (RFC 5681, 4.2): every
 * second segment at once, otherwise after net.tern.delack_ms, but without
 * delay at the start of a connection, after loss, out of order, and at the end
 * of a message of more than a segment. Segments that arrive merged, a
 * super-segment for one, are answered by one ACK: what is owed is looked at once
 * for each skb, not for each segment it was made of.
 *
 * Called with the socket locked.
 */
#include "ack.h"
#include "output.h"
#include "pacing.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"
#include "timer.h"

#define QUICK_ACKS 16

/* RFC 9293, 3.10.7.4: only a segment newer than the last one that set it */
static void update_send_window(struct tern_sock *ts, const struct tern_skb_cb *cb)
{
	/* of two that are equally new, the larger came later; or there is no room at all */
	if (seq_before(ts->snd_wl1, cb->seq) || seq_after(cb->ack, ts->snd_una) ||
	    (ts->snd_wl1 == cb->seq && (cb->window > ts->snd_wnd || !cb->window))) {
		ts->snd_wl1 = cb->seq;
		if (ts->snd_wnd != cb->window) {
			ts->snd_wnd = cb->window;
			ts->max_window = max(ts->max_window, cb->window);
		}
	}
}

static void sample_rtt(struct sock *sk, struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 rtt = news->now_us + ts->ts_off - news->tsecr;

	if ((s32)rtt < 0)	/* an echo of what was never sent */
		return;
	news->rtt_us = max(rtt, 1u);
	tern_rtt_sample(&ts->rtt, rtt, news->now_us);
	ts->cong.rtt_us = tern_rtt_recent_min(&ts->rtt);
	/* of the connection: controls take it for that of an empty path */
	ts->cong.min_rtt_us = min_not_zero(ts->cong.min_rtt_us, ts->rtt.min);
	ts->backoff = 0;	/* RFC 6298, 5.7: until a new sample */
	tern_rto_update(sk);
}

/* something new was acknowledged: the connection lives, timers start anew */
static void progress(struct sock *sk, struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->snd_una += news->acked;
	/* who only sends must not wrap around it */
	ts->turn_snd = seq_max(ts->turn_snd, ts->snd_una - (1u << 30));
	ts->recover_seq = seq_max(ts->recover_seq, ts->snd_una - (1u << 30));
	ts->stats.bytes_acked += news->acked;
	ts->last_progress = news->now_us;
	tern_timeouts_over(ts);
	WRITE_ONCE(sk->sk_err_soft, 0);
	sample_rtt(sk, news);
	sk_dst_confirm(sk);
	tern_rtx_clean(sk, news);
	news->round_ended = !seq_before(ts->snd_una, ts->round_end);
	if (news->round_ended)
		ts->round_end = ts->snd_nxt;
}

static void account_delivery(struct sock *sk, struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_rate_update(ts, news);
	tern_mib_add(sock_net(sk), Delivered, news->delivered);
	if (!news->ece)
		return;
	ts->stats.delivered_ce += news->delivered;
	tern_mib_add(sock_net(sk), DeliveredCE, news->delivered);
}

static void update_timer(struct sock *sk, bool progressed)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->snd_una != ts->snd_nxt) {
		if (progressed)
			tern_rtx_restart(sk);
		else
			tern_rtx_arm(sk);
		return;
	}
	if (ts->rtx_mode != TERN_RTX_PERSIST) {
		tern_rtx_disarm(sk);
	} else if (ts->rtx_armed && ts->snd_wnd && !skb_queue_empty(&sk->sk_write_queue)) {
		/* the window opened while probing */
		tern_rtx_disarm(sk);
		ts->rtx_start = 0;
		ts->backoff = 0;
		tern_rto_update(sk);
	}
}

/**
 * tern_ack - take the acknowledgment of a segment in
 * @sk: socket in a synchronized state, locked
 * @skb: segment with ACK
 * @opts: its options
 *
 * What became possible is sent by tern_recovery_xmit() and
 * tern_push_pending(), once the segment's data is in.
 *
 * Return: false when the segment must be dropped (RFC 5961, section 5).
 */
bool tern_ack(struct sock *sk, const struct sk_buff *skb, const struct tern_options *opts)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct tern_ack_news news = {
		.prior_in_flight = tern_in_flight(ts),
		.acked = cb->ack - ts->snd_una,
		.tsecr = cb->tsecr,
		.ece = ts->ecn_ok && cb->flags & TERN_ECE,
	};
	u32 prior_una = ts->snd_una;

	if (seq_after(cb->ack, ts->snd_nxt) ||
	    seq_before(cb->ack, prior_una - ts->max_window)) {
		tern_send_challenge_ack(sk);
		return false;
	}
	ts->probes_out = 0;
	if (seq_before(cb->ack, prior_una))
		return true;		/* old news, but its data may be new */

	update_send_window(ts, cb);
	ts->rack.prior_fack = ts->rack.fack;
	if (news.acked || opts->nr_sack)
		news.now_us = tern_clock_us();
	if (opts->nr_sack)
		tern_scoreboard_sack(sk, opts, cb->ack, &news);
	if (news.acked)
		progress(sk, &news);
	if (news.delivered)
		account_delivery(sk, &news);
	if (ts->snd_una != ts->snd_nxt || news.acked || news.dsacked || news.ece) {
		tern_recovery_ack(sk, &news);
		tern_pacing_update(sk);
	}
	update_timer(sk, news.acked);
	return true;
}

/**
 * tern_ack_sent - a segment with ACK has just left: nothing is owed any more
 * @sk: socket, locked
 */
void tern_ack_sent(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->quick_acks)
		ts->quick_acks--;
	ts->ack_pending = false;
	ts->ack_now = false;
}

/**
 * tern_data_sent - the program sends: if it answers, ACKs can ride along
 * @sk: socket, locked
 */
void tern_data_sent(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (time_before(jiffies, ts->last_rcv + msecs_to_jiffies(40)))
		ts->pingpong = true;
	ts->turn_rcv = ts->rcv_nxt;
}

/**
 * tern_quick_acks - acknowledge without delay for a while
 * @sk: socket, locked
 *
 * The peer needs to hear: it starts, or it has losses to repair.
 */
void tern_quick_acks(struct sock *sk)
{
	tern_sk(sk)->quick_acks = QUICK_ACKS;
	tern_sk(sk)->pingpong = false;
}

/* the short end of a longer message: the peer has nothing to follow it (see tlp.c) */
static bool ends_turn(const struct tern_sock *ts, const struct sk_buff *skb)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);

	return cb->flags & TERN_PSH && skb->len < ts->rcv_mss &&
	       cb->end_seq - ts->turn_rcv > ts->rcv_mss;
}

/**
 * tern_ack_schedule - data has come in order: an ACK is owed
 * @sk: socket, locked
 * @skb: segment, header pulled
 */
void tern_ack_schedule(struct sock *sk, const struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);

	/*
	 * A merged or super-segment says nothing about one segment's size. No peer
	 * waits for more than half of the largest window (RFC 9293, 3.8.6.2.1).
	 */
	if (skb->len >= ts->rcv_mss)
		ts->rcv_mss = min3(skb->len, max_t(u32, ts->mss, TERN_MSS_MIN),
				   max_t(u32, READ_ONCE(sk->sk_rcvbuf) / 4, TERN_MSS_MIN));
	else if (ends_turn(ts, skb))
		ts->ack_now = true;
	if (!ts->ack_pending)
		ts->ack_since = jiffies;
	ts->ack_pending = true;
	ts->last_rcv = jiffies;
}

/**
 * tern_ack_check - send the ACK that is owed, now or by the clock
 * @sk: socket, locked
 */
void tern_ack_check(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!ts->ack_pending && !ts->ack_now)
		return;
	if (ts->ack_now || (ts->quick_acks && !ts->pingpong) ||
	    !RB_EMPTY_ROOT(&ts->ofo_queue) ||
	    (ts->rcv_nxt - ts->rcv_wup > ts->rcv_mss &&
	     tern_select_window(sk) >= ts->rcv_wnd)) {
		tern_send_ack(sk);
		return;
	}
	tern_delack_arm(sk);
}

/**
 * tern_window_update - the program has read: does the peer need to know?
 * @sk: socket, locked
 * @copied: bytes read
 *
 * Tells when an ACK for more than a segment waits, or when the window has at
 * least doubled.
 */
void tern_window_update(struct sock *sk, int copied)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 old, new;
	bool tell = ts->ack_pending &&
		    (ts->rcv_nxt - ts->rcv_wup > ts->rcv_mss ||
		     (copied > 0 && !ts->pingpong && !atomic_read(&sk->sk_rmem_alloc)));

	if (copied > 0 && !tell && !(sk->sk_shutdown & RCV_SHUTDOWN)) {
		old = tern_receive_window(ts);
		if (2 * old <= min_t(u32, tern_window_clamp(ts), READ_ONCE(sk->sk_rcvbuf) / 2)) {
			new = tern_select_window(sk);
			tell = new && new >= 2 * old;
		}
	}
	if (tell)
		tern_send_ack(sk);
}
