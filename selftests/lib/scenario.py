# SPDX-License-Identifier: GPL-2.0
"""Scenarios of the wire tests, and their runner.

Each scenario runs in a child process with a namespace of its own, over IPv4,
over IPv6 and, as the reference, on the kernel's TCP. Those marked slow wait for
a timer of the kernel most of the time: many of them run at once, at the end.
TCP over IPv6 runs only if asked for.

usage: wire_NAME.py [-v] [--variant V]... [WORD]...
    -v         print the segments of passing scenarios too
    --variant  tern4, tern6, tcp4 or tcp6 (several times)
    WORD       run only the scenarios with this in their names
"""
import argparse
import itertools
import os
import signal
import sys
import tempfile
import time
import traceback

from lib import doors, edges, ktap, netns, wire

# A kernel built to find faults: everything takes several times as long on it.
DEBUG_KERNEL = os.path.exists("/proc/lockdep")

# A scenario's own end; every wait inside it is shorter.
CHILD_DEADLINE = 120
AT_ONCE = 8 if DEBUG_KERNEL else 20
QUICK_AT_ONCE = 3
LOOK_AGAIN = 0.02           # seconds, whether another one may start
LOG_LINES = 60
PASSED, FAILED, SKIPPED = 0, 1, ktap.SKIP_CODE

REGISTRY = []


class Case:
    """One scenario over one variant."""

    def __init__(self, function, name, variant, edge_list, slow):
        self.function, self.variant, self.edges, self.slow = function, variant, edge_list, slow
        self.name = f"{variant}: {name}"
        self.output = self.pid = None
        self.started = self.seconds = 0

    def start(self, verbose):
        self.output = tempfile.TemporaryFile("w+")
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            status = FAILED
            try:
                os.dup2(self.output.fileno(), 1)
                status = self._run(verbose)
            finally:
                sys.stdout.flush()
                os._exit(status)

    def _run(self, verbose):
        world, status = None, FAILED
        signal.signal(signal.SIGALRM, _alarm)
        signal.alarm(CHILD_DEADLINE)
        try:
            world = wire.World(self.variant)
            self.function(world)
            status = PASSED
        except ktap.Skip as reason:
            print(reason)
            return SKIPPED
        except wire.Failure as failure:
            frame = traceback.extract_tb(failure.__traceback__)
            place = next((entry for entry in reversed(frame)
                          if os.path.basename(os.path.dirname(entry.filename)) != "lib"), frame[-1])
            print(f"{os.path.basename(place.filename)}:{place.lineno}: {place.line}")
            print(str(failure)[:2000])
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc(file=sys.stdout)
        if world and (verbose or status == FAILED):
            print("\n".join(world.log[-LOG_LINES:]))
            if status == FAILED:
                print("sockets:", world.entries()[:LOG_LINES])
        return status

    def finish(self):
        """What the child printed"""
        self.seconds = time.monotonic() - self.started
        self.output.seek(0)
        text = self.output.read()
        self.output.close()
        return text


def _alarm(_signal, _frame):
    raise wire.Failure(f"not finished within {CHILD_DEADLINE} s")


TERN = ("tern4", "tern6")
# TCP over IPv6 only when asked for: it says nothing that TCP over IPv4 does not
EVERYWHERE = TERN + ("tcp4", "tcp6")


def scenario(name, edge=None, slow=False, variants=EVERYWHERE):
    """Register a function of a World. edge: edges of the state table that it takes."""
    def register(function):
        names = [edge] if isinstance(edge, str) else list(edge or [])
        unknown = set(names) - set(edges.EDGES)
        assert not unknown, f"no such edge: {unknown}"
        REGISTRY.extend(Case(function, name, variant, names, slow) for variant in variants)
        return function
    return register


def _batches(cases):
    """What runs side by side: a few quick scenarios in all variants, since much
    of their time is waiting for the namespaces; then all slow ones."""
    quick = [case for case in cases if not case.slow]
    groups = [list(group) for _, group in itertools.groupby(quick, key=lambda c: c.function)]
    for at in range(0, len(groups), QUICK_AT_ONCE):
        yield sum(groups[at:at + QUICK_AT_ONCE], [])
    slow = [case for case in cases if case.slow]
    if slow:
        yield slow


def _processors_have_time():
    """Besides this program, no more want to run than can"""
    with open("/proc/loadavg", encoding="ascii") as file:
        running = int(file.read().split()[3].split("/")[0])
    return running - 1 <= os.cpu_count()


def _run_batch(batch, verbose):
    """{case: (status, output)}; never more than AT_ONCE of them at a time, and of
    those that wait none is joined by more than the machine can do: an answer that
    takes a second is not what a scenario reckons with."""
    waiting, running, results = list(reversed(batch)), {}, {}
    while waiting or running:
        may_start = waiting and len(running) < AT_ONCE
        if may_start and (not running or _processors_have_time()):
            case = waiting.pop()
            case.start(verbose)
            running[case.pid] = case
        pid, status = os.waitpid(-1, os.WNOHANG if may_start else 0)
        if pid:
            case = running.pop(pid)
            results[case] = os.waitstatus_to_exitcode(status), case.finish()
        elif may_start:
            time.sleep(LOOK_AGAIN)
    return results


def _edge_shortage(batch, before):
    """ {case: text} for those whose edges were taken less often than they should.

    What the end of a namespace ends is counted a moment later: look twice."""
    deadline = time.monotonic() + 5
    while True:
        short = _edges_short_now(batch, before, _edge_counts())
        if not short or time.monotonic() > deadline:
            return short
        time.sleep(0.02)


def _edges_short_now(batch, before, after):
    short = {}
    for edge in {edge for case in batch if case.variant.startswith("tern") for edge in case.edges}:
        takers = [case for case in batch if edge in case.edges and case.variant.startswith("tern")]
        rose = after.get(edge, 0) - before.get(edge, 0)
        if rose < len(takers):
            for case in takers:
                short[case] = f"{edges.TRANSITIONS}: {edge} rose by {rose}, expected {len(takers)}"
    return short


def _edge_counts():
    try:
        return edges.read_counts()
    except FileNotFoundError:
        return {}


def _default_variants():
    # TCP's faults are not what a debug kernel is run for here
    return TERN if DEBUG_KERNEL else TERN + ("tcp4",)


def main():
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--variant", action="append")
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()

    cases = [case for case in REGISTRY
             if all(word in case.name for word in args.words) and
             case.variant in (args.variant or _default_variants())]
    if os.geteuid() != 0:
        ktap.skip_all("network namespaces and TUN devices need root")
    if not netns.tun_available():
        ktap.skip_all("no /dev/net/tun, and modprobe tun does not bring it")
    if any(case.variant.startswith("tern") for case in cases):
        reason = doors.why_unavailable()
        if reason:
            ktap.skip_all(reason)

    ktap.begin(len(cases))
    for batch in _batches(cases):
        before = _edge_counts()
        results = _run_batch(batch, args.verbose)
        short = _edge_shortage(batch, before)
        for case in batch:
            status, text = results[case]
            if status == SKIPPED:
                ktap.result(True, case.name, text.strip())
                continue
            if text:
                ktap.note(text)
            if case in short:
                ktap.note(short[case])
            ktap.result(status == PASSED and case not in short, case.name)
            if args.verbose:
                ktap.note(f"{case.seconds:.3f} s")
    ktap.finished()
