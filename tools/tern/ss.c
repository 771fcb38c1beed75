// SPDX-License-Identifier: GPL-2.0
/*
 * tern ss: the sockets of this network namespace, in ss(8)'s layout and with
 * its options.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const char * const state_texts[SS_N_STATES] = {
	"UNKNOWN", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
	"UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING",
};

struct args {
	bool all;
	bool listening;
	bool numeric;
	bool processes;
	bool headless;
	bool summary;
	bool json;
	bool kill;
	bool follow;
	int version;
	int show;		/* SHOW_* */
	char **words;		/* states and filter, ends with NULL */
	struct filter *filter;
	unsigned int states;
};

struct table {
	const struct args *args;
	struct sock_desc *rows;
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
		args->show |= SHOW_NUMBERS;
		return 0;
	case 'p':
		args->processes = true;
		return 0;
	case 'o':
		args->show |= SHOW_TIMER;
		return 0;
	case 'e':
		args->show |= SHOW_TIMER | SHOW_DETAILS;
		return 0;
	case 'm':
		args->show |= SHOW_MEMORY;
		return 0;
	case 'i':
		args->show |= SHOW_INFO;
		return 0;
	case 'O':
		args->show |= SHOW_ONE_LINE;
		return 0;
	case 's':
		args->summary = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case 'K':
		args->kill = true;
		return 0;
	case 'E':
		args->follow = true;
		return 0;
	case 't':
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
		(void)arg;
		args->words = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "Listeners, connections and what remains of them", 0 },
	{ "listening", 'l', NULL, 0, "Listeners only", 0 },
	{ "numeric", 'n', NULL, 0, "Numbers of ports, not names, and rates in full", 0 },
	{ "processes", 'p', NULL, 0, "Show the processes that hold a socket", 0 },
	{ "options", 'o', NULL, 0, "Show the timer that runs", 0 },
	{ "extended", 'e', NULL, 0, "Show owner, inode, cookie and mark, and the timer", 0 },
	{ "memory", 'm', NULL, 0, "Show the memory that a socket uses", 0 },
	{ "info", 'i', NULL, 0, "Show what a connection has measured", 0 },
	{ "oneline", 'O', NULL, 0, "All of a socket in one line", 0 },
	{ "summary", 's', NULL, 0, "Show numbers of sockets only", 0 },
	{ "json", 'j', NULL, 0, "Write JSON", 0 },
	{ "kill", 'K', NULL, 0, "End the sockets, and show those that were", 0 },
	{ "events", 'E', NULL, 0, "Show sockets as they end", 0 },
	{ "no-header", 'H', NULL, 0, "Without the header line", 0 },
	{ "tern", 't', NULL, 0, "Nothing: for fingers that are used to ss -t", 0 },
	{ NULL, '4', NULL, 0, "IPv4 only", 0 },
	{ NULL, '6', NULL, 0, "IPv6 only", 0 },
	{ 0 }
};

static const struct argp ss_command = {
	.options = options,
	.parser = parse,
	.args_doc = "[state STATE|exclude STATE...] [FILTER]",
	.doc = "Show the sockets of this network namespace." AFTER_OPTIONS
	       "Without -a, -l or states: connections, without those in SYN-RECV and TIME-WAIT.\n"
	       "A FILTER has src, dst, sport, dport: 'dst 10.0.0.0/8 and not sport = :80'",
};

static unsigned int default_states(const struct args *args)
{
	if (args->all || args->summary || args->follow)
		return ALL_STATES;
	if (args->listening)
		return STATE(SS_LISTEN) | STATE(SS_CLOSE);
	return ALL_STATES & ~(STATE(SS_LISTEN) | STATE(SS_CLOSE) | STATE(SS_SYN_RECV) |
			      STATE(SS_TIME_WAIT));
}

static void add_row(const struct sock_desc *desc, void *arg)
{
	struct table *table = arg;
	const struct args *args = table->args;

	if (args->version && args->version != (is_v4(&desc->local) ? AF_INET : AF_INET6))
		return;
	if (!filter_match(args->filter, desc))
		return;
	if (table->n % 256 == 0) {
		table->rows = reallocarray(table->rows, table->n + 256, sizeof(*desc));
		if (!table->rows)
			err(FAILED, "memory");
	}
	table->rows[table->n++] = *desc;
}

/* Those that could not be ended leave the table, without a word if they are gone. */
static int kill_rows(struct table *table)
{
	int result = DONE;
	size_t kept = 0;

	for (size_t i = 0; i < table->n; i++) {
		if (!diag_kill(&table->rows[i])) {
			table->rows[kept++] = table->rows[i];
		} else if (errno != ENOENT) {
			warn("kill");
			result = FAILED;
			break;
		}
	}
	table->n = kept;
	return result;
}

/* An end of a connection in the words of the table. */
struct end {
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 3];
	char port[NI_MAXSERV];
};

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

static struct end end_text(const struct args *args, const struct sock_desc *desc, bool peer)
{
	const struct in6_addr *addr = peer ? &desc->peer : &desc->local;
	const struct inet_diag_sockid *id = &desc->msg.id;
	char host[INET6_ADDRSTRLEN + 2];
	char name[IF_NAMESIZE];
	struct end end;

	/* one that takes connections of both versions */
	if (desc->msg.idiag_family == AF_INET6 && !desc->v6only && IN6_IS_ADDR_UNSPECIFIED(addr))
		snprintf(host, sizeof(host), "*");
	else
		host_text(host, sizeof(host), addr);
	if (!peer && id->idiag_if && if_indextoname(id->idiag_if, name))
		snprintf(end.host, sizeof(end.host), "%s%%%s", host, name);
	else
		snprintf(end.host, sizeof(end.host), "%s", host);
	port_text(end.port, sizeof(end.port), ntohs(peer ? id->idiag_dport : id->idiag_sport),
		  args->numeric);
	return end;
}

static const char *state_text(const struct sock_desc *desc)
{
	return state_texts[desc->msg.idiag_state < SS_N_STATES ? desc->msg.idiag_state : 0];
}

static void print_owners(const struct sock_desc *desc)
{
	const struct owner *owner;
	size_t n = owners_of(desc->msg.idiag_inode, &owner);

	for (size_t i = 0; i < n; i++)
		printf("%s(\"%s\",pid=%d,fd=%d)", i ? "," : "users:(", owner[i].name, owner[i].pid,
		       owner[i].fd);
	if (n)
		putchar(')');
}

static void widen(int *width, const char *text)
{
	if ((int)strlen(text) > *width)
		*width = strlen(text);
}

/*
 * Addresses end, and ports begin, at the colon, which makes a column of it.
 * Where all are in one state nobody needs to be told, says ss(8).
 */
static void print_table(const struct args *args, const struct table *table)
{
	static const char fmt[] = "%6s %6s  %*s:%-*s  %*s:%-*s  ";
	bool several = args->states & (args->states - 1);
	int local = strlen("Local Address"), local_port = strlen("Port");
	int peer = strlen("Peer Address"), peer_port = strlen("Port");

	for (size_t i = 0; i < table->n; i++) {
		struct end here = end_text(args, &table->rows[i], false);
		struct end there = end_text(args, &table->rows[i], true);

		widen(&local, here.host);
		widen(&local_port, here.port);
		widen(&peer, there.host);
		widen(&peer_port, there.port);
	}

	if (!args->headless) {
		if (several)
			printf("%-10s ", "State");
		printf(fmt, "Recv-Q", "Send-Q", local, "Local Address", local_port, "Port",
		       peer, "Peer Address", peer_port, "Port");
		puts("Process");
	}
	for (size_t i = 0; i < table->n; i++) {
		const struct sock_desc *row = &table->rows[i];
		struct end here = end_text(args, row, false);
		struct end there = end_text(args, row, true);
		char recvq[16], sendq[16];

		snprintf(recvq, sizeof(recvq), "%u", row->msg.idiag_rqueue);
		snprintf(sendq, sizeof(sendq), "%u", row->msg.idiag_wqueue);
		if (several)
			printf("%-10s ", state_text(row));
		printf(fmt, recvq, sendq, local, here.host, local_port,
		       here.port, peer, there.host, peer_port, there.port);
		if (args->processes)
			print_owners(row);
		describe_text(row, args->show);
		putchar('\n');
	}
}

static void json_end(const char *name, const struct in6_addr *addr, __be16 port)
{
	char text[INET6_ADDRSTRLEN];

	if (is_v4(addr))
		inet_ntop(AF_INET, &addr->s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, addr, text, sizeof(text));
	printf(",\"%s\":{\"address\":\"%s\",\"port\":%u}", name, text, ntohs(port));
}

static void json_owners(const struct sock_desc *desc)
{
	const struct owner *owner;
	size_t n = owners_of(desc->msg.idiag_inode, &owner);

	printf(",\"users\":[");
	for (size_t i = 0; i < n; i++) {
		printf("%s{\"name\":", i ? "," : "");
		json_string(owner[i].name);
		printf(",\"pid\":%d,\"fd\":%d}", owner[i].pid, owner[i].fd);
	}
	putchar(']');
}

static void json_row(const struct args *args, const struct sock_desc *row)
{
	printf("{\"state\":\"%s\",\"recv_q\":%u,\"send_q\":%u", state_text(row),
	       row->msg.idiag_rqueue, row->msg.idiag_wqueue);
	json_end("local", &row->local, row->msg.id.idiag_sport);
	json_end("peer", &row->peer, row->msg.id.idiag_dport);
	if (args->processes)
		json_owners(row);
	describe_json(row, args->show);
	putchar('}');
}

static void print_json(const struct args *args, const struct table *table)
{
	putchar('[');
	for (size_t i = 0; i < table->n; i++) {
		fputs(i ? ",\n" : "", stdout);
		json_row(args, &table->rows[i]);
	}
	puts("]");
}

/* Closed by the program, not yet by the peer: what waits for accept() has no inode either. */
static bool is_orphan(const struct inet_diag_msg *msg)
{
	return !msg->idiag_inode &&
	       STATE(msg->idiag_state) & (STATE(SS_FIN_WAIT_1) | STATE(SS_FIN_WAIT_2) |
					  STATE(SS_CLOSING) | STATE(SS_LAST_ACK));
}

static void print_summary(const struct args *args, const struct table *table)
{
	unsigned int n[SS_N_STATES] = { 0 }, v4 = 0, v6 = 0, orphans = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct sock_desc *row = &table->rows[i];

		if (row->msg.idiag_state >= SS_N_STATES)
			continue;
		n[row->msg.idiag_state]++;
		if (row->msg.idiag_state == SS_TIME_WAIT)
			continue;
		*(is_v4(&row->local) ? &v4 : &v6) += 1;
		orphans += is_orphan(&row->msg);
	}
	if (args->json) {
		printf("{\"total\":%zu,\"estab\":%u,\"listen\":%u,\"syn_recv\":%u,", table->n,
		       n[SS_ESTABLISHED], n[SS_LISTEN], n[SS_SYN_RECV]);
		printf("\"orphaned\":%u,\"timewait\":%u,\"ipv4\":%u,\"ipv6\":%u}\n", orphans,
		       n[SS_TIME_WAIT], v4, v6);
		return;
	}
	printf("TERN:  %zu (estab %u, listen %u, syn-recv %u, orphaned %u, timewait %u)\n\n",
	       table->n, n[SS_ESTABLISHED], n[SS_LISTEN], n[SS_SYN_RECV], orphans,
	       n[SS_TIME_WAIT]);
	printf("Transport IP        IPv6\nTERN      %-9u %u\n", v4, v6);
}

static void print_rows(const struct args *args, const struct table *table)
{
	if (args->processes)
		owners_scan();
	if (args->summary)
		print_summary(args, table);
	else if (args->json)
		print_json(args, table);
	else
		print_table(args, table);
}

/* One that has ended, while it is true; in JSON an object a line. */
static void show_event(const struct sock_desc *desc, void *arg)
{
	struct table *table = arg;
	struct args *args = (struct args *)table->args;

	table->n = 0;
	add_row(desc, table);
	if (table->n && args->json) {
		json_row(args, desc);
		putchar('\n');
	} else if (table->n) {
		print_table(args, table);
		args->headless = true;
	}
	fflush(stdout);
}

int ss_main(int argc, char **argv)
{
	char *none = NULL;
	struct args args = { .words = &none };
	struct table table = { .args = &args };
	int want = 0, result = DONE;

	argp_parse(&ss_command, argc, argv, 0, NULL, &args);
	args.states = filter_states(&args.words, default_states(&args));
	args.filter = filter_parse(args.words);
	if (args.show & SHOW_INFO)
		want |= WANT_INFO;
	if (args.show & SHOW_MEMORY)
		want |= WANT_MEMORY;

	if (args.follow)
		return diag_follow(show_event, &table) ? FAILED : DONE;
	if (diag_dump(args.states, want, add_row, &table))
		return FAILED;
	if (args.kill)
		result = kill_rows(&table);
	print_rows(&args, &table);
	free(table.rows);
	return result;
}
