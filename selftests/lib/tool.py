# SPDX-License-Identifier: GPL-2.0
"""For tests of the tern program: it and others are run, and what they say is
compared."""
import contextlib
import os
import re
import shutil
import subprocess

from lib import ktap, netns

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TERN = shutil.which("tern")
# how long a program may take for what it does at once
PATIENCE = 60


def need_tool():
    """Root, Tern and its tool, or all is skipped"""
    ktap.need_tern()
    if not TERN:
        ktap.skip_all("tern is not in the PATH")


def has_hook():
    """Can BPF choose the protocol of a socket in this kernel (tern run --bpf)?"""
    try:
        with open("/sys/kernel/btf/vmlinux", "rb") as file:
            return b"\0update_socket_protocol\0" in file.read()
    except OSError:
        return False


def begin():
    """Into a namespace, or skip all"""
    need_tool()
    netns.enter_new_namespace()


def _built(name):
    paths = (os.path.join(directory, name)
             for directory in (TESTS, os.path.join(TESTS, "..", "build", "selftests")))
    return next(filter(os.path.exists, paths), None)


def helper(name):
    """The path of a program that is built with the tests"""
    path = _built(name)
    assert path, f"{name} has not been built"
    return path


def kernel_test(name):
    """The path of one of the kernel's own tests, if its sources were at hand"""
    path = _built(name)
    if not path:
        raise ktap.Skip(f"{name} has not been built from the kernel's sources")
    return path


def without_numbers(text):
    """So that amounts and times can be compared"""
    return re.sub(r"\d+(\.\d+)?(e[-+]\d+)?", "N", text)


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, check=False,
                          timeout=PATIENCE, **more)


def output(*words, **more):
    result = run(*words, **more)
    assert result.returncode == 0, (words, result)
    return result.stdout


def connections(protocol):
    """How many this namespace has opened and taken so far, by Tern or TCP"""
    if protocol == "tern":
        with open("/proc/thread-self/net/tern/snmp", encoding="ascii") as file:
            counter = dict(line.split() for line in file)
    else:
        with open("/proc/thread-self/net/snmp", encoding="ascii") as file:
            names, values = (line.split() for line in file if line.startswith("Tcp:"))
        counter = dict(zip(names, values))
    return int(counter["ActiveOpens"]), int(counter["PassiveOpens"])


@contextlib.contextmanager
def background(*words, **more):
    """A process that is killed at the end, if need be"""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def must_be(got, wanted):
    assert got == wanted, f"{got!r} instead of {wanted!r}"
