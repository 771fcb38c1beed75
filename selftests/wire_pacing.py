#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Pacing: a window is spread over its round trip, and SO_MAX_PACING_RATE is kept,
by Tern's own timer and with the fq qdisc. What leaves when is told by the
timestamps that the kernel puts into its segments; a slow machine can only make
that later, so only what would be too early is a failure.
"""
import json
import socket
import subprocess
import time

from lib.flight import INITIAL_WINDOW, LARGE_BUFFER, SO_MAX_PACING_RATE, in_flight, long_path
from lib.scenario import TERN, main, scenario
from lib.wire import check, check_equal, relative

RATE = 150000           # bytes per second
SEGMENTS = 30
BURST = 2               # segments that may leave at once at that rate
FQ_AHEAD_US = 1000      # fq gets a segment by so much before its time
LONG_RTT = 0.3


def spread(c, segments):
    """Microseconds from the first segment to the last, each of them acknowledged"""
    first = None
    for number in range(segments):
        segment = c.expect("A", seq=1 + number * c.world.mss, len=c.world.mss)
        first = segment.ts if first is None else first
        c.send("A")
    return relative(segment.ts, first)


def earliest(segments, bytes_per_second, mss):
    """When the last may leave: of those that wait each burst has its time, but the
    second may take half of it from before the first."""
    bursts = segments // BURST - 1
    return (bursts - 0.5) * BURST * mss / bytes_per_second * 1e6 - FQ_AHEAD_US


def write_at_once(c, segments, written):
    """So many leave while the program writes: no timer is waited for"""
    c.write(written * c.world.mss)
    check_equal(in_flight(c), segments, "segments in flight after write()")
    for _ in range(segments):
        c.expect("A", len=c.world.mss)


def limited(w):
    c = w.established(options=LARGE_BUFFER)
    c.sock.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, RATE)
    c.write(SEGMENTS * w.mss)
    took, wanted = spread(c, SEGMENTS), earliest(SEGMENTS, RATE, w.mss)
    check(took >= wanted, f"{took} us for what needs {wanted:.0f} at {RATE} bytes/s")
    c.alive()


@scenario("pacing: SO_MAX_PACING_RATE is not exceeded", variants=TERN)
def maximum(w):
    limited(w)


@scenario("pacing: nor with fq", variants=TERN)
def maximum_with_fq(w):
    subprocess.run(["tc", "qdisc", "replace", "dev", "tun0", "root", "fq"], check=True)
    limited(w)
    shown = subprocess.run(["tc", "-s", "-j", "qdisc", "show", "dev", "tun0"], check=True,
                           capture_output=True, text=True).stdout
    fq = json.loads(shown)[0]
    check_equal(fq["kind"], "fq", "qdisc")
    check_equal((fq["drops"], fq.get("flows_plimit", 0)), (0, 0), "packets that fq has dropped")


@scenario("pacing: on a long path the first window leaves at once, the next is spread over half "
          "of the round trip", variants=TERN)
def long(w):
    c = long_path(w, LONG_RTT)
    second = 2 * INITIAL_WINDOW
    write_at_once(c, INITIAL_WINDOW, INITIAL_WINDOW + second)
    time.sleep(LONG_RTT)
    c.send("A")
    stamps = [c.expect("A", len=w.mss).ts for _ in range(second)]
    took = relative(stamps[-1], stamps[0])
    wanted = earliest(second, 2 * second * w.mss / LONG_RTT, w.mss)
    check(took >= wanted, f"{took} us for what needs {wanted:.0f} on a path of {LONG_RTT} s")
    c.send("A")
    c.alive()


@scenario("pacing: a short path is not paced: the window leaves at once", variants=TERN)
def short(w):
    c = w.established(options=LARGE_BUFFER)
    write_at_once(c, INITIAL_WINDOW, INITIAL_WINDOW)
    c.send("A")
    c.alive()


if __name__ == "__main__":
    main()
