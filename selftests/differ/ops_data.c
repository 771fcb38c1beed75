// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that carry bytes. What is sent depends on the arguments only, so that
 * all worlds send the same.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "differ.h"

#define MAX_IO		16384
#define GUARD		64		/* behind what may be written to */
#define CONTROL		256
#define FILL_LIMIT	(64 << 20)

static unsigned char buffer[MAX_IO + GUARD];

static void *payload(int len)
{
	pattern_fill(buffer, len, len * 31);
	return buffer;
}

static void *room(void)
{
	memset(buffer, 0xaa, sizeof(buffer));
	return buffer;
}

/* How a call uses memory: as it should, or a pointer to nowhere. */
static void *bad_or(const struct op *op, int arg, void *good)
{
	return op->arg[arg] ? (void *)8 : good;
}

/* send(), sendto(): size, flags, whether at a bad address, to whom */

static const struct name send_flags[] = {
	{ MSG_NOSIGNAL, "MSG_NOSIGNAL" }, { MSG_DONTWAIT, "MSG_DONTWAIT" },
	{ MSG_MORE, "MSG_MORE" }, { MSG_EOR, "MSG_EOR" }, { MSG_CONFIRM, "MSG_CONFIRM" },
	{ MSG_DONTROUTE, "MSG_DONTROUTE" }, { MSG_ZEROCOPY, "MSG_ZEROCOPY" },
	{ MSG_OOB, "MSG_OOB" }, {}
};

static void send_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[0] = draw_size(m);
	op->arg[1] = draw_flags(m, send_flags) | (chance(m, 60) ? MSG_NOSIGNAL : 0);
	op->arg[2] = chance(m, 2);
	op->arg[3] = chance(m, 5);
}

static void send_run(struct world *w, const struct op *op, struct text *t)
{
	struct addr a = address_make(w, op->slot, AF_INET, HOST_LOOPBACK, PORT_NAMED, 0);

	say_ret(t, sendto(world_fd(w, op->slot), bad_or(op, 2, payload(op->arg[0])), op->arg[0],
			  op->arg[1], op->arg[3] ? &a.sa : NULL, op->arg[3] ? a.len : 0));
}

static void send_print(const struct op *op, struct text *t)
{
	say(t, "send%s(s%d, %s, %d, ", op->arg[3] ? "to" : "", op->slot,
	    op->arg[2] ? "a bad pointer" : "data", op->arg[0]);
	say_flags(t, send_flags, op->arg[1]);
	say(t, "%s)", op->arg[3] ? ", [127.0.0.1]:P0" : "");
}

const struct op_kind op_send = {
	.weight = 14, .make = send_make, .run = send_run, .print = send_print,
};

/* recv(): size, flags, whether at a bad address */

static const struct name recv_flags[] = {
	{ MSG_DONTWAIT, "MSG_DONTWAIT" }, { MSG_PEEK, "MSG_PEEK" }, { MSG_TRUNC, "MSG_TRUNC" },
	{ MSG_WAITALL, "MSG_WAITALL" }, { MSG_OOB, "MSG_OOB" }, { MSG_ERRQUEUE, "MSG_ERRQUEUE" },
	{ MSG_NOSIGNAL, "MSG_NOSIGNAL" }, { MSG_CTRUNC, "MSG_CTRUNC" }, {}
};

static int draw_recv_size(struct maker *m)
{
	return chance(m, 30) ? MAX_IO : draw(m, chance(m, 20) ? 3 : 400);
}

static void recv_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[0] = draw_recv_size(m);
	op->arg[1] = draw_flags(m, recv_flags);
	op->arg[2] = chance(m, 2);
}

static void say_received(struct text *t, long ret)
{
	say_ret(t, ret);
	say(t, " buffer ");
	say_bytes(t, buffer, sizeof(buffer));
}

static void recv_run(struct world *w, const struct op *op, struct text *t)
{
	struct addr a = { .len = sizeof(a.ss) };
	long ret = recvfrom(world_fd(w, op->slot), bad_or(op, 2, room()), op->arg[0],
			    op->arg[1], &a.sa, &a.len);

	say_received(t, ret);
	if (ret >= 0)
		say(t, " address %d", a.len);
}

static void recv_print(const struct op *op, struct text *t)
{
	say(t, "recvfrom(s%d, %s, %d, ", op->slot, op->arg[2] ? "a bad pointer" : "buffer",
	    op->arg[0]);
	say_flags(t, recv_flags, op->arg[1]);
	say(t, ")");
}

static const struct op_kind op_recv = {
	.weight = 14, .make = recv_make, .run = recv_run, .print = recv_print,
};

/* sendmsg(), recvmsg(): two sizes, flags, control data */

static void two(struct iovec *iov, const struct op *op, char *from)
{
	iov[0] = (struct iovec){ from, op->arg[0] };
	iov[1] = (struct iovec){ from + op->arg[0], op->arg[1] };
}

enum control { CONTROL_NONE, CONTROL_SHORT, CONTROL_UNKNOWN, CONTROL_MARK, CONTROL_STAMPS,
	       CONTROL_RIGHTS, CONTROL_IP, CONTROLS };

static const struct name controls[] = {
	{ CONTROL_NONE, "none" }, { CONTROL_SHORT, "cut off" },
	{ CONTROL_UNKNOWN, "SOL_SOCKET, unknown" }, { CONTROL_MARK, "SO_MARK" },
	{ CONTROL_STAMPS, "SO_TIMESTAMPING" }, { CONTROL_RIGHTS, "SCM_RIGHTS" },
	{ CONTROL_IP, "IP_TOS" }, {}
};

static size_t control_make(struct cmsghdr *c, int what)
{
	static const struct { int level, type; } ids[CONTROLS] = {
		[CONTROL_SHORT]	  = { SOL_SOCKET, SO_MARK },
		[CONTROL_UNKNOWN] = { SOL_SOCKET, 12345 },
		[CONTROL_MARK]	  = { SOL_SOCKET, SO_MARK },
		[CONTROL_STAMPS]  = { SOL_SOCKET, SO_TIMESTAMPING },
		[CONTROL_RIGHTS]  = { SOL_SOCKET, SCM_RIGHTS },
		[CONTROL_IP]	  = { SOL_IP, IP_TOS },
	};
	int zero = 0;

	if (what == CONTROL_NONE)
		return 0;
	c->cmsg_level = ids[what].level;
	c->cmsg_type = ids[what].type;
	c->cmsg_len = CMSG_LEN(sizeof(zero));
	memcpy(CMSG_DATA(c), &zero, sizeof(zero));
	if (what == CONTROL_SHORT)
		c->cmsg_len = 3;
	return CMSG_SPACE(sizeof(zero));
}

static void sendmsg_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[0] = draw_size(m) / 2;
	op->arg[1] = draw_size(m) / 2;
	op->arg[2] = draw_flags(m, send_flags) | MSG_NOSIGNAL;
	op->arg[3] = chance(m, 30) ? draw(m, CONTROLS) : CONTROL_NONE;
}

static void sendmsg_run(struct world *w, const struct op *op, struct text *t)
{
	char control[CONTROL] __attribute__((aligned(8)));
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control };

	two(iov, op, payload(op->arg[0] + op->arg[1]));
	msg.msg_controllen = control_make((struct cmsghdr *)control, op->arg[3]);
	say_ret(t, sendmsg(world_fd(w, op->slot), &msg, op->arg[2]));
}

static void sendmsg_print(const struct op *op, struct text *t)
{
	say(t, "sendmsg(s%d, %d + %d, control: ", op->slot, op->arg[0], op->arg[1]);
	say_name(t, controls, op->arg[3]);
	say(t, ", ");
	say_flags(t, send_flags, op->arg[2]);
	say(t, ")");
}

const struct op_kind op_sendmsg = {
	.weight = 6, .make = sendmsg_make, .run = sendmsg_run, .print = sendmsg_print,
};

static void recvmsg_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[0] = draw_recv_size(m) / 2;
	op->arg[1] = draw_recv_size(m) / 2;
	op->arg[2] = draw_flags(m, recv_flags);
	op->arg[3] = chance(m, 50) ? CONTROL : draw(m, 24);
}

static void say_control(struct text *t, struct msghdr *msg)
{
	say(t, " control %zu", msg->msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		say(t, " (%d %d ", c->cmsg_level, c->cmsg_type);
		/* what a clock says is its own affair */
		if (c->cmsg_level == SOL_SOCKET)
			say(t, "%zu bytes", c->cmsg_len);
		else
			say_bytes(t, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		say(t, ")");
	}
}

static void recvmsg_run(struct world *w, const struct op *op, struct text *t)
{
	char control[CONTROL] __attribute__((aligned(8))) = {};
	struct addr a = {};
	struct iovec iov[2];
	struct msghdr msg = {
		.msg_name = &a.sa, .msg_namelen = sizeof(a.ss), .msg_iov = iov, .msg_iovlen = 2,
		.msg_control = control, .msg_controllen = op->arg[3],
	};
	long ret;

	two(iov, op, room());
	ret = recvmsg(world_fd(w, op->slot), &msg, op->arg[2]);
	say_received(t, ret);
	if (ret < 0)
		return;
	say(t, " address %d flags %#x", msg.msg_namelen, msg.msg_flags);
	say_control(t, &msg);
}

static void recvmsg_print(const struct op *op, struct text *t)
{
	say(t, "recvmsg(s%d, %d + %d, room for control: %d, ", op->slot, op->arg[0], op->arg[1],
	    op->arg[3]);
	say_flags(t, recv_flags, op->arg[2]);
	say(t, ")");
}

static const struct op_kind op_recvmsg = {
	.weight = 6, .make = recvmsg_make, .run = recvmsg_run, .print = recvmsg_print,
};

/* read(), readv(), write(), writev(): two sizes, whether both, whether to write */

static void file_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[2] = chance(m, 50);
	op->arg[3] = chance(m, 50);
	op->arg[0] = op->arg[3] ? draw_size(m) / 2 : draw_recv_size(m) / 2;
	op->arg[1] = op->arg[3] ? draw_size(m) / 2 : draw_recv_size(m) / 2;
}

static void file_run(struct world *w, const struct op *op, struct text *t)
{
	int fd = world_fd(w, op->slot);
	struct iovec iov[2];

	if (op->arg[3]) {
		two(iov, op, payload(op->arg[0] + op->arg[1]));
		say_ret(t, op->arg[2] ? writev(fd, iov, 2) : write(fd, buffer, op->arg[0]));
	} else {
		two(iov, op, room());
		say_received(t, op->arg[2] ? readv(fd, iov, 2) : read(fd, buffer, op->arg[0]));
	}
}

static void file_print(const struct op *op, struct text *t)
{
	say(t, "%s%s(s%d, %d", op->arg[3] ? "write" : "read", op->arg[2] ? "v" : "", op->slot,
	    op->arg[0]);
	if (op->arg[2])
		say(t, " + %d", op->arg[1]);
	say(t, ")");
}

static const struct op_kind op_file = {
	.weight = 6, .make = file_make, .run = file_run, .print = file_print,
};

/* sendfile(): size */

static int file_of(const void *bytes, size_t len)
{
	char path[] = "/tmp/differ-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	if (fd >= 0 && pwrite(fd, bytes, len, 0) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}

static void sendfile_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[0] = draw_size(m);
}

static void sendfile_run(struct world *w, const struct op *op, struct text *t)
{
	int from = file_of(payload(op->arg[0]), op->arg[0]);
	off_t offset = 0;

	say_ret(t, sendfile(world_fd(w, op->slot), from, &offset, op->arg[0]));
	say(t, " offset %ld", offset);
	close(from);
}

static void sendfile_print(const struct op *op, struct text *t)
{
	say(t, "sendfile(s%d, %d)", op->slot, op->arg[0]);
}

static const struct op_kind op_sendfile = {
	.weight = 1, .make = sendfile_make, .run = sendfile_run, .print = sendfile_print,
};

/* splice(): size, whether out of the socket, flags */

static const struct name splice_flags[] = {
	{ SPLICE_F_NONBLOCK, "SPLICE_F_NONBLOCK" }, { SPLICE_F_MORE, "SPLICE_F_MORE" },
	{ SPLICE_F_MOVE, "SPLICE_F_MOVE" }, {}
};

static void splice_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[1] = chance(m, 50);
	op->arg[0] = op->arg[1] ? draw_recv_size(m) : draw_size(m);
	op->arg[2] = draw_flags(m, splice_flags);
}

static void splice_run(struct world *w, const struct op *op, struct text *t)
{
	int fd = world_fd(w, op->slot), pipe_fds[2];
	long n;

	if (pipe2(pipe_fds, O_NONBLOCK)) {
		say(t, "no pipe");
		return;
	}
	if (op->arg[1]) {
		n = splice(fd, NULL, pipe_fds[1], NULL, op->arg[0], op->arg[2]);
		say_ret(t, n);
		room();
		if (n > 0 && read(pipe_fds[0], buffer, n) == n)
			say_bytes(t, buffer, n);
	} else {
		write(pipe_fds[1], payload(op->arg[0]), op->arg[0]);
		say_ret(t, splice(pipe_fds[0], NULL, fd, NULL, op->arg[0], op->arg[2]));
	}
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void splice_print(const struct op *op, struct text *t)
{
	say(t, op->arg[1] ? "splice(s%d, pipe, %d, " : "splice(pipe, s%d, %d, ", op->slot,
	    op->arg[0]);
	say_flags(t, splice_flags, op->arg[2]);
	say(t, ")");
}

static const struct op_kind op_splice = {
	.weight = 3, .make = splice_make, .run = splice_run, .print = splice_print,
};

/* Writes until nothing fits, then reads it all: how much that is may differ. */

static void fill_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
}

static long drain(int from, int to, long total)
{
	uint64_t end = now_ms() + DEADLINE_MS;
	long done = 0, n;

	while (done < total && now_ms() < end) {
		n = recv(to, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n > 0 && !pattern_ok(buffer, n, done))
			return -1;
		if (n > 0)
			done += n;
		else if (!n || errno != EAGAIN)
			break;
		else if (!(poll_now(from, POLLOUT) & POLLERR))
			pause_ms(1);
	}
	return done;
}

static void fill_run(struct world *w, const struct op *op, struct text *t)
{
	int fd = world_fd(w, op->slot), peer = world_peer(w, op->slot);
	long total;

	/* what else is on its way is not what it would look for; poll() may wait for more */
	if (peer < 0 || peer == op->slot || poll_now(world_fd(w, peer), POLLIN | POLLRDHUP) ||
	    sock_ioctl(world_fd(w, peer), SIOCINQ) > 0) {
		say(t, "no peer that will read it all");
		return;
	}
	total = fill_socket(fd);
	if (total < 0) {
		say_ret(t, -1);
		return;
	}
	say(t, "full: poll says %x, ", poll_now(fd, POLLOUT));
	say(t, "%s, ", drain(fd, world_fd(w, peer), total) == total ? "all arrived" : "not all");
	say(t, "then %x", wait_event(fd, POLLOUT));
}

static void fill_print(const struct op *op, struct text *t)
{
	say(t, "fill(s%d), then read it all at the other end", op->slot);
}

static const struct op_kind op_fill = {
	.weight = 1, .make = fill_make, .run = fill_run, .print = fill_print,
};

static const struct op_kind *const kinds[] = {
	&op_send, &op_recv, &op_sendmsg, &op_recvmsg, &op_file, &op_sendfile, &op_splice,
	&op_fill,
};

const struct op_list data_ops = { kinds, sizeof(kinds) / sizeof(*kinds), { 1, 0, 3 } };
