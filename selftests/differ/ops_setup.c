// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that make sockets, join them, ask who they are, and end them.
 */
#include <fcntl.h>
#include <unistd.h>

#include "differ.h"

static int family_of(const struct maker *m, int slot)
{
	return m->slots[slot].family ?: AF_INET;
}

/* socket(): family, type */

static const struct name families[] = { { AF_INET, "AF_INET" }, { AF_INET6, "AF_INET6" }, {} };
static const struct name types[] = {
	{ SOCK_NONBLOCK, "SOCK_NONBLOCK" }, { SOCK_CLOEXEC, "SOCK_CLOEXEC" },
	{ SOCK_STREAM, "SOCK_STREAM" }, {}
};

static void socket_make(struct maker *m, struct op *op)
{
	op->arg[0] = chance(m, 50) ? AF_INET : AF_INET6;
	op->arg[1] = SOCK_STREAM | draw_flags(m, types) | (chance(m, 3) ? 0x10000 : 0);
	op->slot = new_slot(m, op->arg[0], ROLE_NEW);
}

static void say_fd(struct text *t, int fd)
{
	if (fd < 0) {
		say_ret(t, fd);
		return;
	}
	say(t, "a descriptor%s%s", fcntl(fd, F_GETFL) & O_NONBLOCK ? " O_NONBLOCK" : "",
	    fcntl(fd, F_GETFD) & FD_CLOEXEC ? " FD_CLOEXEC" : "");
}

static void socket_run(struct world *w, const struct op *op, struct text *t)
{
	say_fd(t, world_socket(w, op->slot, op->arg[0], op->arg[1]));
}

static void socket_print(const struct op *op, struct text *t)
{
	say(t, "s%d = socket(", op->slot);
	say_name(t, families, op->arg[0]);
	say(t, ", ");
	say_flags(t, types, op->arg[1]);
	say(t, ")");
}

const struct op_kind op_socket = {
	.weight = 4, .make = socket_make, .run = socket_run, .print = socket_print,
};

/* bind(), connect(): family, host, port, quirk */

static void draw_address(struct maker *m, struct op *op, int host, int port)
{
	op->arg[0] = family_of(m, op->slot);
	op->arg[1] = host;
	if (chance(m, 30))
		op->arg[1] = draw(m, m->theme == THEME_PORTS ? HOST_FOREIGN + 1 : HOSTS);
	op->arg[2] = chance(m, 80) ? port : draw(m, PORTS);
	op->arg[3] = chance(m, 5) ? draw(m, ADDR_QUIRKS) : ADDR_FINE;
}

static struct addr address_of(const struct world *w, const struct op *op)
{
	return address_make(w, op->slot, op->arg[0], op->arg[1], op->arg[2], op->arg[3]);
}

static void say_call(const char *name, const struct op *op, struct text *t)
{
	say(t, "%s(s%d, ", name, op->slot);
	print_address(t, op->arg[0], op->arg[1], op->arg[2], op->arg[3]);
	say(t, ")");
}

static void bind_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_NEW);
	draw_address(m, op, chance(m, 50) ? HOST_ANY : HOST_LOOPBACK,
		     m->theme == THEME_PORTS ? PORT_NAMED : draw(m, PORT_ANY + 1));
	m->slots[op->slot].port = op->arg[2];
	m->slots[op->slot].bound = true;
	if (m->slots[op->slot].role == ROLE_NEW)
		m->slots[op->slot].role = ROLE_BOUND;
}

static void bind_run(struct world *w, const struct op *op, struct text *t)
{
	struct addr a = address_of(w, op);

	say_ret(t, sock_bind(world_fd(w, op->slot), &a));
}

static void bind_print(const struct op *op, struct text *t)
{
	say_call("bind", op, t);
}

const struct op_kind op_bind = {
	.weight = 6, .make = bind_make, .run = bind_run, .print = bind_print,
};

static int port_of_listener(struct maker *m)
{
	return m->slots[draw_slot(m, ROLE_LISTENER)].port;
}

static void connect_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, chance(m, 80) ? ROLE_NEW | ROLE_BOUND : ROLE_ANY);
	draw_address(m, op, HOST_LOOPBACK, port_of_listener(m));
	if (chance(m, 10))		/* disconnect */
		op->arg[1] = HOST_UNSPEC;
	else if (chance(m, 10))		/* to itself, perhaps */
		op->arg[2] = m->slots[op->slot].port;
	/* for both see explained.c */
	if (m->slots[op->slot].v4 && op->arg[1] != HOST_UNSPEC)
		op->arg[1] = HOST_V4;
	if (m->slots[op->slot].shut && m->slots[op->slot].bound)
		op->arg[2] = PORT_ANY;
	m->slots[op->slot].v4 |= op->arg[1] == HOST_V4 || op->arg[1] == HOST_OTHER ||
				 op->arg[1] == HOST_V4_ANY;
	m->slots[op->slot].role = op->arg[1] == HOST_UNSPEC ? ROLE_NEW : ROLE_CONNECTED;
}

static void connect_run(struct world *w, const struct op *op, struct text *t)
{
	struct addr a = address_of(w, op);

	say_ret(t, sock_connect(world_fd(w, op->slot), &a));
}

static void connect_print(const struct op *op, struct text *t)
{
	say_call("connect", op, t);
}

const struct op_kind op_connect = {
	.weight = 9, .make = connect_make, .run = connect_run, .print = connect_print,
};

/* listen(): backlog */

static void listen_make(struct maker *m, struct op *op)
{
	static const int backlogs[] = { 8, 8, 8, 128, -1, 1, 0 };

	op->slot = draw_slot(m, ROLE_NEW | ROLE_BOUND);
	if (m->slots[op->slot].shut)	/* see explained.c; this one is not open */
		op->slot = new_slot(m, AF_INET, ROLE_NEW);
	op->arg[0] = backlogs[draw(m, sizeof(backlogs) / sizeof(*backlogs))];
	m->slots[op->slot].role = ROLE_LISTENER;
}

static void listen_run(struct world *w, const struct op *op, struct text *t)
{
	say_ret(t, listen(world_fd(w, op->slot), op->arg[0]));
}

static void listen_print(const struct op *op, struct text *t)
{
	say(t, "listen(s%d, %d)", op->slot, op->arg[0]);
}

const struct op_kind op_listen = {
	.weight = 4, .make = listen_make, .run = listen_run, .print = listen_print,
};

/* accept4(), getsockname(), getpeername(): flags, room for the address */

static const int rooms[] = { sizeof(struct sockaddr_storage), 0, 8, -1 };

/* An address that was cut off is not worth reading: what says it all is the length. */
static void say_name_result(struct text *t, struct world *w, const struct addr *a, int room)
{
	if (room == rooms[0])
		say_address(t, w, a);
	else
		say(t, " length %d", a->len);
}

static int draw_room(struct maker *m)
{
	return chance(m, 85) ? rooms[0] : rooms[draw(m, 4)];
}

static void accept_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_LISTENER);
	op->dst = new_slot(m, family_of(m, op->slot), ROLE_CONNECTED);
	m->slots[op->dst].v4 = true;	/* perhaps */
	op->arg[0] = draw_flags(m, types) & ~SOCK_STREAM;
	if (chance(m, 3))
		op->arg[0] |= 0x10000;
	op->arg[1] = draw_room(m);
}

static void accept_run(struct world *w, const struct op *op, struct text *t)
{
	struct addr a = { .len = op->arg[1] };
	int fd = accept4(world_fd(w, op->slot), &a.sa, &a.len, op->arg[0]);

	say_fd(t, fd);
	if (fd < 0)
		return;
	say_name_result(t, w, &a, op->arg[1]);
	world_put(w, op->dst, fd, op->slot);
}

static void accept_print(const struct op *op, struct text *t)
{
	say(t, "s%d = accept4(s%d, room for %d, ", op->dst, op->slot, op->arg[1]);
	say_flags(t, types, op->arg[0]);
	say(t, ")");
}

const struct op_kind op_accept = {
	.weight = 8, .make = accept_make, .run = accept_run, .print = accept_print,
};

static void name_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_ANY);
	op->arg[0] = chance(m, 50);
	op->arg[1] = draw_room(m);
}

static void name_run(struct world *w, const struct op *op, struct text *t)
{
	struct addr a = { .len = op->arg[1] };
	int fd = world_fd(w, op->slot);
	int ret = op->arg[0] ? getpeername(fd, &a.sa, &a.len) : getsockname(fd, &a.sa, &a.len);

	say_ret(t, ret);
	if (!ret)
		say_name_result(t, w, &a, op->arg[1]);
}

static void name_print(const struct op *op, struct text *t)
{
	say(t, "%s(s%d, room for %d)", op->arg[0] ? "getpeername" : "getsockname", op->slot,
	    op->arg[1]);
}

static const struct op_kind op_name = {
	.weight = 8, .make = name_make, .run = name_run, .print = name_print, .settles = true,
};

/* shutdown(): how */

static void shutdown_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_CONNECTED);
	op->arg[0] = chance(m, 95) ? draw(m, 3) : 3 - 4 * draw(m, 2);
	m->slots[op->slot].shut = true;
}

static void shutdown_run(struct world *w, const struct op *op, struct text *t)
{
	say_ret(t, shutdown(world_fd(w, op->slot), op->arg[0]));
}

static void shutdown_print(const struct op *op, struct text *t)
{
	static const struct name hows[] = {
		{ SHUT_RD, "SHUT_RD" }, { SHUT_WR, "SHUT_WR" }, { SHUT_RDWR, "SHUT_RDWR" }, {}
	};

	say(t, "shutdown(s%d, ", op->slot);
	say_name(t, hows, op->arg[0]);
	say(t, ")");
}

static const struct op_kind op_shutdown = {
	.weight = 7, .make = shutdown_make, .run = shutdown_run, .print = shutdown_print,
};

/* close() */

static void close_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_ANY);
}

static void close_run(struct world *w, const struct op *op, struct text *t)
{
	int fd = world_fd(w, op->slot);

	w->slot[op->slot].fd = -1;
	say_ret(t, close(fd));
}

static void close_print(const struct op *op, struct text *t)
{
	say(t, "close(s%d)", op->slot);
}

static const struct op_kind op_close = {
	.weight = 6, .make = close_make, .run = close_run, .print = close_print,
};

/* dup() */

static void dup_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_ANY);
	op->dst = new_slot(m, family_of(m, op->slot), m->slots[op->slot].role);
	/* perhaps, through one of the two */
	m->slots[op->slot].v4 = true;
	m->slots[op->slot].shut = true;
	m->slots[op->dst] = m->slots[op->slot];
}

static void dup_run(struct world *w, const struct op *op, struct text *t)
{
	int fd = dup(world_fd(w, op->slot));

	say_fd(t, fd);
	if (fd >= 0)
		world_put(w, op->dst, fd, op->slot);
}

static void dup_print(const struct op *op, struct text *t)
{
	say(t, "s%d = dup(s%d)", op->dst, op->slot);
}

static const struct op_kind op_dup = {
	.weight = 1, .make = dup_make, .run = dup_run, .print = dup_print,
};

/* fcntl(): O_NONBLOCK or not */

static void nonblock_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_ANY);
	op->arg[0] = chance(m, 50) ? O_NONBLOCK : 0;
}

static void nonblock_run(struct world *w, const struct op *op, struct text *t)
{
	say_ret(t, fcntl(world_fd(w, op->slot), F_SETFL, op->arg[0]));
}

static void nonblock_print(const struct op *op, struct text *t)
{
	say(t, "fcntl(s%d, F_SETFL, %s)", op->slot, op->arg[0] ? "O_NONBLOCK" : "0");
}

static const struct op_kind op_nonblock = {
	.weight = 3, .make = nonblock_make, .run = nonblock_run, .print = nonblock_print,
};

static const struct op_kind *const kinds[] = {
	&op_socket, &op_bind, &op_connect, &op_listen, &op_accept, &op_name, &op_shutdown,
	&op_close, &op_dup, &op_nonblock,
};

const struct op_list setup_ops = { kinds, sizeof(kinds) / sizeof(*kinds), { 1, 4, 1 } };
