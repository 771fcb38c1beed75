// SPDX-License-Identifier: GPL-2.0
/*
 * Little memory: when all sockets together hold more than net.tern.mem allows,
 * connections slow down, but they go on, lose nothing that was promised a
 * place, and give everything back in the end. The limit is the machine's: it
 * is lowered only while others hold much, and no assertion leaves it so.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tern_test.h"

#define HOARDS		6
#define BULK		(2 << 20)
#define TRICKLE		(64 << 10)

/* The counter is exact to a megabyte for each CPU (SK_MEMORY_PCPU_RESERVE). */
#define INEXACT_PAGES	(2 * 256L * sysconf(_SC_NPROCESSORS_CONF))

DOOR_FIXTURE(memory);

struct transfer {
	int fds[2];
	size_t total;
	size_t piece;
	pthread_t thread;
	int ret;
};

static const char *mem_sysctl(const struct door *d)
{
	return door_is_tcp(d) ? "net/ipv4/tcp_mem" : "net/tern/mem";
}

/*
 * The sysctl is the initial namespace's. That there is less memory now is
 * noticed by the first that asks for some.
 */
static int initial_namespace(void)
{
	return open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
}

static int mem_limit(const struct door *d, int ns, const char *limits, char *old)
{
	int fds[2], ret = -1;
	char path[64];
	FILE *f;

	if (netns_enter(initial_namespace()))
		return -1;
	snprintf(path, sizeof(path), "/proc/sys/%s", mem_sysctl(d));
	f = fopen(path, "r");
	if (f && (!old || fgets(old, 64, f)))
		ret = limits ? sysctl_set(mem_sysctl(d), limits) : 0;
	if (f)
		fclose(f);
	if (netns_enter(ns) || ret || sock_pair(d, fds) || write(fds[0], "a", 1) != 1)
		return -1;
	sock_reset(fds[0]);
	close(fds[1]);
	return 0;
}

/* Pages that all sockets hold, by /proc/net/protocols. */
static long pages_held(const struct door *d)
{
	const char *name = door_is_tcp(d) ? "TCP" : "TERN";
	FILE *f = fopen("/proc/net/protocols", "r");
	char line[256], word[32];
	long pages, found = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %*d %*d %ld", word, &pages) == 2 && !strcmp(word, name))
			found = pages;
	if (f)
		fclose(f);
	return found;
}

static long long counter(const char *name)
{
	FILE *f = fopen("/proc/net/tern/snmp", "r");
	long long value, found = -1;
	char key[64];

	while (f && fscanf(f, "%63s %lld\n", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	if (f)
		fclose(f);
	return found;
}

static void *send_all(void *arg)
{
	struct transfer *t = arg;

	t->ret = pattern_send(t->fds[0], t->total, t->piece);
	shutdown(t->fds[0], SHUT_WR);
	return NULL;
}

/* A connection, and a thread that writes to it. */
static int transfer_start(const struct door *d, struct transfer *t, size_t total, size_t piece)
{
	t->total = total;
	t->piece = piece;
	t->ret = -1;
	if (sock_pair(d, t->fds) || sock_set(t->fds[0], SOL_TCP, TCP_NODELAY, 1) ||
	    sock_timeout(t->fds[0], SO_SNDTIMEO, 3 * DEADLINE_MS) ||
	    sock_timeout(t->fds[1], SO_RCVTIMEO, 3 * DEADLINE_MS))
		return -1;
	return pthread_create(&t->thread, NULL, send_all, t) ? -1 : 0;
}

/* Reads it all; 0 if that is what was written, and nothing more. */
static int transfer_end(struct transfer *t)
{
	int ret = pattern_recv(t->fds[1], t->total, t->piece);
	char c;

	if (!ret && read(t->fds[1], &c, 1))
		ret = -1;
	close(t->fds[1]);
	pthread_join(t->thread, NULL);
	close(t->fds[0]);
	return ret ?: t->ret;
}

/*
 * Connections that hold much for long: as much was written to them as they
 * take, and nobody reads yet.
 */
static int hoard(const struct door *d, int hoards[HOARDS][2], size_t *len)
{
	for (int i = 0; i < HOARDS; i++) {
		if (sock_pair(d, hoards[i]) ||
		    sock_timeout(hoards[i][1], SO_RCVTIMEO, 3 * DEADLINE_MS))
			return -1;
		len[i] = fill_socket(hoards[i][0]);
		shutdown(hoards[i][0], SHUT_WR);
	}
	return pages_held(d) > 1024 ? 0 : -1;
}

/* Is everything there, and nothing more? */
static bool hoard_arrives(int hoard[2], size_t len)
{
	static char buf[65536];
	size_t got = 0;
	ssize_t n;

	while ((n = read(hoard[1], buf, sizeof(buf))) > 0)
		got += n;
	close(hoard[0]);
	close(hoard[1]);
	return !n && got == len;
}

TEST_F(memory, sysctl)
{
	unsigned long low, pressure, high;
	char path[64], text[64];
	int n;

	snprintf(path, sizeof(path), "/proc/sys/%s", mem_sysctl(self->door));
	EXPECT_ERRNO(ENOENT, open(path, O_RDONLY));
	ASSERT_EQ(0, mem_limit(self->door, self->ns, NULL, text));
	n = sscanf(text, "%lu %lu %lu", &low, &pressure, &high);
	ASSERT_EQ(3, n);
	EXPECT_LT(0, low);
	EXPECT_LT(low, pressure);
	EXPECT_LT(pressure, high);
}

/* Beyond the second limit, not beyond the third. */
TEST_F(memory, pressure)
{
	struct transfer bulk, trickle;
	int hoards[HOARDS][2];
	size_t len[HOARDS];
	char old[64];

	ASSERT_EQ(0, hoard(self->door, hoards, len));
	ASSERT_EQ(0, mem_limit(self->door, self->ns, "256 512 1000000", old));

	EXPECT_EQ(0, transfer_start(self->door, &bulk, BULK, 65536));
	EXPECT_EQ(0, transfer_start(self->door, &trickle, TRICKLE, 100));
	EXPECT_EQ(0, transfer_end(&trickle));
	EXPECT_EQ(0, transfer_end(&bulk));
	if (!door_is_tcp(self->door)) {
		EXPECT_LE(1, counter("MemoryPressures"));
		EXPECT_EQ(0, counter("RcvQDrop"));
	}
	EXPECT_EQ(0, mem_limit(self->door, self->ns, old, NULL));
	for (int i = 0; i < HOARDS; i++)
		EXPECT_TRUE(hoard_arrives(hoards[i], len[i]));
	EXPECT_TRUE(wait_until(pages_held(self->door) <= INEXACT_PAGES));
}

/*
 * Beyond the third: only what each socket is granted in any case. TCP grants a
 * segment too, but offers more, and so stalls for seconds at a time.
 */
TEST_F(memory, exhaustion)
{
	struct transfer some, trickle;
	int hoards[HOARDS][2], ns;
	size_t len[HOARDS];
	char old[64];

	if (door_is_tcp(self->door))
		SKIP(return, "TCP takes too long for it");
	ASSERT_EQ(0, hoard(self->door, hoards, len));
	/* The hoards' windows are from better times, so count without them. */
	ns = netns_new();
	ASSERT_LE(0, ns);
	ASSERT_EQ(0, mem_limit(self->door, ns, "128 192 256", old));

	EXPECT_EQ(0, transfer_start(self->door, &some, BULK / 4, 8192));
	EXPECT_EQ(0, transfer_start(self->door, &trickle, TRICKLE, 100));
	EXPECT_EQ(0, transfer_end(&trickle));
	EXPECT_EQ(0, transfer_end(&some));
	EXPECT_EQ(0, counter("RcvQDrop"));
	EXPECT_LE(1, counter("PruneCalled"));
	for (int i = 0; i < HOARDS; i++)
		EXPECT_TRUE(hoard_arrives(hoards[i], len[i]));
	EXPECT_EQ(0, mem_limit(self->door, ns, old, NULL));
	EXPECT_TRUE(wait_until(pages_held(self->door) <= INEXACT_PAGES));
}

/* A send buffer that was moderated grows again when memory is there. */
TEST_F(memory, recovered)
{
	int hoards[HOARDS][2], fds[2];
	struct transfer some;
	size_t len[HOARDS];
	char old[64];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, hoard(self->door, hoards, len));
	ASSERT_EQ(0, mem_limit(self->door, self->ns, "128 192 256", old));
	some = (struct transfer){ { fds[0], fds[1] }, BULK, 65536, 0, -1 };
	EXPECT_EQ(0, pthread_create(&some.thread, NULL, send_all, &some));
	EXPECT_TRUE(wait_until(sock_get(fds[0], SOL_SOCKET, SO_SNDBUF) < 65536));
	EXPECT_EQ(0, mem_limit(self->door, self->ns, old, NULL));
	for (int i = 0; i < HOARDS; i++)
		EXPECT_TRUE(hoard_arrives(hoards[i], len[i]));
	EXPECT_EQ(0, transfer_end(&some));
	EXPECT_EQ(0, some.ret);
}

TEST_HARNESS_MAIN
