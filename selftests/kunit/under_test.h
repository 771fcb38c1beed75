/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before everything else in the module's files that are under test,
 * and in the tests. Both builds, that of the kernel's tern_test.ko and that of
 * the program unit, compile the module's files a second time, for themselves:
 * so a clock can be set and memory can be short here, and tern.ko is none the
 * wiser.
 */
#ifndef _TERN_UNDER_TEST_H
#define _TERN_UNDER_TEST_H

#include <linux/export.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>

u64 test_clock_ns(void);
struct sk_buff *test_alloc_skb(unsigned int size, gfp_t gfp);

#define ktime_get_ns()			test_clock_ns()
#define alloc_skb_fclone(size, gfp)	test_alloc_skb(size, gfp)

/* tern.ko exports it */
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(symbol)	extern typeof(symbol) symbol

#endif
