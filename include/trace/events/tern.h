/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of Tern: under events/tern in tracefs. Documentation/tern.7
 * tells how to watch them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tern

#if !defined(_TRACE_TERN_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_TERN_H

#include <linux/tracepoint.h>
#include <net/tcp_states.h>

#include "demux.h"
#include "state.h"

#define TERN_TRACE_STATES \
	{ TCP_ESTABLISHED, "ESTABLISHED" }, { TCP_SYN_SENT, "SYN_SENT" }, \
	{ TCP_SYN_RECV, "SYN_RECEIVED" }, { TCP_FIN_WAIT1, "FIN_WAIT_1" }, \
	{ TCP_FIN_WAIT2, "FIN_WAIT_2" }, { TCP_TIME_WAIT, "TIME_WAIT" }, \
	{ TCP_CLOSE, "CLOSED" }, { TCP_CLOSE_WAIT, "CLOSE_WAIT" }, \
	{ TCP_LAST_ACK, "LAST_ACK" }, { TCP_LISTEN, "LISTEN" }, { TCP_CLOSING, "CLOSING" }

#define TERN_TRACE_EVENT(name) TRACE_DEFINE_ENUM(TERN_EV_##name);
TERN_EVENT_LIST(TERN_TRACE_EVENT)
TRACE_DEFINE_ENUM(TCP_ESTABLISHED);
TRACE_DEFINE_ENUM(TCP_SYN_SENT);
TRACE_DEFINE_ENUM(TCP_SYN_RECV);
TRACE_DEFINE_ENUM(TCP_FIN_WAIT1);
TRACE_DEFINE_ENUM(TCP_FIN_WAIT2);
TRACE_DEFINE_ENUM(TCP_TIME_WAIT);
TRACE_DEFINE_ENUM(TCP_CLOSE);
TRACE_DEFINE_ENUM(TCP_CLOSE_WAIT);
TRACE_DEFINE_ENUM(TCP_LAST_ACK);
TRACE_DEFINE_ENUM(TCP_LISTEN);
TRACE_DEFINE_ENUM(TCP_CLOSING);

/* one step of a connection through the state table */
TRACE_EVENT(tern_state,
	TP_PROTO(const struct tern_flow *flow, int from, int event, int to),
	TP_ARGS(flow, from, event, to),
	TP_STRUCT__entry(
		__array(u8, laddr, 16)
		__array(u8, raddr, 16)
		__field(u16, lport)
		__field(u16, rport)
		__field(u8, from)
		__field(u8, event)
		__field(u8, to)
	),
	TP_fast_assign(
		memcpy(__entry->laddr, &flow->laddr, 16);
		memcpy(__entry->raddr, &flow->raddr, 16);
		__entry->lport = ntohs(flow->lport);
		__entry->rport = ntohs(flow->rport);
		__entry->from = from;
		__entry->event = event;
		__entry->to = to;
	),
	TP_printk("[%pI6c]:%u [%pI6c]:%u %s %s %s",
		  __entry->laddr, __entry->lport, __entry->raddr, __entry->rport,
		  __print_symbolic(__entry->from, TERN_TRACE_STATES),
		  __print_symbolic(__entry->event,
				   { TERN_EV_OPEN_PASSIVE, "OPEN_PASSIVE" },
				   { TERN_EV_OPEN_ACTIVE, "OPEN_ACTIVE" },
				   { TERN_EV_RCV_SYN, "RCV_SYN" },
				   { TERN_EV_RCV_SYN_ACK, "RCV_SYN_ACK" },
				   { TERN_EV_RCV_ACK, "RCV_ACK" },
				   { TERN_EV_RCV_ACK_OF_FIN, "RCV_ACK_OF_FIN" },
				   { TERN_EV_RCV_FIN, "RCV_FIN" },
				   { TERN_EV_RCV_RST, "RCV_RST" },
				   { TERN_EV_CLOSE, "CLOSE" },
				   { TERN_EV_ABORT, "ABORT" },
				   { TERN_EV_TIMEOUT, "TIMEOUT" },
				   { TERN_EV_ICMP_ERROR, "ICMP_ERROR" }),
		  __print_symbolic(__entry->to, TERN_TRACE_STATES))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH trace/events
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE tern
#include <trace/define_trace.h>
