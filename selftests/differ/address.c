// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses: a sequence has names for hosts and ports, and what the kernel
 * reports is put in these names again, so that ports which it chose compare
 * equal when they came up in the same order.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "differ.h"

#define LOW_PORT(w)	(100 + (w)->port % 800)		/* a privileged one */

/* As an AF_INET socket and as an AF_INET6 socket has them. */
static const char *const hosts[HOSTS][2] = {
	[HOST_LOOPBACK]	 = { "127.0.0.1", "::1" },
	[HOST_ANY]	 = { "0.0.0.0", "::" },
	[HOST_OTHER]	 = { "127.0.0.2", "::ffff:127.0.0.2" },
	[HOST_V4]	 = { "127.0.0.1", "::ffff:127.0.0.1" },
	[HOST_V4_ANY]	 = { "0.0.0.0", "::ffff:0.0.0.0" },
	[HOST_FOREIGN]	 = { "192.0.2.1", "2001:db8::1" },
	[HOST_MULTICAST] = { "224.0.0.1", "ff02::1" },
	[HOST_BROADCAST] = { "255.255.255.255", "fe80::1" },
	[HOST_UNSPEC]	 = { "0.0.0.0", "::" },
	[HOST_WRONG]	 = { "::1", "127.0.0.1" },
};

static const int quirk_len[ADDR_QUIRKS] = {
	[ADDR_SHORT] = 8, [ADDR_TINY] = 1, [ADDR_LONG] = 64, [ADDR_HUGE] = 129,
};

static const char *host_name(int family, int host)
{
	return hosts[host][family == AF_INET6];
}

struct addr address_make(const struct world *w, int slot, int family, int host, int port,
			 int quirk)
{
	const char *text = host_name(family, host);
	bool six = strchr(text, ':');
	struct addr a = {};

	a.len = six ? sizeof(a.in6) : sizeof(a.in4);
	a.sa.sa_family = six ? AF_INET6 : AF_INET;
	inet_pton(a.sa.sa_family, text, six ? (void *)&a.in6.sin6_addr : &a.in4.sin_addr);
	if (six && w->slot[slot].tern)
		a.sa.sa_family = AF_TERN;
	if (host == HOST_UNSPEC)
		a.sa.sa_family = AF_UNSPEC;
	if (port < NR_PORTS)
		addr_set_port(&a, w->port + port);
	else if (port == PORT_LOW)
		addr_set_port(&a, LOW_PORT(w));
	if (quirk)
		a.len = quirk_len[quirk];
	return a;
}

void print_address(struct text *t, int family, int host, int port, int quirk)
{
	if (host == HOST_UNSPEC)
		say(t, "AF_UNSPEC");
	else
		say(t, "[%s]:", host_name(family, host));
	if (host == HOST_UNSPEC)
		;
	else if (port < NR_PORTS)
		say(t, "P%d", port);
	else
		say(t, port == PORT_LOW ? "LOW" : "0");
	if (quirk)
		say(t, " with a length of %d", quirk_len[quirk]);
}

static void say_port(struct text *t, struct world *w, int port)
{
	int i;

	if (!port) {
		say(t, "0");
	} else if (port >= w->port && port < w->port + NR_PORTS) {
		say(t, "P%d", port - w->port);
	} else if (port == LOW_PORT(w)) {
		say(t, "LOW");
	} else {
		for (i = 0; i < w->nr_ephemeral && w->ephemeral[i] != port; i++)
			;
		if (i == w->nr_ephemeral && i < MAX_EPHEMERAL)
			w->ephemeral[w->nr_ephemeral++] = port;
		say(t, "E%d", i);
	}
}

void say_address(struct text *t, struct world *w, const struct addr *a)
{
	char host[INET6_ADDRSTRLEN];

	say(t, " address %d:", a->len);
	if (a->sa.sa_family == AF_UNSPEC) {
		say(t, "none");
		return;
	}
	if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->in4.sin_addr, host, sizeof(host));
		say(t, "inet %s:", host);
	} else {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
		say(t, "inet6 [%s]:", host);
	}
	say_port(t, w, addr_port(a));
	if (a->sa.sa_family != AF_INET && (a->in6.sin6_flowinfo || a->in6.sin6_scope_id))
		say(t, " flow %x scope %u", a->in6.sin6_flowinfo, a->in6.sin6_scope_id);
}
