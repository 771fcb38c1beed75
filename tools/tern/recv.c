// SPDX-License-Identifier: GPL-2.0
/*
 * tern recv: a connection into a file. See send.c for how the two know that
 * nothing is missing.
 */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define PIECE		(256 * 1024)

struct recv_args {
	struct listen_args listen;
	const char *output;	/* NULL: standard output */
	bool is_dir;
	int fd;			/* of the output, unless that is a directory */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct recv_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		args->output = NULL;
		args->is_dir = false;
		args->fd = -1;
		state->child_inputs[0] = &args->listen;
		return 0;
	case 'o':
		args->output = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "output", 'o', "FILE|DIR", 0,
	  "Write to FILE, or in DIR to a file named after the sender's address and port", 0 },
	{ 0 }
};

static const struct argp_child children[] = {
	{ &listen_argp, 0, NULL, 0 },
	{ 0 }
};

static const struct argp recv_command = {
	.options = options,
	.parser = parse,
	.children = children,
	.doc = "Wait for a sender, write what it sends to standard output or a file." AFTER_OPTIONS
	       "An incomplete file is kept, and said to be incomplete.",
};

/*
 * Open what all clients share, before the first one comes: a mistake in the
 * name is better known now. Only devices and pipes can take one client after
 * the other; a file would lose the first one's content to the second.
 */
static int prepare_output(struct recv_args *args)
{
	struct stat st;
	bool exists;

	if (!args->output) {
		args->output = "standard output";
		args->fd = STDOUT_FILENO;
		return DONE;
	}
	exists = !stat(args->output, &st);
	args->is_dir = exists && S_ISDIR(st.st_mode);
	if (args->is_dir)
		return DONE;

	if (args->listen.keep && (!exists || S_ISREG(st.st_mode))) {
		warnx("%s: -k would overwrite it with each client: name a directory",
		      args->output);
		return USAGE;
	}
	args->fd = open(args->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (args->fd < 0) {
		complain(DOING_OPEN, args->output, errno);
		return FAILED;
	}
	return DONE;
}

/* "[2001:db8::1]:4000" makes "2001:db8::1-4000", with .1, .2 ... if taken. */
static int open_in_dir(const char *dir, const char *peer, char **path)
{
	const char *colon = strrchr(peer, ':');
	const char *host = peer;
	int len = colon - peer;
	int fd;

	if (*host == '[') {
		host++;
		len -= 2;
	}
	if (asprintf(path, "%s/%.*s-%s", dir, len, host, colon + 1) < 0)
		err(FAILED, "memory");

	for (int i = 1; ; i++) {
		fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			return fd;
		free(*path);
		if (asprintf(path, "%s/%.*s-%s.%d", dir, len, host, colon + 1, i) < 0)
			err(FAILED, "memory");
	}
}

static int write_all(int fd, const char *path, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			complain(DOING_WRITE, path, errno);
			return -1;
		}
		buf += n;
		len -= n;
	}
	return 0;
}

static int copy(int sock, const char *peer, int fd, const char *path,
		struct progress *progress)
{
	static char buf[PIECE];

	for (;;) {
		ssize_t n = recv(sock, buf, sizeof(buf), 0);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			complain(DOING_RECEIVE, peer, errno);
			return -1;
		}
		if (write_all(fd, path, buf, n))
			return -1;
		progress_at(progress, progress->done + n);
	}
}

static enum relayed receive(const struct recv_args *args, int sock, const char *peer)
{
	char *path = (char *)args->output;
	struct progress progress;
	int fd = args->fd;
	int result;

	net_abort_on_close(sock, true);
	if (args->is_dir)
		fd = open_in_dir(args->output, peer, &path);
	if (fd < 0) {
		complain(DOING_OPEN, path, errno);
		free(path);
		return RELAY_NO_OUTPUT;
	}

	progress_start(&progress, "received", path, 0);
	result = copy(sock, peer, fd, path, &progress);
	/* Some file systems tell only now that there was no room. */
	if ((args->is_dir || !args->listen.keep) && close(fd) && !result) {
		complain(DOING_WRITE, path, errno);
		result = -1;
	}
	if (!result)
		net_abort_on_close(sock, false);
	progress_end(&progress, progress.done, !result);

	if (args->is_dir)
		free(path);
	return result ? RELAY_FAILED : RELAY_DONE;
}

int recv_main(int argc, char **argv)
{
	struct recv_args args;
	enum relayed received;
	char peer[ADDR_TEXT];
	int listener, sock;
	int status;

	argp_parse(&recv_command, argc, argv, 0, NULL, &args);
	signal(SIGPIPE, SIG_IGN);

	status = prepare_output(&args);
	if (status != DONE)
		return status;
	listener = net_listen(&args.listen);
	if (listener < 0)
		return FAILED;
	do {
		sock = net_accept(listener, args.listen.timeout, peer);
		if (sock < 0)
			return FAILED;
		if (!args.listen.keep)
			close(listener);
		received = receive(&args, sock, peer);
		close(sock);
	} while (args.listen.keep && received != RELAY_NO_OUTPUT);

	return received == RELAY_DONE ? DONE : FAILED;
}
