# SPDX-License-Identifier: GPL-2.0
"""KTAP output through the kernel's own kselftest/ksft.py.

It is looked for under $KSFT_DIR (tools/testing/selftests of an unpacked
linux-source), above this directory when the tests were dropped into
tools/testing/selftests/net/ of a kernel tree, and in Tern's cache.
"""
import glob
import os
import sys
import traceback

from lib import doors

SKIP_CODE = 4


def _find_ksft():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    caches = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    cache = os.environ.get("TERN_CACHE", os.path.join(caches, "tern"))
    candidates = [os.environ.get("KSFT_DIR"), os.path.join(here, "..", "..")]
    candidates += sorted(glob.glob(f"{cache}/kselftest-*/**/tools/testing/selftests",
                                   recursive=True))
    for candidate in filter(None, candidates):
        directory = os.path.join(candidate, "kselftest")
        if os.path.exists(os.path.join(directory, "ksft.py")):
            return directory
    sys.exit("kselftest/ksft.py not found: set KSFT_DIR to tools/testing/selftests")


sys.path.append(_find_ksft())
import ksft  # noqa: E402  pylint: disable=wrong-import-position,import-error


class Skip(Exception):
    """This case (or, from outside a case, the whole program) cannot run here."""


def skip_all(reason):
    ksft.print_header()
    print(f"1..0 # SKIP {reason}", flush=True)
    sys.exit(SKIP_CODE)


def need_tern():
    """Root, and Tern's sockets, or all is skipped"""
    if os.geteuid() != 0:
        skip_all("network namespaces need root")
    reason = doors.why_unavailable()
    if reason:
        skip_all(reason)


def begin(number_of_cases):
    ksft.print_header()
    ksft.set_plan(number_of_cases)
    sys.stdout.flush()


def note(text):
    for line in str(text).rstrip("\n").split("\n"):
        ksft.print_msg(line)
    # a fork must not find it in the buffer
    sys.stdout.flush()


def result(passed, name, skip_reason=None):
    # in KTAP a '#' in the name would begin a directive
    name = name.replace("#", "")
    if skip_reason is not None:
        ksft.test_result_skip(f"{name} ({skip_reason})")
    else:
        ksft.test_result(passed, name)
    sys.stdout.flush()


finished = ksft.finished


def run(cases):
    """Run (name, function) pairs in this process, one after the other, and exit."""
    begin(len(cases))
    for name, function in cases:
        try:
            function()
        except Skip as reason:
            result(True, name, str(reason))
        except Exception:  # pylint: disable=broad-except
            note(traceback.format_exc())
            result(False, name)
        else:
            result(True, name)
    finished()
