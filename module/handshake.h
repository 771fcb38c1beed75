/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_HANDSHAKE_H
#define _TERN_HANDSHAKE_H

#include <linux/list.h>
#include <linux/timer.h>

#include "demux.h"

struct sk_buff;
struct sock;

/**
 * struct tern_syn - a connection in SYN_RECEIVED, before it is worth a socket
 * @conn: in the connection table
 * @listener: who the SYN came to; a reference
 * @link: in the listener's syn_list, under its lock
 * @timer: SYN-ACK retransmission; holds a reference while pending
 * @iss: our initial sequence number
 * @irs: the peer's
 * @local_tag: what its segments must carry
 * @peer_tag: what ours must carry
 * @window: send window from the SYN
 * @ts_recent: its clock
 * @ts_off: offset of ours
 * @rcv_wnd: window that the SYN-ACK offered
 * @mark: SO_MARK of the connection
 * @dup_ack_stamp: clock when a SYN that is not the same was answered last
 * @peer_mss: from the SYN's option, or the default
 * @retrans: times that the timer went off
 * @resent: of @retrans, SYN-ACKs that were sent; others only waited for data
 * @acked: the peer has answered, the program wants data first (TCP_DEFER_ACCEPT)
 * @ecn: the SYN asked for ECN, and may have it
 * @tos: of the SYN-ACK
 * @rcu: readers of the table may still look at it
 *
 * Whoever takes it out of the table (tern_conn_unhash() or _replace()) owns
 * its end. Numbers are written before it is hashed, @retrans and @acked are hints.
 */
struct tern_syn {
	struct tern_conn conn;
	struct sock *listener;
	struct list_head link;
	struct timer_list timer;
	u32 iss;
	u32 irs;
	u32 local_tag;
	u32 peer_tag;
	u32 window;
	u32 ts_recent;
	u32 ts_off;
	u32 rcv_wnd;
	u32 mark;
	u32 dup_ack_stamp;
	u16 peer_mss;
	u8 retrans;
	u8 resent;
	bool acked;
	bool ecn;
	u8 tos;
	struct rcu_head rcu;
};

static inline struct tern_syn *tern_conn_syn(struct tern_conn *conn)
{
	return container_of(conn, struct tern_syn, conn);
}

u32 tern_new_tag(void);
u32 tern_isn(const struct tern_flow *flow);
u32 tern_ts_offset(const struct tern_flow *flow);
void tern_handshake_init(void);

void tern_listen_rcv(struct sock *listener, struct sk_buff *skb, const struct tern_flow *flow);
bool tern_syn_rcv(struct tern_syn *syn, struct sk_buff *skb);
void tern_syn_icmp(struct tern_syn *syn, u32 seq);
void tern_syn_drop(struct tern_syn *syn, int event);
void tern_syn_put(struct tern_syn *syn);

#endif
