// SPDX-License-Identifier: GPL-2.0
/*
 * Packets on their way out, by packet(7) with a BPF program where only what the
 * kernel keeps beside the packet is asked for.
 */
#include <net/ethernet.h>
#include <netpacket/packet.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>

#include "sniff.h"

static int field_program(enum sniff_field field, uint32_t value)
{
	int off = field == SNIFF_MARK ? offsetof(struct __sk_buff, mark) :
					offsetof(struct __sk_buff, priority);
	const struct bpf_insn insns[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_1, .off = off },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_2, .off = 1, .imm = value },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 65535 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)insns,
		.insn_cnt = sizeof(insns) / sizeof(*insns),
		.license = (uintptr_t)"GPL",
	};

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

int sniff_open(const char *dev, enum sniff_field field, uint32_t value)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = link_index(dev),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), prog;

	if (fd < 0)
		return -1;
	if (field != SNIFF_ALL) {
		prog = field_program(field, value);
		if (prog < 0 ||
		    setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)))
			return -1;
		close(prog);
	}
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) ? -1 : fd;
}

static bool parse(const unsigned char *b, ssize_t len, const struct door *d, struct packet *p)
{
	bool v4 = d->ip == 4, tcp = door_is_tcp(d);
	const unsigned char *t;
	int proto;

	if (len < 52 || b[0] >> 4 != d->ip)
		return false;
	proto = v4 ? b[9] : b[6];
	if (proto != (tcp ? IPPROTO_TCP : IPPROTO_TERN))
		return false;
	p->tos = v4 ? b[1] : (b[0] & 15) << 4 | b[1] >> 4;
	p->ttl = v4 ? b[8] : b[7];
	t = b + (v4 ? (b[0] & 15) * 4 : 40);
	p->sport = t[0] << 8 | t[1];
	p->dport = t[2] << 8 | t[3];
	p->flags = t[tcp ? 13 : 9];
	return true;
}

bool sniff_next(int fd, const struct door *d, int sport, struct packet *p)
{
	unsigned char buf[2048];
	struct sockaddr_ll from;
	socklen_t from_len;
	ssize_t len;

	while (wait_event(fd, POLLIN) == POLLIN) {
		from_len = sizeof(from);
		len = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len);
		if (len < 0)
			return false;
		if (from.sll_pkttype == PACKET_OUTGOING && parse(buf, len, d, p) &&
		    p->sport == sport)
			return true;
	}
	return false;
}
