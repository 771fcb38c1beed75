// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading. Inside out: what others call comes before who calls
 * it, and the doors are opened last.
 */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/tern.h>
#include <net/sock.h>

#include "cong.h"
#include "demux.h"
#include "handshake.h"
#include "ip.h"
#include "netns.h"
#include "offload.h"
#include "port.h"
#include "sock.h"

unsigned int tern_family = AF_TERN;
module_param_named(family, tern_family, uint, 0444);
MODULE_PARM_DESC(family, "address family (default 18)");

unsigned int tern_protocol = IPPROTO_TERN;
module_param_named(protocol, tern_protocol, uint, 0444);
MODULE_PARM_DESC(protocol, "IP protocol number (default 253)");
EXPORT_SYMBOL_GPL(tern_protocol);

static int __init check_parameters(void)
{
	if (!tern_family || tern_family >= AF_MAX) {
		pr_err("tern: family=%u: must be 1 to %d\n", tern_family, AF_MAX - 1);
		return -EINVAL;
	}
	if (!tern_protocol || tern_protocol > 254) {
		pr_err("tern: protocol=%u: must be 1 to 254\n", tern_protocol);
		return -EINVAL;
	}
	return 0;
}

static int __init tern_init(void)
{
	int err;

	err = check_parameters();
	if (err)
		return err;
	tern_handshake_init();
	tern_cong_start();
	err = tern_mem_init();
	if (err)
		return err;
	err = tern_demux_init();
	if (err)
		goto mem;
	err = tern_port_init();
	if (err)
		goto demux;
	err = tern_netns_init();
	if (err)
		goto port;
	err = proto_register(&tern_prot, 1);
	if (err)
		goto netns;
	err = proto_register(&tern6_prot, 1);
	if (err)
		goto prot;
	err = tern_offload_register();
	if (err)
		goto prot6;
	err = tern_ip4_register();
	if (err)
		goto offload;
	err = tern_ip6_register();
	if (err)
		goto ip4;
	/* behind an open door nothing may fail: a socket could be there already */
	err = tern_family_register();
	if (err) {
		pr_err("tern: address family %u is taken\n", tern_family);
		err = -EBUSY;	/* modprobe takes -EEXIST for "is loaded already" */
		goto ip6;
	}
	tern_inet_register();
	pr_info("tern: family %u, protocol %u\n", tern_family, tern_protocol);
	return 0;

ip6:
	tern_ip6_unregister();
ip4:
	tern_ip4_unregister();
offload:
	tern_offload_unregister();
prot6:
	proto_unregister(&tern6_prot);
prot:
	proto_unregister(&tern_prot);
netns:
	tern_netns_exit();
port:
	tern_port_exit();
demux:
	tern_demux_exit();
mem:
	tern_mem_exit();
	return err;
}

static void __exit tern_exit(void)
{
	tern_family_unregister();
	tern_inet_unregister();
	tern_ip6_unregister();
	tern_ip4_unregister();
	tern_offload_unregister();
	tern_netns_exit();
	rcu_barrier();		/* sockets and small objects on their last grace period */
	proto_unregister(&tern6_prot);
	proto_unregister(&tern_prot);
	tern_port_exit();
	tern_demux_exit();
	tern_mem_exit();
	pr_info("tern: unloaded\n");
}

module_init(tern_init);
module_exit(tern_exit);

MODULE_DESCRIPTION("Tern, a reliable byte-stream transport");
MODULE_LICENSE("GPL");
MODULE_ALIAS_NETPROTO(18);
/* the type is written as a number: the macro would make a string of the enum's name */
MODULE_ALIAS_NET_PF_PROTO_TYPE(PF_INET, 253, 1);
MODULE_ALIAS_NET_PF_PROTO_TYPE(PF_INET6, 253, 1);
MODULE_ALIAS_NET_PF_PROTO(PF_INET, 253);
MODULE_ALIAS_NET_PF_PROTO(PF_INET6, 253);
