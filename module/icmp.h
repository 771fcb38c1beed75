/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_ICMP_H
#define _TERN_ICMP_H

#include "demux.h"

struct sk_buff;

/**
 * struct tern_icmp - an ICMP error, the same for both versions
 * @flow: addresses of the packet it quotes; the ports are filled in later
 * @daddr: destination address in the IP header that it quotes
 * @quoted: the quoted segment, of which 8 bytes are readable
 * @err: errno it stands for
 * @too_big: packet too big, @info is the MTU
 * @redirect: no error: another gateway is nearer
 * @info: see @too_big
 * @iif: interface it came in on
 */
struct tern_icmp {
	struct tern_flow flow;
	const void *daddr;
	const u8 *quoted;
	int err;
	bool too_big;
	bool redirect;
	u32 info;
	int iif;
};

int tern_icmp_error(struct net *net, struct sk_buff *skb, struct tern_icmp *icmp);
void tern_pmtu_reduced(struct sock *sk);

#endif
