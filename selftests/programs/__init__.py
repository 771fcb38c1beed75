# SPDX-License-Identifier: GPL-2.0
"""Two hosts with real programs on them: a server's and a client's namespace, a
link between them, and Tern or TCP, over IPv4 or IPv6, on a clean path or one
that loses packets.

A file of this package is one program; its CASES are functions of a Place that
return what the program said, which must be the same over TCP and over Tern.
"""
import contextlib
import hashlib
import os
import re
import subprocess
import tempfile

from lib import netns
from lib.tool import TERN
from lib.wire import wait_for

# how long a program may take for anything, on an emulated machine
PATIENCE = 240
LISTEN = "0A"
ADDRESSES = {4: {"server": "10.9.0.1", "client": "10.9.0.2"},
             6: {"server": "fd09::1", "client": "fd09::2"}}
LOSS = "delay 2ms loss 1%"


def build():
    for name in ADDRESSES[4]:
        subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "link", "add", "wire", "netns", "server", "type", "veth",
                    "peer", "name", "wire", "netns", "client"], check=True)
    for name in ADDRESSES[4]:
        lines = [f"addr add {ADDRESSES[4][name]}/24 dev wire",
                 f"addr add {ADDRESSES[6][name]}/64 dev wire nodad", "link set wire up",
                 "link set lo up"]
        subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(lines), text=True,
                       check=True)


def set_loss(lossy):
    for name in ADDRESSES[4]:
        how = ["replace", "dev", "wire", "root", "netem", *LOSS.split()] if lossy else \
            ["replace", "dev", "wire", "root", "pfifo_fast"]
        subprocess.run(["tc", "-n", name, "qdisc", *how], check=True)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Place:
    """A directory, and what it takes to run programs on the two hosts."""

    def __init__(self, protocol, version, engine=()):
        self.protocol, self.version = protocol, version
        self.how = (TERN, "run", *engine) if protocol == "tern" else ()
        self.server, self.client = (ADDRESSES[version][name] for name in ("server", "client"))
        # as it is written in a URL
        self.host = f"[{self.server}]" if version == 6 else self.server
        self.stack = contextlib.ExitStack()
        self.directory = self.stack.enter_context(tempfile.TemporaryDirectory())
        # a server that is not root reads there
        os.chmod(self.directory, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, content):
        """A file; its path"""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def _listeners(self, pid):
        files = ["tern/sockets"] if self.protocol == "tern" else ["tcp", "tcp6"]
        for name in files:
            with open(f"/proc/{pid}/net/{name}", encoding="ascii") as file:
                for line in file:
                    words = line.split()
                    if len(words) > 3 and words[3] == LISTEN:
                        yield int(words[1].rpartition(":")[2], 16)

    def _stop(self, process):
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()

    def serve(self, *words, port, **more):
        """Start a server; it ends with the place. Returns when it listens."""
        log = open(self.path(f"log-{port}"), "w+b")      # pylint: disable=consider-using-with
        self.stack.callback(log.close)
        process = subprocess.Popen(                      # pylint: disable=consider-using-with
            [*self.how, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=self.directory, preexec_fn=lambda: netns.enter("server"), **more)
        self.stack.callback(self._stop, process)

        def listens():
            if process.poll() is not None:
                log.seek(0)
                raise AssertionError((words, process.returncode, log.read().decode()))
            return port in self._listeners(process.pid)
        wait_for(listens, f"{words[0]} listens on {port}", PATIENCE)
        return process

    def start(self, *words, **more):
        """Start a client's program; what it prints can be read."""
        return subprocess.Popen([*self.how, *words], cwd=self.directory, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                preexec_fn=lambda: netns.enter("client"), **more)

    def run(self, *words, status=0, **more):
        """Run a client's program; what it printed, in bytes"""
        more = {"stdin": subprocess.DEVNULL, **more} if "input" not in more else more
        result = subprocess.run([*self.how, *words], capture_output=True, check=False,
                                cwd=self.directory, timeout=PATIENCE,
                                preexec_fn=lambda: netns.enter("client"), **more)
        assert result.returncode == status, (words, result)
        return result.stdout

    def text(self, *words, **more):
        return self.run(*words, **more).decode()

    def opened(self):
        """Connections that the client's host has opened by Tern and by TCP"""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            netns.enter("client")
            with open("/proc/thread-self/net/tern/snmp", encoding="ascii") as file:
                tern = re.search(r"^ActiveOpens +(\d+)", file.read(), re.M).group(1)
            with open("/proc/thread-self/net/snmp", encoding="ascii") as file:
                names, values = (line.split() for line in file if line.startswith("Tcp:"))
            os.write(writing, f"{tern} {dict(zip(names, values))['ActiveOpens']}".encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            counts = {name: int(count) for name, count in zip(("tern", "tcp"), file.read().split())}
        os.waitpid(pid, 0)
        return counts
