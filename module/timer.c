// SPDX-License-Identifier: GPL-2.0
/*
 * The timers. Each of them, what starts it, and what ends its patience:
 *
 * of a socket, all here
 *
 *  rtx_timer     one for several purposes, of which the earliest runs
 *    SYN, SYN-ACK	RFC 6298; syn_retries or synack_retries, TCP_SYNCNT
 *    data		RFC 6298; retries, orphan_retries, TCP_USER_TIMEOUT (RFC 5482)
 *    loss probe	RFC 8985, 7: before the retransmission timeout, once (tlp.c)
 *    reordering	RFC 8985, 6: a segment may be late only (rack.c)
 *    persist		RFC 9293, 3.8.6.1: something to send, nothing in flight, and
 *			window or device do not let it go; no end while it is answered
 *  delack_timer  an ACK has waited for data to ride on; delack_ms
 *  sk_timer
 *    keepalive	RFC 9293, 3.8.4; keepalive_*, TCP_KEEP*, TCP_USER_TIMEOUT
 *    FIN_WAIT_2	the program has gone; fin_timeout, TCP_LINGER2
 *  pacing_timer  it is not yet time for the next segment (pacing.c)
 *
 * of what is no socket
 *
 *  tern_syn.timer  SYN_RECEIVED: the SYN-ACK again; synack_retries, TCP_DEFER_ACCEPT
 *		    (handshake.c); of a listener no more than max_syn_backlog
 *  tern_tw.timer   TIME_WAIT is over; timewait (timewait.c), no more than
 *		    max_tw_buckets
 *
 * Orphans, which are no more than max_orphans, are looked at with each timeout and each
 * probe of a window. A timer that is no longer wanted is often left to run: its function checks
 * rtx_armed or ack_pending first. All functions run in softirq and hold a
 * reference to the socket; while a program holds the lock they leave a note
 * in tern_sock.deferred for release_sock().
 */
#include <net/sock.h>

#include "ack.h"
#include "icmp.h"
#include "output.h"
#include "pacing.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"
#include "timer.h"

#define PATIENCE 4	/* timeouts of data before the backoff begins, see protocol.rst */
#define DOUBT_ROUTE 3	/* timeouts until another route is looked for (R1, RFC 9293 3.8.3) */

/**
 * tern_rto_update - what was measured has changed: compute the timeout anew
 * @sk: socket, locked
 */
void tern_rto_update(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 floor = READ_ONCE(tern_net(sock_net(sk))->rto_min_ms) * USEC_PER_MSEC;
	u64 rto = (u64)tern_rtt_rto(&ts->rtt, floor) << min_t(u8, ts->backoff, 31);

	ts->rto_us = min_t(u64, rto, TERN_RTO_MAX_US);
}

/* RFC 5482: the last try is not after the user's patience ends */
static u32 limit_to_user_timeout(const struct tern_sock *ts, u32 delay_us)
{
	u32 left, elapsed;

	if (!ts->user_timeout || !ts->rtx_start)
		return delay_us;
	elapsed = jiffies_to_msecs(jiffies - ts->rtx_start);
	left = ts->user_timeout > elapsed ? ts->user_timeout - elapsed : 1;
	return min_t(u64, delay_us, (u64)left * USEC_PER_MSEC);
}

static void rtx_start_timer(struct sock *sk, enum tern_rtx_mode mode, unsigned long expires)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->rtx_mode = mode;
	ts->rtx_armed = true;
	ts->rtx_expires = expires;
	/* one that goes off earlier is left to: rtx_handle() looks at the time */
	if (!timer_pending(&ts->rtx_timer) || time_before(expires, ts->rtx_timer.expires))
		sk_reset_timer(sk, &ts->rtx_timer, expires);
}

/**
 * tern_rtx_arm - something is in flight: wait for what comes first
 * @sk: socket, locked
 *
 * RACK's reordering window, the tail loss probe, or the retransmission
 * timeout, which runs on from where it was restarted.
 */
void tern_rtx_arm(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	unsigned long expires = ts->rtx_base + tern_us_to_jiffies(ts->rto_us);
	unsigned long limit = jiffies + tern_us_to_jiffies(limit_to_user_timeout(ts, ts->rto_us));
	enum tern_rtx_mode mode = TERN_RTX_RTO;
	u32 pto;

	if (ts->user_timeout && time_before(limit, expires))
		expires = limit;
	if (ts->reo_pending) {
		if (time_before(ts->reo_at, expires)) {
			mode = TERN_RTX_REO;
			expires = ts->reo_at;
		}
	} else {
		pto = tern_tlp_timeout(sk);
		if (pto && time_before(jiffies + tern_us_to_jiffies(pto), expires)) {
			mode = TERN_RTX_TLP;
			expires = jiffies + tern_us_to_jiffies(pto);
		}
	}
	rtx_start_timer(sk, mode, expires);
}

/**
 * tern_rtx_restart - the retransmission timeout begins anew
 * @sk: socket, locked
 */
void tern_rtx_restart(struct sock *sk)
{
	tern_sk(sk)->rtx_base = jiffies;
	tern_rtx_arm(sk);
}

/**
 * tern_rtx_disarm - nothing to retransmit or to probe for
 * @sk: socket, locked
 */
void tern_rtx_disarm(struct sock *sk)
{
	tern_sk(sk)->rtx_armed = false;
}

/**
 * tern_probe_arm - start the persist timer, if no timer runs
 * @sk: socket with something to send and nothing in flight, locked
 */
void tern_probe_arm(struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);

	if (!ts->rtx_armed)
		rtx_start_timer(sk, TERN_RTX_PERSIST, jiffies +
				tern_us_to_jiffies(limit_to_user_timeout(ts, ts->rto_us)));
}

/* when the ACK that is owed must go */
static unsigned long delack_expires(const struct sock *sk)
{
	u32 delay = READ_ONCE(tern_net(sock_net(sk))->delack_ms);

	return tern_sk(sk)->ack_since + msecs_to_jiffies(delay);
}

/**
 * tern_delack_arm - send the ACK that is owed when the delay is over
 * @sk: socket, locked
 */
void tern_delack_arm(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!timer_pending(&ts->delack_timer))
		sk_reset_timer(sk, &ts->delack_timer, delack_expires(sk));
}

/* the error that the user sees is the last one that ICMP reported, if any */
static void give_up(struct sock *sk)
{
	tern_mib_inc(sock_net(sk), AbortOnTimeout);
	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		tern_mib_inc(sock_net(sk), AttemptFails);
	tern_abort(sk, READ_ONCE(sk->sk_err_soft) ?: ETIMEDOUT, TERN_EV_TIMEOUT);
}

/* the limits of close() hold for as long as nobody answers */
static bool orphan_must_go(struct sock *sk)
{
	if (!tern_is_orphan(sk) || !tern_too_many_orphans(sk))
		return false;
	tern_orphan_abort(sk);
	return true;
}

static bool user_timeout_over(const struct tern_sock *ts)
{
	return ts->user_timeout && ts->rtx_start &&
	       jiffies_to_msecs(jiffies - ts->rtx_start) >= ts->user_timeout;
}

/* is it hopeless to try once more? */
static bool tried_enough(const struct sock *sk, u32 tries)
{
	const struct tern_sock *ts = tern_sk(sk);
	const struct tern_net *tn = tern_net(sock_net(sk));

	if (user_timeout_over(ts))
		return true;
	switch (sk->sk_state) {
	case TCP_SYN_SENT:
		return tries >= (ts->syn_retries ?: READ_ONCE(tn->syn_retries));
	case TCP_SYN_RECV:
		return tries >= (ts->syn_retries ?: READ_ONCE(tn->synack_retries));
	}
	/* with a user timeout, only that counts (RFC 5482) */
	if (ts->user_timeout && !tern_is_orphan(sk))
		return false;
	return tries >= READ_ONCE(tn->retries) ||
	       (tern_is_orphan(sk) && tries >= READ_ONCE(tn->orphan_retries));
}

/*
 * The peer took its window back with data in flight, and answers: what is sent
 * again probes the window, and that may go on for ever (RFC 9293, 3.8.6.1).
 */
static bool probes_window(const struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);

	return !ts->snd_wnd && !tern_is_orphan(sk) &&
	       !((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) &&
	       time_before(jiffies, ts->last_heard + 2 * tern_us_to_jiffies(TERN_RTO_MAX_US));
}

static void back_off(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->backoff < 31)
		ts->backoff++;
	tern_rto_update(sk);
	if (!ts->rtx_start)
		ts->rtx_start = jiffies ?: 1;
}

/* what still waits in a queue of this host is not lost, though not for ever */
static bool local_queue_patience(struct tern_sock *ts)
{
	if (!ts->rtx_start)
		ts->rtx_start = jiffies ?: 1;
	return time_before(jiffies, ts->rtx_start + 8 * tern_us_to_jiffies(ts->rto_us)) &&
	       !user_timeout_over(ts);
}

/* RFC 6298, 5.4 to 5.7 */
static void retransmission_timeout(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	bool probing = probes_window(sk);
	struct sk_buff *skb;

	if (ts->snd_una == ts->snd_nxt)
		return;
	skb = tern_rtx_head(ts);
	if (skb && skb_fclone_busy(sk, skb) && local_queue_patience(ts)) {
		tern_mib_inc(sock_net(sk), SpuriousRtxHostQueues);
		rtx_start_timer(sk, TERN_RTX_RTO,
				jiffies + tern_us_to_jiffies(min(ts->rto_us, USEC_PER_SEC / 2)));
		return;
	}
	if (orphan_must_go(sk))
		return;
	if (probing ? user_timeout_over(ts) : tried_enough(sk, ts->retransmits)) {
		give_up(sk);
		return;
	}
	tern_mib_inc(sock_net(sk), Timeouts);
	ts->stats.timeouts++;
	if (!ts->retransmits)
		ts->stats.timeout_series++;
	/* where there are several paths, another may do (IPv6 flow label, ECMP) */
	if (sk_rethink_txhash(sk))
		tern_mib_inc(sock_net(sk), TimeoutRehash);
	if (ts->retransmits < U8_MAX)
		ts->retransmits++;
	if (ts->snd_una == ts->iss || ts->retransmits > PATIENCE)
		back_off(sk);
	else if (!ts->rtx_start)
		ts->rtx_start = jiffies ?: 1;
	if (ts->snd_una == ts->iss && !ts->stats.bytes_acked) {
		tern_mib_inc(sock_net(sk), RetransSegs);
		tern_mib_inc(sock_net(sk), SynRetrans);
		ts->stats.total_retrans++;
		tern_send_syn(sk);
	} else {
		if (skb && !probing)
			tern_mtu_timeout(sk, skb);
		tern_recovery_enter_loss(sk);
		skb = tern_rtx_head(ts);
		if (skb && !tern_retransmit(sk, skb, ts->mss))
			ts->rtx_seq = TERN_CB(skb)->end_seq;
		if (ts->retransmits >= DOUBT_ROUTE)
			sk_dst_reset(sk);
	}
	ts->reo_pending = false;
	tern_rtx_restart(sk);
}

/* probing goes on while the peer answers: tern_ack() resets probes_out */
static void persist_timeout(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ts->snd_una != ts->snd_nxt || skb_queue_empty(&sk->sk_write_queue)) {
		ts->probes_out = 0;
		return;
	}
	if (orphan_must_go(sk))
		return;
	/* nor does it go on for a peer that keeps an orphan's window closed */
	if (tried_enough(sk, ts->probes_out) ||
	    (tern_is_orphan(sk) && ts->rto_us >= TERN_RTO_MAX_US)) {
		give_up(sk);
		return;
	}
	if (tern_send_one(sk))
		return;
	tern_mib_inc(sock_net(sk), ZeroWindowProbes);
	tern_send_probe(sk);
	if (ts->probes_out < U8_MAX)
		ts->probes_out++;
	back_off(sk);
	tern_probe_arm(sk);
}

static void rtx_handle(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!ts->rtx_armed || (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return;
	if (time_before(jiffies, ts->rtx_expires)) {
		sk_reset_timer(sk, &ts->rtx_timer, ts->rtx_expires);
		return;
	}
	ts->rtx_armed = false;
	switch (ts->rtx_mode) {
	case TERN_RTX_PERSIST:
		persist_timeout(sk);
		break;
	case TERN_RTX_RTO:
		retransmission_timeout(sk);
		break;
	case TERN_RTX_TLP:
		if (tern_tlp_fire(sk))
			tern_rtx_restart(sk);
		else if (ts->snd_una != ts->snd_nxt)
			tern_rtx_arm(sk);
		break;
	case TERN_RTX_REO:
		tern_recovery_reo_timeout(sk);
		if (ts->snd_una != ts->snd_nxt)
			tern_rtx_arm(sk);
		break;
	}
	sk_mem_reclaim(sk);
}

static void delack_handle(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!ts->ack_pending || (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return;
	if (time_before(jiffies, delack_expires(sk))) {
		tern_delack_arm(sk);
		return;
	}
	tern_mib_inc(sock_net(sk), DelayedACKs);
	ts->pingpong = false;	/* no data came to carry it */
	tern_send_ack(sk);
}

/**
 * tern_run_or_defer - run a timer's handler now, or have release_sock() run it
 * @sk: socket, with a reference of the timer's, which is given back
 * @handle: handler, called with the socket locked
 * @note: TERN_DEFER_* that makes tern_release_cb() call it
 */
void tern_run_or_defer(struct sock *sk, void (*handle)(struct sock *sk), int note)
{
	bh_lock_sock(sk);
	if (!sock_owned_by_user(sk))
		handle(sk);
	else if (!test_and_set_bit(note, &tern_sk(sk)->deferred))
		sock_hold(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

static void rtx_timeout(struct timer_list *timer)
{
	struct tern_sock *ts = timer_container_of(ts, timer, rtx_timer);

	tern_run_or_defer((struct sock *)ts, rtx_handle, TERN_DEFER_RTX);
}

static void delack_timeout(struct timer_list *timer)
{
	struct tern_sock *ts = timer_container_of(ts, timer, delack_timer);

	tern_run_or_defer((struct sock *)ts, delack_handle, TERN_DEFER_DELACK);
}

/**
 * tern_release_cb - what timers and ICMP left for the owner of the lock
 * @sk: socket, about to be unlocked
 */
void tern_release_cb(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (likely(!READ_ONCE(ts->deferred)))
		return;
	if (test_and_clear_bit(TERN_DEFER_RTX, &ts->deferred)) {
		rtx_handle(sk);
		__sock_put(sk);
	}
	if (test_and_clear_bit(TERN_DEFER_DELACK, &ts->deferred)) {
		delack_handle(sk);
		__sock_put(sk);
	}
	if (test_and_clear_bit(TERN_DEFER_PACE, &ts->deferred)) {
		tern_pacing_resume(sk);
		__sock_put(sk);
	}
	if (test_and_clear_bit(TERN_DEFER_PMTU, &ts->deferred)) {
		tern_pmtu_reduced(sk);
		__sock_put(sk);
	}
}

/**
 * tern_keepalive_time - idle time before the first probe
 * @sk: socket
 *
 * Return: jiffies.
 */
unsigned long tern_keepalive_time(const struct sock *sk)
{
	u32 seconds = tern_sk(sk)->keepalive_time ?:
		      READ_ONCE(tern_net(sock_net(sk))->keepalive_time);

	return (unsigned long)seconds * HZ;
}

static unsigned long keepalive_intvl(const struct sock *sk)
{
	u32 seconds = tern_sk(sk)->keepalive_intvl ?:
		      READ_ONCE(tern_net(sock_net(sk))->keepalive_intvl);

	return (unsigned long)seconds * HZ;
}

/**
 * tern_keepalive_arm - look again after a while
 * @sk: socket, locked
 * @delay: jiffies
 */
void tern_keepalive_arm(struct sock *sk, unsigned long delay)
{
	sk_reset_timer(sk, &sk->sk_timer, jiffies + delay);
}

/**
 * tern_keepalive_disarm - SO_KEEPALIVE was switched off
 * @sk: socket, locked
 */
void tern_keepalive_disarm(struct sock *sk)
{
	sk_stop_timer(sk, &sk->sk_timer);
}

/**
 * tern_fin_wait2_arm - nobody reads any more: do not wait for ever for the FIN
 * @sk: orphan in FIN_WAIT_2, locked
 */
void tern_fin_wait2_arm(struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	unsigned long delay = READ_ONCE(tern_net(sock_net(sk))->fin_timeout) * HZ;

	if (ts->linger2 < 0)
		delay = 1;
	else if (ts->linger2)
		delay = ts->linger2;
	sk_reset_timer(sk, &sk->sk_timer, jiffies + delay);
}

static void keepalive_handle(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	unsigned long idle, time;
	u32 probes;

	if (sk->sk_state == TCP_FIN_WAIT2 && tern_is_orphan(sk)) {
		if (ts->linger2 < 0)
			tern_send_reset(sk);
		tern_done(sk, TERN_EV_TIMEOUT);
		return;
	}
	if (!sock_flag(sk, SOCK_KEEPOPEN) ||
	    (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT | TCPF_SYN_RECV))
		return;
	time = tern_keepalive_time(sk);
	probes = ts->keepalive_probes ?: READ_ONCE(tern_net(sock_net(sk))->keepalive_probes);
	/* data on its way keeps the connection under watch by itself */
	if (ts->snd_una != ts->snd_nxt || !skb_queue_empty(&sk->sk_write_queue)) {
		tern_keepalive_arm(sk, time);
		return;
	}
	idle = jiffies - ts->last_heard;
	if (idle < time) {
		tern_keepalive_arm(sk, time - idle);
		return;
	}
	if (ts->user_timeout ? ts->probes_out && jiffies_to_msecs(idle) >= ts->user_timeout :
			       ts->probes_out >= probes) {
		tern_send_reset(sk);
		give_up(sk);
		return;
	}
	tern_mib_inc(sock_net(sk), KeepAlives);
	ts->probes_out++;
	tern_send_probe(sk);
	tern_keepalive_arm(sk, keepalive_intvl(sk));
}

static void keepalive_timeout(struct timer_list *timer)
{
	struct sock *sk = timer_container_of(sk, timer, sk_timer);

	bh_lock_sock(sk);
	/* CLOSED: its namespace may be gone before it is freed */
	if (sk->sk_state != TCP_CLOSE) {
		if (sock_owned_by_user(sk))
			sk_reset_timer(sk, &sk->sk_timer, jiffies + HZ / 20);
		else
			keepalive_handle(sk);
	}
	bh_unlock_sock(sk);
	sock_put(sk);
}

/**
 * tern_timers_init - a new socket
 * @sk: socket, or the copy of one
 */
void tern_timers_init(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	timer_setup(&ts->rtx_timer, rtx_timeout, 0);
	timer_setup(&ts->delack_timer, delack_timeout, 0);
	timer_setup(&sk->sk_timer, keepalive_timeout, 0);
	tern_pacing_init(sk);
	ts->rtx_armed = false;
	ts->rtx_mode = TERN_RTX_RTO;
	ts->reo_pending = false;
	ts->deferred = 0;
}

/**
 * tern_timers_clear - the connection is over
 * @sk: socket, locked
 */
void tern_timers_clear(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->rtx_armed = false;
	ts->ack_pending = false;
	sk_stop_timer(sk, &ts->rtx_timer);
	sk_stop_timer(sk, &ts->delack_timer);
	sk_stop_timer(sk, &sk->sk_timer);
	tern_pacing_stop(sk);
}

/**
 * tern_timers_clear_sync - likewise, and wait for one that is running
 * @sk: socket, not locked, CLOSED
 */
void tern_timers_clear_sync(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	sk_stop_timer_sync(sk, &ts->rtx_timer);
	sk_stop_timer_sync(sk, &ts->delack_timer);
	sk_stop_timer_sync(sk, &sk->sk_timer);
	tern_pacing_stop_sync(sk);
}
