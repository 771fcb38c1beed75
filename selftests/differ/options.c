// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options and ioctls: a table of options, each with values worth trying,
 * and calls that set and get them, rightly and wrongly.
 */
#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "differ.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD		76
#endif
#ifndef SO_RCVPRIORITY
#define SO_RCVPRIORITY		82
#endif
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884	31
#endif

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE	51
#endif

#define COUNT(array)		((int)(sizeof(array) / sizeof(*(array))))
#define RANGE(low, high)	((int)((unsigned int)(high) << 16 | (low)))

/* sockopt.shape: what the value is, and what may be done with it */
enum {
	SHAPE_INT,
	SHAPE_TEXT,		/* of texts[] */
	SHAPE_LINGER,
	SHAPE_TIME,
	SHAPE_RAW,		/* anything, 16 bytes */
	SHAPE_MASK = 7,

	OWN_VALUES = 8,		/* no others: they would stop the conversation */
	UNKNOWN = 16,		/* the value depends on more than the calls before */
	AFTER_SET = 32,		/* likewise, unless it was set just before */
	ABSENT = 64,		/* Tern does not know it: explained.c */
	LATER = 128,		/* not drawn: not there yet, or not as each kernel's TCP has it */
	CLOSED_ONLY = 256,	/* when connected, what it really is depends on the protocol */
	FOR_PORTS = 512,		/* worth more where ports are contended for */
	FOR_DATA = 1024,		/* ... and where bytes are moved */
	NEWER = 2048,		/* drawn if this kernel's TCP has it */
};

#define NR_VALUES	4

/**
 * struct sockopt - a socket option
 * @level: ...
 * @name: ...
 * @text: both, in words
 * @shape: SHAPE_* and flags
 * @values: of SHAPE_INT, worth trying
 */
struct sockopt {
	int level;
	int name;
	const char *text;
	int shape;
	int values[NR_VALUES];
};

#define ENTRY(l, n, words, s, ...) \
	{ .level = l, .name = n, .text = words, .shape = s, .values = { __VA_ARGS__ } }
#define SOCKET(n, s, ...)	ENTRY(SOL_SOCKET, n, "SOL_SOCKET, " #n, s, __VA_ARGS__)
#define TCP(n, s, ...)		ENTRY(SOL_TCP, n, "SOL_TCP, " #n, s, __VA_ARGS__)
#define IP(n, s, ...)		ENTRY(SOL_IP, n, "SOL_IP, " #n, s, __VA_ARGS__)
#define IPV6(n, s, ...)		ENTRY(SOL_IPV6, n, "SOL_IPV6, " #n, s, __VA_ARGS__)

static const struct sockopt options[] = {
	SOCKET(SO_DEBUG, SHAPE_INT),
	SOCKET(SO_REUSEADDR, SHAPE_INT | FOR_PORTS, 1, 1, 1),
	SOCKET(SO_TYPE, SHAPE_INT),
	SOCKET(SO_ERROR, SHAPE_INT),
	SOCKET(SO_DONTROUTE, SHAPE_INT),
	SOCKET(SO_BROADCAST, SHAPE_INT),
	SOCKET(SO_SNDBUF, SHAPE_INT | OWN_VALUES | AFTER_SET, 100000, 200000, 1 << 30, 300001),
	SOCKET(SO_RCVBUF, SHAPE_INT | OWN_VALUES | AFTER_SET, 100000, 200000, 1 << 30, 300001),
	SOCKET(SO_SNDBUFFORCE, SHAPE_INT | OWN_VALUES | AFTER_SET, 100000, 200000, 1 << 20, 99999),
	SOCKET(SO_RCVBUFFORCE, SHAPE_INT | OWN_VALUES | AFTER_SET, 100000, 200000, 1 << 20, 99999),
	SOCKET(SO_KEEPALIVE, SHAPE_INT),
	SOCKET(SO_OOBINLINE, SHAPE_INT | FOR_DATA),
	SOCKET(SO_NO_CHECK, SHAPE_INT),
	SOCKET(SO_PRIORITY, SHAPE_INT, 3, 6, 7),
	SOCKET(SO_LINGER, SHAPE_LINGER | FOR_DATA),
	SOCKET(SO_BSDCOMPAT, SHAPE_INT),
	SOCKET(SO_REUSEPORT, SHAPE_INT | FOR_PORTS, 1, 1, 1),
	SOCKET(SO_PASSCRED, SHAPE_INT),
	SOCKET(SO_PEERCRED, SHAPE_RAW),
	SOCKET(SO_RCVLOWAT, SHAPE_INT | FOR_DATA | OWN_VALUES, 1, 50, 0, -1),
	SOCKET(SO_SNDLOWAT, SHAPE_INT),
	SOCKET(SO_RCVTIMEO, SHAPE_TIME | FOR_DATA),
	SOCKET(SO_SNDTIMEO, SHAPE_TIME | FOR_DATA),
	SOCKET(SO_BINDTODEVICE, SHAPE_TEXT | FOR_PORTS),
	SOCKET(SO_TIMESTAMP, SHAPE_INT),
	SOCKET(SO_ACCEPTCONN, SHAPE_INT),
	SOCKET(SO_PEERSEC, SHAPE_RAW),
	SOCKET(SO_PASSSEC, SHAPE_INT),
	SOCKET(SO_TIMESTAMPNS, SHAPE_INT),
	SOCKET(SO_MARK, SHAPE_INT),
	SOCKET(SO_TIMESTAMPING, SHAPE_INT | LATER),
	SOCKET(SO_PROTOCOL, SHAPE_INT | UNKNOWN),
	SOCKET(SO_DOMAIN, SHAPE_INT),
	SOCKET(SO_RXQ_OVFL, SHAPE_INT),
	SOCKET(SO_WIFI_STATUS, SHAPE_INT),
	SOCKET(SO_PEEK_OFF, SHAPE_INT | OWN_VALUES | FOR_DATA | NEWER, 0, 5, -1, 100),
	SOCKET(SO_NOFCS, SHAPE_INT),
	SOCKET(SO_LOCK_FILTER, SHAPE_INT),
	SOCKET(SO_SELECT_ERR_QUEUE, SHAPE_INT),
	SOCKET(SO_BUSY_POLL, SHAPE_INT | OWN_VALUES, 0, 1, -1, 10),
	SOCKET(SO_MAX_PACING_RATE, SHAPE_INT | OWN_VALUES, -1, 1 << 30, -1, 1 << 30),
	SOCKET(SO_INCOMING_CPU, SHAPE_INT | UNKNOWN),
	SOCKET(SO_MEMINFO, SHAPE_RAW | UNKNOWN),
	SOCKET(SO_INCOMING_NAPI_ID, SHAPE_INT | UNKNOWN),
	SOCKET(SO_COOKIE, SHAPE_RAW | UNKNOWN),
	SOCKET(SO_PEERGROUPS, SHAPE_RAW),
	SOCKET(SO_ZEROCOPY, SHAPE_INT | LATER),
	SOCKET(SO_TXTIME, SHAPE_RAW),
	SOCKET(SO_BINDTOIFINDEX, SHAPE_INT | FOR_PORTS),
	SOCKET(SO_DETACH_REUSEPORT_BPF, SHAPE_INT),
	SOCKET(SO_PREFER_BUSY_POLL, SHAPE_INT),
	SOCKET(SO_BUSY_POLL_BUDGET, SHAPE_INT),
	SOCKET(SO_NETNS_COOKIE, SHAPE_RAW | UNKNOWN),
	SOCKET(SO_BUF_LOCK, SHAPE_INT, 0, 1, 2, 3),
	SOCKET(SO_RESERVE_MEM, SHAPE_INT | OWN_VALUES | UNKNOWN, 0, 4096, -1, 1),
	SOCKET(SO_TXREHASH, SHAPE_INT),
	SOCKET(SO_RCVMARK, SHAPE_INT),
	SOCKET(SO_PASSPIDFD, SHAPE_INT),
	SOCKET(SO_RCVPRIORITY, SHAPE_INT),
	SOCKET(12345, SHAPE_INT),

	TCP(TCP_NODELAY, SHAPE_INT | FOR_DATA),
	TCP(TCP_MAXSEG, SHAPE_INT | FOR_DATA | OWN_VALUES | AFTER_SET | CLOSED_ONLY, 88, 1400,
	    87, 32768),
	TCP(TCP_CORK, SHAPE_INT | FOR_DATA),
	TCP(TCP_KEEPIDLE, SHAPE_INT, 100, 32767, 32768),
	TCP(TCP_KEEPINTVL, SHAPE_INT, 100, 32767, 32768),
	TCP(TCP_KEEPCNT, SHAPE_INT, 10, 127, 128),
	TCP(TCP_SYNCNT, SHAPE_INT, 3, 127, 128),
	TCP(TCP_LINGER2, SHAPE_INT | FOR_DATA, 30, 120, 121),
	TCP(TCP_DEFER_ACCEPT, SHAPE_INT | FOR_DATA, 3, 10, 100),
	TCP(TCP_WINDOW_CLAMP, SHAPE_INT | OWN_VALUES | AFTER_SET, 0, -1, 200000, 1 << 20),
	TCP(TCP_INFO, SHAPE_INT | UNKNOWN),
	TCP(TCP_QUICKACK, SHAPE_INT | FOR_DATA | OWN_VALUES | AFTER_SET, 0, 1, 1, 3),
	TCP(TCP_CONGESTION, SHAPE_TEXT),
	TCP(TCP_MD5SIG, SHAPE_INT | ABSENT),
	TCP(TCP_THIN_LINEAR_TIMEOUTS, SHAPE_INT | ABSENT),
	TCP(TCP_THIN_DUPACK, SHAPE_INT | ABSENT),
	TCP(TCP_USER_TIMEOUT, SHAPE_INT | OWN_VALUES, 0, 100000, -1, 123456),
	TCP(TCP_FASTOPEN, SHAPE_INT | ABSENT),
	TCP(TCP_TIMESTAMP, SHAPE_INT | ABSENT),
	TCP(TCP_NOTSENT_LOWAT, SHAPE_INT | OWN_VALUES, 0, 1 << 20, -1, 1 << 24),
	TCP(TCP_CC_INFO, SHAPE_INT | ABSENT),
	TCP(TCP_SAVE_SYN, SHAPE_INT | ABSENT),
	TCP(TCP_SAVED_SYN, SHAPE_INT | ABSENT),
	TCP(TCP_FASTOPEN_CONNECT, SHAPE_INT | ABSENT),
	TCP(TCP_INQ, SHAPE_INT | FOR_DATA, 1, 1, 1),
	TCP(TCP_TX_DELAY, SHAPE_INT | ABSENT),
	TCP(12345, SHAPE_INT),

	IP(IP_TOS, SHAPE_INT, 0x10, 0x08, 0xfc, 3),
	IP(IP_TTL, SHAPE_INT, 1, 64, 255, 256),
	IP(IP_HDRINCL, SHAPE_INT),
	IP(IP_OPTIONS, SHAPE_INT | OWN_VALUES),
	IP(IP_ROUTER_ALERT, SHAPE_INT),
	IP(IP_RECVOPTS, SHAPE_INT),
	IP(IP_RETOPTS, SHAPE_INT),
	IP(IP_PKTINFO, SHAPE_INT),
	IP(IP_PKTOPTIONS, SHAPE_RAW),
	IP(IP_MTU_DISCOVER, SHAPE_INT, 0, 1, 2, 3),
	IP(IP_RECVERR, SHAPE_INT),
	IP(IP_RECVTTL, SHAPE_INT),
	IP(IP_RECVTOS, SHAPE_INT),
	IP(IP_MTU, SHAPE_INT | UNKNOWN),
	IP(IP_FREEBIND, SHAPE_INT | FOR_PORTS, 1),
	IP(IP_PASSSEC, SHAPE_INT),
	IP(IP_TRANSPARENT, SHAPE_INT | FOR_PORTS),
	IP(IP_RECVORIGDSTADDR, SHAPE_INT),
	IP(IP_MINTTL, SHAPE_INT | OWN_VALUES, 0, 1, 64, 256),
	IP(IP_NODEFRAG, SHAPE_INT),
	IP(IP_CHECKSUM, SHAPE_INT),
	IP(IP_BIND_ADDRESS_NO_PORT, SHAPE_INT | FOR_PORTS, 1),
	IP(IP_RECVFRAGSIZE, SHAPE_INT),
	IP(IP_RECVERR_RFC4884, SHAPE_INT),
	IP(IP_MULTICAST_IF, SHAPE_INT),
	IP(IP_MULTICAST_TTL, SHAPE_INT),
	IP(IP_MULTICAST_LOOP, SHAPE_INT),
	IP(IP_UNICAST_IF, SHAPE_INT),
	IP(IP_LOCAL_PORT_RANGE, SHAPE_INT | FOR_PORTS, RANGE(40000, 45000), RANGE(40000, 0),
	   RANGE(2, 1)),
	IP(12345, SHAPE_INT),

	IPV6(IPV6_2292PKTINFO, SHAPE_INT),
	IPV6(IPV6_CHECKSUM, SHAPE_INT),
	IPV6(IPV6_UNICAST_HOPS, SHAPE_INT, 1, 64, 255, -1),
	IPV6(IPV6_MULTICAST_IF, SHAPE_INT),
	IPV6(IPV6_MULTICAST_HOPS, SHAPE_INT),
	IPV6(IPV6_MULTICAST_LOOP, SHAPE_INT),
	IPV6(IPV6_ROUTER_ALERT, SHAPE_INT),
	IPV6(IPV6_MTU_DISCOVER, SHAPE_INT, 0, 1, 2, 3),
	IPV6(IPV6_MTU, SHAPE_INT | UNKNOWN),
	IPV6(IPV6_RECVERR, SHAPE_INT),
	IPV6(IPV6_V6ONLY, SHAPE_INT | FOR_PORTS, 1, 0),
	IPV6(IPV6_RECVERR_RFC4884, SHAPE_INT),
	IPV6(IPV6_HDRINCL, SHAPE_INT),
	IPV6(IPV6_RECVPKTINFO, SHAPE_INT),
	IPV6(IPV6_PKTINFO, SHAPE_RAW),
	IPV6(IPV6_RECVHOPLIMIT, SHAPE_INT),
	IPV6(IPV6_HOPLIMIT, SHAPE_INT),
	IPV6(IPV6_RECVHOPOPTS, SHAPE_INT),
	IPV6(IPV6_RECVRTHDR, SHAPE_INT),
	IPV6(IPV6_RECVDSTOPTS, SHAPE_INT),
	IPV6(IPV6_RECVPATHMTU, SHAPE_INT),
	IPV6(IPV6_PATHMTU, SHAPE_RAW | UNKNOWN),
	IPV6(IPV6_DONTFRAG, SHAPE_INT),
	IPV6(IPV6_RECVTCLASS, SHAPE_INT),
	IPV6(IPV6_TCLASS, SHAPE_INT, 0x10, 0xfc, 255, 256),
	IPV6(IPV6_AUTOFLOWLABEL, SHAPE_INT),
	IPV6(IPV6_ADDR_PREFERENCES, SHAPE_INT, 1, 2, 4),
	IPV6(IPV6_MINHOPCOUNT, SHAPE_INT | OWN_VALUES, 0, 1, 64, 256),
	IPV6(IPV6_ORIGDSTADDR, SHAPE_INT),
	IPV6(IPV6_TRANSPARENT, SHAPE_INT | FOR_PORTS),
	IPV6(IPV6_UNICAST_IF, SHAPE_INT),
	IPV6(IPV6_RECVFRAGSIZE, SHAPE_INT),
	IPV6(IPV6_FREEBIND, SHAPE_INT | FOR_PORTS, 1),
	IPV6(12345, SHAPE_INT),
	ENTRY(12345, 1, "an unknown level, 1", SHAPE_INT),
};

static const int common_values[] = { 0, 1, 1, 2, -1, 255, 65536, INT_MAX, INT_MIN, 7 };
static const char *const texts[] = {
	"lo", "", "nodev0", "cubic", "nothing", "a-very-long-name-it-is"
};

static const struct linger lingers[] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 1, 1 } };
static const struct timeval times[] = { { 0, 10000 }, { 0, 10000 }, { 0, 1000000 }, { 0, -1 } };

/* How long the value is that a program that knows the option passes. */
static int right_len(const struct sockopt *o, int value)
{
	switch (o->shape & SHAPE_MASK) {
	case SHAPE_TEXT:
		return strlen(texts[value]) + 1;
	case SHAPE_LINGER:
		return sizeof(struct linger);
	case SHAPE_TIME:
		return sizeof(struct timeval);
	case SHAPE_RAW:
		return 16;
	default:
		return sizeof(int);
	}
}

static void fill_value(const struct sockopt *o, int value, char *to)
{
	switch (o->shape & SHAPE_MASK) {
	case SHAPE_TEXT:
		memcpy(to, texts[value], strlen(texts[value]) + 1);
		break;
	case SHAPE_LINGER:
		memcpy(to, &lingers[value], sizeof(*lingers));
		break;
	case SHAPE_TIME:
		memcpy(to, &times[value], sizeof(*times));
		break;
	case SHAPE_RAW:
		memset(to, value, 16);
		break;
	default:
		memcpy(to, &value, sizeof(value));
	}
}

static int draw_value(struct maker *m, const struct sockopt *o)
{
	switch (o->shape & SHAPE_MASK) {
	case SHAPE_TEXT:
		return draw(m, COUNT(texts));
	case SHAPE_LINGER:
		return draw(m, COUNT(lingers));
	case SHAPE_TIME:
		return draw(m, COUNT(times));
	case SHAPE_RAW:
		return 0;
	}
	if (o->shape & OWN_VALUES || chance(m, 50))
		return o->values[draw(m, NR_VALUES)];
	return common_values[draw(m, COUNT(common_values))];
}

static int draw_len(struct maker *m, const struct sockopt *o, int right)
{
	static const int lens[] = { 0, 1, 2, 3, 8, 64, -1, 5 };

	return o->shape & ABSENT || chance(m, 85) ? right : lens[draw(m, COUNT(lens))];
}

/* SO_PEEK_OFF, since 6.9; what else is NEWER needs a question of its own. */
static bool tcp_has_newer(void)
{
	static int has = -1;
	int off = -1, fd;

	if (has < 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		has = !setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
		close(fd);
	}
	return has;
}

static const struct sockopt *draw_option(struct maker *m, int unwanted)
{
	static const int themes[THEMES] = { [THEME_PORTS] = FOR_PORTS, [THEME_DATA] = FOR_DATA };
	int wanted = chance(m, 70) ? themes[m->theme] : 0;
	const struct sockopt *o;

	unwanted |= tcp_has_newer() ? 0 : NEWER;
	do {
		o = &options[draw(m, COUNT(options))];
	} while (o->shape & (unwanted | LATER) || (wanted && !(o->shape & wanted)));
	return o;
}

bool op_option_absent(const struct op *op)
{
	return (op->kind == &op_set || op->kind == &op_get) && options[op->arg[0]].shape & ABSENT;
}

static void say_value(struct text *t, const struct sockopt *o, const char *value, int len)
{
	if (o->shape & UNKNOWN)
		say(t, " %d bytes", len);
	else if (len >= 0)
		say_bytes(t, value, len < 64 ? len : 64);
}

static void get(struct text *t, const struct sockopt *o, int fd, void *value, int len)
{
	char room[128];
	socklen_t got = len;
	int ret;

	memset(room, 0xaa, sizeof(room));
	ret = getsockopt(fd, o->level, o->name, value ?: room, &got);
	say_ret(t, ret);
	if (ret < 0)
		return;
	say(t, " length %d ", got);
	if (!(o->shape & CLOSED_ONLY) || sock_state(fd) == TCP_CLOSE)
		say_value(t, o, room, value ? 0 : (int)got);
}

/* setsockopt(): option, value, length, whether at a bad address */

static void set_make(struct maker *m, struct op *op)
{
	const struct sockopt *o = draw_option(m, 0);

	op->slot = draw_slot(m, ROLE_ANY);
	op->arg[0] = o - options;
	op->arg[1] = draw_value(m, o);
	op->arg[2] = draw_len(m, o, right_len(o, op->arg[1]));
	op->arg[3] = !(o->shape & ABSENT) && chance(m, 2);
}

/* What was set is read again at once. */
static void set_run(struct world *w, const struct op *op, struct text *t)
{
	const struct sockopt *o = &options[op->arg[0]];
	int fd = world_fd(w, op->slot), ret;
	char value[128] = {};

	fill_value(o, op->arg[1], value);
	ret = setsockopt(fd, o->level, o->name, op->arg[3] ? (void *)8 : value, op->arg[2]);
	say_ret(t, ret);
	if (ret || (o->level == SOL_SOCKET && o->name == SO_ERROR))
		return;
	say(t, ", then ");
	get(t, o, fd, NULL, 64);
}

static void set_print(const struct op *op, struct text *t)
{
	const struct sockopt *o = &options[op->arg[0]];
	char value[128];

	fill_value(o, op->arg[1], value);
	say(t, "setsockopt(s%d, %s, ", op->slot, o->text);
	if (op->arg[3])
		say(t, "a bad pointer");
	else if ((o->shape & SHAPE_MASK) == SHAPE_TEXT)
		say(t, "\"%s\"", value);
	else if ((o->shape & SHAPE_MASK) == SHAPE_INT)
		say(t, "%d", op->arg[1]);
	else
		say_bytes(t, value, right_len(o, op->arg[1]));
	say(t, ", %d)", op->arg[2]);
}

const struct op_kind op_set = {
	.weight = 16, .make = set_make, .run = set_run, .print = set_print,
};

/* getsockopt(): option, length, whether at a bad address */

static void get_make(struct maker *m, struct op *op)
{
	const struct sockopt *o = draw_option(m, AFTER_SET);

	op->slot = draw_slot(m, ROLE_ANY);
	op->arg[0] = o - options;
	op->arg[1] = draw_len(m, o, chance(m, 50) ? 64 : 4);
	op->arg[2] = !(o->shape & ABSENT) && chance(m, 2);
}

static void get_run(struct world *w, const struct op *op, struct text *t)
{
	get(t, &options[op->arg[0]], world_fd(w, op->slot), op->arg[2] ? (void *)8 : NULL,
	    op->arg[1]);
}

static void get_print(const struct op *op, struct text *t)
{
	say(t, "getsockopt(s%d, %s, %s, %d)", op->slot, options[op->arg[0]].text,
	    op->arg[2] ? "a bad pointer" : "buffer", op->arg[1]);
}

const struct op_kind op_get = {
	.weight = 14, .make = get_make, .run = get_run, .print = get_print,
};

/* ioctl(): request, whether at a bad address */

static const struct name requests[] = {
	{ FIONREAD, "FIONREAD" }, { SIOCOUTQ, "SIOCOUTQ" }, { SIOCOUTQNSD, "SIOCOUTQNSD" },
	{ SIOCATMARK, "SIOCATMARK" }, { SIOCGPGRP, "SIOCGPGRP" }, { FIOASYNC, "FIOASYNC" },
	{ 0x89ff, "an unknown SIOC" }, { 0x1234, "an unknown request" }, {}
};

static void ioctl_make(struct maker *m, struct op *op)
{
	op->slot = draw_slot(m, ROLE_ANY);
	op->arg[0] = requests[draw(m, COUNT(requests) - 1)].value;
	op->arg[1] = chance(m, 5);
}

static void ioctl_run(struct world *w, const struct op *op, struct text *t)
{
	int fd = world_fd(w, op->slot), value = 0;

	say_ret(t, ioctl(fd, op->arg[0], op->arg[1] ? (void *)8 : &value));
	/* of a connection that is over TCP has some arithmetic left */
	if (sock_state(fd) != TCP_CLOSE)
		say(t, " %d", value);
}

static void ioctl_print(const struct op *op, struct text *t)
{
	say(t, "ioctl(s%d, ", op->slot);
	say_name(t, requests, op->arg[0]);
	say(t, ", %s)", op->arg[1] ? "a bad pointer" : "&value");
}

static const struct op_kind op_ioctl = {
	.weight = 8, .make = ioctl_make, .run = ioctl_run, .print = ioctl_print, .settles = true,
};

static const struct op_kind *const kinds[] = { &op_set, &op_get, &op_ioctl };

const struct op_list option_ops = { kinds, COUNT(kinds), { 1, 1, 1 } };
