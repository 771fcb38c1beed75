#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What packet filters see of a connection: the mark and the owner of its sockets,
and what connection tracking makes of a protocol without ports. The rules are
put in by netlink: nft(8) need not be there.
"""
import errno
import os
import select
import socket
import struct

from lib import doors, ktap, netns
from lib.wire import wait_for

NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES = 12, 10
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NEWTABLE, NEWCHAIN, NEWRULE = (NFNL_SUBSYS_NFTABLES << 8 | number for number in (0, 3, 6))
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE, NLM_F_APPEND = 0x1, 0x4, 0x400, 0x800
NFPROTO_INET, HOOK_LOCAL_OUT, NF_DROP = 1, 3, 0
REG_VERDICT, REG_1 = 0, 1
META_MARK, META_SKUID, CT_STATE = 3, 10, 0
NESTED = 0x8000

SO_MARK = 36
NOBODY = 65534
PORT = 4321
CONNTRACK = "/proc/net/nf_conntrack"
ALL = [("tcp", 4), ("tcp", 6), ("protocol", 4), ("protocol", 6), ("family", 4), ("family", 6)]


def attr(kind, value):
    """An attribute: text, a number in network byte order, bytes, or a list of those"""
    if isinstance(value, list):
        kind, value = kind | NESTED, b"".join(value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = struct.pack("!I", value)
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind, body, family=NFPROTO_INET, resource=0, flags=NLM_F_ACK):
    body = struct.pack("!BBH", family, 0, resource) + body
    return struct.pack("=IHHII", 16 + len(body), kind,
                       flags | NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND, 1, 0) + body


def expression(name, *data):
    return attr(1, [attr(1, name), attr(2, list(data))])


def meta(key, value):
    """The packets of which this is so"""
    return [expression("meta", attr(1, REG_1), attr(2, key)),
            expression("cmp", attr(1, REG_1), attr(2, 0),
                       attr(3, [attr(1, struct.pack("=I", value))]))]


DROP = expression("immediate", attr(1, REG_VERDICT),
                  attr(2, [attr(2, [attr(1, NF_DROP & 0xffffffff)])]))
TRACK = expression("ct", attr(1, REG_1), attr(2, CT_STATE))


def rule(*expressions):
    """One rule for what this host sends, in a namespace of its own"""
    netns.enter_new_namespace()
    batch = (message(BATCH_BEGIN, b"", 0, NFNL_SUBSYS_NFTABLES, 0),
             message(NEWTABLE, attr(1, "t")),
             message(NEWCHAIN, attr(1, "t") + attr(3, "c") +
                     attr(4, [attr(1, HOOK_LOCAL_OUT), attr(2, 0)]) + attr(7, "filter")),
             message(NEWRULE, attr(1, "t") + attr(2, "c") + attr(4, list(expressions))),
             message(BATCH_END, b"", 0, NFNL_SUBSYS_NFTABLES, 0))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        try:
            sock.send(b"".join(batch))
        except OSError as error:
            raise ktap.Skip(f"nf_tables: {error}") from error
        for _ in range(3):
            error = -struct.unpack_from("=i", sock.recv(65536), 16)[0]
            if error in (errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.ENOENT):
                raise ktap.Skip(f"nf_tables: {os.strerror(error)}")
            assert not error, os.strerror(error)


def loopback(version):
    return "127.0.0.1" if version == 4 else "::1"


def listen(kind):
    sock = doors.open_socket(*kind)
    sock.bind((loopback(kind[1]), PORT))
    sock.listen()
    return sock


def connects(kind, wanted=True, mark_with=0):
    """Whether a connection comes about; if that is not wanted, only a moment is waited"""
    with doors.open_socket(*kind) as sock:
        if mark_with:
            sock.setsockopt(socket.SOL_SOCKET, SO_MARK, mark_with)
        sock.setblocking(False)
        sock.connect_ex((loopback(kind[1]), PORT))
        return bool(select.select([], [sock], [], 10 if wanted else 0.05)[1]) and \
            not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def mark():
    for kind in ALL:
        rule(*meta(META_MARK, 7), DROP)
        with listen(kind):
            assert not connects(kind, False, mark_with=7), kind
            assert connects(kind, mark_with=8), kind


def owner():
    for kind in ALL:
        rule(*meta(META_SKUID, NOBODY), DROP)
        with listen(kind):
            os.seteuid(NOBODY)
            try:
                assert not connects(kind, False), kind
            finally:
                os.seteuid(0)
            assert connects(kind), kind


def owner_of_a_listener():
    """The answer to a SYN is that of who listens"""
    for kind in ALL:
        rule(*meta(META_SKUID, NOBODY), DROP)
        os.seteuid(NOBODY)
        listener = listen(kind)
        os.seteuid(0)
        with listener:
            # over IPv6 TCP tells filters so in some kernels only
            assert not connects(kind, False) or kind == ("tcp", 6), kind


def tracked():
    with open(CONNTRACK, encoding="ascii") as file:
        return [line for line in file if line.split()[3] == str(doors.protocol_number())]


def tracking():
    """An entry for each two hosts, whatever connections there are between them"""
    for version in (4, 6):
        rule(TRACK)
        if not os.path.exists(CONNTRACK):
            raise ktap.Skip(f"no {CONNTRACK}")
        kind = ("protocol", version)
        with listen(kind) as listener:
            ends = []
            for _ in range(2):
                ends.append(doors.open_socket(*kind))
                ends[-1].connect((loopback(version), PORT))
                ends.append(listener.accept()[0])
            wait_for(lambda: len(tracked()) == 1, "an entry")
            line = tracked()[0]
            assert "port=" not in line, line
            # both directions are known, so it is not new any more
            assert "UNREPLIED" not in line, line
            for end in ends:
                end.close()


def main():
    ktap.need_tern()
    ktap.run([(function.__name__, function) for function in
              (mark, owner, owner_of_a_listener, tracking)])


if __name__ == "__main__":
    main()
