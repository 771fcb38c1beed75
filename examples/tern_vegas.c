// SPDX-License-Identifier: GPL-2.0
/*
 * An example: a congestion control in a module of its own, for a lesson or an
 * experiment to start from. It is the idea of TCP Vegas (Brakmo and Peterson,
 * 1994): not to wait for a loss, but to see in the RTT how many segments of
 * the window stand in the path's queue, and to keep two to four of them there.
 *
 *	insmod tern_vegas.ko
 *	sysctl net.tern.congestion_control=vegas
 *
 * A flow of CUBIC that shares the path fills the queue, and takes nearly all of
 * it from this one: that is the reason why it stayed an example.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <net/tern_cong.h>

#define QUEUED_MIN	2	/* segments */
#define QUEUED_MAX	4

/**
 * struct vegas - state of a connection, in tern_cong.priv
 * @min_us: smallest RTT of this round trip, 0 for none yet
 */
struct vegas {
	u32 min_us;
};

static_assert(sizeof(struct vegas) <= TERN_CONG_PRIV * sizeof(u64));

static struct vegas *vegas_of(struct tern_cong *c)
{
	return (struct vegas *)c->priv;
}

/* of a window, what the path alone would not hold is in its queue */
static u32 queued_segments(const struct tern_cong *c, u32 rtt_us)
{
	u64 bytes = div_u64((u64)c->snd_cwnd * (rtt_us - c->min_rtt_us), rtt_us);

	return div_u64(bytes, c->mss);
}

/* once in a round trip */
static void adjust(struct tern_cong *c, u32 rtt_us)
{
	u32 queued = queued_segments(c, rtt_us);

	if (tern_in_slow_start(c)) {
		if (queued > QUEUED_MIN)
			c->snd_ssthresh = c->snd_cwnd;
	} else if (queued < QUEUED_MIN) {
		c->snd_cwnd += c->mss;
	} else if (queued > QUEUED_MAX) {
		c->snd_cwnd = max(c->snd_cwnd - c->mss, 2 * c->mss);
	}
}

static void vegas_ack(struct tern_cong *c, const struct tern_cong_sample *s)
{
	struct vegas *vegas = vegas_of(c);

	if (s->rtt_us && (!vegas->min_us || s->rtt_us < vegas->min_us))
		vegas->min_us = s->rtt_us;
	if (s->round_ended && vegas->min_us) {
		adjust(c, vegas->min_us);
		vegas->min_us = 0;
	}
	tern_slow_start(c, s);
}

static u32 vegas_ssthresh(struct tern_cong *c)
{
	return max(c->snd_cwnd / 2, 2 * c->mss);
}

static struct tern_cong_ops vegas_ops = {
	.name = "vegas",
	.owner = THIS_MODULE,
	.ssthresh = vegas_ssthresh,
	.ack = vegas_ack,
};

static int __init vegas_start(void)
{
	return tern_cong_register(&vegas_ops);
}
module_init(vegas_start);

static void __exit vegas_stop(void)
{
	tern_cong_unregister(&vegas_ops);
}
module_exit(vegas_stop);

MODULE_DESCRIPTION("Tern congestion control by delay, an example");
MODULE_LICENSE("GPL");
