# SPDX-License-Identifier: GPL-2.0
"""A flight of full segments, counted from 0, what the peer says of it, and what
TCP_INFO then says of the connection."""
import socket
import struct
import time

from lib.wire import Conn

INITIAL_WINDOW = 10
SO_MAX_PACING_RATE = 47     # Python has no name for it
# A buffer that takes everything a scenario writes
LARGE_BUFFER = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 200000)]


def edge(w, number):
    """The sequence number at which segment `number` (from 0) begins"""
    return 1 + number * w.mss


def long_path(w, rtt):
    """A connection over a path of that RTT, in seconds; what depends on the RTT
    then takes so long that nothing else on a slow machine does"""
    listener = w.listen(options=LARGE_BUFFER)
    c = Conn(w)
    c.send_syn()
    c.expect("SA", seq=0, ack=1)
    time.sleep(rtt)
    c.send("A")
    c.sock, c.listener = w.accept(listener), listener
    return c


def expect_segments(c, segments):
    """The first so many, all of them full"""
    for number in range(segments):
        c.expect("A", seq=edge(c.world, number), len=c.world.mss)


def burst(w, segments=INITIAL_WINDOW, written=None, rtt=None):
    """A connection with so many full segments in flight, none acknowledged"""
    c = long_path(w, rtt) if rtt else w.established(options=LARGE_BUFFER)
    c.write((written or segments) * w.mss)
    expect_segments(c, segments)
    return c


def sack(c, *runs, ack=0):
    """SACK runs of segments [first, last), acknowledge up to segment `ack`."""
    w = c.world
    c.send("A", ack=edge(w, ack), sack=[(edge(w, first), edge(w, last)) for first, last in runs])


def tcp_info(c, layout):
    """A field of struct tcp_info"""
    info = c.sock.getsockopt(socket.SOL_TCP, socket.TCP_INFO, struct.calcsize(layout))
    return struct.unpack(layout, info)[0]


def ca_state(c):
    return tcp_info(c, "=xB")


def backoff(c):
    return tcp_info(c, "=4xB")


def timeout_us(c):
    """The retransmission timeout, as the kernel has it now"""
    return tcp_info(c, "=8xI")


def in_flight(c):
    """In segments; those that were SACKed too"""
    return tcp_info(c, "=24xI")


def ssthresh(c):
    """In segments"""
    return tcp_info(c, "=76xI")


def cwnd(c):
    """In segments"""
    return tcp_info(c, "=80xI")


def app_limited(c):
    """Is the delivery rate what the program gave the path to do?"""
    return bool(tcp_info(c, "=7xB") & 1)


def delivery_rate(c):
    """In bytes per second"""
    return tcp_info(c, "=160xQ")


def busy_time(c):
    """In microseconds, as the next two"""
    return tcp_info(c, "=168xQ")


def rwnd_limited(c):
    return tcp_info(c, "=176xQ")


def sndbuf_limited(c):
    return tcp_info(c, "=184xQ")


def delivered_ce(c):
    """In segments"""
    return tcp_info(c, "=196xI")


def bytes_sent(c):
    return tcp_info(c, "=200xQ")


def bytes_retrans(c):
    return tcp_info(c, "=208xQ")


def dsack_dups(c):
    """In segments"""
    return tcp_info(c, "=216xI")


def reord_seen(c):
    return tcp_info(c, "=220xI")


def out_of_order(c):
    """Segments received so"""
    return tcp_info(c, "=224xI")


def send_window(c):
    return tcp_info(c, "=228xI")
