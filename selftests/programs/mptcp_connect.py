# SPDX-License-Identifier: GPL-2.0
"""The kernel's own mptcp_connect, of plain sockets: both ways at once by poll(),
one way after the other by mmap() and sendfile(), with small buffers, with all
that is received looked at before, and with control messages"""
import contextlib
import os
import socket

from lib import netns
from lib.tool import kernel_test
from lib.wire import wait_for
from programs import PATIENCE, digest

PORT = 10000
SO_TIMESTAMPNS = 35
# Linux lets nobody have less, whatever it is asked for
SMALL = ("-R", "4096", "-S", "4096")


def command(*options):
    return ("sh", "-c", 'exec "$0" "$@" <$SENDS >$RECEIVES', kernel_test("mptcp_connect"), "-t",
            str(PATIENCE), "-s", "TCP", "-p", str(PORT), *options)


def transfer(place, *options, size=700001):
    """How both ended, what they had to complain of, and what arrived"""
    sent = os.urandom(size), os.urandom(size * 2 // 3)
    place.write("there", sent[0])
    place.write("back", sent[1])
    if place.version == 6:
        options = ("-6", *options)
    server = place.serve(*command("-l", *options, place.server), port=PORT,
                         env={**os.environ, "SENDS": "back", "RECEIVES": "at-server"})
    client = place.start(*command(*options, place.server),
                         env={**os.environ, "SENDS": "there", "RECEIVES": "at-client"})
    said = client.communicate(timeout=PATIENCE)[0].decode()
    statuses = client.returncode, server.wait(PATIENCE)
    arrived = [place.read(name) for name in ("at-server", "at-client")]
    return (*statuses, said, place.read(f"log-{PORT}").decode(),
            *(digest(got) == digest(data) for got, data in zip(arrived, sent)))


@contextlib.contextmanager
def stamping():
    """Segments are stamped a while after the first socket has asked for that; the
    program takes one that is not for a mistake."""
    netns.set_up("lo")
    with (socket.create_server(("127.0.0.1", 0)) as listener,
          socket.create_connection(listener.getsockname()) as sender,
          listener.accept()[0] as receiver):
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

        def is_stamped():
            sender.send(b"x")
            return receiver.recvmsg(1, 64)[1]
        wait_for(is_stamped, "segments are stamped", PATIENCE)
        yield


def stamped(place, *options):
    with stamping():
        return transfer(place, *options)


def few(place, *options):
    """TCP_INQ: the program takes more than 1024 bytes for a mistake."""
    with stamping():
        return transfer(place, *options, size=1000)


CASES = tuple((" ".join(options), lambda place, how=how, options=options: how(place, *options))
              for how, options in (
                  (transfer, ("-m", "sendfile")),
                  (transfer, ("-m", "mmap")),
                  (transfer, ("-m", "poll")),
                  (transfer, ("-m", "sendfile", *SMALL)),
                  (transfer, ("-m", "mmap", *SMALL)),
                  (transfer, ("-m", "poll", *SMALL)),
                  (transfer, ("-m", "sendfile", "-P", "saveWithPeek")),
                  (transfer, ("-m", "mmap", "-P", "saveAfterPeek")),
                  (transfer, ("-m", "poll", "-P", "saveWithPeek")),
                  (transfer, ("-m", "poll", "-P", "saveAfterPeek", *SMALL)),
                  (stamped, ("-m", "sendfile", "-c", "TIMESTAMPNS")),
                  (stamped, ("-m", "poll", "-c", "TIMESTAMPNS")),
                  (few, ("-m", "mmap", "-c", "TCPINQ")),
                  (few, ("-m", "poll", "-c", "TIMESTAMPNS,TCPINQ")),
                  (transfer, ("-m", "poll", "-M", "1", "-o", "TRANSPARENT"))))
