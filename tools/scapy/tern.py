# SPDX-License-Identifier: GPL-2.0
"""Tern for scapy: build, dissect and answer segments by hand.

    >>> from tern import Tern, syn, ack_of
    >>> bytes(IP(dst="192.0.2.1") / Tern(dport=7000, flags="S", options=[("TAG", 7)]))

The layer is found below IP and IPv6 by protocol 253, in what scapy sends and in
what it sniffs or reads from a file, and inside of ICMP errors as TernError.
Header length, checksum and the padding of options are computed unless they are
given; what is given stays, however wrong, and what cannot be read as an option
is kept as bytes, so that any packet is rebuilt as it came.

Options are pairs, as in scapy's TCP: ("MSS", 1448), ("TAG", 0xdeadbeef),
("SACK", [(left, right), ...]), ("PAD", None), and (kind, bytes) for any other
kind or any other length. Documentation/protocol.rst has their meaning. Each
with an example: Documentation/scapy.rst.
"""
import struct

from scapy.config import conf
from scapy.fields import (BitField, FlagsField, IntField, ShortField, StrField, XIntField,
                          XShortField)
from scapy.layers.inet import IP, IPerror, in4_chksum
from scapy.layers.inet6 import IPerror6, IPv6, _IPv6ExtHdr, in6_chksum
from scapy.packet import Packet, bind_layers

PROTOCOL = 253
HEADER_LEN = 32
CHECKSUM_AT = 10
OPTIONS_MAX = 4 * 63 - HEADER_LEN

PAD, MSS, TAG, SACK = range(4)
KINDS = {"PAD": PAD, "MSS": MSS, "TAG": TAG, "SACK": SACK}
NAMES = {kind: name for name, kind in KINDS.items()}


def _pack_option(name, value):
    kind = KINDS.get(name, name)
    if kind == PAD:
        return b"\0"
    if not isinstance(kind, int) or not 0 < kind < 256:
        raise ValueError(f"Tern has no option {name!r}: {', '.join(KINDS)} or 1 to 255")
    if isinstance(value, (bytes, bytearray)):
        data = bytes(value)
    elif kind == MSS:
        data = struct.pack("!H", value)
    elif kind == TAG:
        data = struct.pack("!I", value)
    elif kind == SACK:
        data = b"".join(struct.pack("!II", left, right) for left, right in value)
    else:
        raise ValueError(f"the value of option {name!r} is to be bytes")
    return bytes([kind, 2 + len(data)]) + data


def _unpack_option(kind, data):
    """The pair; a value of another length than the kind's stays as bytes"""
    if kind == MSS and len(data) == 2:
        return "MSS", struct.unpack("!H", data)[0]
    if kind == TAG and len(data) == 4:
        return "TAG", struct.unpack("!I", data)[0]
    if kind == SACK and data and len(data) % 8 == 0:
        return "SACK", list(struct.iter_unpack("!II", data))
    return kind, bytes(data)


class OptionsField(StrField):
    """A list of pairs; the bytes from where a list ends that cannot be read"""

    islist = 1

    def getfield(self, pkt, s):
        length = max(4 * (pkt.hlen or 0) - HEADER_LEN, 0)
        return s[length:], self.m2i(pkt, s[:length])

    def m2i(self, pkt, x):
        options, at = [], 0
        while at < len(x):
            if x[at] == PAD:
                options.append(("PAD", None))
                at += 1
                continue
            length = x[at + 1] if at + 1 < len(x) else 0
            if length < 2 or at + length > len(x):
                return options + [bytes(x[at:])]
            options.append(_unpack_option(x[at], x[at + 2:at + length]))
            at += length
        return options

    def i2m(self, pkt, x):
        data = b"".join(option if isinstance(option, bytes) else _pack_option(*option)
                        for option in x or [])
        if pkt.hlen is None:
            data += b"\0" * (-len(data) % 4)
        if len(data) > OPTIONS_MAX:
            raise ValueError(f"{len(data)} bytes of options, at most {OPTIONS_MAX} have room")
        return data

    def i2h(self, pkt, x):
        return x or []


class Tern(Packet):
    """A segment. Ports, numbers and times are as they stand in the header."""

    name = "Tern"
    fields_desc = [
        ShortField("sport", 7000),
        ShortField("dport", 7000),
        IntField("seq", 0),
        BitField("version", 1, 2),
        BitField("hlen", None, 6),                  # in words of 4 bytes
        FlagsField("flags", 0x10, 8, "FSRPAUEC"),   # U: reserved
        XShortField("chksum", None),
        IntField("ack", 0),
        IntField("window", 65535),
        XIntField("tag", 0),
        IntField("ts", 0),
        IntField("tsecr", 0),
        OptionsField("options", []),
    ]

    @classmethod
    def dispatch_hook(cls, _pkt=None, *_args, **_kargs):
        """What is too short for a header is none"""
        return conf.raw_layer if _pkt and len(_pkt) < HEADER_LEN else cls

    def post_build(self, pkt, pay):
        if self.hlen is None:
            pkt = pkt[:8] + bytes([pkt[8] & 0xc0 | len(pkt) // 4]) + pkt[9:]
        pkt += pay
        if self.chksum is None:
            pkt = pkt[:CHECKSUM_AT] + struct.pack("!H", self._checksum(pkt)) + \
                pkt[CHECKSUM_AT + 2:]
        return pkt

    def _checksum(self, data):
        """Over the pseudo-header of the IP packet around it; without one, 0"""
        below = self.underlayer
        if isinstance(below, IP):
            return in4_chksum(PROTOCOL, below, data)
        if isinstance(below, (IPv6, _IPv6ExtHdr)):
            return in6_chksum(PROTOCOL, below, data)
        return 0

    def option(self, name):
        """The value of the last option of this name or kind, which is the one that
        counts, or None"""
        name = NAMES.get(name, name)
        for option in reversed(self.options):
            if isinstance(option, tuple) and option[0] == name:
                return option[1]
        return None

    def seqlen(self):
        """The sequence numbers that the segment takes"""
        return len(self.payload) + bool(self.flags.S) + bool(self.flags.F)

    def hashret(self):
        return struct.pack("!H", self.sport ^ self.dport)

    def answers(self, other):
        if not isinstance(other, Tern) or other.flags.R:
            return 0
        if (self.sport, self.dport) != (other.dport, other.sport):
            return 0
        if self.flags.R and not self.flags.A:
            return int(self.seq == other.ack)
        # What it acknowledges tells nothing: a challenge ACK says what is expected.
        return int(bool(self.flags.A) and (not self.flags.S or bool(other.flags.S)))

    def mysummary(self):
        text = "Tern %Tern.sport% > %Tern.dport% %Tern.flags% seq %Tern.seq% ack %Tern.ack%"
        return self.sprintf(text + f" len {len(self.payload)}")


class TernError(Packet):
    """The start of a segment that an ICMP error quotes: 8 bytes, or more."""

    name = "Tern in ICMP"
    fields_desc = [ShortField("sport", 0), ShortField("dport", 0), IntField("seq", 0)]

    def answers(self, other):
        return int(isinstance(other, Tern) and
                   (self.sport, self.dport, self.seq) == (other.sport, other.dport, other.seq))


bind_layers(IP, Tern, proto=PROTOCOL)
bind_layers(IPv6, Tern, nh=PROTOCOL)
bind_layers(IPerror, TernError, proto=PROTOCOL)
bind_layers(IPerror6, TernError, nh=PROTOCOL)


def syn(dport, tag, mss=1448, **fields):
    """The first segment of a connection, to which `tag` will be our tag."""
    fields.setdefault("options", [("MSS", mss), ("TAG", tag)])
    return Tern(dport=dport, flags="S", **fields)


def ack_of(got, flags="A", **fields):
    """A segment that acknowledges what has arrived and comes next on our side.

    Its tag is the one that the peer has chosen: from the TAG option of a SYN or a
    SYN-ACK, else it has to be given, as do numbers that are not to follow `got`."""
    fields.setdefault("seq", got.ack)
    fields.setdefault("ack", (got.seq + got.seqlen()) & 0xffffffff)
    fields.setdefault("tag", got.option("TAG") or 0)
    fields.setdefault("tsecr", got.ts)
    return Tern(sport=got.dport, dport=got.sport, flags=flags, **fields)
