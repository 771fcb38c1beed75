// SPDX-License-Identifier: GPL-2.0
/*
 * Proportional rate reduction (RFC 9937): during a recovery, send in
 * proportion to what is delivered, so that the window arrives at ssthresh
 * when the recovery ends, neither in a burst nor after a silence. Pure.
 */
#include <linux/math64.h>
#include <linux/minmax.h>

#include "prr.h"

/**
 * tern_prr_begin - a recovery begins
 * @prr: balance
 * @in_flight: bytes in flight before the acknowledgment that began it
 */
void tern_prr_begin(struct tern_prr *prr, u32 in_flight)
{
	prr->recover_fs = max(in_flight, 1u);
	prr->delivered = 0;
	prr->out = 0;
}

/**
 * tern_prr_allowance - how much may be sent now (RFC 9937, section 6)
 * @prr: balance
 * @delivered: bytes that are known only now to have arrived
 * @pipe: bytes in flight
 * @ssthresh: window to end with
 * @mss: payload of a segment
 * @safe: snd_una has moved and nothing more was found lost
 *
 * Return: bytes.
 */
u32 tern_prr_allowance(struct tern_prr *prr, u32 delivered, u32 pipe, u32 ssthresh, u32 mss,
		       bool safe)
{
	s64 allowance;

	prr->delivered += delivered;
	if (pipe > ssthresh) {
		allowance = div_u64((u64)prr->delivered * ssthresh + prr->recover_fs - 1,
				    prr->recover_fs) - prr->out;
	} else {
		allowance = max_t(s64, (s64)prr->delivered - prr->out, delivered);
		if (safe)
			allowance += mss;
		allowance = min_t(s64, allowance, ssthresh - pipe);
	}
	if (!prr->out)		/* the retransmission that makes it "fast" */
		allowance = max_t(s64, allowance, mss);
	return max_t(s64, allowance, 0);
}
