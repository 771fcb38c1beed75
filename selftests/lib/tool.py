# SPDX-License-Identifier: GPL-2.0
"""For tests of the tern program: it and others are run, and what they say is
compared."""
import contextlib
import shutil
import subprocess

from lib import ktap, netns

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


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, check=False,
                          timeout=PATIENCE, **more)


def output(*words, **more):
    result = run(*words, **more)
    assert result.returncode == 0, (words, result)
    return result.stdout


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
