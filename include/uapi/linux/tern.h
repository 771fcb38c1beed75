/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Tern: the interface between programs and the module.
 *
 * Self-contained on purpose: no libc header knows the family, the protocol
 * number or the address structure, so a program includes this file and nothing
 * else of Tern's. It compiles on its own in C and C++.
 */
#ifndef _UAPI_LINUX_TERN_H
#define _UAPI_LINUX_TERN_H

#include <linux/types.h>
#include <linux/in6.h>
#include <linux/socket.h>

/**
 * define AF_TERN - address family of socket(AF_TERN, SOCK_STREAM, 0)
 *
 * The slot that Linux reserves for AF_ASH and never used. The module parameter
 * family= moves it; a program that must follow takes the number from
 * /sys/module/tern/parameters/family.
 */
#define AF_TERN		18
#define PF_TERN		AF_TERN

/**
 * define IPPROTO_TERN - protocol number in the IPv4 and IPv6 header, and third
 * argument of socket() with AF_INET or AF_INET6
 *
 * RFC 3692 sets 253 aside for experiments. The module parameter protocol=
 * moves it.
 */
#define IPPROTO_TERN	253

/** define SOL_TERN - level of Tern's own socket options */
#define SOL_TERN	253

/** define TERN_INFO - read only, struct tern_info: what a connection tells about itself */
#define TERN_INFO	1

/** define TERN_CONGESTION - a string: congestion control, as TCP_CONGESTION has it */
#define TERN_CONGESTION	2

/** define TERN_ZEROCOPY - 0 or 1: SO_ZEROCOPY, also for kernels that refuse that to Tern */
#define TERN_ZEROCOPY	3

/**
 * define TERN_DIAG_GROUP - multicast group of NETLINK_SOCK_DIAG
 *
 * Who joins it is told of the end of each socket in his network namespace, by
 * a struct inet_diag_msg with the attributes INET_DIAG_PROTOCOL and
 * INET_DIAG_INFO, as the groups SKNLGRP_INET_TCP_DESTROY and
 * SKNLGRP_INET6_TCP_DESTROY tell of TCP's. The last group of those that every
 * kernel has.
 */
#define TERN_DIAG_GROUP	32

/**
 * struct sockaddr_tern - address of one end of a connection
 * @st_family: AF_TERN
 * @st_port: port, network byte order; 0 in bind() asks for an ephemeral one
 * @st_flowinfo: IPv6 flow information, network byte order; 0 unless asked for
 * @st_addr: IPv6 address, or an IPv4 address in its v4-mapped form
 *	(::ffff:a.b.c.d); all zero is every address of both versions
 * @st_scope_id: interface index, for link-local addresses
 *
 * The layout is that of struct sockaddr_in6, so a program is ported by
 * changing the family.
 */
struct sockaddr_tern {
	__kernel_sa_family_t	st_family;
	__be16			st_port;
	__be32			st_flowinfo;
	struct in6_addr		st_addr;
	__u32			st_scope_id;
};

/**
 * enum tern_ca_state - where loss recovery stands
 * @TERN_CA_OPEN: nothing known to be lost
 * @TERN_CA_CWR: the window is being reduced for another reason than a loss
 * @TERN_CA_RECOVERY: fast retransmit
 * @TERN_CA_LOSS: after a retransmission timeout
 */
enum tern_ca_state {
	TERN_CA_OPEN,
	TERN_CA_CWR,
	TERN_CA_RECOVERY,
	TERN_CA_LOSS,
};

#define TERN_INFO_ECN		1	/* both ends agreed on ECN */
#define TERN_INFO_APP_LIMITED	2	/* ti_delivery_rate: the program wrote too little */

/**
 * struct tern_info - answer of getsockopt(SOL_TERN, TERN_INFO)
 * @ti_state: state of the connection, numbered as TCP_ESTABLISHED ... in
 *	netinet/tcp.h
 * @ti_ca_state: enum tern_ca_state
 * @ti_retransmits: retransmission timeouts since the last progress
 * @ti_probes: probes (keepalive, zero window) that have no answer yet
 * @ti_backoff: times that @ti_rto is doubled
 * @ti_flags: TERN_INFO_*
 * @ti_reserved: 0
 * @ti_rto: retransmission timeout, microseconds
 * @ti_ato: longest delay of an acknowledgment, microseconds
 * @ti_rtt: smoothed round-trip time, microseconds; 0 before the first sample
 * @ti_rttvar: its mean deviation, microseconds
 * @ti_min_rtt: smallest round-trip time, microseconds; ~0 before the first sample
 * @ti_rcv_rtt: round-trip time as the receiver sees it, microseconds; 0 for none
 * @ti_snd_mss: payload of a full segment sent, bytes
 * @ti_rcv_mss: payload of the peer's segments, an estimate, bytes
 * @ti_advmss: what the peer was told to send at most, bytes
 * @ti_pmtu: path MTU, bytes
 * @ti_cwnd: congestion window, bytes
 * @ti_ssthresh: slow start threshold, bytes; 0x7fffffff before the first congestion
 * @ti_unacked: sent and not acknowledged, bytes of sequence space
 * @ti_in_flight: of these, neither SACKed nor believed lost, bytes
 * @ti_sacked: of these, SACKed, bytes
 * @ti_lost: of these, believed lost, bytes
 * @ti_retrans: of these, sent again, bytes
 * @ti_notsent: written and not sent, bytes
 * @ti_snd_wnd: window that the peer offers, bytes
 * @ti_rcv_wnd: window that the peer was offered last, bytes
 * @ti_rcv_wnd_max: what that may grow to with the receive buffer as it is, bytes
 * @ti_rcv_space: most that the program read in a round trip, bytes
 * @ti_unread: received in order and not read, bytes
 * @ti_last_data_sent: since payload was sent, milliseconds
 * @ti_last_data_recv: since payload was received in order, milliseconds
 * @ti_last_ack_recv: since an acceptable segment was received, milliseconds;
 *	these three count from the beginning of the connection where there was none
 * @ti_segs_out: segments sent
 * @ti_segs_in: segments received
 * @ti_data_segs_out: of @ti_segs_out, those with payload
 * @ti_data_segs_in: of @ti_segs_in, those with payload
 * @ti_total_retrans: segments sent again
 * @ti_timeouts: retransmission timeouts
 * @ti_dsack_dups: segments that the peer reported to have received twice
 * @ti_reord_seen: segments that arrived after later ones, by the peer's SACKs
 * @ti_rcv_ooopack: segments received out of order
 * @ti_accept_queue: of a listener: connections that wait for accept()
 * @ti_accept_max: of a listener: how many may
 * @ti_syn_queue: of a listener: half-open connections
 * @ti_pacing_rate: pace of sending, bytes/s; ~0 for none
 * @ti_max_pacing_rate: SO_MAX_PACING_RATE, bytes/s; ~0 for none
 * @ti_delivery_rate: what the path delivered, of late, bytes/s; 0 before the
 *	first sample. With TERN_INFO_APP_LIMITED it could have been more
 * @ti_delivered: bytes known to have arrived at the peer
 * @ti_delivered_ce: of these, those whose acknowledgment reported congestion (ECN)
 * @ti_bytes_sent: payload sent, what was sent again included, bytes
 * @ti_bytes_retrans: payload sent again, bytes
 * @ti_bytes_acked: bytes acknowledged; FIN counts as one
 * @ti_bytes_received: bytes received in order; FIN counts as one
 * @ti_busy_time: while there was something to send or to be acknowledged,
 *	microseconds, in steps of the kernel's tick like the next two
 * @ti_rwnd_limited: of @ti_busy_time, while the peer's window was too small
 * @ti_sndbuf_limited: of @ti_busy_time, while the send buffer was
 * @ti_congestion: name of the congestion control, ends with a zero
 * @ti_reordering: most bytes by which a segment arrived after a later one
 * @ti_reo_wnd: how long a segment may be late before it counts as lost (RACK),
 *	microseconds; 0 before the first round-trip time is known
 * @ti_timeout_series: of @ti_timeouts, those that were the first since something
 *	was acknowledged
 * @ti_timeout_time: from these until something was, in all, milliseconds
 *
 * It grows at its end only. getsockopt() returns the length that it filled in,
 * at most what was asked for: what lies behind is not known to this module. Of
 * a listener only the state, its queues, the pacing rates and the congestion
 * control are filled in.
 */
struct tern_info {
	__u8	ti_state;
	__u8	ti_ca_state;
	__u8	ti_retransmits;
	__u8	ti_probes;
	__u8	ti_backoff;
	__u8	ti_flags;
	__u16	ti_reserved;

	__u32	ti_rto;
	__u32	ti_ato;
	__u32	ti_rtt;
	__u32	ti_rttvar;
	__u32	ti_min_rtt;
	__u32	ti_rcv_rtt;

	__u32	ti_snd_mss;
	__u32	ti_rcv_mss;
	__u32	ti_advmss;
	__u32	ti_pmtu;

	__u32	ti_cwnd;
	__u32	ti_ssthresh;
	__u32	ti_unacked;
	__u32	ti_in_flight;
	__u32	ti_sacked;
	__u32	ti_lost;
	__u32	ti_retrans;
	__u32	ti_notsent;

	__u32	ti_snd_wnd;
	__u32	ti_rcv_wnd;
	__u32	ti_rcv_wnd_max;
	__u32	ti_rcv_space;
	__u32	ti_unread;

	__u32	ti_last_data_sent;
	__u32	ti_last_data_recv;
	__u32	ti_last_ack_recv;

	__u32	ti_segs_out;
	__u32	ti_segs_in;
	__u32	ti_data_segs_out;
	__u32	ti_data_segs_in;
	__u32	ti_total_retrans;
	__u32	ti_timeouts;
	__u32	ti_dsack_dups;
	__u32	ti_reord_seen;
	__u32	ti_rcv_ooopack;

	__u32	ti_accept_queue;
	__u32	ti_accept_max;
	__u32	ti_syn_queue;

	__aligned_u64	ti_pacing_rate;
	__aligned_u64	ti_max_pacing_rate;
	__aligned_u64	ti_delivery_rate;
	__aligned_u64	ti_delivered;
	__aligned_u64	ti_delivered_ce;
	__aligned_u64	ti_bytes_sent;
	__aligned_u64	ti_bytes_retrans;
	__aligned_u64	ti_bytes_acked;
	__aligned_u64	ti_bytes_received;
	__aligned_u64	ti_busy_time;
	__aligned_u64	ti_rwnd_limited;
	__aligned_u64	ti_sndbuf_limited;

	char	ti_congestion[16];

	__u32	ti_reordering;
	__u32	ti_reo_wnd;
	__u32	ti_timeout_series;
	__u32	ti_timeout_time;
};

#endif /* _UAPI_LINUX_TERN_H */
