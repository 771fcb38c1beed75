#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tern run --dual: a server made for TCP takes clients of Tern and of TCP, in
whichever way it waits for them (lib/dual_server.py)."""
import contextlib
import errno
import os
import subprocess
import sys

from lib import doors, ktap
from lib.tool import PATIENCE, TERN, TESTS, background, begin, must_be, run

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "dual_server.py")
# -S: quicker to start
PYTHON = (sys.executable, "-S", SERVER)
DUAL = (TERN, "run", "--dual", *PYTHON)
# What the kernel refuses without a look at it, and what it cannot read
BAD_POLLS = """
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
def refused(number, n):
    for call, more in (libc.poll, (0,)), (libc.ppoll, (None, None)):
        assert call(ctypes.c_void_p(1), ctypes.c_ulong(n), *more) == -1
        assert ctypes.get_errno() == number, (call, ctypes.get_errno())
refused(errno.EFAULT, 3)
refused(errno.EINVAL, 1 << 30)
listener = socket.create_server(("127.0.0.1", 0))
refused(errno.EINVAL, 1 << 30)
listener.close()
refused(errno.EFAULT, 3)
"""
# Knows of Tern
OWN_FAMILY = """
import sys
sys.path.insert(0, sys.argv[1])
from lib import doors
listener = doors.FamilySocket()
listener.bind(("::1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
listener.accept()[0].close()
"""
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
# in turn, and each twice in a row
CLIENTS = ("protocol", "tcp", "tcp", "protocol", "protocol", "tcp", "protocol", "tcp")
MODES = ("accept", "timeout", "poll", "poll-many", "select", "epoll", "epoll-et",
         "epoll-exclusive", "registered-before", "asyncio", "threads", "processes", "vfork")


def connect(door, port, version=4):
    sock = doors.open_socket(door, version)
    sock.settimeout(PATIENCE)
    try:
        sock.connect((LOOPBACK[version], port))
    except OSError:
        sock.close()
        raise
    return sock


def ask(*socks):
    """All of them, before the first answer is read"""
    for sock in socks:
        sock.sendall(b"hello\n")
    for sock in socks:
        with sock, sock.makefile("rb") as file:
            must_be(file.read(), b"HELLO\n")


def refused(door, port, version=4):
    try:
        connect(door, port, version).close()
    except OSError as error:
        must_be(error.errno, errno.ECONNREFUSED)
        return
    raise AssertionError(f"{door}: somebody listens")


@contextlib.contextmanager
def server(mode, clients=0):
    with background(*DUAL, mode, str(clients), stdin=subprocess.PIPE) as process:
        yield process, int(process.stdout.readline())


def both(mode):
    with server(mode, len(CLIENTS)) as (process, port):
        for door in CLIENTS:
            ask(connect(door, port))
        process.stdin.close()
        must_be(process.wait(PATIENCE), 0)


def waiting_together():
    """One of each before either is asked for: who is counted twice, or forgotten?"""
    for mode in ("accept", "poll", "select", "epoll-et"):
        with server(mode, 4) as (process, port):
            ask(*[connect(door, port) for door in ("tcp", "protocol", "protocol", "tcp")])
            must_be(process.wait(PATIENCE), 0)


def all_addresses():
    """A socket on :: serves both versions of both."""
    with server("v6", 4) as (process, port):
        for door in ("protocol", "tcp"):
            for version in (4, 6):
                ask(connect(door, port, version))
        must_be(process.wait(PATIENCE), 0)


def options():
    """What was set before listen() is set for both: IPv6 only"""
    with server("v6only", 2) as (process, port):
        for door in ("protocol", "tcp"):
            refused(door, port, 4)
            ask(connect(door, port, 6))
        must_be(process.wait(PATIENCE), 0)


def duplicate():
    """A duplicate is Tern's alone."""
    with server("dup", 2) as (process, port):
        for _ in range(2):
            ask(connect("protocol", port))
        must_be(process.wait(PATIENCE), 0)


def closing():
    with server("closing") as (process, port):
        connect("tcp", port).close()
        connect("protocol", port).close()
        process.stdin.write("\n")
        process.stdin.flush()
        must_be(process.stdout.readline(), "closed\n")
        refused("tcp", port)
        refused("protocol", port)


def taken():
    """Another server has the port, of TCP: no listener then, not even half of one"""
    with contextlib.closing(doors.open_socket("tcp", 4)) as other:
        other.bind((LOOPBACK[4], 0))
        other.listen(1)
        port = other.getsockname()[1]
        result = run(*DUAL, "accept", "1", str(port))
        must_be(result.returncode, 1)
        assert "Address already in use" in result.stderr, result.stderr
        refused("protocol", port)


def bad_polls():
    result = run(TERN, "run", "--dual", sys.executable, "-S", "-c", BAD_POLLS)
    assert result.returncode == 0, result


def own_family():
    """A socket of AF_TERN is its program's affair: no twin, and it works"""
    with background(TERN, "run", "--dual", sys.executable, "-S", "-c", OWN_FAMILY,
                    TESTS) as process:
        port = int(process.stdout.readline())
        refused("tcp", port, 6)
        connect("protocol", port, 6).close()
        must_be(process.wait(PATIENCE), 0)


def without_dual():
    with background(TERN, "run", *PYTHON, "accept", "1") as process:
        port = int(process.stdout.readline())
        refused("tcp", port)
        ask(connect("protocol", port))
        must_be(process.wait(PATIENCE), 0)


def main():
    begin()
    cases = [(f"server waits by {mode}", lambda mode=mode: both(mode)) for mode in MODES]
    cases += [
        ("clients that wait together", waiting_together),
        ("every address", all_addresses),
        ("options", options),
        ("a duplicate of the listener", duplicate),
        ("a listener that is closed", closing),
        ("a port that is taken", taken),
        ("a poll() that the kernel refuses", bad_polls),
        ("a listener of AF_TERN", own_family),
        ("without --dual only Tern", without_dual),
    ]
    ktap.run(cases)


if __name__ == "__main__":
    main()
