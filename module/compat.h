/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel APIs, and nothing else: no other file has an #if
 * for a kernel version. The HAVE_* macros come from probes of the kernel's
 * headers in Kbuild, because stable updates move APIs without
 * LINUX_VERSION_CODE telling.
 */
#ifndef _TERN_COMPAT_H
#define _TERN_COMPAT_H

#include <linux/bpf-cgroup.h>
#include <linux/bvec.h>
#include <linux/timer.h>
#include <linux/uio.h>
#include <net/inet_sock.h>
#include <net/ip6_route.h>
#include <net/net_namespace.h>
#include <net/route.h>
#include <net/sock.h>

#ifdef HAVE_PROTO_MEMORY
#include <net/proto_memory.h>
#endif
#ifdef HAVE_SKBUFF_REF
#include <linux/skbuff_ref.h>
#endif

/* what bind() and connect() methods take */
#ifdef HAVE_SOCKADDR_UNSIZED
#define tern_sockaddr sockaddr_unsized
#else
#define tern_sockaddr sockaddr
#endif

#ifdef HAVE_PROTO_ACCEPT_ARG
#define TERN_ACCEPT_ARGS struct sock *sk, struct proto_accept_arg *arg
#define tern_accept_flags (arg->flags)
#define tern_accept_set_err(e) (arg->err = (e))
#define TERN_SOCK_ACCEPT_ARGS \
	struct socket *sock, struct socket *newsock, struct proto_accept_arg *arg
#define tern_inet_accept(sock, newsock) inet_accept(sock, newsock, arg)
#else
#define TERN_ACCEPT_ARGS struct sock *sk, int flags, int *err_out, bool kern
#define tern_accept_flags (flags)
#define tern_accept_set_err(e) (*err_out = (e))
#define TERN_SOCK_ACCEPT_ARGS struct socket *sock, struct socket *newsock, int flags, bool kern
#define tern_inet_accept(sock, newsock) inet_accept(sock, newsock, flags, kern)
#endif

#ifdef HAVE_IOCTL_KARG
#define TERN_IOCTL_ARGS struct sock *sk, int cmd, int *karg
#define tern_ioctl_return(value) (*karg = (value), 0)
#else
#define TERN_IOCTL_ARGS struct sock *sk, int cmd, unsigned long arg
#define tern_ioctl_return(value) put_user((value), (int __user *)arg)
#endif

#ifdef HAVE_RECVMSG_ADDR_LEN
#define TERN_RECVMSG_ARGS \
	struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len
#define tern_recv_error(sk, msg, len) inet_recv_error(sk, msg, len, addr_len)
#else
#define TERN_RECVMSG_ARGS struct sock *sk, struct msghdr *msg, size_t len, int flags
#define tern_recv_error(sk, msg, len) inet_recv_error(sk, msg, len)
#endif

#ifdef HAVE_BPF_CONNECT_LEN
#define tern_bpf_connect4(sk, uaddr, len) BPF_CGROUP_RUN_PROG_INET4_CONNECT(sk, uaddr, &(len))
#define tern_bpf_connect6(sk, uaddr, len) BPF_CGROUP_RUN_PROG_INET6_CONNECT(sk, uaddr, &(len))
#else
#define tern_bpf_connect4(sk, uaddr, len) BPF_CGROUP_RUN_PROG_INET4_CONNECT(sk, uaddr)
#define tern_bpf_connect6(sk, uaddr, len) BPF_CGROUP_RUN_PROG_INET6_CONNECT(sk, uaddr)
#endif

#ifndef HAVE_TIMER_CONTAINER_OF
#define timer_container_of(var, callback_timer, field) from_timer(var, callback_timer, field)
#endif

#ifndef HAVE_DST_RTABLE
#define dst_rtable(dst) ((struct rtable *)(dst))
#endif

#ifndef HAVE_DST_RT6_INFO
#define dst_rt6_info(dst) ((struct rt6_info *)(dst))
#endif

/*
 * sendfile() and splice() hand over a page at a time, or since 6.5 a message
 * with MSG_SPLICE_PAGES. What was announced with MSG_MORE and does not come is
 * taken back by splice_eof.
 */
#ifdef HAVE_SENDPAGE
/* it is not by MSG_SPLICE_PAGES, whoever may set that */
#define tern_msg_splices(msg) false

int tern_send_locked(struct sock *sk, struct msghdr *msg, bool splice);

static inline int tern_sendpage(struct sock *sk, struct page *page, int offset, size_t size,
				int flags)
{
	struct bio_vec bvec = { .bv_page = page, .bv_offset = offset, .bv_len = size };
	struct msghdr msg = { .msg_flags = flags };
	int ret;

	if (flags & MSG_SENDPAGE_NOTLAST)
		msg.msg_flags |= MSG_MORE;
	iov_iter_bvec(&msg.msg_iter, WRITE, &bvec, 1, size);
	lock_sock(sk);
	ret = tern_send_locked(sk, &msg, true);
	release_sock(sk);
	return ret;
}

/* of the one page that tern_sendpage() has */
static inline int skb_splice_from_iter(struct sk_buff *skb, struct iov_iter *iter, int len,
				       gfp_t gfp)
{
	size_t offset = iter->bvec->bv_offset + iter->iov_offset;
	int err = skb_append_pagefrags(skb, iter->bvec->bv_page, offset, len);

	if (err)
		return err;
	iov_iter_advance(iter, len);
	skb->len += len;
	skb->data_len += len;
	skb->truesize += len;
	return len;
}

#define TERN_SENDPAGE_OPS .sendpage = inet_sendpage,
#define TERN_SENDPAGE_PROT .sendpage = tern_sendpage,
#else
#define tern_msg_splices(msg) ((msg)->msg_flags & MSG_SPLICE_PAGES)
#define TERN_SENDPAGE_OPS
#define TERN_SENDPAGE_PROT
#endif

#ifdef HAVE_SPLICE_EOF
#define TERN_SPLICE_EOF_OPS .splice_eof = inet_splice_eof,
#define TERN_SPLICE_EOF_PROT .splice_eof = tern_splice_eof,
#else
#define TERN_SPLICE_EOF_OPS
#define TERN_SPLICE_EOF_PROT
#endif

/* SO_ZEROCOPY has to be intercepted: the socket layer grants it to TCP and UDP only */
#ifdef SOCK_CUSTOM_SOCKOPT
#define tern_intercept_sockopt(sock) set_bit(SOCK_CUSTOM_SOCKOPT, &(sock)->flags)
#else
#define tern_intercept_sockopt(sock) do { } while (0)
#endif

#ifdef HAVE_IPV6_PINFO_OFFSET
#define TERN_IPV6_PINFO_OFFSET(off) .ipv6_pinfo_offset = (off),
#else
#define TERN_IPV6_PINFO_OFFSET(off)
#endif

#ifdef HAVE_HRTIMER_SETUP
#define tern_hrtimer_setup hrtimer_setup
#else
static inline void tern_hrtimer_setup(struct hrtimer *timer,
				      enum hrtimer_restart (*function)(struct hrtimer *),
				      clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* fields of struct tcp_info that not every kernel has */
#ifdef HAVE_TCPI_RCV_WND
#define tern_tcpi_set_rcv_wnd(info, window) ((info)->tcpi_rcv_wnd = (window))
#else
#define tern_tcpi_set_rcv_wnd(info, window) do { } while (0)
#endif

#ifdef HAVE_TCPI_TOTAL_RTO
#define tern_tcpi_set_timeouts(info, n, series, ms) do {			\
	typeof(info) _info = (info);					\
									\
	_info->tcpi_total_rto = min_t(u32, n, U16_MAX);			\
	_info->tcpi_total_rto_recoveries = min_t(u32, series, U16_MAX);	\
	_info->tcpi_total_rto_time = (ms);				\
} while (0)
#else
#define tern_tcpi_set_timeouts(info, n, series, ms) do { } while (0)
#endif

/* a sysctl's handler; its table is const since 6.11 */
#ifdef HAVE_CONST_CTL_TABLE
#define TERN_PROC_HANDLER_ARGS \
	const struct ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos
#else
#define TERN_PROC_HANDLER_ARGS \
	struct ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos
#endif

/* what skb_set_delivery_time() wants: bool mono, later a clock of its own kind */
#define TERN_CLOCK_MONOTONIC 1

#ifdef HAVE_INET_FLAGS
#define tern_inet_recverr(sk) inet_test_bit(RECVERR, sk)
#define tern_inet6_recverr(sk) inet6_test_bit(RECVERR6, sk)
#define tern_inet6_sndflow(sk) inet6_test_bit(SNDFLOW, sk)
#else
#define tern_inet_recverr(sk) (inet_sk(sk)->recverr)
#define tern_inet6_recverr(sk) (inet6_sk(sk)->recverr)
#define tern_inet6_sndflow(sk) (inet6_sk(sk)->sndflow)
#endif

/* multicast defaults of an AF_INET6 socket; without use, but getsockopt() shows them */
static inline void tern_init_multicast(struct sock *sk)
{
#ifdef HAVE_INET_FLAGS
	inet6_set_bit(MC6_LOOP, sk);
	inet6_set_bit(MC6_ALL, sk);
	inet_set_bit(MC_LOOP, sk);
#else
	inet6_sk(sk)->mc_loop = 1;
	inet6_sk(sk)->mc_all = 1;
	inet_sk(sk)->mc_loop = 1;
#endif
}

#ifdef HAVE_FL_LIST_IN_INET
#define tern_clear_flowlabels(sk) RCU_INIT_POINTER(inet_sk(sk)->ipv6_fl_list, NULL)
#else
#define tern_clear_flowlabels(sk) RCU_INIT_POINTER(inet6_sk(sk)->ipv6_fl_list, NULL)
#endif

#ifndef HAVE_SK_CLONE_LOCK
#define sk_clone_lock(sk, priority) sk_clone(sk, priority, true)
#endif

/*
 * A socket that no longer keeps its namespace alive, like one that the kernel
 * opened: whoever does this ends the socket when the namespace goes.
 */
static inline void tern_sk_release_net(struct sock *sk)
{
	struct net *net = sock_net(sk);

	if (!sk->sk_net_refcnt)
		return;
	sk->sk_net_refcnt = 0;
	sock_inuse_add(net, -1);
#ifdef HAVE_NET_PASSIVE
	net_passive_inc(net);
#endif
	put_net_track(net, &sk->ns_tracker);
#ifdef HAVE_NETNS_TRACKER_PASSIVE
	__netns_tracker_alloc(net, &sk->ns_tracker, false, GFP_ATOMIC);
#endif
}

/* the handler of inet_diag (diag.c): who holds the module, who has the filter */
#ifdef HAVE_INET_DIAG_OWNER
#define TERN_DIAG_OWNER .owner = THIS_MODULE,
#else
#define TERN_DIAG_OWNER
#endif
#ifdef HAVE_INET_DIAG_BC_DATA
#define tern_diag_filter(data, sk) inet_diag_bc_sk(data, sk)
#else
#define tern_diag_filter(data, sk) inet_diag_bc_sk((data)->inet_diag_nla_bc, sk)
#endif

/* sysctl tables end by size where the kernel asks for it, by an empty entry elsewhere */
#ifdef HAVE_REGISTER_SYSCTL_SZ
#define TERN_SYSCTL_END
#define tern_register_sysctl(net, path, table, n) register_net_sysctl_sz(net, path, table, n)
#else
#define TERN_SYSCTL_END { }
#define tern_register_sysctl(net, path, table, n) register_net_sysctl(net, path, table)
#endif

#endif
