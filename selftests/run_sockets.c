// SPDX-License-Identifier: GPL-2.0
/*
 * Run by run.py, under "tern run" and without it: opens sockets in the ways
 * that programs have, says of each what the kernel made of it, and sends some
 * bytes through two connections. Built twice, the second time static.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES	60000

/* Not getsockopt(), which may have been replaced. */
static int protocol_of(int fd)
{
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size))
		err(1, "SO_PROTOCOL");
	return protocol;
}

static int claimed_protocol_of(int fd)
{
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size))
		err(1, "SO_PROTOCOL");
	return protocol;
}

static void report(const char *name, int fd)
{
	if (fd < 0) {
		printf("%s %s\n", name, strerrorname_np(errno));
		return;
	}
	printf("%s %d%s%s\n", name, protocol_of(fd),
	       fcntl(fd, F_GETFL) & O_NONBLOCK ? " nonblock" : "",
	       fcntl(fd, F_GETFD) & FD_CLOEXEC ? " cloexec" : "");
	close(fd);
}

/* A ring for one request, without its completions: the descriptor is looked for. */
static int uring_socket(void)
{
	struct io_uring_params params = { 0 };
	int ring = syscall(SYS_io_uring_setup, 1, &params);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	char *queue;

	if (ring < 0 || !(params.features & IORING_FEAT_SINGLE_MMAP))
		return -1;
	queue = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(*cqe),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		   IORING_OFF_SQES);
	if (queue == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_SOCKET,
		.fd = AF_INET,
		.off = SOCK_STREAM,
	};
	*(unsigned int *)(queue + params.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -1;
	cqe = (struct io_uring_cqe *)(queue + params.cq_off.cqes);
	close(ring);
	if (cqe->res < 0)
		errno = -cqe->res;
	return cqe->res < 0 ? -1 : cqe->res;
}

static void send_all(int fd, const char *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = send(fd, bytes + done, size - done, 0);

		if (n < 0)
			err(1, "send");
		done += n;
	}
	if (shutdown(fd, SHUT_WR))
		err(1, "shutdown");
}

static size_t receive_all(int fd, char *bytes, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while ((n = recv(fd, bytes + done, size - done, 0)) > 0)
		done += n;
	if (n < 0)
		err(1, "recv");
	return done;
}

static void exchange(const char *name, struct sockaddr *addr, socklen_t size)
{
	int listener = socket(addr->sa_family, SOCK_STREAM, 0);
	int client = socket(addr->sa_family, SOCK_STREAM, IPPROTO_TCP);
	static char sent[BYTES], received[BYTES + 1];
	int server;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = i * i >> 3;
	if (bind(listener, addr, size) || listen(listener, 1) ||
	    getsockname(listener, addr, &size))
		err(1, "%s: listen", name);
	if (connect(client, addr, size))
		err(1, "%s: connect", name);
	server = accept(listener, NULL, NULL);
	if (server < 0)
		err(1, "%s: accept", name);
	send_all(client, sent, sizeof(sent));
	if (receive_all(server, received, sizeof(received)) != sizeof(sent) ||
	    memcmp(sent, received, sizeof(sent)))
		errx(1, "%s: what arrived is not what was sent", name);
	printf("%s %d %d, told %d\n", name, protocol_of(client), protocol_of(server),
	       claimed_protocol_of(server));
	close(server);
	close(client);
	close(listener);
}

int main(void)
{
	struct sockaddr_in in4 = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};

	report("tcp4", socket(AF_INET, SOCK_STREAM, 0));
	report("tcp6", socket(AF_INET6, SOCK_STREAM, 0));
	report("tcp4-6", socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
	report("tcp4-flags", socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	report("tcp6-flag", socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
	report("syscall", syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
	report("io_uring", uring_socket());
	report("mptcp", socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
	report("tern", socket(AF_INET, SOCK_STREAM, 253));
	report("udp4", socket(AF_INET, SOCK_DGRAM, 0));
	report("udp6", socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
	report("raw", socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
	report("unix", socket(AF_UNIX, SOCK_STREAM, 0));
	report("bad-type", socket(AF_INET, SOCK_STREAM | 0x100, 0));
	report("bad-protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	exchange("exchange4", (struct sockaddr *)&in4, sizeof(in4));
	exchange("exchange6", (struct sockaddr *)&in6, sizeof(in6));
	return 0;
}
