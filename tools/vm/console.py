# SPDX-License-Identifier: GPL-2.0
"""Reads the kernel log of a test machine for what must not be there."""

import re

# Written by the guest's session: what comes before is not ours.
BEGIN, END = "tern: the run begins", "tern: the run ends"

TROUBLE = re.compile(
    r"\bBUG: |\bWARNING: |\bOops\b|general protection fault|Kernel panic|"
    r"\bUBSAN: |kmemleak: unreferenced object|rcu: INFO: |"
    r"self-detected stall|INFO: task .* blocked|soft lockup|hard LOCKUP|"
    r"workqueue lockup|inconsistent lock state|bad unlock balance|"
    r"held lock freed|lock held when returning|suspicious RCU usage|"
    r"sleeping function called|scheduling while atomic|"
    r"ODEBUG: |refcount_t: |ref_tracker: |list_(add|del) corruption|"
    r"unregister_netdevice: waiting|Attempt to release alive|"
    r"invalid opcode|divide error|[Uu]nable to handle|"
    r"stack guard page|stack overflow|Out of memory: Killed")
# Warnings about the emulated processor are not about us.
HARMLESS = re.compile(r"WARNING: (Spectre|x86)")
# What the kernel prints around a report
RULE = re.compile(r"={20}|-{12}\[ cut here|-{20}")
KASAN_RULE = re.compile(r"\] ={60}")
END_OF_REPORT = re.compile(r"---\[ end (trace|Kernel panic)|" + END)
# Of a report, the registers and the stack's leftovers help nobody here.
NOISE = re.compile(r"\] *(R(?!IP)[A-Z0-9]{2}|[EF]S|CS|CR[0-9]|DR[0-9]|Code): "
                   r"|\]  \? ")
# taint flags D (it has died) and W (it has warned)
TAINT_DIED, TAINT_WARNED = 1 << 7, 1 << 9
REPORT_LINES = 80
# Bits of EFLAGS that can be set at all; the emulator's processor has been seen
# with others, on a stack that two interrupts had used at once.
KERNEL_EFLAGS = re.compile(r"RSP: 0018:[0-9a-f]+ EFLAGS: ([0-9a-f]+)")
EFLAGS_BITS = 0x3f7fd7
# An oops at a breakpoint, and the byte before where it went on
BREAKPOINT = "Oops: int3"
CODE = re.compile(r"\] Code: .*?([0-9a-f]{2}) <")


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            return log.read().splitlines()
    except FileNotFoundError:
        return []


def is_complete(path):
    return any(END in line for line in read(path)[-50:])


def tail(path, lines=30):
    return "\n".join(read(path)[-lines:])


def first_report(path, taint):
    """The first report of trouble, or None."""
    log = read(path)
    begin = next((n for n, line in enumerate(log) if BEGIN in line), None)
    if begin is None:
        # It did not live until then: a report is why.
        begin = 0
    for number in range(begin, len(log)):
        if TROUBLE.search(log[number]) and not HARMLESS.search(log[number]):
            return _report_at(log, number)
    if taint & (TAINT_DIED | TAINT_WARNED):
        return f"nothing in the log, but the kernel is tainted: {taint:#x}"
    return None


def emulators_fault(path):
    """What in an oops can be on no real processor, or None"""
    breakpoint_hit = False
    for line in read(path):
        match = KERNEL_EFLAGS.search(line)
        if match and int(match.group(1), 16) & ~EFLAGS_BITS:
            return f"EFLAGS {match.group(1)}"
        # The kernel patches itself by way of a breakpoint. Who still meets it when
        # it is gone again has run what was translated before.
        breakpoint_hit = breakpoint_hit or BREAKPOINT in line
        match = CODE.search(line)
        if match and breakpoint_hit:
            return "a breakpoint where there is none" if match.group(1) != "cc" else None
    return None


def _report_at(log, number):
    start = number
    for back in range(number - 1, max(number - 3, -1), -1):
        if RULE.search(log[back]):
            start = back
    report = []
    for line in log[start:]:
        if END_OF_REPORT.search(line) or len(report) >= REPORT_LINES:
            break
        if not NOISE.search(line):
            report.append(line)
        if KASAN_RULE.search(line) and len(report) > 5:
            break
    return "\n".join(report)
