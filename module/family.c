// SPDX-License-Identifier: GPL-2.0
/*
 * The first door: socket(AF_TERN, SOCK_STREAM, 0) with struct sockaddr_tern.
 *
 * Inside it is an AF_INET6 socket, dual-stack (sk_family never is AF_TERN:
 * cgroup BPF, LSMs and IP's options would not know it). These operations
 * translate addresses and nothing else; nothing below knows which door a
 * socket came through.
 */
#include <linux/tern.h>
#include <net/inet_common.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/transp_v6.h>

#include "compat.h"
#include "input.h"
#include "ops.h"
#include "sock.h"

/*
 * The same address in AF_INET6's terms. One of AF_INET6 becomes one of AF_TERN,
 * which nothing below knows: what is wrong with an address is found there, in
 * the order in which it is for TCP. Return: its length.
 */
static int to_sin6(struct sockaddr_in6 *sin6, const struct tern_sockaddr *uaddr, int addr_len)
{
	int len = clamp_t(int, addr_len, 0, sizeof(*sin6));

	memset(sin6, 0, sizeof(*sin6));
	memcpy(sin6, uaddr, len);
	if (sin6->sin6_family == tern_family)
		sin6->sin6_family = AF_INET6;
	else if (sin6->sin6_family == AF_INET6)
		sin6->sin6_family = tern_family;
	return len;
}

static int family_bind(struct socket *sock, struct tern_sockaddr *uaddr, int addr_len)
{
	struct sockaddr_in6 sin6;

	addr_len = to_sin6(&sin6, uaddr, addr_len);
	return inet6_bind(sock, (struct tern_sockaddr *)&sin6, addr_len);
}

static int family_connect(struct socket *sock, struct tern_sockaddr *uaddr, int addr_len,
			  int flags)
{
	struct sockaddr_in6 sin6;

	addr_len = to_sin6(&sin6, uaddr, addr_len);
	return inet_stream_connect(sock, (struct tern_sockaddr *)&sin6, addr_len, flags);
}

static int family_getname(struct socket *sock, struct sockaddr *uaddr, int peer)
{
	int len = inet6_getname(sock, uaddr, peer);

	if (len >= 0)
		uaddr->sa_family = tern_family;
	return len;
}

/* MSG_FASTOPEN connects: else nobody looks at the address */
static int family_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	void *name = msg->msg_name;
	int namelen = msg->msg_namelen, ret;
	struct sockaddr_in6 sin6;

	if (likely(!(msg->msg_flags & MSG_FASTOPEN)) || !name)
		return inet_sendmsg(sock, msg, size);
	msg->msg_namelen = to_sin6(&sin6, name, namelen);
	msg->msg_name = &sin6;
	ret = inet_sendmsg(sock, msg, size);
	msg->msg_name = name;
	msg->msg_namelen = namelen;
	return ret;
}

/* the only address that a stream gives is that of an error (MSG_ERRQUEUE) */
static int family_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)
{
	int ret = inet_recvmsg(sock, msg, size, flags);

	if (ret >= 0 && msg->msg_name && msg->msg_namelen)
		((struct sockaddr *)msg->msg_name)->sa_family = tern_family;
	return ret;
}

static const struct proto_ops family_ops = {
	.family		= PF_INET6,
	.owner		= THIS_MODULE,
	.release	= inet6_release,
	.bind		= family_bind,
	.connect	= family_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= tern_sock_accept,
	.getname	= family_getname,
	.poll		= tern_poll,
	.ioctl		= inet6_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= tern_listen,
	.shutdown	= inet_shutdown,
	.setsockopt	= tern_sock_setsockopt,
	.getsockopt	= sock_common_getsockopt,
	.sendmsg	= family_sendmsg,
	.recvmsg	= family_recvmsg,
	.mmap		= sock_no_mmap,
	.set_rcvlowat	= tern_set_rcvlowat,
	.set_peek_off	= sk_set_peek_off,
	.sendmsg_locked	= tern_sendmsg_locked,
	TERN_SENDPAGE_OPS
	TERN_SPLICE_EOF_OPS
	.splice_read	= tern_splice_read,
	.read_sock	= tern_read_sock,
	.peek_len	= tern_peek_len,
};

/* what inet6_create() does for the other door */
static void init_inet6(struct sock *sk, struct net *net)
{
	struct inet_sock *inet = inet_sk(sk);
	struct ipv6_pinfo *np = &((struct tern6_sock *)sk)->inet6;

	sk->sk_destruct = inet6_sock_destruct;
	sk->sk_protocol = tern_protocol;
	sk->sk_backlog_rcv = tern_do_rcv;
	inet->pinet6 = np;
	np->hop_limit = -1;
	np->mcast_hops = IPV6_DEFAULT_MCASTHOPS;
	np->pmtudisc = IPV6_PMTUDISC_WANT;
	tern_init_multicast(sk);
	sk->sk_txrehash = READ_ONCE(net->core.sysctl_txrehash);
	inet->uc_ttl = -1;
	inet->mc_ttl = 1;
	inet->pmtudisc = READ_ONCE(net->ipv4.sysctl_ip_no_pmtu_disc) ? IP_PMTUDISC_DONT :
			 IP_PMTUDISC_WANT;
	atomic_set(&inet->inet_id, get_random_u32());
}

static int family_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	struct sock *sk;
	int err;

	if (!ipv6_mod_enabled())	/* ipv6.disable=1: the other door has IPv4 */
		return -EAFNOSUPPORT;
	if (sock->type != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != tern_protocol)
		return -EPROTONOSUPPORT;

	sk = sk_alloc(net, AF_INET6, GFP_KERNEL, &tern6_prot, kern);
	if (!sk)
		return -ENOBUFS;
	sock->ops = &family_ops;
	sock_init_data(sock, sk);
	init_inet6(sk, net);
	err = sk->sk_prot->init(sk);
	if (!err && !kern)
		err = BPF_CGROUP_RUN_PROG_INET_SOCK(sk);
	if (err) {
		sk_common_release(sk);
		sock->sk = NULL;
	}
	return err;
}

static struct net_proto_family family __ro_after_init = {
	.owner	= THIS_MODULE,
	.create	= family_create,
};

/**
 * tern_family_register - open the door
 *
 * Context: module load. Return: 0, -EEXIST when somebody has the family.
 */
int __init tern_family_register(void)
{
	family.family = tern_family;
	return sock_register(&family);
}

/**
 * tern_family_unregister - close it: no new sockets
 */
void tern_family_unregister(void)
{
	sock_unregister(tern_family);
}
