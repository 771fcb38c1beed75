/* SPDX-License-Identifier: GPL-2.0 */
/* What every congestion control shares; the controls see net/tern_cong.h only. */
#ifndef _TERN_CONG_H
#define _TERN_CONG_H

#include <net/tern_cong.h>

struct sock;
struct tern_net;
struct tern_sock;

extern struct tern_cong_ops tern_newreno, tern_cubic, tern_dctcp;

void tern_cong_start(void);
void tern_cong_attach(struct sock *sk);
void tern_cong_inherit(struct sock *sk);
void tern_cong_detach(struct sock *sk);
void tern_cong_name(const struct sock *sk, char *name);
int tern_cong_choose(struct sock *sk, const char *name);
int tern_cong_set_default(struct tern_net *tn, const char *name);
void tern_cong_forget_default(struct tern_net *tn);
void tern_cong_list(char *text, size_t size);

void tern_cong_init(struct sock *sk);
void tern_cong_ack(struct sock *sk, const struct tern_cong_sample *s);
void tern_cong_note_usage(struct sock *sk);
u32 tern_cong_validated(const struct tern_sock *ts);
void tern_cong_restart_after_idle(struct sock *sk, u32 idle_us);

#endif
