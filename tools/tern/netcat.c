// SPDX-License-Identifier: GPL-2.0
/*
 * tern listen and tern connect: a connection for a person or a pipeline, as
 * nc(1) gives one over TCP.
 */
#include <argp.h>
#include <unistd.h>

#include "tool.h"

/* All options are the child's, which only has to be told where to put them. */
static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static const struct argp_child listen_children[] = {
	{ &listen_argp, 0, NULL, 0 },
	{ 0 }
};

static const struct argp listen_command = {
	.parser = parse,
	.children = listen_children,
	.doc = "Wait for a connection, send it standard input, write what comes to standard\n"
	       "output." AFTER_OPTIONS
	       "Without ADDR it listens on every address. At the end of input the connection\n"
	       "is half closed, and what the peer still sends is received. Port 0 takes a\n"
	       "free port and says which.",
};

int listen_main(int argc, char **argv)
{
	struct listen_args args;
	enum relayed relayed;
	char peer[ADDR_TEXT];
	int listener, sock;

	argp_parse(&listen_command, argc, argv, 0, NULL, &args);

	listener = net_listen(&args);
	if (listener < 0)
		return FAILED;
	do {
		sock = net_accept(listener, args.timeout, peer);
		if (sock < 0)
			return FAILED;
		if (!args.keep)
			close(listener);	/* nobody else shall wait in vain */
		relayed = relay(sock, peer);
		close(sock);
	} while (args.keep && relayed != RELAY_NO_OUTPUT);

	return relayed == RELAY_DONE ? DONE : FAILED;
}

static const struct argp_child connect_children[] = {
	{ &connect_argp, 0, NULL, 0 },
	{ 0 }
};

static const struct argp connect_command = {
	.parser = parse,
	.children = connect_children,
	.doc = "Connect to HOST, send it standard input, write what comes to standard\n"
	       "output." AFTER_OPTIONS
	       "All addresses of HOST are tried in turn. At the end of input the connection\n"
	       "is half closed, and what the peer still sends is received.",
};

int connect_main(int argc, char **argv)
{
	struct connect_args args;
	char peer[ADDR_TEXT];
	int sock;

	argp_parse(&connect_command, argc, argv, 0, NULL, &args);

	sock = net_connect(&args, peer);
	if (sock < 0)
		return FAILED;
	return relay(sock, peer) == RELAY_DONE ? DONE : FAILED;
}
