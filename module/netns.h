/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_NETNS_H
#define _TERN_NETNS_H

#include <linux/atomic.h>
#include <linux/percpu.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

struct ctl_table_header;
struct proc_dir_entry;
struct tern_mib;

/* net.tern.rmem and wmem */
#define TERN_RMEM_DEFAULT	{ 4096, 1 << 20, 6 << 20 }
#define TERN_WMEM_DEFAULT	{ 4096, 1 << 20, 16 << 20 }

/**
 * struct tern_net - what Tern keeps for a network namespace
 * @mib: counters
 * @sysctl_header: net.tern.*
 * @proc: /proc/net/tern
 * @nr_tw: TIME_WAIT objects
 * @nr_orphans: sockets that no program holds any more
 * @challenge_budget: challenge ACKs left in the current second (RFC 5961)
 * @challenge_stamp: that second, jiffies / HZ
 * @cong_default: congestion control of new sockets
 *
 * The rest are the sysctls, documented in Documentation/tern.7; read with
 * READ_ONCE().
 */
struct tern_net {
	struct tern_mib __percpu *mib;
	struct ctl_table_header *sysctl_header;
	struct proc_dir_entry *proc;
	atomic_t nr_tw;
	atomic_t nr_orphans;
	atomic_t challenge_budget;
	u32 challenge_stamp;
	struct tern_cong_ops *cong_default;

	int rmem[3];
	int wmem[3];
	int syn_retries;
	int synack_retries;
	int retries;
	int orphan_retries;
	int keepalive_time;
	int keepalive_intvl;
	int keepalive_probes;
	int fin_timeout;
	int timewait;
	int max_syn_backlog;
	int max_tw_buckets;
	int max_orphans;
	int delack_ms;
	int rto_min_ms;
	int challenge_ack_limit;
	int tlp;
	int timewait_reuse;
	int ecn;
};

extern unsigned int tern_net_id;

static inline struct tern_net *tern_net(const struct net *net)
{
	return net_generic(net, tern_net_id);
}

int tern_netns_init(void);
void tern_netns_exit(void);

/* proc.c */
int tern_proc_create(struct net *net);
void tern_proc_remove(struct net *net);

#endif
