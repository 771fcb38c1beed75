// SPDX-License-Identifier: GPL-2.0
/*
 * The differences from TCP that are meant: each is documented, and even there
 * Tern must give the answer that the documentation promises.
 *
 * What is never drawn, since TCP's answer makes no sense (tern(7) has all of it):
 * - connect() to an IPv6 address on a socket that has tried a v4-mapped one. TCP
 *   leaves the socket with the functions of IPv4.
 * - listen() after shutdown(), or connect() to oneself. TCP sends a FIN as soon
 *   as the connection is there.
 * - SIOCOUTQ of a socket that is CLOSED, and TCP_NOTSENT_LOWAT below what TCP's
 *   sequence numbers happen to say there is to send then.
 */
#include "differ.h"

/* Sends nothing, to hear only whether one could. */
static void send_nothing(struct op *op)
{
	op->arg[0] = 0;
	if (op->kind == &op_sendmsg)
		op->arg[1] = 0;
}

static bool sends_urgent_data(const struct op *op)
{
	if (op->kind == &op_send)
		return op->arg[1] & MSG_OOB && op->arg[0];
	return op->kind == &op_sendmsg && op->arg[2] & MSG_OOB && op->arg[0] + op->arg[1];
}

static const struct explained table[] = {
	{ sends_urgent_data, send_nothing, "-1 EOPNOTSUPP",
	  "a stream has no urgent data", "tern(7), DIFFERENCES FROM TCP" },
	{ op_option_absent, NULL, "-1 ENOPROTOOPT",
	  "it is about something that Tern does not have", "tern(7), Socket options" },
};

const struct explained *op_explained(const struct op *op)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].applies(op))
			return &table[i];
	return NULL;
}
