#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The tables of socket options in tern(7) against the module: each option has
the type, the default, the range and the errors that they say; what they do not
have gives ENOPROTOOPT; and what is the kernel's own answers as TCP does.
"""
import ctypes
import errno
import os
import re
import struct

from lib import doors, ktap, netns

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))),
                    "Documentation", "tern.7")
SOL_SOCKET, SOL_IP, SOL_TCP, SOL_IPV6, SOL_TERN = 1, 0, 6, 41, 253
TCP_ULP = 31
NOBODY = 65534
NUMBERS = 256
INT_MAX = 2**31 - 1

NAMES = {
    SOL_TCP: """TCP_NODELAY=1 TCP_MAXSEG=2 TCP_CORK=3 TCP_KEEPIDLE=4 TCP_KEEPINTVL=5
        TCP_KEEPCNT=6 TCP_SYNCNT=7 TCP_LINGER2=8 TCP_DEFER_ACCEPT=9 TCP_WINDOW_CLAMP=10
        TCP_INFO=11 TCP_QUICKACK=12 TCP_CONGESTION=13 TCP_USER_TIMEOUT=18
        TCP_NOTSENT_LOWAT=25 TCP_ULP=31 TCP_INQ=36""",
    SOL_TERN: "TERN_INFO=1 TERN_CONGESTION=2 TERN_ZEROCOPY=3",
    SOL_SOCKET: """SO_DEBUG=1 SO_REUSEADDR=2 SO_TYPE=3 SO_ERROR=4 SO_DONTROUTE=5
        SO_BROADCAST=6 SO_SNDBUF=7 SO_RCVBUF=8 SO_KEEPALIVE=9 SO_OOBINLINE=10 SO_NO_CHECK=11
        SO_PRIORITY=12 SO_LINGER=13 SO_BSDCOMPAT=14 SO_REUSEPORT=15 SO_PASSCRED=16
        SO_PEERCRED=17 SO_RCVLOWAT=18 SO_SNDLOWAT=19 SO_RCVTIMEO=20 SO_SNDTIMEO=21
        SO_BINDTODEVICE=25 SO_ATTACH_FILTER=26 SO_DETACH_FILTER=27 SO_PEERNAME=28
        SO_TIMESTAMP=29 SO_ACCEPTCONN=30 SO_PEERSEC=31 SO_SNDBUFFORCE=32 SO_RCVBUFFORCE=33
        SO_PASSSEC=34 SO_TIMESTAMPNS=35 SO_MARK=36 SO_TIMESTAMPING=37 SO_PROTOCOL=38
        SO_DOMAIN=39 SO_RXQ_OVFL=40 SO_WIFI_STATUS=41 SO_PEEK_OFF=42 SO_NOFCS=43
        SO_LOCK_FILTER=44 SO_SELECT_ERR_QUEUE=45 SO_BUSY_POLL=46 SO_MAX_PACING_RATE=47
        SO_BPF_EXTENSIONS=48 SO_INCOMING_CPU=49 SO_ATTACH_BPF=50 SO_ATTACH_REUSEPORT_CBPF=51
        SO_ATTACH_REUSEPORT_EBPF=52 SO_CNX_ADVICE=53 SO_MEMINFO=55 SO_INCOMING_NAPI_ID=56
        SO_COOKIE=57 SO_PEERGROUPS=59 SO_ZEROCOPY=60 SO_TXTIME=61 SO_BINDTOIFINDEX=62
        SO_TIMESTAMP_NEW=63 SO_TIMESTAMPNS_NEW=64 SO_TIMESTAMPING_NEW=65 SO_RCVTIMEO_NEW=66
        SO_SNDTIMEO_NEW=67 SO_DETACH_REUSEPORT_BPF=68 SO_PREFER_BUSY_POLL=69
        SO_BUSY_POLL_BUDGET=70 SO_NETNS_COOKIE=71 SO_BUF_LOCK=72 SO_RESERVE_MEM=73
        SO_TXREHASH=74 SO_RCVMARK=75 SO_PASSPIDFD=76 SO_PEERPIDFD=77 SO_DEVMEM_DONTNEED=80""",
    SOL_IP: """IP_TOS=1 IP_TTL=2 IP_OPTIONS=4 IP_PKTOPTIONS=9 IP_MTU_DISCOVER=10 IP_RECVERR=11
        IP_MTU=14 IP_FREEBIND=15 IP_IPSEC_POLICY=16 IP_XFRM_POLICY=17 IP_TRANSPARENT=19 IP_MINTTL=21 IP_BIND_ADDRESS_NO_PORT=24
        IP_LOCAL_PORT_RANGE=51""",
    SOL_IPV6: """IPV6_UNICAST_HOPS=16 IPV6_MTU_DISCOVER=23 IPV6_MTU=24
        IPV6_RECVERR=25 IPV6_V6ONLY=26 IPV6_FLOWLABEL_MGR=32 IPV6_FLOWINFO_SEND=33
        IPV6_IPSEC_POLICY=34 IPV6_XFRM_POLICY=35 IPV6_HOPOPTS=54 IPV6_RTHDRDSTOPTS=55
        IPV6_RTHDR=57 IPV6_DSTOPTS=59 IPV6_TCLASS=67 IPV6_AUTOFLOWLABEL=70 IPV6_ADDR_PREFERENCES=72 IPV6_MINHOPCOUNT=73
        IPV6_TRANSPARENT=75 IPV6_FREEBIND=78""",
}
NAMES = {level: {name: int(number) for name, number in
                 (word.split("=") for word in words.split())}
         for level, words in NAMES.items()}

# What TCP has and Tern has not: below the tables each is named.
ABSENT = """TCP_MD5SIG=14 TCP_COOKIE_TRANSACTIONS=15 TCP_THIN_LINEAR_TIMEOUTS=16
    TCP_THIN_DUPACK=17 TCP_REPAIR=19 TCP_REPAIR_QUEUE=20 TCP_QUEUE_SEQ=21
    TCP_REPAIR_OPTIONS=22 TCP_FASTOPEN=23 TCP_TIMESTAMP=24 TCP_CC_INFO=26 TCP_SAVE_SYN=27
    TCP_SAVED_SYN=28 TCP_REPAIR_WINDOW=29 TCP_FASTOPEN_CONNECT=30
    TCP_MD5SIG_EXT=32 TCP_FASTOPEN_KEY=33 TCP_FASTOPEN_NO_COOKIE=34
    TCP_ZEROCOPY_RECEIVE=35 TCP_TX_DELAY=37 TCP_AO_ADD_KEY=38 TCP_AO_REPAIR=42
    TCP_IS_MPTCP=43"""

# Where TCP's answer is about TCP (80: SO_ORIGINAL_DST of connection tracking), or
# about what the buffer happened to hold (IP_MSFILTER and the like): (level, number)
TCPS_OWN = {(SOL_SOCKET, 42), (SOL_SOCKET, 60), (SOL_SOCKET, 80), (SOL_IPV6, 1),
            (SOL_IP, 80), (SOL_IPV6, 80),
            (SOL_IP, 41), (SOL_IP, 48), (SOL_IPV6, 48), (SOL_IPV6, 32)}


class Row:
    """An option as the page has it"""

    def __init__(self, level, line):
        name, kind, self.default, values, errors = \
            [cell.replace("\\-", "-").strip() for cell in line.split("|")]
        self.level = level
        self.name, _, since = name.partition(" ")
        self.since = tuple(int(part) for part in since.strip("()").split(".")) if since else (0, 0)
        words = kind.split(", ")
        self.switch, self.is_int = words[0] == "switch", words[0] in ("switch", "int")
        self.get_only, self.set_only = "get" in words[1:], "set" in words
        if self.set_only and words[0] == "int":
            self.is_int = True
        limits = re.match(r"(-?\d+)\.\.(\d+)", values)
        self.limits = tuple(int(limit) for limit in limits.groups()) if limits else None
        self.also = [int(value) for value in re.findall(r"\((-?\d+)\)", values)]
        self.error_names = errors.split()
        self.errors = [getattr(errno, error) for error in self.error_names]
        self.number = NAMES[level].get(self.name)

    def exists(self):
        return running() >= self.since


def running():
    return tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())


def read_page():
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    rows = []
    for level, table in re.findall(r"^Level \w+ \((\d+)\).*?^\.TS\n(.*?)^\.TE$", text,
                                   re.MULTILINE | re.DOTALL):
        lines = table.splitlines()
        rows += [Row(int(level), line) for line in
                 lines[1 + lines.index("Option|Type|Default|Values|Errors"):]]
    return text, rows


TEXT, ROWS = read_page() if os.path.exists(PAGE) else ("", [])


def sockets_for(level, protocol="tern"):
    """A new socket of each door that has options of this level"""
    kinds = [("tcp", 4), ("tcp", 6)] if protocol == "tcp" else \
        [("protocol", 4), ("protocol", 6), ("family", 6)]
    if level == SOL_IPV6:
        kinds = [kind for kind in kinds if kind[1] == 6]
    return [doors.open_socket(*kind) for kind in kinds]


def error_of(call, *args):
    try:
        call(*args)
    except OSError as error:
        return error.errno
    return 0


def must_be(row, got, wanted, what):
    assert got == wanted, f"{row.name}: {what}: {got} instead of {wanted}"


def rows_of(level=None):
    return [row for row in ROWS if row.exists() and level in (None, row.level)]


def check(function):
    """function(row, socket) for each option, with a new socket of each door"""
    def all_of_them():
        for row in rows_of():
            for sock in sockets_for(row.level):
                with sock:
                    function(row, sock)
    all_of_them.__name__ = function.__name__
    return all_of_them


def lists_agree():
    for level, names in NAMES.items():
        listed = [row.name for row in ROWS if row.level == level]
        assert sorted(listed) == sorted(names), set(listed) ^ set(names)


@check
def defaults(row, sock):
    if not re.fullmatch(r"-?\d+", row.default) or not row.is_int:
        return
    value = sock.getsockopt(row.level, row.number)
    must_be(row, value, int(row.default), "default")
    must_be(row, len(sock.getsockopt(row.level, row.number, 64)), 4, "length")


@check
def directions(row, sock):
    if row.get_only:
        must_be(row, error_of(sock.setsockopt, row.level, row.number, bytes(64)),
                errno.ENOPROTOOPT, "set")
    elif row.set_only:
        must_be(row, error_of(sock.getsockopt, row.level, row.number, 64),
                errno.ENOPROTOOPT, "get")
    else:
        for call, args in ((sock.getsockopt, (64,)), (sock.setsockopt, (bytes(64),))):
            got = error_of(call, row.level, row.number, *args)
            assert got != errno.ENOPROTOOPT, f"{row.name} is not known"


@check
def switches(row, sock):
    if not row.switch:
        return
    sock.setsockopt(row.level, row.number, 7)
    must_be(row, sock.getsockopt(row.level, row.number), 1, "after 7")
    if row.name != "SO_LOCK_FILTER":
        sock.setsockopt(row.level, row.number, 0)
        must_be(row, sock.getsockopt(row.level, row.number), 0, "after 0")


@check
def ranges(row, sock):
    if not row.limits:
        return
    low, high = row.limits
    for value in (low, high, *row.also):
        sock.setsockopt(row.level, row.number, value)
        if value >= max(low, 0):
            got = sock.getsockopt(row.level, row.number)
            # two bits of it are for ECN, which is not the program's affair
            must_be(row, got, value & 0xfc if row.name == "IPV6_TCLASS" else value,
                    "what was set")
    outside = {low - 1, low - 2}
    if high < INT_MAX:
        outside.add(high + 1)
    for value in outside - set(row.also):
        must_be(row, error_of(sock.setsockopt, row.level, row.number, value), row.errors[0],
                f"set to {value}")


# Where EPERM is for more than a missing privilege: WRONG has those
NOT_BY_PRIVILEGE = ("SO_LOCK_FILTER", "SO_ATTACH_BPF", "SO_ATTACH_REUSEPORT_EBPF",
                    "SO_DETACH_FILTER", "SO_BINDTOIFINDEX", "SO_RESERVE_MEM", "SO_BUSY_POLL",
                    "SO_RCVMARK")


def by_privilege(row):
    return row.is_int and row.level in (SOL_SOCKET, SOL_IP, SOL_IPV6) and \
        row.name not in NOT_BY_PRIVILEGE


@check
def privileges(row, sock):
    """Whoever has none is refused"""
    if not by_privilege(row):
        return
    value = 65535 if row.name == "SO_BUSY_POLL_BUDGET" else 7
    wanted = [number for number in row.errors if number in (errno.EPERM, errno.EACCES)]
    os.seteuid(NOBODY)
    try:
        got = error_of(sock.setsockopt, row.level, row.number, value)
    finally:
        os.seteuid(0)
    if wanted:
        must_be(row, got, wanted[0], "without privilege")
    else:
        assert got not in (errno.EPERM, errno.EACCES), f"{row.name} wants a privilege"


def as_nobody(_):
    os.seteuid(NOBODY)


def listening(sock):
    sock.listen(1)


def on_loopback(sock):
    sock.setsockopt(SOL_SOCKET, NAMES[SOL_SOCKET]["SO_BINDTOIFINDEX"], 1)
    as_nobody(sock)


def sharing(sock):
    sock.setsockopt(SOL_SOCKET, NAMES[SOL_SOCKET]["SO_REUSEPORT"], 1)
    sock.listen(1)


def locked(sock):
    """Its filter, of one instruction, is to stay"""
    sock.setsockopt(SOL_SOCKET, NAMES[SOL_SOCKET]["SO_REUSEPORT"], 1)
    sock.setsockopt(SOL_SOCKET, NAMES[SOL_SOCKET]["SO_ATTACH_FILTER"], FILTER)
    sock.setsockopt(SOL_SOCKET, NAMES[SOL_SOCKET]["SO_LOCK_FILTER"], 1)


ACCEPT_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xffffffff), 8)
FILTER = struct.pack("H6xP", 1, ctypes.addressof(ACCEPT_ALL))
NO_FILTER = struct.pack("H6xP", 0, 0)
TOO_LONG = struct.pack("qq", 0, 1000000)
EXTENSION = bytes((0, 0, 1, 4, 0, 0, 0, 0))
# What provokes the errors that no other case here does: names, error, what is
# set (None: it is read), and what comes before
WRONG = (
    ("TCP_WINDOW_CLAMP", "EINVAL", 0, listening),
    ("SO_RCVTIMEO SO_SNDTIMEO SO_RCVTIMEO_NEW SO_SNDTIMEO_NEW", "EDOM", TOO_LONG, None),
    ("SO_BINDTODEVICE", "ENODEV", b"nodev0\0", None),
    ("SO_BINDTODEVICE", "EPERM", b"lo\0", on_loopback),
    ("SO_BINDTOIFINDEX", "EPERM", 1, on_loopback),
    ("SO_ATTACH_FILTER SO_ATTACH_REUSEPORT_CBPF", "EPERM", FILTER, locked),
    ("SO_DETACH_FILTER SO_ATTACH_BPF SO_ATTACH_REUSEPORT_EBPF SO_LOCK_FILTER", "EPERM", 0, locked),
    ("SO_ATTACH_REUSEPORT_CBPF", "EINVAL", NO_FILTER, None),
    ("SO_ATTACH_BPF SO_ATTACH_REUSEPORT_EBPF", "EINVAL", b"", None),
    ("SO_DETACH_FILTER", "ENOENT", 0, None),
    ("SO_DETACH_REUSEPORT_BPF", "EINVAL", 0, None),
    ("SO_DETACH_REUSEPORT_BPF", "ENOENT", 0, sharing),
    ("SO_PEERNAME", "ENOTCONN", None, None),
    ("SO_TIMESTAMPING SO_TIMESTAMPING_NEW", "EINVAL", 1 << 30, None),
    ("SO_PEERGROUPS SO_PEERPIDFD", "ENODATA", None, None),
    ("SO_ZEROCOPY", "EINVAL", 2, None),
    ("SO_TXTIME", "EINVAL", struct.pack("iI", 1, 1 << 31), None),
    ("SO_TXTIME", "EPERM", struct.pack("iI", 0, 0), as_nobody),
    ("SO_BUSY_POLL_BUDGET", "EINVAL", 65536, None),
    ("SO_RESERVE_MEM", "EINVAL", -1, None),
    ("SO_RESERVE_MEM", "EOPNOTSUPP", 4096, None),
    ("SO_DEVMEM_DONTNEED", "EBADF", 0, None),
    ("IP_OPTIONS", "EINVAL", bytes(41), None),
    ("IP_IPSEC_POLICY IP_XFRM_POLICY IPV6_IPSEC_POLICY IPV6_XFRM_POLICY", "EPERM", bytes(200),
     as_nobody),
    ("IP_IPSEC_POLICY IP_XFRM_POLICY IPV6_IPSEC_POLICY IPV6_XFRM_POLICY", "EINVAL", bytes(8),
     None),
    ("IP_MTU IPV6_MTU", "ENOTCONN", None, None),
    ("IP_LOCAL_PORT_RANGE", "EINVAL", 1 << 16 | 2, None),
    ("IPV6_MTU", "EINVAL", 1279, None),
    ("IPV6_V6ONLY", "EINVAL", 1, listening),
    ("IPV6_FLOWLABEL_MGR", "EINVAL", bytes(3), None),
    ("IPV6_ADDR_PREFERENCES", "EINVAL", 3, None),
    ("IPV6_HOPOPTS IPV6_RTHDRDSTOPTS IPV6_RTHDR IPV6_DSTOPTS", "EINVAL", bytes(3), None),
    ("IPV6_HOPOPTS IPV6_RTHDRDSTOPTS IPV6_DSTOPTS", "EPERM", EXTENSION, as_nobody),
)
# ... where another kernel does, or one without a security module that has labels;
# 6.1 has no SO_ZEROCOPY for Tern, and reserves memory where a cgroup counts it
ELSEWHERE = {("SO_ZEROCOPY", "EOPNOTSUPP"), ("SO_ZEROCOPY", "EINVAL"),
             ("SO_RESERVE_MEM", "EOPNOTSUPP"), ("SO_PEERSEC", "ENOPROTOOPT")}


def wrongly():
    """Each documented error comes when it should"""
    shown = set()
    for names, error, value, before in WRONG:
        shown |= {(name, error) for name in names.split()}
        for row in rows_of():
            if row.name not in names.split() or \
               ((row.name, error) in ELSEWHERE and running() < (6, 12)):
                continue
            for sock in sockets_for(row.level):
                with sock:
                    try:
                        if before:
                            before(sock)
                        got = error_of(sock.getsockopt, row.level, row.number, 64) \
                            if value is None else \
                            error_of(sock.setsockopt, row.level, row.number, value)
                    finally:
                        os.seteuid(0)
                    must_be(row, got, getattr(errno, error), f"{value} is wrong")
    for row in ROWS:
        for error in row.error_names:
            assert (row.name, error) in shown | ELSEWHERE or \
                (error == "EINVAL" and row.limits) or row.name in CONTROLS or \
                (error in ("EPERM", "EACCES") and by_privilege(row)), \
                f"{row.name}: nothing here provokes {error}"


@check
def nothing_else(row, sock):
    """What is not documented does not come: get, and set to 0, 1 and as many zeros"""
    allowed = {0, *row.errors}
    if not row.set_only:
        # what is said of a flow label depends on what the buffer asks for
        got = error_of(sock.getsockopt, row.level, row.number,
                       8 if row.name == "SO_NETNS_COOKIE" else 64)
        assert got in allowed or row.name == "IPV6_FLOWLABEL_MGR", f"{row.name}: get: {got}"
    if row.get_only:
        return
    for value in 0, 1, bytes(64):
        got = error_of(sock.setsockopt, row.level, row.number, value)
        wrong_length = not row.is_int or isinstance(value, bytes)
        assert got in allowed or (wrong_length and got in (errno.EINVAL, errno.EFAULT)), \
            f"{row.name}: set to {value}: {got}"


def bad_memory():
    for row in rows_of(SOL_TCP):
        for sock in sockets_for(row.level):
            with sock:
                if row.get_only:
                    continue
                empty = b"" if row.name in ("TCP_CONGESTION", "TCP_ULP") else bytes(3)
                must_be(row, error_of(sock.setsockopt, row.level, row.number, empty),
                        errno.EINVAL, "too short")


CONTROLS = ("TCP_CONGESTION", "TERN_CONGESTION", "TCP_ULP")


def controls():
    for level, number in ((SOL_TCP, 13), (SOL_TERN, 2)):
        for sock in sockets_for(level):
            with sock:
                name = sock.getsockopt(level, number, 16).rstrip(b"\0")
                assert name == b"cubic", name
                assert error_of(sock.setsockopt, level, number, b"nothing") == errno.ENOENT
                os.seteuid(NOBODY)
                got = error_of(sock.setsockopt, level, number, b"dctcp")
                os.seteuid(0)
                assert got == errno.EPERM, got


def no_upper_layer():
    """As TCP where no such protocol can be loaded"""
    for protocol in ("tcp", "tern"):
        for sock in sockets_for(SOL_TCP, protocol):
            with sock:
                assert sock.getsockopt(SOL_TCP, TCP_ULP, 16) == b""
                assert error_of(sock.setsockopt, SOL_TCP, TCP_ULP, b"nothing") == errno.ENOENT


def nobodys():
    """What is not in the table is not known"""
    for level in (SOL_TCP, SOL_TERN, SOL_SOCKET):
        known = {row.number for row in rows_of(level)}
        for number in set(range(NUMBERS)) - known:
            for sock in sockets_for(level):
                with sock:
                    got = (error_of(sock.getsockopt, level, number, 64),
                           error_of(sock.setsockopt, level, number, 1))
                    assert got == (errno.ENOPROTOOPT,) * 2, (level, number, got)
    for word in ABSENT.split():
        name, number = word.split("=")
        assert name in TEXT and int(number) not in NAMES[SOL_TCP].values(), name


def as_tcp():
    """What the kernel answers for all protocols, it answers here too"""
    wrong = []
    for level in (SOL_SOCKET, SOL_IP, SOL_IPV6):
        for number in range(NUMBERS):
            answers = []
            for protocol in ("tcp", "tern"):
                answers.append(set())
                for sock in sockets_for(level, protocol):
                    with sock:
                        answers[-1].add((error_of(sock.getsockopt, level, number, 64),
                                         error_of(sock.setsockopt, level, number, 0),
                                         error_of(sock.setsockopt, level, number, 1)))
            if answers[0] != answers[1] and (level, number) not in TCPS_OWN:
                wrong.append((level, number, answers))
    assert not wrong, wrong


def main():
    if not TEXT:
        ktap.skip_all("tern.7 is not there")
    ktap.need_tern()
    netns.enter_new_namespace()
    ktap.run([(function.__name__, function) for function in
              (lists_agree, defaults, directions, switches, ranges, privileges, wrongly, nothing_else,
               bad_memory, controls, no_upper_layer, nobodys, as_tcp)])


if __name__ == "__main__":
    main()
