/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_STATE_H
#define _TERN_STATE_H

#include <linux/types.h>

struct net;
struct seq_file;
struct sock;
struct tern_flow;

/* what moves a connection from state to state (RFC 9293, figure 5 and section 3.10) */
#define TERN_EVENT_LIST(X) \
	X(OPEN_PASSIVE) X(OPEN_ACTIVE) X(RCV_SYN) X(RCV_SYN_ACK) X(RCV_ACK) \
	X(RCV_ACK_OF_FIN) X(RCV_FIN) X(RCV_RST) X(CLOSE) X(ABORT) X(TIMEOUT) X(ICMP_ERROR)

#define TERN_EVENT_ENUM(name) TERN_EV_##name,
enum tern_event {
	TERN_EVENT_LIST(TERN_EVENT_ENUM)
	TERN_EV_MAX
};

int tern_transition(const struct tern_flow *flow, int state, enum tern_event event);
void tern_state_event(struct sock *sk, enum tern_event event);
const char *tern_state_name(int state);
void tern_transitions_show(struct seq_file *seq);

#endif
