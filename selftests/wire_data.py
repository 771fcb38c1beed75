#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Data on the wire: what the receiver takes, acknowledges and reports as SACK,
when the sender sends and when it waits (Nagle, windows, silly windows, probes),
and what a close does to data in either direction.
"""
import errno
import socket
import struct

from lib.doors import TCP_USER_TIMEOUT
from lib.scenario import TERN, main, scenario
from lib.ternwire import CWR, ECE, RESERVED, ip_packet
from lib.wire import check, check_equal, wait_for

SOL_TCP = socket.IPPROTO_TCP
IPV6_FRAGMENT = 44
SO_RCVBUFFORCE = 33
TCP_NODELAY, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL = 1, 3, 4, 5


# --- receiving ------------------------------------------------------------------

@scenario("in order: delivered and acknowledged")
def in_order(w):
    c = w.established()
    for length in (1, 700, w.mss, 3):
        c.send("A", len=length)
        c.expect("A", seq=1, ack=c.snd_nxt, len=0)
        c.read(length)
    c.read_nothing()


@scenario("a hole: SACK block, nothing delivered; then all at once")
def one_hole(w):
    c = w.established()
    with w.counts(OFOQueue=1, SACKSent=1):
        c.send(seq=101, len=100)
        c.expect("A", ack=1, sack=[(101, 201)])
    c.read_nothing()
    c.send(len=100)
    c.expect("A", ack=201, sack=[])
    c.read(200)


@scenario("two holes: the newest SACK block comes first")
def two_holes(w):
    c = w.established()
    c.send(seq=101, len=100)
    c.expect("A", ack=1, sack=[(101, 201)])
    c.send(seq=301, len=100)
    c.expect("A", ack=1, sack=[(301, 401), (101, 201)])
    c.send(seq=201, len=50)
    c.expect("A", ack=1, sack=[(101, 251), (301, 401)])
    c.send(seq=1, len=100)
    c.expect("A", ack=251, sack=[(301, 401)])
    c.send(seq=251, len=50)
    c.expect("A", ack=401, sack=[])
    c.read(400)


@scenario("five holes: never more than four SACK blocks")
def five_holes(w):
    c = w.established()
    for hole in range(6):
        c.send(seq=101 + 200 * hole, len=100)
        ack = c.expect("A", ack=1)
        check(1 <= len(ack.sack) <= 4, f"{len(ack.sack)} SACK blocks")
    for hole in range(6):
        c.send(seq=1 + 200 * hole, len=100)
        c.expect("A", ack=201 + 200 * hole)
    c.read(1200)


@scenario("a duplicate is acknowledged with D-SACK")
def duplicate(w):
    c = w.established()
    c.send(len=100)
    c.expect("A", ack=101)
    with w.counts(DSACKSent=1, DSACKOfoSent=0, DupSegs=1):
        c.send(seq=1, len=100)
        c.expect("A", ack=101, sack=[(1, 101)])
    c.read(100)
    c.read_nothing()
    c.snd_nxt = 101
    c.alive()


@scenario("a duplicate of queued data is reported as D-SACK inside its block")
def duplicate_out_of_order(w):
    c = w.established()
    c.send(seq=101, len=300)
    c.expect("A", ack=1, sack=[(101, 401)])
    with w.counts(DSACKSent=1, DSACKOfoSent=1):
        c.send(seq=201, len=100)
        c.expect("A", ack=1, sack=[(201, 301), (101, 401)])
    c.send(len=100)
    c.expect("A", ack=401)
    c.read(400)


@scenario("a segment that overlaps what was received gives its new part")
def overlap_below(w):
    c = w.established()
    c.send(len=100)
    c.expect("A", ack=101)
    c.send(seq=51, len=100)
    c.expect("A", ack=151)
    c.read(150)
    c.read_nothing()


@scenario("segments that overlap in the queue are delivered once")
def overlap_in_queue(w):
    c = w.established()
    for seq, length in ((201, 100), (401, 100), (251, 200), (151, 400)):
        c.send(seq=seq, len=length)
        c.expect("A", ack=1)
    c.send(seq=1, len=180)
    c.expect("A", ack=551)
    c.read(550)
    c.read_nothing()


@scenario("a segment that fills one hole and reaches into the next")
def bridge(w):
    c = w.established()
    c.send(seq=101, len=100)
    c.expect("A", ack=1)
    c.send(seq=301, len=100)
    c.expect("A", ack=1)
    c.send(seq=1, len=250)
    ack = c.expect("A", ack=251)
    # perhaps after a D-SACK of what came twice
    check_equal(c.blocks(ack)[-1], (301, 401), "last SACK block")
    c.send(seq=201, len=150)
    c.expect("A", ack=401)
    c.read(400)


@scenario("every order of five segments gives the same bytes")
def all_orders(w):
    """A few dozen of the 120 orders, some segments sent twice"""
    c = w.established()
    at = 1
    orders = ((5, 4, 3, 2, 1), (2, 1, 4, 3, 5), (3, 1, 3, 5, 2, 4), (5, 1, 4, 2, 5, 3),
              (2, 4, 1, 1, 5, 3), (4, 5, 4, 2, 3, 1))
    for order in orders:
        for number in order:
            c.send(seq=at + 10 * (number - 1), len=10)
        at += 50
        # as many acknowledgments as the receiver likes, the last one for all
        wait_for(lambda: c.expect("A", len=0).rel_ack == at, "acknowledgment of all five")
        c.read(50)
    c.read_nothing()


@scenario("data beyond the window is not taken")
def beyond_window(w):
    c = w.established(options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)])
    c.send(len=10)
    window = c.expect("A", ack=11).window
    c.send(seq=11 + window + 5000, len=100)
    c.expect("A", ack=11, sack=[])
    c.read(10)
    c.alive()


@scenario("pure acknowledgments are not answered, keepalive probes are")
def probe_answered(w):
    c = w.established()
    c.send("A")
    c.send("A")
    c.expect_none()
    c.send("A", seq=0)
    c.expect("A", seq=1, ack=1, len=0)
    c.alive()


@scenario("reserved flag, ECE and CWR are ignored", variants=TERN)
def reserved_flags(w):
    c = w.established()
    for bit in (RESERVED, ECE, CWR, RESERVED | ECE | CWR):
        segment = c.build("A", len=10)
        segment.flags |= bit
        c.snd_nxt += 10
        w.inject(segment)
        c.expect("A", ack=c.snd_nxt)
        c.read(10)
    c.alive()


def fragment(w, data, offset, more):
    """A piece of an IP packet's payload"""
    if w.version == 4:
        return ip_packet(w.remote, w.local, data, w.proto, ident=9, frag=more << 13 | offset // 8)
    header = struct.pack("!BBHI", w.proto, 0, offset | more, 9)
    return ip_packet(w.remote, w.local, header + data, IPV6_FRAGMENT)


@scenario("a segment that arrives in IP fragments")
def fragmented(w):
    c = w.established()
    data = c.build("A", len=1000).build(w.remote, w.local)
    c.snd_nxt += 1000
    w.inject_packet(fragment(w, data[512:], 512, more=0))
    c.expect_none()
    w.inject_packet(fragment(w, data[:512], 0, more=1))
    c.expect("A", ack=1001)
    c.read(1000)
    c.alive()


@scenario("timestamp echo is that of the segment that advanced the window")
def echo_of_in_order(w):
    """RFC 7323 4.3: what arrives out of order does not set the echo."""
    c = w.established()
    c.clock_started -= 0.1
    first = c.send(len=10)
    check_equal(c.expect("A", ack=11).tsecr, first.ts, "echo")
    c.clock_started -= 0.1
    c.send(seq=21, len=10)
    check_equal(c.expect("A", ack=11).tsecr, first.ts, "echo after a segment out of order")
    c.clock_started -= 0.1
    fill = c.send(seq=11, len=10)
    check_equal(c.expect("A", ack=31).tsecr, fill.ts, "echo after the hole was filled")


# --- receive window -------------------------------------------------------------

def fill_window(c, segment=None):
    """Send until the kernel offers no window; how much it took"""
    sent, length = 0, c.world.mss
    while length:
        c.send(len=length)
        sent += length
        length = min(c.expect("A", len=0, ack=c.snd_nxt).window, segment or c.world.mss)
    return sent


@scenario("window closes when the program does not read, opens when it does")
def window_closes(w):
    c = w.established(options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)])
    with w.counts(ZeroWindowAdv=(1, None)):
        sent = fill_window(c)
    check(sent >= 4096, f"only {sent} bytes fit")
    # a probe is answered, and data refused
    c.send("A", seq=c.snd_nxt - 1)
    c.expect("A", ack=c.snd_nxt, win=0)
    c.send(seq=c.snd_nxt, len=1)
    c.expect("A", ack=c.snd_nxt, win=0)
    c.read(sent)
    update = c.expect("A", ack=c.snd_nxt, len=0)
    check(update.window >= min(w.mss, sent // 2), f"window update to {update.window}")
    c.alive()


@scenario("receiver's silly window: a little read does not open the window")
def receiver_silly_window(w):
    c = w.established(options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)])
    sent = fill_window(c)
    c.read(10)
    c.expect_none()
    c.send("A", seq=c.snd_nxt - 1)
    c.expect("A", ack=c.snd_nxt, win=0)
    c.read(sent - 10)
    check(c.expect("A", ack=c.snd_nxt).window >= min(w.mss, sent // 2), "window after all is read")


@scenario("receiver's silly window: a large buffer opens by a sixteenth of it", variants=TERN)
def large_buffer_opens(w):
    c = w.established(options=[(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 19)])
    sent = fill_window(c, 6000)
    c.read(sent // 20)
    c.expect_none()
    c.send("A", seq=c.snd_nxt - 1)
    c.expect("A", ack=c.snd_nxt, win=0)
    c.read(sent // 10)
    check(c.expect("A", ack=c.snd_nxt).window >= sent // 16, "window after more is read")


@scenario("the right edge of the window is never withdrawn")
def right_edge(w):
    c = w.established(options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)])
    c.send(len=1)
    edge = 0
    for _ in range(12):
        ack = c.expect("A", len=0)
        check(ack.rel_ack + ack.window >= edge, f"right edge went back from {edge}")
        edge = ack.rel_ack + ack.window
        if not ack.window:
            break
        c.send(len=min(1000, ack.window))


# --- sending --------------------------------------------------------------------

@scenario("a write is cut into full segments, PSH on the last")
def cut_to_mss(w):
    c = w.established()
    c.write(4 * w.mss)
    for number in range(4):
        c.expect("A", seq=1 + number * w.mss, len=w.mss)
    check(c.last.flags & 8, "no PSH on the last segment of a write")
    c.send("A")
    c.alive()


@scenario("Nagle: a second small segment waits for the acknowledgment")
def nagle(w):
    c = w.established()
    c.write(10)
    c.expect("A", seq=1, len=10)
    c.write(10)
    c.write(10)
    c.expect_none()
    c.send("A")
    c.expect("A", seq=11, len=20)


@scenario("Nagle: a full segment does not wait")
def nagle_full(w):
    c = w.established()
    c.write(10)
    c.expect("A", seq=1, len=10)
    c.write(w.mss)
    c.expect("A", seq=11, len=w.mss)


@scenario("TCP_NODELAY: nothing waits")
def nodelay(w):
    c = w.established()
    c.sock.setsockopt(SOL_TCP, TCP_NODELAY, 1)
    for number in range(3):
        c.write(10)
        c.expect("A", seq=1 + 10 * number, len=10, psh=True)


@scenario("TCP_NODELAY releases what Nagle holds")
def nodelay_pushes(w):
    c = w.established()
    c.write(10)
    c.expect("A", seq=1, len=10)
    c.write(10)
    c.expect_none()
    c.sock.setsockopt(SOL_TCP, TCP_NODELAY, 1)
    c.expect("A", seq=11, len=10)


@scenario("TCP_CORK holds a part of a segment, taking it away sends")
def cork(w):
    c = w.established()
    c.sock.setsockopt(SOL_TCP, TCP_CORK, 1)
    c.write(10)
    c.write(20)
    c.expect_none()
    c.write(w.mss)
    c.expect("A", seq=1, len=w.mss)
    c.expect_none()
    c.sock.setsockopt(SOL_TCP, TCP_CORK, 0)
    c.expect("A", seq=1 + w.mss, len=30)


@scenario("MSG_MORE holds, the next write sends")
def msg_more(w):
    c = w.established()
    c.write(10, socket.MSG_MORE)
    c.expect_none()
    c.write(10)
    c.expect("A", seq=1, len=20)


@scenario("FIN overtakes Nagle")
def fin_flushes(w):
    c = w.established()
    c.write(10)
    c.expect("A", seq=1, len=10)
    c.write(10)
    c.expect_none()
    c.shutdown()
    c.expect("FA", seq=11, len=10)


@scenario("the peer's window is respected")
def small_window(w):
    c = w.established()
    c.set_window(3 * w.mss)
    c.write(10 * w.mss)
    for number in range(3):
        c.expect("A", seq=1 + number * w.mss, len=w.mss)
    c.expect_none()
    c.send("A", window=w.mss)
    c.expect("A", seq=1 + 3 * w.mss, len=w.mss)
    c.expect_none()


@scenario("sender's silly window: no sliver is sent at once", slow=True)
def sender_silly_window(w):
    """A window of 100 bytes: the sender waits for more, until its timer says
    that a little is better than nothing."""
    if w.tern:
        w.sysctl("rto_min_ms", 500)
    c = w.established()
    c.repeats_ok = True
    c.set_window(100)
    c.write(1000)
    c.expect_none()
    forced = c.expect("A", seq=1)
    check(len(forced.payload) in (0, 100), f"{len(forced.payload)} bytes forced out")
    c.send("A", ack=1 + len(forced.payload), window=20000)
    rest = c.expect("A", seq=1 + len(forced.payload))
    check_equal(len(rest.payload), 1000 - len(forced.payload), "bytes sent when the window opened")


@scenario("zero window is probed, with backoff, and data flows when it opens", slow=True)
def zero_window(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.set_window(0)
    with w.counts(ZeroWindowProbes=(3, None), AbortOnTimeout=0):
        c.write(100)
        times = []
        for _ in range(3):
            times.append(c.expect("A", seq=0, len=0).ts)
            c.send("A", window=0)
    # in microseconds, with TCP in milliseconds; a slow machine is late, never early
    rto = 200000 if w.tern else 200
    first, second = [(b - a) & 0xffffffff for a, b in zip(times, times[1:])]
    check(first > 1.8 * rto and second > 3.6 * rto, f"intervals of probes: {first}, {second}")
    c.window = 20000
    c.send("A")
    c.expect("A", seq=1, len=100)
    c.send("A")
    c.alive()


@scenario("a window taken back: what is in flight probes it, beyond the retries", slow=True)
def window_taken_back(w):
    w.sysctl("rto_min_ms", 200)
    w.sysctl("retries", 2)
    c = w.established()
    c.repeats_ok = True
    c.write(w.mss)
    c.expect("A", seq=1, len=w.mss)
    # nor does it say anything of the path
    with w.counts(MTUPFail=0):
        for _ in range(5):
            c.send("A", window=0, ack=2)
            # the fifth comes after 16 times the first timeout
            c.expect("A", timeout=60, seq=2, len=w.mss - 1)
    c.state("ESTABLISHED")
    c.send("A", ack=1 + w.mss)
    c.alive()


@scenario("an answered zero window lasts beyond the retries", slow=True)
def zero_window_for_long(w):
    w.sysctl("rto_min_ms", 200)
    w.sysctl("retries", 2)
    c = w.established()
    c.repeats_ok = True
    c.set_window(0)
    c.write(100)
    for _ in range(4):
        c.expect("A", seq=0, len=0)
        c.send("A", window=0)
    c.state("ESTABLISHED")
    c.send("A", window=20000)
    c.expect("A", seq=1, len=100)


@scenario("a window that shrinks below what is in flight does no harm")
def window_shrinks(w):
    c = w.established()
    c.write(8 * w.mss)
    for number in range(8):
        c.expect("A", seq=1 + number * w.mss, len=w.mss)
    c.send("A", ack=1 + 2 * w.mss, window=w.mss)
    c.expect_none()
    c.send("A", ack=1 + 8 * w.mss, window=65535)
    c.alive()


@scenario("an old window does not replace a newer one")
def old_window(w):
    """RFC 9293: SND.WL1 and SND.WL2 guard the window against reordering."""
    c = w.established()
    c.send(len=10, window=30000)
    c.expect("A", ack=11)
    # an older segment, overtaken on the way, with an older window
    c.send("A", seq=1, window=0)
    c.expect_maybe("A", ack=11)
    c.write(100)
    c.expect("A", len=100)


@scenario("keepalive: an answered probe keeps the connection", slow=True)
def keepalive(w):
    c = w.established()
    with w.counts(KeepAlives=(2, None)):
        c.sock.setsockopt(SOL_TCP, TCP_KEEPIDLE, 1)
        c.sock.setsockopt(SOL_TCP, TCP_KEEPINTVL, 1)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for _ in range(2):
            c.expect("A", seq=0, ack=1, len=0)
            c.send("A")
    c.alive()


@scenario("keepalive by sysctl", slow=True)
def keepalive_by_sysctl(w):
    w.sysctl("keepalive_time", 1)
    w.sysctl("keepalive_intvl", 1)
    w.sysctl("keepalive_probes", 1)
    c = w.established()
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    c.expect("A", seq=0, ack=1, len=0)
    c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


@scenario("user timeout does not end a connection that makes progress", slow=True)
def user_timeout_progress(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.sock.setsockopt(SOL_TCP, TCP_USER_TIMEOUT, 2000)
    # eleven times 200 ms
    for _ in range(11):
        at = c.rcv_nxt
        c.write(10)
        c.expect("A", seq=at, len=10)
        # lost; its retransmission is acknowledged
        c.expect("A", seq=at, len=10)
        c.send("A")
    c.state("ESTABLISHED")


@scenario("ICMP fragmentation needed: smaller segments are sent")
def path_mtu(w):
    c = w.established()
    c.write(w.mss)
    big = c.expect("A", seq=1, len=w.mss)
    kind, code = (3, 4) if w.version == 4 else (2, 0)
    w.icmp_error(big.packet, kind, code, 1300)
    smaller = w.mss - 200
    c.expect("A", seq=1, len=smaller)
    c.send("A", ack=1 + smaller)
    c.expect("A", seq=1 + smaller, len=200)
    c.send("A", ack=1 + w.mss)
    c.alive()


# --- closing --------------------------------------------------------------------

@scenario("FIN with data: the data, then the end")
def fin_with_data(w):
    c = w.established()
    c.send("FA", len=100)
    c.expect("A", ack=102)
    c.state("CLOSE_WAIT")
    c.read(100)
    c.read_eof()


@scenario("FIN out of order waits for the data before it")
def fin_out_of_order(w):
    c = w.established()
    c.send("FA", seq=101, len=50)
    c.expect("A", ack=1)
    c.state("ESTABLISHED")
    c.read_nothing()
    c.send(len=100)
    c.expect("A", ack=152)
    c.state("CLOSE_WAIT")
    c.read(150)
    c.read_eof()


@scenario("a repeated FIN is acknowledged again")
def fin_again(w):
    c = w.established()
    c.send("FA", len=10)
    c.expect("A", ack=12)
    c.send("FA", seq=1, len=10)
    c.expect("A", ack=12)
    c.state("CLOSE_WAIT")
    c.read(10)
    c.read_eof()


@scenario("data after FIN is not taken")
def data_after_fin(w):
    c = w.established()
    c.send("FA", len=10)
    c.expect("A", ack=12)
    c.send("A", seq=12, len=50)
    c.expect_maybe("A", ack=12)
    c.read(10)
    c.read_eof()


@scenario("half close: data still arrives in FIN_WAIT_2")
def half_close_receives(w):
    c = w.established()
    c.shutdown()
    c.expect("FA", seq=1)
    c.send("A")
    c.state("FIN_WAIT_2")
    for _ in range(3):
        c.send(len=500)
        c.expect("A", seq=2, ack=c.snd_nxt)
        c.read(500)
    c.send("FA")
    c.expect("A", seq=2, ack=c.snd_nxt)
    c.state("TIME_WAIT")
    c.read_eof()


@scenario("half close: data still goes out in CLOSE_WAIT")
def half_close_sends(w):
    c = w.established()
    c.send("FA")
    c.expect("A", ack=2)
    for number in range(3):
        c.write(500)
        c.expect("A", seq=1 + 500 * number, len=500, ack=2)
        c.send("A")
    c.close()
    c.expect("FA", seq=1501)
    c.send("A")
    c.state("CLOSED")


@scenario("data in FIN_WAIT_1 and with the FIN in CLOSING")
def data_while_closing(w):
    c = w.established()
    c.shutdown()
    c.expect("FA", seq=1)
    c.send(len=100, ack=1)
    c.expect("A", seq=2, ack=101)
    c.send("FA", len=100, ack=1)
    c.expect("A", seq=2, ack=202)
    c.state("CLOSING")
    c.read(200)
    c.read_eof()


@scenario("close() sends what was written, then FIN")
def close_flushes(w):
    c = w.established()
    c.set_window(w.mss)
    c.write(2 * w.mss)
    c.expect("A", seq=1, len=w.mss)
    c.close()
    c.expect_none()
    c.send("A", window=2 * w.mss)
    c.expect("FA", seq=1 + w.mss, len=w.mss)
    c.send("FA")
    c.expect("A", ack=3)
    c.state("TIME_WAIT")


@scenario("data that arrives after close() is reset")
def data_after_close(w):
    c = w.established()
    c.close()
    c.expect("FA", seq=1)
    with w.counts(AbortOnData=1):
        c.send(len=100)
        c.expect_rst()
    c.state("CLOSED")


@scenario("a window update that nobody waits for is not sent")
def no_needless_update(w):
    c = w.established()
    c.send(len=10)
    c.expect("A", ack=11)
    c.read(10)
    c.expect_none()


if __name__ == "__main__":
    main()
