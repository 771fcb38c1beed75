#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Programs made for TCP, as Debian ships them, unchanged, over Tern, and those of
the kernel's own tests that take two hosts: what they say must be what they say
over TCP (programs/).

The short form goes over IPv4 without loss, one case of each program that is not
a test itself; with TERN_LONG=1, or with words, all cases, over IPv6 too, and on
a path that loses packets.

usage: real_programs.py [WORD]...
    WORD   only cases with this in their names
"""
import importlib
import os
import sys

from lib import ktap
from lib.tool import has_hook, need_tool
import programs

# program, what shows that it is there (or it is built with the tests), how `tern run` reaches it
PROGRAMS = (
    ("web", "nginx", ()),
    ("iperf", "iperf3", ()),
    ("redis", "redis-server", ()),
    ("postgres", "/usr/lib/postgresql", ()),
    ("ssh", "sshd", ()),
    ("git", "git", ()),
    ("scripting", "node", ()),
    ("socat", "socat", ()),
    ("mptcp_connect", "", ()),
    ("msg_zerocopy", "", ()),
    ("tcp_mmap", "", ()),
    ("cpython", "/usr/lib/python3.11/test/test_socket.py", ()),
    ("static", "/run/tern/busybox", ("--bpf",)),
)
PATH = "/usr/sbin:/sbin:" + os.environ["PATH"]


def is_there(proof):
    return any(os.path.exists(os.path.join(directory, proof)) for directory in PATH.split(":"))


def compare(case, engine, version, lossy):
    programs.set_loss(lossy)
    said = {}
    for protocol, other in (("tcp", "tern"), ("tern", "tcp")):
        with programs.Place(protocol, version, engine) as place:
            before = place.opened()
            said[protocol] = case(place)
            after = place.opened()
        # a test that compares TCP with TCP proves nothing
        assert after[protocol] > before[protocol], (protocol, before, after)
        assert after[other] == before[other], (protocol, before, after)
    assert said["tern"] == said["tcp"], f"over Tern:\n{said['tern']}\nover TCP:\n{said['tcp']}"


def cases(words, long):
    paths = [(version, lossy) for lossy in (False, True) for version in (4, 6)] if long else \
        [(4, False)]
    for name, proof, engine in PROGRAMS:
        module = importlib.import_module(f"programs.{name}")
        one_host = hasattr(module, "ONE_HOST")
        if one_host and not long:
            continue
        for what, case in module.CASES if long else module.CASES[:1]:
            for version, lossy in paths[:1] if one_host else paths:
                title = f"{name}: {what}, IPv{version}{', with loss' if lossy else ''}"
                if all(word in title for word in words):
                    yield title, proof, engine, (case, engine, version, lossy)


def attempt(proof, engine, job):
    if not is_there(proof):
        raise ktap.Skip(f"{proof} is not installed")
    if engine and not has_hook():
        raise ktap.Skip("static programs need Linux 6.12")
    compare(*job)


def main():
    need_tool()
    os.environ["PATH"] = PATH
    words = sys.argv[1:]
    programs.build()
    ktap.run([(title, lambda proof=proof, engine=engine, job=job: attempt(proof, engine, job))
              for title, proof, engine, job in cases(words, words or os.environ.get("TERN_LONG"))])


if __name__ == "__main__":
    main()
