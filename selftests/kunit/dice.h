/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers that are as good as random, and the same in every run: from a seed
 * (xorshift, G. Marsaglia), or from the bytes of a fuzzer.
 */
#ifndef _TERN_TEST_DICE_H
#define _TERN_TEST_DICE_H

#include <linux/types.h>

/**
 * struct dice - where the next number comes from
 * @state: not 0
 * @bytes: these instead, as long as there are some; NULL for none
 * @left: how many
 */
struct dice {
	u32 state;
	const u8 *bytes;
	size_t left;
};

static inline u32 dice_u32(struct dice *dice)
{
	u32 x = dice->state;

	if (dice->bytes) {
		x = dice->left > 1 ? dice->bytes[0] << 8 | dice->bytes[1] : 0;
		dice->bytes += dice->left > 1 ? 2 : 0;
		dice->left -= dice->left > 1 ? 2 : 0;
		return x;
	}
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	dice->state = x;
	return x;
}

/* 0 to sides - 1 */
static inline u32 dice_roll(struct dice *dice, u32 sides)
{
	return dice_u32(dice) % sides;
}

#endif
