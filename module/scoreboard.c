// SPDX-License-Identifier: GPL-2.0
/*
 * The SACK scoreboard (RFC 2018, RFC 2883, RFC 6675): which of the segments in
 * the retransmission queue the peer has, by its SACK blocks. What is lost,
 * rack.c says; the judge by counting that was there before it is kept for when
 * it has nothing to compare with.
 *
 * Called by ack.c and recovery.c, with the socket locked.
 */
#include "mib.h"
#include "rack.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"

/*
 * The longest runs of which all is known to be SACKed are skipped in one step:
 * a peer that repeats them in every acknowledgment, in whatever pieces, must
 * not make it look at each of their segments every time.
 */
static u32 run_len(const struct tern_sack_block *run)
{
	return run->end - run->start;
}

static void remember_run(struct tern_sock *ts, u32 start, u32 end)
{
	struct tern_sack_block *run = ts->sacked_runs, *shortest = run;
	int i;

	for (i = 0; i < TERN_SACK_BLOCKS; i++, run++) {
		if (run_len(run) && !seq_after(run->start, end) && !seq_before(run->end, start)) {
			start = seq_min(start, run->start);
			end = seq_max(end, run->end);
			run->end = run->start;
		}
		if (run_len(run) < run_len(shortest))
			shortest = run;
	}
	if (end - start > run_len(shortest))
		*shortest = (struct tern_sack_block){ start, end };
}

/* the segment behind a SACKed one, or behind all the run that it is in */
static struct sk_buff *step_behind(const struct tern_sock *ts, struct sk_buff *skb, u32 *end)
{
	const struct tern_sack_block *run = ts->sacked_runs;
	int i;

	*end = TERN_CB(skb)->end_seq;
	for (i = 0; i < TERN_SACK_BLOCKS; i++, run++) {
		if (seq_before(TERN_CB(skb)->seq, run->start) || seq_after(*end, run->end) ||
		    !run_len(run))
			continue;
		*end = run->end;
		return tern_rtx_find(ts, run->end);
	}
	return skb_rb_next(skb);
}

/**
 * tern_scoreboard_init - a connection begins: nothing sent, nothing SACKed
 * @sk: socket, snd_una set
 */
void tern_scoreboard_init(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->rtx_seq = ts->snd_una;
	ts->lost_seq = ts->snd_una;
	ts->high_sacked = ts->snd_una;
	memset(ts->sacked_runs, 0, sizeof(ts->sacked_runs));
}

/**
 * tern_scoreboard_advance - snd_una has moved: its marks never point below
 * @sk: socket
 */
void tern_scoreboard_advance(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_sack_block *run = ts->sacked_runs;
	int i;

	ts->rtx_seq = seq_max(ts->rtx_seq, ts->snd_una);
	ts->lost_seq = seq_max(ts->lost_seq, ts->snd_una);
	ts->high_sacked = seq_max(ts->high_sacked, ts->snd_una);
	if (ts->undone && !seq_before(ts->snd_una, ts->undone_seq))
		ts->undone = 0;
	for (i = 0; i < TERN_SACK_BLOCKS; i++, run++)
		if (run_len(run) && !seq_after(run->end, ts->snd_una))
			run->end = run->start;
}

/*
 * A block may begin or end within a super-segment. Cut where the peer's
 * segments can end, and leave no crumbs: a peer that SACKs byte by byte must
 * not be able to shred the queue (CVE-2019-11477, CVE-2019-11478).
 */
static bool may_split(const struct sock *sk, const struct sk_buff *skb, u32 len)
{
	u32 crumb = tern_sk(sk)->mss / 2, seg_len = TERN_CB(skb)->seg_len;

	if (!len || len >= skb->len)
		return false;
	if (sk->sk_wmem_queued / 2 > READ_ONCE(sk->sk_sndbuf) + 2 * 65536L) {
		tern_mib_inc(sock_net(sk), WqueueTooBig);
		return false;
	}
	return (seg_len && len % seg_len == 0) || (len >= crumb && skb->len - len >= crumb);
}

/* cut off what lies outside of the block; the part inside, or NULL for none */
static struct sk_buff *fit_to_block(struct sock *sk, struct sk_buff *skb, u32 start, u32 end)
{
	u32 skip = start - TERN_CB(skb)->seq;

	if (seq_before(TERN_CB(skb)->seq, start)) {
		if (!may_split(sk, skb, skip))
			return NULL;
		skb = tern_rtx_split(sk, skb, skip, GFP_ATOMIC);
		if (!skb)
			return NULL;
	}
	if (seq_after(TERN_CB(skb)->end_seq, end)) {
		u32 len = end - TERN_CB(skb)->seq;

		if (!may_split(sk, skb, len) || !tern_rtx_split(sk, skb, len, GFP_ATOMIC))
			return NULL;
	}
	return skb;
}

static void mark_sacked(struct sock *sk, struct sk_buff *skb, struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);

	tern_rack_delivered(sk, skb, TERN_CB(skb)->end_seq, false);
	tern_rate_delivered(ts, TERN_CB(skb), &news->rate);
	if (TERN_CB(skb)->mark & TERN_SKB_MTU_PROBE)
		tern_mtu_probe_delivered(sk);
	TERN_CB(skb)->mark &= ~TERN_SKB_MTU_PROBE;
	tern_rtx_mark_sacked(ts, skb);
	ts->high_sacked = seq_max(ts->high_sacked, TERN_CB(skb)->end_seq);
}

/* mark what one block covers; only its first and last segment may be left out */
static void sack_block(struct sock *sk, u32 start, u32 end, struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = tern_rtx_find(ts, start), *inside;
	u32 from = end, to = end;

	while (skb && seq_before(TERN_CB(skb)->seq, end)) {
		if (!(TERN_CB(skb)->mark & TERN_SKB_SACKED)) {
			inside = fit_to_block(sk, skb, start, end);
			if (!inside) {
				skb = skb_rb_next(skb);
				continue;
			}
			mark_sacked(sk, inside, news);
			skb = inside;
		}
		from = seq_min(from, TERN_CB(skb)->seq);
		skb = step_behind(ts, skb, &to);
	}
	if (seq_before(from, end))
		remember_run(ts, from, to);
}

static bool is_dsack(const struct tern_options *opts, u32 ack)
{
	const struct tern_sack_block *b = opts->sack;

	if (seq_before(b[0].start, ack))
		return true;
	return opts->nr_sack > 1 && !seq_after(b[0].end, b[1].end) &&
	       !seq_before(b[0].start, b[1].start);
}

static void take_dsack(struct sock *sk, const struct tern_sack_block *block, u32 ack,
		       struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 len = block->end - block->start, segs;

	tern_mib_inc(sock_net(sk), DSACKRecv);
	if (!seq_before(block->start, ack))
		tern_mib_inc(sock_net(sk), DSACKOfoRecv);
	/* not of an age long past: nothing larger than a window is in flight */
	if (len > ts->max_window) {
		tern_mib_inc(sock_net(sk), DSACKIgnoredDubious);
		return;
	}
	segs = DIV_ROUND_UP(len, ts->mss);
	tern_mib_add(sock_net(sk), DSACKRecvSegs, segs);
	ts->stats.dsack_dups += segs;
	if (!ts->undo.possible)
		tern_mib_inc(sock_net(sk), DSACKIgnoredNoUndo);
	news->dsacked = len;
	news->dsack_end = block->end;
}

/**
 * tern_scoreboard_sack - take the SACK blocks of an acknowledgment in
 * @sk: socket; snd_una not advanced yet
 * @opts: options of the segment, nr_sack > 0
 * @ack: its acknowledgment number
 * @news: @delivered, @dsacked and @rate are added to
 */
void tern_scoreboard_sack(struct sock *sk, const struct tern_options *opts, u32 ack,
			  struct tern_ack_news *news)
{
	struct tern_sock *ts = tern_sk(sk);
	u32 before = ts->sacked_out;
	int i = 0;

	tern_mib_inc(sock_net(sk), SACKRecv);
	if (is_dsack(opts, ack)) {
		take_dsack(sk, &opts->sack[0], ack, news);
		i = 1;
	}
	for (; i < opts->nr_sack; i++) {
		const struct tern_sack_block *block = &opts->sack[i];

		if (!seq_before(block->start, block->end) ||
		    seq_before(block->start, ts->snd_una) ||
		    seq_after(block->end, ts->snd_nxt)) {
			tern_mib_inc(sock_net(sk), SACKDiscard);
			continue;
		}
		sack_block(sk, block->start, block->end, news);
	}
	news->delivered += ts->sacked_out - before;
}

/**
 * tern_scoreboard_mark_lost - judge by counting, where RACK has no sample
 * @sk: socket
 *
 * IsLost() of RFC 6675, section 4, for all segments at once: lost is what has
 * three runs, or more than two segments of bytes, SACKed above it. Walks down
 * from the highest SACKed byte to where an earlier walk ended.
 */
void tern_scoreboard_mark_lost(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = tern_rtx_find(ts, ts->high_sacked - 1);
	u32 sacked = 0, runs = 0, judged = ts->high_sacked;
	bool in_run = false;

	if (!ts->sacked_out)
		return;
	for (; skb && seq_after(TERN_CB(skb)->end_seq, ts->lost_seq); skb = skb_rb_prev(skb)) {
		struct tern_skb_cb *cb = TERN_CB(skb);

		if (cb->mark & TERN_SKB_SACKED) {
			sacked += cb->end_seq - cb->seq;
			runs += !in_run;
			in_run = true;
			continue;
		}
		in_run = false;
		if (runs < 3 && sacked <= 2u * ts->mss) {
			judged = cb->seq;	/* not yet */
			continue;
		}
		if (!(cb->mark & TERN_SKB_LOST))
			tern_recovery_mark_lost(sk, skb);
	}
	ts->lost_seq = seq_max(ts->lost_seq, judged);
}

/**
 * tern_scoreboard_forget - the peer threw away what it had SACKed (RFC 2018, section 8)
 * @sk: socket
 */
void tern_scoreboard_forget(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	tern_mib_inc(sock_net(sk), SACKReneging);
	for (skb = tern_rtx_head(ts); skb; skb = skb_rb_next(skb)) {
		if (!(TERN_CB(skb)->mark & TERN_SKB_SACKED))
			continue;
		tern_rtx_unmark(ts, skb, TERN_SKB_SACKED);
		tern_rtx_watch(ts, skb);
	}
	tern_rtx_order(ts);
	ts->high_sacked = ts->snd_una;
	memset(ts->sacked_runs, 0, sizeof(ts->sacked_runs));
}
