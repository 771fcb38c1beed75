// SPDX-License-Identifier: GPL-2.0
/*
 * Explicit congestion notification (RFC 3168): routers mark packets instead of
 * dropping them. Agreed upon by ECE and CWR in the SYN and ECE in the SYN-ACK;
 * then new data is sent as ECN-capable, a mark that arrives is echoed by ECE
 * until CWR comes, and an echo is answered as a loss would be, once a round
 * trip, and by CWR. Where the congestion control wants to know how much is
 * marked, marks are echoed one for one instead (DCTCP, RFC 8257).
 *
 * Called with the socket locked, unless a function says otherwise.
 */
#include <net/inet_ecn.h>

#include "ecn.h"
#include "mib.h"
#include "output.h"
#include "sock.h"

#define ECN_SETUP	(TERN_ECE | TERN_CWR)

/* net.tern.ecn; 2 is: only when asked */
#define ECN_ASK		1

static bool is_exact(const struct sock *sk)
{
	return READ_ONCE(tern_sk(sk)->cong.ops)->exact_ecn;
}

/**
 * tern_ecn_accepts - does a SYN ask for ECN, and may it have it?
 * @sk: listener, or socket in SYN_SENT
 * @syn_flags: flags of the SYN
 *
 * Context: RCU, not necessarily locked. Return: whether.
 */
bool tern_ecn_accepts(const struct sock *sk, u8 syn_flags)
{
	return (syn_flags & ECN_SETUP) == ECN_SETUP &&
	       (READ_ONCE(tern_net(sock_net(sk))->ecn) || is_exact(sk));
}

/**
 * tern_ecn_syn - a SYN or SYN-ACK is about to be sent
 * @sk: socket in SYN_SENT or SYN_RECEIVED
 *
 * The SYN that is sent again does not ask: what dropped it may not like that.
 *
 * Return: flags to add.
 */
u8 tern_ecn_syn(struct sock *sk)
{
	struct tern_sock *ts = tern_sk(sk);

	if (sk->sk_state != TCP_SYN_SENT)
		return ts->ecn_ok ? TERN_ECE : 0;
	ts->ecn_asked = !ts->retransmits &&
			(READ_ONCE(tern_net(sock_net(sk))->ecn) == ECN_ASK || is_exact(sk));
	return ts->ecn_asked ? ECN_SETUP : 0;
}

/**
 * tern_ecn_syn_ack - the answer to a SYN has come
 * @sk: socket
 * @flags: of the SYN-ACK, or of a SYN that crossed ours
 */
void tern_ecn_syn_ack(struct sock *sk, u8 flags)
{
	struct tern_sock *ts = tern_sk(sk);

	if (flags & TERN_ACK)
		ts->ecn_ok = ts->ecn_asked && (flags & ECN_SETUP) == TERN_ECE;
	else
		ts->ecn_ok = tern_ecn_accepts(sk, flags);
}

/**
 * tern_ecn_mark - a segment with ACK is about to be sent
 * @sk: socket
 * @new_data: it has payload that was not sent before; nothing else may be ECN-capable
 *
 * Return: flags to add.
 */
u8 tern_ecn_mark(struct sock *sk, bool new_data)
{
	struct tern_sock *ts = tern_sk(sk);
	u8 flags = 0;

	if (!ts->ecn_ok)
		return 0;
	if (new_data) {
		INET_ECN_xmit(sk);
		if (ts->ecn_cwr_due)
			flags |= TERN_CWR;
		ts->ecn_cwr_due = false;
	} else {
		INET_ECN_dontxmit(sk);
	}
	if (ts->ecn_echo)
		flags |= TERN_ECE;
	return flags;
}

/*
 * RFC 8257, section 3.2: an ACK says whether what it acknowledges was marked,
 * so what came before a change is acknowledged before it.
 */
static void echo_exactly(struct sock *sk, bool ce)
{
	struct tern_sock *ts = tern_sk(sk);

	if (ce == ts->ecn_echo)
		return;
	if (ts->ack_pending)
		tern_send_ack(sk);
	ts->ecn_echo = ce;
}

/**
 * tern_ecn_data - a segment with payload has come
 * @sk: socket
 * @cb: segment
 */
void tern_ecn_data(struct sock *sk, const struct tern_skb_cb *cb)
{
	struct tern_sock *ts = tern_sk(sk);

	if (!ts->ecn_ok)
		return;
	if (cb->ce)
		tern_mib_inc(sock_net(sk), InCE);
	if (is_exact(sk)) {
		echo_exactly(sk, cb->ce);
		return;
	}
	if (cb->flags & TERN_CWR)
		ts->ecn_echo = false;
	if (!cb->ce)
		return;
	if (!ts->ecn_echo)
		ts->ack_now = true;	/* the sooner the sender hears */
	ts->ecn_echo = true;
}
