// SPDX-License-Identifier: GPL-2.0
/*
 * NewReno (RFC 5681, RFC 6582): a segment more for each round trip, half of
 * it on loss. With SACK the rest of RFC 6582 is recovery.c's.
 */
#include "cong.h"
#include "sock.h"

static u32 newreno_ssthresh(struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);

	return max(ts->snd_cwnd / 2, 2u * ts->mss);
}

static void newreno_ack(struct sock *sk, u32 acked)
{
	struct tern_sock *ts = tern_sk(sk);

	if (tern_cong_slow_start(sk)) {
		u32 grow = min(acked, ts->snd_ssthresh - ts->snd_cwnd);

		ts->snd_cwnd += grow;
		acked -= grow;
	}
	ts->cwnd_acked += acked;
	if (ts->cwnd_acked >= ts->snd_cwnd) {
		ts->cwnd_acked -= ts->snd_cwnd;
		ts->snd_cwnd += ts->mss;
	}
}

const struct tern_cong_ops tern_newreno = {
	.name = "newreno",
	.ssthresh = newreno_ssthresh,
	.ack = newreno_ack,
};
