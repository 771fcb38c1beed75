/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TERN_CHRONO_H
#define _TERN_CHRONO_H

#include <linux/types.h>

struct sock;
struct tern_sock;

/**
 * enum tern_chrono_kind - what keeps a connection from sending more
 * @TERN_CHRONO_IDLE: there is nothing to send, and nothing in flight
 * @TERN_CHRONO_BUSY: path, congestion window, pace or Nagle
 * @TERN_CHRONO_RWND: the peer's window
 * @TERN_CHRONO_SNDBUF: the send buffer, beyond which the program may not write
 * @TERN_CHRONO_KINDS: how many there are
 */
enum tern_chrono_kind {
	TERN_CHRONO_IDLE,
	TERN_CHRONO_BUSY,
	TERN_CHRONO_RWND,
	TERN_CHRONO_SNDBUF,
	TERN_CHRONO_KINDS,
};

/**
 * struct tern_chrono - how long each of them did
 * @kind: the one that does now
 * @since: jiffies when it began
 * @spent: jiffies before that, by kind
 */
struct tern_chrono {
	enum tern_chrono_kind kind;
	unsigned long since;
	unsigned long spent[TERN_CHRONO_KINDS];
};

void tern_chrono_update(struct sock *sk, bool rwnd_limited);
u64 tern_chrono_us(const struct tern_sock *ts, enum tern_chrono_kind kind);

#endif
