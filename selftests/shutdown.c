// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a connection: shutdown() in each direction, close() in all its
 * forms, and what the other end and the threads that are blocked in a call are
 * told of it.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>

#include "tern_test.h"

DOOR_FIXTURE(shutdown);

static volatile int sigpipes;

static void on_sigpipe(int sig)
{
	sigpipes += sig == SIGPIPE;
}

/* Waits for what the peer did last to arrive. */
static int wait_gone(int fd)
{
	return wait_event(fd, 0);
}

TEST_F(shutdown, send_side)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_ERRNO(EPIPE, send(fds[0], "d", 1, MSG_NOSIGNAL));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(1, read(fds[1], &c, 1));
		EXPECT_EQ('a' + i, c);
	}
	EXPECT_EQ(0, read(fds[1], &c, 1));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	EXPECT_TRUE(sock_wait_state(fds[0], TCP_FIN_WAIT2));
	EXPECT_EQ(TCP_CLOSE_WAIT, sock_state(fds[1]));
	/* The other direction is still open. */
	EXPECT_EQ(1, write(fds[1], "x", 1));
	EXPECT_EQ(1, read(fds[0], &c, 1));
	EXPECT_EQ('x', c);
	EXPECT_EQ(0, shutdown(fds[1], SHUT_WR));
	EXPECT_EQ(0, read(fds[0], &c, 1));
	EXPECT_TRUE(sock_wait_state(fds[1], TCP_CLOSE));
	EXPECT_TRUE(sock_wait_state(fds[0], TCP_CLOSE));
}

TEST_F(shutdown, receive_side)
{
	int fds[2];
	char c = 0;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_RD));
	EXPECT_EQ(0, read(fds[0], &c, 1));
	/* The peer is not told; what it sends can even be read. */
	EXPECT_EQ(1, send(fds[1], "x", 1, MSG_NOSIGNAL));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[0], SIOCINQ) == 1));
	EXPECT_EQ(1, read(fds[0], &c, 1));
	EXPECT_EQ('x', c);
	EXPECT_EQ(0, read(fds[0], &c, 1));
	EXPECT_EQ(1, write(fds[0], "y", 1));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_EQ('y', c);
	EXPECT_EQ(TCP_ESTABLISHED, sock_state(fds[0]));
}

TEST_F(shutdown, both_sides)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_RDWR));
	EXPECT_EQ(0, read(fds[0], &c, 1));
	EXPECT_ERRNO(EPIPE, send(fds[0], "d", 1, MSG_NOSIGNAL));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	/* Twice is not too often. */
	EXPECT_EQ(0, shutdown(fds[0], SHUT_RDWR));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
}

TEST_F(shutdown, data_after_both_sides)
{
	int fds[2];
	char c;

	/* Nobody is left to read it: the sender gets a RST. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_RDWR));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	EXPECT_EQ(1, send(fds[1], "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(POLLERR, wait_event(fds[1], 0) & POLLERR);
	EXPECT_EQ(EPIPE, sock_get(fds[1], SOL_SOCKET, SO_ERROR));
	EXPECT_ERRNO(EPIPE, send(fds[1], "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(0, read(fds[1], &c, 1));
}

TEST_F(shutdown, both_ends)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_EQ(0, shutdown(fds[1], SHUT_WR));
	EXPECT_EQ(0, read(fds[0], &c, 1));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	EXPECT_TRUE(sock_wait_state(fds[0], TCP_CLOSE));
	EXPECT_TRUE(sock_wait_state(fds[1], TCP_CLOSE));
	EXPECT_ERRNO(ENOTCONN, shutdown(fds[0], SHUT_WR));
}

TEST_F(shutdown, half_closed_transfer)
{
	struct blocked b = { .call = call_recv_all, .len = 300000 };
	char *buf = malloc(300000);
	int fds[2];
	char c;

	/* A long answer to a finished question. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(8, write(fds[0], "question", 8));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_EQ(8, read_all(fds[1], buf, 100));
	b.fd = fds[0];
	b.buf = buf;
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_EQ(0, pattern_send(fds[1], 300000, 5000));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(300000, b.ret);
	EXPECT_TRUE(pattern_ok(buf, 300000, 0));
	close(fds[1]);
	EXPECT_EQ(0, read(fds[0], &c, 1));
	free(buf);
}

TEST_F(shutdown, wrong_state)
{
	struct addr at = addr_loopback(self->door, 0);
	int fds[2], fd = door_socket(self->door, 0);

	EXPECT_ERRNO(ENOTCONN, shutdown(fd, SHUT_RD));
	EXPECT_ERRNO(ENOTCONN, shutdown(fd, SHUT_WR));
	ASSERT_EQ(0, sock_bind(fd, &at));
	EXPECT_ERRNO(ENOTCONN, shutdown(fd, SHUT_RDWR));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(EINVAL, shutdown(fds[0], 3));
	EXPECT_ERRNO(EINVAL, shutdown(fds[0], -1));
	sock_reset(fds[1]);
	EXPECT_LT(0, wait_gone(fds[0]));
	EXPECT_ERRNO(ENOTCONN, shutdown(fds[0], SHUT_WR));
}

TEST_F(shutdown, sigpipe)
{
	int fds[2];

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, on_sigpipe));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_ERRNO(EPIPE, send(fds[0], "a", 1, MSG_NOSIGNAL));
	EXPECT_EQ(0, sigpipes);
	EXPECT_ERRNO(EPIPE, write(fds[0], "a", 1));
	EXPECT_EQ(1, sigpipes);
	EXPECT_ERRNO(EPIPE, send(fds[0], "a", 1, 0));
	EXPECT_EQ(2, sigpipes);
}

TEST_F(shutdown, close_delivers)
{
	char *buf = malloc(100001);
	int fds[2];

	/* close() returns at once, and yet nothing that was written is lost. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	pattern_fill(buf, 100000, 0);
	ASSERT_EQ(100000, write_all(fds[0], buf, 100000));
	ASSERT_EQ(0, close(fds[0]));
	memset(buf, 0, 100000);
	EXPECT_EQ(100000, read_all(fds[1], buf, 100001));
	EXPECT_TRUE(pattern_ok(buf, 100000, 0));
	free(buf);
}

TEST_F(shutdown, close_with_unread_data)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 2));
	close(fds[1]);
	EXPECT_LT(0, wait_gone(fds[0]));
	EXPECT_EQ(TCP_CLOSE, sock_state(fds[0]));
	EXPECT_ERRNO(ECONNRESET, read(fds[0], &c, 1));
	EXPECT_EQ(0, read(fds[0], &c, 1));
	EXPECT_ERRNO(EPIPE, send(fds[0], "d", 1, MSG_NOSIGNAL));
}

TEST_F(shutdown, close_after_unread_fin)
{
	int fds[2];
	char c;

	/* A FIN is not data: to leave it unread is no reason for a RST. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_TRUE(sock_wait_state(fds[1], TCP_CLOSE_WAIT));
	close(fds[1]);
	EXPECT_EQ(0, read(fds[0], &c, 1));
	EXPECT_EQ(0, sock_get(fds[0], SOL_SOCKET, SO_ERROR));
}

TEST_F(shutdown, write_to_closed)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	close(fds[1]);
	EXPECT_EQ(0, read(fds[0], &c, 1));
	/* The first write is accepted, and answered by a RST. */
	EXPECT_EQ(1, send(fds[0], "a", 1, MSG_NOSIGNAL));
	EXPECT_EQ(POLLERR, wait_gone(fds[0]) & POLLERR);
	EXPECT_ERRNO(EPIPE, send(fds[0], "b", 1, MSG_NOSIGNAL));
}

TEST_F(shutdown, linger_zero)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_reset(fds[1]);
	EXPECT_LT(0, wait_gone(fds[0]));
	EXPECT_EQ(ECONNRESET, sock_get(fds[0], SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(0, read(fds[0], &c, 1));
}

TEST_F(shutdown, data_before_reset)
{
	char buf[8] = "";
	int fds[2];

	/* What arrived before the RST can be read, then the error is told. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(3, write(fds[1], "abc", 3));
	sock_reset(fds[1]);
	EXPECT_EQ(POLLERR, wait_gone(fds[0]) & POLLERR);
	EXPECT_EQ(3, read(fds[0], buf, sizeof(buf)));
	EXPECT_STREQ("abc", buf);
	EXPECT_ERRNO(ECONNRESET, read(fds[0], buf, sizeof(buf)));
	EXPECT_EQ(0, read(fds[0], buf, sizeof(buf)));
}

TEST_F(shutdown, linger_waits)
{
	struct linger patience = { 1, 60 };
	struct blocked b = { .call = call_close };
	ssize_t sent;
	int fds[2];
	char c;

	/* close() stays until the peer has taken everything. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	sent = fill_socket(fds[0]);
	ASSERT_LT(0, sent);
	ASSERT_EQ(0, setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &patience,
				sizeof(patience)));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(0, pattern_recv(fds[1], sent, 65536));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(0, b.ret);
}

TEST_F(shutdown, linger_without_data)
{
	struct linger patience = { 1, 60 };
	int fds[2];
	char c;

	/* Nothing to wait for, beyond the ACK of the FIN. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &patience,
				sizeof(patience)));
	EXPECT_EQ(0, close(fds[0]));
	EXPECT_EQ(0, read(fds[1], &c, 1));
}

TEST_F(shutdown, wakes_receiver)
{
	char c;
	struct blocked b = { .call = call_recv, .buf = &c, .len = 1 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_RD));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(0, b.ret);
}

TEST_F(shutdown, wakes_sender)
{
	char buf[1000] = "";
	struct blocked b = { .call = call_send, .buf = buf, .len = 1000 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	ASSERT_LT(0, fill_socket(fds[0]));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EPIPE, b.err);
}

TEST_F(shutdown, peer_wakes_receiver)
{
	char c;
	struct blocked b = { .call = call_recv, .buf = &c, .len = 1 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	close(fds[1]);
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(0, b.ret);

	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	sock_reset(fds[1]);
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(ECONNRESET, b.err);
}

TEST_F(shutdown, peer_wakes_sender)
{
	char buf[1000] = "";
	struct blocked b = { .call = call_send, .buf = buf, .len = 1000 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	ASSERT_LT(0, fill_socket(fds[0]));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	sock_reset(fds[1]);
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(ECONNRESET, b.err);
}

TEST_F(shutdown, close_under_receiver)
{
	char c = 0;
	struct blocked b = { .call = call_recv, .buf = &c, .len = 1 };
	int fds[2];

	/* The call in progress keeps the socket until it is done. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_EQ(0, close(fds[0]));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(0, poll_now(fds[1], POLLIN));
	EXPECT_EQ(1, write(fds[1], "x", 1));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(1, b.ret);
	EXPECT_EQ('x', c);
	EXPECT_EQ(0, read(fds[1], &c, 1));
}

TEST_F(shutdown, close_under_accept)
{
	struct blocked b = { .call = call_accept };
	struct addr at;

	b.fd = sock_listen_lo(self->door, &at);
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_EQ(0, close(b.fd));
	EXPECT_TRUE(blocked_still(&b));
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_LE(0, b.ret);
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));
}

TEST_HARNESS_MAIN
