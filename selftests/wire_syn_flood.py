#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Half-open connections in great number: they are bounded by max_syn_backlog,
cost no socket, expire, and go with their listener.
"""
from lib.scenario import TERN, main, scenario
from lib.ternwire import ACK, SYN
from lib.wire import PORT, Conn, check, check_equal, wait_for

FLOOD = 200
LIMIT = 16
# a queue that is not the bound here
BACKLOG = 1000


def flood(w, number=FLOOD):
    """SYNs from so many hosts and ports; how many were answered"""
    for n in range(number):
        host = f"192.0.2.{3 + n % 200}" if w.version == 4 else f"2001:db8::{3 + n:x}"
        c = Conn(w, sport=1024 + n, remote=host)
        c.send_syn()
        del w.conns[c.sport, c.dport]
    answered = set()
    while answer := w.receive(0.01):
        check_equal(answer.flags, SYN | ACK, "flags of an answer to a SYN")
        # some of them may be retransmitted already
        answered.add((answer.dst, answer.dport))
    return len(answered)


def half_open(w):
    return sum(entry[0] == "SYN_RECEIVED" for entry in w.entries())


@scenario("half-open connections are bounded by max_syn_backlog", variants=TERN)
def bounded(w):
    w.sysctl("max_syn_backlog", LIMIT)
    w.listen(backlog=BACKLOG)
    with w.counts(SynDrops=(FLOOD - LIMIT, FLOOD)):
        answered = flood(w)
    check(1 <= answered <= LIMIT, f"{answered} SYNs answered with a limit of {LIMIT}")
    check_equal(half_open(w), answered, "half-open connections")
    check_equal(w.counters()["CurrEstab"], 0, "CurrEstab")


@scenario("half-open connections expire, then connections are taken again", slow=True,
          variants=TERN)
def expire(w):
    w.sysctl("max_syn_backlog", LIMIT)
    w.sysctl("synack_retries", 1)
    listener = w.listen(backlog=BACKLOG)
    flood(w, 2 * LIMIT)
    check_equal(half_open(w), LIMIT, "half-open connections")
    refused = Conn(w)
    refused.send_syn()
    refused.expect_none()
    wait_for(lambda: half_open(w) == 0, "half-open connections expire")
    w.strays.clear()
    Conn(w).finish_passive(listener).alive()


@scenario("established connections do not suffer from a flood", variants=TERN)
def others_unharmed(w):
    w.sysctl("max_syn_backlog", LIMIT)
    c = w.established()
    flood(w)
    c.alive()


@scenario("connections complete up to the limit, one by one", variants=TERN)
def complete_makes_room(w):
    """Only half-open ones count: a handshake that completes frees its place."""
    w.sysctl("max_syn_backlog", 2)
    listener = w.listen(backlog=BACKLOG)
    for _ in range(20):
        Conn(w).finish_passive(listener)
    check_equal(w.counters()["CurrEstab"], 20, "CurrEstab")


@scenario("a RST makes room", variants=TERN)
def reset_makes_room(w):
    w.sysctl("max_syn_backlog", 2)
    w.listen(backlog=BACKLOG)
    for _ in range(20):
        c = Conn(w)
        c.send_syn()
        c.expect("SA", seq=0, ack=1)
        c.send("R")
        c.state("CLOSED")


@scenario("half-open connections go with their listener", variants=TERN)
def listener_closed(w):
    listener = w.listen(backlog=BACKLOG)
    flood(w, 50)
    check(half_open(w) >= 16, f"{half_open(w)} half-open connections")
    listener.close()
    check_equal(w.entries(), [], "sockets after close()")


@scenario("each listener is found by its port")
def many_listeners(w):
    ports = range(PORT, PORT + 50)
    kept = [w.listen(port) for port in ports]
    for port in ports:
        c = Conn(w, dport=port)
        c.send_syn()
        c.expect("SA", seq=0, ack=1)
    check_equal(half_open(w), len(kept), "half-open connections")


if __name__ == "__main__":
    main()
