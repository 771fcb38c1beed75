/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Tern: the interface between programs and the module.
 *
 * Self-contained on purpose: no libc header knows the family, the protocol
 * number or the address structure, so a program includes this file and nothing
 * else of Tern's. It compiles on its own in C and C++.
 */
#ifndef _UAPI_LINUX_TERN_H
#define _UAPI_LINUX_TERN_H

#include <linux/types.h>
#include <linux/in6.h>
#include <linux/socket.h>

/**
 * define AF_TERN - address family of socket(AF_TERN, SOCK_STREAM, 0)
 *
 * The slot that Linux reserves for AF_ASH and never used. The module parameter
 * family= moves it; a program that must follow takes the number from
 * /sys/module/tern/parameters/family.
 */
#define AF_TERN		18
#define PF_TERN		AF_TERN

/**
 * define IPPROTO_TERN - protocol number in the IPv4 and IPv6 header, and third
 * argument of socket() with AF_INET or AF_INET6
 *
 * RFC 3692 sets 253 aside for experiments. The module parameter protocol=
 * moves it.
 */
#define IPPROTO_TERN	253

/** define SOL_TERN - level of Tern's own socket options */
#define SOL_TERN	253

/**
 * struct sockaddr_tern - address of one end of a connection
 * @st_family: AF_TERN
 * @st_port: port, network byte order; 0 in bind() asks for an ephemeral one
 * @st_flowinfo: IPv6 flow information, network byte order; 0 unless asked for
 * @st_addr: IPv6 address, or an IPv4 address in its v4-mapped form
 *	(::ffff:a.b.c.d); all zero is every address of both versions
 * @st_scope_id: interface index, for link-local addresses
 *
 * The layout is that of struct sockaddr_in6, so a program is ported by
 * changing the family.
 */
struct sockaddr_tern {
	__kernel_sa_family_t	st_family;
	__be16			st_port;
	__be32			st_flowinfo;
	struct in6_addr		st_addr;
	__u32			st_scope_id;
};

#endif /* _UAPI_LINUX_TERN_H */
