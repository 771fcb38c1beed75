/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RTT_H
#define _TERN_RTT_H

#include <linux/types.h>

/**
 * struct tern_rtt - round-trip time of a path, microseconds
 * @srtt: smoothed RTT, times 8; 0 before the first sample
 * @rttvar: mean deviation, times 4
 * @min: smallest sample of the last minutes; ~0 before the first
 * @last: latest sample
 * @span_min: smallest sample since @span_begin
 * @span_begin: clock
 */
struct tern_rtt {
	u32 srtt;
	u32 rttvar;
	u32 min;
	u32 last;
	u32 span_min;
	u32 span_begin;
};

void tern_rtt_init(struct tern_rtt *rtt);
void tern_rtt_sample(struct tern_rtt *rtt, u32 sample, u32 now_us);
u32 tern_rtt_rto(const struct tern_rtt *rtt, u32 floor);

#endif
