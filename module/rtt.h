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
 * @few_min: smallest of the @few samples since the group before was full; ~0 for none
 * @few_before: smallest of that group; ~0 for none yet
 * @few: samples in the group
 */
struct tern_rtt {
	u32 srtt;
	u32 rttvar;
	u32 min;
	u32 last;
	u32 span_min;
	u32 span_begin;
	u32 few_min;
	u32 few_before;
	u8 few;
};

void tern_rtt_init(struct tern_rtt *rtt);
void tern_rtt_sample(struct tern_rtt *rtt, u32 sample, u32 now_us);
u32 tern_rtt_recent_min(const struct tern_rtt *rtt);
u32 tern_rtt_rto(const struct tern_rtt *rtt, u32 floor);

#endif
