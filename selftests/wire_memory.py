#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A receive buffer that is too small for what carries the data: it shrinks
before anything is dropped, and what was promised is kept.
"""
import socket

from lib.scenario import TERN, main, scenario
from lib.wire import check, check_equal

SMALL_BUFFER = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)]
MANY = (1, None)


class Edge:
    """The right edge of the window, which never moves back"""

    def __init__(self):
        self.at = 0

    def watch(self, ack):
        edge = ack.rel_ack + ack.window
        check(edge >= self.at, f"right edge went back from {self.at} to {edge}")
        self.at = edge


@scenario("bytes out of order, last one first: all that was SACKed is kept")
def collapsed(w):
    """A byte to a segment costs a hundred times what the window counts."""
    c, edge, count = w.established(options=SMALL_BUFFER), Edge(), 200
    with w.counts(OFOQueue=count, PruneCalled=MANY, RcvCollapsed=MANY, OFOPruned=0, OFODrop=0,
                  RcvQDrop=0):
        for seq in range(count + 1, 1, -1):
            c.send(seq=seq, len=1)
            edge.watch(c.expect("A", ack=1, sack=[(seq, count + 2)]))
        c.send(seq=1, len=1)
        edge.watch(c.expect("A", ack=count + 2, sack=[]))
    c.snd_nxt = count + 2
    c.read(count + 1)
    c.alive()


@scenario("bytes out of order in two places are collapsed each for itself")
def collapsed_around_a_hole(w):
    c, count = w.established(options=SMALL_BUFFER), 60
    with w.counts(RcvCollapsed=MANY, OFOPruned=0, OFODrop=0, RcvQDrop=0):
        for at in range(count, 0, -1):
            c.send(seq=1 + at, len=1)
            c.expect("A", ack=1)
            c.send(seq=101 + at, len=1)
            c.expect("A", ack=1)
        c.send(seq=1, len=1)
        c.expect("A", ack=count + 2, sack=[(102, count + 102)])
        c.send(seq=count + 2, len=100 - count)
        c.expect("A", ack=count + 102, sack=[])
    c.snd_nxt = count + 102
    c.read(count + 101)
    c.alive()


@scenario("FIN among the bytes that are collapsed")
def collapsed_with_fin(w):
    c, count = w.established(options=SMALL_BUFFER), 100
    with w.counts(RcvCollapsed=MANY, OFOPruned=0, OFODrop=0, RcvQDrop=0):
        c.send("FA", seq=count + 1, len=1)
        c.expect("A", ack=1)
        for seq in range(count, 1, -1):
            c.send(seq=seq, len=1)
            c.expect("A", ack=1)
        c.state("ESTABLISHED")
        c.send(seq=1, len=1)
        c.expect("A", ack=count + 3, sack=[])
    c.state("CLOSE_WAIT")
    c.read(count + 1)
    c.read_eof()


@scenario("collapsed while a part of the queue was read")
def collapsed_and_read(w):
    c, count = w.established(options=SMALL_BUFFER), 120
    c.send(len=100)
    c.expect("A", ack=101)
    c.read(30)
    for seq in range(101 + count, 101, -1):
        c.send(seq=seq, len=1)
        c.expect("A", ack=101)
    c.send(seq=101, len=1)
    c.expect("A", ack=102 + count)
    c.snd_nxt = 102 + count
    c.read(71 + count)
    c.alive()


@scenario("what cannot be collapsed is pruned from the end, as far as needed", variants=TERN)
def pruned(w):
    """Every second byte, from the last one down, until the buffer overflows"""
    c, seq = w.established(options=SMALL_BUFFER), 401
    before = w.counters()["OFOPruned"]
    while w.counters()["OFOPruned"] == before:
        check(seq > 3, "200 segments fit into a buffer of 16 KB")
        # the highest once more, so that it is among what is SACKed
        c.send(seq=401, len=1)
        c.expect("A", ack=1)
        c.send(seq=seq, len=1)
        sack = c.blocks(c.expect("A", ack=1))
        seq -= 2
    lowest, sent = seq + 2, (401 - seq) // 2
    check_equal(sack[0], (lowest, lowest + 1), "first SACK block")
    check((401, 402) not in sack, "what was pruned is still SACKed")
    # now fill the holes: how many segments are still there?
    c.send(seq=1, len=lowest - 1)
    at, kept = c.expect("A").rel_ack, 1
    check_equal(at, lowest + 1, "acknowledgment after the first hole was filled")
    while at < 402:
        c.send(seq=at, len=1)
        ack = c.expect("A")
        check(ack.rel_ack in (at + 1, at + 2), f"ack {ack.rel_ack} after {at} was sent")
        check(all(at <= start < end <= 402 for start, end in c.blocks(ack)), "SACK blocks")
        kept += ack.rel_ack == at + 2
        at = ack.rel_ack
    check(kept >= sent - 3, f"{kept} of {sent} segments were kept")
    c.snd_nxt = at
    c.read(at - 1)
    c.alive()


@scenario("bytes in order that nobody reads: the window closes, nothing is dropped")
def in_order_bytes(w):
    c, edge = w.established(options=SMALL_BUFFER), Edge()
    with w.counts(RcvQDrop=0, OFODrop=0, OFOPruned=0):
        left = w.mss
        while left:
            # one by one an ACK would be waited for so often, and TCP delays each
            few = min(left, 32)
            for _ in range(few):
                c.send(len=1)
            c.sock.setsockopt(socket.SOL_TCP, socket.TCP_QUICKACK, 1)
            while True:
                ack = c.expect("A", len=0)
                edge.watch(ack)
                if ack.rel_ack == c.snd_nxt:
                    break
            left = min(left - few, ack.window)
    c.read(c.snd_nxt - 1)


if __name__ == "__main__":
    main()
