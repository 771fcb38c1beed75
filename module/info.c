// SPDX-License-Identifier: GPL-2.0
/*
 * What a connection tells about itself: TERN_INFO, and TCP_INFO for programs
 * that ask as they would ask TCP. The second is the first in other words:
 * segments where Tern counts bytes.
 *
 * Called in process context with the socket not locked, unless a function says
 * otherwise.
 */
#include <linux/tcp.h>
#include <net/sock.h>

#include "compat.h"
#include "output.h"
#include "sock.h"

#define DUPACKS		3	/* as long as nothing was reordered (rack.c) */

static_assert(sizeof_field(struct tern_info, ti_congestion) == TERN_CONG_NAME_MAX);
static_assert(sizeof(struct tern_info) == offsetofend(struct tern_info, ti_timeout_time));

/**
 * tern_info_reset - nothing was sent or received yet
 * @sk: socket, locked; or new
 */
void tern_info_reset(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	memset(&ts->stats, 0, sizeof(ts->stats));
	memset(&ts->rate, 0, sizeof(ts->rate));
	ts->chrono = (struct tern_chrono){ .since = jiffies };
	ts->began = jiffies;
	ts->data_sent = jiffies;
}

/**
 * tern_info_glance - what a list of sockets shows
 * @sk: socket, not locked: a snapshot whose parts need not agree
 * @glance: to be filled in
 *
 * Context: any.
 */
void tern_info_glance(const struct sock *sk, struct tern_glance *glance)
{
	const struct tern_sock *ts = tern_sk(sk);

	memset(glance, 0, sizeof(*glance));
	if (inet_sk_state_load(sk) == TCP_LISTEN) {
		glance->recvq = READ_ONCE(sk->sk_ack_backlog);
		glance->sendq = READ_ONCE(sk->sk_max_ack_backlog);
		return;
	}
	glance->recvq = max_t(s32, READ_ONCE(ts->rcv_nxt) - READ_ONCE(ts->copied_seq), 0);
	glance->sendq = READ_ONCE(ts->write_seq) - READ_ONCE(ts->snd_una);
	if (READ_ONCE(ts->rtx_armed)) {
		glance->timer = ts->rtx_mode == TERN_RTX_PERSIST ? 4 : 1;
		glance->retrans = glance->timer == 4 ? ts->probes_out : ts->retransmits;
		glance->expires = ts->rtx_expires - jiffies;
	} else if (timer_pending(&sk->sk_timer)) {
		glance->timer = 2;
		glance->retrans = ts->probes_out;
		glance->expires = sk->sk_timer.expires - jiffies;
	}
}
EXPORT_SYMBOL_GPL(tern_info_glance);

/* stamp: jiffies, perhaps of before this connection */
static u32 ms_since(const struct tern_sock *ts, unsigned long stamp)
{
	return jiffies_to_msecs(jiffies - (time_before(stamp, ts->began) ? ts->began : stamp));
}

static u64 rate64(unsigned long rate)
{
	return rate == ~0UL ? ~0ULL : rate;
}

static void fill_queues(const struct sock *sk, struct tern_info *info)
{
	const struct tern_sock *ts = tern_sk(sk);

	/* what a closed one had in its queues is gone */
	if (sk->sk_state == TCP_CLOSE)
		return;
	info->ti_unacked = ts->snd_nxt - ts->snd_una;
	info->ti_in_flight = tern_in_flight(ts);
	info->ti_sacked = ts->sacked_out;
	info->ti_lost = ts->lost_out;
	info->ti_retrans = ts->retrans_out;
	info->ti_notsent = max_t(s32, ts->write_seq - ts->snd_nxt, 0);
}

static void fill_path(const struct sock *sk, struct tern_info *info)
{
	const struct tern_sock *ts = tern_sk(sk);

	info->ti_ca_state = ts->ca_state;
	info->ti_retransmits = ts->retransmits;
	info->ti_probes = ts->probes_out;
	info->ti_backoff = ts->backoff;
	info->ti_flags = ts->ecn_ok ? TERN_INFO_ECN : 0;
	if (ts->rate.best_app_limited)
		info->ti_flags |= TERN_INFO_APP_LIMITED;
	info->ti_rto = ts->rto_us;
	info->ti_ato = READ_ONCE(tern_net(sock_net(sk))->delack_ms) * USEC_PER_MSEC;
	info->ti_rtt = ts->rtt.srtt >> 3;
	info->ti_rttvar = ts->rtt.rttvar >> 2;
	info->ti_min_rtt = ts->rtt.min;
	info->ti_rcv_rtt = ts->rcv_rtt_us;
	info->ti_snd_mss = ts->mss;
	info->ti_rcv_mss = ts->rcv_mss;
	info->ti_pmtu = ts->pmtu;
	if (ts->pmtu)
		info->ti_advmss = tern_advertised_mss(ts, ts->pmtu);
	info->ti_reordering = ts->rack.reordering;
	info->ti_reo_wnd = ts->rtt.srtt ? tern_rack_reordering_window(ts) : 0;
	info->ti_cwnd = ts->cong.snd_cwnd;
	info->ti_ssthresh = ts->cong.snd_ssthresh;
	info->ti_snd_wnd = ts->snd_wnd;
	info->ti_rcv_wnd = ts->rcv_wnd;
	info->ti_rcv_wnd_max = min_t(u32, READ_ONCE(sk->sk_rcvbuf) / 2, tern_window_clamp(ts));
	info->ti_rcv_space = ts->rcvq_space;
	info->ti_unread = tern_unread(sk);
}

static void fill_sums(const struct tern_sock *ts, struct tern_info *info)
{
	info->ti_last_data_sent = ms_since(ts, ts->data_sent);
	info->ti_last_data_recv = ms_since(ts, ts->last_rcv);
	info->ti_last_ack_recv = ms_since(ts, ts->last_heard);
	info->ti_segs_out = ts->stats.segs_out;
	info->ti_segs_in = ts->stats.segs_in;
	info->ti_data_segs_out = ts->stats.data_segs_out;
	info->ti_data_segs_in = ts->stats.data_segs_in;
	info->ti_total_retrans = ts->stats.total_retrans;
	info->ti_timeouts = ts->stats.timeouts;
	info->ti_timeout_series = ts->stats.timeout_series;
	info->ti_timeout_time = ts->stats.timeout_ms;
	if (ts->retransmits)
		info->ti_timeout_time += jiffies_to_msecs(jiffies - ts->rtx_start);
	info->ti_dsack_dups = ts->stats.dsack_dups;
	info->ti_reord_seen = ts->stats.reord_seen;
	info->ti_rcv_ooopack = ts->stats.rcv_ooopack;
	info->ti_delivery_rate = ts->rate.best;
	info->ti_delivered = ts->stats.bytes_acked + ts->sacked_out;
	info->ti_delivered_ce = ts->stats.delivered_ce;
	info->ti_bytes_sent = ts->stats.bytes_sent;
	info->ti_bytes_retrans = ts->stats.bytes_retrans;
	info->ti_bytes_acked = ts->stats.bytes_acked;
	info->ti_bytes_received = ts->stats.bytes_received;
	info->ti_rwnd_limited = tern_chrono_us(ts, TERN_CHRONO_RWND);
	info->ti_sndbuf_limited = tern_chrono_us(ts, TERN_CHRONO_SNDBUF);
	info->ti_busy_time = tern_chrono_us(ts, TERN_CHRONO_BUSY) + info->ti_rwnd_limited +
			     info->ti_sndbuf_limited;
}

/* what there is of a listener too, and needs no lock */
static void fill_common(struct sock *sk, struct tern_info *info)
{
	const struct tern_sock *ts = tern_sk(sk);

	memset(info, 0, sizeof(*info));
	info->ti_state = inet_sk_state_load(sk);
	info->ti_pacing_rate = rate64(READ_ONCE(sk->sk_pacing_rate));
	info->ti_max_pacing_rate = rate64(READ_ONCE(sk->sk_max_pacing_rate));
	tern_cong_name(sk, info->ti_congestion);
	if (info->ti_state == TCP_LISTEN) {
		info->ti_accept_queue = READ_ONCE(sk->sk_ack_backlog);
		info->ti_accept_max = READ_ONCE(sk->sk_max_ack_backlog);
		info->ti_syn_queue = READ_ONCE(ts->listen.nr_syn);
	}
}

static void fill_connection(struct sock *sk, struct tern_info *info)
{
	fill_queues(sk, info);
	fill_path(sk, info);
	fill_sums(tern_sk(sk), info);
}

/**
 * tern_info_fill - TERN_INFO
 * @sk: socket, not locked
 * @info: to be filled in
 */
void tern_info_fill(struct sock *sk, struct tern_info *info)
{
	bool slow;

	fill_common(sk, info);
	if (info->ti_state == TCP_LISTEN)
		return;
	slow = lock_sock_fast(sk);
	fill_connection(sk, info);
	unlock_sock_fast(sk, slow);
}

static u8 tcp_ca_state(u8 state)
{
	static const u8 tcps[] = {
		[TERN_CA_OPEN] = TCP_CA_Open,
		[TERN_CA_CWR] = TCP_CA_CWR,
		[TERN_CA_RECOVERY] = TCP_CA_Recovery,
		[TERN_CA_LOSS] = TCP_CA_Loss,
	};

	return tcps[state];
}

static void tcp_fill_bytes(struct tcp_info *tcp, const struct tern_info *info)
{
	u32 mss = info->ti_snd_mss;

	tcp->tcpi_unacked = DIV_ROUND_UP(info->ti_unacked, mss);
	tcp->tcpi_sacked = DIV_ROUND_UP(info->ti_sacked, mss);
	tcp->tcpi_lost = DIV_ROUND_UP(info->ti_lost, mss);
	tcp->tcpi_retrans = DIV_ROUND_UP(info->ti_retrans, mss);
	tcp->tcpi_snd_cwnd = DIV_ROUND_UP(info->ti_cwnd, mss);
	tcp->tcpi_snd_ssthresh = info->ti_ssthresh == TERN_SSTHRESH_UNKNOWN ?
				 TERN_SSTHRESH_UNKNOWN : DIV_ROUND_UP(info->ti_ssthresh, mss);
	tcp->tcpi_delivered = DIV_ROUND_UP_ULL(info->ti_delivered, mss);
	tcp->tcpi_delivered_ce = DIV_ROUND_UP_ULL(info->ti_delivered_ce, mss);
	tcp->tcpi_notsent_bytes = info->ti_notsent;
	tcp->tcpi_bytes_acked = info->ti_bytes_acked;
	tcp->tcpi_bytes_received = info->ti_bytes_received;
	tcp->tcpi_bytes_sent = info->ti_bytes_sent;
	tcp->tcpi_bytes_retrans = info->ti_bytes_retrans;
	tcp->tcpi_segs_out = info->ti_segs_out;
	tcp->tcpi_segs_in = info->ti_segs_in;
	tcp->tcpi_data_segs_out = info->ti_data_segs_out;
	tcp->tcpi_data_segs_in = info->ti_data_segs_in;
	tcp->tcpi_reordering = max_t(u32, DIV_ROUND_UP(info->ti_reordering, mss), DUPACKS);
	tcp->tcpi_total_retrans = info->ti_total_retrans;
	tcp->tcpi_dsack_dups = info->ti_dsack_dups;
	tcp->tcpi_reord_seen = info->ti_reord_seen;
	tcp->tcpi_rcv_ooopack = info->ti_rcv_ooopack;
	tern_tcpi_set_timeouts(tcp, info->ti_timeouts, info->ti_timeout_series,
			       info->ti_timeout_time);
}

static void tcp_fill_path(struct tcp_info *tcp, const struct tern_info *info)
{
	tcp->tcpi_ca_state = tcp_ca_state(info->ti_ca_state);
	tcp->tcpi_retransmits = info->ti_retransmits;
	tcp->tcpi_probes = info->ti_probes;
	tcp->tcpi_backoff = info->ti_backoff;
	tcp->tcpi_options = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK;
	if (info->ti_flags & TERN_INFO_ECN)
		tcp->tcpi_options |= TCPI_OPT_ECN;
	tcp->tcpi_rto = info->ti_rto;
	tcp->tcpi_ato = info->ti_ato;
	tcp->tcpi_snd_mss = info->ti_snd_mss;
	tcp->tcpi_rcv_mss = info->ti_rcv_mss;
	tcp->tcpi_advmss = info->ti_advmss;
	tcp->tcpi_pmtu = info->ti_pmtu;
	tcp->tcpi_last_data_sent = info->ti_last_data_sent;
	tcp->tcpi_last_data_recv = info->ti_last_data_recv;
	tcp->tcpi_last_ack_recv = info->ti_last_ack_recv;
	tcp->tcpi_rtt = info->ti_rtt;
	tcp->tcpi_rttvar = info->ti_rttvar;
	tcp->tcpi_min_rtt = info->ti_min_rtt;
	tcp->tcpi_rcv_rtt = info->ti_rcv_rtt;
	tcp->tcpi_rcv_space = info->ti_rcv_space;
	tcp->tcpi_rcv_ssthresh = info->ti_rcv_wnd_max;
	tcp->tcpi_snd_wnd = info->ti_snd_wnd;
	tern_tcpi_set_rcv_wnd(tcp, info->ti_rcv_wnd);
	tcp->tcpi_delivery_rate = info->ti_delivery_rate;
	tcp->tcpi_delivery_rate_app_limited = !!(info->ti_flags & TERN_INFO_APP_LIMITED);
	tcp->tcpi_busy_time = info->ti_busy_time;
	tcp->tcpi_rwnd_limited = info->ti_rwnd_limited;
	tcp->tcpi_sndbuf_limited = info->ti_sndbuf_limited;
}

static void tcp_fill(struct tcp_info *tcp, const struct tern_info *info)
{
	memset(tcp, 0, sizeof(*tcp));
	tcp->tcpi_state = info->ti_state;
	tcp->tcpi_pacing_rate = info->ti_pacing_rate;
	tcp->tcpi_max_pacing_rate = info->ti_max_pacing_rate;
	tcp->tcpi_reordering = DUPACKS;
	if (info->ti_state == TCP_LISTEN) {
		/* where TCP has them */
		tcp->tcpi_unacked = info->ti_accept_queue;
		tcp->tcpi_sacked = info->ti_accept_max;
		return;
	}
	tcp_fill_bytes(tcp, info);
	tcp_fill_path(tcp, info);
}

/**
 * tern_info_fill_tcp - TCP_INFO
 * @sk: socket, not locked
 * @tcp: to be filled in
 *
 * What has no counterpart is 0.
 */
void tern_info_fill_tcp(struct sock *sk, struct tcp_info *tcp)
{
	struct tern_info info;

	tern_info_fill(sk, &info);
	tcp_fill(tcp, &info);
}
EXPORT_SYMBOL_GPL(tern_info_fill_tcp);

/**
 * tern_info_fill_tcp_locked - likewise of a socket at its end
 * @sk: socket, locked, not a listener
 * @tcp: to be filled in
 *
 * Context: any.
 */
void tern_info_fill_tcp_locked(struct sock *sk, struct tcp_info *tcp)
{
	struct tern_info info;

	fill_common(sk, &info);
	fill_connection(sk, &info);
	tcp_fill(tcp, &info);
}
