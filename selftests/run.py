#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tern run: programs made for TCP, unchanged, over Tern.

By either engine: the preloaded library, and BPF where the kernel has the hook
for it; where it has not, that this is said. The kernel is asked what a socket
really is (run_sockets.c), and the counters of Tern and TCP tell what carried a
transfer.
"""
import glob
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from lib import doors, ktap
from lib.tool import (PATIENCE, TERN, background, begin, connections, has_hook, helper, must_be,
                      output, run)
from lib.wire import wait_for

NOBODY = 65534
NOT_RUN, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127

OPENED = ("tcp4", "tcp6", "tcp4-6", "tcp4-flags", "tcp6-flag", "exchange4", "exchange6")


def plain():
    """What run_sockets says where nothing is done to it; of this kernel, which
    may be without io_uring and Multipath TCP"""
    text = output(helper("run_sockets"))
    for line in ("tcp4 6", "tcp6 6", "tcp4-flags 6 nonblock cloexec", "syscall 6", "tern 253",
                 "udp4 17", "exchange4 6 6, told 6"):
        assert f"{line}\n" in text, (line, text)
    return text


def with_tern(names, told):
    """plain(), but these sockets are Tern's"""
    lines = []
    for line in plain().splitlines():
        name, number, *rest = line.split(" ", 2)
        if name in names:
            number = "253"
            if name.startswith("exchange"):
                rest = [f"253, told {told}"]
        lines.append(" ".join([name, number, *rest]) + "\n")
    return "".join(lines)


def by_preload():
    return with_tern(OPENED, 6)


def by_bpf():
    return with_tern((*OPENED, "syscall"), 253)


# --- both engines ---------------------------------------------------------------

def sockets(program, *how):
    must_be(output(*how, helper(program)), by_bpf() if how == BPF else by_preload())


def web(*how):
    """Python's server, and curl where it is installed, else Python's client"""
    content = os.urandom(300000)
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "file"), "wb") as file:
            file.write(content)
        before = [connections(protocol) for protocol in ("tern", "tcp")]
        with background(*how, sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1",
                        "--directory", directory, "0", stderr=subprocess.DEVNULL) as server:
            port = server.stdout.readline().split()[5]
            if shutil.which("curl"):
                client = ["curl", "-sS"]
            else:
                client = [sys.executable, "-c", "import sys, urllib.request, shutil\n"
                          "with urllib.request.urlopen(sys.argv[1]) as answer:\n"
                          "    shutil.copyfileobj(answer, sys.stdout.buffer)"]
            got = subprocess.run([*how, *client, f"http://127.0.0.1:{port}/file"],
                                 stdout=subprocess.PIPE, check=True, timeout=PATIENCE).stdout
        must_be(hashlib.sha256(got).hexdigest(), hashlib.sha256(content).hexdigest())
        must_be(connections("tern"), tuple(count + 1 for count in before[0]))
        must_be(connections("tcp"), before[1])


def python_client(*how):
    """getaddrinfo() gives protocol 6, which programs hand on; asyncio compares it"""
    program = """
import asyncio, socket
async def talk(reader, writer):
    writer.write((await reader.readline()).upper())
    writer.close()
async def main():
    server = await asyncio.start_server(talk, "localhost", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(b"hello\\n")
    nodelay = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    print((await reader.read()).decode().strip(), nodelay)
asyncio.run(main())
"""
    before = connections("tcp")
    must_be(output(*how, sys.executable, "-S", "-c", program), "HELLO 1\n")
    must_be(connections("tcp"), before)


def children(*how):
    script = 'env python3 -c "import subprocess, sys; subprocess.run(sys.argv[1:])" "$0"'
    wanted = by_bpf() if how == BPF else by_preload()
    must_be(output(*how, "sh", "-c", script, helper("run_sockets")), wanted)


def statuses(*how):
    for wanted in (0, 1, 42):
        must_be(run(*how, "sh", "-c", f"exit {wanted}").returncode, wanted)
    must_be(run(*how, "sh", "-c", "kill -TERM $$").returncode, -signal.SIGTERM)
    must_be(output("sh", "-c", f"{' '.join(how)} sh -c 'kill -TERM $$' 2>/dev/null; echo $?"),
            f"{128 + signal.SIGTERM}\n")
    # the command has the process that was started, and options of its own
    with background(*how, "cat", "-u", stdin=subprocess.PIPE) as process:
        process.send_signal(signal.SIGINT)
        must_be(process.wait(PATIENCE), -signal.SIGINT)

    result = run(*how, "/nonexistent/program")
    must_be(result.returncode, NOT_FOUND)
    assert "/nonexistent/program: No such file" in result.stderr, result.stderr
    result = run(*how, "no-such-program-in-the-path")
    must_be(result.returncode, NOT_FOUND)
    result = run(*how, "/etc/passwd")
    must_be(result.returncode, NOT_EXECUTABLE)
    assert "/etc/passwd: Permission denied" in result.stderr, result.stderr


def status_of(*how):
    text = output(*how, TERN, "run", "--status")
    return dict(line.split(maxsplit=1) for line in text.replace("in effect", "effect").splitlines())


def streams(*how):
    """Nobody else holds them open when the command has ended, nor stays its child."""
    script = 'cat; read -r pids </proc/$$/task/$$/children; echo ":$pids"'
    must_be(output(*how, "sh", "-c", script, input="x"), "x:\n")


# --- preload --------------------------------------------------------------------

PRELOAD = (TERN, "run")


def static_is_not_reached():
    must_be(output(*PRELOAD, helper("run_sockets_static")), plain())


def keeps_ld_preload():
    before = {**os.environ, "LD_PRELOAD": "libm.so.6"}
    kept = output(*PRELOAD, "sh", "-c", 'echo "$LD_PRELOAD"', env=before).strip().split(":")
    must_be(kept[0], "libm.so.6")
    must_be([os.path.basename(name) for name in kept[1:]], ["preload.so"])
    must_be(output(*PRELOAD, helper("run_sockets"), env=before), by_preload())
    # one within the other
    must_be(output(*PRELOAD, *PRELOAD, helper("run_sockets")), by_preload())


def unprivileged():
    must_be(output(*PRELOAD, helper("run_sockets"), user=NOBODY, group=NOBODY, extra_groups=()),
            by_preload().replace("raw 6", "raw EPERM"))


def moved_protocol():
    """The library is told which number the module has taken."""
    program = "import os; print(os.environ['TERN_PROTOCOL'])"
    must_be(output(*PRELOAD, sys.executable, "-S", "-c", program), f"{doors.protocol_number()}\n")
    program = "import socket; socket.socket()"
    result = run("env", f"LD_PRELOAD={status_of()['preload']}", "TERN_PROTOCOL=77", sys.executable,
                 "-S", "-c", program)
    assert "Protocol not supported" in result.stderr, result


def installed():
    """Where make install puts them, below another root"""
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(f"{root}/bin")
        os.makedirs(f"{root}/lib/tern")
        shutil.copy(TERN, f"{root}/bin/tern")
        result = run(f"{root}/bin/tern", "run", "true")
        must_be(result.returncode, NOT_RUN)
        assert "preload.so is neither in" in result.stderr, result.stderr
        shutil.copy(status_of()["preload"], f"{root}/lib/tern/preload.so")
        must_be(output(f"{root}/bin/tern", "run", helper("run_sockets")), by_preload())
        assert f"{root}/lib/tern/preload.so" in output(f"{root}/bin/tern", "run", "--status")
        os.rename(root + "/lib", root + "/a lib")
        os.mkdir(root + "/lib")
        os.symlink(root + "/a lib/tern", root + "/lib/tern")
        result = run(f"{root}/bin/tern", "run", "true")
        must_be(result.returncode, NOT_RUN)
        assert "a space or a colon" in result.stderr, result.stderr


def usage():
    for words in ([], ["--bogus", "true"], ["--status", "true"], ["--bpf", "--dual", "true"]):
        result = run(*PRELOAD, *words)
        must_be((words, result.returncode), (words, NOT_RUN))
        assert result.stderr.startswith("tern run: "), result.stderr


def status():
    plain = status_of()
    must_be(plain["effect"], "none")
    must_be(plain["tern"], "IP protocol 253")
    assert plain["preload"].endswith("/preload.so"), plain
    must_be(plain["bpf"] == "available", has_hook())
    must_be(status_of(*PRELOAD)["effect"], "preload")


# --- BPF ------------------------------------------------------------------------

BPF = (TERN, "run", "--bpf")


def cgroups():
    return glob.glob("/sys/fs/cgroup/**/tern-run-*", recursive=True)


def no_cgroup_left():
    wait_for(lambda: not cgroups(), "the cgroup is gone")


def bpf_refused():
    result = run(*BPF, "echo", "it was run")
    must_be((result.returncode, result.stdout), (NOT_RUN, ""))
    assert "not in this kernel: Linux 6.12 or later" in result.stderr, result.stderr
    must_be(run(TERN, "run", "--bpf", "--status").returncode, NOT_RUN)
    must_be(cgroups(), [])


def bpf_wants_root():
    result = run(*BPF, "true", user=NOBODY, group=NOBODY, extra_groups=())
    must_be(result.returncode, NOT_RUN)
    assert "only root may do that" in result.stderr, result.stderr


def bpf_status():
    must_be(status_of(*BPF)["effect"], "bpf")
    must_be(status_of()["effect"], "none")


def bpf_limited_to_the_command():
    """Others are not touched while it runs, and two do not meet."""
    with background(*BPF, "sh", "-c", "echo started; cat", stdin=subprocess.PIPE) as first:
        must_be(first.stdout.readline(), "started\n")
        must_be(len(cgroups()), 1)
        must_be(output(helper("run_sockets_static")), plain())
        must_be(output(*BPF, helper("run_sockets_static")), by_bpf())
        wait_for(lambda: len(cgroups()) == 1, "the second cgroup is gone")
        first.stdin.close()
        must_be(first.wait(PATIENCE), 0)
    no_cgroup_left()


def bpf_ends_with_the_last_child():
    """Killed, or with a daemon left behind, in a cgroup of its own"""
    with background(*BPF, "sh", "-c", "echo started; cat", stdin=subprocess.PIPE) as process:
        must_be(process.stdout.readline(), "started\n")
        must_be(len(cgroups()), 1)
        process.kill()
    no_cgroup_left()

    script = f"""
    (
        inner=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/inner
        mkdir $inner && sh -c 'echo $PPID' >$inner/cgroup.procs
        read -r line </dev/fd/3
        {helper("run_sockets_static")}
    ) &
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile("w+") as result:
        os.dup2(reading, 3)
        subprocess.run([*BPF, "sh", "-c", script], stdout=result, check=True, pass_fds=[3],
                       timeout=PATIENCE)
        must_be(len(cgroups()), 1)
        os.write(writing, b"\n")
        no_cgroup_left()
        result.seek(0)
        must_be(result.read(), by_bpf())
    for fd in (reading, writing, 3):
        os.close(fd)


def bpf_cleans_up():
    """Also where the command was not there"""
    must_be(run(*BPF, "/nonexistent").returncode, NOT_FOUND)
    no_cgroup_left()


def main():
    begin()
    cases = [
        ("sockets of every kind", lambda: sockets("run_sockets", *PRELOAD)),
        ("static programs are not reached", static_is_not_reached),
        ("an LD_PRELOAD that is there is kept", keeps_ld_preload),
        ("without privilege", unprivileged),
        ("the library is told the protocol", moved_protocol),
        ("where it is installed", installed),
        ("mistakes in the command", usage),
        ("--status", status),
    ]
    both = [
        ("http.server and curl", web),
        ("asyncio and getaddrinfo()", python_client),
        ("children", children),
        ("exit statuses and signals", statuses),
        ("standard streams and children of the command", streams),
    ]
    engines = [("preload", PRELOAD)]
    if has_hook():
        engines.append(("bpf", BPF))
        cases += [
            ("bpf: sockets of every kind", lambda: sockets("run_sockets", *BPF)),
            ("bpf: a static program", lambda: sockets("run_sockets_static", *BPF)),
            ("bpf: refused without privilege", bpf_wants_root),
            ("bpf: --status", bpf_status),
            ("bpf: limited to the command", bpf_limited_to_the_command),
            ("bpf: up to the last child", bpf_ends_with_the_last_child),
            ("bpf: cleans up", bpf_cleans_up),
        ]
    else:
        cases.append(("bpf: refused by a kernel without the hook", bpf_refused))
    for engine, how in engines:
        cases += [(f"{engine}: {name}", lambda case=case, how=how: case(*how))
                  for name, case in both]
    ktap.run(cases)


if __name__ == "__main__":
    main()
