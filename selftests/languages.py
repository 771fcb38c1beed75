#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The programs of Documentation/languages.rst, compiled and run as they stand
there: what a reader copies must work."""
import os
import shutil
import socket
import sys
import tempfile
import threading

from lib import doors, ktap, page
from lib.tool import TERN, begin, must_be, output

PAGE = "languages.rst"
# name, what it takes, how it is made, how it is run
PROGRAMS = (
    ("echo.c", "cc", "cc -Wall -Wextra -Werror -o echo echo.c", "./echo"),
    ("echo.py", sys.executable, "", f"{sys.executable} echo.py"),
    ("streams.py", sys.executable, "", f"{sys.executable} streams.py"),
    ("echo.rs", "rustc", "rustc echo.rs", "./echo"),
    ("echo.go", "go", "go build echo.go", "./echo"),
    ("echo.js", "node", "", f"{TERN} run node echo.js"),
    ("Echo.java", "javac", "javac Echo.java", f"{TERN} run java Echo"),
)


def answer(listener):
    """One connection: what comes, in capitals"""
    try:
        conn = listener.accept()[0]
    except OSError:     # the program has failed
        return
    with conn, conn.makefile("rb") as file:
        conn.sendall(file.read().upper())


def run_example(name, needs, make, run, text):
    if not shutil.which(needs):
        raise ktap.Skip(f"there is no {needs}")
    with tempfile.TemporaryDirectory() as directory, doors.open_socket("protocol", 4) as listener:
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
        if make:
            output(*make.split(), cwd=directory)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(120)
        server = threading.Thread(target=answer, args=(listener,))
        server.start()
        port = listener.getsockname()[1]
        try:
            must_be(output(*run.split(), "127.0.0.1", str(port), cwd=directory), "HELLO\n")
        finally:
            # nobody waits for a connection that did not come
            listener.shutdown(socket.SHUT_RD)
            server.join()


def main():
    if not os.path.exists(page.path(PAGE)):
        ktap.skip_all("languages.rst is not here")
    begin()
    found = page.programs(PAGE)
    cases = [("each program of the page is run",
              lambda: must_be(sorted(found), sorted(program[0] for program in PROGRAMS)))]
    cases += [(name, lambda name=name, more=more: run_example(name, *more, found[name]))
              for name, *more in PROGRAMS]
    ktap.run(cases)


if __name__ == "__main__":
    main()
