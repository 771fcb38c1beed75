// SPDX-License-Identifier: GPL-2.0
/*
 * What a connection tells about itself: TERN_INFO and TCP_INFO, how much of
 * them is filled in, in every state, and what a transfer, a full buffer and a
 * disconnection change. What TCP_INFO says is compared with TCP.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tern_test.h"

#define TOTAL	3000000
#define POISON	0xa5

DOOR_FIXTURE(info);

/* The kernel's struct tcp_info up to what 6.1 has; libc's ends earlier. */
union tcp_now {
	struct tcp_info known;
	struct {
		uint8_t before[104];
		uint64_t pacing_rate;
		uint64_t max_pacing_rate;
		uint64_t bytes_acked;
		uint64_t bytes_received;
		uint32_t segs_out;
		uint32_t segs_in;
		uint32_t notsent_bytes;
		uint32_t min_rtt;
		uint32_t data_segs_in;
		uint32_t data_segs_out;
		uint64_t delivery_rate;
		uint64_t busy_time;
		uint64_t rwnd_limited;
		uint64_t sndbuf_limited;
		uint32_t delivered;
		uint32_t delivered_ce;
		uint64_t bytes_sent;
		uint64_t bytes_retrans;
		uint32_t dsack_dups;
		uint32_t reord_seen;
		uint32_t rcv_ooopack;
		uint32_t snd_wnd;
	};
};

static union tcp_now tcp_now(int fd)
{
	union tcp_now now = {};
	socklen_t len = sizeof(now);

	if (getsockopt(fd, SOL_TCP, TCP_INFO, &now, &len) || len != sizeof(now))
		now.known.tcpi_state = 255;
	return now;
}

static struct tern_info tern_now(int fd)
{
	struct tern_info now = {};
	socklen_t len = sizeof(now);

	if (getsockopt(fd, SOL_TERN, TERN_INFO, &now, &len) || len != sizeof(now))
		now.ti_state = 255;
	return now;
}

/* Both say so; TCP knows the one only. */
static bool in_state(const struct door *d, int fd, int state)
{
	return tcp_now(fd).known.tcpi_state == state &&
	       (door_is_tcp(d) || tern_now(fd).ti_state == state);
}

/* The length that getsockopt() returns, and it wrote no byte behind; or -1. */
static int length_for(int fd, int level, int option, socklen_t room)
{
	uint8_t buf[1024];
	socklen_t len = room;

	memset(buf, POISON, sizeof(buf));
	if (getsockopt(fd, level, option, buf, &len))
		return -1;
	for (size_t i = len; i < sizeof(buf); i++)
		if (buf[i] != POISON)
			return -1;
	return len;
}

TEST_F(info, length)
{
	const struct { int level, option, full; } *o, options[] = {
		{ SOL_TCP, TCP_INFO, sizeof(union tcp_now) },
		{ SOL_TERN, TERN_INFO, sizeof(struct tern_info) },
	};
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	for (int i = 0; i < (door_is_tcp(self->door) ? 1 : 2); i++) {
		o = &options[i];
		for (int room = 0; room <= o->full; room++)
			EXPECT_EQ(room, length_for(fds[0], o->level, o->option, room));
		/* What this test does not know yet may follow, but not for ever. */
		EXPECT_LE(o->full, length_for(fds[0], o->level, o->option, 1024));
		EXPECT_GT(o->full + 200, length_for(fds[0], o->level, o->option, 1024));
	}
}

TEST_F(info, refused)
{
	int level = door_is_tcp(self->door) ? SOL_TCP : SOL_TERN;
	int option = door_is_tcp(self->door) ? TCP_INFO : TERN_INFO;
	int fd = door_socket(self->door, 0);
	struct tern_info info;
	socklen_t len = -1;

	EXPECT_ERRNO(ENOPROTOOPT, sock_set(fd, level, option, 1));
	EXPECT_ERRNO(EINVAL, getsockopt(fd, level, option, &info, &len));
	len = sizeof(info);
	EXPECT_ERRNO(EFAULT, getsockopt(fd, level, option, (void *)1, &len));
	EXPECT_ERRNO(EFAULT, getsockopt(fd, level, option, &info, (void *)1));
	EXPECT_ERRNO(ENOPROTOOPT, sock_set(fd, SOL_TERN, 9999, 1));
	EXPECT_ERRNO(ENOPROTOOPT, sock_set(fd, SOL_TERN, TERN_INFO, 1));
	if (door_is_tcp(self->door)) {
		/* It has no such level, which over IPv4 is another error. */
		EXPECT_EQ(-1, sock_get(fd, SOL_TERN, TERN_INFO));
		EXPECT_ERRNO(ENOPROTOOPT, setsockopt(fd, SOL_TERN, TERN_CONGESTION, "reno", 4));
		return;
	}
	EXPECT_ERRNO(ENOPROTOOPT, sock_get(fd, SOL_TERN, 9999));
	EXPECT_ERRNO(ENOPROTOOPT, sock_get(fd, SOL_TERN, 0));
}

TEST_F(info, congestion_control)
{
	int fd = door_socket(self->door, 0);
	char name[16] = "";
	socklen_t len = sizeof(name);

	if (door_is_tcp(self->door))
		SKIP(return, "TCP has TCP_CONGESTION only");
	EXPECT_EQ(0, getsockopt(fd, SOL_TERN, TERN_CONGESTION, name, &len));
	EXPECT_EQ(sizeof(name), len);
	EXPECT_STREQ("cubic", name);
	EXPECT_EQ(0, setsockopt(fd, SOL_TERN, TERN_CONGESTION, "newreno", 7));
	EXPECT_STREQ("newreno", tern_now(fd).ti_congestion);
	EXPECT_EQ(0, getsockopt(fd, SOL_TCP, TCP_CONGESTION, name, &len));
	EXPECT_STREQ("newreno", name);
	EXPECT_EQ(0, setsockopt(fd, SOL_TCP, TCP_CONGESTION, "cubic", 6));
	len = 3;
	EXPECT_EQ(0, getsockopt(fd, SOL_TERN, TERN_CONGESTION, name, &len));
	EXPECT_EQ(3, len);
	EXPECT_EQ(0, memcmp(name, "cubreno", 8));
	EXPECT_ERRNO(ENOENT, setsockopt(fd, SOL_TERN, TERN_CONGESTION, "no", 2));
	EXPECT_ERRNO(EINVAL, setsockopt(fd, SOL_TERN, TERN_CONGESTION, "", 0));
	EXPECT_ERRNO(EFAULT, setsockopt(fd, SOL_TERN, TERN_CONGESTION, (void *)1, 5));
}

TEST_F(info, states)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);
	int client, server, fd = door_socket(self->door, 0);

	EXPECT_TRUE(in_state(self->door, fd, TCP_CLOSE));
	EXPECT_EQ(0, tcp_now(fd).known.tcpi_unacked);
	EXPECT_TRUE(in_state(self->door, listener, TCP_LISTEN));

	client = sock_dial(self->door, &at);
	ASSERT_LE(0, client);
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	EXPECT_TRUE(in_state(self->door, client, TCP_ESTABLISHED));
	EXPECT_TRUE(in_state(self->door, server, TCP_ESTABLISHED));
	EXPECT_EQ(0, shutdown(client, SHUT_WR));
	EXPECT_TRUE(wait_until(in_state(self->door, server, TCP_CLOSE_WAIT)));
	EXPECT_TRUE(wait_until(in_state(self->door, client, TCP_FIN_WAIT2)));
	EXPECT_EQ(0, shutdown(server, SHUT_WR));
	/* What is left of the client's is in TIME_WAIT, and no socket. */
	EXPECT_TRUE(wait_until(in_state(self->door, client, TCP_CLOSE)));
	EXPECT_TRUE(wait_until(in_state(self->door, server, TCP_CLOSE)));
	EXPECT_EQ(0, tcp_now(client).known.tcpi_unacked);
	EXPECT_EQ(0, tcp_now(client).notsent_bytes);
}

TEST_F(info, syn_sent)
{
	struct addr to = addr_host(self->door, 1, 2, 9);
	int fd = door_socket(self->door, SOCK_NONBLOCK);

	ASSERT_LE(0, peer_mute(self->door, self->ns));
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &to));
	EXPECT_TRUE(in_state(self->door, fd, TCP_SYN_SENT));
	EXPECT_EQ(1, tcp_now(fd).known.tcpi_unacked);
	EXPECT_EQ(0, tcp_now(fd).known.tcpi_rtt);
	EXPECT_EQ(UINT32_MAX, tcp_now(fd).min_rtt);
	EXPECT_EQ(0, tcp_now(fd).delivery_rate);
	EXPECT_LE(1000000, tcp_now(fd).known.tcpi_rto);
	EXPECT_TRUE(wait_until(tcp_now(fd).known.tcpi_total_retrans > 0));
	EXPECT_LE(1, tcp_now(fd).known.tcpi_retransmits);
	if (!door_is_tcp(self->door))
		EXPECT_LE(1, tern_now(fd).ti_timeouts);
}

TEST_F(info, listener)
{
	struct addr at;
	int listener = sock_listen_lo(self->door, &at);

	ASSERT_EQ(0, listen(listener, 7));
	EXPECT_EQ(0, tcp_now(listener).known.tcpi_unacked);
	EXPECT_EQ(7, tcp_now(listener).known.tcpi_sacked);
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_TRUE(wait_until(tcp_now(listener).known.tcpi_unacked == 2));
	EXPECT_EQ(0, tcp_now(listener).bytes_received);
	if (door_is_tcp(self->door))
		return;
	EXPECT_EQ(2, tern_now(listener).ti_accept_queue);
	EXPECT_EQ(7, tern_now(listener).ti_accept_max);
	EXPECT_EQ(0, tern_now(listener).ti_syn_queue);
	EXPECT_STREQ("cubic", tern_now(listener).ti_congestion);
}

static bool all_acked(int fd)
{
	union tcp_now now = tcp_now(fd);

	return !now.known.tcpi_unacked && !now.notsent_bytes;
}

static int transfer(int from, int to)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(pattern_send(from, TOTAL, 50000) ? 1 : 0);
	if (pattern_recv(to, TOTAL, 50000)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return -1;
	return wait_until(all_acked(from)) ? 0 : -1;
}

/* the clock that goes on with each tick, as jiffies do: late ticks are late for both */
static uint64_t tick_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

TEST_F(info, transfer)
{
	uint64_t began = tick_ms(), age;
	union tcp_now from, to;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	from = tcp_now(fds[0]);
	/* TCP counts its SYN, where it sent the first. */
	EXPECT_GE(1, from.bytes_acked);
	EXPECT_EQ(0, from.bytes_sent);
	EXPECT_EQ(0, from.data_segs_out);
	EXPECT_EQ(0, from.delivery_rate);
	EXPECT_EQ(0, from.busy_time);
	EXPECT_EQ(0x7fffffff, from.known.tcpi_snd_ssthresh);
	ASSERT_EQ(0, transfer(fds[0], fds[1]));
	from = tcp_now(fds[0]);
	to = tcp_now(fds[1]);
	age = tick_ms() - began + 20;

	EXPECT_LE(TOTAL, from.bytes_acked);
	EXPECT_GE(TOTAL + 1, from.bytes_acked);
	EXPECT_EQ(TOTAL, from.bytes_sent - from.bytes_retrans);
	EXPECT_EQ(TOTAL, to.bytes_received);
	EXPECT_EQ(0, from.bytes_received);
	EXPECT_EQ(0, to.bytes_sent);
	EXPECT_EQ(0, to.data_segs_out);
	EXPECT_EQ(0, from.data_segs_in);
	EXPECT_LE(TOTAL / from.known.tcpi_snd_mss, from.data_segs_out);
	EXPECT_LE(from.data_segs_out, from.segs_out);
	EXPECT_LT(0, from.segs_in);
	EXPECT_LE(TOTAL / from.known.tcpi_snd_mss, to.data_segs_in);
	EXPECT_LE(to.data_segs_in, to.segs_in);
	EXPECT_LE(TOTAL / from.known.tcpi_snd_mss, from.delivered);
	EXPECT_EQ(0, from.delivered_ce);

	EXPECT_LT(0, from.delivery_rate);
	EXPECT_LT(0, from.pacing_rate);
	EXPECT_EQ(UINT64_MAX, from.max_pacing_rate);
	EXPECT_LT(0, from.min_rtt);
	EXPECT_LE(from.min_rtt, from.known.tcpi_rtt + 1);
	EXPECT_LE(200000, from.known.tcpi_rto);
	EXPECT_LT(0, from.known.tcpi_snd_cwnd);
	EXPECT_LT(0, from.snd_wnd);
	EXPECT_LT(0, to.known.tcpi_ato);
	EXPECT_LT(500, from.known.tcpi_advmss);
	EXPECT_LE(from.known.tcpi_snd_mss, from.known.tcpi_pmtu);
	EXPECT_EQ(3, from.known.tcpi_reordering);
	EXPECT_LT(0, to.known.tcpi_rcv_rtt);
	EXPECT_LT(0, to.known.tcpi_rcv_space);
	EXPECT_LT(0, to.known.tcpi_rcv_ssthresh);
	EXPECT_GE(age, from.known.tcpi_last_data_sent);
	EXPECT_GE(age, from.known.tcpi_last_data_recv);
	EXPECT_GE(age, from.known.tcpi_last_ack_recv);
	EXPECT_GE(age, to.known.tcpi_last_data_recv);
	EXPECT_EQ(TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK, from.known.tcpi_options & 3);
}

TEST_F(info, both_agree)
{
	struct tern_info from, to;
	union tcp_now tcp;
	int fds[2];

	if (door_is_tcp(self->door))
		SKIP(return, "TCP has TCP_INFO only");
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, transfer(fds[0], fds[1]));
	EXPECT_EQ(5, write(fds[0], "hello", 5));
	EXPECT_TRUE(wait_until(all_acked(fds[0])));
	from = tern_now(fds[0]);
	tcp = tcp_now(fds[0]);
	to = tern_now(fds[1]);

	EXPECT_EQ(TOTAL + 5, from.ti_bytes_acked);
	EXPECT_EQ(TOTAL + 5, from.ti_delivered);
	EXPECT_EQ(TOTAL + 5, from.ti_bytes_sent - from.ti_bytes_retrans);
	EXPECT_EQ(TOTAL + 5, to.ti_bytes_received);
	EXPECT_EQ(5, to.ti_unread);
	EXPECT_EQ(0, from.ti_in_flight);
	EXPECT_EQ(0, from.ti_unacked);
	EXPECT_EQ(0, from.ti_sacked);
	EXPECT_EQ(0, from.ti_lost);
	EXPECT_EQ(0, from.ti_retrans);
	EXPECT_EQ(TERN_CA_OPEN, from.ti_ca_state);
	EXPECT_EQ(0, from.ti_reserved);
	EXPECT_LT(0, from.ti_snd_wnd);
	EXPECT_LT(0, to.ti_rcv_wnd);
	EXPECT_LE(to.ti_rcv_wnd, to.ti_rcv_wnd_max);
	EXPECT_EQ(from.ti_delivery_rate, tcp.delivery_rate);
	EXPECT_EQ(from.ti_min_rtt, tcp.min_rtt);
	EXPECT_EQ(from.ti_rtt, tcp.known.tcpi_rtt);
	EXPECT_EQ(from.ti_rto, tcp.known.tcpi_rto);
	EXPECT_EQ(from.ti_segs_out, tcp.segs_out);
	EXPECT_EQ(from.ti_total_retrans, tcp.known.tcpi_total_retrans);
	EXPECT_EQ((from.ti_cwnd + from.ti_snd_mss - 1) / from.ti_snd_mss,
		  tcp.known.tcpi_snd_cwnd);
	EXPECT_STREQ("cubic", from.ti_congestion);
}

TEST_F(info, limited_by_the_peer)
{
	union tcp_now now, later;
	struct tern_info info;
	char buf[65536];
	int fds[2];

	/* Nobody reads: what is left to send waits for the window. */
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_LT(0, fill_socket(fds[0]));
	EXPECT_TRUE(wait_until(tcp_now(fds[0]).rwnd_limited > 0));
	now = tcp_now(fds[0]);
	EXPECT_LE(now.rwnd_limited, now.busy_time);
	EXPECT_LT(0, now.notsent_bytes);
	if (!door_is_tcp(self->door)) {
		info = tern_now(fds[0]);
		EXPECT_EQ(now.notsent_bytes, info.ti_notsent);
		EXPECT_LE(now.rwnd_limited, info.ti_rwnd_limited);
		EXPECT_LE(info.ti_rwnd_limited + info.ti_sndbuf_limited, info.ti_busy_time);
	}
	EXPECT_TRUE(wait_until(tcp_now(fds[0]).rwnd_limited > now.rwnd_limited));

	while (!all_acked(fds[0]))
		ASSERT_LT(0, read(fds[1], buf, sizeof(buf)));
	/* Idle: from now on it is the program that is waited for. */
	now = tcp_now(fds[0]);
	pause_ms(30);
	later = tcp_now(fds[0]);
	EXPECT_EQ(now.busy_time, later.busy_time);
	EXPECT_EQ(now.rwnd_limited, later.rwnd_limited);
	EXPECT_EQ(0, later.notsent_bytes);
	EXPECT_LE(20, later.known.tcpi_last_data_sent);
}

TEST_F(info, pacing)
{
	uint64_t rate = 1000000;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, setsockopt(fds[0], SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)));
	EXPECT_EQ(rate, tcp_now(fds[0]).max_pacing_rate);
	EXPECT_GE(rate, tcp_now(fds[0]).pacing_rate);
	if (!door_is_tcp(self->door))
		EXPECT_EQ(rate, tern_now(fds[0]).ti_max_pacing_rate);
}

TEST_F(info, begins_anew)
{
	struct addr at, none = addr_unspec();
	int listener = sock_listen_lo(self->door, &at);
	int client = sock_dial(self->door, &at);
	int server = accept(listener, NULL, NULL);
	union tcp_now now;

	ASSERT_LE(0, client);
	ASSERT_LE(0, server);
	ASSERT_EQ(0, transfer(client, server));
	ASSERT_EQ(0, sock_connect(client, &none));
	now = tcp_now(client);
	EXPECT_EQ(0, now.bytes_acked);
	EXPECT_EQ(0, now.bytes_sent);
	EXPECT_EQ(0, now.segs_in);
	/* TCP remembers the rate. */
	if (!door_is_tcp(self->door))
		EXPECT_EQ(0, now.delivery_rate);
	ASSERT_EQ(0, sock_connect(client, &at));
	now = tcp_now(client);
	EXPECT_GE(1, now.bytes_acked);
	EXPECT_EQ(0, now.bytes_sent);
	EXPECT_EQ(0, now.known.tcpi_total_retrans);
	EXPECT_EQ(5, write(client, "hello", 5));
	EXPECT_TRUE(wait_until(tcp_now(client).bytes_acked >= 5));
	EXPECT_EQ(5, tcp_now(client).bytes_sent);
}

TEST_HARNESS_MAIN
