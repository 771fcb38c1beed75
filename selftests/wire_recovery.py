#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Loss and congestion on the wire: the initial burst, acknowledgments clocking
out data, fast retransmit of exactly the holes, the retransmission timer and its
backoff, and what is retransmitted besides data. Times are measured by the
timestamps that the kernel put into its segments, so that a slow test does not
count.
"""
import errno
import socket
import time

from lib.flight import (INITIAL_WINDOW, LARGE_BUFFER, backoff, burst, cwnd, dsack_dups, edge,
                        expect_segments, in_flight, long_path, sack, ssthresh, timeout_us)
from lib.scenario import TERN, main, scenario
from lib.ternwire import sack_option
from lib.wire import Conn, check, check_equal, relative

TCP_NODELAY = 1
MINUTE_US = 60000000


# --- congestion window ----------------------------------------------------------

@scenario("initial window is ten segments")
def initial_window(w):
    with w.counts(OrigDataSent=INITIAL_WINDOW):
        c = burst(w, written=20)
        c.expect_none()


# TCP may hold one back for a larger burst
@scenario("slow start: each acknowledged segment lets two go", variants=TERN)
def slow_start(w):
    c = burst(w, written=40)
    sent = INITIAL_WINDOW
    for acked in range(2, 11, 2):
        c.send("A", ack=edge(w, acked))
        for _ in range(4):
            c.expect("A", seq=edge(w, sent), len=w.mss)
            sent += 1
        c.expect_none()


@scenario("the window does not grow while the program sends little")
def application_limited(w):
    c = w.established(options=LARGE_BUFFER)
    for _ in range(30):
        at = c.rcv_nxt
        c.write(100)
        c.expect("A", seq=at, len=100)
        c.send("A")
    at = c.rcv_nxt
    c.write(40 * w.mss)
    sent = 0
    while c.expect_maybe("A", seq=at + sent * w.mss, len=w.mss):
        sent += 1
    check(sent <= 2 * INITIAL_WINDOW, f"{sent} segments at once after an idle application")


def grown(w):
    """A connection with a window four times as large as the initial one, all of it
    acknowledged; its last data segment"""
    c = burst(w)
    sent = INITIAL_WINDOW
    for window in (20, 40):
        c.send("A")
        c.write(window // 2 * w.mss)
        for number in range(sent, sent + window // 2):
            c.expect("A", seq=edge(w, number), len=w.mss)
        sent += window // 2
    last = c.last
    c.send("A")
    check(cwnd(c) >= 4 * INITIAL_WINDOW, f"window of {cwnd(c)}")
    return c, last


def idle_restart(w, rtos):
    """Idle for so many RTOs. How many they were, and so what is left of the window,
    the kernel's clock says: a slow machine takes longer."""
    c, last = grown(w)
    before, rto = cwnd(c), timeout_us(c)
    time.sleep(rtos * rto / 1e6)
    at = c.rcv_nxt
    c.write(before * w.mss)
    after, flight = cwnd(c), in_flight(c)
    first = c.expect("A", seq=at, len=w.mss)
    idle = relative(first.ts, last.ts) * (1 if w.tern else 1000)
    # the clock of the first segment is read after the kernel has looked how long it was
    left = [max(before >> past // rto, INITIAL_WINDOW) for past in (idle, idle - rto // 4)]
    check(after in left, f"window {before}, and {after} after {idle} us with an RTO of {rto}")
    check(flight <= after, f"{flight} segments in flight in a window of {after}")


@scenario("idle restart: the window is halved for each RTO without data", slow=True)
def idle_for_one(w):
    idle_restart(w, 1.5)


@scenario("idle restart: the window does not get smaller than the initial one", slow=True)
def idle_for_many(w):
    idle_restart(w, 3.5)


# Linux's TCP reduces all of it
@scenario("a window that the program does not fill is kept, and a loss reduces what was in flight",
          variants=TERN, slow=True)
def unused(w):
    c, _ = grown(w)
    before = cwnd(c)
    began = time.monotonic()
    while time.monotonic() - began < 2.5:       # what was in use before is forgotten
        at = c.rcv_nxt
        c.write(100)
        c.expect("A", seq=at, len=100)
        c.send("A")
    check_equal(cwnd(c), before, "window after little was sent for a while")
    at = c.rcv_nxt
    c.write(5 * w.mss)
    for number in range(5):
        c.expect("A", seq=at + number * w.mss, len=w.mss)
    c.send("A", ack=at, sack=[(at + w.mss, at + 5 * w.mss)])
    c.expect("A", seq=at, len=w.mss)
    check_equal(ssthresh(c), 3, "threshold after a loss of one of five in flight")
    c.send("A", ack=at + 5 * w.mss)
    c.alive()


# --- fast retransmit ------------------------------------------------------------
# With three segments SACKed there is no time for reordering (RFC 8985, 6.2);
# what happens with fewer is in wire_rack.py.

@scenario("three SACKed segments: exactly the hole is sent again, once")
def fast_retransmit(w):
    c = burst(w)
    with w.counts(SackRecovery=1, FastRetrans=1, RetransSegs=1, Timeouts=0, LostRetransmit=0,
                  OrigDataSent=0, SACKRecv=(1, None)):
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
        for last in (5, 6, 7):
            sack(c, (1, last))
        c.expect_none()
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.expect_none()
    c.alive()


@scenario("limited transmit: the first two SACKed segments let new data go, and nothing old",
          slow=True, variants=TERN)
def limited_transmit(w):
    """RFC 3042. By its echo the path takes so long that time for reordering, an
    eighth of that, is over later than the pace lets two new segments go."""
    rtt = 10
    listener = w.listen(options=LARGE_BUFFER)
    c = Conn(w)
    c.send_syn()
    syn_ack = c.expect("SA", seq=0, ack=1)
    c.send("A", tsecr=(syn_ack.ts - rtt * 1000000) & 0xffffffff)
    c.sock = w.accept(listener)
    c.write(2 * INITIAL_WINDOW * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    with w.counts(RetransSegs=1, SackRecovery=1):
        for last in (2, 3):
            time.sleep(rtt / 10 if last == 2 else rtt / 20)
            sack(c, (1, last))
            c.expect("A", seq=edge(w, INITIAL_WINDOW + last - 2), len=w.mss)
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
    c.send("A")


@scenario("fast retransmit while SACK blocks ride on the data")
def fast_retransmit_of_shorter_segments(w):
    """We have a hole, too: the kernel's data carries SACK blocks, and less of
    itself in each segment than the MSS."""
    c = w.established(options=LARGE_BUFFER)
    c.send(seq=101, len=10)
    c.expect("A", ack=1, sack=[(101, 111)])
    c.sock.setsockopt(socket.IPPROTO_TCP, TCP_NODELAY, 1)
    # no more than the window takes: TCP may hold back what only in part fits
    for _ in range(2):
        c.write(3 * w.mss)
    ends = [1]
    while segment := c.expect_maybe("A", seq=ends[-1], sack=[(101, 111)]):
        ends.append(ends[-1] + len(segment.payload))
    check_equal(len(ends) - 1, 8, "segments sent")
    check(ends[1] - 1 < w.mss, "no room was left for the SACK option")
    c.write(3 * w.mss)
    with w.counts(Timeouts=0, RetransSegs=1):
        for end in ends[2:]:
            c.send("A", ack=1, sack=[(ends[1], end)])
        # among new segments, the hole and nothing but the hole
        again = []
        while not again or c.pending():
            segment = c.expect("A")
            if segment.rel < ends[-1]:
                again.append((segment.rel, len(segment.payload)))
        check_equal(again, [(1, ends[1] - 1)], "segments sent again")
        c.send("A")


@scenario("two holes are both filled, what was SACKed is not sent")
def two_holes(w):
    c = burst(w)
    blocks = [(edge(w, 4), edge(w, 10)), (edge(w, 1), edge(w, 3))]
    c.send("A", ack=1, sack=[(edge(w, 1), edge(w, 3))])
    c.send("A", ack=1, sack=[(edge(w, 4), edge(w, 5)), (edge(w, 1), edge(w, 3))])
    c.expect("A", seq=1, len=w.mss)
    c.send("A", ack=1, sack=blocks)
    c.expect("A", seq=edge(w, 3), len=w.mss)
    c.expect_none()
    c.send("A", ack=edge(w, 3), sack=blocks[:1])
    c.expect_none()
    c.send("A")
    c.alive()


@scenario("a partial acknowledgment brings the next hole")
def partial_ack(w):
    """Segments 0 and 1 are lost: the acknowledgment of the first retransmission
    (or an ACK before it) brings the second, without a timeout."""
    c = burst(w)
    with w.counts(Timeouts=0, RetransSegs=2):
        for last in (3, 4, 5):
            sack(c, (2, last))
        c.expect("A", seq=1, len=w.mss)
        second = c.expect_maybe("A", seq=edge(w, 1), len=w.mss)
        sack(c, (2, 10), ack=1)
        if not second:
            c.expect("A", seq=edge(w, 1), len=w.mss)
        c.expect_none()
    c.send("A")
    c.alive()


@scenario("new data is sent during recovery, as acknowledgments allow", variants=TERN)
def new_data_in_recovery(w):
    c = burst(w, written=30)
    sack(c, (1, 4))
    c.expect("A", seq=1, len=w.mss)
    new = 0
    for last in range(5, 11):
        sack(c, (1, last))
        while c.expect_maybe("A", len=w.mss):
            check(c.last.rel >= edge(w, INITIAL_WINDOW), f"sent {c.last.rel} again")
            new += 1
    check(new >= 1, "no new data in a whole round trip of recovery")
    check(new <= INITIAL_WINDOW, f"{new} new segments: the window was not reduced")
    # everything in flight was received: on it goes
    c.send("A")
    c.expect("A", len=w.mss)


def window_after_loss(w, c):
    """What it is to be, in segments, when the one loss in it is repaired"""
    sack(c, (1, 4))
    c.expect("A", seq=1, len=w.mss)
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    return ssthresh(c)


@scenario("CUBIC: seven tenths of the window are left after a loss")
def window_after_loss_cubic(w):
    check_equal(window_after_loss(w, burst(w)), 7, "window after the loss of one in ten")


@scenario("NewReno: half of the window is left after a loss")
def window_after_loss_newreno(w):
    c = w.established(options=LARGE_BUFFER)
    c.sock.setsockopt(socket.SOL_TCP, socket.TCP_CONGESTION, b"newreno" if w.tern else b"reno")
    c.write(INITIAL_WINDOW * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    check_equal(window_after_loss(w, c), 5, "window after the loss of one in ten")


@scenario("a D-SACK is no sign of loss")
def dsack_is_no_loss(w):
    c = burst(w)
    c.send("A", ack=edge(w, 2))
    with w.counts(RetransSegs=0, DSACKRecv=4):
        for _ in range(4):
            c.send("A", ack=edge(w, 2), sack=[(1, edge(w, 1))])
        c.expect_none()
    c.send("A")
    c.alive()


@scenario("a D-SACK of what is out of order comes in a second block", variants=TERN)
def dsack_out_of_order(w):
    c = burst(w)
    with w.counts(DSACKRecv=1, DSACKOfoRecv=1, DSACKRecvSegs=2, DSACKIgnoredDubious=0):
        sack(c, (1, 3), (1, 4))
        c.expect("A", seq=1, len=w.mss)
    check_equal(dsack_dups(c), 2, "segments reported twice")
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


def slow_start_with(w, c, rtt_of):
    """Acknowledges segment by segment, at the RTT in us that is asked for, until slow
    start is over; how many that were. Of the window, most is in flight: else it would
    not grow; not all, as the rest may wait until it is worth a packet.
    The echo says when a segment was sent, so the RTT is what we want it to be."""
    acked, sent, ahead = 0, 0, None
    with w.counts(HystartDelayDetect=1, HystartDelayCwnd=(INITIAL_WINDOW, None)):
        while ssthresh(c) > 1000:
            flight = cwnd(c) * 3 // 4
            while c.write_at < edge(w, acked + flight + INITIAL_WINDOW):
                c.write(10 * w.mss)
            while sent < acked + flight:
                segment = c.expect("A", seq=edge(w, sent), len=w.mss)
                sent += 1
                # both are CLOCK_MONOTONIC; the kernel's begins elsewhere
                now = int(time.monotonic() * 1e6)
                ahead = max(ahead or relative(segment.ts, now), relative(segment.ts, now))
            acked += 1
            now = int(time.monotonic() * 1e6)
            c.send("A", ack=edge(w, acked), tsecr=(now + ahead - rtt_of(acked)) & 0xffffffff)
            check(acked < 1000, "still in slow start")
    return acked


@scenario("HyStart++: slow start ends when the RTT has grown and stays so", variants=TERN, slow=True)
def slow_start_ends(w):
    w.mss = 200
    c = long_path(w, 0.6)
    # and grows on, faster than a busy machine can make a sample too large: one
    # below the first high ones would end the doubt
    acked = slow_start_with(w, c, lambda acked: 600000 if acked <= INITIAL_WINDOW else
                            640000 + 500 * acked)
    check(acked > 6 * INITIAL_WINDOW, f"slow start ended after {acked} segments")


@scenario("HyStart++: slow start ends at once when the RTT has grown by half", variants=TERN)
def slow_start_ends_at_once(w):
    w.mss = 200
    c = long_path(w, 0.005)
    # by far more than what a busy machine may have added to the first ones
    acked = slow_start_with(w, c, lambda acked: 5000 if acked <= INITIAL_WINDOW else 500000)
    check(INITIAL_WINDOW < acked <= 4 * INITIAL_WINDOW, f"slow start ended after {acked} segments")


# --- the timer ------------------------------------------------------------------

@scenario("retransmission timer: the first segment, with growing intervals", slow=True)
def timeout_backoff(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    equal = 4 if w.tern else 0
    with w.counts(RetransSegs=(3 + equal, None), Timeouts=(3 + equal, None)):
        c.write(100)
        c.expect("A", seq=1, len=100)
        timeout = timeout_us(c)
        check(timeout >= 200000, f"timeout of {timeout} us")
        for passed in range(1, 4 + equal):
            c.expect("A", seq=1, len=100)
            # on a slow machine the next one may have passed besides
            check(timeout_us(c) in [timeout << n for n in range(max(passed - equal, 0), 8)],
                  f"{timeout_us(c)} us after {passed} timeouts, {timeout} us before")
    c.send("A")
    c.alive()


@scenario("after a timeout one segment is sent, acknowledgments clock the others", slow=True)
def timeout_slow_start(w):
    w.sysctl("rto_min_ms", 1000)
    c = burst(w)
    c.expect("A", seq=1, len=w.mss)
    c.expect_none()
    with w.counts(SackRecovery=0, FastRetrans=0, SlowStartRetrans=6, LostRetransmit=0):
        c.send("A", ack=edge(w, 1))
        c.expect("A", seq=edge(w, 1), len=w.mss)
        c.expect("A", seq=edge(w, 2), len=w.mss)
        c.expect_none()
        c.send("A", ack=edge(w, 3))
        for number in range(3, 7):
            c.expect("A", seq=edge(w, number), len=w.mss)
        c.expect_none()
        c.send("A")
    c.alive()


@scenario("after a timeout what was SACKed is not sent again", slow=True, variants=TERN)
def timeout_keeps_sacked(w):
    w.sysctl("rto_min_ms", 1000)
    c = burst(w, 4)
    c.expect("A", seq=1, len=w.mss)
    sack(c, (2, 4), ack=1)
    c.expect("A", seq=edge(w, 1), len=w.mss)
    c.expect_none()
    c.send("A")
    c.alive()


@scenario("a receiver that discarded what it had SACKed gets it again", slow=True)
def reneging(w):
    """RFC 2018 section 8: SACK is advisory."""
    w.sysctl("rto_min_ms", 500)
    c = burst(w, 4)
    c.repeats_ok = True
    sack(c, (1, 4))
    c.expect("A", seq=1, len=w.mss)
    # everything queued was thrown away
    with w.counts(SACKReneging=1):
        for number in range(1, 4):
            c.send("A", ack=edge(w, number))
            while c.expect("A", len=w.mss).rel != edge(w, number):
                pass
    c.send("A")
    c.expect_none()
    c.alive()


@scenario("a lost retransmission is sent again", slow=True)
def lost_retransmission(w):
    c = burst(w)
    with w.counts(SackRecovery=1, SackRecoveryFail=1, LossFailures=0, LostRetransmit=(1, None),
                  Timeouts=(1, None)):
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
        sack(c, (1, 10))
        c.expect("A", seq=1, len=w.mss)
    c.send("A")
    c.alive()


@scenario("a timeout in the recovery from a timeout", slow=True)
def timeout_after_timeout(w):
    w.sysctl("rto_min_ms", 1000)
    with w.counts(Timeouts=(2, None), SackRecoveryFail=0, LossFailures=1):
        c = burst(w)
        c.repeats_ok = True
        c.expect("A", seq=1)
        c.send("A", ack=edge(w, 1))
        for _ in range(2):
            while c.expect("A").rel != edge(w, 1):
                pass
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


@scenario("the last segment of a burst is lost", slow=True)
def tail_loss(w):
    w.sysctl("rto_min_ms", 500)
    c = burst(w, 5)
    c.repeats_ok = True
    c.send("A", ack=edge(w, 4))
    c.expect("A", seq=edge(w, 4), len=w.mss)
    c.send("A")
    c.alive()


@scenario("backoff ends with the next acknowledgment", slow=True)
def backoff_ends(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.write(10)
    for _ in range(6 if w.tern else 3):
        c.expect("A", seq=1, len=10)
    c.send("A")
    c.write(10)
    c.expect("A", seq=11, len=10)
    # an acknowledgment with a fresh timestamp
    c.send("A")
    c.write(10)
    c.expect("A", seq=21, len=10)
    check_equal(backoff(c), 0, "backoff")


@scenario("backoff stays while no acknowledgment is a sample of the RTT", slow=True)
def backoff_stays(w):
    """The echo is of a segment that is yet to be sent: that tells nothing."""
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.write(10)
    for _ in range(6 if w.tern else 3):
        c.expect("A", seq=1, len=10)
    before = timeout_us(c)
    c.send("A", tsecr=(c.last.ts + MINUTE_US) & 0xffffffff)
    check(backoff(c) > 0, "the backoff has ended")
    c.write(10)
    c.expect("A", seq=11, len=10)
    check(timeout_us(c) >= before, f"timeout of {timeout_us(c)} us, {before} before")
    c.send("A")
    check_equal(backoff(c), 0, "backoff")


@scenario("FIN is sent again", slow=True)
def fin_again(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.shutdown()
    with w.counts(RetransSegs=(1, None)):
        c.expect("FA", seq=1, len=0)
        c.expect("FA", seq=1, len=0)
        c.send("A")
        c.state("FIN_WAIT_2")


@scenario("data and FIN are sent again", slow=True)
def data_and_fin_again(w):
    w.sysctl("rto_min_ms", 500)
    c = w.established()
    c.write(100)
    c.expect("A", seq=1, len=100)
    c.close()
    c.expect("FA", seq=101, len=0)
    # the FIN may ride on the data now
    c.expect_one_of("FA", "A", seq=1, len=100)
    c.send("A")
    c.state("FIN_WAIT_2")


@scenario("a retransmission carries the old data with a new timestamp", slow=True)
def retransmission_contents(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.write(300)
    first = c.expect("A", seq=1, len=300, psh=True)
    # what we sent meanwhile is acknowledged in it
    c.send(len=10, ack=1)
    c.expect("A", ack=11, len=0)
    again = c.expect("A", seq=1, len=300, ack=11, psh=True)
    check_equal(again.payload, first.payload, "data")
    check(again.ts != first.ts, "the timestamp is the old one")


@scenario("an acknowledgment of half a segment leaves the other half", slow=True)
def half_acknowledged(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.write(1000)
    c.expect("A", seq=1, len=1000)
    c.send("A", ack=501)
    c.expect("A", seq=501, len=500)
    c.send("A")
    c.alive()


@scenario("retransmission respects a smaller window", slow=True)
def retransmission_in_small_window(w):
    w.sysctl("rto_min_ms", 500)
    c = burst(w, 4)
    c.repeats_ok = True
    c.send("A", ack=edge(w, 1), window=w.mss)
    c.expect("A", seq=edge(w, 1), len=w.mss)
    c.expect_none()
    c.send("A")
    c.alive()


# --- bad SACK -------------------------------------------------------------------

@scenario("SACK blocks that make no sense are ignored", variants=TERN)
def senseless_sack(w):
    c = burst(w)
    end = edge(w, INITIAL_WINDOW)
    senseless = [(end + 1, end + 2000), (500, 400), (edge(w, 3), edge(w, 3)),
                 (edge(w, 2), end + 1), (1 - 200000, 1 - 100000), (1, 1 << 31)]
    with w.counts(RetransSegs=0, FastRetrans=0, SACKDiscard=(len(senseless) - 1, None),
                  DSACKIgnoredDubious=(1, None)):
        for block in senseless:
            c.send("A", ack=1, sack=[block])
        c.expect_none()
        options = [sack_option(*[(0xffffffff, 0)] * 4)]
        c.send("A", ack=1, options=options)
        c.expect_none()
    c.send("A")
    c.alive()


@scenario("user timeout counts from the first loss", slow=True)
def dead_path(w):
    """Nothing comes back any more; the program is told within its own time."""
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.sock.setsockopt(6, 18, 1500)
    c.write(100)
    sent = [c.expect("A", seq=1, len=100)]
    while True:
        segment = c.world.receive_for(c, 3)
        if segment is None:
            break
        sent.append(segment)
    c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)
    check(len(sent) >= 3, f"sent only {len(sent)} times")


if __name__ == "__main__":
    main()
