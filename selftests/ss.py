#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tern ss.

The same sockets are opened over TCP and over Tern, at the same addresses and
ports, and what tern ss says of Tern's must be what ss says of TCP's.
"""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess

from lib import doors, ktap, netns
from lib.tool import background, begin, must_be, output, run, without_numbers
from lib.wire import wait_for

ANY = {4: "0.0.0.0", 6: "::"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def words(text):
    return sorted(" ".join(line.split()) for line in text.splitlines())


def listener(door, version, port, address=None):
    sock = doors.open_socket(door, version)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address or LOOPBACK[version], port))
    sock.listen(3)
    return sock


def pair(door, version, port, client_port):
    """Two ends of a connection, its listener's port and its client's as given"""
    with listener(door, version, port) as waiting:
        client = doors.open_socket(door, version)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind((LOOPBACK[version], client_port))
        client.connect((LOOPBACK[version], port))
        return client, waiting.accept()[0]


@contextlib.contextmanager
def scene(door):
    """Sockets in many states"""
    with contextlib.ExitStack() as stack:
        keep = stack.enter_context
        for version in (4, 6):
            keep(listener(door, version, 5000, None))
        keep(listener(door, 4, 80, ANY[4]))
        keep(listener(door, 6, 5001, ANY[6]))
        for version in (4, 6):
            client, server = map(keep, pair(door, version, 6000, 6001))
            client.send(b"unread")
            client, server = map(keep, pair(door, version, 6000, 6002))
            client.shutdown(socket.SHUT_WR)
            client, server = pair(door, version, 7000, 7001)
            client.close()
            server.close()
        yield


QUESTIONS = (
    "-n", "-an", "-tan", "-ln", "-a", "-an4", "-an6", "-n state established",
    "-n state time-wait state close-wait", "-n exclude listening exclude established",
    "-n state connected", "-n state synchronized", "-n state bucket", "-n state big",
    "-an sport = :6001", "-an sport 6001 or dport 6001", "-an ( sport = :6001 )",
    "-an not dport = :6000", "-an ! ( dport = 6000 or sport = 6000 )", "-an sport >= :6002",
    "-an dport < 6002 and sport gt 5000", "-an sport != :6001", "-an src 127.0.0.1",
    "-an dst 127.0.0.0/8", "-an dst [::1]", "-an src 127.0.0.1:6001", "-an dst 10.0.0.0/8",
    "-an src [::1]:6000 dport = 6002",
)


def said(program, question):
    """Without the columns' widths; a shell does not divide these questions"""
    return words(output(*program, "-H", *question.split()))


def same_as_ss():
    theirs = {}
    with scene("tcp"):
        wait_for(lambda: len(said(["ss", "-t"], "-n state time-wait")) == 2, "TIME_WAIT of TCP")
        for question in QUESTIONS:
            theirs[question] = said(["ss", "-t"], question)
    assert len(theirs["-an"]) == 14, theirs["-an"]
    with scene("protocol"):
        wait_for(lambda: len(said(["tern", "ss"], "-n state time-wait")) == 2,
                 "TIME_WAIT of Tern")
        for question in QUESTIONS:
            ours = said(["tern", "ss"], question)
            assert ours == theirs[question], (question, ours, theirs[question])


def layout(text):
    """The items in their order, without amounts and their units"""
    text = re.sub(r" sk:[0-9a-f]+", " sk:N", text)
    text = re.sub(r"\d+(\.\d+)?(min|sec|ms)", "N", text)
    text = re.sub(r"N+", "N", without_numbers(text))
    return re.sub(r"N[KMG]?bps", "Nbps", text).replace("N%", "N").split()


# what is there when it is not 0, which depends on the moment
NOW_AND_THEN = re.compile(r"(ato|delivered|busy|rcv_rtt|retrans|reord_seen|lastsnd|lastrcv|lastack|"
                          r"reordering|rcv_ooopack|notsent|unacked):|app_limited$|"
                          r"(rwnd|sndbuf)_limited:|delivery_rate$|Nbps$")


def same_layout(ours, theirs, not_here):
    """Each item that ss has, and no other, in its order"""
    ours, theirs = layout(ours), layout(theirs)
    for one, other in (ours, theirs), (theirs, ours):
        lost = [item for item in one if item not in other and not NOW_AND_THEN.match(item) and
                not any(item.startswith(name) for name in not_here)]
        assert not lost, (lost, ours, theirs)
    # an address or a rate may be there several times
    must_be(list(dict.fromkeys(item for item in ours if item in theirs)),
            list(dict.fromkeys(item for item in theirs if item in ours)))


def same_items():
    """Options -o -e -m -i: the same items, in the same form"""
    texts = []
    for program, door in ((["ss", "-t"], "tcp"), (["tern", "ss"], "protocol")):
        client, server = pair(door, 4, 6000, 6001)
        with client, server:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 9)
            client.sendall(b"x" * 3000)
            must_be(len(server.recv(3000, socket.MSG_WAITALL)), 3000)
            texts.append(output(*program, "-Hnoemip", "sport", "=", ":6001"))
            must_be(len(texts[-1].splitlines()), 2)
            one = output(*program, "-HnoemiOp", "sport", "=", ":6001")
            must_be(len(one.splitlines()), 1)
    theirs, ours = texts
    same_layout(ours, theirs, ["wscale:"])
    for item in ("skmem", "rto", "rtt", "mss", "pmtu", "cwnd", "bytes_sent", "bytes_acked",
                 "segs_out", "segs_in", "data_segs_out", "lastsnd", "lastrcv", "pacing_rate",
                 "delivery_rate", "rcv_space", "minrtt", "snd_wnd", "timer", "ino", "sk",
                 "fwmark"):
        for text in texts:
            assert re.search(rf" {item}[: (]", text), (item, text)
    must_be(*(re.findall(r" cgroup:(\S+)", text) for text in texts))
    form = re.compile(r"timer:\(keepalive,\d+min(\d+sec)?,0\) ")
    memory = re.compile(r"\n\t skmem:\(r\d+,rb\d+,t\d+,tb\d+,f\d+,w\d+,o\d+,bl\d+,d\d+\) ")
    users = re.compile(rf"users:\(\(\"[^\"]+\",pid={os.getpid()},fd=\d+\)\)")
    for text in texts:
        for what in (form, memory, users):
            assert what.search(text), (what, text)
        assert " fwmark:0x9 " in text and " <->" in text, text


def same_items_of_listeners():
    for version in (4, 6):
        texts = []
        for program, door in ((["ss", "-t"], "tcp"), (["tern", "ss"], "protocol")):
            with listener(door, version, 5000):
                texts.append(output(*program, "-Hlnoemi"))
        same_layout(texts[1], texts[0], ["cwnd:"])
        must_be(*(re.findall(r" cgroup:(\S+)", text) for text in texts))


@contextlib.contextmanager
def own_cgroup(path):
    """For this process, below where it is now"""
    with open("/proc/self/mounts", encoding="ascii") as file:
        mounts = [words[1] for words in map(str.split, file) if words[2] == "cgroup2"]
    if not mounts:
        raise ktap.Skip("no cgroup (version 2)")
    before = mounts[0]
    with open("/proc/self/cgroup", encoding="ascii") as file:
        before += next(line for line in file if line.startswith("0::"))[3:].strip()

    def enter(directory):
        with open(f"{directory}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(os.getpid()))

    directory = os.path.join(before, path)
    os.makedirs(directory)
    try:
        enter(directory)
        yield directory[len(mounts[0]):].replace("//", "/")
    finally:
        enter(before)
        while directory.rstrip("/") != before.rstrip("/"):
            os.rmdir(directory)
            directory = os.path.dirname(directory)


def cgroups():
    """The path is told as ss does; of one that is gone, what ss says of it"""
    texts = []
    for program, door in ((["ss", "-t"], "tcp"), (["tern", "ss"], "protocol")):
        with contextlib.ExitStack() as stack:
            with own_cgroup(f"tern-{os.getpid()}/inner") as path:
                stack.enter_context(listener(door, 4, 5000))
                assert f" cgroup:{path} " in output(*program, "-Hlne"), (path, program)
                if door == "protocol":
                    must_be(json.loads(output("tern", "ss", "-lej"))[0]["cgroup"], path)
            texts.append(output(*program, "-Hlne"))
    must_be(*(re.findall(r" cgroup:([a-z]*)", text) for text in texts))


def json_objects():
    client, server = pair("protocol", 4, 6000, 6001)
    with client, server:
        server.send(b"abc")
        rows = json.loads(output("tern", "ss", "-jnoemip", "sport", "=", "6001"))
        must_be(len(rows), 1)
        row = rows[0]
        must_be((row["state"], row["recv_q"]), ("ESTAB", 3))
        must_be(row["local"], {"address": "127.0.0.1", "port": 6001})
        must_be(row["peer"], {"address": "127.0.0.1", "port": 6000})
        must_be([user["pid"] for user in row["users"]], [os.getpid()])
        must_be(row["ino"], os.fstat(client.fileno()).st_ino)
        assert row["mss"] > 500 and row["skmem"]["rb"] > 0 and row["bytes_received"] == 3, row
        must_be(json.loads(output("tern", "ss", "-sj"))["estab"], 2)
    must_be(json.loads(output("tern", "ss", "-jl")), [])


def names_of_all_kinds():
    """What a process calls itself must not spoil the list for who reads it"""
    own = "/proc/self/comm"
    with open(own, "rb") as file:
        before = file.read().rstrip()
    bad = "\ufffd"
    names = {b'a"b\\c': 'a"b\\c', "\u00e9\u20ac".encode(): "\u00e9\u20ac",
             b"x\xff\xc3": "x" + 2 * bad, b"\xed\xa0\x80": 3 * bad, b"\xe2\x82": 2 * bad}
    with listener("protocol", 4, 6010):
        for name, shown in names.items():
            with open(own, "wb") as file:
                file.write(name)
            text = subprocess.run(("tern", "ss", "-jlp"), capture_output=True, check=True).stdout
            users = json.loads(text)[0]["users"]
            must_be(users[0]["name"], shown)
    with open(own, "wb") as file:
        file.write(before)


def summary():
    with scene("protocol"):
        text = output("tern", "ss", "-s")
        assert text.startswith("TERN:  14 (estab 4, listen 4, syn-recv 0, orphaned 0, "
                               "timewait 2)\n"), text


def dual_stack():
    """AF_TERN: both versions of IP, without the mapping"""
    with contextlib.closing(doors.FamilySocket()) as waiting:
        waiting.bind(("::", 5000))
        waiting.listen(1)
        client = doors.FamilySocket()
        client.connect(("127.0.0.1", 5000))
        with client:
            must_be(words(output("tern", "ss", "-Hln")), ["LISTEN 1 1 *:5000 *:*"])
            text = output("tern", "ss", "-H4n", "dport", "5000")
            assert " 127.0.0.1:5000" in text, text
            must_be(output("tern", "ss", "-H6n"), "")


def kills():
    client, server = pair("protocol", 4, 6000, 6001)
    with client, server:
        assert "ESTAB" in output("tern", "ss", "-K", "sport", "=", "6001")
        try:
            client.recv(1)
        except ConnectionAbortedError:
            pass
        else:
            raise AssertionError("not aborted")
        try:
            server.recv(1)
        except ConnectionResetError:
            pass
        else:
            raise AssertionError("not reset")
        must_be(output("tern", "ss", "-HK"), "")
        client, server = pair("protocol", 4, 6000, 6001)
        with client, server:
            refused = run("setpriv", "--reuid=65534", "--clear-groups", shutil.which("tern"),
                          "ss", "-K")
            must_be(refused.returncode, 1)
            assert "Operation not permitted" in refused.stderr, refused
            must_be(client.send(b"a"), 1)


def is_following():
    """Has somebody joined the group of NETLINK_SOCK_DIAG (4)?"""
    with open("/proc/thread-self/net/netlink", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return any(row[1] == "4" and row[3] == "80000000" for row in rows)


def follows():
    with background("tern", "ss", "-EHni", "dport", "=", "6000") as process:
        wait_for(is_following, "somebody follows")
        client, server = pair("protocol", 4, 6000, 6001)
        with client, server:
            client.sendall(b"x" * 1000)
            must_be(len(server.recv(1000, socket.MSG_WAITALL)), 1000)
        line = " ".join(process.stdout.readline().split())
        must_be(line, "UNCONN 0 0 127.0.0.1:6001 127.0.0.1:6000")
        line = process.stdout.readline()
        assert "bytes_acked:1001 " in line, line    # with FIN
    with background("tern", "ss", "-Ejn6") as process:
        wait_for(is_following, "somebody follows")
        for version in (4, 6):
            for sock in pair("protocol", version, 6000, 6002):
                sock.close()
        ended = json.loads(process.stdout.readline())
        must_be(ended["local"]["address"], "::1")


def comes_and_goes():
    """tern_diag is loaded when it is asked for, and unloaded without harm to who asks"""
    with scene("protocol"):
        # who asks in the moment in which it goes is told that nobody answers
        with background("sh", "-c", "while :; do tern ss -anoemi; done >/dev/null 2>&1"):
            unloaded = 0
            while unloaded < 10:
                unloaded += run("rmmod", "tern_diag").returncode == 0
                output("tern", "ss", "-a")


def mistakes():
    for wrong in (("state", "nowhere"), ("sport",), ("sport", "=", "99999"), ("sport", "=", "x!"),
                  ("(", "sport", "1"), ("dst", "1.2.3.4/33"), ("dst", "<", "1.2.3.4"),
                  ("dport", "1", ")"), ("what",)):
        result = run("tern", "ss", *wrong)
        assert result.returncode == 2 and result.stderr, (wrong, result)


def main():
    begin()
    if not shutil.which("ss"):
        ktap.skip_all("ss is not in the PATH")
    netns.sysctl("net.ipv4.ip_unprivileged_port_start", 0)
    ktap.run([
        ("sockets and filters as ss has them", same_as_ss),
        ("timers, details, memory, measurements", same_items),
        ("the same of listeners", same_items_of_listeners),
        ("cgroups", cgroups),
        ("JSON", json_objects),
        ("JSON: names that are not UTF-8", names_of_all_kinds),
        ("summary", summary),
        ("addresses of AF_TERN", dual_stack),
        ("-K", kills),
        ("-E", follows),
        ("loaded and unloaded while it is asked", comes_and_goes),
        ("mistakes in the command", mistakes),
    ])


if __name__ == "__main__":
    main()
