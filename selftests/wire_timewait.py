#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""TIME_WAIT: who may end it early and how that is proven (RFC 6191), what is
answered and what is not (RFC 7323, RFC 5961), and the limits on the number of
connections that no program holds.
"""
import errno
import time

from lib import ktap, netns
from lib.scenario import TERN, main, scenario
from lib.wire import Conn, check, check_equal, relative

MAX_SENT = 1 << 22
CHUNK = 8192    # the stream repeats after a multiple of it


def close(c):
    """The program closes first; the connection is in TIME_WAIT."""
    at = c.rcv_nxt
    c.close()
    c.expect("FA", seq=at, len=0)
    c.send("A")
    c.send("FA")
    c.expect("A", seq=at + 1, ack=c.snd_nxt, len=0)
    c.state("TIME_WAIT")
    return c


def passive(w):
    return close(w.established())


def active(w):
    """On the only port that connect() may choose"""
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20000")
    return close(w.established(active=True))


def older(c, milliseconds=2000):
    return (c.now() - 1000 * milliseconds) & 0xffffffff


def newer(w, c, iss=100000):
    """The other end of a connection that comes after this one"""
    again = Conn(w, sport=c.sport, dport=c.dport, iss=c.iss + iss)
    again.clock = c.now() + 5000000
    return again


def check_beyond(number, c):
    """An initial sequence number is behind what the old connection had sent."""
    check(relative(number, c.irs + c.rcv_nxt) >= 0, "the ISN is one of the old connection's")


def connect_again(w, c):
    """connect() to the same end; the SYN of the new connection"""
    again = w.connecting(port=c.sport)
    check_equal(again.dport, c.dport, "port of the new connection")
    again.clock = c.now() + 1000000
    syn = again.expect_syn()
    check(relative(syn.ts, c.last_ts) > 0, "the clock of the new connection is not newer")
    check_beyond(syn.seq, c)
    return again


# --- a new connection from this side --------------------------------------------

@scenario("connect() takes the place of a TIME_WAIT", edge="TIME_WAIT OPEN_ACTIVE CLOSED",
          variants=TERN)
def reused(w):
    c = active(w)
    with w.counts(TWRecycled=1, ActiveOpens=1):
        again = connect_again(w, c)
    again.send_syn_ack()
    again.expect("A", seq=1, ack=1, len=0)
    again.alive()


@scenario("a segment of the old connection is none of the one after it", variants=TERN)
def old_segments_stay_out(w):
    c = active(w)
    again = connect_again(w, c)
    # a repeated FIN, to SYN_SENT: whoever sends it is told that it is late
    late = c.build("FA", seq=1)
    with w.counts(InTagErrs=1):
        w.inject(late)
        again.expect("R", seq=relative(late.ack, again.irs), tag=late.tag)
    again.send_syn_ack()
    again.expect("A", seq=1, ack=1, len=0)
    with w.counts(InTagErrs=2):
        w.inject(late)
        w.inject(c.build("A", len=100))
    again.expect_none()
    again.alive()


@scenario("the ISN is beyond what the old connection has sent, however fast it was", variants=TERN)
def isn_of_a_fast_one(w):
    """The clock of ISNs makes 244 thousand a second."""
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20000")
    started = time.monotonic()
    c = w.established(active=True)
    while c.rcv_nxt < 100000 + 300000 * (time.monotonic() - started):
        if c.rcv_nxt > MAX_SENT:
            raise ktap.Skip("this machine cannot send 300 KB a second here")
        end = c.rcv_nxt + CHUNK
        c.write(CHUNK)
        while c.rcv_nxt < end:
            c.expect("A")
        c.send("A")
    close(c)
    connect_again(w, c)


@scenario("tw_reuse 0: connect() leaves TIME_WAIT alone", variants=TERN)
def not_reused(w):
    w.sysctl("tw_reuse", 0)
    c = active(w)
    check_equal(w.socket().connect_ex((w.remote, c.sport)), errno.EADDRNOTAVAIL,
                "errno of connect()")
    c.state("TIME_WAIT")


# --- a new connection from the other side ---------------------------------------

@scenario("the ISN that answers a SYN is beyond what the old connection has sent")
def isn_of_the_answer(w):
    c = passive(w)
    again = newer(w, c)
    again.send_syn()
    check_beyond(again.expect("SA", seq=0, ack=1).seq, c)


@scenario("a SYN with an old timestamp is old, whatever its sequence number")
def old_syn_beyond(w):
    c = passive(w)
    again = Conn(w, sport=c.sport, iss=c.iss + 100000)
    w.conns[c.sport, c.dport] = c
    again.send_syn(ts=older(c))
    c.expect("A", seq=2, ack=2, len=0)
    c.state("TIME_WAIT")


@scenario("a SYN with a newer timestamp is new, whatever its sequence number")
def new_syn_below(w):
    again = newer(w, passive(w), iss=-100000)
    again.send_syn()
    again.expect("SA", seq=0, ack=1)


@scenario("a SYN for a port where nobody listens does not end TIME_WAIT")
def nobody_listens(w):
    c = active(w)
    again = newer(w, c)
    w.conns[c.sport, c.dport] = c
    again.send_syn()
    c.expect("A", seq=2, ack=2, len=0)
    c.state("TIME_WAIT")


@scenario("a SYN without a tag does not end TIME_WAIT", variants=TERN)
def syn_without_tag(w):
    c = passive(w)
    again = newer(w, c)
    w.conns[c.sport, c.dport] = c
    again.send_syn(options=[])
    c.expect("A", seq=2, ack=2, len=0)
    c.state("TIME_WAIT")


# --- what is answered -----------------------------------------------------------

@scenario("PAWS: an old segment is answered, and its timestamp is not echoed")
def paws(w):
    c = passive(w)
    with w.counts(PAWSDrops=1):
        old = c.send("FA", seq=1, ts=older(c))
        ack = c.expect("A", seq=2, ack=2, len=0)
    check(ack.tsecr != old.ts, "the old timestamp is echoed")
    c.state("TIME_WAIT")


@scenario("PAWS: a RST with an old timestamp is a RST", variants=TERN)
def paws_spares_rst(w):
    """RFC 7323, 5.3. TCP ignores it for a minute."""
    c = passive(w)
    with w.counts(TWKilled=1):
        c.send("R", ts=older(c))
        c.state("CLOSED")


@scenario("a FIN that comes again has its timestamp echoed", variants=TERN)
def echo(w):
    c = passive(w)
    c.clock_started -= 1
    fin = c.send("FA", seq=1)
    check_equal(c.expect("A", seq=2, ack=2, len=0).tsecr, fin.ts, "echo")


@scenario("a RST that is not exact is answered by a challenge ACK, once", variants=TERN)
def inexact_rst(w):
    """RFC 5961, 3.2. TCP is silent here."""
    c = passive(w)
    with w.counts(ChallengeACKs=(1, None), TWKilled=0):
        begin = time.monotonic()
        for seq in (c.snd_nxt + 1000, c.snd_nxt + 2000):
            c.send("R", seq=seq)
        most = 1 + int((time.monotonic() - begin) / 0.5)    # one each half second
        c.expect("A", seq=2, ack=2, len=0)
        for _ in range(most - 1):
            c.expect_maybe("A", seq=2, ack=2, len=0)
        c.expect_none()
    c.state("TIME_WAIT")
    c.send("R")
    c.state("CLOSED")


@scenario("a RST outside of the window is ignored")
def rst_outside(w):
    c = passive(w)
    with w.counts(OutOfWindow=2, TWKilled=0):
        for seq in (c.snd_nxt - 1000, c.snd_nxt + 0x40000000):
            c.send("R", seq=seq)
        c.expect_none()
    c.state("TIME_WAIT")


@scenario("a keepalive probe is answered, though not each", variants=TERN)
def probe(w):
    c = passive(w)
    with w.counts(DupACKsSent=1):
        for _ in range(3):
            c.send("A", seq=c.snd_nxt - 1)
        c.expect("A", seq=2, ack=2, len=0)
        c.expect_none()


@scenario("bad options are dropped and counted", variants=TERN)
def bad_options(w):
    c = passive(w)
    with w.counts(InHdrErrs=2):
        c.send("FA", seq=1, options=b"\x02\x01\x00\x00")
        c.send("R", options=b"\x02\x20\x00\x00")
        c.expect_none()
    c.state("TIME_WAIT")


# --- limits ---------------------------------------------------------------------

@scenario("beyond max_tw_buckets connections are closed at once", variants=TERN)
def too_many_in_time_wait(w):
    w.sysctl("max_tw_buckets", 1)
    listener = w.listen()
    close(Conn(w).finish_passive(listener))
    c = Conn(w).finish_passive(listener)
    with w.counts(TWOverflow=1, TWs=0):
        c.close()
        c.expect("FA", seq=1)
        c.send("A")
        c.send("FA")
        c.expect("A", seq=2, ack=2, len=0)
        c.state("CLOSED")
    c.send("FA", seq=1)
    c.expect("R", seq=2, tag=c.peer_tag)


@scenario("beyond max_orphans connections are reset", variants=TERN)
def too_many_orphans(w):
    w.sysctl("max_orphans", 1)
    listener = w.listen()
    first, c = (Conn(w).finish_passive(listener) for _ in range(2))
    with w.counts(Orphans=1, AbortOnMemory=0):
        first.close()
        first.expect("FA", seq=1)
    with w.counts(Orphans=1, AbortOnMemory=1):
        c.close()
        c.expect("FA", seq=1)
        c.expect_rst()
        c.state("CLOSED")
    first.state("FIN_WAIT_1")


if __name__ == "__main__":
    main()
