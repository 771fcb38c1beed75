// SPDX-License-Identifier: GPL-2.0
/*
 * The options and operands of the two ways to get a connection: waiting for
 * one (listen, recv) and making one (connect, send).
 */
#include <argp.h>
#include <stdlib.h>

#include "tool.h"

static double parse_seconds(const char *text, struct argp_state *state)
{
	char *end;
	double value = strtod(text, &end);

	/* poll() takes milliseconds in an int, hence the limit. */
	if (end == text || *end || !(value > 0 && value < 2e6))
		argp_error(state, "%s: not a number of seconds", text);
	return value;
}

static const struct argp_option listen_options[] = {
	{ NULL, '4', NULL, 0, "IPv4 only", 0 },
	{ NULL, '6', NULL, 0, "IPv6 only", 0 },
	{ "keep", 'k', NULL, 0, "After a client, wait for the next one", 0 },
	{ "timeout", 't', "SECONDS", 0, "Give up when no client has come for that long", 0 },
	{ 0 }
};

static error_t parse_listen(int key, char *arg, struct argp_state *state)
{
	struct listen_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		*args = (struct listen_args){ .timeout = NO_TIMEOUT };
		return 0;
	case '4':
		args->version = AF_INET;
		return 0;
	case '6':
		args->version = AF_INET6;
		return 0;
	case 'k':
		args->keep = true;
		return 0;
	case 't':
		args->timeout = parse_seconds(arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num >= 2)
			argp_error(state, "%s: one argument too many", arg);
		args->host = args->port;
		args->port = arg;
		return 0;
	case ARGP_KEY_END:
		if (!args->port)
			argp_error(state, "no port given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp listen_argp = {
	.options = listen_options,
	.parser = parse_listen,
	.args_doc = "[ADDR] PORT",
};

static const struct argp_option connect_options[] = {
	{ NULL, '4', NULL, 0, "IPv4 only", 0 },
	{ NULL, '6', NULL, 0, "IPv6 only", 0 },
	{ "wait", 'w', "SECONDS", 0, "Give up when not connected after that long", 0 },
	{ "source", 's', "ADDR", 0, "Connect from this address", 0 },
	{ "source-port", 'p', "PORT", 0, "Connect from this port", 0 },
	{ 0 }
};

static error_t parse_connect(int key, char *arg, struct argp_state *state)
{
	struct connect_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		*args = (struct connect_args){ .timeout = NO_TIMEOUT };
		return 0;
	case '4':
		args->version = AF_INET;
		return 0;
	case '6':
		args->version = AF_INET6;
		return 0;
	case 'w':
		args->timeout = parse_seconds(arg, state);
		return 0;
	case 's':
		args->source = arg;
		return 0;
	case 'p':
		args->source_port = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0)
			args->host = arg;
		else if (state->arg_num == 1)
			args->port = arg;
		else
			argp_error(state, "%s: one argument too many", arg);
		return 0;
	case ARGP_KEY_END:
		if (!args->port)
			argp_error(state, "no %s given", args->host ? "port" : "host");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp connect_argp = {
	.options = connect_options,
	.parser = parse_connect,
	.args_doc = "HOST PORT",
};
