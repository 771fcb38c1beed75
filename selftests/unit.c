// SPDX-License-Identifier: GPL-2.0
/*
 * The pure parts of the module, compiled into a program under the address and
 * the undefined-behaviour sanitizers: sequence numbers where they wrap, options
 * as anybody may send them, RTT, PRR, slow start, and CUBIC against the
 * formulas of RFC 9438. Needs neither the module nor root.
 */
#include "lib/kernel/pure.h"

#include <math.h>
#include <stdlib.h>

#include "kselftest_harness.h"

#include "../module/cong.h"
#include "../module/prr.h"
#include "../module/rtt.h"
#include "../module/seq.h"
#include "../module/wire.h"

#define MSS 1448u

/* --- sequence numbers ----------------------------------------------------- */

TEST(seq_order_at_the_wrap)
{
	static const u32 points[] = { 0, 1, 1000, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(points) / sizeof(*points); i++) {
		u32 at = points[i];

		EXPECT_FALSE(seq_before(at, at));
		EXPECT_TRUE(seq_before(at, at + 1));
		EXPECT_TRUE(seq_before(at - 1, at));
		EXPECT_TRUE(seq_before(at, at + 0x7fffffff));
		EXPECT_TRUE(seq_after(at + 1000, at));
		EXPECT_EQ(at + 5, seq_max(at, at + 5));
		EXPECT_EQ(at - 5, seq_min(at, at - 5));
		EXPECT_TRUE(seq_between(at, at - 1, at + 1));
		EXPECT_TRUE(seq_between(at, at, at));
		EXPECT_FALSE(seq_between(at + 2, at - 1, at + 1));
	}
}

/* --- options -------------------------------------------------------------- */

TEST(options_come_back_as_written)
{
	struct tern_options out = { .tag = 0x80000001, .mss = 65535, .nr_sack = 4 }, in;
	u8 bytes[TERN_OPT_MAX];

	for (int i = 0; i < 4; i++)
		out.sack[i] = (struct tern_sack_block){ 0xfffffff0u + i, 100u * i };
	for (out.nr_sack = 0; out.nr_sack <= 4; out.nr_sack++) {
		unsigned int len = tern_options_len(&out);

		ASSERT_LE(len, TERN_OPT_MAX);
		EXPECT_EQ(0, len % 4);
		tern_options_write(bytes, &out);
		ASSERT_EQ(0, tern_options_parse(bytes, len, &in));
		EXPECT_EQ(out.tag, in.tag);
		EXPECT_EQ(out.mss, in.mss);
		ASSERT_EQ(out.nr_sack, in.nr_sack);
		for (int i = 0; i < out.nr_sack; i++) {
			EXPECT_EQ(out.sack[i].start, in.sack[i].start);
			EXPECT_EQ(out.sack[i].end, in.sack[i].end);
		}
	}
}

/* Each in memory of just its size: a byte read beyond it is found. */
TEST(options_of_any_bytes_are_not_read_beyond)
{
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		unsigned int len = random() % (TERN_OPT_MAX + 1);
		u8 *bytes = malloc(len ?: 1);
		struct tern_options opts;

		for (unsigned int i = 0; i < len; i++)
			bytes[i] = random() % 4 ? random() % 12 : random();
		if (!tern_options_parse(bytes, len, &opts))
			ASSERT_LE(opts.nr_sack, TERN_SACK_BLOCKS);
		free(bytes);
	}
}

TEST(options_with_bad_lengths_are_refused)
{
	static const u8 bad[][8] = {
		{ 1, 0, 0, 0 }, { 1, 1, 0, 0 }, { 1, 3, 0, 0 }, { 1, 5, 0, 0 },
		{ 2, 4, 0, 0 }, { 2, 8, 0, 0 }, { 3, 2, 0, 0 }, { 3, 9, 0, 0 },
		{ 9, 0, 0, 0 }, { 9, 5, 0, 0 }, { 0, 0, 0, 9 },
	};
	struct tern_options opts;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_NE(0, tern_options_parse(bad[i], 4, &opts)) {
			TH_LOG("option %u %u", bad[i][0], bad[i][1]);
		}
	}
}

/* --- RTT ------------------------------------------------------------------ */

TEST(rtt_follows_rfc_6298)
{
	double srtt = 0, rttvar = 0;
	struct tern_rtt rtt;

	srandom(2);
	tern_rtt_init(&rtt);
	EXPECT_EQ(1000000, tern_rtt_rto(&rtt, 200000));
	for (int i = 0; i < 1000; i++) {
		double sample = 20000 + random() % 10000;

		tern_rtt_sample(&rtt, sample);
		if (!i) {
			srtt = sample;
			rttvar = sample / 2;
		} else {
			rttvar = 0.75 * rttvar + 0.25 * fabs(srtt - sample);
			srtt = 0.875 * srtt + 0.125 * sample;
		}
		EXPECT_LT(fabs(rtt.srtt / 8.0 - srtt), 10);
		EXPECT_LT(fabs(rtt.rttvar / 4.0 - rttvar), 10);
	}
	EXPECT_EQ(rtt.srtt / 8 + 200000, tern_rtt_rto(&rtt, 200000));
	EXPECT_LE(20000, rtt.min);
}

TEST(rtt_of_any_sample_stays_sane)
{
	static const u32 samples[] = { 0, 1, ~0u, 1u << 31, 5, 0, ~0u };
	struct tern_rtt rtt;

	tern_rtt_init(&rtt);
	for (int i = 0; i < 1000; i++) {
		tern_rtt_sample(&rtt, samples[i % 7]);
		EXPECT_LT(0, rtt.srtt);
		EXPECT_LE(1, tern_rtt_rto(&rtt, 1));
	}
}

/* --- PRR ------------------------------------------------------------------ */

/*
 * One loss in a window of so many segments, one acknowledgment for each of the
 * others. Returns segments sent until the end of the recovery.
 */
static u32 recover(u32 window, u32 ssthresh)
{
	u32 pipe = window - 2, sent = 0;	/* one lost, one SACKed */
	struct tern_prr prr;

	tern_prr_begin(&prr, window * MSS);
	for (u32 acks = 1; acks < window; acks++) {
		u32 allowance = tern_prr_allowance(&prr, MSS, pipe * MSS, ssthresh * MSS, MSS,
						   false);

		for (; allowance >= MSS; allowance -= MSS) {
			prr.out += MSS;
			pipe++;
			sent++;
		}
		pipe -= !!pipe;
	}
	return sent;
}

TEST(prr_sends_in_proportion)
{
	EXPECT_LE(abs((int)recover(100, 70) - 70), 2);
	EXPECT_LE(abs((int)recover(100, 50) - 50), 2);
	EXPECT_LE(abs((int)recover(1000, 700) - 700), 2);
}

TEST(prr_always_sends_the_first)
{
	struct tern_prr prr;

	tern_prr_begin(&prr, 1000 * MSS);
	EXPECT_LE(MSS, tern_prr_allowance(&prr, 0, 999 * MSS, 500 * MSS, MSS, false));
}

TEST(prr_below_ssthresh_slow_starts_only_when_it_is_safe)
{
	struct tern_prr prr;

	tern_prr_begin(&prr, 20 * MSS);
	prr.out = MSS;
	EXPECT_EQ(MSS, tern_prr_allowance(&prr, MSS, 2 * MSS, 10 * MSS, MSS, false));
	EXPECT_EQ(2 * MSS, tern_prr_allowance(&prr, MSS, 2 * MSS, 10 * MSS, MSS, true));
	EXPECT_EQ(0, tern_prr_allowance(&prr, MSS, 10 * MSS, 10 * MSS, MSS, true));
}

/* --- congestion control --------------------------------------------------- */

static void begin(struct tern_cong *c, struct tern_cong_ops *ops, u32 segments)
{
	*c = (struct tern_cong){
		.ops = ops,
		.mss = MSS,
		.snd_cwnd = segments * MSS,
		.snd_ssthresh = TERN_SSTHRESH_UNKNOWN,
		.min_rtt_us = 1,
		.rtt_us = 1000,		/* a queue */
	};
}

static void lose(struct tern_cong *c)
{
	c->snd_ssthresh = c->ops->ssthresh(c);
	c->snd_cwnd = c->snd_ssthresh;
}

/* A window is acknowledged, two segments at a time, within an RTT. */
static void round_trip(struct tern_cong *c, u32 *now_us, u32 rtt_us)
{
	u32 acks = c->snd_cwnd / (2 * MSS) ?: 1;

	for (u32 i = 0; i < acks; i++) {
		struct tern_cong_sample s = {
			.acked = 2 * MSS,
			.rtt_us = rtt_us,
			.srtt_us = rtt_us,
			.now_us = *now_us + rtt_us / acks * (i + 1),
			.snd_una = *now_us / 100 + i,
			.snd_nxt = *now_us / 100 + acks,
		};

		c->ops->ack(c, &s);
	}
	*now_us += rtt_us;
}

/* CUBIC keeps it first. */
static u32 w_max_of(const struct tern_cong *c)
{
	u32 w_max;

	memcpy(&w_max, c->priv, sizeof(w_max));
	return w_max;
}

static double in_segments(const struct tern_cong *c)
{
	return (double)c->snd_cwnd / MSS;
}

TEST(slow_start_doubles)
{
	struct tern_cong c;
	u32 now = 0xfffff000;

	begin(&c, &tern_newreno, 10);
	for (int i = 0; i < 4; i++)
		round_trip(&c, &now, 100000);
	EXPECT_LT(fabs(in_segments(&c) - 160), 2);
}

TEST(newreno_halves_and_adds_one_in_a_round_trip)
{
	struct tern_cong c;
	u32 now = 0;

	begin(&c, &tern_newreno, 100);
	lose(&c);
	EXPECT_EQ(50 * MSS, c.snd_cwnd);
	for (int i = 0; i < 20; i++)
		round_trip(&c, &now, 100000);
	EXPECT_LT(fabs(in_segments(&c) - 70), 1.5);
}

/* W_cubic(t) of RFC 9438, section 4.2, in segments and seconds */
static double w_cubic(double t, double w_max, double w_start)
{
	double k = cbrt((w_max - w_start) / 0.4);

	return 0.4 * pow(t - k, 3) + w_max;
}

TEST(cubic_follows_its_curve)
{
	static const double windows[] = { 200, 1000, 5000 };

	for (int i = 0; i < 3; i++) {
		const double w_max = windows[i];
		struct tern_cong c;
		u32 now = 0xffff0000;		/* the clock wraps on the way */

		begin(&c, &tern_cubic, w_max);
		lose(&c);
		EXPECT_LT(fabs(in_segments(&c) - 0.7 * w_max), 1);
		for (int n = 1; n <= 150; n++) {
			double expected = w_cubic(n * 0.1, w_max, 0.7 * w_max);

			round_trip(&c, &now, 100000);
			EXPECT_LT(fabs(in_segments(&c) - expected), 0.05 * w_max) {
				TH_LOG("W_max %.0f, %.1f s: %.1f, RFC %.1f", w_max,
				       n * 0.1, in_segments(&c), expected);
			}
		}
	}
}

TEST(cubic_is_not_slower_than_reno)
{
	struct tern_cong c;
	u32 now = 0;

	/* on a short path the curve is flat for ages */
	begin(&c, &tern_cubic, 40);
	lose(&c);
	for (int n = 0; n < 100; n++)
		round_trip(&c, &now, 2000);
	/* 0.53 segments in a round trip, section 4.3 */
	EXPECT_LT(fabs(in_segments(&c) - (28 + 53)), 6) {
		TH_LOG("%.1f segments", in_segments(&c));
	}
}

TEST(cubic_converges_fast)
{
	struct tern_cong c;

	begin(&c, &tern_cubic, 100);
	lose(&c);
	lose(&c);
	/* the second time below W_max: room is made, section 4.7 */
	EXPECT_LT(fabs((double)w_max_of(&c) / MSS - 70 * 0.85), 1);
}

TEST(cubic_undo_forgets_the_reduction)
{
	struct tern_cong c;
	u32 w_max;

	begin(&c, &tern_cubic, 100);
	lose(&c);
	w_max = w_max_of(&c);
	lose(&c);
	c.ops->undo(&c);
	EXPECT_EQ(w_max, w_max_of(&c));
}

TEST(cubic_reduces_less_without_a_queue)
{
	struct tern_cong c;

	begin(&c, &tern_cubic, 100);
	c.min_rtt_us = 20000;
	c.rtt_us = 21000;
	lose(&c);
	EXPECT_EQ(85 * MSS, c.snd_cwnd);
	begin(&c, &tern_cubic, 100);
	c.min_rtt_us = 20000;
	c.rtt_us = 23000;
	lose(&c);
	EXPECT_EQ(70 * MSS, c.snd_cwnd);
}

TEST(cubic_window_stays_sane_whatever_comes)
{
	static struct tern_cong_ops *const all[] = { &tern_cubic, &tern_newreno };

	srandom(3);
	for (int i = 0; i < 20000; i++) {
		struct tern_cong c;
		u32 now = random();

		begin(&c, all[i % 2], 1 + random() % 700000);
		for (int n = 0; n < 20; n++) {
			struct tern_cong_sample s = {
				.acked = random() % (64 * MSS),
				.rtt_us = random() % 1000000,
				.srtt_us = 1 + random() % 1000000,
				.now_us = now += random() % 10000000,
				.snd_una = random(),
				.snd_nxt = random(),
			};

			c.ops->ack(&c, &s);
			if (random() % 4 == 0)
				lose(&c);
			ASSERT_LE(2 * MSS < c.snd_cwnd ? MSS : 0, c.snd_cwnd);
			ASSERT_LE(c.snd_cwnd, S32_MAX);
		}
	}
}

TEST(hystart_leaves_slow_start_when_the_rtt_grows)
{
	struct tern_cong c;
	u32 now = 0, rtt = 50000;

	begin(&c, &tern_newreno, 20);
	for (int n = 0; n < 10 && tern_in_slow_start(&c); n++) {
		round_trip(&c, &now, rtt);
		rtt += n > 1 ? 10000 : 0;
	}
	EXPECT_FALSE(tern_in_slow_start(&c));
	/* five rounds at a quarter of the pace; without, it would be 20000 */
	EXPECT_LT(in_segments(&c), 800);
}

TEST(hystart_goes_on_while_the_rtt_is_steady)
{
	struct tern_cong c;
	u32 now = 0;

	begin(&c, &tern_newreno, 20);
	for (int n = 0; n < 10; n++)
		round_trip(&c, &now, 50000 + n % 2 * 3000);
	EXPECT_TRUE(tern_in_slow_start(&c));
}

TEST_HARNESS_MAIN
