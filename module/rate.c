// SPDX-License-Identifier: GPL-2.0
/*
 * Delivery rate (draft-cheng-iccrg-delivery-rate-estimation): how many bytes
 * were delivered between the sending of a segment and its acknowledgment, over
 * the longer of the two times that this took: to send them, and to hear that
 * they have arrived. Acknowledgments may come in a bunch; a path is not faster
 * for that than what it was given.
 *
 * Each segment remembers how much had been delivered when it was sent; a part
 * cut off from it remembers the same, one that is sent again remembers anew.
 * What is delivered need not be counted: it is what snd_una and the scoreboard
 * say. Where the program paused, what follows is marked: such a sample is of
 * the program and not of the path.
 *
 * Called with the socket locked.
 */
#include <net/sock.h>

#include "rack.h"
#include "rate.h"
#include "recovery.h"
#include "sock.h"

/**
 * tern_rate_sent - a segment with payload or FIN has left (section 3.2)
 * @ts: socket, snd_nxt not advanced yet if the segment is new
 * @cb: segment, @sent_us set
 */
void tern_rate_sent(struct tern_sock *ts, struct tern_skb_cb *cb)
{
	struct tern_rate *rate = &ts->rate;

	/* the path was empty: both times begin here */
	if (ts->snd_una == ts->snd_nxt) {
		rate->first_sent_us = cb->sent_us;
		rate->delivered_us = cb->sent_us;
	}
	cb->app_limited = rate->app_limited;
	cb->delivered = tern_delivered(ts);
	cb->delivered_us = rate->delivered_us;
	cb->first_sent_us = rate->first_sent_us;
}

/**
 * tern_rate_check_app_limited - the program writes: has it let the path run empty? (section 3.4)
 * @sk: socket; what the program writes is not queued yet
 */
void tern_rate_check_app_limited(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 in_flight = tern_in_flight(ts);

	if (ts->write_seq - ts->snd_nxt >= ts->mss || in_flight >= ts->cong.snd_cwnd ||
	    ts->lost_out > ts->retrans_out || sk_wmem_alloc_get(sk) >= SKB_TRUESIZE(1))
		return;
	ts->rate.app_limited = true;
	ts->rate.pause_seq = tern_delivered(ts) + in_flight;
}

/**
 * tern_rate_delivered - a segment, or the front of it, was acknowledged or SACKed (section 3.3)
 * @ts: socket
 * @cb: segment; it was its last transmission that arrived, as far as is known
 * @rs: sample of the acknowledgment
 */
void tern_rate_delivered(struct tern_sock *ts, const struct tern_skb_cb *cb,
			 struct tern_rate_sample *rs)
{
	if (rs->valid && !tern_sent_after(cb->sent_us, cb->end_seq,
					  ts->rate.first_sent_us, rs->end_seq))
		return;
	rs->valid = true;
	rs->app_limited = cb->app_limited;
	rs->end_seq = cb->end_seq;
	rs->send_us = cb->sent_us - cb->first_sent_us;
	rs->prior_us = cb->delivered_us;
	rs->prior_delivered = cb->delivered;
	ts->rate.first_sent_us = cb->sent_us;
}

/**
 * tern_rate_update - all of an acknowledgment is in: take the sample
 * @ts: socket; snd_una, scoreboard and RTT are up to date
 * @news: what the acknowledgment told; its rate.bytes_per_s is set
 */
void tern_rate_update(struct tern_sock *ts, struct tern_ack_news *news)
{
	struct tern_rate_sample *rs = &news->rate;
	struct tern_rate *rate = &ts->rate;
	u32 delivered = tern_delivered(ts), us;
	s32 bytes = delivered - rs->prior_delivered;

	if (rate->app_limited && seq_after(delivered, rate->pause_seq))
		rate->app_limited = false;
	rate->delivered_us = news->now_us;
	if (!rs->valid)
		return;
	us = max(rs->send_us, news->now_us - rs->prior_us);
	/*
	 * Less than the path takes: an earlier transmission was what arrived. And
	 * a peer may have taken back what it had SACKed.
	 */
	if (us < ts->rtt.min || bytes <= 0)
		return;
	rs->bytes_per_s = div_u64((u64)bytes * USEC_PER_SEC, us);
	if (rs->app_limited && rs->bytes_per_s < rate->best)
		return;
	rate->best = rs->bytes_per_s;
	rate->best_app_limited = rs->app_limited;
}
