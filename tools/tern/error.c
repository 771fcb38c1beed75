// SPDX-License-Identifier: GPL-2.0
/*
 * Errors in one form: what failed, on what, the system's reason, and, where
 * experience knows it, what to do.
 */
#include <err.h>
#include <errno.h>
#include <string.h>

#include "tool.h"

static const char * const doing_names[] = {
	[DOING_SOCKET]	= "socket",
	[DOING_BIND]	= "bind to",
	[DOING_LISTEN]	= "listen on",
	[DOING_ACCEPT]	= "accept on",
	[DOING_CONNECT]	= "connect to",
	[DOING_SEND]	= "send to",
	[DOING_RECEIVE]	= "receive from",
	[DOING_OPEN]	= "open",
	[DOING_READ]	= "read",
	[DOING_WRITE]	= "write to",
};

static const struct hint {
	enum doing what;
	int err;
	const char *text;
} hints[] = {
	{ DOING_SOCKET, EAFNOSUPPORT,
	  "is the module loaded? try: sudo modprobe tern" },
	{ DOING_SOCKET, ESOCKTNOSUPPORT,
	  "another module has this family's number: load tern with family=N" },
	{ DOING_SOCKET, EPROTONOSUPPORT,
	  "another module has this family's number: load tern with family=N" },
	{ DOING_BIND, EADDRINUSE,
	  "another socket has that port, see: tern ss -a -p" },
	{ DOING_BIND, EADDRNOTAVAIL,
	  "no interface here has that address, see: ip address" },
	{ DOING_BIND, EACCES,
	  "ports below net.ipv4.ip_unprivileged_port_start (1024) need root" },
	{ DOING_BIND, EINVAL,
	  "a link-local address needs its interface: fe80::1%eth0" },
	{ DOING_LISTEN, EADDRINUSE,
	  "another socket listens there, see: tern ss -l -p" },
	{ DOING_CONNECT, ECONNREFUSED,
	  "nothing listens on that port; there, try: tern listen PORT" },
	{ DOING_CONNECT, ETIMEDOUT,
	  "no answer: is the host up, and does a firewall let IP protocol 253 through?" },
	{ DOING_CONNECT, EHOSTUNREACH,
	  "no way to that host, see: ip route get ADDR" },
	{ DOING_CONNECT, ENETUNREACH,
	  "no way to that network, see: ip route get ADDR" },
	/* What ICMP says of a protocol that the host's kernel does not know. */
	{ DOING_CONNECT, ENOPROTOOPT,
	  "that host does not know Tern; there, try: sudo modprobe tern" },
	{ DOING_CONNECT, EPROTO,
	  "that host does not know Tern; there, try: sudo modprobe tern" },
	{ DOING_CONNECT, EADDRNOTAVAIL,
	  "that source port is busy with this peer, or none is free" },
	{ DOING_CONNECT, EINVAL,
	  "a link-local address needs its interface: fe80::1%eth0" },
	{ DOING_SEND, ECONNRESET,
	  "the peer gave up before it had everything" },
	{ DOING_SEND, EPIPE,
	  "the peer gave up before it had everything" },
	{ DOING_RECEIVE, ECONNRESET,
	  "the peer gave up before the end" },
	{ DOING_SEND, ETIMEDOUT,
	  "the peer no longer answers" },
	{ DOING_RECEIVE, ETIMEDOUT,
	  "the peer no longer answers" },
};

static const char *find_hint(enum doing what, int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (hints[i].what == what && hints[i].err == err)
			return hints[i].text;
	return NULL;
}

/**
 * complain() - tell the user that something failed
 * @what: which step
 * @on: address or file, or NULL where there is none to name
 * @err: the step's errno
 */
void complain(enum doing what, const char *on, int err)
{
	const char *hint = find_hint(what, err);

	warnx("%s%s%s: %s%s%s", doing_names[what], on ? " " : "", on ? on : "",
	      strerror(err), hint ? ": " : "", hint ? hint : "");
}
