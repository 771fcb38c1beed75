// SPDX-License-Identifier: GPL-2.0
/*
 * connect(): blocking and not, to itself and at the same time from both ends,
 * taken back, refused, unanswered, and with addresses that cannot be right.
 */
#include <fcntl.h>

#include "tern_test.h"

DOOR_FIXTURE(connect);

static int outcome(int fd)
{
	wait_event(fd, POLLOUT);
	return sock_get(fd, SOL_SOCKET, SO_ERROR);
}

TEST_F(connect, blocking)
{
	struct addr at, from, seen;
	int listener, client, server;
	char c = 0;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	client = sock_dial(self->door, &at);
	ASSERT_LE(0, client);
	seen.len = sizeof(seen.ss);
	server = accept(listener, &seen.sa, &seen.len);
	ASSERT_LE(0, server);

	from = addr_local(client);
	EXPECT_TRUE(addr_same(&from, &seen));
	seen = addr_peer(client);
	EXPECT_TRUE(addr_same(&at, &seen));
	seen = addr_local(server);
	EXPECT_TRUE(addr_same(&at, &seen));

	EXPECT_EQ(1, write(client, "a", 1));
	EXPECT_EQ(1, read(server, &c, 1));
	EXPECT_EQ('a', c);
	EXPECT_EQ(1, write(server, "b", 1));
	EXPECT_EQ(1, read(client, &c, 1));
	EXPECT_EQ('b', c);
}

TEST_F(connect, nonblocking)
{
	struct addr at;
	int listener, fd;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	EXPECT_EQ(POLLOUT, wait_event(fd, POLLOUT));
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ERROR));
	/* The second call is told of the success, the third of the state. */
	EXPECT_EQ(0, sock_connect(fd, &at));
	EXPECT_ERRNO(EISCONN, sock_connect(fd, &at));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

/* MSG_FASTOPEN: with TCP too nothing rides on the SYN, without a cookie */
TEST_F(connect, by_sending)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, 0);
	char buf[8] = "";
	int server;

	EXPECT_ERRNO(EINVAL, send(fd, "abc", 3, MSG_FASTOPEN));
	EXPECT_EQ(3, sendto(fd, "abc", 3, MSG_FASTOPEN, &at.sa, at.len));
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	EXPECT_EQ(3, read_all(server, buf, 3));
	EXPECT_STREQ("abc", buf);
	EXPECT_ERRNO(EISCONN, sendto(fd, "d", 1, MSG_FASTOPEN, &at.sa, at.len));
	EXPECT_ERRNO(EISCONN, send(fd, "d", 1, MSG_FASTOPEN));

	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sendto(fd, "d", 1, MSG_FASTOPEN, &at.sa, at.len));
	EXPECT_EQ(0, outcome(fd));
	EXPECT_EQ(1, send(fd, "d", 1, 0));

	close(listener);
	fd = door_socket(self->door, 0);
	EXPECT_ERRNO(ECONNREFUSED, sendto(fd, "e", 1, MSG_FASTOPEN, &at.sa, at.len));
	at.sa.sa_family = AF_UNSPEC;
	EXPECT_ERRNO(EOPNOTSUPP, sendto(fd, "e", 1, MSG_FASTOPEN, &at.sa, at.len));
}

TEST_F(connect, already_in_progress)
{
	struct addr to = addr_host(self->door, 1, 2, 9);
	int peer, fd;

	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	EXPECT_EQ(TCP_SYN_SENT, sock_state(fd));
	EXPECT_ERRNO(EALREADY, sock_connect(fd, &to));
	EXPECT_EQ(0, poll_now(fd, POLLIN | POLLOUT | POLLRDHUP));
	EXPECT_ERRNO(ENOTCONN, getpeername(fd, &to.sa, &to.len));
	EXPECT_ERRNO(EINVAL, listen(fd, 1));
	EXPECT_ERRNO(EAGAIN, send(fd, "a", 1, MSG_NOSIGNAL));
	EXPECT_ERRNO(EAGAIN, recv(fd, &to, 1, 0));
}

TEST_F(connect, is_connected)
{
	struct addr at;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	at = addr_peer(fds[0]);
	EXPECT_ERRNO(EISCONN, sock_connect(fds[0], &at));
	at = addr_peer(fds[1]);
	EXPECT_ERRNO(EISCONN, sock_connect(fds[1], &at));
}

TEST_F(connect, from_listener)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);

	EXPECT_ERRNO(EISCONN, sock_connect(listener, &at));
}

TEST_F(connect, refused)
{
	struct addr at;
	int closed = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, 0);

	close(closed);
	EXPECT_ERRNO(ECONNREFUSED, sock_connect(fd, &at));
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(TCP_CLOSE, sock_state(fd));
}

TEST_F(connect, refused_nonblocking)
{
	struct addr at;
	int closed = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, SOCK_NONBLOCK);

	close(closed);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	EXPECT_EQ(ECONNREFUSED, outcome(fd));
	/* Once told, it is told no more, and the next connect() only aborts. */
	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_ERROR));
	EXPECT_ERRNO(ECONNABORTED, sock_connect(fd, &at));
}

TEST_F(connect, again_after_refused)
{
	struct addr at, other;
	int closed = sock_listen_lo(self->door, &at);
	int listener = sock_listen_lo(self->door, &other);
	int fd = door_socket(self->door, 0);

	close(closed);
	EXPECT_ERRNO(ECONNREFUSED, sock_connect(fd, &at));
	EXPECT_EQ(0, sock_connect(fd, &other));
	EXPECT_LE(0, accept(listener, NULL, NULL));
	EXPECT_EQ(TCP_ESTABLISHED, sock_state(fd));
}

TEST_F(connect, to_itself)
{
	struct addr at = addr_loopback(self->door, 0);
	int fd = door_socket(self->door, 0);
	char buf[8] = "";

	ASSERT_EQ(0, sock_bind(fd, &at));
	at = addr_local(fd);
	ASSERT_EQ(0, sock_connect(fd, &at));
	EXPECT_EQ(TCP_ESTABLISHED, sock_state(fd));
	EXPECT_EQ(5, write(fd, "hello", 5));
	EXPECT_EQ(5, read_all(fd, buf, 5));
	EXPECT_STREQ("hello", buf);
	EXPECT_EQ(0, shutdown(fd, SHUT_WR));
	EXPECT_EQ(0, read(fd, buf, 1));
}

TEST_F(connect, simultaneous)
{
	struct addr one = addr_host(self->door, 1, 1, 4001);
	struct addr two = addr_host(self->door, 1, 2, 4002);
	int peer, here, there;
	char c = 0;

	/* The first SYN meets nobody and is not answered, the second one meets it. */
	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	here = door_socket(self->door, SOCK_NONBLOCK);
	ASSERT_EQ(0, sock_bind(here, &one));
	EXPECT_ERRNO(EINPROGRESS, sock_connect(here, &two));
	ASSERT_EQ(0, peer_silence(self->door, peer, false));

	ASSERT_EQ(0, netns_enter(peer));
	there = door_socket(self->door, 0);
	ASSERT_EQ(0, sock_bind(there, &two));
	ASSERT_EQ(0, sock_connect(there, &one));
	EXPECT_EQ(0, outcome(here));
	EXPECT_EQ(TCP_ESTABLISHED, sock_state(here));
	EXPECT_EQ(1, write(there, "x", 1));
	EXPECT_EQ(POLLIN, wait_event(here, POLLIN));
	EXPECT_EQ(1, read(here, &c, 1));
	EXPECT_EQ('x', c);
}

TEST_F(connect, chooses_port_and_address)
{
	struct addr at, any, local;
	int listener = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, 0);

	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "30000 30099"));
	local = addr_local(fd);
	EXPECT_EQ(0, addr_port(&local));
	ASSERT_EQ(0, sock_connect(fd, &at));
	local = addr_local(fd);
	EXPECT_LE(30000, addr_port(&local));
	EXPECT_GE(30099, addr_port(&local));
	any = addr_loopback(self->door, addr_port(&local));
	EXPECT_TRUE(addr_same(&any, &local));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(connect, keeps_bound_address)
{
	struct addr from = addr_of(self->door, self->door->ip == 4 ?
				   "127.0.0.9" : "fd00::9", 4321);
	struct addr at, local;
	int listener = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, 0);

	ASSERT_EQ(0, addr_add("lo", self->door->ip == 4 ? "127.0.0.9" : "fd00::9",
			      host_prefix(self->door)));
	ASSERT_EQ(0, sock_bind(fd, &from));
	ASSERT_EQ(0, sock_connect(fd, &at));
	local = addr_local(fd);
	EXPECT_TRUE(addr_same(&from, &local));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(connect, to_wildcard_means_loopback)
{
	struct addr at, any, peer;
	int listener = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, 0);

	any = addr_any(self->door, addr_port(&at));
	ASSERT_EQ(0, sock_connect(fd, &any));
	peer = addr_peer(fd);
	EXPECT_TRUE(addr_same(&at, &peer));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(connect, disconnect)
{
	struct addr at, none = addr_unspec();
	int listener = sock_listen_lo(self->door, &at);
	int fd, server;
	char c;

	fd = sock_dial(self->door, &at);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);

	EXPECT_EQ(0, sock_connect(fd, &none));
	EXPECT_EQ(TCP_CLOSE, sock_state(fd));
	EXPECT_ERRNO(ENOTCONN, getpeername(fd, &none.sa, &none.len));
	EXPECT_LT(0, wait_event(server, POLLIN));
	EXPECT_ERRNO(ECONNRESET, read(server, &c, 1));
	close(server);

	/* The socket is as good as new. */
	ASSERT_EQ(0, sock_connect(fd, &at));
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	EXPECT_EQ(1, write(fd, "a", 1));
	EXPECT_EQ(1, read(server, &c, 1));
}

TEST_F(connect, disconnect_while_connecting)
{
	struct addr to = addr_host(self->door, 1, 2, 9), none = addr_unspec();
	struct addr at;
	int peer, fd, listener;

	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	EXPECT_EQ(0, sock_connect(fd, &none));
	EXPECT_EQ(TCP_CLOSE, sock_state(fd));

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	EXPECT_EQ(0, outcome(fd));
}

TEST_F(connect, disconnect_listener)
{
	struct addr at, none = addr_unspec();
	int listener = sock_listen_lo(self->door, &at);
	int client = sock_dial(self->door, &at);
	char c;

	ASSERT_LE(0, client);
	EXPECT_EQ(0, sock_connect(listener, &none));
	EXPECT_EQ(0, sock_get(listener, SOL_SOCKET, SO_ACCEPTCONN));
	/* What waited to be accepted is reset. */
	EXPECT_ERRNO(ECONNRESET, read(client, &c, 1));
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));
}

TEST_F(connect, no_route)
{
	struct addr to = addr_of(self->door, self->door->ip == 4 ?
				 "192.0.2.1" : "2001:db8::1", 80);
	int fd = door_socket(self->door, 0);

	EXPECT_ERRNO(ENETUNREACH, sock_connect(fd, &to));
}

TEST_F(connect, to_multicast)
{
	struct addr to = addr_of(self->door, self->door->ip == 4 ?
				 "224.0.0.1" : "ff0e::1", 80);
	int fd = door_socket(self->door, 0);

	EXPECT_ERRNO(ENETUNREACH, sock_connect(fd, &to));
}

/* Such an address is for receiving only: a connection has one of the host's own. */
TEST_F(connect, bound_to_a_group)
{
	struct addr group = addr_of(self->door, "224.0.0.1", 0), from, host;
	struct addr at;
	int fd = door_socket(self->door, 0), listener = sock_listen_lo(self->door, &at);

	if (self->door->ip == 6 || door_is_wide(self->door))
		SKIP(return, "of AF_INET only");
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, sock_bind(fd, &group));
	from = addr_local(fd);
	ASSERT_EQ(0, sock_connect(fd, &at));
	host = addr_loopback(self->door, addr_port(&from));
	from = addr_local(fd);
	EXPECT_TRUE(addr_same(&host, &from));
}

TEST_F(connect, to_port_zero)
{
	struct addr to = addr_loopback(self->door, 0);
	int fd = door_socket(self->door, 0);

	EXPECT_ERRNO(ECONNREFUSED, sock_connect(fd, &to));
}

TEST_F(connect, bad_address)
{
	struct addr at, to;
	int listener = sock_listen_lo(self->door, &at);
	int fd = door_socket(self->door, 0);

	ASSERT_LE(0, listener);
	to = at;
	to.sa.sa_family = AF_UNIX;
	EXPECT_ERRNO(EAFNOSUPPORT, sock_connect(fd, &to));
	to = at;
	/* Up to RFC 2133 an IPv6 address ended where the scope begins now. */
	to.len = door_is_wide(self->door) ?
		 offsetof(struct sockaddr_in6, sin6_scope_id) - 1 :
		 sizeof(struct sockaddr_in) - 1;
	EXPECT_ERRNO(EINVAL, sock_connect(fd, &to));
	to.len = 1;
	EXPECT_ERRNO(EINVAL, sock_connect(fd, &to));
	EXPECT_ERRNO(EINVAL, connect(fd, &at.sa, sizeof(at.ss) + 1));
	EXPECT_ERRNO(EFAULT, connect(fd, (void *)1, at.len));
	/* None of which did any harm. */
	EXPECT_EQ(0, sock_connect(fd, &at));
	/* Now nobody looks at the address any more. */
	to.len = 8;
	EXPECT_ERRNO(EISCONN, sock_connect(fd, &to));
	to.sa.sa_family = AF_UNIX;
	EXPECT_ERRNO(EISCONN, sock_connect(fd, &to));
}

TEST_F(connect, send_timeout)
{
	struct addr to = addr_host(self->door, 1, 2, 9);
	int peer, fd;

	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	fd = door_socket(self->door, 0);
	ASSERT_EQ(0, sock_timeout(fd, SO_SNDTIMEO, 20));
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	EXPECT_ERRNO(EALREADY, sock_connect(fd, &to));
}

TEST_F(connect, one_port_to_many)
{
	struct addr from = addr_loopback(self->door, 4321);
	struct addr at[2];
	int listeners[2], fds[2], third;

	for (int i = 0; i < 2; i++) {
		listeners[i] = sock_listen_lo(self->door, &at[i]);
		ASSERT_LE(0, listeners[i]);
		fds[i] = door_socket(self->door, 0);
		sock_set(fds[i], SOL_SOCKET, SO_REUSEADDR, 1);
		ASSERT_EQ(0, sock_bind(fds[i], &from));
	}
	third = door_socket(self->door, 0);
	sock_set(third, SOL_SOCKET, SO_REUSEADDR, 1);
	ASSERT_EQ(0, sock_bind(third, &from));

	EXPECT_EQ(0, sock_connect(fds[0], &at[0]));
	EXPECT_EQ(0, sock_connect(fds[1], &at[1]));
	EXPECT_LE(0, accept(listeners[0], NULL, NULL));
	EXPECT_LE(0, accept(listeners[1], NULL, NULL));
	/* The same two ends twice cannot be told apart. */
	EXPECT_ERRNO(EADDRNOTAVAIL, sock_connect(third, &at[0]));
}

TEST_F(connect, abandoned)
{
	struct addr to = addr_host(self->door, 1, 2, 4002);
	int peer, fd, listener, server;
	char c;

	/* Closed in SYN_SENT: the peer, once awake, has nobody to talk to. */
	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	EXPECT_EQ(0, close(fd));

	ASSERT_EQ(0, peer_silence(self->door, peer, false));
	ASSERT_EQ(0, netns_enter(peer));
	listener = sock_listen(self->door, &to, 1);
	ASSERT_LE(0, listener);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(EAGAIN, accept(listener, NULL, NULL));

	ASSERT_EQ(0, netns_enter(self->ns));
	fd = sock_dial(self->door, &to);
	ASSERT_LE(0, fd);
	EXPECT_EQ(POLLIN, wait_event(listener, POLLIN));
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	EXPECT_EQ(1, write(fd, "a", 1));
	EXPECT_EQ(1, read(server, &c, 1));
}

TEST_HARNESS_MAIN
