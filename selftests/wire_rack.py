#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Loss by time (RACK), probes for what is lost at the end (TLP), taking back
what was a mistake (undo), and the pace of a recovery (PRR), segment by segment.

RFC 8985, RFC 9937, RFC 3522, RFC 4015, RFC 3708. Timers are waited for, never
measured: a scenario says what comes next, and what must not have happened by
then.
"""
import socket
import time

from lib.flight import (INITIAL_WINDOW, LARGE_BUFFER, SO_MAX_PACING_RATE, burst, ca_state, cwnd,
                        edge, expect_segments, long_path, sack, ssthresh)
from lib.scenario import TERN, main, scenario
from lib.wire import check, check_equal, wait_for

CA_OPEN, CA_RECOVERY, CA_LOSS = 0, 3, 4


# --- RACK -----------------------------------------------------------------------

@scenario("RACK: one SACKed segment: the hole is sent again when time for reordering is over")
def reordering_window(w):
    c = burst(w)
    with w.counts(SackRecovery=1, FastRetrans=1, Timeouts=0, RetransSegs=1):
        sack(c, (1, 2))
        c.expect("A", seq=1, len=w.mss)
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


def slow_burst(w):
    """Whose data takes long as well: reordering has an eighth of a second"""
    c = burst(w, rtt=0.9)
    time.sleep(0.5)
    return c


@scenario("RACK: a hole that fills in time is no loss", slow=True)
def filled_in_time(w):
    c = slow_burst(w)
    with w.counts(FastRetrans=0, RetransSegs=0, Timeouts=0):
        sack(c, (1, 2))
        c.send("A", ack=edge(w, INITIAL_WINDOW))
        c.expect_none()
    check_equal(ca_state(c), CA_OPEN, "state of recovery")
    c.alive()


@scenario("RACK: a lost retransmission is found by what was sent after it")
def lost_retransmission(w):
    c = burst(w, written=40)
    with w.counts(Timeouts=0, SackRecovery=1, FastRetrans=2, LostRetransmit=1):
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
        last = 10
        sack(c, (1, last))
        # what goes out now, behind the retransmission, arrives
        while (segment := c.expect("A", len=w.mss)).rel != 1:
            last = (segment.rel - 1) // w.mss + 1
            sack(c, (1, last))


@scenario("RACK: every segment sent before a SACKed one is lost, not only the first")
def several_holes(w):
    c = burst(w)
    with w.counts(SackRecovery=1, FastRetrans=3, Timeouts=0, LostSegs=(3, 3)):
        sack(c, (3, 10))
        c.expect("A", seq=1, len=w.mss)
        c.expect("A", seq=edge(w, 1), len=w.mss)
        c.expect("A", seq=edge(w, 2), len=w.mss)
    c.send("A")
    c.alive()


@scenario("RACK: what was sent after the SACKed segment is not lost")
def later_is_not_lost(w):
    c = burst(w)
    with w.counts(LostSegs=1, Timeouts=0):
        sack(c, (1, 5))
        c.expect("A", seq=1, len=w.mss)
        c.expect_none()
    c.send("A")
    c.alive()


@scenario("RACK: reordering is noticed, once", variants=TERN, slow=True)
def reordering_noticed(w):
    c = slow_burst(w)
    with w.counts(ReorderSeen=1):
        sack(c, (2, 3))
        sack(c, (2, 3), ack=1)      # segment 0, never sent again, came after segment 2
        c.repeats_ok = True         # segment 1, if the next line is late
        c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


# --- TLP ------------------------------------------------------------------------

PATH = 0.4      # seconds: a probe comes much later than a burst ends


@scenario("TLP: the last segment is sent again, before any timeout", slow=True)
def probe_repeats_last(w):
    w.sysctl("tlp", 1 if w.tern else 3)
    with w.counts(LossProbes=1, Timeouts=0, FastRetrans=0):
        c = burst(w, 5, rtt=PATH)
        c.expect("A", seq=edge(w, 4), len=w.mss)
    c.send("A")
    c.alive()


@scenario("TLP: of a super-segment only the last segment is sent again", variants=TERN, slow=True)
def probe_is_one_segment(w):
    w.sysctl("tlp", 1)
    with w.counts(LossProbes=1, Timeouts=0, RetransSegs=1):
        c = long_path(w, PATH)
        c.write(4 * w.mss + 100)
        expect_segments(c, 4)
        c.expect("A", seq=edge(w, 4), len=100)
        c.expect("A", seq=edge(w, 4), len=100)
    c.send("A")
    c.alive()


@scenario("TLP: that of a first flight is not early", variants=TERN, slow=True)
def probe_of_first_flight(w):
    w.sysctl("tlp", 1)
    c = long_path(w, PATH)
    c.write(2 * w.mss)
    c.expect("A", seq=1, len=w.mss)
    times = [c.expect("A", seq=edge(w, 1), len=w.mss).ts for _ in range(2)]
    waited = (times[1] - times[0]) & 0xffffffff
    # microseconds; a slow machine is late, never early
    check(waited > 1.4e6 * PATH, f"a probe after {waited} us")
    c.send("A")
    c.alive()


@scenario("TLP: new data is the probe, if there is some", slow=True)
def probe_is_new_data(w):
    w.sysctl("tlp", 1 if w.tern else 3)
    with w.counts(LossProbes=1, Timeouts=0, RetransSegs=0):
        c = burst(w, written=20, rtt=PATH)
        c.expect("A", seq=edge(w, INITIAL_WINDOW), len=w.mss)
    c.send("A")
    c.expect("A", seq=edge(w, INITIAL_WINDOW + 1), len=w.mss)


@scenario("TLP: a probe's answer shows what is lost: fast retransmit, no timeout", slow=True)
def probe_brings_sack(w):
    w.sysctl("tlp", 1 if w.tern else 3)
    with w.counts(LossProbes=1, SackRecovery=1, FastRetrans=3, Timeouts=0):
        c = burst(w, 6, rtt=PATH)
        c.send("A", ack=edge(w, 2))
        c.expect("A", seq=edge(w, 5), len=w.mss)
        # not before the probe can have got there and its answer back
        time.sleep(PATH)
        sack(c, (5, 6), ack=2)
        c.expect("A", seq=edge(w, 2), len=w.mss)
        sack(c, (5, 6), ack=3)
        c.expect("A", seq=edge(w, 3), len=w.mss)
        c.expect("A", seq=edge(w, 4), len=w.mss)
    c.send("A", ack=edge(w, 6))
    c.alive()


@scenario("TLP: a probe on its way does not hold back what is found lost", slow=True)
def probe_and_loss(w):
    w.sysctl("tlp", 1 if w.tern else 3)
    with w.counts(LossProbes=1, SackRecovery=1, Timeouts=0):
        c = burst(w, rtt=PATH)
        c.expect("A", seq=edge(w, INITIAL_WINDOW - 1), len=w.mss)
        sack(c, (1, INITIAL_WINDOW - 1))
        c.expect("A", seq=1, len=w.mss)
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


@scenario("TLP: a probe that repaired a loss reduces the window", variants=TERN, slow=True)
def probe_repaired(w):
    w.sysctl("tlp", 1 if w.tern else 3)
    with w.counts(LossProbes=1, LossProbeRecovery=1, Timeouts=0):
        c = burst(w, 5, rtt=PATH)
        c.expect("A", seq=edge(w, 4), len=w.mss)
        c.send("A", ack=edge(w, 5))
    check(ssthresh(c) < INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")
    # all was delivered: the reduced window is there at once, not by and by
    at = c.rcv_nxt
    c.write(5 * w.mss)
    for number in range(5):
        c.expect("A", seq=at + number * w.mss, len=w.mss)


@scenario("TLP: a probe that was not needed leaves the window alone", slow=True)
def probe_not_needed(w):
    w.sysctl("tlp", 1 if w.tern else 3)
    with w.counts(LossProbes=1, LossProbeRecovery=0, FastRetrans=0, DSACKRecv=1,
                  DSACKOfoRecv=0, DSACKRecvSegs=1):
        c = burst(w, 5, rtt=PATH)
        c.expect("A", seq=edge(w, 4), len=w.mss)
        c.send("A", ack=edge(w, 5), sack=[(edge(w, 4), edge(w, 5))])
    check(ssthresh(c) > INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")
    c.alive()


@scenario("TLP: one probe for a flight; then the retransmission timer", slow=True)
def one_probe(w):
    w.sysctl("tlp", 1 if w.tern else 3)
    w.sysctl("rto_min_ms", 1000)
    with w.counts(LossProbes=1, Timeouts=1):
        c = burst(w, 5, rtt=PATH)
        c.expect("A", seq=edge(w, 4), len=w.mss)
        c.expect("A", seq=1, len=w.mss)
    c.send("A", ack=edge(w, 5))
    c.alive()


@scenario("TLP: not while SACKs tell what is missing", variants=TERN, slow=True)
def no_probe_in_recovery(w):
    w.sysctl("tlp", 1)
    with w.counts(LossProbes=0, FastRetrans=1):
        c = burst(w, rtt=PATH)
        sack(c, (1, 10))
        c.expect("A", seq=1, len=w.mss)
        c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


# --- undo -----------------------------------------------------------------------

@scenario("undo: the first transmission was late: the echo of its timestamp takes it all back")
def undo_by_timestamp(w):
    c = burst(w)
    first = c.last.ts
    before = cwnd(c)
    with w.counts(FastRetrans=1, FullUndo=1, PartialUndo=0, Timeouts=0):
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
        c.send("A", ack=edge(w, INITIAL_WINDOW), tsecr=first)
    check_equal(ca_state(c), CA_OPEN, "state of recovery")
    check(cwnd(c) >= before, f"window of {cwnd(c)}, before {before}")
    check(ssthresh(c) > INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")
    c.alive()


@scenario("undo: an acknowledgment of a part of what was in flight is enough")
def undo_by_part(w):
    c = burst(w)
    first = c.last.ts
    with w.counts(FastRetrans=1, FullUndo=0, PartialUndo=1, SpuriousRTOs=0):
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
        c.send("A", ack=edge(w, 4), tsecr=first)
    check_equal(ca_state(c), CA_OPEN, "state of recovery")
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


@scenario("undo: not when the retransmission's own timestamp is echoed")
def no_undo(w):
    c = burst(w)
    with w.counts(FastRetrans=1, FullUndo=0):
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
        c.send("A", ack=edge(w, INITIAL_WINDOW))
    check(ssthresh(c) < INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")
    c.alive()


@scenario("undo: a timeout that was too early, by timestamp", slow=True)
def undo_timeout(w):
    w.sysctl("rto_min_ms", 500)
    with w.counts(Timeouts=(1, None), LossUndo=1, SpuriousRTOs=1):
        c = burst(w)
        first = c.last.ts
        c.repeats_ok = True
        c.expect("A", seq=1, len=w.mss)
        check_equal(ca_state(c), CA_LOSS, "state of recovery")
        c.send("A", ack=edge(w, 1), tsecr=first)
    check_equal(ca_state(c), CA_OPEN, "state of recovery")
    check(cwnd(c) >= INITIAL_WINDOW, f"window of {cwnd(c)}")
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    c.alive()


@scenario("undo: a timeout in a recovery was too early: the recovery goes on", variants=TERN, slow=True)
def undo_timeout_in_recovery(w):
    w.sysctl("rto_min_ms", 2000)
    c = burst(w)
    with w.counts(FastRetrans=1, Timeouts=(1, None), LossUndo=1, SpuriousRTOs=1, PartialUndo=0):
        sack(c, (1, 4))
        repair = c.expect("A", seq=1, len=w.mss)
        check_equal(ca_state(c), CA_RECOVERY, "state of recovery")
        c.repeats_ok = True
        c.expect("A", seq=1, len=w.mss)
        check_equal(ca_state(c), CA_LOSS, "state of recovery")
        # the first repair was slow only
        c.send("A", ack=edge(w, 4), tsecr=repair.ts)
    check_equal(ca_state(c), CA_RECOVERY, "state of recovery")
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    check_equal(ca_state(c), CA_OPEN, "state of recovery")
    check_equal(ssthresh(c), 7, "threshold after one loss in a window of ten")
    check_equal(cwnd(c), 7, "window")
    c.alive()


@scenario("undo: what counted as lost comes before it is sent again")
def undo_of_nothing(w):
    c = burst(w)
    c.sock.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, w.mss)
    # which leaves at once, and what follows it waits for a second
    c.send("A", ack=edge(w, 1))
    c.write(w.mss)
    c.expect("A", seq=edge(w, INITIAL_WINDOW), len=w.mss)
    with w.counts(SackRecovery=1, RetransSegs=0, Timeouts=0):
        sack(c, (2, 5), ack=1)
        wait_for(lambda: ca_state(c) == CA_RECOVERY, "a recovery")
        c.send("A", ack=edge(w, INITIAL_WINDOW + 1))
        check_equal(ca_state(c), CA_OPEN, "state of recovery")
    check(ssthresh(c) > INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")
    c.sock.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, 1 << 30)
    c.alive()


@scenario("undo: the duplicate of a loss probe does not take a real loss back", variants=TERN,
          slow=True)
def no_undo_by_probe(w):
    w.sysctl("tlp", 1)
    last = (edge(w, INITIAL_WINDOW - 1), edge(w, INITIAL_WINDOW))
    with w.counts(LossProbes=1, FastRetrans=1, DSACKUndo=0):
        c = burst(w)
        c.expect("A", seq=last[0], len=w.mss)
        # all but the first were late; that is lost
        sack(c, (1, INITIAL_WINDOW))
        c.expect("A", seq=1, len=w.mss)
        c.send("A", ack=1, sack=[last, (edge(w, 1), edge(w, INITIAL_WINDOW))])
        c.send("A", ack=edge(w, INITIAL_WINDOW))
    check(ssthresh(c) < INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")


@scenario("undo: every retransmission is reported as a duplicate")
def undo_by_dsack(w):
    c = burst(w)
    with w.counts(FastRetrans=1, DSACKUndo=1):
        sack(c, (1, 4))
        c.expect("A", seq=1, len=w.mss)
        c.send("A", ack=edge(w, INITIAL_WINDOW))
        c.send("A", ack=edge(w, INITIAL_WINDOW), sack=[(1, edge(w, 1))])
    check(ssthresh(c) > INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")
    check_equal(ca_state(c), CA_OPEN, "state of recovery")
    c.alive()


@scenario("undo: one duplicate of two retransmissions is not enough")
def no_undo_by_half(w):
    c = burst(w)
    with w.counts(SackRecovery=1, FastRetrans=2, DSACKUndo=0):
        sack(c, (2, 10))
        c.expect("A", seq=1, len=w.mss)
        c.expect("A", seq=edge(w, 1), len=w.mss)
        c.send("A", ack=edge(w, INITIAL_WINDOW), sack=[(1, edge(w, 1))])
    check(ssthresh(c) < INITIAL_WINDOW, f"ssthresh {ssthresh(c)}")
    c.alive()


# --- PRR ------------------------------------------------------------------------

@scenario("PRR: in a recovery, seven segments are sent for ten that are delivered", variants=TERN)
def proportional(w):
    c = burst(w, written=40)
    sack(c, (1, 4))
    c.expect("A", seq=1, len=w.mss)
    sent = 1
    for last in range(5, 11):
        sack(c, (1, last))
        while c.expect_maybe("A", len=w.mss):
            sent += 1
    check(5 <= sent <= 7, f"{sent} segments sent for nine delivered")
    check_equal(ca_state(c), CA_RECOVERY, "state of recovery")


@scenario("PRR: one segment is sent for two that are delivered, where the window is halved",
          variants=TERN)
def halved(w):
    c = w.established(options=LARGE_BUFFER + [(socket.SOL_TCP, socket.TCP_CONGESTION, b"newreno")])
    c.write(60 * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    c.send("A", ack=edge(w, 10))
    for number in range(10, 30):
        c.expect("A", seq=edge(w, number), len=w.mss)
    sack(c, (11, 14), ack=10)
    c.expect("A", seq=edge(w, 10), len=w.mss)
    sent = 1
    # long before what is in flight has come down to half
    for last in range(15, 23):
        sack(c, (11, last), ack=10)
        while c.expect_maybe("A", len=w.mss):
            sent += 1
    check(5 <= sent <= 6, f"{sent} segments sent for eleven delivered")


@scenario("PRR: a recovery ends with a window of ssthresh")
def ends_with_ssthresh(w):
    c = burst(w)
    sack(c, (1, 4))
    c.expect("A", seq=1, len=w.mss)
    sack(c, (1, 10))
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    check_equal(ca_state(c), CA_OPEN, "state of recovery")
    check_equal(cwnd(c), ssthresh(c), "window")
    c.alive()


@scenario("PRR: the first retransmission goes out however much is in flight", variants=TERN)
def first_goes_out(w):
    c = burst(w, written=40)
    with w.counts(SackRecovery=1, FastRetrans=(1, None)):
        sack(c, (9, 10))
        while c.expect("A", len=w.mss).rel != 1:
            pass


if __name__ == "__main__":
    main()
