// SPDX-License-Identifier: GPL-2.0
/*
 * Header and options of a segment: checking, parsing and writing. Pure arithmetic on
 * bytes, no state and no locks; called by the receive path on untrusted input and by
 * the transmit path on what it built itself.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#include "wire.h"

#define MSS_LEN		4
#define TAG_LEN		6
#define SACK_LEN(n)	(2 + 8 * (n))

/* options are aligned to nothing */
static u32 get_u32(const u8 *p)
{
	__be32 v;

	memcpy(&v, p, sizeof(v));
	return be32_to_cpu(v);
}

static u8 *put_u32(u8 *p, u32 value)
{
	__be32 v = cpu_to_be32(value);

	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/**
 * tern_header_check - is there a whole header, of this version?
 * @th: the first TERN_HLEN_MIN bytes of a segment
 * @len: bytes of the segment, at least these; more need not be readable
 *
 * Return: bytes of header and options, or 0 when not: the segment is dropped.
 */
unsigned int tern_header_check(const struct tern_hdr *th, unsigned int len)
{
	unsigned int hdr_len = tern_hdr_len(th);

	if (tern_hdr_version(th) != TERN_VERSION || hdr_len < TERN_HLEN_MIN || hdr_len > len)
		return 0;
	return hdr_len;
}

static int parse_sack(const u8 *value, unsigned int len, struct tern_options *opts)
{
	unsigned int i, n = len / 8;

	if (!n || len % 8 || n > TERN_SACK_BLOCKS)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		opts->sack[i].start = get_u32(value + 8 * i);
		opts->sack[i].end = get_u32(value + 8 * i + 4);
	}
	opts->nr_sack = n;
	return 0;
}

static int parse_one(u8 kind, const u8 *value, unsigned int len, struct tern_options *opts)
{
	switch (kind) {
	case TERN_OPT_MSS:
		if (len != MSS_LEN - 2)
			return -EINVAL;
		opts->mss = value[0] << 8 | value[1];
		return 0;
	case TERN_OPT_TAG:
		if (len != TAG_LEN - 2)
			return -EINVAL;
		opts->tag = get_u32(value);
		return 0;
	case TERN_OPT_SACK:
		return parse_sack(value, len, opts);
	default:
		return 0;
	}
}

/**
 * tern_options_parse - read the options of a received segment
 * @p: first byte after the fixed header
 * @len: bytes of options, as the header length says; all of them readable
 * @opts: filled in; all zero where an option is absent
 *
 * Unknown kinds are skipped by their length. Of an option that stands twice
 * the last one counts.
 *
 * Return: 0, or -EINVAL when a length does not fit: the segment is dropped.
 */
int tern_options_parse(const u8 *p, unsigned int len, struct tern_options *opts)
{
	const u8 *end = p + len;

	opts->tag = 0;
	opts->mss = 0;
	opts->nr_sack = 0;

	while (p < end) {
		if (*p == TERN_OPT_PAD) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return -EINVAL;
		if (parse_one(p[0], p + 2, p[1] - 2, opts))
			return -EINVAL;
		p += p[1];
	}
	return 0;
}

/**
 * tern_options_len - room that options take in a header
 * @opts: what is to be written
 *
 * Return: bytes, a multiple of 4.
 */
unsigned int tern_options_len(const struct tern_options *opts)
{
	unsigned int len = 0;

	if (opts->mss)
		len += MSS_LEN;
	if (opts->tag)
		len += TAG_LEN;
	if (opts->nr_sack)
		len += SACK_LEN(opts->nr_sack);
	return (len + 3) & ~3u;
}

/**
 * tern_options_write - write options behind a header
 * @p: first byte after the fixed header, tern_options_len() bytes of room
 * @opts: what to write; SACK blocks in host byte order
 */
void tern_options_write(u8 *p, const struct tern_options *opts)
{
	u8 *end = p + tern_options_len(opts);
	unsigned int i;

	if (opts->mss) {
		*p++ = TERN_OPT_MSS;
		*p++ = MSS_LEN;
		*p++ = opts->mss >> 8;
		*p++ = opts->mss & 0xff;
	}
	if (opts->tag) {
		*p++ = TERN_OPT_TAG;
		*p++ = TAG_LEN;
		p = put_u32(p, opts->tag);
	}
	if (opts->nr_sack) {
		*p++ = TERN_OPT_SACK;
		*p++ = SACK_LEN(opts->nr_sack);
		for (i = 0; i < opts->nr_sack; i++) {
			p = put_u32(p, opts->sack[i].start);
			p = put_u32(p, opts->sack[i].end);
		}
	}
	memset(p, TERN_OPT_PAD, end - p);
}
