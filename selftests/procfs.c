// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/tern and net.tern.*: what an administrator sees of the sockets, of
 * the counters, of the state table and of the limits, and that each namespace
 * sees its own.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/sockios.h>

#include "tern_test.h"

#define PROC	"/proc/net/tern/"

TERN_FIXTURE(procfs);

static const char *const counters[] = {
	"ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets",
	"CurrEstab", "InSegs", "OutSegs", "RetransSegs", "InErrs", "OutRsts",
	"InCsumErrs", "InHdrErrs", "InTagErrs", "InNoPorts", "ListenOverflows",
	"ListenDrops", "SynDrops", "TWs", "TWRecycled", "TWKilled",
	"PAWSDrops", "OutOfWindow", "ChallengeACKs", "DelayedACKs",
	"DupACKsSent", "OFOQueue", "OFOMerge", "OFOPruned", "RcvQDrop",
	"PruneCalled", "RcvCollapsed", "RcvPruned", "OFODrop",
	"MemoryPressures", "MemoryPressuresChrono",
	"DupSegs", "BacklogDrop", "SACKSent", "SACKRecv", "SACKDiscard",
	"SACKReneging", "DSACKSent", "DSACKRecv", "FastRetrans", "LostSegs",
	"OrigDataSent", "Delivered", "DeliveredCE", "SynRetrans",
	"SlowStartRetrans", "SackRecovery", "SackRecoveryFail", "LossFailures",
	"LostRetransmit", "RetransFail", "SpuriousRtxHostQueues",
	"SpuriousRTOs", "PartialUndo", "DSACKOfoSent", "DSACKOfoRecv",
	"DSACKRecvSegs", "DSACKIgnoredDubious", "DSACKIgnoredNoUndo",
	"HystartDelayDetect", "HystartDelayCwnd", "SackFailures",
	"WqueueTooBig", "TimeoutRehash",
	"Timeouts", "InCE", "ECNReduced", "LossProbes", "LossProbeRecovery", "ReorderSeen",
	"FullUndo", "LossUndo", "DSACKUndo", "TWOverflow",
	"ZeroWindowAdv", "ZeroWindowProbes", "KeepAlives",
	"AbortOnData", "AbortOnClose", "AbortOnTimeout", "AbortOnMemory",
	"AbortOnLinger", "Orphans", "MTUPFail", "MTUPSuccess", "MTUProbes",
	"IcmpIgnored", "FilterDrops", "NoMemory",
};

/* The state table of RFC 9293: state, event, next state. */
static const char *const edges[] = {
	"CLOSED OPEN_PASSIVE LISTEN", "CLOSED OPEN_ACTIVE SYN_SENT",
	"LISTEN RCV_SYN SYN_RECEIVED", "LISTEN CLOSE CLOSED",
	"SYN_SENT RCV_SYN_ACK ESTABLISHED", "SYN_SENT RCV_SYN SYN_RECEIVED",
	"SYN_SENT RCV_RST CLOSED", "SYN_SENT CLOSE CLOSED",
	"SYN_SENT TIMEOUT CLOSED", "SYN_SENT ICMP_ERROR CLOSED",
	"SYN_RECEIVED RCV_ACK ESTABLISHED", "SYN_RECEIVED RCV_RST CLOSED",
	"SYN_RECEIVED CLOSE FIN_WAIT_1", "SYN_RECEIVED ABORT CLOSED",
	"SYN_RECEIVED TIMEOUT CLOSED", "SYN_RECEIVED ICMP_ERROR CLOSED",
	"ESTABLISHED CLOSE FIN_WAIT_1", "ESTABLISHED RCV_FIN CLOSE_WAIT",
	"ESTABLISHED RCV_RST CLOSED", "ESTABLISHED ABORT CLOSED",
	"ESTABLISHED TIMEOUT CLOSED",
	"FIN_WAIT_1 RCV_ACK_OF_FIN FIN_WAIT_2", "FIN_WAIT_1 RCV_FIN CLOSING",
	"FIN_WAIT_1 RCV_RST CLOSED", "FIN_WAIT_1 ABORT CLOSED",
	"FIN_WAIT_1 TIMEOUT CLOSED",
	"FIN_WAIT_2 RCV_FIN TIME_WAIT", "FIN_WAIT_2 RCV_RST CLOSED",
	"FIN_WAIT_2 ABORT CLOSED", "FIN_WAIT_2 TIMEOUT CLOSED",
	"CLOSE_WAIT CLOSE LAST_ACK", "CLOSE_WAIT RCV_RST CLOSED",
	"CLOSE_WAIT ABORT CLOSED", "CLOSE_WAIT TIMEOUT CLOSED",
	"CLOSING RCV_ACK_OF_FIN TIME_WAIT", "CLOSING RCV_RST CLOSED",
	"CLOSING ABORT CLOSED", "CLOSING TIMEOUT CLOSED",
	"LAST_ACK RCV_ACK_OF_FIN CLOSED", "LAST_ACK RCV_RST CLOSED",
	"LAST_ACK ABORT CLOSED", "LAST_ACK TIMEOUT CLOSED",
	"TIME_WAIT TIMEOUT CLOSED", "TIME_WAIT RCV_RST CLOSED",
	"TIME_WAIT RCV_SYN CLOSED", "TIME_WAIT OPEN_ACTIVE CLOSED",
};

static const struct {
	const char *name;
	const char *value;	/* as in a new namespace, or NULL */
} sysctls[] = {
	{ "rmem", NULL }, { "wmem", NULL }, { "syn_retries", "6" },
	{ "synack_retries", "5" }, { "retries", "15" },
	{ "orphan_retries", "8" }, { "keepalive_time", "7200" },
	{ "keepalive_intvl", "75" }, { "keepalive_probes", "9" },
	{ "fin_timeout", "60" }, { "timewait", "60" },
	{ "max_syn_backlog", "1024" }, { "max_tw_buckets", "16384" },
	{ "max_orphans", "4096" }, { "delack_ms", "40" },
	{ "rto_min_ms", "200" }, { "challenge_ack_limit", "1000" },
	{ "tw_reuse", "1" },
};

/* One line of /proc/net/tern/sockets, as far as it is looked at. */
#define ENTRY	"%*d: %32[0-9A-F]:%4X %32[0-9A-F]:%4X %2X %8X:%8X %*x:%*x %*x %u %*d %lu"

struct entry {
	char local[33], remote[33];
	unsigned int lport, rport, state, tx, rx, uid;
	unsigned long inode;
};

static FILE *proc_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), PROC "%s", name);
	return fopen(path, "r");
}

static long long counter(const char *name)
{
	long long value, found = -1;
	char key[64];
	FILE *f = proc_open("snmp");

	while (f && fscanf(f, "%63s %lld\n", key, &value) == 2) {
		if (!strcmp(key, name))
			found = value;
	}
	if (f)
		fclose(f);
	return found;
}

static long long transitions(const char *edge)
{
	char line[128];
	long long count = -1;
	size_t len = strlen(edge);
	FILE *f = proc_open("transitions");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, edge, len) && line[len] == ' ')
			count = atoll(line + len);
	}
	if (f)
		fclose(f);
	return count;
}

/* As the file has it: four words in the host's order, IPv4 as v4-mapped. */
static void address_text(char *text, const struct addr *a)
{
	struct in6_addr ip = IN6ADDR_ANY_INIT;

	if (a->sa.sa_family == AF_INET) {
		ip.s6_addr32[2] = htonl(0xffff);
		ip.s6_addr32[3] = a->in4.sin_addr.s_addr;
	} else {
		ip = a->in6.sin6_addr;
	}
	sprintf(text, "%08X%08X%08X%08X", ip.s6_addr32[0], ip.s6_addr32[1],
		ip.s6_addr32[2], ip.s6_addr32[3]);
}

static bool parse_entry(const char *line, struct entry *e)
{
	return sscanf(line, ENTRY, e->local, &e->lport, e->remote, &e->rport,
		      &e->state, &e->tx, &e->rx, &e->uid, &e->inode) == 9;
}

/* Finds the entry with this local port and state; 1 found, 0 not, -1 garbled. */
static int find_entry(int port, unsigned int state, struct entry *e)
{
	FILE *f = proc_open("sockets");
	char line[512];
	int found = 0;

	if (!f || !fgets(line, sizeof(line), f) ||
	    strncmp(line, "  sl  local_address", 19))
		found = -1;
	while (!found && fgets(line, sizeof(line), f)) {
		if (!parse_entry(line, e))
			found = -1;
		else if (e->lport == (unsigned int)port && e->state == state)
			found = 1;
	}
	if (f)
		fclose(f);
	return found;
}

static unsigned long inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static int port_of(int fd)
{
	struct addr at = addr_local(fd);

	return addr_port(&at);
}

TEST_F(procfs, snmp_format)
{
	FILE *f = proc_open("snmp");
	char line[128], key[64];
	long long value;
	size_t lines = 0;
	int n;

	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		n = sscanf(line, "%63s %lld\n", key, &value);
		EXPECT_EQ(2, n);
		EXPECT_LE(0, value);
		lines++;
	}
	EXPECT_LE(ARRAY_SIZE(counters), lines);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		EXPECT_LE(0, counter(counters[i])) {
			TH_LOG("no counter %s", counters[i]);
		}
	}
}

TEST_F(procfs, counts_connections)
{
	long long in, out;
	int fds[2];
	char c;

	/* A new namespace starts from nothing. */
	EXPECT_EQ(0, counter("ActiveOpens"));
	EXPECT_EQ(0, counter("InSegs"));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(1, counter("ActiveOpens"));
	EXPECT_EQ(1, counter("PassiveOpens"));
	EXPECT_EQ(2, counter("CurrEstab"));
	in = counter("InSegs");
	out = counter("OutSegs");
	EXPECT_LE(3, in);
	EXPECT_LE(3, out);
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_EQ(1, read(fds[1], &c, 1));
	EXPECT_LT(in, counter("InSegs"));
	EXPECT_LT(out, counter("OutSegs"));
	EXPECT_EQ(0, counter("RetransSegs"));
	EXPECT_EQ(0, counter("InErrs"));
	close(fds[0]);
	EXPECT_EQ(0, read(fds[1], &c, 1));
	close(fds[1]);
	EXPECT_TRUE(wait_until(counter("CurrEstab") == 0));
	EXPECT_EQ(1, counter("TWs"));
}

TEST_F(procfs, counts_failures)
{
	struct addr at = addr_loopback(self->door, 4321);
	int fds[2], listener, fd;

	EXPECT_ERRNO(ECONNREFUSED, sock_dial(self->door, &at));
	EXPECT_EQ(1, counter("AttemptFails"));
	EXPECT_EQ(1, counter("InNoPorts"));
	EXPECT_EQ(1, counter("OutRsts"));

	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_reset(fds[1]);
	EXPECT_EQ(POLLERR, wait_event(fds[0], 0) & POLLERR);
	EXPECT_LE(1, counter("EstabResets"));
	EXPECT_EQ(2, counter("OutRsts"));
	EXPECT_EQ(1, counter("AbortOnData"));

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(1, write(fds[0], "a", 1));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 1));
	close(fds[1]);
	EXPECT_EQ(1, counter("AbortOnClose"));

	listener = sock_listen(self->door, &at, 0);
	ASSERT_LE(0, listener);
	ASSERT_LE(0, sock_dial(self->door, &at));
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	EXPECT_TRUE(wait_until(counter("ListenOverflows") == 1));
	EXPECT_LE(1, counter("ListenDrops"));
}

TEST_F(procfs, counters_of_namespaces)
{
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(1, counter("ActiveOpens"));
	ASSERT_LE(0, netns_new());
	EXPECT_EQ(0, counter("ActiveOpens"));
	EXPECT_EQ(0, counter("CurrEstab"));
	ASSERT_EQ(0, netns_enter(self->ns));
	EXPECT_EQ(1, counter("ActiveOpens"));
}

TEST_F(procfs, listener)
{
	struct addr at, any = addr_any(self->door, 0);
	char text[33];
	struct entry e;
	int fd;

	fd = sock_listen_lo(self->door, &at);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, find_entry(addr_port(&at), TCP_LISTEN, &e));
	address_text(text, &at);
	EXPECT_STREQ(text, e.local);
	EXPECT_EQ(inode_of(fd), e.inode);
	EXPECT_EQ(0, e.rport);
	EXPECT_EQ(0, e.rx);
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_LT(0, wait_event(fd, POLLIN));
	ASSERT_EQ(1, find_entry(addr_port(&at), TCP_LISTEN, &e));
	EXPECT_EQ(1, e.rx);
	close(fd);
	EXPECT_EQ(0, find_entry(addr_port(&at), TCP_LISTEN, &e));

	ASSERT_EQ(0, seteuid(65534));
	fd = sock_listen(self->door, &any, 1);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, find_entry(port_of(fd), TCP_LISTEN, &e));
	EXPECT_EQ(65534, e.uid);
}

TEST_F(procfs, connection)
{
	struct addr client, server;
	char text[33];
	struct entry e;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	client = addr_local(fds[0]);
	server = addr_local(fds[1]);
	EXPECT_EQ(3, write(fds[0], "abc", 3));
	EXPECT_TRUE(wait_until(sock_ioctl(fds[1], SIOCINQ) == 3));

	ASSERT_EQ(1, find_entry(addr_port(&client), TCP_ESTABLISHED, &e));
	address_text(text, &client);
	EXPECT_STREQ(text, e.local);
	address_text(text, &server);
	EXPECT_STREQ(text, e.remote);
	EXPECT_EQ(addr_port(&server), e.rport);
	EXPECT_EQ(inode_of(fds[0]), e.inode);
	EXPECT_EQ(0, e.rx);

	ASSERT_EQ(1, find_entry(addr_port(&server), TCP_ESTABLISHED, &e));
	EXPECT_EQ(addr_port(&client), e.rport);
	EXPECT_EQ(inode_of(fds[1]), e.inode);
	EXPECT_EQ(3, e.rx);
}

TEST_F(procfs, states_of_closing)
{
	struct entry e;
	int fds[2], here, there;
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	here = port_of(fds[0]);
	there = port_of(fds[1]);
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_TRUE(wait_until(find_entry(here, TCP_FIN_WAIT2, &e) == 1));
	EXPECT_EQ(1, find_entry(there, TCP_CLOSE_WAIT, &e));
	EXPECT_EQ(0, shutdown(fds[1], SHUT_WR));
	EXPECT_TRUE(wait_until(find_entry(here, TCP_TIME_WAIT, &e) == 1));
	EXPECT_EQ(0, e.inode);
	EXPECT_EQ(there, (int)e.rport);
	EXPECT_EQ(0, read(fds[0], &c, 1));
	EXPECT_EQ(0, find_entry(there, TCP_LAST_ACK, &e));
}

TEST_F(procfs, states_of_opening)
{
	struct addr to = addr_host(self->door, 1, 2, 4321);
	struct entry e;
	int peer, fd, listener;

	/* The SYN arrives, its answer does not. */
	peer = peer_mute(self->door, self->ns);
	ASSERT_EQ(0, netns_enter(peer));
	listener = sock_listen(self->door, &to, 1);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, netns_enter(self->ns));
	fd = door_socket(self->door, SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	EXPECT_EQ(1, find_entry(port_of(fd), TCP_SYN_SENT, &e));
	EXPECT_EQ(inode_of(fd), e.inode);
	ASSERT_EQ(0, netns_enter(peer));
	EXPECT_TRUE(wait_until(find_entry(4321, TCP_SYN_RECV, &e) == 1));
	EXPECT_EQ(0, e.inode);
	EXPECT_EQ(1, find_entry(4321, TCP_LISTEN, &e));
}

TEST_F(procfs, many_sockets)
{
	int fds[300], seen[300] = {}, i;
	struct entry e;
	char line[512];
	FILE *f;

	/* More than one page of text, and each of them once. */
	for (i = 0; i < 300; i += 2)
		ASSERT_EQ(0, sock_pair(self->door, fds + i));
	f = proc_open("sockets");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		if (!parse_entry(line, &e) || e.state != TCP_ESTABLISHED)
			continue;
		for (i = 0; i < 300 && inode_of(fds[i]) != e.inode; i++)
			;
		ASSERT_LT(i, 300);
		seen[i]++;
	}
	for (i = 0; i < 300; i++)
		EXPECT_EQ(1, seen[i]);
}

TEST_F(procfs, sockets_of_namespaces)
{
	struct entry e;
	struct addr at;

	ASSERT_LE(0, sock_listen_lo(self->door, &at));
	EXPECT_EQ(1, find_entry(addr_port(&at), TCP_LISTEN, &e));
	ASSERT_LE(0, netns_new());
	EXPECT_EQ(0, find_entry(addr_port(&at), TCP_LISTEN, &e));
}

TEST_F(procfs, state_table)
{
	char line[128], state[32], event[32], next[32];
	FILE *f = proc_open("transitions");
	long long count;
	size_t lines = 0;
	int n;

	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		n = sscanf(line, "%31s %31s %31s %lld\n", state, event, next,
			   &count);
		EXPECT_EQ(4, n);
		lines++;
	}
	EXPECT_EQ(ARRAY_SIZE(edges), lines);
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		EXPECT_LE(0, transitions(edges[i])) {
			TH_LOG("no edge %s", edges[i]);
		}
	}
}

TEST_F(procfs, transitions_of_a_life)
{
	static const char *const taken[] = {
		"CLOSED OPEN_PASSIVE LISTEN", "CLOSED OPEN_ACTIVE SYN_SENT",
		"LISTEN RCV_SYN SYN_RECEIVED", "SYN_SENT RCV_SYN_ACK ESTABLISHED",
		"SYN_RECEIVED RCV_ACK ESTABLISHED", "LISTEN CLOSE CLOSED",
		"ESTABLISHED CLOSE FIN_WAIT_1", "ESTABLISHED RCV_FIN CLOSE_WAIT",
		"FIN_WAIT_1 RCV_ACK_OF_FIN FIN_WAIT_2",
		"CLOSE_WAIT CLOSE LAST_ACK", "FIN_WAIT_2 RCV_FIN TIME_WAIT",
		"LAST_ACK RCV_ACK_OF_FIN CLOSED",
	};
	long long before[ARRAY_SIZE(taken)];
	int fds[2];

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		before[i] = transitions(taken[i]);
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_TRUE(sock_wait_state(fds[0], TCP_FIN_WAIT2));
	EXPECT_EQ(0, shutdown(fds[1], SHUT_WR));
	EXPECT_TRUE(sock_wait_state(fds[1], TCP_CLOSE));
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		EXPECT_LT(before[i], transitions(taken[i])) {
			TH_LOG("not taken: %s", taken[i]);
		}
	}
}

TEST_F(procfs, sysctls)
{
	char path[64], text[64];
	FILE *f;

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/tern/%s",
			 sysctls[i].name);
		f = fopen(path, "r");
		EXPECT_NE(NULL, f) {
			TH_LOG("no sysctl %s", sysctls[i].name);
		}
		if (!f || !fgets(text, sizeof(text), f))
			continue;
		text[strcspn(text, "\n")] = 0;
		if (sysctls[i].value)
			EXPECT_STREQ(sysctls[i].value, text) {
				TH_LOG("net.tern.%s", sysctls[i].name);
			}
		fclose(f);
	}
}

TEST_F(procfs, sysctls_of_namespaces)
{
	int fd, other;

	ASSERT_EQ(0, sysctl_set("net/tern/keepalive_time", "123"));
	ASSERT_EQ(0, sysctl_set("net/tern/rmem", "4096 65536 1000000"));
	fd = door_socket(self->door, 0);
	EXPECT_EQ(123, sock_get(fd, SOL_TCP, TCP_KEEPIDLE));
	EXPECT_EQ(65536, sock_get(fd, SOL_SOCKET, SO_RCVBUF));
	other = netns_new();
	ASSERT_LE(0, other);
	fd = door_socket(self->door, 0);
	EXPECT_EQ(7200, sock_get(fd, SOL_TCP, TCP_KEEPIDLE));
	EXPECT_ERRNO(EINVAL, sysctl_set("net/tern/keepalive_probes", "-1"));
	EXPECT_ERRNO(EINVAL, sysctl_set("net/tern/retries", "x"));
}

TEST_HARNESS_MAIN
