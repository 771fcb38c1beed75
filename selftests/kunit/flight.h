/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_TEST_FLIGHT_H
#define _TERN_TEST_FLIGHT_H

#include <kunit/test.h>

#include "dice.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"

/* small, so that every byte can be looked at after every step */
#define FLIGHT_MSS	20u
#define FLIGHT_SPAN	4096u		/* of the record, and of the page of payload */
#define FLIGHT_WINDOW	1500u		/* most bytes in flight in what is random */
#define FLIGHT_RTT_US	10000u		/* smallest one */
#define FLIGHT_RECENT	3

/**
 * struct flight_byte - what the record has of a byte in flight
 * @mark: TERN_SKB_SACKED, TERN_SKB_LOST, TERN_SKB_RETRANS
 * @arrived: the peer has it, whether it told or not
 * @told: it is in a SACK block of the acknowledgment that is being processed
 */
struct flight_byte {
	u8 mark;
	bool arrived;
	bool told;
};

/**
 * struct flight - a connection with bytes in flight, and a record of them
 * @ts: the connection; first: the module's calls lead back to here
 * @net: its namespace
 * @tn: what Tern keeps for that
 * @page: payload: the byte with sequence number iss + n is at n modulo its size
 * @byte: the record, of sequence number iss + n at n modulo its size
 * @iss: first sequence number
 * @rcv_nxt: first byte that the peer lacks
 * @recent: bytes that have reached the peer above that, the latest first
 * @nr_recent: entries of @recent
 * @duplicate: what reached it once more, and was not told yet
 * @news: what the last acknowledgment told
 * @new_data: the program has more to send, for a tail loss probe
 * @probes_delivered: calls of tern_mtu_probe_delivered()
 * @probes_lost: calls of tern_mtu_probe_lost() and tern_mtu_probe_cancel()
 * @trouble: what was found wrong first; empty for nothing
 */
struct flight {
	struct tern_sock ts;
	struct net *net;
	struct tern_net *tn;
	struct page *page;
	struct flight_byte byte[FLIGHT_SPAN];
	u32 iss;

	u32 rcv_nxt;
	u32 recent[FLIGHT_RECENT];
	int nr_recent;
	struct tern_sack_block duplicate;

	struct tern_ack_news news;
	bool new_data;
	int probes_delivered;
	int probes_lost;
	char trouble[160];
};

static inline struct sock *flight_sk(struct flight *f)
{
	return (struct sock *)&f->ts;
}

static inline struct flight_byte *flight_byte(struct flight *f, u32 seq)
{
	return &f->byte[(seq - f->iss) % FLIGHT_SPAN];
}

struct flight *flight_new(u32 iss);
const char *flight_free(struct flight *f);

void flight_tick(u32 us);
void flight_no_memory(bool none);
unsigned long flight_count(enum tern_mib_field field);

/* the sender */
struct sk_buff *flight_send(struct flight *f, u32 len);
void flight_ack(struct flight *f, u32 ack, const struct tern_options *opts, bool exact);
void flight_sack(struct flight *f, u32 start, u32 end);
u32 flight_detect(struct flight *f);
void flight_judge(struct flight *f);
void flight_mark_lost(struct flight *f, struct sk_buff *skb);
void flight_forget(struct flight *f);
const char *flight_check(struct flight *f);

/* the peer */
void flight_arrives(struct flight *f, u32 start, u32 end);
void flight_answer(struct flight *f);

/* anything */
void flight_step(struct flight *f, struct dice *dice, bool honest);

/* a suite's init: a flight as test->priv; its sequence numbers are about to wrap */
static inline int flight_init(struct kunit *test)
{
	test->priv = flight_new(0u - 100);
	return test->priv ? 0 : -ENOMEM;
}

/* a suite's exit */
static inline void flight_exit(struct kunit *test)
{
	if (test->priv)
		KUNIT_EXPECT_STREQ(test, flight_free(test->priv), "");
}

#endif
