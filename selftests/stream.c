// SPDX-License-Identifier: GPL-2.0
/*
 * The stream: every byte once and in order, through every call and flag that
 * moves bytes in or out of a socket.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <linux/sockios.h>

#include "tern_test.h"

#define BULK	(8 << 20)

DOOR_FIXTURE(stream);

struct transfer {
	int fd;
	size_t total;
	size_t piece;
	int err;
};

static void *sender(void *arg)
{
	struct transfer *t = arg;

	t->err = pattern_send(t->fd, t->total, t->piece) ? errno : 0;
	shutdown(t->fd, SHUT_WR);
	return NULL;
}

TEST_F(stream, random_sizes)
{
	struct transfer t = { .total = 1000000, .piece = 20000 };
	pthread_t thread;
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	t.fd = fds[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, sender, &t));
	EXPECT_EQ(0, pattern_recv(fds[1], t.total, 30000));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.err);
}

TEST_F(stream, large)
{
	struct transfer t = { .total = BULK, .piece = 1 << 20 };
	pthread_t thread;
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	t.fd = fds[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, sender, &t));
	EXPECT_EQ(0, pattern_recv(fds[1], t.total, 1 << 20));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.err);
}

TEST_F(stream, over_wire)
{
	struct transfer t = { .total = BULK / 8, .piece = 100000 };
	struct addr at = addr_host(self->door, 1, 2, 4321);
	int peer, listener, fd;
	pthread_t thread;
	char c;

	/* A link with an Ethernet MTU, where the stream must be cut. */
	peer = netns_new();
	ASSERT_LE(0, peer);
	ASSERT_EQ(0, veth_join(1, self->ns, peer));
	listener = sock_listen(self->door, &at, 1);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, netns_enter(self->ns));
	t.fd = sock_dial(self->door, &at);
	ASSERT_LE(0, t.fd);
	fd = accept(listener, NULL, NULL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, sender, &t));
	EXPECT_EQ(0, pattern_recv(fd, t.total, 100000));
	EXPECT_EQ(0, read(fd, &c, 1));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.err);
}

TEST_F(stream, both_directions)
{
	struct transfer t[2] = {
		{ .total = 1000000, .piece = 7000 },
		{ .total = 700000, .piece = 70000 },
	};
	pthread_t threads[2];
	struct blocked b = { .call = call_recv_all, .len = 1000000 };
	int fds[2], i;
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = fds[1];
	b.buf = malloc(b.len);
	ASSERT_EQ(0, blocked_start(&b));
	for (i = 0; i < 2; i++) {
		t[i].fd = fds[i];
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, sender, &t[i]));
	}
	EXPECT_EQ(0, pattern_recv(fds[0], 700000, 50000));
	EXPECT_EQ(0, read(fds[0], &c, 1));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(1000000, b.ret);
	EXPECT_TRUE(pattern_ok(b.buf, b.len, 0));
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, t[i].err);
	}
	free(b.buf);
}

TEST_F(stream, byte_by_byte)
{
	unsigned char buf[2000];
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	pattern_fill(buf, sizeof(buf), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		ASSERT_EQ(1, write(fds[0], buf + i, 1));
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(1000, read_all(fds[1], buf, 1000));
	for (size_t i = 1000; i < sizeof(buf); i++)
		ASSERT_EQ(1, read(fds[1], buf + i, 1));
	EXPECT_TRUE(pattern_ok(buf, sizeof(buf), 0));
}

TEST_F(stream, nothing)
{
	char c = 0;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, send(fds[0], &c, 0, 0));
	EXPECT_EQ(0, write(fds[0], &c, 0));
	EXPECT_EQ(0, read(fds[1], &c, 0));
	/* recv(), unlike read(), waits for data even if it wants none. */
	EXPECT_ERRNO(EAGAIN, recv(fds[1], &c, 0, MSG_DONTWAIT));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(0, recv(fds[1], &c, 0, 0));
	EXPECT_EQ(1, recv(fds[1], &c, 1, 0));
	EXPECT_EQ('a', c);
}

TEST_F(stream, peek)
{
	char buf[8] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	EXPECT_EQ(3, write(fds[0], "def", 3));
	EXPECT_EQ(6, recv(fds[1], buf, 6, MSG_PEEK | MSG_WAITALL));
	EXPECT_STREQ("abcdef", buf);
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(2, recv(fds[1], buf, 2, MSG_PEEK));
	EXPECT_STREQ("ab", buf);
	EXPECT_EQ(6, sock_ioctl(fds[1], SIOCINQ));
	EXPECT_EQ(4, read(fds[1], buf, 4));
	EXPECT_STREQ("abcd", buf);
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(2, recv(fds[1], buf, sizeof(buf), MSG_PEEK));
	EXPECT_STREQ("ef", buf);
	EXPECT_EQ(2, read(fds[1], buf, sizeof(buf)));
	EXPECT_ERRNO(EAGAIN, recv(fds[1], buf, 1, MSG_PEEK | MSG_DONTWAIT));
}

TEST_F(stream, dont_wait)
{
	char c;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(EAGAIN, recv(fds[0], &c, 1, MSG_DONTWAIT));
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(EAGAIN, read(fds[0], &c, 1));
	EXPECT_ERRNO(EAGAIN, recv(fds[0], &c, 1, MSG_WAITALL));
	EXPECT_ERRNO(EAGAIN, recv(fds[0], &c, 1, MSG_ERRQUEUE));
}

TEST_F(stream, wait_all)
{
	char buf[8] = "";
	struct blocked b = { .call = call_recv_all, .buf = buf, .len = 6 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	b.fd = fds[1];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(3, write(fds[0], "def", 3));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(6, b.ret);
	EXPECT_STREQ("abcdef", buf);

	/* The end of the stream, too, is all there is. */
	EXPECT_EQ(2, write(fds[0], "gh", 2));
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(2, b.ret);
}

TEST_F(stream, discard)
{
	char buf[8] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(6, write(fds[0], "abcdef", 6));
	EXPECT_EQ(4, recv(fds[1], NULL, 4, MSG_TRUNC | MSG_WAITALL));
	EXPECT_EQ(2, recv(fds[1], buf, sizeof(buf), 0));
	EXPECT_STREQ("ef", buf);
}

/*
 * A held back segment goes after 200 ms in any case, so that when this process
 * had to wait for a processor for longer, nothing can be said.
 */
static bool held_back(int from, int to, int flags)
{
	uint64_t start;
	bool late;
	char c;
	ssize_t n;

	for (int i = 0; i < 10; i++) {
		start = now_ms();
		if (send(from, "a", 1, flags) != 1)
			return false;
		pause_ms(10);
		n = recv(to, &c, 1, MSG_DONTWAIT | MSG_PEEK);
		late = now_ms() - start > 150;
		if (!late)
			return n < 0 && errno == EAGAIN;
		/* Push what is held, and try again. */
		send(from, "b", 1, 0);
		recv(to, NULL, 2, MSG_TRUNC | MSG_WAITALL);
	}
	return false;
}

TEST_F(stream, more_to_come)
{
	char buf[8] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_TRUE(held_back(fds[0], fds[1], MSG_MORE));
	EXPECT_EQ(2, send(fds[0], "bc", 2, 0));
	EXPECT_EQ(3, recv(fds[1], buf, 3, MSG_WAITALL));
	EXPECT_STREQ("abc", buf);
}

TEST_F(stream, corked)
{
	char buf[8] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_CORK, 1));
	EXPECT_TRUE(held_back(fds[0], fds[1], 0));
	EXPECT_EQ(1, send(fds[0], "b", 1, 0));
	ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_CORK, 0));
	EXPECT_EQ(2, recv(fds[1], buf, 2, MSG_WAITALL));
	EXPECT_STREQ("ab", buf);
}

TEST_F(stream, vectors)
{
	char a[4] = "abc", b[4] = "", c[8] = "defghij", in[4] = "", rest[12] = "";
	struct iovec out[3] = { { a, 3 }, { b, 0 }, { c, 7 } };
	struct iovec into[2] = { { in, 3 }, { rest, 11 } };
	struct msghdr msg = { .msg_iov = out, .msg_iovlen = 3 };
	struct addr name = addr_unspec();
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(10, sendmsg(fds[0], &msg, 0));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 10));
	/* A stream has no senders to name, and gives no message an end. */
	msg = (struct msghdr){ .msg_iov = into, .msg_iovlen = 2,
			       .msg_name = &name.sa, .msg_namelen = 16 };
	EXPECT_EQ(10, recvmsg(fds[1], &msg, 0));
	EXPECT_STREQ("abc", in);
	EXPECT_STREQ("defghij", rest);
	EXPECT_EQ(0, msg.msg_namelen);
	EXPECT_EQ(0, msg.msg_flags);
	EXPECT_EQ(0, msg.msg_controllen);

	memset(rest, 0, sizeof(rest));
	EXPECT_EQ(10, writev(fds[0], out, 3));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 10));
	EXPECT_EQ(10, readv(fds[1], into, 2));
	EXPECT_STREQ("defghij", rest);
}

TEST_F(stream, many_messages)
{
	struct iovec out[3] = { { "a", 1 }, { "bc", 2 }, { "def", 3 } }, in;
	struct mmsghdr msgs[3] = {};
	char buf[8] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	for (int i = 0; i < 3; i++) {
		msgs[i].msg_hdr.msg_iov = &out[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	EXPECT_EQ(3, sendmmsg(fds[0], msgs, 3, 0));
	EXPECT_EQ(3, msgs[2].msg_len);
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 6));
	in = (struct iovec){ buf, 7 };
	msgs[0].msg_hdr.msg_iov = &in;
	EXPECT_EQ(1, recvmmsg(fds[1], msgs, 1, 0, NULL));
	EXPECT_EQ(6, msgs[0].msg_len);
	EXPECT_STREQ("abcdef", buf);
}

TEST_F(stream, address_is_ignored)
{
	struct addr other = addr_loopback(self->door, 9);
	char c = 0;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(1, sendto(fds[0], "a", 1, 0, &other.sa, other.len));
	EXPECT_EQ(1, recvfrom(fds[1], &c, 1, 0, &other.sa, &other.len));
	EXPECT_EQ('a', c);
}

TEST_F(stream, control_data)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, 12345 } };
	struct iovec iov = { "a", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(EINVAL, sendmsg(fds[0], &msg, 0));
	/* What is for another level is nobody's. */
	control.head.cmsg_level = IPPROTO_UDP;
	EXPECT_EQ(1, sendmsg(fds[0], &msg, 0));
	control.head.cmsg_len = 1;
	EXPECT_ERRNO(EINVAL, sendmsg(fds[0], &msg, 0));
}

TEST_F(stream, bad_pointers)
{
	char buf[8] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(EFAULT, send(fds[0], (void *)1, 100, 0));
	EXPECT_EQ(2, send(fds[0], "ok", 2, 0));
	EXPECT_LT(0, wait_event(fds[1], POLLIN));
	EXPECT_ERRNO(EFAULT, recv(fds[1], (void *)1, 100, 0));
	/* Neither end lost or gained anything by it. */
	EXPECT_EQ(2, recv(fds[1], buf, sizeof(buf), 0));
	EXPECT_STREQ("ok", buf);
}

TEST_F(stream, queue_lengths)
{
	struct addr at;
	char buf[1000] = "";
	int fds[2], listener;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, sock_ioctl(fds[0], SIOCOUTQ));
	EXPECT_EQ(0, sock_ioctl(fds[1], SIOCINQ));
	EXPECT_EQ(1000, write(fds[0], buf, 1000));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 1000));
	EXPECT_EQ(1000, sock_ioctl(fds[1], FIONREAD));
	EXPECT_EQ(300, read(fds[1], buf, 300));
	EXPECT_EQ(700, sock_ioctl(fds[1], SIOCINQ));
	/* What the peer has received is queued here no more, read or not. */
	EXPECT_TRUE(wait_until(sock_ioctl(fds[0], SIOCOUTQ) == 0));

	ASSERT_LT(0, fill_socket(fds[0]));
	EXPECT_LT(0, sock_ioctl(fds[0], SIOCOUTQ));
	EXPECT_LT(0, sock_ioctl(fds[0], SIOCOUTQNSD));
	EXPECT_GE(sock_ioctl(fds[0], SIOCOUTQ),
		  sock_ioctl(fds[0], SIOCOUTQNSD));

	listener = sock_listen_lo(self->door, &at);
	EXPECT_ERRNO(EINVAL, sock_ioctl(listener, SIOCINQ));
	EXPECT_ERRNO(EINVAL, sock_ioctl(listener, SIOCOUTQ));
}

TEST_F(stream, buffer_fills)
{
	ssize_t sent, more;
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	sent = fill_socket(fds[0]);
	ASSERT_LT(0, sent);
	EXPECT_EQ(0, poll_now(fds[0], POLLOUT));
	EXPECT_ERRNO(EAGAIN, send(fds[0], "a", 1, MSG_DONTWAIT));
	EXPECT_EQ(0, pattern_recv(fds[1], sent, 100000));
	EXPECT_EQ(POLLOUT, wait_event(fds[0], POLLOUT));
	/* And again, from where the window was closed. */
	more = fill_socket(fds[0]);
	ASSERT_LT(0, more);
	EXPECT_EQ(0, pattern_recv(fds[1], more, 100000));
	EXPECT_ERRNO(EAGAIN, recv(fds[1], &c, 1, MSG_DONTWAIT));
}

TEST_F(stream, large_send_blocks)
{
	char *buf = malloc(BULK / 8);
	struct blocked b = { .call = call_send, .buf = buf, .len = BULK / 8 };
	int fds[2];

	/* One call for more than the buffers of both ends can hold. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	sock_set(fds[1], SOL_SOCKET, SO_RCVBUF, 65536);
	pattern_fill(buf, b.len, 0);
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(0, pattern_recv(fds[1], b.len, 200000));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(b.len, b.ret);
	free(buf);
}

TEST_F(stream, partial_send)
{
	char *buf = malloc(BULK / 2);
	ssize_t n;
	int fds[2];

	/* As much as fits, if it may not wait. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	pattern_fill(buf, BULK / 2, 0);
	n = send(fds[0], buf, BULK / 2, MSG_DONTWAIT);
	EXPECT_LT(0, n);
	EXPECT_GT(BULK / 2, n);
	EXPECT_EQ(0, pattern_recv(fds[1], n, 65536));
	free(buf);

	ASSERT_LT(0, fill_socket(fds[0]));
	ASSERT_EQ(0, sock_timeout(fds[0], SO_SNDTIMEO, 20));
	EXPECT_ERRNO(EAGAIN, send(fds[0], "x", 1, 0));
}

TEST_F(stream, sendfile)
{
	struct transfer t = { .total = 300000 };
	int file = pattern_file(t.total);
	off_t from = 0;
	ssize_t n;
	int fds[2];
	char *buf = malloc(t.total);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	for (size_t got = 0; got < t.total; ) {
		n = sendfile(fds[0], file, &from, t.total - from);
		ASSERT_TRUE(n >= 0 || errno == EAGAIN);
		n = recv(fds[1], buf + got, t.total - got, 0);
		ASSERT_LT(0, n);
		got += n;
	}
	EXPECT_TRUE(pattern_ok(buf, t.total, 0));
	EXPECT_EQ(t.total, from);
	free(buf);
}

TEST_F(stream, splice)
{
	char buf[8192];
	int fds[2], pipes[2], out[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, pipe(out));
	pattern_fill(buf, sizeof(buf), 0);
	ASSERT_EQ(sizeof(buf), write(pipes[1], buf, sizeof(buf)));
	close(pipes[1]);
	EXPECT_EQ(sizeof(buf), splice(pipes[0], NULL, fds[0], NULL, sizeof(buf),
				      0));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == sizeof(buf)));
	EXPECT_EQ(sizeof(buf), splice(fds[1], NULL, out[1], NULL, sizeof(buf),
				      0));
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(sizeof(buf), read_all(out[0], buf, sizeof(buf)));
	EXPECT_TRUE(pattern_ok(buf, sizeof(buf), 0));
	/* SPLICE_F_NONBLOCK is about the pipe. */
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(EAGAIN, splice(fds[1], NULL, out[1], NULL, 1, 0));
	fcntl(fds[1], F_SETFL, 0);
	close(fds[0]);
	EXPECT_EQ(0, splice(fds[1], NULL, out[1], NULL, 1, 0));
}

TEST_F(stream, low_water_mark)
{
	char buf[8] = "";
	struct blocked b = { .call = call_recv, .buf = buf, .len = 8 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_RCVLOWAT, 4));
	b.fd = fds[1];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(1, write(fds[0], "d", 1));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(4, b.ret);
}

TEST_F(stream, many_small_pieces)
{
	struct transfer t = { .total = 20000, .piece = 20 };
	pthread_t thread;
	int fds[2];

	/* Small pieces, sent at once and read slower than they come. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_TCP, TCP_NODELAY, 1);
	t.fd = fds[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, sender, &t));
	EXPECT_EQ(0, pattern_recv(fds[1], t.total, 10));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.err);
}

TEST_HARNESS_MAIN
