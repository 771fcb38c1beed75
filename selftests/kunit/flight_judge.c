// SPDX-License-Identifier: GPL-2.0
/*
 * The judges of loss, against what their RFCs say of each segment by itself:
 * every segment is looked at, where the module looks at the front of a list
 * or walks down from a mark.
 */
#include "flight.h"

static void complain(struct flight *f, const char *what, const struct sk_buff *skb)
{
	if (!f->trouble[0])
		snprintf(f->trouble, sizeof(f->trouble), "iss + %u to %u: %s",
			 TERN_CB(skb)->seq - f->iss, TERN_CB(skb)->end_seq - f->iss, what);
}

/* --- RACK ---------------------------------------------------------------------- */

/* RFC 8985, section 6.2, step 4; DupThresh segments are more than two of them in bytes */
static u32 reordering_window(const struct tern_sock *ts)
{
	u32 wnd = ts->rtt.min / 4 * ts->rack.reo_wnd_mult;

	if (!ts->rack.reordering_seen &&
	    (ts->ca_state >= TERN_CA_CWR || ts->sacked_out > 2u * ts->mss))
		return 0;
	return wnd < ts->rtt.srtt / 8 ? wnd : ts->rtt.srtt / 8;
}

static bool awaits_repair(const struct sk_buff *skb)
{
	return (TERN_CB(skb)->mark & (TERN_SKB_LOST | TERN_SKB_RETRANS)) == TERN_SKB_LOST;
}

/*
 * Section 6.2, step 5. Of what was sent in the very microsecond of the latest
 * segment delivered nothing is asked: which of it went first is not known.
 * left is the time until the segment is lost, 0 for never.
 */
static bool rack_says_lost(const struct tern_sock *ts, const struct sk_buff *skb, s32 *left)
{
	const struct tern_skb_cb *cb = TERN_CB(skb);

	*left = 0;
	if (!ts->rack.valid || cb->mark & TERN_SKB_SACKED || awaits_repair(skb) ||
	    (s32)(ts->rack.sent_us - cb->sent_us) <= 0)
		return false;
	*left = cb->sent_us + ts->rack.rtt_us + reordering_window(ts) - tern_clock_us();
	return *left <= 0;
}

static bool is_tie(const struct tern_sock *ts, const struct sk_buff *skb)
{
	return TERN_CB(skb)->sent_us == ts->rack.sent_us &&
	       (s32)(TERN_CB(skb)->end_seq - ts->rack.end_seq) < 0;
}

/* what the record has of the segment, before tern_recovery_mark_lost() changes it */
#define WILL_BE_LOST	0x80

static u32 foresee_rack(struct flight *f)
{
	struct sk_buff *skb;
	u32 timeout = 0;

	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb)) {
		s32 left;

		if (rack_says_lost(&f->ts, skb, &left) || awaits_repair(skb))
			TERN_CB(skb)->flags |= WILL_BE_LOST;
		else if (left > 0 && left > (s32)timeout)
			timeout = left;
	}
	return timeout;
}

/**
 * flight_detect - let RACK mark what is lost
 * @f: connection
 *
 * Return: microseconds until it wants to look again.
 */
u32 flight_detect(struct flight *f)
{
	struct tern_sock *ts = &f->ts;
	u32 foreseen = foresee_rack(f);
	u32 timeout = tern_rack_detect_loss(flight_sk(f));
	struct sk_buff *skb;

	for (skb = tern_rtx_head(ts); skb; skb = skb_rb_next(skb)) {
		bool foretold = TERN_CB(skb)->flags & WILL_BE_LOST;

		if (foretold && !awaits_repair(skb))
			complain(f, "lost by RFC 8985, and not for RACK", skb);
		if (!foretold && awaits_repair(skb) && !is_tie(ts, skb))
			complain(f, "lost for RACK, and not by RFC 8985", skb);
		TERN_CB(skb)->flags &= ~WILL_BE_LOST;
		if (is_tie(ts, skb))
			foreseen = max(foreseen, timeout);
	}
	if (timeout != foreseen && tern_rtx_head(ts))
		complain(f, "RACK's timeout is not that of RFC 8985", tern_rtx_head(ts));
	return timeout;
}

/* --- counting ------------------------------------------------------------------ */

/* IsLost() of RFC 6675, section 4, for one segment: what is SACKed above it? */
static bool counts_as_lost(const struct flight *f, struct sk_buff *skb)
{
	u32 bytes = 0, runs = 0, end = TERN_CB(skb)->end_seq;

	if (TERN_CB(skb)->mark & TERN_SKB_SACKED)
		return false;
	while ((skb = skb_rb_next(skb))) {
		const struct tern_skb_cb *cb = TERN_CB(skb);

		if (!(cb->mark & TERN_SKB_SACKED))
			continue;
		/* a hole, or the segment itself, before it */
		runs += cb->seq != end || !runs;
		bytes += cb->end_seq - cb->seq;
		end = cb->end_seq;
	}
	return runs >= 3 || bytes > 2 * f->ts.mss;
}

/**
 * flight_judge - let the scoreboard mark what is lost by counting
 * @f: connection
 */
void flight_judge(struct flight *f)
{
	struct sk_buff *skb;

	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb))
		if (counts_as_lost(f, skb) || TERN_CB(skb)->mark & TERN_SKB_LOST)
			TERN_CB(skb)->flags |= WILL_BE_LOST;
	tern_scoreboard_mark_lost(flight_sk(f));
	for (skb = tern_rtx_head(&f->ts); skb; skb = skb_rb_next(skb)) {
		bool lost = TERN_CB(skb)->mark & TERN_SKB_LOST;

		if (lost && !(TERN_CB(skb)->flags & WILL_BE_LOST))
			complain(f, "lost by counting, and not by RFC 6675", skb);
		if (!lost && TERN_CB(skb)->flags & WILL_BE_LOST)
			complain(f, "lost by RFC 6675, and not by counting", skb);
		TERN_CB(skb)->flags &= ~WILL_BE_LOST;
	}
}
