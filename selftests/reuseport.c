// SPDX-License-Identifier: GPL-2.0
/*
 * SO_REUSEPORT: connections to a port that listeners share are spread among them,
 * or go where a program says.
 */
#include <linux/filter.h>

#include "tern_test.h"

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF	68
#endif

#define PORT	4321
#define MEMBERS	4
#define CALLS	64

DOOR_FIXTURE(reuseport);

/* A program by which the group's listener of that number gets everything. */
static int choose(int fd, int number)
{
	struct sock_filter code = { BPF_RET | BPF_K, 0, 0, number };
	struct sock_fprog prog = { 1, &code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog));
}

/* Listeners that share a port. */
static int group(const struct door *d, int fds[MEMBERS])
{
	struct addr at = addr_loopback(d, PORT);

	for (int i = 0; i < MEMBERS; i++) {
		fds[i] = door_socket(d, SOCK_NONBLOCK);
		if (sock_set(fds[i], SOL_SOCKET, SO_REUSEPORT, 1) || sock_bind(fds[i], &at) ||
		    listen(fds[i], CALLS))
			return -1;
	}
	return 0;
}

/* Calls so often, and counts who got how much of it. */
static bool call(const struct door *d, const int fds[MEMBERS], int got[MEMBERS])
{
	struct addr at = addr_loopback(d, PORT);
	int i, fd, sum = 0;

	for (i = 0; i < CALLS; i++)
		if (sock_dial(d, &at) < 0)
			return false;
	memset(got, 0, MEMBERS * sizeof(*got));
	return wait_until(({
		for (i = 0; i < MEMBERS; i++) {
			while ((fd = accept(fds[i], NULL, NULL)) >= 0) {
				close(fd);
				got[i]++;
				sum++;
			}
		}
		sum == CALLS;
	}));
}

TEST_F(reuseport, balances)
{
	int fds[MEMBERS], got[MEMBERS];

	ASSERT_EQ(0, group(self->door, fds));
	ASSERT_TRUE(call(self->door, fds, got));
	/* 1 in 25 million that somebody gets nothing. */
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_LT(0, got[i]);
	/* What one does not take any more the others get. */
	ASSERT_EQ(0, close(fds[1]));
	ASSERT_TRUE(call(self->door, fds, got));
	EXPECT_EQ(0, got[1]);
}

TEST_F(reuseport, program)
{
	int fds[MEMBERS], got[MEMBERS];

	/* It is for who shares a port, may come at any time ... */
	EXPECT_ERRNO(EINVAL, choose(door_socket(self->door, 0), 2));
	ASSERT_EQ(0, group(self->door, fds));
	ASSERT_EQ(0, choose(fds[0], 2));
	ASSERT_TRUE(call(self->door, fds, got));
	EXPECT_EQ(CALLS, got[2]);
	/* ... may change, by whomever of it ... */
	ASSERT_EQ(0, choose(fds[3], 1));
	ASSERT_TRUE(call(self->door, fds, got));
	EXPECT_EQ(CALLS, got[1]);
	/* ... names nobody, and goes again. */
	ASSERT_EQ(0, choose(fds[0], MEMBERS));
	ASSERT_TRUE(call(self->door, fds, got));
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_LT(0, got[i]);
	EXPECT_EQ(0, sock_set(fds[1], SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0));
	EXPECT_ERRNO(ENOENT, sock_set(fds[1], SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0));
}

TEST_HARNESS_MAIN
