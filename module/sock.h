/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The socket: every variable of a connection, under its RFC's name, and the
 * control block of a segment. Unless a field says otherwise it is written
 * under the socket lock (lock_sock() in process context, the spinlock part
 * with sock_owned_by_user() checked in softirq).
 */
#ifndef _TERN_SOCK_H
#define _TERN_SOCK_H

#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tern.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "chrono.h"
#include "compat.h"
#include "cong.h"
#include "demux.h"
#include "mib.h"
#include "mtu.h"
#include "netns.h"
#include "port.h"
#include "prr.h"
#include "rack.h"
#include "rate.h"
#include "rtt.h"
#include "seq.h"
#include "state.h"
#include "wire.h"

extern unsigned int tern_family;	/* module parameter family= */
extern unsigned int tern_protocol;	/* module parameter protocol= */
#define TERN_PROTO_MAX 255

/* room for link, network and transport headers in front of a segment */
#define TERN_HEADROOM	(MAX_HEADER + 40 + TERN_HLEN_MAX)

struct tern_ip_ops;
struct tern_syn;

/**
 * enum tern_rtx_mode - what tern_sock.rtx_timer is running for (timer.c)
 * @TERN_RTX_RTO: retransmission timeout, also of a SYN
 * @TERN_RTX_PERSIST: window or device do not let anything go
 * @TERN_RTX_TLP: tail loss probe
 * @TERN_RTX_REO: reordering window of RACK
 */
enum tern_rtx_mode {
	TERN_RTX_RTO,
	TERN_RTX_PERSIST,
	TERN_RTX_TLP,
	TERN_RTX_REO,
};

/**
 * struct tern_undo - what the window was before it was reduced (undo.c)
 * @possible: it may prove a mistake yet
 * @retransmitted: something was sent again since then
 * @seq: snd_una then
 * @tsval: timestamp of the first such segment
 * @retrans: bytes sent again that no D-SACK has reported
 * @snd_cwnd: window then
 * @snd_ssthresh: threshold then
 * @interrupted: what a timeout broke off, TERN_CA_CWR or TERN_CA_RECOVERY; else
 *	TERN_CA_OPEN
 * @timeout_sent: something was sent again since that timeout
 * @timeout_tsval: timestamp of the first such segment
 */
struct tern_undo {
	bool possible;
	bool retransmitted;
	bool timeout_sent;
	u8 interrupted;
	u32 timeout_tsval;
	u32 seq;
	u32 tsval;
	u32 retrans;
	u32 snd_cwnd;
	u32 snd_ssthresh;
};

/**
 * struct tern_stats - what a connection has done so far, for TERN_INFO
 * @bytes_acked: bytes acknowledged; FIN counts as one
 * @bytes_received: bytes received in order, likewise
 * @bytes_sent: payload, what was sent again included
 * @bytes_retrans: payload sent again
 * @delivered_ce: bytes delivered, by acknowledgments with ECE
 * @total_retrans: segments sent again
 * @segs_in: segments received
 * @segs_out: segments sent
 * @data_segs_in: those with payload
 * @data_segs_out: likewise
 * @dsack_dups: segments that the peer had twice
 * @reord_seen: segments that arrived after later ones
 * @rcv_ooopack: segments received out of order
 * @timeouts: retransmission timeouts
 * @timeout_series: series of them, without progress in between
 * @timeout_ms: how long those that are over have lasted
 */
struct tern_stats {
	u64 bytes_acked;
	u64 bytes_received;
	u64 bytes_sent;
	u64 bytes_retrans;
	u64 delivered_ce;
	u32 total_retrans;
	u32 segs_in;
	u32 segs_out;
	u32 data_segs_in;
	u32 data_segs_out;
	u32 dsack_dups;
	u32 reord_seen;
	u32 rcv_ooopack;
	u32 timeouts;
	u32 timeout_series;
	u32 timeout_ms;
};

/* tern_sock.nagle */
#define TERN_NAGLE_OFF		1	/* TCP_NODELAY */
#define TERN_NAGLE_CORK		2	/* TCP_CORK, MSG_MORE */
#define TERN_NAGLE_PUSH		4	/* this push goes out whatever Nagle says */

/* tern_sock.deferred: what release_sock() has to do, set while a user owns the lock */
enum {
	TERN_DEFER_RTX,
	TERN_DEFER_DELACK,
	TERN_DEFER_PMTU,
	TERN_DEFER_PACE,
};

/**
 * struct tern_listener - what a socket in LISTEN has
 * @lock: guards the lists and @nr_syn; taken inside no other lock but the
 *	child's socket lock; BH off
 * @syn_list: SYN_RECEIVED objects, tern_syn.link
 * @accept_list: connections waiting for accept(), tern_sock.accept_link;
 *	their number is sk_ack_backlog
 * @nr_syn: entries of @syn_list
 * @left_table: it was in the listener table once, and readers may stand on it yet
 *
 * In the listener table (demux.c) it is by sk_node: so the kernel sees that it is
 * hashed, when a program for a group of SO_REUSEPORT comes.
 */
struct tern_listener {
	spinlock_t lock;		/* see above */
	struct list_head syn_list;
	struct list_head accept_list;
	unsigned int nr_syn;
	bool left_table;
};

/**
 * struct tern_sock - a Tern socket
 *
 * The doors and inet code see @inet, the demux sees @conn, the port table
 * sees @bind. The rest is RFC 9293 and its companions.
 */
struct tern_sock {
	struct inet_sock inet;		/* first: inet_sk() casts */

	struct tern_conn conn;
	struct tern_bind bind;
	const struct tern_ip_ops *ip;
	struct tern_listener listen;
	struct list_head accept_link;

	/* send sequence space, RFC 9293 section 3.3.1 */
	u32 iss;
	u32 snd_una;
	u32 snd_nxt;
	u32 write_seq;			/* behind the last byte queued */
	u32 snd_wnd;
	u32 snd_wl1;
	u32 max_window;			/* largest snd_wnd the peer ever offered */
	u32 snd_sml;			/* end of the last segment below the MSS */
	u32 peer_tag;			/* goes out in every segment */

	/* receive sequence space */
	u32 irs;
	u32 rcv_nxt;
	u32 rcv_wnd;			/* advertised at rcv_wup */
	u32 rcv_wup;			/* rcv_nxt of the last ACK sent */
	u32 copied_seq;			/* next byte for the program */
	u32 local_tag;			/* what every segment must carry */
	u32 window_clamp;		/* 0: none */

	/* timestamps, RFC 7323 */
	u32 ts_off;
	u32 ts_recent;
	unsigned long ts_recent_stamp;	/* jiffies */

	/* segments sent and not yet acknowledged (rtxqueue.c) */
	struct rb_root rtx_queue;
	struct list_head sent_order;	/* of those neither SACKed nor lost, by time */
	u32 sacked_out;			/* bytes in rtx_queue, by state */
	u32 lost_out;
	u32 retrans_out;

	/* loss recovery (recovery.c, scoreboard.c, tlp.c) */
	u8 ca_state;
	bool lost_anew;			/* by the acknowledgment being processed */
	u32 mtu_lost;			/* likewise: bytes of a probe of the path MTU */
	bool tlp_out;			/* a probe is on its way */
	bool tlp_retrans;		/* which was no new data */
	u32 tlp_seq;			/* snd_nxt behind it */
	u32 tlp_len;			/* bytes of it, with tlp_retrans */
	u32 tlp_tsval;
	u32 recover_seq;		/* snd_nxt when recovery began */
	u32 rtx_seq;			/* all that is lost below was sent again */
	bool reo_pending;		/* RACK may find another loss at reo_at */
	unsigned long reo_at;		/* jiffies */
	struct tern_rack rack;
	struct tern_prr prr;
	struct tern_undo undo;
	u8 undone;			/* recoveries taken back, until undone_seq */
	u32 undone_seq;
	u32 lost_seq;			/* scoreboard was judged up to here */
	u32 high_sacked;		/* end of the highest run SACKed */
	struct tern_sack_block sacked_runs[TERN_SACK_BLOCKS];	/* scoreboard.c */

	/* explicit congestion notification (ecn.c) */
	bool ecn_asked;
	bool ecn_ok;			/* both ends agreed */
	bool ecn_echo;			/* a mark has come, and no CWR since */
	bool ecn_cwr_due;		/* with the next new data */

	/* congestion control */
	struct tern_cong cong;
	bool is_cwnd_limited;		/* in the round that ends at cwnd_usage_seq */
	u32 cwnd_usage_seq;
	u32 cwnd_used;			/* most in flight since cwnd_used_since */
	u32 cwnd_used_before;		/* and in the period before */
	unsigned long cwnd_used_since;	/* jiffies */
	unsigned long cwnd_validated;	/* jiffies when half of the window was in use last */
	u32 round_end;			/* snd_nxt when this round trip began */
	u32 last_sent;			/* clock of the last segment with data */
	u32 last_progress;		/* clock when snd_una moved last */
	u64 pacing_next;		/* ktime of the next departure, ns (pacing.c) */
	struct hrtimer pacing_timer;

	/* path */
	u16 mss;			/* payload of a segment without options */
	u16 peer_mss;			/* what the peer's option allows */
	u16 user_mss;			/* TCP_MAXSEG */
	u16 rcv_mss;			/* estimate of the peer's segment size */
	u32 pmtu;
	u32 mtu_info;			/* from ICMP, for TERN_DEFER_PMTU */
	struct tern_mtu mtu;
	struct tern_rtt rtt;
	u32 rto_us;

	/* receive queues (rcvqueue.c, rcvmem.c) */
	u64 rcv_charged;		/* truesize since they were last collapsed */
	struct rb_root ofo_queue;
	struct tern_sack_block sack[TERN_SACK_BLOCKS];	/* newest first */
	u8 nr_sack;
	bool have_dsack;
	struct tern_sack_block dsack;

	/* size of the receive buffer (buffers.c) */
	u32 rcv_rtt_us;
	u32 rcv_rtt_tsecr;		/* echo of the last sample */
	u32 rcvq_seq;			/* copied_seq when the round trip began */
	u32 rcvq_time;			/* clock then */
	u32 rcvq_space;			/* most that was read in one */

	/* acknowledgment policy (ack.c, output.c) */
	bool ack_pending;
	bool ack_now;
	bool pingpong;			/* the program answers: delay ACKs */
	u32 turn_rcv;			/* rcv_nxt when data was sent last */
	u32 turn_snd;			/* the peer's turn_rcv: what it acknowledged with data */
	u8 quick_acks;			/* left to send without delay */
	unsigned long ack_since;	/* jiffies when ack_pending became true */
	unsigned long last_rcv;		/* jiffies of the last data */
	unsigned long last_heard;	/* jiffies of the last acceptable segment */
	u32 challenge_stamp;		/* clock when the last one was sent */
	u32 dup_ack_stamp;

	/* timers (timer.c); keepalive and FIN_WAIT_2 use sk->sk_timer */
	struct timer_list rtx_timer;
	struct timer_list delack_timer;
	unsigned long rtx_base;		/* jiffies when the retransmission timeout began */
	unsigned long rtx_expires;
	unsigned long deferred;
	u8 rtx_mode;
	bool rtx_armed;
	u8 backoff;
	u8 retransmits;			/* timeouts since the last progress */
	u8 probes_out;			/* probes since the last ACK */
	u8 syn_retries;			/* TCP_SYNCNT, 0: the sysctl */
	unsigned long rtx_start;	/* jiffies at the first timeout of a series, or 0 */
	u32 user_timeout;		/* ms */
	u32 keepalive_time;		/* s, 0: the sysctl */
	u32 keepalive_intvl;
	u8 keepalive_probes;
	int linger2;			/* jiffies; 0: the sysctl, < 0: no FIN_WAIT_2 */

	u8 nagle;
	bool report_inq;		/* TCP_INQ */
	u8 defer_accept;
	u32 notsent_lowat;

	/* what it tells about itself (info.c, rate.c, chrono.c) */
	struct tern_rate rate;
	struct tern_chrono chrono;
	unsigned long began;		/* jiffies */
	unsigned long data_sent;	/* jiffies of the last payload */
	struct tern_stats stats;
};

/* an AF_INET6 or AF_TERN socket; ipv6_pinfo must come last (inet6_sk_generic()) */
struct tern6_sock {
	struct tern_sock tern;
	struct ipv6_pinfo inet6;
};

static inline struct tern_sock *tern_sk(const struct sock *sk)
{
	return (struct tern_sock *)sk;
}

static inline struct sock *tern_conn_sk(struct tern_conn *conn)
{
	return (struct sock *)container_of(conn, struct tern_sock, conn);
}

/* tern_skb_cb.mark: what happened to a segment in the retransmission queue */
#define TERN_SKB_SACKED		1
#define TERN_SKB_LOST		2
#define TERN_SKB_RETRANS	4	/* sent again, no news of it yet */
#define TERN_SKB_EVER_RETRANS	8
#define TERN_SKB_MTU_PROBE	16	/* larger than the MSS (mtu.c) */

/**
 * struct tern_skb_cb - a segment's control block, in skb->cb
 * @seq: first sequence number, SYN included
 * @end_seq: the one behind the last, FIN included
 * @flags: TERN_FIN ...
 * @mark: TERN_SKB_*; sent segments only
 * @hdr_len: header with options, bytes; received segments only
 * @ce: a router has marked the packet; received only
 * @ack: acknowledgment number, received only
 * @window: window, received only
 * @tag: verification tag, received only
 * @tsval: timestamp, received only
 * @tsecr: timestamp echo, received only
 * @iif: interface index (the port's, not the VRF's), received only
 * @sdif: the port below a VRF device, received only
 * @tw_isn: initial sequence number for the answer to this SYN, when it has
 *	ended a TIME_WAIT; else 0; received only
 * @sent_us: clock at the last transmission; sent only
 * @seg_len: payload of each segment it was cut into then; sent only
 * @app_limited: the program had written too little then; sent only
 * @delivered: tern_delivered() then; sent only
 * @delivered_us: clock when that had last grown; sent only
 * @first_sent_us: when what had last been delivered had been sent; sent only
 * @stamp: TERN_STAMP_* (tstamp.h); sent only
 * @stamp_seq: the byte that the program wants to hear of; sent only
 *
 * In host byte order. IP's own control block is dead by the time this one is
 * filled in, and is cleared again in the clone given to IP.
 */
struct tern_skb_cb {
	u32 seq;
	u32 end_seq;
	u8 flags;
	u8 mark;
	u8 hdr_len;
	bool ce;
	union {
		struct {
			u32 ack;
			u32 window;
			u32 tag;
			u32 tsval;
			u32 tsecr;
			int iif;
			int sdif;
			u32 tw_isn;
		};
		struct {
			u32 sent_us;
			u16 seg_len;
			bool app_limited;
			u8 stamp;
			u32 delivered;
			u32 delivered_us;
			u32 first_sent_us;
			u32 stamp_seq;
		};
	};
};

static_assert(sizeof(struct tern_skb_cb) <= sizeof_field(struct sk_buff, cb));

#define TERN_CB(skb) ((struct tern_skb_cb *)(skb)->cb)

/*
 * Microseconds; wraps after 71 minutes, as the header's timestamps do, and for
 * the first time five minutes after boot, as jiffies: no test is too short for it.
 */
#define TERN_CLOCK_START	((u32)(-300 * USEC_PER_SEC))

static inline u32 tern_clock_us(void)
{
	return (u32)div_u64(ktime_get_ns(), NSEC_PER_USEC) + TERN_CLOCK_START;
}

static inline u32 tern_tsval(const struct tern_sock *ts)
{
	return tern_clock_us() + ts->ts_off;
}

#define TERN_PAWS_IDLE	(30 * 60 * HZ)	/* a microsecond clock half wraps in 35 minutes */

/* before ts_recent, unless that is so old that the clock has half come round since */
static inline bool tern_ts_is_older(u32 tsval, u32 ts_recent, unsigned long ts_recent_stamp)
{
	return seq_before(tsval, ts_recent) &&
	       time_before(jiffies, ts_recent_stamp + TERN_PAWS_IDLE);
}

/* bytes sent and neither acknowledged, SACKed nor believed lost (RFC 6675 pipe) */
static inline u32 tern_in_flight(const struct tern_sock *ts)
{
	s32 pipe = ts->snd_nxt - ts->snd_una - ts->sacked_out - ts->lost_out + ts->retrans_out;

	return max(pipe, 0);
}

/* bytes the peer has, since some beginning; wraps (C.delivered of rate.c's draft) */
static inline u32 tern_delivered(const struct tern_sock *ts)
{
	return ts->snd_una + ts->sacked_out;
}

static inline u32 tern_receive_window(const struct tern_sock *ts)
{
	s32 win = ts->rcv_wup + ts->rcv_wnd - ts->rcv_nxt;

	return max(win, 0);
}

static inline u32 tern_window_clamp(const struct tern_sock *ts)
{
	return READ_ONCE(ts->window_clamp) ?: S32_MAX;
}

static inline bool tern_is_orphan(const struct sock *sk)
{
	return sock_flag(sk, SOCK_DEAD);
}

extern struct proto tern_prot;
extern struct proto tern6_prot;
extern const struct proto_ops tern_inet_ops;
extern const struct proto_ops tern_inet6_ops;

/* sock.c */
int tern_init_sock(struct sock *sk);
void tern_init_child(struct sock *sk);
void tern_reset_connection(struct sock *sk);
void tern_destroy_sock(struct sock *sk);
void tern_write_space(struct sock *sk);
__poll_t tern_poll(struct file *file, struct socket *sock, poll_table *wait);
int tern_ioctl(TERN_IOCTL_ARGS);
extern long tern_sysctl_mem[3];	/* net.tern.mem, pages: of all namespaces */
int tern_mem_init(void);
void tern_mem_exit(void);
bool tern_memory_exhausted(void);
int tern_unread(const struct sock *sk);

/* sockopt.c */
int tern_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		    unsigned int optlen);
int tern_getsockopt(struct sock *sk, int level, int optname, char __user *optval,
		    int __user *optlen);
void tern_set_keepalive(struct sock *sk, int on);
int tern_set_rcvlowat(struct sock *sk, int val);

/* info.c */
struct tcp_info;

/**
 * struct tern_glance - what a list of sockets shows of one
 * @recvq: bytes not read; of a listener, connections that wait for accept()
 * @sendq: bytes not acknowledged; of a listener, how many may wait
 * @timer: which runs: 0 none, 1 retransmission, 2 keepalive, 4 probe of a closed window
 * @expires: jiffies until then
 * @retrans: times that it went off
 */
struct tern_glance {
	u32 recvq;
	u32 sendq;
	u8 timer;
	u8 retrans;
	long expires;
};

void tern_info_glance(const struct sock *sk, struct tern_glance *glance);
void tern_info_reset(struct sock *sk);
void tern_info_fill(struct sock *sk, struct tern_info *info);
void tern_info_fill_tcp(struct sock *sk, struct tcp_info *info);
void tern_info_fill_tcp_locked(struct sock *sk, struct tcp_info *info);

/* notify.c */
void tern_notify_end(struct sock *sk);

/* send.c, recv.c */
int tern_send_locked(struct sock *sk, struct msghdr *msg, bool splice);
int tern_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
void tern_splice_eof(struct socket *sock);
int tern_recvmsg(TERN_RECVMSG_ARGS);

/* connect.c, listen.c, close.c */
int tern_connect_start(struct sock *sk);
struct sock *tern_accept(TERN_ACCEPT_ARGS);
int tern_listen(struct socket *sock, int backlog);
void tern_listen_stop(struct sock *sk);
void tern_close(struct sock *sk, long timeout);
int tern_disconnect(struct sock *sk, int flags);
void tern_shutdown(struct sock *sk, int how);
void tern_done(struct sock *sk, enum tern_event event);
void tern_finish(struct sock *sk);
void tern_leave_tables(struct sock *sk);
void tern_abort(struct sock *sk, int err, enum tern_event event);
int tern_diag_destroy(struct sock *sk, int err);
int tern_conn_kill(struct tern_conn *conn);
void tern_free_child(struct sock *sk) __releases(&sk->sk_lock.slock);
void tern_abandon_child(struct sock *sk) __releases(&sk->sk_lock.slock);
void tern_kill_orphans(struct net *net);
bool tern_too_many_orphans(const struct sock *sk);
void tern_orphan_abort(struct sock *sk);

/* family.c, inet.c */
int tern_family_register(void);
void tern_family_unregister(void);
void tern_inet_register(void);
void tern_inet_unregister(void);

#endif
