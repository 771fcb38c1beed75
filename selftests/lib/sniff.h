/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is on the wire: packets of a device as they leave it, and what the
 * kernel says of them (SO_MARK, SO_PRIORITY), which no header tells.
 */
#ifndef TERN_SNIFF_H
#define TERN_SNIFF_H

#include "tern_lib.h"

/**
 * struct packet - a packet of a stream, TCP's or Tern's
 * @tos: type of service or traffic class
 * @ttl: time to live or hop limit
 * @sport: source port
 * @dport: destination port
 * @flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16
 */
struct packet {
	int tos;
	int ttl;
	int sport;
	int dport;
	int flags;
};

#define PACKET_SYN_ACK	0x12

/* Fields of struct __sk_buff to choose packets by. */
enum sniff_field { SNIFF_ALL, SNIFF_MARK, SNIFF_PRIORITY };

/* Listens on @dev of this namespace to packets with this value of @field. */
int sniff_open(const char *dev, enum sniff_field field, uint32_t value);
/* The next packet of the door's protocol from port @sport; false: deadline. */
bool sniff_next(int fd, const struct door *d, int sport, struct packet *p);

#endif /* TERN_SNIFF_H */
