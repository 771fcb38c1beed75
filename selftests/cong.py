#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Congestion controls as programs and operators see them: which there are, who
may load which, how a socket gets one, and that each of them carries bytes
through loss. The example of a control in a module of its own is one of them.
"""
import contextlib
import errno
import hashlib
import os
import socket
import subprocess
import threading

from lib import doors, ktap, netns
from lib.wire import wait_for

PORT = 7003
NOBODY = 65534
AVAILABLE = "net.tern.available_congestion_control"
DEFAULT = "net.tern.congestion_control"
OWN = {"cubic", "newreno", "dctcp"}
EXAMPLE, EXAMPLE_MODULE = "vegas", "tern_vegas"
SIZE = 1 << 20
DEADLINE = 60


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def available():
    return set(netns.read_sysctl(AVAILABLE).split())


def opened():
    sock = doors.open_socket("protocol", 4)
    sock.settimeout(DEADLINE)
    return contextlib.closing(sock)


def control_of(sock):
    return sock.getsockopt(socket.SOL_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()


def choose(sock, name):
    sock.setsockopt(socket.SOL_TCP, socket.TCP_CONGESTION, name.encode())


def refused(number, call, *args):
    try:
        call(*args)
    except OSError as error:
        assert error.errno == number, f"{error}, not {errno.errorcode[number]}"
    else:
        raise AssertionError("accepted")


@contextlib.contextmanager
def pair(control=None):
    """(client, server); the listener has the control"""
    with opened() as listener:
        if control:
            choose(listener, control)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", PORT))
        listener.listen()
        with opened() as client:
            if control:
                choose(client, control)
            client.connect(("127.0.0.1", PORT))
            with contextlib.closing(listener.accept()[0]) as server:
                server.settimeout(DEADLINE)
                yield client, server


def unload_example():
    wait_for(lambda: run("rmmod", EXAMPLE_MODULE).returncode == 0 or
             not os.path.exists(f"/sys/module/{EXAMPLE_MODULE}"), "the example is unloaded")


def own_controls():
    unload_example()
    assert available() == OWN, available()
    assert netns.read_sysctl(DEFAULT) == "cubic"
    with opened() as sock:
        assert control_of(sock) == "cubic"


def unknown():
    with opened() as sock:
        refused(errno.ENOENT, choose, sock, "nonsense")
        refused(errno.EINVAL, choose, sock, "")
        assert control_of(sock) == "cubic"
    refused(errno.ENOENT, netns.sysctl, DEFAULT, "nonsense")
    assert netns.read_sysctl(DEFAULT) == "cubic"


def default_of_namespace():
    netns.sysctl(DEFAULT, "newreno")
    try:
        with opened() as sock:
            assert control_of(sock) == "newreno"
        assert in_new_namespace(lambda: netns.read_sysctl(DEFAULT)) == "cubic"
    finally:
        netns.sysctl(DEFAULT, "cubic")


def in_new_namespace(function):
    """What it returns, as text"""
    reading, writing = os.pipe()
    if os.fork() == 0:
        netns.enter_new_namespace()
        os.write(writing, str(function()).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    with os.fdopen(reading) as answer:
        return answer.read()


def inherited():
    with pair("newreno") as (_, server):
        assert control_of(server) == "newreno", control_of(server)


def changed_on_the_way():
    with pair() as (client, server):
        for control in sorted(OWN):
            choose(client, control)
            assert control_of(client) == control
            client.sendall(b"word")
            assert server.recv(4, socket.MSG_WAITALL) == b"word"


def not_loaded_for_nobody():
    unload_example()
    answer = in_new_namespace(refused_to_nobody)
    assert answer == "ENOENT", answer
    assert EXAMPLE not in available()


def refused_to_nobody(control=EXAMPLE):
    os.setgroups([])
    os.setuid(NOBODY)
    with opened() as sock:
        try:
            choose(sock, control)
        except OSError as error:
            return errno.errorcode[error.errno]
    return "accepted"


def restricted():
    """What takes more than its share where it does not belong, as with TCP"""
    refused(errno.EPERM, netns.sysctl, DEFAULT, "dctcp")
    assert netns.read_sysctl(DEFAULT) == "cubic"
    with opened() as sock:
        choose(sock, "dctcp")
    answer = in_new_namespace(lambda: refused_to_nobody("dctcp"))
    assert answer == "EPERM", answer


def loaded_by_name():
    unload_example()
    with opened() as sock:
        choose(sock, EXAMPLE)
        assert control_of(sock) == EXAMPLE
        assert EXAMPLE in available()
        assert run("rmmod", EXAMPLE_MODULE).returncode, "unloaded while a socket uses it"
    unload_example()
    assert EXAMPLE not in available()


def held_by_default():
    netns.sysctl(DEFAULT, EXAMPLE)
    try:
        assert run("rmmod", EXAMPLE_MODULE).returncode, "unloaded while it is the default"
    finally:
        netns.sysctl(DEFAULT, "cubic")
    unload_example()


def send_all(sock, data):
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def carries(control):
    data = os.urandom(SIZE)
    subprocess.run(["tc", "qdisc", "replace", "dev", "lo", "root", "netem", "delay", "2ms",
                    "loss", "1%"], check=True)
    try:
        with pair(control) as (client, server):
            sender = threading.Thread(target=send_all, args=(client, data))
            sender.start()
            digest = hashlib.sha256()
            while part := server.recv(1 << 16):
                digest.update(part)
            sender.join()
            assert digest.digest() == hashlib.sha256(data).digest(), "other bytes"
    finally:
        subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], check=True)


def goes_as_it_came():
    """A control's module holds tern.ko."""
    unload_example()
    assert available() == OWN, available()


def main():
    if reason := doors.why_unavailable():
        ktap.skip_all(reason)
    netns.enter_new_namespace()
    ktap.run([
        ("tern.ko has CUBIC, NewReno and DCTCP, and CUBIC is the default", own_controls),
        ("a name that nobody has is refused", unknown),
        ("each namespace has its own default", default_of_namespace),
        ("an accepted connection has the listener's control", inherited),
        ("a connection may change its control", changed_on_the_way),
        ("a module is not loaded for somebody without privilege", not_loaded_for_nobody),
        ("DCTCP is for those who administer the network", restricted),
        ("a module is loaded by the name of its control, and stays while used", loaded_by_name),
        ("a module stays while its control is the default", held_by_default),
        *((f"{control} carries a megabyte through loss", lambda control=control: carries(control))
          for control in sorted(OWN | {EXAMPLE})),
        ("a control that was unloaded is no longer there", goes_as_it_came),
    ])


if __name__ == "__main__":
    main()
