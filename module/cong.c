// SPDX-License-Identifier: GPL-2.0
/*
 * What every congestion control shares: the initial window, what a loss and a
 * timeout do to the window, idle restart, and the rule that a window is not
 * grown which was not used. The control itself is a table (cong.h).
 *
 * Called with the socket locked.
 */
#include "cong.h"
#include "sock.h"

#define INITIAL_WINDOW_SEGMENTS 10	/* RFC 6928 */

static u32 initial_window(const struct tern_sock *ts)
{
	return INITIAL_WINDOW_SEGMENTS * ts->mss;
}

/**
 * tern_cong_init - a connection begins
 * @sk: socket, mss known
 */
void tern_cong_init(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->snd_cwnd = initial_window(ts);
	ts->snd_ssthresh = U32_MAX / 2;
	ts->cwnd_acked = 0;
	ts->is_cwnd_limited = false;
	ts->last_sent = tern_clock_us();
	if (ts->cong->init)
		ts->cong->init(sk);
}

/**
 * tern_cong_slow_start - below the threshold?
 * @sk: socket
 *
 * Return: whether the window grows by what is acknowledged (RFC 5681, 3.1).
 */
bool tern_cong_slow_start(const struct sock *sk)
{
	return tern_sk(sk)->snd_cwnd < tern_sk(sk)->snd_ssthresh;
}

/**
 * tern_cong_ack - bytes were delivered outside of fast recovery
 * @sk: socket
 * @acked: how many
 */
void tern_cong_ack(struct sock *sk, u32 acked)
{
	struct tern_sock *ts = tern_sk(sk);

	/* RFC 7661: a window that was not filled says nothing about the path */
	if (!acked || (!ts->is_cwnd_limited && ts->ca_state == TERN_CA_OPEN))
		return;
	ts->cong->ack(sk, acked);
}

/**
 * tern_cong_enter_recovery - a loss was found by SACK
 * @sk: socket
 */
void tern_cong_enter_recovery(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->snd_ssthresh = ts->cong->ssthresh(sk);
	ts->snd_cwnd = ts->snd_ssthresh;
	ts->cwnd_acked = 0;
}

/**
 * tern_cong_enter_loss - a retransmission timeout (RFC 5681, 3.1)
 * @sk: socket; everything in flight is marked lost
 *
 * A second timeout for the same data does not halve again.
 */
void tern_cong_enter_loss(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->ca_state != TERN_CA_LOSS)
		ts->snd_ssthresh = ts->cong->ssthresh(sk);
	ts->snd_cwnd = ts->mss;
	ts->cwnd_acked = 0;
}

/**
 * tern_cong_exit - what was lost has been repaired
 * @sk: socket
 */
void tern_cong_exit(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->ca_state == TERN_CA_RECOVERY)
		ts->snd_cwnd = ts->snd_ssthresh;
}

/**
 * tern_cong_restart_after_idle - the window of a path that was not used ages
 * @sk: socket with nothing in flight
 * @idle_us: since the last segment was sent
 *
 * Halved for each RTO that passed, not below the initial window (RFC 7661).
 */
void tern_cong_restart_after_idle(struct sock *sk, u32 idle_us)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 restart = min(initial_window(ts), ts->snd_cwnd);

	ts->snd_ssthresh = max(ts->snd_ssthresh, ts->snd_cwnd / 4 * 3);
	while (idle_us > ts->rto_us && ts->snd_cwnd > restart) {
		ts->snd_cwnd /= 2;
		idle_us -= ts->rto_us;
	}
	ts->snd_cwnd = max(ts->snd_cwnd, restart);
	ts->cwnd_acked = 0;
}
