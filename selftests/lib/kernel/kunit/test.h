/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit's interface (include/kunit/test.h), what the tests in selftests/kunit
 * use of it, for a program: ../kunit.c runs the suites and prints KTAP.
 */
#ifndef _TERN_TEST_KUNIT_H
#define _TERN_TEST_KUNIT_H

#include <setjmp.h>

#include "../pure.h"

/**
 * struct kunit - a test case that runs
 * @priv: the suite's, from its init to its exit
 * @name: of the case
 * @failed: an expectation was not met
 * @give_up: where a failed assertion goes
 */
struct kunit {
	void *priv;
	const char *name;
	bool failed;
	jmp_buf give_up;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char name[256];
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
	struct kunit_suite *next;
};

#define KUNIT_CASE(function)	{ .run_case = function, .name = #function }

void kunit_register(struct kunit_suite *suite);

#define kunit_test_suite(suite) \
	static void __attribute__((constructor)) register_##suite(void) \
	{ \
		kunit_register(&suite); \
	} \
	struct kunit

/* the values are printed where the condition compares two */
void kunit_fail(struct kunit *test, bool fatal, const char *file, int line, const char *condition,
		const long long *left, const long long *right, const char *format, ...)
	__attribute__((format(printf, 8, 9)));

#define KUNIT_TRUTH(test, fatal, condition, wanted, ...) do { \
	if ((bool)(condition) != (wanted)) \
		kunit_fail(test, fatal, __FILE__, __LINE__, #condition " is " #wanted, \
			   NULL, NULL, " " __VA_ARGS__); \
} while (0)

#define KUNIT_COMPARE(test, fatal, left, op, right, ...) do { \
	__typeof__(left) _left = (left); \
	__typeof__(right) _right = (right); \
	if (!(_left op _right)) { \
		long long _l = (long long)_left, _r = (long long)_right; \
		kunit_fail(test, fatal, __FILE__, __LINE__, #left " " #op " " #right, \
			   &_l, &_r, " " __VA_ARGS__); \
	} \
} while (0)

#define KUNIT_STRINGS(test, fatal, left, right, ...) do { \
	const char *_left = (left), *_right = (right); \
	if (strcmp(_left, _right)) \
		kunit_fail(test, fatal, __FILE__, __LINE__, #left " is " #right, \
			   NULL, NULL, "\"%s\", \"%s\"", _left, _right); \
} while (0)

#define KUNIT_EXPECT_TRUE(test, c)		KUNIT_TRUTH(test, false, c, true)
#define KUNIT_EXPECT_FALSE(test, c)		KUNIT_TRUTH(test, false, c, false)
#define KUNIT_EXPECT_EQ(test, l, r)		KUNIT_COMPARE(test, false, l, ==, r)
#define KUNIT_EXPECT_NE(test, l, r)		KUNIT_COMPARE(test, false, l, !=, r)
#define KUNIT_EXPECT_LT(test, l, r)		KUNIT_COMPARE(test, false, l, <, r)
#define KUNIT_EXPECT_LE(test, l, r)		KUNIT_COMPARE(test, false, l, <=, r)
#define KUNIT_EXPECT_GT(test, l, r)		KUNIT_COMPARE(test, false, l, >, r)
#define KUNIT_EXPECT_GE(test, l, r)		KUNIT_COMPARE(test, false, l, >=, r)
#define KUNIT_EXPECT_STREQ(test, l, r)		KUNIT_STRINGS(test, false, l, r)
#define KUNIT_EXPECT_PTR_EQ(test, l, r)		KUNIT_TRUTH(test, false, (l) == (r), true)
#define KUNIT_EXPECT_NULL(test, p)		KUNIT_TRUTH(test, false, (p) == NULL, true)
#define KUNIT_EXPECT_NOT_NULL(test, p)		KUNIT_TRUTH(test, false, (p) != NULL, true)

#define KUNIT_ASSERT_TRUE(test, c)		KUNIT_TRUTH(test, true, c, true)
#define KUNIT_ASSERT_FALSE(test, c)		KUNIT_TRUTH(test, true, c, false)
#define KUNIT_ASSERT_EQ(test, l, r)		KUNIT_COMPARE(test, true, l, ==, r)
#define KUNIT_ASSERT_NE(test, l, r)		KUNIT_COMPARE(test, true, l, !=, r)
#define KUNIT_ASSERT_LE(test, l, r)		KUNIT_COMPARE(test, true, l, <=, r)
#define KUNIT_ASSERT_GE(test, l, r)		KUNIT_COMPARE(test, true, l, >=, r)
#define KUNIT_ASSERT_STREQ(test, l, r)		KUNIT_STRINGS(test, true, l, r)
#define KUNIT_ASSERT_NOT_NULL(test, p)		KUNIT_TRUTH(test, true, (p) != NULL, true)

#define KUNIT_EXPECT_TRUE_MSG(test, c, ...)	KUNIT_TRUTH(test, false, c, true, __VA_ARGS__)
#define KUNIT_EXPECT_EQ_MSG(test, l, r, ...) \
	KUNIT_COMPARE(test, false, l, ==, r, __VA_ARGS__)
#define KUNIT_EXPECT_NE_MSG(test, l, r, ...) \
	KUNIT_COMPARE(test, false, l, !=, r, __VA_ARGS__)
#define KUNIT_EXPECT_LT_MSG(test, l, r, ...) \
	KUNIT_COMPARE(test, false, l, <, r, __VA_ARGS__)
#define KUNIT_EXPECT_LE_MSG(test, l, r, ...) \
	KUNIT_COMPARE(test, false, l, <=, r, __VA_ARGS__)

#endif
