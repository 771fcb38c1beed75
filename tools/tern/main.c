// SPDX-License-Identifier: GPL-2.0
/*
 * tern: a program for trying, using and watching Tern.
 *
 * This file only finds the command in a table and runs it.
 */
#include <argp.h>
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "listen",	listen_main,	"wait for a connection, relay standard input and output" },
	{ "connect",	connect_main,	"connect, relay standard input and output" },
	{ "send",	send_main,	"send a file" },
	{ "recv",	recv_main,	"receive a file" },
	{ "run",	run_main,	"run a program over Tern instead of TCP" },
	{ "ss",		ss_main,	"show sockets" },
	{ "nstat",	nstat_main,	"show counters" },
};

const char *argp_program_version = "tern " TOOL_VERSION;

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* The help text ends with the list of commands, which only the table knows. */
static char *help_filter(int key, const char *text, void *input)
{
	char *list;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;

	out = open_memstream(&list, &size);
	if (!out)
		return (char *)text;
	fputs("Commands:\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-9s%s\n", commands[i].name, commands[i].summary);
	fputs("\n'tern COMMAND --help' explains one. All of it is in tern(8).", out);
	fclose(out);
	return list;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	int *first = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		(void)arg;
		*first = state->next - 1;
		state->next = state->argc;	/* the rest is the command's */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no command given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp main_argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Use and watch Tern, a transport of the Linux kernel." AFTER_OPTIONS " ",
	.help_filter = help_filter,
};

/*
 * Where standard input or output was closed, the next socket would take its
 * number. What takes it now ends at once when read and fails when written to.
 */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct command *command;
	char *name;
	int first = 0;
	int status;

	fill_standard_fds();
	argp_err_exit_status = USAGE;
	argp_parse(&main_argp, argc, argv, ARGP_IN_ORDER, NULL, &first);

	command = find_command(argv[first]);
	if (!command) {
		fprintf(stderr, "tern: unknown command '%s'; there are:", argv[first]);
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
			fprintf(stderr, " %s", commands[i].name);
		fputc('\n', stderr);
		return USAGE;
	}

	/* argp begins its help and its errors with argv[0]. */
	if (asprintf(&name, "tern %s", command->name) < 0)
		err(FAILED, "memory");
	argv[first] = name;
	status = command->run(argc - first, argv + first);

	if (fflush(stdout) || ferror(stdout)) {
		warn("standard output");
		return FAILED;
	}
	return status;
}
