// SPDX-License-Identifier: GPL-2.0
/*
 * The differential test: random sequences of socket calls, on TCP and through
 * both doors of Tern, must give the same values, errors, poll bits and bytes.
 * differ/differ.h says how; Documentation/internals.rst, Tests, what for.
 *
 *	differ				500 sequences; with TERN_LONG, 20000
 *	differ --seed 7			only that of seed 7, and show each call
 *	differ --seed 7 --ops 0,1,5	only these calls of it
 *	differ --from 501 --sequences N	others; --max N: stop after so many differences
 *
 * When the answers differ, the sequence is run again to see that it is no
 * accident of time, shrunk to the calls that it takes, and printed.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>

#include "differ/differ.h"
#include "kselftest.h"

#define SEQUENCES	500
#define SEQUENCES_LONG	20000
#define WORKERS		2
#define FRESH		100		/* sequences in the same namespaces */
#define FIRST_PORT	2000
#define RUNS		3		/* that must all differ */
#define WATCHDOG	60		/* seconds for a sequence */
#define MAX_FOUND	5		/* differences before a worker gives up */

static struct {
	uint64_t from;
	int sequences;
	bool plant;
	int max_found;
} options = { .from = 1, .max_found = MAX_FOUND };

static struct world worlds[WORLDS];
static struct sequence sequence;
static volatile sig_atomic_t sigpipes;
static int port = FIRST_PORT;

/**
 * struct difference - what a run has found
 * @at: the call that differed; -1: none
 * @answer: what each world said
 * @seen: how it looked from outside
 */
struct difference {
	int at;
	struct text answer[WORLDS];
	struct text seen[WORLDS];
};

static void on_sigpipe(int sig)
{
	(void)sig;
	sigpipes++;
}

static void on_alarm(int sig)
{
	static char text[64];

	(void)sig;
	write(STDOUT_FILENO, text, snprintf(text, sizeof(text), "# hangs: --seed %llu\n",
					    (unsigned long long)sequence.seed));
	_exit(1);
}

/* What an unprivileged program lacks, while it makes its calls. */
static void privileges(bool all)
{
	static const uint32_t some = 1 << CAP_NET_BIND_SERVICE | 1 << CAP_NET_ADMIN |
				     1 << CAP_NET_RAW;
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &head, data);
	if (all)
		data[0].effective |= data[0].permitted & some;
	else
		data[0].effective &= ~some;
	syscall(SYS_capset, &head, data);
}

static void call(struct world *w, const struct op *op, struct text *t)
{
	int before = sigpipes;

	t->len = 0;
	t->s[0] = 0;
	op->kind->run(w, op, t);
	if (sigpipes != before)
		say(t, " SIGPIPE");
	if (options.plant && w == &worlds[WORLD_FAMILY] && op->kind == &op_listen)
		say(t, " as planted");
}

static bool same_answers(const struct difference *d)
{
	return !strcmp(d->answer[0].s, d->answer[1].s) && !strcmp(d->answer[0].s, d->answer[2].s);
}

/* What TCP would say if it were like Tern where it is not. */
static void explain(const struct explained *e, const struct op *op, struct text *t)
{
	struct op harmless = *op;

	if (world_fd(&worlds[WORLD_TCP], op->slot) < 0) {
		call(&worlds[WORLD_TCP], op, t);
		return;
	}
	t->len = 0;
	if (e->ask) {
		e->ask(&harmless);
		call(&worlds[WORLD_TCP], &harmless, t);
		if (!strncmp(t->s, "-1", 2))
			return;
		t->len = 0;
	}
	say(t, "%s", e->answer);
}

/* One call in all worlds; false: the answers differ. */
static bool step(const struct op *op, struct difference *d)
{
	const struct explained *e = op_explained(op);
	uint64_t end = now_ms() + SETTLE_MS;

	do {
		if (e)
			explain(e, op, &d->answer[WORLD_TCP]);
		else
			call(&worlds[WORLD_TCP], op, &d->answer[WORLD_TCP]);
		for (int w = WORLD_TCP + 1; w < WORLDS; w++)
			call(&worlds[w], op, &d->answer[w]);
		if (same_answers(d))
			return true;
		pause_ms(op->kind->settles);
	} while (op->kind->settles && now_ms() < end);
	return false;
}

static void describe(struct difference *d, const struct views *views)
{
	for (int w = 0; w < WORLDS; w++) {
		d->seen[w].len = 0;
		d->seen[w].s[0] = 0;
		for (int i = 0; i < MAX_SLOTS; i++) {
			if (world_fd(&worlds[w], i) < 0)
				continue;
			say(&d->seen[w], "#       s%d: ", i);
			say_view(&d->seen[w], &views[w].slot[i]);
			say(&d->seen[w], "\n");
		}
	}
}

static void show_step(const struct op *op, int at, const struct difference *d, bool seen)
{
	struct text t = {};

	op->kind->print(op, &t);
	printf("# %2d: %s\n", at, t.s);
	if (same_answers(d))
		printf("#     %s\n", d->answer[0].s);
	for (int w = 0; w < WORLDS; w++) {
		if (!same_answers(d))
			printf("#     %s: %s\n", worlds[w].six->name, d->answer[w].s);
		else if (seen)
			printf("#     %s:\n%s", worlds[w].six->name, d->seen[w].s);
	}
}

/* Runs the calls that @keep has; d->at is the one that differs, or -1. */
static void run(const bool *keep, struct difference *d, bool show)
{
	struct views views[WORLDS];
	bool same = true;

	alarm(WATCHDOG);
	d->at = -1;
	for (int w = 0; w < WORLDS; w++)
		world_begin(&worlds[w], port);
	port += NR_PORTS;
	privileges(sequence.privileged);
	for (int i = 0; same && i < sequence.nr; i++) {
		if (!keep[i])
			continue;
		same = step(&sequence.ops[i], d);
		same &= worlds_settle(worlds, views);
		if (show || !same)
			describe(d, views);
		if (show)
			show_step(&sequence.ops[i], i, d, !same);
		if (!same)
			d->at = i;
	}
	privileges(true);
	for (int w = 0; w < WORLDS; w++)
		world_end(&worlds[w]);
	alarm(0);
}

static bool differs(const bool *keep, struct difference *d)
{
	run(keep, d, false);
	return d->at >= 0;
}

/* Leaves out what it can while there is a difference: delta debugging. */
static void shrink(bool *keep, struct difference *d)
{
	struct difference found;
	bool less[MAX_OPS], shorter = true;

	for (int i = d->at + 1; i < sequence.nr; i++)
		keep[i] = false;
	while (shorter) {
		shorter = false;
		for (int size = sequence.nr / 2; size; size /= 2) {
			for (int at = 0; at < sequence.nr; at += size) {
				bool any = false;

				memcpy(less, keep, sizeof(less));
				for (int i = at; i < at + size && i < sequence.nr; i++) {
					any |= less[i];
					less[i] = false;
				}
				if (!any || !differs(less, &found))
					continue;
				memcpy(keep, less, sizeof(less));
				for (int i = found.at + 1; i < sequence.nr; i++)
					keep[i] = false;
				*d = found;
				shorter = true;
			}
		}
	}
}

static void report(const bool *keep, const struct difference *d)
{
	const char *comma = "";
	struct text t = {};

	printf("# A difference: --seed %llu --ops ", (unsigned long long)sequence.seed);
	for (int i = 0; i < sequence.nr; i++) {
		if (!keep[i])
			continue;
		printf("%s%d", comma, i);
		comma = ",";
	}
	printf("%s\n", sequence.privileged ? " (privileged)" : "");
	for (int i = 0; i < d->at; i++) {
		if (!keep[i])
			continue;
		t.len = 0;
		sequence.ops[i].kind->print(&sequence.ops[i], &t);
		printf("# %2d: %s\n", i, t.s);
	}
	show_step(&sequence.ops[d->at], d->at, d, true);
}

/* Returns how many calls it takes to show a difference, 0: there is none. */
static int examine(uint64_t seed)
{
	struct difference d;
	bool keep[MAX_OPS];
	int calls = 0;

	sequence_make(&sequence, seed);
	for (int i = 0; i < MAX_OPS; i++)
		keep[i] = true;
	for (int i = 0; i < RUNS; i++) {
		if (!differs(keep, &d)) {
			if (i)
				printf("# Once only: --seed %llu\n", (unsigned long long)seed);
			return 0;
		}
	}
	shrink(keep, &d);
	if (!options.plant)
		report(keep, &d);
	for (int i = 0; i < sequence.nr; i++)
		calls += keep[i];
	return calls;
}

static void open_or_die(void)
{
	if (worlds_open(worlds)) {
		perror("# namespaces");
		exit(1);
	}
	port = FIRST_PORT;
}

/* The share of worker @id; its exit status says whether all agreed. */
static int work(int id)
{
	int found = 0, done = 0;

	open_or_die();
	for (int i = id; i < options.sequences && found < options.max_found; i += WORKERS) {
		if (done++ % FRESH == FRESH - 1) {
			worlds_close(worlds);
			open_or_die();
		}
		found += !!examine(options.from + i);
		fflush(stdout);
	}
	return found ? 1 : 0;
}

/* All workers agree that TCP and Tern agree. */
static bool compare(void)
{
	bool ok = true;
	int status;

	fflush(stdout);
	for (int id = 0; id < WORKERS; id++)
		if (!fork())
			_exit(work(id));
	while (wait(&status) > 0)
		ok &= !status;
	return ok;
}

/* Would it be noticed? A planted difference must be found and shrunk. */
static bool notices(void)
{
	int calls = 0;

	open_or_die();
	options.plant = true;
	for (uint64_t seed = 1; !calls; seed++)
		calls = examine(seed);
	options.plant = false;
	worlds_close(worlds);
	return calls == 1;
}

/*
 * While somebody asks for time stamps the kernel has other code in place. It is
 * not to change it with every other call: emulators do not like that.
 */
static void keep_timestamps_on(void)
{
	sock_set(socket(AF_INET, SOCK_DGRAM, 0), SOL_SOCKET, SO_TIMESTAMP, 1);
}

static int show_one(uint64_t seed, char *ops)
{
	bool keep[MAX_OPS];
	struct difference d;

	open_or_die();
	sequence_make(&sequence, seed);
	for (int i = 0; i < MAX_OPS; i++)
		keep[i] = !ops;
	for (char *s = ops ? strtok(ops, ",") : NULL; s; s = strtok(NULL, ","))
		keep[atoi(s) % MAX_OPS] = true;
	run(keep, &d, true);
	return d.at >= 0;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "ops", required_argument, NULL, 'o' },
		{ "from", required_argument, NULL, 'f' },
		{ "sequences", required_argument, NULL, 'n' },
		{ "max", required_argument, NULL, 'm' },
		{}
	};
	struct sigaction pipe = { .sa_handler = on_sigpipe }, late = { .sa_handler = on_alarm };
	const char *why = door_missing(&doors[DOOR_TERN_V6]);
	uint64_t seed = 0;
	char *ops = NULL;
	int opt;

	options.sequences = getenv("TERN_LONG") ? SEQUENCES_LONG : SEQUENCES;
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (opt) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'o':
			ops = optarg;
			break;
		case 'f':
			options.from = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			options.sequences = atoi(optarg);
			break;
		case 'm':
			options.max_found = atoi(optarg);
			break;
		default:
			return 1;
		}
	}
	sigaction(SIGPIPE, &pipe, NULL);
	sigaction(SIGALRM, &late, NULL);
	keep_timestamps_on();
	if (seed)
		return show_one(seed, ops);

	ksft_print_header();
	if (why)
		ksft_exit_skip("%s\n", why);
	ksft_set_plan(2);
	ksft_test_result(notices(), "a planted difference is found and shrunk\n");
	ksft_test_result(compare(), "%d sequences, the same on TCP and on Tern\n",
			 options.sequences);
	ksft_finished();
}
