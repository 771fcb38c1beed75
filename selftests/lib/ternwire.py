# SPDX-License-Identifier: GPL-2.0
"""Tern segments, and the IP and ICMP packets around them, as bytes.

Nothing in this file knows about sockets, devices or time: build() and parse()
only, so that it runs (and is tested by wire_selfcheck.py) without the module.
A segment can be built wrong on purpose: any field may be given, including the
version, the header length and the checksum.
"""
import socket
import struct

PROTO = 253
HEADER = struct.Struct("!HHIBBHIIIII")
HEADER_LEN = HEADER.size
VERSION = 1

FIN, SYN, RST, PSH, ACK, RESERVED, ECE, CWR = (1 << bit for bit in range(8))
FLAG_LETTERS = "FSRPAUEC"

OPT_PAD, OPT_MSS, OPT_TAG, OPT_SACK = range(4)

ICMP, ICMPV6 = 1, 58


class WireError(Exception):
    """A packet that no correct sender would have sent."""


def flags_of(letters):
    """ "SA" -> SYN|ACK; "" and "." are no flag at all """
    return sum(1 << FLAG_LETTERS.index(letter) for letter in letters if letter != ".")


def letters_of(flags):
    letters = "".join(FLAG_LETTERS[bit] for bit in range(8) if flags & 1 << bit)
    return letters or "."


def ones_complement_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def internet_checksum(data):
    return ~ones_complement_sum(data) & 0xffff


def address_bytes(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


def pseudo_header(src, dst, proto, length):
    src, dst = address_bytes(src), address_bytes(dst)
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!IHBB", length, 0, 0, proto)


def build_options(options):
    """options: (kind, value) pairs, or ready bytes, taken as they are"""
    if isinstance(options, (bytes, bytearray)):
        return bytes(options)
    out = b""
    for kind, value in options:
        out += b"\0" if kind == OPT_PAD else bytes([kind, 2 + len(value)]) + value
    return out + b"\0" * (-len(out) % 4)


def parse_options(data):
    options, at = [], 0
    while at < len(data):
        kind = data[at]
        if kind == OPT_PAD:
            at += 1
            continue
        if at + 2 > len(data):
            raise WireError(f"option {kind} has no length")
        length = data[at + 1]
        if length < 2 or at + length > len(data):
            raise WireError(f"option {kind} has length {length}")
        options.append((kind, data[at + 2:at + length]))
        at += length
    return options


def mss_option(mss):
    return (OPT_MSS, struct.pack("!H", mss))


def tag_option(tag):
    return (OPT_TAG, struct.pack("!I", tag))


def sack_option(*blocks):
    return (OPT_SACK, b"".join(struct.pack("!II", *block) for block in blocks))


class Segment:
    """One segment; the fields are those of the header, sequence numbers absolute."""

    # pylint: disable=too-many-instance-attributes
    tos = 0     # of the IP packet

    def __init__(self, flags=ACK, seq=0, ack=0, payload=b"", **fields):
        self.flags = flags_of(flags) if isinstance(flags, str) else flags
        self.seq, self.ack, self.payload = seq, ack, payload
        self.sport = self.dport = 0
        self.window, self.tag, self.ts, self.tsecr = 65535, 0, 0, 0
        self.options = []
        self.version, self.hlen, self.checksum = VERSION, None, None
        for name, value in fields.items():
            if not hasattr(self, name):
                raise TypeError(f"a segment has no {name}")
            setattr(self, name, value)

    def build(self, src, dst):
        """The bytes; the checksum is right unless one was given."""
        options = build_options(self.options)
        hlen = (HEADER_LEN + len(options)) // 4 if self.hlen is None else self.hlen
        header = HEADER.pack(self.sport, self.dport, self.seq & 0xffffffff,
                             self.version << 6 | hlen, self.flags, 0,
                             self.ack & 0xffffffff, self.window, self.tag,
                             self.ts & 0xffffffff, self.tsecr & 0xffffffff)
        data = bytearray(header + options + self.payload)
        checksum = self.checksum
        if checksum is None:
            checksum = checksum_of(src, dst, data)
        struct.pack_into("!H", data, 10, checksum)
        return bytes(data)

    @classmethod
    def parse(cls, src, dst, data):
        """Strict: whatever the kernel sends must be right in every field."""
        if len(data) < HEADER_LEN:
            raise WireError(f"{len(data)} bytes are no segment")
        (sport, dport, seq, verlen, flags, _, ack, window, tag, ts,
         tsecr) = HEADER.unpack_from(data)
        if verlen >> 6 != VERSION:
            raise WireError(f"version {verlen >> 6}")
        hlen = 4 * (verlen & 63)
        if hlen < HEADER_LEN or hlen > len(data):
            raise WireError(f"header length {hlen} in {len(data)} bytes")
        if flags & RESERVED:
            raise WireError("reserved flag set")
        if ones_complement_sum(pseudo_header(src, dst, PROTO, len(data)) + data) != 0xffff:
            raise WireError("checksum wrong")
        return cls(flags, seq, ack, data[hlen:], sport=sport, dport=dport,
                   window=window, tag=tag, ts=ts, tsecr=tsecr,
                   options=parse_options(data[HEADER_LEN:hlen]))

    def option(self, kind):
        """The value of the first option of this kind, or None."""
        return next((value for k, value in self.options if k == kind), None)

    @property
    def mss(self):
        value = self.option(OPT_MSS)
        return struct.unpack("!H", value)[0] if value is not None else None

    @property
    def tag_option(self):
        value = self.option(OPT_TAG)
        return struct.unpack("!I", value)[0] if value is not None else None

    @property
    def sack(self):
        """SACK blocks, absolute: [(left, right), ...]"""
        value = self.option(OPT_SACK) or b""
        return [struct.unpack_from("!II", value, at) for at in range(0, len(value), 8)]

    @property
    def seqlen(self):
        """Sequence space taken: payload, and one for SYN and FIN each."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)

    def describe(self, seq_base=0, ack_base=0):
        """One readable line; sequence numbers relative to the two bases."""
        def relative(number, base):
            number = (number - base) & 0xffffffff
            return number - (1 << 32) if number >> 31 else number

        text = f"{letters_of(self.flags):<3} seq={relative(self.seq, seq_base)}"
        if self.payload:
            text += f" len={len(self.payload)}"
        if self.flags & ACK:
            text += f" ack={relative(self.ack, ack_base)}"
        text += f" win={self.window} tag={self.tag:#x} ts={self.ts} tsecr={self.tsecr}"
        if isinstance(self.options, (bytes, bytearray)):
            return text + f" options={bytes(self.options).hex()}"
        if self.mss is not None and self.option(OPT_MSS):
            text += f" mss={self.mss}"
        if self.tag_option is not None:
            text += f" newtag={self.tag_option:#x}"
        blocks = [f"{relative(left, ack_base)}-{relative(right, ack_base)}"
                  for left, right in self.sack]
        return text + (f" sack={','.join(blocks)}" if blocks else "")

    def __repr__(self):
        return f"<{self.sport}>{self.dport} {self.describe()}>"


def checksum_of(src, dst, data):
    """The right checksum of a built segment, whatever its checksum field holds."""
    data = bytearray(data)
    if len(data) >= 12:
        data[10:12] = b"\0\0"
    return internet_checksum(pseudo_header(src, dst, PROTO, len(data)) + bytes(data))


def fix_checksum(src, dst, data):
    """The same bytes with the checksum made right, for segments patched by hand."""
    data = bytearray(data)
    if len(data) >= 12:
        struct.pack_into("!H", data, 10, checksum_of(src, dst, data))
    return bytes(data)


def ip_packet(src, dst, payload, proto=PROTO, ttl=64, ident=0, frag=0, tos=0):
    """An IPv4 or IPv6 packet; frag is the IPv4 flags-and-offset field."""
    source, target = address_bytes(src), address_bytes(dst)
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), proto, ttl) + source + target + payload
    header = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident, frag,
                         ttl, proto, 0) + source + target
    header = header[:10] + struct.pack("!H", internet_checksum(header)) + header[12:]
    return header + payload


def traffic_class(packet):
    """Of IPv6, and of IPv4 what was called type of service"""
    if packet[0] >> 4 == 6:
        return (packet[0] << 4 | packet[1] >> 4) & 0xff
    return packet[1]


def dont_fragment(packet):
    """Of IPv4; of IPv6 no router fragments anyway"""
    return bool(packet[6] & 0x40)


def parse_ip(packet):
    """(src, dst, proto, payload) of a packet the kernel sent"""
    if packet[0] >> 4 == 6:
        length, proto = struct.unpack_from("!HB", packet, 4)
        if 40 + length != len(packet):
            raise WireError("IPv6 length wrong")
        return (socket.inet_ntop(socket.AF_INET6, packet[8:24]),
                socket.inet_ntop(socket.AF_INET6, packet[24:40]), proto, packet[40:])
    hlen = 4 * (packet[0] & 15)
    if struct.unpack_from("!H", packet, 2)[0] != len(packet):
        raise WireError("IPv4 length wrong")
    if internet_checksum(packet[:hlen]):
        raise WireError("IPv4 header checksum wrong")
    return (socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]),
            packet[9], packet[hlen:])


def icmp_error(src, dst, kind, code, quoted, word=0, length=28):
    """An ICMP error about the packet `quoted`; word is the MTU where there is one.
    ICMP quotes no more than RFC 792 asks for, a header and 8 bytes, unless told to."""
    if ":" in src:
        message = struct.pack("!BBHI", kind, code, 0, word) + quoted[:1232]
        checksum = internet_checksum(pseudo_header(src, dst, ICMPV6, len(message)) + message)
        proto = ICMPV6
    else:
        message = struct.pack("!BBHI", kind, code, 0, word) + quoted[:length]
        checksum, proto = internet_checksum(message), ICMP
    message = message[:2] + struct.pack("!H", checksum) + message[4:]
    return ip_packet(src, dst, message, proto)
