// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets: how a connection is waited for, and how one is made.
 *
 * The descriptors that come out of here block. Listeners do not, because a
 * client may take itself back between poll() and accept().
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static void make_blocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static double deadline_in(double timeout)
{
	return timeout == NO_TIMEOUT ? INFINITY : now() + timeout;
}

/* Wait for an event. Return: 0, -ETIMEDOUT, or another negative errno. */
static int wait_for(int fd, short events, double deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	for (;;) {
		double left = deadline - now();
		int n;

		if (left < 0)
			left = 0;
		n = poll(&pfd, 1, isinf(left) ? -1 : (int)(left * 1000) + 1);
		if (n > 0)
			return 0;
		if (n == 0 && now() >= deadline)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int open_socket(void)
{
	int fd = socket(family_number(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		complain(DOING_SOCKET, NULL, errno);
	return fd;
}

static bool is_any(const struct sockaddr_tern *addr)
{
	return IN6_IS_ADDR_UNSPECIFIED(&addr->st_addr);
}

/* Without a port to ask for, the user has to be told which one it became. */
static void tell_port(int fd)
{
	struct sockaddr_tern addr;
	socklen_t len = sizeof(addr);
	char text[ADDR_TEXT];

	if (!getsockname(fd, (struct sockaddr *)&addr, &len))
		warnx("listening on %s", addr_text(text, &addr));
}

/**
 * net_listen() - open a listener on the first address that lets itself
 * @args: what the user asked for
 *
 * Return: the listener, or a negative number.
 */
int net_listen(const struct listen_args *args)
{
	struct addrs addrs;
	char text[ADDR_TEXT];
	int one = 1;
	int fd;

	if (resolve(args->host, args->port, args->version, &addrs))
		return -1;

	for (int i = 0; i < addrs.n; i++) {
		struct sockaddr_tern *addr = &addrs.at[i];

		fd = open_socket();
		if (fd < 0)
			return -1;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (args->version == AF_INET6 && is_any(addr) &&
		    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)))
			warn("IPV6_V6ONLY");

		addr_text(text, addr);
		if (bind(fd, (struct sockaddr *)addr, sizeof(*addr))) {
			complain(DOING_BIND, text, errno);
		} else if (listen(fd, args->keep ? SOMAXCONN : 1)) {
			complain(DOING_LISTEN, text, errno);
		} else {
			if (!addr->st_port)
				tell_port(fd);
			return fd;
		}
		close(fd);
	}
	return -1;
}

/**
 * net_accept() - wait for a client
 * @listener: from net_listen()
 * @timeout: for so many seconds
 * @peer: takes the client's address, ADDR_TEXT bytes
 *
 * Return: the connection, or a negative number.
 */
int net_accept(int listener, double timeout, char *peer)
{
	double deadline = deadline_in(timeout);
	struct sockaddr_tern addr;
	socklen_t len;
	int error;
	int fd;

	for (;;) {
		error = wait_for(listener, POLLIN, deadline);
		if (error == -ETIMEDOUT) {
			warnx("no client within %g s", timeout);
			return -1;
		}
		if (error)
			break;

		len = sizeof(addr);
		fd = accept4(listener, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC);
		if (fd >= 0) {
			addr_text(peer, &addr);
			return fd;
		}
		error = -errno;
		if (error != -EAGAIN && error != -EINTR && error != -ECONNABORTED)
			break;
	}
	complain(DOING_ACCEPT, "the listener", -error);
	return -1;
}

/* The source address also decides the version to connect with. */
static int find_source(const struct connect_args *args, int *version,
		       struct addrs *from)
{
	const char *port = args->source_port ? args->source_port : "0";

	if (resolve(args->source, port, *version, from))
		return -1;
	if (args->source)
		*version = is_v4(&from->at[0].st_addr) ? AF_INET : AF_INET6;
	return 0;
}

static int bind_source(int fd, const struct connect_args *args,
		       const struct sockaddr_tern *from)
{
	char text[ADDR_TEXT];
	int one = 1;

	if (!args->source && !args->source_port)
		return 0;

	/* With a port of our own, the last connection may be in TIME-WAIT. */
	if (args->source_port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)from, sizeof(*from))) {
		complain(DOING_BIND, addr_text(text, from), errno);
		return -1;
	}
	return 0;
}

static int connect_until(int fd, const struct sockaddr_tern *to, double deadline)
{
	socklen_t len = sizeof(int);
	int error;

	if (!connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return -errno;

	error = wait_for(fd, POLLOUT, deadline);
	if (error)
		return error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

/**
 * net_connect() - connect to the first address that answers
 * @args: what the user asked for
 * @peer: takes the address, ADDR_TEXT bytes
 *
 * A host with two addresses of which one answers is no failure, so the errors
 * are told only when all are known.
 *
 * Return: the connection, or a negative number.
 */
int net_connect(const struct connect_args *args, char *peer)
{
	double deadline = deadline_in(args->timeout);
	int version = args->version;
	struct addrs from, to;
	int fd;

	if (find_source(args, &version, &from) ||
	    resolve(args->host, args->port, version, &to))
		return -1;

	for (int i = 0; i < to.n; i++) {
		fd = open_socket();
		if (fd < 0)
			return -1;
		if (bind_source(fd, args, &from.at[0])) {
			close(fd);
			return -1;
		}
		to.error[i] = connect_until(fd, &to.at[i], deadline);
		if (!to.error[i]) {
			make_blocking(fd);
			addr_text(peer, &to.at[i]);
			return fd;
		}
		close(fd);
	}

	for (int i = 0; i < to.n; i++)
		complain(DOING_CONNECT, addr_text(peer, &to.at[i]), -to.error[i]);
	return -1;
}

/**
 * net_abort_on_close() - choose what the peer sees when we end now
 * @fd: the connection
 * @on: true: a reset, so that it knows something is missing, even when we are
 *	killed; false: the orderly end
 */
void net_abort_on_close(int fd, bool on)
{
	struct linger linger = { .l_onoff = on, .l_linger = 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		warn("SO_LINGER");
}
