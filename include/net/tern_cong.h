/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a congestion control sees of a connection, and what it provides: a
 * table of functions. Everything is in bytes and microseconds. Documentation/
 * internals.rst, "Congestion control", leads through an example; module/
 * newreno.c is the smallest one, examples/ has one in a module of its own.
 *
 * All hooks run under the socket lock, BH off: they must not sleep.
 */
#ifndef _NET_TERN_CONG_H
#define _NET_TERN_CONG_H

#include <linux/list.h>
#include <linux/types.h>

struct module;
struct tern_cong_ops;

#define TERN_CONG_NAME_MAX	16
#define TERN_CONG_PRIV		10	/* words */
#define TERN_SSTHRESH_UNKNOWN	0x7fffffffu	/* before the first congestion */

/**
 * struct tern_hystart - when to leave the first slow start (RFC 9406)
 * @round_end: snd_nxt at the beginning of this round trip
 * @last_min_us: smallest RTT of the round before; ~0 for none
 * @min_us: smallest RTT of this round; ~0 for none yet
 * @baseline_us: less than that ends conservative slow start: there is no queue;
 *	0 while the round that brought it is not over
 * @train_begin_us: clock at the beginning of this round
 * @train_end_us: clock at the last of this round's ACKs that came close together
 * @samples: RTT samples in this round
 * @css_rounds: rounds of conservative slow start, while the threshold is not
 *	known; 0 outside of it
 */
struct tern_hystart {
	u32 round_end;
	u32 last_min_us;
	u32 min_us;
	u32 baseline_us;
	u32 train_begin_us;
	u32 train_end_us;
	u8 samples;
	u8 css_rounds;
};

/**
 * struct tern_cong - the congestion window of a connection
 * @ops: control in charge
 * @snd_cwnd: congestion window; hooks may change it
 * @snd_ssthresh: slow start threshold; hooks may change it
 * @mss: payload of a full segment
 * @credit: for tern_congestion_avoidance(); who uses that zeroes it in ssthresh()
 * @marked: the congestion that @ssthresh is asked about is a mark, not a loss
 * @rtt_us: smallest round-trip time of the last few, which tells of a queue and
 *	not of a packet that was delayed by chance; 0 for too few yet
 * @min_rtt_us: smallest one seen
 * @hystart: for tern_slow_start()
 * @priv: the control's own, zero before @init
 */
struct tern_cong {
	const struct tern_cong_ops *ops;
	u32 snd_cwnd;
	u32 snd_ssthresh;
	u32 mss;
	u32 credit;
	bool marked;
	u32 rtt_us;
	u32 min_rtt_us;
	struct tern_hystart hystart;
	u64 priv[TERN_CONG_PRIV];
};

/**
 * struct tern_cong_sample - what an acknowledgment told
 * @acked: bytes that are known only now to have arrived
 * @rtt_us: round-trip time it measured; 0 for none
 * @srtt_us: smoothed round-trip time; 0 for none yet
 * @now_us: clock; wraps
 * @snd_una: first sequence number not acknowledged
 * @snd_nxt: first sequence number not sent
 * @marked: it reported that a router had marked (ECE)
 * @round_ended: what was sent when this was last true is acknowledged: a round
 *	trip is over
 * @is_app_limited: @delivery_rate is what the program gave the path to do: the
 *	path may be faster
 * @delivery_rate: bytes/s at which the path delivered over the last round trip
 *	or so (draft-cheng-iccrg-delivery-rate-estimation); 0 when this
 *	acknowledgment is no sample of it
 */
struct tern_cong_sample {
	u32 acked;
	u32 rtt_us;
	u32 srtt_us;
	u32 now_us;
	u32 snd_una;
	u32 snd_nxt;
	bool marked;
	bool round_ended;
	bool is_app_limited;
	u64 delivery_rate;
};

/**
 * struct tern_cong_ops - a congestion control
 * @name: as in net.tern.congestion_control
 * @owner: module, NULL for those of tern.ko
 * @restricted: not for every path: choosing it takes CAP_NET_ADMIN, and no
 *	namespace but the initial one may have it as its default
 * @exact_ecn: it wants to know how much was marked (RFC 8257): ECN is asked for
 *	whatever net.tern.ecn says, and marks are echoed one for one. Both ends
 *	of a connection need such a control
 * @init: a connection begins, or changes to this control. May be NULL
 * @observe: an acknowledgment, whatever is going on; comes before the other
 *	hooks. May be NULL
 * @ssthresh: the path is congested: bytes to go down to
 * @ack: bytes were delivered, outside of fast recovery, while the window limited
 *	the sender or after a timeout: grow snd_cwnd
 * @undo: the last @ssthresh was a mistake; snd_cwnd and snd_ssthresh are
 *	restored already. May be NULL
 * @list: tern.ko's
 */
struct tern_cong_ops {
	char name[TERN_CONG_NAME_MAX];
	struct module *owner;
	bool restricted;
	bool exact_ecn;
	void (*init)(struct tern_cong *c);
	void (*observe)(struct tern_cong *c, const struct tern_cong_sample *s);
	u32 (*ssthresh)(struct tern_cong *c);
	void (*ack)(struct tern_cong *c, const struct tern_cong_sample *s);
	void (*undo)(struct tern_cong *c);
	struct list_head list;
};

int tern_cong_register(struct tern_cong_ops *ops);
void tern_cong_unregister(struct tern_cong_ops *ops);
u32 tern_slow_start(struct tern_cong *c, const struct tern_cong_sample *s);
void tern_congestion_avoidance(struct tern_cong *c, u32 acked);

/**
 * tern_in_slow_start - below the threshold?
 * @c: window
 *
 * Return: whether the window grows by what is acknowledged (RFC 5681, 3.1).
 */
static inline bool tern_in_slow_start(const struct tern_cong *c)
{
	return c->snd_cwnd < c->snd_ssthresh;
}

#endif
