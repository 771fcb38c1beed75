// SPDX-License-Identifier: GPL-2.0
/*
 * poll(), select() and epoll: which bits a socket shows in which state, and who
 * is woken when they change. Event loops are built on the exact bits, so they
 * are compared as a whole.
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <linux/sockios.h>

#include "tern_test.h"

#define ALL	(POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM |	\
		 POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLMSG)
#define IN	(POLLIN | POLLRDNORM)
#define OUT	(POLLOUT | POLLWRNORM)

DOOR_FIXTURE(poll);

/* These are the bits, though they may take a moment to come. */
static bool shows(int fd, int bits)
{
	if (wait_until(poll_now(fd, ALL) == bits))
		return true;
	ksft_print_msg("bits are %#x, not %#x\n", poll_now(fd, ALL), bits);
	return false;
}

static int epoll_with(int fd, int events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) ? -1 : ep;
}

static int epoll_get(int ep, int ms)
{
	struct epoll_event e;
	int n = epoll_wait(ep, &e, 1, ms);

	return n == 1 ? (int)e.events : n;
}

static long call_epoll(struct blocked *b)
{
	return epoll_get(b->fd, DEADLINE_MS);
}

TEST_F(poll, fresh)
{
	struct addr at = addr_loopback(self->door, 0);
	int fd = door_socket(self->door, 0);

	EXPECT_TRUE(shows(fd, OUT | POLLHUP));
	ASSERT_EQ(0, sock_bind(fd, &at));
	EXPECT_TRUE(shows(fd, OUT | POLLHUP));
}

TEST_F(poll, listener)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);

	EXPECT_EQ(0, poll_now(listener, ALL));
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_TRUE(shows(listener, IN));
	ASSERT_LE(0, accept(listener, NULL, NULL));
	EXPECT_EQ(IN, poll_now(listener, ALL));
	ASSERT_LE(0, accept(listener, NULL, NULL));
	EXPECT_EQ(0, poll_now(listener, ALL));
	EXPECT_EQ(0, shutdown(listener, SHUT_RD));
	EXPECT_EQ(OUT | POLLHUP, poll_now(listener, ALL));
}

TEST_F(poll, connecting)
{
	struct addr to = addr_host(self->door, 1, 2, 9);
	int fd;

	ASSERT_LE(0, peer_mute(self->door, self->ns));
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	EXPECT_EQ(0, poll_now(fd, ALL));
	EXPECT_EQ(0, shutdown(fd, SHUT_RDWR));
	EXPECT_EQ(POLLHUP | POLLERR | OUT, poll_now(fd, ALL));
}

TEST_F(poll, refused)
{
	struct addr at;
	int closed = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, SOCK_NONBLOCK);

	close(closed);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	EXPECT_TRUE(shows(fd, IN | OUT | POLLRDHUP | POLLERR | POLLHUP));
	EXPECT_EQ(ECONNREFUSED, sock_get(fd, SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(IN | OUT | POLLRDHUP | POLLHUP, poll_now(fd, ALL));
}

TEST_F(poll, connected)
{
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(OUT, poll_now(fds[0], ALL));
	EXPECT_EQ(OUT, poll_now(fds[1], ALL));
}

TEST_F(poll, readable)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_TRUE(shows(fds[1], IN | OUT));
	EXPECT_EQ(OUT, poll_now(fds[0], ALL));
	EXPECT_EQ(1, recv(fds[1], &c, 1, MSG_PEEK));
	EXPECT_EQ(IN | OUT, poll_now(fds[1], ALL));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_EQ(OUT, poll_now(fds[1], ALL));
}

TEST_F(poll, half_closed)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	/* The end of file can be read, and stays. */
	EXPECT_TRUE(shows(fds[1], IN | OUT | POLLRDHUP));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	EXPECT_EQ(IN | OUT | POLLRDHUP, poll_now(fds[1], ALL));
	/* To write would not block, though it fails. */
	EXPECT_EQ(OUT, poll_now(fds[0], ALL));
	EXPECT_EQ(0, shutdown(fds[1], SHUT_WR));
	EXPECT_TRUE(shows(fds[0], IN | OUT | POLLRDHUP | POLLHUP));
	EXPECT_TRUE(shows(fds[1], IN | OUT | POLLRDHUP | POLLHUP));
}

TEST_F(poll, shutdown_here)
{
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_RD));
	EXPECT_EQ(IN | OUT | POLLRDHUP, poll_now(fds[0], ALL));
	EXPECT_EQ(OUT, poll_now(fds[1], ALL));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_EQ(IN | OUT | POLLRDHUP | POLLHUP, poll_now(fds[0], ALL));
}

TEST_F(poll, reset)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_reset(fds[1]);
	EXPECT_TRUE(shows(fds[0], IN | OUT | POLLRDHUP | POLLERR | POLLHUP));
	EXPECT_ERRNO(ECONNRESET, read(fds[0], &c, 1));
	EXPECT_EQ(IN | OUT | POLLRDHUP | POLLHUP, poll_now(fds[0], ALL));
}

TEST_F(poll, write_space)
{
	ssize_t sent;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	sent = fill_socket(fds[0]);
	ASSERT_LT(0, sent);
	EXPECT_EQ(0, poll_now(fds[0], ALL));
	EXPECT_EQ(0, pattern_recv(fds[1], sent, 65536));
	EXPECT_TRUE(shows(fds[0], OUT));
}

TEST_F(poll, low_water_mark)
{
	int fds[2];
	char buf[8];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_RCVLOWAT, 4));
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 3));
	EXPECT_EQ(OUT, poll_now(fds[1], ALL));
	EXPECT_EQ(1, write(fds[0], "d", 1));
	EXPECT_TRUE(shows(fds[1], IN | OUT));
	EXPECT_EQ(1, read(fds[1], buf, 1));
	EXPECT_EQ(OUT, poll_now(fds[1], ALL));
	/* The end is worth a wakeup whatever the mark. */
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_TRUE(shows(fds[1], IN | OUT | POLLRDHUP));
}

TEST_F(poll, low_water_mark_connected_later)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int server, client;

	/* An accepted socket has its listener's mark. */
	ASSERT_EQ(0, sock_set(listener, SOL_SOCKET, SO_RCVLOWAT, 2));
	client = sock_dial(self->door, &at);
	ASSERT_LE(0, client);
	EXPECT_TRUE(shows(listener, IN));
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	EXPECT_EQ(2, sock_get(server, SOL_SOCKET, SO_RCVLOWAT));
	EXPECT_EQ(1, write(client, "a", 1));
	EXPECT_TRUE(wait_until(sock_ioctl(server, SIOCINQ) == 1));
	EXPECT_EQ(OUT, poll_now(server, ALL));
}

TEST_F(poll, select)
{
	struct timeval at_once = {}, patience = { DEADLINE_MS / 1000, 0 };
	fd_set r, w, x;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&x);
	FD_SET(fds[0], &r);
	FD_SET(fds[0], &x);
	EXPECT_EQ(0, select(fds[0] + 1, &r, &w, &x, &at_once));
	FD_SET(fds[0], &w);
	EXPECT_EQ(1, select(fds[0] + 1, &r, &w, &x, &at_once));
	EXPECT_TRUE(FD_ISSET(fds[0], &w));

	EXPECT_EQ(1, write(fds[1], "a", 1));
	FD_ZERO(&r);
	FD_SET(fds[0], &r);
	EXPECT_EQ(1, select(fds[0] + 1, &r, NULL, NULL, &patience));
	/* A reset makes it readable and writable, not exceptional. */
	sock_reset(fds[1]);
	EXPECT_LT(0, wait_event(fds[0], 0));
	FD_SET(fds[0], &r);
	FD_SET(fds[0], &w);
	FD_SET(fds[0], &x);
	EXPECT_EQ(2, select(fds[0] + 1, &r, &w, &x, &patience));
	EXPECT_FALSE(FD_ISSET(fds[0], &x));
}

TEST_F(poll, epoll_level)
{
	int fds[2], ep;
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ep = epoll_with(fds[1], EPOLLIN | EPOLLRDHUP);
	ASSERT_LE(0, ep);
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, DEADLINE_MS));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_EQ(EPOLLIN | EPOLLRDHUP, epoll_get(ep, DEADLINE_MS));
	EXPECT_EQ(0, shutdown(fds[1], SHUT_WR));
	EXPECT_TRUE(wait_until(epoll_get(ep, 0) ==
			       (EPOLLIN | EPOLLRDHUP | EPOLLHUP)));
}

TEST_F(poll, epoll_edge)
{
	int fds[2], ep;
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ep = epoll_with(fds[1], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	ASSERT_LE(0, ep);
	EXPECT_EQ(EPOLLOUT, epoll_get(ep, 0));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, epoll_get(ep, DEADLINE_MS));
	/* Still unread, but no news. */
	EXPECT_EQ(0, epoll_get(ep, 20));
	EXPECT_EQ(1, write(fds[0], "b", 1));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, epoll_get(ep, DEADLINE_MS));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_EQ(0, epoll_get(ep, 20));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_EQ(EPOLLIN | EPOLLOUT | EPOLLRDHUP, epoll_get(ep, DEADLINE_MS));
}

TEST_F(poll, epoll_edge_write_space)
{
	ssize_t sent;
	int fds[2], ep;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	ep = epoll_with(fds[0], EPOLLOUT | EPOLLET);
	EXPECT_EQ(EPOLLOUT, epoll_get(ep, 0));
	sent = fill_socket(fds[0]);
	ASSERT_LT(0, sent);
	/* Acknowledgements in between may wake, but not for long. */
	while (epoll_get(ep, 20) > 0) {
		ssize_t more = fill_socket(fds[0]);

		ASSERT_LE(0, more);
		sent += more;
	}
	while (sent > 0) {
		char buf[65536];
		ssize_t n = recv(fds[1], buf, sizeof(buf), 0);

		ASSERT_LT(0, n);
		sent -= n;
	}
	EXPECT_EQ(EPOLLOUT, epoll_get(ep, DEADLINE_MS));
}

TEST_F(poll, epoll_connect)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, SOCK_NONBLOCK);
	int ep;

	/* As event loops do it: watch first, connect then. */
	ep = epoll_with(fd, EPOLLIN | EPOLLOUT | EPOLLET);
	EXPECT_EQ(EPOLLOUT | EPOLLHUP, epoll_get(ep, 0));
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	EXPECT_EQ(EPOLLOUT, epoll_get(ep, DEADLINE_MS));
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ERROR));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(poll, epoll_reset)
{
	int fds[2], ep;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ep = epoll_with(fds[0], EPOLLIN | EPOLLRDHUP);
	sock_reset(fds[1]);
	EXPECT_EQ(EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP,
		  epoll_get(ep, DEADLINE_MS));
}

TEST_F(poll, epoll_oneshot)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT };
	int fds[2], ep;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ep = epoll_with(fds[1], EPOLLIN | EPOLLONESHOT);
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, DEADLINE_MS));
	EXPECT_EQ(1, write(fds[0], "b", 1));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 2));
	EXPECT_EQ(0, epoll_get(ep, 0));
	EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, fds[1], &e));
	EXPECT_EQ(EPOLLIN, epoll_get(ep, 0));
}

TEST_F(poll, epoll_exclusive)
{
	struct blocked b[2];
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int i, woken;

	/* One connection wakes at least one of the two, and no third party. */
	for (i = 0; i < 2; i++) {
		b[i] = (struct blocked){ .call = call_epoll };
		b[i].fd = epoll_with(listener, EPOLLIN | EPOLLEXCLUSIVE);
		ASSERT_EQ(0, blocked_start(&b[i]));
	}
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_TRUE(wait_until(!blocked_still(&b[0]) || !blocked_still(&b[1])));
	woken = b[0].ret ? 0 : 1;
	EXPECT_EQ(EPOLLIN, b[woken].ret);
}

TEST_F(poll, wakes_sleeper)
{
	struct blocked b = { .call = call_epoll };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = epoll_with(fds[1], EPOLLIN);
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(EPOLLIN, b.ret);
}

TEST_HARNESS_MAIN
