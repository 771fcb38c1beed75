// SPDX-License-Identifier: GPL-2.0
/*
 * Standard input to a connection, and the connection to standard output, at
 * the same time and each at its own pace.
 *
 * The connection is made nonblocking. Standard input and output are not: that
 * flag would belong to the terminal or pipe as a whole, and so to the shell
 * and to our neighbours in a pipeline. Reading after poll() does not block
 * anyway, and neither does writing when it is PIPE_BUF bytes at most, which is
 * the room that poll() promises.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define FLOW_BUF	(128 * 1024)

struct flow {			/* one of the two directions */
	int from;
	int to;
	size_t max_write;
	bool ended;		/* nothing more will be read */
	size_t head;		/* what is in buf and not yet written ... */
	size_t fill;		/* ... lies between these two */
	char buf[FLOW_BUF];
};

/* With listen -k the input serves all clients, so its end outlives a relay. */
static bool input_ended;

static bool pending(const struct flow *flow)
{
	return flow->fill > flow->head;
}

static bool can_read(const struct flow *flow)
{
	return !flow->ended && !pending(flow);
}

/* Return: 0, or -errno. */
static int flow_read(struct flow *flow)
{
	ssize_t n = read(flow->from, flow->buf, sizeof(flow->buf));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	flow->head = 0;
	flow->fill = n;
	flow->ended = n == 0;
	return 0;
}

static int flow_write(struct flow *flow)
{
	size_t len = flow->fill - flow->head;
	ssize_t n;

	if (len > flow->max_write)
		len = flow->max_write;
	n = write(flow->to, flow->buf + flow->head, len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	flow->head += n;
	return 0;
}

static void flow_stop(struct flow *flow)
{
	flow->ended = true;
	flow->head = flow->fill;
}

static size_t most_without_blocking(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) ? FLOW_BUF : PIPE_BUF;
}

enum { IN, OUT, SOCK, N_POLLED };

/* A descriptor of which nothing is wanted must not wake us with POLLHUP. */
static void want(struct pollfd *pfd, int fd, short events)
{
	pfd->fd = events ? fd : -1;
	pfd->events = events;
	pfd->revents = 0;
}

/**
 * relay() - carry bytes both ways until both ends have ended
 * @sock: the connection; stays open
 * @peer: its name in messages
 *
 * The end of our input becomes a half close, after which the peer can still be
 * heard. The peer's end is the end of it all, unless our input is a file or a
 * pipe that has more: the peer may have closed only its own half.
 *
 * Return: how it went.
 */
enum relayed relay(int sock, const char *peer)
{
	static struct flow up, down;	/* large, hence not on the stack */
	struct pollfd pfd[N_POLLED];
	enum relayed result = RELAY_DONE;
	bool half_closed = false;
	int error;

	signal(SIGPIPE, SIG_IGN);
	fcntl(sock, F_SETFL, fcntl(sock, F_GETFL) | O_NONBLOCK);

	up.from = STDIN_FILENO;
	up.to = sock;
	up.max_write = FLOW_BUF;
	up.head = 0;
	up.fill = 0;
	up.ended = input_ended;

	down.from = sock;
	down.to = STDOUT_FILENO;
	down.max_write = most_without_blocking(STDOUT_FILENO);
	down.head = 0;
	down.fill = 0;
	down.ended = false;

	for (;;) {
		if (up.ended && !pending(&up) && !half_closed) {
			shutdown(sock, SHUT_WR);
			half_closed = true;
		}
		if (down.ended && !pending(&down) && !pending(&up) &&
		    (up.ended || isatty(STDIN_FILENO)))
			return result;

		want(&pfd[IN], STDIN_FILENO, can_read(&up) ? POLLIN : 0);
		want(&pfd[SOCK], sock, (can_read(&down) ? POLLIN : 0) |
				       (pending(&up) ? POLLOUT : 0));
		/* Always here, to learn when the reader of our output has gone. */
		pfd[OUT].fd = STDOUT_FILENO;
		pfd[OUT].events = pending(&down) ? POLLOUT : 0;
		pfd[OUT].revents = 0;

		if (poll(pfd, N_POLLED, -1) < 0) {
			if (errno == EINTR)
				continue;
			complain(DOING_RECEIVE, peer, errno);
			return RELAY_FAILED;
		}

		error = 0;
		if (pending(&down) && pfd[OUT].revents & POLLOUT)
			error = flow_write(&down);
		else if (pfd[OUT].revents & (POLLERR | POLLHUP))
			error = -EPIPE;
		if (error) {
			complain(DOING_WRITE, "standard output", -error);
			return RELAY_NO_OUTPUT;
		}

		if (pending(&up) && pfd[SOCK].revents) {
			error = flow_write(&up);
			if (error) {
				/* What the peer said before may still be there. */
				complain(DOING_SEND, peer, -error);
				result = RELAY_FAILED;
				flow_stop(&up);
				half_closed = true;
			}
		}

		if (can_read(&down) && pfd[SOCK].revents) {
			error = flow_read(&down);
			if (error) {
				if (result == RELAY_DONE)
					complain(DOING_RECEIVE, peer, -error);
				return RELAY_FAILED;
			}
		}

		if (can_read(&up) && pfd[IN].revents) {
			error = flow_read(&up);
			if (error) {
				complain(DOING_READ, "standard input", -error);
				result = RELAY_FAILED;
				flow_stop(&up);
			}
			input_ended = up.ended;
		}
	}
}
