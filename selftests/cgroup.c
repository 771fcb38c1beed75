// SPDX-License-Identifier: GPL-2.0
/*
 * BPF programs of a cgroup see the sockets of its processes: they may change and
 * refuse addresses, and drop packets of either direction, those included that no
 * socket sends. The programs are a few instructions each, loaded by hand.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/bpf.h>

#include "tern_test.h"

#define PORT	4321
#define ROOT	"/tmp/tern-cgroup"
#define GROUP	ROOT "/tern"

DOOR_FIXTURE(cgroup);

#define RETURN(n) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = n }, \
	{ .code = BPF_JMP | BPF_EXIT }

static const struct bpf_insn refuse[] = { RETURN(0) };

/* Whatever port was asked for, or would be told, becomes this one. */
static const struct bpf_insn set_port[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2,
	  .imm = __builtin_bswap16(PORT) },
	{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2,
	  .off = offsetof(struct bpf_sock_addr, user_port) },
	RETURN(1)
};

static int load(enum bpf_prog_type type, enum bpf_attach_type where,
		const struct bpf_insn *insns, int n)
{
	union bpf_attr attr = {
		.prog_type = type, .expected_attach_type = where,
		.insns = (uintptr_t)insns, .insn_cnt = n, .license = (uintptr_t)"GPL",
	};

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int change(int command, int prog, enum bpf_attach_type where)
{
	int group = open(GROUP, O_RDONLY | O_DIRECTORY), ret;
	union bpf_attr attr = { .target_fd = group, .attach_bpf_fd = prog, .attach_type = where };

	ret = syscall(SYS_bpf, command, &attr, sizeof(attr));
	close(group);
	return ret;
}

/* Into effect; the program, for detach(). */
static int attach_addr(enum bpf_attach_type where, const struct bpf_insn *insns, int n)
{
	int prog = load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, where, insns, n);

	return prog < 0 || change(BPF_PROG_ATTACH, prog, where) ? -1 : prog;
}

static int attach_drop(enum bpf_attach_type where)
{
	int prog = load(BPF_PROG_TYPE_CGROUP_SKB, where, refuse, ARRAY_SIZE(refuse));

	return prog < 0 || change(BPF_PROG_ATTACH, prog, where) ? -1 : prog;
}

static int detach(int prog, enum bpf_attach_type where)
{
	return change(BPF_PROG_DETACH, prog, where);
}

static bool move_to(const char *group)
{
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_WRONLY);
	ret = write(fd, "0", 1);
	close(fd);
	return ret == 1;
}

/* Of the version of IP of the socket's family: AF_TERN's is AF_INET6. */
static enum bpf_attach_type one_of(const struct door *d, enum bpf_attach_type v4,
				   enum bpf_attach_type v6)
{
	return door_is_wide(d) ? v6 : v4;
}

static bool enter_group(void)
{
	mkdir(ROOT, 0700);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", ROOT, "cgroup2", 0, NULL))
		return false;
	mkdir(GROUP, 0700);
	return move_to(GROUP);
}

TEST_F(cgroup, connect)
{
	enum bpf_attach_type where = one_of(self->door, BPF_CGROUP_INET4_CONNECT,
					    BPF_CGROUP_INET6_CONNECT);
	struct addr at = addr_loopback(self->door, PORT), other, peer;
	int prog, fd;

	if (!enter_group())
		SKIP(return, "no cgroup");
	ASSERT_LE(0, sock_listen(self->door, &at, 4));
	other = addr_loopback(self->door, PORT + 1);
	prog = attach_addr(where, set_port, ARRAY_SIZE(set_port));
	ASSERT_LE(0, prog);
	fd = sock_dial(self->door, &other);
	ASSERT_LE(0, fd);
	peer = addr_peer(fd);
	EXPECT_TRUE(addr_same(&at, &peer));
	ASSERT_EQ(0, detach(prog, where));
	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &other));
	prog = attach_addr(where, refuse, ARRAY_SIZE(refuse));
	EXPECT_ERRNO(EPERM, sock_dial(self->door, &at));
	ASSERT_EQ(0, detach(prog, where));
}

TEST_F(cgroup, bind)
{
	enum bpf_attach_type where = one_of(self->door, BPF_CGROUP_INET4_BIND,
					    BPF_CGROUP_INET6_BIND);
	struct addr at = addr_loopback(self->door, PORT + 1);
	int prog, fd;

	if (!enter_group())
		SKIP(return, "no cgroup");
	prog = attach_addr(where, refuse, ARRAY_SIZE(refuse));
	ASSERT_LE(0, prog);
	EXPECT_ERRNO(EPERM, sock_bind(door_socket(self->door, 0), &at));
	ASSERT_EQ(0, detach(prog, where));
	prog = attach_addr(where, set_port, ARRAY_SIZE(set_port));
	ASSERT_LE(0, prog);
	fd = door_socket(self->door, 0);
	ASSERT_EQ(0, sock_bind(fd, &at));
	at = addr_local(fd);
	EXPECT_EQ(PORT, addr_port(&at));
	ASSERT_EQ(0, detach(prog, where));
}

TEST_F(cgroup, names)
{
	const enum bpf_attach_type names[] = {
		one_of(self->door, BPF_CGROUP_INET4_GETSOCKNAME, BPF_CGROUP_INET6_GETSOCKNAME),
		one_of(self->door, BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME),
	};
	struct addr at;
	int fds[2], prog;

	if (!enter_group())
		SKIP(return, "no cgroup");
	ASSERT_EQ(0, sock_pair(self->door, fds));
	for (int i = 0; i < 2; i++) {
		prog = attach_addr(names[i], set_port, ARRAY_SIZE(set_port));
		ASSERT_LE(0, prog);
		at = i ? addr_peer(fds[0]) : addr_local(fds[0]);
		EXPECT_EQ(PORT, addr_port(&at));
		ASSERT_EQ(0, detach(prog, names[i]));
		at = i ? addr_peer(fds[0]) : addr_local(fds[0]);
		EXPECT_NE(PORT, addr_port(&at));
	}
}

TEST_F(cgroup, packets)
{
	const enum bpf_attach_type directions[] = {
		BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_INGRESS,
	};
	int fds[2], prog;
	char c;

	if (!enter_group())
		SKIP(return, "no cgroup");
	ASSERT_EQ(0, sock_pair(self->door, fds));
	/* What is dropped is sent again. */
	for (int i = 0; i < 2; i++) {
		prog = attach_drop(directions[i]);
		ASSERT_LE(0, prog);
		ASSERT_EQ(1, write(fds[0], "a", 1));
		pause_ms(20);
		EXPECT_ERRNO(EAGAIN, recv(fds[1], &c, 1, MSG_DONTWAIT));
		ASSERT_EQ(0, detach(prog, directions[i]));
		EXPECT_EQ(1, recv(fds[1], &c, 1, 0));
	}
}

TEST_F(cgroup, answer_of_a_listener)
{
	struct addr at;
	int fd, prog;

	/* The answer to a SYN is the listener's, though its socket does not send it. */
	if (!enter_group())
		SKIP(return, "no cgroup");
	ASSERT_LE(0, sock_listen_lo(self->door, &at));
	ASSERT_TRUE(move_to(ROOT));
	prog = attach_drop(BPF_CGROUP_INET_EGRESS);
	ASSERT_LE(0, prog);
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	pause_ms(20);
	if (door_is_tcp(self->door) && sock_state(fd) == TCP_ESTABLISHED) {
		detach(prog, BPF_CGROUP_INET_EGRESS);
		SKIP(return, "TCP over IPv6 of this kernel lets it pass");
	}
	EXPECT_EQ(TCP_SYN_SENT, sock_state(fd));
	ASSERT_EQ(0, detach(prog, BPF_CGROUP_INET_EGRESS));
	EXPECT_EQ(POLLOUT, wait_event(fd, POLLOUT));
	EXPECT_EQ(TCP_ESTABLISHED, sock_state(fd));
}

TEST_HARNESS_MAIN
