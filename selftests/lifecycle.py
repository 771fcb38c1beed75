#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The module comes and goes: refused while it is used, gone without a trace
otherwise, under other numbers, by itself when a socket asks for it, and with a
namespace that is deleted.

TERN_KO names the module's file; without it modprobe must know it. Since the
module is unloaded here, its count of the state table's edges is saved first
(lib/edges.py). It is loaded again at the end.
"""
import contextlib
import errno
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess

from lib import doors, edges, ktap, netns
from lib.wire import DEADLINE, STATES, wait_for

MODULE = "/sys/module/tern"
PORT = 7002
NOBODY = 65534
OTHER_FAMILY, OTHER_PROTOCOL = 22, 254
DOORS = (("family", 4), ("family", 6), ("protocol", 4), ("protocol", 6))
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def loaded():
    return os.path.exists(f"{MODULE}/refcnt")


def users():
    with open(f"{MODULE}/refcnt", encoding="ascii") as file:
        return int(file.read())


def load(*parameters):
    path = os.environ.get("TERN_KO")
    words = ["insmod", path] if path else ["modprobe", "tern"]
    return run(*words, *parameters)


def must_load(*parameters):
    result = load(*parameters)
    assert result.returncode == 0, result.stderr
    assert loaded(), "loaded, but not there"


def try_unload():
    edges.save()
    return run("rmmod", "tern")


def must_unload():
    """The last socket's memory is freed a moment after its close(); then at once."""
    if not loaded():
        must_load()
    wait_for(lambda: users() == 0, "the module is no longer used")
    result = try_unload()
    assert result.returncode == 0, result.stderr
    assert not loaded(), "unloaded, but still there"


def must_refuse():
    result = try_unload()
    assert result.returncode != 0 and loaded(), "unloaded while in use"
    assert "in use" in result.stderr, result.stderr


def connection(door, version, port=PORT):
    """(client, server) over lo"""
    with contextlib.closing(doors.open_socket(door, version)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK[version], port))
        listener.listen(1)
        client = doors.open_socket(door, version)
        client.connect((LOOPBACK[version], port))
        return client, listener.accept()[0]


def works(door, version):
    client, server = connection(door, version)
    client.sendall(b"request")
    assert server.recv(100) == b"request"
    server.sendall(b"answer")
    assert client.recv(100) == b"answer"
    # the client is the one that stays in TIME_WAIT
    client.close()
    assert server.recv(1) == b""
    server.close()


def states(namespace=None):
    words = ["ip", "netns", "exec", namespace] if namespace else []
    lines = run(*words, "cat", "/proc/net/tern/sockets").stdout.splitlines()[1:]
    return [STATES[int(line.split()[3], 16)] for line in lines]


# --- load and unload ------------------------------------------------------------

def unused_at_the_start():
    """What earlier tests left goes with their namespaces, a moment after them;
    tern_diag came when somebody looked at sockets."""
    if os.path.exists("/sys/module/tern_diag"):
        run("rmmod", "tern_diag")
    wait_for(lambda: users() == 0, "the module is no longer used", 6 * DEADLINE)


def asked_while_unloaded():
    """Who asks for sockets is told why there are none"""
    if not shutil.which("tern"):
        raise ktap.Skip("tern is not in the PATH")
    must_unload()
    result = run("tern", "ss")
    must_load()
    assert result.returncode == 1 and "modprobe" in result.stderr, result
    result = run("tern", "ss")
    assert result.returncode == 0, result
    run("rmmod", "tern_diag")


def refused_while_in_use():
    for door, version in DOORS:
        with contextlib.closing(doors.open_socket(door, version)):
            must_refuse()
    listener = doors.open_socket("protocol", 4)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(1)
    must_refuse()
    listener.close()
    client, server = connection("family", 6)
    must_refuse()
    client.sendall(b"x")
    assert server.recv(1) == b"x"
    client.close()
    server.close()
    works("protocol", 4)


def traffic_unharmed():
    """A transfer goes on while somebody tries to unload the module."""
    client, server = connection("protocol", 4)
    sent = hashlib.sha256()
    child = os.fork()
    if child == 0:
        client.close()
        got = hashlib.sha256()
        while data := server.recv(65536):
            got.update(data)
        server.sendall(got.digest())
        os._exit(0)
    server.close()
    block = random.randbytes(1 << 20)
    for _ in range(8):
        client.sendall(block)
        sent.update(block)
        must_refuse()
    client.shutdown(socket.SHUT_WR)
    answer = client.recv(100, socket.MSG_WAITALL)
    os.waitpid(child, 0)
    client.close()
    assert answer == sent.digest(), "the sums differ"


def unloaded_with_time_wait():
    for door, version in DOORS:
        works(door, version)
    assert states().count("TIME_WAIT") >= len(DOORS), states()
    must_unload()
    must_load()


def nothing_left():
    must_unload()
    for path in ("/proc/net/tern", "/proc/sys/net/tern", "/sys/kernel/tracing/events/tern"):
        assert not os.path.exists(path), f"{path} is left"
    with open("/proc/net/protocols", encoding="ascii") as file:
        left = [line for line in file if line.lower().startswith("tern")]
    assert not left, left
    must_load()


def five_times():
    for _ in range(5):
        for door, version in DOORS:
            works(door, version)
        must_unload()
        must_load()


# --- parameters -----------------------------------------------------------------

def open_fails(number, *arguments):
    try:
        socket.socket(*arguments).close()
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"socket{arguments} works")


def numbers_move():
    must_unload()
    must_load(f"family={OTHER_FAMILY}", f"protocol={OTHER_PROTOCOL}")
    assert doors.family_number() == OTHER_FAMILY
    assert doors.protocol_number() == OTHER_PROTOCOL
    open_fails(errno.EAFNOSUPPORT, doors.AF_TERN, socket.SOCK_STREAM, 0)
    for family in (socket.AF_INET, socket.AF_INET6):
        open_fails(errno.EPROTONOSUPPORT, family, socket.SOCK_STREAM, doors.IPPROTO_TERN)
    # raw sockets see what is really sent
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, OTHER_PROTOCOL) as raw:
        for door, version in DOORS:
            works(door, version)
        raw.settimeout(DEADLINE)
        assert raw.recv(100)[9] == OTHER_PROTOCOL
    must_unload()
    must_load()
    works("family", 6)


def bad_parameters():
    must_unload()
    for parameter in (f"family={socket.AF_INET}", f"family={socket.AF_UNIX}", "family=0",
                      "family=1000", "family=-1", f"protocol={socket.IPPROTO_TCP}", "protocol=0",
                      "protocol=255", "protocol=256", "protocol=-1", "protocol=x"):
        result = load(parameter)
        if loaded():
            must_unload()
            must_load()
            raise AssertionError(f"{parameter} is accepted")
        assert result.returncode != 0, f"{parameter}: not loaded, and no error"
        # what was registered before the failure is undone
        assert not os.path.exists("/proc/net/tern"), f"{parameter} left /proc/net/tern"
    must_load()
    works("protocol", 6)


# --- autoload -------------------------------------------------------------------

def autoloads(door, version, user):
    """A program that only opens a socket"""
    if run("modprobe", "--dry-run", "tern").returncode != 0:
        raise ktap.Skip("modprobe does not know tern")
    must_unload()
    child = os.fork()
    if child == 0:
        os.setresuid(user, user, user)
        try:
            doors.open_socket(door, version).close()
        except OSError:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if not loaded():
        must_load()
        raise AssertionError("the module was not loaded")
    assert status == 0, "socket() failed"


def aliases():
    path = os.environ.get("TERN_KO", "tern")
    found = run("modinfo", "-F", "alias", path).stdout.split()
    for family in (2, 10):
        for wanted in (f"net-pf-{family}-proto-253-type-1", f"net-pf-{family}-proto-253"):
            assert wanted in found, f"{wanted} is not in {found}"
    assert "net-pf-18" in found, found


# --- namespaces -----------------------------------------------------------------

def everywhere():
    """Namespaces that were there before the module, and those that came later"""
    must_unload()
    for when in ("before", "after"):
        name = f"tern-{os.getpid()}-{when}"
        run("ip", "netns", "add", name)
        if not loaded():
            must_load()
        try:
            run("ip", "-n", name, "link", "set", "lo", "up")
            child = os.fork()
            if child == 0:
                netns.enter(name)
                for door, version in DOORS:
                    works(door, version)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0, f"namespace made {when} the module"
        finally:
            run("ip", "netns", "del", name)


def holder(report):
    """The other host: closes what it is told to, keeps the rest open"""
    listener = doors.open_socket("protocol", 4)
    listener.bind(("192.0.2.2", PORT))
    listener.listen(10)
    report.write(b"listening")
    kept = []
    while True:
        sock = listener.accept()[0]
        if sock.recv(1) == b"c":
            sock.recv(1)
            sock.close()
        else:
            kept.append(sock)


def leave_orphans(cut):
    """The program in the namespace that is to be deleted"""
    def connect(letter):
        sock = doors.open_socket("protocol", 4)
        sock.connect(("192.0.2.2", PORT))
        sock.sendall(letter)
        return sock

    closed, half, silent = connect(b"c"), connect(b"k"), connect(b"k")
    closed.close()
    wait_for(lambda: "TIME_WAIT" in states(), "TIME_WAIT")
    half.close()
    wait_for(lambda: "FIN_WAIT_2" in states(), "FIN_WAIT_2")
    cut()
    silent.close()
    # a program that waits for an answer, and one that listens
    lost = doors.open_socket("family", 4)
    lost.setblocking(False)
    lost.connect_ex(("192.0.2.2", PORT + 1))
    listener = doors.open_socket("family", 6)
    listener.bind(("::", PORT))
    listener.listen(1)


def namespace_deleted():
    """Its connections go with it: those of no program any more, too"""
    near, far = (f"tern-{os.getpid()}-{end}" for end in ("near", "far"))
    for name in (near, far):
        run("ip", "netns", "add", name)
    run("ip", "-n", near, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0",
        "netns", far)
    for number, name in enumerate((near, far)):
        run("ip", "-n", name, "addr", "add", f"192.0.2.{1 + number}/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
    reading, writing = os.pipe()
    other = os.fork()
    if other == 0:
        netns.enter(far)
        holder(os.fdopen(writing, "wb", buffering=0))
    try:
        assert os.read(reading, 100) == b"listening"
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(60)
                netns.enter(near)
                leave_orphans(lambda: run("ip", "-n", near, "neigh", "replace", "192.0.2.2",
                                          "lladdr", "02:00:00:00:00:99", "dev", "eth0"))
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0, "the program in the namespace failed"
        left = states(near)
        for state in ("TIME_WAIT", "FIN_WAIT_1", "FIN_WAIT_2"):
            assert state in left, f"no {state} among {left}"
        run("ip", "netns", "del", near)
        # the veth's other end goes when the namespace is really gone
        wait_for(lambda: run("ip", "-n", far, "link", "show", "eth0").returncode != 0,
                 "the namespace is gone", 3 * DEADLINE)
    finally:
        os.close(reading)
        os.close(writing)
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)
        run("ip", "netns", "del", near)
        run("ip", "netns", "del", far)
    # nobody's connection is left to hold the module
    must_unload()
    must_load()


def main():
    if os.geteuid() != 0:
        ktap.skip_all("loading a module needs root")
    if not loaded():
        result = load()
        if result.returncode != 0:
            ktap.skip_all(f"TERN_KO names no module that loads, nor does modprobe know tern: "
                          f"{result.stderr.strip()}")
    netns.enter_new_namespace()
    cases = [(function.__name__.replace("_", " "), function) for function in (
        unused_at_the_start, refused_while_in_use, traffic_unharmed, unloaded_with_time_wait,
        nothing_left, five_times, asked_while_unloaded,
        numbers_move, bad_parameters, aliases, everywhere, namespace_deleted)]
    for door, version, who, user in (("family", 4, "root", 0), ("family", 4, "nobody", NOBODY),
                                     ("protocol", 4, "nobody", NOBODY),
                                     ("protocol", 6, "nobody", NOBODY)):
        cases.append((f"autoload by the {door} door, IPv{version}, as {who}",
                      lambda given=(door, version, user): autoloads(*given)))
    try:
        ktap.run(cases)
    finally:
        # a program that is killed must not leave the next ones without
        if not loaded():
            load()


if __name__ == "__main__":
    main()
