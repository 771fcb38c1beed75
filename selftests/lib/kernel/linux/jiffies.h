/* SPDX-License-Identifier: GPL-2.0 */
/* A clock that stands still: what is under test has one of its own. */
#ifndef _TERN_TEST_JIFFIES_H
#define _TERN_TEST_JIFFIES_H

#include "../pure.h"

#define HZ			250
#define jiffies			0ul
#define time_before(a, b)	((long)((a) - (b)) < 0)

#endif
