// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring by its system calls, for the selftests of Tern. The header says what
 * each function is for.
 */
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/time_types.h>

#include "tern_lib.h"
#include "uring.h"

static unsigned int *field(struct uring *r, unsigned int offset)
{
	return (unsigned int *)(r->queues + offset);
}

int uring_open(struct uring *r)
{
	size_t size;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, URING_ENTRIES, &r->params);
	if (r->fd < 0)
		return -1;
	size = r->params.cq_off.cqes + r->params.cq_entries * sizeof(struct io_uring_cqe);
	r->queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
			 IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, URING_ENTRIES * sizeof(*r->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	if (r->queues == MAP_FAILED || r->sqes == MAP_FAILED)
		return -1;
	for (unsigned int i = 0; i < URING_ENTRIES; i++)
		field(r, r->params.sq_off.array)[i] = i;
	return 0;
}

void uring_close(struct uring *r)
{
	close(r->fd);
}

struct io_uring_sqe *uring_sqe(struct uring *r, int opcode, int fd, __u64 user_data)
{
	unsigned int *tail = field(r, r->params.sq_off.tail);
	struct io_uring_sqe *sqe = &r->sqes[*tail % URING_ENTRIES];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->user_data = user_data;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	r->prepared++;
	return sqe;
}

int uring_submit(struct uring *r)
{
	int n = syscall(SYS_io_uring_enter, r->fd, r->prepared, 0, 0, NULL, 0);

	if (n > 0)
		r->prepared -= n;
	return n;
}

bool uring_idle(struct uring *r)
{
	/* Work that waits to be done in this thread is done on the way. */
	syscall(SYS_io_uring_enter, r->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	return *field(r, r->params.cq_off.head) ==
	       __atomic_load_n(field(r, r->params.cq_off.tail), __ATOMIC_ACQUIRE);
}

int uring_wait(struct uring *r, struct io_uring_cqe *cqe)
{
	struct __kernel_timespec deadline = { .tv_sec = DEADLINE_MS / 1000 };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&deadline };
	unsigned int *head = field(r, r->params.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(r->queues + r->params.cq_off.cqes);

	while (uring_idle(r))
		if (syscall(SYS_io_uring_enter, r->fd, 0, 1,
			    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
			    sizeof(arg)) < 0 && errno != EINTR)
			return -1;
	memcpy(cqe, &cqes[*head % r->params.cq_entries], sizeof(*cqe));
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return 0;
}
