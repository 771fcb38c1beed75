// SPDX-License-Identifier: GPL-2.0
/*
 * The path MTU without ICMP (RFC 8899): large segments that time out again
 * and again mean a black hole, so the segments are made small; then single
 * larger ones, of data that is to be sent anyway, find out what does pass.
 * That a probe is lost tells of its size, not of congestion (section 3).
 *
 * Called with the socket locked. ICMP's word is icmp.c's.
 */
#include "ip.h"
#include "mib.h"
#include "mtu.h"
#include "output.h"
#include "sock.h"

#define BASE_MTU	1280u	/* passes nearly everywhere (BASE_PLPMTU) */
#define MIN_MTU		576u	/* IPv4 only */
#define SEARCH_STEP	32u	/* nearer than that is near enough */
#define TIMEOUTS	2	/* in a row, until it is not loss */
#define MAX_PROBES	3	/* of one size, lost: the size does not pass */
#define PROBE_AGAIN	(2 * HZ)
#define RAISE_AGAIN	(600 * HZ)	/* PMTU_RAISE_TIMER */

static void set_limit(struct sock *sk, u32 limit)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct dst_entry *dst = __sk_dst_get(sk);

	ts->mtu.limit = dst && limit >= dst_mtu(dst) ? 0 : limit;
	tern_sync_mss(sk);
}

/**
 * tern_mtu_timeout - a retransmission timeout: is it a black hole? (RFC 8899, 4.3)
 * @sk: socket with something in flight
 * @skb: the first segment not acknowledged
 */
void tern_mtu_timeout(struct sock *sk, const struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 smaller = BASE_MTU;

	/* earlier timeouts have let the route go */
	if (ts->retransmits < TIMEOUTS || ts->ip->route(sk) ||
	    !ts->ip->may_probe(sk, __sk_dst_get(sk)))
		return;
	if (ts->pmtu <= BASE_MTU) {
		smaller = MIN_MTU;
		if (ts->ip->family == AF_INET6 || ts->pmtu <= MIN_MTU)
			return;
	}
	/* what is lost is no larger than what will be sent */
	if (min_t(u32, skb->len, TERN_CB(skb)->seg_len) + ts->pmtu - ts->mss <= smaller)
		return;
	ts->mtu.high = 0;
	ts->mtu.probe = 0;
	ts->mtu.lost = 0;
	ts->mtu.next = jiffies;
	set_limit(sk, smaller);
	tern_mib_inc(sock_net(sk), MTUPFail);
}

/* the largest packet worth a try: by the route, and by what peer and program allow */
static u32 search_top(const struct tern_sock *ts, const struct dst_entry *dst)
{
	u32 payload = min_t(u32, ts->peer_mss, ts->user_mss ?: U16_MAX);

	return min(dst_mtu(dst), ts->pmtu - ts->mss + payload);
}

/**
 * tern_mtu_probe_payload - is it time to probe, and how large?
 * @sk: socket that may send
 *
 * First all that route and peer allow, then halves of what is in doubt.
 *
 * Return: payload of the probe, or 0 for none.
 */
u32 tern_mtu_probe_payload(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_mtu *mtu = &ts->mtu;
	const struct dst_entry *dst = __sk_dst_get(sk);
	u32 size, top;

	/* options would make the packet larger than what is to be found out */
	if (!mtu->limit || mtu->probe || !dst || ts->ca_state != TERN_CA_OPEN ||
	    ts->nr_sack || ts->have_dsack || time_before(jiffies, mtu->next) ||
	    !ts->ip->may_probe(sk, dst))
		return 0;
	top = search_top(ts, dst);
	if (mtu->high > top)
		mtu->high = 0;
	size = mtu->high ? (mtu->limit + mtu->high) / 2 : top;
	if (mtu->high && mtu->high - mtu->limit <= SEARCH_STEP) {
		/* found; look again later whether the path has changed */
		mtu->high = 0;
		mtu->next = jiffies + RAISE_AGAIN;
		return 0;
	}
	if (size <= ts->pmtu)
		return 0;
	return ts->mss + size - ts->pmtu;
}

/**
 * tern_mtu_probe_sent - a probe has gone out
 * @sk: socket
 * @skb: the segment
 */
void tern_mtu_probe_sent(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 size = ts->pmtu + skb->len - ts->mss;

	if (size != ts->mtu.probed)
		ts->mtu.lost = 0;
	ts->mtu.probe = size;
	ts->mtu.probed = size;
	tern_mib_inc(sock_net(sk), MTUProbes);
}

/**
 * tern_mtu_probe_delivered - a packet of that size does pass
 * @sk: socket
 */
void tern_mtu_probe_delivered(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 size = ts->mtu.probe;

	ts->mtu.probe = 0;
	if (size && ts->mtu.limit) {
		tern_mib_inc(sock_net(sk), MTUPSuccess);
		set_limit(sk, size);
	}
}

/**
 * tern_mtu_probe_cancel - nothing will be learnt from the probe
 * @sk: socket
 */
void tern_mtu_probe_cancel(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->mtu.probe = 0;
	ts->mtu.next = jiffies + PROBE_AGAIN;
}

/**
 * tern_mtu_probe_lost - a packet of that size does not pass, perhaps
 * @sk: socket
 *
 * Once it may have been lost like any other (RFC 8899, 5.1.3).
 */
void tern_mtu_probe_lost(struct sock *sk)
{
	struct tern_mtu *mtu = &tern_sk(sk)->mtu;

	if (mtu->probe && ++mtu->lost >= MAX_PROBES) {
		mtu->high = mtu->probe;
		mtu->lost = 0;
	}
	tern_mtu_probe_cancel(sk);
}
