// SPDX-License-Identifier: GPL-2.0
/*
 * The engine of "tern run --bpf": a BPF program at update_socket_protocol(),
 * where socket() gets the protocol from. The program answers for the processes
 * of one cgroup, in which the command is run.
 *
 * The BPF program is attached for as long as somebody has its link, so a
 * process in the background, the keeper, holds it until the cgroup is empty,
 * and removes the cgroup. The command may leave daemons behind, and it may be
 * killed.
 */
#include "tool.h"

#ifdef HAVE_LIBBPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOOK	"update_socket_protocol"

/* The one entry of the map is the cgroup. */
static int make_map(void)
{
	return bpf_map_create(BPF_MAP_TYPE_CGROUP_ARRAY, "tern_run", sizeof(int), sizeof(int),
			      1, NULL);
}

/*
 * int update_socket_protocol(int family, int type, int protocol): what is not
 * 0 is returned in place of what the function would have returned.
 */
static int load_program(int hook, int map, int protocol)
{
#define INSN(code_, dst, src, off_, imm_)						\
	{ .code = (code_), .dst_reg = (dst), .src_reg = (src), .off = (off_), .imm = (imm_) }
#define MOV(dst, src)		INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MOV_IMM(dst, imm)	INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define AND_IMM(dst, imm)	INSN(BPF_ALU | BPF_AND | BPF_K, dst, 0, 0, imm)
#define ARGUMENT(dst, nr)	INSN(BPF_LDX | BPF_MEM | BPF_DW, dst, BPF_REG_6, 8 * (nr), 0)
#define IF_EQ(dst, imm, skip)	INSN(BPF_JMP32 | BPF_JEQ | BPF_K, dst, 0, skip, imm)
#define IF_NE(dst, imm, skip)	INSN(BPF_JMP32 | BPF_JNE | BPF_K, dst, 0, skip, imm)
#define MAP(dst, fd)		INSN(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, fd), \
				INSN(0, 0, 0, 0, 0)
#define CALL(function)		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define RETURN			INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
	const struct bpf_insn program[] = {
		MOV(BPF_REG_6, BPF_REG_1),
		ARGUMENT(BPF_REG_1, 0),
		IF_EQ(BPF_REG_1, AF_INET, 1),
		IF_NE(BPF_REG_1, AF_INET6, 13),
		ARGUMENT(BPF_REG_1, 1),
		AND_IMM(BPF_REG_1, ~(SOCK_NONBLOCK | SOCK_CLOEXEC)),
		IF_NE(BPF_REG_1, SOCK_STREAM, 10),
		ARGUMENT(BPF_REG_1, 2),
		IF_EQ(BPF_REG_1, 0, 1),
		IF_NE(BPF_REG_1, IPPROTO_TCP, 7),
		MAP(BPF_REG_1, map),
		MOV_IMM(BPF_REG_2, 0),
		CALL(BPF_FUNC_current_task_under_cgroup),
		IF_NE(BPF_REG_0, 1, 2),
		MOV_IMM(BPF_REG_0, protocol),
		RETURN,
		MOV_IMM(BPF_REG_0, 0),
		RETURN,
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_MODIFY_RETURN,
		    .attach_btf_id = hook);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "tern_run", "GPL", program,
			     ARRAY_SIZE(program), &opts);
}

struct engine {
	int map;
	int program;
};

/* Return: NULL, or why not. */
static const char *load(struct engine *engine)
{
	const char *root_only = "only root may do that";
	int hook;

	libbpf_set_print(NULL);
	hook = libbpf_find_vmlinux_btf_id(HOOK, BPF_MODIFY_RETURN);
	if (hook < 0)
		return "not in this kernel: Linux 6.12 or later, with BTF and MPTCP, is needed";
	engine->map = make_map();
	if (engine->map < 0)
		return engine->map == -EPERM ? root_only : strerror(-engine->map);
	engine->program = load_program(hook, engine->map, protocol_number());
	if (engine->program >= 0)
		return NULL;
	close(engine->map);
	switch (engine->program) {
	case -EINVAL:
		return "the kernel does not let BPF change " HOOK "()";
	case -EPERM:
		return root_only;
	default:
		return strerror(-engine->program);
	}
}

static void unload(const struct engine *engine)
{
	close(engine->program);
	close(engine->map);
}

/**
 * bpf_missing() - why the engine cannot be used here
 *
 * Return: the reason, or NULL if it can.
 */
const char *bpf_missing(void)
{
	struct engine engine;
	const char *why = load(&engine);

	if (!why)
		unload(&engine);
	return why;
}

/* The place of this process in the hierarchy of version 2. */
static int own_cgroup(char *path, size_t size)
{
	static const char * const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char line[PATH_MAX] = "";
	struct statfs fs;
	size_t i;
	FILE *file;

	for (i = 0; i < ARRAY_SIZE(roots); i++)
		if (!statfs(roots[i], &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
			break;
	file = fopen("/proc/self/cgroup", "re");
	if (i == ARRAY_SIZE(roots) || !file) {
		warnx("no cgroups of version 2 here; try: mount -t cgroup2 none %s", roots[0]);
		return -1;
	}
	while (fgets(line, sizeof(line), file) && strncmp(line, "0::", 3))
		;
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, size, "%s%s", roots[i], strncmp(line, "0::", 3) ? "" : line + 3);
	return 0;
}

static int make_cgroup(char *path, size_t size)
{
	size_t length;
	int fd;

	if (own_cgroup(path, size))
		return -1;
	length = strlen(path);
	snprintf(path + length, size - length, "/tern-run-XXXXXX");
	if (!mkdtemp(path)) {
		path[length] = '\0';
		warn("make a cgroup in %s", path);
		return -1;
	}
	fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		warn("%s", path);
		rmdir(path);
	}
	return fd;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DP)
		rmdir(path);
	return 0;
}

/* With those that the command has made in it. */
static void remove_cgroup(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void wait_until_empty(int cgroup)
{
	struct pollfd events = {
		.fd = openat(cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC),
		.events = POLLPRI,
	};
	char text[256];
	ssize_t size;

	for (;;) {
		size = pread(events.fd, text, sizeof(text) - 1, 0);
		if (size < 0)
			return;
		text[size] = '\0';
		if (strstr(text, "populated 0"))
			return;
		poll(&events, 1, -1);
	}
}

/*
 * The keeper has nothing open but what it needs: its parent's pipes must not
 * seem to be in use, nor its terminal.
 */
static void keep(const char *path, int cgroup, int link, int joined)
{
	char byte;

	setsid();
	if (chdir("/") || dup2(cgroup, STDIN_FILENO) < 0 || dup2(link, STDOUT_FILENO) < 0 ||
	    dup2(joined, STDERR_FILENO) < 0)
		_exit(FAILED);
	close_range(STDERR_FILENO + 1, ~0U, 0);

	/* Nobody is in the cgroup before the pipe's other end is closed. */
	while (read(STDERR_FILENO, &byte, 1) > 0)
		;
	wait_until_empty(STDIN_FILENO);
	remove_cgroup(path);
	_exit(DONE);
}

/* Return: a descriptor to close when this process is in the cgroup. */
static int start_keeper(const char *path, int cgroup, int link)
{
	int joined[2];
	int status = -1;
	pid_t pid;

	if (pipe2(joined, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		/* Its parent is not the command, which did not ask for a child. */
		pid = fork();
		if (pid)
			_exit(pid < 0 ? FAILED : DONE);
		close(joined[1]);
		keep(path, cgroup, link, joined[0]);
	}
	close(joined[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && !status)
		return joined[1];
	close(joined[1]);
	return -1;
}

static int join(int cgroup)
{
	int fd = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	int written;

	if (fd < 0)
		return -1;
	written = write(fd, "0", 1);
	close(fd);
	return written == 1 ? 0 : -1;
}

/* Return: the link, or a negative number. */
static int attach(const struct engine *engine, int cgroup)
{
	int zero = 0;
	int err = bpf_map_update_elem(engine->map, &zero, &cgroup, BPF_ANY);
	int link = err ?: bpf_link_create(engine->program, 0, BPF_MODIFY_RETURN, NULL);

	if (link < 0)
		warnx("--bpf: %s", strerror(-link));
	return link;
}

static int begin_in_cgroup(const struct engine *engine)
{
	char path[PATH_MAX + 64];
	int cgroup, link, joined;

	cgroup = make_cgroup(path, sizeof(path));
	if (cgroup < 0)
		return -1;
	link = attach(engine, cgroup);
	if (link < 0) {
		rmdir(path);
		return -1;
	}
	joined = start_keeper(path, cgroup, link);
	if (joined < 0) {
		warn("process");
		rmdir(path);
		return -1;
	}
	close(link);
	if (join(cgroup)) {
		warn("%s", path);
		return -1;	/* the keeper removes it */
	}
	close(joined);
	close(cgroup);
	return 0;
}

/**
 * bpf_begin() - turn TCP sockets of this process and its children into Tern's
 *
 * Those that are opened from now on, up to the end of the last child.
 *
 * Return: 0, or a negative number after telling the user why not.
 */
int bpf_begin(void)
{
	struct engine engine;
	const char *why = load(&engine);
	int result;

	if (why) {
		warnx("--bpf: %s", why);
		return -1;
	}
	result = begin_in_cgroup(&engine);
	unload(&engine);
	return result;
}

#else /* HAVE_LIBBPF */

#include <err.h>

const char *bpf_missing(void)
{
	return "this program was built without libbpf";
}

int bpf_begin(void)
{
	warnx("--bpf: %s", bpf_missing());
	return -1;
}

#endif /* HAVE_LIBBPF */
