// SPDX-License-Identifier: GPL-2.0
/*
 * The states of RFC 9293 and every way from one to another, in one table.
 * Nothing else in the module changes a state: the rest names the event and
 * acts on where it led. The diagram in Documentation/internals.rst, the names
 * in the tracepoint and the coverage that the selftests print come from here.
 *
 * Called under the lock of the socket, or by the one that owns a SYN_RECEIVED
 * or TIME_WAIT object (whoever took it out of the connection table).
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/seq_file.h>
#include <linux/stringify.h>
#include <net/inet_sock.h>
#include <net/tcp_states.h>

#include "demux.h"
#include "mib.h"
#include "sock.h"
#include "state.h"

#define CREATE_TRACE_POINTS
#include <trace/events/tern.h>

#define E(from, event, to) { TCP_##from, TERN_EV_##event, TCP_##to }

static const struct {
	u8 from;
	u8 event;
	u8 to;
} edges[] = {
	E(CLOSE,	OPEN_PASSIVE,	LISTEN),
	E(CLOSE,	OPEN_ACTIVE,	SYN_SENT),

	E(LISTEN,	RCV_SYN,	SYN_RECV),	/* a new object: the listener stays */
	E(LISTEN,	CLOSE,		CLOSE),

	E(SYN_SENT,	RCV_SYN_ACK,	ESTABLISHED),
	E(SYN_SENT,	RCV_SYN,	SYN_RECV),	/* simultaneous open */
	E(SYN_SENT,	RCV_RST,	CLOSE),
	E(SYN_SENT,	CLOSE,		CLOSE),
	E(SYN_SENT,	TIMEOUT,	CLOSE),
	E(SYN_SENT,	ICMP_ERROR,	CLOSE),

	E(SYN_RECV,	RCV_ACK,	ESTABLISHED),
	E(SYN_RECV,	RCV_RST,	CLOSE),
	E(SYN_RECV,	CLOSE,		FIN_WAIT1),
	E(SYN_RECV,	ABORT,		CLOSE),
	E(SYN_RECV,	TIMEOUT,	CLOSE),
	E(SYN_RECV,	ICMP_ERROR,	CLOSE),

	E(ESTABLISHED,	CLOSE,		FIN_WAIT1),
	E(ESTABLISHED,	RCV_FIN,	CLOSE_WAIT),
	E(ESTABLISHED,	RCV_RST,	CLOSE),
	E(ESTABLISHED,	ABORT,		CLOSE),
	E(ESTABLISHED,	TIMEOUT,	CLOSE),

	E(FIN_WAIT1,	RCV_ACK_OF_FIN,	FIN_WAIT2),
	E(FIN_WAIT1,	RCV_FIN,	CLOSING),
	E(FIN_WAIT1,	RCV_RST,	CLOSE),
	E(FIN_WAIT1,	ABORT,		CLOSE),
	E(FIN_WAIT1,	TIMEOUT,	CLOSE),

	E(FIN_WAIT2,	RCV_FIN,	TIME_WAIT),
	E(FIN_WAIT2,	RCV_RST,	CLOSE),
	E(FIN_WAIT2,	ABORT,		CLOSE),
	E(FIN_WAIT2,	TIMEOUT,	CLOSE),

	E(CLOSE_WAIT,	CLOSE,		LAST_ACK),
	E(CLOSE_WAIT,	RCV_RST,	CLOSE),
	E(CLOSE_WAIT,	ABORT,		CLOSE),
	E(CLOSE_WAIT,	TIMEOUT,	CLOSE),

	E(CLOSING,	RCV_ACK_OF_FIN,	TIME_WAIT),
	E(CLOSING,	RCV_RST,	CLOSE),
	E(CLOSING,	ABORT,		CLOSE),
	E(CLOSING,	TIMEOUT,	CLOSE),

	E(LAST_ACK,	RCV_ACK_OF_FIN,	CLOSE),
	E(LAST_ACK,	RCV_RST,	CLOSE),
	E(LAST_ACK,	ABORT,		CLOSE),
	E(LAST_ACK,	TIMEOUT,	CLOSE),

	E(TIME_WAIT,	TIMEOUT,	CLOSE),		/* 2 MSL have passed */
	E(TIME_WAIT,	RCV_RST,	CLOSE),
	E(TIME_WAIT,	RCV_SYN,	CLOSE),		/* makes room for a new incarnation */
	E(TIME_WAIT,	OPEN_ACTIVE,	CLOSE),		/* likewise, from this side */
};

static atomic_t taken[ARRAY_SIZE(edges)];	/* since the module was loaded */

static const char *const state_names[] = {
	[TCP_ESTABLISHED]	= "ESTABLISHED",
	[TCP_SYN_SENT]		= "SYN_SENT",
	[TCP_SYN_RECV]		= "SYN_RECEIVED",
	[TCP_FIN_WAIT1]		= "FIN_WAIT_1",
	[TCP_FIN_WAIT2]		= "FIN_WAIT_2",
	[TCP_TIME_WAIT]		= "TIME_WAIT",
	[TCP_CLOSE]		= "CLOSED",
	[TCP_CLOSE_WAIT]	= "CLOSE_WAIT",
	[TCP_LAST_ACK]		= "LAST_ACK",
	[TCP_LISTEN]		= "LISTEN",
	[TCP_CLOSING]		= "CLOSING",
};

#define EVENT_NAME(name) __stringify(name),
static const char *const event_names[TERN_EV_MAX] = { TERN_EVENT_LIST(EVENT_NAME) };

/**
 * tern_state_name - name of a state as RFC 9293 writes it
 * @state: TCP_* number
 *
 * Return: a constant string.
 */
const char *tern_state_name(int state)
{
	return state_names[state];
}

static int find_edge(int state, enum tern_event event)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(edges); i++)
		if (edges[i].from == state && edges[i].event == event)
			return i;
	return -1;
}

/**
 * tern_transition - where an event leads, counted and traced
 * @flow: whose state it is, for the trace
 * @state: TCP_* number it is in
 * @event: what happened
 *
 * For objects that are not sockets. An event that the table does not know in
 * this state is a bug of the caller: it warns once and the state stays.
 *
 * Return: the new state.
 */
int tern_transition(const struct tern_flow *flow, int state, enum tern_event event)
{
	int i = find_edge(state, event);

	if (WARN_ONCE(i < 0, "tern: no edge for %s in %s\n", event_names[event],
		      state_names[state]))
		return state;
	atomic_inc(&taken[i]);
	trace_tern_state(flow, state, event, edges[i].to);
	return edges[i].to;
}

static bool counts_as_established(int state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

/**
 * tern_state_event - move a socket to the state that an event leads to
 * @sk: socket, locked
 * @event: what happened
 *
 * A socket that reaches CLOSED leaves the tables, and gives its port back
 * unless the program asked for that port.
 */
void tern_state_event(struct sock *sk, enum tern_event event)
{
	int old = sk->sk_state;
	int new = tern_transition(&tern_sk(sk)->conn.flow, old, event);
	struct net *net = sock_net(sk);

	if (!counts_as_established(old) && counts_as_established(new))
		tern_mib_inc(net, CurrEstab);
	else if (counts_as_established(old) && !counts_as_established(new))
		tern_mib_dec(net, CurrEstab);

	/* a full socket is never in TIME_WAIT: timewait.c is about to replace it */
	if (new == TCP_TIME_WAIT)
		return;

	if (new == TCP_CLOSE)
		tern_leave_tables(sk);
	inet_sk_set_state(sk, new);
}

/**
 * tern_transitions_show - the table with a count of how often each edge was taken
 * @seq: /proc/net/tern/transitions
 */
void tern_transitions_show(struct seq_file *seq)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(edges); i++)
		seq_printf(seq, "%s %s %s %d\n", state_names[edges[i].from],
			   event_names[edges[i].event], state_names[edges[i].to],
			   atomic_read(&taken[i]));
}
