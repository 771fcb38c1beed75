// SPDX-License-Identifier: GPL-2.0
/*
 * The second door: socket(AF_INET or AF_INET6, SOCK_STREAM, IPPROTO_TERN) with
 * ordinary addresses, for every language whose sockets take a protocol number.
 */
#include <net/inet_common.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/sock.h>

#include "compat.h"
#include "ops.h"
#include "sock.h"

#define INET_OPS_COMMON					\
	.owner		= THIS_MODULE,			\
	.connect	= inet_stream_connect,		\
	.socketpair	= sock_no_socketpair,		\
	.accept		= tern_sock_accept,		\
	.poll		= tern_poll,			\
	.gettstamp	= sock_gettstamp,		\
	.listen		= tern_listen,			\
	.shutdown	= inet_shutdown,		\
	.setsockopt	= tern_sock_setsockopt,		\
	.getsockopt	= sock_common_getsockopt,	\
	.sendmsg	= inet_sendmsg,			\
	.recvmsg	= inet_recvmsg,			\
	.sendmsg_locked	= tern_sendmsg_locked,		\
	TERN_SENDPAGE_OPS				\
	TERN_SPLICE_EOF_OPS				\
	.splice_read	= tern_splice_read,		\
	.read_sock	= tern_read_sock,		\
	.peek_len	= tern_peek_len,		\
	.set_rcvlowat	= tern_set_rcvlowat,		\
	.set_peek_off	= sk_set_peek_off,		\
	.mmap		= sock_no_mmap

const struct proto_ops tern_inet_ops = {
	.family		= PF_INET,
	.release	= inet_release,
	.bind		= inet_bind,
	.getname	= inet_getname,
	.ioctl		= inet_ioctl,
	INET_OPS_COMMON
};

const struct proto_ops tern_inet6_ops = {
	.family		= PF_INET6,
	.release	= inet6_release,
	.bind		= inet6_bind,
	.getname	= inet6_getname,
	.ioctl		= inet6_ioctl,
	INET_OPS_COMMON
};

static struct inet_protosw inet_protosw = {
	.type	= SOCK_STREAM,
	.prot	= &tern_prot,
	.ops	= &tern_inet_ops,
};

static struct inet_protosw inet6_protosw = {
	.type	= SOCK_STREAM,
	.prot	= &tern6_prot,
	.ops	= &tern_inet6_ops,
};

/**
 * tern_inet_register - open the door
 *
 * Only a permanent protocol of that number, which no kernel has, could keep
 * IPv6's closed.
 *
 * Context: module load.
 */
void __init tern_inet_register(void)
{
	inet_protosw.protocol = tern_protocol;
	inet6_protosw.protocol = tern_protocol;
	WARN_ON_ONCE(inet6_register_protosw(&inet6_protosw));
	inet_register_protosw(&inet_protosw);
}

/**
 * tern_inet_unregister - close it: no new sockets
 */
void tern_inet_unregister(void)
{
	inet_unregister_protosw(&inet_protosw);
	inet6_unregister_protosw(&inet6_protosw);
}
