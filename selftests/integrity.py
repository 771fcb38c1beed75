#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What is written arrives, whatever the network does to the packets.

Two hosts and a router between them, each a namespace; netem on both of the
router's interfaces loses, delays, reorders, duplicates and corrupts. Both ends
send at once, in writes and reads of random sizes, and compare sha256. Through
both doors and over both IP versions, 64 MB in total; once on TCP as the
reference. Counters tell that the damage was really done.
"""
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

from lib import doors, ktap, netns

PORT = 7001
MEGABYTE = 1 << 20
# for one transfer; on a fast machine it takes a second or two
DEADLINE = 100

CLIENT, ROUTER, SERVER = (f"tern-{os.getpid()}-{role}" for role in "crs")
ROUTER_PORTS = ("eth0", "eth1")
ADDRESS = {4: ("192.0.2.2", "198.51.100.2"), 6: ("2001:db8:1::2", "2001:db8:2::2")}

# name, door, IP version, netem on the way to the server and back, counters of
# both ends of which at least one must have risen
CASES = (
    ("clean path, super-segments", "protocol", 4, None, ()),
    ("delay 4 ms, jitter 2 ms", "family", 6, "delay 4ms 2ms", ()),
    ("loss 1 %", "family", 4, "delay 2ms loss 1%", ("RetransSegs", "SACKRecv")),
    ("loss 1 %", "protocol", 6, "delay 2ms loss 1%", ("RetransSegs", "SACKRecv")),
    ("reordering 5 %", "protocol", 4, "delay 3ms reorder 95%", ("OFOQueue",)),
    ("duplication 3 %", "family", 6, "delay 1ms duplicate 3%", ("DupSegs",)),
    ("corruption 0.5 %", "family", 4, "delay 1ms corrupt 0.5%", ("InCsumErrs",)),
    ("all at once", "protocol", 6,
     "delay 3ms 1ms loss 0.5% duplicate 0.5% corrupt 0.2% reorder 98%",
     ("RetransSegs", "OFOQueue", "DupSegs", "InCsumErrs")),
    ("all at once", "tcp", 4,
     "delay 3ms 1ms loss 0.5% duplicate 0.5% corrupt 0.2% reorder 98%", ()),
    ("clean path, super-segments", "tcp", 6, None, ()),
)
# on a debug kernel a quarter: it copies and checks so much more slowly
BYTES_EACH_WAY = (1 if os.path.exists("/proc/lockdep") else 4) * MEGABYTE


def ip(*words, check=True):
    subprocess.run(["ip", *words], check=check, stdout=subprocess.DEVNULL,
                   stderr=None if check else subprocess.DEVNULL)


def build_network():
    for name in (CLIENT, ROUTER, SERVER):
        ip("netns", "add", name)
    for name, device, addresses in zip((CLIENT, SERVER), ROUTER_PORTS, zip(*ADDRESS.values())):
        four, six = addresses
        gateway4, gateway6 = four[:-1] + "1", six[:-1] + "1"
        batch("ip", name, "link set lo up",
              f"link add eth0 type veth peer name {device} netns {ROUTER}",
              f"addr add {four}/24 dev eth0", f"addr add {six}/64 dev eth0 nodad",
              "link set eth0 up")
        batch("ip", ROUTER, f"addr add {gateway4}/24 dev {device}",
              f"addr add {gateway6}/64 dev {device} nodad", f"link set {device} up")
        batch("ip", name, f"route add default via {gateway4}",
              f"route add default via {gateway6}")
    for knob in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        in_namespace(ROUTER, lambda knob=knob: netns.sysctl(knob, 1))


def destroy_network():
    for name in (CLIENT, ROUTER, SERVER):
        ip("netns", "del", name, check=False)


def in_namespace(name, function):
    """Run it in a child process in that namespace; the child's status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            netns.enter(name)
            function()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0, f"child in {name} failed"


def batch(program, namespace, *lines):
    """Several commands of ip(8) or tc(8) in one go"""
    subprocess.run([program, "-n", namespace, "-batch", "-"], check=True, text=True,
                   input="\n".join(lines) + "\n")


def set_netem(parameters):
    """One segment a packet where packets are damaged: netem would do it to 64 KB at once."""
    segments = "1" if parameters else "65535"
    for name in (CLIENT, SERVER):
        ip("-n", name, "link", "set", "eth0", "gso_max_segs", segments)
    batch("ip", ROUTER, *(f"link set {device} gso_max_segs {segments}" for device in ROUTER_PORTS))
    batch("tc", ROUTER, *(f"qdisc replace dev {device} root " +
                          (f"netem limit 10000 {parameters}" if parameters else "pfifo")
                          for device in ROUTER_PORTS))


def random_size(choice):
    return choice.randint(1, choice.choice((200, 3000, 65536, 262144)))


def send_all(sock, seed, digest):
    choice = random.Random(seed)
    pool = memoryview(choice.randbytes(MEGABYTE))
    left = BYTES_EACH_WAY
    while left:
        size = min(random_size(choice), left)
        start = choice.randrange(MEGABYTE - size + 1)
        sock.sendall(pool[start:start + size])
        digest.update(pool[start:start + size])
        left -= size
    sock.shutdown(socket.SHUT_WR)


def receive_all(sock, seed, digest):
    choice = random.Random(seed)
    buffer = memoryview(bytearray(262144))
    total = 0
    while True:
        size = sock.recv_into(buffer[:random_size(choice)])
        if not size:
            break
        digest.update(buffer[:size])
        total += size
    assert total == BYTES_EACH_WAY, f"{total} bytes arrived"


def exchange(sock, seed, report):
    """Both directions at once; what was sent and received goes to the report."""
    sent, received = hashlib.sha256(), hashlib.sha256()
    failed = []

    def sender():
        try:
            send_all(sock, seed, sent)
        except BaseException as error:  # pylint: disable=broad-except
            failed.append(error)

    thread = threading.Thread(target=sender, daemon=True)
    thread.start()
    receive_all(sock, seed + 1000, received)
    thread.join()
    if failed:
        raise failed[0]
    print(sent.hexdigest(), received.hexdigest(), file=report, flush=True)


def accept_one(door, version, report):
    listener = doors.open_socket(door, version)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ADDRESS[version][1], PORT))
    listener.listen(1)
    print("listening", file=report, flush=True)
    return listener.accept()[0]


def server(door, version, seed, report):
    exchange(accept_one(door, version, report), seed, report)


def client(door, version, seed, report):
    sock = doors.open_socket(door, version)
    sock.connect((ADDRESS[version][1], PORT))
    exchange(sock, seed + 1, report)


class End:
    """One end of a transfer: a process in a namespace, and what it reports"""

    def __init__(self, namespace, function, *args):
        reading, writing = os.pipe()
        self.report = os.fdopen(reading)
        self.pid = os.fork()
        if self.pid:
            os.close(writing)
            return
        status = 1
        try:
            # a hung connection ends with this process, at the latest
            signal.alarm(DEADLINE)
            netns.enter(namespace)
            function(*args, os.fdopen(writing, "w"))
            status = 0
        except BaseException as error:  # pylint: disable=broad-except
            print(f"# {namespace}: {error!r}", flush=True)
        finally:
            sys.stdout.flush()
            os._exit(status)

    def finish(self):
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        words = self.report.read().split()
        self.report.close()
        assert status == 0, "an end failed" if status > 0 else f"an end was killed by {-status}"
        return words


def counters():
    """Those of both ends, added up"""
    total = {}

    def read(report):
        with open("/proc/net/tern/snmp", encoding="ascii") as file:
            report.write(file.read())
        report.close()

    for name in (CLIENT, SERVER):
        words = End(name, read).finish()
        for counter, value in zip(words[::2], words[1::2]):
            total[counter] = total.get(counter, 0) + int(value)
    return total


def transfer(door, version, parameters, must_rise):
    seed = random.randrange(1 << 30)
    set_netem(parameters)
    before = counters() if door != "tcp" else {}
    started = time.monotonic()
    far = End(SERVER, server, door, version, seed)
    assert far.report.readline() == "listening\n", "the server does not listen"
    near = End(CLIENT, client, door, version, seed)
    sent, received = near.finish()
    assert [received, sent] == far.finish(), f"the sums differ (seed {seed})"
    seconds = time.monotonic() - started
    ktap.note(f"{2 * BYTES_EACH_WAY / MEGABYTE / seconds:.1f} MB/s, {seconds:.1f} s")
    if door != "tcp":
        rose = {name: value - before[name] for name, value in counters().items()}
        ktap.note(", ".join(f"{name} {value}" for name, value in rose.items() if value))
        still = [name for name in must_rise if not rose[name]]
        assert not still, f"counters that should have risen: {still}"


def peer_vanishes(door, version):
    """In the middle of a transfer nothing arrives any more; TCP_USER_TIMEOUT says
    for how long a program wants to wait."""
    set_netem(None)

    def sink(report):
        sock = accept_one(door, version, report)
        while sock.recv(65536):
            pass

    def source(report):
        sock = doors.open_socket(door, version)
        sock.connect((ADDRESS[version][1], PORT))
        sock.setsockopt(socket.IPPROTO_TCP, doors.TCP_USER_TIMEOUT, 1500)
        sent = 0
        try:
            while True:
                sent += sock.send(bytes(65536))
                if sent == 16 * 65536:
                    print("flowing", file=report, flush=True)
        except OSError as error:
            print(type(error).__name__, error.errno, file=report, flush=True)

    far = End(SERVER, sink)
    assert far.report.readline() == "listening\n", "the server does not listen"
    near = End(CLIENT, source)
    try:
        assert near.report.readline() == "flowing\n", "no data flows"
        # not a link that goes down, of which the router would tell
        set_netem("loss 100%")
        words = near.finish()
        assert words[0] == "TimeoutError", words
    finally:
        os.kill(far.pid, signal.SIGKILL)
        os.waitpid(far.pid, 0)
        # the two hosts find out that the connection is no more
        set_netem(None)


def main():
    ktap.need_tern()
    cases = []
    for name, door, version, parameters, must_rise in CASES:
        where = "TCP" if door == "tcp" else f"{door} door"
        cases.append((f"{name}: {where}, IPv{version}",
                      lambda *args, given=(door, version, parameters, must_rise):
                      transfer(*given)))
    for door, version in (("protocol", 4), ("family", 6), ("tcp", 4)):
        cases.append((f"peer vanishes: {door}, IPv{version}",
                      lambda given=(door, version): peer_vanishes(*given)))
    try:
        build_network()
        ktap.run(cases)
    finally:
        destroy_network()


if __name__ == "__main__":
    main()
