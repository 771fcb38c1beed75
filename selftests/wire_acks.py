#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""When data is acknowledged, and by how many ACKs: at least every second full
segment at once, less after a delay, and no more than that.
"""
import socket

from lib.scenario import TERN, main, scenario
from lib.wire import Conn, check, check_equal, relative

PAIRS = 20
# milliseconds; no more can be set
SHORT_DELAY, LONG_DELAY = 10, 500


def acks_until_all(c):
    """How many it takes until everything is acknowledged"""
    count = 1
    while c.expect("A", len=0).rel_ack != c.snd_nxt:
        count += 1
    return count


def leave_quick_mode(c):
    """At the start of a connection each segment is acknowledged."""
    for _ in range(2 * PAIRS):
        c.send(len=c.world.mss)
        c.send(len=c.world.mss)
        count = acks_until_all(c)
        c.read(2 * c.world.mss)
        if count == 1:
            return
    check(False, f"each of {4 * PAIRS} segments is acknowledged")


def no_hurry(w):
    """A slow machine is not to be taken for a delay that is over."""
    if w.tern:
        w.sysctl("delack_ms", LONG_DELAY)


@scenario("a lone small segment is acknowledged though no data goes back")
def delayed_ack(w):
    c = w.established()
    with w.counts(DelayedACKs=(1, None)):
        for _ in range(25):
            c.send(len=1)
            c.expect("A", ack=c.snd_nxt)
    c.expect_none()
    c.read(25)


@scenario("small segments share a delayed ACK", variants=TERN)
def shared_delayed_ack(w):
    no_hurry(w)
    c = w.established()
    leave_quick_mode(c)
    with w.counts(DelayedACKs=1):
        for _ in range(5):
            c.send(len=1)
        c.expect("A", ack=c.snd_nxt, len=0)
    c.expect_none()
    c.read(5)


@scenario("an ACK is not later than delack_ms says", variants=TERN)
def delack_ms(w):
    """Of two connections the one that may take its time owes its ACK first, and
    sends it last. A machine that is slow enough to be in between gets more tries."""
    listener = w.listen()
    patient, quick = (Conn(w).finish_passive(listener) for _ in range(2))
    no_hurry(w)
    for c in (patient, quick):
        leave_quick_mode(c)
    for _ in range(PAIRS):
        clocks = []
        for c, delay in ((patient, LONG_DELAY), (quick, SHORT_DELAY)):
            w.sysctl("delack_ms", delay)
            c.send(len=1)
        for c in (patient, quick):
            clocks.append(c.expect("A", ack=c.snd_nxt, len=0).ts)
            c.read(1)
        if relative(*clocks) > 1000 * LONG_DELAY // 2:
            return
    check(False, f"an ACK after {SHORT_DELAY} ms is never far before one after {LONG_DELAY} ms")


@scenario("delayed ACK rides on the answer")
def ack_on_data(w):
    """After a few requests and answers, nothing but answers is sent."""
    no_hurry(w)
    c = w.established()
    alone = 0
    for _ in range(20):
        c.send("PA", len=10)
        c.read(10)
        c.write(5)
        alone += c.expect("A", ack=c.snd_nxt).payload == b""
        if alone and c.last.payload == b"":
            c.expect("A", len=5)
        c.send("A")
    check(alone < 10, f"{alone} of 20 answers had an ACK sent before them")


@scenario("the end of a message of more than a segment is acknowledged at once", variants=TERN)
def end_of_message(w):
    """Also where ACKs ride on answers; the end of a short message waits for its own."""
    no_hurry(w)
    c = w.established()
    c.sock.setsockopt(socket.SOL_TCP, socket.TCP_QUICKACK, 0)
    with w.counts(DelayedACKs=0):
        for _ in range(10):
            c.write(5)
            c.expect("A", len=5)
            c.send("A", len=w.mss)
            c.send("A", len=w.mss)
            c.read(2 * w.mss)
            c.expect("A", ack=c.snd_nxt, len=0)
            c.send("PA", len=100)
            c.expect("A", ack=c.snd_nxt, len=0)
            c.read(100)
    with w.counts(DelayedACKs=1):
        c.write(5)
        c.expect("A", len=5)
        c.send("PA", len=100)
        c.expect("A", ack=c.snd_nxt, len=0)


@scenario("two full segments are acknowledged at once, by one ACK")
def every_second(w):
    """TCP's clock may be over between two segments, on a slow machine."""
    no_hurry(w)
    c = w.established()
    leave_quick_mode(c)
    acks = 0
    with w.counts(DelayedACKs=0):
        for _ in range(PAIRS):
            c.send(len=w.mss)
            c.send(len=w.mss)
            acks += acks_until_all(c)
            c.read(2 * w.mss)
    c.expect_none()
    if w.tern:
        check_equal(acks, PAIRS, f"ACKs for {2 * PAIRS} segments")
    check(acks < PAIRS * 3 // 2, f"{acks} ACKs for {2 * PAIRS} segments")


@scenario("a segment out of order, and one that fills a hole, are acknowledged at once")
def out_of_order(w):
    no_hurry(w)
    c = w.established()
    leave_quick_mode(c)
    at = c.snd_nxt
    with w.counts(DelayedACKs=0):
        c.send(seq=at + 100, len=100)
        c.expect("A", ack=at, sack=[(at + 100, at + 200)])
        c.send(len=100)
        c.expect("A", ack=at + 200, sack=[])
    c.snd_nxt = at + 200
    c.read(200)


@scenario("segments that arrive merged are acknowledged at once, by one ACK")
def merged(w):
    """As one that is larger than the MSS: what a super-segment looks like.
    The first one makes the window smaller, of which the sender is not told at once."""
    no_hurry(w)
    c = w.established()
    leave_quick_mode(c)
    c.send(len=8 * w.mss)
    c.expect("A", ack=c.snd_nxt, len=0)
    c.read(8 * w.mss)
    with w.counts(DelayedACKs=0, OutSegs=PAIRS):
        for _ in range(PAIRS):
            c.send(len=8 * w.mss)
            c.expect("A", ack=c.snd_nxt, len=0)
            c.read(8 * w.mss)
        c.expect_none()


if __name__ == "__main__":
    main()
