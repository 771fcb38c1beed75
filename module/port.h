/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_PORT_H
#define _TERN_PORT_H

#include <linux/in6.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct sock;
struct tern_bucket;
struct tern_conn;

/**
 * struct tern_bind - a claim on a local port
 * @node: in the bucket's list of owners
 * @bucket: the port held, NULL when none
 * @sk: whose claim, NULL once it is in TIME_WAIT
 * @uid: who claimed it: SO_REUSEPORT is for the same user's only
 * @addr: local address claimed, for a claim in TIME_WAIT
 * @dev: interface claimed, for a claim in TIME_WAIT
 * @l3mdev: VRF of that interface, for a claim in TIME_WAIT
 * @reuse: SO_REUSEADDR, for a claim in TIME_WAIT
 * @reuseport: SO_REUSEPORT, for a claim in TIME_WAIT
 * @v6only: not for IPv4, for a claim in TIME_WAIT
 *
 * All under the lock of the bucket's hash chain (port.c).
 */
struct tern_bind {
	struct hlist_node node;
	struct tern_bucket *bucket;
	struct sock *sk;
	kuid_t uid;
	struct in6_addr addr;
	int dev;
	int l3mdev;
	bool reuse;
	bool reuseport;
	bool v6only;
};

int tern_port_init(void);
void tern_port_exit(void);
int tern_get_port(struct sock *sk, unsigned short port);
void tern_put_port(struct sock *sk);
int tern_port_connect(struct sock *sk, struct tern_conn **old);
int tern_port_inherit(struct sock *listener, struct sock *child);
void tern_port_to_timewait(struct sock *sk, struct tern_bind *bind);
void tern_port_release(struct tern_bind *bind);

#endif
