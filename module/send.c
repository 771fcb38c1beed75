// SPDX-License-Identifier: GPL-2.0
/*
 * From the program to the network: sendmsg() copies into page fragments of
 * super-segments in the write queue, or with MSG_ZEROCOPY and splice() makes
 * fragments of the program's own pages, and write_xmit() moves them to the
 * retransmission queue as congestion window, receive window and Nagle allow.
 *
 * Called with the socket locked; sendmsg() in process context, the rest in
 * softirq as well.
 */
#include <linux/uio.h>
#include <net/inet_common.h>
#include <net/sock.h>

#include "ack.h"
#include "buffers.h"
#include "compat.h"
#include "cong.h"
#include "ops.h"
#include "output.h"
#include "pacing.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"
#include "timer.h"
#include "tstamp.h"

static struct sk_buff *send_head(const struct sock *sk)
{
	return skb_peek(&sk->sk_write_queue);
}

/* payload of a full super-segment: whole segments, as many as device and pace allow */
static u32 size_goal(const struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	u32 size = TERN_PAYLOAD_MAX;

	if (sk->sk_gso_max_size)
		size = min_t(u32, size, max_t(int, sk->sk_gso_max_size - TERN_HEADROOM, 0));
	if (sk->sk_gso_max_segs)
		size = min_t(u32, size, (u32)sk->sk_gso_max_segs * ts->mss);
	size = min(size, tern_pacing_burst(sk));
	return max_t(u32, rounddown(size, ts->mss), ts->mss);
}

static u32 send_window_end(const struct tern_sock *ts)
{
	return ts->snd_una + ts->snd_wnd;
}

/* RFC 9293, 3.7.4 and 3.8.6.2.1, in the reading of draft-minshall-nagle */
static bool may_send_small(const struct tern_sock *ts, const struct sk_buff *skb, u8 nagle)
{
	bool small_unacked = seq_after(ts->snd_sml, ts->snd_una) &&
			     !seq_after(ts->snd_sml, ts->snd_nxt);

	if (nagle & TERN_NAGLE_PUSH || TERN_CB(skb)->flags & TERN_FIN)
		return true;
	if (nagle & TERN_NAGLE_CORK)
		return false;
	if (nagle & TERN_NAGLE_OFF)
		return true;
	return !small_unacked;
}

enum limit { LIMIT_NONE, LIMIT_CWND, LIMIT_RWND };

/*
 * How much of the segment at the head may go now; 0 for none. Whole segments
 * as far as both windows reach; less than a segment only if it is all there
 * is and Nagle agrees, or half of the largest window the peer ever had
 * (sender's side of silly-window avoidance).
 */
static u32 sendable(const struct tern_sock *ts, const struct sk_buff *skb, u8 nagle, bool last,
		    enum limit *limit)
{
	u32 in_flight = tern_in_flight(ts);
	u32 cwnd_room = ts->cong.snd_cwnd > in_flight ? ts->cong.snd_cwnd - in_flight : 0;
	s32 wnd_room = send_window_end(ts) - TERN_CB(skb)->seq;
	u32 len = skb->len, room;

	if (wnd_room < 0 || (wnd_room == 0 && len)) {
		*limit = LIMIT_RWND;
		return 0;
	}
	if (cwnd_room < min_t(u32, len, ts->mss)) {
		*limit = LIMIT_CWND;
		return 0;
	}
	room = min3(len, cwnd_room, (u32)wnd_room);
	if (room < len)
		*limit = cwnd_room < (u32)wnd_room ? LIMIT_CWND : LIMIT_RWND;
	if (room >= ts->mss) {
		if (room == len && (len % ts->mss == 0 || may_send_small(ts, skb, nagle) || !last))
			return len;
		return rounddown(room, ts->mss);
	}
	if (room == len)
		return !last || may_send_small(ts, skb, nagle) ? len : 0;
	return (u32)wnd_room >= ts->max_window / 2 && cwnd_room >= room ? room : 0;
}

static void segment_sent(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);

	__skb_unlink(skb, &sk->sk_write_queue);
	/* the clock may have wrapped since something was delivered, if ever it was */
	if (ts->snd_una == ts->snd_nxt) {
		ts->rack.valid = false;
		ts->last_progress = TERN_CB(skb)->sent_us;
	}
	tern_rtx_append(ts, skb);
	tern_rtx_watch(ts, skb);
	ts->snd_nxt = TERN_CB(skb)->end_seq;
	ts->prr.out += skb->len;
	ts->last_sent = TERN_CB(skb)->sent_us;
	tern_mib_add(sock_net(sk), OrigDataSent, max_t(u32, skb_shinfo(skb)->gso_segs, 1));
	if (skb->len % ts->mss)
		ts->snd_sml = ts->snd_nxt;
	if (!ts->rtx_armed || ts->rtx_mode == TERN_RTX_PERSIST)
		tern_rtx_restart(sk);
	else
		tern_rtx_arm(sk);
}

/* was the window the limit, at any time in this round trip? (RFC 7661, 4.3) */
static void note_cwnd_usage(struct sock *sk, bool cwnd_limited)
{
	struct tern_sock *ts = tern_sk(sk);

	/* in slow start half of it counts: acknowledgments may cover so much */
	if (!cwnd_limited && tern_in_slow_start(&ts->cong))
		cwnd_limited = tern_in_flight(ts) > ts->cong.snd_cwnd / 2;
	if (cwnd_limited || !seq_before(ts->snd_una, ts->cwnd_usage_seq)) {
		ts->is_cwnd_limited = cwnd_limited;
		ts->cwnd_usage_seq = ts->snd_nxt;
	}
	tern_cong_note_usage(sk);
}

/*
 * Send what the windows and Nagle allow. *rwnd_limited: whether the peer's is
 * why there is a rest. Return: whether there is something to send and nothing
 * in flight: somebody has to try again by the clock.
 */
static bool write_xmit(struct sock *sk, u8 nagle, bool *rwnd_limited)
{
	struct tern_sock *ts = tern_sk(sk);
	enum limit limit = LIMIT_NONE;
	bool sent = false, paced = false;
	struct sk_buff *skb, *rest;
	u32 burst = tern_pacing_burst(sk), probe;
	u32 idle = tern_clock_us() - ts->last_sent;

	if (ts->snd_una == ts->snd_nxt && idle > ts->rto_us) {
		tern_cong_restart_after_idle(sk, idle);
		ts->last_sent += idle;		/* once for each time */
	}

	while ((skb = send_head(sk))) {
		bool last = skb_queue_is_last(&sk->sk_write_queue, skb);
		u32 len = sendable(ts, skb, nagle, last, &limit);
		bool empty_fin = !skb->len && send_window_end(ts) - TERN_CB(skb)->seq <= INT_MAX;

		TERN_CB(skb)->mark &= ~TERN_SKB_MTU_PROBE;
		paced = (len || empty_fin) && tern_pacing_waits(sk);
		if ((!len && !empty_fin) || paced)
			break;
		len = min(len, burst);
		probe = tern_mtu_probe_payload(sk);
		if (probe && probe <= len) {
			len = probe;
			TERN_CB(skb)->mark |= TERN_SKB_MTU_PROBE;
		}
		if (len < skb->len) {
			rest = tern_skb_split(sk, skb, len, GFP_ATOMIC);
			if (!rest)
				break;
			__skb_queue_after(&sk->sk_write_queue, skb, rest);
		}
		if (tern_transmit(sk, skb, GFP_ATOMIC)) {
			if (TERN_CB(skb)->mark & TERN_SKB_MTU_PROBE)
				tern_mtu_probe_cancel(sk);
			break;
		}
		if (TERN_CB(skb)->mark & TERN_SKB_MTU_PROBE)
			tern_mtu_probe_sent(sk, skb);
		segment_sent(sk, skb);
		sent = true;
	}
	note_cwnd_usage(sk, limit == LIMIT_CWND);
	*rwnd_limited = limit == LIMIT_RWND && send_head(sk) && !paced;
	if (sent)
		tern_data_sent(sk);
	return ts->snd_una == ts->snd_nxt && send_head(sk) && !paced;
}

/**
 * tern_send_one - send one segment whatever Nagle, window and pace say
 * @sk: socket, locked
 *
 * For the persist timer (RFC 9293, 3.8.6.1) and the tail loss probe.
 *
 * Return: whether there was one that the peer's window takes, and it went out.
 */
bool tern_send_one(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = send_head(sk), *rest;
	s32 room;

	if (!skb)
		return false;
	room = send_window_end(ts) - TERN_CB(skb)->seq;
	if (room <= 0)
		return false;
	room = min_t(u32, room, ts->mss);
	if (skb->len > room) {
		rest = tern_skb_split(sk, skb, room, GFP_ATOMIC);
		if (!rest)
			return false;
		__skb_queue_after(&sk->sk_write_queue, skb, rest);
	}
	TERN_CB(skb)->flags |= TERN_PSH;
	TERN_CB(skb)->mark &= ~TERN_SKB_MTU_PROBE;
	if (tern_transmit(sk, skb, GFP_ATOMIC))
		return false;
	segment_sent(sk, skb);
	return true;
}

/**
 * tern_push - send what can be sent, by other rules than the socket's own
 * @sk: socket, locked
 * @nagle: TERN_NAGLE_*
 */
void tern_push(struct sock *sk, u8 nagle)
{
	bool rwnd_limited = false;

	if (send_head(sk) && write_xmit(sk, nagle, &rwnd_limited))
		tern_probe_arm(sk);
	tern_chrono_update(sk, rwnd_limited);
}

/**
 * tern_push_pending - send what can be sent
 * @sk: socket, locked
 */
void tern_push_pending(struct sock *sk)
{
	tern_push(sk, tern_sk(sk)->nagle);
}

/*
 * How many of so many bytes may be charged. Whatever others hold, there are
 * net.tern.wmem[0] for each socket: sk_forward_alloc goes below zero by them,
 * and what is acknowledged brings it back.
 */
static int wmem_grant(struct sock *sk, int size)
{
	if (likely(sk_wmem_schedule(sk, size)))
		return size;
	return clamp(READ_ONCE(tern_net(sock_net(sk))->wmem[0]) - sk->sk_wmem_queued, 0, size);
}

static struct sk_buff *append_segment(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = alloc_skb_fclone(TERN_HEADROOM, sk->sk_allocation);

	if (!skb) {
		sk->sk_prot->enter_memory_pressure(sk);
		sk_stream_moderate_sndbuf(sk);
		return NULL;
	}
	if (!wmem_grant(sk, skb->truesize)) {
		__kfree_skb(skb);
		return NULL;
	}
	skb->ip_summed = CHECKSUM_PARTIAL;	/* or it would be summed while it is copied */
	skb_reserve(skb, TERN_HEADROOM);
	__skb_header_release(skb);	/* clones may write headers into the headroom */
	TERN_CB(skb)->seq = ts->write_seq;
	TERN_CB(skb)->end_seq = ts->write_seq;
	TERN_CB(skb)->flags = TERN_ACK;
	TERN_CB(skb)->mark = 0;
	sk_wmem_queued_add(sk, skb->truesize);
	sk_mem_charge(sk, skb->truesize);
	__skb_queue_tail(&sk->sk_write_queue, skb);
	return skb;
}

/* the segment that takes more payload; NULL when a new one is needed */
static struct sk_buff *open_tail(struct sock *sk, u32 goal)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (!skb || skb->len >= goal || TERN_CB(skb)->flags & TERN_FIN)
		return NULL;
	return skb;
}

/**
 * struct source - what is to be done with the pages of a message
 * @ubuf: who hears when they are needed no more: they are sent; NULL: see @splice
 * @splice: they are the kernel's and are sent; else they are copied
 */
struct source {
	struct ubuf_info *ubuf;
	bool splice;
};

static int append_copied(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, int copy)
{
	struct page_frag *pfrag = sk_page_frag(sk);
	int i = skb_shinfo(skb)->nr_frags, err;
	bool merge;

	if (!sk_page_frag_refill(sk, pfrag))
		return -ENOBUFS;
	merge = skb_can_coalesce(skb, i, pfrag->page, pfrag->offset);
	if (!merge && i == MAX_SKB_FRAGS)
		return 0;
	skb_zcopy_downgrade_managed(skb);
	copy = wmem_grant(sk, min_t(int, copy, pfrag->size - pfrag->offset));
	if (!copy)
		return -ENOBUFS;
	err = skb_copy_to_page_nocache(sk, &msg->msg_iter, skb, pfrag->page, pfrag->offset, copy);
	if (err)
		return err;
	if (merge) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[i - 1], copy);
	} else {
		skb_fill_page_desc(skb, i, pfrag->page, pfrag->offset, copy);
		page_ref_inc(pfrag->page);
	}
	pfrag->offset += copy;
	return copy;
}

/* the program may write to the pages yet: SKBFL_SHARED_FRAG, which ubuf has set, too */
static int append_pages(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, int len,
			const struct source *source)
{
	len = wmem_grant(sk, len);
	if (!len)
		return -ENOBUFS;
	if (source->ubuf)
		return skb_zerocopy_iter_stream(sk, skb, msg, len, source->ubuf);
	len = skb_splice_from_iter(skb, &msg->msg_iter, len, sk->sk_allocation);
	if (len > 0) {
		skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
		sk_wmem_queued_add(sk, len);
		sk_mem_charge(sk, len);
	}
	return len;
}

/*
 * Put some bytes at the end of a segment. Return: bytes, 0 when it must be
 * another segment, -ENOBUFS when memory must be waited for, or -errno.
 */
static int append_bytes(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, u32 goal,
			const struct source *source)
{
	int n = min_t(size_t, msg_data_left(msg), goal - skb->len);

	if (source->ubuf || source->splice)
		n = append_pages(sk, skb, msg, n, source);
	else
		n = append_copied(sk, skb, msg, n);
	/* no fragment is left, or they belong to other messages */
	if (n == -EMSGSIZE || n == -EEXIST)
		return 0;
	if (n > 0) {
		WRITE_ONCE(tern_sk(sk)->write_seq, tern_sk(sk)->write_seq + n);
		TERN_CB(skb)->end_seq += n;
	}
	return n;
}

/* an empty segment left behind by an error must not stay in the queue */
static void drop_empty_tail(struct sock *sk)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (skb && TERN_CB(skb)->seq == TERN_CB(skb)->end_seq) {
		__skb_unlink(skb, &sk->sk_write_queue);
		tern_wmem_free_skb(sk, skb);
	}
}

static void mark_push(struct sock *sk)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (skb)
		TERN_CB(skb)->flags |= TERN_PSH;
}

static int wait_connected(struct sock *sk, long *timeo)
{
	if (!((1 << sk->sk_state) & ~(TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)))
		return 0;
	return sk_stream_wait_connect(sk, timeo);
}

/* bytes added to the queue, at most to a goal; -ENOBUFS: there is no room now */
static int append(struct sock *sk, struct msghdr *msg, u32 *goal, const struct source *source)
{
	struct sk_buff *skb = open_tail(sk, *goal);
	int n;

	if (!skb && sk_stream_memory_free(sk))
		skb = append_segment(sk);
	if (!skb)
		return -ENOBUFS;
	n = append_bytes(sk, skb, msg, *goal, source);
	if (n < 0)
		return n;
	if (!n) {		/* a shorter segment must do */
		*goal = skb->len;
		return 0;
	}
	*goal = size_goal(sk);
	/* the end waits until tern_tstamp_request() has marked it */
	if (skb->len >= *goal && msg_data_left(msg))
		tern_push(sk, tern_sk(sk)->nagle | TERN_NAGLE_PUSH);
	return n;
}

static int wait_for_room(struct sock *sk, int copied, long *timeo)
{
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	drop_empty_tail(sk);
	if (copied)
		mark_push(sk);
	/* what is held back could keep the room that is waited for */
	tern_push(sk, copied ? TERN_NAGLE_PUSH : tern_sk(sk)->nagle);
	return sk_stream_wait_memory(sk, timeo);
}

static int send_locked(struct sock *sk, struct msghdr *msg, const struct source *source)
{
	struct tern_sock *ts = tern_sk(sk);
	int flags = msg->msg_flags, copied = 0, err, n;
	long timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	struct sockcm_cookie sockc;
	u32 goal;

	sockcm_init(&sockc, sk);
	err = wait_connected(sk, &timeo);
	if (err)
		goto out;
	if (msg->msg_controllen && sock_cmsg_send(sk, msg, &sockc))
		return -EINVAL;
	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	tern_rate_check_app_limited(sk);

	err = -EPIPE;
	if (sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN)
		goto out;
	if (flags & MSG_OOB && msg_data_left(msg))
		return -EOPNOTSUPP;
	goal = size_goal(sk);
	for (err = 0; !err && msg_data_left(msg);) {
		n = append(sk, msg, &goal, source);
		if (n >= 0) {
			copied += n;
		} else if (n == -ENOBUFS) {
			err = wait_for_room(sk, copied, &timeo);
			goal = size_goal(sk);
		} else {
			err = n;
		}
	}
out:
	drop_empty_tail(sk);
	if (copied) {
		if (unlikely(sockc.tsflags))
			tern_tstamp_request(sk, sockc.tsflags, copied);
		if (!(flags & MSG_MORE))
			mark_push(sk);
		tern_push(sk, (flags & MSG_MORE ? TERN_NAGLE_CORK : 0) | ts->nagle);
		return copied;
	}
	if (!err)
		return 0;
	err = sk_stream_error(sk, flags, err);
	/* a zero-copy or edge-triggered writer that got EAGAIN must hear of room */
	if (unlikely(skb_queue_empty(&sk->sk_write_queue) && err == -EAGAIN))
		sk->sk_write_space(sk);
	return err;
}

/* SO_ZEROCOPY: one completion for each call, which those of earlier calls may take up */
static int zerocopy_begin(struct sock *sk, struct msghdr *msg, struct source *source)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);
	size_t size = msg_data_left(msg);

	if (!(msg->msg_flags & MSG_ZEROCOPY) || !size)
		return 0;
	source->ubuf = msg->msg_ubuf;	/* io_uring has its own */
	if (source->ubuf || !sock_flag(sk, SOCK_ZEROCOPY))
		return 0;
	source->ubuf = msg_zerocopy_realloc(sk, size, skb_zcopy(tail));
	return source->ubuf ? 0 : -ENOBUFS;
}

static void zerocopy_end(const struct msghdr *msg, const struct source *source, int ret)
{
	if (!source->ubuf || msg->msg_ubuf)
		return;
	if (ret < 0)
		net_zcopy_put_abort(source->ubuf, true);
	else
		net_zcopy_put(source->ubuf);
}

/**
 * tern_send_locked - sendmsg() and its like
 * @sk: socket, locked
 * @msg: what to send, flags
 * @splice: send its pages, which are the kernel's, instead of copying them
 *
 * Return: bytes taken, or -errno; with EPIPE goes SIGPIPE unless MSG_NOSIGNAL.
 */
int tern_send_locked(struct sock *sk, struct msghdr *msg, bool splice)
{
	struct source source = { .splice = splice };
	int ret = zerocopy_begin(sk, msg, &source);

	if (!ret) {
		ret = send_locked(sk, msg, &source);
		zerocopy_end(msg, &source, ret);
	}
	return ret;
}

/**
 * tern_sendmsg_locked - sendmsg() for other modules, by way of proto_ops
 * @sk: socket, locked
 * @msg: what to send, flags
 * @size: bytes
 *
 * Return: as tern_send_locked().
 */
int tern_sendmsg_locked(struct sock *sk, struct msghdr *msg, size_t size)
{
	return tern_send_locked(sk, msg, tern_msg_splices(msg));
}

/* MSG_FASTOPEN: as TCP, which has a cookie of few peers, the payload after the handshake */
static int connect_first(struct sock *sk, const struct msghdr *msg)
{
	const struct sockaddr *addr = msg->msg_name;
	int flags = msg->msg_flags & MSG_DONTWAIT ? O_NONBLOCK : 0;

	if (addr && msg->msg_namelen >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		return -EOPNOTSUPP;
	return __inet_stream_connect(sk->sk_socket, msg->msg_name, msg->msg_namelen, flags, 1);
}

/**
 * tern_sendmsg - send(), write() and the rest of their family
 * @sk: socket, not locked
 * @msg: what to send, flags
 * @size: bytes
 *
 * Return: as tern_send_locked().
 */
int tern_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	int ret;

	lock_sock(sk);
	ret = msg->msg_flags & MSG_FASTOPEN ? connect_first(sk, msg) : 0;
	if (ret)
		ret = sk_stream_error(sk, msg->msg_flags, ret);
	else
		ret = tern_sendmsg_locked(sk, msg, size);
	release_sock(sk);
	return ret;
}

/**
 * tern_splice_eof - there was less to splice than announced: more does not come
 * @sock: socket, not locked
 */
void tern_splice_eof(struct socket *sock)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	mark_push(sk);
	tern_push_pending(sk);
	release_sock(sk);
}

/**
 * tern_send_fin - the last segment of this side
 * @sk: socket, locked, in a state that has just begun to close
 *
 * FIN rides on the last segment that was not sent yet, if there is one.
 */
void tern_send_fin(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (!skb) {
		/* without it the peer would wait for ever; close() and shutdown() may sleep */
		skb = alloc_skb_fclone(TERN_HEADROOM, GFP_NOIO | __GFP_NOFAIL);
		skb_reserve(skb, TERN_HEADROOM);
		__skb_header_release(skb);
		TERN_CB(skb)->seq = ts->write_seq;
		TERN_CB(skb)->end_seq = ts->write_seq;
		TERN_CB(skb)->flags = TERN_ACK;
		TERN_CB(skb)->mark = 0;
		sk_wmem_queued_add(sk, skb->truesize);
		sk_wmem_schedule(sk, skb->truesize);	/* over the limit, if need be */
		sk_mem_charge(sk, skb->truesize);
		__skb_queue_tail(&sk->sk_write_queue, skb);
	}
	TERN_CB(skb)->flags |= TERN_FIN | TERN_PSH;
	TERN_CB(skb)->end_seq++;
	ts->write_seq++;
	tern_push(sk, TERN_NAGLE_OFF);
}

/**
 * tern_write_queue_purge - forget everything that was to be sent
 * @sk: socket, locked
 */
void tern_write_queue_purge(struct sock *sk)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&sk->sk_write_queue)))
		tern_wmem_free_skb(sk, skb);
	tern_rtx_purge(sk);
	tern_chrono_update(sk, false);
	sk_mem_reclaim(sk);
}

/**
 * tern_check_space - acknowledged segments left room: tell who waits for it
 * @sk: socket, locked
 *
 * Return: whether there was somebody.
 */
bool tern_check_space(struct sock *sk)
{
	tern_sndbuf_adjust(sk);
	smp_mb();	/* with poll_writable(): one of us sees the other */
	if (!sk->sk_socket || !test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		return false;
	if (!sk_stream_memory_free(sk))
		return false;
	sk->sk_write_space(sk);
	return true;
}
