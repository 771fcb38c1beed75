// SPDX-License-Identifier: GPL-2.0
/*
 * Worlds: the same sockets three times, and what can be seen of them from
 * outside once everything that was sent has arrived.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "differ.h"

#define POLL_BITS	(POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLRDBAND | \
			 POLLWRNORM | POLLWRBAND | POLLMSG)
#define TIMEOUT_MS	10		/* of blocking calls */

/* Both protocols get the same buffers, small enough to be filled quickly. */
static const struct { const char *name, *value; } sysctls[] = {
	{ "net/ipv4/tcp_rmem", "4096 131072 400000" },
	{ "net/ipv4/tcp_wmem", "4096 131072 400000" },
	{ "net/tern/rmem", "4096 131072 400000" },
	{ "net/tern/wmem", "4096 131072 400000" },
	{ "net/ipv4/ip_local_port_range", "40000 60999" },
};

int worlds_open(struct world *worlds)
{
	static const enum door_id ids[WORLDS][2] = {
		[WORLD_TCP]	= { DOOR_TCP_V4, DOOR_TCP_V6 },
		[WORLD_PROTO]	= { DOOR_PROTO_V4, DOOR_PROTO_V6 },
		[WORLD_FAMILY]	= { DOOR_PROTO_V4, DOOR_TERN_V6 },
	};

	for (int i = 0; i < WORLDS; i++) {
		worlds[i].four = &doors[ids[i][0]];
		worlds[i].six = &doors[ids[i][1]];
		worlds[i].ns = netns_new();
		if (worlds[i].ns < 0)
			return -1;
		for (size_t n = 0; n < sizeof(sysctls) / sizeof(*sysctls); n++)
			if (sysctl_set(sysctls[n].name, sysctls[n].value))
				return -1;
	}
	return 0;
}

void worlds_close(struct world *worlds)
{
	for (int i = 0; i < WORLDS; i++)
		close(worlds[i].ns);
}

void world_begin(struct world *w, int port)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		w->slot[i] = (struct slot){ .fd = -1 };
	w->port = port;
	w->nr_ephemeral = 0;
	w->unsent = 0;
}

void world_end(struct world *w)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		if (w->slot[i].fd >= 0)
			sock_reset(w->slot[i].fd);
}

int world_fd(const struct world *w, int slot)
{
	return w->slot[slot].fd;
}

/* No call may block for long. */
static void limit_blocking(int fd)
{
	sock_timeout(fd, SO_RCVTIMEO, TIMEOUT_MS);
	sock_timeout(fd, SO_SNDTIMEO, TIMEOUT_MS);
}

void world_put(struct world *w, int slot, int fd, int like)
{
	struct slot *s = &w->slot[slot];

	if (s->fd >= 0)
		sock_reset(s->fd);
	s->fd = fd;
	if (like >= 0)
		s->tern = w->slot[like].tern;
}

int world_socket(struct world *w, int slot, int family, int type)
{
	const struct door *d = family == AF_INET6 ? w->six : w->four;
	int fd, err;

	netns_enter(w->ns);
	fd = socket(d->family, type, d->protocol);
	err = errno;
	if (fd >= 0)
		limit_blocking(fd);
	world_put(w, slot, fd, -1);
	w->slot[slot].tern = d->family == AF_TERN;
	errno = err;
	return fd;
}

int world_peer(const struct world *w, int slot)
{
	struct addr local = addr_local(w->slot[slot].fd), peer = addr_peer(w->slot[slot].fd);
	struct addr a;

	if (!peer.len)
		return -1;
	for (int i = 0; i < MAX_SLOTS; i++) {
		if (w->slot[i].fd < 0)
			continue;
		a = addr_peer(w->slot[i].fd);
		if (!addr_same(&a, &local))
			continue;
		a = addr_local(w->slot[i].fd);
		if (addr_same(&a, &peer))
			return i;
	}
	return -1;
}

static int unsent(int fd, int state)
{
	if (!((1 << state) & (1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT | 1 << TCP_FIN_WAIT1 |
			      1 << TCP_CLOSING | 1 << TCP_LAST_ACK)))
		return 0;
	return sock_ioctl(fd, SIOCOUTQNSD);
}

/* Returns how much waits to be sent. */
static int look(const struct world *w, struct views *views)
{
	struct pollfd p[MAX_SLOTS];
	int waits = 0;

	for (int i = 0; i < MAX_SLOTS; i++)
		p[i] = (struct pollfd){ .fd = w->slot[i].fd, .events = POLL_BITS };
	poll(p, MAX_SLOTS, 0);
	for (int i = 0; i < MAX_SLOTS; i++) {
		views->slot[i] = (struct view){ .poll = p[i].revents };
		if (p[i].fd < 0)
			continue;
		views->slot[i].state = sock_state(p[i].fd);
		views->slot[i].unread = sock_ioctl(p[i].fd, FIONREAD);
		waits += unsent(p[i].fd, views->slot[i].state);
	}
	return waits;
}

static bool same_views(const struct views *views)
{
	for (int w = 1; w < WORLDS; w++) {
		for (int i = 0; i < MAX_SLOTS; i++) {
			const struct view *a = &views[0].slot[i], *b = &views[w].slot[i];

			if (a->poll != b->poll || a->state != b->state || a->unread != b->unread)
				return false;
		}
	}
	return true;
}

bool worlds_settle(struct world *worlds, struct views *views)
{
	uint64_t end = now_ms() + SETTLE_MS;
	bool same, still, late;
	int waits[WORLDS];

	for (;;) {
		late = now_ms() >= end;
		still = true;
		for (int w = 0; w < WORLDS; w++) {
			waits[w] = look(&worlds[w], &views[w]);
			still &= !waits[w] || waits[w] == worlds[w].unsent;
		}
		same = same_views(views);
		if ((same && still) || late)
			break;
		pause_ms(1);
	}
	/* what had all that time is held back for good, as a window is closed */
	for (int w = 0; w < WORLDS; w++)
		worlds[w].unsent = waits[w];
	return same;
}

void say_view(struct text *t, const struct view *v)
{
	static const struct name bits[] = {
		{ POLLIN, "IN" }, { POLLPRI, "PRI" }, { POLLOUT, "OUT" }, { POLLERR, "ERR" },
		{ POLLHUP, "HUP" }, { POLLNVAL, "NVAL" }, { POLLRDHUP, "RDHUP" },
		{ POLLRDNORM, "RDNORM" }, { POLLRDBAND, "RDBAND" }, { POLLWRNORM, "WRNORM" },
		{ POLLWRBAND, "WRBAND" }, { POLLMSG, "MSG" }, {}
	};
	static const struct name states[] = {
		{ TCP_ESTABLISHED, "ESTABLISHED" }, { TCP_SYN_SENT, "SYN_SENT" },
		{ TCP_SYN_RECV, "SYN_RECEIVED" }, { TCP_FIN_WAIT1, "FIN_WAIT_1" },
		{ TCP_FIN_WAIT2, "FIN_WAIT_2" }, { TCP_TIME_WAIT, "TIME_WAIT" },
		{ TCP_CLOSE, "CLOSED" }, { TCP_CLOSE_WAIT, "CLOSE_WAIT" },
		{ TCP_LAST_ACK, "LAST_ACK" }, { TCP_LISTEN, "LISTEN" },
		{ TCP_CLOSING, "CLOSING" }, {}
	};

	say_name(t, states, v->state);
	say(t, ", poll ");
	say_flags(t, bits, v->poll);
	say(t, ", %d to read", v->unread);
}
