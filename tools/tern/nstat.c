// SPDX-License-Identifier: GPL-2.0
/*
 * tern nstat: what the counters of this network namespace have gained since the
 * last call. As nstat(8) does, it remembers them in a file of the user's; here
 * each namespace has its own.
 */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

struct args {
	bool absolute;
	bool forget;
	bool keep;
	bool silent;
	bool zeros;
	bool json;
	char **patterns;	/* up to a NULL, or NULL for all */
};

struct counter {
	char name[64];
	unsigned long long value;
};

struct counters {
	size_t n;
	struct counter at[256];
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'a':
		args->absolute = true;
		return 0;
	case 'r':
		args->forget = true;
		return 0;
	case 's':
		args->keep = true;
		return 0;
	case 'n':
		args->silent = true;
		return 0;
	case 'z':
		args->zeros = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARG:
		(void)arg;
		args->patterns = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "ignore", 'a', NULL, 0, "Show what they have counted since the module was loaded", 0 },
	{ "reset", 'r', NULL, 0, "Forget earlier calls", 0 },
	{ "noupdate", 's', NULL, 0, "Do not remember this call", 0 },
	{ "nooutput", 'n', NULL, 0, "Only remember, show nothing", 0 },
	{ "zeros", 'z', NULL, 0, "Also those that are zero", 0 },
	{ "json", 'j', NULL, 0, "Write JSON", 0 },
	{ 0 }
};

static const struct argp nstat_command = {
	.options = options,
	.parser = parse,
	.args_doc = "[PATTERN...]",
	.doc = "Show what the counters of this network namespace have gained since you asked last."
	       AFTER_OPTIONS
	       "A PATTERN is a name or a shell's wildcard for some: tern nstat 'In*Errs'.",
};

static bool wanted(const struct args *args, const char *name)
{
	if (!args->patterns)
		return true;
	for (char **pattern = args->patterns; *pattern; pattern++)
		if (!fnmatch(*pattern, name, 0))
			return true;
	return false;
}

static void read_counters(FILE *file, struct counters *to)
{
	struct counter *c = to->at;

	while (to->n < ARRAY_SIZE(to->at) && fscanf(file, "%63s %llu", c->name, &c->value) == 2) {
		to->n++;
		c++;
	}
}

/*
 * The user's file for this namespace. In a directory that all may write to, it
 * is not trusted unless it is ours alone.
 */
static FILE *open_history(void)
{
	const char *named = getenv("TERN_NSTAT_HISTORY");
	struct stat ns, st;
	char path[128];
	FILE *file;
	int fd;

	if (stat("/proc/self/ns/net", &ns))
		ns.st_ino = 0;
	snprintf(path, sizeof(path), "/tmp/.tern-nstat.u%u.n%lu", getuid(),
		 (unsigned long)ns.st_ino);
	fd = open(named ? named : path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st)) {
		warn("%s", named ? named : path);
		return NULL;
	}
	if (st.st_uid != getuid() || st.st_nlink != 1 || !S_ISREG(st.st_mode)) {
		warnx("%s: is not a file of yours", named ? named : path);
		close(fd);
		return NULL;
	}
	file = fdopen(fd, "r+");
	if (!file)
		err(FAILED, "memory");
	return file;
}

static void write_history(FILE *file, const struct counters *now)
{
	rewind(file);
	if (ftruncate(fileno(file), 0))
		warn("history");
	for (size_t i = 0; i < now->n; i++)
		fprintf(file, "%s %llu\n", now->at[i].name, now->at[i].value);
}

/* This one says how many there are. */
static bool is_gauge(const char *name)
{
	return !strcmp(name, "CurrEstab");
}

/* Has the module been loaded anew since then? */
static bool began_anew(const struct counters *then, const struct counters *now)
{
	if (then->n != now->n)
		return true;
	for (size_t i = 0; i < now->n; i++)
		if (strcmp(then->at[i].name, now->at[i].name) ||
		    (now->at[i].value < then->at[i].value && !is_gauge(now->at[i].name)))
			return true;
	return false;
}

static void print_counters(const struct args *args, const struct counters *then,
			   const struct counters *now)
{
	bool delta = !args->absolute && !began_anew(then, now);
	const char *before = "";

	if (args->json)
		printf("{\"tern\":{");
	for (size_t i = 0; i < now->n; i++) {
		const char *name = now->at[i].name;
		unsigned long long value = now->at[i].value;

		if (delta && !is_gauge(name))
			value -= then->at[i].value;
		if ((!value && !args->zeros) || !wanted(args, name))
			continue;
		if (args->json)
			printf("%s\"%s\":%llu", before, name, value);
		else
			printf("%-20s %llu\n", name, value);
		before = ",";
	}
	if (args->json)
		puts("}}");
}

int nstat_main(int argc, char **argv)
{
	struct counters then = { 0 }, now = { 0 };
	struct args args = { 0 };
	FILE *file, *history = NULL;

	argp_parse(&nstat_command, argc, argv, 0, NULL, &args);

	file = proc_open("snmp");
	if (!file)
		return FAILED;
	read_counters(file, &now);
	fclose(file);

	if (!args.absolute || !args.keep) {
		history = open_history();
		if (!history)
			return FAILED;
		if (!args.forget)
			read_counters(history, &then);
	}
	if (!args.silent)
		print_counters(&args, &then, &now);
	if (history && !args.keep)
		write_history(history, &now);
	if (history && fclose(history)) {
		warn("history");
		return FAILED;
	}
	return DONE;
}
