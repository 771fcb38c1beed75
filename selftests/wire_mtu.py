#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The path MTU without ICMP: a black hole for large packets is found by
timeouts, and probes find out what does pass (RFC 8899). The scenario is the
path: it answers small segments and drops large ones. And what a program may
say of it, by IP_MTU_DISCOVER and IPV6_MTU_DISCOVER."""
import socket

from lib.flight import LARGE_BUFFER, cwnd
from lib.scenario import TERN, main, scenario
from lib.ternwire import dont_fragment
from lib.wire import DEADLINE, Conn, check, check_equal, wait_for

BASE_MTU = 1280
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 10, 23
DONT, WANT, DO, PROBE, INTERFACE, OMIT = range(6)


def headers(w):
    return 40 + 32 if w.version == 6 else 20 + 32


def path(w, c, mtu, until):
    """Acknowledge what passes; the segments that did not, until a condition holds"""
    lost, at, waiting = [], c.rcv_nxt, {}
    while not until(lost, at):
        segment = c.expect("A")
        size = len(segment.payload) + headers(w)
        if size > mtu:
            lost.append(size)
            continue
        waiting[segment.rel] = segment.rel + len(segment.payload)
        while at in waiting:
            at = waiting.pop(at)
        beyond = [(start, end) for start, end in sorted(waiting.items()) if start > at]
        c.send("A", ack=at, sack=beyond[-1:] or None)
    return lost


def black_hole(w, **fields):
    """A connection that has just found that 1500 bytes do not pass"""
    w.sysctl("rto_min_ms", 200)
    c = w.established(options=LARGE_BUFFER, **fields)
    c.repeats_ok = True
    return c


@scenario("black hole: after two timeouts the segments are small", variants=TERN, slow=True)
def found(w):
    c = black_hole(w)
    with w.counts(MTUPFail=1, Timeouts=(2, None)):
        c.write(8000)
        path(w, c, BASE_MTU, lambda lost, at: at == 8001)
    c.alive()


@scenario("black hole: a lossy path for small segments is none", variants=TERN, slow=True)
def small_is_no_black_hole(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    with w.counts(MTUPFail=0, Timeouts=(3, None)):
        c.write(100)
        for _ in range(4):
            c.expect("A", seq=1, len=100)
    c.send("A", ack=101)


def large_again(w, c, mss):
    """The black hole goes away, and a probe finds that out: segments of that size"""
    with w.counts(MTUPFail=1, MTUProbes=1, MTUPSuccess=1):
        c.write(8000)
        path(w, c, BASE_MTU, lambda lost, at: at == 8001)
        # the path is good again
        at = c.rcv_nxt
        c.write(30 * w.mss)
        path(w, c, 1500, lambda lost, to: to == at + 30 * w.mss)
    at = c.rcv_nxt
    c.write(2 * w.mss)
    c.expect("A", seq=at, len=mss)


@scenario("a probe that passes brings the large segments back", variants=TERN, slow=True)
def probe_passes(w):
    large_again(w, black_hole(w), w.mss)


@scenario("a probe is as large as the peer allows", variants=TERN, slow=True)
def probe_of_peers_mss(w):
    mss = w.mss - 8
    large_again(w, black_hole(w, mss=mss), mss)


@scenario("a probe that is lost does not reduce the window", variants=TERN, slow=True)
def probe_lost(w):
    c = black_hole(w)
    with w.counts(MTUPFail=1, MTUProbes=1, MTUPSuccess=0):
        c.write(8000)
        path(w, c, BASE_MTU, lambda lost, at: at == 8001)
        before = cwnd(c)
        at = c.rcv_nxt
        c.write(30 * w.mss)
        lost = path(w, c, BASE_MTU, lambda lost, to: to == at + 30 * w.mss)
    check(cwnd(c) >= before, f"window {before} before, {cwnd(c)} after the loss of a probe")
    check(lost == [1500], f"lost: {lost}")


@scenario("a size is given up after three lost probes, not after one", variants=TERN, slow=True)
def three_probes(w):
    c = black_hole(w)
    lost = []

    def some_more():
        at = c.rcv_nxt
        c.write(3 * w.mss)
        lost.extend(path(w, c, BASE_MTU, lambda _, to: to == at + 3 * w.mss))
        return len(lost) >= 4

    with w.counts(MTUPFail=1, MTUProbes=4, MTUPSuccess=0):
        c.write(8000)
        path(w, c, BASE_MTU, lambda lost, at: at == 8001)
        wait_for(some_more, "four probes", 4 * DEADLINE)
    half = (BASE_MTU + 1500) // 2
    check_equal(lost, [1500] * 3 + [half], "sizes of the probes")


@scenario("IP_MTU_DISCOVER: what routers may fragment, and whether ICMP is believed")
def discover(w):
    """Each with a host of its own: what ICMP says is kept for the route."""
    level, option = (socket.SOL_IP, IP_MTU_DISCOVER) if w.version == 4 else \
        (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER)
    kind, code = (3, 4) if w.version == 4 else (2, 0)
    unbelieving = (DONT, INTERFACE, OMIT) if w.version == 4 else (INTERFACE, OMIT)
    listener = w.listen(options=LARGE_BUFFER)
    for mode in (DONT, WANT, DO, PROBE, INTERFACE, OMIT):
        c = Conn(w, remote=f"192.0.2.{100 + mode}" if w.version == 4 else f"2001:db8::{100 + mode}")
        c.finish_passive(listener)
        c.sock.setsockopt(level, option, mode)
        c.write(w.mss)
        big = c.expect("A", seq=1, len=w.mss)
        if w.version == 4:
            check_equal(dont_fragment(big.packet), mode in (WANT, DO), f"DF in mode {mode}")
        w.icmp_error(big.packet, kind, code, 1300)
        if mode in unbelieving:
            c.expect_none()
            # TCP's route believes it, and later segments follow the route
            if not w.tern:
                continue
        else:
            c.expect("A", seq=1, len=w.mss - 200)
            c.send("A", ack=1 + w.mss - 200)
            c.expect("A", seq=1 + w.mss - 200, len=200)
        c.send("A", ack=1 + w.mss)
        c.write(w.mss)
        smaller = 0 if mode in unbelieving else 200
        c.expect("A", seq=1 + w.mss, len=w.mss - smaller)
        c.send("A", ack=1 + 2 * w.mss)


if __name__ == "__main__":
    main()
