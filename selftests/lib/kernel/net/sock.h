/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets, as much of them as struct tern_sock and the retransmission queue
 * ask for; and what else module/sock.h includes.
 */
#ifndef _TERN_TEST_SOCK_H
#define _TERN_TEST_SOCK_H

#include <netinet/tcp.h>
#include <linux/in6.h>

#include "../linux/jiffies.h"
#include "../linux/skbuff.h"

#define TCPF_SYN_SENT	(1u << TCP_SYN_SENT)
#define TCPF_SYN_RECV	(1u << TCP_SYN_RECV)

/* objects that stand in struct tern_sock, and are not used */
typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long long counter;
} atomic64_t;

typedef struct {
	int refs;
} refcount_t;

typedef struct {
	int locked;
} spinlock_t;

typedef struct {
	void *address;
} sockptr_t;

typedef unsigned int __poll_t;
typedef struct poll_table_struct poll_table;

struct file;
struct msghdr;
struct proto_ops;
struct socket;

struct timer_list {
	unsigned long expires;
};

struct hrtimer {
	u64 expires;
};

struct ipv6_pinfo {
	struct in6_addr saddr;
};

struct rcu_head {
	void *next, *func;
};

/* namespaces */

struct net_generic {
	union {
		struct {
			unsigned int len;
			struct rcu_head rcu;
		} s;
		void *ptr[16];
	};
};

struct net {
	struct net_generic *gen;
};

static inline void *net_generic(const struct net *net, unsigned int id)
{
	return net->gen->ptr[id];
}

#define RCU_INIT_POINTER(p, value)	((p) = (value))
#define rcu_access_pointer(p)		(p)
#define rcu_dereference_protected(p, condition)	(p)

/* a single processor */
#define DEFINE_PER_CPU(type, name)	__typeof__(type) name
#define this_cpu_add(x, n)		((x) += (n))
#define per_cpu_ptr(p, cpu)		((void)(cpu), (p))
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < 1; (cpu)++)

/* sockets */

enum {
	SOCK_DEAD,
};

struct proto {
	char name[32];
};

struct sock {
	struct proto *sk_prot;
	struct net *sk_net;
	unsigned char sk_state;
	unsigned long sk_flags;
	int sk_sndbuf;
	int sk_wmem_queued;
	int sk_forward_alloc;
};

struct inet_sock {
	struct sock sk;
};

static inline struct net *sock_net(const struct sock *sk)
{
	return sk->sk_net;
}

static inline void sock_net_set(struct sock *sk, struct net *net)
{
	sk->sk_net = net;
}

static inline bool sock_flag(const struct sock *sk, int flag)
{
	return sk->sk_flags >> flag & 1;
}

static inline void sk_wmem_queued_add(struct sock *sk, int bytes)
{
	sk->sk_wmem_queued += bytes;
}

static inline bool sk_wmem_schedule(struct sock *sk, int bytes)
{
	sk->sk_forward_alloc += bytes;
	return true;
}

static inline void sk_mem_charge(struct sock *sk, int bytes)
{
	sk->sk_forward_alloc -= bytes;
}

static inline void sk_mem_uncharge(struct sock *sk, int bytes)
{
	sk->sk_forward_alloc += bytes;
}

static inline int sk_wmem_alloc_get(const struct sock *sk)
{
	return 0;
}

#endif
