// SPDX-License-Identifier: GPL-2.0
/*
 * Timestamps of what is received and sent, and the error queue: control messages
 * of recvmsg(), with and without MSG_ERRQUEUE.
 */
#include <net/if.h>
#include <sys/ioctl.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "tern_test.h"

#ifndef ETHTOOL_SGSO
#define ETHTOOL_SGSO	0x00000024
#endif

#define BULK		200000
#define TX_ALL		(SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | \
			 SOF_TIMESTAMPING_TX_ACK)
#define TELL		(SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY | \
			 SOF_TIMESTAMPING_OPT_ID)

DOOR_FIXTURE(stamps);

/* recvmsg() with room for control messages */
struct received {
	char control[512] __attribute__((aligned(8)));
	char data[8192];
	struct iovec iov;
	struct sockaddr_storage from;
	struct msghdr msg;
};

static ssize_t receive(int fd, struct received *r, size_t len, int flags)
{
	r->iov = (struct iovec){ r->data, len };
	r->msg = (struct msghdr){
		.msg_name = &r->from, .msg_namelen = sizeof(r->from),
		.msg_iov = &r->iov, .msg_iovlen = 1,
		.msg_control = r->control, .msg_controllen = sizeof(r->control),
	};
	return recvmsg(fd, &r->msg, flags);
}

static void *find(struct received *r, int level, int type)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&r->msg); c; c = CMSG_NXTHDR(&r->msg, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return CMSG_DATA(c);
	return NULL;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int64_t ns_of(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

/* Sends a byte until one comes with such a message: it takes effect a little later. */
static void *next_stamped(const int fds[2], struct received *r, int type)
{
	if (!wait_until(write(fds[0], "a", 1) != 1 || receive(fds[1], r, 1, 0) != 1 ||
			find(r, SOL_SOCKET, type)))
		return NULL;
	return find(r, SOL_SOCKET, type);
}

TEST_F(stamps, of_reception)
{
	int64_t before = now_ns(), stamp;
	struct timeval *tv;
	struct timespec *ts;
	struct received r;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(1, write(fds[0], "a", 1));
	ASSERT_EQ(1, receive(fds[1], &r, 1, 0));
	EXPECT_EQ(0, r.msg.msg_controllen);

	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_TIMESTAMP, 1));
	tv = next_stamped(fds, &r, SCM_TIMESTAMP);
	ASSERT_NE(NULL, tv);
	stamp = tv->tv_sec * 1000000000LL + tv->tv_usec * 1000LL;
	EXPECT_LE(before, stamp);
	EXPECT_GE(now_ns(), stamp);

	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_TIMESTAMPNS, 1));
	ASSERT_EQ(1, write(fds[0], "c", 1));
	ASSERT_EQ(1, receive(fds[1], &r, 1, 0));
	EXPECT_EQ(NULL, find(&r, SOL_SOCKET, SCM_TIMESTAMP));
	ts = find(&r, SOL_SOCKET, SCM_TIMESTAMPNS);
	ASSERT_NE(NULL, ts);
	EXPECT_LE(before, ns_of(ts));
	EXPECT_GE(now_ns(), ns_of(ts));

	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_TIMESTAMPNS, 0));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_TIMESTAMPING,
			      SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
	ASSERT_EQ(1, write(fds[0], "d", 1));
	ASSERT_EQ(1, receive(fds[1], &r, 1, 0));
	ts = find(&r, SOL_SOCKET, SCM_TIMESTAMPING);
	ASSERT_NE(NULL, ts);
	EXPECT_LE(before, ns_of(ts));
	EXPECT_GE(now_ns(), ns_of(ts));
	EXPECT_EQ(0, ns_of(ts + 2));
}

TEST_F(stamps, of_the_last_byte)
{
	struct timespec *ts;
	struct received r;
	int64_t between;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_TIMESTAMPNS, 1));
	ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_NODELAY, 1));
	ASSERT_NE(NULL, next_stamped(fds, &r, SCM_TIMESTAMPNS));
	ASSERT_EQ(1, write(fds[0], "a", 1));
	ASSERT_TRUE(wait_until(sock_ioctl(fds[1], FIONREAD) == 1));
	between = now_ns();
	ASSERT_EQ(1, write(fds[0], "b", 1));
	ASSERT_TRUE(wait_until(sock_ioctl(fds[1], FIONREAD) == 2));
	/* What was peeked at counts as well, and both came as one. */
	for (int flags = MSG_PEEK;; flags = 0) {
		ASSERT_EQ(2, receive(fds[1], &r, 2, flags));
		ts = find(&r, SOL_SOCKET, SCM_TIMESTAMPNS);
		ASSERT_NE(NULL, ts);
		EXPECT_LE(between, ns_of(ts));
		if (!flags)
			break;
	}
}

TEST_F(stamps, inherited)
{
	struct received r;
	struct addr at;
	int fds[2], listener;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_EQ(0, sock_set(listener, SOL_SOCKET, SO_TIMESTAMPNS, 1));
	fds[0] = sock_dial(self->door, &at);
	fds[1] = accept(listener, NULL, NULL);
	ASSERT_LE(0, fds[1]);
	ASSERT_NE(NULL, next_stamped(fds, &r, SCM_TIMESTAMPNS));
	ASSERT_EQ(0, sock_set(fds[1], SOL_TCP, TCP_INQ, 1));
	ASSERT_EQ(2, write(fds[0], "ab", 2));
	ASSERT_EQ(1, receive(fds[1], &r, 1, 0));
	EXPECT_NE(NULL, find(&r, SOL_SOCKET, SCM_TIMESTAMPNS));
	ASSERT_NE(NULL, find(&r, SOL_TCP, TCP_CM_INQ));
	EXPECT_EQ(1, *(int *)find(&r, SOL_TCP, TCP_CM_INQ));
}

/*
 * Reads the error queue until it has the three stamps of the byte @key. The set
 * of those seen, by ee_info; -1 for anything else in the queue.
 */
static int stamps_of(int fd, uint32_t key, int wanted)
{
	struct sock_extended_err *ee;
	struct received r;
	struct timespec *ts;
	int seen = 0;

	while (seen != wanted && wait_event(fd, 0) & POLLERR) {
		if (receive(fd, &r, sizeof(r.data), MSG_ERRQUEUE) < 0)
			return -1;
		ee = find(&r, SOL_IP, IP_RECVERR) ?: find(&r, SOL_IPV6, IPV6_RECVERR);
		ts = find(&r, SOL_SOCKET, SCM_TIMESTAMPING);
		if (!(r.msg.msg_flags & MSG_ERRQUEUE) || !ee || !ts || !ts->tv_sec ||
		    ee->ee_errno != ENOMSG || ee->ee_origin != SO_EE_ORIGIN_TIMESTAMPING ||
		    ee->ee_data != key)
			return -1;
		seen |= 1 << ee->ee_info;
	}
	return seen;
}

enum {
	ACK_STAMP = 1 << SCM_TSTAMP_ACK,
	ALL_STAMPS = 1 << SCM_TSTAMP_SCHED | 1 << SCM_TSTAMP_SND | ACK_STAMP,
};

TEST_F(stamps, of_sending)
{
	struct received r;
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(3, write(fds[0], "abc", 3));
	ASSERT_TRUE(wait_until(!sock_ioctl(fds[0], SIOCOUTQ)));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_TIMESTAMPING, TX_ALL | TELL));
	EXPECT_ERRNO(EAGAIN, receive(fds[0], &r, 1, MSG_ERRQUEUE));
	/* Bytes are counted from then on, and the last of each write is watched. */
	ASSERT_EQ(10, write(fds[0], "0123456789", 10));
	EXPECT_EQ(ALL_STAMPS, stamps_of(fds[0], 9, ALL_STAMPS));
	ASSERT_EQ(5, write(fds[0], "01234", 5));
	EXPECT_EQ(ALL_STAMPS, stamps_of(fds[0], 14, ALL_STAMPS));
	EXPECT_EQ(0, poll_now(fds[0], 0));
	/* Without it, no more. */
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_TIMESTAMPING, 0));
	ASSERT_EQ(1, write(fds[0], "x", 1));
	ASSERT_TRUE(wait_until(!sock_ioctl(fds[0], SIOCOUTQ)));
	EXPECT_EQ(0, poll_now(fds[0], 0));
	for (int i = 0; i < 19; i++)
		EXPECT_EQ(1, read(fds[1], &c, 1));
}

TEST_F(stamps, of_full_segments)
{
	static char buf[3 << 16];
	uint32_t key = -1;
	int fds[2], mss;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_TIMESTAMPING, TX_ALL | TELL));
	mss = sock_get(fds[0], SOL_TCP, TCP_MAXSEG);
	ASSERT_LT(0, mss);
	for (int len = mss; len <= 3 * mss; len += mss) {
		pattern_fill(buf, len, 0);
		ASSERT_EQ(len, write(fds[0], buf, len));
		key += len;
		/* More than the window may hold: it is all acknowledged only once it is read. */
		EXPECT_EQ(0, pattern_recv(fds[1], len, 1 << 16));
		EXPECT_EQ(ALL_STAMPS, stamps_of(fds[0], key, ALL_STAMPS));
	}
}

TEST_F(stamps, of_one_call)
{
	char control[CMSG_SPACE(sizeof(uint32_t))] = {};
	struct iovec iov = { "abcdef", 6 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	uint32_t flags = SOF_TIMESTAMPING_TX_ACK;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_TIMESTAMPING, TELL));
	ASSERT_EQ(3, write(fds[0], "abc", 3));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SO_TIMESTAMPING;
	cmsg->cmsg_len = CMSG_LEN(sizeof(flags));
	memcpy(CMSG_DATA(cmsg), &flags, sizeof(flags));
	ASSERT_EQ(6, sendmsg(fds[0], &msg, 0));
	EXPECT_EQ(ACK_STAMP, stamps_of(fds[0], 8, ACK_STAMP));
	EXPECT_EQ(0, poll_now(fds[0], 0));
}

TEST_F(stamps, with_the_packet)
{
	struct received r;
	int fds[2];

	/* Without OPT_TSONLY the bytes come back along with the first stamp of them. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_TIMESTAMPING,
			      SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
	ASSERT_EQ(10, write(fds[0], "0123456789", 10));
	ASSERT_EQ(POLLERR, wait_event(fds[0], 0));
	ASSERT_LE(10, receive(fds[0], &r, sizeof(r.data), MSG_ERRQUEUE));
	EXPECT_NE(NULL, memmem(r.data, sizeof(r.data), "0123456789", 10));
	EXPECT_NE(NULL, find(&r, SOL_SOCKET, SCM_TIMESTAMPING));
}

static int set_gso(const char *dev, int on)
{
	struct ethtool_value value = { ETHTOOL_SGSO, on };
	struct ifreq request = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), ret;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", dev);
	ret = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return ret;
}

/* Several segments, over a link that takes them whole or one by one. */
static void over_wire(struct __test_metadata *_metadata, const struct door *door, int ns,
		      int gso)
{
	struct addr at = addr_host(door, 1, 2, 4321);
	int peer = netns_new(), listener, client, server, status;
	static char buf[BULK];

	ASSERT_EQ(0, veth_join(1, ns, peer));
	listener = sock_listen(door, &at, 1);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, netns_enter(ns));
	ASSERT_EQ(0, set_gso("net1", gso));
	client = sock_dial(door, &at);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	ASSERT_EQ(0, sock_set(client, SOL_SOCKET, SO_TIMESTAMPING, TX_ALL | TELL));
	pattern_fill(buf, BULK, 0);
	if (!fork())
		_exit(pattern_recv(server, BULK, 10000) ? 1 : 0);
	ASSERT_EQ(BULK, write(client, buf, BULK));
	EXPECT_EQ(ALL_STAMPS, stamps_of(client, BULK - 1, ALL_STAMPS));
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, status);
}

TEST_F(stamps, of_many_segments)
{
	over_wire(_metadata, self->door, self->ns, 1);
}

TEST_F(stamps, of_segments_cut)
{
	over_wire(_metadata, self->door, self->ns, 0);
}

TEST_F(stamps, refused)
{
	int fd = door_socket(self->door, 0);

	EXPECT_ERRNO(EINVAL, sock_set(fd, SOL_SOCKET, SO_TIMESTAMPING, 1 << 30));
	EXPECT_ERRNO(EINVAL, sock_set(fd, SOL_SOCKET, SO_TIMESTAMPING,
				      SOF_TIMESTAMPING_OPT_STATS));
}

/* What a router says that knows no way. */
static const struct {
	int origin, type, code, error;
} unreachable[] = {
	{ SO_EE_ORIGIN_ICMP, 3, 1, EHOSTUNREACH }, { SO_EE_ORIGIN_ICMP6, 1, 0, ENETUNREACH },
};

static int router_without_way(const struct door *d, int here, const char *host)
{
	int router = netns_new();

	if (router < 0 || veth_join(1, here, router) ||
	    sysctl_set("net/ipv4/ip_forward", "1") ||
	    sysctl_set("net/ipv6/conf/all/forwarding", "1") ||
	    route_add(RTN_UNREACHABLE, host, host_prefix(d), NULL) || netns_enter(here))
		return -1;
	return route_add(RTN_UNICAST, host, host_prefix(d), host_text(d, 1, 2));
}

TEST_F(stamps, error_of_a_router)
{
	const struct door *d = self->door;
	const char *host = d->ip == 4 ? "192.0.2.1" : "2001:db8::1";
	struct addr to = addr_of(d, host, 4321);
	struct sock_extended_err *ee;
	struct received r;
	int fd;

	ASSERT_EQ(0, router_without_way(d, self->ns, host));
	fd = door_socket(d, SOCK_NONBLOCK);
	ASSERT_EQ(0, d->ip == 4 ? sock_set(fd, SOL_IP, IP_RECVERR, 1) :
				  sock_set(fd, SOL_IPV6, IPV6_RECVERR, 1));
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	ASSERT_EQ(POLLERR, wait_event(fd, 0) & POLLERR);
	ASSERT_LE(0, receive(fd, &r, sizeof(r.data), MSG_ERRQUEUE));
	ee = d->ip == 4 ? find(&r, SOL_IP, IP_RECVERR) : find(&r, SOL_IPV6, IPV6_RECVERR);
	if (!ee)	/* of a v4-mapped destination */
		ee = find(&r, SOL_IPV6, IPV6_RECVERR);
	ASSERT_NE(NULL, ee);
	EXPECT_EQ(unreachable[d->ip == 6].origin, ee->ee_origin);
	EXPECT_EQ(unreachable[d->ip == 6].type, ee->ee_type);
	EXPECT_EQ(unreachable[d->ip == 6].code, ee->ee_code);
	EXPECT_EQ((uint32_t)unreachable[d->ip == 6].error, ee->ee_errno);
	/* The address is that of the destination. */
	EXPECT_EQ(to.sa.sa_family, r.from.ss_family);
	if (r.from.ss_family == AF_INET) {
		EXPECT_EQ(0, memcmp(&((struct sockaddr_in *)&r.from)->sin_addr,
				    &to.in4.sin_addr, 4));
	} else {
		EXPECT_EQ(0, memcmp(&((struct sockaddr_in6 *)&r.from)->sin6_addr,
				    &to.in6.sin6_addr, 16));
	}
	EXPECT_ERRNO(EAGAIN, receive(fd, &r, 1, MSG_ERRQUEUE));
}

TEST_HARNESS_MAIN
