// SPDX-License-Identifier: GPL-2.0
/*
 * bind(): who may have which port at which address. The rules are TCP's, for
 * ephemeral ports, conflicts, wildcards, the two versions of IP, privileges and
 * the options that bend them.
 */
#include <sys/wait.h>

#include "tern_test.h"

#define PORT	4321

DOOR_FIXTURE(bind);

static const char *second_host(const struct door *d)
{
	return d->ip == 4 ? "127.0.0.2" : "fd00::2";
}

/* A second address of this host; with IPv4 all of 127.0.0.0/8 is there. */
static struct addr addr_second(const struct door *d, int port)
{
	if (d->ip == 6)
		addr_add("lo", second_host(d), 128);
	return addr_of(d, second_host(d), port);
}

static int bound(const struct door *d, struct addr at)
{
	int fd = door_socket(d, 0);

	if (!sock_bind(fd, &at))
		return fd;
	close(fd);
	return -1;
}

static int bound_with(const struct door *d, struct addr at, int option)
{
	int fd = door_socket(d, 0);

	sock_set(fd, SOL_SOCKET, option, 1);
	if (!sock_bind(fd, &at))
		return fd;
	close(fd);
	return -1;
}

TEST_F(bind, name)
{
	struct addr at = addr_loopback(self->door, PORT), local;
	int fd = door_socket(self->door, 0);

	local = addr_local(fd);
	EXPECT_EQ(at.len, local.len);
	EXPECT_EQ(at.sa.sa_family, local.sa.sa_family);
	EXPECT_EQ(0, addr_port(&local));
	ASSERT_EQ(0, sock_bind(fd, &at));
	local = addr_local(fd);
	EXPECT_TRUE(addr_same(&at, &local));
	EXPECT_ERRNO(ENOTCONN, getpeername(fd, &local.sa, &local.len));
}

TEST_F(bind, ephemeral)
{
	struct addr at;
	bool seen[64] = {};
	int fd;

	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20063"));
	for (int i = 0; i < 32; i++) {
		fd = bound(self->door, addr_loopback(self->door, 0));
		ASSERT_LE(0, fd);
		at = addr_local(fd);
		ASSERT_LE(20000, addr_port(&at));
		ASSERT_GE(20063, addr_port(&at));
		EXPECT_FALSE(seen[addr_port(&at) - 20000]);
		seen[addr_port(&at) - 20000] = true;
	}
}

TEST_F(bind, in_use)
{
	struct addr at = addr_loopback(self->door, PORT);

	ASSERT_LE(0, bound(self->door, at));
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, at));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, at, SO_REUSEADDR));
}

TEST_F(bind, free_after_close)
{
	struct addr at = addr_loopback(self->door, PORT);
	int fd;

	for (int i = 0; i < 3; i++) {
		fd = bound(self->door, at);
		ASSERT_LE(0, fd);
		if (i == 1)
			ASSERT_EQ(0, listen(fd, 1));
		close(fd);
	}
}

TEST_F(bind, foreign_address)
{
	struct addr at = addr_of(self->door, self->door->ip == 4 ?
				 "192.0.2.1" : "2001:db8::1", PORT);

	EXPECT_ERRNO(EADDRNOTAVAIL, bound(self->door, at));
}

TEST_F(bind, privileged_port)
{
	struct addr low = addr_loopback(self->door, 80);
	struct addr edge = addr_loopback(self->door, 1024);
	int fd;

	ASSERT_EQ(0, seteuid(65534));
	EXPECT_ERRNO(EACCES, bound(self->door, low));
	fd = bound(self->door, edge);
	EXPECT_LE(0, fd);
	ASSERT_EQ(0, seteuid(0));
	close(fd);

	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_unprivileged_port_start", "80"));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_LE(0, bound(self->door, low));
	ASSERT_EQ(0, seteuid(0));

	low = addr_loopback(self->door, 79);
	EXPECT_LE(0, bound(self->door, low));
}

TEST_F(bind, once_only)
{
	struct addr at = addr_loopback(self->door, PORT);
	struct addr other = addr_loopback(self->door, 0);
	int fds[2], fd;

	fd = bound(self->door, at);
	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EINVAL, sock_bind(fd, &at));
	EXPECT_ERRNO(EINVAL, sock_bind(fd, &other));
	ASSERT_EQ(0, listen(fd, 1));
	EXPECT_ERRNO(EINVAL, sock_bind(fd, &other));

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_ERRNO(EINVAL, sock_bind(fds[0], &other));
	EXPECT_ERRNO(EINVAL, sock_bind(fds[1], &other));
}

TEST_F(bind, reuse_address)
{
	struct addr at = addr_loopback(self->door, PORT);
	int one, two;

	/* Both may have it as long as neither listens ... */
	one = bound_with(self->door, at, SO_REUSEADDR);
	two = bound_with(self->door, at, SO_REUSEADDR);
	ASSERT_LE(0, one);
	ASSERT_LE(0, two);
	/* ... then one may, and nobody else may come. */
	EXPECT_EQ(0, listen(one, 1));
	EXPECT_ERRNO(EADDRINUSE, listen(two, 1));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, at, SO_REUSEADDR));
	close(one);
	EXPECT_EQ(0, listen(two, 1));
}

/* The port that the kernel has chosen stays, when listen() fails. */
TEST_F(bind, listen_fails_on_chosen_port)
{
	int one = bound_with(self->door, addr_loopback(self->door, 0), SO_REUSEADDR);
	struct addr at = addr_local(one), still;
	int two = bound_with(self->door, at, SO_REUSEADDR);

	ASSERT_LE(0, two);
	ASSERT_EQ(0, listen(two, 1));
	EXPECT_ERRNO(EADDRINUSE, listen(one, 1));
	still = addr_local(one);
	EXPECT_TRUE(addr_same(&at, &still));
	close(two);
	/* nobody else's meanwhile */
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, at));
	ASSERT_EQ(0, listen(one, 1));
	still = addr_local(one);
	EXPECT_TRUE(addr_same(&at, &still));
	EXPECT_LE(0, sock_dial(self->door, &at));
}

TEST_F(bind, reuse_needs_both)
{
	struct addr at = addr_loopback(self->door, PORT);
	int fd = bound_with(self->door, at, SO_REUSEADDR);

	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, at));
	close(fd);
	ASSERT_LE(0, bound(self->door, at));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, at, SO_REUSEADDR));
}

TEST_F(bind, reuse_port)
{
	struct addr at = addr_loopback(self->door, PORT);
	int fds[2], got[2] = {}, i;
	struct pollfd polls[2];

	for (i = 0; i < 2; i++) {
		fds[i] = bound_with(self->door, at, SO_REUSEPORT);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, listen(fds[i], 64));
		polls[i] = (struct pollfd){ fds[i], POLLIN, 0 };
	}
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, at));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, at, SO_REUSEADDR));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, at, SO_REUSEPORT));
	ASSERT_EQ(0, seteuid(0));

	/* The flows are spread: 1 in 2^31 that 32 go one way. */
	for (i = 0; i < 32; i++)
		ASSERT_LE(0, sock_dial(self->door, &at));
	while (got[0] + got[1] < 32) {
		ASSERT_LT(0, poll(polls, 2, DEADLINE_MS));
		for (i = 0; i < 2; i++) {
			if (!polls[i].revents)
				continue;
			ASSERT_LE(0, accept(fds[i], NULL, NULL));
			got[i]++;
		}
	}
	EXPECT_LT(0, got[0]);
	EXPECT_LT(0, got[1]);
}

/* The user who bound counts, not who has what came from there. */
TEST_F(bind, reuse_port_with_connections)
{
	struct addr at = addr_loopback(self->door, PORT);
	int listener, orphan;

	ASSERT_EQ(0, seteuid(65534));
	listener = bound_with(self->door, at, SO_REUSEPORT);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, listen(listener, 64));
	/* nobody's yet, and nobody's any more */
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_LE(0, sock_dial(self->door, &at));
	orphan = accept(listener, NULL, NULL);
	ASSERT_LE(0, orphan);
	close(orphan);
	EXPECT_LE(0, bound_with(self->door, at, SO_REUSEPORT));
	ASSERT_EQ(0, seteuid(0));
	/* another user's */
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_LE(0, accept(listener, NULL, NULL));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_LE(0, bound_with(self->door, at, SO_REUSEPORT));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, at, SO_REUSEPORT));
}

TEST_F(bind, specific_addresses)
{
	struct addr one = addr_loopback(self->door, PORT);
	struct addr two = addr_second(self->door, PORT);

	ASSERT_LE(0, bound(self->door, one));
	EXPECT_LE(0, bound(self->door, two));
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, addr_any(self->door, PORT)));
}

TEST_F(bind, wildcard_first)
{
	ASSERT_LE(0, bound(self->door, addr_any(self->door, PORT)));
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, addr_any(self->door, PORT)));
	EXPECT_ERRNO(EADDRINUSE,
		     bound(self->door, addr_loopback(self->door, PORT)));
	EXPECT_ERRNO(EADDRINUSE,
		     bound(self->door, addr_second(self->door, PORT)));
}

TEST_F(bind, wildcard_and_specific_listen)
{
	struct addr any = addr_any(self->door, PORT);
	struct addr one = addr_loopback(self->door, PORT);
	struct addr two = addr_second(self->door, PORT);
	int wild = bound_with(self->door, any, SO_REUSEADDR);
	int exact = bound_with(self->door, one, SO_REUSEADDR);

	ASSERT_LE(0, wild);
	ASSERT_LE(0, exact);
	ASSERT_EQ(0, listen(exact, 8));
	EXPECT_ERRNO(EADDRINUSE, listen(wild, 8));
	close(exact);
	EXPECT_EQ(0, listen(wild, 8));
	EXPECT_LE(0, sock_dial(self->door, &one));
	EXPECT_LE(0, sock_dial(self->door, &two));
}

TEST_F(bind, many_ports)
{
	struct pollfd polls[300];
	struct addr at[300];
	int i;

	for (i = 0; i < 300; i++) {
		polls[i].fd = sock_listen_lo(self->door, &at[i]);
		polls[i].events = POLLIN;
		ASSERT_LE(0, polls[i].fd);
	}
	/* Each is its own: nobody else gets the connection. */
	for (i = 0; i < 300; i += 23) {
		ASSERT_LE(0, sock_dial(self->door, &at[i]));
		EXPECT_EQ(1, poll(polls, 300, DEADLINE_MS));
		EXPECT_EQ(POLLIN, polls[i].revents);
		EXPECT_LE(0, accept(polls[i].fd, NULL, NULL));
	}
}

TEST_F(bind, ports_run_out)
{
	struct addr any = addr_any(self->door, 0);
	int fds[4], i;

	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20003"));
	for (i = 0; i < 4; i++) {
		fds[i] = bound(self->door, any);
		ASSERT_LE(0, fds[i]);
	}
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, any));
	EXPECT_ERRNO(EADDRINUSE, listen(door_socket(self->door, 0), 1));
	close(fds[2]);
	EXPECT_LE(0, bound(self->door, any));
}

/* net.ipv4.ip_autobind_reuse */
TEST_F(bind, shared_when_they_run_out)
{
	struct addr any = addr_any(self->door, 0);
	int fd, both[2];

	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20000"));
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_autobind_reuse", "1"));
	fd = bound_with(self->door, any, SO_REUSEADDR);
	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, any));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, any, SO_REUSEPORT));
	EXPECT_LE(0, bound_with(self->door, any, SO_REUSEADDR));
	ASSERT_EQ(0, listen(fd, 1));
	EXPECT_ERRNO(EADDRINUSE, bound_with(self->door, any, SO_REUSEADDR));

	/* two that could listen side by side get a port each */
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20001 20001"));
	for (int i = 0; i < 2; i++) {
		both[i] = door_socket(self->door, 0);
		sock_set(both[i], SOL_SOCKET, SO_REUSEADDR, 1);
		sock_set(both[i], SOL_SOCKET, SO_REUSEPORT, 1);
	}
	ASSERT_EQ(0, sock_bind(both[0], &any));
	EXPECT_ERRNO(EADDRINUSE, sock_bind(both[1], &any));
	EXPECT_LE(0, bound_with(self->door, any, SO_REUSEADDR));
}

TEST_F(bind, reserved_ports)
{
	struct addr at;
	int fd;

	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20003"));
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_reserved_ports",
				"20000,20002-20003"));
	fd = bound(self->door, addr_loopback(self->door, 0));
	ASSERT_LE(0, fd);
	at = addr_local(fd);
	EXPECT_EQ(20001, addr_port(&at));
	/* Reserved from being chosen, not from being asked for. */
	EXPECT_LE(0, bound(self->door, addr_loopback(self->door, 20002)));
	EXPECT_ERRNO(EADDRINUSE,
		     bound(self->door, addr_loopback(self->door, 0)));
}

TEST_F(bind, connect_runs_out)
{
	struct addr at[2];
	int i;

	ASSERT_LE(0, sock_listen_lo(self->door, &at[0]));
	ASSERT_LE(0, sock_listen_lo(self->door, &at[1]));
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20003"));
	for (i = 0; i < 4; i++)
		ASSERT_LE(0, sock_dial(self->door, &at[0]));
	EXPECT_ERRNO(EADDRNOTAVAIL, sock_dial(self->door, &at[0]));
	/* To another destination the same ports are free. */
	for (i = 0; i < 4; i++)
		EXPECT_LE(0, sock_dial(self->door, &at[1]));
	EXPECT_ERRNO(EADDRNOTAVAIL, sock_dial(self->door, &at[1]));
}

TEST_F(bind, time_wait)
{
	struct addr at = addr_loopback(self->door, PORT);
	int listener, client, server;
	char c;

	listener = bound_with(self->door, at, SO_REUSEADDR);
	ASSERT_EQ(0, listen(listener, 1));
	client = sock_dial(self->door, &at);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	close(listener);

	/* The side that closes first stays behind in TIME_WAIT. */
	close(server);
	EXPECT_EQ(0, read(client, &c, 1));
	close(client);
	ASSERT_TRUE(wait_until((listener = bound_with(self->door, at,
						      SO_REUSEADDR)) >= 0));
	close(listener);
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, at));
	listener = bound_with(self->door, at, SO_REUSEADDR);
	ASSERT_LE(0, listener);
	EXPECT_EQ(0, listen(listener, 1));
	EXPECT_LE(0, sock_dial(self->door, &at));
}

TEST_F(bind, port_of_live_connection)
{
	struct addr at = addr_loopback(self->door, PORT);
	int listener = sock_listen(self->door, &at, 1);

	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_LE(0, accept(listener, NULL, NULL));
	close(listener);
	EXPECT_ERRNO(EADDRINUSE, bound(self->door, at));
}

TEST_F(bind, bad_address)
{
	struct addr at = addr_loopback(self->door, PORT);
	int fd = door_socket(self->door, 0);

	EXPECT_ERRNO(EINVAL, bind(fd, &at.sa, 1));
	EXPECT_ERRNO(EINVAL, bind(fd, &at.sa, door_is_wide(self->door) ? 23 : 15));
	EXPECT_ERRNO(EINVAL, bind(fd, &at.sa, sizeof(at.ss) + 1));
	EXPECT_ERRNO(EFAULT, bind(fd, (void *)1, at.len));
	at.sa.sa_family = AF_UNIX;
	EXPECT_ERRNO(EAFNOSUPPORT, sock_bind(fd, &at));
	at = addr_loopback(self->door, PORT);
	EXPECT_EQ(0, sock_bind(fd, &at));
}

TEST_HARNESS_MAIN
