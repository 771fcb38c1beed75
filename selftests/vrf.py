#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""An interface in a VRF: resets find their way back through it, a listener that
is bound to nothing serves it if it may, and ports are its own. All as with TCP.
"""
import contextlib
import errno
import itertools
import os
import select
import socket
import subprocess

from lib import doors, ktap, netns

HOST, ROUTER = (f"tern-{os.getpid()}-{name}" for name in ("host", "router"))
VRF, TABLE = "red", 10
CLOSED = 4321
# one for each listener: TIME_WAIT keeps it
PORTS = itertools.count(5000)
ADDRESS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
ANY = {4: "0.0.0.0", 6: "::"}
SO_BINDTODEVICE = 25
ALL = [("tcp", 4), ("tcp", 6), ("protocol", 4), ("protocol", 6), ("family", 4), ("family", 6)]


def ip(*words, **more):
    return subprocess.run(["ip", *words], check=False, text=True, capture_output=True, **more)


def build():
    """A host, and a router whose side of the link is in a VRF"""
    subprocess.run(["modprobe", "-q", "vrf"], check=False)
    for name in (HOST, ROUTER):
        ip("netns", "add", name)
    if ip("-n", ROUTER, "link", "add", VRF, "type", "vrf", "table", str(TABLE)).returncode:
        ktap.skip_all("no VRF in this kernel, or no ip(8) that can make one")
    for name, lines in (
            (HOST, ["link set lo up", f"link add net0 type veth peer name net0 netns {ROUTER}",
                    *(f"addr add {here}/{64 if ':' in here else 24} dev net0" +
                      (" nodad" if ":" in here else "") for here, _ in ADDRESS.values()),
                    "link set net0 up"]),
            (ROUTER, ["link set lo up", f"link set {VRF} up", f"link set net0 master {VRF}",
                      *(f"addr add {there}/{64 if ':' in there else 24} dev net0" +
                        (" nodad" if ":" in there else "") for _, there in ADDRESS.values()),
                      "link set net0 up"])):
        result = ip("-n", name, "-batch", "-", input="\n".join(lines) + "\n")
        assert result.returncode == 0, result


def destroy():
    for name in (HOST, ROUTER):
        ip("netns", "del", name)


def open_in(namespace, kind, vrf=False):
    """A socket there, bound to the VRF if wanted"""
    netns.enter(namespace)
    sock = doors.open_socket(*kind)
    if vrf:
        sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, VRF.encode() + b"\0")
    return sock


def result_of(sock, address, port):
    """What becomes of connect(): 0 or an error"""
    sock.setblocking(False)
    error = sock.connect_ex((address, port))
    if error != errno.EINPROGRESS:
        return error
    assert select.select([], [sock], [], 10)[1], "no answer"
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def may_serve_all(allowed):
    """net.ipv4.tcp_l3mdev_accept, of the router"""
    netns.enter(ROUTER)
    netns.sysctl("net.ipv4.tcp_l3mdev_accept", int(allowed))


def must_be(got, wanted, kind):
    assert got == wanted, f"{kind}: {got} instead of {wanted}"


def each(function):
    """function(kind, address of the host, address of the router)"""
    def all_of_them():
        for kind in ALL:
            may_serve_all(False)
            function(kind, *ADDRESS[kind[1]])
    all_of_them.__name__ = function.__name__
    return all_of_them


def talks(client, listener, kind):
    """The connection was accepted, and bytes pass both ways"""
    with listener.accept()[0] as child:
        client.setblocking(True)
        for one, other in ((client, child), (child, client)):
            one.sendall(b"abc")
            must_be(other.recv(3, socket.MSG_WAITALL), b"abc", kind)


@each
def refused_into_it(kind, _, there):
    """The RST to a SYN that came through the VRF leaves through it"""
    with open_in(HOST, kind) as sock:
        must_be(result_of(sock, there, CLOSED), errno.ECONNREFUSED, kind)


@each
def refused_out_of_it(kind, here, _):
    with open_in(ROUTER, kind, vrf=True) as sock:
        must_be(result_of(sock, here, CLOSED), errno.ECONNREFUSED, kind)


@each
def out_of_it(kind, here, _):
    port = next(PORTS)
    with open_in(HOST, kind) as listener, open_in(ROUTER, kind, vrf=True) as sock:
        listener.bind((here, port))
        listener.listen()
        must_be(result_of(sock, here, port), 0, kind)
        talks(sock, listener, kind)


@each
def listener_of_nothing(kind, _, there):
    """One that is bound to no VRF serves them all if the administrator says so"""
    port = next(PORTS)
    with open_in(ROUTER, kind) as listener:
        listener.bind((ANY[kind[1]], port))
        listener.listen()
        for allowed in (False, True):
            may_serve_all(allowed)
            with open_in(HOST, kind) as sock:
                must_be(result_of(sock, there, port), 0 if allowed else errno.ECONNREFUSED, kind)
                if allowed:
                    talks(sock, listener, kind)


@each
def listener_of_its_own(kind, _, there):
    port = next(PORTS)
    with open_in(ROUTER, kind, vrf=True) as listener:
        listener.bind((there, port))
        listener.listen()
        with open_in(HOST, kind) as sock:
            must_be(result_of(sock, there, port), 0, kind)
            talks(sock, listener, kind)


@each
def ports(kind, _, there):
    """A port of the VRF is another than that of the same number outside"""
    for order in (False, True), (True, False):
        port = next(PORTS)
        with contextlib.ExitStack() as stack:
            listeners = {}
            for vrf in order:
                sock = listeners[vrf] = stack.enter_context(open_in(ROUTER, kind, vrf))
                sock.bind((ANY[kind[1]], port))
                sock.listen()
            sock = stack.enter_context(open_in(HOST, kind))
            must_be(result_of(sock, there, port), 0, kind)
            talks(sock, listeners[True], kind)
            other = stack.enter_context(open_in(ROUTER, kind, vrf=True))
            with contextlib.suppress(OSError):
                other.bind((ANY[kind[1]], port))
                raise AssertionError(f"{kind}: two have the same port of the VRF")


def main():
    ktap.need_tern()
    try:
        build()
        ktap.run([(function.__name__, function) for function in
                  (refused_into_it, refused_out_of_it, out_of_it, listener_of_nothing,
                   listener_of_its_own, ports)])
    finally:
        destroy()


if __name__ == "__main__":
    main()
