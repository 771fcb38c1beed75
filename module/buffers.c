// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers that tune themselves: the receive buffer grows when the program
 * reads, in a round trip, more than it did before (dynamic right-sizing), the
 * send buffer with the congestion window. Neither grows beyond the third
 * value of net.tern.rmem and net.tern.wmem, in memory pressure, or when the
 * program has chosen a size itself (SO_RCVBUF, SO_SNDBUF).
 *
 * Called with the socket locked.
 */
#include <net/sock.h>

#include "buffers.h"
#include "sock.h"

/**
 * tern_rcv_rtt_sample - data has come: how long does a round trip take, seen from here?
 * @ts: socket
 * @tsecr: timestamp that the data echoes
 */
void tern_rcv_rtt_sample(struct tern_sock *ts, u32 tsecr)
{
	u32 rtt = tern_tsval(ts) - tsecr;

	if (tsecr == ts->rcv_rtt_tsecr || (s32)rtt < 0)
		return;
	ts->rcv_rtt_tsecr = tsecr;
	/* the peer may have had nothing to send for a while: small ones count */
	if (!ts->rcv_rtt_us || rtt < ts->rcv_rtt_us)
		ts->rcv_rtt_us = max(rtt, 1u);
	else
		ts->rcv_rtt_us += (rtt - ts->rcv_rtt_us) / 8;
}

/**
 * tern_rcvbuf_adjust - the program has read
 * @sk: socket
 */
void tern_rcvbuf_adjust(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 now = tern_clock_us(), copied;
	u64 window, size;

	if (!ts->rcv_rtt_us || now - ts->rcvq_time < ts->rcv_rtt_us)
		return;
	copied = ts->copied_seq - ts->rcvq_seq;
	if (copied > ts->rcvq_space && ts->rcvq_space && !(sk->sk_userlocks & SOCK_RCVBUF_LOCK) &&
	    !sk_under_memory_pressure(sk)) {
		/* in slow start twice as much comes in the next round trip */
		window = 2 * (u64)copied + 16 * ts->rcv_mss;
		window += div_u64(window * (copied - ts->rcvq_space), ts->rcvq_space);
		size = min_t(u64, 2 * window, READ_ONCE(tern_net(sock_net(sk))->rmem[2]));
		if (size > sk->sk_rcvbuf)
			WRITE_ONCE(sk->sk_rcvbuf, size);
	}
	/* with more memory it might have been more */
	if (!sk_under_memory_pressure(sk))
		ts->rcvq_space = max(copied, ts->rcvq_space);
	ts->rcvq_seq = ts->copied_seq;
	ts->rcvq_time = now;
}

/**
 * tern_sndbuf_adjust - acknowledgments have come
 * @sk: socket
 *
 * Room for two windows: one under way, and what the program writes until it
 * is acknowledged; behind a loss that is a whole recovery. Counted in packets of
 * one segment, as not every interface takes larger ones and each of them carries
 * half its payload besides. Where the window is not the limit, no more than what
 * memory pressure has taken (sk_stream_moderate_sndbuf()).
 */
void tern_sndbuf_adjust(struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	u64 size = 2ull * (ts->cong.snd_cwnd / ts->mss + 1) * SKB_TRUESIZE(TERN_HEADROOM + ts->mss);
	int most = ts->is_cwnd_limited ? 2 : 1;

	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK || sk_under_memory_pressure(sk))
		return;
	size = min_t(u64, size, READ_ONCE(tern_net(sock_net(sk))->wmem[most]));
	if (size > sk->sk_sndbuf)
		WRITE_ONCE(sk->sk_sndbuf, size);
}
