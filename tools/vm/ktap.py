#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""usage: ktap.py FILE STATUS [FILE STATUS]...

Sums up the KTAP output of kselftest programs that each FILE holds. Leaf results
count: that of a program only when it has none of its own, or when it failed
and none of them did. STATUS is that of the run: anything but 0 is a failure.
Then the edges of the state table that were taken in none of the runs.

The last line is "N passed, N failed, N skipped"; the status is 0 only when
something passed and nothing failed."""

import re
import sys

# Nested results are behind "# " (kselftest) or indented (KTAP).
RESULT = re.compile(
    r"^([#\s]*)(not )?ok \d+\s*-?\s*([^#]*)(?:#\s*(.*))?$")
PLAN = re.compile(r"^([#\s]*)1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?\s*$")
EDGE = re.compile(r"^edge: (.*): (not )?taken$")
PROGRAM = re.compile(r"^# selftests: (.*)$")
VERDICTS = {123: "the emulator failed, twice",
            124: "the deadline was over, or the machine hung",
            125: "the kernel reported trouble, see above",
            126: "the test machine died"}


class Case:
    """One result; depth is the column at which its line begins."""

    def __init__(self, depth, name, passed, directive):
        self.depth = depth
        self.name = name
        self.note = directive
        if directive.upper().startswith("SKIP"):
            self.kind = "skipped"
            self.note = directive[4:].strip()
        else:
            self.kind = "passed" if passed else "failed"

    def __str__(self):
        return f"{self.kind}: {self.name}" + \
               (f" ({self.note})" if self.note else "")


def add(leaves, case):
    """Appends a result, unless it is but the sum of those nested in it: the
    last ones so far, if they are deeper."""
    nested = []
    for leaf in reversed(leaves):
        if leaf.depth <= case.depth:
            break
        nested.append(leaf)
    for leaf in nested:
        leaf.depth = case.depth
    if not nested or (case.kind == "failed" and
                      all(leaf.kind != "failed" for leaf in nested)):
        leaves.append(case)


def parse(lines):
    """The leaf results, how many programs were to run, and how many did."""
    leaves = []
    current = []        # leaves of the program that is running
    planned = finished = 0
    program = reason = ""
    for line in lines:
        line = line.rstrip()
        started, plan, result = (pattern.match(line)
                                 for pattern in (PROGRAM, PLAN, RESULT))
        if started:
            program, reason = started.group(1).split(": ")[-1], ""
        elif plan:
            prefix, cases, skip_reason = plan.groups()
            if not prefix:
                planned += int(cases)
            elif skip_reason:
                reason = skip_reason
        elif result:
            prefix, failed, name, directive = result.groups()
            name = f"{program}: {name.strip()}" if prefix else program
            case = Case(len(prefix.expandtabs()), name, not failed,
                        (directive or "").strip())
            if case.kind == "skipped" and not case.note:
                case.note = reason
            add(current, case)
            if not prefix:
                leaves += current
                current = []
                finished += 1
        elif "SKIP" in line:
            reason = re.sub(r"^[#\s]*(SKIP:?\s*)?", "", line)
    return leaves + current, planned, finished


def print_edges(lines):
    """guest-check.sh's, of all runs: an edge may be missing from one of them."""
    edges = {}
    for match in map(EDGE.match, lines):
        if match:
            edge, missing = match.groups()
            edges[edge] = edges.get(edge, False) or not missing
    if edges:
        print(f"\nState table: {sum(edges.values())} of {len(edges)} edges taken")
        for edge, taken in edges.items():
            if not taken:
                print(f"  not taken: {edge}")


def sum_up(lines, status, count):
    """Prints what did not pass in one run, and counts"""
    leaves, planned, finished = parse(lines)
    for case in leaves:
        count[case.kind] += 1
        if case.kind != "passed":
            print(case)
    if finished < planned:
        print(f"failed: {planned - finished} of {planned} test programs did "
              "not come to their end")
        count["failed"] += planned - finished
    if status:
        print("failed: " + VERDICTS.get(status, f"the run's status {status}"))
        count["failed"] += 1
    if not leaves:
        print("failed: there was no test case")
        count["failed"] = max(count["failed"], 1)


def main():
    runs = []
    for path, status in zip(sys.argv[1::2], sys.argv[2::2]):
        try:
            with open(path, encoding="utf-8", errors="replace") as output:
                runs.append((output.read().splitlines(), int(status)))
        except FileNotFoundError:
            runs.append(([], int(status)))
    print_edges([line for lines, _ in runs for line in lines])
    print()
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for lines, status in runs:
        sum_up(lines, status, count)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
