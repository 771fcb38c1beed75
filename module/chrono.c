// SPDX-License-Identifier: GPL-2.0
/*
 * What a connection spends its time on, for TERN_INFO: whether the program,
 * the peer, the buffer or the path is what it waits for. One thing at a time,
 * judged anew whenever send.c has tried to send. Jiffies: a clock would cost
 * more than it tells.
 *
 * Called with the socket locked.
 */
#include <net/sock.h>

#include "chrono.h"
#include "sock.h"

/* all that was written is in flight, the path would take more, and the program waits for room */
static bool sndbuf_limited(const struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);

	return sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags) &&
	       tern_in_flight(ts) < ts->cong.snd_cwnd &&
	       (1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT);
}

static enum tern_chrono_kind kind_now(const struct sock *sk, bool rwnd_limited)
{
	if (rwnd_limited)
		return TERN_CHRONO_RWND;
	if (!skb_queue_empty(&sk->sk_write_queue))
		return TERN_CHRONO_BUSY;
	if (RB_EMPTY_ROOT(&tern_sk(sk)->rtx_queue))
		return TERN_CHRONO_IDLE;
	return sndbuf_limited(sk) ? TERN_CHRONO_SNDBUF : TERN_CHRONO_BUSY;
}

/**
 * tern_chrono_update - what can be sent was sent: what is waited for now?
 * @sk: socket
 * @rwnd_limited: the peer's window is what the rest waits for
 */
void tern_chrono_update(struct sock *sk, bool rwnd_limited)
{
	struct tern_chrono *chrono = &tern_sk(sk)->chrono;
	enum tern_chrono_kind kind = kind_now(sk, rwnd_limited);

	if (kind == chrono->kind)
		return;
	chrono->spent[chrono->kind] += jiffies - chrono->since;
	chrono->since = jiffies;
	chrono->kind = kind;
}

/**
 * tern_chrono_us - how long something was waited for
 * @ts: socket
 * @kind: what
 *
 * Return: microseconds since the connection began, until now.
 */
u64 tern_chrono_us(const struct tern_sock *ts, enum tern_chrono_kind kind)
{
	const struct tern_chrono *chrono = &ts->chrono;
	unsigned long spent = chrono->spent[kind];

	if (kind == chrono->kind)
		spent += jiffies - chrono->since;
	return (u64)spent * (USEC_PER_SEC / HZ);
}
