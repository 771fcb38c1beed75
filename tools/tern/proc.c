// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/tern, of the network namespace that we run in.
 */
#include <err.h>
#include <errno.h>
#include <string.h>

#include "tool.h"

/**
 * proc_open() - open a file of /proc/net/tern
 * @file: its name there
 *
 * Return: the file, or NULL after telling the user why not.
 */
FILE *proc_open(const char *file)
{
	char path[64];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/net/tern/%s", file);
	stream = fopen(path, "re");
	if (!stream)
		warnx("%s: %s%s", path, strerror(errno), errno != ENOENT ? "" :
		      ": is the module loaded? try: sudo modprobe tern");
	return stream;
}
