// SPDX-License-Identifier: GPL-2.0
/*
 * Ports whose last connection is in TIME_WAIT: connect() takes them, as
 * net.tern.tw_reuse (TCP: net.ipv4.tcp_tw_reuse) says, so that a client which
 * closes first does not run out of them.
 */
#include <unistd.h>

#include "tern_test.h"

#define PORTS	4

DOOR_FIXTURE(timewait);

static int set_reuse(const struct door *d, const char *value)
{
	return sysctl_set(door_is_tcp(d) ? "net/ipv4/tcp_tw_reuse" : "net/tern/tw_reuse", value);
}

static int dial_from(const struct door *d, const struct addr *from, const struct addr *to)
{
	int fd = door_socket(d, 0);

	sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if ((!from || !sock_bind(fd, from)) && !sock_connect(fd, to))
		return fd;
	close(fd);
	return -1;
}

/* A connection that was closed by the one who had opened it; its end. */
static int visit(const struct door *d, int listener, const struct addr *from,
		 const struct addr *to, struct addr *end)
{
	int fd = dial_from(d, from, to), server;
	char c;

	if (fd < 0)
		return -1;
	server = accept(listener, NULL, NULL);
	*end = addr_local(fd);
	close(fd);
	if (server < 0 || read(server, &c, 1))
		return -1;
	close(server);
	return 0;
}

TEST_F(timewait, ports_in_turn)
{
	struct addr at, end;
	int listener;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20003"));
	ASSERT_EQ(0, set_reuse(self->door, "0"));
	for (int i = 0; i < PORTS; i++)
		ASSERT_EQ(0, visit(self->door, listener, NULL, &at, &end));
	EXPECT_ERRNO(EADDRNOTAVAIL, visit(self->door, listener, NULL, &at, &end));

	ASSERT_EQ(0, set_reuse(self->door, "1"));
	/* TCP's clock has to go on for a second. */
	if (door_is_tcp(self->door)) {
		EXPECT_TRUE(wait_until(!visit(self->door, listener, NULL, &at, &end)));
		return;
	}
	for (int i = 0; i < 5 * PORTS; i++)
		EXPECT_EQ(0, visit(self->door, listener, NULL, &at, &end));
}

TEST_F(timewait, bound_port)
{
	struct addr at, end;
	int listener;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	/* For a port that the program has chosen the sysctl does not matter. */
	ASSERT_EQ(0, set_reuse(self->door, "0"));
	ASSERT_EQ(0, visit(self->door, listener, NULL, &at, &end));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, visit(self->door, listener, &end, &at, &end));
}

TEST_F(timewait, live_connection)
{
	struct addr at, end;
	int listener, fd;

	/* What is not in TIME_WAIT keeps its port. */
	listener = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20000"));
	fd = dial_from(self->door, NULL, &at);
	ASSERT_LE(0, fd);
	end = addr_local(fd);
	EXPECT_ERRNO(EADDRNOTAVAIL, dial_from(self->door, NULL, &at));
	EXPECT_ERRNO(EADDRNOTAVAIL, dial_from(self->door, &end, &at));
	EXPECT_EQ(0, shutdown(fd, SHUT_WR));
	EXPECT_ERRNO(EADDRNOTAVAIL, dial_from(self->door, &end, &at));
}

TEST_HARNESS_MAIN
