// SPDX-License-Identifier: GPL-2.0
/*
 * Pages instead of copies: sendfile(), splice() in both directions and
 * vmsplice(). Whatever way the bytes take, they are those of the stream.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <linux/sockios.h>

#include "tern_test.h"

#define BULK	(2 << 20)

DOOR_FIXTURE(splice);

/**
 * struct job - what a thread moves from one descriptor to another
 * @from: file or socket
 * @to: socket
 * @total: bytes to send; of a socket, all
 * @piece: most bytes in one call
 * @err: errno of the call that failed
 */
struct job {
	int from;
	int to;
	size_t total;
	size_t piece;
	int err;
};

static void *send_file(void *arg)
{
	struct job *j = arg;
	off_t at = 0;

	while (at < (off_t)j->total) {
		size_t left = j->total - at;

		if (sendfile(j->to, j->from, &at, left < j->piece ? left : j->piece) <= 0) {
			j->err = errno;
			break;
		}
	}
	shutdown(j->to, SHUT_WR);
	return NULL;
}

/* Everything that is in the pipe, in calls that may do less. */
static int drain(int pipe_out, int to, size_t len, int flags)
{
	ssize_t n;

	while (len) {
		n = splice(pipe_out, NULL, to, NULL, len, flags);
		if (n <= 0)
			return -1;
		len -= n;
	}
	return 0;
}

static void *relay(void *arg)
{
	struct job *j = arg;
	int pipes[2];
	ssize_t n;

	if (pipe(pipes))
		return NULL;
	while ((n = splice(j->from, NULL, pipes[1], NULL, j->piece, SPLICE_F_MOVE)) > 0)
		if (drain(pipes[0], j->to, n, SPLICE_F_MOVE))
			break;
	j->err = n ? errno : 0;
	shutdown(j->to, SHUT_WR);
	close(pipes[0]);
	close(pipes[1]);
	return NULL;
}

static int run(pthread_t *thread, void *(*work)(void *), struct job *j)
{
	return pthread_create(thread, NULL, work, j);
}

static bool at_end(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

/* A thread sends a file: all of it arrives, and then the end. */
static int carry(void *(*send)(void *job), struct job *j, const int fds[2], size_t piece)
{
	pthread_t thread;
	int wrong;

	j->from = pattern_file(j->total);
	j->to = fds[0];
	if (j->from < 0 || run(&thread, send, j))
		return -1;
	wrong = pattern_recv(fds[1], j->total, piece) || !at_end(fds[1]);
	pthread_join(thread, NULL);
	return wrong ?: j->err;
}

TEST_F(splice, file_to_socket)
{
	struct job j = { .total = BULK + 12345, .piece = 100001 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, carry(send_file, &j, fds, 50000));
}

TEST_F(splice, file_to_socket_with_loss)
{
	struct job j = { .total = BULK / 4, .piece = BULK };
	int fds[2];

	/* What is sent again is what was sent: the pages are still the file's. */
	ASSERT_EQ(0, wire_pair(self->door, self->ns, 3, fds));
	EXPECT_EQ(0, carry(send_file, &j, fds, 50000));
}

TEST_F(splice, file_shorter_than_asked)
{
	size_t len = 5000;
	int file = pattern_file(len);
	off_t at = 0;
	int fds[2];

	/* sendfile() announces more than there is: what there is goes nevertheless. */
	ASSERT_LE(0, file);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(len, sendfile(fds[0], file, &at, 1 << 20));
	EXPECT_EQ(len, at);
	EXPECT_EQ(0, sock_ioctl(fds[0], SIOCOUTQNSD));
	EXPECT_EQ(0, pattern_recv(fds[1], len, len));
	EXPECT_EQ(0, sendfile(fds[0], file, &at, 1));
}

TEST_F(splice, file_changes_later)
{
	char buf[4096], old[4096];
	int file = pattern_file(sizeof(buf));
	off_t at = 0;
	int fds[2];

	/* What has been read is the program's, whatever becomes of the file. */
	ASSERT_LE(0, file);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(sizeof(buf), sendfile(fds[0], file, &at, sizeof(buf)));
	ASSERT_EQ(sizeof(old), read_all(fds[1], old, sizeof(old)));
	memset(buf, 'x', sizeof(buf));
	ASSERT_EQ(sizeof(buf), pwrite(file, buf, sizeof(buf), 0));
	EXPECT_TRUE(pattern_ok(old, sizeof(old), 0));
	at = 0;
	ASSERT_EQ(sizeof(buf), sendfile(fds[0], file, &at, sizeof(buf)));
	ASSERT_EQ(sizeof(old), read_all(fds[1], old, sizeof(old)));
	EXPECT_EQ(0, memcmp(old, buf, sizeof(buf)));
}

TEST_F(splice, socket_to_socket)
{
	struct job in = { .total = BULK, .piece = 1 << 16 }, through = { .piece = 1 << 16 };
	pthread_t threads[2];
	int a[2], b[2];

	ASSERT_EQ(0, sock_pair(self->door, a));
	ASSERT_EQ(0, sock_pair(self->door, b));
	in.from = pattern_file(in.total);
	in.to = a[0];
	through.from = a[1];
	through.to = b[0];
	ASSERT_EQ(0, run(&threads[0], relay, &through));
	ASSERT_EQ(0, run(&threads[1], send_file, &in));
	EXPECT_EQ(0, pattern_recv(b[1], in.total, 30000));
	EXPECT_TRUE(at_end(b[1]));
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	EXPECT_EQ(0, in.err);
	EXPECT_EQ(0, through.err);
}

TEST_F(splice, socket_to_socket_with_loss)
{
	struct job in = { .total = BULK / 4, .piece = 3000 }, through = { .piece = 5000 };
	pthread_t threads[2];
	int a[2], b[2];

	ASSERT_EQ(0, sock_pair(self->door, b));
	ASSERT_EQ(0, wire_pair(self->door, self->ns, 3, a));
	in.from = pattern_file(in.total);
	in.to = a[0];
	through.from = a[1];
	through.to = b[0];
	ASSERT_EQ(0, run(&threads[0], relay, &through));
	ASSERT_EQ(0, run(&threads[1], send_file, &in));
	EXPECT_EQ(0, pattern_recv(b[1], in.total, 30000));
	EXPECT_TRUE(at_end(b[1]));
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	EXPECT_EQ(0, in.err);
	EXPECT_EQ(0, through.err);
}

TEST_F(splice, memory_to_socket)
{
	size_t len = 1 << 16;
	char *buf = aligned_alloc(4096, len);
	struct iovec iov = { buf, len };
	int fds[2], pipes[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	pattern_fill(buf, len, 0);
	ASSERT_EQ(len, vmsplice(pipes[1], &iov, 1, 0));
	ASSERT_EQ(0, drain(pipes[0], fds[0], len, 0));
	EXPECT_EQ(0, pattern_recv(fds[1], len, len));
}

TEST_F(splice, unaligned_pieces)
{
	char buf[300], got[300];
	int fds[2], pipes[2];
	size_t sent = 0;

	/* More pieces than a segment has fragments, none of them next to another. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_CORK, 1));
	for (int i = 0; i < 60; i++) {
		struct iovec iov = { buf + (59 - i) * 5, 5 };

		pattern_fill(iov.iov_base, 5, sent);
		ASSERT_EQ(5, vmsplice(pipes[1], &iov, 1, 0));
		ASSERT_EQ(0, drain(pipes[0], fds[0], 5, i % 2 ? SPLICE_F_MORE : 0));
		sent += 5;
	}
	ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_CORK, 0));
	ASSERT_EQ(sizeof(got), read_all(fds[1], got, sizeof(got)));
	EXPECT_TRUE(pattern_ok(got, sizeof(got), 0));
}

static void *send_mixed(void *arg)
{
	struct job *j = arg;
	size_t n, done;
	char buf[700];
	off_t at;

	for (done = 0; done < j->total; done = at) {
		n = 1 + done * 37 % sizeof(buf);
		if (n > j->total - done)
			n = j->total - done;
		pattern_fill(buf, n, done);
		at = done;
		if (done & 1)
			j->err = sendfile(j->to, j->from, &at, n) < 0 ? errno : 0;
		else if (send(j->to, buf, n, done & 2 ? MSG_MORE : 0) == (ssize_t)n)
			at += n;
		else
			j->err = errno;
		if (j->err)
			break;
	}
	shutdown(j->to, SHUT_WR);
	return NULL;
}

TEST_F(splice, between_copies)
{
	struct job j = { .total = 200000 };
	int fds[2];

	/* Copies and pages share segments. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, carry(send_mixed, &j, fds, 3000));
}

TEST_F(splice, more_to_come)
{
	int fds[2], pipes[2], unsent;
	bool late = true;
	char buf[3] = "";
	uint64_t start;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	/* A timer sends what is held back after 200 ms: then nothing can be said. */
	for (int i = 0; late && i < 10; i++) {
		start = now_ms();
		ASSERT_EQ(2, write(pipes[1], "ab", 2));
		ASSERT_EQ(1, splice(pipes[0], NULL, fds[0], NULL, 1, SPLICE_F_MORE));
		unsent = sock_ioctl(fds[0], SIOCOUTQNSD);
		late = now_ms() - start > 150;
		ASSERT_EQ(1, splice(pipes[0], NULL, fds[0], NULL, 1, 0));
		ASSERT_EQ(2, read_all(fds[1], buf, 2));
		EXPECT_STREQ("ab", buf);
	}
	EXPECT_FALSE(late);
	EXPECT_EQ(1, unsent);
}

TEST_F(splice, small_pipe)
{
	int fds[2], pipes[2], size;
	size_t len = 50000;
	char *buf = malloc(len);
	ssize_t n;

	/* What does not fit into the pipe stays in the socket. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	size = fcntl(pipes[1], F_SETPIPE_SZ, 4096);
	ASSERT_EQ(4096, size);
	pattern_fill(buf, len, 0);
	ASSERT_EQ(len, write_all(fds[0], buf, len));
	ASSERT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == (int)len));
	n = splice(fds[1], NULL, pipes[1], NULL, len, 0);
	ASSERT_LT(0, n);
	/* A pipe of one buffer holds one fragment. */
	ASSERT_GT((ssize_t)len, n);
	EXPECT_EQ((int)len - n, sock_ioctl(fds[1], SIOCINQ));
	EXPECT_ERRNO(EAGAIN, splice(fds[1], NULL, pipes[1], NULL, len, SPLICE_F_NONBLOCK));
	ASSERT_EQ(n, read_all(pipes[0], buf, n));
	EXPECT_TRUE(pattern_ok(buf, n, 0));
	ASSERT_EQ((ssize_t)len - n, read_all(fds[1], buf, len - n));
	EXPECT_TRUE(pattern_ok(buf, len - n, n));
	free(buf);
}

TEST_F(splice, part_of_a_segment)
{
	int fds[2], pipes[2];
	char buf[8] = "";

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(7, write(fds[0], "abcdefg", 7));
	ASSERT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 7));
	EXPECT_EQ(2, splice(fds[1], NULL, pipes[1], NULL, 2, 0));
	EXPECT_EQ(1, read(fds[1], buf, 1));
	EXPECT_EQ('c', buf[0]);
	EXPECT_EQ(4, splice(fds[1], NULL, pipes[1], NULL, 100, 0));
	EXPECT_EQ(6, read_all(pipes[0], buf, 6));
	EXPECT_EQ(0, memcmp("abdefg", buf, 6));
}

TEST_F(splice, window_opens)
{
	int fds[2], pipes[2];
	char buf[4096];
	ssize_t filled;

	/* Splicing from the socket makes room for the sender, as reading does. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	filled = fill_socket(fds[0]);
	ASSERT_LT(0, filled);
	for (ssize_t done = 0; done < filled;) {
		ssize_t n = splice(fds[1], NULL, pipes[1], NULL, sizeof(buf), 0);

		ASSERT_LT(0, n);
		ASSERT_EQ(n, read_all(pipes[0], buf, n));
		ASSERT_TRUE(pattern_ok(buf, n, done));
		done += n;
	}
	EXPECT_LT(0, wait_event(fds[0], POLLOUT));
}

TEST_F(splice, dont_wait)
{
	int fds[2], pipes[2];
	char buf[100] = "";

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(EAGAIN, splice(fds[1], NULL, pipes[1], NULL, 10, 0));
	ASSERT_EQ(0, sock_timeout(fds[0], SO_RCVTIMEO, 20));
	EXPECT_ERRNO(EAGAIN, splice(fds[0], NULL, pipes[1], NULL, 10, 0));

	ASSERT_LT(0, fill_socket(fds[0]));
	ASSERT_EQ(100, write(pipes[1], buf, 100));
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(EAGAIN, splice(pipes[0], NULL, fds[0], NULL, 100, 0));
	/* What was not taken is still in the pipe. */
	EXPECT_EQ(100, sock_ioctl(pipes[0], FIONREAD));
}

static long call_splice(struct blocked *b)
{
	return splice(b->fd, NULL, *(int *)b->buf, NULL, b->len, 0);
}

TEST_F(splice, waits_for_data)
{
	struct blocked b = { .call = call_splice, .len = 100 };
	int fds[2], pipes[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	b.fd = fds[1];
	b.buf = &pipes[1];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	ASSERT_EQ(3, write(fds[0], "abc", 3));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(3, b.ret);
}

TEST_F(splice, waits_for_room)
{
	struct blocked b = { .call = call_splice, .len = 100 };
	char buf[100] = "";
	int fds[2], pipes[2];
	ssize_t filled;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	filled = fill_socket(fds[0]);
	ASSERT_LT(0, filled);
	ASSERT_EQ(100, write(pipes[1], buf, 100));
	b.fd = pipes[0];
	b.buf = &fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(0, pattern_recv(fds[1], filled, 65536));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(100, b.ret);
}

static volatile int caught;

static void on_signal(int sig)
{
	caught = sig;
}

TEST_F(splice, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct blocked b = { .call = call_splice, .len = 100 };
	int fds[2], pipes[2];

	caught = 0;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	b.fd = fds[1];
	b.buf = &pipes[1];
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, pthread_kill(b.thread, SIGUSR1));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EINTR, b.err);
	EXPECT_EQ(SIGUSR1, caught);
}

TEST_F(splice, end_of_stream)
{
	int fds[2], pipes[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(2, write(fds[0], "ab", 2));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	ASSERT_LT(0, wait_event(fds[1], POLLRDHUP));
	EXPECT_EQ(2, splice(fds[1], NULL, pipes[1], NULL, 100, 0));
	EXPECT_EQ(0, splice(fds[1], NULL, pipes[1], NULL, 100, 0));
	EXPECT_EQ(0, splice(fds[1], NULL, pipes[1], NULL, 100, 0));
}

TEST_F(splice, shut_for_reading)
{
	int fds[2], pipes[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, shutdown(fds[1], SHUT_RD));
	EXPECT_EQ(0, splice(fds[1], NULL, pipes[1], NULL, 100, 0));
}

TEST_F(splice, reset)
{
	int file = pattern_file(100);
	int fds[2], pipes[2];
	off_t at = 0;

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(4, write(pipes[1], "abcd", 4));
	sock_reset(fds[1]);
	ASSERT_LT(0, wait_event(fds[0], POLLHUP));
	EXPECT_ERRNO(ECONNRESET, splice(fds[0], NULL, pipes[1], NULL, 100, 0));
	EXPECT_EQ(0, splice(fds[0], NULL, pipes[1], NULL, 100, 0));
	EXPECT_ERRNO(EPIPE, splice(pipes[0], NULL, fds[0], NULL, 4, 0));
	EXPECT_ERRNO(EPIPE, sendfile(fds[0], file, &at, 100));
}

TEST_F(splice, reset_in_the_middle)
{
	struct job j = { .total = 64 << 20, .piece = 64 << 20 };
	pthread_t thread;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	j.from = pattern_file(1 << 20);
	ASSERT_EQ(0, ftruncate(j.from, j.total));
	j.to = fds[0];
	ASSERT_EQ(0, run(&thread, send_file, &j));
	EXPECT_EQ(0, pattern_recv(fds[1], 1 << 20, 50000));
	sock_reset(fds[1]);
	pthread_join(thread, NULL);
	EXPECT_TRUE(j.err == ECONNRESET || j.err == EPIPE);
}

TEST_F(splice, broken_pipe_signal)
{
	struct sigaction action = { .sa_handler = on_signal };
	int file = pattern_file(100);
	off_t at = 0;
	int fds[2];

	caught = 0;
	ASSERT_EQ(0, sigaction(SIGPIPE, &action, NULL));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_ERRNO(EPIPE, sendfile(fds[0], file, &at, 100));
	EXPECT_EQ(SIGPIPE, caught);
	EXPECT_EQ(0, at);
}

TEST_F(splice, not_connected)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, 0);
	loff_t offset = 1;
	int pipes[2];

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(1, write(pipes[1], "x", 1));
	EXPECT_ERRNO(ENOTCONN, splice(fd, NULL, pipes[1], NULL, 1, 0));
	EXPECT_ERRNO(ENOTCONN, splice(listener, NULL, pipes[1], NULL, 1, 0));
	EXPECT_ERRNO(EPIPE, splice(pipes[0], NULL, fd, NULL, 1, 0));
	EXPECT_ERRNO(EINVAL, splice(fd, &offset, pipes[1], NULL, 1, 0));
}

TEST_HARNESS_MAIN
