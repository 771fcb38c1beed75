// SPDX-License-Identifier: GPL-2.0
/*
 * Tail loss probes (RFC 8985, section 7): when the end of a flight is lost
 * nothing later can be SACKed, and only a timeout would tell. A probe, new
 * data or the last segment once more, makes the peer say what it has.
 *
 * Called with the socket locked, by timer.c and recovery.c.
 */
#include "mib.h"
#include "output.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"

#define PTO_MIN_US	10000u

/* may the acknowledgment of all that is in flight be delayed? (ack.c, ends_turn()) */
static bool may_be_delayed(const struct tern_sock *ts)
{
	bool end_of_message = ts->snd_sml == ts->snd_nxt &&
			      ts->snd_nxt - ts->turn_snd >= 2u * ts->mss;

	return ts->snd_nxt - ts->snd_una <= ts->mss && !end_of_message;
}

/**
 * tern_tlp_timeout - when to probe (PTO)
 * @sk: socket with something in flight
 *
 * At most two round trips after the last segment, as the RFC has it; on a
 * path whose RTT is steady earlier, but never before one and a half. A single
 * segment may wait for the peer's delayed acknowledgment, unless it ends a
 * longer message.
 *
 * Return: microseconds from now, or 0 for no probe.
 */
u32 tern_tlp_timeout(const struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	const struct tern_net *tn = tern_net(sock_net(sk));
	u32 srtt = ts->rtt.srtt >> 3, pto, since, elapsed;

	if (!READ_ONCE(tn->tlp) || !srtt || ts->tlp_out || ts->ca_state > TERN_CA_CWR ||
	    ts->sacked_out || !((1 << sk->sk_state) & ~(TCPF_SYN_SENT | TCPF_SYN_RECV)))
		return 0;
	pto = max(srtt + clamp(ts->rtt.rttvar, srtt / 2, srtt), PTO_MIN_US);
	if (may_be_delayed(ts))
		pto += READ_ONCE(tn->delack_ms) * USEC_PER_MSEC;
	/* what was acknowledged just now had been sent a round trip ago */
	since = ts->last_progress - srtt;
	if ((s32)(ts->last_sent - since) > 0)
		since = ts->last_sent;
	elapsed = tern_clock_us() - since;
	return pto > elapsed ? pto - elapsed : 1;
}

/* the last segment again, as a segment of its own */
static bool repeat_last(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = rb_to_skb(rb_last(&ts->rtx_queue));
	u32 front;

	if (TERN_CB(skb)->mark & TERN_SKB_MTU_PROBE) {
		TERN_CB(skb)->mark &= ~TERN_SKB_MTU_PROBE;
		tern_mtu_probe_lost(sk);
	}
	if (skb->len > ts->mss) {
		front = (skb->len - 1) / ts->mss * ts->mss;
		skb = tern_rtx_split(sk, skb, front, GFP_ATOMIC);
		if (!skb)
			return false;
	}
	ts->tlp_len = skb->len;
	return !tern_retransmit(sk, skb, ts->mss);
}

/**
 * tern_tlp_fire - the probe timeout is over
 * @sk: socket with something in flight
 *
 * One attempt for a flight: if that fails, the retransmission timeout remains.
 *
 * Return: whether a probe went out.
 */
bool tern_tlp_fire(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	bool sent = true;

	if (ts->snd_una == ts->snd_nxt)
		return false;
	ts->tlp_out = true;
	ts->tlp_tsval = tern_tsval(ts);
	ts->tlp_retrans = !tern_send_one(sk);
	if (ts->tlp_retrans)
		sent = repeat_last(sk);
	ts->tlp_retrans &= sent;
	ts->tlp_seq = ts->snd_nxt;
	if (sent)
		tern_mib_inc(sock_net(sk), LossProbes);
	return sent;
}

/**
 * tern_tlp_was_duplicate - does a D-SACK report the probe?
 * @ts: socket
 * @news: what the acknowledgment told, with a D-SACK
 *
 * A clock has sent it, not RACK: it says nothing of the reordering window.
 *
 * Return: whether.
 */
bool tern_tlp_was_duplicate(const struct tern_sock *ts, const struct tern_ack_news *news)
{
	return ts->tlp_out && ts->tlp_retrans && news->dsack_end == ts->tlp_seq;
}

/**
 * tern_tlp_repaired_loss - a probe was answered: had anything been lost?
 * @sk: socket
 * @news: what the acknowledgment told
 *
 * Return: whether the probe itself was the repair, so that no other sign of
 * the loss will come (section 7.4).
 */
bool tern_tlp_repaired_loss(struct sock *sk, const struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!ts->tlp_out || seq_before(ts->snd_una, ts->tlp_seq))
		return false;
	/* an older echo may be that of a segment before it: a D-SACK may come yet */
	if (ts->tlp_retrans && !news->dsacked && ts->snd_una == ts->tlp_seq &&
	    seq_before(news->tsecr, ts->tlp_tsval))
		return false;
	ts->tlp_out = false;
	if (!ts->tlp_retrans || news->dsacked)	/* it was only late */
		return false;
	tern_mib_inc(sock_net(sk), LossProbeRecovery);
	return true;
}
