// SPDX-License-Identifier: GPL-2.0
/*
 * Acknowledgments: taking the peer's in, and when to send one's own.
 *
 * Taking in (RFC 9293, 3.10.7.4, fifth check): validity, send window, RTT,
 * scoreboard, retransmission queue, timers. Sending (RFC 5681, 4.2): every
 * second segment at once, otherwise after net.tern.delack_ms, but without
 * delay at the start of a connection, after loss, and out of order.
 *
 * Called with the socket locked.
 */
#include "ack.h"
#include "cong.h"
#include "output.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"
#include "timer.h"

#define QUICK_ACKS 16

/* RFC 9293, 3.10.7.4: only a segment newer than the last one that set it */
static void update_send_window(struct tern_sock *ts, const struct tern_skb_cb *cb)
{
	if (seq_before(ts->snd_wl1, cb->seq) || seq_after(cb->ack, ts->snd_una) ||
	    (ts->snd_wl1 == cb->seq && cb->window > ts->snd_wnd)) {
		ts->snd_wl1 = cb->seq;
		if (ts->snd_wnd != cb->window) {
			ts->snd_wnd = cb->window;
			ts->max_window = max(ts->max_window, cb->window);
		}
	}
}

static void sample_rtt(struct sock *sk, const struct tern_skb_cb *cb)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 rtt = tern_tsval(ts) - cb->tsecr;

	if ((s32)rtt < 0)	/* an echo of what was never sent */
		return;
	tern_rtt_sample(&ts->rtt, rtt);
	ts->backoff = 0;	/* RFC 6298, 5.7: until a new sample */
	tern_rto_update(sk);
}

/* something new was acknowledged: the connection lives, timers start anew */
static void progress(struct sock *sk, const struct tern_skb_cb *cb, u32 acked)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->bytes_acked += acked;
	ts->retransmits = 0;
	ts->rtx_start = 0;
	WRITE_ONCE(sk->sk_err_soft, 0);
	sample_rtt(sk, cb);
	sk_dst_confirm(sk);
	if (ts->snd_una == ts->snd_nxt)
		tern_rtx_disarm(sk);
	else
		tern_rtx_arm(sk);
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
	u32 prior_una = ts->snd_una, acked, delivered = 0;

	if (seq_after(cb->ack, ts->snd_nxt) ||
	    seq_before(cb->ack, prior_una - ts->max_window)) {
		tern_send_challenge_ack(sk);
		return false;
	}
	ts->probes_out = 0;
	if (seq_before(cb->ack, prior_una))
		return true;		/* old news, but its data may be new */

	update_send_window(ts, cb);
	if (opts->nr_sack)
		delivered = tern_recovery_sack(sk, opts, cb->ack);

	acked = cb->ack - prior_una;
	if (acked) {
		ts->snd_una = cb->ack;
		delivered += acked - tern_rtx_clean(sk);
		progress(sk, cb, acked);
	}
	if (ts->snd_una != ts->snd_nxt || acked)
		tern_recovery_ack(sk, acked ? delivered : 0);
	/* the window opened while probing */
	if (ts->rtx_is_probe && ts->rtx_armed && ts->snd_wnd &&
	    !skb_queue_empty(&sk->sk_write_queue)) {
		tern_rtx_disarm(sk);
		ts->rtx_start = 0;
		ts->backoff = 0;
		tern_rto_update(sk);
	}
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

/**
 * tern_ack_schedule - data has come in order: an ACK is owed
 * @sk: socket, locked
 * @payload: bytes of the segment, for the estimate of the peer's MSS
 */
void tern_ack_schedule(struct sock *sk, u32 payload)
{
	struct tern_sock *ts = tern_sk(sk);

	/* a merged or super-segment says nothing about one segment's size */
	if (payload >= ts->rcv_mss)
		ts->rcv_mss = min_t(u32, payload, max_t(u32, ts->mss, TERN_MSS_MIN));
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
		if (2 * old <= min_t(u32, ts->window_clamp, READ_ONCE(sk->sk_rcvbuf) / 2)) {
			new = tern_select_window(sk);
			tell = new && new >= 2 * old;
		}
	}
	if (tell)
		tern_send_ack(sk);
}
