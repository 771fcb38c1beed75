/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tested parts of the module need of the kernel, for a program:
 * included before everything else. Of the headers beside this one, those of
 * lists, trees, sk_buffs and sockets have something of their own.
 */
#ifndef _TERN_TEST_PURE_H
#define _TERN_TEST_PURE_H

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/types.h>
#include <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned int gfp_t;

#define U8_MAX UINT8_MAX
#define S32_MAX INT32_MAX
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX

#define NSEC_PER_USEC	1000L
#define USEC_PER_MSEC	1000L
#define USEC_PER_SEC	1000000L

#define min(a, b)	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b)	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define min3(a, b, c)	min(min(a, b), c)
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(v, low, high)	min(max(v, low), high)
#define clamp_t(type, v, low, high)	clamp((type)(v), (type)(low), (type)(high))
#define sizeof_field(type, member)	sizeof(((type *)0)->member)
#define rounddown(x, y)	({ __typeof__(x) _x = (x); _x - _x % (y); })
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof(*(a)))

#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

#define __init
#define __user
#define __percpu
#define __releases(lock)
#define MODULE_LICENSE(name)
#define MODULE_DESCRIPTION(text)

/* kernels do not differ here: module/compat.h is left out */
#define _TERN_COMPAT_H
#define TERN_ACCEPT_ARGS	struct sock *sk
#define TERN_IOCTL_ARGS		struct sock *sk
#define TERN_RECVMSG_ARGS	struct sock *sk, struct msghdr *msg

#define GFP_KERNEL	0u
#define GFP_ATOMIC	1u

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

static inline s64 div_s64(s64 dividend, s32 divisor)
{
	return dividend / divisor;
}

static inline s64 div64_s64(s64 dividend, s64 divisor)
{
	return dividend / divisor;
}

static inline void *kmalloc(size_t size, gfp_t gfp)
{
	(void)gfp;
	return malloc(size ?: 1);
}

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	(void)gfp;
	return calloc(1, size ?: 1);
}

static inline void kfree(const void *p)
{
	free((void *)p);
}

static inline void cond_resched(void)
{
}

#define be32_to_cpu(x)	ntohl(x)
#define cpu_to_be32(x)	htonl(x)

#endif
