/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_TIMER_H
#define _TERN_TIMER_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/types.h>

struct sock;
struct timer_list;

#define TERN_RTO_MAX_US		(120u * 1000 * 1000)

/* for a timer: not before the next tick */
/* something was acknowledged: what times out next begins a series of its own */
static inline void tern_timeouts_over(struct tern_sock *ts)
{
	if (ts->retransmits)
		ts->stats.timeout_ms += jiffies_to_msecs(jiffies - ts->rtx_start);
	ts->retransmits = 0;
	ts->rtx_start = 0;
}

static inline unsigned long tern_us_to_jiffies(u32 us)
{
	return max(usecs_to_jiffies(us), 1ul);
}

void tern_timers_init(struct sock *sk);
void tern_timers_clear(struct sock *sk);
void tern_timers_clear_sync(struct sock *sk);
void tern_rtx_arm(struct sock *sk);
void tern_rtx_restart(struct sock *sk);
void tern_rtx_disarm(struct sock *sk);
void tern_probe_arm(struct sock *sk);
void tern_rto_update(struct sock *sk);
void tern_delack_arm(struct sock *sk);
void tern_keepalive_arm(struct sock *sk, unsigned long delay);
void tern_keepalive_disarm(struct sock *sk);
unsigned long tern_keepalive_time(const struct sock *sk);
void tern_fin_wait2_arm(struct sock *sk);
void tern_run_or_defer(struct sock *sk, void (*handle)(struct sock *sk), int note);
void tern_release_cb(struct sock *sk);

#endif
