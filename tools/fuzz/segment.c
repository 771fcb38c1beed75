// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: what the receive path reads of a segment before it believes
 * anything, header and options, in the module's own code, under the address and
 * undefined-behaviour sanitizers. Nothing may be read beyond the bytes that there
 * are; options that are accepted must be writable again, and come back the same.
 * `make fuzz` runs it.
 */
#include <stdlib.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void check_options(const u8 *data, unsigned int size)
{
	struct tern_options first, second;
	u8 written[TERN_OPT_MAX];
	unsigned int len;

	if (tern_options_parse(data, size, &first))
		return;
	len = tern_options_len(&first);
	if (len > TERN_OPT_MAX)
		abort();
	tern_options_write(written, &first);
	if (tern_options_parse(written, len, &second) || first.tag != second.tag ||
	    first.mss != second.mss || first.nr_sack != second.nr_sack ||
	    memcmp(first.sack, second.sack, first.nr_sack * sizeof(*first.sack)))
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	/* in memory of that size: one byte beyond it is a report */
	u8 *segment = malloc(size ?: 1);
	unsigned int hdr_len = 0;

	if (!segment)
		abort();
	memcpy(segment, data, size);
	if (size >= TERN_HLEN_MIN)
		hdr_len = tern_header_check((const struct tern_hdr *)segment, size);
	if (hdr_len) {
		if (hdr_len > size || hdr_len < TERN_HLEN_MIN || hdr_len > TERN_HLEN_MAX)
			abort();
		check_options(segment + TERN_HLEN_MIN, hdr_len - TERN_HLEN_MIN);
	}
	free(segment);
	return 0;
}
