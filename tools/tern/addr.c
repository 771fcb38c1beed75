// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses: from what a person types to a sockaddr_tern, and back.
 *
 * The family is dual-stack, so there is one kind of address in this program:
 * IPv4 is carried in its v4-mapped form and shown in its own.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>

#include "tool.h"

/* The number that the module took, which its parameter may have moved. */
static int parameter(const char *name, int otherwise)
{
	int number = otherwise;
	char path[64];
	char line[16];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/module/tern/parameters/%s", name);
	file = fopen(path, "re");
	if (!file)
		return number;
	if (fgets(line, sizeof(line), file) && atoi(line) > 0)
		number = atoi(line);
	fclose(file);
	return number;
}

int family_number(void)
{
	return parameter("family", AF_TERN);
}

int protocol_number(void)
{
	return parameter("protocol", IPPROTO_TERN);
}

bool is_v4(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr);
}

static void map_v4(struct in6_addr *to, const struct in_addr *from)
{
	memset(to, 0, sizeof(*to));
	to->s6_addr[10] = 0xff;
	to->s6_addr[11] = 0xff;
	memcpy(&to->s6_addr[12], from, sizeof(*from));
}

static bool from_sockaddr(struct sockaddr_tern *to, const struct sockaddr *from)
{
	const struct sockaddr_in6 *in6 = (const void *)from;
	const struct sockaddr_in *in = (const void *)from;

	memset(to, 0, sizeof(*to));
	to->st_family = family_number();

	switch (from->sa_family) {
	case AF_INET:
		to->st_port = in->sin_port;
		map_v4(&to->st_addr, &in->sin_addr);
		return true;
	case AF_INET6:
		to->st_port = in6->sin6_port;
		to->st_addr = in6->sin6_addr;
		to->st_scope_id = in6->sin6_scope_id;
		return true;
	default:
		return false;
	}
}

/* getaddrinfo() takes any number and cuts it to 16 bits, hence this check. */
static bool is_port(const char *text)
{
	const char *c;

	for (c = text; isdigit((unsigned char)*c); c++)
		;
	if (*c)
		return true;		/* a name: the resolver's to judge */
	return c != text && strtoul(text, NULL, 10) <= 65535;
}

static noreturn void bad_port(const char *port)
{
	errx(USAGE, "%s: bad port: a number up to 65535, or a name in /etc/services", port);
}

static const char *version_hint(int version)
{
	switch (version) {
	case AF_INET:
		return ": only IPv4 was asked for";
	case AF_INET6:
		return ": only IPv6 was asked for";
	default:
		return "";
	}
}

/**
 * resolve() - find the addresses of a name
 * @host: name or address, link-local ones as fe80::1%eth0; NULL for the
 *	address that means all of them
 * @port: number or service name
 * @version: AF_UNSPEC, or AF_INET or AF_INET6 for addresses of that kind only
 * @to: takes the addresses, in the order in which to try them
 *
 * A bad port is a mistake in the command, so it ends the program.
 *
 * Return: 0, or a negative number when there is no address.
 */
int resolve(const char *host, const char *port, int version, struct addrs *to)
{
	struct addrinfo hints = {
		.ai_family = version,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,	/* whose service names we use */
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *found, *ai;
	int error;

	if (!is_port(port))
		bad_port(port);

	/* Without a host the one socket on :: serves both versions. */
	if (!host && version == AF_UNSPEC)
		hints.ai_family = AF_INET6;

	error = getaddrinfo(host, port, &hints, &found);
	if (error == EAI_SERVICE)
		bad_port(port);
	if (error == EAI_SYSTEM) {
		warn("%s", host ? host : port);
		return -1;
	}
	if (error) {
		warnx("%s: %s%s", host ? host : port, gai_strerror(error),
		      error == EAI_AGAIN ? "" : version_hint(version));
		return -1;
	}

	to->n = 0;
	for (ai = found; ai && to->n < MAX_ADDRS; ai = ai->ai_next)
		if (from_sockaddr(&to->at[to->n], ai->ai_addr))
			to->n++;
	freeaddrinfo(found);
	return to->n ? 0 : -1;
}

/* The address alone, as ss(8) prints it: IPv6 in brackets, IPv4 without. */
void host_text(char *text, size_t size, const struct in6_addr *addr)
{
	char plain[INET6_ADDRSTRLEN];

	if (is_v4(addr)) {
		inet_ntop(AF_INET, &addr->s6_addr[12], text, size);
		return;
	}
	inet_ntop(AF_INET6, addr, plain, sizeof(plain));
	snprintf(text, size, "[%s]", plain);
}

/**
 * addr_text() - write an address and its port for a person
 * @text: at least ADDR_TEXT bytes
 * @addr: the address
 *
 * Return: @text.
 */
char *addr_text(char *text, const struct sockaddr_tern *addr)
{
	char host[INET6_ADDRSTRLEN + 2];
	char scope[IF_NAMESIZE];
	unsigned int port = ntohs(addr->st_port);

	host_text(host, sizeof(host), &addr->st_addr);
	if (addr->st_scope_id && if_indextoname(addr->st_scope_id, scope))
		snprintf(text, ADDR_TEXT, "%.*s%%%s]:%u",
			 (int)strlen(host) - 1, host, scope, port);
	else
		snprintf(text, ADDR_TEXT, "%s:%u", host, port);
	return text;
}
