#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""DCTCP (RFC 8257), segment by segment: marks echoed one for one, and a window
that is reduced by their share. The same scenarios on TCP's own."""
import socket

from lib.flight import INITIAL_WINDOW, LARGE_BUFFER, cwnd, edge, expect_segments, sack, ssthresh
from lib.scenario import TERN, main, scenario
from lib.wire import Conn, check, check_equal

ECT, CE = 2, 3
DCTCP = [(socket.SOL_TCP, socket.TCP_CONGESTION, b"dctcp")] + LARGE_BUFFER


def established(w):
    w.sysctl("ecn", 0)      # is not asked
    listener = w.listen(options=DCTCP)
    c = Conn(w)
    c.send("SEC", seq=0, ack=None, tag=0, tsecr=0, options=c.syn_options())
    c.expect("SAE", seq=0, ack=1)
    c.send("A")
    c.sock, c.listener = w.accept(listener), listener
    return c


def round_trips(c, number):
    """Windows of one segment each, none of them marked"""
    for _ in range(number):
        at = c.rcv_nxt
        c.write(100)
        c.expect("A", seq=at, len=100)
        c.send("A")


def flight(c):
    """A full window, none of it acknowledged; where it begins"""
    at = c.rcv_nxt
    c.write(INITIAL_WINDOW * c.world.mss)
    for number in range(INITIAL_WINDOW):
        c.expect("A", seq=at + number * c.world.mss, len=c.world.mss)
    return at


@scenario("DCTCP: connect() asks for ECN whatever the sysctl says")
def asks(w):
    w.sysctl("ecn", 0)
    c = w.connecting(options=DCTCP)
    c.expect("SEC", seq=0)
    c.send("SAE", seq=0, ack=1, options=c.syn_options())
    c.expect("A", seq=1, ack=1, len=0)


@scenario("DCTCP: each mark is echoed once, without CWR")
def echoed_once(w):
    c = established(w)
    for mark, flags in ((CE, "AE"), (ECT, "A"), (CE, "AE"), (CE, "AE"), (ECT, "A")):
        c.send(len=10, tos=mark)
        c.expect(flags, ack=c.snd_nxt)
    c.read(50)


@scenario("DCTCP: what came before a mark is acknowledged before it")
def acknowledged_before(w):
    c = established(w)
    c.sock.setsockopt(socket.SOL_TCP, socket.TCP_QUICKACK, 0)
    c.send(len=10, tos=ECT)
    before = c.snd_nxt
    c.send(len=10, tos=CE)
    c.expect("A", ack=before)
    c.expect("AE", ack=c.snd_nxt)
    c.read(20)


@scenario("DCTCP: the first mark halves the window")
def first_mark(w):
    c = established(w)
    at = flight(c)
    with w.counts(RetransSegs=0):
        c.send("AE", ack=at + 2 * w.mss)
        check_equal(ssthresh(c), INITIAL_WINDOW // 2, "threshold")
    c.send("A", ack=c.rcv_nxt)


@scenario("DCTCP: a mark after many windows without one hardly reduces")
def rare_mark(w):
    c = established(w)
    round_trips(c, 50)
    check_equal(cwnd(c), INITIAL_WINDOW, "window")
    at = flight(c)
    c.send("AE", ack=at + 2 * w.mss)
    check(INITIAL_WINDOW - 1 <= ssthresh(c) <= INITIAL_WINDOW, f"threshold {ssthresh(c)}")
    c.send("A", ack=c.rcv_nxt)


@scenario("DCTCP: a loss halves the window, however few marks there were")
def loss(w):
    c = established(w)
    round_trips(c, 50)
    at = flight(c)
    c.send("A", ack=at, sack=[(at + w.mss, at + 5 * w.mss)])
    c.expect("A", seq=at, len=w.mss)
    check_equal(ssthresh(c), INITIAL_WINDOW // 2, "threshold")
    c.send("A", ack=c.rcv_nxt)


@scenario("DCTCP: a loss that follows a mark in one window halves it", variants=TERN)
def loss_after_mark(w):
    c = established(w)
    round_trips(c, 50)
    at = flight(c)
    c.send("AE", ack=at + w.mss)
    c.send("A", ack=at + w.mss, sack=[(at + 2 * w.mss, at + 6 * w.mss)])
    c.expect("A", seq=at + w.mss, len=w.mss)
    check(ssthresh(c) <= INITIAL_WINDOW // 2, f"threshold {ssthresh(c)}")
    c.send("A", ack=c.rcv_nxt)


@scenario("DCTCP: without ECN it is NewReno")
def without_ecn(w):
    c = w.established(options=DCTCP)
    c.write(INITIAL_WINDOW * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    sack(c, (1, 5))
    c.expect("A", seq=edge(w, 0), len=w.mss)
    check_equal(ssthresh(c), INITIAL_WINDOW // 2, "threshold")
    c.send("A", ack=edge(w, INITIAL_WINDOW))


if __name__ == "__main__":
    main()
