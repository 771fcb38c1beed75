// SPDX-License-Identifier: GPL-2.0
/*
 * What takes a second or more: segments that are sent again, timeouts, lingering
 * and TIME_WAIT. Each case goes through all the doors at once, so that the time
 * is spent once; a failure says which door it was.
 */
#include <fcntl.h>
#include <linux/rtnetlink.h>

#include "tern_test.h"

#define NR_DOORS	6
#define OTHER_NET	9

/* As EXPECT_EQ(), for one of the doors. */
#define CHECK(d, expected, seen)					\
	EXPECT_EQ(expected, seen) {					\
		TH_LOG("%s", (d)->name);				\
	}

#define for_each_door(self, d)						\
	for (d = (self)->first; d < doors + NR_DOORS; d++)

/* Index of a door, for arrays. */
#define NR(d)	((d) - doors)

struct network {
	int here, router, server;
};

FIXTURE(patience) {
	const struct door *first;
	struct network net;
};

/* Routes and addresses are the same for all the doors of a version of IP. */
static const struct door *const versions[2] = {
	&doors[DOOR_TCP_V4], &doors[DOOR_TCP_V6],
};

static int default_route(int net, int host)
{
	return route_add(RTN_UNICAST, "0.0.0.0", 0,
			 host_text(versions[0], net, host)) ||
	       route_add(RTN_UNICAST, "::", 0,
			 host_text(versions[1], net, host));
}

/* The door's own address here, if it has one: see below. */
static int host_here(const struct door *d)
{
	return d->ip == 4 ? 10 + NR(d) : 1;
}

/*
 * Peers vanish here, and what a case leaves unacknowledged would keep its
 * namespace, and so the module, for minutes.
 */
static int netns_new_for_orphans(void)
{
	int net = netns_new();

	if (sysctl_set("net/ipv4/tcp_orphan_retries", "1"))
		return -1;
	/* not there without the module */
	sysctl_set("net/tern/orphan_retries", "1");
	return net;
}

/*
 * This host is number 1 of network 1, the router number 2 of it. The server is
 * number 2 of network 2. A router tells an IPv4 host only now and then that
 * there is no way; therefore each door of IPv4 has an address of its own.
 */
FIXTURE_SETUP(patience)
{
	struct network *net = &self->net;

	self->first = doors;
	if (door_missing(self->first))
		self->first = versions[0];
	net->router = netns_new();
	ASSERT_LE(0, net->router);
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_forward", "1"));
	ASSERT_EQ(0, sysctl_set("net/ipv6/conf/all/forwarding", "1"));
	ASSERT_EQ(0, sysctl_set("net/ipv4/icmp_ratemask", "0"));
	ASSERT_EQ(0, sysctl_set("net/ipv6/icmp/ratelimit", "0"));
	net->server = netns_new_for_orphans();
	ASSERT_LE(0, net->server);
	ASSERT_EQ(0, veth_join(2, net->router, net->server));
	ASSERT_EQ(0, default_route(2, 1));
	net->here = netns_new_for_orphans();
	ASSERT_LE(0, net->here);
	ASSERT_EQ(0, veth_join(1, net->here, net->router));
	ASSERT_EQ(0, default_route(1, 2));
	for (int i = 0; i < NR_DOORS; i++) {
		const struct door *d = &doors[i];

		if (host_here(d) != 1)
			ASSERT_EQ(0, addr_add("net1",
					      host_text(d, 1, host_here(d)),
					      host_prefix(d)));
	}
}

FIXTURE_TEARDOWN(patience)
{
}

/* From now on, or no more, the router does @type with what is for the server. */
static int router_turns(const struct network *net, int type, bool on)
{
	int ret = netns_enter(net->router);

	for (int i = 0; i < 2 && !ret; i++) {
		const struct door *d = versions[i];
		const char *host = host_text(d, 2, 2);

		if (on)
			ret = route_add(type, host, host_prefix(d), NULL);
		else
			ret = route_del(type, host, host_prefix(d));
	}
	return netns_enter(net->here) ? -1 : ret;
}

static int socket_here(const struct door *d, int flags)
{
	struct addr at = addr_host(d, 1, host_here(d), 0);
	int fd = door_socket(d, flags);

	if (sock_bind(fd, &at))
		return -1;
	return fd;
}

/* fds[0] here is connected to fds[1] of the server. */
static int routed_pair(const struct network *net, const struct door *d,
		       int fds[2])
{
	struct addr at = addr_host(d, 2, 2, 0);
	int listener;

	if (netns_enter(net->server))
		return -1;
	listener = sock_listen(d, &at, 1);
	if (listener < 0 || netns_enter(net->here))
		return -1;
	at = addr_local(listener);
	fds[0] = socket_here(d, 0);
	if (sock_connect(fds[0], &at))
		return -1;
	fds[1] = accept(listener, NULL, NULL);
	close(listener);
	return fds[1] < 0 ? -1 : 0;
}

static int failed(int fd)
{
	wait_event(fd, 0);
	return sock_get(fd, SOL_SOCKET, SO_ERROR);
}

TEST_F(patience, accept_queue_overflows)
{
	int listener[NR_DOORS], late[NR_DOORS], fd;
	const struct door *d;
	struct addr at;
	char c;

	for_each_door(self, d) {
		at = addr_loopback(d, 0);
		listener[NR(d)] = sock_listen(d, &at, 0);
		ASSERT_LE(0, listener[NR(d)]);
		at = addr_local(listener[NR(d)]);
		ASSERT_LE(0, sock_dial(d, &at));
		late[NR(d)] = door_socket(d, SOCK_NONBLOCK);
		EXPECT_ERRNO(EINPROGRESS, sock_connect(late[NR(d)], &at));
		CHECK(d, TCP_SYN_SENT, sock_state(late[NR(d)]));
		ASSERT_LE(0, accept(listener[NR(d)], NULL, NULL));
	}
	/* There is room now, so the SYN that is sent again gets in. */
	for_each_door(self, d) {
		CHECK(d, POLLOUT, wait_event(late[NR(d)], POLLOUT));
		CHECK(d, 0, sock_get(late[NR(d)], SOL_SOCKET, SO_ERROR));
		CHECK(d, 1, write(late[NR(d)], "a", 1));
		fd = accept(listener[NR(d)], NULL, NULL);
		ASSERT_LE(0, fd);
		CHECK(d, 1, read(fd, &c, 1));
	}
}

static const struct {
	int type;
	int error[2];	/* IPv4, IPv6 */
} messages[] = {
	{ RTN_UNREACHABLE, { EHOSTUNREACH, ENETUNREACH } },
	{ RTN_PROHIBIT, { EHOSTUNREACH, EACCES } },
	{ RTN_THROW, { ENETUNREACH, ENETUNREACH } },
};

TEST_F(patience, icmp_while_connecting)
{
	int fds[NR_DOORS][ARRAY_SIZE(messages)];
	const struct door *d;
	struct addr to;
	size_t i;

	ASSERT_EQ(0, netns_enter(self->net.router));
	for (i = 0; i < ARRAY_SIZE(messages) * 2; i++) {
		d = versions[i % 2];
		ASSERT_EQ(0, route_add(messages[i / 2].type,
				       host_text(d, OTHER_NET, i / 2 + 1),
				       host_prefix(d), NULL));
	}
	ASSERT_EQ(0, netns_enter(self->net.here));
	for_each_door(self, d) {
		for (i = 0; i < ARRAY_SIZE(messages); i++) {
			to = addr_host(d, OTHER_NET, i + 1, 80);
			fds[NR(d)][i] = socket_here(d, SOCK_NONBLOCK);
			EXPECT_ERRNO(EINPROGRESS,
				     sock_connect(fds[NR(d)][i], &to));
		}
	}
	for_each_door(self, d) {
		for (i = 0; i < ARRAY_SIZE(messages); i++) {
			CHECK(d, messages[i].error[d->ip == 6],
			      failed(fds[NR(d)][i]));
			CHECK(d, true, sock_wait_state(fds[NR(d)][i], TCP_CLOSE));
		}
	}
}

TEST_F(patience, icmp_while_connected)
{
	int fds[NR_DOORS][2], error;
	const struct door *d;
	char c;

	for_each_door(self, d)
		ASSERT_EQ(0, routed_pair(&self->net, d, fds[NR(d)]));
	ASSERT_EQ(0, router_turns(&self->net, RTN_UNREACHABLE, true));
	/* Who asks is told, but a route may come back: the connection lives. */
	for_each_door(self, d)
		CHECK(d, 1, write(fds[NR(d)][0], "a", 1));
	for_each_door(self, d) {
		error = d->ip == 6 ? ENETUNREACH : EHOSTUNREACH;
		CHECK(d, true, wait_until(sock_get(fds[NR(d)][0], SOL_SOCKET,
						   SO_ERROR) == error));
		CHECK(d, POLLOUT, poll_now(fds[NR(d)][0], POLLIN | POLLOUT));
		CHECK(d, TCP_ESTABLISHED, sock_state(fds[NR(d)][0]));
	}
	ASSERT_EQ(0, router_turns(&self->net, RTN_UNREACHABLE, false));
	for_each_door(self, d) {
		CHECK(d, POLLIN, wait_event(fds[NR(d)][1], POLLIN));
		CHECK(d, 1, read(fds[NR(d)][1], &c, 1));
	}
}

/* To be told at once: an option of the version of IP that the packets have. */
static int want_errors(const struct door *d, int fd)
{
	return d->ip == 4 ? sock_set(fd, IPPROTO_IP, IP_RECVERR, 1) :
			    sock_set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

TEST_F(patience, icmp_while_connected_reported)
{
	int fds[NR_DOORS][2];
	const struct door *d;
	char c;

	for_each_door(self, d) {
		ASSERT_EQ(0, routed_pair(&self->net, d, fds[NR(d)]));
		ASSERT_EQ(0, want_errors(d, fds[NR(d)][0]));
	}
	ASSERT_EQ(0, router_turns(&self->net, RTN_UNREACHABLE, true));
	for_each_door(self, d)
		CHECK(d, 1, write(fds[NR(d)][0], "a", 1));
	for_each_door(self, d) {
		CHECK(d, POLLERR, wait_event(fds[NR(d)][0], 0) & POLLERR);
		EXPECT_ERRNO(d->ip == 6 ? ENETUNREACH : EHOSTUNREACH,
			     recv(fds[NR(d)][0], &c, 1, MSG_DONTWAIT));
		CHECK(d, TCP_ESTABLISHED, sock_state(fds[NR(d)][0]));
	}
	ASSERT_EQ(0, router_turns(&self->net, RTN_UNREACHABLE, false));
	for_each_door(self, d)
		CHECK(d, 1, read_all(fds[NR(d)][1], &c, 1));
}

TEST_F(patience, peer_vanishes_with_data)
{
	int fds[NR_DOORS][2];
	const struct door *d;
	char c;

	for_each_door(self, d) {
		ASSERT_EQ(0, routed_pair(&self->net, d, fds[NR(d)]));
		ASSERT_EQ(0, sock_set(fds[NR(d)][0], SOL_TCP, TCP_USER_TIMEOUT,
				      300));
	}
	ASSERT_EQ(0, router_turns(&self->net, RTN_BLACKHOLE, true));
	for_each_door(self, d)
		CHECK(d, 1, write(fds[NR(d)][0], "a", 1));
	for_each_door(self, d) {
		CHECK(d, POLLERR, wait_event(fds[NR(d)][0], 0) & POLLERR);
		EXPECT_ERRNO(ETIMEDOUT, read(fds[NR(d)][0], &c, 1));
		EXPECT_ERRNO(EPIPE, send(fds[NR(d)][0], "a", 1, MSG_NOSIGNAL));
	}
}

TEST_F(patience, peer_vanishes_with_notice)
{
	int fds[NR_DOORS][2];
	const struct door *d;

	/* If a reason was given, that is the error when time is over. */
	for_each_door(self, d) {
		ASSERT_EQ(0, routed_pair(&self->net, d, fds[NR(d)]));
		ASSERT_EQ(0, sock_set(fds[NR(d)][0], SOL_TCP, TCP_USER_TIMEOUT,
				      300));
	}
	ASSERT_EQ(0, router_turns(&self->net, RTN_UNREACHABLE, true));
	for_each_door(self, d)
		CHECK(d, 1, write(fds[NR(d)][0], "a", 1));
	for_each_door(self, d) {
		CHECK(d, d->ip == 6 ? ENETUNREACH : EHOSTUNREACH,
		      failed(fds[NR(d)][0]));
	}
}

static int keep_alive(int fd)
{
	return sock_set(fd, SOL_TCP, TCP_KEEPIDLE, 1) ||
	       sock_set(fd, SOL_TCP, TCP_KEEPINTVL, 1) ||
	       sock_set(fd, SOL_TCP, TCP_KEEPCNT, 1) ||
	       sock_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

TEST_F(patience, peer_vanishes_idle)
{
	int fds[NR_DOORS][2], healthy[NR_DOORS][2];
	const struct door *d;

	for_each_door(self, d) {
		ASSERT_EQ(0, routed_pair(&self->net, d, fds[NR(d)]));
		ASSERT_EQ(0, sock_pair(d, healthy[NR(d)]));
	}
	ASSERT_EQ(0, router_turns(&self->net, RTN_BLACKHOLE, true));
	for_each_door(self, d) {
		ASSERT_EQ(0, keep_alive(fds[NR(d)][0]));
		ASSERT_EQ(0, keep_alive(healthy[NR(d)][0]));
	}
	for_each_door(self, d) {
		CHECK(d, ETIMEDOUT, failed(fds[NR(d)][0]));
		/* Whose peer answers lives on. */
		CHECK(d, TCP_ESTABLISHED, sock_state(healthy[NR(d)][0]));
	}
}

TEST_F(patience, peer_never_answers)
{
	int fds[NR_DOORS];
	const struct door *d;

	ASSERT_EQ(0, router_turns(&self->net, RTN_BLACKHOLE, true));
	for_each_door(self, d) {
		struct addr to = addr_host(d, 2, 2, 9);

		fds[NR(d)] = door_socket(d, SOCK_NONBLOCK);
		ASSERT_EQ(0, sock_set(fds[NR(d)], SOL_TCP, TCP_USER_TIMEOUT, 300));
		EXPECT_ERRNO(EINPROGRESS, sock_connect(fds[NR(d)], &to));
	}
	for_each_door(self, d)
		CHECK(d, ETIMEDOUT, failed(fds[NR(d)]));
}

TEST_F(patience, peer_comes_back)
{
	int fds[NR_DOORS][2];
	const struct door *d;
	char buf[2];

	/* Silence for a while is no reason to give up. */
	for_each_door(self, d)
		ASSERT_EQ(0, routed_pair(&self->net, d, fds[NR(d)]));
	ASSERT_EQ(0, router_turns(&self->net, RTN_BLACKHOLE, true));
	for_each_door(self, d)
		CHECK(d, 2, write(fds[NR(d)][0], "ab", 2));
	pause_ms(300);
	ASSERT_EQ(0, router_turns(&self->net, RTN_BLACKHOLE, false));
	for_each_door(self, d) {
		CHECK(d, 2, read_all(fds[NR(d)][1], buf, 2));
		CHECK(d, 'b', buf[1]);
	}
}

TEST_F(patience, linger_ends)
{
	const struct linger short_while = { 1, 1 };
	struct blocked b[NR_DOORS];
	const struct door *d;
	int fds[2];

	/* The peer reads nothing, but close() comes back all the same. */
	for_each_door(self, d) {
		b[NR(d)] = (struct blocked){ .call = call_close };
		ASSERT_EQ(0, sock_pair(d, fds));
		ASSERT_LT(0, fill_socket(fds[0]));
		ASSERT_EQ(0, setsockopt(fds[0], SOL_SOCKET, SO_LINGER,
					&short_while, sizeof(short_while)));
		b[NR(d)].fd = fds[0];
		ASSERT_EQ(0, blocked_start(&b[NR(d)]));
	}
	for_each_door(self, d) {
		CHECK(d, true, blocked_end(&b[NR(d)]));
		CHECK(d, 0, b[NR(d)].ret);
	}
}

/* The local port of a connection can be bound again. */
static bool port_is_free(const struct door *d, const struct addr *at)
{
	int fd = door_socket(d, 0);
	bool is_free = !sock_bind(fd, at);

	close(fd);
	return is_free;
}

TEST_F(patience, fin_wait_2_ends)
{
	struct addr at[NR_DOORS];
	const struct door *d;
	int fds[2];

	/* An orphan does not wait for the peer's FIN for ever. */
	for_each_door(self, d) {
		ASSERT_EQ(0, sock_pair(d, fds));
		at[NR(d)] = addr_local(fds[0]);
		ASSERT_EQ(0, sock_set(fds[0], SOL_TCP, TCP_LINGER2, 1));
		ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
		ASSERT_TRUE(sock_wait_state(fds[0], TCP_FIN_WAIT2));
		close(fds[0]);
		CHECK(d, false, port_is_free(d, &at[NR(d)]));
	}
	for_each_door(self, d)
		CHECK(d, true, wait_until(port_is_free(d, &at[NR(d)])));
}

TEST_F(patience, time_wait_ends)
{
	struct addr at[NR_DOORS];
	const struct door *d;
	int fds[2];
	char c;

	/* TCP's takes a minute, and there is no way to shorten it. */
	if (self->first != doors)
		SKIP(return, "no such socket: is the module loaded?");
	ASSERT_EQ(0, sysctl_set("net/tern/timewait", "1"));
	for_each_door(self, d) {
		if (door_is_tcp(d))
			continue;
		ASSERT_EQ(0, sock_pair(d, fds));
		at[NR(d)] = addr_local(fds[0]);
		close(fds[0]);
		CHECK(d, 0, read(fds[1], &c, 1));
		close(fds[1]);
		CHECK(d, false, port_is_free(d, &at[NR(d)]));
	}
	for_each_door(self, d) {
		if (door_is_tcp(d))
			continue;
		CHECK(d, true, wait_until(port_is_free(d, &at[NR(d)])));
	}
}

TEST_HARNESS_MAIN
