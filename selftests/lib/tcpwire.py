# SPDX-License-Identifier: GPL-2.0
"""TCP segments behind the interface of ternwire.Segment.

The kernel's TCP is the reference for what a scenario expects: the same
scenario runs against it with this codec. Timestamps and SACK are always on,
as they are in Tern; window scaling is accepted but not offered in effect
(shift 0). The tag option has no counterpart and is left out.
"""
import struct

from lib import ternwire
from lib.ternwire import (OPT_MSS, OPT_SACK, RESERVED, SYN, WireError,
                          internet_checksum, ones_complement_sum, pseudo_header)

PROTO = 6
HEADER = struct.Struct("!HHIIBBHHH")
TCP_NOP, TCP_MSS, TCP_WSCALE, TCP_SACK_OK, TCP_SACK, TCP_TS = 1, 2, 3, 4, 5, 8


class Segment(ternwire.Segment):
    """A TCP segment in Tern's clothes."""

    # shift of the peer's window field; the connection learns it from the SYN
    wscale = None

    def build(self, src, dst):
        options = bytes([TCP_NOP, TCP_NOP, TCP_TS, 10])
        options += struct.pack("!II", self.ts & 0xffffffff, self.tsecr & 0xffffffff)
        if self.mss is not None:
            options += bytes([TCP_MSS, 4]) + struct.pack("!H", self.mss + 12)
        if self.flags & SYN:
            options += bytes([TCP_SACK_OK, 2, TCP_NOP, TCP_NOP, TCP_NOP, TCP_WSCALE, 3, 0])
        if self.sack:
            value = self.option(OPT_SACK)
            options += bytes([TCP_NOP, TCP_NOP, TCP_SACK, 2 + len(value)]) + value
        options += b"\0" * (-len(options) % 4)
        header = HEADER.pack(self.sport, self.dport, self.seq & 0xffffffff,
                             self.ack & 0xffffffff, (20 + len(options)) // 4 << 4,
                             self.flags, min(self.window, 65535), 0, 0)
        data = bytearray(header + options + self.payload)
        checksum = self.checksum
        if checksum is None:
            checksum = internet_checksum(pseudo_header(src, dst, PROTO, len(data)) + bytes(data))
        struct.pack_into("!H", data, 16, checksum)
        return bytes(data)

    @classmethod
    def parse(cls, src, dst, data):
        sport, dport, seq, ack, offset, flags, window, _, _ = HEADER.unpack_from(data)
        if ones_complement_sum(pseudo_header(src, dst, PROTO, len(data)) + data) != 0xffff:
            raise WireError("checksum wrong")
        hlen = 4 * (offset >> 4)
        segment = cls(flags & ~RESERVED, seq, ack, data[hlen:], sport=sport,
                      dport=dport, window=window)
        at = 20
        while at < hlen and data[at]:
            if data[at] == TCP_NOP:
                at += 1
                continue
            kind, length = data[at], data[at + 1]
            value = data[at + 2:at + length]
            if kind == TCP_TS:
                segment.ts, segment.tsecr = struct.unpack("!II", value)
            elif kind == TCP_MSS:
                # TCP's MSS counts the 12 bytes of the timestamp option, Tern's does not
                mss = struct.unpack("!H", value)[0] - 12
                segment.options.append((OPT_MSS, struct.pack("!H", mss)))
            elif kind == TCP_SACK:
                segment.options.append((OPT_SACK, value))
            elif kind == TCP_WSCALE:
                segment.wscale = value[0]
            at += length
        return segment
