// SPDX-License-Identifier: GPL-2.0
/*
 * SO_REUSEPORT: connections to a port that listeners share are spread among them,
 * or go where a program says.
 */
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <sys/syscall.h>

#include "tern_test.h"

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF	68
#endif

/* ENOTSUPP of the kernel */
#define NO_NAME	524

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

/* One by which the length of what follows the header says which. */
static int choose_by_length(int fd)
{
	struct sock_filter code[] = {
		{ BPF_LD | BPF_W | BPF_LEN, 0, 0, 0 },
		{ BPF_ALU | BPF_ADD | BPF_K, 0, 0, 3 },
		{ BPF_RET | BPF_A, 0, 0, 0 },
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog));
}

/* One by which what the packet bears behind the header says which. */
static int choose_by_payload(int fd)
{
	struct sock_filter code[] = {
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 0 },
		{ BPF_RET | BPF_K, 0, 0, 1 },
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog));
}

/* Where the port of the caller is, counted from the header of IP. */
static int source_port(const struct door *d)
{
	return SKF_NET_OFF + (d->ip == 4 ? 20 : 40);
}

/* One by which the caller's port says which. */
static int choose_by_port(const struct door *d, int fd)
{
	struct sock_filter code[] = {
		{ BPF_LD | BPF_H | BPF_ABS, 0, 0, source_port(d) },
		{ BPF_ALU | BPF_MOD | BPF_K, 0, 0, MEMBERS },
		{ BPF_RET | BPF_A, 0, 0, 0 },
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog));
}

static int load(int type, const struct bpf_insn *code, int len)
{
	union bpf_attr attr = {
		.prog_type = type,
		.insn_cnt = len,
		.insns = (uintptr_t)code,
		.license = (uintptr_t)"GPL",
	};

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* The same, not of the classic kind; a descriptor. */
static int port_program(const struct door *d)
{
	struct bpf_insn code[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0 },
		{ BPF_LD | BPF_H | BPF_ABS, 0, 0, 0, source_port(d) },
		{ BPF_ALU64 | BPF_MOD | BPF_K, BPF_REG_0, 0, 0, MEMBERS },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};

	return load(BPF_PROG_TYPE_SOCKET_FILTER, code, ARRAY_SIZE(code));
}

static int attach(int fd, int program)
{
	return sock_set(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, program);
}

/* A socket that could share. */
static int sharer(const struct door *d)
{
	int fd = door_socket(d, SOCK_NONBLOCK);

	sock_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return fd;
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

/* Does who calls from each of some ports come to whom the port says? */
static bool by_port(const struct door *d, const int fds[MEMBERS])
{
	struct addr at = addr_loopback(d, PORT);

	for (int port = 9000; port < 9000 + 2 * MEMBERS; port++) {
		struct addr from = addr_loopback(d, port);
		int fd = door_socket(d, 0);

		if (sock_bind(fd, &from) || sock_connect(fd, &at) ||
		    wait_event(fds[port % MEMBERS], POLLIN) != POLLIN ||
		    close(accept(fds[port % MEMBERS], NULL, NULL)))
			return false;
		sock_reset(fd);
	}
	return true;
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

/* What is in the packet can say who gets it: behind the header, and before it. */
TEST_F(reuseport, program_reads_packet)
{
	int fds[MEMBERS], got[MEMBERS];

	ASSERT_EQ(0, group(self->door, fds));
	ASSERT_EQ(0, choose_by_length(fds[0]));
	ASSERT_TRUE(call(self->door, fds, got));
	EXPECT_EQ(CALLS, got[3]);
	/* there is nothing behind it: a program that reads there ends with 0 */
	ASSERT_EQ(0, choose_by_payload(fds[0]));
	ASSERT_TRUE(call(self->door, fds, got));
	EXPECT_EQ(CALLS, got[0]);
	ASSERT_EQ(0, choose_by_port(self->door, fds[2]));
	EXPECT_TRUE(by_port(self->door, fds));
}

TEST_F(reuseport, extended_program)
{
	int program = port_program(self->door);
	int fds[MEMBERS];

	ASSERT_LE(0, program);
	ASSERT_EQ(0, group(self->door, fds));
	ASSERT_EQ(0, attach(fds[1], program));
	EXPECT_TRUE(by_port(self->door, fds));
}

/* Who has a program before the port is his does not join others. */
TEST_F(reuseport, program_of_ones_own)
{
	struct addr at = addr_loopback(self->door, PORT);
	int program = port_program(self->door);
	int one = sharer(self->door), two = sharer(self->door), three = sharer(self->door);

	ASSERT_LE(0, program);
	ASSERT_EQ(0, attach(one, program));
	ASSERT_EQ(0, choose(two, 0));
	ASSERT_EQ(0, sock_bind(one, &at));
	EXPECT_ERRNO(EADDRINUSE, sock_bind(two, &at));
	/* Another without one may; then the first is no longer alone. */
	EXPECT_EQ(0, sock_bind(three, &at));
	EXPECT_ERRNO(EADDRINUSE, listen(one, 1));
	EXPECT_EQ(0, listen(three, 1));
	EXPECT_ERRNO(EADDRINUSE, sock_bind(two, &at));
	close(one);
	EXPECT_ERRNO(EADDRINUSE, sock_bind(two, &at));
	close(three);
	EXPECT_EQ(0, sock_bind(two, &at));
	EXPECT_EQ(0, listen(two, 1));
}

/* The first of a group may have it: those that come later join him. */
TEST_F(reuseport, program_first)
{
	struct addr at = addr_loopback(self->door, PORT);
	int fds[MEMBERS], got[MEMBERS];

	for (int i = 0; i < MEMBERS; i++) {
		fds[i] = sharer(self->door);
		if (!i)
			ASSERT_EQ(0, choose(fds[i], 3));
		ASSERT_EQ(0, sock_bind(fds[i], &at));
		ASSERT_EQ(0, listen(fds[i], CALLS));
	}
	ASSERT_TRUE(call(self->door, fds, got));
	EXPECT_EQ(CALLS, got[3]);
}

/* It is for who shares: not for who has a port, or listens, without. */
TEST_F(reuseport, program_for_nobody)
{
	struct addr at = addr_loopback(self->door, PORT);
	int program = port_program(self->door);
	int fd = door_socket(self->door, 0);

	ASSERT_LE(0, program);
	ASSERT_EQ(0, sock_bind(fd, &at));
	EXPECT_ERRNO(EINVAL, attach(fd, program));
	EXPECT_ERRNO(EINVAL, choose(fd, 0));
	ASSERT_EQ(0, listen(fd, 1));
	ASSERT_EQ(0, sock_set(fd, SOL_SOCKET, SO_REUSEPORT, 1));
	EXPECT_ERRNO(EINVAL, attach(fd, program));
	EXPECT_ERRNO(EINVAL, choose(fd, 0));
}

/* The kernel asks by which protocol it is, for one of these; tern(7) says so. */
TEST_F(reuseport, program_made_for_groups)
{
	const struct bpf_insn code[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	int program = load(BPF_PROG_TYPE_SK_REUSEPORT, code, ARRAY_SIZE(code));
	int fd = sharer(self->door);

	ASSERT_LE(0, program);
	EXPECT_EQ(door_is_tcp(self->door) ? 0 : NO_NAME, attach(fd, program) ? errno : 0);
}

TEST_HARNESS_MAIN
