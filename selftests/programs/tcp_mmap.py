# SPDX-License-Identifier: GPL-2.0
"""The kernel's own tcp_mmap: a sender that never ends by itself, and a receiver
that is woken for half a megabyte each time; with -z the one sends without copies,
and the other maps what it receives"""
import re
import signal

from lib.tool import kernel_test, without_numbers
from lib.wire import wait_for
from programs import PATIENCE

PORT = 8787
ENOUGH = 8 << 20
# Tern has no TCP_ZEROCOPY_RECEIVE (tern(7)): the receiver says so, and reads
REFUSAL = "mmap: No such device\n"


def transfer(place, *options):
    words = (kernel_test("tcp_mmap"), f"-{place.version}", "-H", place.server, *options)
    # it is killed before it writes what it has buffered
    server = place.serve("stdbuf", "-oL", *words, "-s", port=PORT)

    def received():
        with open(f"/proc/{server.pid}/net/dev", encoding="ascii") as file:
            return int(re.search(r"(?m)^ *wire: *(\d+)", file.read()).group(1))

    def log():
        return place.read(f"log-{PORT}").decode()
    before = received()
    client = place.start(*words)
    wait_for(lambda: client.poll() is not None or received() - before > ENOUGH,
             "it has received enough", PATIENCE)
    client.terminate()
    said = client.communicate(timeout=PATIENCE)[0].decode()
    wait_for(lambda: "rcv_mss" in log(), "the receiver sees the end", PATIENCE)
    # unless its optmem is full of notices that it does not read: as they come
    assert client.returncode in (0, -signal.SIGTERM), client.returncode
    text = log()
    if place.protocol == "tern" and "-z" in options:
        assert text.count(REFUSAL) == 1, text
        text = text.replace(REFUSAL, "")
    return said, without_numbers(text)


CASES = (("-z", lambda place: transfer(place, "-z")), ("read()", transfer),
         ("-r 65536 -w 65536", lambda place: transfer(place, "-r", "65536", "-w", "65536")))
