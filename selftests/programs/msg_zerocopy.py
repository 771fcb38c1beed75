# SPDX-License-Identifier: GPL-2.0
"""The kernel's own msg_zerocopy: what is sent without copies, and the messages
that say so; one side for a while, the other as long as that lasts"""
from lib.tool import kernel_test, without_numbers
from programs import PATIENCE

# nobody else's: it does not ask for SO_REUSEADDR
PORT = 8001


def transfer(place, *options):
    words = (kernel_test("msg_zerocopy"), f"-{place.version}", "-S", place.client,
             "-D", place.server, "-p", str(PORT))
    server = place.serve(*words, "-C", "0", "-t", str(PATIENCE), "-r", "tcp", port=PORT)
    client = place.start(*words, "-C", "1", "-t", "0", *options, "tcp")
    said = client.communicate(timeout=PATIENCE)[0].decode()
    assert server.poll() is None, place.read(f"log-{PORT}")
    return client.returncode, without_numbers(said)


CASES = tuple((" ".join(options), lambda place, options=options: transfer(place, *options))
              for options in (("-z",), ("-z", "-s", "1000"), ("-z", "-l", "1"), ("-v",)))
