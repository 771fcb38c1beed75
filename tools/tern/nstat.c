// SPDX-License-Identifier: GPL-2.0
/*
 * tern nstat: the counters of this network namespace.
 */
#include <argp.h>
#include <fnmatch.h>

#include "tool.h"

struct args {
	bool zeros;
	char **patterns;	/* up to a NULL, or NULL for all */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'z':
		args->zeros = true;
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
	{ "zeros", 'z', NULL, 0, "Also those that are zero", 0 },
	{ 0 }
};

static const struct argp nstat_command = {
	.options = options,
	.parser = parse,
	.args_doc = "[PATTERN...]",
	.doc = "Show the counters of this network namespace that are not zero." AFTER_OPTIONS
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

int nstat_main(int argc, char **argv)
{
	struct args args = { 0 };
	unsigned long long value;
	char name[64];
	FILE *file;

	argp_parse(&nstat_command, argc, argv, 0, NULL, &args);

	file = proc_open("snmp");
	if (!file)
		return FAILED;
	while (fscanf(file, "%63s %llu", name, &value) == 2)
		if ((value || args.zeros) && wanted(&args, name))
			printf("%-20s %llu\n", name, value);
	fclose(file);
	return DONE;
}
