// SPDX-License-Identifier: GPL-2.0
/*
 * A socket as such: birth and death, poll(), ioctl(), memory accounting. What
 * is common to both doors and to both versions of IP.
 */
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>
#include <net/inet_common.h>
#include <net/sock.h>

#include "cong.h"
#include "input.h"
#include "ip.h"
#include "output.h"
#include "rcvqueue.h"
#include "recovery.h"
#include "sock.h"
#include "timer.h"

static atomic_long_t memory_allocated;
static DEFINE_PER_CPU(int, memory_per_cpu);
static struct percpu_counter sockets_allocated;
static unsigned long memory_pressure;
long tern_sysctl_mem[3];
static int wmem_limits[3] = TERN_WMEM_DEFAULT;
static int rmem_limits[3] = TERN_RMEM_DEFAULT;

static void enter_memory_pressure(struct sock *sk)
{
	if (!READ_ONCE(memory_pressure) && !cmpxchg(&memory_pressure, 0, jiffies ?: 1))
		tern_mib_inc(sock_net(sk), MemoryPressures);
}

static void leave_memory_pressure(struct sock *sk)
{
	unsigned long since;

	if (!READ_ONCE(memory_pressure))
		return;
	since = xchg(&memory_pressure, 0);
	if (since)
		tern_mib_add(sock_net(sk), MemoryPressuresChrono,
			     jiffies_to_msecs(jiffies - since));
}

/**
 * tern_mem_init - how much memory all sockets may use together
 *
 * Context: module load. Return: 0 or -ENOMEM.
 */
int __init tern_mem_init(void)
{
	unsigned long limit = max(nr_free_buffer_pages() / 16, 128UL);

	tern_sysctl_mem[0] = limit / 4 * 3;
	tern_sysctl_mem[1] = limit;
	tern_sysctl_mem[2] = tern_sysctl_mem[0] * 2;
	return percpu_counter_init(&sockets_allocated, 0, GFP_KERNEL);
}

/**
 * tern_mem_exit - no socket is left
 */
void tern_mem_exit(void)
{
	percpu_counter_destroy(&sockets_allocated);
}

/**
 * tern_memory_exhausted - do all sockets together hold more than they may?
 *
 * Return: whether.
 */
bool tern_memory_exhausted(void)
{
	return atomic_long_read(&memory_allocated) > READ_ONCE(tern_sysctl_mem[2]);
}

/**
 * tern_reset_connection - nothing was sent, received or measured yet
 * @sk: socket that is new, that connects, or that is the copy of a listener
 *
 * Sequence numbers are the caller's, queues are empty.
 */
void tern_reset_connection(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->backoff = 0;
	ts->retransmits = 0;
	ts->rtx_start = 0;
	ts->probes_out = 0;
	ts->challenge_stamp = 0;
	ts->dup_ack_stamp = 0;
	ts->pingpong = false;
	ts->ecn_ok = false;
	ts->ecn_echo = false;
	ts->ecn_cwr_due = false;
	ts->pacing_next = 0;
	memset(&ts->mtu, 0, sizeof(ts->mtu));
	tern_rtt_init(&ts->rtt);
	tern_rto_update(sk);
	tern_info_reset(sk);
}

/* what neither a new socket nor the copy of a listener takes from anywhere */
static void init_common(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_conn_init(&ts->conn, sock_net(sk), TERN_CONN_SOCK);
	INIT_HLIST_NODE(&ts->bind.node);
	ts->bind.bucket = NULL;
	ts->bind.sk = sk;
	spin_lock_init(&ts->listen.lock);
	INIT_LIST_HEAD(&ts->listen.syn_list);
	INIT_LIST_HEAD(&ts->listen.accept_list);
	ts->listen.nr_syn = 0;
	ts->listen.left_table = false;
	INIT_LIST_HEAD(&ts->accept_link);
	ts->rtx_queue = RB_ROOT;
	INIT_LIST_HEAD(&ts->sent_order);
	ts->ofo_queue = RB_ROOT;
	tern_reset_connection(sk);
	tern_timers_init(sk);
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
}

/**
 * tern_init_sock - a new socket
 * @sk: from sk_alloc(), all zero
 *
 * Return: 0.
 */
int tern_init_sock(struct sock *sk)
{
	const struct tern_net *tn = tern_net(sock_net(sk));
	struct tern_sock *ts = tern_sk(sk);

	init_common(sk);
	sk_sockets_allocated_inc(sk);
	ts->ip = sk->sk_family == AF_INET ? &tern_ip4 : &tern_ip6;
	tern_cong_attach(sk);
	ts->mss = TERN_MSS_DEFAULT_V4;
	ts->rcv_mss = TERN_MSS_DEFAULT_V4;
	sk->sk_gso_type = SKB_GSO_SCTP;
	sk->sk_write_space = tern_write_space;
	sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
	sock_set_flag(sk, SOCK_RCU_FREE);
	if (sk->sk_socket) {
		set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
		tern_intercept_sockopt(sk->sk_socket);
	}
	WRITE_ONCE(sk->sk_sndbuf, READ_ONCE(tn->wmem[1]));
	WRITE_ONCE(sk->sk_rcvbuf, READ_ONCE(tn->rmem[1]));
	return 0;
}

static void forget_ip_state_of_listener(struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);
	struct ipv6_pinfo *np;

	RCU_INIT_POINTER(inet->inet_opt, NULL);
	inet->mc_list = NULL;
	atomic_set(&inet->inet_id, get_random_u32());
	if (sk->sk_family != AF_INET6)
		return;
	np = &((struct tern6_sock *)sk)->inet6;
	inet->pinet6 = np;
	np->ipv6_mc_list = NULL;
	np->ipv6_ac_list = NULL;
	np->pktoptions = NULL;
	np->rxpmtu = NULL;
	RCU_INIT_POINTER(np->opt, NULL);
	tern_clear_flowlabels(sk);
}

/**
 * tern_init_child - the copy of a listener becomes a socket of its own
 * @sk: from sk_clone_lock(); options are the listener's, the rest is not
 */
void tern_init_child(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	init_common(sk);
	forget_ip_state_of_listener(sk);
	tern_cong_inherit(sk);
	tern_recovery_init(sk);
	ts->sacked_out = 0;
	ts->lost_out = 0;
	ts->retrans_out = 0;
	ts->nr_sack = 0;
	ts->have_dsack = false;
	ts->mss = TERN_MSS_DEFAULT_V4;
	ts->rcv_mss = TERN_MSS_DEFAULT_V4;
	sk->sk_shutdown = 0;
	sock_reset_flag(sk, SOCK_DEAD);		/* of a listener that is being closed */
}

/**
 * tern_destroy_sock - give back what a socket holds
 * @sk: socket, CLOSED, that no program holds
 */
void tern_destroy_sock(struct sock *sk)
{
	tern_timers_clear(sk);
	tern_cong_detach(sk);
	tern_write_queue_purge(sk);
	tern_ofo_purge(sk);
	tern_put_port(sk);
	sk_dst_reset(sk);	/* while the namespace of the route is there */
	sk_sockets_allocated_dec(sk);
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
}

/**
 * tern_write_space - wake who waits to send
 * @sk: socket
 */
void tern_write_space(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;
	struct socket_wq *wq;

	if (!sock || !__sk_stream_is_writeable(sk, 1))
		return;
	clear_bit(SOCK_NOSPACE, &sock->flags);
	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	if (wq && wq->fasync_list && !(sk->sk_shutdown & SEND_SHUTDOWN))
		sock_wake_async(wq, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

static __poll_t poll_writable(struct sock *sk)
{
	if (READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN)
		return EPOLLOUT | EPOLLWRNORM;
	if (__sk_stream_is_writeable(sk, 1))
		return EPOLLOUT | EPOLLWRNORM;
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* room may have come before the bit was seen: pairs with tern_check_space() */
	smp_mb__after_atomic();
	return __sk_stream_is_writeable(sk, 1) ? EPOLLOUT | EPOLLWRNORM : 0;
}

/**
 * tern_poll - poll(), select(), epoll: TCP's bits
 * @file: open file
 * @sock: socket
 * @wait: whom to wake
 *
 * Return: what is ready. Takes no lock: a snapshot.
 */
__poll_t tern_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct sock *sk = sock->sk;
	int state, target;
	u8 shutdown;
	__poll_t mask = 0;

	sock_poll_wait(file, sock, wait);
	state = inet_sk_state_load(sk);
	if (state == TCP_LISTEN)
		return list_empty_careful(&tern_sk(sk)->listen.accept_list) ? 0 :
		       EPOLLIN | EPOLLRDNORM;

	shutdown = READ_ONCE(sk->sk_shutdown);
	if (shutdown == SHUTDOWN_MASK || state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (state != TCP_SYN_SENT && state != TCP_SYN_RECV) {
		target = sock_rcvlowat(sk, 0, INT_MAX);
		if (tern_readable(sk, target))
			mask |= EPOLLIN | EPOLLRDNORM;
		mask |= poll_writable(sk);
	}
	/* pairs with the order of sk_err and state in tern_abort() */
	smp_rmb();
	if (READ_ONCE(sk->sk_err) || !skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}

/**
 * tern_unread - bytes that wait for the program
 * @sk: socket, locked
 *
 * Return: how many.
 */
int tern_unread(const struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	int answer = ts->rcv_nxt - ts->copied_seq;

	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return 0;
	return answer && sock_flag(sk, SOCK_DONE) ? answer - 1 : answer;	/* FIN is no byte */
}

static int unsent(const struct sock *sk, bool unacked_too)
{
	const struct tern_sock *ts = tern_sk(sk);

	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return 0;
	return READ_ONCE(ts->write_seq) -
	       (unacked_too ? READ_ONCE(ts->snd_una) : READ_ONCE(ts->snd_nxt));
}

/*
 * tern_ioctl - SIOCINQ, SIOCOUTQ and their like
 *
 * Arguments as struct proto has them in this kernel. Return: 0, -EINVAL on a
 * listener, -ENOIOCTLCMD for what is not known.
 */
int tern_ioctl(TERN_IOCTL_ARGS)
{
	int answer;
	bool slow;

	switch (cmd) {
	case SIOCINQ:
	case SIOCOUTQ:
	case SIOCOUTQNSD:
		if (sk->sk_state == TCP_LISTEN)
			return -EINVAL;
		if (cmd == SIOCINQ) {
			slow = lock_sock_fast(sk);
			answer = tern_unread(sk);
			unlock_sock_fast(sk, slow);
		} else {
			answer = unsent(sk, cmd == SIOCOUTQ);
		}
		break;
	case SIOCATMARK:
		answer = 0;		/* there is no urgent data */
		break;
	default:
		return -ENOIOCTLCMD;
	}
	return tern_ioctl_return(answer);
}

/* TCP_NOTSENT_LOWAT: what is not sent yet counts, besides the buffer */
static bool stream_memory_free(const struct sock *sk, int wake)
{
	u32 limit = READ_ONCE(tern_sk(sk)->notsent_lowat) ?: U32_MAX;
	u32 notsent = READ_ONCE(tern_sk(sk)->write_seq) - READ_ONCE(tern_sk(sk)->snd_nxt);

	return (u64)notsent << wake < limit;
}

static int hash_nothing(struct sock *sk)
{
	return 0;
}

/* SO_BINDTODEVICE: from now on segments from elsewhere are for nobody */
static void rehash(struct sock *sk)
{
	WRITE_ONCE(tern_sk(sk)->conn.dev, sk->sk_bound_dev_if);
}

static void unhash(struct sock *sk)
{
	if (sk->sk_state == TCP_LISTEN)
		tern_listener_unhash(sk);
	else
		tern_conn_unhash(&tern_sk(sk)->conn);
}

static int pre_connect4(struct sock *sk, struct tern_sockaddr *uaddr, int addr_len)
{
	if (addr_len < sizeof(struct sockaddr_in))
		return -EINVAL;
	return tern_bpf_connect4(sk, uaddr, addr_len);
}

static int pre_connect6(struct sock *sk, struct tern_sockaddr *uaddr, int addr_len)
{
	if (addr_len < SIN6_LEN_RFC2133)
		return -EINVAL;
	return tern_bpf_connect6(sk, uaddr, addr_len);
}

#define PROTO_COMMON						\
	.owner			= THIS_MODULE,			\
	.close			= tern_close,			\
	.disconnect		= tern_disconnect,		\
	.accept			= tern_accept,			\
	.ioctl			= tern_ioctl,			\
	.init			= tern_init_sock,		\
	.destroy		= tern_destroy_sock,		\
	.shutdown		= tern_shutdown,		\
	.setsockopt		= tern_setsockopt,		\
	.getsockopt		= tern_getsockopt,		\
	.keepalive		= tern_set_keepalive,		\
	.sendmsg		= tern_sendmsg,			\
	TERN_SENDPAGE_PROT					\
	TERN_SPLICE_EOF_PROT					\
	.recvmsg		= tern_recvmsg,			\
	.backlog_rcv		= tern_do_rcv,			\
	.release_cb		= tern_release_cb,		\
	.hash			= hash_nothing,			\
	.unhash			= unhash,			\
	.diag_destroy		= tern_diag_destroy,		\
	.rehash			= rehash,			\
	.get_port		= tern_get_port,		\
	.put_port		= tern_put_port,		\
	.stream_memory_free	= stream_memory_free,		\
	.enter_memory_pressure	= enter_memory_pressure,	\
	.leave_memory_pressure	= leave_memory_pressure,	\
	.memory_allocated	= &memory_allocated,		\
	.per_cpu_fw_alloc	= &memory_per_cpu,		\
	.sockets_allocated	= &sockets_allocated,		\
	.memory_pressure	= &memory_pressure,		\
	.sysctl_mem		= tern_sysctl_mem,		\
	.sysctl_wmem		= wmem_limits,			\
	.sysctl_rmem		= rmem_limits,			\
	.max_header		= TERN_HEADROOM,		\
	.no_autobind		= true

struct proto tern_prot = {
	.name			= "TERN",
	.connect		= tern_ip4_connect,
	.pre_connect		= pre_connect4,
	.obj_size		= sizeof(struct tern_sock),
	PROTO_COMMON
};

struct proto tern6_prot = {
	.name			= "TERNv6",
	.connect		= tern_ip6_connect,
	.pre_connect		= pre_connect6,
	.obj_size		= sizeof(struct tern6_sock),
	TERN_IPV6_PINFO_OFFSET(offsetof(struct tern6_sock, inet6))
	PROTO_COMMON
};
