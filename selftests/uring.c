// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets through io_uring: each operation there is, those included that go on
 * until they are cancelled, and sending without copies.
 */
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/sockios.h>

#include "tern_test.h"
#include "uring.h"

#define BULK	(245 * 4096)

FIXTURE(uring) {
	const struct door *door;
	int ns;
	struct uring ring;
};

FIXTURE_VARIANT(uring) {
	enum door_id id;
};

DOOR_VARIANT(uring, tern_v4, DOOR_TERN_V4);
DOOR_VARIANT(uring, tern_v6, DOOR_TERN_V6);
DOOR_VARIANT(uring, proto_v4, DOOR_PROTO_V4);
DOOR_VARIANT(uring, proto_v6, DOOR_PROTO_V6);
DOOR_VARIANT(uring, tcp_v4, DOOR_TCP_V4);
DOOR_VARIANT(uring, tcp_v6, DOOR_TCP_V6);

FIXTURE_SETUP(uring)
{
	const char *why;

	self->door = &doors[variant->id];
	why = door_missing(self->door);
	if (why)
		SKIP(return, "%s: %s", self->door->name, why);
	self->ns = netns_new();
	ASSERT_LE(0, self->ns);
	if (uring_open(&self->ring))
		SKIP(return, "io_uring: %s", strerror(errno));
}

FIXTURE_TEARDOWN(uring)
{
	uring_close(&self->ring);
}

static void set_buf(struct io_uring_sqe *sqe, const void *buf, size_t len, int flags)
{
	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
	sqe->msg_flags = flags;
}

/* One completion, which must be that of @user_data; its result, or INT32_MIN. */
static int result(struct uring *r, __u64 user_data)
{
	struct io_uring_cqe cqe;

	if (uring_wait(r, &cqe) || cqe.user_data != user_data)
		return INT32_MIN;
	return cqe.res;
}

/* One request that is done at once, or soon. */
static int transfer(struct uring *r, int opcode, int fd, const void *buf, size_t len, int flags)
{
	set_buf(uring_sqe(r, opcode, fd, 99), buf, len, flags);
	if (uring_submit(r) != 1)
		return INT32_MIN;
	return result(r, 99);
}

static void prepare_connect(struct uring *r, int fd, const struct addr *at, __u64 user_data)
{
	struct io_uring_sqe *sqe = uring_sqe(r, IORING_OP_CONNECT, fd, user_data);

	sqe->addr = (uintptr_t)&at->sa;
	sqe->off = at->len;
}

static int cancel(struct uring *r, __u64 user_data)
{
	uring_sqe(r, IORING_OP_ASYNC_CANCEL, -1, 1000)->addr = user_data;
	return uring_submit(r) == 1 ? 0 : -1;
}

TEST_F(uring, connect_accept)
{
	int listener, fd, child = -1, connected = INT32_MIN;
	struct io_uring_cqe cqe;
	struct addr at;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	fd = door_socket(self->door, 0);
	ASSERT_LE(0, fd);
	uring_sqe(&self->ring, IORING_OP_ACCEPT, listener, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(uring_idle(&self->ring));
	prepare_connect(&self->ring, fd, &at, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		if (cqe.user_data == 1)
			child = cqe.res;
		else
			connected = cqe.res;
	}
	EXPECT_EQ(0, connected);
	ASSERT_LE(0, child);
	EXPECT_EQ(0, pattern_send(child, 1000, 1000));
	EXPECT_EQ(0, pattern_recv(fd, 1000, 1000));
}

TEST_F(uring, connect_refused)
{
	struct addr at;
	int fd, listener;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	close(listener);
	fd = door_socket(self->door, 0);
	prepare_connect(&self->ring, fd, &at, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_EQ(-ECONNREFUSED, result(&self->ring, 1));
}

TEST_F(uring, accept_many)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	int listener, fds[5];
	struct addr at;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	sqe = uring_sqe(&self->ring, IORING_OP_ACCEPT, listener, 1);
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	sqe->accept_flags = SOCK_CLOEXEC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	for (int i = 0; i < 5; i++) {
		fds[i] = sock_dial(self->door, &at);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_EQ(1, cqe.user_data);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		ASSERT_LE(0, cqe.res);
		EXPECT_EQ(1, write(cqe.res, "x", 1));
		EXPECT_LT(0, wait_event(fds[i], POLLIN));
	}
	ASSERT_EQ(0, cancel(&self->ring, 1));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_EQ(cqe.user_data == 1 ? -ECANCELED : 0, cqe.res);
		EXPECT_FALSE(cqe.flags & IORING_CQE_F_MORE);
	}
}

TEST_F(uring, send_receive)
{
	char buf[8] = "";
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	set_buf(uring_sqe(&self->ring, IORING_OP_RECV, fds[1], 1), buf, 6, MSG_WAITALL);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(uring_idle(&self->ring));
	EXPECT_EQ(3, transfer(&self->ring, IORING_OP_SEND, fds[0], "abc", 3, 0));
	EXPECT_TRUE(uring_idle(&self->ring));
	set_buf(uring_sqe(&self->ring, IORING_OP_SEND, fds[0], 2), "def", 3, 0);
	ASSERT_EQ(1, uring_submit(&self->ring));
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe cqe;

		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_EQ(cqe.user_data == 1 ? 6 : 3, cqe.res);
	}
	EXPECT_STREQ("abcdef", buf);
	EXPECT_EQ(-EAGAIN, transfer(&self->ring, IORING_OP_RECV, fds[1], buf, 1, MSG_DONTWAIT));

	/* The end of the stream ends what waits. */
	set_buf(uring_sqe(&self->ring, IORING_OP_RECV, fds[1], 1), buf, 6, 0);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_EQ(0, result(&self->ring, 1));
	EXPECT_EQ(-EPIPE, transfer(&self->ring, IORING_OP_SEND, fds[0], "x", 1, MSG_NOSIGNAL));
}

TEST_F(uring, receive_reset)
{
	char c;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	set_buf(uring_sqe(&self->ring, IORING_OP_RECV, fds[1], 1), &c, 1, 0);
	ASSERT_EQ(1, uring_submit(&self->ring));
	sock_reset(fds[0]);
	EXPECT_EQ(-ECONNRESET, result(&self->ring, 1));
}

TEST_F(uring, receive_cancelled)
{
	struct io_uring_cqe cqe;
	char c;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	set_buf(uring_sqe(&self->ring, IORING_OP_RECV, fds[1], 1), &c, 1, 0);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, cancel(&self->ring, 1));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_EQ(cqe.user_data == 1 ? -ECANCELED : 0, cqe.res);
	}
	EXPECT_EQ(1, write(fds[0], "x", 1));
	EXPECT_EQ(1, read(fds[1], &c, 1));
}

static void *receiver(void *arg)
{
	int *fd = arg;

	*fd = pattern_recv(*fd, BULK, 50000);
	return NULL;
}

TEST_F(uring, send_all)
{
	char *buf = malloc(BULK);
	pthread_t thread;
	int fds[2];

	/* More than the socket takes at once: the ring waits for room. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 20000));
	pattern_fill(buf, BULK, 0);
	set_buf(uring_sqe(&self->ring, IORING_OP_SEND, fds[0], 1), buf, BULK, MSG_WAITALL);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, pthread_create(&thread, NULL, receiver, &fds[1]));
	EXPECT_EQ(BULK, result(&self->ring, 1));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, fds[1]);
	free(buf);
}

TEST_F(uring, messages)
{
	char a[4] = "abc", b[5] = "defg", in[4] = "", rest[8] = "";
	struct iovec out[2] = { { a, 3 }, { b, 4 } }, into[2] = { { in, 3 }, { rest, 7 } };
	struct msghdr sent = { .msg_iov = out, .msg_iovlen = 2 };
	struct msghdr got = { .msg_iov = into, .msg_iovlen = 2 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	set_buf(uring_sqe(&self->ring, IORING_OP_RECVMSG, fds[1], 1), &got, 1, 0);
	ASSERT_EQ(1, uring_submit(&self->ring));
	set_buf(uring_sqe(&self->ring, IORING_OP_SENDMSG, fds[0], 2), &sent, 1, 0);
	ASSERT_EQ(1, uring_submit(&self->ring));
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe cqe;

		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_EQ(7, cqe.res);
	}
	EXPECT_STREQ("abc", in);
	EXPECT_STREQ("defg", rest);
}

#define BUF_SIZE 16

/* Receive, until there is no more, into @count buffers of BUF_SIZE; completions are 2. */
static int receive_into(struct uring *r, int fd, void *bufs, unsigned int count)
{
	struct io_uring_sqe *sqe;

	sqe = uring_sqe(r, IORING_OP_PROVIDE_BUFFERS, count, 1);
	set_buf(sqe, bufs, BUF_SIZE, 0);
	sqe->buf_group = 7;
	if (uring_submit(r) != 1 || result(r, 1) < 0)
		return -1;
	sqe = uring_sqe(r, IORING_OP_RECV, fd, 2);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = 7;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	return uring_submit(r) == 1 ? 0 : -1;
}

TEST_F(uring, receive_many)
{
	static char bufs[4][BUF_SIZE];
	struct io_uring_cqe cqe;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, receive_into(&self->ring, fds[1], bufs, 4));
	for (int i = 0; i < 3; i++) {
		char text[4] = { 'a' + i, 'b', 'c' };
		unsigned int id;

		ASSERT_EQ(3, write(fds[0], text, 3));
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_EQ(2, cqe.user_data);
		EXPECT_EQ(3, cqe.res);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		ASSERT_TRUE(cqe.flags & IORING_CQE_F_BUFFER);
		id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
		ASSERT_GT(4, id);
		EXPECT_EQ(0, memcmp(text, bufs[id], 3));
	}
	close(fds[0]);
	ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	EXPECT_FALSE(cqe.flags & IORING_CQE_F_MORE);
}

/* Data and the end at once: the ring is told that there is more than the data. */
TEST_F(uring, receive_many_with_end)
{
	static char bufs[2][BUF_SIZE];
	struct io_uring_cqe cqe;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(3, write(fds[0], "abc", 3));
	close(fds[0]);
	ASSERT_EQ(POLLRDHUP, wait_event(fds[1], POLLRDHUP));
	ASSERT_EQ(0, receive_into(&self->ring, fds[1], bufs, 2));
	ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
	EXPECT_EQ(3, cqe.res);
	EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
	EXPECT_TRUE(cqe.flags & IORING_CQE_F_SOCK_NONEMPTY);
	ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
	EXPECT_EQ(0, cqe.res);
	EXPECT_FALSE(cqe.flags & IORING_CQE_F_MORE);
}

TEST_F(uring, poll)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe cqe;
	char c;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sqe = uring_sqe(&self->ring, IORING_OP_POLL_ADD, fds[1], 1);
	sqe->poll32_events = POLLIN | POLLRDHUP;
	sqe->len = IORING_POLL_ADD_MULTI;
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(uring_idle(&self->ring));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(1, write(fds[0], "x", 1));
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_EQ(POLLIN, cqe.res);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		ASSERT_EQ(1, read(fds[1], &c, 1));
	}
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
	EXPECT_EQ(POLLIN | POLLRDHUP, cqe.res & (POLLIN | POLLRDHUP));

	sqe = uring_sqe(&self->ring, IORING_OP_POLL_ADD, fds[1], 2);
	sqe->poll32_events = POLLOUT;
	ASSERT_EQ(1, uring_submit(&self->ring));
	do {
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
	} while (cqe.user_data == 1);
	EXPECT_EQ(POLLOUT, cqe.res & (POLLIN | POLLOUT));
}

TEST_F(uring, shut_down)
{
	char c;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, transfer(&self->ring, IORING_OP_SHUTDOWN, fds[0], NULL, SHUT_WR, 0));
	EXPECT_EQ(0, read(fds[1], &c, 1));
	EXPECT_EQ(0, transfer(&self->ring, IORING_OP_CLOSE, fds[0], NULL, 0, 0));
	EXPECT_ERRNO(EBADF, write(fds[0], "x", 1));
}

/* Both completions of a request without copies: what was sent, and that it is over. */
static int sent_and_over(struct uring *r, int *sent)
{
	struct io_uring_cqe cqe;

	if (uring_wait(r, &cqe))
		return -1;
	*sent = cqe.res;
	if (cqe.flags & IORING_CQE_F_NOTIF || !(cqe.flags & IORING_CQE_F_MORE))
		return -1;
	if (uring_wait(r, &cqe))
		return -1;
	return cqe.flags & IORING_CQE_F_NOTIF && !(cqe.flags & IORING_CQE_F_MORE) ? 0 : -1;
}

TEST_F(uring, send_zero_copy)
{
	char *buf = malloc(BULK), *got = malloc(BULK);
	int sent = 0, total = 0;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	pattern_fill(buf, BULK, 0);
	for (int i = 1; i < 10; i++) {
		set_buf(uring_sqe(&self->ring, IORING_OP_SEND_ZC, fds[0], 1), buf + total,
			i * 5000, 0);
		ASSERT_EQ(1, uring_submit(&self->ring));
		ASSERT_EQ(0, sent_and_over(&self->ring, &sent));
		ASSERT_LT(0, sent);
		ASSERT_EQ(sent, read_all(fds[1], got, sent));
		EXPECT_TRUE(pattern_ok(got, sent, total));
		total += sent;
	}
	free(buf);
	free(got);
}

TEST_F(uring, send_zero_copy_registered)
{
	struct iovec iov = { .iov_len = BULK };
	char *got = malloc(BULK);
	int sent = 0, total = 0;
	int fds[2];

	/* Their pages have no references of their own; copies share segments with them. */
	iov.iov_base = aligned_alloc(4096, BULK);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	pattern_fill(iov.iov_base, BULK, 0);
	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring.fd, IORING_REGISTER_BUFFERS, &iov,
			     1));
	for (int i = 1; i < 10; i++) {
		struct io_uring_sqe *sqe;
		int len = i * 3000;

		ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_CORK, 1));
		sqe = uring_sqe(&self->ring, IORING_OP_SEND_ZC, fds[0], 1);
		set_buf(sqe, iov.iov_base + total, len, 0);
		sqe->ioprio = IORING_RECVSEND_FIXED_BUF;
		ASSERT_EQ(1, uring_submit(&self->ring));
		ASSERT_EQ(100, send(fds[0], iov.iov_base + total + len, 100, 0));
		ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_CORK, 0));
		ASSERT_EQ(0, sent_and_over(&self->ring, &sent));
		ASSERT_EQ(len, sent);
		ASSERT_EQ(len + 100, read_all(fds[1], got, len + 100));
		EXPECT_TRUE(pattern_ok(got, len + 100, total));
		total += len + 100;
	}
	free(iov.iov_base);
	free(got);
}

TEST_F(uring, send_zero_copy_nowhere)
{
	struct io_uring_cqe cqe;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	set_buf(uring_sqe(&self->ring, IORING_OP_SEND_ZC, fds[0], 1), "x", 1, MSG_NOSIGNAL);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
	EXPECT_EQ(-EPIPE, cqe.res);
	if (cqe.flags & IORING_CQE_F_MORE) {
		ASSERT_EQ(0, uring_wait(&self->ring, &cqe));
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_NOTIF);
	}
}

TEST_HARNESS_MAIN
