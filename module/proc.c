// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/tern: counters, sockets, and how often each edge of the state
 * table was taken. Formats are described in Documentation/tern.7.
 */
#include <linux/inet_diag.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "demux.h"
#include "handshake.h"
#include "ip.h"
#include "mib.h"
#include "sock.h"
#include "timewait.h"

static int snmp_show(struct seq_file *seq, void *v)
{
	int i;

	for (i = 0; i < TERN_MIB_MAX; i++)
		seq_printf(seq, "%-24s %lu\n", tern_mib_names[i],
			   tern_mib_read(seq_file_single_net(seq), i));
	return 0;
}

static int transitions_show(struct seq_file *seq, void *v)
{
	tern_transitions_show(seq);
	return 0;
}

struct dump {
	struct seq_file *seq;
	struct net *net;
	int line;
};

static void show_flow(struct dump *dump, const struct tern_flow *flow)
{
	const __be32 *l = flow->laddr.s6_addr32, *r = flow->raddr.s6_addr32;

	/* words in host order, as /proc/net/tcp6 has them */
	seq_printf(dump->seq, "%4d: %08X%08X%08X%08X:%04X %08X%08X%08X%08X:%04X ",
		   dump->line++, l[0], l[1], l[2], l[3], ntohs(flow->lport),
		   r[0], r[1], r[2], r[3], ntohs(flow->rport));
}

static void show_rest(struct dump *dump, int state, u32 tx, u32 rx, int timer,
		      unsigned long when, int retrans, uid_t uid, int timeout,
		      unsigned long ino, int refs, const void *object)
{
	seq_printf(dump->seq, "%02X %08X:%08X %02X:%08lX %08X %5u %8d %lu %d %pK\n",
		   state, tx, rx, timer, jiffies_delta_to_clock_t(when), retrans, uid, timeout,
		   ino, refs, object);
}

static void show_sock(struct dump *dump, struct sock *sk, const struct tern_flow *flow)
{
	const struct tern_sock *ts = tern_sk(sk);
	struct tern_glance glance;

	tern_info_glance(sk, &glance);
	show_flow(dump, flow);
	show_rest(dump, inet_sk_state_load(sk), glance.sendq, glance.recvq, glance.timer,
		  glance.expires, ts->retransmits,
		  from_kuid_munged(seq_user_ns(dump->seq), sock_i_uid(sk)), ts->probes_out,
		  sock_i_ino(sk), refcount_read(&sk->sk_refcnt), sk);
}

static void show_conn(struct tern_conn *conn, void *arg)
{
	struct dump *dump = arg;

	if (!net_eq(conn->net, dump->net))
		return;
	switch (conn->kind) {
	case TERN_CONN_SOCK:
		show_sock(dump, tern_conn_sk(conn), &conn->flow);
		break;
	case TERN_CONN_SYN:
		show_flow(dump, &conn->flow);
		show_rest(dump, TCP_SYN_RECV, 0, 0, 1, tern_conn_syn(conn)->timer.expires - jiffies,
			  tern_conn_syn(conn)->retrans, 0, 0, 0, refcount_read(&conn->ref), conn);
		break;
	case TERN_CONN_TW:
		show_flow(dump, &conn->flow);
		show_rest(dump, TCP_TIME_WAIT, 0, 0, 3, tern_conn_tw(conn)->timer.expires - jiffies,
			  0, 0, 0, 0, refcount_read(&conn->ref), conn);
		break;
	}
}

static void show_listener(struct sock *sk, void *arg)
{
	struct dump *dump = arg;
	struct tern_flow flow = { .lport = inet_sk(sk)->inet_sport };

	if (!net_eq(sock_net(sk), dump->net))
		return;
	tern_rcv_saddr(sk, &flow.laddr);
	show_sock(dump, sk, &flow);
}

static int sockets_show(struct seq_file *seq, void *v)
{
	struct dump dump = { .seq = seq, .net = seq_file_single_net(seq) };

	seq_puts(seq, "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer\n");
	tern_listener_for_each(show_listener, &dump);
	tern_conn_for_each(show_conn, &dump);
	return 0;
}

/**
 * tern_proc_create - /proc/net/tern of a namespace
 * @net: namespace
 *
 * Return: 0 or -ENOMEM.
 */
int __net_init tern_proc_create(struct net *net)
{
	struct proc_dir_entry *dir = proc_net_mkdir(net, "tern", net->proc_net);

	if (!dir)
		return -ENOMEM;
	tern_net(net)->proc = dir;
	if (proc_create_net_single("snmp", 0444, dir, snmp_show, NULL) &&
	    proc_create_net_single("sockets", 0444, dir, sockets_show, NULL) &&
	    proc_create_net_single("transitions", 0444, dir, transitions_show, NULL))
		return 0;
	tern_proc_remove(net);
	return -ENOMEM;
}

/**
 * tern_proc_remove - the namespace or the module goes away
 * @net: namespace
 */
void tern_proc_remove(struct net *net)
{
	remove_proc_subtree("tern", net->proc_net);
}
