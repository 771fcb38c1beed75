#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Segments that no honest peer sends: cut short, malformed, with a wrong
checksum or tag, blind guesses of somebody who does not see the connection, old
segments, ICMP lies. Each must be dropped, counted under its name, answered with
a challenge at most, and leave the connection as it was.
"""
import random
import struct
import time

from lib.scenario import TERN, main, scenario
from lib.ternwire import (HEADER_LEN, OPT_MSS, OPT_PAD, OPT_SACK, OPT_TAG, fix_checksum,
                          mss_option)
from lib.wire import PORT, Conn, check, check_equal

MANY = (1, None)


def inject(w, conn, data):
    """The bytes as they are, in the name of the connection's other end"""
    w.note("->", f"{len(data)} bytes {data[:HEADER_LEN + 16].hex()}")
    w.inject_bytes(data, src=conn.remote)


def good(conn, **fields):
    """The bytes of a segment that would be taken: 10 bytes of data in order"""
    return conn.build("A", len=10, **fields).build(conn.remote, conn.world.local)


# --- malformed ------------------------------------------------------------------

@scenario("every truncation of the header", variants=TERN)
def truncated(w):
    c = w.established()
    whole = good(c)
    with w.counts(InHdrErrs=HEADER_LEN, InErrs=HEADER_LEN):
        for length in range(HEADER_LEN):
            inject(w, c, fix_checksum(w.remote, w.local, whole[:length]))
    c.expect_none()
    c.alive()


@scenario("truncated segments to a listener and to nobody", variants=TERN)
def truncated_syn(w):
    w.listen()
    for port in (PORT, 9):
        c = Conn(w, dport=port)
        syn = c.build("S", seq=0, ack=None, tag=0, options=c.syn_options())
        data = syn.build(w.remote, w.local)
        with w.counts(InHdrErrs=len(data), OutRsts=0):
            for length in range(len(data)):
                inject(w, c, fix_checksum(w.remote, w.local, data[:length]))
        c.expect_none()
    check_equal([entry[0] for entry in w.entries()], ["LISTEN"], "sockets")


@scenario("header length too small", variants=TERN)
def header_too_small(w):
    c = w.established()
    with w.counts(InHdrErrs=8):
        for hlen in range(8):
            inject(w, c, good(c, hlen=hlen))
    c.expect_none()
    c.alive()


@scenario("header length beyond the segment", variants=TERN)
def header_too_large(w):
    c = w.established()
    with w.counts(InHdrErrs=63 - 10):
        for hlen in range(11, 64):
            # 32 bytes of header and 10 of data are ten words and a half
            inject(w, c, good(c, hlen=hlen))
    c.expect_none()
    c.alive()


@scenario("wrong version", variants=TERN)
def wrong_version(w):
    c = w.established()
    with w.counts(InHdrErrs=3):
        for version in (0, 2, 3):
            inject(w, c, good(c, version=version))
    c.expect_none()
    c.alive()


@scenario("bad option lengths", variants=TERN)
def bad_options(w):
    c = w.established()
    bad = [bytes([kind, length, 0, 0])
           for kind in (OPT_MSS, OPT_TAG, OPT_SACK, 99) for length in (0, 1, 5, 200)]
    # a length is missing, or the last option ends behind the header
    bad += [bytes([0, 0, 0, 99]), bytes([99, 3, 0, 99]), bytes([0, 0, 99, 3]),
            bytes([99, 6, 0, 0, 0, 0, 99, 4])]
    with w.counts(InHdrErrs=len(bad)):
        for options in bad:
            inject(w, c, good(c, options=options))
    c.expect_none()
    c.alive()


@scenario("known options of the wrong size", variants=TERN)
def wrong_size_options(w):
    c = w.established()
    bad = [(OPT_MSS, b"\0"), (OPT_MSS, b"\1\2\3"), (OPT_TAG, b"\1\2"), (OPT_TAG, b"\1\2\3\4\5"),
           (OPT_SACK, b""), (OPT_SACK, b"\0" * 4), (OPT_SACK, b"\0" * 12),
           (OPT_SACK, b"\0" * 40)]
    with w.counts(InHdrErrs=len(bad)):
        for option in bad:
            inject(w, c, good(c, options=[option]))
    c.expect_none()
    c.alive()


@scenario("unknown options are skipped", variants=TERN)
def unknown_options(w):
    c = w.established()
    for options in ([(99, b"")], [(4, b"\1\2\3")], [(254, b"x" * 100)],
                    [(OPT_PAD, b"")] * 5 + [(77, b"\0\0")] * 3,
                    [(200, b"y" * 122)]):
        inject(w, c, good(c, options=options))
        c.snd_nxt += 10
        c.expect("A", ack=c.snd_nxt)
        c.read(10)
    c.alive()


@scenario("unknown options around the known ones of a SYN", variants=TERN)
def unknown_options_in_syn(w):
    listener = w.listen()
    c = Conn(w)
    options = [(99, b"abc"), mss_option(600), (OPT_PAD, b"")] + c.syn_options(0) + [(33, b"")]
    c.finish_passive(listener, options=options)
    c.write(1200)
    c.expect("A", seq=1, len=600)
    c.expect("A", seq=601, len=600)


@scenario("wrong checksum, one bit anywhere")
def wrong_checksum(w):
    c = w.established()
    data = good(c)
    # byte 8 is version and header length, which may be judged before the checksum
    bits = [bit for bit in range(0, 8 * len(data), 7) if bit // 8 != 8]
    with w.counts(InCsumErrs=len(bits), InErrs=len(bits)):
        for bit in bits:
            bad = bytearray(data)
            bad[bit // 8] ^= 1 << bit % 8
            inject(w, c, bytes(bad))
    c.expect_none()
    c.alive()


@scenario("wrong checksum by the pseudo-header")
def wrong_pseudo_header(w):
    c = w.established()
    with w.counts(InCsumErrs=2):
        segment = c.build("A", len=10)
        inject(w, c, segment.build(w.remote, w.remote))
        inject(w, c, segment.build(w.local, w.local))
    c.expect_none()
    c.alive()


@scenario("checksum field 0 and all ones")
def constant_checksum(w):
    c = w.established()
    with w.counts(InCsumErrs=2):
        for checksum in (0, 0xffff):
            inject(w, c, good(c, checksum=checksum))
    c.expect_none()
    c.alive()


# --- the verification tag -------------------------------------------------------

@scenario("data with a wrong tag", variants=TERN)
def wrong_tag(w):
    c = w.established()
    tags = [0, c.tag, c.peer_tag ^ 1, c.peer_tag ^ 0x80000000, 0xffffffff]
    with w.counts(InTagErrs=len(tags)):
        for tag in tags:
            c.send("A", seq=1, len=10, tag=tag)
    c.expect_none()
    c.read_nothing()
    c.alive()


@scenario("FIN, SYN-ACK and ACK with a wrong tag", variants=TERN)
def wrong_tag_flags(w):
    c = w.established()
    with w.counts(InTagErrs=4):
        for flags in ("FA", "SA", "A", "."):
            c.send(flags, seq=1, tag=c.peer_tag + 1 & 0xffffffff)
    c.expect_none()
    c.alive()


@scenario("RST with a wrong tag", variants=TERN)
def rst_wrong_tag(w):
    c = w.established()
    with w.counts(InTagErrs=3):
        for tag in (0, c.peer_tag ^ 4, c.tag ^ 4):
            c.send("R", seq=1, tag=tag)
    c.expect_none()
    c.alive()


@scenario("RST with the reflected tag resets", variants=TERN)
def rst_reflected_tag(w):
    c = w.established()
    c.send("R", seq=1, tag=c.tag)
    c.state("CLOSED")


@scenario("tags are checked in every state", variants=TERN)
def wrong_tag_in_states(w):
    c = w.established()
    c.shutdown()
    c.expect("FA", seq=1)
    for state, flags in (("FIN_WAIT_1", "A"), ("FIN_WAIT_2", "FA"), ("TIME_WAIT", None)):
        c.state(state)
        with w.counts(InTagErrs=3):
            c.send("R", seq=c.snd_nxt, tag=c.peer_tag ^ 8)
            c.send("FA", seq=c.snd_nxt, tag=0)
            c.send("A", seq=c.snd_nxt, len=5, tag=c.peer_tag ^ 1)
        c.expect_none()
        c.state(state)
        if flags:
            c.send(flags)
            c.expect_maybe("A")


# --- blind attacks (RFC 5961) ---------------------------------------------------

@scenario("RST outside the window is dropped")
def rst_outside(w):
    c = w.established()
    with w.counts(OutOfWindow=MANY):
        for seq in (1 + 0x40000000, -100000, 1 + 0x7fff0000):
            c.send("R", seq=seq)
    c.expect_none()
    c.alive()


# A connection sends no more than one challenge in half a second: each of these
# guesses is made at a fresh one.

def challenged(w, flags, *numbers, **fields):
    listener = w.listen(backlog=100)
    for seq in numbers:
        c = Conn(w).finish_passive(listener)
        if flags != "R":
            fields["options"] = c.syn_options()
        with w.counts(ChallengeACKs=1):
            c.send(flags, seq=seq, **fields)
            c.expect("A", seq=1, ack=1, len=0)
        c.snd_nxt = 1
        c.alive()


@scenario("RST in the window but not exact is challenged")
def rst_inexact(w):
    challenged(w, "R", 2, 100, 30000)


@scenario("SYN on a connection is challenged")
def syn_on_connection(w):
    challenged(w, "S", 0, 5000, 1 + 0x40000000, ack=None, tag=0)


@scenario("SYN-ACK on a connection is challenged")
def syn_ack_on_connection(w):
    challenged(w, "SA", 0, 100, ack=1)


@scenario("the exact RST after a challenge resets")
def rst_after_challenge(w):
    c = w.established()
    c.send("R", seq=50)
    challenge = c.expect("A", seq=1, ack=1)
    # a host without the connection answers the challenge with its ACK's number
    c.send("R", seq=1, ack=None, tag=challenge.tag if w.tern else 0)
    c.state("CLOSED")


@scenario("acknowledgment of data not yet sent")
def ack_of_unsent(w):
    c = w.established()
    c.write(100)
    c.expect("A", seq=1, len=100)
    # RFC 9293 answers, Linux's TCP is silent
    with w.counts(ChallengeACKs=MANY):
        for ack in (102, 5000, 1 + 0x40000000):
            c.send("A", seq=1, len=10, ack=ack)
            c.expect_maybe("A", ack=1, seq=101)
    c.read_nothing()
    c.send("A", ack=101)
    c.alive()


@scenario("acknowledgment far below the window is challenged")
def ack_far_below(w):
    c = w.established()
    with w.counts(ChallengeACKs=1):
        c.send("A", seq=1, len=10, ack=1 - 200000)
        c.expect("A", seq=1, ack=1, len=0)
    c.read_nothing()
    c.alive()


@scenario("old acknowledgment with data: the data counts")
def old_ack(w):
    c = w.established()
    c.write(100)
    c.expect("A", seq=1, len=100)
    c.send("A")
    c.send("A", len=10, ack=1)
    c.expect("A", ack=11)
    c.read(10)
    c.alive()


@scenario("data outside the window")
def data_outside(w):
    c = w.established()
    for seq in (1 + 0x40000000, 1 - 500000, 1 + 10000000):
        with w.counts(OutOfWindow=(0, 1), OFOQueue=0):
            c.send("A", seq=seq, len=10)
            c.expect("A", ack=1, len=0)
    c.read_nothing()
    c.alive()


@scenario("FIN outside the window")
def fin_outside(w):
    c = w.established()
    c.send("FA", seq=1 + 10000000)
    c.expect("A", ack=1, len=0)
    c.alive()


@scenario("segment without ACK is dropped")
def no_ack(w):
    c = w.established()
    for flags in (".", "F", "P"):
        c.send(flags, seq=1, len=10)
    c.expect_none()
    c.read_nothing()
    c.alive()


@scenario("PAWS: a segment with an old timestamp")
def paws(w):
    c = w.established()
    c.send(len=10)
    c.expect("A", ack=11)
    c.read(10)
    for seconds in (1, 100, 2000):
        with w.counts(PAWSDrops=1):
            c.send("A", seq=11, len=10, ts=(c.now() - seconds * 1000000) & 0xffffffff)
            c.expect("A", ack=11, len=0)
    c.read_nothing()
    c.alive()


@scenario("PAWS: data and ACKs that were overtaken on their way are not old", variants=TERN)
def paws_overtaken(w):
    c = w.established()
    with w.counts(PAWSDrops=0):
        early = c.now()
        c.send(len=10)
        c.expect("A", ack=11)
        c.send(len=10, ts=early)
        c.expect("A", ack=21)
        c.send("A", ts=early)
        c.read(20)
    c.alive()


@scenario("PAWS does not stop a RST")
def paws_rst(w):
    """RFC 7323 5.2: the timestamp of a RST is not tested."""
    c = w.established()
    c.send(len=10)
    c.expect("A", ack=11)
    c.send("R", seq=11, ts=(c.now() - 5000000) & 0xffffffff)
    c.state("CLOSED")


@scenario("challenge ACKs are limited", variants=TERN)
def challenge_limit(w):
    """A namespace sends so many a second, over all its connections."""
    w.sysctl("challenge_ack_limit", 10)
    listener = w.listen(backlog=100)
    conns = [Conn(w).finish_passive(listener) for _ in range(80)]
    before = w.counters()["ChallengeACKs"]
    started = time.monotonic()
    for c in conns:
        c.send("R", seq=1000)
    seconds = time.monotonic() - started
    sent = w.counters()["ChallengeACKs"] - before
    check(1 <= sent <= 10 * (seconds + 2), f"{sent} challenges in {seconds:.1f} s at 10 a second")
    check(sent < len(conns), "no limit was reached")
    for c in conns:
        c.expect_maybe("A", seq=1, ack=1, len=0)
        c.alive()


# --- addresses and ports --------------------------------------------------------

def unanswered_syn(w, src=None, dst=None, **fields):
    c = Conn(w)
    for name, value in fields.items():
        setattr(c, name, value)
    segment = c.build("S", seq=0, ack=None, tag=0, options=c.syn_options())
    w.inject(segment, src, dst)
    c.expect_none()
    check(not w.strays, f"answer to nobody: {w.strays}")
    check_equal([entry for entry in w.entries() if entry[0] != "LISTEN"], [], "sockets")


@scenario("SYN to broadcast and multicast addresses")
def to_many(w):
    sock = w.socket()
    sock.bind(("0.0.0.0" if w.version == 4 else "::", PORT))
    sock.listen(5)
    for dst in (("255.255.255.255", "224.0.0.1", "192.0.2.255") if w.version == 4 else
                ("ff02::1", "ff01::1")):
        unanswered_syn(w, dst=dst)
        unanswered_syn(w, dst=dst, dport=9)
    Conn(w).finish_passive(sock).alive()


@scenario("SYN from broadcast, multicast, loopback and our own address")
def from_many(w):
    listener = w.listen()
    for src in (("255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", w.local)
                if w.version == 4 else ("ff02::1", "::1", "::")):
        unanswered_syn(w, src=src)
    unanswered_syn(w, src=w.local, sport=PORT)
    Conn(w).finish_passive(listener).alive()


@scenario("data, ACK and RST to and from broadcast and multicast addresses")
def connection_of_many(w):
    """In the name of a connection, of a listener for all addresses, of nobody"""
    sock = w.socket()
    sock.bind(("0.0.0.0" if w.version == 4 else "::", PORT))
    sock.listen(5)
    c = Conn(w).finish_passive(sock)
    nobody = Conn(w, dport=9)
    nobody.irs = 0
    to = ("255.255.255.255", "224.0.0.1", "192.0.2.255") if w.version == 4 else ("ff02::1",)
    # IP itself does not take these, of most kernels
    of = ("255.255.255.255", "224.0.0.1") if w.version == 4 else ("ff02::1",)
    shapes = [("A", 0), ("A", 10), ("R", 0), ("FA", 0)]
    for conn in (c, nobody):
        with w.counts(InErrs=len(to) * len(shapes), InNoPorts=0, OutRsts=0, OutSegs=0):
            for flags, length in shapes:
                segment = conn.build(flags, seq=1, ack=1, len=length, tag=conn.peer_tag or 77)
                for dst in to:
                    w.inject(segment, dst=dst)
        with w.counts(InNoPorts=0, OutRsts=0, OutSegs=0):
            for flags, length in shapes:
                segment = conn.build(flags, seq=1, ack=1, len=length, tag=conn.peer_tag or 77)
                for src in of:
                    w.inject(segment, src=src)
        conn.expect_none()
    check(not w.strays, f"answer to nobody: {w.strays}")
    c.read_nothing()
    c.alive()


@scenario("port 0")
def port_zero(w):
    """Nobody can listen there. What comes from there is answered or not."""
    c = w.established()
    nobody = Conn(w, dport=0)
    nobody.irs = 0
    nobody.send_syn()
    nobody.expect("RA", seq=0, ack=1, tag=nobody.tag)
    w.inject(nobody.build("S", seq=0, ack=None, tag=0, options=c.syn_options(), sport=0))
    w.inject(nobody.build("A", seq=0, ack=None, sport=0, dport=PORT))
    w.receive(0.01)
    w.receive(0.01)
    c.alive()


# --- ICMP -----------------------------------------------------------------------

@scenario("ICMP about a sequence number never sent is not believed")
def icmp_of_other(w):
    c = w.connecting()
    syn = c.expect_syn()
    quoted = bytearray(syn.packet)
    struct.pack_into("!I", quoted, w.ip_header + 4, (syn.seq + 7777777) & 0xffffffff)
    with w.counts(IcmpIgnored=MANY):
        w.icmp_error(bytes(quoted), *((3, 3) if w.version == 4 else (1, 4)))
    c.state("SYN_SENT")
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


@scenario("ICMP unreachable does not end a connection")
def icmp_on_connection(w):
    c = w.established()
    c.write(100)
    data = c.expect("A", seq=1, len=100)
    for code in (0, 1, 3) if w.version == 4 else (0, 3, 4):
        w.icmp_error(data.packet, 3 if w.version == 4 else 1, code)
    c.state("ESTABLISHED")
    c.send("A")
    c.alive()


@scenario("ICMP too big about a sequence number never sent is not believed")
def icmp_too_big_of_other(w):
    c = w.established()
    c.write(w.mss)
    data = c.expect("A", seq=1, len=w.mss)
    quoted = bytearray(data.packet)
    struct.pack_into("!I", quoted, w.ip_header + 4, (data.seq + 7777777) & 0xffffffff)
    with w.counts(RetransSegs=0):
        w.icmp_error(bytes(quoted), *((3, 4) if w.version == 4 else (2, 0)), 600)
    c.expect_none()
    c.send("A")
    c.write(w.mss)
    c.expect("A", len=w.mss)


def with_other_tag(w, packet):
    quoted = bytearray(packet)
    quoted[w.ip_header + 20] ^= 1
    return bytes(quoted)


@scenario("ICMP too big that quotes another tag is not believed", variants=TERN)
def icmp_too_big_of_other_tag(w):
    kind, code = (3, 4) if w.version == 4 else (2, 0)
    c = w.established()
    c.write(w.mss)
    data = c.expect("A", seq=1, len=w.mss)
    with w.counts(IcmpIgnored=1, RetransSegs=0):
        w.icmp_error(with_other_tag(w, data.packet), kind, code, 1300, length=100)
    c.expect_none()
    with w.counts(IcmpIgnored=0, RetransSegs=2):
        w.icmp_error(data.packet, kind, code, 1300, length=100)
        c.expect("A", seq=1, len=w.mss - 200)
        c.send("A", ack=1 + w.mss - 200)
        c.expect("A", seq=1 + w.mss - 200, len=200)
    c.send("A", ack=1 + w.mss)
    c.alive()


@scenario("ICMP unreachable that quotes another tag does not end a half-open connection",
          variants=TERN)
def icmp_of_other_tag_half_open(w):
    kind, code = (3, 3) if w.version == 4 else (1, 4)
    w.listen()
    c = Conn(w)
    c.send_syn()
    syn_ack = c.expect("SA", seq=0, ack=1)
    with w.counts(IcmpIgnored=1, AttemptFails=0):
        w.icmp_error(with_other_tag(w, syn_ack.packet), kind, code, length=100)
    c.state("SYN_RECEIVED")
    with w.counts(IcmpIgnored=0, AttemptFails=1):
        w.icmp_error(syn_ack.packet, kind, code, length=100)
        c.state("CLOSED")


@scenario("ICMP cut short")
def icmp_short(w):
    c = w.connecting()
    syn = c.expect_syn()
    for length in range(w.ip_header, w.ip_header + 8):
        w.icmp_error(syn.packet[:length], *((3, 3) if w.version == 4 else (1, 4)))
    c.state("SYN_SENT")
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


# --- whatever else --------------------------------------------------------------

@scenario("every combination of flags, from outside the window")
def all_flags(w):
    c = w.established()
    for flags in range(256):
        segment = c.build("A", seq=1 + 0x40000000, len=3)
        segment.flags = flags
        w.inject(segment)
    while c.world.receive_for(c, 0.02):
        pass
    c.state("ESTABLISHED")
    c.alive()


@scenario("a thousand mutated segments", variants=TERN)
def mutated(w):
    """Bytes changed at random with the checksum made right. What might be
    accepted (the right tag on a segment in the window) is left out."""
    c = w.established()
    choice = random.Random(w.version)
    start = [c.build(flags, seq=1, len=length, options=options).build(w.remote, w.local)
             for flags in ("A", "SA", "FA", "R", "S") for length in (0, 20)
             for options in ([], c.syn_options(), [(OPT_SACK, b"\0" * 16)])]
    for _ in range(1000):
        data = bytearray(choice.choice(start))
        for _ in range(choice.randint(1, 6)):
            data[choice.randrange(len(data))] = choice.getrandbits(8)
        data = data[:choice.choice((len(data), len(data), choice.randrange(len(data) + 1)))]
        if len(data) >= HEADER_LEN and struct.unpack_from("!I", data, 20)[0] in (c.peer_tag, c.tag):
            struct.pack_into("!I", data, 20, c.peer_tag ^ 0x5a5a5a5a)
        w.inject_bytes(fix_checksum(w.remote, w.local, data))
    while w.receive(0.02):
        pass
    c.state("ESTABLISHED")
    c.arrived.clear()
    c.alive()


@scenario("a thousand mutated segments to a listener", variants=TERN)
def mutated_syn(w):
    listener = w.listen()
    choice = random.Random(w.version)
    c = Conn(w)
    start = c.build("S", seq=0, ack=None, tag=0,
                    options=c.syn_options() + [(99, b"12345")]).build(w.remote, w.local)
    for number in range(1000):
        data = bytearray(start)
        for _ in range(choice.randint(1, 4)):
            data[choice.randrange(4, len(data))] = choice.getrandbits(8)
        struct.pack_into("!H", data, 0, 1 + number)
        w.inject_bytes(fix_checksum(w.remote, w.local, data))
    while w.receive(0.02):
        pass
    check(len(w.entries()) > 1, "not one of the thousand was a SYN any more")
    # its SYN-ACK may be sent again while those to the thousand are read
    c = Conn(w)
    c.repeats_ok = True
    c.finish_passive(listener).alive()


if __name__ == "__main__":
    main()
