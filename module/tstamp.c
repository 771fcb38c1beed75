// SPDX-License-Identifier: GPL-2.0
/*
 * Timestamps for the program (SO_TIMESTAMPING and its elder brothers). Of what
 * it reads: when the segment with the last byte came in. Of what it sends: the
 * last byte of a sendmsg() is remembered with its segment; the stack reports
 * from there when that enters a queue and leaves the device, and this file when
 * the peer acknowledges it.
 *
 * Called with the socket locked.
 */
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <net/sock.h>

#include "sock.h"
#include "tstamp.h"

/**
 * tern_tstamp_request - sendmsg() has taken bytes: the last of them may be watched
 * @sk: socket
 * @tsflags: SOF_TIMESTAMPING_*, of the socket or of this call
 * @copied: bytes, more than 0
 *
 * SOF_TIMESTAMPING_OPT_ID counts bytes from when it was switched on. For TCP the
 * socket layer takes that count from the sequence number; here it is sk_tskey.
 */
void tern_tstamp_request(struct sock *sk, u32 tsflags, u32 copied)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue) ?: skb_rb_last(&ts->rtx_queue);
	u32 key = 0;

	if (READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_OPT_ID)
		key = atomic_add_return(copied, &sk->sk_tskey) - 1;
	if (!(tsflags & SOF_TIMESTAMPING_TX_RECORD_MASK) || !skb)
		return;
	__sock_tx_timestamp(tsflags, &skb_shinfo(skb)->tx_flags);
	skb_shinfo(skb)->tskey = key;
	TERN_CB(skb)->stamp_seq = ts->write_seq - 1;
	TERN_CB(skb)->stamp = tsflags & SOF_TIMESTAMPING_TX_ACK ? TERN_STAMP_ACK :
								  TERN_STAMP_SENT;
}

/**
 * tern_tstamp_split - a watched segment was cut in two: one of them has the byte
 * @skb: first part
 * @tail: second part, its control block a copy of the first's
 */
void tern_tstamp_split(struct sk_buff *skb, struct sk_buff *tail)
{
	u8 flags = skb_shinfo(skb)->tx_flags & SKBTX_ANY_TSTAMP;

	if (seq_before(TERN_CB(skb)->stamp_seq, TERN_CB(tail)->seq)) {
		TERN_CB(tail)->stamp = TERN_STAMP_NONE;
		return;
	}
	TERN_CB(skb)->stamp = TERN_STAMP_NONE;
	skb_shinfo(skb)->tx_flags &= ~flags;
	skb_shinfo(tail)->tx_flags |= flags;
	skb_shinfo(tail)->tskey = skb_shinfo(skb)->tskey;
}

/**
 * tern_tstamp_acked - a watched segment was acknowledged, to some part
 * @sk: socket, snd_una advanced
 * @skb: first segment of the retransmission queue
 */
void tern_tstamp_acked(struct sock *sk, struct sk_buff *skb)
{
	unsigned long link = skb->_skb_refdst;

	if (TERN_CB(skb)->stamp != TERN_STAMP_ACK ||
	    !seq_before(TERN_CB(skb)->stamp_seq, tern_sk(sk)->snd_una))
		return;
	TERN_CB(skb)->stamp = TERN_STAMP_NONE;
	skb->_skb_refdst = 0;	/* a link of a list (rtxqueue.c), not a route to copy */
	__skb_tstamp_tx(skb, NULL, NULL, sk, SCM_TSTAMP_ACK);
	skb->_skb_refdst = link;
}

/**
 * tern_tstamp_keep - remember the segment that holds the last byte read, if it is stamped
 * @sk: socket
 * @skb: segment
 * @last: what was remembered before, or NULL
 */
void tern_tstamp_keep(const struct sock *sk, struct sk_buff *skb, struct sk_buff **last)
{
	if (likely(!sock_flag(sk, SOCK_RCVTSTAMP) && !READ_ONCE(sk->sk_tsflags)))
		return;
	if (!skb->tstamp && !skb_hwtstamps(skb)->hwtstamp)
		return;
	consume_skb(*last);
	*last = skb_get(skb);
}

/**
 * tern_tstamp_tell - control messages with the time of the last byte read
 * @sk: socket
 * @msg: of recvmsg()
 * @last: what tern_tstamp_keep() remembered, or NULL; given back
 */
void tern_tstamp_tell(struct sock *sk, struct msghdr *msg, struct sk_buff *last)
{
	if (likely(!last))
		return;
	sock_recv_timestamp(msg, sk, last);
	consume_skb(last);
}

/**
 * tern_tstamp_merge - two segments received become one, which ends with the later
 * @to: the one that stays
 * @from: the other
 */
void tern_tstamp_merge(struct sk_buff *to, struct sk_buff *from)
{
	if (likely(!from->tstamp && !skb_hwtstamps(from)->hwtstamp))
		return;
	to->tstamp = from->tstamp;
	*skb_hwtstamps(to) = *skb_hwtstamps(from);
}
