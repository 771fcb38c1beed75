# SPDX-License-Identifier: GPL-2.0
"""CPython's own tests of sockets, of what it builds on them, all on one host"""
import re
import sys

ONE_HOST = True
# sends with MSG_OOB, which Tern does not have (tern(7))
URGENT = "test_abort (test.test_ftplib.TestFTPClass.test_abort)"


def verdicts(place, *words):
    """What became of each test case"""
    result = place.start(sys.executable, "-m", "unittest", "-v", *words)
    text = result.communicate(timeout=1200)[0].decode()
    # The verdict may come lines later: the docstring is before it, and what the case prints.
    found = dict(re.findall(r"(?ms)^(test\w+ \([\w.]+\))(?:(?!^test\w+ \().)*?"
                            r"(?:^| )(ok|FAIL|ERROR|skipped)(?: ['\"][^\n]*)?$", text))
    assert found, text
    return found


def sockets(place):
    return verdicts(place, "test.test_socket")


def servers(place):
    found = verdicts(place, "test.test_socketserver", "test.test_asyncio.test_streams",
                     "test.test_httplib", "test.test_selectors", "test.test_ftplib")
    urgent = found.pop(URGENT)
    assert urgent == ("ERROR" if place.protocol == "tern" else "ok"), urgent
    return found


CASES = (("test_socket", sockets), ("what builds on sockets", servers))
