// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded into a program by "tern run": what the program opens as a TCP socket
 * is opened as Tern's, and says that it is TCP when asked, as programs ask
 * before they set an option of TCP. Whatever is not TCP is left alone.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/tern.h>

#include "preload.h"

struct next_functions next_functions;

__attribute__((constructor))
static void look_up(void)
{
	(void)next(accept4);
	(void)next(close);
	(void)next(epoll_ctl);
	(void)next(getsockopt);
	(void)next(listen);
	(void)next(poll);
	(void)next(ppoll);
	(void)next(pselect);
	(void)next(select);
	(void)next(setsockopt);
	(void)next(shutdown);
	(void)next(socket);
}

static int protocol_number = IPPROTO_TERN;

/* "tern run" says so where the module's parameter has moved it. */
__attribute__((constructor))
static void read_environment(void)
{
	const char *moved = getenv("TERN_PROTOCOL");

	if (moved && atoi(moved) > 0)
		protocol_number = atoi(moved);
}

int socket(int family, int type, int protocol)
{
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

	if ((family == AF_INET || family == AF_INET6) && kind == SOCK_STREAM &&
	    (protocol == 0 || protocol == IPPROTO_TCP))
		protocol = protocol_number;
	return next(socket)(family, type, protocol);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	int *protocol = value;

	if (next(getsockopt)(fd, level, name, value, size))
		return -1;
	if (level == SOL_SOCKET && name == SO_PROTOCOL && *size == sizeof(*protocol) &&
	    *protocol == protocol_number)
		*protocol = IPPROTO_TCP;
	return 0;
}

/**
 * set_option() - setsockopt(), and SO_ZEROCOPY also where the kernel refuses it
 * @fd: any descriptor
 * @level: as for setsockopt()
 * @name: as for setsockopt()
 * @value: as for setsockopt()
 * @size: as for setsockopt()
 *
 * Linux 6.1 grants that to the protocols that it knows only.
 *
 * Return: as setsockopt().
 */
int set_option(int fd, int level, int name, const void *value, socklen_t size)
{
	int result = next(setsockopt)(fd, level, name, value, size);

	if (result && errno == EOPNOTSUPP && level == SOL_SOCKET && name == SO_ZEROCOPY &&
	    is_tern(fd))
		return next(setsockopt)(fd, SOL_TERN, TERN_ZEROCOPY, value, size);
	return result;
}

/* dual.c has another, which does more. */
__attribute__((weak))
int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return set_option(fd, level, name, value, size);
}

/**
 * is_tern() - is it a socket of Tern's?
 * @fd: any descriptor
 *
 * Asks the kernel and not the function above.
 */
bool is_tern(int fd)
{
	int protocol;
	socklen_t size = sizeof(protocol);

	return !syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) &&
	       protocol == protocol_number;
}
