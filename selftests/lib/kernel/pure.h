/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pure parts of the module need of the kernel, for a program: included
 * before everything else. The headers beside this one are empty but for it.
 */
#ifndef _TERN_TEST_PURE_H
#define _TERN_TEST_PURE_H

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <asm/types.h>
#include <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define S32_MAX INT32_MAX
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX

#define min(a, b)	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b)	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(v, low, high)	min(max(v, low), high)
#define clamp_t(type, v, low, high)	clamp((type)(v), (type)(low), (type)(high))
#define rounddown(x, y)	({ __typeof__(x) _x = (x); _x - _x % (y); })
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

static inline s64 div_s64(s64 dividend, s32 divisor)
{
	return dividend / divisor;
}

struct list_head {
	struct list_head *next, *prev;
};

#define be32_to_cpu(x)	ntohl(x)
#define cpu_to_be32(x)	htonl(x)

#endif
