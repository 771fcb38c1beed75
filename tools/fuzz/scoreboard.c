// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: whatever happens to a connection with bytes in flight, and
 * whatever its peer says, in the module's own scoreboard, retransmission queue
 * and RACK. The fuzzer throws the dice of selftests/kunit/flight_step.c; after
 * every throw the queue must agree with the record. `make fuzz` runs it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "flight.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void judge(const char *trouble)
{
	if (!*trouble)
		return;
	fprintf(stderr, "scoreboard: %s\n", trouble);
	abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dice dice = { .bytes = data, .left = size };
	struct flight *f = flight_new(0u - 300);
	bool honest = size && dice_roll(&dice, 2);

	while (dice.left > 1) {
		flight_step(f, &dice, honest);
		judge(flight_check(f));
	}
	judge(flight_free(f));
	return 0;
}
