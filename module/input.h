/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_INPUT_H
#define _TERN_INPUT_H

#include <linux/types.h>

#include "demux.h"

struct sk_buff;
struct sock;

bool tern_rcv_header(struct net *net, struct sk_buff *skb);
void tern_rcv_bad_checksum(struct net *net, struct sk_buff *skb);
void tern_rcv(struct net *net, struct sk_buff *skb, struct tern_flow *flow, int iif, int sdif);
int tern_do_rcv(struct sock *sk, struct sk_buff *skb);
void tern_rcv_established(struct sock *sk, struct sk_buff *skb);
void tern_rcv_fin(struct sock *sk);

#endif
