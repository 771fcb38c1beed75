// SPDX-License-Identifier: GPL-2.0
/*
 * Round-trip time and retransmission timeout by RFC 6298. Pure: the caller
 * owns the structure (the socket lock, in the module) and the clock.
 *
 * Every segment carries a timestamp, so every acknowledgment of new data is
 * a sample and Karn's rule is not needed. The backoff is not kept here: it is
 * part of the timer and ends with the first new sample (section 5.7).
 */
#include <linux/minmax.h>
#include <linux/types.h>

#include "rtt.h"

#define RTO_INITIAL_US	1000000u	/* section 2.1 */
#define FEW		4		/* samples of a group */
#define MIN_SPAN_US	(150 * 1000000u)	/* the minimum is of one to two such spans */

/**
 * tern_rtt_init - forget what was measured
 * @rtt: state of one path
 */
void tern_rtt_init(struct tern_rtt *rtt)
{
	rtt->srtt = 0;
	rtt->rttvar = 0;
	rtt->min = ~0u;
	rtt->last = 0;
	rtt->span_min = ~0u;
	rtt->few_min = ~0u;
	rtt->few_before = ~0u;
	rtt->few = 0;
}

static void update_recent_min(struct tern_rtt *rtt, u32 sample)
{
	if (rtt->few == FEW) {
		rtt->few_before = rtt->few_min;
		rtt->few_min = ~0u;
		rtt->few = 0;
	}
	rtt->few_min = min(rtt->few_min, sample);
	rtt->few++;
}

/*
 * A path may become longer: what the old one had must be forgotten (RFC 8985,
 * 6.2, step 1). What was smallest in the last span still counts in this one.
 */
static void update_min(struct tern_rtt *rtt, u32 sample, u32 now_us)
{
	if (!rtt->srtt)
		rtt->span_begin = now_us;
	if (now_us - rtt->span_begin > MIN_SPAN_US) {
		rtt->min = rtt->span_min;
		rtt->span_min = ~0u;
		rtt->span_begin = now_us;
	}
	rtt->span_min = min(rtt->span_min, sample);
	rtt->min = min(rtt->min, sample);
}

/**
 * tern_rtt_sample - take one measurement in (RFC 6298, section 2)
 * @rtt: state of one path
 * @sample: microseconds; 0 counts as 1, the clock's grain
 * @now_us: clock
 */
void tern_rtt_sample(struct tern_rtt *rtt, u32 sample, u32 now_us)
{
	s32 err;

	sample = clamp(sample, 1u, 1u << 27);
	rtt->last = sample;
	update_min(rtt, sample, now_us);
	update_recent_min(rtt, sample);

	if (!rtt->srtt) {
		rtt->srtt = sample << 3;
		rtt->rttvar = sample << 1;
		return;
	}
	err = (s32)(sample - (rtt->srtt >> 3));
	rtt->srtt += err;
	if (!rtt->srtt)
		rtt->srtt = 1;
	if (err < 0)
		err = -err;
	rtt->rttvar += err - (rtt->rttvar >> 2);
}

/**
 * tern_rtt_recent_min - what the path takes now, without what delays one packet
 * @rtt: state of one path
 *
 * A late timer or a busy receiver delays some packets; a queue delays them all.
 *
 * Return: microseconds, the smallest of the last five to eight samples; 0 while
 * there are fewer, of which the first, of the empty path, would be one.
 */
u32 tern_rtt_recent_min(const struct tern_rtt *rtt)
{
	return rtt->few_before == ~0u ? 0 : min(rtt->few_min, rtt->few_before);
}

/**
 * tern_rtt_rto - retransmission timeout, without backoff
 * @rtt: state of one path
 * @floor: least value of the variance term, microseconds: as in Linux's TCP
 *	it covers the peer's delayed acknowledgment
 *
 * Return: microseconds; 1 s before the first sample.
 */
u32 tern_rtt_rto(const struct tern_rtt *rtt, u32 floor)
{
	if (!rtt->srtt)
		return RTO_INITIAL_US;
	return (rtt->srtt >> 3) + max(rtt->rttvar, floor);
}
