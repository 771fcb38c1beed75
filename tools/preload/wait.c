// SPDX-License-Identifier: GPL-2.0
/*
 * For "tern run --dual": who waits for a listener waits for its twin too, and
 * is told of either under the listener's name.
 *
 * poll() and select() are given both and their answers are put together; with
 * epoll both are registered with the same data, which is all that
 * epoll_wait() gives back.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "preload.h"

/* So many entries are on the stack: a thread's may be small. */
#define FEW	256

/* @wide has room for @n + @more, @added for @more. */
static int poll_wide(struct pollfd *fds, nfds_t n, nfds_t more, struct pollfd *wide,
		     struct pollfd **added, const struct timespec *limit, const sigset_t *mask)
{
	nfds_t used = n;
	int found;

	memcpy(wide, fds, n * sizeof(*fds));
	for (nfds_t i = 0; i < n && used < n + more; i++) {
		struct twin *twin = twin_of(fds[i].fd);

		if (!twin)
			continue;
		added[used - n] = &fds[i];
		wide[used++] = (struct pollfd){ .fd = twin->tcp, .events = fds[i].events };
	}
	found = next(ppoll)(wide, used, limit, mask);
	if (found < 0)
		return found;

	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = wide[i].revents;
	for (nfds_t i = n; i < used; i++) {
		if (wide[i].revents && added[i - n]->revents)
			found--;	/* counted twice */
		added[i - n]->revents |= wide[i].revents;
	}
	return found;
}

static int poll_on_heap(struct pollfd *fds, nfds_t n, nfds_t more,
			const struct timespec *limit, const sigset_t *mask)
{
	struct pollfd *wide = malloc((n + more) * sizeof(*wide));
	struct pollfd **added = malloc(more * sizeof(*added));
	int found = -1;

	if (wide && added)
		found = poll_wide(fds, n, more, wide, added, limit, mask);
	else
		errno = ENOMEM;		/* as the kernel says when it has none */
	free(added);
	free(wide);
	return found;
}

static int poll_on_stack(struct pollfd *fds, nfds_t n, nfds_t more,
			 const struct timespec *limit, const sigset_t *mask)
{
	struct pollfd wide[n + more];
	struct pollfd *added[more];

	return poll_wide(fds, n, more, wide, added, limit, mask);
}

/*
 * Could the kernel refuse this many, or is there no twin? Then @fds may be no
 * memory at all, and nobody but the kernel looks at it.
 */
static bool for_kernel(nfds_t n)
{
	struct rlimit limit;

	return !any_twin() || getrlimit(RLIMIT_NOFILE, &limit) || n > limit.rlim_cur;
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
	nfds_t more = 0;

	if (for_kernel(n))
		return next(ppoll)(fds, n, limit, mask);
	for (nfds_t i = 0; i < n; i++)
		more += !!twin_of(fds[i].fd);
	if (!more)
		return next(ppoll)(fds, n, limit, mask);
	return n + more > FEW ? poll_on_heap(fds, n, more, limit, mask) :
				poll_on_stack(fds, n, more, limit, mask);
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec limit = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	if (for_kernel(n))
		return next(poll)(fds, n, ms);
	return ppoll(fds, n, ms < 0 ? NULL : &limit, NULL);
}

int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size)
{
	if (size / sizeof(*fds) < n)
		abort();
	return poll(fds, n, ms);
}

int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *limit,
		const sigset_t *mask, size_t size)
{
	if (size / sizeof(*fds) < n)
		abort();
	return ppoll(fds, n, limit, mask);
}

/*
 * The three sets of a select(), in copies: twins may be beyond what the program
 * asks for, and its sets no larger than that.
 */
struct sets {
	int n;
	fd_set reads, writes, errors;
};

static void copy_set(fd_set *to, const fd_set *from, int n)
{
	FD_ZERO(to);
	for (int fd = 0; from && fd < n; fd++)
		if (FD_ISSET(fd, from))
			FD_SET(fd, to);
}

static void answer_set(fd_set *to, const fd_set *from, int n)
{
	for (int fd = 0; to && fd < n; fd++)
		if (!FD_ISSET(fd, from))
			FD_CLR(fd, to);
}

/* Adds the twins of the listeners in @reads. Return: is there one? */
static bool widen(struct sets *wide, int n, const fd_set *reads)
{
	wide->n = n;
	if (!reads || n < 0 || n > FD_SETSIZE)
		return false;
	copy_set(&wide->reads, reads, n);
	for (int i = 0; i < MAX_TWINS; i++) {
		int fd = atomic_load(&twins[i].fd);

		if (fd < 0 || fd >= n || !FD_ISSET(fd, reads) || !twin_alive(&twins[i]) ||
		    twins[i].tcp >= FD_SETSIZE)
			continue;
		FD_SET(twins[i].tcp, &wide->reads);
		if (wide->n <= twins[i].tcp)
			wide->n = twins[i].tcp + 1;
	}
	return wide->n > n;
}

/* Return: @found, without the listeners that were counted twice. */
static int narrow(struct sets *wide, int n, fd_set *reads, fd_set *writes, fd_set *errors,
		  int found)
{
	if (found < 0)
		return found;
	for (int i = 0; i < MAX_TWINS; i++) {
		int fd = atomic_load(&twins[i].fd);

		if (fd < 0 || fd >= n || !FD_ISSET(fd, reads) || twins[i].tcp >= wide->n ||
		    !FD_ISSET(twins[i].tcp, &wide->reads))
			continue;
		if (FD_ISSET(fd, &wide->reads))
			found--;
		FD_SET(fd, &wide->reads);
	}
	answer_set(reads, &wide->reads, n);
	answer_set(writes, &wide->writes, n);
	answer_set(errors, &wide->errors, n);
	return found;
}

int select(int n, fd_set *reads, fd_set *writes, fd_set *errors, struct timeval *limit)
{
	struct sets wide;
	int found;

	if (!widen(&wide, n, reads))
		return next(select)(n, reads, writes, errors, limit);
	copy_set(&wide.writes, writes, n);
	copy_set(&wide.errors, errors, n);
	found = next(select)(wide.n, &wide.reads, &wide.writes, &wide.errors, limit);
	return narrow(&wide, n, reads, writes, errors, found);
}

int pselect(int n, fd_set *reads, fd_set *writes, fd_set *errors,
	    const struct timespec *limit, const sigset_t *mask)
{
	struct sets wide;
	int found;

	if (!widen(&wide, n, reads))
		return next(pselect)(n, reads, writes, errors, limit, mask);
	copy_set(&wide.writes, writes, n);
	copy_set(&wide.errors, errors, n);
	found = next(pselect)(wide.n, &wide.reads, &wide.writes, &wide.errors, limit, mask);
	return narrow(&wide, n, reads, writes, errors, found);
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	struct twin *twin = twin_of(fd);
	int err = errno;

	if (next(epoll_ctl)(epoll, op, fd, event))
		return -1;
	if (!twin)
		return 0;
	/* One that was registered before it listened gets its twin now. */
	if (next(epoll_ctl)(epoll, op, twin->tcp, event) && op == EPOLL_CTL_MOD &&
	    errno == ENOENT)
		next(epoll_ctl)(epoll, EPOLL_CTL_ADD, twin->tcp, event);
	errno = err;
	return 0;
}
