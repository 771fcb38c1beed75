// SPDX-License-Identifier: GPL-2.0
/*
 * The doors: what AF_TERN takes and gives, both versions of IP behind one
 * socket, every door talking to every other, and who may use them where.
 */
#include <fcntl.h>
#include <sched.h>
#include <linux/rtnetlink.h>

#include "tern_test.h"

FIXTURE(family) {
	const struct door *door;
	int ns;
};

FIXTURE_SETUP(family)
{
	const char *why;

	self->door = &doors[DOOR_TERN_V6];
	why = door_missing(self->door);
	if (why)
		SKIP(return, "%s", why);
	self->ns = netns_new();
	ASSERT_LE(0, self->ns);
}

FIXTURE_TEARDOWN(family)
{
}

TEST_F(family, socket_types)
{
	EXPECT_ERRNO(ESOCKTNOSUPPORT, socket(AF_TERN, SOCK_DGRAM, 0));
	EXPECT_ERRNO(ESOCKTNOSUPPORT, socket(AF_TERN, SOCK_RAW, 0));
	EXPECT_ERRNO(ESOCKTNOSUPPORT, socket(AF_TERN, SOCK_SEQPACKET, 0));
	EXPECT_ERRNO(EINVAL, socket(AF_TERN, 15, 0));
}

TEST_F(family, socket_protocols)
{
	EXPECT_LE(0, socket(AF_TERN, SOCK_STREAM, 0));
	EXPECT_LE(0, socket(AF_TERN, SOCK_STREAM, IPPROTO_TERN));
	EXPECT_ERRNO(EPROTONOSUPPORT, socket(AF_TERN, SOCK_STREAM, IPPROTO_TCP));
	EXPECT_ERRNO(EPROTONOSUPPORT, socket(AF_TERN, SOCK_STREAM, 255));
}

TEST_F(family, socket_flags)
{
	int fd = socket(AF_TERN, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(O_NONBLOCK, fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
}

TEST_F(family, parameters)
{
	char text[8] = "";
	int fd;

	fd = open("/sys/module/tern/parameters/family", O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, text, sizeof(text) - 1));
	EXPECT_EQ(AF_TERN, atoi(text));
	fd = open("/sys/module/tern/parameters/protocol", O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, text, sizeof(text) - 1));
	EXPECT_EQ(IPPROTO_TERN, atoi(text));
}

TEST_F(family, layout)
{
	EXPECT_EQ(sizeof(struct sockaddr_in6), sizeof(struct sockaddr_tern));
	EXPECT_EQ(offsetof(struct sockaddr_in6, sin6_port),
		  offsetof(struct sockaddr_tern, st_port));
	EXPECT_EQ(offsetof(struct sockaddr_in6, sin6_addr),
		  offsetof(struct sockaddr_tern, st_addr));
	EXPECT_EQ(offsetof(struct sockaddr_in6, sin6_scope_id),
		  offsetof(struct sockaddr_tern, st_scope_id));
}

TEST_F(family, foreign_addresses)
{
	struct addr v4 = addr_loopback(&doors[DOOR_TCP_V4], 4321);
	struct addr v6 = addr_loopback(&doors[DOOR_TCP_V6], 4321);
	int fd = socket(AF_TERN, SOCK_STREAM, 0);

	/* As on an AF_INET6 socket, that of IPv4 is too short to be looked at. */
	EXPECT_ERRNO(EINVAL, sock_bind(fd, &v4));
	EXPECT_ERRNO(EAFNOSUPPORT, sock_bind(fd, &v6));
	EXPECT_ERRNO(EINVAL, sock_connect(fd, &v4));
	EXPECT_ERRNO(EAFNOSUPPORT, sock_connect(fd, &v6));
	v4.len = sizeof(v4.ss);
	EXPECT_ERRNO(EAFNOSUPPORT, sock_bind(fd, &v4));
	EXPECT_ERRNO(EAFNOSUPPORT, sock_connect(fd, &v4));
}

TEST_F(family, names)
{
	const struct door *d = &doors[DOOR_TERN_V4];
	struct addr at = addr_loopback(d, 0), from = { .len = sizeof(from.ss) };
	struct addr a;
	int listener, client, server;

	/* Every call that gives an address gives one of the family. */
	listener = sock_listen(d, &at, 1);
	ASSERT_LE(0, listener);
	at = addr_local(listener);
	EXPECT_EQ(sizeof(struct sockaddr_tern), at.len);
	EXPECT_EQ(AF_TERN, at.tern.st_family);
	client = sock_dial(d, &at);
	ASSERT_LE(0, client);
	server = accept(listener, &from.sa, &from.len);
	ASSERT_LE(0, server);
	EXPECT_EQ(sizeof(struct sockaddr_tern), from.len);
	EXPECT_EQ(AF_TERN, from.tern.st_family);
	EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&from.tern.st_addr));
	a = addr_local(client);
	EXPECT_TRUE(addr_same(&a, &from));
	a = addr_peer(client);
	EXPECT_TRUE(addr_same(&a, &at));
	a = addr_peer(server);
	EXPECT_TRUE(addr_same(&a, &from));
	a = addr_local(server);
	EXPECT_TRUE(addr_same(&a, &at));
	EXPECT_EQ(0, a.tern.st_flowinfo);
	EXPECT_EQ(0, a.tern.st_scope_id);
}

TEST_F(family, name_of_fresh)
{
	struct addr a = addr_local(socket(AF_TERN, SOCK_STREAM, 0));

	EXPECT_EQ(sizeof(struct sockaddr_tern), a.len);
	EXPECT_EQ(AF_TERN, a.tern.st_family);
	EXPECT_EQ(0, a.tern.st_port);
	EXPECT_TRUE(IN6_IS_ADDR_UNSPECIFIED(&a.tern.st_addr));
}

TEST_F(family, unprivileged)
{
	int fds[2];

	ASSERT_EQ(0, seteuid(65534));
	for (int i = DOOR_TERN_V4; i <= DOOR_PROTO_V6; i++)
		EXPECT_EQ(0, sock_pair(&doors[i], fds));
	ASSERT_EQ(0, seteuid(0));
}

TEST_F(family, user_namespace)
{
	int fds[2], status;

	/* A person without any privilege, in a network of their own. */
	if (!fork()) {
		if (setgid(65534) || setuid(65534) ||
		    unshare(CLONE_NEWUSER | CLONE_NEWNET) || link_set("lo", true))
			_exit(1);
		for (int i = DOOR_TERN_V4; i <= DOOR_PROTO_V6; i++) {
			if (sock_pair(&doors[i], fds))
				_exit(2 + i);
		}
		_exit(0);
	}
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F(family, namespaces_are_apart)
{
	struct addr at = addr_loopback(self->door, 4321);
	int here, there, other, fd;

	here = sock_listen(self->door, &at, 1);
	ASSERT_LE(0, here);
	fd = door_socket(self->door, 0);
	other = netns_new();
	ASSERT_LE(0, other);
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));
	there = sock_listen(self->door, &at, 1);
	EXPECT_LE(0, there);
	/* A socket stays where it was made, wherever its process goes. */
	EXPECT_EQ(0, sock_connect(fd, &at));
	EXPECT_EQ(POLLIN, wait_event(here, POLLIN));
	EXPECT_EQ(0, poll_now(there, POLLIN));
}

TEST_F(family, namespace_goes_away)
{
	struct addr at = addr_host(self->door, 1, 2, 4321);
	int status, fd, listener = -1;
	int ready[2];
	char c;

	/* It takes along what nobody holds: here, an orphan with unsent data. */
	ASSERT_EQ(0, pipe(ready));
	if (!fork()) {
		int peer = netns_new();

		if (peer < 0 || veth_join(1, self->ns, peer))
			_exit(1);
		listener = sock_listen(self->door, &at, 1);
		if (listener < 0 || write(ready[1], "r", 1) != 1)
			_exit(2);
		fd = accept(listener, NULL, NULL);
		if (fd < 0 || fill_socket(fd) <= 0)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	fd = sock_dial(self->door, &at);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* With its last process the namespace goes, and the link with it. */
	EXPECT_TRUE(wait_until(link_set("net1", true)));
}

/* Each of Tern's doors on one end, each on the other. */
FIXTURE(interop) {
	int ns;
};

FIXTURE_VARIANT(interop) {
	enum door_id client;
	enum door_id server;
};

FIXTURE_SETUP(interop)
{
	const char *why = door_missing(&doors[variant->client]);

	if (why)
		SKIP(return, "%s", why);
	self->ns = netns_new();
	ASSERT_LE(0, self->ns);
}

FIXTURE_TEARDOWN(interop)
{
}

FIXTURE_VARIANT_ADD(interop, tern_to_proto_v4) {
	DOOR_TERN_V4, DOOR_PROTO_V4
};

FIXTURE_VARIANT_ADD(interop, tern_to_proto_v6) {
	DOOR_TERN_V6, DOOR_PROTO_V6
};

FIXTURE_VARIANT_ADD(interop, proto_to_tern_v4) {
	DOOR_PROTO_V4, DOOR_TERN_V4
};

FIXTURE_VARIANT_ADD(interop, proto_to_tern_v6) {
	DOOR_PROTO_V6, DOOR_TERN_V6
};

TEST_F(interop, transfer)
{
	const struct door *client = &doors[variant->client];
	const struct door *server = &doors[variant->server];
	struct addr at;
	int listener, fds[2], status;
	char c;

	listener = sock_listen_lo(server, &at);
	ASSERT_LE(0, listener);
	at = addr_loopback(client, addr_port(&at));
	fds[0] = sock_dial(client, &at);
	ASSERT_LE(0, fds[0]);
	fds[1] = accept(listener, NULL, NULL);
	ASSERT_LE(0, fds[1]);
	for (int i = 0; i < 2; i++) {
		if (!fork()) {
			_exit(pattern_send(fds[i], 200000, 30000) ||
			      shutdown(fds[i], SHUT_WR));
		}
		EXPECT_EQ(0, pattern_recv(fds[!i], 200000, 30000));
		EXPECT_EQ(0, read(fds[!i], &c, 1));
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
}

TEST_F(interop, same_ports)
{
	const struct door *one = &doors[variant->client];
	const struct door *two = &doors[variant->server];
	struct addr at;
	int fd;

	/* Behind both doors is one host with one set of ports. */
	ASSERT_LE(0, sock_listen_lo(one, &at));
	at = addr_loopback(two, addr_port(&at));
	fd = door_socket(two, 0);
	EXPECT_ERRNO(EADDRINUSE, sock_bind(fd, &at));
}

/* One socket for both versions of IP; TCP is the reference again. */
DUAL_FIXTURE(dual);

static int bound(const struct door *d, struct addr at)
{
	int fd = door_socket(d, 0);

	if (!sock_bind(fd, &at))
		return fd;
	close(fd);
	return -1;
}

TEST_F(dual, listener_takes_both)
{
	const struct door *d6 = self->door, *d4 = door_sibling(d6);
	struct addr any, to, from;
	int listener, fd;

	any = addr_any(d6, 4321);
	listener = sock_listen(d6, &any, 8);
	ASSERT_LE(0, listener);

	to = addr_loopback(d4, 4321);
	fd = sock_dial(d4, &to);
	ASSERT_LE(0, fd);
	from.len = sizeof(from.ss);
	fd = accept(listener, &from.sa, &from.len);
	ASSERT_LE(0, fd);
	EXPECT_EQ(sizeof(from.in6), from.len);
	EXPECT_EQ(d6->family, from.sa.sa_family);
	EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&from.in6.sin6_addr));
	from = addr_local(fd);
	EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&from.in6.sin6_addr));

	to = addr_loopback(d6, 4321);
	ASSERT_LE(0, sock_dial(d6, &to));
	from.len = sizeof(from.ss);
	ASSERT_LE(0, accept(listener, &from.sa, &from.len));
	to = addr_loopback(d6, addr_port(&from));
	EXPECT_TRUE(addr_same(&to, &from));
}

TEST_F(dual, both_versions)
{
	const struct door *d6 = self->door, *d4 = door_sibling(d6);
	int wild;

	/* The IPv6 wildcard takes the port of IPv4 along ... */
	wild = bound(d6, addr_any(d6, 4321));
	ASSERT_LE(0, wild);
	EXPECT_ERRNO(EADDRINUSE, bound(d4, addr_any(d4, 4321)));
	EXPECT_ERRNO(EADDRINUSE, bound(d4, addr_loopback(d4, 4321)));
	close(wild);
	/* ... and is kept out by it; a specific address is not. */
	wild = bound(d4, addr_any(d4, 4321));
	ASSERT_LE(0, wild);
	EXPECT_ERRNO(EADDRINUSE, bound(d6, addr_any(d6, 4321)));
	EXPECT_LE(0, bound(d6, addr_loopback(d6, 4321)));
}

TEST_F(dual, port_of_live_connection)
{
	const struct door *d6 = self->door;
	/* not through AF_TERN, where IPv4 is a part of IPv6 */
	const struct door *d4 = &doors[door_is_tcp(d6) ? DOOR_TCP_V4 : DOOR_PROTO_V4];
	struct addr at = addr_any(d6, 4321);
	int listener = sock_listen(d6, &at, 8), fd, server;

	at = addr_loopback(d6, 4321);
	fd = sock_dial(d6, &at);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	close(listener);
	/* Over IPv6, but its listener was of both versions ... */
	EXPECT_ERRNO(EADDRINUSE, bound(d4, addr_any(d4, 4321)));
	/* ... which is not forgotten in TIME_WAIT. */
	close(server);
	close(fd);
	EXPECT_ERRNO(EADDRINUSE, bound(d4, addr_any(d4, 4321)));
	EXPECT_LE(0, bound(d4, addr_loopback(d4, 4321)));
}

TEST_F(dual, v6_only)
{
	const struct door *d6 = self->door, *d4 = door_sibling(d6);
	struct addr at, mapped;
	int wild, fd;

	wild = door_socket(d6, 0);
	ASSERT_EQ(0, sock_set(wild, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	at = addr_any(d6, 4321);
	ASSERT_EQ(0, sock_bind(wild, &at));
	fd = bound(d4, addr_any(d4, 4321));
	EXPECT_LE(0, fd);
	ASSERT_EQ(0, listen(wild, 1));
	close(fd);
	at = addr_loopback(d4, 4321);
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(d4, &at));
	at = addr_loopback(d6, 4321);
	EXPECT_LE(0, sock_dial(d6, &at));

	fd = door_socket(d6, 0);
	ASSERT_EQ(0, sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	mapped = addr_of(d6, "::ffff:127.0.0.1", 4322);
	EXPECT_ERRNO(EINVAL, sock_bind(fd, &mapped));
	at = addr_loopback(d6, 4322);
	ASSERT_EQ(0, sock_bind(fd, &at));
	EXPECT_ERRNO(EINVAL, sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0));
}

TEST_F(dual, mapped_address)
{
	const struct door *d6 = self->door, *d4 = door_sibling(d6);
	struct addr to, at, mapped;
	int listener, fd, server;
	char c;

	listener = sock_listen_lo(d4, &at);
	ASSERT_LE(0, listener);
	mapped = addr_of(d6, "::ffff:127.0.0.1", addr_port(&at));
	fd = sock_dial(d6, &mapped);
	ASSERT_LE(0, fd);
	to = addr_peer(fd);
	EXPECT_TRUE(addr_same(&mapped, &to));
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	EXPECT_EQ(1, write(fd, "a", 1));
	EXPECT_EQ(1, read(server, &c, 1));
	/* Without IPv4 in the socket there is no way there. */
	fd = door_socket(d6, 0);
	ASSERT_EQ(0, sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
	EXPECT_ERRNO(ENETUNREACH, sock_connect(fd, &mapped));
}

TEST_F(dual, bound_version_decides)
{
	const struct door *d6 = self->door;
	struct addr at = addr_of(d6, "::ffff:127.0.0.1", 0);
	struct addr to = addr_of(d6, "::1", 4321);
	int fd = door_socket(d6, 0);

	/* From an IPv4 address there is no way to an IPv6 one. */
	ASSERT_EQ(0, sock_bind(fd, &at));
	EXPECT_ERRNO(EAFNOSUPPORT, sock_connect(fd, &to));
}

TEST_F(dual, link_local)
{
	const struct door *d6 = self->door;
	struct addr at;
	int peer, listener, fd, index;

	/* An address that says nothing without the name of a link. */
	peer = netns_new();
	ASSERT_EQ(0, veth_join(1, self->ns, peer));
	ASSERT_EQ(0, addr_add("net1", "fe80::2", 64));
	index = link_index("net1");
	at = addr_of(d6, "fe80::2", 4321);
	fd = door_socket(d6, 0);
	EXPECT_ERRNO(EINVAL, sock_bind(fd, &at));
	at.in6.sin6_scope_id = index;
	listener = sock_listen(d6, &at, 1);
	ASSERT_LE(0, listener);
	at = addr_local(listener);
	EXPECT_EQ(index, at.in6.sin6_scope_id);

	ASSERT_EQ(0, netns_enter(self->ns));
	ASSERT_EQ(0, addr_add("net1", "fe80::1", 64));
	at = addr_of(d6, "fe80::2", 4321);
	fd = door_socket(d6, 0);
	EXPECT_ERRNO(EINVAL, sock_connect(fd, &at));
	at.in6.sin6_scope_id = link_index("net1");
	ASSERT_EQ(0, sock_connect(fd, &at));
	EXPECT_LE(0, accept(listener, NULL, NULL));
	at = addr_peer(fd);
	EXPECT_EQ(link_index("net1"), at.in6.sin6_scope_id);
	at = addr_local(fd);
	EXPECT_EQ(link_index("net1"), at.in6.sin6_scope_id);
}

TEST_HARNESS_MAIN
