// SPDX-License-Identifier: GPL-2.0
/*
 * A connection with bytes in flight, for the tests of the scoreboard, the
 * retransmission queue and the judges of loss; and what their files call of
 * the rest of the module. Nothing is sent: a segment enters the queue.
 *
 * Beside the queue a record is kept, of each byte by itself, without trees,
 * lists and cuts. flight_check() compares the two. In flight_ack.c is what an
 * acknowledgment must do to the record, in flight_step.c what may happen.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "flight.h"
#include "output.h"
#include "tstamp.h"

static u64 clock_us;
static bool no_memory;

static DEFINE_PER_CPU(struct tern_mib, mib);
static struct proto proto = { .name = "tern_test" };
unsigned int tern_net_id = 8;		/* behind what struct net_generic begins with */

/* --- what the tested files call ----------------------------------------------- */

u64 test_clock_ns(void)
{
	return clock_us * NSEC_PER_USEC;
}

struct sk_buff *test_alloc_skb(unsigned int size, gfp_t gfp)
{
	return no_memory ? NULL : (alloc_skb_fclone)(size, gfp);
}

struct tern_mib __percpu *tern_mib_of(const struct net *net)
{
	return &mib;
}

void tern_mtu_probe_delivered(struct sock *sk)
{
	((struct flight *)sk)->probes_delivered++;
}

void tern_mtu_probe_lost(struct sock *sk)
{
	((struct flight *)sk)->probes_lost++;
}

void tern_mtu_probe_cancel(struct sock *sk)
{
	((struct flight *)sk)->probes_lost++;
}

/* nobody asks for timestamps */
void tern_tstamp_split(struct sk_buff *skb, struct sk_buff *tail)
{
}

void tern_tstamp_acked(struct sock *sk, struct sk_buff *skb)
{
}

static void record(struct flight *f, const struct sk_buff *skb, u8 clear, u8 set)
{
	u32 seq;

	for (seq = TERN_CB(skb)->seq; seq != TERN_CB(skb)->end_seq; seq++) {
		struct flight_byte *byte = flight_byte(f, seq);

		byte->mark = (byte->mark & ~clear) | set;
	}
}

/* as recovery.c has it, without congestion control */
void tern_recovery_mark_lost(struct sock *sk, struct sk_buff *skb)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_rtx_unmark(ts, skb, TERN_SKB_RETRANS);
	tern_rtx_mark_lost(ts, skb);
	ts->rtx_seq = seq_min(ts->rtx_seq, TERN_CB(skb)->seq);
	record((struct flight *)sk, skb, TERN_SKB_RETRANS, TERN_SKB_LOST);
}

int tern_retransmit(struct sock *sk, struct sk_buff *skb, u32 limit)
{
	struct tern_sock *ts = tern_sk(sk);

	if (skb->len > limit && !tern_rtx_split(sk, skb, limit, GFP_ATOMIC))
		return -ENOMEM;
	TERN_CB(skb)->sent_us = tern_clock_us();
	TERN_CB(skb)->seg_len = ts->mss;
	tern_undo_retransmitted(ts, skb);
	tern_rtx_mark_retrans(ts, skb);
	record((struct flight *)sk, skb, 0, TERN_SKB_RETRANS);
	return 0;
}

bool tern_send_one(struct sock *sk)
{
	struct flight *f = (struct flight *)sk;

	return f->new_data && flight_send(f, FLIGHT_MSS);
}

/* --- beginning and end --------------------------------------------------------- */

/**
 * flight_tick - time passes
 * @us: so much of it
 */
void flight_tick(u32 us)
{
	clock_us += us;
}

/**
 * flight_no_memory - let there be no more sk_buffs, or let there be some again
 * @none: which
 */
void flight_no_memory(bool none)
{
	no_memory = none;
}

/**
 * flight_count - read a counter
 * @field: which
 *
 * Return: its sum, over all tests so far.
 */
unsigned long flight_count(enum tern_mib_field field)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(&mib, cpu)->counter[field];
	return sum;
}

static bool make_net(struct flight *f)
{
	struct net_generic *gen = kzalloc(sizeof(*gen) + 16 * sizeof(void *), GFP_KERNEL);

	f->net = kzalloc(sizeof(*f->net), GFP_KERNEL);
	f->tn = kzalloc(sizeof(*f->tn), GFP_KERNEL);
	if (!gen || !f->net || !f->tn) {
		kfree(gen);
		return false;
	}
	gen->ptr[tern_net_id] = f->tn;
	RCU_INIT_POINTER(f->net->gen, gen);
	f->tn->tlp = 1;
	f->tn->delack_ms = 40;
	return true;
}

static void fill_page(struct page *page)
{
	u8 *byte = page_address(page);
	u32 n;

	for (n = 0; n < FLIGHT_SPAN; n++)
		byte[n] = n ^ n >> 8;
}

static void make_connection(struct flight *f, u32 iss)
{
	struct tern_sock *ts = &f->ts;
	struct sock *sk = flight_sk(f);

	sk->sk_prot = &proto;
	sk->sk_state = TCP_ESTABLISHED;
	sk->sk_sndbuf = 1 << 20;
	sock_net_set(sk, f->net);
	f->iss = iss;
	f->rcv_nxt = iss;
	ts->snd_una = iss;
	ts->snd_nxt = iss;
	ts->max_window = 1 << 20;
	ts->mss = FLIGHT_MSS;
	ts->rtx_queue = RB_ROOT;
	INIT_LIST_HEAD(&ts->sent_order);
	ts->cong.ops = &tern_newreno;
	ts->cong.mss = FLIGHT_MSS;
	ts->recover_seq = iss;
	tern_rtt_init(&ts->rtt);
	tern_rtt_sample(&ts->rtt, FLIGHT_RTT_US, 0);
	tern_scoreboard_init(sk);
	tern_rack_init(ts);
}

/**
 * flight_new - a connection without anything in flight; its clock is about to wrap
 * @iss: its first sequence number
 *
 * Return: it, or NULL for want of memory.
 */
struct flight *flight_new(u32 iss)
{
	struct flight *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return NULL;
	f->page = alloc_page(GFP_KERNEL);
	if (!f->page || !make_net(f)) {
		flight_free(f);
		return NULL;
	}
	clock_us = (u32)(U32_MAX - 20 * FLIGHT_RTT_US - TERN_CLOCK_START);
	no_memory = false;
	fill_page(f->page);
	make_connection(f, iss);
	return f;
}

/**
 * flight_free - end a connection
 * @f: connection, may be half made
 *
 * Return: what was wrong at its end, or an empty string.
 */
const char *flight_free(struct flight *f)
{
	const char *wrong = "";

	if (f->net && rcu_access_pointer(f->net->gen)) {
		tern_rtx_purge(flight_sk(f));
		if (flight_sk(f)->sk_wmem_queued)
			wrong = "the socket is still charged for memory";
		if (!list_empty(&f->ts.sent_order))
			wrong = "sent_order is not empty";
		if (page_count(f->page) != 1)
			wrong = "a page has too few references, or too many";
		kfree(rcu_dereference_protected(f->net->gen, true));
	}
	if (f->page)
		put_page(f->page);
	kfree(f->tn);
	kfree(f->net);
	kfree(f);
	return wrong;
}

/* --- sending ------------------------------------------------------------------- */

/* fragments of no size in particular, none beyond the end of the page */
static void fill(struct flight *f, struct sk_buff *skb, u32 seq, u32 len)
{
	u32 done, here;
	int i = 0;

	for (done = 0; done < len; done += here) {
		u32 at = (seq + done - f->iss) % FLIGHT_SPAN;

		here = min3(len - done, FLIGHT_SPAN - at, 37 + at % 64);
		get_page(f->page);
		skb_fill_page_desc(skb, i++, f->page, at, here);
	}
	skb->len = len;
	skb->data_len = len;
	skb->truesize += len;
}

/**
 * flight_send - send new data
 * @f: connection
 * @len: bytes, not more than 17 fragments hold: 500 are safe
 *
 * Return: the segment, in the queue; NULL for want of memory.
 */
struct sk_buff *flight_send(struct flight *f, u32 len)
{
	struct sk_buff *skb = test_alloc_skb(TERN_HEADROOM, GFP_KERNEL);
	struct tern_sock *ts = &f->ts;
	u32 seq;

	if (!skb)
		return NULL;
	skb_reserve(skb, TERN_HEADROOM);
	__skb_header_release(skb);
	fill(f, skb, ts->snd_nxt, len);
	sk_wmem_queued_add(flight_sk(f), skb->truesize);
	sk_mem_charge(flight_sk(f), skb->truesize);
	*TERN_CB(skb) = (struct tern_skb_cb){
		.seq = ts->snd_nxt,
		.end_seq = ts->snd_nxt + len,
		.flags = TERN_ACK,
		.sent_us = tern_clock_us(),
		.seg_len = ts->mss,
	};
	/* as send.c has it */
	if (ts->snd_una == ts->snd_nxt) {
		ts->rack.valid = false;
		ts->last_progress = TERN_CB(skb)->sent_us;
	}
	tern_rtx_append(ts, skb);
	tern_rtx_watch(ts, skb);
	ts->snd_nxt += len;
	ts->last_sent = TERN_CB(skb)->sent_us;
	for (seq = TERN_CB(skb)->seq; seq != TERN_CB(skb)->end_seq; seq++)
		*flight_byte(f, seq) = (struct flight_byte){ };
	return skb;
}

/**
 * flight_mark_lost - believe a segment to be lost
 * @f: connection
 * @skb: segment in the queue, not SACKed
 */
void flight_mark_lost(struct flight *f, struct sk_buff *skb)
{
	tern_recovery_mark_lost(flight_sk(f), skb);
}

/**
 * flight_forget - the peer threw away what it had SACKed
 * @f: connection
 */
void flight_forget(struct flight *f)
{
	u32 seq;

	for (seq = f->ts.snd_una; seq != f->ts.snd_nxt; seq++) {
		flight_byte(f, seq)->mark &= ~TERN_SKB_SACKED;
		flight_byte(f, seq)->arrived = false;
	}
	f->nr_recent = 0;
	f->duplicate = (struct tern_sack_block){ };
	tern_scoreboard_forget(flight_sk(f));
}

/* --- queue and record ---------------------------------------------------------- */

static void complain(struct flight *f, const char *what, u32 seq)
{
	if (!f->trouble[0])
		snprintf(f->trouble, sizeof(f->trouble), "at iss + %u (%u to %u in flight): %s",
			 seq - f->iss, f->ts.snd_una - f->iss, f->ts.snd_nxt - f->iss, what);
}

/* the payload at both ends is that of its sequence numbers */
static bool payload_is_right(const struct flight *f, const struct sk_buff *skb)
{
	u32 first = (TERN_CB(skb)->seq - f->iss) % FLIGHT_SPAN;
	u32 last = (TERN_CB(skb)->seq + skb->len - 1 - f->iss) % FLIGHT_SPAN;
	u8 byte[2];

	if (skb_copy_bits(skb, 0, &byte[0], 1) || skb_copy_bits(skb, skb->len - 1, &byte[1], 1))
		return false;
	return byte[0] == (u8)(first ^ first >> 8) && byte[1] == (u8)(last ^ last >> 8);
}

static void check_segment(struct flight *f, const struct sk_buff *skb)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);
	const u8 marks = TERN_SKB_SACKED | TERN_SKB_LOST | TERN_SKB_RETRANS;
	u32 seq;

	if (cb->end_seq - cb->seq != skb->len)
		complain(f, "its sequence numbers do not fit its length", cb->seq);
	if (!skb->len || !payload_is_right(f, skb))
		complain(f, "its payload is another's", cb->seq);
	for (seq = cb->seq; seq != cb->end_seq; seq++)
		if ((cb->mark & marks) != flight_byte(f, seq)->mark)
			complain(f, "its marks are not those of the record", seq);
}

static bool is_watched(const struct sk_buff *skb)
{
	u8 mark = TERN_CB(skb)->mark;

	return !(mark & TERN_SKB_SACKED) && (!(mark & TERN_SKB_LOST) || mark & TERN_SKB_RETRANS);
}

/* sorted by time; and as many as there should be, each of which should be */
static void check_sent_order(struct flight *f, u32 watched)
{
	struct sk_buff *skb, *before = NULL;

	list_for_each_entry(skb, &f->ts.sent_order, tcp_tsorted_anchor) {
		const struct tern_skb_cb *cb = TERN_CB(skb);

		if (!is_watched(skb))
			complain(f, "in sent_order, and no news is awaited", cb->seq);
		if (before && (s32)(cb->sent_us - TERN_CB(before)->sent_us) < 0)
			complain(f, "in sent_order behind what was sent later", cb->seq);
		before = skb;
		watched--;
	}
	if (watched)
		complain(f, "something is missing in sent_order", f->ts.snd_una);
}

static void check_counts(struct flight *f)
{
	u32 sacked = 0, lost = 0, retrans = 0, seq;
	const struct tern_sock *ts = &f->ts;

	for (seq = ts->snd_una; seq != ts->snd_nxt; seq++) {
		u8 mark = flight_byte(f, seq)->mark;

		sacked += !!(mark & TERN_SKB_SACKED);
		lost += !!(mark & TERN_SKB_LOST);
		retrans += !!(mark & TERN_SKB_RETRANS);
	}
	if (ts->sacked_out != sacked)
		complain(f, "sacked_out is wrong", ts->snd_una);
	if (ts->lost_out != lost)
		complain(f, "lost_out is wrong", ts->snd_una);
	if (ts->retrans_out != retrans)
		complain(f, "retrans_out is wrong", ts->snd_una);
	if (!seq_between(ts->high_sacked, ts->snd_una, ts->snd_nxt) ||
	    !seq_between(ts->lost_seq, ts->snd_una, ts->snd_nxt) ||
	    !seq_between(ts->rtx_seq, ts->snd_una, ts->snd_nxt))
		complain(f, "a mark points beyond what is in flight", ts->snd_una);
}

/**
 * flight_check - compare the queue with the record
 * @f: connection
 *
 * Return: what was found wrong first, now or earlier, or an empty string.
 */
const char *flight_check(struct flight *f)
{
	u32 seq = f->ts.snd_una, watched = 0;
	int charged = 0;
	struct sk_buff *skb;

	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb)) {
		if (TERN_CB(skb)->seq != seq)
			complain(f, "a gap in the queue, or an overlap", seq);
		if (tern_rtx_find(&f->ts, seq) != skb)
			complain(f, "not found by its number", seq);
		check_segment(f, skb);
		seq = TERN_CB(skb)->end_seq;
		watched += is_watched(skb);
		charged += skb->truesize;
		if (f->trouble[0])
			return f->trouble;
	}
	if (seq != f->ts.snd_nxt)
		complain(f, "the queue ends before snd_nxt", seq);
	if (charged != flight_sk(f)->sk_wmem_queued)
		complain(f, "sk_wmem_queued is not what the segments take", seq);
	check_sent_order(f, watched);
	check_counts(f);
	return f->trouble;
}

MODULE_DESCRIPTION("KUnit tests of Tern");
MODULE_LICENSE("GPL");
