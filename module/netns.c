// SPDX-License-Identifier: GPL-2.0
/*
 * A network namespace comes and goes: counters, sysctls (net.tern.*) and
 * /proc/net/tern for each. A namespace that goes away takes its connections
 * with it: sockets that a program holds keep it alive, so by the time
 * exit() runs only orphans, SYN_RECEIVED and TIME_WAIT objects are left.
 */
#include <linux/module.h>
#include <linux/sysctl.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "compat.h"
#include "cong.h"
#include "mib.h"
#include "netns.h"
#include "sock.h"
#include "timewait.h"

unsigned int tern_net_id;

static struct ctl_table_header *mem_header;

static int retries_max = 255;
static int seconds_max = 32767;
static int ms_max = 60000;
static int delack_max = 500;
static int mem_min = 4096;
static int mem_max = 256 << 20;

#define TERN_SYSCTL(field, max)						\
	{								\
		.procname	= #field,				\
		.data		= (void *)offsetof(struct tern_net, field), \
		.maxlen		= sizeof(int),				\
		.mode		= 0644,					\
		.proc_handler	= proc_dointvec_minmax,			\
		.extra1		= SYSCTL_ONE,				\
		.extra2		= (max),				\
	}

#define TERN_SYSCTL_CHOICE(field, max) TERN_SYSCTL_CHOICE_NAMED(#field, field, max)
#define TERN_SYSCTL_CHOICE_NAMED(name, field, max)			\
	{								\
		.procname	= (name),				\
		.data		= (void *)offsetof(struct tern_net, field), \
		.maxlen		= sizeof(int),				\
		.mode		= 0644,					\
		.proc_handler	= proc_dointvec_minmax,			\
		.extra1		= SYSCTL_ZERO,				\
		.extra2		= (max),				\
	}

#define TERN_SYSCTL_MEM(field)						\
	{								\
		.procname	= #field,				\
		.data		= (void *)offsetof(struct tern_net, field), \
		.maxlen		= 3 * sizeof(int),			\
		.mode		= 0644,					\
		.proc_handler	= proc_dointvec_minmax,			\
		.extra1		= &mem_min,				\
		.extra2		= &mem_max,				\
	}

/* net.tern.congestion_control */
static int do_congestion_control(TERN_PROC_HANDLER_ARGS)
{
	struct tern_net *tn = container_of(table->data, struct tern_net, cong_default);
	char name[TERN_CONG_NAME_MAX];
	struct ctl_table text = { .data = name, .maxlen = sizeof(name) };
	int err;

	rcu_read_lock();
	strscpy(name, READ_ONCE(tn->cong_default)->name, sizeof(name));
	rcu_read_unlock();
	err = proc_dostring(&text, write, buffer, lenp, ppos);
	return err || !write ? err : tern_cong_set_default(tn, name);
}

/* net.tern.available_congestion_control */
static int do_available(TERN_PROC_HANDLER_ARGS)
{
	char names[256];
	struct ctl_table text = { .data = names, .maxlen = sizeof(names) };

	tern_cong_list(names, sizeof(names));
	return proc_dostring(&text, write, buffer, lenp, ppos);
}

/* .data holds the field's offset here; the copy of a namespace has its address */
static const struct ctl_table sysctl_template[] = {
	TERN_SYSCTL_MEM(rmem),
	TERN_SYSCTL_MEM(wmem),
	TERN_SYSCTL(syn_retries, &retries_max),
	TERN_SYSCTL(synack_retries, &retries_max),
	TERN_SYSCTL(retries, &retries_max),
	TERN_SYSCTL(orphan_retries, &retries_max),
	TERN_SYSCTL(keepalive_time, &seconds_max),
	TERN_SYSCTL(keepalive_intvl, &seconds_max),
	TERN_SYSCTL(keepalive_probes, &retries_max),
	TERN_SYSCTL(fin_timeout, &seconds_max),
	TERN_SYSCTL(timewait, &seconds_max),
	TERN_SYSCTL(max_syn_backlog, NULL),
	TERN_SYSCTL(max_tw_buckets, NULL),
	TERN_SYSCTL(max_orphans, NULL),
	TERN_SYSCTL(delack_ms, &delack_max),
	TERN_SYSCTL(rto_min_ms, &ms_max),
	TERN_SYSCTL(challenge_ack_limit, NULL),
	TERN_SYSCTL_CHOICE(tlp, SYSCTL_ONE),
	TERN_SYSCTL_CHOICE_NAMED("tw_reuse", timewait_reuse, SYSCTL_ONE),
	TERN_SYSCTL_CHOICE(ecn, SYSCTL_TWO),
	{
		.procname	= "congestion_control",
		.data		= (void *)offsetof(struct tern_net, cong_default),
		.maxlen		= TERN_CONG_NAME_MAX,
		.mode		= 0644,
		.proc_handler	= do_congestion_control,
	}, {
		.procname	= "available_congestion_control",
		.mode		= 0444,
		.proc_handler	= do_available,
	},
	TERN_SYSCTL_END
};

/* of the machine, and so of the initial namespace only */
static struct ctl_table mem_table[] = {
	{
		.procname	= "mem",
		.data		= tern_sysctl_mem,
		.maxlen		= sizeof(tern_sysctl_mem),
		.mode		= 0644,
		.proc_handler	= proc_doulongvec_minmax,
	},
	TERN_SYSCTL_END
};

#define NR_SYSCTLS ((offsetof(struct tern_net, ecn) - \
		     offsetof(struct tern_net, syn_retries)) / sizeof(int) + 1 + 2 + 2)

static int sysctl_register(struct net *net)
{
	struct tern_net *tn = tern_net(net);
	struct ctl_table *table;
	int i;

	table = kmemdup(sysctl_template, sizeof(sysctl_template), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < NR_SYSCTLS; i++)
		table[i].data = (char *)tn + (unsigned long)table[i].data;

	tn->sysctl_header = tern_register_sysctl(net, "net/tern", table, NR_SYSCTLS);
	if (!tn->sysctl_header) {
		kfree(table);
		return -ENOMEM;
	}
	return 0;
}

static void sysctl_unregister(struct net *net)
{
	struct tern_net *tn = tern_net(net);
	const struct ctl_table *table = tn->sysctl_header->ctl_table_arg;

	unregister_net_sysctl_table(tn->sysctl_header);
	kfree(table);
}

static void set_defaults(struct tern_net *tn)
{
	*tn = (struct tern_net){
		.rmem = TERN_RMEM_DEFAULT,
		.wmem = TERN_WMEM_DEFAULT,
		.syn_retries = 6,
		.synack_retries = 5,
		.retries = 15,
		.orphan_retries = 8,
		.keepalive_time = 7200,
		.keepalive_intvl = 75,
		.keepalive_probes = 9,
		.fin_timeout = 60,
		.timewait = 60,
		.max_syn_backlog = 1024,
		.max_tw_buckets = 16384,
		.max_orphans = 4096,
		.delack_ms = 40,
		.rto_min_ms = 200,
		.challenge_ack_limit = 1000,
		.tlp = 1,
		.timewait_reuse = 1,
		.ecn = 2,
	};
}

static int __net_init netns_init(struct net *net)
{
	struct tern_net *tn = tern_net(net);
	int err;

	set_defaults(tn);
	tern_cong_set_default(tn, "cubic");
	tn->mib = alloc_percpu(struct tern_mib);
	if (!tn->mib) {
		err = -ENOMEM;
		goto forget_cong;
	}
	err = sysctl_register(net);
	if (err)
		goto free_mib;
	err = tern_proc_create(net);
	if (err)
		goto free_sysctl;
	return 0;

free_sysctl:
	sysctl_unregister(net);
free_mib:
	free_percpu(tn->mib);
forget_cong:
	tern_cong_forget_default(tn);
	return err;
}

static void __net_exit netns_exit(struct net *net)
{
	tern_proc_remove(net);
	sysctl_unregister(net);
	tern_kill_orphans(net);
	tern_timewait_purge(net);
	tern_cong_forget_default(tern_net(net));
}

/* a timer that ended its object just before it was looked for is still running */
static void __net_exit netns_exit_batch(struct list_head *nets)
{
	struct net *net;

	synchronize_rcu();
	list_for_each_entry(net, nets, exit_list)
		free_percpu(tern_net(net)->mib);
}

static struct pernet_operations netns_ops = {
	.init = netns_init,
	.exit = netns_exit,
	.exit_batch = netns_exit_batch,
	.id = &tern_net_id,
	.size = sizeof(struct tern_net),
};

/**
 * tern_netns_init - set up every namespace, present and future
 *
 * Context: module load. Return: 0 or -errno.
 */
int __init tern_netns_init(void)
{
	int err = register_pernet_subsys(&netns_ops);

	if (err)
		return err;
	mem_header = tern_register_sysctl(&init_net, "net/tern", mem_table, 1);
	if (mem_header)
		return 0;
	unregister_pernet_subsys(&netns_ops);
	return -ENOMEM;
}

/**
 * tern_netns_exit - dismantle every namespace
 *
 * Context: module unload: no socket is left. May sleep.
 */
void tern_netns_exit(void)
{
	unregister_net_sysctl_table(mem_header);
	unregister_pernet_subsys(&netns_ops);
}
