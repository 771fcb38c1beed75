// SPDX-License-Identifier: GPL-2.0
/* The header's arithmetic and its options (module/wire.h, wire.c), as anybody may send them. */
#include <kunit/test.h>
#include <linux/slab.h>

#include "dice.h"
#include "wire.h"

/* a debug kernel is slow, and may be emulated */
#ifdef __KERNEL__
#define ROUNDS	10000
#else
#define ROUNDS	200000
#endif

static void header_length_and_version_share_a_byte(struct kunit *test)
{
	struct tern_hdr th = { };
	unsigned int len;

	KUNIT_EXPECT_EQ(test, sizeof(th), (size_t)TERN_HLEN_MIN);
	for (len = TERN_HLEN_MIN; len <= TERN_HLEN_MAX; len += 4) {
		th.ver_hlen = tern_ver_hlen(len);
		KUNIT_EXPECT_EQ(test, tern_hdr_len(&th), len);
		KUNIT_EXPECT_EQ(test, tern_hdr_version(&th), TERN_VERSION);
	}
	/* no byte says more than there is room for */
	th.ver_hlen = 0xff;
	KUNIT_EXPECT_EQ(test, tern_hdr_len(&th), TERN_HLEN_MAX);
	KUNIT_EXPECT_EQ(test, tern_hdr_version(&th), 3);
}

static void options_come_back_as_written(struct kunit *test)
{
	struct tern_options out = { .tag = 0x80000001, .mss = 65535, .nr_sack = 4 }, in;
	u8 bytes[TERN_OPT_MAX];
	int i;

	for (i = 0; i < 4; i++)
		out.sack[i] = (struct tern_sack_block){ 0xfffffff0u + i, 100u * i };
	for (out.nr_sack = 0; out.nr_sack <= 4; out.nr_sack++) {
		unsigned int len = tern_options_len(&out);

		KUNIT_ASSERT_LE(test, len, TERN_OPT_MAX);
		KUNIT_EXPECT_EQ(test, len % 4, 0);
		tern_options_write(bytes, &out);
		KUNIT_ASSERT_EQ(test, tern_options_parse(bytes, len, &in), 0);
		KUNIT_EXPECT_EQ(test, out.tag, in.tag);
		KUNIT_EXPECT_EQ(test, out.mss, in.mss);
		KUNIT_ASSERT_EQ(test, out.nr_sack, in.nr_sack);
		for (i = 0; i < out.nr_sack; i++) {
			KUNIT_EXPECT_EQ(test, out.sack[i].start, in.sack[i].start);
			KUNIT_EXPECT_EQ(test, out.sack[i].end, in.sack[i].end);
		}
	}
}

/* Each in memory of just its size: a byte read beyond it is found. */
static void options_of_any_bytes_are_not_read_beyond(struct kunit *test)
{
	struct dice dice = { .state = 1 };
	int round;

	for (round = 0; round < ROUNDS; round++) {
		unsigned int i, len = dice_roll(&dice, TERN_OPT_MAX + 1);
		u8 *bytes = kmalloc(len, GFP_KERNEL);
		struct tern_options opts;
		bool accepted;

		KUNIT_ASSERT_NOT_NULL(test, bytes);
		for (i = 0; i < len; i++)
			bytes[i] = dice_roll(&dice, 4) ? dice_roll(&dice, 12) : dice_u32(&dice);
		accepted = !tern_options_parse(bytes, len, &opts);
		kfree(bytes);
		if (accepted)
			KUNIT_ASSERT_LE(test, opts.nr_sack, TERN_SACK_BLOCKS);
		cond_resched();
	}
}

static void options_with_bad_lengths_are_refused(struct kunit *test)
{
	static const u8 bad[][4] = {
		{ 1, 0, 0, 0 }, { 1, 1, 0, 0 }, { 1, 3, 0, 0 }, { 1, 5, 0, 0 },
		{ 2, 4, 0, 0 }, { 2, 8, 0, 0 }, { 3, 2, 0, 0 }, { 3, 9, 0, 0 },
		{ 9, 0, 0, 0 }, { 9, 5, 0, 0 }, { 0, 0, 0, 9 },
	};
	struct tern_options opts;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_NE_MSG(test, tern_options_parse(bad[i], 4, &opts), 0,
				    "option %u %u", bad[i][0], bad[i][1]);
}

static void options_with_bad_block_counts_are_refused(struct kunit *test)
{
	u8 bytes[2 + 8 * (TERN_SACK_BLOCKS + 1)] = { TERN_OPT_SACK };
	struct tern_options opts;
	unsigned int len;

	for (len = 2; len <= sizeof(bytes); len++) {
		bool good = len > 2 && (len - 2) % 8 == 0 && (len - 2) / 8 <= TERN_SACK_BLOCKS;

		bytes[1] = len;
		KUNIT_EXPECT_EQ_MSG(test, !tern_options_parse(bytes, len, &opts), good,
				    "%u bytes", len);
	}
}

/* of a version, longer than the segment, shorter than a header: all of them */
static void headers_that_are_not_whole_are_refused(struct kunit *test)
{
	struct tern_hdr th = { };
	unsigned int byte, len;

	for (byte = 0; byte < 256; byte++) {
		unsigned int hdr_len = (byte & 63) * 4;

		th.ver_hlen = byte;
		for (len = TERN_HLEN_MIN; len <= 256; len++) {
			bool good = byte >> 6 == TERN_VERSION && hdr_len >= TERN_HLEN_MIN &&
				    hdr_len <= len;

			KUNIT_EXPECT_EQ_MSG(test, tern_header_check(&th, len),
					    good ? hdr_len : 0, "%u in %u bytes", byte, len);
		}
	}
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE(header_length_and_version_share_a_byte),
	KUNIT_CASE(headers_that_are_not_whole_are_refused),
	KUNIT_CASE(options_come_back_as_written),
	KUNIT_CASE(options_of_any_bytes_are_not_read_beyond),
	KUNIT_CASE(options_with_bad_lengths_are_refused),
	KUNIT_CASE(options_with_bad_block_counts_are_refused),
	{ }
};

static struct kunit_suite wire_suite = {
	.name = "tern_wire",
	.test_cases = wire_cases,
};

kunit_test_suite(wire_suite);
