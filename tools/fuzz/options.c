// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: the parser of what a segment brings, in the module's own
 * code, under the address and undefined-behaviour sanitizers. What it accepts
 * must be writable again, and come back the same. `make fuzz` runs it.
 */
#include <stdlib.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct tern_options first, second;
	u8 written[TERN_OPT_MAX];
	unsigned int len;

	if (size > TERN_OPT_MAX || tern_options_parse(data, size, &first))
		return 0;
	len = tern_options_len(&first);
	if (len > TERN_OPT_MAX)
		abort();
	tern_options_write(written, &first);
	if (tern_options_parse(written, len, &second) || first.tag != second.tag ||
	    first.mss != second.mss || first.nr_sack != second.nr_sack ||
	    memcmp(first.sack, second.sack, first.nr_sack * sizeof(*first.sack)))
		abort();
	return 0;
}
