// SPDX-License-Identifier: GPL-2.0
/*
 * What an acknowledgment must do to the record of a flight (flight.c), byte by
 * byte, and whether it did that to the scoreboard and to the queue.
 */
#include "flight.h"

static void complain(struct flight *f, const char *what)
{
	if (!f->trouble[0])
		snprintf(f->trouble, sizeof(f->trouble), "by the acknowledgment of iss + %u: %s",
			 f->ts.snd_una - f->iss, what);
}

/* RFC 2883, section 4 */
static bool first_is_duplicate(const struct tern_options *opts, u32 ack)
{
	const struct tern_sack_block *b = opts->sack;

	return opts->nr_sack &&
	       ((s32)(b[0].start - ack) < 0 ||
		(opts->nr_sack > 1 && (s32)(b[0].start - b[1].start) >= 0 &&
		 (s32)(b[1].end - b[0].end) >= 0));
}

static bool is_valid(const struct flight *f, const struct tern_sack_block *b)
{
	return (s32)(b->end - b->start) > 0 && (s32)(b->start - f->ts.snd_una) >= 0 &&
	       (s32)(f->ts.snd_nxt - b->end) >= 0;
}

/* the bytes that the acknowledgment may mark */
static void read_blocks(struct flight *f, const struct tern_options *opts, int first)
{
	u32 seq;
	int i;

	for (seq = f->ts.snd_una; seq != f->ts.snd_nxt; seq++)
		flight_byte(f, seq)->told = false;
	for (i = first; i < opts->nr_sack; i++)
		if (is_valid(f, &opts->sack[i]))
			for (seq = opts->sack[i].start; seq != opts->sack[i].end; seq++)
				flight_byte(f, seq)->told = true;
}

/*
 * A segment all of whose bytes the last block has must be marked. (Where
 * blocks overlap, a later one may cut what an earlier one had only in part.)
 */
static void whole_segments_are_marked(struct flight *f, const struct tern_sack_block *b)
{
	struct sk_buff *skb;

	if (!is_valid(f, b))
		return;
	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb))
		if (!(TERN_CB(skb)->mark & TERN_SKB_SACKED) &&
		    (s32)(TERN_CB(skb)->seq - b->start) >= 0 &&
		    (s32)(b->end - TERN_CB(skb)->end_seq) >= 0)
			complain(f, "a segment within a block is not SACKed");
}

/*
 * Takes what the scoreboard did over into the record: only what was told is
 * SACKed anew, and all of it, if the blocks end where segments do (exact).
 * Returns bytes.
 */
static u32 take_over(struct flight *f, bool exact)
{
	struct sk_buff *skb;
	u32 seq, new = 0;

	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb)) {
		bool sacked = TERN_CB(skb)->mark & TERN_SKB_SACKED;

		for (seq = TERN_CB(skb)->seq; seq != TERN_CB(skb)->end_seq; seq++) {
			struct flight_byte *byte = flight_byte(f, seq);
			bool before = byte->mark & TERN_SKB_SACKED;

			if (sacked && !before && !byte->told)
				complain(f, "SACKed, though no block has it");
			if (!sacked && (before || (exact && byte->told)))
				complain(f, "not SACKed, though a block has it");
			if (sacked && !before) {
				byte->mark = TERN_SKB_SACKED;
				new++;
			}
		}
	}
	return new;
}

/* what the cumulative part has to tell: bytes delivered, and whether of those sent again */
static u32 count_acked(struct flight *f, u32 ack, bool *retrans)
{
	u32 seq, delivered = 0;

	*retrans = false;
	for (seq = f->ts.snd_una; seq != ack; seq++) {
		u8 mark = flight_byte(f, seq)->mark;

		delivered += !(mark & TERN_SKB_SACKED);
		*retrans |= mark & (TERN_SKB_LOST | TERN_SKB_RETRANS);
	}
	return delivered;
}

/**
 * flight_ack - take an acknowledgment in, as ack.c has it
 * @f: connection
 * @ack: acknowledgment number, between snd_una and snd_nxt
 * @opts: its SACK blocks
 * @exact: they begin and end where segments may, and there is memory to cut
 */
void flight_ack(struct flight *f, u32 ack, const struct tern_options *opts, bool exact)
{
	int first = first_is_duplicate(opts, ack);
	u32 duplicates = first ? opts->sack[0].end - opts->sack[0].start : 0;
	struct sock *sk = flight_sk(f);
	struct tern_sock *ts = &f->ts;
	u32 delivered = 0;
	bool retrans;

	f->news = (struct tern_ack_news){
		.prior_in_flight = tern_in_flight(ts),
		.acked = ack - ts->snd_una,
		.tsecr = tern_tsval(ts),
	};
	ts->rack.prior_fack = ts->rack.fack;
	read_blocks(f, opts, first);
	if (opts->nr_sack) {
		tern_scoreboard_sack(sk, opts, ack, &f->news);
		if (opts->nr_sack > first)
			whole_segments_are_marked(f, &opts->sack[opts->nr_sack - 1]);
		delivered = take_over(f, exact);
	}
	delivered += count_acked(f, ack, &retrans);
	ts->snd_una = ack;
	if (f->news.acked) {
		ts->last_progress = tern_clock_us();
		tern_rtx_clean(sk, &f->news);
	}
	tern_scoreboard_advance(sk);

	if (f->news.delivered != delivered)
		complain(f, "another number of bytes was delivered");
	if (f->news.retrans_acked != retrans)
		complain(f, "wrong about what had been sent again");
	if (f->news.dsacked != (duplicates <= ts->max_window ? duplicates : 0))
		complain(f, "another number of bytes arrived twice");
}

/**
 * flight_sack - an acknowledgment with one SACK block, and nothing else new
 * @f: connection
 * @start: first sequence number of the block
 * @end: the one after the last
 */
void flight_sack(struct flight *f, u32 start, u32 end)
{
	const struct tern_options opts = { .nr_sack = 1, .sack = { { start, end } } };

	flight_ack(f, f->ts.snd_una, &opts, false);
}
