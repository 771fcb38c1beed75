// SPDX-License-Identifier: GPL-2.0
/*
 * What every congestion control shares: the initial window, idle restart, the
 * rule that a window is not grown which was not used; and which control a
 * socket or a namespace has. The control itself is a table (net/tern_cong.h).
 *
 * Called with the socket locked, unless a function says otherwise.
 */
#include <linux/capability.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "cong.h"
#include "sock.h"

#define INITIAL_WINDOW_SEGMENTS 10	/* RFC 6928 */
#define USAGE_PERIOD	HZ	/* RFC 7661, 4.2; the latest two count */
#define NON_VALIDATED_PERIOD (300 * HZ)	/* section 4.4.2 */

static LIST_HEAD(registered);
static DEFINE_MUTEX(registered_lock);

static struct tern_cong_ops *find(const char *name)
{
	struct tern_cong_ops *ops;

	list_for_each_entry(ops, &registered, list)
		if (!strcmp(ops->name, name))
			return ops;
	return NULL;
}

/* a control that stays until module_put(), or NULL; may sleep */
static struct tern_cong_ops *get_by_name(const char *name)
{
	struct tern_cong_ops *ops;
	bool again = true;

	for (;; again = false) {
		mutex_lock(&registered_lock);
		ops = find(name);
		if (ops && !try_module_get(ops->owner))
			ops = NULL;
		mutex_unlock(&registered_lock);
		if (ops || !again || !capable(CAP_NET_ADMIN))
			return ops;
		request_module("tern_%s", name);
	}
}

/**
 * tern_cong_register - offer a congestion control
 * @ops: control; stays the caller's, who must unregister it
 *
 * Context: process. Return: 0, -EINVAL for a control that lacks a hook or a
 * name, -EEXIST when the name is taken.
 */
int tern_cong_register(struct tern_cong_ops *ops)
{
	int err = 0;

	if (!ops->name[0] || strnlen(ops->name, sizeof(ops->name)) == sizeof(ops->name) ||
	    !ops->ssthresh || !ops->ack)
		return -EINVAL;
	mutex_lock(&registered_lock);
	if (find(ops->name))
		err = -EEXIST;
	else
		list_add_tail(&ops->list, &registered);
	mutex_unlock(&registered_lock);
	return err;
}
EXPORT_SYMBOL_GPL(tern_cong_register);

/**
 * tern_cong_unregister - take a control back
 * @ops: control of a module that is being unloaded: no socket has it
 *
 * Context: process.
 */
void tern_cong_unregister(struct tern_cong_ops *ops)
{
	mutex_lock(&registered_lock);
	list_del(&ops->list);
	mutex_unlock(&registered_lock);
	synchronize_rcu();	/* tern_cong_attach() */
}
EXPORT_SYMBOL_GPL(tern_cong_unregister);

/**
 * tern_cong_start - register those of this module
 *
 * Context: module load.
 */
void __init tern_cong_start(void)
{
	tern_cong_register(&tern_cubic);
	tern_cong_register(&tern_newreno);
	tern_cong_register(&tern_dctcp);
}

/**
 * tern_cong_list - names of the registered controls
 * @text: where to
 * @size: room
 *
 * Context: process.
 */
void tern_cong_list(char *text, size_t size)
{
	struct tern_cong_ops *ops;
	size_t at = 0;

	text[0] = '\0';
	mutex_lock(&registered_lock);
	list_for_each_entry(ops, &registered, list)
		at += scnprintf(text + at, size - at, "%s%s", at ? " " : "", ops->name);
	mutex_unlock(&registered_lock);
}

/**
 * tern_cong_set_default - what new sockets of a namespace get
 * @tn: namespace
 * @name: of a registered control, or of one that can be loaded
 *
 * Context: process, not locked. Return: 0, -ENOENT, or -EPERM for a control
 * that is restricted, in a namespace that is not the initial one.
 */
int tern_cong_set_default(struct tern_net *tn, const char *name)
{
	struct tern_cong_ops *ops = get_by_name(name), *old;

	if (!ops)
		return -ENOENT;
	if (ops->restricted && tn != tern_net(&init_net)) {
		module_put(ops->owner);
		return -EPERM;
	}
	old = xchg(&tn->cong_default, ops);
	if (old)
		module_put(old->owner);
	return 0;
}

/**
 * tern_cong_forget_default - the namespace goes away
 * @tn: namespace
 */
void tern_cong_forget_default(struct tern_net *tn)
{
	module_put(tn->cong_default->owner);
}

static void use(struct tern_sock *ts, const struct tern_cong_ops *ops)
{
	WRITE_ONCE(ts->cong.ops, ops);
	ts->cong.credit = 0;
	memset(ts->cong.priv, 0, sizeof(ts->cong.priv));
}

/**
 * tern_cong_attach - a new socket gets the control of its namespace
 * @sk: socket that has none; need not be locked
 */
void tern_cong_attach(struct sock *sk)
{
	const struct tern_cong_ops *ops;

	rcu_read_lock();
	ops = READ_ONCE(tern_net(sock_net(sk))->cong_default);
	if (!try_module_get(ops->owner))
		ops = &tern_cubic;
	rcu_read_unlock();
	use(tern_sk(sk), ops);
}

/**
 * tern_cong_inherit - the copy of a listener holds its control too
 * @sk: from sk_clone_lock(), under RCU
 */
void tern_cong_inherit(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	const struct tern_cong_ops *ops = READ_ONCE(ts->cong.ops);

	/* the listener, which is not locked, may have changed its own meanwhile */
	if (!try_module_get(ops->owner))
		ops = &tern_cubic;
	use(ts, ops);
}

/**
 * tern_cong_detach - the socket is freed
 * @sk: socket
 */
void tern_cong_detach(struct sock *sk)
{
	module_put(tern_sk(sk)->cong.ops->owner);
}

/**
 * tern_cong_choose - TCP_CONGESTION
 * @sk: socket, not locked
 * @name: of a control
 *
 * In the middle of a connection the window stays.
 *
 * Context: process. Return: 0, -ENOENT, or -EPERM for a control that is restricted.
 */
int tern_cong_choose(struct sock *sk, const char *name)
{
	const struct tern_cong_ops *ops = get_by_name(name), *old;
	struct tern_sock *ts = tern_sk(sk);

	if (!ops)
		return -ENOENT;
	if (ops->restricted && !ns_capable(sock_net(sk)->user_ns, CAP_NET_ADMIN)) {
		module_put(ops->owner);
		return -EPERM;
	}
	lock_sock(sk);
	old = ts->cong.ops;
	use(ts, ops);
	if (ops->init)
		ops->init(&ts->cong);
	release_sock(sk);
	/* who read it without the lock (a listener's) did so under RCU */
	module_put(old->owner);
	return 0;
}

/**
 * tern_cong_name - which control a socket has
 * @sk: socket; need not be locked
 * @name: where to, TERN_CONG_NAME_MAX bytes, padded with zeros
 */
void tern_cong_name(const struct sock *sk, char *name)
{
	rcu_read_lock();
	strscpy_pad(name, READ_ONCE(tern_sk(sk)->cong.ops)->name, TERN_CONG_NAME_MAX);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(tern_cong_name);

static u32 initial_window(const struct tern_sock *ts)
{
	return INITIAL_WINDOW_SEGMENTS * ts->mss;
}

/**
 * tern_cong_init - a connection begins
 * @sk: socket, mss known
 */
void tern_cong_init(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	ts->cong.snd_cwnd = initial_window(ts);
	ts->cong.snd_ssthresh = TERN_SSTHRESH_UNKNOWN;
	memset(&ts->cong.hystart, 0, sizeof(ts->cong.hystart));
	ts->cong.rtt_us = 0;
	ts->cong.min_rtt_us = 0;
	use(ts, ts->cong.ops);
	ts->is_cwnd_limited = false;
	ts->cwnd_usage_seq = ts->snd_una;
	ts->cwnd_used = 0;
	ts->cwnd_used_before = 0;
	ts->cwnd_used_since = jiffies;
	ts->cwnd_validated = jiffies;
	ts->round_end = ts->snd_nxt;
	ts->last_sent = tern_clock_us();
	if (ts->cong.ops->init)
		ts->cong.ops->init(&ts->cong);
}

/**
 * tern_cong_ack - bytes were delivered outside of fast recovery
 * @sk: socket
 * @s: what the acknowledgment told
 */
void tern_cong_ack(struct sock *sk, const struct tern_cong_sample *s)
{
	struct tern_sock *ts = tern_sk(sk);
	bool first;

	/* RFC 7661: a window that was not filled says nothing about the path */
	if (!s->acked || (!ts->is_cwnd_limited && ts->ca_state == TERN_CA_OPEN))
		return;
	first = ts->cong.snd_ssthresh == TERN_SSTHRESH_UNKNOWN;
	ts->cong.ops->ack(&ts->cong, s);
	if (first && ts->cong.snd_ssthresh != TERN_SSTHRESH_UNKNOWN) {
		tern_mib_inc(sock_net(sk), HystartDelayDetect);
		tern_mib_add(sock_net(sk), HystartDelayCwnd, ts->cong.snd_cwnd / ts->mss);
	}
}

static u32 recently_used(const struct tern_sock *ts)
{
	return max(ts->cwnd_used, ts->cwnd_used_before);
}

/* RFC 7661, 4.3: slow start, and not more, leads back to where the window was */
static void remember_window(struct tern_cong *c)
{
	c->snd_ssthresh = max(c->snd_ssthresh, c->snd_cwnd / 4 * 3);
}

/**
 * tern_cong_note_usage - something may have been sent: how full is the window?
 * @sk: socket
 *
 * What was in flight at most, lately, is pipeACK of RFC 7661. A window of which
 * less than half was in use is not validated: it is kept for five minutes, but when
 * something is lost what was in use is reduced (tern_cong_validated()).
 */
void tern_cong_note_usage(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_cong *c = &ts->cong;

	if (time_after(jiffies, ts->cwnd_used_since + USAGE_PERIOD)) {
		ts->cwnd_used_before = ts->cwnd_used;
		ts->cwnd_used = 0;
		ts->cwnd_used_since = jiffies;
	}
	ts->cwnd_used = max(ts->cwnd_used, tern_in_flight(ts));
	if (recently_used(ts) >= c->snd_cwnd / 2) {
		ts->cwnd_validated = jiffies;
	} else if (time_after(jiffies, ts->cwnd_validated + NON_VALIDATED_PERIOD)) {
		remember_window(c);
		c->snd_cwnd = max(c->snd_cwnd / 2, min(initial_window(ts), c->snd_cwnd));
		ts->cwnd_validated = jiffies;
	}
}

/**
 * tern_cong_validated - the window as far as the path is known to bear it
 * @ts: socket on which something was lost or marked
 *
 * RFC 7661, section 4.4.1. Return: bytes, at most the window.
 */
u32 tern_cong_validated(const struct tern_sock *ts)
{
	u32 used = max3(recently_used(ts), ts->snd_nxt - ts->snd_una, 2u * ts->mss);

	return used < ts->cong.snd_cwnd / 2 ? used : ts->cong.snd_cwnd;
}

/**
 * tern_cong_restart_after_idle - the window of a path that was not used ages
 * @sk: socket with nothing in flight
 * @idle_us: since the last segment was sent
 *
 * Halved for each RTO that passed, not below the initial window (RFC 7661).
 */
void tern_cong_restart_after_idle(struct sock *sk, u32 idle_us)
{
	struct tern_sock *ts = tern_sk(sk);
	struct tern_cong *c = &ts->cong;
	u32 restart = min(initial_window(ts), c->snd_cwnd);

	remember_window(c);
	while (idle_us > ts->rto_us && c->snd_cwnd > restart) {
		c->snd_cwnd /= 2;
		idle_us -= ts->rto_us;
	}
	c->snd_cwnd = max(c->snd_cwnd, restart);
}
