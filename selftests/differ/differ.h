/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The differential test: what its files share. differ.c draws a sequence of
 * calls from a seed and runs it in three worlds at once, call by call: on TCP,
 * on Tern through its protocol, and on Tern through its family. What a call
 * returned is a line of text, and the three lines must be the same; so must,
 * after each call, what poll() says of each socket, its state, and how much
 * there is to read.
 *
 * To add a call: an entry in kinds[] of ops_*.c, with a function that draws its
 * arguments, one that makes the call, and one that prints it. To add a socket
 * option: a line in options.c.
 */
#ifndef DIFFER_H
#define DIFFER_H

#include "tern_lib.h"

#define MAX_SLOTS	12		/* sockets of a sequence */
#define MAX_OPS		64
#define NR_ARGS		5
#define NR_PORTS	4		/* ports that a sequence calls by name */
#define MAX_EPHEMERAL	64		/* ... and that the kernel chose */
#define SETTLE_MS	1500		/* more than any delayed ACK or cork takes */

/* Text (text.c) */

struct text {
	char s[4096];
	size_t len;
};

struct name {
	long value;
	const char *text;
};

void say(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What a call returned: a number, or -1 and the name of errno. */
void say_ret(struct text *t, long ret);
/* Length, sum and beginning of some bytes. */
void say_bytes(struct text *t, const void *bytes, size_t len);
void say_flags(struct text *t, const struct name *names, long flags);
void say_name(struct text *t, const struct name *names, long value);

/* Worlds (world.c) */

enum world_id { WORLD_TCP, WORLD_PROTO, WORLD_FAMILY, WORLDS };

/**
 * struct world - sockets of one protocol through one door
 * @four: door of AF_INET sockets
 * @six: door of AF_INET6 sockets; its name is that of the world
 * @ns: network namespace, since ports of both of Tern's doors are the same
 * @slot: sockets of the sequence, by the numbers it gives them
 * @port: base of the ports that the sequence calls by name
 * @ephemeral: ports that the kernel chose, in the order in which they appeared
 * @nr_ephemeral: how many
 * @unsent: bytes that were not sent when time was given to send them
 */
struct world {
	const struct door *four;
	const struct door *six;
	int ns;
	struct slot {
		int fd;
		bool tern;	/* came through AF_TERN */
	} slot[MAX_SLOTS];
	int port;
	int ephemeral[MAX_EPHEMERAL];
	int nr_ephemeral;
	int unsent;
};

/* What is seen of a socket after each call, and of all of a world. */
struct view {
	short poll;
	signed char state;
	int unread;
};

struct views {
	struct view slot[MAX_SLOTS];
};

int worlds_open(struct world *worlds);
void worlds_close(struct world *worlds);
void world_begin(struct world *w, int port);
void world_end(struct world *w);
int world_fd(const struct world *w, int slot);
/* Puts @fd into @slot, or -1; what it is like is that of socket @like, if any. */
void world_put(struct world *w, int slot, int fd, int like);
int world_socket(struct world *w, int slot, int family, int type);
/* The socket at the other end of @slot's connection; -1: none. */
int world_peer(const struct world *w, int slot);
/* What can be seen, in all worlds alike once nothing moves; false: it differs. */
bool worlds_settle(struct world *worlds, struct views *views);
void say_view(struct text *t, const struct view *v);

/* Addresses (address.c) */

enum host { HOST_LOOPBACK, HOST_ANY, HOST_OTHER, HOST_V4, HOST_V4_ANY, HOST_FOREIGN,
	    HOST_MULTICAST, HOST_BROADCAST, HOST_UNSPEC, HOST_WRONG, HOSTS };
enum port { PORT_NAMED, PORT_ANY = NR_PORTS, PORT_LOW, PORTS };
enum addr_quirk { ADDR_FINE, ADDR_SHORT, ADDR_TINY, ADDR_LONG, ADDR_HUGE, ADDR_QUIRKS };

struct addr address_make(const struct world *w, int slot, int family, int host, int port,
			 int quirk);
void say_address(struct text *t, struct world *w, const struct addr *a);
void print_address(struct text *t, int family, int host, int port, int quirk);

/* Sequences (maker.c) */

struct op_kind;

/**
 * struct op - one call
 * @kind: which
 * @slot: socket it is made on
 * @dst: socket that it makes, or -1
 * @arg: what else, as the kind has it
 */
struct op {
	const struct op_kind *kind;
	int slot;
	int dst;
	int arg[NR_ARGS];
};

struct sequence {
	uint64_t seed;
	bool privileged;
	int nr;
	struct op ops[MAX_OPS];
};

/* What a socket is meant to be; the kernel may see it differently. */
enum role { ROLE_NEW = 1, ROLE_BOUND = 2, ROLE_LISTENER = 4, ROLE_CONNECTED = 8, ROLE_ANY = 15 };

/* What is known of a socket when the next call is drawn. */
struct known {
	int family;
	enum role role;
	int port;
	bool v4;	/* has tried a v4-mapped address */
	bool shut;	/* was shut down */
	bool bound;
};

enum theme { THEME_NONE, THEME_PORTS, THEME_DATA, THEMES };

/**
 * struct maker - a sequence being drawn
 * @state: of the random numbers
 * @theme: what it is mostly about
 * @slots: sockets so far
 * @nr_slots: how many
 * @budget: bytes that may still be sent, so that no buffer gets full
 */
struct maker {
	uint64_t state;
	enum theme theme;
	struct known slots[MAX_SLOTS];
	int nr_slots;
	int budget;
};

void sequence_make(struct sequence *s, uint64_t seed);
int draw(struct maker *m, int n);
bool chance(struct maker *m, int percent);
/* Some flags of a list that ends with a text of NULL; mostly few. */
int draw_flags(struct maker *m, const struct name *names);
/* A socket, mostly one of these roles. */
int draw_slot(struct maker *m, int roles);
int new_slot(struct maker *m, int family, enum role role);
int draw_size(struct maker *m);

/* Calls (ops_*.c) */

/**
 * struct op_kind - a call
 * @weight: how often it is drawn
 * @make: draw slot and arguments
 * @run: make it, and say what it did
 * @print: as C has it, more or less
 * @settles: nothing changes by it, and it may be made again until it settles
 */
struct op_kind {
	int weight;
	void (*make)(struct maker *m, struct op *op);
	void (*run)(struct world *w, const struct op *op, struct text *t);
	void (*print)(const struct op *op, struct text *t);
	bool settles;
};

/* Calls of one file, and how much their weights count in each theme. */
struct op_list {
	const struct op_kind *const *kinds;
	int nr;
	int factor[THEMES];
};

extern const struct op_list setup_ops, data_ops, option_ops;
/* The calls that open each conversation: see maker.c. */
extern const struct op_kind op_socket, op_bind, op_listen, op_connect, op_accept;
/* ... and those that explained.c knows. */
extern const struct op_kind op_send, op_sendmsg, op_set, op_get;
bool op_option_absent(const struct op *op);

/* Explained differences (explained.c) */

/**
 * struct explained - where Tern is not TCP, and is not meant to be
 * @applies: is it about this call?
 * @ask: turns the call into one that does nothing, but has the same errors for
 *	other reasons; NULL: TCP is not asked
 * @answer: what Tern must say, unless TCP had an error
 * @why: the reason
 * @where: where it is documented
 */
struct explained {
	bool (*applies)(const struct op *op);
	void (*ask)(struct op *op);
	const char *answer;
	const char *why;
	const char *where;
};

const struct explained *op_explained(const struct op *op);

#endif /* DIFFER_H */
