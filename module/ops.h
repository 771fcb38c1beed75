/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations of a struct socket that are the same at both doors (family.c,
 * inet.c) and that the rest of the module does not need.
 */
#ifndef _TERN_OPS_H
#define _TERN_OPS_H

#include <linux/fs.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>

#include "compat.h"

/* listen.c, sockopt.c */
int tern_sock_accept(TERN_SOCK_ACCEPT_ARGS);
int tern_sock_setsockopt(struct socket *sock, int level, int optname, sockptr_t optval,
			 unsigned int optlen);

/* send.c, recv.c */
int tern_sendmsg_locked(struct sock *sk, struct msghdr *msg, size_t size);
int tern_read_sock(struct sock *sk, read_descriptor_t *desc, sk_read_actor_t actor);
int tern_peek_len(struct socket *sock);
ssize_t tern_splice_read(struct socket *sock, loff_t *ppos, struct pipe_inode_info *pipe,
			 size_t len, unsigned int flags);

#endif
