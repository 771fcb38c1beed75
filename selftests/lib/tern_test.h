/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test program of Tern opens with DOOR_FIXTURE(name), and each TEST_F(name,
 * ...) then runs once through every door, in a network namespace of its own;
 * self->door is the door in use. Four of the doors are Tern's, two are TCP's.
 * TCP is the reference: a test states what TCP does, and both must do it.
 */
#ifndef TERN_TEST_H
#define TERN_TEST_H

#include "kselftest_harness.h"
#include "tern_lib.h"

#define DOOR_FIXTURE_COMMON(fixture)					\
	FIXTURE(fixture) {						\
		const struct door *door;				\
		int ns;							\
	};								\
	FIXTURE_VARIANT(fixture) {					\
		enum door_id id;					\
	};								\
	FIXTURE_SETUP(fixture) {					\
		const char *why;					\
									\
		self->door = &doors[variant->id];			\
		why = door_missing(self->door);				\
		if (why)						\
			SKIP(return, "%s: %s", self->door->name, why);	\
		self->ns = netns_new();					\
		ASSERT_LE(0, self->ns);					\
	}								\
	FIXTURE_TEARDOWN(fixture) {					\
	}

#define DOOR_VARIANT(fixture, name, door)				\
	FIXTURE_VARIANT_ADD(fixture, name) { .id = door }

/* Tern's doors only. */
#define TERN_FIXTURE(fixture)						\
	DOOR_FIXTURE_COMMON(fixture);					\
	DOOR_VARIANT(fixture, tern_v4, DOOR_TERN_V4);			\
	DOOR_VARIANT(fixture, tern_v6, DOOR_TERN_V6);			\
	DOOR_VARIANT(fixture, proto_v4, DOOR_PROTO_V4);			\
	DOOR_VARIANT(fixture, proto_v6, DOOR_PROTO_V6)

/* Every door: for whatever TCP does too. */
#define DOOR_FIXTURE(fixture)						\
	TERN_FIXTURE(fixture);						\
	DOOR_VARIANT(fixture, tcp_v4, DOOR_TCP_V4);			\
	DOOR_VARIANT(fixture, tcp_v6, DOOR_TCP_V6)

/* The doors of IPv6, which have IPv4 behind them too, see door_sibling(). */
#define DUAL_FIXTURE(fixture)						\
	DOOR_FIXTURE_COMMON(fixture);					\
	DOOR_VARIANT(fixture, tern_v6, DOOR_TERN_V6);			\
	DOOR_VARIANT(fixture, proto_v6, DOOR_PROTO_V6);			\
	DOOR_VARIANT(fixture, tcp_v6, DOOR_TCP_V6)

/* The call must fail with this error. */
#define EXPECT_ERRNO(error, call) do {					\
	int __err;							\
									\
	errno = 0;							\
	__err = (call) < 0 ? errno : 0;					\
	EXPECT_EQ(error, __err) {					\
		TH_LOG("%s: %s", #call, strerror(__err));		\
	}								\
} while (0)

#endif /* TERN_TEST_H */
