// SPDX-License-Identifier: GPL-2.0
/*
 * Network namespaces, links, addresses and routes, for the selftests of Tern.
 *
 * It speaks rtnetlink itself: to start ip(8) takes longer than a whole test,
 * above all in an emulated machine. Addresses are given as text, and the family
 * follows from it. Neighbours are entered by hand and duplicate address
 * detection is off, so that a link is usable when the function returns.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "tern_lib.h"

struct request {
	struct nlmsghdr head;
	char body[1024];
};

struct ip {
	int family;
	int len;
	unsigned char bytes[16];
};

static void *request_init(struct request *r, int type, int flags, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_len = NLMSG_LENGTH(len);
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return NLMSG_DATA(&r->head);
}

static struct rtattr *put(struct request *r, int type, const void *data, int len)
{
	struct rtattr *attr = (void *)r + NLMSG_ALIGN(r->head.nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(attr->rta_len);
	return attr;
}

static void put_int(struct request *r, int type, uint32_t value)
{
	put(r, type, &value, sizeof(value));
}

static void put_text(struct request *r, int type, const char *text)
{
	put(r, type, text, strlen(text) + 1);
}

/* Everything that was put since @attr becomes its contents. */
static void nest_end(struct request *r, struct rtattr *attr)
{
	attr->rta_len = (void *)r + r->head.nlmsg_len - (void *)attr;
}

/* Sends the request and reads what the kernel says to it. */
static int request_ask(struct request *r, void *answer, size_t size)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int n;

	if (fd < 0)
		return -1;
	n = send(fd, r, r->head.nlmsg_len, 0);
	if (n > 0)
		n = recv(fd, answer, size, 0);
	close(fd);
	return n;
}

static int request_do(struct request *r)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		char rest[2048];
	} answer;

	if (request_ask(r, &answer, sizeof(answer)) < 0)
		return -1;
	errno = -answer.err.error;
	return errno ? -1 : 0;
}

static struct ip ip_of(const char *text)
{
	struct ip ip = { AF_INET, 4, {} };

	if (strchr(text, ':')) {
		ip.family = AF_INET6;
		ip.len = 16;
	}
	inet_pton(ip.family, text, ip.bytes);
	return ip;
}

/* Two texts may be in use at once, as in a call with destination and gateway. */
const char *host_text(const struct door *d, int net, int n)
{
	static char text[4][INET6_ADDRSTRLEN];
	static int next;
	char *s = text[next++ % 4];

	snprintf(s, INET6_ADDRSTRLEN, d->ip == 4 ? "10.0.%d.%d" : "fd00:%d::%d",
		 net, n);
	return s;
}

int host_prefix(const struct door *d)
{
	return d->ip == 4 ? 32 : 128;
}

int netns_enter(int ns)
{
	return setns(ns, CLONE_NEWNET);
}

static int netns_here(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

int netns_new(void)
{
	if (unshare(CLONE_NEWNET) || link_set("lo", true))
		return -1;
	return netns_here();
}

int sysctl_set(const char *name, const char *value)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = write(fd, value, strlen(value)) < 0 ? -1 : 0;
	close(fd);
	return ret;
}

int link_index(const char *dev)
{
	return if_nametoindex(dev);
}

int link_set(const char *dev, bool up)
{
	struct request r;
	struct ifinfomsg *msg = request_init(&r, RTM_NEWLINK, 0, sizeof(*msg));

	msg->ifi_index = link_index(dev);
	msg->ifi_flags = up ? IFF_UP : 0;
	msg->ifi_change = IFF_UP;
	return request_do(&r);
}

/* RFC 2863's state of a link, IF_OPER_UP when it works, or -1. */
static int link_state(const char *dev)
{
	struct request r;
	struct ifinfomsg *msg = request_init(&r, RTM_GETLINK, 0, sizeof(*msg));
	union {
		struct nlmsghdr head;
		char text[8192];
	} answer;
	struct rtattr *attr;
	int left;

	r.head.nlmsg_flags = NLM_F_REQUEST;
	put_text(&r, IFLA_IFNAME, dev);
	if (request_ask(&r, &answer, sizeof(answer)) < 0 ||
	    answer.head.nlmsg_type != RTM_NEWLINK)
		return -1;
	msg = NLMSG_DATA(&answer.head);
	left = IFLA_PAYLOAD(&answer.head);
	for (attr = IFLA_RTA(msg); RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == IFLA_OPERSTATE)
			return *(unsigned char *)RTA_DATA(attr);
	}
	return -1;
}

/* What is done with packets for @host: RTN_LOCAL, RTN_UNICAST ..., or -1. */
static int route_type(const char *host)
{
	struct ip ip = ip_of(host);
	struct request r;
	struct rtmsg *msg = request_init(&r, RTM_GETROUTE, 0, sizeof(*msg));
	struct {
		struct nlmsghdr head;
		struct rtmsg msg;
		char rest[2048];
	} answer;

	r.head.nlmsg_flags = NLM_F_REQUEST;
	msg->rtm_family = ip.family;
	msg->rtm_dst_len = ip.len * 8;
	put(&r, RTA_DST, ip.bytes, ip.len);
	if (request_ask(&r, &answer, sizeof(answer)) < 0 ||
	    answer.head.nlmsg_type != RTM_NEWROUTE)
		return -1;
	return answer.msg.rtm_type;
}

int addr_add(const char *dev, const char *host, int prefix)
{
	struct ip ip = ip_of(host);
	struct request r;
	struct ifaddrmsg *msg = request_init(&r, RTM_NEWADDR, NLM_F_CREATE,
					     sizeof(*msg));

	msg->ifa_family = ip.family;
	msg->ifa_prefixlen = prefix;
	msg->ifa_flags = IFA_F_NODAD;
	msg->ifa_index = link_index(dev);
	put(&r, IFA_LOCAL, ip.bytes, ip.len);
	put(&r, IFA_ADDRESS, ip.bytes, ip.len);
	if (request_do(&r))
		return -1;
	/* With IPv6 a work item sees to it, and who is early keeps no route. */
	if (!wait_until(route_type(host) == RTN_LOCAL)) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	return 0;
}

static struct rtmsg *route_init(struct request *r, int op, int flags, const char *dst, int prefix)
{
	struct rtmsg *msg = request_init(r, op, flags, sizeof(*msg));
	struct ip ip = ip_of(dst);

	msg->rtm_family = ip.family;
	msg->rtm_dst_len = prefix;
	msg->rtm_table = RT_TABLE_MAIN;
	msg->rtm_protocol = RTPROT_STATIC;
	msg->rtm_scope = RT_SCOPE_UNIVERSE;
	put(r, RTA_DST, ip.bytes, ip.len);
	return msg;
}

static int route_change(int op, int flags, int type, const char *dst,
			int prefix, const char *via)
{
	struct request r;
	struct ip ip;

	route_init(&r, op, flags, dst, prefix)->rtm_type = type;
	if (via) {
		ip = ip_of(via);
		put(&r, RTA_GATEWAY, ip.bytes, ip.len);
	}
	return request_do(&r);
}

int route_add(int type, const char *dst, int prefix, const char *via)
{
	return route_change(RTM_NEWROUTE, NLM_F_CREATE, type, dst, prefix, via);
}

int route_del(int type, const char *dst, int prefix)
{
	return route_change(RTM_DELROUTE, 0, type, dst, prefix, NULL);
}

int route_add_local(const char *dst, int prefix, int table)
{
	struct request r;
	struct rtmsg *msg = route_init(&r, RTM_NEWROUTE, NLM_F_CREATE, dst, prefix);

	msg->rtm_table = table;
	msg->rtm_scope = RT_SCOPE_HOST;
	msg->rtm_type = RTN_LOCAL;
	put_int(&r, RTA_OIF, link_index("lo"));
	return request_do(&r);
}

static void rule_init(struct request *r, const struct door *d, int action, int table)
{
	struct fib_rule_hdr *msg = request_init(r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL,
						sizeof(*msg));

	msg->family = d->ip == 4 ? AF_INET : AF_INET6;
	msg->action = action;
	msg->table = table;
	put_int(r, FRA_PRIORITY, 100);
}

int rule_add_mark(const struct door *d, uint32_t mark)
{
	struct request r;

	rule_init(&r, d, FR_ACT_PROHIBIT, RT_TABLE_UNSPEC);
	put_int(&r, FRA_FWMARK, mark);
	return request_do(&r);
}

int rule_add_from(const struct door *d, const char *dev, int table)
{
	struct request r;

	rule_init(&r, d, FR_ACT_TO_TBL, table);
	put_text(&r, FRA_IIFNAME, dev);
	return request_do(&r);
}

static void mac_of(unsigned char *mac, int net, int n)
{
	const unsigned char bytes[6] = { 0x02, 0, 0, 0, net, n };

	memcpy(mac, bytes, 6);
}

static int neighbour_add(const char *dev, const char *host, int net, int n)
{
	struct ip ip = ip_of(host);
	struct request r;
	struct ndmsg *msg = request_init(&r, RTM_NEWNEIGH, NLM_F_CREATE,
					 sizeof(*msg));
	unsigned char mac[6];

	msg->ndm_family = ip.family;
	msg->ndm_ifindex = link_index(dev);
	msg->ndm_state = NUD_PERMANENT;
	mac_of(mac, net, n);
	put(&r, NDA_DST, ip.bytes, ip.len);
	put(&r, NDA_LLADDR, mac, sizeof(mac));
	return request_do(&r);
}

static int veth_create(const char *dev, int net, int peer_ns)
{
	struct request r;
	struct rtattr *info, *data, *peer;
	struct ifinfomsg none = {};
	unsigned char mac[6];

	request_init(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(none));
	put_text(&r, IFLA_IFNAME, dev);
	mac_of(mac, net, 1);
	put(&r, IFLA_ADDRESS, mac, sizeof(mac));
	info = put(&r, IFLA_LINKINFO, NULL, 0);
	put_text(&r, IFLA_INFO_KIND, "veth");
	data = put(&r, IFLA_INFO_DATA, NULL, 0);
	peer = put(&r, VETH_INFO_PEER, &none, sizeof(none));
	put_text(&r, IFLA_IFNAME, dev);
	mac_of(mac, net, 2);
	put(&r, IFLA_ADDRESS, mac, sizeof(mac));
	put_int(&r, IFLA_NET_NS_FD, peer_ns);
	nest_end(&r, peer);
	nest_end(&r, data);
	nest_end(&r, info);
	return request_do(&r);
}

static int end_up(const char *dev, int net, int self, int other)
{
	/* Before it has noticed its carrier, the link swallows packets. */
	if (!wait_until(link_state(dev) == IF_OPER_UP)) {
		errno = ENETDOWN;
		return -1;
	}
	for (int i = 0; i < 2; i++) {
		const struct door *d = &doors[DOOR_TCP_V4 + i];

		if (addr_add(dev, host_text(d, net, self), d->ip == 4 ? 24 : 64) ||
		    neighbour_add(dev, host_text(d, net, other), net, other))
			return -1;
	}
	return 0;
}

int veth_join(int net, int ns_1, int ns_2)
{
	int home = netns_here();
	char dev[IFNAMSIZ];
	int ret = -1;

	snprintf(dev, sizeof(dev), "net%d", net);
	if (!netns_enter(ns_1) && !veth_create(dev, net, ns_2) &&
	    !link_set(dev, true) &&
	    !netns_enter(ns_2) && !link_set(dev, true) &&
	    !end_up(dev, net, 2, 1) &&
	    !netns_enter(ns_1) && !end_up(dev, net, 1, 2))
		ret = 0;
	if (netns_enter(home))
		ret = -1;
	close(home);
	return ret;
}

int link_loss(const char *dev, int percent)
{
	struct tc_netem_qopt netem = {
		.limit = 10000,
		.loss = UINT32_MAX / 100 * percent,
	};
	struct request r;
	struct tcmsg *msg = request_init(&r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE,
					 sizeof(*msg));

	msg->tcm_ifindex = link_index(dev);
	msg->tcm_parent = TC_H_ROOT;
	put_text(&r, TCA_KIND, "netem");
	put(&r, TCA_OPTIONS, &netem, sizeof(netem));
	return request_do(&r);
}

int host_pair(const struct door *d, int ns, int peer, int fds[2])
{
	struct addr at = addr_host(d, 1, 2, 4321);
	int listener;

	if (netns_enter(peer))
		return -1;
	listener = sock_listen(d, &at, 1);
	if (listener < 0 || netns_enter(ns))
		return -1;
	fds[0] = sock_dial(d, &at);
	fds[1] = accept(listener, NULL, NULL);
	close(listener);
	return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

int wire_pair(const struct door *d, int ns, int loss, int fds[2])
{
	int peer = netns_new();

	if (peer < 0 || veth_join(1, ns, peer) || host_pair(d, ns, peer, fds))
		return -1;
	if (!loss)
		return 0;
	if (link_loss("net1", loss) || netns_enter(peer) || link_loss("net1", loss))
		return -1;
	return netns_enter(ns);
}

int peer_mute(const struct door *d, int ns)
{
	int peer = netns_new();

	if (peer < 0 || veth_join(1, ns, peer) || netns_enter(ns) ||
	    peer_silence(d, peer, true))
		return -1;
	return peer;
}

int peer_silence(const struct door *d, int peer, bool on)
{
	const char *host = host_text(d, 1, 1);
	int home = netns_here();
	int ret;

	if (netns_enter(peer))
		return -1;
	if (on)
		ret = route_add(RTN_BLACKHOLE, host, host_prefix(d), NULL);
	else
		ret = route_del(RTN_BLACKHOLE, host, host_prefix(d));
	if (netns_enter(home))
		ret = -1;
	close(home);
	return ret;
}
