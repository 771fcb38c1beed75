// SPDX-License-Identifier: GPL-2.0
/*
 * tern send: a file into a connection.
 *
 * There is no framing: the stream is the file, and its end is the end. So that
 * an end is never mistaken for another, ours is orderly only once the whole
 * file was sent (otherwise the connection is reset, even when we are killed),
 * and we have succeeded only when the peer has ended its side too, which it
 * does once it has stored everything.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define PIECE		(128 * 1024)
#define LOOK_AGAIN	100		/* milliseconds, while the peer reads */

struct transfer {
	const char *file;	/* its name in messages */
	const char *peer;
	int fd;
	int sock;
	unsigned long long sent;
	struct progress progress;
};

struct send_args {
	struct connect_args connect;
	const char *file;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct send_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		args->file = NULL;
		state->child_inputs[0] = &args->connect;
		return 0;
	case ARGP_KEY_ARG:
		if (args->file)
			return ARGP_ERR_UNKNOWN;	/* the child's */
		args->file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no file given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ &connect_argp, 0, NULL, 0 },
	{ 0 }
};

static const struct argp send_command = {
	.parser = parse,
	.args_doc = "FILE",
	.children = children,
	.doc = "Send FILE, or standard input if it is -, to a waiting 'tern recv'." AFTER_OPTIONS
	       "It succeeds when the receiver has everything. Nothing but the content is\n"
	       "sent: any program that reads until the end can receive it.",
};

/* What left for the peer and was not acknowledged is not yet done. */
static void show(struct transfer *t)
{
	int queued = 0;

	if (ioctl(t->sock, SIOCOUTQ, &queued) || (unsigned long long)queued > t->sent)
		queued = 0;
	progress_at(&t->progress, t->sent - queued);
}

static bool cannot_sendfile(int err)
{
	return err == EINVAL || err == EOPNOTSUPP || err == ESPIPE;
}

/* Return: 0; 1 when sendfile() cannot do it and reading can go on from here. */
static int send_by_sendfile(struct transfer *t)
{
	for (;;) {
		ssize_t n = sendfile(t->sock, t->fd, NULL, PIECE);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && cannot_sendfile(errno))
			return 1;
		if (n < 0) {
			/* EIO is the file's; all else that happens is the peer's. */
			if (errno == EIO)
				complain(DOING_READ, t->file, errno);
			else
				complain(DOING_SEND, t->peer, errno);
			return -1;
		}
		t->sent += n;
		show(t);
	}
}

static int send_all(struct transfer *t, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = send(t->sock, buf, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			complain(DOING_SEND, t->peer, errno);
			return -1;
		}
		buf += n;
		len -= n;
		t->sent += n;
	}
	return 0;
}

static int send_by_copy(struct transfer *t)
{
	static char buf[PIECE];

	for (;;) {
		ssize_t n = read(t->fd, buf, sizeof(buf));

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			complain(DOING_READ, t->file, errno);
			return -1;
		}
		if (send_all(t, buf, n))
			return -1;
		show(t);
	}
}

/* Whatever the peer says instead of ending is not for us. */
static int wait_for_end(struct transfer *t)
{
	struct pollfd pfd = { .fd = t->sock, .events = POLLIN };
	char ignored[4096];
	ssize_t n;

	for (;;) {
		show(t);
		if (poll(&pfd, 1, LOOK_AGAIN) <= 0)
			continue;
		n = recv(t->sock, ignored, sizeof(ignored), 0);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR) {
			complain(DOING_SEND, t->peer, errno);
			return -1;
		}
	}
}

static int send_file(struct transfer *t)
{
	int one = 1;
	int result;

	/* A peer that vanishes while we wait for its end must be noticed. */
	setsockopt(t->sock, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	net_abort_on_close(t->sock, true);

	result = send_by_sendfile(t);
	if (result > 0)
		result = send_by_copy(t);
	if (result)
		return result;

	net_abort_on_close(t->sock, false);
	if (shutdown(t->sock, SHUT_WR)) {
		complain(DOING_SEND, t->peer, errno);
		return -1;
	}
	return wait_for_end(t);
}

static int open_file(const char *file, unsigned long long *size)
{
	struct stat st;
	int fd;

	fd = strcmp(file, "-") ? open(file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (fd < 0 || fstat(fd, &st)) {
		complain(DOING_OPEN, file, errno);
		return -1;
	}
	if (S_ISDIR(st.st_mode)) {
		complain(DOING_READ, file, EISDIR);
		return -1;
	}
	*size = S_ISREG(st.st_mode) ? st.st_size : 0;
	return fd;
}

int send_main(int argc, char **argv)
{
	struct send_args args;
	struct transfer t = { 0 };
	char peer[ADDR_TEXT];
	unsigned long long size;
	int result;

	argp_parse(&send_command, argc, argv, 0, NULL, &args);
	signal(SIGPIPE, SIG_IGN);

	t.fd = open_file(args.file, &size);
	if (t.fd < 0)
		return FAILED;
	t.file = strcmp(args.file, "-") ? args.file : "standard input";
	t.sock = net_connect(&args.connect, peer);
	if (t.sock < 0)
		return FAILED;
	t.peer = peer;

	progress_start(&t.progress, "sent", t.file, size);
	result = send_file(&t);
	progress_end(&t.progress, t.sent, !result);
	return result ? FAILED : DONE;
}
