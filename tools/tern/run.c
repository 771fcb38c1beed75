// SPDX-License-Identifier: GPL-2.0
/*
 * tern run: a program made for TCP, with its TCP sockets opened as Tern's.
 *
 * Two engines can do that: a library that is loaded into the program and
 * replaces its socket() (tools/preload/), and a BPF program in the kernel
 * (bpf.c). Either is set up here, and then this process becomes the command,
 * so that the command's exit status, its signals and its terminal are nobody
 * else's business.
 */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool.h"

/* As env(1) and timeout(1) have it: below are the statuses of the command. */
enum {
	NOT_RUN		= 125,
	NOT_EXECUTABLE	= 126,
	NOT_FOUND	= 127,
};

struct args {
	bool bpf;
	bool dual;
	bool status;
	char **command;
};

static const struct argp_option options[] = {
	{ "bpf", 'b', NULL, 0, "By BPF: reaches static programs, needs root and Linux 6.12", 0 },
	{ "dual", 'd', NULL, 0, "What listens takes connections of TCP as well", 0 },
	{ "status", 's', NULL, 0, "Say what can be done here, and what is in effect", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'b':
		args->bpf = true;
		return 0;
	case 'd':
		args->dual = true;
		return 0;
	case 's':
		args->status = true;
		return 0;
	case ARGP_KEY_ARG:
		(void)arg;
		args->command = &state->argv[state->next - 1];
		state->next = state->argc;	/* the rest is the command's */
		return 0;
	case ARGP_KEY_END:
		if (!args->command != args->status)
			argp_error(state, args->status ? "--status takes no command" :
				   "no command given");
		if (args->bpf && args->dual)
			argp_error(state, "--dual cannot be done by --bpf");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp run_command = {
	.options = options,
	.parser = parse,
	.args_doc = "COMMAND [ARG...]",
	.doc = "Run COMMAND with its TCP sockets opened as Tern's." AFTER_OPTIONS
	       "Without --bpf it is done by a library that is preloaded into COMMAND and its\n"
	       "children. The status is COMMAND's, or 125 when it could not be run over Tern,\n"
	       "126 when it could not be executed, 127 when it was not found.",
};

/* What socket() really opened; a preloaded library would say TCP. */
static int opened_protocol(int fd)
{
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (fd < 0)
		return -1;
	if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size))
		protocol = -1;
	close(fd);
	return protocol;
}

/* Opening a socket loads the module where it is installed. */
static const char *tern_missing(void)
{
	if (opened_protocol(socket(AF_INET, SOCK_STREAM, protocol_number())) >= 0)
		return NULL;
	return errno == EPROTONOSUPPORT ?
		"no Tern in this kernel: is the module loaded? try: sudo modprobe tern" :
		strerror(errno);
}

/* Beside this program, where it was built and where it is installed. */
static const char *find_library(const char *name)
{
	static const char * const places[] = { "../preload", "../lib/tern" };
	static char library[PATH_MAX];
	char exe[PATH_MAX], path[PATH_MAX + 64];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *dir;

	if (length < 0)
		return NULL;
	exe[length] = '\0';
	dir = dirname(exe);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", dir, places[i], name);
		if (realpath(path, library))
			return library;
	}
	return NULL;
}

/* What is there already keeps its place. */
static int set_preload(const char *name)
{
	const char *library = find_library(name);
	const char *before = getenv("LD_PRELOAD");
	char number[16];
	char *all;

	if (!library) {
		warnx("%s is neither in ../preload nor in ../lib/tern, as seen from this program",
		      name);
		return -1;
	}
	if (strpbrk(library, " :")) {
		warnx("%s: cannot be preloaded, since there is a space or a colon in its name",
		      library);
		return -1;
	}
	snprintf(number, sizeof(number), "%d", protocol_number());
	if (!before || !*before)
		all = strdup(library);
	else if (asprintf(&all, "%s:%s", before, library) < 0)
		all = NULL;
	if (!all || setenv("LD_PRELOAD", all, 1) || setenv("TERN_PROTOCOL", number, 1)) {
		warn("environment");
		return -1;
	}
	free(all);
	return 0;
}

/* Who turns our own sockets into Tern's: the library does not see syscall(). */
static const char *in_effect(void)
{
	if (opened_protocol(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0)) == protocol_number())
		return "bpf";
	if (opened_protocol(socket(AF_INET, SOCK_STREAM, 0)) == protocol_number())
		return "preload";
	return "none";
}

static int status(bool bpf)
{
	const char *no_tern = tern_missing();
	const char *library = find_library("preload.so");
	const char *no_bpf = bpf_missing();

	if (no_tern)
		printf("tern       %s\n", no_tern);
	else
		printf("tern       IP protocol %d\n", protocol_number());
	printf("preload    %s\n", library ? library : "library not found");
	printf("bpf        %s\n", no_bpf ? no_bpf : "available");
	printf("in effect  %s\n", in_effect());
	return no_tern || (bpf ? !!no_bpf : !library) ? NOT_RUN : DONE;
}

int run_main(int argc, char **argv)
{
	struct args args = { 0 };
	const char *missing;
	int err;

	argp_err_exit_status = NOT_RUN;
	argp_parse(&run_command, argc, argv, ARGP_IN_ORDER, NULL, &args);
	if (args.status)
		return status(args.bpf);

	missing = tern_missing();
	if (missing)
		errx(NOT_RUN, "%s", missing);
	if (args.bpf ? bpf_begin() : set_preload(args.dual ? "dual.so" : "preload.so"))
		return NOT_RUN;
	execvp(args.command[0], args.command);
	err = errno;
	warn("%s", args.command[0]);
	return err == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}
