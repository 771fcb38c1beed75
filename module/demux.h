/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_DEMUX_H
#define _TERN_DEMUX_H

#include <linux/atomic.h>
#include <linux/in6.h>
#include <linux/list_nulls.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct net;
struct sk_buff;
struct sock;

/**
 * struct tern_flow - the two ends of a connection, seen from here
 * @laddr: local address, IPv4 in v4-mapped form
 * @raddr: remote address
 * @lport: local port, network byte order
 * @rport: remote port, network byte order
 *
 * The protocol knows addresses in this form only; what is IPv4 and what is
 * IPv6 is the business of ip4.c and ip6.c.
 */
struct tern_flow {
	struct in6_addr laddr;
	struct in6_addr raddr;
	__be16 lport;
	__be16 rport;
};

enum tern_conn_kind {
	TERN_CONN_SOCK,		/* struct tern_sock */
	TERN_CONN_SYN,		/* struct tern_syn, SYN_RECEIVED */
	TERN_CONN_TW,		/* struct tern_tw, TIME_WAIT */
};

/**
 * struct tern_conn - what the connection table holds
 * @node: in the table, RCU; unhashed or in exactly one chain
 * @flow: the key; constant while hashed
 * @net: namespace; constant
 * @kind: what this is embedded in; constant
 * @dev: interface the connection is bound to, 0 for any
 * @hash: hash of @flow
 * @ref: references, for the kinds that are not sockets (those have sk_refcnt)
 * @cookie: likewise, what sock_diag knows it by (sockets have sk_cookie), or 0
 */
struct tern_conn {
	struct hlist_nulls_node node;
	struct tern_flow flow;
	struct net *net;
	enum tern_conn_kind kind;
	int dev;
	u32 hash;
	refcount_t ref;
	atomic64_t cookie;
};

#define TERN_WALK_STEP	16	/* entries that a step of a walk finds at most */

/**
 * struct tern_walk - where somebody stands who reads a table in steps
 * @chain: of the table
 * @skip: entries of the namespace in that chain that were seen
 */
struct tern_walk {
	u32 chain;
	u32 skip;
};

int tern_demux_init(void);
void tern_demux_exit(void);

void tern_conn_init(struct tern_conn *conn, struct net *net, enum tern_conn_kind kind);
int tern_conn_hash(struct tern_conn *conn, struct tern_conn **old);
bool tern_conn_unhash(struct tern_conn *conn);
bool tern_conn_replace(struct tern_conn *old, struct tern_conn *new);
bool tern_conn_hashed(const struct tern_conn *conn);
struct tern_conn *tern_conn_lookup(struct net *net, const struct tern_flow *flow,
				   int dif, int sdif);
void tern_conn_put(struct tern_conn *conn);
unsigned int tern_conn_walk(struct net *net, struct tern_walk *at, struct tern_conn **found);

int tern_listener_hash(struct sock *sk);
void tern_listener_unhash(struct sock *sk);
struct sock *tern_listener_lookup(struct net *net, const struct tern_flow *flow,
				  struct sk_buff *skb);
unsigned int tern_listener_walk(struct net *net, struct tern_walk *at, struct tern_conn **found);

/**
 * tern_conn_for_each - walk the connection table, for dumps and dismantling
 * @visit: called for each entry under rcu_read_lock(), no other lock held;
 *	entries may come or go meanwhile
 * @arg: passed to @visit
 */
void tern_conn_for_each(void (*visit)(struct tern_conn *conn, void *arg), void *arg);
void tern_listener_for_each(void (*visit)(struct sock *sk, void *arg), void *arg);

#endif
