// SPDX-License-Identifier: GPL-2.0
/*
 * setsockopt() and getsockopt(): the options of SOL_SOCKET and SOL_TCP that
 * programs set on TCP sockets, their ranges, what a child inherits from its
 * listener, and what is refused.
 */
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <linux/sockios.h>

#include "tern_test.h"

DOOR_FIXTURE(sockopt);

/* An option of SOL_TCP that takes one int within limits. */
struct range {
	const char *name;
	int option;
	int low;
	int high;
};

static const struct range ranges[] = {
	{ "TCP_KEEPIDLE", TCP_KEEPIDLE, 1, 32767 },
	{ "TCP_KEEPINTVL", TCP_KEEPINTVL, 1, 32767 },
	{ "TCP_KEEPCNT", TCP_KEEPCNT, 1, 127 },
	{ "TCP_SYNCNT", TCP_SYNCNT, 1, 127 },
};

TEST_F(sockopt, identity)
{
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(SOCK_STREAM, sock_get(fd, SOL_SOCKET, SO_TYPE));
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ACCEPTCONN));
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ERROR));
	if (self->door->family == AF_TERN) {
		EXPECT_EQ(IPPROTO_TERN, sock_get(fd, SOL_SOCKET, SO_PROTOCOL));
	} else {
		EXPECT_EQ(self->door->protocol,
			  sock_get(fd, SOL_SOCKET, SO_PROTOCOL));
		EXPECT_EQ(self->door->family,
			  sock_get(fd, SOL_SOCKET, SO_DOMAIN));
	}
	ASSERT_EQ(0, listen(fd, 1));
	EXPECT_EQ(1, sock_get(fd, SOL_SOCKET, SO_ACCEPTCONN));
}

TEST_F(sockopt, error_is_told_once)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_reset(fds[1]);
	EXPECT_EQ(POLLERR, wait_event(fds[0], 0) & POLLERR);
	EXPECT_EQ(ECONNRESET, sock_get(fds[0], SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(0, sock_get(fds[0], SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(0, read(fds[0], &c, 1));
}

TEST_F(sockopt, switches)
{
	const int options[][2] = {
		{ SOL_SOCKET, SO_KEEPALIVE }, { SOL_SOCKET, SO_REUSEADDR },
		{ SOL_SOCKET, SO_REUSEPORT }, { SOL_SOCKET, SO_OOBINLINE },
		{ SOL_SOCKET, SO_DONTROUTE }, { SOL_SOCKET, SO_TIMESTAMP },
		{ SOL_TCP, TCP_NODELAY }, { SOL_TCP, TCP_CORK },
	};
	int fd = door_socket(self->door, 0);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const int *o = options[i];

		EXPECT_EQ(0, sock_get(fd, o[0], o[1]));
		EXPECT_EQ(0, sock_set(fd, o[0], o[1], 7));
		EXPECT_EQ(1, sock_get(fd, o[0], o[1])) {
			TH_LOG("level %d option %d", o[0], o[1]);
		}
		EXPECT_EQ(0, sock_set(fd, o[0], o[1], 0));
		EXPECT_EQ(0, sock_get(fd, o[0], o[1]));
	}
}

TEST_F(sockopt, ranges)
{
	int fd = door_socket(self->door, 0);

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct range *r = &ranges[i];

		EXPECT_EQ(0, sock_set(fd, SOL_TCP, r->option, r->low));
		EXPECT_EQ(r->low, sock_get(fd, SOL_TCP, r->option)) {
			TH_LOG("%s", r->name);
		}
		EXPECT_EQ(0, sock_set(fd, SOL_TCP, r->option, r->high));
		EXPECT_EQ(r->high, sock_get(fd, SOL_TCP, r->option)) {
			TH_LOG("%s", r->name);
		}
		EXPECT_ERRNO(EINVAL, sock_set(fd, SOL_TCP, r->option, r->low - 1));
		EXPECT_ERRNO(EINVAL, sock_set(fd, SOL_TCP, r->option, r->high + 1));
		EXPECT_EQ(r->high, sock_get(fd, SOL_TCP, r->option));
	}
}

TEST_F(sockopt, keepalive_defaults)
{
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(7200, sock_get(fd, SOL_TCP, TCP_KEEPIDLE));
	EXPECT_EQ(75, sock_get(fd, SOL_TCP, TCP_KEEPINTVL));
	EXPECT_EQ(9, sock_get(fd, SOL_TCP, TCP_KEEPCNT));
}

TEST_F(sockopt, buffer_sizes)
{
	int fd = door_socket(self->door, 0);

	/* The kernel doubles what is asked for, and keeps a minimum. */
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_SNDBUF, 50000));
	EXPECT_EQ(100000, sock_get(fd, SOL_SOCKET, SO_SNDBUF));
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_RCVBUF, 50000));
	EXPECT_EQ(100000, sock_get(fd, SOL_SOCKET, SO_RCVBUF));
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_SNDBUF, 1));
	EXPECT_LT(1000, sock_get(fd, SOL_SOCKET, SO_SNDBUF));
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_RCVBUF, 1));
	EXPECT_LT(1000, sock_get(fd, SOL_SOCKET, SO_RCVBUF));
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 5000000));
	EXPECT_EQ(10000000, sock_get(fd, SOL_SOCKET, SO_RCVBUF));
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, 5000000));
	EXPECT_EQ(10000000, sock_get(fd, SOL_SOCKET, SO_SNDBUF));
}

TEST_F(sockopt, tiny_buffers)
{
	int fds[2], status;

	/* The smallest there are still carry a stream. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 1));
	EXPECT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_RCVBUF, 1));
	if (!fork())
		_exit(pattern_send(fds[0], 10000, 5000) ? 1 : 0);
	EXPECT_EQ(0, pattern_recv(fds[1], 10000, 5000));
	EXPECT_LT(0, wait(&status));
	EXPECT_EQ(0, status);
}

TEST_F(sockopt, timeouts)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, sock_timeout(fds[0], SO_RCVTIMEO, 1500));
	EXPECT_EQ(0, getsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	EXPECT_EQ(1, tv.tv_sec);
	EXPECT_EQ(500000, tv.tv_usec);
	tv.tv_usec = 1000000;
	EXPECT_ERRNO(EDOM, setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, len));

	EXPECT_EQ(0, sock_timeout(fds[0], SO_RCVTIMEO, 20));
	EXPECT_ERRNO(EAGAIN, read(fds[0], &c, 1));
	EXPECT_EQ(1, write(fds[1], "a", 1));
	EXPECT_EQ(1, recv(fds[0], &c, 1, 0));
	/* In time for a part, the part is what is returned. */
	EXPECT_EQ(1, write(fds[1], "a", 1));
	EXPECT_LT(0, wait_event(fds[0], POLLIN));
	EXPECT_EQ(1, recv(fds[0], &tv, 2, MSG_WAITALL));
}

TEST_F(sockopt, linger)
{
	struct linger l = { 1, 17 }, got = {};
	socklen_t len = sizeof(got);
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &len));
	EXPECT_EQ(1, got.l_onoff);
	EXPECT_EQ(17, got.l_linger);
	EXPECT_ERRNO(EINVAL, setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4));
}

TEST_F(sockopt, user_timeout)
{
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(0, sock_get(fd, SOL_TCP, TCP_USER_TIMEOUT));
	EXPECT_EQ(0, sock_set(fd, SOL_TCP, TCP_USER_TIMEOUT, 12345));
	EXPECT_EQ(12345, sock_get(fd, SOL_TCP, TCP_USER_TIMEOUT));
	EXPECT_ERRNO(EINVAL, sock_set(fd, SOL_TCP, TCP_USER_TIMEOUT, -1));
}

TEST_F(sockopt, linger2)
{
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(60, sock_get(fd, SOL_TCP, TCP_LINGER2));
	EXPECT_EQ(0, sock_set(fd, SOL_TCP, TCP_LINGER2, 5));
	EXPECT_EQ(5, sock_get(fd, SOL_TCP, TCP_LINGER2));
	EXPECT_EQ(0, sock_set(fd, SOL_TCP, TCP_LINGER2, 1000));
	EXPECT_EQ(120, sock_get(fd, SOL_TCP, TCP_LINGER2));
	errno = 0;
	EXPECT_EQ(0, sock_set(fd, SOL_TCP, TCP_LINGER2, -7));
	EXPECT_EQ(-1, sock_get(fd, SOL_TCP, TCP_LINGER2));
	EXPECT_EQ(0, errno);
}

TEST_F(sockopt, linger2_negative_resets)
{
	int fds[2];

	/* An orphan that need not wait for the peer's FIN does not. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_LINGER2, -1));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	ASSERT_TRUE(sock_wait_state(fds[0], TCP_FIN_WAIT2));
	close(fds[0]);
	EXPECT_EQ(POLLERR, wait_event(fds[1], 0) & POLLERR);
	EXPECT_EQ(TCP_CLOSE, sock_state(fds[1]));
}

TEST_F(sockopt, maxseg)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int client = door_socket(self->door, 0);
	int server, status;

	EXPECT_EQ(536, sock_get(client, SOL_TCP, TCP_MAXSEG));
	EXPECT_ERRNO(EINVAL, sock_set(client, SOL_TCP, TCP_MAXSEG, 87));
	EXPECT_ERRNO(EINVAL, sock_set(client, SOL_TCP, TCP_MAXSEG, 32768));
	ASSERT_EQ(0, sock_set(client, SOL_TCP, TCP_MAXSEG, 700));
	EXPECT_EQ(700, sock_get(client, SOL_TCP, TCP_MAXSEG));
	ASSERT_EQ(0, sock_connect(client, &at));
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	/* It binds both directions: own segments, and what the peer is told. */
	EXPECT_GE(700, sock_get(client, SOL_TCP, TCP_MAXSEG));
	EXPECT_LT(600, sock_get(client, SOL_TCP, TCP_MAXSEG));
	EXPECT_GE(700, sock_get(server, SOL_TCP, TCP_MAXSEG));
	EXPECT_LT(600, sock_get(server, SOL_TCP, TCP_MAXSEG));
	if (!fork())
		_exit(pattern_send(client, 100000, 10000) ? 1 : 0);
	EXPECT_EQ(0, pattern_recv(server, 100000, 10000));
	EXPECT_LT(0, wait(&status));
	EXPECT_EQ(0, status);
}

TEST_F(sockopt, quick_ack)
{
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_QUICKACK, 0));
	EXPECT_EQ(0, sock_get(fds[0], SOL_TCP, TCP_QUICKACK));
	EXPECT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_QUICKACK, 1));
	EXPECT_EQ(1, sock_get(fds[0], SOL_TCP, TCP_QUICKACK));
}

TEST_F(sockopt, defer_accept)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int client, fd;
	char c = 0;

	EXPECT_EQ(0, sock_get(listener, SOL_TCP, TCP_DEFER_ACCEPT));
	ASSERT_EQ(0, sock_set(listener, SOL_TCP, TCP_DEFER_ACCEPT, 30));
	EXPECT_LE(30, sock_get(listener, SOL_TCP, TCP_DEFER_ACCEPT));
	/* The client is connected, but nobody cares before it speaks. */
	client = sock_dial(self->door, &at);
	ASSERT_LE(0, client);
	pause_ms(20);
	EXPECT_EQ(0, poll_now(listener, POLLIN));
	EXPECT_EQ(1, write(client, "a", 1));
	EXPECT_EQ(POLLIN, wait_event(listener, POLLIN));
	fd = accept(listener, NULL, NULL);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, recv(fd, &c, 1, MSG_DONTWAIT));
	EXPECT_EQ('a', c);
	EXPECT_EQ(0, sock_set(listener, SOL_TCP, TCP_DEFER_ACCEPT, 0));
	EXPECT_EQ(0, sock_get(listener, SOL_TCP, TCP_DEFER_ACCEPT));
}

TEST_F(sockopt, window_clamp)
{
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, sock_set(fds[1], SOL_TCP, TCP_WINDOW_CLAMP, 20000));
	EXPECT_EQ(20000, sock_get(fds[1], SOL_TCP, TCP_WINDOW_CLAMP));
	EXPECT_ERRNO(EINVAL, sock_set(fds[1], SOL_TCP, TCP_WINDOW_CLAMP, 0));
	EXPECT_EQ(0, sock_set(fds[1], SOL_TCP, TCP_WINDOW_CLAMP, -1));
}

TEST_F(sockopt, low_water_mark)
{
	int fd = door_socket(self->door, 0), low;

	/* More than a buffer can take would never come: it grows ... */
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_RCVLOWAT, INT_MAX));
	low = sock_get(fd, SOL_SOCKET, SO_RCVLOWAT);
	EXPECT_LT(100000, low);
	EXPECT_LE(low, sock_get(fd, SOL_SOCKET, SO_RCVBUF));
	/* ... unless the program has chosen its size. */
	ASSERT_EQ(0, sock_set(fd, SOL_SOCKET, SO_RCVBUF, 50000));
	EXPECT_EQ(0, sock_set(fd, SOL_SOCKET, SO_RCVLOWAT, -1));
	EXPECT_EQ(50000, sock_get(fd, SOL_SOCKET, SO_RCVLOWAT));
	EXPECT_EQ(100000, sock_get(fd, SOL_SOCKET, SO_RCVBUF));
}

TEST_F(sockopt, unsent_low_water_mark)
{
	char buf[4096] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 1000000);
	EXPECT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_NOTSENT_LOWAT, 16384));
	EXPECT_EQ(16384, sock_get(fds[0], SOL_TCP, TCP_NOTSENT_LOWAT));
	/* Not writable long before the buffer is full. */
	while (poll_now(fds[0], POLLOUT))
		ASSERT_LT(0, send(fds[0], buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_GE(32768, sock_ioctl(fds[0], SIOCOUTQNSD));
}

/* What TCP_INQ says with the next @len bytes; -1: they do not come, or it does not say. */
static int left_after(int fd, size_t len)
{
	char control[CMSG_SPACE(sizeof(int))], buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;

	iov.iov_len = len ? len : sizeof(buf);
	if (recvmsg(fd, &msg, 0) != (ssize_t)len)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_level != SOL_TCP || cmsg->cmsg_type != TCP_CM_INQ)
		return -1;
	return *(int *)CMSG_DATA(cmsg);
}

/* The end counts as one, so that who goes by the number reads on and finds it. */
TEST_F(sockopt, bytes_left_before_the_end)
{
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[1], SOL_TCP, TCP_INQ, 1));
	ASSERT_EQ(7, write(fds[0], "abcdefg", 7));
	close(fds[0]);
	ASSERT_EQ(POLLRDHUP, wait_event(fds[1], POLLRDHUP));
	EXPECT_EQ(7, sock_ioctl(fds[1], SIOCINQ));
	EXPECT_EQ(4, left_after(fds[1], 4));
	EXPECT_EQ(1, left_after(fds[1], 3));
	EXPECT_EQ(1, left_after(fds[1], 0));
	EXPECT_EQ(1, left_after(fds[1], 0));
}

TEST_F(sockopt, bytes_left)
{
	char control[CMSG_SPACE(sizeof(int))], buf[4];
	struct iovec iov = { buf, 4 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[1], SOL_TCP, TCP_INQ, 1));
	EXPECT_EQ(1, sock_get(fds[1], SOL_TCP, TCP_INQ));
	EXPECT_EQ(7, write(fds[0], "abcdefg", 7));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 7));
	EXPECT_EQ(4, recvmsg(fds[1], &msg, 0));
	cmsg = CMSG_FIRSTHDR(&msg);
	ASSERT_NE(NULL, cmsg);
	EXPECT_EQ(SOL_TCP, cmsg->cmsg_level);
	EXPECT_EQ(TCP_CM_INQ, cmsg->cmsg_type);
	EXPECT_EQ(3, *(int *)CMSG_DATA(cmsg));
	EXPECT_ERRNO(EINVAL, sock_set(fds[1], SOL_TCP, TCP_INQ, 2));
}

TEST_F(sockopt, congestion_control)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(0, getsockopt(fd, SOL_TCP, TCP_CONGESTION, name, &len));
	EXPECT_LT(0, strlen(name));
	EXPECT_EQ(0, setsockopt(fd, SOL_TCP, TCP_CONGESTION, name,
				strlen(name)));
	EXPECT_ERRNO(ENOENT, setsockopt(fd, SOL_TCP, TCP_CONGESTION, "no", 2));
}

TEST_F(sockopt, info)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int fds[2];
	char c;

	EXPECT_EQ(TCP_CLOSE, sock_state(door_socket(self->door, 0)));
	EXPECT_EQ(TCP_LISTEN, sock_state(listener));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_EQ(1, write(fds[1], "b", 1));
	EXPECT_EQ(1, read(fds[0], &c, 1));
	ASSERT_EQ(0, getsockopt(fds[0], SOL_TCP, TCP_INFO, &info, &len));
	EXPECT_EQ(TCP_ESTABLISHED, info.tcpi_state);
	EXPECT_LT(0, info.tcpi_rtt);
	EXPECT_LE(200000, info.tcpi_rto);
	EXPECT_LT(500, info.tcpi_snd_mss);
	EXPECT_LT(0, info.tcpi_snd_cwnd);
	/* As much as was asked for, for programs of another age. */
	len = 4;
	EXPECT_EQ(0, getsockopt(fds[0], SOL_TCP, TCP_INFO, &info, &len));
	EXPECT_EQ(4, len);
}

TEST_F(sockopt, inherited)
{
	const int options[][3] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 }, { SOL_SOCKET, SO_OOBINLINE, 1 },
		{ SOL_SOCKET, SO_REUSEADDR, 1 }, { SOL_SOCKET, SO_MARK, 77 },
		{ SOL_SOCKET, SO_RCVLOWAT, 5 }, { SOL_TCP, TCP_NODELAY, 1 },
		{ SOL_TCP, TCP_KEEPIDLE, 11 }, { SOL_TCP, TCP_KEEPINTVL, 12 },
		{ SOL_TCP, TCP_KEEPCNT, 13 }, { SOL_TCP, TCP_LINGER2, 14 },
		{ SOL_TCP, TCP_USER_TIMEOUT, 15000 },
	};
	struct linger l = { 1, 17 };
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	socklen_t len = sizeof(l);
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		EXPECT_EQ(0, sock_set(listener, options[i][0], options[i][1],
				      options[i][2]));
	sock_set(listener, SOL_SOCKET, SO_SNDBUF, 50000);
	sock_set(listener, SOL_SOCKET, SO_RCVBUF, 60000);
	sock_timeout(listener, SO_RCVTIMEO, 70000);
	setsockopt(listener, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	ASSERT_LE(0, sock_dial(self->door, &at));
	fd = accept(listener, NULL, NULL);
	ASSERT_LE(0, fd);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		EXPECT_EQ(options[i][2],
			  sock_get(fd, options[i][0], options[i][1])) {
			TH_LOG("level %d option %d", options[i][0], options[i][1]);
		}
	}
	EXPECT_EQ(100000, sock_get(fd, SOL_SOCKET, SO_SNDBUF));
	EXPECT_EQ(120000, sock_get(fd, SOL_SOCKET, SO_RCVBUF));
	EXPECT_EQ(70, sock_get(fd, SOL_SOCKET, SO_RCVTIMEO));
	l.l_linger = 0;
	EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	EXPECT_EQ(17, l.l_linger);
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ACCEPTCONN));
}

TEST_F(sockopt, ip_level)
{
	int fd = door_socket(self->door, 0);
	int level, hops, class;

	level = door_is_wide(self->door) ? IPPROTO_IPV6 : IPPROTO_IP;
	hops = door_is_wide(self->door) ? IPV6_UNICAST_HOPS : IP_TTL;
	class = door_is_wide(self->door) ? IPV6_TCLASS : IP_TOS;
	EXPECT_EQ(0, sock_set(fd, level, hops, 33));
	EXPECT_EQ(33, sock_get(fd, level, hops));
	EXPECT_EQ(0, sock_set(fd, level, class, 0x10));
	EXPECT_EQ(0x10, sock_get(fd, level, class));
}

TEST_F(sockopt, device)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	struct addr at = addr_loopback(self->door, 4321);
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
	EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	EXPECT_STREQ("lo", name);
	ASSERT_EQ(0, sock_bind(fd, &at));
	ASSERT_EQ(0, listen(fd, 1));
	EXPECT_LE(0, sock_dial(self->door, &at));
	EXPECT_ERRNO(ENODEV, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "x", 2));
}

TEST_F(sockopt, device_of_connection)
{
	int fds[2];

	/* Once it is bound to an interface, what comes in elsewhere is for nobody. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_BINDTOIFINDEX, 99));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(POLLERR, wait_event(fds[0], 0) & POLLERR);
	EXPECT_EQ(ECONNRESET, sock_get(fds[0], SOL_SOCKET, SO_ERROR));
}

TEST_F(sockopt, refused)
{
	int fd = door_socket(self->door, 0);
	int value = 1, level, option;
	socklen_t len = sizeof(value);

	EXPECT_ERRNO(ENOPROTOOPT, sock_set(fd, 99, 1, 1));
	EXPECT_ERRNO(ENOPROTOOPT, sock_set(fd, SOL_TCP, 9999, 1));
	EXPECT_ERRNO(ENOPROTOOPT, sock_set(fd, SOL_SOCKET, 9999, 1));
	EXPECT_ERRNO(ENOPROTOOPT, sock_get(fd, SOL_TCP, 9999));
	EXPECT_ERRNO(ENOPROTOOPT, sock_get(fd, SOL_SOCKET, 9999));
	EXPECT_ERRNO(ENOPROTOOPT, sock_set(fd, SOL_SOCKET, SO_TYPE, 1));
	EXPECT_ERRNO(ENOTSOCK, sock_set(0, SOL_SOCKET, SO_KEEPALIVE, 1));

	for (int i = 0; i < 2; i++) {
		level = i ? SOL_TCP : SOL_SOCKET;
		option = i ? TCP_NODELAY : SO_KEEPALIVE;
		EXPECT_ERRNO(EINVAL, setsockopt(fd, level, option, &value, 3));
		EXPECT_ERRNO(EINVAL, setsockopt(fd, level, option, &value, -1));
		EXPECT_ERRNO(EFAULT, setsockopt(fd, level, option, (void *)1,
						sizeof(value)));
		len = -1;
		EXPECT_ERRNO(EINVAL, getsockopt(fd, level, option, &value, &len));
		len = sizeof(value);
		EXPECT_ERRNO(EFAULT, getsockopt(fd, level, option, (void *)1,
						&len));
		EXPECT_ERRNO(EFAULT, getsockopt(fd, level, option, &value,
						(void *)1));
		/* A short buffer takes what fits. */
		len = 2;
		EXPECT_EQ(0, getsockopt(fd, level, option, &value, &len));
		EXPECT_EQ(2, len);
	}
}

TEST_HARNESS_MAIN
