# SPDX-License-Identifier: GPL-2.0
"""The remote host of a wire test: scenarios in which every segment is ours.

World is one scenario's network namespace with a TUN device: the kernel under
test is the host at one end, the scenario plays the host at the other. Conn is
one connection, seen from the scenario's end. Numbers are relative, as in a
textbook: the kernel's SYN and ours have sequence number 0, the first byte of
data is 1.

Both directions carry STREAM, each byte at the place of its sequence number, so
that send(len=100) needs no data, and whatever arrives is compared without being
told what it should be.

What is checked on every segment from the kernel, unasked: the checksums, the
version, the verification tag, that the timestamp echo is one we sent, and that
our timestamps never run backwards.
"""
import contextlib
import errno
import os
import random
import select
import socket
import struct
import subprocess
import time

from lib import doors, edges, netns, ternwire
from lib.ternwire import ACK, PSH, RST, SYN, flags_of, icmp_error, ip_packet, letters_of

STREAM = random.Random(253).randbytes(1 << 17) * 2
PORT = 7000

# How long to wait for what must happen. Never how long something takes: a
# scenario goes on as soon as the event is there.
DEADLINE = 10 * float(os.environ.get("TERN_DEADLINE_SCALE", "1"))

STATES = ["", "ESTABLISHED", "SYN_SENT", "SYN_RECEIVED", "FIN_WAIT_1", "FIN_WAIT_2",
          "TIME_WAIT", "CLOSED", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "SYN_RECEIVED"]


class Failure(Exception):
    """What the kernel did is not what the scenario expects."""


def relative(number, base):
    number = (number - base) & 0xffffffff
    return number - (1 << 32) if number >> 31 else number


def wait_for(condition, what, deadline=DEADLINE):
    """The condition's first true value, or Failure after the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {deadline:g} s")
        time.sleep(0.002)


def check(condition, what):
    if not condition:
        raise Failure(what)


def check_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, expected {wanted!r}")


def stream(seq, length):
    """What belongs at a relative sequence number; far outside it repeats"""
    at = (seq - 1) % (len(STREAM) // 2)
    return STREAM[at:at + length]


def proc_address(digits):
    """The address in a line of /proc/net/tern/sockets, tcp or tcp6"""
    data = b"".join(struct.pack("=I", int(digits[at:at + 8], 16))
                    for at in range(0, len(digits), 8))
    if len(data) == 16 and data[:12] == b"\0" * 10 + b"\xff\xff":
        data = data[12:]
    return socket.inet_ntop(socket.AF_INET6 if len(data) == 16 else socket.AF_INET, data)


class World:
    """A fresh namespace; variant is "tern4", "tern6", "tcp4" or "tcp6"."""

    def __init__(self, variant, mtu=1500):
        self.tern = variant.startswith("tern")
        self.version = int(variant[-1])
        if self.version == 4:
            self.local, self.remote, prefix = "192.0.2.1", "192.0.2.2", 24
        else:
            self.local, self.remote, prefix = "2001:db8::1", "2001:db8::2", 64
        # each IP version goes through another door
        self.door = ("protocol" if self.version == 4 else "family") if self.tern else "tcp"
        self.ip_header = 20 if self.version == 4 else 40
        self.mss = mtu - self.ip_header - ternwire.HEADER_LEN
        if self.tern:
            self.codec, self.proto = ternwire, doors.protocol_number()
            ternwire.PROTO = self.proto
        else:
            from lib import tcpwire  # pylint: disable=import-outside-toplevel
            self.codec, self.proto = tcpwire, tcpwire.PROTO
        # what is injected on two CPUs may overtake: on which one does not matter
        os.sched_setaffinity(0, {os.getpid() % os.cpu_count()})
        netns.enter_new_namespace()
        self.tun = netns.Tun("tun0", self.local, prefix, mtu)
        if self.version == 6:
            # by a work queue that all namespaces share
            wait_for(lambda: netns.delivers_to(self.local), "the IPv6 address is usable",
                     4 * DEADLINE)
        self.conns, self.strays, self.log, self.sockets = {}, [], [], []
        self.started = time.monotonic()
        if self.tern:
            # a slow machine must not cause retransmissions that no scenario asked for
            self.sysctl("rto_min_ms", 2000)
            # nor a probe that a scenario does not wait for
            self.sysctl("tlp", 0)
        else:
            self._set_up_tcp()

    def _set_up_tcp(self):
        """TCP without what Tern does not have (yet)."""
        for name, value in (("congestion_control", "cubic"), ("frto", 0), ("early_retrans", 0),
                            ("autocorking", 0), ("invalid_ratelimit", 0),
                            ("syncookies", 0), ("ecn", 0), ("comp_sack_nr", 0),
                            ("no_metrics_save", 1), ("fastopen", 0),
                            ("syn_linear_timeouts", 0)):
            # not every kernel has every one of them
            with contextlib.suppress(FileNotFoundError):
                netns.sysctl(f"net.ipv4.tcp_{name}", value)
        self.tcp_rto_min(2000)

    def tcp_rto_min(self, milliseconds):
        """A sysctl since 6.11, before that a property of the route"""
        try:
            netns.sysctl("net.ipv4.tcp_rto_min_us", 1000 * milliseconds)
        except FileNotFoundError:
            route = "192.0.2.0/24" if self.version == 4 else "2001:db8::/64"
            subprocess.run(["ip", f"-{self.version}", "route", "replace", route, "dev", "tun0",
                            "proto", "kernel", "rto_min", f"{milliseconds}ms"], check=True)

    # --- knobs and counters -------------------------------------------------

    def sysctl(self, name, value):
        """net.tern.NAME, or what TCP calls it"""
        if self.tern:
            netns.sysctl(f"net.tern.{name}", value)
            return
        if name == "rto_min_ms":
            self.tcp_rto_min(value)
            return
        names = {"retries": "retries2", "tlp": "early_retrans"}
        netns.sysctl(f"net.ipv4.tcp_{names.get(name, name)}", value)

    def counters(self):
        with open("/proc/net/tern/snmp", encoding="ascii") as file:
            return {name: int(value) for name, value in map(str.split, file)}

    @contextlib.contextmanager
    def counts(self, **rises):
        """Each named counter must rise by so many; (n, None) is n or more."""
        if not self.tern:
            yield
            return
        before = self.counters()
        missing = set(rises) - set(before)
        check(not missing, f"no counters {missing}")
        yield
        after = self.counters()
        for name, wanted in rises.items():
            low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
            rose = after[name] - before[name]
            check(rose >= low and (high is None or rose <= high),
                  f"counter {name} rose by {rose}, expected {wanted}; all that rose: " +
                  str({key: after[key] - before[key] for key in after
                       if after[key] != before[key]}))

    def edge_counts(self):
        return edges.read_counts() if self.tern else {}

    def entries(self):
        """[(state, local port, remote port, remote address)] of every socket here"""
        found = []
        for path in ["tern/sockets"] if self.tern else ["tcp", "tcp6"]:
            with open(f"/proc/net/{path}", encoding="ascii") as file:
                for line in file.readlines()[1:]:
                    words = line.split()
                    address, port = words[2].split(":")
                    found.append((STATES[int(words[3], 16)], int(words[1].split(":")[1], 16),
                                  int(port, 16), proc_address(address)))
        return found

    def states_of(self, local_port, remote_port, remote=None):
        """The state, as a list of one; empty when there is no such socket."""
        return [entry[0] for entry in self.entries() if entry[1:3] == (local_port, remote_port) and
                remote in (None, entry[3])]

    # --- sockets ------------------------------------------------------------

    def socket(self):
        sock = doors.open_socket(self.door, self.version)
        sock.setblocking(False)
        self.sockets.append(sock)
        return sock

    def listen(self, port=PORT, backlog=16, options=()):
        sock = self.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option in options:
            sock.setsockopt(*option)
        sock.bind((self.local, port))
        sock.listen(backlog)
        return sock

    @staticmethod
    def accept(listener):
        def try_accept():
            try:
                return listener.accept()[0]
            except BlockingIOError:
                return None

        sock = wait_for(try_accept, "accept()")
        sock.setblocking(False)
        return sock

    def connecting(self, port=PORT, options=()):
        """A Conn whose socket has called connect(): its SYN is on the way."""
        sock = self.socket()
        for option in options:
            sock.setsockopt(*option)
        error = sock.connect_ex((self.remote, port))
        check_equal(error, errno.EINPROGRESS, "errno of connect()")
        return Conn(self, sport=port, dport=sock.getsockname()[1], sock=sock)

    def established(self, active=False, options=(), **fields):
        """A Conn through the whole handshake."""
        if active:
            return self.connecting(options=options).finish_active(**fields)
        listener = self.listen(options=options)
        conn = Conn(self).finish_passive(listener, **fields)
        conn.listener = listener
        return conn

    # --- packets ------------------------------------------------------------

    def inject_packet(self, packet):
        self.tun.send(packet)

    def inject(self, segment, src=None, dst=None):
        src, dst = src or self.remote, dst or self.local
        self.tun.send(ip_packet(src, dst, segment.build(src, dst), self.proto, tos=segment.tos))

    def inject_bytes(self, data, src=None, dst=None):
        """The bytes of a segment, as they are: no checksum is set."""
        self.tun.send(ip_packet(src or self.remote, dst or self.local, data, self.proto))

    def icmp_error(self, quoted, kind, code, word=0, **more):
        """An ICMP error from the remote host about a packet the kernel sent"""
        self.tun.send(icmp_error(self.remote, self.local, kind, code, quoted, word, **more))

    def receive(self, timeout=DEADLINE):
        """The next segment of any connection, or None; other protocols' packets are skipped."""
        deadline = time.monotonic() + timeout
        while True:
            packet = self.tun.receive(deadline)
            if packet is None:
                return None
            src, dst, proto, payload = ternwire.parse_ip(packet)
            if proto == self.proto:
                segment = self.codec.Segment.parse(src, dst, payload)
                segment.src, segment.dst, segment.packet = src, dst, packet
                return segment

    def receive_for(self, conn, timeout):
        """The next segment for this Conn; those for others are kept for them."""
        deadline = time.monotonic() + timeout
        while not conn.arrived:
            segment = self.receive(max(0, deadline - time.monotonic()))
            if segment is None:
                return None
            owner = self.conns.get((segment.dport, segment.sport))
            if owner is None:
                self.strays.append(segment)
                self.note("stray", segment.describe())
            else:
                owner.arrived.append(segment)
        return conn.arrived.pop(0)

    def note(self, direction, text):
        self.log.append(f"{time.monotonic() - self.started:7.3f} {direction} {text}")


class Conn:
    """The remote host's end of one connection, and (as sock) the program's socket.

    sport and iss are the scenario's, dport and irs the kernel's; tag is the tag
    that we chose and the kernel must use, peer_tag the one it chose for us.
    """

    next_port = 40000
    Segment = None

    # pylint: disable=too-many-instance-attributes
    def __init__(self, world, sport=None, dport=PORT, sock=None, remote=None, iss=0xfffffa00):
        if sport is None:
            sport, Conn.next_port = Conn.next_port, Conn.next_port + 1
        self.world, self.sport, self.dport, self.sock = world, sport, dport, sock
        self.remote = remote or world.remote
        # data and timestamps wrap early, in every scenario
        self.iss, self.irs, self.clock = iss, None, 0xfffff000
        self.tag, self.peer_tag = random.getrandbits(32) or 1, 0
        self.snd_nxt = self.rcv_nxt = 0
        self.window, self.wscale = 65535, 0
        self.ts_recent, self.ts_sent, self.last_ts = 0, {0}, None
        self.read_at = self.write_at = 1
        self.arrived, self.listener, self.last = [], None, None
        self.seen, self.repeats_ok = set(), False
        self.clock_started = time.monotonic()
        world.conns[sport, dport] = self

    def now(self):
        return (self.clock + int((time.monotonic() - self.clock_started) * 1e6)) & 0xffffffff

    # --- handshake ----------------------------------------------------------

    def syn_options(self, mss=None):
        mss = self.world.mss if mss is None else mss
        options = [ternwire.mss_option(mss)] if mss else []
        return options + [ternwire.tag_option(self.tag)]

    def send_syn(self, mss=None, **fields):
        fields.setdefault("options", self.syn_options(mss))
        return self.send("S", seq=0, ack=None, tag=0, tsecr=0, **fields)

    def send_syn_ack(self, mss=None, **fields):
        fields.setdefault("options", self.syn_options(mss))
        return self.send("SA", seq=0, ack=1, **fields)

    def expect_syn(self, **checks):
        syn = self.expect("S", seq=0, **checks)
        check_equal(syn.tag, 0, "tag field of a SYN")
        return syn

    def finish_active(self, **fields):
        self.expect_syn()
        self.send_syn_ack(**fields)
        self.expect("A", seq=1, ack=1, len=0)
        return self

    def shake_hands(self, **fields):
        """A connection to a listener, which nobody has accepted yet"""
        self.send_syn(**fields)
        self.expect("SA", seq=0, ack=1)
        self.send("A")
        return self

    def finish_passive(self, listener, **fields):
        self.shake_hands(**fields)
        self.sock = self.world.accept(listener)
        return self

    # --- segments -----------------------------------------------------------

    # pylint: disable-next=redefined-builtin
    def send(self, flags="A", seq=None, ack=-1, len=0, **fields):
        """Inject a segment of this connection.

        Without seq and ack it is the next one in order, and moves on; ack=None
        leaves the field 0. len bytes of STREAM are its payload.
        """
        segment = self.build(flags, seq, ack, len, **fields)
        if seq is None or (flags_of(flags) & SYN and seq == 0):
            start = self.snd_nxt if seq is None else seq
            self.snd_nxt = max(self.snd_nxt, start + segment.seqlen)
        self.world.note("->", segment.describe(self.iss, self.irs or 0))
        self.world.inject(segment, src=self.remote)
        return segment

    # pylint: disable-next=redefined-builtin
    def build(self, flags="A", seq=None, ack=-1, len=0, **fields):
        seq = self.snd_nxt if seq is None else seq
        ack = self.rcv_nxt if ack == -1 else ack
        sack = fields.pop("sack", None)
        segment = self.world.codec.Segment(flags, (self.iss + seq) & 0xffffffff)
        segment.sport, segment.dport = self.sport, self.dport
        if ack is not None and segment.flags & ACK:
            segment.ack = ((self.irs or 0) + ack) & 0xffffffff
        segment.payload = fields.pop("payload", stream(seq, len))
        segment.window, segment.tag = self.window, self.peer_tag
        segment.ts, segment.tsecr = self.now(), self.ts_recent
        for name, value in fields.items():
            check(hasattr(segment, name), f"a segment has no {name}")
            setattr(segment, name, value)
        if sack:
            irs = self.irs
            segment.options = [ternwire.sack_option(*[((irs + left) & 0xffffffff,
                                                       (irs + right) & 0xffffffff)
                                                      for left, right in sack])]
        self.ts_sent.add(segment.ts)
        return segment

    def expect(self, flags, timeout=DEADLINE, **checks):
        """The next segment of this connection must be this one.

        checks: seq, ack, len, win, sack (relative blocks), tag, mss, psh,
        win_min. PSH matters only if psh= is given. With repeats_ok, what was
        received before may come again in between: where timers are short and
        the machine is slow, that is nobody's fault.
        """
        wanted = f"{flags} " + " ".join(f"{key}={value}" for key, value in checks.items())
        while True:
            segment = self.world.receive_for(self, timeout)
            if segment is None:
                raise Failure(f"expected {wanted}: nothing came within {timeout:g} s")
            repeated = self._take(segment)
            wrong = self._differences(segment, flags, checks)
            if not wrong:
                return segment
            # a handshake takes more than a second, on a machine that slow
            if not (repeated and (self.repeats_ok or segment.flags & SYN)):
                raise Failure(f"expected {wanted}\n     got {self.describe(segment)}\n"
                              f"   wrong {', '.join(wrong)}")

    def pending(self):
        """Is there another segment already?"""
        return self._peek(0.01) is not None

    def _peek(self, timeout):
        segment = self.world.receive_for(self, timeout)
        if segment:
            self.arrived.insert(0, segment)
        return segment

    def expect_rst(self, **checks):
        """RST, with or without ACK: RFC 9293 leaves that open for an abort."""
        segment = self._peek(DEADLINE)
        check(segment is not None, "expected RST, nothing came")
        return self.expect("RA" if segment.flags & ACK else "R", **checks)

    def expect_maybe(self, flags, **checks):
        """Like expect(), but it is no error when nothing was sent."""
        return self.expect(flags, **checks) if self._peek(0.01) else None

    def expect_one_of(self, *choices, **checks):
        """One of these combinations of flags"""
        segment = self._peek(DEADLINE)
        flags = letters_of(segment.flags & ~PSH) if segment else None
        match = next((choice for choice in choices if set(choice) == set(flags or "")), choices[0])
        return self.expect(match, **checks)

    def expect_none(self, timeout=0.01):
        """Nothing was sent. An immediate answer is in the queue already (see
        Tun.send); a later one trips over the next expect()."""
        segment = self.world.receive_for(self, timeout)
        if segment:
            self._take(segment)
            raise Failure(f"expected nothing, got {self.describe(segment)}")

    def describe(self, segment):
        return segment.describe(self.irs or 0, self.iss)

    def _take(self, segment):
        """Follow what the kernel's segment says; whether it came before."""
        if self.irs is None or (segment.flags & SYN and self.rcv_nxt == 0):
            self.irs = segment.seq
        if segment.tag_option is not None:
            self.peer_tag = segment.tag_option
        if segment.flags & SYN:
            self.wscale = getattr(segment, "wscale", None) or 0
        else:
            segment.window <<= self.wscale
        segment.rel = relative(segment.seq, self.irs)
        segment.rel_ack = relative(segment.ack, self.iss)
        if not segment.flags & RST:
            if segment.rel <= self.rcv_nxt:
                self.ts_recent = segment.ts
            if segment.rel == self.rcv_nxt:
                self.rcv_nxt += segment.seqlen
        self.last = segment
        self.world.note("<-", self.describe(segment))
        identity = (segment.seq, segment.flags & ~PSH, segment.payload)
        repeated = identity in self.seen
        self.seen.add(identity)
        return repeated

    def blocks(self, segment):
        """The SACK blocks of a segment from the kernel, relative"""
        return [(relative(left, self.iss), relative(right, self.iss))
                for left, right in segment.sack]

    def _differences(self, segment, flags, checks):
        wrong = []

        def compare(name, got, wanted):
            if got != wanted:
                wrong.append(f"{name} is {got}")

        checks = dict(checks)
        psh = checks.pop("psh", None)
        ignored = PSH if psh is None else 0
        expected = flags_of(flags) | (PSH if psh else 0)
        compare("flags", letters_of(segment.flags & ~ignored), letters_of(expected & ~ignored))
        values = {"seq": segment.rel, "ack": segment.rel_ack, "len": len(segment.payload),
                  "win": segment.window, "mss": segment.mss}
        if self.world.tern:
            tag = 0 if segment.flags & (SYN | ACK) == SYN else self.tag
            compare("tag", segment.tag, checks.pop("tag", tag))
            if (segment.flags & (ACK | RST)) == ACK and segment.tsecr not in self.ts_sent:
                wrong.append("the timestamp echo is none that was sent")
        checks.pop("tag", None)
        if not segment.flags & RST:
            if self.last_ts is not None and relative(segment.ts, self.last_ts) < 0:
                wrong.append("the timestamp went backwards")
            self.last_ts = segment.ts
        if "sack" in checks:
            compare("sack", self.blocks(segment), [tuple(block) for block in checks.pop("sack")])
        if "win_min" in checks and segment.window < checks.pop("win_min"):
            wrong.append(f"win is {segment.window}")
        for name, value in checks.items():
            compare(name, values[name], value)
        if segment.payload != stream(segment.rel, len(segment.payload)):
            wrong.append("the data is not what the program wrote there")
        return wrong

    def set_window(self, window):
        """Offer another window, now and from now on. A smaller one in a segment
        that says nothing new may be taken for an old one: a byte of data goes first."""
        self.send(len=1)
        self.expect("A", ack=self.snd_nxt, len=0)
        self.read(1)
        self.window = window
        self.send("A")

    # --- the program's side -------------------------------------------------

    def write(self, length, flags=0):
        """The program writes so many bytes; its buffer must take them."""
        data = stream(self.write_at, length)
        check_equal(self.sock.send(data, flags), length, "send()")
        self.write_at += length

    def read(self, length, deadline=DEADLINE):
        """The program reads exactly so many bytes, and they are the right ones."""
        got, end = b"", time.monotonic() + deadline
        while len(got) < length:
            try:
                part = self.sock.recv(length - len(got))
            except BlockingIOError:
                part = None
                left = end - time.monotonic()
                check(left > 0, f"read {len(got)} bytes of {length}, then nothing")
                select.select([self.sock], [], [], left)
            check(part != b"", f"read {len(got)} bytes of {length}, then end of file")
            got += part or b""
        check(got == stream(self.read_at, length), f"read() at {self.read_at}: wrong data")
        self.read_at += length

    def read_eof(self):
        check_equal(self._recv_now(), b"", "recv() at the end")

    def read_nothing(self):
        check_equal(self._recv_now(wait=False), None, "recv() of an empty queue")

    def _recv_now(self, wait=True):
        if wait:
            select.select([self.sock], [], [], DEADLINE)
        try:
            return self.sock.recv(65536)
        except BlockingIOError:
            return None

    def read_error(self, number):
        """recv() fails with this errno."""
        try:
            got = self._recv_now()
        except OSError as error:
            check_equal(errno.errorcode[error.errno], errno.errorcode[number], "errno of recv()")
            return
        raise Failure(f"recv() gave {got!r}, expected {errno.errorcode[number]}")

    def socket_error(self, number):
        """SO_ERROR becomes this errno (an event that poll() reports)."""
        poll = select.poll()
        poll.register(self.sock, select.POLLOUT)
        poll.poll(DEADLINE * 1000)
        got = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        check_equal(errno.errorcode.get(got, got), errno.errorcode[number], "SO_ERROR")

    def shutdown(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def abort(self):
        doors.reset_on_close(self.sock)
        self.sock.close()

    # --- what the kernel thinks ---------------------------------------------

    def state(self, wanted, deadline=DEADLINE):
        """Wait until the kernel has the connection in this state; CLOSED is: no more."""
        wanted = [] if wanted == "CLOSED" else [wanted]
        end = time.monotonic() + deadline
        while True:
            got = self.world.states_of(self.dport, self.sport, self.remote)
            if got == wanted:
                return
            if time.monotonic() > end:
                raise Failure(f"state {got or 'CLOSED'}, expected {wanted or 'CLOSED'}")
            time.sleep(0.002)

    def alive(self):
        """Data still goes both ways, and nothing was left unread on the way."""
        self.send(len=10)
        self.expect("A", ack=self.snd_nxt, len=0)
        self.read(10)
        at = self.rcv_nxt
        self.write(10)
        self.expect("A", seq=at, len=10)
        self.send("A")
        check(not self.arrived, "segments that nobody expected")
        self.state("ESTABLISHED")

