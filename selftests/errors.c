// SPDX-License-Identifier: GPL-2.0
/*
 * Errors: calls in the wrong state or with addresses in no place, destinations
 * that the routing table rules out, a peer that knows nothing of a connection.
 */
#include <linux/rtnetlink.h>

#include "tern_test.h"

DOOR_FIXTURE(errors);

#define OTHER_NET	9

static const struct {
	int type;
	int error;
} verdicts[] = {
	{ RTN_UNREACHABLE, EHOSTUNREACH },
	{ RTN_PROHIBIT, EACCES },
	{ RTN_BLACKHOLE, EINVAL },
};

TEST_F(errors, not_connected)
{
	struct addr at = addr_loopback(self->door, 9);
	int fd = door_socket(self->door, 0);
	char c;

	EXPECT_ERRNO(EPIPE, send(fd, "a", 1, MSG_NOSIGNAL));
	EXPECT_ERRNO(EPIPE, send(fd, "a", 1, MSG_NOSIGNAL | MSG_OOB));
	EXPECT_ERRNO(EPIPE, sendto(fd, "a", 1, MSG_NOSIGNAL, &at.sa, at.len));
	EXPECT_ERRNO(ENOTCONN, recv(fd, &c, 1, 0));
	EXPECT_ERRNO(ENOTCONN, read(fd, &c, 1));
	EXPECT_ERRNO(ENOTCONN, getpeername(fd, &at.sa, &at.len));
}

TEST_F(errors, listening)
{
	struct addr at;
	int fd = sock_listen_lo(self->door, &at);
	char c;

	EXPECT_ERRNO(EPIPE, send(fd, "a", 1, MSG_NOSIGNAL));
	EXPECT_ERRNO(ENOTCONN, recv(fd, &c, 1, 0));
	EXPECT_ERRNO(ENOTCONN, getpeername(fd, &at.sa, &at.len));
}

TEST_F(errors, not_for_sockets)
{
	int fds[2];

	EXPECT_ERRNO(EOPNOTSUPP, socketpair(self->door->family, SOCK_STREAM,
					    self->door->protocol, fds));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(ESPIPE, lseek(fds[0], 0, SEEK_SET));
	EXPECT_ERRNO(ESPIPE, pread(fds[0], fds, 1, 0));
	EXPECT_ERRNO(ENOTTY, sock_ioctl(fds[0], 0x5401));
}

TEST_F(errors, names_to_bad_places)
{
	struct addr at = { .len = -1 };
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(EINVAL, getsockname(fds[0], &at.sa, &at.len));
	at.len = sizeof(at.ss);
	EXPECT_ERRNO(EFAULT, getsockname(fds[0], (void *)1, &at.len));
	EXPECT_ERRNO(EFAULT, getpeername(fds[0], &at.sa, (void *)1));
	at.len = 0;
	EXPECT_EQ(0, getpeername(fds[0], &at.sa, &at.len));
	EXPECT_LE(sizeof(struct sockaddr_in), at.len);
}

TEST_F(errors, local_routes)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct addr to = addr_host(self->door, OTHER_NET, i + 1, 80);
		int fd = door_socket(self->door, 0);

		ASSERT_EQ(0, route_add(verdicts[i].type,
				       host_text(self->door, OTHER_NET, i + 1),
				       host_prefix(self->door), NULL));
		EXPECT_ERRNO(verdicts[i].error,
			     sock_connect(fd, &to));
		EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ERROR));
	}
}

TEST_F(errors, peer_forgets)
{
	int peer = netns_new(), listener, fd;
	struct addr at = addr_host(self->door, 1, 2, 4321);

	/* A host that forgot its connections answers with a RST. */
	ASSERT_EQ(0, veth_join(1, self->ns, peer));
	listener = sock_listen(self->door, &at, 1);
	ASSERT_EQ(0, netns_enter(self->ns));
	fd = sock_dial(self->door, &at);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, netns_enter(peer));
	ASSERT_EQ(0, route_add(RTN_BLACKHOLE, host_text(self->door, 1, 1),
			       host_prefix(self->door), NULL));
	close(listener);
	EXPECT_EQ(0, poll_now(fd, POLLIN));
	ASSERT_EQ(0, route_del(RTN_BLACKHOLE, host_text(self->door, 1, 1),
			       host_prefix(self->door)));
	EXPECT_EQ(1, write(fd, "a", 1));
	EXPECT_EQ(POLLERR, wait_event(fd, 0) & POLLERR);
	EXPECT_EQ(ECONNRESET, sock_get(fd, SOL_SOCKET, SO_ERROR));
}

TEST_HARNESS_MAIN
