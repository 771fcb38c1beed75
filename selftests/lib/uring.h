/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring by its system calls, for the selftests of Tern: one ring, used by one
 * thread. Requests are prepared with uring_sqe(), given to the kernel with
 * uring_submit(), and uring_wait() takes the next completion.
 */
#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>

#define URING_ENTRIES	32

/**
 * struct uring - a ring
 * @fd: its descriptor
 * @params: where things are in the memory below
 * @queues: heads, tails and completions
 * @sqes: requests
 * @prepared: requests not yet given to the kernel
 */
struct uring {
	int fd;
	struct io_uring_params params;
	char *queues;
	struct io_uring_sqe *sqes;
	unsigned int prepared;
};

/* 0, or -1 with errno, ENOSYS and EPERM if there is no io_uring here. */
int uring_open(struct uring *r);
void uring_close(struct uring *r);
/* The next request, all zero but for these. */
struct io_uring_sqe *uring_sqe(struct uring *r, int opcode, int fd, __u64 user_data);
/* How many the kernel took, or -1. */
int uring_submit(struct uring *r);
/* Waits for the next completion; 0, or -1. */
int uring_wait(struct uring *r, struct io_uring_cqe *cqe);
/* Is there no completion now? */
bool uring_idle(struct uring *r);

#endif /* URING_H */
