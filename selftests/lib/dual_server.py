# SPDX-License-Identifier: GPL-2.0
"""MODE CLIENTS: the server of run_dual.py, which knows of TCP only.

It says on which port it listens, answers so many clients with what they send,
in capitals, and ends. MODE is how it waits for them. With "threads" and
"processes" it ends when its standard input does.
"""
import os
import select
import signal
import socket
import subprocess
import sys
import threading

MODE, CLIENTS = sys.argv[1], int(sys.argv[2])
EPOLL_FLAGS = {"epoll": 0, "epoll-et": select.EPOLLET, "epoll-exclusive": select.EPOLLEXCLUSIVE}

FAMILY = socket.AF_INET6 if MODE.startswith("v6") else socket.AF_INET
ADDRESS = "::" if FAMILY == socket.AF_INET6 else "127.0.0.1"
listener = socket.socket(FAMILY)
if MODE == "v6only":
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((ADDRESS, int(sys.argv[3]) if len(sys.argv) > 3 else 0))
if MODE == "registered-before":
    early = select.epoll()
    early.register(listener, 0)
listener.listen(8)


def ready():
    print(listener.getsockname()[1], flush=True)


def serve(waiting=listener):
    client, address = waiting.accept()
    assert address == client.getpeername()
    assert client.getsockname()[1] == waiting.getsockname()[1]
    with client, client.makefile("rwb") as file:
        file.write(file.readline().upper())


def by_accept():
    if MODE == "timeout":
        listener.settimeout(30)
    waiting = listener.dup() if MODE == "dup" else listener
    if MODE == "vfork":
        # closes all that it has inherited, in the memory of this process
        subprocess.run(["true"], close_fds=True, check=True)
    ready()
    for _ in range(CLIENTS):
        serve(waiting)
    listener.setblocking(False)
    try:
        serve()
    except BlockingIOError:
        return
    raise AssertionError("one client too many")


def by_poll():
    poll = select.poll()
    if MODE == "poll-many":
        # more than fit on the stack of a thread that has little of it
        reading, _writing = os.pipe()
        for _ in range(700):
            poll.register(os.dup(reading), select.POLLIN)
    poll.register(listener, select.POLLIN)
    assert poll.poll(0) == []
    ready()
    for _ in range(CLIENTS):
        assert poll.poll() == [(listener.fileno(), select.POLLIN)]
        serve()
    assert poll.poll(0) == []


def by_select():
    reading, writing = os.pipe()
    everything = [listener, reading], [listener, writing], [listener]
    assert select.select(*everything, 0) == ([], [writing], [])
    ready()
    for _ in range(CLIENTS):
        assert select.select([reading, listener], [], [listener]) == ([listener], [], [])
        assert select.select(*everything) == ([listener], [writing], [])
        serve()
    assert select.select(*everything, 0) == ([], [writing], [])


def by_epoll():
    listener.setblocking(False)
    if MODE == "registered-before":
        epoll = early
        epoll.modify(listener, select.EPOLLIN)
    else:
        epoll = select.epoll()
        epoll.register(listener, select.EPOLLIN | EPOLL_FLAGS[MODE])
    assert epoll.poll(0) == []
    ready()
    left = CLIENTS
    while left:
        assert {fd for fd, _ in epoll.poll()} == {listener.fileno()}
        try:
            while True:
                serve()
                left -= 1
        except BlockingIOError:
            pass
    epoll.unregister(listener)
    assert epoll.poll(0) == []


def by_asyncio():
    # takes longer than the whole rest of this program
    import asyncio  # pylint: disable=import-outside-toplevel

    async def serve_all():
        left, done = CLIENTS, asyncio.Event()

        async def talk(reader, writer):
            nonlocal left
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()
            left -= 1
            if not left:
                done.set()

        # listens once more
        await asyncio.start_server(talk, sock=listener)
        ready()
        await done.wait()

    asyncio.run(serve_all())


def by_workers():
    """Several wait in accept(), none knows which client it gets."""
    def serve_on():
        while True:
            serve()

    children = []
    for _ in range(3):
        if MODE == "threads":
            threading.Thread(target=serve_on, daemon=True).start()
            continue
        child = os.fork()
        if not child:
            serve_on()
        children.append(child)
    ready()
    sys.stdin.read()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def by_closing():
    """Nobody listens on either when the listener has been closed."""
    ready()
    sys.stdin.readline()
    listener.close()
    print("closed", flush=True)
    sys.stdin.read()


{
    "poll": by_poll, "poll-many": by_poll, "select": by_select, "asyncio": by_asyncio,
    "closing": by_closing, "epoll": by_epoll, "epoll-et": by_epoll, "epoll-exclusive": by_epoll,
    "registered-before": by_epoll, "threads": by_workers, "processes": by_workers,
}.get(MODE, by_accept)()
