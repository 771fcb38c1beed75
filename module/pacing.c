// SPDX-License-Identifier: GPL-2.0
/*
 * Pacing: a window is spread over its round trip instead of being sent in
 * bursts that overflow a small queue. Where the fq qdisc is on the way it is
 * told when each segment departs, and gets what departs within a millisecond:
 * its room is limited, and the time spent in it looks like the path's.
 * Everywhere else an own timer holds segments back, if the program asks for a
 * limit (SO_MAX_PACING_RATE) or the path is long enough for a timer to matter.
 *
 * Called with the socket locked; the timer runs in softirq.
 */
#include <net/sock.h>

#include "output.h"
#include "pacing.h"
#include "recovery.h"
#include "sock.h"
#include "timer.h"

#define LONG_PATH_US	15000u	/* acknowledgments of a shorter one are pace enough */
#define BURST_SHIFT	10	/* a burst lasts a 1024th of a second */
#define LATE_NS		(2 * (u64)NSEC_PER_MSEC)	/* of a timer on a busy machine */
#define FQ_AHEAD_NS	NSEC_PER_MSEC	/* what fq may hold, of a connection */

static enum hrtimer_restart pacing_timeout(struct hrtimer *timer)
{
	struct tern_sock *ts = container_of(timer, struct tern_sock, pacing_timer);

	tern_run_or_defer((struct sock *)ts, tern_pacing_resume, TERN_DEFER_PACE);
	return HRTIMER_NORESTART;
}

/**
 * tern_pacing_init - a new socket
 * @sk: socket, or the copy of one
 */
void tern_pacing_init(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_hrtimer_setup(&ts->pacing_timer, pacing_timeout, CLOCK_MONOTONIC,
			   HRTIMER_MODE_ABS_PINNED_SOFT);
	sk->sk_pacing_rate = READ_ONCE(sk->sk_max_pacing_rate);
}

/**
 * tern_pacing_stop - the connection is over
 * @sk: socket, locked
 */
void tern_pacing_stop(struct sock *sk)
{
	if (hrtimer_try_to_cancel(&tern_sk(sk)->pacing_timer) == 1)
		__sock_put(sk);
}

/**
 * tern_pacing_stop_sync - likewise, and wait for the timer if it is running
 * @sk: socket, not locked, CLOSED
 */
void tern_pacing_stop_sync(struct sock *sk)
{
	if (hrtimer_cancel(&tern_sk(sk)->pacing_timer))
		__sock_put(sk);
}

/**
 * tern_pacing_update - the window or the RTT has changed
 * @sk: socket, locked
 *
 * Twice the window in a round trip while it may double, otherwise a fifth
 * more than the window: so the window is what limits.
 */
void tern_pacing_update(struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	const struct tern_cong *c = &ts->cong;
	u64 rate;

	if (!ts->rtt.srtt)
		return;
	/* a recovery may set the window to a few bytes, for a moment */
	rate = max3(c->snd_cwnd, tern_in_flight(ts), 2u * ts->mss);
	rate *= 8 * USEC_PER_SEC;
	rate = div_u64(rate, ts->rtt.srtt);
	if (c->snd_cwnd < c->snd_ssthresh / 2)
		rate *= 2;
	else
		rate += div_u64(rate, 5);
	WRITE_ONCE(sk->sk_pacing_rate, min_t(u64, rate, READ_ONCE(sk->sk_max_pacing_rate)));
}

static bool paced(const struct sock *sk)
{
	if (READ_ONCE(sk->sk_pacing_status) != SK_PACING_NONE)	/* fq, SO_MAX_PACING_RATE */
		return true;
	return tern_sk(sk)->rtt.min >= LONG_PATH_US && tern_sk(sk)->rtt.srtt;
}

static bool fq_is_there(const struct sock *sk)
{
	return READ_ONCE(sk->sk_pacing_status) == SK_PACING_FQ;
}

/* how long before its time a segment may be given to IP */
static u64 ahead(const struct sock *sk)
{
	return fq_is_there(sk) ? FQ_AHEAD_NS : 0;
}

/**
 * tern_pacing_waits - is it too early for the next segment?
 * @sk: socket, locked
 *
 * Return: whether; then the timer will go on with it.
 */
bool tern_pacing_waits(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!paced(sk) || ts->pacing_next <= ktime_get_ns() + ahead(sk))
		return false;
	if (!hrtimer_is_queued(&ts->pacing_timer)) {
		sock_hold(sk);
		hrtimer_start(&ts->pacing_timer, ns_to_ktime(ts->pacing_next - ahead(sk)),
			      HRTIMER_MODE_ABS_PINNED_SOFT);
	}
	return true;
}

/**
 * tern_pacing_burst - most payload to send at once
 * @sk: socket, locked
 *
 * Return: bytes, a multiple of the MSS, at least two segments.
 */
u32 tern_pacing_burst(const struct sock *sk)
{
	u32 mss = tern_sk(sk)->mss;
	unsigned long burst = READ_ONCE(sk->sk_pacing_rate) >> BURST_SHIFT;

	return max_t(u32, min_t(unsigned long, burst, 1 << 20) / mss, 2) * mss;
}

/**
 * tern_pacing_stamp - tell fq when a packet departs
 * @sk: socket, locked
 * @skb: what is given to IP
 */
void tern_pacing_stamp(const struct sock *sk, struct sk_buff *skb)
{
	if (fq_is_there(sk))
		skb_set_delivery_time(skb, max(tern_sk(sk)->pacing_next, ktime_get_ns()),
				      TERN_CLOCK_MONOTONIC);
}

/**
 * tern_pacing_sent - payload has left: when may the next?
 * @sk: socket, locked
 * @len: bytes
 */
void tern_pacing_sent(struct sock *sk, u32 len)
{
	struct tern_sock *ts = tern_sk(sk);
	unsigned long rate = READ_ONCE(sk->sk_pacing_rate);
	u64 now, took, credit, latest;

	if (rate == ~0UL || !rate || !len || !paced(sk))
		return;
	now = ktime_get_ns();
	took = div64_ul((u64)len * NSEC_PER_SEC, rate);
	/* what was late may catch up, a little: half of a burst, or what a timer is late by */
	credit = now > ts->pacing_next ? min(now - ts->pacing_next, max(took / 2, LATE_NS)) : 0;
	/* those who do not ask (probes, timeouts) must not run up a debt */
	latest = now + ahead(sk) + max(took, (u64)(ts->rtt.srtt >> 3) * NSEC_PER_USEC);
	ts->pacing_next = min(max(ts->pacing_next, now) + took - credit, latest);
}

/**
 * tern_pacing_resume - it is time for the next segment
 * @sk: socket, locked
 */
void tern_pacing_resume(struct sock *sk)
{
	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT))
		return;
	tern_recovery_xmit(sk);
	tern_push_pending(sk);
	tern_check_space(sk);		/* TCP_NOTSENT_LOWAT: less is unsent */
	sk_mem_reclaim(sk);
}
