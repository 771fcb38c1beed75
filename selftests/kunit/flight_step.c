// SPDX-License-Identifier: GPL-2.0
/*
 * What may happen to a connection with bytes in flight, one thing after
 * another, at random; with a peer that is honest, or with one that is not.
 */
#include "flight.h"

#define ENOUGH	120u		/* segments in the queue: more take too long to look through */

/* --- the peer ------------------------------------------------------------------ */

/**
 * flight_arrives - bytes reach the peer
 * @f: connection
 * @start: first sequence number
 * @end: the one after the last
 */
void flight_arrives(struct flight *f, u32 start, u32 end)
{
	u32 seq;
	int i;

	if (seq_before(start, f->rcv_nxt) || flight_byte(f, start)->arrived) {
		f->duplicate = (struct tern_sack_block){ start, end };
		return;
	}
	for (seq = start; seq != end; seq++)
		flight_byte(f, seq)->arrived = true;
	for (i = min(f->nr_recent, FLIGHT_RECENT - 1); i > 0; i--)
		f->recent[i] = f->recent[i - 1];
	f->recent[0] = start;
	f->nr_recent = min(f->nr_recent + 1, FLIGHT_RECENT);
	while (f->rcv_nxt != f->ts.snd_nxt && flight_byte(f, f->rcv_nxt)->arrived)
		f->rcv_nxt++;
}

/* the run of bytes that the peer has around one of them */
static struct tern_sack_block run_around(struct flight *f, u32 seq)
{
	struct tern_sack_block run = { seq, seq };

	while (seq_after(run.start, f->rcv_nxt) && flight_byte(f, run.start - 1)->arrived)
		run.start--;
	while (seq_before(run.end, f->ts.snd_nxt) && flight_byte(f, run.end)->arrived)
		run.end++;
	return run;
}

static void add_block(struct tern_options *opts, struct tern_sack_block block)
{
	int i;

	/* the first one may be a duplicate, and is then within another */
	for (i = 0; i < opts->nr_sack; i++)
		if (opts->sack[i].start == block.start && opts->sack[i].end == block.end && i)
			return;
	if (opts->nr_sack < TERN_SACK_BLOCKS)
		opts->sack[opts->nr_sack++] = block;
}

/**
 * flight_answer - the peer acknowledges what it has, by RFC 2018 and RFC 2883
 * @f: connection
 */
void flight_answer(struct flight *f)
{
	struct tern_options opts = { };
	bool duplicate = f->duplicate.start != f->duplicate.end;
	int i;

	if (duplicate) {
		opts.sack[opts.nr_sack++] = f->duplicate;
		if (!seq_before(f->duplicate.start, f->rcv_nxt))
			add_block(&opts, run_around(f, f->duplicate.start));
	}
	for (i = 0; i < f->nr_recent; i++) {
		struct tern_sack_block run = run_around(f, f->recent[i]);

		if (seq_before(f->recent[i], f->rcv_nxt))
			continue;
		if (!duplicate && opts.nr_sack && opts.sack[0].start == run.start)
			continue;
		add_block(&opts, run);
	}
	f->duplicate = (struct tern_sack_block){ };
	flight_ack(f, f->rcv_nxt, &opts, true);
}

/* one that says anything */
static void lie(struct flight *f, struct dice *dice)
{
	u32 in_flight = f->ts.snd_nxt - f->ts.snd_una, ack = f->ts.snd_una, at;
	struct tern_options opts = { .nr_sack = dice_roll(dice, TERN_SACK_BLOCKS + 1) };
	int i;

	if (!dice_roll(dice, 3))
		ack += dice_roll(dice, in_flight + 1);
	for (i = 0; i < opts.nr_sack; i++) {
		at = f->ts.snd_una + dice_roll(dice, in_flight + 1);
		opts.sack[i].start = at - dice_roll(dice, 8) / 7 * 5;
		opts.sack[i].end = at + dice_roll(dice, 2) * dice_roll(dice, 400) +
				   dice_roll(dice, 40);
	}
	flight_no_memory(!dice_roll(dice, 8));
	flight_ack(f, ack, &opts, false);
	flight_no_memory(false);
	f->rcv_nxt = f->ts.snd_una;
}

/* --- the sender ---------------------------------------------------------------- */

static u32 segments(const struct flight *f)
{
	const struct sk_buff *skb;
	u32 n = 0;

	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb))
		n++;
	return n;
}

/* any one in the queue, or NULL */
static struct sk_buff *pick(struct flight *f, struct dice *dice)
{
	u32 in_flight = f->ts.snd_nxt - f->ts.snd_una;

	return in_flight ? tern_rtx_find(&f->ts, f->ts.snd_una + dice_roll(dice, in_flight)) : NULL;
}

static void send_new(struct flight *f, struct dice *dice)
{
	u32 len = (1 + dice_roll(dice, 10)) * FLIGHT_MSS - dice_roll(dice, 2) * 7;

	if (f->ts.snd_nxt - f->ts.snd_una + len > FLIGHT_WINDOW || segments(f) > ENOUGH)
		return;
	flight_tick(1 + dice_roll(dice, 500));
	flight_send(f, len);
}

/* one of the segments that it was cut into on its way */
static void arrive(struct flight *f, struct dice *dice)
{
	struct sk_buff *skb = pick(f, dice);
	u32 start, n;

	if (!skb)
		return;
	n = DIV_ROUND_UP(skb->len, FLIGHT_MSS);
	start = TERN_CB(skb)->seq + dice_roll(dice, n) * FLIGHT_MSS;
	flight_arrives(f, start, seq_min(start + FLIGHT_MSS, TERN_CB(skb)->end_seq));
}

static void retransmit(struct flight *f, struct dice *dice)
{
	struct sk_buff *skb = pick(f, dice);
	u8 mark = skb ? TERN_CB(skb)->mark : 0;

	/* what is lost; or the last one, as a probe */
	if (!(mark & TERN_SKB_LOST) || mark & TERN_SKB_RETRANS)
		return;
	flight_tick(1);
	tern_retransmit(flight_sk(f), skb, (1 + dice_roll(dice, 3)) * FLIGHT_MSS);
}

static void lose(struct flight *f, struct dice *dice)
{
	struct sk_buff *skb = pick(f, dice);

	if (skb && !(TERN_CB(skb)->mark & TERN_SKB_SACKED))
		flight_mark_lost(f, skb);
}

/**
 * flight_step - something happens
 * @f: connection
 * @dice: what
 * @honest: the peer says what it has
 */
void flight_step(struct flight *f, struct dice *dice, bool honest)
{
	switch (dice_roll(dice, 16)) {
	case 0 ... 3:
		send_new(f, dice);
		break;
	case 4 ... 7:
		if (honest)
			arrive(f, dice);
		else
			lie(f, dice);
		break;
	case 8 ... 9:
		if (honest)
			flight_answer(f);
		else
			lie(f, dice);
		break;
	case 10:
		lose(f, dice);
		break;
	case 11 ... 12:
		retransmit(f, dice);
		break;
	case 13:
		flight_tick(dice_roll(dice, 3000));
		break;
	case 14:
		flight_detect(f);
		break;
	default:
		if (!dice_roll(dice, 10))
			flight_forget(f);
	}
}
