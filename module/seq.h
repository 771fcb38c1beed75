/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sequence numbers live in a circle of 2^32 (RFC 9293, section 3.4): these
 * comparisons hold while two numbers are less than 2^31 apart. Pure: needs
 * nothing of the kernel but types. The same serves for timestamps.
 */
#ifndef _TERN_SEQ_H
#define _TERN_SEQ_H

#include <linux/types.h>

static inline bool seq_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static inline bool seq_after(u32 a, u32 b)
{
	return seq_before(b, a);
}

/* low <= seq <= high */
static inline bool seq_between(u32 seq, u32 low, u32 high)
{
	return high - low >= seq - low;
}

static inline u32 seq_max(u32 a, u32 b)
{
	return seq_after(a, b) ? a : b;
}

static inline u32 seq_min(u32 a, u32 b)
{
	return seq_before(a, b) ? a : b;
}

#endif
