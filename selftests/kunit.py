#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The unit tests of kunit/, in the kernel: what KUnit says when tern_test.ko is
loaded. (The program `unit` has them too, under other sanitizers.)

TERN_TEST_KO names the module's file; without it modprobe must know it.
"""
import os
import re
import subprocess

from lib import ktap

RESULTS = "/sys/kernel/debug/kunit"
MODULE = "tern_test"
CASE = re.compile(r"^ {4}(not )?ok \d+ (?:- )?(\w+)(?:\s*# SKIP (.*))?")
PLAN = re.compile(r"^ {4}1\.\.(\d+)$")


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def load():
    path = os.environ.get("TERN_TEST_KO")
    return run("insmod", path) if path else run("modprobe", MODULE)


def available():
    """Nothing, or why the module cannot be loaded"""
    if os.geteuid() != 0:
        return "loading a module needs root"
    if not os.path.isdir(RESULTS):
        return f"no {RESULTS}: this kernel has no KUnit, or debugfs is not mounted"
    if "TERN_TEST_KO" not in os.environ and run("modprobe", "--dry-run", MODULE).returncode != 0:
        return f"modprobe does not know {MODULE}: make TERN_KUNIT=y"
    return None


def read_results(suite):
    """(name, whether it passed, why it was skipped) of each case, and what else was said"""
    with open(f"{RESULTS}/{suite}/results", encoding="ascii", errors="replace") as file:
        lines = file.read().splitlines()
    cases = []
    planned = None
    for line in lines:
        plan, case = PLAN.match(line), CASE.match(line)
        if plan:
            planned = int(plan.group(1))
        elif case:
            cases.append((case.group(2), not case.group(1), case.group(3)))
    return cases, planned, lines


def main():
    reason = available()
    if reason:
        ktap.skip_all(reason)
    run("rmmod", MODULE)
    before = set(os.listdir(RESULTS))
    loading = load()
    suites = sorted(set(os.listdir(RESULTS)) - before)
    results = [(suite, *read_results(suite)) for suite in suites]
    unloading = run("rmmod", MODULE)

    ktap.begin(2 + sum(1 + len(cases) for _, cases, _, _ in results))
    ktap.result(loading.returncode == 0, f"{MODULE} is loaded {loading.stderr.strip()}")
    for suite, cases, planned, lines in results:
        if not all(passed for _, passed, _ in cases):
            ktap.note("\n".join(line.strip() for line in lines if "# " in line))
        for name, passed, skip_reason in cases:
            ktap.result(passed, f"{suite}: {name}", skip_reason)
        ktap.result(cases and len(cases) == planned,
                    f"{suite}: {len(cases)} of {planned} cases have run")
    ktap.result(bool(suites) and unloading.returncode == 0,
                f"{len(suites)} suites were there, and are gone {unloading.stderr.strip()}")
    ktap.finished()


if __name__ == "__main__":
    main()
