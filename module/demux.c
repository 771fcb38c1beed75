// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets a segment: the table of connections and the table of listeners.
 *
 * Lookups run under RCU and take no lock. Changes take the lock of the chain,
 * BH off. The connection table holds sockets, SYN_RECEIVED and TIME_WAIT
 * objects alike; all of them are freed after a grace period, and chains end
 * in a nulls marker, so that a reader that was led into another chain by an
 * entry that moved notices and starts again (Documentation/RCU/rculist_nulls).
 * A table holds no reference: whoever finds an entry takes one, which fails
 * for one that is already dying.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/rculist_nulls.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/sock_reuseport.h>

#include "demux.h"
#include "handshake.h"
#include "ip.h"
#include "sock.h"
#include "timewait.h"

#define CONN_BITS	14
#define CONN_CHAINS	BIT(CONN_BITS)
#define CONN_LOCKS	256u
#define LISTENER_BITS	8
#define LISTENER_CHAINS	BIT(LISTENER_BITS)

static struct hlist_nulls_head *conn_table;
static spinlock_t conn_locks[CONN_LOCKS];
static u32 conn_secret;

static struct hlist_head listener_table[LISTENER_CHAINS];
static DEFINE_SPINLOCK(listener_lock);

static u32 addr_word(const struct in6_addr *addr)
{
	if (ipv6_addr_v4mapped(addr))
		return (__force u32)addr->s6_addr32[3];
	return jhash2((__force u32 *)addr->s6_addr32, 4, conn_secret);
}

static u32 flow_hash(const struct net *net, const struct tern_flow *flow)
{
	return jhash_3words(addr_word(&flow->laddr), addr_word(&flow->raddr),
			    (__force u32)flow->lport << 16 | (__force u32)flow->rport,
			    conn_secret ^ net_hash_mix(net));
}

static struct hlist_nulls_head *conn_chain(u32 hash)
{
	return &conn_table[hash & (CONN_CHAINS - 1)];
}

static spinlock_t *conn_lock(u32 hash)
{
	return &conn_locks[hash & (CONN_LOCKS - 1)];
}

static bool flow_equal(const struct tern_flow *a, const struct tern_flow *b)
{
	return a->lport == b->lport && a->rport == b->rport &&
	       ipv6_addr_equal(&a->raddr, &b->raddr) && ipv6_addr_equal(&a->laddr, &b->laddr);
}

/**
 * tern_conn_init - prepare an entry that is in no table
 * @conn: entry
 * @net: its namespace
 * @kind: what it is embedded in
 */
void tern_conn_init(struct tern_conn *conn, struct net *net, enum tern_conn_kind kind)
{
	conn->node.pprev = NULL;
	conn->net = net;
	conn->kind = kind;
	conn->dev = 0;
	refcount_set(&conn->ref, 1);
	atomic64_set(&conn->cookie, 0);
}

/**
 * tern_conn_hashed - is the entry in the connection table?
 * @conn: entry; the caller has a reference
 *
 * Return: a snapshot, unless the caller holds what keeps it from changing.
 */
bool tern_conn_hashed(const struct tern_conn *conn)
{
	return !hlist_nulls_unhashed_lockless(&conn->node);
}

/* in the same place: a reader on its way through the chain finds one or the other */
static void replace(struct tern_conn *old, struct tern_conn *new)
{
	struct hlist_nulls_node *next = old->node.next;

	WRITE_ONCE(new->node.next, next);
	WRITE_ONCE(new->node.pprev, old->node.pprev);
	rcu_assign_pointer(*(struct hlist_nulls_node __rcu __force **)new->node.pprev, &new->node);
	if (!is_a_nulls(next))
		WRITE_ONCE(next->pprev, &new->node.next);
	WRITE_ONCE(old->node.pprev, NULL);
}

/**
 * tern_conn_hash - enter a connection, if its flow is free
 * @conn: entry, unhashed, with its flow filled in
 * @old: NULL, or set to a TIME_WAIT object that made room, or to NULL: it is
 *	out of the table by our hand, and with tern_tw_succeed() the caller ends it
 *
 * Context: any, BH may be on. Return: 0, or -EADDRNOTAVAIL when the table
 * has a connection between the same two ends.
 */
int tern_conn_hash(struct tern_conn *conn, struct tern_conn **old)
{
	u32 hash = flow_hash(conn->net, &conn->flow);
	struct tern_conn *other, *gone = NULL;
	struct hlist_nulls_node *node;
	int err = -EADDRNOTAVAIL;

	conn->hash = hash;
	spin_lock_bh(conn_lock(hash));
	hlist_nulls_for_each_entry(other, node, conn_chain(hash), node) {
		if (other->hash != hash || other->net != conn->net ||
		    !flow_equal(&other->flow, &conn->flow) ||
		    (other->dev && conn->dev && other->dev != conn->dev))
			continue;
		if (!old || gone || !tern_tw_may_be_reused(other))
			goto unlock;
		gone = other;
	}
	if (gone)
		replace(gone, conn);
	else
		hlist_nulls_add_head_rcu(&conn->node, conn_chain(hash));
	if (old)
		*old = gone;
	err = 0;
unlock:
	spin_unlock_bh(conn_lock(hash));
	return err;
}

/**
 * tern_conn_unhash - take a connection out of the table
 * @conn: entry
 *
 * Context: any. Return: whether it was in: exactly one caller is told so.
 */
bool tern_conn_unhash(struct tern_conn *conn)
{
	bool was_hashed;

	if (hlist_nulls_unhashed_lockless(&conn->node))
		return false;
	spin_lock_bh(conn_lock(conn->hash));
	was_hashed = !hlist_nulls_unhashed(&conn->node);
	if (was_hashed)
		hlist_nulls_del_init_rcu(&conn->node);
	spin_unlock_bh(conn_lock(conn->hash));
	return was_hashed;
}

/**
 * tern_conn_replace - put an entry in the place of another, same flow
 * @old: entry that goes
 * @new: entry that comes, unhashed; its flow is copied from @old
 *
 * No reader finds neither.
 *
 * Context: any. Return: false if @old was not in the table any more, and then
 * @new is not either.
 */
bool tern_conn_replace(struct tern_conn *old, struct tern_conn *new)
{
	bool was_hashed;

	new->flow = old->flow;
	new->hash = old->hash;
	new->dev = old->dev;
	spin_lock_bh(conn_lock(old->hash));
	was_hashed = !hlist_nulls_unhashed(&old->node);
	if (was_hashed)
		replace(old, new);
	spin_unlock_bh(conn_lock(old->hash));
	return was_hashed;
}

static bool conn_get(struct tern_conn *conn)
{
	if (conn->kind == TERN_CONN_SOCK)
		return refcount_inc_not_zero(&tern_conn_sk(conn)->sk_refcnt);
	return refcount_inc_not_zero(&conn->ref);
}

/**
 * tern_conn_put - give back the reference of tern_conn_lookup()
 * @conn: entry
 */
void tern_conn_put(struct tern_conn *conn)
{
	switch (conn->kind) {
	case TERN_CONN_SOCK:
		sock_put(tern_conn_sk(conn));
		break;
	case TERN_CONN_SYN:
		tern_syn_put(tern_conn_syn(conn));
		break;
	case TERN_CONN_TW:
		tern_tw_put(tern_conn_tw(conn));
		break;
	}
}
EXPORT_SYMBOL_GPL(tern_conn_put);

static bool dev_match(const struct net *net, int bound, int dif, int sdif)
{
	return inet_sk_bound_dev_eq((struct net *)net, bound, dif, sdif);
}

/**
 * tern_conn_lookup - find the connection that a segment belongs to
 * @net: namespace of the interface it came in on
 * @flow: its ends, seen from here
 * @dif: interface
 * @sdif: port below a VRF device, or 0
 *
 * Context: rcu_read_lock() held. Return: the entry with a reference, to be
 * given back by tern_conn_put(), or NULL.
 */
struct tern_conn *tern_conn_lookup(struct net *net, const struct tern_flow *flow,
				   int dif, int sdif)
{
	u32 hash = flow_hash(net, flow);
	u32 slot = hash & (CONN_CHAINS - 1);
	struct hlist_nulls_node *node;
	struct tern_conn *conn;

begin:
	hlist_nulls_for_each_entry_rcu(conn, node, &conn_table[slot], node) {
		if (conn->hash != hash || conn->net != net || !flow_equal(&conn->flow, flow) ||
		    !dev_match(net, READ_ONCE(conn->dev), dif, sdif))
			continue;
		if (!conn_get(conn))
			goto begin;	/* dying, and out of the table */
		if (likely(flow_equal(&conn->flow, flow) && conn->net == net))
			return conn;
		tern_conn_put(conn);
		goto begin;
	}
	if (get_nulls_value(node) != slot)
		goto begin;
	return NULL;
}
EXPORT_SYMBOL_GPL(tern_conn_lookup);

/* one chain, which its lock keeps as it is meanwhile */
static unsigned int walk_conn_chain(struct net *net, const struct tern_walk *at,
				    struct tern_conn **found)
{
	struct hlist_nulls_head *chain = &conn_table[at->chain];
	struct hlist_nulls_node *node;
	unsigned int n = 0, seen = 0;
	struct tern_conn *conn;

	if (hlist_nulls_empty(chain))
		return 0;
	spin_lock_bh(conn_lock(at->chain));
	hlist_nulls_for_each_entry(conn, node, chain, node) {
		if (n == TERN_WALK_STEP)
			break;
		if (conn->net == net && seen++ >= at->skip && conn_get(conn))
			found[n++] = conn;
	}
	spin_unlock_bh(conn_lock(at->chain));
	return n;
}

/**
 * tern_conn_walk - the next entries of the connection table, for dumps
 * @net: whose
 * @at: where to go on, all 0 for the beginning; moved to what was found, not
 *	behind it: the caller adds to @at->skip what it is through with
 * @found: filled in, TERN_WALK_STEP entries of one chain at most, each with a
 *	reference, to be given back by tern_conn_put()
 *
 * What comes or goes between two steps may be missed or found twice in the
 * chain at hand.
 *
 * Context: process; no lock is held afterwards. Return: how many, 0 at the end.
 */
unsigned int tern_conn_walk(struct net *net, struct tern_walk *at, struct tern_conn **found)
{
	unsigned int n;

	for (; at->chain < CONN_CHAINS; at->chain++, at->skip = 0) {
		n = walk_conn_chain(net, at, found);
		if (n)
			return n;
		cond_resched();
	}
	return 0;
}
EXPORT_SYMBOL_GPL(tern_conn_walk);

/* see demux.h; process context. An entry may be visited twice, none is missed */
void tern_conn_for_each(void (*visit)(struct tern_conn *conn, void *arg), void *arg)
{
	struct hlist_nulls_node *node;
	struct tern_conn *conn;
	u32 slot;

	for (slot = 0; slot < CONN_CHAINS; slot++) {
		cond_resched();
		if (hlist_nulls_empty(&conn_table[slot]))
			continue;
		rcu_read_lock();
again:
		hlist_nulls_for_each_entry_rcu(conn, node, &conn_table[slot], node) {
			if (!conn_get(conn))
				continue;
			visit(conn, arg);
			tern_conn_put(conn);
		}
		if (get_nulls_value(node) != slot)
			goto again;
		rcu_read_unlock();
	}
}

static struct hlist_head *listener_chain(const struct net *net, u16 port)
{
	return &listener_table[hash_32(port ^ net_hash_mix(net), LISTENER_BITS)];
}

/* listeners that share a port by SO_REUSEPORT are a group of the kernel's */
static int join_group(struct sock *sk, struct hlist_head *chain)
{
	struct in6_addr addr, other_addr;
	struct sock *other;
	bool any;

	tern_rcv_saddr(sk, &addr);
	any = ipv6_addr_any(&addr) || (ipv6_addr_v4mapped(&addr) && !addr.s6_addr32[3]);
	hlist_for_each_entry(other, chain, sk_node) {
		tern_rcv_saddr(other, &other_addr);
		if (net_eq(sock_net(other), sock_net(sk)) && other->sk_reuseport &&
		    inet_sk(other)->inet_num == inet_sk(sk)->inet_num &&
		    other->sk_family == sk->sk_family &&
		    ipv6_only_sock(other) == ipv6_only_sock(sk) &&
		    other->sk_bound_dev_if == sk->sk_bound_dev_if &&
		    uid_eq(sock_i_uid(other), sock_i_uid(sk)) &&
		    ipv6_addr_equal(&other_addr, &addr))
			return reuseport_add_sock(sk, other, any);
	}
	return reuseport_alloc(sk, any);
}

/**
 * tern_listener_hash - enter a socket that begins to listen
 * @sk: socket with its port, locked
 *
 * Context: process, may sleep. Return: 0, or -ENOMEM for a group of SO_REUSEPORT.
 */
int tern_listener_hash(struct sock *sk)
{
	struct hlist_head *chain = listener_chain(sock_net(sk), inet_sk(sk)->inet_num);
	int err = 0;

	/* a reader must not go on in another chain */
	if (tern_sk(sk)->listen.left_table)
		synchronize_rcu();
	spin_lock_bh(&listener_lock);
	if (sk->sk_reuseport)
		err = join_group(sk, chain);
	if (!err)
		hlist_add_head_rcu(&sk->sk_node, chain);
	spin_unlock_bh(&listener_lock);
	return err;
}

/**
 * tern_listener_unhash - take a listener out
 * @sk: socket, locked
 */
void tern_listener_unhash(struct sock *sk)
{
	/* listen() has failed: a BPF program stays for the next try */
	if (!sk_hashed(sk))
		return;
	spin_lock_bh(&listener_lock);
	if (rcu_access_pointer(sk->sk_reuseport_cb))
		reuseport_detach_sock(sk);
	hlist_del_init_rcu(&sk->sk_node);
	tern_sk(sk)->listen.left_table = true;
	spin_unlock_bh(&listener_lock);
}

/* how well a listener fits, 0 for not at all: address before interface before CPU */
static int listener_score(const struct sock *sk, const struct tern_flow *flow, int dif, int sdif)
{
	struct in6_addr addr;
	int score = 1;

	if (inet_sk(sk)->inet_num != ntohs(flow->lport) ||
	    inet_sk_state_load(sk) != TCP_LISTEN)
		return 0;
	tern_rcv_saddr(sk, &addr);
	if (ipv6_addr_equal(&addr, &flow->laddr))
		score += 8;
	else if (!tern_addr_covers(&addr, ipv6_only_sock(sk), &flow->laddr))
		return 0;
	if (!dev_match(sock_net(sk), READ_ONCE(sk->sk_bound_dev_if), dif, sdif))
		return 0;
	if (sk->sk_bound_dev_if)
		score += 4;
	if (sk->sk_family == AF_INET)
		score += 2;		/* before a dual-stack one, as TCP */
	if (READ_ONCE(sk->sk_incoming_cpu) == raw_smp_processor_id())
		score++;
	return score;
}

/**
 * tern_listener_lookup - find who listens for a flow
 * @net: namespace
 * @flow: ends of the segment, seen from here
 * @skb: the segment; tells the interface, and a BPF program all it wants
 *
 * Context: rcu_read_lock() held. Return: socket with a reference, or NULL.
 */
struct sock *tern_listener_lookup(struct net *net, const struct tern_flow *flow,
				  struct sk_buff *skb)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	struct sock *sk, *best = NULL;
	int score, best_score = 0;

	hlist_for_each_entry_rcu(sk, listener_chain(net, ntohs(flow->lport)), sk_node) {
		if (!net_eq(sock_net(sk), net))
			continue;
		score = listener_score(sk, flow, cb->iif, cb->sdif);
		if (score > best_score) {
			best = sk;
			best_score = score;
		}
	}
	if (best && rcu_access_pointer(best->sk_reuseport_cb)) {
		sk = reuseport_select_sock(best, flow_hash(net, flow), skb, cb->hdr_len);
		if (!IS_ERR_OR_NULL(sk))
			best = sk;
	}
	if (best && !refcount_inc_not_zero(&best->sk_refcnt))
		best = NULL;
	return best;
}

/**
 * tern_listener_walk - the next listeners, for dumps
 * @net: whose
 * @at: as for tern_conn_walk()
 * @found: likewise; they are in no connection table, but have its entry
 *
 * Context: process; no lock is held afterwards. Return: how many, 0 at the end.
 */
unsigned int tern_listener_walk(struct net *net, struct tern_walk *at, struct tern_conn **found)
{
	unsigned int n = 0, seen = 0;
	struct sock *sk;

	for (; at->chain < LISTENER_CHAINS; at->chain++, at->skip = 0, seen = 0) {
		spin_lock_bh(&listener_lock);
		hlist_for_each_entry(sk, &listener_table[at->chain], sk_node) {
			struct tern_conn *conn = &tern_sk(sk)->conn;

			if (n == TERN_WALK_STEP)
				break;
			if (conn->net == net && seen++ >= at->skip && conn_get(conn))
				found[n++] = conn;
		}
		spin_unlock_bh(&listener_lock);
		if (n)
			return n;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(tern_listener_walk);

/* see demux.h; a visit takes no reference and must not sleep */
void tern_listener_for_each(void (*visit)(struct sock *sk, void *arg), void *arg)
{
	struct sock *sk;
	u32 slot;

	rcu_read_lock();
	for (slot = 0; slot < LISTENER_CHAINS; slot++)
		hlist_for_each_entry_rcu(sk, &listener_table[slot], sk_node)
			visit(sk, arg);
	rcu_read_unlock();
}

/**
 * tern_demux_init - allocate the tables
 *
 * Context: module load. Return: 0 or -ENOMEM.
 */
int __init tern_demux_init(void)
{
	u32 i;

	conn_table = kvmalloc_array(CONN_CHAINS, sizeof(*conn_table), GFP_KERNEL);
	if (!conn_table)
		return -ENOMEM;
	for (i = 0; i < CONN_CHAINS; i++)
		INIT_HLIST_NULLS_HEAD(&conn_table[i], i);
	for (i = 0; i < CONN_LOCKS; i++)
		spin_lock_init(&conn_locks[i]);
	conn_secret = get_random_u32();
	return 0;
}

/**
 * tern_demux_exit - free the tables, which are empty
 *
 * Context: module unload, or load that failed.
 */
void tern_demux_exit(void)
{
	kvfree(conn_table);
}
