// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets by sock_diag(7): the kernel is asked for descriptions of them, and to
 * end one.
 */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "tool.h"

/* A dump comes in pieces of up to this size. */
#define ANSWER_SIZE	(64 * 1024)

struct answer {
	desc_fn each;
	void *arg;
};

static int parse_attr(const struct nlattr *attr, void *arg)
{
	struct sock_desc *desc = arg;
	const void *data = mnl_attr_get_payload(attr);
	size_t size = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case INET_DIAG_INFO:
		memcpy(&desc->info, data, size < sizeof(desc->info) ? size : sizeof(desc->info));
		desc->has_info = true;
		break;
	case INET_DIAG_CONG:
		snprintf(desc->congestion, sizeof(desc->congestion), "%.*s", (int)size,
			 (const char *)data);
		break;
	case INET_DIAG_SKMEMINFO:
		desc->n_memory = size / sizeof(*desc->memory);
		if (desc->n_memory > ARRAY_SIZE(desc->memory))
			desc->n_memory = ARRAY_SIZE(desc->memory);
		memcpy(desc->memory, data, desc->n_memory * sizeof(*desc->memory));
		break;
	case INET_DIAG_SHUTDOWN:
		desc->shutdown = mnl_attr_get_u8(attr);
		break;
	case INET_DIAG_SKV6ONLY:
		desc->v6only = mnl_attr_get_u8(attr);
		break;
	case INET_DIAG_MARK:
		desc->mark = mnl_attr_get_u32(attr);
		break;
	case INET_DIAG_CGROUP_ID:
		desc->cgroup = mnl_attr_get_u64(attr);
		break;
	}
	return MNL_CB_OK;
}

static void take_addr(struct in6_addr *to, int family, const __be32 *from)
{
	memset(to, 0, sizeof(*to));
	if (family == AF_INET) {
		to->s6_addr32[2] = htonl(0xffff);
		to->s6_addr32[3] = from[0];
	} else {
		memcpy(to, from, sizeof(*to));
	}
}

static int parse_message(const struct nlmsghdr *nlh, void *arg)
{
	const struct answer *answer = arg;
	struct sock_desc desc = { .shutdown = -1 };

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(desc.msg))
		return MNL_CB_OK;
	memcpy(&desc.msg, mnl_nlmsg_get_payload(nlh), sizeof(desc.msg));
	take_addr(&desc.local, desc.msg.idiag_family, desc.msg.id.idiag_src);
	take_addr(&desc.peer, desc.msg.idiag_family, desc.msg.id.idiag_dst);
	mnl_attr_parse(nlh, sizeof(desc.msg), parse_attr, &desc);
	answer->each(&desc, answer->arg);
	return MNL_CB_OK;
}

/* The end of an answer: both kinds begin with an error, or 0. libmnl ignores a dump's. */
static int parse_end(const struct nlmsghdr *nlh, void *arg)
{
	int error = 0;

	(void)arg;
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	errno = -error;
	return error ? MNL_CB_ERROR : MNL_CB_STOP;
}

/* One request and all that is said to it; errno when it fails. */
static int ask(const struct nlmsghdr *nlh, const struct answer *answer)
{
	static mnl_cb_t control[] = {
		[NLMSG_ERROR] = parse_end,
		[NLMSG_DONE] = parse_end,
	};
	static char buffer[ANSWER_SIZE];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_SOCK_DIAG);
	unsigned int port;
	ssize_t size;
	int more = -1;

	if (!nl)
		return -1;
	if (!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) > 0) {
		port = mnl_socket_get_portid(nl);
		do {
			size = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
			more = size < 0 ? -1 :
			       mnl_cb_run2(buffer, size, nlh->nlmsg_seq, port,
					   answer ? parse_message : NULL, (void *)answer,
					   control, ARRAY_SIZE(control));
		} while (more > 0);
	}
	mnl_socket_close(nl);
	return more;
}

static struct inet_diag_req_v2 *new_request(char *buffer, int type, int flags, int family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *req;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = time(NULL);
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = family;
	req->sdiag_protocol = protocol_number();
	return req;
}

/**
 * diag_dump() - the sockets of this network namespace
 * @states: in which states, see STATE()
 * @want: WANT_*
 * @each: called for each of them
 * @arg: passed on to it
 *
 * Return: 0, or -1 after telling the user why not.
 */
int diag_dump(unsigned int states, int want, desc_fn each, void *arg)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct answer answer = { .each = each, .arg = arg };
	char buffer[MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2)];
	struct inet_diag_req_v2 *req;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		req = new_request(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, families[i]);
		req->idiag_states = states;
		if (want & WANT_INFO)
			req->idiag_ext |= 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1);
		if (want & WANT_MEMORY)
			req->idiag_ext |= 1 << (INET_DIAG_SKMEMINFO - 1);
		if (ask((struct nlmsghdr *)buffer, &answer) < 0) {
			warnx("sockets: %s%s", strerror(errno), errno != ENOENT ? "" :
			      ": is the module loaded? try: sudo modprobe tern_diag");
			return -1;
		}
	}
	return 0;
}

/**
 * diag_kill() - end a socket
 * @desc: which
 *
 * Return: 0, or -1 with errno.
 */
int diag_kill(const struct sock_desc *desc)
{
	char buffer[MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2)];
	struct inet_diag_req_v2 *req;

	req = new_request(buffer, SOCK_DESTROY, NLM_F_ACK, desc->msg.idiag_family);
	req->id = desc->msg.id;
	return ask((struct nlmsghdr *)buffer, NULL);
}

/**
 * diag_follow() - sockets as they end, until something fails
 * @each: called for each of them
 * @arg: passed on to it
 *
 * Return: -1 after telling the user why.
 */
int diag_follow(desc_fn each, void *arg)
{
	static char buffer[ANSWER_SIZE];
	const struct answer answer = { .each = each, .arg = arg };
	struct mnl_socket *nl = mnl_socket_open(NETLINK_SOCK_DIAG);
	int group = TERN_DIAG_GROUP;
	ssize_t size;

	if (nl && !mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) &&
	    !mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group))) {
		for (;;) {
			size = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
			if (size >= 0)
				mnl_cb_run(buffer, size, 0, 0, parse_message, (void *)&answer);
			else if (errno == ENOBUFS)
				warnx("sockets end faster than they can be shown");
			else
				break;
		}
	}
	warn("sockets");
	if (nl)
		mnl_socket_close(nl);
	return -1;
}
