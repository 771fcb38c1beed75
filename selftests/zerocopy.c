// SPDX-License-Identifier: GPL-2.0
/*
 * MSG_ZEROCOPY: the program's own pages are sent, and the error queue tells when
 * they are its own again. Between two sockets of one machine the kernel copies
 * after all, late, and says so.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>

#include "tern_test.h"

#define PIECE	40000

DOOR_FIXTURE(zerocopy);

/* Some kernels refuse SO_ZEROCOPY to protocols that they do not know. */
static int enable(const struct door *d, int fd)
{
	if (!sock_set(fd, SOL_SOCKET, SO_ZEROCOPY, 1))
		return 0;
	if (errno != EOPNOTSUPP || door_is_tcp(d))
		return -1;
	return sock_set(fd, SOL_TERN, TERN_ZEROCOPY, 1);
}

static int pair(const struct door *d, int fds[2])
{
	return sock_pair(d, fds) ? -1 : enable(d, fds[0]);
}

/**
 * struct notice - a message from the error queue
 * @level: of the control message
 * @type: of the control message
 * @err: what it says
 */
struct notice {
	int level;
	int type;
	struct sock_extended_err err;
};

/* Does not wait: EAGAIN. */
static int notice_read(int fd, struct notice *n)
{
	char control[256];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE) < 0)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || !(msg.msg_flags & MSG_ERRQUEUE)) {
		errno = ENOMSG;
		return -1;
	}
	n->level = cmsg->cmsg_level;
	n->type = cmsg->cmsg_type;
	memcpy(&n->err, CMSG_DATA(cmsg), sizeof(n->err));
	return 0;
}

/*
 * Reads until all of so many calls are completed, each once, in whatever order.
 * How many notices that took, or -1.
 */
static int completed(int fd, uint32_t calls)
{
	bool *seen = calloc(calls, sizeof(*seen));
	struct notice n;
	int notices = 0;

	for (uint32_t left = calls; left; notices++) {
		while (notice_read(fd, &n))
			if (errno != EAGAIN || !(wait_event(fd, 0) & POLLERR))
				goto failed;
		if (n.err.ee_origin != SO_EE_ORIGIN_ZEROCOPY || n.err.ee_errno ||
		    n.err.ee_info > n.err.ee_data || n.err.ee_data >= calls)
			goto failed;
		for (uint32_t i = n.err.ee_info; i <= n.err.ee_data; i++, left--) {
			if (seen[i])
				goto failed;
			seen[i] = true;
		}
	}
	free(seen);
	return notices;

failed:
	free(seen);
	return -1;
}

TEST_F(zerocopy, option)
{
	int level = SOL_SOCKET, opt = SO_ZEROCOPY, fd, listener, child;
	struct addr at;

	fd = door_socket(self->door, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ZEROCOPY));
	if (sock_set(fd, level, opt, 0)) {
		ASSERT_EQ(EOPNOTSUPP, errno);
		ASSERT_FALSE(door_is_tcp(self->door));
		level = SOL_TERN;
		opt = TERN_ZEROCOPY;
	}
	EXPECT_EQ(0, sock_set(fd, level, opt, 1));
	EXPECT_EQ(1, sock_get(fd, level, opt));
	EXPECT_EQ(1, sock_get(fd, SOL_SOCKET, SO_ZEROCOPY));
	EXPECT_ERRNO(EINVAL, sock_set(fd, level, opt, 2));
	EXPECT_ERRNO(EINVAL, sock_set(fd, level, opt, -1));
	EXPECT_ERRNO(EINVAL, setsockopt(fd, level, opt, "", 1));
	EXPECT_ERRNO(EFAULT, setsockopt(fd, level, opt, NULL, sizeof(int)));
	EXPECT_EQ(0, sock_set(fd, level, opt, 0));
	EXPECT_EQ(0, sock_get(fd, level, opt));

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, enable(self->door, listener));
	ASSERT_EQ(0, sock_connect(fd, &at));
	child = accept(listener, NULL, NULL);
	ASSERT_LE(0, child);
	EXPECT_EQ(1, sock_get(child, SOL_SOCKET, SO_ZEROCOPY));
	EXPECT_EQ(0, sock_set(child, level, opt, 0));
	EXPECT_EQ(0, sock_set(child, level, opt, 1));
	/* The rest of the level is as it was. */
	EXPECT_EQ(0, sock_set(child, SOL_SOCKET, SO_KEEPALIVE, 1));
	EXPECT_EQ(1, sock_get(child, SOL_SOCKET, SO_KEEPALIVE));
}

TEST_F(zerocopy, notice)
{
	char *buf = malloc(PIECE);
	struct notice n;
	int fds[2];

	ASSERT_EQ(0, pair(self->door, fds));
	pattern_fill(buf, PIECE, 0);
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
	ASSERT_EQ(PIECE, send(fds[0], buf, PIECE, MSG_ZEROCOPY));
	EXPECT_EQ(0, pattern_recv(fds[1], PIECE, PIECE));
	EXPECT_TRUE(wait_event(fds[0], 0) & POLLERR);
	ASSERT_EQ(0, notice_read(fds[0], &n));
	EXPECT_EQ(self->door->family == AF_INET ? SOL_IP : SOL_IPV6, n.level);
	EXPECT_EQ(self->door->family == AF_INET ? IP_RECVERR : IPV6_RECVERR, n.type);
	EXPECT_EQ(SO_EE_ORIGIN_ZEROCOPY, n.err.ee_origin);
	EXPECT_EQ(SO_EE_CODE_ZEROCOPY_COPIED, n.err.ee_code);
	EXPECT_EQ(0, n.err.ee_errno);
	EXPECT_EQ(0, n.err.ee_info);
	EXPECT_EQ(0, n.err.ee_data);
	EXPECT_EQ(0, poll_now(fds[0], 0));
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
	/* It is no error of the connection. */
	EXPECT_EQ(0, sock_get(fds[0], SOL_SOCKET, SO_ERROR));
	free(buf);
}

TEST_F(zerocopy, notices_merged)
{
	char buf[100];
	int fds[2];

	ASSERT_EQ(0, pair(self->door, fds));
	for (int i = 0; i < 20; i++) {
		pattern_fill(buf, sizeof(buf), i * sizeof(buf));
		ASSERT_EQ(sizeof(buf), send(fds[0], buf, sizeof(buf), MSG_ZEROCOPY));
		/* The buffer must not change before it is sent. */
		ASSERT_TRUE(wait_until(!sock_ioctl(fds[0], SIOCOUTQ)));
	}
	/* SIOCINQ takes the lock, so the last acknowledgment has been gone through. */
	ASSERT_EQ(0, sock_ioctl(fds[0], SIOCINQ));
	EXPECT_EQ(1, completed(fds[0], 20));
	EXPECT_EQ(0, poll_now(fds[0], 0));
	EXPECT_EQ(0, pattern_recv(fds[1], 20 * sizeof(buf), 70));
}

TEST_F(zerocopy, without_option)
{
	struct notice n;
	char c = 0;
	int fds[2];

	/* The flag alone does nothing. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(1, send(fds[0], "x", 1, MSG_ZEROCOPY));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_EQ('x', c);
	ASSERT_TRUE(wait_until(!sock_ioctl(fds[0], SIOCOUTQ)));
	EXPECT_EQ(0, poll_now(fds[0], 0));
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
}

TEST_F(zerocopy, without_flag)
{
	struct notice n;
	char c = 0;
	int fds[2];

	ASSERT_EQ(0, pair(self->door, fds));
	ASSERT_EQ(1, send(fds[0], "x", 1, 0));
	EXPECT_EQ(0, send(fds[0], "x", 0, MSG_ZEROCOPY));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	ASSERT_TRUE(wait_until(!sock_ioctl(fds[0], SIOCOUTQ)));
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
}

TEST_F(zerocopy, nothing_taken)
{
	char *buf = calloc(1, PIECE);
	struct notice n;
	int fds[2];

	/* A call that fails has no number. */
	ASSERT_EQ(0, pair(self->door, fds));
	EXPECT_ERRNO(EFAULT, send(fds[0], NULL, PIECE, MSG_ZEROCOPY));
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
	ASSERT_EQ(PIECE, send(fds[0], buf, PIECE, MSG_ZEROCOPY));
	EXPECT_EQ(1, completed(fds[0], 1));
	ASSERT_EQ(PIECE, read_all(fds[1], buf, PIECE));

	ASSERT_LT(0, fill_socket(fds[0]));
	EXPECT_ERRNO(EAGAIN, send(fds[0], buf, PIECE, MSG_ZEROCOPY | MSG_DONTWAIT));
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_ERRNO(EPIPE, send(fds[0], buf, PIECE, MSG_ZEROCOPY | MSG_NOSIGNAL));
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
	free(buf);
}

/**
 * struct job - what a thread sends
 * @fd: socket
 * @buf: all of it
 * @total: how much
 * @file: the same as a file, to send a part of it from there; or -1
 * @calls: with MSG_ZEROCOPY
 * @err: errno of the call that failed
 */
struct job {
	int fd;
	char *buf;
	size_t total;
	int file;
	uint32_t calls;
	int err;
};

static void *sender(void *arg)
{
	struct job *j = arg;
	off_t at = 0;
	ssize_t n;

	for (int i = 0; at < (off_t)j->total; i++) {
		size_t len = 1 + (size_t)i * 7919 % (2 * PIECE);

		if (len > j->total - at)
			len = j->total - at;
		if (j->file >= 0 && i % 3 == 0) {
			n = sendfile(j->fd, j->file, &at, len);
		} else {
			bool copy = j->file >= 0 && i % 3 == 1;

			n = send(j->fd, j->buf + at, len, copy ? 0 : MSG_ZEROCOPY);
			at += n > 0 ? n : 0;
			j->calls += !copy && n > 0;
		}
		if (n <= 0) {
			j->err = errno;
			break;
		}
	}
	return NULL;
}

/* A thread sends: all of it arrives, and each call completes. */
static int carry(struct job *j, const int fds[2])
{
	pthread_t thread;
	int wrong;

	j->fd = fds[0];
	j->buf = malloc(j->total);
	pattern_fill(j->buf, j->total, 0);
	if (pthread_create(&thread, NULL, sender, j))
		return -1;
	wrong = pattern_recv(fds[1], j->total, 100000);
	pthread_join(thread, NULL);
	if (!wrong)
		wrong = j->err ?: completed(fds[0], j->calls) <= 0;
	free(j->buf);
	return wrong;
}

TEST_F(zerocopy, stream)
{
	struct job j = { .total = 4 << 20, .file = -1 };
	int fds[2];

	ASSERT_EQ(0, pair(self->door, fds));
	EXPECT_EQ(0, carry(&j, fds));
}

TEST_F(zerocopy, stream_with_loss)
{
	struct job j = { .total = 1 << 20, .file = -1 };
	int fds[2];

	ASSERT_EQ(0, wire_pair(self->door, self->ns, 3, fds));
	ASSERT_EQ(0, enable(self->door, fds[0]));
	EXPECT_EQ(0, carry(&j, fds));
}

TEST_F(zerocopy, among_copies_and_pages)
{
	struct job j = { .total = 4 << 20 };
	int fds[2];

	ASSERT_EQ(0, pair(self->door, fds));
	j.file = pattern_file(j.total);
	ASSERT_LE(0, j.file);
	EXPECT_EQ(0, carry(&j, fds));
}

/* A segment of single bytes is not full, but its pages fill the send buffer. */
TEST_F(zerocopy, corked_and_full)
{
	int flags[] = { 0, MSG_MORE }, page = getpagesize(), fds[2];
	struct iovec pieces[64];
	struct msghdr msg = { .msg_iov = pieces, .msg_iovlen = ARRAY_SIZE(pieces) };
	char *buf = mmap(NULL, ARRAY_SIZE(pieces) * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	ASSERT_NE(MAP_FAILED, buf);
	for (unsigned int i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] = (struct iovec){ buf + i * page, 1 };
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pair(self->door, fds));
		ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 1));
		ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_CORK, !flags[i]));
		ASSERT_LT(0, sendmsg(fds[0], &msg, MSG_DONTWAIT | MSG_ZEROCOPY | flags[i]));
		EXPECT_EQ(0, sock_ioctl(fds[0], SIOCOUTQNSD));
		close(fds[0]);
		close(fds[1]);
	}
	munmap(buf, ARRAY_SIZE(pieces) * page);
}

/* fds[0] is connected to a host whose answers are lost. */
static int silent_pair(const struct door *d, int ns, int fds[2], int *peer)
{
	*peer = peer_mute(d, ns);
	if (*peer < 0 || peer_silence(d, *peer, false) || host_pair(d, ns, *peer, fds) ||
	    enable(d, fds[0]))
		return -1;
	return peer_silence(d, *peer, true);
}

TEST_F(zerocopy, not_before_acknowledged)
{
	char *buf = malloc(PIECE), *got = malloc(PIECE);
	struct notice n;
	int fds[2], peer;

	ASSERT_EQ(0, silent_pair(self->door, self->ns, fds, &peer));
	pattern_fill(buf, PIECE, 0);
	ASSERT_EQ(1000, send(fds[0], buf, 1000, MSG_ZEROCOPY));
	ASSERT_EQ(1000, read_all(fds[1], got, 1000));
	EXPECT_TRUE(pattern_ok(got, 1000, 0));
	EXPECT_ERRNO(EAGAIN, notice_read(fds[0], &n));
	EXPECT_EQ(0, poll_now(fds[0], 0));
	ASSERT_EQ(0, peer_silence(self->door, peer, false));
	EXPECT_EQ(1, completed(fds[0], 1));
	free(buf);
	free(got);
}

TEST_F(zerocopy, reset)
{
	char *buf = calloc(1, PIECE);
	uint32_t calls = 0;
	int fds[2];

	/* What will never be sent is the program's again. */
	ASSERT_EQ(0, pair(self->door, fds));
	while (send(fds[0], buf, PIECE, MSG_ZEROCOPY | MSG_DONTWAIT) > 0)
		calls++;
	ASSERT_EQ(EAGAIN, errno);
	ASSERT_LT(0, calls);
	sock_reset(fds[1]);
	ASSERT_LT(0, wait_event(fds[0], POLLHUP));
	EXPECT_LT(0, completed(fds[0], calls));
	EXPECT_EQ(ECONNRESET, sock_get(fds[0], SOL_SOCKET, SO_ERROR));
	free(buf);
}

TEST_F(zerocopy, closed)
{
	char *buf = malloc(PIECE);
	int fds[2], peer;

	/* The connection goes on without the program, and so do the pages. */
	ASSERT_EQ(0, silent_pair(self->door, self->ns, fds, &peer));
	pattern_fill(buf, PIECE, 0);
	ASSERT_EQ(PIECE, send(fds[0], buf, PIECE, MSG_ZEROCOPY));
	close(fds[0]);
	ASSERT_EQ(0, peer_silence(self->door, peer, false));
	EXPECT_EQ(0, pattern_recv(fds[1], PIECE, PIECE));
	EXPECT_EQ(0, read(fds[1], buf, 1));
	free(buf);
}

TEST_F(zerocopy, aborted)
{
	char *buf = calloc(1, PIECE);
	int fds[2], peer;

	ASSERT_EQ(0, silent_pair(self->door, self->ns, fds, &peer));
	ASSERT_EQ(PIECE, send(fds[0], buf, PIECE, MSG_ZEROCOPY));
	sock_reset(fds[0]);
	EXPECT_LT(0, wait_event(fds[1], POLLHUP));
	free(buf);
}

TEST_F(zerocopy, disconnected)
{
	struct addr none = addr_unspec();
	char *buf = calloc(1, PIECE);
	int fds[2], peer;

	ASSERT_EQ(0, silent_pair(self->door, self->ns, fds, &peer));
	ASSERT_EQ(PIECE, send(fds[0], buf, PIECE, MSG_ZEROCOPY));
	ASSERT_EQ(0, sock_connect(fds[0], &none));
	EXPECT_EQ(1, completed(fds[0], 1));
	free(buf);
}

TEST_HARNESS_MAIN
