// SPDX-License-Identifier: GPL-2.0
/*
 * tern_diag.ko: sock_diag(7) for Tern, which "tern ss" reads. A module of its
 * own, as TCP has one, so that tern.ko does not need inet_diag; the kernel loads
 * it when somebody asks.
 *
 * inet_diag calls these in process context, with no lock of the network's held
 * and this module pinned: they may sleep. What they look at they have a
 * reference to.
 *
 * inet_diag reads sockets. For the two kinds of connection that are none it
 * gets a stand-in: a struct inet_timewait_sock, because that is the smallest it
 * takes for a socket.
 */
#include <linux/inet_diag.h>
#include <linux/module.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <net/inet_timewait_sock.h>
#include <net/netlink.h>

#include "compat.h"
#include "demux.h"
#include "handshake.h"
#include "sock.h"
#include "timewait.h"

/**
 * struct answer - a message under way
 * @cb: the request
 * @req: what it asks for
 * @skb: where the message goes
 * @net_admin: he who asks may see marks
 * @flags: of the header of the message
 */
struct answer {
	struct netlink_callback *cb;
	const struct inet_diag_req_v2 *req;
	struct sk_buff *skb;
	bool net_admin;
	u16 flags;
};

static int state_of(struct tern_conn *conn)
{
	switch (conn->kind) {
	case TERN_CONN_SYN:
		return TCP_SYN_RECV;
	case TERN_CONN_TW:
		return TCP_TIME_WAIT;
	default:
		return inet_sk_state_load(tern_conn_sk(conn));
	}
}

/* the cookie is drawn when somebody asks for it first, as that of a socket */
static void share_cookie(struct sock *sk, struct tern_conn *conn)
{
	u32 cookie[2];

	atomic64_set(&sk->sk_cookie, atomic64_read(&conn->cookie));
	sock_diag_save_cookie(sk, cookie);
	atomic64_cmpxchg(&conn->cookie, 0, atomic64_read(&sk->sk_cookie));
	atomic64_set(&sk->sk_cookie, atomic64_read(&conn->cookie));
}

/* the socket, or in @tw what inet_diag takes for one */
static struct sock *sock_or_stand_in(struct tern_conn *conn, struct inet_timewait_sock *tw)
{
	const struct tern_flow *flow = &conn->flow;
	struct sock *sk = (struct sock *)tw;

	if (conn->kind == TERN_CONN_SOCK)
		return tern_conn_sk(conn);
	memset(tw, 0, sizeof(*tw));
	tw->tw_state = TCP_TIME_WAIT;
	if (conn->kind == TERN_CONN_TW) {
		tw->tw_family = tern_conn_tw(conn)->family;
		tw->tw_mark = tern_conn_tw(conn)->mark;
	} else {
		tw->tw_family = tern_conn_syn(conn)->listener->sk_family;
		tw->tw_mark = tern_conn_syn(conn)->mark;
	}
	tw->tw_rcv_saddr = flow->laddr.s6_addr32[3];
	tw->tw_daddr = flow->raddr.s6_addr32[3];
	tw->tw_v6_rcv_saddr = flow->laddr;
	tw->tw_v6_daddr = flow->raddr;
	tw->tw_num = ntohs(flow->lport);
	tw->tw_dport = flow->rport;
	tw->tw_bound_dev_if = conn->dev;
	share_cookie(sk, conn);
	return sk;
}

static bool wanted(const struct answer *answer, struct tern_conn *conn)
{
	struct inet_diag_dump_data *data = answer->cb->data;
	const struct inet_diag_req_v2 *req = answer->req;
	struct inet_timewait_sock tw;
	struct sock *sk = sock_or_stand_in(conn, &tw);

	return req->idiag_states & BIT(state_of(conn)) &&
	       (req->sdiag_family == AF_UNSPEC || req->sdiag_family == sk->sk_family) &&
	       (!req->id.idiag_sport || req->id.idiag_sport == htons(sk->sk_num)) &&
	       (!req->id.idiag_dport || req->id.idiag_dport == sk->sk_dport) &&
	       tern_diag_filter(data, sk);
}

/* all that TCP's has; inet_diag has put the rest there */
static int put_connection(const struct answer *answer, struct sock *sk)
{
	u8 ext = answer->req->idiag_ext;
	char name[TERN_CONG_NAME_MAX];
	struct nlattr *attr;

	if (ext & BIT(INET_DIAG_INFO - 1)) {
		attr = nla_reserve_64bit(answer->skb, INET_DIAG_INFO, sizeof(struct tcp_info),
					 INET_DIAG_PAD);
		if (!attr)
			return -EMSGSIZE;
		tern_info_fill_tcp(sk, nla_data(attr));
	}
	if (ext & BIT(INET_DIAG_CONG - 1)) {
		tern_cong_name(sk, name);
		return nla_put_string(answer->skb, INET_DIAG_CONG, name);
	}
	return 0;
}

static int fill_sock(const struct answer *answer, struct sock *sk)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)skb_tail_pointer(answer->skb);
	int err;

	err = inet_sk_diag_fill(sk, NULL, answer->skb, answer->cb, answer->req, answer->flags,
				answer->net_admin);
	if (err)
		return err;
	err = put_connection(answer, sk);
	if (err)
		nlmsg_cancel(answer->skb, nlh);
	else
		nlmsg_end(answer->skb, nlh);	/* longer than before */
	return err;
}

static int fill_object(const struct answer *answer, struct tern_conn *conn)
{
	const struct netlink_callback *cb = answer->cb;
	struct inet_timewait_sock tw;
	struct sock *sk = sock_or_stand_in(conn, &tw);
	const struct timer_list *timer;
	struct inet_diag_msg *msg;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(answer->skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			cb->nlh->nlmsg_type, sizeof(*msg), answer->flags);
	if (!nlh)
		return -EMSGSIZE;
	msg = nlmsg_data(nlh);
	memset(msg, 0, sizeof(*msg));
	inet_diag_msg_common_fill(msg, sk);
	msg->idiag_state = state_of(conn);
	if (conn->kind == TERN_CONN_TW) {
		timer = &tern_conn_tw(conn)->timer;
		msg->idiag_timer = 3;
	} else {
		timer = &tern_conn_syn(conn)->timer;
		msg->idiag_timer = 1;
		msg->idiag_retrans = READ_ONCE(tern_conn_syn(conn)->retrans);
	}
	msg->idiag_expires = jiffies_delta_to_msecs(READ_ONCE(timer->expires) - jiffies);
	if (answer->net_admin && nla_put_u32(answer->skb, INET_DIAG_MARK, tw.tw_mark)) {
		nlmsg_cancel(answer->skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(answer->skb, nlh);
	return 0;
}

static int fill(const struct answer *answer, struct tern_conn *conn)
{
	if (conn->kind == TERN_CONN_SOCK)
		return fill_sock(answer, tern_conn_sk(conn));
	return fill_object(answer, conn);
}

typedef unsigned int (*walk_fn)(struct net *net, struct tern_walk *at, struct tern_conn **found);

/* goes on where cb->args say; returns whether it came to the end */
static bool dump_table(const struct answer *answer, walk_fn walk)
{
	long *args = answer->cb->args;
	struct net *net = sock_net(answer->skb->sk);
	struct tern_walk at = { .chain = args[1], .skip = args[2] };
	struct tern_conn *found[TERN_WALK_STEP];
	unsigned int i, n;
	bool room = true;

	while (room && (n = walk(net, &at, found))) {
		for (i = 0; i < n; i++) {
			if (room && wanted(answer, found[i]))
				room = !fill(answer, found[i]);
			at.skip += room;
			tern_conn_put(found[i]);
		}
		cond_resched();
	}
	args[1] = at.chain;
	args[2] = at.skip;
	return room;
}

/* cb->args: which table, and there struct tern_walk */
static void diag_dump(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct inet_diag_req_v2 *req)
{
	struct answer answer = {
		.cb = cb,
		.req = req,
		.skb = skb,
		.net_admin = netlink_net_capable(cb->skb, CAP_NET_ADMIN),
		.flags = NLM_F_MULTI,
	};

	if (!cb->args[0]) {
		if (req->idiag_states & TCPF_LISTEN && !dump_table(&answer, tern_listener_walk))
			return;
		cb->args[0] = 1;
		cb->args[1] = 0;
		cb->args[2] = 0;
	}
	if (req->idiag_states & ~TCPF_LISTEN)
		dump_table(&answer, tern_conn_walk);
}

static bool has_cookie(struct tern_conn *conn, const struct inet_diag_req_v2 *req)
{
	struct inet_timewait_sock tw;

	return !sock_diag_check_cookie(sock_or_stand_in(conn, &tw), req->id.idiag_cookie);
}

/* of those that share an address (SO_REUSEPORT) the one that has the cookie */
static struct tern_conn *find_listener(struct net *net, const struct tern_flow *flow,
				       const struct inet_diag_req_v2 *req)
{
	struct tern_conn *found[TERN_WALK_STEP], *conn = NULL;
	struct tern_walk at = { };
	unsigned int i, n;

	while (!conn && (n = tern_listener_walk(net, &at, found))) {
		for (i = 0; i < n; i++) {
			if (!conn && found[i]->flow.lport == flow->lport &&
			    ipv6_addr_equal(&found[i]->flow.laddr, &flow->laddr) &&
			    has_cookie(found[i], req))
				conn = found[i];
			else
				tern_conn_put(found[i]);
		}
		at.skip += n;
	}
	return conn;
}

/* what a request for one means; with a reference, or an error pointer */
static struct tern_conn *find(struct net *net, const struct inet_diag_req_v2 *req)
{
	struct tern_flow flow = { .lport = req->id.idiag_sport, .rport = req->id.idiag_dport };
	struct tern_conn *conn;

	if (req->sdiag_family == AF_INET) {
		ipv6_addr_set_v4mapped(req->id.idiag_src[0], &flow.laddr);
		ipv6_addr_set_v4mapped(req->id.idiag_dst[0], &flow.raddr);
	} else if (req->sdiag_family == AF_INET6) {
		memcpy(&flow.laddr, req->id.idiag_src, sizeof(flow.laddr));
		memcpy(&flow.raddr, req->id.idiag_dst, sizeof(flow.raddr));
	} else {
		return ERR_PTR(-EINVAL);
	}
	rcu_read_lock();
	conn = tern_conn_lookup(net, &flow, req->id.idiag_if, 0);
	rcu_read_unlock();
	if (!conn)
		return find_listener(net, &flow, req) ?: ERR_PTR(-ENOENT);
	if (has_cookie(conn, req))
		return conn;
	tern_conn_put(conn);
	return ERR_PTR(-ENOENT);
}

static int diag_dump_one(struct netlink_callback *cb, const struct inet_diag_req_v2 *req)
{
	struct net *net = sock_net(cb->skb->sk);
	struct answer answer = {
		.cb = cb,
		.req = req,
		.net_admin = netlink_net_capable(cb->skb, CAP_NET_ADMIN),
	};
	struct tern_conn *conn = find(net, req);
	int err = -ENOMEM;

	if (IS_ERR(conn))
		return PTR_ERR(conn);
	answer.skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (answer.skb)
		err = fill(&answer, conn);
	tern_conn_put(conn);
	if (!err)
		return nlmsg_unicast(net->diag_nlsk, answer.skb, NETLINK_CB(cb->skb).portid);
	nlmsg_free(answer.skb);
	return err;
}

static int diag_destroy(struct sk_buff *skb, const struct inet_diag_req_v2 *req)
{
	struct tern_conn *conn = find(sock_net(skb->sk), req);
	int err;

	if (IS_ERR(conn))
		return PTR_ERR(conn);
	err = tern_conn_kill(conn);
	tern_conn_put(conn);
	return err;
}

/* for inet_sk_diag_fill(); without @info, which would be too late there */
static void get_info(struct sock *sk, struct inet_diag_msg *msg, void *info)
{
	struct tern_glance glance;

	tern_info_glance(sk, &glance);
	msg->idiag_rqueue = glance.recvq;
	msg->idiag_wqueue = glance.sendq;
	msg->idiag_timer = glance.timer;
	msg->idiag_retrans = glance.retrans;
	msg->idiag_expires = jiffies_delta_to_msecs(glance.expires);
	if (info)
		tern_info_fill_tcp(sk, info);
}

static struct inet_diag_handler handler = {
	TERN_DIAG_OWNER
	.dump			= diag_dump,
	.dump_one		= diag_dump_one,
	.destroy		= diag_destroy,
	.idiag_get_info		= get_info,
	.idiag_info_size	= sizeof(struct tcp_info),
};

static int __init diag_init(void)
{
	handler.idiag_type = tern_protocol;
	return inet_diag_register(&handler);
}

static void __exit diag_exit(void)
{
	inet_diag_unregister(&handler);
}

module_init(diag_init);
module_exit(diag_exit);

MODULE_DESCRIPTION("Tern's sockets by sock_diag");
MODULE_LICENSE("GPL");
/* PF_NETLINK, NETLINK_SOCK_DIAG, AF_INET (for both versions of IP), IPPROTO_TERN */
MODULE_ALIAS("net-pf-16-proto-4-type-2-253");
