/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The segment as it stands in a packet, and every limit of the format.
 * Documentation/protocol.rst is normative; this is its transcription.
 */
#ifndef _TERN_WIRE_H
#define _TERN_WIRE_H

#include <linux/types.h>

#define TERN_VERSION		1
#define TERN_HLEN_MIN		32	/* header without options, bytes */
#define TERN_HLEN_MAX		252	/* 63 words */
#define TERN_OPT_MAX		(TERN_HLEN_MAX - TERN_HLEN_MIN)

/* with any options, in a packet of either version of IP */
#define TERN_PAYLOAD_MAX	(65535 - 40 - TERN_HLEN_MAX)

#define TERN_FIN		0x01
#define TERN_SYN		0x02
#define TERN_RST		0x04
#define TERN_PSH		0x08
#define TERN_ACK		0x10
#define TERN_ECE		0x40
#define TERN_CWR		0x80

#define TERN_OPT_PAD		0	/* a single byte, no length */
#define TERN_OPT_MSS		1
#define TERN_OPT_TAG		2
#define TERN_OPT_SACK		3

#define TERN_SACK_BLOCKS	4	/* most blocks in one option */

#define TERN_MSS_DEFAULT_V4	536	/* without an MSS option, RFC 9293 3.7.1 */
#define TERN_MSS_DEFAULT_V6	1220
#define TERN_MSS_MIN		88	/* the smallest MSS that is believed */

/**
 * struct tern_hdr - header of every segment, network byte order
 * @source: source port
 * @dest: destination port
 * @seq: sequence number of the first byte of payload (of SYN, where set)
 * @ver_hlen: version in the upper 2 bits, header length in 4-byte words below
 * @flags: TERN_FIN ... TERN_CWR
 * @check: Internet checksum over pseudo-header, header and payload
 * @ack_seq: next sequence number expected, valid with TERN_ACK
 * @window: bytes that the sender is ready to take beyond @ack_seq
 * @tag: verification tag, the one that the receiver of this segment chose
 * @tsval: sender's clock, microseconds from an arbitrary origin
 * @tsecr: the @tsval being echoed, valid with TERN_ACK
 */
struct tern_hdr {
	__be16	source;
	__be16	dest;
	__be32	seq;
	__u8	ver_hlen;
	__u8	flags;
	__sum16	check;
	__be32	ack_seq;
	__be32	window;
	__be32	tag;
	__be32	tsval;
	__be32	tsecr;
};

/**
 * struct tern_sack_block - a run of bytes that arrived, host byte order
 * @start: first sequence number of the run
 * @end: the one after the last
 */
struct tern_sack_block {
	u32 start;
	u32 end;
};

/**
 * struct tern_options - options of one segment, host byte order
 * @tag: value of TAG, 0 where absent
 * @mss: value of MSS, 0 where absent
 * @nr_sack: number of blocks in @sack
 * @sack: SACK blocks in the order of the wire
 */
struct tern_options {
	u32 tag;
	u16 mss;
	u8 nr_sack;
	struct tern_sack_block sack[TERN_SACK_BLOCKS];
};

static inline unsigned int tern_hdr_len(const struct tern_hdr *th)
{
	return (th->ver_hlen & 0x3f) * 4;
}

static inline u8 tern_hdr_version(const struct tern_hdr *th)
{
	return th->ver_hlen >> 6;
}

static inline u8 tern_ver_hlen(unsigned int hdr_len)
{
	return TERN_VERSION << 6 | hdr_len / 4;
}

unsigned int tern_header_check(const struct tern_hdr *th, unsigned int len);
int tern_options_parse(const u8 *p, unsigned int len, struct tern_options *opts);
unsigned int tern_options_len(const struct tern_options *opts);
void tern_options_write(u8 *p, const struct tern_options *opts);

#endif
