/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the preload libraries share: preload.so is socket.c,
 * dual.so is all of them.
 */
#ifndef TERN_PRELOAD_H
#define TERN_PRELOAD_H

#include <dlfcn.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* A program may have these names for things of its own. */
#pragma GCC visibility push(hidden)

/*
 * The functions that would have been called without this library. They are
 * looked up when it is loaded: dlsym() may take locks and memory, and programs
 * call close() or poll() where neither can be had, in a signal handler or
 * between fork() and exec(). (A poll() of many descriptors, with twins among
 * them, takes memory itself.)
 */
struct next_functions {
	typeof(accept4) *accept4;
	typeof(close) *close;
	typeof(epoll_ctl) *epoll_ctl;
	typeof(getsockopt) *getsockopt;
	typeof(listen) *listen;
	typeof(poll) *poll;
	typeof(ppoll) *ppoll;
	typeof(pselect) *pselect;
	typeof(select) *select;
	typeof(setsockopt) *setsockopt;
	typeof(shutdown) *shutdown;
	typeof(socket) *socket;
};

extern struct next_functions next_functions;

/* One of them; another library's constructor may call it before ours has run. */
#define next(name) ({								\
	if (!next_functions.name)						\
		next_functions.name = (typeof(name) *)dlsym(RTLD_NEXT, #name);	\
	next_functions.name;							\
})

/* socket.c */
bool is_tern(int fd);
int set_option(int fd, int level, int name, const void *value, socklen_t size);

/* dual.c */

#define MAX_TWINS	32

/*
 * A listener of the program and its twin for TCP. The program may have closed
 * either descriptor in ways that are not seen here, hence the inodes.
 */
struct twin {
	atomic_int fd;		/* of the program; negative: nobody's */
	int tcp;
	ino_t fd_inode;
	ino_t tcp_inode;
};

extern struct twin twins[MAX_TWINS];

bool any_twin(void);
bool twin_alive(struct twin *twin);
struct twin *twin_of(int fd);

#pragma GCC visibility pop

/* wait.c: what the compiler makes of poll() and ppoll() with _FORTIFY_SOURCE */
int __poll_chk(struct pollfd *fds, nfds_t n, int ms, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *limit,
		const sigset_t *mask, size_t size);

#endif /* TERN_PRELOAD_H */
