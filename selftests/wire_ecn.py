#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Explicit congestion notification (RFC 3168), segment by segment, with the
marks of the IP header. The same scenarios on TCP."""
from lib import doors
from lib.flight import (INITIAL_WINDOW, LARGE_BUFFER, delivered_ce, edge, expect_segments, sack,
                        ssthresh)
from lib.scenario import TERN, main, scenario
from lib.ternwire import traffic_class
from lib.wire import Conn, check, check_equal

NOT_ECT, ECT, CE = 0, 2, 3
ECN_MASK = 3


def codepoint(segment):
    return traffic_class(segment.packet) & ECN_MASK


def established(w):
    """A peer that asked for ECN, and got it"""
    w.sysctl("ecn", 2)
    listener = w.listen(options=LARGE_BUFFER)
    c = Conn(w)
    c.send("SEC", seq=0, ack=None, tag=0, tsecr=0, options=c.syn_options())
    syn_ack = c.expect("SAE", seq=0, ack=1)
    check_equal(codepoint(syn_ack), NOT_ECT, "code point of a SYN-ACK")
    c.send("A")
    c.sock, c.listener = w.accept(listener), listener
    return c


@scenario("ECN: a SYN that asks for it gets it, unless it is switched off")
def asked(w):
    established(w)
    w.sysctl("ecn", 0)
    c = Conn(w)
    c.send("SEC", seq=0, ack=None, tag=0, tsecr=0, options=c.syn_options())
    c.expect("SA", seq=0, ack=1)


@scenario("ECN: a SYN with one of the two flags does not ask")
def half_asked(w):
    w.sysctl("ecn", 2)
    w.listen()
    for flags in ("SE", "SC"):
        c = Conn(w)
        c.send(flags, seq=0, ack=None, tag=0, tsecr=0, options=c.syn_options())
        c.expect("SA", seq=0, ack=1)


@scenario("ECN: connect() asks when it is told to, and takes no for an answer")
def asking(w):
    w.sysctl("ecn", 1)
    for answer, wanted in (("SAE", ECT), ("SA", NOT_ECT), ("SAEC", NOT_ECT)):
        c = w.connecting()
        syn = c.expect("SEC", seq=0)
        check_equal(codepoint(syn), NOT_ECT, "code point of a SYN")
        c.send(answer, seq=0, ack=1, options=c.syn_options())
        c.expect("A", seq=1, ack=1, len=0)
        c.write(10)
        check_equal(codepoint(c.expect("A", seq=1, len=10)), wanted, f"code point after {answer}")
        c.send("A")


@scenario("ECN: new data is capable, ACKs and retransmissions are not")
def capable(w):
    c = established(w)
    c.write(4 * w.mss)
    for number in range(4):
        data = c.expect("A", seq=edge(w, number), len=w.mss)
        check_equal(codepoint(data), ECT, "code point of data")
    sack(c, (1, 4))
    again = c.expect("A", seq=1, len=w.mss)
    check_equal(codepoint(again), NOT_ECT, "code point of a retransmission")
    c.send("A")
    c.send(len=10)
    check_equal(codepoint(c.expect("A", ack=11, len=0)), NOT_ECT, "code point of an ACK")


@scenario("ECN: a RST is not capable either")
def reset(w):
    c = established(w)
    c.write(10)
    check_equal(codepoint(c.expect("A", seq=1, len=10)), ECT, "code point of data")
    doors.reset_on_close(c.sock)
    c.sock.close()
    check_equal(codepoint(c.expect("RA", seq=11)), NOT_ECT, "code point of a RST")


@scenario("ECN: a mark is echoed until CWR comes")
def echoed(w):
    c = established(w)
    with w.counts(InCE=1):
        c.send(len=10, tos=CE)
        c.expect("AE", ack=11)
    c.send(len=10, tos=ECT)
    c.expect("AE", ack=21)
    c.send("AC", len=10, tos=ECT)
    c.expect("A", ack=31)
    c.read(30)


@scenario("ECN: a mark with CWR is a new one")
def marked_with_cwr(w):
    c = established(w)
    c.send(len=10, tos=CE)
    c.expect("AE", ack=11)
    c.send("AC", len=10, tos=CE)
    c.expect("AE", ack=21)
    c.read(20)


@scenario("ECN: an echo reduces the window once in a round trip, and is answered by CWR")
def reduces(w):
    c = established(w)
    c.write(INITIAL_WINDOW * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    with w.counts(ECNReduced=1, RetransSegs=0, Delivered=6 * w.mss, DeliveredCE=6 * w.mss):
        for number in (2, 4, 6):
            c.send("AE", ack=edge(w, number))
        check_equal(ssthresh(c), 7, "threshold after a mark in a window of ten")
        check_equal(delivered_ce(c), 6, "segments delivered with marks")
        at = c.rcv_nxt
        c.write(2 * w.mss)
        c.expect("AC", seq=at, len=w.mss)
        c.expect("A", seq=at + w.mss, len=w.mss)
    c.send("A")


@scenario("ECN: who has nothing more to send, and cannot say CWR, is reduced once")
def reduces_the_idle_once(w):
    c = established(w)
    with w.counts(ECNReduced=1):
        c.write(INITIAL_WINDOW * w.mss)
        expect_segments(c, INITIAL_WINDOW)
        for _ in range(8):
            c.send("AE", len=10)
    check_equal(ssthresh(c), 7, "threshold after one mark in a window of ten")
    c.read(80)


@scenario("ECN: without an agreement marks and echoes mean nothing", variants=TERN)
def not_agreed(w):
    c = w.established(options=LARGE_BUFFER)
    with w.counts(InCE=0, ECNReduced=0):
        c.send(len=10, tos=CE)
        c.expect("A", ack=11)
        c.write(10)
        check_equal(codepoint(c.expect("A", seq=1, len=10)), NOT_ECT, "code point of data")
        c.send("AE")
    c.read(10)
    check(c.sock.fileno() >= 0, "closed")


if __name__ == "__main__":
    main()
