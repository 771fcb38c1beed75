// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options act: what they do to packets, routes and ports, for TCP and
 * through both doors. That they can be set and read is sockopt.c's; timestamps
 * and the error queue are stamps.c's, SO_REUSEPORT is reuseport.c's.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <net/if.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "sniff.h"
#include "tern_test.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE	51
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE		71
#endif
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK		72
#endif

#define PORT	4321

DOOR_FIXTURE(options);

/* Of the version of IP that the packets travel in, whatever the socket's family. */
static int set_hops(const struct door *d, int fd, int hops)
{
	return d->ip == 4 ? sock_set(fd, IPPROTO_IP, IP_TTL, hops) :
			    sock_set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
}

static int set_class(const struct door *d, int fd, int class)
{
	return d->ip == 4 ? sock_set(fd, IPPROTO_IP, IP_TOS, class) :
			    sock_set(fd, IPPROTO_IPV6, IPV6_TCLASS, class);
}

static int attach(int fd, int option, const struct sock_filter *code, int len)
{
	struct sock_fprog prog = { len, (struct sock_filter *)code };

	return setsockopt(fd, SOL_SOCKET, option, &prog, sizeof(prog));
}

static int attach_constant(int fd, int option, int value)
{
	struct sock_filter code = { BPF_RET | BPF_K, 0, 0, value };

	return attach(fd, option, &code, 1);
}

/* Another namespace, host 2 of network 1, where the caller is host 1. */
static int host_2(int here)
{
	int peer = netns_new();

	if (peer < 0 || veth_join(1, here, peer) || netns_enter(here))
		return -1;
	return peer;
}

TEST_F(options, fields_of_the_packet)
{
	const struct door *d = self->door;
	struct addr at = addr_loopback(d, PORT);
	int listener, client, server, sniffer, i;
	struct packet p;
	char c;

	sniffer = sniff_open("lo", SNIFF_ALL, 0);
	ASSERT_LE(0, sniffer);
	listener = sock_listen(d, &at, 1);
	ASSERT_EQ(0, set_hops(d, listener, 33));
	ASSERT_EQ(0, set_class(d, listener, 0x48));
	client = sock_dial(d, &at);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	ASSERT_EQ(1, write(client, "a", 1));
	ASSERT_EQ(1, read(server, &c, 1));
	ASSERT_EQ(1, write(server, "b", 1));
	/* The answer to the SYN, which nobody's socket sends, as well as the rest. */
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(sniff_next(sniffer, d, PORT, &p));
		EXPECT_EQ(i == 0, p.flags == PACKET_SYN_ACK);
		EXPECT_EQ(33, p.ttl);
		EXPECT_EQ(0x48, p.tos & ~3);
	}
	/* As soon as it is set. */
	ASSERT_EQ(0, set_hops(d, server, 44));
	ASSERT_EQ(0, set_class(d, server, 0x90));
	ASSERT_EQ(1, write(server, "c", 1));
	do {
		ASSERT_TRUE(sniff_next(sniffer, d, PORT, &p));
	} while (p.ttl == 33);
	EXPECT_EQ(44, p.ttl);
	EXPECT_EQ(0x90, p.tos & ~3);
}

TEST_F(options, options_of_the_packet)
{
	const unsigned char nothing[] = { 1, 1, 1, 0 };
	int fds[2], mss;

	if (self->door->ip != 4)
		SKIP(return, "IPv4 has them");
	ASSERT_EQ(0, wire_pair(self->door, self->ns, 0, fds));
	mss = sock_get(fds[0], SOL_TCP, TCP_MAXSEG);
	ASSERT_EQ(0, setsockopt(fds[0], IPPROTO_IP, IP_OPTIONS, nothing, sizeof(nothing)));
	/* They leave less room for the payload. */
	EXPECT_EQ(mss - 4, sock_get(fds[0], SOL_TCP, TCP_MAXSEG));
	ASSERT_EQ(0, setsockopt(fds[0], IPPROTO_IP, IP_OPTIONS, NULL, 0));
	EXPECT_EQ(mss, sock_get(fds[0], SOL_TCP, TCP_MAXSEG));
}

TEST_F(options, extension_headers)
{
	/* destination options: PadN */
	const unsigned char header[8] = { 0, 0, 1, 4 };
	static char buf[50000];
	int fds[2], mss;

	if (self->door->ip != 6)
		SKIP(return, "IPv6 has them");
	ASSERT_EQ(0, wire_pair(self->door, self->ns, 0, fds));
	mss = sock_get(fds[0], SOL_TCP, TCP_MAXSEG);
	ASSERT_EQ(0, setsockopt(fds[0], IPPROTO_IPV6, IPV6_DSTOPTS, header, sizeof(header)));
	EXPECT_EQ(mss - 8, sock_get(fds[0], SOL_TCP, TCP_MAXSEG));
	/* What is full fits the link. */
	pattern_fill(buf, sizeof(buf), 0);
	ASSERT_EQ(sizeof(buf), write(fds[0], buf, sizeof(buf)));
	EXPECT_EQ(0, pattern_recv(fds[1], sizeof(buf), 1000));
}

TEST_F(options, no_groups)
{
	struct ipv6_mreq six = { IN6ADDR_LOOPBACK_INIT, 0 };
	struct ip_mreq four = {};
	int fd = door_socket(self->door, 0);

	EXPECT_ERRNO(EPROTO, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof(four)));
	if (door_is_wide(self->door)) {
		EXPECT_ERRNO(EPROTO, setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six,
						sizeof(six)));
		EXPECT_ERRNO(EINVAL, setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six, 4));
	} else {
		EXPECT_ERRNO(ENOPROTOOPT, setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six,
						     sizeof(six)));
	}
}

TEST_F(options, minimum_hops)
{
	const struct door *d = self->door;
	struct addr at = addr_loopback(d, PORT);
	int listener = sock_listen(d, &at, 1), client, server;
	char c;

	client = sock_dial(d, &at);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	/* From too far away: as if it had never come ... */
	ASSERT_EQ(0, d->ip == 4 ? sock_set(server, IPPROTO_IP, IP_MINTTL, 200) :
				  sock_set(server, IPPROTO_IPV6, IPV6_MINHOPCOUNT, 200));
	ASSERT_EQ(1, write(client, "a", 1));
	pause_ms(20);
	EXPECT_ERRNO(EAGAIN, recv(server, &c, 1, MSG_DONTWAIT));
	/* ... and it is sent again. */
	ASSERT_EQ(0, set_hops(d, client, 255));
	EXPECT_EQ(1, recv(server, &c, 1, 0));
}

static const struct {
	int option;
	enum sniff_field field;
} beside[] = {
	{ SO_MARK, SNIFF_MARK }, { SO_PRIORITY, SNIFF_PRIORITY },
};

TEST_F(options, beside_the_packet)
{
	const struct door *d = self->door;
	struct addr at = addr_loopback(d, PORT);
	int listener, sniffers[2];
	struct packet p;

	listener = sock_listen(d, &at, 1);
	for (int i = 0; i < 2; i++) {
		sniffers[i] = sniff_open("lo", beside[i].field, 5);
		ASSERT_LE(0, sniffers[i]);
		ASSERT_EQ(0, sock_set(listener, SOL_SOCKET, beside[i].option, 5));
	}
	ASSERT_LE(0, sock_dial(d, &at));
	ASSERT_LE(0, accept(listener, NULL, NULL));
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(sniff_next(sniffers[i], d, PORT, &p));
		EXPECT_EQ(PACKET_SYN_ACK, p.flags);
	}
}

TEST_F(options, mark_chooses_the_route)
{
	const struct door *d = self->door;
	struct addr at = addr_host(d, 1, 2, PORT);
	int peer = host_2(self->ns), listener, client;
	char c;

	ASSERT_LE(0, peer);
	ASSERT_EQ(0, netns_enter(peer));
	listener = sock_listen(d, &at, 4);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, netns_enter(self->ns));
	ASSERT_EQ(0, rule_add_mark(d, 77));
	client = door_socket(d, 0);
	ASSERT_EQ(0, sock_set(client, SOL_SOCKET, SO_MARK, 77));
	EXPECT_ERRNO(EACCES, sock_connect(client, &at));
	ASSERT_EQ(0, sock_set(client, SOL_SOCKET, SO_MARK, 78));
	EXPECT_EQ(0, sock_connect(client, &at));
	/* What is marked later goes nowhere, until it is not any more. */
	ASSERT_EQ(0, sock_set(client, SOL_SOCKET, SO_MARK, 77));
	ASSERT_EQ(1, write(client, "a", 1));
	client = accept(listener, NULL, NULL);
	ASSERT_LE(0, client);
	pause_ms(20);
	EXPECT_ERRNO(EAGAIN, recv(client, &c, 1, MSG_DONTWAIT));
}

TEST_F(options, free_bind)
{
	const struct door *d = self->door;
	struct addr at = addr_of(d, d->ip == 4 ? "192.0.2.1" : "2001:db8::1", PORT);
	int fd = door_socket(d, 0);

	EXPECT_ERRNO(EADDRNOTAVAIL, sock_bind(fd, &at));
	EXPECT_EQ(0, sock_get(fd, IPPROTO_IP, IP_FREEBIND));
	ASSERT_EQ(0, sock_set(fd, IPPROTO_IP, IP_FREEBIND, 1));
	ASSERT_EQ(0, sock_bind(fd, &at));
	ASSERT_EQ(0, listen(fd, 1));
	/* The address comes later. */
	ASSERT_EQ(0, addr_add("lo", d->ip == 4 ? "192.0.2.1" : "2001:db8::1", host_prefix(d)));
	EXPECT_LE(0, sock_dial(d, &at));
	EXPECT_LE(0, accept(fd, NULL, NULL));
}

TEST_F(options, transparent)
{
	const struct door *d = self->door;
	const char *foreign = d->ip == 4 ? "192.0.2.1" : "2001:db8::1";
	struct addr at = addr_of(d, foreign, PORT), local;
	int peer = host_2(self->ns), listener, client, server;
	char c;

	ASSERT_LE(0, peer);
	ASSERT_EQ(0, route_add(RTN_UNICAST, foreign, host_prefix(d), host_text(d, 1, 2)));
	/* A host on the way that takes what is for others. */
	ASSERT_EQ(0, netns_enter(peer));
	ASSERT_EQ(0, rule_add_from(d, "net1", 100));
	ASSERT_EQ(0, route_add_local(foreign, host_prefix(d), 100));
	listener = door_socket(d, 0);
	ASSERT_EQ(0, sock_set(listener, d->ip == 4 ? IPPROTO_IP : IPPROTO_IPV6,
			      d->ip == 4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1));
	ASSERT_EQ(0, sock_bind(listener, &at));
	ASSERT_EQ(0, listen(listener, 1));
	ASSERT_EQ(0, netns_enter(self->ns));
	client = sock_dial(d, &at);
	ASSERT_LE(0, client);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	local = addr_local(server);
	EXPECT_TRUE(addr_same(&at, &local));
	EXPECT_EQ(1, write(server, "a", 1));
	EXPECT_EQ(1, read(client, &c, 1));
	/* Its TIME_WAIT answers too, when the FIN comes again. */
	close(server);
	EXPECT_EQ(0, read(client, &c, 1));
	ASSERT_EQ(0, peer_silence(d, peer, true));
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_EQ(TCP_LAST_ACK, sock_state(client));
	ASSERT_EQ(0, peer_silence(d, peer, false));
	EXPECT_TRUE(sock_wait_state(client, TCP_CLOSE));
}

/* What connect() says: 0, or an error. */
static int call(const struct door *d, const struct addr *at)
{
	int fd = door_socket(d, 0);
	int err = sock_connect(fd, at) ? errno : 0;

	sock_reset(fd);
	return err;
}

/* Who listens at one interface does not see what comes in by another. */
TEST_F(options, listener_of_an_interface)
{
	const struct door *d = self->door;
	struct addr near = addr_loopback(d, PORT), far = addr_host(d, 1, 1, PORT);
	struct addr any = addr_any(d, PORT);
	int peer = host_2(self->ns), listener;

	ASSERT_LE(0, peer);
	for (int i = 0; i < 2; i++) {
		const char *dev = i ? "net1" : "lo";

		listener = door_socket(d, 0);
		ASSERT_EQ(0, setsockopt(listener, SOL_SOCKET, SO_BINDTODEVICE, dev,
					strlen(dev) + 1));
		ASSERT_EQ(0, sock_bind(listener, &any));
		ASSERT_EQ(0, listen(listener, 4));
		EXPECT_EQ(i ? ECONNREFUSED : 0, call(d, &near));
		ASSERT_EQ(0, netns_enter(peer));
		EXPECT_EQ(i ? 0 : ECONNREFUSED, call(d, &far));
		ASSERT_EQ(0, netns_enter(self->ns));
		close(listener);
	}
}

static int device_switch(const char *dev, int command, bool on)
{
	struct ethtool_value value = { .cmd = command, .data = on };
	struct ifreq request = { .ifr_data = (char *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), ret;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", dev);
	ret = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return ret;
}

/* A veth is polled by NAPI if it may merge, and the other end does not cut by itself. */
static int polled_by_napi(int ns)
{
	return netns_enter(ns) || device_switch("net1", ETHTOOL_SGRO, true) ||
	       device_switch("net1", ETHTOOL_STSO, false);
}

TEST_F(options, busy_poll_of_a_device)
{
	int peer = host_2(self->ns), fds[2];
	char c;

	ASSERT_LE(0, peer);
	ASSERT_EQ(0, polled_by_napi(peer));
	ASSERT_EQ(0, polled_by_napi(self->ns));
	ASSERT_EQ(0, host_pair(self->door, self->ns, peer, fds));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, write(fds[!i], "a", 1));
		ASSERT_EQ(0, sock_set(fds[i], SOL_SOCKET, SO_BUSY_POLL, 1000));
		EXPECT_EQ(1, read(fds[i], &c, 1));
		EXPECT_LT(0, sock_get(fds[i], SOL_SOCKET, SO_INCOMING_NAPI_ID));
	}
}

TEST_F(options, address_without_port)
{
	struct addr at[2], from = addr_loopback(self->door, 0), local;
	int fds[2];

	ASSERT_LE(0, sock_listen_lo(self->door, &at[0]));
	ASSERT_LE(0, sock_listen_lo(self->door, &at[1]));
	ASSERT_EQ(0, sysctl_set("net/ipv4/ip_local_port_range", "20000 20000"));
	/* One port to two places, since it is chosen when the place is known. */
	for (int i = 0; i < 2; i++) {
		fds[i] = door_socket(self->door, 0);
		ASSERT_EQ(0, sock_set(fds[i], IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
		ASSERT_EQ(0, sock_bind(fds[i], &from));
		local = addr_local(fds[i]);
		EXPECT_EQ(0, addr_port(&local));
		EXPECT_EQ(0, sock_connect(fds[i], &at[i]));
		local = addr_local(fds[i]);
		EXPECT_EQ(20000, addr_port(&local));
	}
	EXPECT_ERRNO(EADDRINUSE, sock_bind(door_socket(self->door, 0), &from));
}

TEST_F(options, own_range_of_ports)
{
	struct addr from = addr_loopback(self->door, 0), at;
	int fd = door_socket(self->door, 0);

	if (sock_set(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, 40000 << 16 | 40000) &&
	    errno == ENOPROTOOPT)
		SKIP(return, "not in this kernel");
	EXPECT_EQ(40000 << 16 | 40000, sock_get(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE));
	EXPECT_ERRNO(EINVAL, sock_set(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, 1 << 16 | 2));
	ASSERT_EQ(0, sock_bind(fd, &from));
	at = addr_local(fd);
	EXPECT_EQ(40000, addr_port(&at));
	/* connect() chooses from it as well. */
	ASSERT_LE(0, sock_listen_lo(self->door, &at));
	fd = door_socket(self->door, 0);
	ASSERT_EQ(0, sock_set(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, 40001 << 16 | 40001));
	ASSERT_EQ(0, sock_connect(fd, &at));
	at = addr_local(fd);
	EXPECT_EQ(40001, addr_port(&at));
}

TEST_F(options, incoming_cpu)
{
	int fds[2], cpu;
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(1, write(fds[0], "a", 1));
	ASSERT_EQ(1, read(fds[1], &c, 1));
	cpu = sock_get(fds[1], SOL_SOCKET, SO_INCOMING_CPU);
	EXPECT_LE(0, cpu);
	EXPECT_GT(sysconf(_SC_NPROCESSORS_CONF), cpu);
	EXPECT_EQ(0, sock_get(fds[1], SOL_SOCKET, SO_INCOMING_NAPI_ID));
}

TEST_F(options, incoming_cpu_follows)
{
	cpu_set_t before, one;
	int fds[2];
	char c;

	/* Over lo a packet is received on the processor that sent it. */
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(before), &before));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &before))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
		ASSERT_EQ(1, write(fds[0], "a", 1));
		EXPECT_EQ(cpu, sock_get(fds[1], SOL_SOCKET, SO_INCOMING_CPU));
		ASSERT_EQ(1, read(fds[1], &c, 1));
	}
	sched_setaffinity(0, sizeof(before), &before);
}

TEST_F(options, peek_offset)
{
	int fds[2];
	char c[8];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	if (sock_set(fds[1], SOL_SOCKET, SO_PEEK_OFF, 0)) {
		ASSERT_EQ(EOPNOTSUPP, errno);
		ASSERT_TRUE(door_is_tcp(self->door));
		SKIP(return, "TCP of this kernel does not know it");
	}
	ASSERT_EQ(8, write(fds[0], "abcdefgh", 8));
	/* To peek moves it on, */
	ASSERT_EQ(3, recv(fds[1], c, 3, MSG_PEEK));
	EXPECT_EQ('a', c[0]);
	EXPECT_EQ(3, sock_get(fds[1], SOL_SOCKET, SO_PEEK_OFF));
	ASSERT_EQ(2, recv(fds[1], c, 2, MSG_PEEK));
	EXPECT_EQ('d', c[0]);
	/* to read moves it back, so that it stays where it is in the stream. */
	ASSERT_EQ(2, recv(fds[1], c, 2, 0));
	EXPECT_EQ('a', c[0]);
	EXPECT_EQ(3, sock_get(fds[1], SOL_SOCKET, SO_PEEK_OFF));
	ASSERT_EQ(3, recv(fds[1], c, 8, MSG_PEEK));
	EXPECT_EQ('f', c[0]);
	EXPECT_ERRNO(EAGAIN, recv(fds[1], c, 1, MSG_PEEK | MSG_DONTWAIT));
	ASSERT_EQ(1, write(fds[0], "i", 1));
	EXPECT_EQ(1, recv(fds[1], c, 8, MSG_PEEK));
	EXPECT_EQ('i', c[0]);
	EXPECT_EQ(7, recv(fds[1], c, 8, 0));
	EXPECT_EQ(0, sock_get(fds[1], SOL_SOCKET, SO_PEEK_OFF));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_PEEK_OFF, -1));
	ASSERT_EQ(2, write(fds[0], "jk", 2));
	ASSERT_EQ(1, recv(fds[1], c, 1, MSG_PEEK));
	ASSERT_EQ(1, recv(fds[1], c, 1, MSG_PEEK));
	EXPECT_EQ('j', c[0]);
}

TEST_F(options, filter)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	/* What it refuses was never received ... */
	ASSERT_EQ(0, attach_constant(fds[1], SO_ATTACH_FILTER, 0));
	ASSERT_EQ(1, write(fds[0], "a", 1));
	pause_ms(20);
	EXPECT_ERRNO(EAGAIN, recv(fds[1], &c, 1, MSG_DONTWAIT));
	/* ... and comes again. */
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_DETACH_FILTER, 0));
	EXPECT_EQ(1, recv(fds[1], &c, 1, 0));
	EXPECT_ERRNO(ENOENT, sock_set(fds[1], SOL_SOCKET, SO_DETACH_FILTER, 0));
	ASSERT_EQ(0, attach_constant(fds[1], SO_ATTACH_FILTER, INT_MAX));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_LOCK_FILTER, 1));
	EXPECT_ERRNO(EPERM, sock_set(fds[1], SOL_SOCKET, SO_LOCK_FILTER, 0));
	EXPECT_ERRNO(EPERM, sock_set(fds[1], SOL_SOCKET, SO_DETACH_FILTER, 0));
	EXPECT_ERRNO(EPERM, attach_constant(fds[1], SO_ATTACH_FILTER, 0));
}

TEST_F(options, filter_reads_ports)
{
	/* The filter begins at the transport header; 65534 bytes of 65535 are all. */
	struct sock_filter code[] = {
		{ BPF_LD | BPF_H | BPF_ABS, 0, 0, 2 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PORT },
		{ BPF_RET | BPF_K, 0, 0, 65535 },
		{ BPF_RET | BPF_K, 0, 0, 0 },
	};
	struct addr at = addr_loopback(self->door, PORT);
	int listener = sock_listen(self->door, &at, 1);

	/* A listener's is its connections', too. */
	ASSERT_EQ(0, attach(listener, SO_ATTACH_FILTER, code, ARRAY_SIZE(code)));
	EXPECT_LE(0, sock_dial(self->door, &at));
	EXPECT_LE(0, accept(listener, NULL, NULL));
	code[1].k = PORT + 1;
	ASSERT_EQ(0, attach(listener, SO_ATTACH_FILTER, code, ARRAY_SIZE(code)));
	listener = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(listener, &at));
	pause_ms(20);
	EXPECT_EQ(TCP_SYN_SENT, sock_state(listener));
}

static uint64_t get_64(int fd, int option)
{
	uint64_t value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? 0 : value;
}

TEST_F(options, cookies)
{
	int one = door_socket(self->door, 0), two = door_socket(self->door, 0), other;
	uint64_t cookie = get_64(one, SO_COOKIE), status;

	EXPECT_NE(0, cookie);
	EXPECT_EQ(cookie, get_64(one, SO_COOKIE));
	EXPECT_NE(cookie, get_64(two, SO_COOKIE));
	EXPECT_EQ(cookie, get_64(dup(one), SO_COOKIE));
	if (!fork())
		_exit(get_64(one, SO_COOKIE) != cookie);
	ASSERT_LT(0, wait((int *)&status));
	EXPECT_EQ(0, (int)status);

	EXPECT_NE(0, get_64(one, SO_NETNS_COOKIE));
	EXPECT_EQ(get_64(one, SO_NETNS_COOKIE), get_64(two, SO_NETNS_COOKIE));
	ASSERT_LE(0, netns_new());
	other = door_socket(self->door, 0);
	EXPECT_NE(get_64(one, SO_NETNS_COOKIE), get_64(other, SO_NETNS_COOKIE));
}

TEST_F(options, busy_poll)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, sock_get(fds[1], SOL_SOCKET, SO_BUSY_POLL));
	EXPECT_ERRNO(EINVAL, sock_set(fds[1], SOL_SOCKET, SO_BUSY_POLL, -1));
	ASSERT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_BUSY_POLL, 50));
	EXPECT_EQ(50, sock_get(fds[1], SOL_SOCKET, SO_BUSY_POLL));
	EXPECT_ERRNO(EAGAIN, recv(fds[1], &c, 1, MSG_DONTWAIT));
	ASSERT_EQ(0, sock_timeout(fds[1], SO_RCVTIMEO, 20));
	EXPECT_ERRNO(EAGAIN, recv(fds[1], &c, 1, 0));
	ASSERT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(1, recv(fds[1], &c, 1, 0));
}

TEST_F(options, pace)
{
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(-1, sock_get(fds[0], SOL_SOCKET, SO_MAX_PACING_RATE));
	ASSERT_EQ(0, sock_set(fds[0], SOL_SOCKET, SO_MAX_PACING_RATE, 1000000));
	EXPECT_EQ(1000000, get_64(fds[0], SO_MAX_PACING_RATE));
}

TEST_F(options, departure_time)
{
	struct sock_txtime time = { CLOCK_MONOTONIC, 0 }, got = {};
	char control[CMSG_SPACE(sizeof(uint64_t))] = {}, c;
	struct iovec iov = { "a", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	socklen_t len = sizeof(got);
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_TXTIME;
	cmsg->cmsg_len = CMSG_LEN(sizeof(uint64_t));
	EXPECT_ERRNO(EINVAL, sendmsg(fds[0], &msg, 0));
	ASSERT_EQ(0, setsockopt(fds[0], SOL_SOCKET, SO_TXTIME, &time, sizeof(time)));
	ASSERT_EQ(0, getsockopt(fds[0], SOL_SOCKET, SO_TXTIME, &got, &len));
	EXPECT_EQ(CLOCK_MONOTONIC, got.clockid);
	/* A stream takes it, and goes when it goes. */
	EXPECT_EQ(1, sendmsg(fds[0], &msg, 0));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	time.flags = 0x80;
	EXPECT_ERRNO(EINVAL, setsockopt(fds[0], SOL_SOCKET, SO_TXTIME, &time, sizeof(time)));
}

TEST_F(options, buffer_locks)
{
	int fd = door_socket(self->door, 0);

	EXPECT_EQ(0, sock_get(fd, SOL_SOCKET, SO_BUF_LOCK));
	ASSERT_EQ(0, sock_set(fd, SOL_SOCKET, SO_SNDBUF, 100000));
	EXPECT_EQ(1, sock_get(fd, SOL_SOCKET, SO_BUF_LOCK));
	ASSERT_EQ(0, sock_set(fd, SOL_SOCKET, SO_BUF_LOCK, 2));
	EXPECT_EQ(2, sock_get(fd, SOL_SOCKET, SO_BUF_LOCK));
	EXPECT_ERRNO(EINVAL, sock_set(fd, SOL_SOCKET, SO_BUF_LOCK, 4));
}

TEST_F(options, disconnect_and_again)
{
	struct addr at, none = addr_unspec();
	int listener = sock_listen_lo(self->door, &at), fd = door_socket(self->door, 0), server;
	char c;

	ASSERT_EQ(0, sock_set(fd, SOL_TCP, TCP_NODELAY, 1));
	ASSERT_EQ(0, sock_set(fd, SOL_SOCKET, SO_MARK, 9));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, sock_connect(fd, &at));
		server = accept(listener, NULL, NULL);
		ASSERT_LE(0, server);
		EXPECT_EQ(1, write(fd, "a", 1));
		EXPECT_EQ(1, read(server, &c, 1));
		EXPECT_EQ(0, sock_connect(fd, &none));
		EXPECT_EQ(ECONNRESET, sock_get(fd, SOL_SOCKET, SO_ERROR));
		EXPECT_ERRNO(ECONNRESET, read(server, &c, 1));
	}
	/* Options stay. */
	EXPECT_EQ(1, sock_get(fd, SOL_TCP, TCP_NODELAY));
	EXPECT_EQ(9, sock_get(fd, SOL_SOCKET, SO_MARK));
}

/* Passes a descriptor through a pair of AF_UNIX sockets. */
static int pass(int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2], got = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(pair[0], &msg, 0) != 1)
		return -1;
	close(fd);
	memset(control, 0, sizeof(control));
	if (recvmsg(pair[1], &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
	close(pair[0]);
	close(pair[1]);
	return got;
}

TEST_F(options, passed_on)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at), client, server;
	char c;

	listener = pass(listener);
	ASSERT_LE(0, listener);
	client = pass(sock_dial(self->door, &at));
	ASSERT_LE(0, client);
	server = pass(accept(listener, NULL, NULL));
	ASSERT_LE(0, server);
	EXPECT_EQ(1, write(client, "a", 1));
	EXPECT_EQ(1, read(server, &c, 1));
	close(client);
	EXPECT_EQ(0, read(server, &c, 1));
}

TEST_F(options, for_the_privileged)
{
	const int options[][3] = {
		{ SOL_SOCKET, SO_MARK, 1 }, { SOL_SOCKET, SO_PRIORITY, 7 },
		{ SOL_SOCKET, SO_RCVBUFFORCE, 9999 }, { SOL_SOCKET, SO_SNDBUFFORCE, 9999 },
		{ IPPROTO_IP, IP_TRANSPARENT, 1 },
	};
	const int allowed[][3] = {
		{ SOL_SOCKET, SO_PRIORITY, 6 }, { SOL_SOCKET, SO_REUSEPORT, 1 },
		{ SOL_SOCKET, SO_BUSY_POLL, 0 }, { SOL_TCP, TCP_NODELAY, 1 },
		{ IPPROTO_IP, IP_FREEBIND, 1 }, { IPPROTO_IP, IP_TOS, 8 },
	};
	int fd;

	ASSERT_EQ(0, seteuid(65534));
	fd = door_socket(self->door, 0);
	EXPECT_ERRNO(EACCES, sock_set(fd, SOL_SOCKET, SO_DEBUG, 1));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		EXPECT_ERRNO(EPERM, sock_set(fd, options[i][0], options[i][1], options[i][2]));
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		EXPECT_EQ(0, sock_set(fd, allowed[i][0], allowed[i][1], allowed[i][2]));
	ASSERT_EQ(0, seteuid(0));
}

TEST_F(options, in_a_user_namespace)
{
	int fd, status;

	/* Who has made the network may mark in it. */
	if (!fork()) {
		if (setgid(65534) || setuid(65534) || unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(1);
		fd = door_socket(self->door, 0);
		_exit(fd < 0 ? 2 : sock_set(fd, SOL_SOCKET, SO_MARK, 1) ? 3 :
		      sock_set(fd, IPPROTO_IP, IP_TRANSPARENT, 1) ? 4 :
		      sock_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 9999) != -1 ? 5 : 0);
	}
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F(options, bad_lengths)
{
	const int ints[] = {
		TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT,
		TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_QUICKACK,
		TCP_USER_TIMEOUT, TCP_NOTSENT_LOWAT, TCP_INQ,
	};
	int fd = door_socket(self->door, 0);
	char value[16] = {};
	socklen_t len;

	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		for (int n = -1; n < 4; n++)
			EXPECT_ERRNO(EINVAL, setsockopt(fd, SOL_TCP, ints[i], value, n));
		EXPECT_ERRNO(EFAULT, setsockopt(fd, SOL_TCP, ints[i], (void *)8, 4));
		for (int n = 0; n < 16; n++) {
			len = n;
			EXPECT_EQ(0, getsockopt(fd, SOL_TCP, ints[i], value, &len));
			EXPECT_EQ(n < 4 ? n : 4, len);
		}
		len = -1;
		EXPECT_ERRNO(EINVAL, getsockopt(fd, SOL_TCP, ints[i], value, &len));
		len = 4;
		EXPECT_ERRNO(EFAULT, getsockopt(fd, SOL_TCP, ints[i], (void *)8, &len));
	}
	EXPECT_ERRNO(EINVAL, setsockopt(fd, SOL_TCP, TCP_CONGESTION, "cubic", 0));
	EXPECT_ERRNO(EFAULT, setsockopt(fd, SOL_TCP, TCP_CONGESTION, (void *)8, 5));
	EXPECT_EQ(0, setsockopt(fd, SOL_TCP, TCP_CONGESTION, "cubic", 5));
	/* Longer than it is long, in a value and in a buffer. */
	EXPECT_EQ(0, setsockopt(fd, SOL_TCP, TCP_NODELAY, value, sizeof(value)));
}

TEST_HARNESS_MAIN
