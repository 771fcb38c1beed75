#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Rate of a bulk transfer between two namespaces on a clean veth: TCP and Tern
in turn on the same path, several rounds, medians and their ratio.

Run in the test machine by `make bench`; needs root and the module.
"""

import argparse
import ctypes
import multiprocessing
import socket
import statistics
import subprocess
import time

SERVER = ("10.1.0.2", 7000)
CHUNK = 1 << 16
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "tern": 253}


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def build_path():
    for host in ("client", "server"):
        ip("netns", "add", host)
    ip("link", "add", "eth0", "netns", "client", "type", "veth",
       "peer", "name", "eth0", "netns", "server")
    for host, address in (("client", "10.1.0.1/24"), ("server", "10.1.0.2/24")):
        ip("-n", host, "addr", "add", address, "dev", "eth0")
        ip("-n", host, "link", "set", "eth0", "up")


def enter(host):
    """Move this process into a namespace that `ip netns` made."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{host}") as ns:
        if libc.setns(ns.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def serve(protocol, ready):
    enter("server")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(SERVER)
        listener.listen()
        ready.set()
        peer = listener.accept()[0]
        buffer = bytearray(2 * CHUNK)
        while peer.recv_into(buffer):
            pass
        peer.close()


def send(protocol, size, result):
    """The clock stops when the peer has read all and closed."""
    enter("client")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as sock:
        sock.connect(SERVER)
        data = bytes(CHUNK)
        start = time.monotonic()
        for _ in range(size // CHUNK):
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)
        result.value = size * 8 / (time.monotonic() - start) / 1e6


def measure(protocol, size):
    ready = multiprocessing.Event()
    result = multiprocessing.Value("d")
    server = multiprocessing.Process(target=serve, args=(protocol, ready), daemon=True)
    server.start()
    if not ready.wait(30):
        raise SystemExit("bulk: the server does not come up")
    client = multiprocessing.Process(target=send, args=(protocol, size, result), daemon=True)
    client.start()
    for process in (client, server):
        process.join(120)
        if process.exitcode:
            raise SystemExit("bulk: a transfer failed")
    return result.value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=32)
    args = parser.parse_args()

    build_path()
    rates = {name: [] for name in PROTOCOLS}
    for protocol in PROTOCOLS.values():     # warm up: modules, page cache
        measure(protocol, 1 << 20)
    for _ in range(args.rounds):
        for name, protocol in PROTOCOLS.items():
            rates[name].append(measure(protocol, args.megabytes << 20))
    for name, values in rates.items():
        print(f"{name:5} {statistics.median(values):7.0f} Mbit/s  (" +
              " ".join(f"{value:.0f}" for value in values) + ")")
    ratio = statistics.median(rates["tern"]) / statistics.median(rates["tcp"])
    print(f"tern/tcp {ratio:.2f}")


if __name__ == "__main__":
    main()
