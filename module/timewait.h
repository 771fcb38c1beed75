/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_TIMEWAIT_H
#define _TERN_TIMEWAIT_H

#include <linux/timer.h>

#include "demux.h"
#include "port.h"

struct sk_buff;
struct sock;

/**
 * struct tern_tw - a connection in TIME_WAIT: what is needed to answer its peer
 *
 * What changes is written by whichever CPU has a segment for it, under no lock:
 * each field makes sense by itself.
 *
 * @conn: in the connection table
 * @bind: the port it still holds
 * @timer: 2 MSL; holds a reference while pending
 * @snd_nxt: of the socket it was
 * @rcv_nxt: likewise
 * @rcv_wnd: likewise
 * @local_tag: likewise
 * @peer_tag: likewise
 * @ts_recent: likewise
 * @ts_recent_stamp: likewise
 * @ts_off: likewise
 * @tsval: clock of the last segment sent
 * @challenge_stamp: clock when the last challenge ACK was sent
 * @dup_ack_stamp: clock when a segment without payload was last answered
 * @mark: SO_MARK
 * @tos: TOS or traffic class
 * @family: sk_family of the socket it was
 * @transparent: IP_TRANSPARENT
 * @rcu: readers of the table may still look at it
 */
struct tern_tw {
	struct tern_conn conn;
	struct tern_bind bind;
	struct timer_list timer;
	u32 snd_nxt;
	u32 rcv_nxt;
	u32 rcv_wnd;
	u32 local_tag;
	u32 peer_tag;
	u32 ts_recent;
	unsigned long ts_recent_stamp;
	u32 ts_off;
	u32 tsval;
	u32 challenge_stamp;
	u32 dup_ack_stamp;
	u32 mark;
	u8 tos;
	u8 family;
	bool transparent;
	struct rcu_head rcu;
};

static inline struct tern_tw *tern_conn_tw(struct tern_conn *conn)
{
	return container_of(conn, struct tern_tw, conn);
}

void tern_time_wait(struct sock *sk);
bool tern_tw_may_be_reused(const struct tern_conn *conn);
u32 tern_tw_succeed(struct tern_tw *tw);
bool tern_tw_rcv(struct tern_tw *tw, struct sk_buff *skb);
void tern_tw_kill(struct tern_tw *tw);
void tern_tw_put(struct tern_tw *tw);
void tern_timewait_purge(struct net *net);

#endif
