// SPDX-License-Identifier: GPL-2.0
/*
 * Segments in: from the IP layer to whom they belong, and then what RFC 9293,
 * section 3.10.7 (SEGMENT ARRIVES) says, in its order.
 *
 * tern_rcv() runs in softirq under RCU. What belongs to a socket is processed
 * under the socket lock, at once or, while a program holds it, from the
 * backlog when it lets go.
 */
#include <linux/filter.h>
#include <net/busy_poll.h>
#include <net/sock.h>
#include <net/xfrm.h>

#include "ack.h"
#include "ecn.h"
#include "handshake.h"
#include "input.h"
#include "ip.h"
#include "output.h"
#include "rcvqueue.h"
#include "recovery.h"
#include "sock.h"
#include "timer.h"
#include "timewait.h"

#define INITIAL_SPACE	10u		/* segments that a peer may send at first */
#define PAWS_SLACK_US	200000u

/**
 * tern_rcv_header - is there a whole header, of this version?
 * @net: namespace
 * @skb: packet, data at the transport header; freed when not
 *
 * Context: softirq, before anything is believed. Return: whether.
 */
bool tern_rcv_header(struct net *net, struct sk_buff *skb)
{
	const struct tern_hdr *th;
	unsigned int hdr_len;

	tern_mib_inc(net, InSegs);
	if (!pskb_may_pull(skb, TERN_HLEN_MIN))
		goto drop;
	th = (const struct tern_hdr *)skb_transport_header(skb);
	hdr_len = tern_header_check(th, skb->len);
	if (!hdr_len || !pskb_may_pull(skb, hdr_len))
		goto drop;
	return true;
drop:
	tern_mib_inc(net, InErrs);
	tern_mib_inc(net, InHdrErrs);
	kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
	return false;
}

/**
 * tern_rcv_bad_checksum - drop a segment that was damaged on its way
 * @net: namespace
 * @skb: packet; freed
 */
void tern_rcv_bad_checksum(struct net *net, struct sk_buff *skb)
{
	tern_mib_inc(net, InErrs);
	tern_mib_inc(net, InCsumErrs);
	kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
}

static void fill_cb(struct sk_buff *skb, const struct tern_hdr *th, int iif, int sdif)
{
	struct tern_skb_cb *cb = TERN_CB(skb);

	cb->hdr_len = tern_hdr_len(th);
	cb->flags = th->flags;
	cb->mark = 0;
	cb->ce = tern_congestion_experienced(skb);
	cb->seq = ntohl(th->seq);
	cb->end_seq = cb->seq + skb->len - cb->hdr_len + !!(th->flags & TERN_SYN) +
		      !!(th->flags & TERN_FIN);
	cb->ack = ntohl(th->ack_seq);
	cb->window = min_t(u32, ntohl(th->window), S32_MAX);
	cb->tag = ntohl(th->tag);
	cb->tsval = ntohl(th->tsval);
	cb->tsecr = ntohl(th->tsecr);
	cb->iif = iif;
	cb->sdif = sdif;
	cb->tw_isn = 0;
}

/* IPsec; IPv6's side of it reads IP's control block, where ours is by now */
static bool policy_ok(struct sock *sk, struct sk_buff *skb)
{
	struct tern_skb_cb cb;
	bool ok;

	if (skb->protocol != htons(ETH_P_IPV6))
		return xfrm4_policy_check(sk, XFRM_POLICY_IN, skb);
	cb = *TERN_CB(skb);
	memset(IP6CB(skb), 0, sizeof(struct inet6_skb_parm));
	ok = xfrm6_policy_check(sk, XFRM_POLICY_IN, skb);
	*TERN_CB(skb) = cb;
	return ok;
}

/* has it crossed no more routers than the program allows? (RFC 5082) */
static bool hops_ok(const struct sock *sk, const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IPV6))
		return ipv6_hdr(skb)->hop_limit >= READ_ONCE(inet6_sk(sk)->min_hopcount);
	return ip_hdr(skb)->ttl >= READ_ONCE(inet_sk(sk)->min_ttl);
}

/* LSM, BPF and IPsec may refuse; false when the segment is not for the socket */
static bool filter_ok(struct sock *sk, struct sk_buff *skb)
{
	u32 len = skb->len;

	if (!hops_ok(sk, skb) || !policy_ok(sk, skb) ||
	    sk_filter_trim_cap(sk, skb, TERN_CB(skb)->hdr_len)) {
		tern_mib_inc(sock_net(sk), FilterDrops);
		return false;
	}
	TERN_CB(skb)->end_seq -= len - skb->len;
	return true;
}

static void deliver(struct sock *sk, struct sk_buff *skb)
{
	u32 limit;

	if (!filter_ok(sk, skb)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_FILTER);
		return;
	}
	nf_reset_ct(skb);
	skb_dst_drop(skb);
	sk_incoming_cpu_update(sk);
	sk_mark_napi_id(sk, skb);
	skb->dev = NULL;	/* it may be gone before the segment is */
	bh_lock_sock_nested(sk);
	if (!sock_owned_by_user(sk)) {
		tern_do_rcv(sk, skb);
	} else {
		/* ACKs of a full send buffer must find room beside a full receive buffer */
		limit = 2 * (u32)READ_ONCE(sk->sk_rcvbuf) + READ_ONCE(sk->sk_sndbuf) + 64 * 1024;
		if (sk_add_backlog(sk, skb, limit)) {
			tern_mib_inc(sock_net(sk), BacklogDrop);
			kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_BACKLOG);
		}
	}
	bh_unlock_sock(sk);
}

static void deliver_to_listener(struct net *net, struct sk_buff *skb, struct tern_flow *flow)
{
	struct sock *sk = tern_listener_lookup(net, flow, skb);

	if (!sk) {
		tern_mib_inc(net, InNoPorts);
		if (policy_ok(NULL, skb))
			tern_reply_reset(net, skb, flow);
		kfree_skb_reason(skb, SKB_DROP_REASON_NO_SOCKET);
		return;
	}
	if (filter_ok(sk, skb)) {
		nf_reset_ct(skb);
		tern_listen_rcv(sk, skb, flow);
	}
	kfree_skb(skb);
	sock_put(sk);
}

/**
 * tern_rcv - a segment has arrived
 * @net: namespace
 * @skb: packet, header checked, pseudo-header summed up; always consumed
 * @flow: its addresses, seen from here; the ports are filled in
 * @iif: interface it came in on
 * @sdif: the port below, when that is a VRF device
 *
 * Context: softirq, RCU.
 */
void tern_rcv(struct net *net, struct sk_buff *skb, struct tern_flow *flow, int iif, int sdif)
{
	const struct tern_hdr *th;
	struct tern_conn *conn;
	bool again = false;

	if (skb_checksum_complete(skb)) {
		tern_rcv_bad_checksum(net, skb);
		return;
	}
	th = (const struct tern_hdr *)skb_transport_header(skb);
	flow->lport = th->dest;
	flow->rport = th->source;
	fill_cb(skb, th, iif, sdif);

	do {
		conn = tern_conn_lookup(net, flow, iif, sdif);
		if (!conn) {
			deliver_to_listener(net, skb, flow);
			return;
		}
		switch (conn->kind) {
		case TERN_CONN_SOCK:
			deliver(tern_conn_sk(conn), skb);
			again = false;
			break;
		case TERN_CONN_SYN:
			again = false;
			if (filter_ok(tern_conn_syn(conn)->listener, skb)) {
				nf_reset_ct(skb);
				again = !tern_syn_rcv(tern_conn_syn(conn), skb);
			} else {
				kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_FILTER);
			}
			break;
		case TERN_CONN_TW:
			again = false;
			if (policy_ok(NULL, skb))
				again = !tern_tw_rcv(tern_conn_tw(conn), skb);
			else
				kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_FILTER);
			break;
		}
		tern_conn_put(conn);
	} while (again);	/* the object stood down: look who is there now */
}

static bool is_older(const struct tern_sock *ts, const struct tern_skb_cb *cb)
{
	return tern_ts_is_older(cb->tsval, ts->ts_recent, ts->ts_recent_stamp);
}

/*
 * RFC 7323, 5.3. A clock of microseconds shows every segment that was overtaken
 * on its way as older than ts_recent. In the short time that this takes
 * sequence numbers cannot wrap, so they can tell what is new.
 */
static bool paws_rejects(const struct tern_sock *ts, const struct tern_skb_cb *cb)
{
	return is_older(ts, cb) &&
	       ts->ts_recent - cb->tsval > min(ts->rto_us, PAWS_SLACK_US);
}

/* RFC 7323, 4.3: echo the clock of what begins at or before the last ACK sent */
static void store_ts_recent(struct tern_sock *ts, const struct tern_skb_cb *cb)
{
	if (seq_after(cb->seq, ts->rcv_wup) || is_older(ts, cb))
		return;
	ts->ts_recent = cb->tsval;
	ts->ts_recent_stamp = jiffies;
}

static bool in_window(const struct tern_sock *ts, const struct tern_skb_cb *cb)
{
	return !seq_before(cb->end_seq, ts->rcv_wup) &&
	       !seq_after(cb->seq, ts->rcv_nxt + tern_receive_window(ts));
}

static void reset_arrived(struct sock *sk)
{
	int err;

	switch (sk->sk_state) {
	case TCP_SYN_SENT:
		err = ECONNREFUSED;
		break;
	case TCP_CLOSE_WAIT:
		err = EPIPE;
		break;
	default:
		err = ECONNRESET;
	}
	if (sk->sk_state == TCP_SYN_SENT || sk->sk_state == TCP_SYN_RECV)
		tern_mib_inc(sock_net(sk), AttemptFails);
	else if (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT)
		tern_mib_inc(sock_net(sk), EstabResets);
	tern_abort(sk, err, TERN_EV_RCV_RST);
}

/* a SYN that completes or repeats a simultaneous open is no attack */
static bool is_simultaneous_syn_ack(const struct sock *sk, const struct tern_skb_cb *cb)
{
	const struct tern_sock *ts = tern_sk(sk);

	return sk->sk_state == TCP_SYN_RECV && cb->flags & TERN_ACK &&
	       cb->seq + 1 == cb->end_seq && cb->end_seq == ts->rcv_nxt && cb->ack == ts->snd_nxt;
}

/*
 * Tag, PAWS, sequence number, RST, SYN: RFC 9293, 3.10.7.4, first to fourth
 * check, with RFC 5961. Returns whether the segment goes on.
 */
static bool acceptable(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_skb_cb *cb = TERN_CB(skb);
	bool rst = cb->flags & TERN_RST, bare = cb->seq == cb->end_seq;

	if (cb->tag != ts->local_tag && !(rst && cb->tag == ts->peer_tag)) {
		/* a SYN of somebody who does not know this connection carries no tag */
		if (cb->flags & TERN_SYN && !(cb->flags & TERN_ACK) && !cb->tag)
			tern_send_challenge_ack(sk);
		else
			tern_mib_inc(sock_net(sk), InTagErrs);
		return false;
	}
	if (!rst && paws_rejects(ts, cb)) {
		tern_mib_inc(sock_net(sk), PAWSDrops);
		tern_send_dup_ack(sk, bare);
		return false;
	}
	if (!in_window(ts, cb)) {
		tern_mib_inc(sock_net(sk), OutOfWindow);
		if (rst)
			return false;
		if (cb->flags & TERN_SYN) {
			tern_send_challenge_ack(sk);
			return false;
		}
		if (seq_before(cb->end_seq, ts->rcv_nxt) && cb->end_seq != cb->seq)
			tern_note_duplicate(sk, cb->seq, cb->end_seq);
		tern_send_dup_ack(sk, bare);
		return false;
	}
	if (rst) {
		if (cb->seq == ts->rcv_nxt)
			reset_arrived(sk);
		else
			tern_send_challenge_ack(sk);
		return false;
	}
	if (cb->flags & TERN_SYN && !is_simultaneous_syn_ack(sk, cb)) {
		tern_send_challenge_ack(sk);
		return false;
	}
	return cb->flags & TERN_ACK;
}

/* both ends of a handshake are known: the connection can carry data */
static void establish(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_sync_mss(sk);
	ts->rcv_mss = min_t(u16, ts->mss, ts->ip->mss_default);
	tern_cong_init(sk);
	tern_recovery_init(sk);
	tern_quick_acks(sk);
	ts->copied_seq = ts->rcv_nxt;
	ts->turn_rcv = ts->rcv_nxt;
	ts->turn_snd = ts->snd_una;
	ts->rcvq_seq = ts->rcv_nxt;
	ts->rcvq_time = tern_clock_us();
	ts->rcvq_space = min(ts->rcv_wnd, INITIAL_SPACE * ts->mss);
	ts->rcv_rtt_us = 0;
	ts->snd_sml = ts->snd_una;
	ts->last_heard = jiffies;
	tern_timeouts_over(ts);
	tern_rtx_disarm(sk);
	if (sock_flag(sk, SOCK_KEEPOPEN))
		tern_keepalive_arm(sk, tern_keepalive_time(sk));
}

static void take_syn(struct sock *sk, const struct tern_skb_cb *cb,
		     const struct tern_options *opts)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->irs = cb->seq;
	WRITE_ONCE(ts->rcv_nxt, cb->seq + 1);
	WRITE_ONCE(ts->copied_seq, ts->rcv_nxt);
	ts->rcv_wup = ts->rcv_nxt;
	ts->peer_tag = opts->tag;
	ts->peer_mss = max_t(u16, opts->mss ?: ts->ip->mss_default, TERN_MSS_MIN);
	ts->snd_wnd = cb->window;
	ts->max_window = cb->window;
	ts->snd_wl1 = cb->seq;
	ts->ts_recent = cb->tsval;
	ts->ts_recent_stamp = jiffies;
}

static void wake_connected(struct sock *sk)
{
	sk->sk_state_change(sk);
	sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
}

/* RFC 9293, 3.10.7.3 */
static void rcv_syn_sent(struct sock *sk, struct sk_buff *skb, const struct tern_options *opts)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_skb_cb *cb = TERN_CB(skb);
	bool rst = cb->flags & TERN_RST;
	u32 rtt = tern_tsval(ts) - cb->tsecr;

	ts->stats.segs_in++;
	if (cb->flags & TERN_ACK) {
		/* an old incarnation of the peer: tell it that it is gone */
		if (cb->tag != ts->local_tag || cb->ack != ts->snd_nxt) {
			if (cb->tag != ts->local_tag)
				tern_mib_inc(sock_net(sk), InTagErrs);
			tern_reply_reset(sock_net(sk), skb, &ts->conn.flow);
			return;
		}
	} else if (cb->tag) {
		tern_mib_inc(sock_net(sk), InTagErrs);
		return;
	}
	if (rst) {
		if (cb->flags & TERN_ACK)
			reset_arrived(sk);
		return;
	}
	if (!(cb->flags & TERN_SYN) || cb->flags & TERN_FIN || !opts->tag)
		return;

	take_syn(sk, cb, opts);
	tern_ecn_syn_ack(sk, cb->flags);
	if (!(cb->flags & TERN_ACK)) {
		tern_state_event(sk, TERN_EV_RCV_SYN);
		tern_sync_mss(sk);
		tern_send_syn(sk);
		tern_rtx_restart(sk);
		return;
	}
	ts->snd_una = cb->ack;
	if ((s32)rtt >= 0)
		tern_rtt_sample(&ts->rtt, rtt, tern_clock_us());
	ts->backoff = 0;
	tern_rto_update(sk);
	establish(sk);
	tern_state_event(sk, TERN_EV_RCV_SYN_ACK);
	/* a program that is about to send, or waits for the peer's word, saves an ACK */
	if (sk->sk_write_pending || ts->pingpong) {
		ts->ack_pending = true;
		ts->ack_since = jiffies;
		ts->quick_acks = 0;
		tern_delack_arm(sk);
	} else {
		tern_send_ack(sk);
	}
	if (!tern_is_orphan(sk))
		wake_connected(sk);
	tern_push_pending(sk);
}

/* the peer has seen our SYN; returns false when it has not */
static bool rcv_ack_of_syn(struct sock *sk, const struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_skb_cb *cb = TERN_CB(skb);
	u32 rtt = tern_tsval(ts) - cb->tsecr;

	if (cb->ack != ts->iss + 1) {
		tern_reply_reset(sock_net(sk), (struct sk_buff *)skb, &ts->conn.flow);
		return false;
	}
	ts->snd_una = cb->ack;
	ts->snd_wnd = cb->window;
	ts->snd_wl1 = cb->seq;
	ts->max_window = max(ts->max_window, cb->window);
	if ((s32)rtt >= 0)
		tern_rtt_sample(&ts->rtt, rtt, tern_clock_us());
	ts->backoff = 0;
	tern_rto_update(sk);
	establish(sk);
	tern_state_event(sk, TERN_EV_RCV_ACK);
	if (sk->sk_socket)
		wake_connected(sk);
	return true;
}

/* our FIN was acknowledged; returns false when that was the end of the socket */
static bool rcv_ack_of_fin(struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_FIN_WAIT1:
		tern_state_event(sk, TERN_EV_RCV_ACK_OF_FIN);
		if (!tern_is_orphan(sk))
			sk->sk_state_change(sk);	/* a close() that lingers */
		else
			tern_fin_wait2_arm(sk);
		return sk->sk_state != TCP_CLOSE;
	case TCP_CLOSING:
		tern_state_event(sk, TERN_EV_RCV_ACK_OF_FIN);
		tern_time_wait(sk);
		return false;
	case TCP_LAST_ACK:
		tern_done(sk, TERN_EV_RCV_ACK_OF_FIN);
		return false;
	default:
		return true;
	}
}

/**
 * tern_rcv_fin - all of the peer's data is here, and it says so
 * @sk: socket, locked; rcv_nxt is behind the FIN
 *
 * May replace the socket by a TIME_WAIT object: sk_state is CLOSED then.
 */
void tern_rcv_fin(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_ofo_purge(sk);
	sk->sk_shutdown |= RCV_SHUTDOWN;
	sock_set_flag(sk, SOCK_DONE);
	ts->ack_now = true;
	switch (sk->sk_state) {
	case TCP_ESTABLISHED:
		tern_state_event(sk, TERN_EV_RCV_FIN);
		break;
	case TCP_FIN_WAIT1:
		tern_state_event(sk, TERN_EV_RCV_FIN);
		break;
	case TCP_FIN_WAIT2:
		tern_state_event(sk, TERN_EV_RCV_FIN);
		tern_send_ack(sk);
		tern_time_wait(sk);
		break;
	default:		/* the FIN came again */
		return;
	}
	if (tern_is_orphan(sk))
		return;
	sk->sk_state_change(sk);
	if (sk->sk_shutdown == SHUTDOWN_MASK || sk->sk_state == TCP_CLOSE)
		sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_HUP);
	else
		sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
}

/* sixth to eighth check of 3.10.7.4: payload and FIN; consumes skb */
static bool rcv_payload(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_skb_cb *cb = TERN_CB(skb);
	u32 data_end;

	if (cb->seq == cb->end_seq || cb->flags & TERN_SYN) {
		consume_skb(skb);
		return true;
	}
	if (!((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2))) {
		/* the peer has sent its FIN: all this is old */
		ts->ack_now = true;
		kfree_skb(skb);
		return true;
	}
	/* nobody will ever read it: the peer must know (RFC 9293, 3.6.1) */
	data_end = cb->end_seq - !!(cb->flags & TERN_FIN);
	if (sk->sk_shutdown & RCV_SHUTDOWN && sk->sk_state != TCP_ESTABLISHED &&
	    skb->len > cb->hdr_len && seq_after(data_end, ts->rcv_nxt)) {
		tern_mib_inc(sock_net(sk), AbortOnData);
		tern_send_reset(sk);
		tern_abort(sk, ECONNRESET, TERN_EV_ABORT);
		kfree_skb(skb);
		return false;
	}
	ts->turn_snd = seq_max(ts->turn_snd, cb->ack);
	tern_ecn_data(sk, cb);
	__skb_pull(skb, cb->hdr_len);
	return tern_data_queue(sk, skb);
}

/**
 * tern_rcv_established - a segment for a connection whose peer is known
 * @sk: socket in SYN_RECEIVED or a synchronized state, locked
 * @skb: segment; always consumed
 */
void tern_rcv_established(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_options opts;
	bool fin_acked;
	u16 segs;

	segs = max_t(u16, skb_shinfo(skb)->gso_segs, 1);
	ts->stats.segs_in += segs;
	if (skb->len > TERN_CB(skb)->hdr_len)
		ts->stats.data_segs_in += segs;
	if (tern_options_parse(skb_transport_header(skb) + TERN_HLEN_MIN,
			       TERN_CB(skb)->hdr_len - TERN_HLEN_MIN, &opts)) {
		tern_mib_inc(sock_net(sk), InHdrErrs);
		goto drop;
	}
	if (!acceptable(sk, skb))
		goto drop;
	if (sk->sk_state == TCP_SYN_RECV) {
		if (!rcv_ack_of_syn(sk, skb))
			goto drop;
	} else if (!tern_ack(sk, skb, &opts)) {
		goto drop;
	}
	store_ts_recent(ts, TERN_CB(skb));
	ts->last_heard = jiffies;

	fin_acked = ts->snd_una == ts->write_seq && sk->sk_shutdown & SEND_SHUTDOWN;
	if (fin_acked && !rcv_ack_of_fin(sk))
		goto drop;
	if (!rcv_payload(sk, skb))
		return;

	tern_recovery_xmit(sk);
	tern_push_pending(sk);
	tern_check_space(sk);
	tern_ack_check(sk);
	return;
drop:
	kfree_skb(skb);
}

/**
 * tern_do_rcv - a segment for a socket, from the network or the backlog
 * @sk: socket, locked
 * @skb: segment; always consumed
 *
 * Return: 0.
 */
int tern_do_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct tern_options opts;

	switch (sk->sk_state) {
	case TCP_CLOSE:
	case TCP_LISTEN:
		/* for what this socket was; the table knows by now who else answers */
		break;
	case TCP_SYN_SENT:
		if (tern_options_parse(skb_transport_header(skb) + TERN_HLEN_MIN,
				       TERN_CB(skb)->hdr_len - TERN_HLEN_MIN, &opts))
			tern_mib_inc(sock_net(sk), InHdrErrs);
		else
			rcv_syn_sent(sk, skb, &opts);
		break;
	default:
		tern_rcv_established(sk, skb);
		return 0;
	}
	kfree_skb(skb);
	return 0;
}
