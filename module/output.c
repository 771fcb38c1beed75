// SPDX-License-Identifier: GPL-2.0
/*
 * Segments out of a socket: headers, options, the window, and everything
 * without payload (SYN, ACK, RST, probes). What to send when is decided in
 * send.c, recovery.c, ack.c and timer.c.
 *
 * Called with the socket locked. Segments in the queues keep no header: the
 * clone given to IP gets one, in the headroom that both share.
 */
#include <net/dst.h>
#include <net/inet_ecn.h>
#include <net/ip.h>

#include "ack.h"
#include "ecn.h"
#include "ip.h"
#include "output.h"
#include "pacing.h"
#include "sock.h"
#include "timer.h"

/**
 * tern_header_push - put header, options and checksum seed before a payload
 * @skb: payload, with TERN_HEADROOM left
 * @ip: version of IP it will travel in
 * @flow: its ends, seen from here
 * @fields: what the header says
 *
 * The checksum is left to the device or to the last moment
 * (CHECKSUM_PARTIAL): segmentation needs it so.
 */
void tern_header_push(struct sk_buff *skb, const struct tern_ip_ops *ip,
		      const struct tern_flow *flow, const struct tern_fields *fields)
{
	unsigned int hdr_len = TERN_HLEN_MIN + tern_options_len(&fields->opts);
	struct tern_hdr *th = skb_push(skb, hdr_len);

	skb_reset_transport_header(skb);
	th->source = flow->lport;
	th->dest = flow->rport;
	th->seq = htonl(fields->seq);
	th->ver_hlen = tern_ver_hlen(hdr_len);
	th->flags = fields->flags;
	th->ack_seq = htonl(fields->ack);
	th->window = htonl(fields->window);
	th->tag = htonl(fields->tag);
	th->tsval = htonl(fields->tsval);
	th->tsecr = htonl(fields->tsecr);
	tern_options_write((u8 *)(th + 1), &fields->opts);

	ip->seed_checksum(th, flow, skb->len);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (unsigned char *)th - skb->head;
	skb->csum_offset = offsetof(struct tern_hdr, check);
}

/* half of the buffer is for payload, the rest for what carries it */
static int window_space(const struct sock *sk, int space)
{
	return max(space, 0) / 2;
}

/**
 * tern_granted_window - what a socket may hold whatever others do (rcvmem.c)
 * @sk: socket, connected
 *
 * Return: bytes in order that nobody has read: a segment, or more if
 * net.tern.rmem[0] is.
 */
u32 tern_granted_window(const struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	u32 segment = max(tern_advertised_mss(ts, ts->pmtu), ts->rcv_mss);

	return max_t(u32, segment, READ_ONCE(tern_net(sock_net(sk))->rmem[0]));
}

/* a few segments while memory is short, only what is granted when there is none */
static int window_ceiling(const struct sock *sk)
{
	if (likely(!sk_under_memory_pressure(sk)))
		return INT_MAX;
	if (!tern_memory_exhausted())
		return 4 * tern_granted_window(sk);
	return atomic_read(&sk->sk_rmem_alloc) ? 0 : tern_granted_window(sk);
}

/**
 * tern_select_window - the window to advertise (RFC 9293, 3.8.6.2.2)
 * @sk: socket, locked
 *
 * Never takes back what was offered, and does not open by less than a segment
 * or half of the buffer (receiver's side of silly-window avoidance).
 *
 * Return: bytes beyond rcv_nxt.
 */
u32 tern_select_window(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	int full = min_t(u32, window_space(sk, READ_ONCE(sk->sk_rcvbuf)), tern_window_clamp(ts));
	int space = window_space(sk, READ_ONCE(sk->sk_rcvbuf) - READ_ONCE(sk->sk_backlog.len) -
				     atomic_read(&sk->sk_rmem_alloc));
	int step = min_t(int, ts->rcv_mss, full / 2);
	u32 current_window = tern_receive_window(ts);
	u32 window = ts->rcv_wnd;

	space = min(space, full);
	if (space < full / 16 || space < step)
		space = 0;
	space = min(space, window_ceiling(sk));
	if (!space)
		window = 0;
	else if ((int)window > space || (int)window <= space - step)
		window = rounddown(space, max(step, 1));

	return max(window, current_window);
}

static u32 advance_window(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 window = tern_select_window(sk);

	if (!window && ts->rcv_wnd)
		tern_mib_inc(sock_net(sk), ZeroWindowAdv);
	ts->rcv_wnd = window;
	ts->rcv_wup = ts->rcv_nxt;
	return window;
}

/**
 * tern_advertised_mss - value of the MSS option
 * @ts: socket, its version of IP known
 * @mtu: of the interface the peer is reached by
 *
 * Return: bytes of payload; net of the header without options.
 */
u16 tern_advertised_mss(const struct tern_sock *ts, u32 mtu)
{
	u32 mss = max_t(u32, mtu, ts->ip->header_len + TERN_HLEN_MIN + TERN_MSS_MIN) -
		  ts->ip->header_len - TERN_HLEN_MIN;

	if (ts->user_mss)
		mss = min_t(u32, mss, ts->user_mss);
	return min_t(u32, mss, U16_MAX);
}

static u32 path_mtu(const struct tern_sock *ts, const struct dst_entry *dst)
{
	return min(dst_mtu(dst), ts->mtu.limit ?: U32_MAX);
}

/**
 * tern_sync_mss - fit the segment size to the path
 * @sk: socket, locked
 */
void tern_sync_mss(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct dst_entry *dst = __sk_dst_get(sk);
	u32 overhead, mss;

	if (!dst)
		return;
	ts->pmtu = path_mtu(ts, dst);
	overhead = ts->ip->header_len + ts->ip->ext_len(sk) + TERN_HLEN_MIN;
	mss = ts->pmtu > overhead + TERN_MSS_MIN ? ts->pmtu - overhead : TERN_MSS_MIN;
	mss = min_t(u32, mss, ts->peer_mss);
	if (ts->user_mss)
		mss = min_t(u32, mss, ts->user_mss);
	ts->mss = min_t(u32, mss, TERN_PAYLOAD_MAX);
	ts->cong.mss = ts->mss;
}

static void fill_sack(struct tern_sock *ts, struct tern_options *opts)
{
	u8 i, n = 0;

	if (ts->have_dsack) {	/* RFC 2883: the first block reports the duplicate */
		opts->sack[n++] = ts->dsack;
		ts->have_dsack = false;
		tern_mib_inc(sock_net((struct sock *)ts), DSACKSent);
		if (!seq_before(ts->dsack.start, ts->rcv_nxt))
			tern_mib_inc(sock_net((struct sock *)ts), DSACKOfoSent);
	}
	for (i = 0; i < ts->nr_sack && n < TERN_SACK_BLOCKS; i++)
		opts->sack[n++] = ts->sack[i];
	opts->nr_sack = n;
	if (n)
		tern_mib_inc(sock_net((struct sock *)ts), SACKSent);
}

static u32 syn_mtu(const struct tern_sock *ts)
{
	const struct dst_entry *dst = __sk_dst_get((struct sock *)ts);

	return dst ? tern_advertised_mtu(dst, ts->pmtu, ts->ip->header_len) : ts->pmtu;
}

static void fill_fields(struct sock *sk, struct tern_fields *fields, u32 seq, u8 flags)
{
	struct tern_sock *ts = tern_sk(sk);

	fields->seq = seq;
	fields->flags = flags;
	fields->ack = flags & TERN_ACK ? ts->rcv_nxt : 0;
	fields->window = flags & TERN_RST ? 0 : advance_window(sk);
	fields->tag = ts->peer_tag;
	fields->tsval = tern_tsval(ts);
	fields->tsecr = flags & TERN_ACK ? ts->ts_recent : 0;
	fields->opts.tag = 0;
	fields->opts.mss = 0;
	fields->opts.nr_sack = 0;
	if (unlikely(flags & TERN_SYN)) {
		fields->opts.tag = ts->local_tag;
		fields->opts.mss = tern_advertised_mss(ts, syn_mtu(ts));
	} else if ((ts->nr_sack || ts->have_dsack) && flags & TERN_ACK) {
		fill_sack(ts, &fields->opts);
	}
}

/* a payload larger than a segment leaves as one super-segment, cut on its way out */
static void set_gso(struct sk_buff *skb, u32 payload, u32 mss)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	if (payload <= mss) {
		shinfo->gso_size = 0;
		shinfo->gso_segs = 1;
		shinfo->gso_type = 0;
		return;
	}
	shinfo->gso_size = mss;
	shinfo->gso_segs = DIV_ROUND_UP(payload, mss);
	shinfo->gso_type = SKB_GSO_SCTP;
}

/*
 * skb is payload without header, owned by the call. cb is that of the queued
 * segment, which is told how it was cut; NULL for one that is in no queue.
 */
static int send_segment(struct sock *sk, struct sk_buff *skb, u32 seq, u8 flags,
			struct tern_skb_cb *cb)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_fields fields;
	u32 payload = skb->len;
	int err;

	/* the route may be another by now, or its MTU */
	if (!ts->ip->route(sk) && path_mtu(ts, __sk_dst_get(sk)) != ts->pmtu)
		tern_sync_mss(sk);
	if ((flags & (TERN_ACK | TERN_SYN | TERN_RST)) == TERN_ACK)
		flags |= tern_ecn_mark(sk, payload && seq == ts->snd_nxt);
	else
		INET_ECN_dontxmit(sk);
	fill_fields(sk, &fields, seq, flags);
	if (payload) {
		u32 mss = ts->mss - tern_options_len(&fields.opts);

		if (cb->mark & TERN_SKB_MTU_PROBE)
			mss = payload;
		set_gso(skb, payload, mss);
		cb->seg_len = mss;
		tern_mib_add(sock_net(sk), OutSegs, skb_shinfo(skb)->gso_segs);
		ts->stats.segs_out += skb_shinfo(skb)->gso_segs;
		ts->stats.data_segs_out += skb_shinfo(skb)->gso_segs;
		ts->stats.bytes_sent += payload;
		ts->data_sent = jiffies;
	} else {
		if (cb) {
			set_gso(skb, 0, ts->mss);
			cb->seg_len = 0;
		}
		tern_mib_inc(sock_net(sk), OutSegs);
		ts->stats.segs_out++;
	}
	if (payload)
		tern_pacing_stamp(sk, skb);
	tern_header_push(skb, ts->ip, &ts->conn.flow, &fields);
	skb_set_owner_w(skb, sk);
	skb_set_dst_pending_confirm(skb, READ_ONCE(sk->sk_dst_pending_confirm));
	memset(skb->cb, 0, sizeof(skb->cb));

	if (flags & TERN_ACK)
		tern_ack_sent(sk);
	err = ts->ip->xmit(sk, skb);
	return net_xmit_eval(err);
}

/**
 * tern_transmit - give a queued segment to IP
 * @sk: socket, locked
 * @skb: segment in the write or retransmission queue; stays there
 * @gfp: how to allocate the clone
 *
 * Return: 0, or what IP said: the segment did not leave this host.
 */
int tern_transmit(struct sock *sk, struct sk_buff *skb, gfp_t gfp)
{
	struct tern_skb_cb *cb = TERN_CB(skb), before = *cb;
	unsigned long link = skb->_skb_refdst;
	struct sk_buff *clone;
	int err;

	skb->_skb_refdst = 0;	/* a link of a list (rtxqueue.c), not a route to copy */
	/* an earlier clone may still be under way with a header in our headroom */
	if (unlikely(skb_cloned(skb)))
		clone = pskb_copy(skb, gfp);
	else
		clone = skb_clone(skb, gfp);
	skb->_skb_refdst = link;
	if (!clone) {
		tern_mib_inc(sock_net(sk), NoMemory);
		return -ENOBUFS;
	}
	/* in the tree of the retransmission queue, dev is part of a pointer */
	clone->dev = NULL;
	cb->sent_us = tern_clock_us();
	err = send_segment(sk, clone, cb->seq, cb->flags, cb);
	if (!err) {
		tern_pacing_sent(sk, skb->len);
		tern_rate_sent(tern_sk(sk), cb);
		return 0;
	}
	/* it did not leave: what is known of an earlier time still holds */
	cb->sent_us = before.sent_us;
	cb->seg_len = before.seg_len;
	return err;
}

/* returns false when memory is short */
static bool send_control(struct sock *sk, u32 seq, u8 flags)
{
	struct sk_buff *skb = alloc_skb(TERN_HEADROOM, sk_gfp_mask(sk, GFP_ATOMIC));

	if (!skb) {
		tern_mib_inc(sock_net(sk), NoMemory);
		return false;
	}
	skb_reserve(skb, TERN_HEADROOM);
	send_segment(sk, skb, seq, flags, NULL);
	return true;
}

/**
 * tern_send_syn - SYN in SYN_SENT, SYN-ACK later (simultaneous open)
 * @sk: socket whose SYN is not acknowledged, locked
 */
void tern_send_syn(struct sock *sk)
{
	u8 ack = sk->sk_state == TCP_SYN_SENT ? 0 : TERN_ACK;

	send_control(sk, tern_sk(sk)->iss, TERN_SYN | ack | tern_ecn_syn(sk));
}

/**
 * tern_send_ack - acknowledge what has arrived, now; a moment later if memory is short
 * @sk: socket, locked
 */
void tern_send_ack(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (sk->sk_state == TCP_CLOSE || send_control(sk, ts->snd_nxt, TERN_ACK))
		return;
	ts->ack_pending = true;
	ts->ack_since = jiffies;
	tern_delack_arm(sk);
}

/**
 * tern_not_lately - has half a second passed since the last time?
 * @stamp: clock then, 0 for never; set to now if so
 *
 * Return: whether.
 */
bool tern_not_lately(u32 *stamp)
{
	u32 now = tern_clock_us();

	if (*stamp && now - *stamp < USEC_PER_SEC / 2)
		return false;
	*stamp = now ?: 1;
	return true;
}

/**
 * tern_send_dup_ack - answer a segment that was not acceptable
 * @sk: socket, locked
 * @bare: it had no payload
 *
 * A bare one is answered not more than once each half second: two ends that
 * disagree must not answer each other's ACKs for ever.
 */
void tern_send_dup_ack(struct sock *sk, bool bare)
{
	if (bare && !tern_not_lately(&tern_sk(sk)->dup_ack_stamp))
		return;
	tern_mib_inc(sock_net(sk), DupACKsSent);
	tern_send_ack(sk);
}

/**
 * tern_challenge_allowed - may one more challenge ACK go out? (RFC 5961, section 7)
 * @net: namespace, which has a budget for each second
 *
 * Return: whether; the budget is charged.
 */
bool tern_challenge_allowed(struct net *net)
{
	struct tern_net *tn = tern_net(net);
	u32 now = jiffies / HZ;

	if (READ_ONCE(tn->challenge_stamp) != now) {
		WRITE_ONCE(tn->challenge_stamp, now);
		/* not exactly the limit, lest it tell an attacker who shares it (CVE-2016-5696) */
		atomic_set(&tn->challenge_budget,
			   READ_ONCE(tn->challenge_ack_limit) / 2 + 1 +
			   get_random_u32() % (READ_ONCE(tn->challenge_ack_limit) / 2 + 1));
	}
	return atomic_dec_if_positive(&tn->challenge_budget) >= 0;
}

/**
 * tern_send_challenge_ack - ask the peer to confirm a suspicious RST, SYN or ACK
 * @sk: socket, locked
 *
 * Not more than one each half second on a connection.
 */
void tern_send_challenge_ack(struct sock *sk)
{
	if (!tern_not_lately(&tern_sk(sk)->challenge_stamp) ||
	    !tern_challenge_allowed(sock_net(sk)))
		return;
	tern_mib_inc(sock_net(sk), ChallengeACKs);
	tern_send_ack(sk);
}

/**
 * tern_send_probe - make the peer answer: a byte before the window, without payload
 * @sk: socket, locked
 *
 * For keepalive and for zero windows: the segment is not acceptable, so the
 * peer must send an ACK (RFC 9293, 3.8.4 and 3.8.6.1).
 */
void tern_send_probe(struct sock *sk)
{
	send_control(sk, tern_sk(sk)->snd_una - 1, TERN_ACK);
}

/**
 * tern_send_reset - abort: tell the peer that the connection is no more
 * @sk: socket, locked, in a synchronized state
 */
void tern_send_reset(struct sock *sk)
{
	tern_mib_inc(sock_net(sk), OutRsts);
	send_control(sk, tern_sk(sk)->snd_nxt, TERN_ACK | TERN_RST);
}
