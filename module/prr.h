/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_PRR_H
#define _TERN_PRR_H

#include <linux/types.h>

/**
 * struct tern_prr - a recovery's balance, bytes
 * @recover_fs: in flight when it began (RecoverFS)
 * @delivered: delivered since then
 * @out: sent since then
 */
struct tern_prr {
	u32 recover_fs;
	u32 delivered;
	u32 out;
};

void tern_prr_begin(struct tern_prr *prr, u32 in_flight);
u32 tern_prr_allowance(struct tern_prr *prr, u32 delivered, u32 pipe, u32 ssthresh, u32 mss,
		       bool safe);

#endif
