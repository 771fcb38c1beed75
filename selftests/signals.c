// SPDX-License-Identifier: GPL-2.0
/*
 * Signals: calls that are interrupted or start again, and sockets that announce
 * their events by a signal.
 */
#include <fcntl.h>
#include <signal.h>

#include "tern_test.h"

DOOR_FIXTURE(signals);

static volatile int caught;

static void on_signal(int sig)
{
	caught = sig;
}

/* SIGUSR1 is caught; whether calls start again after it depends on @flags. */
static int catch(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	caught = 0;
	return sigaction(SIGUSR1, &action, NULL);
}

/* The thread gets the signal, and it has been handled. */
static int interrupt(struct blocked *b)
{
	if (pthread_kill(b->thread, SIGUSR1))
		return -1;
	return wait_until(caught == SIGUSR1) ? 0 : -1;
}

TEST_F(signals, receive_interrupted)
{
	char c;
	struct blocked b = { .call = call_recv, .buf = &c, .len = 1 };
	int fds[2];

	ASSERT_EQ(0, catch(0));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EINTR, b.err);
}

TEST_F(signals, receive_restarted)
{
	char c = 0;
	struct blocked b = { .call = call_recv, .buf = &c, .len = 1 };
	int fds[2];

	ASSERT_EQ(0, catch(SA_RESTART));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	EXPECT_TRUE(blocked_still(&b));
	EXPECT_EQ(1, write(fds[1], "x", 1));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(1, b.ret);
	EXPECT_EQ('x', c);
}

TEST_F(signals, receive_with_timeout_not_restarted)
{
	char c;
	struct blocked b = { .call = call_recv, .buf = &c, .len = 1 };
	int fds[2];

	ASSERT_EQ(0, catch(SA_RESTART));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, sock_timeout(fds[0], SO_RCVTIMEO, 60000));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EINTR, b.err);
}

TEST_F(signals, receive_part)
{
	char buf[8];
	struct blocked b = { .call = call_recv_all, .buf = buf, .len = 8 };
	int fds[2];

	/* What has been taken from the socket cannot be put back. */
	ASSERT_EQ(0, catch(0));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	EXPECT_EQ(3, write(fds[1], "abc", 3));
	ASSERT_LT(0, wait_event(fds[0], POLLIN));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(3, b.ret);
}

TEST_F(signals, send_interrupted)
{
	char buf[1000] = "";
	struct blocked b = { .call = call_send, .buf = buf, .len = 1000 };
	int fds[2];

	ASSERT_EQ(0, catch(0));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	ASSERT_LT(0, fill_socket(fds[0]));
	b.fd = fds[0];
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EINTR, b.err);
}

TEST_F(signals, send_part)
{
	struct blocked b = { .call = call_send, .len = 8 << 20 };
	int fds[2];

	ASSERT_EQ(0, catch(SA_RESTART));
	ASSERT_EQ(0, sock_pair(self->door, fds));
	sock_set(fds[0], SOL_SOCKET, SO_SNDBUF, 65536);
	sock_set(fds[1], SOL_SOCKET, SO_RCVBUF, 65536);
	b.fd = fds[0];
	b.buf = calloc(1, b.len);
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_LT(0, b.ret);
	EXPECT_GT((long)b.len, b.ret);
	free(b.buf);
}

TEST_F(signals, accept_interrupted)
{
	struct blocked b = { .call = call_accept };
	struct addr at;

	ASSERT_EQ(0, catch(0));
	b.fd = sock_listen_lo(self->door, &at);
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EINTR, b.err);
}

TEST_F(signals, accept_restarted)
{
	struct blocked b = { .call = call_accept };
	struct addr at;

	ASSERT_EQ(0, catch(SA_RESTART));
	b.fd = sock_listen_lo(self->door, &at);
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	EXPECT_TRUE(blocked_still(&b));
	ASSERT_LE(0, sock_dial(self->door, &at));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_LE(0, b.ret);
}

TEST_F(signals, connect_interrupted)
{
	struct blocked b = { .call = call_connect };

	/* The attempt goes on without the caller. */
	ASSERT_LE(0, peer_mute(self->door, self->ns));
	ASSERT_EQ(0, catch(0));
	b.fd = door_socket(self->door, 0);
	b.addr = addr_host(self->door, 1, 2, 9);
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(-1, b.ret);
	EXPECT_EQ(EINTR, b.err);
	EXPECT_EQ(TCP_SYN_SENT, sock_state(b.fd));
	fcntl(b.fd, F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(EALREADY, sock_connect(b.fd, &b.addr));
}

TEST_F(signals, connect_restarted)
{
	struct addr here = addr_host(self->door, 1, 1, 4001);
	struct addr there = addr_host(self->door, 1, 2, 4002);
	struct blocked b = { .call = call_connect, .addr = there };
	int peer, fd;

	peer = peer_mute(self->door, self->ns);
	ASSERT_LE(0, peer);
	ASSERT_EQ(0, catch(SA_RESTART));
	b.fd = door_socket(self->door, 0);
	ASSERT_EQ(0, sock_bind(b.fd, &here));
	ASSERT_EQ(0, blocked_start(&b));
	ASSERT_EQ(0, interrupt(&b));
	EXPECT_TRUE(blocked_still(&b));
	/* The peer opens from its side: sooner than a second SYN from here. */
	ASSERT_EQ(0, peer_silence(self->door, peer, false));
	ASSERT_EQ(0, netns_enter(peer));
	fd = door_socket(self->door, 0);
	ASSERT_EQ(0, sock_bind(fd, &there));
	EXPECT_EQ(0, sock_connect(fd, &here));
	ASSERT_TRUE(blocked_end(&b));
	EXPECT_EQ(0, b.ret);
}

TEST_F(signals, broken_pipe_kills)
{
	int fds[2], status;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	if (!fork()) {
		shutdown(fds[0], SHUT_WR);
		write_all(fds[0], "a", 1);
		write(fds[0], "a", 1) ? _exit(1) : _exit(2);
	}
	ASSERT_LT(0, wait(&status));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGPIPE, WTERMSIG(status));
}

/* Blocks @sig, to be waited for, and has @fd send it to this process. */
static int announce(int fd, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETSIG, sig))
		return -1;
	return fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
}

/* Waits for the signal; the bits that came with it. */
static int announced(int sig, int fd)
{
	struct timespec patience = { DEADLINE_MS / 1000, 0 };
	siginfo_t info = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	if (sigtimedwait(&set, &info, &patience) != sig)
		return -1;
	return info.si_fd == fd ? info.si_band : -1;
}

/* of what happens to @fd, for sigtimedwait() */
static int take_sigio(int fd, sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGIO);
	return sigprocmask(SIG_BLOCK, set, NULL) || fcntl(fd, F_SETOWN, getpid()) ||
	       fcntl(fd, F_SETFL, O_ASYNC);
}

TEST_F(signals, io)
{
	struct timespec patience = { DEADLINE_MS / 1000, 0 };
	sigset_t set;
	int fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, take_sigio(fds[0], &set));
	EXPECT_EQ(1, write(fds[1], "a", 1));
	EXPECT_EQ(SIGIO, sigtimedwait(&set, NULL, &patience));
}

TEST_F(signals, io_data)
{
	int sig = SIGRTMIN + 1, fds[2];

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, announce(fds[0], sig));
	EXPECT_EQ(1, write(fds[1], "a", 1));
	EXPECT_EQ(POLLIN | POLLRDNORM, announced(sig, fds[0]));
}

TEST_F(signals, io_answer_with_the_end)
{
	struct timespec patience = { DEADLINE_MS / 1000, 0 }, none = {};
	sigset_t set;
	int fds[2];
	char c;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, take_sigio(fds[0], &set));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	ASSERT_EQ(0, read(fds[1], &c, 1));
	ASSERT_TRUE(wait_until(sock_state(fds[0]) == TCP_FIN_WAIT2));
	while (sigtimedwait(&set, NULL, &none) == SIGIO)
		;
	/* in one segment */
	ASSERT_EQ(1, send(fds[1], "a", 1, MSG_MORE));
	close(fds[1]);
	EXPECT_EQ(SIGIO, sigtimedwait(&set, NULL, &patience));
}

TEST_F(signals, io_hangup)
{
	int sig = SIGRTMIN + 1, fds[2], band;

	ASSERT_EQ(0, sock_pair(self->door, fds));
	ASSERT_EQ(0, announce(fds[0], sig));
	sock_reset(fds[1]);
	band = announced(sig, fds[0]);
	EXPECT_LT(0, band);
	EXPECT_NE(0, band & (POLLERR | POLLHUP));
}

TEST_F(signals, io_listener)
{
	int sig = SIGRTMIN + 1, listener;
	struct addr at;

	listener = sock_listen_lo(self->door, &at);
	ASSERT_EQ(0, announce(listener, sig));
	ASSERT_LE(0, sock_dial(self->door, &at));
	EXPECT_EQ(POLLIN | POLLRDNORM, announced(sig, listener));
	EXPECT_LE(0, accept(listener, NULL, NULL));
}

TEST_F(signals, io_connect)
{
	int sig = SIGRTMIN + 1, fd;
	struct addr at;

	ASSERT_LE(0, sock_listen_lo(self->door, &at));
	fd = door_socket(self->door, 0);
	ASSERT_EQ(0, announce(fd, sig));
	EXPECT_ERRNO(EINPROGRESS, sock_connect(fd, &at));
	EXPECT_EQ(POLLOUT | POLLWRNORM | POLLWRBAND, announced(sig, fd));
}

TEST_HARNESS_MAIN
