// SPDX-License-Identifier: GPL-2.0
/*
 * What is lost, and sending it again: the SACK scoreboard of RFC 6675 over
 * the retransmission queue, fast retransmit, and what follows a timeout.
 *
 * In bytes throughout. Called with the socket locked, by ack.c for every
 * acknowledgment and by timer.c for a timeout. A time-based judge of loss
 * (RFC 8985) would stand in the place of mark_lost().
 */
#include "cong.h"
#include "output.h"
#include "recovery.h"
#include "rtxqueue.h"
#include "sock.h"

/**
 * tern_recovery_init - a connection begins: nothing sent, nothing lost
 * @sk: socket, snd_una and snd_nxt set
 */
void tern_recovery_init(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->ca_state = TERN_CA_OPEN;
	ts->recover_seq = ts->snd_una;
	ts->rtx_seq = ts->snd_una;
	ts->lost_seq = ts->snd_una;
	ts->high_sacked = ts->snd_una;
	memset(ts->sack_seen, 0, sizeof(ts->sack_seen));
}

/* the scoreboard's marks never point below what is acknowledged */
static void advance_marks(struct tern_sock *ts)
{
	ts->rtx_seq = seq_max(ts->rtx_seq, ts->snd_una);
	ts->lost_seq = seq_max(ts->lost_seq, ts->snd_una);
	ts->high_sacked = seq_max(ts->high_sacked, ts->snd_una);
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
	if (sk->sk_wmem_queued / 2 > READ_ONCE(sk->sk_sndbuf) + 2 * 65536L)
		return false;
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

/* mark what one block covers; returns whether all of it could be marked */
static bool sack_block(struct sock *sk, u32 start, u32 end)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = tern_rtx_find(ts, start), *inside;
	bool all = true;

	for (; skb && seq_before(TERN_CB(skb)->seq, end); skb = skb_rb_next(skb)) {
		if (TERN_CB(skb)->mark & TERN_SKB_SACKED)
			continue;
		inside = fit_to_block(sk, skb, start, end);
		if (!inside) {
			all = false;
			continue;
		}
		tern_rtx_mark_sacked(ts, inside);
		ts->high_sacked = seq_max(ts->high_sacked, TERN_CB(inside)->end_seq);
		skb = inside;
	}
	return all;
}

static bool is_dsack(const struct tern_options *opts, u32 ack)
{
	const struct tern_sack_block *b = opts->sack;

	if (seq_before(b[0].start, ack))
		return true;
	return opts->nr_sack > 1 && !seq_after(b[0].end, b[1].end) &&
	       !seq_before(b[0].start, b[1].start);
}

/* the same block comes again and again: start where its last showing ended */
static u32 unseen_start(const struct tern_sock *ts, const struct tern_sack_block *block)
{
	int i;

	for (i = 0; i < TERN_SACK_BLOCKS; i++)
		if (ts->sack_seen[i].start == block->start &&
		    !seq_after(ts->sack_seen[i].end, block->end))
			return ts->sack_seen[i].end;
	return block->start;
}

/**
 * tern_recovery_sack - take the SACK blocks of an acknowledgment in
 * @sk: socket; snd_una not advanced yet
 * @opts: options of the segment, nr_sack > 0
 * @ack: its acknowledgment number
 *
 * Return: bytes that are known to have arrived only now.
 */
u32 tern_recovery_sack(struct sock *sk, const struct tern_options *opts, u32 ack)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_sack_block seen[TERN_SACK_BLOCKS] = { };
	u32 before = ts->sacked_out, start;
	int i = 0;

	tern_mib_inc(sock_net(sk), SACKRecv);
	if (is_dsack(opts, ack)) {
		tern_mib_inc(sock_net(sk), DSACKRecv);
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
		start = unseen_start(ts, block);
		if (start == block->end || sack_block(sk, start, block->end))
			seen[i] = *block;
	}
	memcpy(ts->sack_seen, seen, sizeof(seen));
	return ts->sacked_out - before;
}

/*
 * IsLost() of RFC 6675, section 4, for all segments at once: lost is what has
 * three runs, or more than two segments of bytes, SACKed above it. Walks down
 * from the highest SACKed byte to where an earlier walk ended.
 */
static void mark_lost(struct sock *sk)
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
		if (!(cb->mark & TERN_SKB_LOST)) {
			tern_rtx_mark_lost(ts, skb);
			tern_mib_add(sock_net(sk), LostSegs,
				     DIV_ROUND_UP(max_t(u32, skb->len, 1), ts->mss));
		}
	}
	ts->lost_seq = seq_max(ts->lost_seq, judged);
}

static void leave(struct sock *sk)
{
	tern_cong_exit(sk);
	tern_sk(sk)->ca_state = TERN_CA_OPEN;
}

/**
 * tern_recovery_ack - judge the scoreboard after an acknowledgment
 * @sk: socket; snd_una and the marks are up to date
 * @delivered: bytes that are known to have arrived only now, 0 for a
 *	duplicate ACK, which opens no window (RFC 5681, section 3.1)
 */
void tern_recovery_ack(struct sock *sk, u32 delivered)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	advance_marks(ts);
	if (ts->ca_state != TERN_CA_OPEN && !seq_before(ts->snd_una, ts->recover_seq)) {
		leave(sk);
		delivered = 0;
	}
	mark_lost(sk);

	switch (ts->ca_state) {
	case TERN_CA_OPEN:
		if (!ts->lost_out) {
			tern_cong_ack(sk, delivered);
			return;
		}
		tern_mib_inc(sock_net(sk), FastRetrans);
		ts->recover_seq = ts->snd_nxt;
		ts->rtx_seq = ts->snd_una;
		tern_cong_enter_recovery(sk);
		ts->ca_state = TERN_CA_RECOVERY;
		/* RFC 6675, section 5, step 4.3: the first goes whatever is in flight */
		skb = tern_rtx_head(ts);
		while (skb && !(TERN_CB(skb)->mark & TERN_SKB_LOST))
			skb = skb_rb_next(skb);
		if (skb && !tern_retransmit(sk, skb, ts->mss))
			ts->rtx_seq = TERN_CB(skb)->end_seq;
		return;
	case TERN_CA_RECOVERY:
		return;
	case TERN_CA_LOSS:
		tern_cong_ack(sk, delivered);
		return;
	}
}

static void forget_sacks(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	tern_mib_inc(sock_net(sk), SACKReneging);
	for (skb = tern_rtx_head(ts); skb; skb = skb_rb_next(skb))
		tern_rtx_unmark(ts, skb, TERN_SKB_SACKED);
	ts->high_sacked = ts->snd_una;
	memset(ts->sack_seen, 0, sizeof(ts->sack_seen));
}

/**
 * tern_recovery_enter_loss - a retransmission timeout (RFC 6675, section 5.1)
 * @sk: socket with something in flight
 *
 * All that was not SACKed counts as lost. A head that was SACKed and is still
 * not acknowledged means that the peer threw it away (RFC 2018, section 8):
 * then no SACK counts any more.
 */
void tern_recovery_enter_loss(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb = tern_rtx_head(ts);

	if (skb && TERN_CB(skb)->mark & TERN_SKB_SACKED)
		forget_sacks(sk);
	for (; skb; skb = skb_rb_next(skb)) {
		tern_rtx_unmark(ts, skb, TERN_SKB_RETRANS);
		tern_rtx_mark_lost(ts, skb);
	}
	tern_cong_enter_loss(sk);
	ts->ca_state = TERN_CA_LOSS;
	ts->recover_seq = ts->snd_nxt;
	ts->rtx_seq = ts->snd_una;
	ts->lost_seq = ts->snd_nxt;
}

/**
 * tern_recovery_mtu_lost - the path turned out narrower: what was too large is lost
 * @sk: socket, mss reduced already
 *
 * No congestion: the window stays (RFC 1191, section 6.5).
 */
void tern_recovery_mtu_lost(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	for (skb = tern_rtx_head(ts); skb; skb = skb_rb_next(skb)) {
		if (TERN_CB(skb)->seg_len <= ts->mss || TERN_CB(skb)->mark & TERN_SKB_SACKED)
			continue;
		tern_rtx_unmark(ts, skb, TERN_SKB_RETRANS);
		tern_rtx_mark_lost(ts, skb);
	}
	if (!ts->lost_out)
		return;
	if (ts->ca_state == TERN_CA_OPEN) {
		ts->ca_state = TERN_CA_RECOVERY;
		ts->recover_seq = ts->snd_nxt;
		ts->snd_ssthresh = ts->snd_cwnd;
	}
	ts->rtx_seq = ts->snd_una;
	tern_recovery_xmit(sk);
}

/**
 * tern_retransmit - send a segment again
 * @sk: socket, locked
 * @skb: segment in the retransmission queue
 * @limit: most bytes to send; the rest is cut off and stays in the queue
 *
 * Return: 0, -EBUSY while the first copy has not left this host, or -errno.
 */
int tern_retransmit(struct sock *sk, struct sk_buff *skb, u32 limit)
{
	struct tern_sock *ts = tern_sk(sk);
	int err;

	if (skb_fclone_busy(sk, skb))
		return -EBUSY;
	if (skb->len > limit && !tern_rtx_split(sk, skb, limit, GFP_ATOMIC))
		return -ENOMEM;

	err = tern_transmit(sk, skb, GFP_ATOMIC);
	if (err)
		return err;
	tern_mib_add(sock_net(sk), RetransSegs, max_t(u32, skb_shinfo(skb)->gso_segs, 1));
	ts->total_retrans += DIV_ROUND_UP(max_t(u32, skb->len, 1), ts->mss);
	tern_rtx_mark_retrans(ts, skb);
	return 0;
}

/**
 * tern_recovery_xmit - send again what is lost, as far as the window allows
 * @sk: socket, locked
 */
void tern_recovery_xmit(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	if (ts->lost_out <= ts->retrans_out)
		return;
	for (skb = tern_rtx_find(ts, ts->rtx_seq); skb; skb = skb_rb_next(skb)) {
		u32 in_flight = tern_in_flight(ts), room;

		if ((TERN_CB(skb)->mark & (TERN_SKB_LOST | TERN_SKB_RETRANS)) != TERN_SKB_LOST) {
			ts->rtx_seq = TERN_CB(skb)->end_seq;
			continue;
		}
		room = ts->snd_cwnd > in_flight ? ts->snd_cwnd - in_flight : 0;
		if (room < min_t(u32, skb->len, ts->mss))
			return;
		room = max_t(u32, rounddown(room, ts->mss), ts->mss);
		if (tern_retransmit(sk, skb, room))
			return;
		ts->rtx_seq = TERN_CB(skb)->end_seq;
		if (ts->lost_out <= ts->retrans_out)
			return;
	}
}
