// SPDX-License-Identifier: GPL-2.0
/*
 * For "tern run --dual": a socket that listens gets a twin that listens on the
 * same address and port for TCP, and accept() takes from both.
 *
 * The program's own descriptor remains Tern's listener. So all that is not
 * seen here, a dup() or an exec() with it, goes on working, for Tern only; and
 * threads or processes that come from fork() have the twin as they have the
 * listener. wait.c has poll(), select() and epoll.
 *
 * A slot of the table is taken and given back with an atomic operation on
 * twin.fd; what else is in it is written in between only. A child from vfork()
 * has descriptors of its own, but not a table of its own: it must not change
 * it, and is known by its number.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

enum { FREE = -1, TAKEN = -2 };

/* Programs count on the lowest descriptor being free, and select() on less than 1024. */
#define FIRST_TWIN	256

struct twin twins[MAX_TWINS] = {
	[0 ... MAX_TWINS - 1] = { .fd = FREE },
};

/* Whose table this is. */
static pid_t self;

/* One for each twin, shared with the children: see accept_tern(). */
static pthread_mutex_t *turns;

static void note_self(void)
{
	self = getpid();
}

__attribute__((constructor))
static void begin(void)
{
	pthread_mutexattr_t attr;

	note_self();
	pthread_atfork(NULL, NULL, note_self);
	turns = mmap(NULL, MAX_TWINS * sizeof(*turns), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (turns == MAP_FAILED) {
		turns = NULL;
		return;
	}
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (int i = 0; i < MAX_TWINS; i++)
		pthread_mutex_init(&turns[i], &attr);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static void forget(struct twin *twin, int fd)
{
	bool ours = getpid() == self;

	if (ours && !atomic_compare_exchange_strong(&twin->fd, &fd, TAKEN))
		return;		/* another thread was faster */
	if (inode_of(twin->tcp) == twin->tcp_inode)
		next(close)(twin->tcp);
	if (ours)
		atomic_store(&twin->fd, FREE);
}

/**
 * twin_alive() - are these still the sockets that they were?
 * @twin: a slot of the table
 *
 * One that is not is forgotten.
 */
bool twin_alive(struct twin *twin)
{
	int fd = atomic_load(&twin->fd);

	if (fd < 0)
		return false;
	if (inode_of(fd) == twin->fd_inode && inode_of(twin->tcp) == twin->tcp_inode)
		return true;
	forget(twin, fd);
	return false;
}

/**
 * any_twin() - is there one, alive or not?
 *
 * Return: whether.
 */
bool any_twin(void)
{
	for (int i = 0; i < MAX_TWINS; i++)
		if (atomic_load(&twins[i].fd) >= 0)
			return true;
	return false;
}

/**
 * twin_of() - the twin of a listener
 * @fd: any descriptor
 *
 * Return: the twin, or NULL.
 */
struct twin *twin_of(int fd)
{
	for (int i = 0; i < MAX_TWINS; i++)
		if (atomic_load(&twins[i].fd) == fd)
			return fd >= 0 && twin_alive(&twins[i]) ? &twins[i] : NULL;
	return NULL;
}

/* What the program may have set before it called listen(). */
static void copy_options(int from, int to)
{
	static const struct {
		int level;
		int name;
	} options[] = {
		{ SOL_SOCKET, SO_REUSEADDR },
		{ SOL_SOCKET, SO_REUSEPORT },
		{ SOL_SOCKET, SO_BINDTOIFINDEX },
		{ SOL_SOCKET, SO_KEEPALIVE },
		{ SOL_SOCKET, SO_PRIORITY },
		{ SOL_SOCKET, SO_MARK },
		{ IPPROTO_IP, IP_FREEBIND },
		{ IPPROTO_IP, IP_TRANSPARENT },
		{ IPPROTO_IP, IP_TOS },
		{ IPPROTO_IPV6, IPV6_V6ONLY },
		{ IPPROTO_IPV6, IPV6_TCLASS },
		{ IPPROTO_TCP, TCP_NODELAY },
		{ IPPROTO_TCP, TCP_KEEPIDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL },
		{ IPPROTO_TCP, TCP_KEEPCNT },
		{ IPPROTO_TCP, TCP_DEFER_ACCEPT },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT },
	};
	int value, before;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		socklen_t size = sizeof(value), size_before = sizeof(before);

		if (!next(getsockopt)(from, options[i].level, options[i].name, &value, &size) &&
		    !next(getsockopt)(to, options[i].level, options[i].name, &before,
				      &size_before) && value != before)
			next(setsockopt)(to, options[i].level, options[i].name, &value, size);
	}
}

/* AF_TERN's addresses are not TCP's: who knows them means Tern. */
static bool has_tcp_address(int fd)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);

	return !getsockname(fd, (struct sockaddr *)&addr, &size) &&
	       (addr.ss_family == AF_INET || addr.ss_family == AF_INET6);
}

static int open_twin(int fd)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);
	int tcp, high;

	if (getsockname(fd, (struct sockaddr *)&addr, &size))
		return -1;
	tcp = next(socket)(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			   IPPROTO_TCP);
	if (tcp < 0)
		return -1;
	high = fcntl(tcp, F_DUPFD_CLOEXEC, FIRST_TWIN);
	if (high >= 0) {
		next(close)(tcp);
		tcp = high;
	}
	copy_options(fd, tcp);
	if (!bind(tcp, (struct sockaddr *)&addr, size))
		return tcp;
	next(close)(tcp);
	return -1;
}

static struct twin *take_slot(void)
{
	for (int i = 0; i < MAX_TWINS; i++) {
		int expected = FREE;

		if (atomic_compare_exchange_strong(&twins[i].fd, &expected, TAKEN))
			return &twins[i];
	}
	errno = ENOBUFS;
	return NULL;
}

static int add_twin(int fd, int backlog)
{
	struct twin *twin = take_slot();

	if (!twin)
		return -1;
	twin->tcp = open_twin(fd);
	if (twin->tcp < 0 || next(listen)(twin->tcp, backlog)) {
		if (twin->tcp >= 0)
			next(close)(twin->tcp);
		atomic_store(&twin->fd, FREE);
		return -1;
	}
	twin->fd_inode = inode_of(fd);
	twin->tcp_inode = inode_of(twin->tcp);
	atomic_store(&twin->fd, fd);
	return 0;
}

int listen(int fd, int backlog)
{
	struct twin *twin = twin_of(fd);
	int err;

	if (next(listen)(fd, backlog))
		return -1;
	if (twin)
		return next(listen)(twin->tcp, backlog);
	if (!turns || !is_tern(fd) || !has_tcp_address(fd) || !add_twin(fd, backlog))
		return 0;
	err = errno;
	next(shutdown)(fd, SHUT_RDWR);
	errno = err;
	return -1;
}

static bool readable(int fd)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	return next(poll)(&wanted, 1, 0) > 0;
}

/*
 * Does not wait, even if the program's listener does: where several wait in
 * accept(), what made it readable may be gone, hence one at a time.
 */
static int accept_tern(struct twin *twin, struct sockaddr *addr, socklen_t *size, int flags,
		       bool waits)
{
	pthread_mutex_t *turn = &turns[twin - twins];
	int got = -1;
	int err;

	if (!waits)
		return next(accept4)(twin->fd, addr, size, flags);
	if (pthread_mutex_lock(turn) == EOWNERDEAD)
		pthread_mutex_consistent(turn);
	errno = EAGAIN;
	if (readable(twin->fd))
		got = next(accept4)(twin->fd, addr, size, flags);
	err = errno;
	pthread_mutex_unlock(turn);
	errno = err;
	return got;
}

/* Until there is something to accept, or for as long as SO_RCVTIMEO says. */
static int wait_for_client(const struct twin *twin)
{
	struct pollfd wanted[] = {
		{ .fd = twin->fd, .events = POLLIN },
		{ .fd = twin->tcp, .events = POLLIN },
	};
	struct timeval limit = { 0 };
	socklen_t size = sizeof(limit);
	int ms = -1;
	int found;

	if (!next(getsockopt)(twin->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &size) &&
	    (limit.tv_sec || limit.tv_usec))
		ms = limit.tv_sec * 1000 + (limit.tv_usec + 999) / 1000;
	found = next(poll)(wanted, ARRAY_SIZE(wanted), ms);
	if (!found)
		errno = EAGAIN;
	return found > 0 ? 0 : -1;
}

int accept4(int fd, struct sockaddr *addr, socklen_t *size, int flags)
{
	static atomic_uint calls;
	struct twin *twin = twin_of(fd);
	bool waits;
	int got;

	if (!twin)
		return next(accept4)(fd, addr, size, flags);
	waits = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
	do {
		/* Either is first now and then: nobody starves. */
		bool tcp_first = atomic_fetch_add(&calls, 1) & 1;

		for (int i = 0; i < 2; i++) {
			if (tcp_first == !i)
				got = next(accept4)(twin->tcp, addr, size, flags);
			else
				got = accept_tern(twin, addr, size, flags, waits);
			if (got >= 0 || errno != EAGAIN)
				return got;
		}
	} while (waits && !wait_for_client(twin));
	return -1;
}

int accept(int fd, struct sockaddr *addr, socklen_t *size)
{
	return accept4(fd, addr, size, 0);
}

/* What TCP does not take, the program was told of by Tern, or does not matter. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	struct twin *twin = twin_of(fd);

	if (twin)
		next(setsockopt)(twin->tcp, level, name, value, size);
	return set_option(fd, level, name, value, size);
}

int shutdown(int fd, int how)
{
	struct twin *twin = twin_of(fd);

	if (twin)
		next(shutdown)(twin->tcp, how);
	return next(shutdown)(fd, how);
}

int close(int fd)
{
	struct twin *twin = twin_of(fd);

	if (twin)
		forget(twin, fd);
	return next(close)(fd);
}
