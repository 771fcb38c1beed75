// SPDX-License-Identifier: GPL-2.0
/*
 * tern ss: the sockets of this network namespace, in ss(8)'s layout.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* The kernel's numbers, see include/net/tcp_states.h there. */
enum {
	STATE_SYN_RECV	= 3,
	STATE_TIME_WAIT	= 6,
	STATE_CLOSE	= 7,
	STATE_LISTEN	= 10,
	N_STATES	= 13,
};

static const char * const state_names[N_STATES] = {
	"UNKNOWN", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
	"UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECV",
};

struct args {
	bool all;
	bool listening;
	bool numeric;
	bool processes;
	bool headless;
	int version;
};

struct row {
	unsigned int state;
	unsigned int recvq;
	unsigned int sendq;
	unsigned long inode;
	char local[INET6_ADDRSTRLEN + 2];
	char local_port[NI_MAXSERV];
	char peer[INET6_ADDRSTRLEN + 2];
	char peer_port[NI_MAXSERV];
};

struct table {
	struct row *rows;
	size_t n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'a':
		args->all = true;
		return 0;
	case 'l':
		args->listening = true;
		return 0;
	case 'n':
		args->numeric = true;
		return 0;
	case 'p':
		args->processes = true;
		return 0;
	case 'H':
		args->headless = true;
		return 0;
	case '4':
		args->version = AF_INET;
		return 0;
	case '6':
		args->version = AF_INET6;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: it takes no arguments", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "Listeners, connections and what remains of them", 0 },
	{ "listening", 'l', NULL, 0, "Listeners only", 0 },
	{ "numeric", 'n', NULL, 0, "Numbers of ports, not names", 0 },
	{ "processes", 'p', NULL, 0, "Show the processes that hold a socket", 0 },
	{ "no-header", 'H', NULL, 0, "Without the header line", 0 },
	{ NULL, '4', NULL, 0, "IPv4 only", 0 },
	{ NULL, '6', NULL, 0, "IPv6 only", 0 },
	{ 0 }
};

static const struct argp ss_command = {
	.options = options,
	.parser = parse,
	.doc = "Show the sockets of this network namespace." AFTER_OPTIONS
	       "Without -a or -l: connections, without those in SYN-RECV and TIME-WAIT.",
};

/* As /proc/net/tcp6 writes it: four words, each in the machine's byte order. */
static void parse_addr(struct in6_addr *addr, const char *hex)
{
	char word[9] = "";

	for (int i = 0; i < 4; i++) {
		memcpy(word, hex + 8 * i, 8);
		addr->s6_addr32[i] = strtoul(word, NULL, 16);
	}
}

static void port_text(char *text, size_t size, unsigned int port, bool numeric)
{
	struct servent *service = NULL;

	if (port && !numeric)
		service = getservbyport(htons(port), "tcp");
	if (!port)
		snprintf(text, size, "*");
	else if (service)
		snprintf(text, size, "%s", service->s_name);
	else
		snprintf(text, size, "%u", port);
}

static bool wanted(const struct args *args, unsigned int state, bool v4)
{
	if (args->version && args->version != (v4 ? AF_INET : AF_INET6))
		return false;
	if (args->all)
		return true;
	if (args->listening)
		return state == STATE_LISTEN;
	return state != STATE_LISTEN && state != STATE_SYN_RECV &&
	       state != STATE_TIME_WAIT && state != STATE_CLOSE;
}

static struct row *add_row(struct table *table)
{
	if (table->n % 256 == 0) {
		table->rows = reallocarray(table->rows, table->n + 256, sizeof(struct row));
		if (!table->rows)
			err(FAILED, "memory");
	}
	return &table->rows[table->n++];
}

/* Of a line we skip the slot, timer, retransmissions, user and timeout. */
static const char line_format[] =
	" %*d: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x %x:%x %*x:%*x %*x %*u %*d %lu";

/* Return: whether the line was understood. */
static bool read_row(const char *line, const struct args *args, struct table *table)
{
	unsigned int state, sendq, recvq, local_port, peer_port;
	struct in6_addr local, peer;
	char local_hex[33], peer_hex[33];
	unsigned long inode;
	struct row *row;

	if (sscanf(line, line_format, local_hex, &local_port, peer_hex, &peer_port, &state,
		   &sendq, &recvq, &inode) != 8 ||
	    strlen(local_hex) != 32 || strlen(peer_hex) != 32)
		return false;

	parse_addr(&local, local_hex);
	parse_addr(&peer, peer_hex);
	if (!wanted(args, state, is_v4(&local)))
		return true;

	/* A listener's peer is nobody; of the same version it looks better. */
	if (is_v4(&local) && IN6_IS_ADDR_UNSPECIFIED(&peer))
		peer.s6_addr32[2] = htonl(0xffff);

	row = add_row(table);
	row->state = state < N_STATES ? state : 0;
	row->recvq = recvq;
	row->sendq = sendq;
	row->inode = inode;
	host_text(row->local, sizeof(row->local), &local);
	host_text(row->peer, sizeof(row->peer), &peer);
	port_text(row->local_port, sizeof(row->local_port), local_port, args->numeric);
	port_text(row->peer_port, sizeof(row->peer_port), peer_port, args->numeric);
	return true;
}

static int read_table(const struct args *args, struct table *table)
{
	FILE *file = proc_open("sockets");
	bool header = true;
	int result = 0;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return -1;
	while (!result && getline(&line, &size, file) > 0) {
		if (!header && !read_row(line, args, table)) {
			warnx("/proc/net/tern/sockets: cannot read this line: %s", line);
			result = -1;
		}
		header = false;
	}
	free(line);
	fclose(file);
	return result;
}

static void widen(int *width, const char *text)
{
	if ((int)strlen(text) > *width)
		*width = strlen(text);
}

/* Addresses end, and ports begin, at the colon, which makes a column of it. */
static void print_table(const struct args *args, const struct table *table)
{
	static const char fmt[] = "%-10s %6s %6s  %*s:%-*s  %*s:%-*s  ";
	int local = strlen("Local Address"), local_port = strlen("Port");
	int peer = strlen("Peer Address"), peer_port = strlen("Port");

	for (size_t i = 0; i < table->n; i++) {
		const struct row *row = &table->rows[i];

		widen(&local, row->local);
		widen(&local_port, row->local_port);
		widen(&peer, row->peer);
		widen(&peer_port, row->peer_port);
	}

	if (!args->headless) {
		printf(fmt, "State", "Recv-Q", "Send-Q", local, "Local Address", local_port, "Port",
		       peer, "Peer Address", peer_port, "Port");
		puts("Process");
	}
	for (size_t i = 0; i < table->n; i++) {
		const struct row *row = &table->rows[i];
		char recvq[16], sendq[16];

		snprintf(recvq, sizeof(recvq), "%u", row->recvq);
		snprintf(sendq, sizeof(sendq), "%u", row->sendq);
		printf(fmt, state_names[row->state], recvq, sendq, local, row->local, local_port,
		       row->local_port, peer, row->peer, peer_port, row->peer_port);
		if (args->processes)
			owners_print(row->inode);
		putchar('\n');
	}
}

int ss_main(int argc, char **argv)
{
	struct table table = { 0 };
	struct args args = { 0 };

	argp_parse(&ss_command, argc, argv, 0, NULL, &args);

	if (read_table(&args, &table))
		return FAILED;
	if (args.processes)
		owners_scan();
	print_table(&args, &table);
	free(table.rows);
	return DONE;
}
