#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a connection tells of the path and of what it waits for: delivery rate
(draft-cheng-iccrg-delivery-rate-estimation), who limited it, and the sums of
TERN_INFO and TCP_INFO that only a peer can make happen.

No time is measured: a scenario lets some pass, and bounds the rate by how long
it took at least and at most.
"""
import contextlib
import socket
import time

from lib.flight import (INITIAL_WINDOW, LARGE_BUFFER, app_limited, burst, busy_time, bytes_retrans,
                        bytes_sent, delivery_rate, dsack_dups, edge, expect_segments, out_of_order,
                        reord_seen, rwnd_limited, sack, send_window, sndbuf_limited)
from lib.scenario import TERN, main, scenario
from lib.wire import Failure, check, check_equal, wait_for

PATH = 0.3      # seconds
TCP_NODELAY = 1


def check_rate(c, size, most):
    """So many bytes, in a time between PATH and `most` seconds"""
    got = delivery_rate(c)
    check(size / most - 1 <= got <= size / PATH,
          f"{got} bytes/s; {size} bytes in {PATH} to {most:.3f} s")


def since(moment):
    return time.monotonic() - moment


# --- delivery rate --------------------------------------------------------------

@scenario("delivery rate: what was delivered, by the time it took", slow=True)
def rate(w):
    c = w.established(options=LARGE_BUFFER)
    check_equal(delivery_rate(c), 0, "rate before anything was sent")
    began = time.monotonic()
    with w.counts(OrigDataSent=INITIAL_WINDOW, Delivered=INITIAL_WINDOW * w.mss, DeliveredCE=0):
        c.write(INITIAL_WINDOW * w.mss)
        expect_segments(c, INITIAL_WINDOW)
        time.sleep(PATH)
        c.send("A")
    check_rate(c, INITIAL_WINDOW * w.mss, since(began))
    check_equal(bytes_sent(c), INITIAL_WINDOW * w.mss, "bytes sent")
    check_equal(bytes_retrans(c), 0, "bytes sent again")
    c.alive()


@scenario("delivery rate: SACKed bytes are delivered, and not once more when acknowledged", slow=True)
def rate_sacked(w):
    c = w.established(options=LARGE_BUFFER)
    began = time.monotonic()
    c.write(INITIAL_WINDOW * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    time.sleep(PATH)
    sacked = time.monotonic()
    sack(c, (1, 4))
    check_rate(c, 3 * w.mss, since(began))
    # sent again when three were delivered; seven more follow, a round trip later
    c.expect("A", seq=1, len=w.mss)
    sending = since(began)
    time.sleep(PATH)
    c.send("A")
    check_rate(c, 7 * w.mss, max(since(sacked), sending))
    check_equal(bytes_sent(c), (INITIAL_WINDOW + 1) * w.mss, "bytes sent")
    check_equal(bytes_retrans(c), w.mss, "bytes sent again")


@scenario("delivery rate: a super-segment that is acknowledged in parts", slow=True)
def rate_in_parts(w):
    c = w.established(options=LARGE_BUFFER)
    began = time.monotonic()
    c.write(INITIAL_WINDOW * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    time.sleep(PATH)
    c.send("A", ack=edge(w, 3) - 100)
    check_rate(c, 3 * w.mss - 100 if w.tern else 2 * w.mss, since(began))
    # nobody waits: seven in no time, and still it took them as long
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    check_rate(c, INITIAL_WINDOW * w.mss, since(began))
    c.alive()


@scenario("delivery rate: a program that writes little is what limits it")
def limited_by_program(w):
    c = w.established(options=LARGE_BUFFER)
    c.write(100)
    c.expect("A", seq=1, len=100)
    c.send("A")
    check(app_limited(c), "a rate by 100 bytes is said to be the path's")
    # the first window of a burst follows a pause, the second does not
    at = c.rcv_nxt
    c.write(60 * w.mss)
    for number in range(INITIAL_WINDOW):
        c.expect("A", seq=at + number * w.mss, len=w.mss)
    c.send("A")
    check(app_limited(c), "the rate after a pause is said to be the path's")
    c.expect("A", len=w.mss)
    c.send("A")
    check(not app_limited(c), "a full window is said to be too little")
    before = delivery_rate(c)
    check(before > 0, "no rate")


@scenario("delivery rate: less than the path was seen to do changes nothing", slow=True)
def low_sample(w):
    c = w.established(options=LARGE_BUFFER)
    c.write(60 * w.mss)
    expect_segments(c, INITIAL_WINDOW)
    c.send("A")
    while c.rcv_nxt < edge(w, 60):
        c.expect("A")
        c.send("A")
    check(not app_limited(c), "a full window is said to be too little")
    before = delivery_rate(c)
    c.write(10)
    c.expect("A", len=10)
    time.sleep(PATH)
    c.send("A")
    check_equal(delivery_rate(c), before, "rate after ten bytes that took long")
    check(not app_limited(c), "ten bytes count")


# --- who limits -----------------------------------------------------------------

@scenario("limits: a closed window is the peer's doing", slow=True)
def closed_window(w):
    c = w.established()
    c.set_window(0)
    check_equal(send_window(c), 0, "window of the peer")
    c.write(100)
    wait_for(lambda: rwnd_limited(c), "time limited by the window")
    limited, busy = rwnd_limited(c), busy_time(c)
    check(limited <= busy, f"limited for {limited} us, busy for {busy} us")
    wait_for(lambda: rwnd_limited(c) > limited, "more of that time")
    check_equal(sndbuf_limited(c), 0, "time limited by the buffer")
    c.repeats_ok = True
    c.window = 20000
    c.send("A")
    while not c.expect("A").payload:
        pass
    # it is the path's turn
    limited = rwnd_limited(c)
    wait_for(lambda: busy_time(c) > busy, "time until the acknowledgment")
    check_equal(rwnd_limited(c), limited, "time limited by the window, when it is open")
    c.send("A")
    check_equal(send_window(c), 20000, "window of the peer")
    busy = busy_time(c)
    time.sleep(0.05)
    check_equal(busy_time(c), busy, "busy time of an idle connection")


# TCP begins to count when it sends, and not when it refuses to take more
@scenario("limits: a program that may not write more is limited by the send buffer",
          variants=TERN, slow=True)
def small_buffer(w):
    c = w.established(options=[(socket.SOL_SOCKET, socket.SO_SNDBUF, 4000)])
    c.sock.setsockopt(socket.IPPROTO_TCP, TCP_NODELAY, 1)
    c.write(9000)
    while c.rcv_nxt < 9001:
        c.expect("A")
    check_equal(sndbuf_limited(c), 0, "time limited by a buffer that nobody found full")
    with contextlib.suppress(BlockingIOError):
        c.sock.send(b"more")
        raise Failure("the buffer takes more than it should")
    wait_for(lambda: sndbuf_limited(c), "time limited by the buffer")
    check(sndbuf_limited(c) <= busy_time(c), "limited for longer than busy")
    check_equal(rwnd_limited(c), 0, "time limited by the window")
    c.send("A")
    limited = sndbuf_limited(c)
    time.sleep(0.05)
    check_equal(sndbuf_limited(c), limited, "time limited by the buffer when all has arrived")


@scenario("limits: a full congestion window is nobody's fault", slow=True)
def full_window(w):
    c = burst(w, written=20)
    wait_for(lambda: busy_time(c), "busy time")
    check_equal(rwnd_limited(c), 0, "time limited by the window")
    check_equal(sndbuf_limited(c), 0, "time limited by the buffer")


# --- what the peer tells --------------------------------------------------------

@scenario("sums: segments that came twice, and out of order")
def sums_received(w):
    c = w.established()
    for seq in (101, 301):
        c.send(seq=seq, len=100)
        c.expect("A", ack=1)
    c.send(seq=1, len=500)
    c.expect("A", ack=501)
    check_equal(out_of_order(c), 2, "segments out of order")
    c.snd_nxt = 501
    c.read(500)
    c.alive()


@scenario("sums: duplicates that the peer reports", variants=TERN)
def sums_duplicates(w):
    c = burst(w)
    c.send("A", ack=edge(w, INITIAL_WINDOW))
    check_equal(dsack_dups(c), 0, "segments reported twice")
    c.send("A", sack=[(edge(w, 2), edge(w, 5))])
    check_equal(dsack_dups(c), 3, "segments reported twice")
    c.alive()


@scenario("sums: reordering that SACKs show", variants=TERN, slow=True)
def sums_reordering(w):
    c = burst(w, rtt=0.9)
    check_equal(reord_seen(c), 0, "segments after later ones")
    with w.counts(ReorderSeen=1):
        sack(c, (3, 4))
        sack(c, (3, 4), ack=1)
        sack(c, (3, 4), ack=2)
        c.send("A", ack=edge(w, INITIAL_WINDOW))
    check_equal(reord_seen(c), 3, "segments after later ones")


if __name__ == "__main__":
    main()
