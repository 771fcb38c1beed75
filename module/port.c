// SPDX-License-Identifier: GPL-2.0
/*
 * Local ports: who holds which, who may share, and which one a socket gets
 * that asked for none.
 *
 * A hash table of buckets, one for each port in use in a namespace, with the
 * list of its owners: bound sockets, listeners, the connections that came
 * from them, and connections in TIME_WAIT. The rules of sharing are TCP's
 * (SO_REUSEADDR, addresses that do not overlap). Everything is under the lock
 * of the hash chain, BH off; the chain's lock nests inside the socket lock
 * and has the locks of demux.c inside it.
 */
#include <linux/hash.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <net/ip.h>

#include "demux.h"
#include "ip.h"
#include "port.h"
#include "sock.h"

#define PORT_BITS	10
#define PORT_CHAINS	BIT(PORT_BITS)

/**
 * struct tern_bucket - a local port in use
 * @node: in the chain
 * @owners: tern_bind.node
 * @net: namespace
 * @port: host byte order
 * @connect_only: taken by connect(), which shares it with other connect()s to
 *	other ends, not by bind()
 */
struct tern_bucket {
	struct hlist_node node;
	struct hlist_head owners;
	struct net *net;
	u16 port;
	bool connect_only;
};

static struct port_chain {
	spinlock_t lock;	/* the buckets of this chain and their owners */
	struct hlist_head head;
} *port_table;

static siphash_key_t port_key;
static u32 port_step[256];	/* RFC 6056, algorithm 4: how far each group of peers is */

static struct port_chain *chain_of(const struct net *net, u16 port)
{
	return &port_table[hash_32(port + net_hash_mix(net), PORT_BITS)];
}

static struct tern_bucket *bucket_find(struct port_chain *chain, const struct net *net, u16 port)
{
	struct tern_bucket *tb;

	hlist_for_each_entry(tb, &chain->head, node)
		if (tb->port == port && tb->net == net)
			return tb;
	return NULL;
}

static struct tern_bucket *bucket_create(struct port_chain *chain, struct net *net, u16 port)
{
	struct tern_bucket *tb = kmalloc(sizeof(*tb), GFP_ATOMIC);

	if (!tb)
		return NULL;
	tb->net = net;
	tb->port = port;
	tb->connect_only = false;
	INIT_HLIST_HEAD(&tb->owners);
	hlist_add_head(&tb->node, &chain->head);
	return tb;
}

static void bucket_join(struct tern_bucket *tb, struct tern_bind *bind)
{
	bind->bucket = tb;
	hlist_add_head(&bind->node, &tb->owners);
}

static void bucket_leave(struct tern_bind *bind)
{
	struct tern_bucket *tb = bind->bucket;

	hlist_del_init(&bind->node);
	bind->bucket = NULL;
	if (hlist_empty(&tb->owners)) {
		hlist_del(&tb->node);
		kfree(tb);
	}
}

/* would the two claims both get segments that arrive for one address? */
static bool claims_overlap(const struct sock *sk, const struct tern_bind *other)
{
	int dev = READ_ONCE(sk->sk_bound_dev_if);
	int other_dev = other->sk ? READ_ONCE(other->sk->sk_bound_dev_if) : other->dev;
	struct in6_addr addr;

	if (dev && other_dev && dev != other_dev)
		return false;
	if (inet_sk_bound_l3mdev(sk) !=
	    (other->sk ? inet_sk_bound_l3mdev(other->sk) : other->l3mdev))
		return false;
	if (other->sk)
		return inet_rcv_saddr_equal(sk, other->sk, true);
	/* as that says of sockets: any of IPv4 is what a dual-stack one had, too */
	if (sk->sk_family == AF_INET && !inet_sk(sk)->inet_rcv_saddr)
		return !other->v6only;
	tern_rcv_saddr(sk, &addr);
	return tern_addr_covers(&addr, ipv6_only_sock(sk), &other->addr) ||
	       tern_addr_covers(&other->addr, false, &addr);
}

/* for whom a port is claimed */
enum claimant {
	BY_NUMBER,	/* a program that asked for this one */
	ALONE,		/* one that gets a port that is free */
	EXHAUSTED,	/* one that shares, net.ipv4.ip_autobind_reuse, when none is left */
};

static bool may_share(struct sock *sk, const struct tern_bind *other, enum claimant who)
{
	const struct sock *sk2 = other->sk;
	bool reuse = sk->sk_reuse && (sk2 ? sk2->sk_reuse && inet_sk_state_load(sk2) != TCP_LISTEN :
				      other->reuse);
	bool reuseport = sk->sk_reuseport && (sk2 ? sk2->sk_reuseport &&
					      uid_eq(sock_i_uid(sk), other->uid) :
					      other->reuseport);

	/* one with a BPF program of its own does not join the group that others have */
	if (rcu_access_pointer(sk->sk_reuseport_cb))
		reuseport = false;
	switch (who) {
	case BY_NUMBER:
		return reuse || reuseport;
	case EXHAUSTED:		/* not if both could listen */
		return reuse && !reuseport;
	default:
		return false;
	}
}

static bool bind_conflict(struct sock *sk, const struct tern_bucket *tb, enum claimant who)
{
	const struct tern_bind *other;

	hlist_for_each_entry(other, &tb->owners, node) {
		if (other->sk == sk || !claims_overlap(sk, other))
			continue;
		if (!may_share(sk, other, who))
			return true;
	}
	return false;
}

static int claim(struct sock *sk, u16 port, enum claimant who)
{
	struct port_chain *chain = chain_of(sock_net(sk), port);
	struct tern_bind *bind = &tern_sk(sk)->bind;
	struct tern_bucket *tb;
	int err = -EADDRINUSE;

	spin_lock_bh(&chain->lock);
	tb = bucket_find(chain, sock_net(sk), port);
	if (tb && bind_conflict(sk, tb, who))
		goto unlock;
	err = 0;
	if (bind->bucket)	/* listen() on a bound socket: only the check */
		goto unlock;
	if (!tb)
		tb = bucket_create(chain, sock_net(sk), port);
	if (!tb) {
		err = -ENOMEM;
		goto unlock;
	}
	tb->connect_only = false;
	bind->uid = sock_i_uid(sk);
	bucket_join(tb, bind);
	inet_sk(sk)->inet_num = port;
unlock:
	spin_unlock_bh(&chain->lock);
	return err;
}

static void port_range(const struct sock *sk, int *low, u32 *count)
{
	int high;

	inet_sk_get_local_port_range(sk, low, &high);
	*count = high - *low + 1;
}

static int claim_any(struct sock *sk, enum claimant who)
{
	u32 i, count, offset;
	int low, port, err;

	port_range(sk, &low, &count);
	offset = get_random_u32() % count;
	for (i = 0; i < count; i++) {
		port = low + (offset + i) % count;
		if (inet_is_local_reserved_port(sock_net(sk), port))
			continue;
		err = claim(sk, port, who);
		if (err != -EADDRINUSE)
			return err;
		cond_resched();
	}
	return -EADDRINUSE;
}

/**
 * tern_get_port - claim a port for bind() or listen()
 * @sk: socket, locked, its address set; may hold the port already
 * @port: host byte order, 0 for any in net.ipv4.ip_local_port_range
 *
 * Return: 0, -EADDRINUSE or -ENOMEM.
 */
int tern_get_port(struct sock *sk, unsigned short port)
{
	int err;

	if (port)
		return claim(sk, port, BY_NUMBER);

	err = claim_any(sk, ALONE);
	if (err == -EADDRINUSE && READ_ONCE(sock_net(sk)->ipv4.sysctl_ip_autobind_reuse))
		err = claim_any(sk, EXHAUSTED);
	return err;
}

/**
 * tern_port_release - give a claim back
 * @bind: claim, which may hold nothing
 *
 * Context: any; nobody else changes @bind meanwhile.
 */
void tern_port_release(struct tern_bind *bind)
{
	struct port_chain *chain;

	if (!bind->bucket)
		return;
	chain = chain_of(bind->bucket->net, bind->bucket->port);
	spin_lock_bh(&chain->lock);
	bucket_leave(bind);
	spin_unlock_bh(&chain->lock);
}

/**
 * tern_put_port - give a socket's port back
 * @sk: socket, locked or without users
 */
void tern_put_port(struct sock *sk)
{
	tern_port_release(&tern_sk(sk)->bind);
	inet_sk(sk)->inet_num = 0;
}

/* one candidate for connect(): 0 taken, -EADDRNOTAVAIL try another */
static int try_connect_port(struct sock *sk, u16 port, struct tern_conn **old)
{
	struct port_chain *chain = chain_of(sock_net(sk), port);
	struct tern_sock *ts = tern_sk(sk);
	struct tern_bucket *tb;
	int err = -EADDRNOTAVAIL;

	spin_lock_bh(&chain->lock);
	tb = bucket_find(chain, sock_net(sk), port);
	if (tb && !tb->connect_only)
		goto unlock;

	ts->conn.flow.lport = htons(port);
	err = tern_conn_hash(&ts->conn, old);
	if (err)
		goto unlock;
	if (!tb) {
		tb = bucket_create(chain, sock_net(sk), port);
		if (!tb) {
			tern_conn_unhash(&ts->conn);
			err = -ENOMEM;
			goto unlock;
		}
		tb->connect_only = true;
	}
	ts->bind.uid = sock_i_uid(sk);
	bucket_join(tb, &ts->bind);
	inet_sk(sk)->inet_num = port;
	inet_sk(sk)->inet_sport = htons(port);
unlock:
	spin_unlock_bh(&chain->lock);
	return err;
}

/**
 * tern_port_connect - choose a local port and enter the connection table
 * @sk: socket, locked; both addresses and the remote port are in conn.flow
 * @old: set to the TIME_WAIT object whose place was taken, for tern_tw_succeed()
 *
 * A socket that is bound keeps its port. Otherwise one is chosen by RFC 6056,
 * algorithm 4: a keyed hash of the destination gives the place to start, and
 * groups of destinations advance independently. That a chosen port may have
 * been the place of a TIME_WAIT is net.tern.tw_reuse's decision; one that the
 * program has bound may in any case, as with TCP.
 *
 * Return: 0, -EADDRNOTAVAIL or -ENOMEM.
 */
int tern_port_connect(struct sock *sk, struct tern_conn **old)
{
	bool reuse = READ_ONCE(tern_net(sock_net(sk))->timewait_reuse);
	struct tern_sock *ts = tern_sk(sk);
	u32 i, count, start, *step;
	int low, err;
	u64 hash;

	if (ts->bind.bucket) {
		ts->conn.flow.lport = inet_sk(sk)->inet_sport;
		return tern_conn_hash(&ts->conn, old);
	}

	ts->conn.flow.lport = 0;
	hash = siphash(&ts->conn.flow, offsetofend(struct tern_flow, rport), &port_key);
	step = &port_step[hash & 255];
	start = (u32)(hash >> 32) + READ_ONCE(*step);
	port_range(sk, &low, &count);
	for (i = 0; i < count; i++) {
		u16 port = low + (start + i) % count;

		if (inet_is_local_reserved_port(sock_net(sk), port))
			continue;
		err = try_connect_port(sk, port, reuse ? old : NULL);
		if (err == -EADDRNOTAVAIL) {
			cond_resched();
			continue;
		}
		if (!err)
			WRITE_ONCE(*step, READ_ONCE(*step) + i + 1 + (get_random_u32() & 7));
		return err;
	}
	return -EADDRNOTAVAIL;
}

/**
 * tern_port_inherit - let a new connection share its listener's port
 * @listener: socket that the SYN came to
 * @child: new socket, locked, in no list of owners
 *
 * Context: softirq. Return: 0, or -ENOENT when the listener has just given
 * its port back.
 */
int tern_port_inherit(struct sock *listener, struct sock *child)
{
	u16 port = inet_sk(child)->inet_num;
	struct port_chain *chain = chain_of(sock_net(listener), port);
	struct tern_bucket *tb;
	int err = -ENOENT;

	spin_lock_bh(&chain->lock);
	tb = bucket_find(chain, sock_net(listener), port);
	if (tb && tb == READ_ONCE(tern_sk(listener)->bind.bucket)) {
		tern_sk(child)->bind.uid = tern_sk(listener)->bind.uid;
		bucket_join(tb, &tern_sk(child)->bind);
		err = 0;
	}
	spin_unlock_bh(&chain->lock);
	return err;
}

/**
 * tern_port_to_timewait - let a TIME_WAIT object share its socket's port
 * @sk: socket, locked; it gives up its own claim when it closes
 * @bind: the object's claim, holding nothing yet
 */
void tern_port_to_timewait(struct sock *sk, struct tern_bind *bind)
{
	struct tern_bind *old = &tern_sk(sk)->bind;
	struct port_chain *chain = chain_of(sock_net(sk), inet_sk(sk)->inet_num);

	bind->sk = NULL;
	bind->uid = old->uid;
	bind->dev = sk->sk_bound_dev_if;
	bind->l3mdev = inet_sk_bound_l3mdev(sk);
	bind->reuse = sk->sk_reuse;
	bind->reuseport = sk->sk_reuseport;
	bind->v6only = ipv6_only_sock(sk);
	tern_rcv_saddr(sk, &bind->addr);

	spin_lock_bh(&chain->lock);
	bucket_join(old->bucket, bind);
	spin_unlock_bh(&chain->lock);
}

/**
 * tern_port_init - allocate the table
 *
 * Context: module load. Return: 0 or -ENOMEM.
 */
int __init tern_port_init(void)
{
	u32 i;

	port_table = kvcalloc(PORT_CHAINS, sizeof(*port_table), GFP_KERNEL);
	if (!port_table)
		return -ENOMEM;
	for (i = 0; i < PORT_CHAINS; i++)
		spin_lock_init(&port_table[i].lock);
	get_random_bytes(&port_key, sizeof(port_key));
	get_random_bytes(port_step, sizeof(port_step));
	return 0;
}

/**
 * tern_port_exit - free the table, which is empty
 */
void tern_port_exit(void)
{
	kvfree(port_table);
}
