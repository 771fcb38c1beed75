/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C selftests of Tern share: the table of doors, addresses, sockets
 * that are ready to use, waiting without sleeping, and network namespaces.
 *
 * Functions return -1 and set errno, as the calls they wrap, unless said
 * otherwise. Nothing waits for longer than DEADLINE_MS, and nothing waits less
 * than it takes: there is no sleep in the hope that something has happened.
 */
#ifndef TERN_LIB_H
#define TERN_LIB_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <linux/tern.h>

#define DEADLINE_MS	10000

/* Doors */

/**
 * struct door - a way to open a socket
 * @name: name in messages
 * @family: first argument of socket()
 * @protocol: third argument of socket()
 * @ip: 4 or 6: version of IP that the packets travel in
 */
struct door {
	const char *name;
	int family;
	int protocol;
	int ip;
};

enum door_id {
	DOOR_TERN_V4,
	DOOR_TERN_V6,
	DOOR_PROTO_V4,
	DOOR_PROTO_V6,
	DOOR_TCP_V4,
	DOOR_TCP_V6,
};

extern const struct door doors[];

static inline bool door_is_tcp(const struct door *d)
{
	return d->protocol == IPPROTO_TCP;
}

/* Does an address of this door have the layout of sockaddr_in6? */
static inline bool door_is_wide(const struct door *d)
{
	return d->family != AF_INET;
}

int door_socket(const struct door *d, int flags);
/* NULL, or why sockets of this door cannot be opened here. */
const char *door_missing(const struct door *d);
/* The same protocol over the other version of IP. */
const struct door *door_sibling(const struct door *d);

/* Addresses */

/**
 * struct addr - a socket address of any door and its length
 * @len: length to pass along with it
 * @sa: ... as the calls want it
 */
struct addr {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_tern tern;
		struct sockaddr_storage ss;
	};
};

/* @host in text; an IPv4 address becomes v4-mapped where the door is wide. */
struct addr addr_of(const struct door *d, const char *host, int port);
struct addr addr_loopback(const struct door *d, int port);
/* Every address of the door's version of IP, and, with tern_v6, of both. */
struct addr addr_any(const struct door *d, int port);
/* Address of host @n of network @net, see veth_join(). */
struct addr addr_host(const struct door *d, int net, int n, int port);
struct addr addr_unspec(void);
struct addr addr_local(int fd);
struct addr addr_peer(int fd);
int addr_port(const struct addr *a);
void addr_set_port(struct addr *a, int port);
bool addr_same(const struct addr *a, const struct addr *b);

/* Sockets */

int sock_bind(int fd, const struct addr *a);
int sock_connect(int fd, const struct addr *a);
/* A listener at @a; with port 0 the kernel chooses, see addr_local(). */
int sock_listen(const struct door *d, const struct addr *a, int backlog);
/* A listener on the loopback address, which is stored in @at. */
int sock_listen_lo(const struct door *d, struct addr *at);
/* A blocking socket, connected to @at. */
int sock_dial(const struct door *d, const struct addr *at);
/* fds[0] is connected over loopback to fds[1], which was accepted. */
int sock_pair(const struct door *d, int fds[2]);

int sock_set(int fd, int level, int opt, int value);
/* The value, or -1 with errno. */
int sock_get(int fd, int level, int opt);
int sock_timeout(int fd, int opt, int ms);
/* SO_LINGER with 0 seconds, then close: the peer gets a RST. */
void sock_reset(int fd);
/* State as the kernel's TCP_* number, by TCP_INFO. */
int sock_state(int fd);
bool sock_wait_state(int fd, int state);
int sock_ioctl(int fd, unsigned long request);

ssize_t write_all(int fd, const void *buf, size_t len);
ssize_t read_all(int fd, void *buf, size_t len);
/* The stream that tests send, from @offset on: shows holes, swaps and repeats. */
void pattern_fill(void *buf, size_t len, uint64_t offset);
bool pattern_ok(const void *buf, size_t len, uint64_t offset);
/* Write or read-and-check that stream from its beginning, in random pieces. */
int pattern_send(int fd, size_t total, size_t max_piece);
int pattern_recv(int fd, size_t total, size_t max_piece);
/* A file of @len bytes of it, in memory. */
int pattern_file(size_t len);
/* Write, without blocking, until the peer's window and ours are full; how much. */
ssize_t fill_socket(int fd);

/* Waiting */

uint64_t now_ms(void);
void pause_ms(int ms);
/* Wait until poll() reports one of @events; what it reported, 0: deadline. */
int wait_event(int fd, int events);
/* What poll() reports now. */
int poll_now(int fd, int events);

/* Evaluate @cond until it holds; false when the deadline passes first. */
#define wait_until(cond) ({						\
	uint64_t __end = now_ms() + DEADLINE_MS;			\
	bool __ok;							\
									\
	while (!(__ok = (cond)) && now_ms() < __end)			\
		pause_ms(1);						\
	__ok;								\
})

/**
 * struct blocked - a thread inside one blocking call
 * @call: the call, made on this structure
 * @fd: socket for the call
 * @buf: data for the call
 * @len: its length
 * @addr: address for the call, or from it
 * @ret: what the call returned
 * @err: errno after the call
 */
struct blocked {
	long (*call)(struct blocked *b);
	int fd;
	void *buf;
	size_t len;
	struct addr addr;

	long ret;
	int err;

	pthread_t thread;
	volatile pid_t tid;
};

long call_recv(struct blocked *b);
long call_recv_all(struct blocked *b);
long call_send(struct blocked *b);
long call_accept(struct blocked *b);
long call_connect(struct blocked *b);
long call_close(struct blocked *b);
/* Starts the thread and returns when it sleeps in the kernel; 0, or -1. */
int blocked_start(struct blocked *b);
/* Is it still in there? Waits a little, so that a wrong wakeup is noticed. */
bool blocked_still(struct blocked *b);
/* Waits for the call to return; false: it does not. */
bool blocked_end(struct blocked *b);

/* Namespaces */

/* Moves the caller to a new network namespace with lo up; a handle to it. */
int netns_new(void);
int netns_enter(int ns);
/* Writes to /proc/sys/@name in the caller's namespace. */
int sysctl_set(const char *name, const char *value);
/*
 * Joins two namespaces with a veth pair, network @net: it is up, the ends have
 * the addresses of hosts 1 and 2, and know each other's as neighbours. Leaves
 * the caller where it was.
 */
int veth_join(int net, int ns_1, int ns_2);
/*
 * A second host in a namespace of its own, host 2 of network 1, which gets what
 * is sent to it, but none of its answers arrive, until peer_silence() is off.
 */
int peer_mute(const struct door *d, int ns);
int peer_silence(const struct door *d, int peer, bool on);
/* fds[0] is connected to fds[1] on host 2 of network 1, which is in @peer. */
int host_pair(const struct door *d, int ns, int peer, int fds[2]);
/*
 * fds[0] is connected to fds[1] on host 2 of network 1, a new namespace, over a
 * link that then loses @loss of a hundred packets, either way.
 */
int wire_pair(const struct door *d, int ns, int loss, int fds[2]);
int addr_add(const char *dev, const char *host, int prefix);
int link_set(const char *dev, bool up);
/* Lose so many of a hundred packets that leave by @dev. */
int link_loss(const char *dev, int percent);
int link_index(const char *dev);
/* @type: RTN_UNICAST through @via, or RTN_UNREACHABLE, RTN_BLACKHOLE ... */
int route_add(int type, const char *dst, int prefix, const char *via);
int route_del(int type, const char *dst, int prefix);
/* What is for @dst is for this host: a route of type local, in @table. */
int route_add_local(const char *dst, int prefix, int table);
/* Rules: packets with @mark are prohibited; those that came in by @dev look into @table. */
int rule_add_mark(const struct door *d, uint32_t mark);
int rule_add_from(const struct door *d, const char *dev, int table);
/* The address of host @n of network @net, in text. */
const char *host_text(const struct door *d, int net, int n);
/* Length of a prefix that is one address. */
int host_prefix(const struct door *d);

#endif /* TERN_LIB_H */
