#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The kernel's own tests of sockets, from linux-source's selftests/net, unchanged:
each in a namespace of its own, first over TCP and then over Tern by `tern run`.
What they say, numbers aside, and how they end must be the same. Those that take
two hosts are among the real programs (programs/).

The short form leaves out what takes tens of seconds; TERN_LONG=1, or a word.

usage: kernel_tests.py [WORD]...
    WORD   only cases with this in their names
"""
import os
import re
import resource
import subprocess
import sys

from lib import ktap, netns
from lib.tool import TERN, connections, kernel_test, need_tool, without_numbers

# for one program, on an emulated machine
PATIENCE = 240
PORTS = ("net.ipv4.ip_local_port_range", "40000 49999")
# without 6: whether a stamp comes that was not asked for depends on what else runs
STAMPS = tuple(f"--test_num={number}" for number in range(13) if number != 6)
# as stress_reuseport_listen.sh does
FILES = 32768


def without_fast_open(said):
    """Its programs look at the payload of a SYN, and Tern's has none (tern(7)): the
    listeners refuse TCP_FASTOPEN, after all that is about UDP."""
    status, text = said
    before, mark, _ = text.partition("---- IPvN TCP ----\nTesting EBPF mod N...\n")
    assert status == 0 and mark, said
    return 1, f"{before}{mark}reuseport_bpf: failed to set TCP_FASTOPEN on N: " \
        "Protocol not available\n"


def with_peek_offset(said):
    """Tern has SO_PEEK_OFF also where TCP does not have it yet (tern(7))."""
    status, text = said
    return status, text.replace("does not support SO_PEEK_OFF", "with MSG_PEEK_OFF works correctly")


def without_failures(said):
    """TCP of Linux 6.1 lets bind() have a v4-mapped wildcard address that is in use."""
    mended = re.sub(r"(?m)^# (/|\w+: Test ).*\n", "", said[1])
    for failed, passed in (("#          FAIL  ", "#            OK  "), ("not ok ", "ok "),
                           ("# FAILED: ", "# PASSED: ")):
        mended = mended.replace(failed, passed)
    return 0, mended


class Case:
    """A program, how it is called, what it finds, and how Tern is meant to differ."""

    def __init__(self, *words, sysctls=(), long=False, differs=lambda said: said):
        self.words, self.sysctls = words, sysctls
        self.long, self.differs = long, differs
        self.title = " ".join(word for word in words if word not in STAMPS)

    def run(self, how):
        """How it ended and what it said; connections opened by Tern and by TCP"""
        netns.enter_new_namespace()
        for name, value in self.sysctls:
            netns.sysctl(name, value)
        program = kernel_test(self.words[0])
        result = subprocess.run(
            [*how, program, *self.words[1:]], stdin=subprocess.DEVNULL, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
        return normal(result, program), [connections(name)[0] for name in ("tern", "tcp")]

    def compare(self):
        over_tcp, (by_tern, by_tcp) = self.run(())
        assert by_tern == 0, f"TCP has opened {by_tern} connections by Tern"
        over_tern, opened = self.run((TERN, "run"))
        assert over_tern == self.differs(over_tcp), \
            f"over Tern:\n{show(over_tern)}\nover TCP:\n{show(over_tcp)}"
        # a test that compares TCP with TCP proves nothing
        assert opened[1] == 0 and (opened[0] or not by_tcp or over_tern != over_tcp), \
            (opened, by_tcp)


def normal(result, program):
    """The status, and what was said: verdicts as they are, without numbers what else"""
    text = result.stdout.replace(os.path.dirname(program) + "/", "")
    lines = [line if re.match("ok|not ok|[0-9]", line) else without_numbers(line)
             for line in text.splitlines(keepends=True)]
    return result.returncode, "".join(lines)


def show(said):
    return f"{said[1]}status {said[0]}"


CASES = (
    Case("bind_timewait"),
    Case("bind_wildcard", differs=without_failures),
    Case("ip_local_port_range", sysctls=[PORTS]),
    Case("reuseaddr_conflict"),
    Case("reuseaddr_ports_exhausted", sysctls=[("net.ipv4.ip_local_port_range", "32768 32768"),
                                               ("net.ipv4.ip_autobind_reuse", 1)]),
    Case("reuseport_addr_any"),
    Case("reuseport_bpf", differs=without_fast_open),
    Case("reuseport_bpf_cpu"),
    Case("reuseport_bpf_numa"),
    Case("reuseport_dualstack"),
    Case("rxtimestamp", "--tcp", *STAMPS),
    Case("sk_bind_sendto_listen"),
    Case("sk_connect_zero_addr"),
    Case("sk_so_peek_off", differs=with_peek_offset),
    Case("so_incoming_cpu", long=True),
    Case("so_netns_cookie"),
    Case("tcp_inq", "-4"),
    Case("tcp_inq", "-6"),
    *(Case("txtimestamp", version, *options, "-c", "2", "-t", "1000000", "-S", "80000", "-L", host,
           long=bool(options) or version == "-6")
      for options in ((), ("-C",), ("-n",), ("-e", "-I", "-l", "20000"))
      for version, host in (("-4", "127.0.0.1"), ("-6", "::1"))),
    Case("stress_reuseport_listen", "30", "8", sysctls=[("net.ipv6.ip_nonlocal_bind", 1)]),
    Case("stress_reuseport_listen", "100", "40", sysctls=[("net.ipv6.ip_nonlocal_bind", 1)],
         long=True),
)


def main():
    need_tool()
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    words = sys.argv[1:]
    long = words or os.environ.get("TERN_LONG")
    ktap.run([(case.title, case.compare) for case in CASES
              if (long or not case.long) and all(word in case.title for word in words)])


if __name__ == "__main__":
    main()
