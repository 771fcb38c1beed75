#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The handshake on the wire: what each segment of it carries, what is answered
to the wrong one, what is sent again when one is lost, and what the queues of a
listener do to it. The edges of the state table are in wire_states.py.
"""
import errno
import socket
import time

from lib.scenario import EVERYWHERE, TERN, main, scenario
from lib.ternwire import OPT_MSS, OPT_TAG, mss_option, tag_option
from lib.wire import PORT, Conn, check, check_equal, relative, wait_for


def half_open(w, **fields):
    listener = w.listen()
    c = Conn(w)
    c.listener = listener
    c.send_syn(**fields)
    c.expect("SA", seq=0, ack=1)
    return c


def finish(c):
    """The third segment of a passive open, and proof that all is well"""
    c.send("A")
    c.sock = c.world.accept(c.listener)
    c.alive()


# --- what the segments carry ----------------------------------------------------

@scenario("SYN carries MSS and tag, and nothing else", variants=TERN)
def syn_contents(w):
    c = w.connecting()
    syn = c.expect_syn(len=0, mss=w.mss)
    check_equal(sorted(kind for kind, _ in syn.options), [OPT_MSS, OPT_TAG], "options of a SYN")
    check(syn.tag_option != 0, "a SYN asks for tag 0")
    check_equal(syn.ack, 0, "acknowledgment number of a SYN")
    check_equal(syn.tsecr, 0, "timestamp echo of a SYN")
    check(syn.window > 0, "a SYN offers no window")


@scenario("SYN-ACK carries MSS, tag and the echo", variants=TERN)
def syn_ack_contents(w):
    w.listen()
    c = Conn(w)
    syn = c.send_syn()
    answer = c.expect("SA", seq=0, ack=1, len=0, mss=w.mss, tag=c.tag)
    check_equal(sorted(kind for kind, _ in answer.options), [OPT_MSS, OPT_TAG],
                "options of a SYN-ACK")
    check(answer.tag_option != 0, "a SYN-ACK asks for tag 0")
    check_equal(answer.tsecr, syn.ts, "timestamp echo of a SYN-ACK")


@scenario("MSS follows the MTU")
def mss_of_mtu(w):
    from lib import netns  # pylint: disable=import-outside-toplevel
    netns.set_mtu("tun0", 1400)
    c = w.connecting()
    c.expect_syn(mss=w.mss - 100)


@scenario("tags, sequence numbers and clocks differ from one connection to the next",
          variants=TERN)
def random_starts(w):
    seen = {"tag": set(), "isn": set()}
    for _ in range(8):
        c = w.connecting()
        c.expect_syn()
        seen["tag"].add(c.peer_tag)
        seen["isn"].add(c.irs)
    check_equal({name: len(values) for name, values in seen.items()},
                {"tag": 8, "isn": 8}, "different values in 8 connections")


@scenario("sequence number of the same ports grows")
def isn_is_a_clock(w):
    """RFC 6528: for one pair of addresses and ports, the ISN follows a clock."""
    listener = w.listen()
    numbers = []
    for turn in range(2):
        c = Conn(w, sport=41000, iss=1000 + 100000 * turn)
        c.listener = listener
        c.send_syn()
        c.expect("SA", seq=0, ack=1)
        numbers.append(c.irs)
        c.send("R")
        c.state("CLOSED")
    check(relative(numbers[1], numbers[0]) > 0, f"ISNs {numbers} do not grow")


def segments_of_mss(w, options, wanted):
    c = w.established(options=[(socket.SOL_SOCKET, socket.SO_SNDBUF, 100000)], **options)
    c.write(3 * wanted)
    for at in range(3):
        c.expect("A", seq=1 + at * wanted, len=wanted)


@scenario("the MSS option of the SYN is obeyed")
def obeys_mss(w):
    segments_of_mss(w, {"mss": 700}, 700)


@scenario("the MSS option of the SYN-ACK is obeyed")
def obeys_mss_of_syn_ack(w):
    c = w.established(active=True, mss=700)
    c.write(1400)
    c.expect("A", seq=1, len=700)
    c.expect("A", seq=701, len=700)


@scenario("without MSS option the default is used", variants=TERN)
def default_mss(w):
    segments_of_mss(w, {"mss": 0}, 536 if w.version == 4 else 1220)


@scenario("an MSS larger than the MTU is not believed")
def too_large_mss(w):
    segments_of_mss(w, {"mss": 9000}, w.mss)


@scenario("an absurdly small MSS is not obeyed to the letter")
def tiny_mss(w):
    c = w.established(mss=1)
    c.write(100)
    first = c.expect("A", seq=1)
    check(len(first.payload) >= 16, f"{len(first.payload)} bytes of payload in a segment")


# --- lost and repeated ----------------------------------------------------------

@scenario("SYN is sent again, the same", slow=True)
def syn_again(w):
    with w.counts(SynRetrans=(1, None), OrigDataSent=0):
        c = w.connecting()
        first = c.expect_syn()
        again = c.expect_syn()
    check_equal(again.seq, first.seq, "sequence number of the second SYN")
    check_equal(again.options, first.options, "options of the second SYN")
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


@scenario("SYN-ACK is sent again, the same", slow=True)
def syn_ack_again(w):
    with w.counts(SynRetrans=(1, None)):
        c = half_open(w)
        first = c.last
        again = c.expect("SA", seq=0, ack=1)
    check_equal(again.options, first.options, "options of the second SYN-ACK")
    finish(c)


@scenario("a repeated SYN gets the same SYN-ACK")
def repeated_syn(w):
    c = half_open(w)
    first = c.last
    c.send_syn()
    again = c.expect("SA", seq=0, ack=1)
    check_equal(again.options, first.options, "options of the second SYN-ACK")
    check_equal(len(w.entries()), 2, "sockets: the listener and one half-open")
    finish(c)


# TCP answers by an acknowledgment
@scenario("another SYN for a half-open connection gets its SYN-ACK, one each half second",
          variants=TERN)
def other_syn(w):
    """The peer has crashed, and begins anew: what it does not know it resets."""
    c = half_open(w)
    first = c.last
    begin = time.monotonic()
    for seq in (5000, 6000, 7000):
        c.send("S", seq=seq, ack=None, tag=0, tsecr=0, options=c.syn_options())
    most = 1 + int((time.monotonic() - begin) / 0.5)
    again = c.expect("SA", seq=0, ack=1)
    check_equal(again.options, first.options, "options of the second SYN-ACK")
    for _ in range(most - 1):
        c.expect_maybe("SA", seq=0, ack=1)
    c.expect_none()
    # the same may be told again before the half second is over
    c.send_syn()
    c.expect("SA", seq=0, ack=1)
    c.state("SYN_RECEIVED")
    # what a host that has sent another SYN says to that
    c.send("R", seq=1, ack=None)
    c.state("CLOSED")
    fresh = Conn(w, sport=c.sport, iss=c.iss + 7000)
    fresh.listener = c.listener
    fresh.send_syn()
    fresh.expect("SA", seq=0, ack=1)
    finish(fresh)


@scenario("a repeated SYN-ACK is acknowledged again")
def repeated_syn_ack(w):
    c = w.established(active=True)
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


@scenario("data on the third segment is delivered")
def data_on_third(w):
    c = half_open(w)
    c.send("A", len=10)
    c.sock = w.accept(c.listener)
    c.expect("A", ack=11)
    c.read(10)
    c.alive()


@scenario("the third segment is lost, data completes the handshake")
def third_lost(w):
    c = half_open(w)
    c.send("A", len=500)
    c.expect("A", ack=501)
    c.sock = w.accept(c.listener)
    c.read(500)
    c.alive()


@scenario("FIN on the third segment")
def fin_on_third(w):
    c = half_open(w)
    c.send("FA", len=5)
    c.expect("A", seq=1, ack=7)
    c.sock = w.accept(c.listener)
    c.state("CLOSE_WAIT")
    c.read(5)
    c.read_eof()


# --- wrong answers --------------------------------------------------------------

# TCP sends its SYN again at once after these, at times
@scenario("SYN_SENT: SYN-ACK with a wrong acknowledgment is reset, the connection goes on",
          variants=TERN)
def syn_ack_of_other(w):
    c = w.connecting()
    c.expect_syn()
    for ack in (0, 2, 100000):
        c.send("SA", seq=0, ack=ack, options=c.syn_options())
        c.expect("R", seq=ack, tag=c.peer_tag)
    c.state("SYN_SENT")
    c.snd_nxt = 0
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


@scenario("SYN_SENT: segments of an older connection are reset (RFC 9293 3.5.1)", variants=TERN)
def peer_has_old_connection(w):
    """The other end never heard that we crashed: its challenge to our SYN bears
    an old tag, and gets a RST that it can believe."""
    c = w.connecting()
    c.expect_syn()
    with w.counts(InTagErrs=2):
        for flags, seq in (("A", 5000), ("SA", 0)):
            tag = c.peer_tag ^ 1
            c.send(flags, seq=seq, ack=777, tag=tag, options=c.syn_options())
            c.expect("R", seq=777, tag=tag)
    c.state("SYN_SENT")
    c.snd_nxt = 0
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


@scenario("SYN_SENT: SYN-ACK without a tag is dropped", variants=TERN)
def syn_ack_untagged(w):
    c = w.connecting()
    c.expect_syn()
    with w.counts(InTagErrs=1):
        c.send_syn_ack(tag=0)
    c.expect_none()
    c.state("SYN_SENT")
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


@scenario("SYN_SENT: SYN-ACK without a tag option is dropped", variants=TERN)
def syn_ack_no_tag(w):
    c = w.connecting()
    c.expect_syn()
    for options in ([], [mss_option(1000)], [tag_option(0)]):
        c.send_syn_ack(options=options)
    c.expect_none()
    c.state("SYN_SENT")
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)


@scenario("SYN_SENT: RST that does not acknowledge the SYN is ignored", variants=TERN)
def blind_rst_in_syn_sent(w):
    c = w.connecting()
    c.expect_syn()
    c.send("R", seq=0)
    c.send("RA", seq=0, ack=0)
    c.send("RA", seq=0, ack=2)
    c.expect_none()
    c.state("SYN_SENT")
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1)
    c.alive()


@scenario("SYN_SENT: ACK without SYN does not connect")
def ack_in_syn_sent(w):
    c = w.connecting()
    c.expect_syn()
    c.send("A", seq=1, ack=1)
    c.expect_none()
    c.state("SYN_SENT")


@scenario("SYN_RECEIVED: acknowledgment of what was not sent is reset")
def wrong_ack_in_syn_received(w):
    c = half_open(w)
    c.send("A", ack=2)
    c.expect("R", seq=2, tag=c.peer_tag)
    c.state("SYN_RECEIVED")
    finish(c)


@scenario("SYN_RECEIVED: wrong tag is dropped", variants=TERN)
def wrong_tag_in_syn_received(w):
    c = half_open(w)
    with w.counts(InTagErrs=3):
        for tag in (0, c.tag, c.peer_tag ^ 0x80000000):
            c.send("A", tag=tag)
    c.expect_none()
    c.state("SYN_RECEIVED")
    finish(c)


@scenario("SYN_RECEIVED: RST of another sequence number does not reset")
def blind_rst_in_syn_received(w):
    c = half_open(w)
    c.send("R", seq=1 + (1 << 30))
    c.state("SYN_RECEIVED")
    c.expect_maybe("A", seq=1, ack=1)
    finish(c)


@scenario("SYN_RECEIVED: segment outside the window is answered, not taken", variants=TERN)
def outside_window_in_syn_received(w):
    c = half_open(w)
    c.send("A", seq=1 + (1 << 30), len=10)
    # the acknowledgment may be the SYN-ACK once more
    c.expect_one_of("SA", "A", ack=1)
    c.state("SYN_RECEIVED")
    finish(c)


def bad_syn(title, flags, variants=EVERYWHERE, **fields):
    """A SYN that is no request for a connection: no answer, no object"""
    def run(w):
        w.listen()
        c = Conn(w)
        choices = dict(fields)
        if "options" in choices:
            choices["options"] = choices["options"](c)
        else:
            choices["options"] = c.syn_options()
        choices.setdefault("tag", 0)
        c.send(flags, seq=0, tsecr=0, **choices)
        c.expect_none()
        check_equal(w.states_of(PORT, c.sport), [], "half-open connections")
    scenario(title, variants=variants)(run)


bad_syn("LISTEN: SYN without tag option is dropped", "S", TERN,
        options=lambda c: [mss_option(1000)])
bad_syn("LISTEN: SYN with tag option 0 is dropped", "S", TERN, options=lambda c: [tag_option(0)])
bad_syn("LISTEN: SYN with a tag in its header is dropped", "S", TERN, tag=0x12345678)
bad_syn("LISTEN: SYN with RST is dropped", "SR")
bad_syn("LISTEN: SYN with FIN is dropped", "SF")
bad_syn("LISTEN: segment without SYN, RST or ACK is dropped", ".")


@scenario("LISTEN: ACK is reset")
def ack_at_listener(w):
    w.listen()
    c = Conn(w)
    c.irs = 0
    with w.counts(OutRsts=1):
        c.send("A", seq=1000, ack=12345, tag=77)
        c.expect("R", seq=12345, tag=77)


@scenario("LISTEN: SYN-ACK is reset")
def syn_ack_at_listener(w):
    w.listen()
    c = Conn(w)
    c.irs = 0
    c.send("SA", seq=0, ack=5000, tag=78, options=c.syn_options())
    c.expect("R", seq=5000, tag=78)


# --- nobody there ---------------------------------------------------------------

@scenario("SYN to a closed port is reset")
def closed_port(w):
    c = Conn(w, dport=9)
    c.irs = 0
    with w.counts(InNoPorts=1, OutRsts=1):
        c.send_syn()
        c.expect("RA", seq=0, ack=1, len=0, tag=c.tag)


@scenario("segment with ACK to a closed port is reset")
def ack_to_closed_port(w):
    c = Conn(w, dport=9)
    c.irs = 0
    with w.counts(InNoPorts=3, OutRsts=3):
        for flags, length in (("A", 0), ("A", 100), ("FA", 0)):
            c.send(flags, seq=50, ack=999, len=length, tag=0xabcdef)
            c.expect("R", seq=999, tag=0xabcdef, len=0)


@scenario("RST to a closed port is not answered")
def rst_to_closed_port(w):
    c = Conn(w, dport=9)
    c.irs = 0
    with w.counts(OutRsts=0):
        c.send("R", seq=1)
        c.send("RA", seq=1, ack=1)
        c.expect_none()


@scenario("where no tag for the answer is known nothing is answered", variants=TERN)
def nobody_to_answer(w):
    """Neither at a closed port nor by a listener: a RST without a tag that its
    receiver knows would be for nobody."""
    w.listen()
    for port in (9, PORT):
        c = Conn(w, dport=port)
        c.irs = 0
        segments = [("S", {"options": [mss_option(1000)]}), ("S", {"options": [tag_option(0)]}),
                    ("A", {"ack": 999}), ("FA", {"ack": 999, "len": 100}),
                    (".", {"len": 100, "tag": 0xabcdef}), ("F", {"tag": 0xabcdef})]
        with w.counts(InNoPorts=len(segments) if port == 9 else 0, OutRsts=0, OutSegs=0):
            for flags, fields in segments:
                c.send(flags, seq=50, **{"ack": None, "tag": 0, **fields})
            c.expect_none()


@scenario("an old RST, reflected to us, resets the half-open end (RFC 9293 3.5.1)")
def peer_restarted(w):
    """We crashed and know nothing of the connection: the kernel's data gets
    the RST of a host without state, which bears the kernel's tag back."""
    c = w.established()
    c.write(10)
    data = c.expect("A", seq=1, len=10)
    c.send("R", seq=1, ack=None, tag=data.tag)
    c.state("CLOSED")
    c.socket_error(errno.ECONNRESET)


# --- queues ---------------------------------------------------------------------

@scenario("a full accept queue drops the third segment, and takes it later", slow=True)
def accept_queue_overflow(w):
    """listen(fd, 2) queues three, as on TCP. A fourth that has finished its
    side stays in SYN_RECEIVED, and comes in by a retransmitted SYN-ACK."""
    listener = w.listen(backlog=2)
    conns = [Conn(w) for _ in range(4)]

    def begin(c):
        c.send_syn()
        c.expect("SA", seq=0, ack=1)

    # never more than two half-open: TCP bounds those by the backlog, too
    begin(conns[0])
    begin(conns[1])
    conns[0].send("A")
    begin(conns[2])
    conns[1].send("A")
    begin(conns[3])
    conns[2].send("A")
    with w.counts(ListenOverflows=(1, None)):
        conns[3].send("A")
    check_equal([w.states_of(PORT, c.sport)[0] for c in conns],
                ["ESTABLISHED"] * 3 + ["SYN_RECEIVED"], "states at a full queue")
    for c in conns[:3]:
        c.sock = w.accept(listener)
    late = conns[3]
    late.expect("SA", seq=0, ack=1)
    late.send("A")
    late.sock = w.accept(listener)
    late.alive()


@scenario("TCP_DEFER_ACCEPT: the SYN-ACK comes again only when waiting is over", slow=True)
def deferred(w):
    """Three seconds are two timeouts: the first finds that the other end is there,
    the second asks it again, and then the acknowledgment is enough."""
    listener = w.listen(options=[(socket.SOL_TCP, socket.TCP_DEFER_ACCEPT, 3)])
    c = Conn(w)
    with w.counts(SynRetrans=1):
        c.send_syn()
        begin = time.monotonic()
        c.expect("SA", seq=0, ack=1)
        c.send("A")
        c.expect("SA", seq=0, ack=1)
        check(time.monotonic() - begin > 2, "a SYN-ACK after the first timeout")
        c.state("SYN_RECEIVED")
        c.send("A")
        c.sock = w.accept(listener)
    c.alive()


@scenario("TCP_DEFER_ACCEPT: a SYN-ACK that is not acknowledged comes again", slow=True)
def deferred_unanswered(w):
    listener = w.listen(options=[(socket.SOL_TCP, socket.TCP_DEFER_ACCEPT, 3)])
    c = Conn(w)
    c.send_syn()
    c.expect("SA", seq=0, ack=1)
    begin = time.monotonic()
    c.expect("SA", seq=0, ack=1)
    check(time.monotonic() - begin < 2, "no SYN-ACK after the first timeout")
    c.send("A")
    c.state("SYN_RECEIVED")
    c.send("A", len=5)
    c.expect("A", ack=6)
    c.sock = w.accept(listener)
    c.read(5)
    c.alive()


@scenario("SYN to a listener whose accept queue is full is dropped")
def syn_at_full_queue(w):
    listener = w.listen(backlog=0)
    first = Conn(w).shake_hands()
    second = Conn(w)
    with w.counts(ListenOverflows=(1, None), ListenDrops=(1, None)):
        second.send_syn()
    second.expect_none()
    first.sock = w.accept(listener)
    second.send_syn()
    second.expect("SA", seq=0, ack=1)
    second.send("A")
    second.sock = w.accept(listener)
    second.alive()


@scenario("many connections at one port are told apart")
def many_at_one_port(w):
    listener = w.listen(backlog=64)
    conns = [Conn(w).finish_passive(listener) for _ in range(30)]
    for c in conns:
        c.send(len=7)
        c.expect("A", ack=8)
    for c in reversed(conns):
        c.read(7)
        c.alive()


@scenario("two hosts with the same port are told apart")
def same_port_two_hosts(w):
    listener = w.listen()
    other = "192.0.2.3" if w.version == 4 else "2001:db8::3"
    first = Conn(w, sport=45000).finish_passive(listener)
    # the scenario's table of connections knows ports only
    del w.conns[45000, PORT]
    second = Conn(w, sport=45000, remote=other, iss=77)
    second.finish_passive(listener)
    second.alive()
    check_equal(second.last.dst, other, "destination of the segment")
    w.conns[45000, PORT] = first
    first.state("ESTABLISHED")
    first.send(len=3)
    first.expect("A", ack=4)
    check_equal(first.last.dst, w.remote, "destination of the segment")
    first.read(3)


@scenario("a connection refused does not hold its port")
def refused_then_connected(w):
    sock = w.socket()
    sock.bind((w.local, 6000))
    check_equal(sock.connect_ex((w.remote, PORT)), errno.EINPROGRESS, "connect()")
    c = Conn(w, sport=PORT, dport=6000, sock=sock)
    c.expect_syn()
    c.send("RA", seq=0, ack=1, tag=c.peer_tag)
    check_equal(sock.connect_ex((w.remote, PORT)), errno.ECONNREFUSED, "connect() refused")
    check_equal(sock.connect_ex((w.remote, PORT)), errno.EINPROGRESS, "connect() again")
    again = Conn(w, sport=PORT, dport=6000, sock=sock)
    again.finish_active()
    wait_for(lambda: sock.getpeername()[1] == PORT, "getpeername()")
    again.alive()


if __name__ == "__main__":
    main()
