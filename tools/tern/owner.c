// SPDX-License-Identifier: GPL-2.0
/*
 * Which processes hold a socket: those in whose /proc/PID/fd a link says
 * socket:[inode]. Only root sees the descriptors of other users.
 */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static struct owner *owners;
static size_t n_owners;

static void add_owner(unsigned long inode, int pid, int fd, const char *name)
{
	struct owner *owner;

	if (n_owners % 256 == 0) {
		owners = reallocarray(owners, n_owners + 256, sizeof(*owners));
		if (!owners)
			err(FAILED, "memory");
	}
	owner = &owners[n_owners++];
	owner->inode = inode;
	owner->pid = pid;
	owner->fd = fd;
	snprintf(owner->name, sizeof(owner->name), "%s", name);
}

static void read_name(int proc, char *name, size_t size)
{
	int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, name, size - 1);
		close(fd);
	}
	name[n > 0 ? n - 1 : 0] = '\0';		/* without the newline */
}

static void scan_process(int proc, int pid)
{
	static const char prefix[] = "socket:[";
	struct dirent *entry;
	char link[64];
	char name[17];
	ssize_t n;
	DIR *dir;
	int fd;

	fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return;		/* gone, or not ours to look at */

	read_name(proc, name, sizeof(name));
	while ((entry = readdir(dir))) {
		n = readlinkat(fd, entry->d_name, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		if (!strncmp(link, prefix, strlen(prefix)))
			add_owner(strtoul(link + strlen(prefix), NULL, 10), pid,
				  atoi(entry->d_name), name);
	}
	closedir(dir);
}

static int by_inode(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid - y->pid;
	return x->fd - y->fd;
}

/* Remember who holds which socket now. */
void owners_scan(void)
{
	struct dirent *entry;
	DIR *dir;
	int proc;

	dir = opendir("/proc");
	if (!dir)
		err(FAILED, "/proc");
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		proc = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0)
			continue;
		scan_process(proc, atoi(entry->d_name));
		close(proc);
	}
	closedir(dir);
	if (owners)
		qsort(owners, n_owners, sizeof(*owners), by_inode);
}

/**
 * owners_of() - the holders of a socket
 * @inode: the socket's, 0 for one without
 * @first: set to the first of them, the others follow
 *
 * Return: how many.
 */
size_t owners_of(unsigned long inode, const struct owner **first)
{
	size_t begin = 0, n = 0;

	while (begin < n_owners && owners[begin].inode < inode)
		begin++;
	while (inode && begin + n < n_owners && owners[begin + n].inode == inode)
		n++;
	*first = owners + begin;
	return n;
}
