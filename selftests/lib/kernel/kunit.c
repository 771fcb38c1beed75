// SPDX-License-Identifier: GPL-2.0
/*
 * Runs KUnit suites in a program: each case in its turn, the results in KTAP
 * on the standard output, nested as KUnit has them. The status is 0 only if
 * all passed. A name as argument: only that suite.
 */
#include <stdarg.h>

#include "kunit/test.h"

static struct kunit_suite *suites, **last = &suites;

/**
 * kunit_register - add a suite to those that will run
 * @suite: the caller's, for good
 */
void kunit_register(struct kunit_suite *suite)
{
	*last = suite;
	last = &suite->next;
}

/**
 * kunit_fail - say what is not as it should be
 * @test: case; it goes on, or ends here
 * @fatal: which of these
 * @file: source
 * @line: there
 * @condition: what was expected
 * @left: value on the left of it, NULL for none
 * @right: value on the right
 * @format: what else there is to say
 */
void kunit_fail(struct kunit *test, bool fatal, const char *file, int line, const char *condition,
		const long long *left, const long long *right, const char *format, ...)
{
	char more[300];
	va_list args;

	va_start(args, format);
	vsnprintf(more, sizeof(more), format, args);
	va_end(args);
	printf("    # %s: %s FAILED at %s:%d\n    # expected: %s\n", test->name,
	       fatal ? "ASSERTION" : "EXPECTATION", file, line, condition);
	if (left)
		printf("    # got: %lld (0x%llx), %lld (0x%llx)\n", *left, *left, *right, *right);
	if (more[1])
		printf("    #%s\n", more);
	test->failed = true;
	if (fatal)
		longjmp(test->give_up, 1);
}

static bool run_case(struct kunit_suite *suite, struct kunit_case *c)
{
	struct kunit test = { .name = c->name };

	if (suite->init && suite->init(&test)) {
		printf("    # %s: the suite's init failed\n", c->name);
		return false;
	}
	if (!setjmp(test.give_up))
		c->run_case(&test);
	if (!setjmp(test.give_up) && suite->exit)
		suite->exit(&test);
	return !test.failed;
}

static bool run_suite(struct kunit_suite *suite)
{
	int n = 0, failed = 0;

	while (suite->test_cases[n].run_case)
		n++;
	printf("    KTAP version 1\n    # Subtest: %s\n    1..%d\n", suite->name, n);
	for (int i = 0; i < n; i++) {
		bool passed = run_case(suite, &suite->test_cases[i]);

		printf("    %sok %d %s\n", passed ? "" : "not ", i + 1, suite->test_cases[i].name);
		failed += !passed;
	}
	return !failed;
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	int n = 0, at = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct kunit_suite *s = suites; s; s = s->next)
		n += !only || !strcmp(s->name, only);
	printf("KTAP version 1\n1..%d\n", n);
	for (struct kunit_suite *s = suites; s; s = s->next) {
		bool passed;

		if (only && strcmp(s->name, only))
			continue;
		passed = run_suite(s);
		printf("%sok %d %s\n", passed ? "" : "not ", ++at, s->name);
		failed += !passed;
	}
	return failed || !n;
}
