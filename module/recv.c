// SPDX-License-Identifier: GPL-2.0
/*
 * From the receive queue to the program, by copying, or with splice() by giving
 * its pages away. Process context, socket locked.
 */
#include <linux/fs.h>
#include <linux/splice.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/busy_poll.h>
#include <net/inet_common.h>
#include <net/sock.h>

#include "ack.h"
#include "buffers.h"
#include "compat.h"
#include "ops.h"
#include "rcvqueue.h"
#include "sock.h"
#include "tstamp.h"

/* the segment that holds a sequence number; all before it was read */
static struct sk_buff *find_segment(struct sock *sk, u32 seq, u32 *offset)
{
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb) {
		*offset = seq - TERN_CB(skb)->seq;
		if (*offset < skb->len)
			return skb;
	}
	return NULL;
}

/* free what lies wholly before copied_seq */
static void eat_read(struct sock *sk)
{
	const struct tern_sock *ts = tern_sk(sk);
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_receive_queue)) &&
	       !seq_before(ts->copied_seq, TERN_CB(skb)->seq + skb->len)) {
		__skb_unlink(skb, &sk->sk_receive_queue);
		consume_skb(skb);
	}
}

/*
 * Nothing more is there now. Return: 0 to wait for it, 1 to return what was
 * copied, or -errno.
 */
static int why_stop(struct sock *sk, int copied, long timeo)
{
	if (copied)
		return sk->sk_err || sk->sk_state == TCP_CLOSE ||
		       sk->sk_shutdown & RCV_SHUTDOWN || !timeo || signal_pending(current);
	if (sock_flag(sk, SOCK_DONE))
		return 1;
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return 1;
	if (sk->sk_state == TCP_CLOSE)
		return -ENOTCONN;
	if (!timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(timeo);
	return 0;
}

static int copy_out(struct sk_buff *skb, u32 offset, struct msghdr *msg, size_t *len, int flags)
{
	u32 used = min_t(size_t, skb->len - offset, *len);

	if (!(flags & MSG_TRUNC) && skb_copy_datagram_msg(skb, offset, msg, used))
		return -EFAULT;
	*len -= used;
	return used;
}

/* *last is set to the segment with the last byte, if the program wants its time */
static int recv_locked(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		       struct sk_buff **last)
{
	struct tern_sock *ts = tern_sk(sk);
	int target = sock_rcvlowat(sk, flags & MSG_WAITALL, len), copied = 0, n;
	long timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	bool peek = flags & MSG_PEEK;
	u32 skip = max(sk_peek_offset(sk, flags), 0);		/* SO_PEEK_OFF */
	u32 peek_seq = ts->copied_seq + skip, *seq = peek ? &peek_seq : &ts->copied_seq;
	u32 offset;

	if (sk->sk_state == TCP_LISTEN)
		return -ENOTCONN;
	if (flags & MSG_OOB)
		return -EINVAL;

	do {
		struct sk_buff *skb = find_segment(sk, *seq, &offset);

		if (skb) {
			n = copy_out(skb, offset, msg, &len, flags);
			if (n < 0)
				return copied ?: n;
			WRITE_ONCE(*seq, *seq + n);
			copied += n;
			tern_tstamp_keep(sk, skb, last);
			if (peek) {
				sk_peek_offset_fwd(sk, n);
			} else {
				sk_peek_offset_bwd(sk, n);
				eat_read(sk);
			}
			continue;
		}
		if (copied >= target && !READ_ONCE(sk->sk_backlog.tail))
			break;
		n = why_stop(sk, copied, timeo);
		if (n < 0)
			return n;
		if (n)
			break;
		if (!peek && copied)
			tern_rcvbuf_adjust(sk);
		tern_window_update(sk, copied);
		if (copied >= target)
			sk_flush_backlog(sk);
		else if (sk_wait_data(sk, &timeo, skb_peek_tail(&sk->sk_receive_queue)) < 0)
			return copied ?: -EPIPE;
		/* somebody else may have read on meanwhile */
		if (peek && *seq - ts->copied_seq > skip + copied)
			*seq = ts->copied_seq + skip + copied;
	} while (len);
	if (!peek && copied) {
		tern_rcvbuf_adjust(sk);
		tern_window_update(sk, copied);
	}
	return copied;
}

/*
 * tern_recvmsg - recv(), read() and the rest of their family
 *
 * Arguments as struct proto has them in this kernel. Return: bytes, 0 at the
 * end of the stream, or -errno.
 */
int tern_recvmsg(TERN_RECVMSG_ARGS)
{
	struct sk_buff *last = NULL;
	bool report_inq;
	int ret, inq;

	if (unlikely(flags & MSG_ERRQUEUE))
		return tern_recv_error(sk, msg, len);
	if (sk_can_busy_loop(sk) && skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	    inet_sk_state_load(sk) == TCP_ESTABLISHED)
		sk_busy_loop(sk, flags & MSG_DONTWAIT);
	lock_sock(sk);
	ret = recv_locked(sk, msg, len, flags, &last);
	tern_tstamp_tell(sk, msg, last);
	/* TCP counts FIN too: there is something to read, the end */
	inq = tern_sk(sk)->rcv_nxt - tern_sk(sk)->copied_seq;
	report_inq = tern_sk(sk)->report_inq;
	release_sock(sk);
	if (ret >= 0 && msg->msg_get_inq)
		msg->msg_inq = inq;
	if (ret >= 0 && report_inq)
		put_cmsg(msg, SOL_TCP, TCP_CM_INQ, sizeof(inq), &inq);
	return ret;
}

/**
 * tern_read_sock - give what has arrived to a function, without copying it
 * @sk: socket, locked
 * @desc: for the function; when its @count is 0 nothing more is wanted
 * @actor: takes payload of a segment; returns how many bytes, 0 for enough, or
 *	-errno
 *
 * Does not wait. For splice(), and for other modules by way of proto_ops.
 *
 * Return: bytes taken, or what @actor said when it took none; -ENOTCONN from a
 * listener.
 */
int tern_read_sock(struct sock *sk, read_descriptor_t *desc, sk_read_actor_t actor)
{
	struct tern_sock *ts = tern_sk(sk);
	int copied = 0, n = 0;
	struct sk_buff *skb;
	u32 offset;

	if (sk->sk_state == TCP_LISTEN)
		return -ENOTCONN;
	while ((skb = find_segment(sk, ts->copied_seq, &offset))) {
		n = actor(desc, skb, offset, skb->len - offset);
		if (n <= 0)
			break;
		WRITE_ONCE(ts->copied_seq, ts->copied_seq + n);
		copied += n;
		eat_read(sk);
		if (!desc->count)
			break;
	}
	if (!copied)
		return n;
	tern_rcvbuf_adjust(sk);
	tern_window_update(sk, copied);
	return copied;
}

struct splice_target {
	struct pipe_inode_info *pipe;
	unsigned int flags;
};

static int splice_segment(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
			  size_t len)
{
	const struct splice_target *to = desc->arg.data;
	int n = skb_splice_bits(skb, skb->sk, offset, to->pipe, min(desc->count, len), to->flags);

	if (n > 0)
		desc->count -= n;
	return n;
}

/**
 * tern_splice_read - splice() from a socket: its pages become the pipe's
 * @sock: socket, not locked
 * @ppos: offset, which a stream has not
 * @pipe: pipe, locked
 * @len: bytes at most
 * @flags: SPLICE_F_*, which concern the pipe
 *
 * Waits for the first byte only.
 *
 * Return: bytes, 0 at the end of the stream, or -errno.
 */
ssize_t tern_splice_read(struct socket *sock, loff_t *ppos, struct pipe_inode_info *pipe,
			 size_t len, unsigned int flags)
{
	struct splice_target to = { .pipe = pipe, .flags = flags };
	read_descriptor_t desc = { .arg.data = &to, .count = len };
	struct sock *sk = sock->sk;
	bool at_end = false;
	long timeo;
	int ret;

	if (*ppos)
		return -ESPIPE;
	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, sock->file->f_flags & O_NONBLOCK);
	while (!(ret = tern_read_sock(sk, &desc, splice_segment)) && !at_end) {
		ret = tern_unread(sk) ? -ENOMEM : why_stop(sk, 0, timeo);
		at_end = ret > 0;
		if (!ret)
			ret = sk_wait_data(sk, &timeo, skb_peek_tail(&sk->sk_receive_queue));
		if (ret < 0)
			break;
	}
	release_sock(sk);
	return ret;
}

/**
 * tern_peek_len - for other modules: bytes that can be read at once
 * @sock: socket
 *
 * Return: how many.
 */
int tern_peek_len(struct socket *sock)
{
	return tern_unread(sock->sk);
}
