// SPDX-License-Identifier: GPL-2.0
/*
 * Doors, addresses, sockets and waiting, for the selftests of Tern. The header
 * says what each function is for.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "tern_lib.h"

/* Prime, so that no swap of pages, segments or powers of two goes unseen. */
#define PATTERN_PERIOD	65521

const struct door doors[] = {
	[DOOR_TERN_V4]	= { "tern_v4", AF_TERN, 0, 4 },
	[DOOR_TERN_V6]	= { "tern_v6", AF_TERN, 0, 6 },
	[DOOR_PROTO_V4]	= { "proto_v4", AF_INET, IPPROTO_TERN, 4 },
	[DOOR_PROTO_V6]	= { "proto_v6", AF_INET6, IPPROTO_TERN, 6 },
	[DOOR_TCP_V4]	= { "tcp_v4", AF_INET, IPPROTO_TCP, 4 },
	[DOOR_TCP_V6]	= { "tcp_v6", AF_INET6, IPPROTO_TCP, 6 },
};

int door_socket(const struct door *d, int flags)
{
	return socket(d->family, SOCK_STREAM | flags, d->protocol);
}

const struct door *door_sibling(const struct door *d)
{
	return &doors[(d - doors) ^ 1];
}

const char *door_missing(const struct door *d)
{
	int fd = door_socket(d, 0);

	if (fd >= 0) {
		close(fd);
		return NULL;
	}
	if (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT)
		return "no such socket: is the module loaded?";
	return NULL;
}

struct addr addr_of(const struct door *d, const char *host, int port)
{
	struct addr a = { .len = sizeof(a.in6) };
	char mapped[INET6_ADDRSTRLEN];

	if (!door_is_wide(d)) {
		a.len = sizeof(a.in4);
		a.in4.sin_family = AF_INET;
		inet_pton(AF_INET, host, &a.in4.sin_addr);
	} else {
		if (!strchr(host, ':')) {
			snprintf(mapped, sizeof(mapped), "::ffff:%s", host);
			host = mapped;
		}
		a.in6.sin6_family = d->family;
		inet_pton(AF_INET6, host, &a.in6.sin6_addr);
	}
	addr_set_port(&a, port);
	return a;
}

struct addr addr_loopback(const struct door *d, int port)
{
	return addr_of(d, d->ip == 4 ? "127.0.0.1" : "::1", port);
}

struct addr addr_any(const struct door *d, int port)
{
	return addr_of(d, d->ip == 4 ? "0.0.0.0" : "::", port);
}

struct addr addr_host(const struct door *d, int net, int n, int port)
{
	return addr_of(d, host_text(d, net, n), port);
}

struct addr addr_unspec(void)
{
	struct addr a = { .len = sizeof(struct sockaddr) };

	a.sa.sa_family = AF_UNSPEC;
	return a;
}

struct addr addr_local(int fd)
{
	struct addr a = { .len = sizeof(a.ss) };

	if (getsockname(fd, &a.sa, &a.len))
		a.len = 0;
	return a;
}

struct addr addr_peer(int fd)
{
	struct addr a = { .len = sizeof(a.ss) };

	if (getpeername(fd, &a.sa, &a.len))
		a.len = 0;
	return a;
}

/* The port is at the same place in every one of the structures. */
int addr_port(const struct addr *a)
{
	return a->len ? ntohs(a->in4.sin_port) : -1;
}

void addr_set_port(struct addr *a, int port)
{
	a->in4.sin_port = htons(port);
}

bool addr_same(const struct addr *a, const struct addr *b)
{
	if (!a->len || a->len != b->len || a->sa.sa_family != b->sa.sa_family ||
	    a->in4.sin_port != b->in4.sin_port)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
		       sizeof(a->in6.sin6_addr));
}

int sock_bind(int fd, const struct addr *a)
{
	return bind(fd, &a->sa, a->len);
}

int sock_connect(int fd, const struct addr *a)
{
	return connect(fd, &a->sa, a->len);
}

/* Closes without touching errno, for the way out after a failure. */
static int close_failed(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
	return -1;
}

int sock_listen(const struct door *d, const struct addr *a, int backlog)
{
	int fd = door_socket(d, 0);

	if (fd < 0)
		return -1;
	if (sock_bind(fd, a) || listen(fd, backlog))
		return close_failed(fd);
	return fd;
}

int sock_listen_lo(const struct door *d, struct addr *at)
{
	struct addr a = addr_loopback(d, 0);
	int fd = sock_listen(d, &a, 128);

	if (fd >= 0)
		*at = addr_local(fd);
	return fd;
}

int sock_dial(const struct door *d, const struct addr *at)
{
	int fd = door_socket(d, 0);

	if (fd < 0)
		return -1;
	if (sock_connect(fd, at))
		return close_failed(fd);
	return fd;
}

int sock_pair(const struct door *d, int fds[2])
{
	struct addr at;
	int listener = sock_listen_lo(d, &at);

	if (listener < 0)
		return -1;
	fds[0] = sock_dial(d, &at);
	if (fds[0] < 0)
		return close_failed(listener);
	fds[1] = accept(listener, NULL, NULL);
	if (fds[1] < 0) {
		close_failed(fds[0]);
		return close_failed(listener);
	}
	close(listener);
	return 0;
}

int sock_set(int fd, int level, int opt, int value)
{
	return setsockopt(fd, level, opt, &value, sizeof(value));
}

int sock_get(int fd, int level, int opt)
{
	socklen_t len = sizeof(int);
	int value;

	if (getsockopt(fd, level, opt, &value, &len))
		return -1;
	return value;
}

int sock_timeout(int fd, int opt, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	return setsockopt(fd, SOL_SOCKET, opt, &tv, sizeof(tv));
}

void sock_reset(int fd)
{
	struct linger now = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

int sock_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len))
		return -1;
	return info.tcpi_state;
}

bool sock_wait_state(int fd, int state)
{
	return wait_until(sock_state(fd) == state);
}

int sock_ioctl(int fd, unsigned long request)
{
	int value;

	return ioctl(fd, request, &value) ? -1 : value;
}

ssize_t write_all(int fd, const void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(fd, buf + done, len - done, MSG_NOSIGNAL);
		if (n < 0)
			return -1;
		done += n;
	}
	return done;
}

ssize_t read_all(int fd, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, buf + done, len - done);
		if (n < 0)
			return -1;
		if (!n)
			break;
		done += n;
	}
	return done;
}

/* Twice the period, so that any piece up to a period is one memcpy(). */
static unsigned char pattern_block[2 * PATTERN_PERIOD];

static void pattern_make(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < PATTERN_PERIOD; i++) {
		x = x * 1664525 + 1013904223;
		pattern_block[i] = x >> 24;
		pattern_block[i + PATTERN_PERIOD] = x >> 24;
	}
}

static const unsigned char *pattern(uint64_t offset)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, pattern_make);
	return pattern_block + offset % PATTERN_PERIOD;
}

void pattern_fill(void *buf, size_t len, uint64_t offset)
{
	size_t n;

	for (size_t done = 0; done < len; done += n) {
		n = len - done;
		if (n > PATTERN_PERIOD)
			n = PATTERN_PERIOD;
		memcpy(buf + done, pattern(offset + done), n);
	}
}

bool pattern_ok(const void *buf, size_t len, uint64_t offset)
{
	size_t n;

	for (size_t done = 0; done < len; done += n) {
		n = len - done;
		if (n > PATTERN_PERIOD)
			n = PATTERN_PERIOD;
		if (memcmp(buf + done, pattern(offset + done), n))
			return false;
	}
	return true;
}

/* Sizes are random, but the same in every run. */
static size_t next_size(unsigned int *seed, size_t max, size_t left)
{
	size_t n = 1 + rand_r(seed) % max;

	return n < left ? n : left;
}

int pattern_send(int fd, size_t total, size_t max_piece)
{
	unsigned int seed = total;
	char *buf = malloc(max_piece);
	size_t done = 0;
	size_t n;

	while (done < total) {
		n = next_size(&seed, max_piece, total - done);
		pattern_fill(buf, n, done);
		if (write_all(fd, buf, n) < 0)
			break;
		done += n;
	}
	free(buf);
	return done == total ? 0 : -1;
}

int pattern_recv(int fd, size_t total, size_t max_piece)
{
	unsigned int seed = total + 1;
	char *buf = malloc(max_piece);
	size_t done = 0;
	ssize_t n;

	while (done < total) {
		n = read(fd, buf, next_size(&seed, max_piece, total - done));
		if (n <= 0)
			break;
		if (!pattern_ok(buf, n, done)) {
			errno = EILSEQ;
			break;
		}
		done += n;
	}
	free(buf);
	return done == total ? 0 : -1;
}

int pattern_file(size_t len)
{
	int fd = memfd_create("pattern", 0);
	char *buf = malloc(len);

	pattern_fill(buf, len, 0);
	if (pwrite(fd, buf, len, 0) != (ssize_t)len)
		fd = -1;
	free(buf);
	return fd;
}

/*
 * Lets what was sent be acknowledged, which makes room for more. If it is not,
 * the peer has dropped it for want of room, and will until somebody reads.
 */
static void settle(int fd)
{
	for (int ms = 0; ms < 200; ms++) {
		if (sock_ioctl(fd, SIOCOUTQ) == sock_ioctl(fd, SIOCOUTQNSD))
			break;
		pause_ms(1);
	}
}

ssize_t fill_socket(int fd)
{
	bool full = false;
	char buf[16384];
	size_t done = 0;
	ssize_t n;

	/* Or the last bit of the window is left open, until a timer fires. */
	if (sock_set(fd, SOL_TCP, TCP_NODELAY, 1))
		return -1;
	for (;;) {
		pattern_fill(buf, sizeof(buf), done);
		n = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			done += n;
			full = false;
			continue;
		}
		if (errno != EAGAIN)
			return -1;
		if (full)
			return done;
		full = true;
		settle(fd);
	}
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static int poll_for(int fd, int events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) < 0 ? -1 : p.revents;
}

int wait_event(int fd, int events)
{
	return poll_for(fd, events, DEADLINE_MS);
}

int poll_now(int fd, int events)
{
	return poll_for(fd, events, 0);
}

long call_recv(struct blocked *b)
{
	return recv(b->fd, b->buf, b->len, 0);
}

long call_recv_all(struct blocked *b)
{
	return recv(b->fd, b->buf, b->len, MSG_WAITALL);
}

long call_send(struct blocked *b)
{
	return send(b->fd, b->buf, b->len, MSG_NOSIGNAL);
}

long call_accept(struct blocked *b)
{
	b->addr.len = sizeof(b->addr.ss);
	return accept(b->fd, &b->addr.sa, &b->addr.len);
}

long call_connect(struct blocked *b)
{
	return sock_connect(b->fd, &b->addr);
}

long call_close(struct blocked *b)
{
	return close(b->fd);
}

static void *blocked_thread(void *arg)
{
	struct blocked *b = arg;

	b->tid = gettid();
	b->ret = b->call(b);
	b->err = b->ret < 0 ? errno : 0;
	return NULL;
}

/* The kernel names the call that a sleeping thread is in, or says "running". */
static bool thread_sleeps(pid_t tid)
{
	char path[64], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	return isdigit(text[0]);
}

int blocked_start(struct blocked *b)
{
	b->tid = 0;
	errno = pthread_create(&b->thread, NULL, blocked_thread, b);
	if (errno)
		return -1;
	return wait_until(b->tid && thread_sleeps(b->tid)) ? 0 : -1;
}

bool blocked_still(struct blocked *b)
{
	struct timespec soon;

	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_nsec -= 1000000000;
		soon.tv_sec++;
	}
	return pthread_timedjoin_np(b->thread, NULL, &soon) == ETIMEDOUT;
}

bool blocked_end(struct blocked *b)
{
	struct timespec late;

	clock_gettime(CLOCK_REALTIME, &late);
	late.tv_sec += DEADLINE_MS / 1000;
	return !pthread_timedjoin_np(b->thread, NULL, &late);
}
