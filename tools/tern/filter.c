// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets tern ss shows: states, and expressions on addresses and ports
 * as ss(8) has them. Expressions are judged here, not in the kernel, because
 * here an IPv4 address is the same thing whatever the socket's family.
 */
#include <ctype.h>
#include <err.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define CONNECTED	(ALL_STATES & ~(STATE(SS_CLOSE) | STATE(SS_LISTEN)))
#define SMALL		(STATE(SS_SYN_RECV) | STATE(SS_TIME_WAIT))

static const struct {
	const char *name;
	unsigned int states;
} state_names[] = {
	{ "established",	STATE(SS_ESTABLISHED) },
	{ "syn-sent",		STATE(SS_SYN_SENT) },
	{ "syn-recv",		STATE(SS_SYN_RECV) },
	{ "fin-wait-1",		STATE(SS_FIN_WAIT_1) },
	{ "fin-wait-2",		STATE(SS_FIN_WAIT_2) },
	{ "time-wait",		STATE(SS_TIME_WAIT) },
	{ "closed",		STATE(SS_CLOSE) },
	{ "unconnected",	STATE(SS_CLOSE) },
	{ "close-wait",		STATE(SS_CLOSE_WAIT) },
	{ "last-ack",		STATE(SS_LAST_ACK) },
	{ "listening",		STATE(SS_LISTEN) },
	{ "listen",		STATE(SS_LISTEN) },
	{ "closing",		STATE(SS_CLOSING) },
	{ "all",		ALL_STATES },
	{ "connected",		CONNECTED },
	{ "synchronized",	CONNECTED & ~STATE(SS_SYN_SENT) },
	{ "bucket",		SMALL },
	{ "big",		ALL_STATES & ~SMALL },
};

static unsigned int state_by_name(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(state_names); i++)
		if (!strcmp(name, state_names[i].name))
			return state_names[i].states;
	errx(USAGE, "%s: no such state", name ? name : "state");
}

/**
 * filter_states() - the words "state NAME" and "exclude NAME"
 * @words: ends with NULL; moved behind them
 * @otherwise: what is meant when there are none
 *
 * Return: the states.
 */
unsigned int filter_states(char ***words, unsigned int otherwise)
{
	unsigned int states = otherwise;
	bool any = false, excluded;

	for (; **words; *words += 2, any = true) {
		excluded = !strcmp(**words, "exclude") || !strcmp(**words, "excl");
		if (!excluded && strcmp(**words, "state"))
			break;
		if (!any)
			states = excluded ? ALL_STATES : 0;
		if (excluded)
			states &= ~state_by_name((*words)[1]);
		else
			states |= state_by_name((*words)[1]);
	}
	return states;
}

enum kind { AND, OR, NOT, ADDRESS, PORT };
enum compare { EQUAL, NOT_EQUAL, AT_LEAST, AT_MOST, MORE, LESS };

struct filter {
	enum kind kind;
	struct filter *left;	/* AND, OR, NOT */
	struct filter *right;	/* AND, OR */
	bool peer;		/* whose address or port */
	enum compare compare;
	int port;		/* or -1: any */
	int prefix;		/* bits, or -1: any address */
	struct addrs addrs;	/* any of them */
};

/* What is left of the expression, and the word at hand, empty at the end. */
static const char *rest;
static char word[256];

static bool is_operator(int c)
{
	return c && strchr("()!=<>&|", c);
}

static void next_word(void)
{
	size_t n;

	while (isspace((unsigned char)*rest))
		rest++;
	n = strspn(rest, "=<>&|");
	if (!n && is_operator(*rest))
		n = rest[1] == '=' ? 2 : 1;
	while (!is_operator(*rest) && rest[n] && !isspace((unsigned char)rest[n]) &&
	       !is_operator(rest[n]))
		n++;
	snprintf(word, sizeof(word), "%.*s", (int)n, rest);
	rest += n;
}

static bool is_one_of(const char *list)
{
	char text[64];
	char *save = NULL, *one;

	snprintf(text, sizeof(text), "%s", list);
	for (one = strtok_r(text, " ", &save); one; one = strtok_r(NULL, " ", &save))
		if (!strcmp(one, word))
			return true;
	return false;
}

/* Is the word this? Then go on behind it. */
static bool accept_word(const char *list)
{
	if (!is_one_of(list))
		return false;
	next_word();
	return true;
}

static struct filter *new_filter(enum kind kind, struct filter *left, struct filter *right)
{
	struct filter *filter = calloc(1, sizeof(*filter));

	if (!filter)
		err(FAILED, "memory");
	filter->kind = kind;
	filter->left = left;
	filter->right = right;
	filter->port = -1;
	filter->prefix = -1;
	return filter;
}

static enum compare parse_compare(void)
{
	static const char * const lists[] = {
		[EQUAL]		= "= == eq",
		[NOT_EQUAL]	= "!= neq ne",
		[AT_LEAST]	= ">= geq ge",
		[AT_MOST]	= "<= leq le",
		[MORE]		= "> gt",
		[LESS]		= "< lt",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (accept_word(lists[i]))
			return i;
	return EQUAL;
}

static int parse_port(const char *text)
{
	struct servent *service;
	char *end;
	long port;

	if (!*text || !strcmp(text, "*"))
		return -1;
	port = strtol(text, &end, 10);
	if (!*end && port >= 0 && port <= 65535)
		return port;
	service = getservbyname(text, "tcp");
	if (!service)
		errx(USAGE, "%s: bad port: a number up to 65535, or a name in /etc/services", text);
	return ntohs(service->s_port);
}

static void parse_prefix(struct filter *filter, const char *text)
{
	int width = is_v4(&filter->addrs.at[0].st_addr) ? 32 : 128;
	char *end = NULL;
	long bits = text ? strtol(text, &end, 10) : width;

	if (end && (end == text || *end || bits < 0 || bits > width))
		errx(USAGE, "/%s: bad length of a prefix", text);
	filter->prefix = 128 - width + bits;
}

/* HOST, HOST:PORT, :PORT, HOST/BITS, HOST/BITS:PORT; IPv6 with a port in brackets */
static void parse_address(struct filter *filter, char *text)
{
	char *port = strrchr(text, ':'), *bracket = strrchr(text, ']'), *bits;

	if (port && (bracket ? port > bracket : strchr(text, ':') == port)) {
		filter->port = parse_port(port + 1);
		*port = '\0';
	}
	bits = strchr(text, '/');
	if (bits)
		*bits++ = '\0';
	if (*text == '[' && bracket) {
		*bracket = '\0';
		text++;
	}
	if (!*text || !strcmp(text, "*"))
		return;
	if (resolve(text, "0", AF_UNSPEC, &filter->addrs))
		exit(FAILED);
	parse_prefix(filter, bits);
}

static struct filter *parse_term(void)
{
	bool port = is_one_of("sport dport");
	struct filter *filter;

	if (!port && !is_one_of("src dst"))
		errx(USAGE, "%s: not understood in a filter", *word ? word : "end");
	filter = new_filter(port ? PORT : ADDRESS, NULL, NULL);
	filter->peer = *word == 'd';
	next_word();
	filter->compare = parse_compare();
	if (!*word || is_operator(*word))
		errx(USAGE, "a filter ends where %s was expected", port ? "a port" : "an address");
	if (port)
		filter->port = parse_port(word + (*word == ':'));
	else if (filter->compare <= NOT_EQUAL)
		parse_address(filter, word);
	else
		errx(USAGE, "an address is equal (=) or not (!=)");
	next_word();
	return filter;
}

static struct filter *parse_or(void);

static struct filter *parse_not(void)
{
	struct filter *filter;

	if (accept_word("not !"))
		return new_filter(NOT, parse_not(), NULL);
	if (!accept_word("("))
		return parse_term();
	filter = parse_or();
	if (!accept_word(")"))
		errx(USAGE, "%s: ) is missing in a filter", *word ? word : "end");
	return filter;
}

static struct filter *parse_and(void)
{
	struct filter *filter = parse_not();

	/* "and" may be left out */
	while (*word && !is_one_of("or | || )")) {
		accept_word("and & &&");
		filter = new_filter(AND, filter, parse_not());
	}
	return filter;
}

static struct filter *parse_or(void)
{
	struct filter *filter = parse_and();

	while (accept_word("or | ||"))
		filter = new_filter(OR, filter, parse_and());
	return filter;
}

/**
 * filter_parse() - an expression
 * @words: of it, which may be divided in any way; ends with NULL
 *
 * A mistake in it ends the program. Return: the filter, or NULL for none.
 */
struct filter *filter_parse(char **words)
{
	struct filter *filter;
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!*words)
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		err(FAILED, "memory");
	for (; *words; words++)
		fprintf(out, "%s ", *words);
	fclose(out);
	rest = text;
	next_word();
	filter = parse_or();
	if (*word)
		errx(USAGE, "%s: not understood in a filter", word);
	free(text);
	return filter;
}

static bool same_prefix(const struct in6_addr *a, const struct in6_addr *b, int bits)
{
	int bytes = bits / 8;

	return !memcmp(a, b, bytes) &&
	       (bits % 8 == 0 || (a->s6_addr[bytes] ^ b->s6_addr[bytes]) >> (8 - bits % 8) == 0);
}

static bool match_address(const struct filter *filter, const struct in6_addr *addr, int port)
{
	if (filter->port >= 0 && filter->port != port)
		return false;
	if (filter->prefix < 0)
		return true;
	for (int i = 0; i < filter->addrs.n; i++)
		if (same_prefix(&filter->addrs.at[i].st_addr, addr, filter->prefix))
			return true;
	return false;
}

static bool match_port(const struct filter *filter, int port)
{
	switch (filter->compare) {
	case EQUAL:
		return port == filter->port;
	case NOT_EQUAL:
		return port != filter->port;
	case AT_LEAST:
		return port >= filter->port;
	case AT_MOST:
		return port <= filter->port;
	case MORE:
		return port > filter->port;
	default:
		return port < filter->port;
	}
}

/**
 * filter_match() - does an expression hold?
 * @filter: the expression, or NULL, which always holds
 * @desc: of the socket
 */
bool filter_match(const struct filter *filter, const struct sock_desc *desc)
{
	int port;

	if (!filter)
		return true;
	port = ntohs(filter->peer ? desc->msg.id.idiag_dport : desc->msg.id.idiag_sport);
	switch (filter->kind) {
	case AND:
		return filter_match(filter->left, desc) && filter_match(filter->right, desc);
	case OR:
		return filter_match(filter->left, desc) || filter_match(filter->right, desc);
	case NOT:
		return !filter_match(filter->left, desc);
	case PORT:
		return match_port(filter, port);
	default:
		return match_address(filter, filter->peer ? &desc->peer : &desc->local, port) !=
		       (filter->compare == NOT_EQUAL);
	}
}
