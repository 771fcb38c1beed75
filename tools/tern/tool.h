/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rooms of the tern program. Each block names the file behind it.
 *
 * Functions that return int give 0 or a descriptor when all went well and a
 * negative number otherwise; they have then said on standard error what
 * failed, so that a caller only has to give up.
 */
#ifndef TERN_TOOL_H
#define TERN_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <linux/tern.h>

#define TOOL_VERSION	"0.1"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Exit statuses. argp is told to use the last one as well. */
enum {
	DONE	= 0,
	FAILED	= 1,
	USAGE	= 2,
};

/* main.c's table runs these; argv[0] is "tern <command>". */
int listen_main(int argc, char **argv);		/* netcat.c */
int connect_main(int argc, char **argv);	/* netcat.c */
int send_main(int argc, char **argv);
int recv_main(int argc, char **argv);
int ss_main(int argc, char **argv);
int nstat_main(int argc, char **argv);
int run_main(int argc, char **argv);

/* args.c: the options and operands that several commands share */

#define NO_TIMEOUT	(-1.0)

struct listen_args {		/* [-4|-6] [-k] [-t SECONDS] [ADDR] PORT */
	int version;		/* AF_UNSPEC, AF_INET or AF_INET6 */
	bool keep;
	double timeout;		/* seconds, or NO_TIMEOUT */
	const char *host;	/* NULL: every address */
	const char *port;
};

struct connect_args {		/* [-4|-6] [-w S] [-s ADDR] [-p PORT] HOST PORT */
	int version;
	double timeout;
	const char *source;	/* NULL: the kernel chooses */
	const char *source_port;
	const char *host;
	const char *port;
};

/* In an argp doc, the text behind it follows the list of options. */
#define AFTER_OPTIONS	"\v"

struct argp;
extern const struct argp listen_argp;	/* input: struct listen_args */
extern const struct argp connect_argp;	/* input: struct connect_args */

/* addr.c: names to addresses and back */

#define MAX_ADDRS	16
#define ADDR_TEXT	(INET6_ADDRSTRLEN + 32)	/* with brackets, scope, port */

struct addrs {
	int n;
	struct sockaddr_tern at[MAX_ADDRS];
	int error[MAX_ADDRS];	/* of the attempt on each: -errno */
};

int family_number(void);
int protocol_number(void);
int resolve(const char *host, const char *port, int version, struct addrs *to);
bool is_v4(const struct in6_addr *addr);
void host_text(char *text, size_t size, const struct in6_addr *addr);
char *addr_text(char *text, const struct sockaddr_tern *addr);

/* error.c: what failed, on what, why, and what to do about it */

enum doing {
	DOING_SOCKET,
	DOING_BIND,
	DOING_LISTEN,
	DOING_ACCEPT,
	DOING_CONNECT,
	DOING_SEND,
	DOING_RECEIVE,
	DOING_OPEN,
	DOING_READ,
	DOING_WRITE,
};

void complain(enum doing what, const char *on, int err);

/* net.c: sockets */

int net_listen(const struct listen_args *args);
int net_accept(int listener, double timeout, char *peer);
int net_connect(const struct connect_args *args, char *peer);
void net_abort_on_close(int fd, bool on);

/* relay.c: standard input and output to and from a connection */

enum relayed {
	RELAY_DONE,
	RELAY_FAILED,		/* the connection did */
	RELAY_NO_OUTPUT,	/* nobody reads our output: no use in going on */
};

enum relayed relay(int sock, const char *peer);

/* progress.c: the bar, and the line at the end */

struct progress {
	const char *verb;	/* "sent" or "received" */
	const char *what;
	unsigned long long done;
	unsigned long long total;		/* 0: not known */
	double start;
	double drawn;
	bool bar;
};

void progress_start(struct progress *p, const char *verb, const char *what,
		    unsigned long long total);
void progress_at(struct progress *p, unsigned long long done);
void progress_end(struct progress *p, unsigned long long done, bool complete);
double now(void);

/* cgroup.c: names of cgroups */

const char *cgroup_path(unsigned long long id);

/* proc.c: /proc/net/tern */

FILE *proc_open(const char *file);

/* owner.c: which processes hold a socket */

struct owner {
	unsigned long inode;
	int pid;
	int fd;
	char name[17];		/* the kernel's limit is 16 */
};

void owners_scan(void);
size_t owners_of(unsigned long inode, const struct owner **first);

/* diag.c: sockets, as sock_diag(7) describes them */

/* Which parts of a description to ask for, besides the first. */
#define WANT_INFO	1
#define WANT_MEMORY	2

struct sock_desc {
	struct inet_diag_msg msg;
	struct in6_addr local;		/* IPv4 in v4-mapped form */
	struct in6_addr peer;
	bool v6only;
	int shutdown;			/* 1 receive, 2 send; -1: not known */
	unsigned int mark;
	unsigned long long cgroup;	/* 0: not known */
	size_t n_memory;
	unsigned int memory[9];		/* SK_MEMINFO_* */
	char congestion[16];
	bool has_info;
	struct tcp_info info;
};

typedef void (*desc_fn)(const struct sock_desc *desc, void *arg);

int diag_dump(unsigned int states, int want, desc_fn each, void *arg);
int diag_kill(const struct sock_desc *desc);
int diag_follow(desc_fn each, void *arg);

/* filter.c: the expressions that choose sockets */

/* The kernel's numbers, see include/net/tcp_states.h there. */
enum {
	SS_ESTABLISHED = 1,
	SS_SYN_SENT,
	SS_SYN_RECV,
	SS_FIN_WAIT_1,
	SS_FIN_WAIT_2,
	SS_TIME_WAIT,
	SS_CLOSE,
	SS_CLOSE_WAIT,
	SS_LAST_ACK,
	SS_LISTEN,
	SS_CLOSING,
	SS_N_STATES,
};

#define STATE(number)		(1u << (number))
#define ALL_STATES		(STATE(SS_N_STATES) - STATE(SS_ESTABLISHED))

struct filter;
unsigned int filter_states(char ***words, unsigned int otherwise);
struct filter *filter_parse(char **words);
bool filter_match(const struct filter *filter, const struct sock_desc *desc);

/* describe.c: what a description says, for people and for programs */

#define SHOW_TIMER	1
#define SHOW_DETAILS	2
#define SHOW_MEMORY	4
#define SHOW_INFO	8
#define SHOW_NUMBERS	16	/* rates in full */
#define SHOW_ONE_LINE	32

void describe_text(const struct sock_desc *desc, int show);
void describe_json(const struct sock_desc *desc, int show);
void json_string(const char *text);

/* bpf.c: the engine of "tern run --bpf" */

const char *bpf_missing(void);
int bpf_begin(void);

#endif /* TERN_TOOL_H */
