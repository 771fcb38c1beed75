// SPDX-License-Identifier: GPL-2.0
/*
 * Text: what calls returned and what they were, in words that do not depend on
 * the protocol.
 */
#include <stdarg.h>
#include <stdio.h>

#include "differ.h"

void say(struct text *t, const char *format, ...)
{
	size_t room = sizeof(t->s) - t->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->s + t->len, room, format, args);
	va_end(args);
	t->len += (size_t)n < room ? (size_t)n : room - 1;
}

void say_ret(struct text *t, long ret)
{
	if (ret < 0)
		say(t, "-1 %s", strerrorname_np(errno) ?: "an unknown errno");
	else
		say(t, "%ld", ret);
}

void say_bytes(struct text *t, const void *bytes, size_t len)
{
	const unsigned char *b = bytes;
	uint32_t sum = 2166136261;		/* FNV-1a */

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ b[i]) * 16777619;
	say(t, "%zu:", len);
	for (size_t i = 0; i < len && i < 16; i++)
		say(t, "%02x", b[i]);
	if (len > 16)
		say(t, "...%08x", sum);
}

void say_flags(struct text *t, const struct name *names, long flags)
{
	bool first = true;

	for (; names->text; names++) {
		if (!(flags & names->value))
			continue;
		say(t, "%s%s", first ? "" : " | ", names->text);
		flags &= ~names->value;
		first = false;
	}
	if (flags || first)
		say(t, "%s%#lx", first ? "" : " | ", flags);
}

void say_name(struct text *t, const struct name *names, long value)
{
	while (names->text && names->value != value)
		names++;
	if (names->text)
		say(t, "%s", names->text);
	else
		say(t, "%ld", value);
}
