/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RATE_H
#define _TERN_RATE_H

#include <linux/types.h>

struct sock;
struct tern_ack_news;
struct tern_skb_cb;
struct tern_sock;

/**
 * struct tern_rate - how fast the path delivers
 * @delivered_us: clock when something was delivered last (C.delivered_time)
 * @first_sent_us: when the latest of what was delivered had been sent
 *	(C.first_sent_time)
 * @pause_seq: tern_delivered() when all is delivered that was in flight at the
 *	program's last pause (C.app_limited)
 * @app_limited: @pause_seq is not reached yet
 * @best_app_limited: @best is what the program gave the path to do
 * @best: latest sample that was not limited so, or a higher one that was, bytes/s
 */
struct tern_rate {
	u32 delivered_us;
	u32 first_sent_us;
	u32 pause_seq;
	bool app_limited;
	bool best_app_limited;
	u64 best;
};

/**
 * struct tern_rate_sample - what one acknowledgment tells of it
 * @valid: something was delivered; the next five are of the latest sent of it
 * @app_limited: its mark
 * @end_seq: its end
 * @send_us: how long it had taken to send what was in flight with it
 * @prior_us: tern_rate.delivered_us when it was sent
 * @prior_delivered: tern_delivered() when it was sent
 * @bytes_per_s: the sample; 0 for none
 */
struct tern_rate_sample {
	bool valid;
	bool app_limited;
	u32 end_seq;
	u32 send_us;
	u32 prior_us;
	u32 prior_delivered;
	u64 bytes_per_s;
};

void tern_rate_sent(struct tern_sock *ts, struct tern_skb_cb *cb);
void tern_rate_check_app_limited(struct sock *sk);
void tern_rate_delivered(struct tern_sock *ts, const struct tern_skb_cb *cb,
			 struct tern_rate_sample *rs);
void tern_rate_update(struct tern_sock *ts, struct tern_ack_news *news);

#endif
