/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_RCVMEM_H
#define _TERN_RCVMEM_H

#include <linux/types.h>

struct sk_buff;
struct sock;

bool tern_rcv_make_room(struct sock *sk, struct sk_buff *skb);

#endif
