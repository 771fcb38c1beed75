/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_BUFFERS_H
#define _TERN_BUFFERS_H

#include <linux/types.h>

struct sock;
struct tern_sock;

void tern_rcv_rtt_sample(struct tern_sock *ts, u32 tsecr);
void tern_rcvbuf_adjust(struct sock *sk);
void tern_sndbuf_adjust(struct sock *sk);

#endif
