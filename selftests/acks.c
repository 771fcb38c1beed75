// SPDX-License-Identifier: GPL-2.0
/*
 * ACK thinning: what arrives as a super-segment is acknowledged as one, so bulk
 * data between two hosts with a veth pair costs few ACKs.
 */
#include <stdio.h>
#include <unistd.h>

#include "tern_test.h"

#define BULK	(4 << 20)

DOOR_FIXTURE(acks);

/* TCP's counters are in two lines: the names, the values. */
static long long tcp_segments_out(void)
{
	FILE *f = fopen("/proc/net/snmp", "r");
	long long out = -1;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Tcp: %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %lld", &out) == 1)
			break;
	}
	if (f)
		fclose(f);
	return out;
}

static long long segments_out(const struct door *d)
{
	long long value, out = -1;
	char name[64];
	FILE *f;

	if (door_is_tcp(d))
		return tcp_segments_out();
	f = fopen("/proc/net/tern/snmp", "r");
	while (f && fscanf(f, "%63s %lld\n", name, &value) == 2) {
		if (!strcmp(name, "OutSegs"))
			out = value;
	}
	if (f)
		fclose(f);
	return out;
}

static void *sender(void *arg)
{
	int fd = *(int *)arg;

	return pattern_send(fd, BULK, 65536) ? NULL : arg;
}

TEST_F(acks, bulk)
{
	struct addr to = addr_host(self->door, 1, 2, 4321);
	long long data, acks;
	int peer, listener, fds[2];
	pthread_t thread;
	void *sent;

	peer = netns_new();
	ASSERT_LE(0, peer);
	ASSERT_EQ(0, veth_join(1, self->ns, peer));
	listener = sock_listen(self->door, &to, 1);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, netns_enter(self->ns));
	fds[0] = sock_dial(self->door, &to);
	ASSERT_LE(0, fds[0]);
	fds[1] = accept(listener, NULL, NULL);
	ASSERT_LE(0, fds[1]);

	ASSERT_EQ(0, pthread_create(&thread, NULL, sender, &fds[0]));
	EXPECT_EQ(0, pattern_recv(fds[1], BULK, 65536));
	pthread_join(thread, &sent);
	EXPECT_NE(NULL, sent);

	/* Each segment that a super-segment is cut into counts as one. */
	data = segments_out(self->door);
	ASSERT_EQ(0, netns_enter(peer));
	acks = segments_out(self->door);
	TH_LOG("%lld ACKs for %lld segments", acks, data);
	EXPECT_LT(BULK / 1500, data);
	EXPECT_LT(0, acks);
	/* One for every second segment would be half. */
	EXPECT_LT(4 * acks, data);
}

TEST_HARNESS_MAIN
