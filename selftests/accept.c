// SPDX-License-Identifier: GPL-2.0
/*
 * listen() and accept(): the queue of connections, its limit and its order, who
 * is told what when either end goes away, and a thousand connections at one
 * address.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tern_test.h"

#define PORT	4321

DOOR_FIXTURE(accept);

static int dial_nonblocking(const struct door *d, const struct addr *at)
{
	int fd = door_socket(d, SOCK_NONBLOCK);

	if (fd < 0 || (sock_connect(fd, at) && errno != EINPROGRESS))
		return -1;
	return fd;
}

TEST_F(accept, flags)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int fd;

	ASSERT_LE(0, sock_dial(self->door, &at));
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(O_NONBLOCK, fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));

	/* What is set on the listener does not pass to its children. */
	fcntl(listener, F_SETFL, O_NONBLOCK);
	ASSERT_LE(0, sock_dial(self->door, &at));
	fd = accept(listener, NULL, NULL);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));

	EXPECT_ERRNO(EINVAL, accept4(listener, NULL, NULL, SOCK_NONBLOCK << 1));
}

TEST_F(accept, would_block)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);

	fcntl(listener, F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(EAGAIN, accept(listener, NULL, NULL));
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_LE(0, accept(listener, NULL, NULL));
	EXPECT_ERRNO(EAGAIN, accept(listener, NULL, NULL));
}

TEST_F(accept, blocks_until_connected)
{
	struct blocked b = { .call = call_accept };
	struct addr at, from;
	int fd;

	b.fd = sock_listen_lo(self->door, &at);
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_TRUE(blocked_still(&b));
	fd = sock_dial(self->door, &at);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_LE(0, b.ret);
	from = addr_local(fd);
	EXPECT_TRUE(addr_same(&from, &b.addr));
}

TEST_F(accept, timeout)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);

	ASSERT_EQ(0, sock_timeout(listener, SO_RCVTIMEO, 20));
	EXPECT_ERRNO(EAGAIN, accept(listener, NULL, NULL));
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(accept, listen_binds)
{
	struct addr at, to;
	int fd = door_socket(self->door, 0);

	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20063"));
	ASSERT_EQ(0, listen(fd, 1));
	EXPECT_EQ(1, sock_get(fd, SOL_SOCKET, SO_ACCEPTCONN));
	at = addr_local(fd);
	EXPECT_LE(20000, addr_port(&at));
	EXPECT_GE(20063, addr_port(&at));
	to = addr_loopback(self->door, addr_port(&at));
	EXPECT_LE(0, sock_dial(self->door, &to));
}

TEST_F(accept, not_listening)
{
	struct addr at = addr_loopback(self->door, 0);
	int fds[2], fd = door_socket(self->door, 0);

	EXPECT_ERRNO(EINVAL, accept(fd, NULL, NULL));
	ASSERT_EQ(0, sock_bind(fd, &at));
	EXPECT_ERRNO(EINVAL, accept(fd, NULL, NULL));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(EINVAL, accept(fds[0], NULL, NULL));
	EXPECT_ERRNO(EINVAL, accept(fds[1], NULL, NULL));
	EXPECT_ERRNO(EINVAL, listen(fds[0], 1));
	EXPECT_ERRNO(EINVAL, listen(fds[1], 1));
}

TEST_F(accept, address)
{
	struct addr at, from, got;
	int listener = sock_listen_lo(self->door, &at);
	int client = sock_dial(self->door, &at);

	ASSERT_LE(0, client);
	from = addr_local(client);
	got.len = sizeof(got.ss);
	ASSERT_LE(0, accept(listener, &got.sa, &got.len));
	EXPECT_TRUE(addr_same(&from, &got));

	/* A short buffer is filled, and the length says what was missed. */
	client = sock_dial(self->door, &at);
	from = addr_local(client);
	memset(&got, 0xff, sizeof(got));
	got.len = 4;
	ASSERT_LE(0, accept(listener, &got.sa, &got.len));
	EXPECT_EQ(from.len, got.len);
	EXPECT_EQ(0, memcmp(&from.sa, &got.sa, 4));
	EXPECT_EQ(0xff, ((unsigned char *)&got.sa)[4]);
}

TEST_F(accept, bad_arguments)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);

	ASSERT_LE(0, sock_dial(self->door, &at));
	at.len = -1;
	EXPECT_ERRNO(EINVAL, accept(listener, &at.sa, &at.len));
	at = addr_local(listener);
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_ERRNO(EFAULT, accept(listener, &at.sa, (void *)1));
	EXPECT_ERRNO(EBADF, accept(-1, NULL, NULL));
}

TEST_F(accept, in_order)
{
	struct addr at, from[8], got;
	int listener = sock_listen_lo(self->door, &at);
	cpu_set_t one;
	int i;

	/* On one processor, since two need not keep the order of packets. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	for (i = 0; i < 8; i++) {
		int fd = sock_dial(self->door, &at);

		ASSERT_LE(0, fd);
		from[i] = addr_local(fd);
	}
	for (i = 0; i < 8; i++) {
		got.len = sizeof(got.ss);
		ASSERT_LE(0, accept(listener, &got.sa, &got.len));
		EXPECT_TRUE(addr_same(&from[i], &got));
	}
}

TEST_F(accept, data_before)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int client = sock_dial(self->door, &at);
	char buf[8] = "";
	int fd;

	/* The client has come, spoken and gone. */
	ASSERT_EQ(5, write(client, "hello", 5));
	ASSERT_EQ(0, close(client));
	fd = accept(listener, NULL, NULL);
	ASSERT_LE(0, fd);
	EXPECT_EQ(5, read_all(fd, buf, sizeof(buf)));
	EXPECT_STREQ("hello", buf);
}

TEST_F(accept, reset_before)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int client = sock_dial(self->door, &at);
	char c;
	int fd;

	ASSERT_LE(0, client);
	sock_reset(client);
	fd = accept(listener, NULL, NULL);
	ASSERT_LE(0, fd);
	EXPECT_LT(0, wait_event(fd, POLLIN));
	EXPECT_ERRNO(ECONNRESET, read(fd, &c, 1));
}

TEST_F(accept, shutdown_wakes)
{
	struct addr at = addr_loopback(self->door, PORT);
	struct blocked b = { .call = call_accept };

	b.fd = sock_listen(self->door, &at, 8);
	ASSERT_EQ(0, blocked_start(&b));
	EXPECT_EQ(0, shutdown(b.fd, SHUT_RD));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EINVAL, b.err);
	EXPECT_EQ(0, sock_get(b.fd, SOL_SOCKET, SO_ACCEPTCONN));
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));
	/* It keeps its port and may listen again. */
	EXPECT_EQ(0, listen(b.fd, 8));
	EXPECT_LE(0, sock_dial(self->door, &at));
	EXPECT_LE(0, accept(b.fd, NULL, NULL));
}

TEST_F(accept, shutdown_send_is_nothing)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);

	EXPECT_EQ(0, shutdown(listener, SHUT_WR));
	EXPECT_LE(0, sock_dial(self->door, &at));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(accept, close_resets_pending)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int fds[3], i;
	char c;

	for (i = 0; i < 3; i++) {
		fds[i] = sock_dial(self->door, &at);
		ASSERT_LE(0, fds[i]);
	}
	close(listener);
	for (i = 0; i < 3; i++) {
		EXPECT_LT(0, wait_event(fds[i], POLLIN));
		EXPECT_ERRNO(ECONNRESET, read(fds[i], &c, 1));
	}
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));
}

TEST_F(accept, children_outlive_listener)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int client = sock_dial(self->door, &at);
	int server = accept(listener, NULL, NULL);
	char c = 0;

	ASSERT_LE(0, server);
	close(listener);
	EXPECT_EQ(1, write(client, "a", 1));
	EXPECT_EQ(1, read(server, &c, 1));
	EXPECT_EQ(1, write(server, "b", 1));
	EXPECT_EQ(1, read(client, &c, 1));
	EXPECT_EQ('b', c);
}

TEST_F(accept, queue_overflows)
{
	struct addr at = addr_loopback(self->door, PORT);
	int listener = sock_listen(self->door, &at, 1);
	int late;

	/* One more fits than was asked for; of what follows, not even the SYN. */
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_LE(0, sock_dial(self->door, &at));
	late = dial_nonblocking(self->door, &at);
	ASSERT_LE(0, late);
	EXPECT_EQ(TCP_SYN_SENT, sock_state(late));
	EXPECT_EQ(0, poll_now(late, POLLOUT));
	EXPECT_LE(0, accept(listener, NULL, NULL));
	EXPECT_LE(0, accept(listener, NULL, NULL));
	EXPECT_EQ(0, poll_now(listener, POLLIN));
	EXPECT_LE(0, sock_dial(self->door, &at));
}

TEST_F(accept, backlog_changes)
{
	struct addr at = addr_loopback(self->door, PORT);
	int listener = sock_listen(self->door, &at, 0);
	int fd, i;

	ASSERT_LE(0, sock_dial(self->door, &at));
	fd = dial_nonblocking(self->door, &at);
	EXPECT_EQ(TCP_SYN_SENT, sock_state(fd));
	close(fd);
	/* A second listen() only sets the limit. */
	ASSERT_EQ(0, listen(listener, 4));
	for (i = 0; i < 4; i++)
		EXPECT_LE(0, sock_dial(self->door, &at));
	fd = dial_nonblocking(self->door, &at);
	EXPECT_EQ(TCP_SYN_SENT, sock_state(fd));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(accept, backlog_limit)
{
	struct addr at = addr_loopback(self->door, PORT);
	int listener, fd;

	ASSERT_EQ(0, sysctl_set("net/core/somaxconn", "1"));
	listener = sock_listen(self->door, &at, 1000);
	ASSERT_LE(0, listener);
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_LE(0, sock_dial(self->door, &at));
	fd = dial_nonblocking(self->door, &at);
	EXPECT_EQ(TCP_SYN_SENT, sock_state(fd));

	/* A negative backlog is a very large one. */
	ASSERT_EQ(0, sysctl_set("net/core/somaxconn", "16"));
	ASSERT_EQ(0, listen(listener, -1));
	for (int i = 0; i < 12; i++)
		EXPECT_LE(0, sock_dial(self->door, &at));
}

TEST_F(accept, each_gets_one)
{
	struct blocked b[3];
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int i;

	for (i = 0; i < 3; i++) {
		b[i] = (struct blocked){ .call = call_accept, .fd = listener };
		ASSERT_EQ(0, blocked_start(&b[i]));
	}
	for (i = 0; i < 3; i++)
		ASSERT_LE(0, sock_dial(self->door, &at));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(blocked_end(&b[i]));
		EXPECT_LE(0, b[i].ret);
	}
}

TEST_F(accept, shared_listener)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int i, status;

	/* Workers that inherited it, as a prefork server has them. */
	for (i = 0; i < 3; i++) {
		if (!fork()) {
			char c;
			int fd = accept(listener, NULL, NULL);

			if (fd < 0 || read(fd, &c, 1) != 1 ||
			    write(fd, &c, 1) != 1)
				_exit(1);
			_exit(0);
		}
	}
	close(listener);
	for (i = 0; i < 3; i++) {
		char c = 'a' + i;
		int fd = sock_dial(self->door, &at);

		ASSERT_LE(0, fd);
		EXPECT_EQ(1, write(fd, &c, 1));
		EXPECT_EQ(1, read(fd, &c, 1));
		EXPECT_EQ('a' + i, c);
	}
	for (i = 0; i < 3; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));
}

TEST_F_TIMEOUT(accept, thousand, 120)
{
	const struct rlimit room = { 4096, 4096 };
	int client[1000], server[1000], i, word;
	struct addr at;
	int listener;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &room));
	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	for (i = 0; i < 1000; i++) {
		client[i] = sock_dial(self->door, &at);
		ASSERT_LE(0, client[i]);
		server[i] = accept(listener, NULL, NULL);
		ASSERT_LE(0, server[i]);
	}
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(sizeof(i), write(client[i], &i, sizeof(i)));
	/* Every one of them has its own socket and its own data. */
	for (i = 999; i >= 0; i--) {
		struct addr peer = addr_peer(server[i]);
		struct addr local = addr_local(client[i]);

		ASSERT_TRUE(addr_same(&local, &peer));
		ASSERT_EQ(sizeof(word), read(server[i], &word, sizeof(word)));
		ASSERT_EQ(i, word);
		word = -i;
		ASSERT_EQ(sizeof(word), write(server[i], &word, sizeof(word)));
	}
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(sizeof(word), read(client[i], &word, sizeof(word)));
		ASSERT_EQ(-i, word);
	}
}

TEST_HARNESS_MAIN
