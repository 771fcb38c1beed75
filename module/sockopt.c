// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options. Programs ask a stream socket at SOL_TCP, so what TCP has is
 * answered there with TCP's meaning, limits and errors; Tern's own are at
 * SOL_TERN, IP's are the kernel's. Of SOL_SOCKET there is one that the kernel
 * refuses to protocols it does not know. Process context.
 */
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "ack.h"
#include "ip.h"
#include "ops.h"
#include "output.h"
#include "rcvqueue.h"
#include "sock.h"
#include "timer.h"

#define MAX_KEEPALIVE_SECONDS	32767
#define MAX_TRIES		127
#define MAX_MSS			32767
#define MAX_LINGER2		120	/* seconds */
#define CONG_NAME_MAX		TERN_CONG_NAME_MAX
#define ULP_NAME_MAX		16	/* TCP_ULP_NAME_MAX, which is TCP's own */

/**
 * tern_set_keepalive - SO_KEEPALIVE was set
 * @sk: socket, locked
 * @on: whether
 */
void tern_set_keepalive(struct sock *sk, int on)
{
	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return;
	if (on && !sock_flag(sk, SOCK_KEEPOPEN))
		tern_keepalive_arm(sk, tern_keepalive_time(sk));
	else if (!on)
		tern_keepalive_disarm(sk);
}

/**
 * tern_set_rcvlowat - SO_RCVLOWAT was set
 * @sk: socket, locked
 * @val: bytes that a reader waits for, not negative
 *
 * There must be room for so much, or the reader would wait for ever.
 *
 * Return: 0.
 */
int tern_set_rcvlowat(struct sock *sk, int val)
{
	bool locked = sk->sk_userlocks & SOCK_RCVBUF_LOCK;
	struct tern_sock *ts = tern_sk(sk);

	val = min(val, (locked ? sk->sk_rcvbuf :
			READ_ONCE(tern_net(sock_net(sk))->rmem[2])) / 2);
	WRITE_ONCE(sk->sk_rcvlowat, val ?: 1);
	tern_data_ready(sk);
	if (locked || 2 * val <= sk->sk_rcvbuf)
		return 0;
	WRITE_ONCE(sk->sk_rcvbuf, 2 * val);
	if (ts->window_clamp && ts->window_clamp < val)
		WRITE_ONCE(ts->window_clamp, val);
	return 0;
}

static void restart_keepalive(struct sock *sk)
{
	unsigned long idle = jiffies - tern_sk(sk)->last_heard, time = tern_keepalive_time(sk);

	if (!sock_flag(sk, SOCK_KEEPOPEN) ||
	    (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return;
	tern_keepalive_arm(sk, time > idle ? time - idle : 0);
}

/* TCP_DEFER_ACCEPT is in seconds for the program, in SYN-ACKs inside */
static u8 seconds_to_retrans(int seconds)
{
	int period = 1, timeout = 1;
	u8 n = 0;

	if (seconds <= 0)
		return 0;
	for (n = 1; period < seconds && n < 255; n++) {
		timeout = min(timeout * 2, 120);
		period += timeout;
	}
	return n;
}

static int retrans_to_seconds(u8 n)
{
	int period = 0, timeout = 1;

	for (; n; n--) {
		period += timeout;
		timeout = min(timeout * 2, 120);
	}
	return period;
}

static void set_nagle(struct sock *sk, u8 flag, int on)
{
	struct tern_sock *ts = tern_sk(sk);

	if (on)
		ts->nagle |= flag;
	else
		ts->nagle &= ~flag;
	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT | TCPF_SYN_RECV))
		return;
	/* what waited for more, or for an ACK, goes now */
	if (flag == TERN_NAGLE_OFF ? on : !on)
		tern_push(sk, ts->nagle & TERN_NAGLE_CORK ? ts->nagle : TERN_NAGLE_PUSH);
}

static void set_quickack(struct sock *sk, int val)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!val) {
		ts->pingpong = true;
		ts->quick_acks = 0;
		return;
	}
	tern_quick_acks(sk);
	if (!ts->ack_pending || !((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)))
		return;
	tern_send_ack(sk);
	if (!(val & 1))		/* this one only */
		ts->pingpong = true;
}

static int set_linger2(struct tern_sock *ts, int val)
{
	ts->linger2 = val < 0 ? -1 : min(val, MAX_LINGER2) * HZ;
	return 0;
}

static int set_window_clamp(struct sock *sk, int val)
{
	if (!val && sk->sk_state != TCP_CLOSE)
		return -EINVAL;
	/* as for TCP, a negative value is a large one */
	WRITE_ONCE(tern_sk(sk)->window_clamp, val ? max_t(u32, val, SOCK_MIN_RCVBUF / 2) : 0);
	return 0;
}

static bool one_to(int val, int max)
{
	return val >= 1 && val <= max;
}

static int set_int(struct sock *sk, int optname, int val)
{
	struct tern_sock *ts = tern_sk(sk);

	switch (optname) {
	case TCP_NODELAY:
		set_nagle(sk, TERN_NAGLE_OFF, val);
		return 0;
	case TCP_CORK:
		set_nagle(sk, TERN_NAGLE_CORK, val);
		return 0;
	case TCP_QUICKACK:
		set_quickack(sk, val);
		return 0;
	case TCP_LINGER2:
		return set_linger2(ts, val);
	case TCP_WINDOW_CLAMP:
		return set_window_clamp(sk, val);
	case TCP_DEFER_ACCEPT:
		ts->defer_accept = seconds_to_retrans(val);
		return 0;
	case TCP_MAXSEG:
		if (val && (val < TERN_MSS_MIN || val > MAX_MSS))
			return -EINVAL;
		ts->user_mss = val;
		return 0;
	case TCP_KEEPIDLE:
		if (!one_to(val, MAX_KEEPALIVE_SECONDS))
			return -EINVAL;
		ts->keepalive_time = val;
		restart_keepalive(sk);
		return 0;
	case TCP_KEEPINTVL:
		if (!one_to(val, MAX_KEEPALIVE_SECONDS))
			return -EINVAL;
		ts->keepalive_intvl = val;
		return 0;
	case TCP_KEEPCNT:
		if (!one_to(val, MAX_TRIES))
			return -EINVAL;
		ts->keepalive_probes = val;
		return 0;
	case TCP_SYNCNT:
		if (!one_to(val, MAX_TRIES))
			return -EINVAL;
		ts->syn_retries = val;
		return 0;
	case TCP_INQ:
		if (val != 0 && val != 1)
			return -EINVAL;
		ts->report_inq = val;
		return 0;
	case TCP_NOTSENT_LOWAT:
		WRITE_ONCE(ts->notsent_lowat, val);
		sk->sk_write_space(sk);
		return 0;
	case TCP_USER_TIMEOUT:
		if (val < 0)
			return -EINVAL;
		ts->user_timeout = val;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int take_int(int *val, sockptr_t optval, unsigned int optlen)
{
	if (optlen < sizeof(*val))
		return -EINVAL;
	return copy_from_sockptr(val, optval, sizeof(*val)) ? -EFAULT : 0;
}

static int take_name(char *name, unsigned int size, sockptr_t optval, unsigned int optlen)
{
	if (optlen < 1)
		return -EINVAL;
	optlen = min(optlen, size - 1);
	if (strncpy_from_sockptr(name, optval, optlen) < 0)
		return -EFAULT;
	name[optlen] = 0;
	return 0;
}

static int set_congestion(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	char name[CONG_NAME_MAX];

	return take_name(name, sizeof(name), optval, optlen) ?: tern_cong_choose(sk, name);
}

/* Nothing runs between Tern and the program, which is TCP where no ULP is loaded. */
static int set_ulp(sockptr_t optval, unsigned int optlen)
{
	char name[ULP_NAME_MAX];

	return take_name(name, sizeof(name), optval, optlen) ?: -ENOENT;
}

static int set_tcp(struct sock *sk, int optname, sockptr_t optval, unsigned int optlen)
{
	int val, err;

	if (optname == TCP_CONGESTION)
		return set_congestion(sk, optval, optlen);
	if (optname == TCP_ULP)
		return set_ulp(optval, optlen);
	err = take_int(&val, optval, optlen);
	if (err)
		return err;
	lock_sock(sk);
	err = set_int(sk, optname, val);
	release_sock(sk);
	return err;
}

/* a stream joins no groups: IP sees to it for TCP only */
static bool is_membership(const struct sock *sk, int level, int optname, unsigned int optlen)
{
	if (level == SOL_IP)
		return optname == IP_ADD_MEMBERSHIP || optname == IP_DROP_MEMBERSHIP;
	return level == SOL_IPV6 && sk->sk_family == AF_INET6 &&
	       optlen >= sizeof(struct ipv6_mreq) &&
	       (optname == IPV6_ADD_MEMBERSHIP || optname == IPV6_DROP_MEMBERSHIP);
}

static int set_ip(struct sock *sk, int level, int optname, sockptr_t optval,
		  unsigned int optlen)
{
	int err;

	if (is_membership(sk, level, optname, optlen))
		return -EPROTO;
	err = sk->sk_family == AF_INET6 ? ipv6_setsockopt(sk, level, optname, optval, optlen) :
					  ip_setsockopt(sk, level, optname, optval, optlen);
	if (err)
		return err;
	lock_sock(sk);
	/* options of IP take room in the packet; those of IPv6 forget the route */
	if (!((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)) &&
	    !tern_sk(sk)->ip->route(sk))
		tern_sync_mss(sk);
	release_sock(sk);
	return 0;
}

static int set_zerocopy(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	int val, err;

	err = take_int(&val, optval, optlen);
	if (err)
		return err;
	if (val < 0 || val > 1)
		return -EINVAL;
	lock_sock(sk);
	sock_valbool_flag(sk, SOCK_ZEROCOPY, val);
	release_sock(sk);
	return 0;
}

/**
 * tern_sock_setsockopt - setsockopt() at either door
 * @sock: socket, not locked
 * @level: SOL_SOCKET, where the kernel asks a protocol about it, or another
 * @optname: option
 * @optval: value
 * @optlen: its length
 *
 * Return: 0 or -errno.
 */
int tern_sock_setsockopt(struct socket *sock, int level, int optname, sockptr_t optval,
			 unsigned int optlen)
{
	if (level != SOL_SOCKET)
		return sock_common_setsockopt(sock, level, optname, optval, optlen);
	if (optname == SO_ZEROCOPY)
		return set_zerocopy(sock->sk, optval, optlen);
	return sock_setsockopt(sock, level, optname, optval, optlen);
}

static int set_tern(struct sock *sk, int optname, sockptr_t optval, unsigned int optlen)
{
	switch (optname) {
	case TERN_CONGESTION:
		return set_congestion(sk, optval, optlen);
	case TERN_ZEROCOPY:
		return set_zerocopy(sk, optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

/**
 * tern_setsockopt - setsockopt() above SOL_SOCKET
 * @sk: socket, not locked
 * @level: SOL_TCP, SOL_TERN, SOL_IP, SOL_IPV6
 * @optname: option
 * @optval: value
 * @optlen: its length
 *
 * Return: 0, -ENOPROTOOPT, -EINVAL, -EFAULT or what IP says.
 */
int tern_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		    unsigned int optlen)
{
	if (level == SOL_TCP)
		return set_tcp(sk, optname, optval, optlen);
	if (level == SOL_TERN)
		return set_tern(sk, optname, optval, optlen);
	return set_ip(sk, level, optname, optval, optlen);
}

static int get_int(struct sock *sk, int optname, int *val)
{
	const struct tern_sock *ts = tern_sk(sk);
	const struct tern_net *tn = tern_net(sock_net(sk));

	switch (optname) {
	case TCP_NODELAY:
		*val = !!(ts->nagle & TERN_NAGLE_OFF);
		return 0;
	case TCP_CORK:
		*val = !!(ts->nagle & TERN_NAGLE_CORK);
		return 0;
	case TCP_QUICKACK:
		*val = !ts->pingpong;
		return 0;
	case TCP_LINGER2:
		*val = ts->linger2 < 0 ? -1 : ts->linger2 ? ts->linger2 / HZ :
		       READ_ONCE(tn->fin_timeout);
		return 0;
	case TCP_WINDOW_CLAMP:
		*val = ts->window_clamp;
		return 0;
	case TCP_DEFER_ACCEPT:
		*val = retrans_to_seconds(ts->defer_accept);
		return 0;
	case TCP_MAXSEG:
		*val = ts->user_mss && (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN) ?
		       ts->user_mss : ts->mss;
		return 0;
	case TCP_KEEPIDLE:
		*val = ts->keepalive_time ?: READ_ONCE(tn->keepalive_time);
		return 0;
	case TCP_KEEPINTVL:
		*val = ts->keepalive_intvl ?: READ_ONCE(tn->keepalive_intvl);
		return 0;
	case TCP_KEEPCNT:
		*val = ts->keepalive_probes ?: READ_ONCE(tn->keepalive_probes);
		return 0;
	case TCP_SYNCNT:
		*val = ts->syn_retries ?: READ_ONCE(tn->syn_retries);
		return 0;
	case TCP_INQ:
		*val = ts->report_inq;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*val = ts->notsent_lowat;
		return 0;
	case TCP_USER_TIMEOUT:
		*val = ts->user_timeout;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int give(char __user *optval, int __user *optlen, int len, const void *answer, int size)
{
	len = min(len, size);
	if (put_user(len, optlen) || copy_to_user(optval, answer, len))
		return -EFAULT;
	return 0;
}

static int get_congestion(struct sock *sk, char __user *optval, int __user *optlen, int len)
{
	char name[CONG_NAME_MAX];

	tern_cong_name(sk, name);
	return give(optval, optlen, len, name, sizeof(name));
}

static int get_tcp(struct sock *sk, int optname, char __user *optval, int __user *optlen, int len)
{
	struct tcp_info info;
	int val, err;

	switch (optname) {
	case TCP_INFO:
		tern_info_fill_tcp(sk, &info);
		return give(optval, optlen, len, &info, sizeof(info));
	case TCP_CONGESTION:
		return get_congestion(sk, optval, optlen, len);
	case TCP_ULP:
		return give(optval, optlen, len, "", 0);
	default:
		err = get_int(sk, optname, &val);
		return err ?: give(optval, optlen, len, &val, sizeof(val));
	}
}

static int get_tern(struct sock *sk, int optname, char __user *optval, int __user *optlen, int len)
{
	struct tern_info info;
	int val;

	switch (optname) {
	case TERN_ZEROCOPY:
		val = sock_flag(sk, SOCK_ZEROCOPY);
		return give(optval, optlen, len, &val, sizeof(val));
	case TERN_INFO:
		tern_info_fill(sk, &info);
		return give(optval, optlen, len, &info, sizeof(info));
	case TERN_CONGESTION:
		return get_congestion(sk, optval, optlen, len);
	default:
		return -ENOPROTOOPT;
	}
}

/**
 * tern_getsockopt - getsockopt() above SOL_SOCKET
 * @sk: socket, not locked
 * @level: SOL_TCP, SOL_TERN, SOL_IP, SOL_IPV6
 * @optname: option
 * @optval: where to
 * @optlen: room, then what was used
 *
 * Return: 0, -ENOPROTOOPT, -EINVAL, -EFAULT or what IP says.
 */
int tern_getsockopt(struct sock *sk, int level, int optname, char __user *optval,
		    int __user *optlen)
{
	int len;

	if (level == SOL_TCP || level == SOL_TERN) {
		if (get_user(len, optlen))
			return -EFAULT;
		if (len < 0)
			return -EINVAL;
		return level == SOL_TCP ? get_tcp(sk, optname, optval, optlen, len) :
					  get_tern(sk, optname, optval, optlen, len);
	}
	if (sk->sk_family == AF_INET6)
		return ipv6_getsockopt(sk, level, optname, optval, optlen);
	return ip_getsockopt(sk, level, optname, optval, optlen);
}
