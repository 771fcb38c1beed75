// SPDX-License-Identifier: GPL-2.0
/*
 * Names of cgroups (version 2). Of a socket's the kernel tells the number, which
 * is that of a directory's inode.
 */
#include <dirent.h>
#include <limits.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

struct cgroup {
	unsigned long long id;
	char *path;		/* below the mount */
};

static struct cgroup *cgroups;
static size_t n_cgroups;

static bool add(unsigned long long id, const char *path)
{
	struct cgroup *more = realloc(cgroups, (n_cgroups + 1) * sizeof(*more));

	if (!more)
		return false;
	cgroups = more;
	more[n_cgroups].id = id;
	more[n_cgroups].path = strdup(path);
	return more[n_cgroups].path && ++n_cgroups;
}

/* Adds what is below @path, whose first @mount_len bytes are the mount's. */
static void walk(char *path, size_t mount_len)
{
	size_t len = strlen(path);
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(path + len, PATH_MAX - len, "/%s", entry->d_name) >=
		    (int)(PATH_MAX - len))
			continue;
		if (!add(entry->d_ino, path + mount_len))
			break;
		walk(path, mount_len);
	}
	path[len] = '\0';
	if (dir)
		closedir(dir);
}

/* All there are, when the first is asked for: the tree is not walked for each socket. */
static void read_tree(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount = NULL;
	char path[PATH_MAX];
	struct stat st;

	while (mounts && (mount = getmntent(mounts)))
		if (!strcmp(mount->mnt_type, "cgroup2"))
			break;
	if (mount && !stat(mount->mnt_dir, &st) && add(st.st_ino, "/") &&
	    snprintf(path, sizeof(path), "%s", mount->mnt_dir) < (int)sizeof(path))
		walk(path, strlen(path));
	if (mounts)
		endmntent(mounts);
}

/**
 * cgroup_path() - which cgroup that is
 * @id: its number
 *
 * Return: its path, or NULL if it has none here.
 */
const char *cgroup_path(unsigned long long id)
{
	static bool been_here;

	if (!been_here)
		read_tree();
	been_here = true;
	for (size_t i = 0; i < n_cgroups; i++)
		if (cgroups[i].id == id)
			return cgroups[i].path;
	return NULL;
}
