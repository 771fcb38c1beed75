#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The wire tests' own idea of the format, against segments written by hand.

Needs no module: it guards the ruler (lib/ternwire.py), not the wall.
"""
from lib import edges, ktap, ternwire
from lib.ternwire import (OPT_PAD, Segment, WireError, fix_checksum, icmp_error, ip_packet,
                          mss_option, ones_complement_sum, parse_ip, pseudo_header, sack_option,
                          tag_option)

SRC4, DST4 = "192.0.2.2", "192.0.2.1"
SRC6, DST6 = "2001:db8::2", "2001:db8::1"

# source port 4660, destination port 80, sequence number 0x01020304, version 1,
# 11 words of header, SYN, checksum, acknowledgment 0, window 65535, tag 0,
# timestamp 0x11223344, echo 0; MSS 1448; tag 0xdeadbeef; padding
SYN = bytes.fromhex("1234 0050 01020304 4b 02 2e90 00000000 0000ffff 00000000"
                    "11223344 00000000 0104 05a8 0206 deadbeef 0000")


def by_hand(data):
    """The sum of RFC 1071, the slow way"""
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | (data[at + 1] if at + 1 < len(data) else 0)
        total = (total & 0xffff) + (total >> 16)
    return total


def syn():
    return Segment("S", 0x01020304, sport=0x1234, dport=80, window=65535, ts=0x11223344,
                   options=[mss_option(1448), tag_option(0xdeadbeef)])


def fixed_bytes():
    assert syn().build(SRC4, DST4).hex() == SYN.hex(), syn().build(SRC4, DST4).hex()


def parse_fixed_bytes():
    segment = Segment.parse(SRC4, DST4, SYN)
    assert (segment.sport, segment.dport, segment.seq) == (0x1234, 80, 0x01020304)
    assert (segment.flags, segment.mss, segment.tag_option) == (2, 1448, 0xdeadbeef)
    assert (segment.ts, segment.tsecr, segment.tag, segment.payload) == (0x11223344, 0, 0, b"")
    assert segment.seqlen == 1


def checksums():
    for src, dst in ((SRC4, DST4), (SRC6, DST6)):
        for length in (0, 1, 2, 1001):
            data = Segment("PA", 1, 2, b"x" * length, tag=7).build(src, dst)
            whole = pseudo_header(src, dst, ternwire.PROTO, len(data)) + data
            assert by_hand(whole) == ones_complement_sum(whole) == 0xffff, length


def wrong_checksum_refused():
    for bit in range(8 * len(SYN)):
        data = bytearray(SYN)
        data[bit // 8] ^= 1 << bit % 8
        try:
            Segment.parse(SRC4, DST4, bytes(data))
        except WireError:
            continue
        raise AssertionError(f"bit {bit} flipped and accepted")


def round_trip():
    first = Segment("FPA", 0xfffffff0, 77, b"data", sport=1, dport=65535, window=1 << 31,
                    tag=0xffffffff, ts=5, tsecr=6,
                    options=[sack_option((1, 2), (0xffffffff, 3)), (99, b"xyz")])
    second = Segment.parse(SRC6, DST6, first.build(SRC6, DST6))
    for name in vars(first):
        if name not in ("hlen", "checksum"):
            assert getattr(first, name) == getattr(second, name), name
    assert second.sack == [(1, 2), (0xffffffff, 3)] and second.seqlen == 5


def options():
    parsed = ternwire.parse_options(bytes([0, 0, 77, 2, 1, 4, 5, 6, 0]))
    assert parsed == [(77, b""), (1, bytes([5, 6]))], parsed
    assert ternwire.build_options([(OPT_PAD, b""), (9, b"ab")]) == bytes([0, 9, 4, 97, 98, 0, 0, 0])
    for bad in (bytes([1]), bytes([1, 0]), bytes([1, 1]), bytes([1, 5, 0, 0])):
        try:
            ternwire.parse_options(bad)
        except WireError:
            continue
        raise AssertionError(f"{bad.hex()} accepted")


def deliberately_wrong():
    data = Segment("A", hlen=5, version=3, checksum=0x1234).build(SRC4, DST4)
    assert data[8] == 3 << 6 | 5 and data[10:12] == b"\x12\x34"
    fixed = fix_checksum(SRC4, DST4, data[:20])
    assert ones_complement_sum(pseudo_header(SRC4, DST4, ternwire.PROTO, 20) + fixed) == 0xffff
    assert fix_checksum(SRC4, DST4, b"short") == b"short"


def ip_headers():
    for src, dst in ((SRC4, DST4), (SRC6, DST6)):
        packet = ip_packet(src, dst, b"payload", 253)
        assert parse_ip(packet) == (src, dst, 253, b"payload")
        _, _, proto, message = parse_ip(icmp_error(src, dst, 3, 1, packet))
        assert proto in (1, 58) and packet[:28] in message


def flag_letters():
    for flags in range(256):
        assert ternwire.flags_of(ternwire.letters_of(flags)) == flags


def edge_list():
    assert len(edges.EDGES) == len(set(edges.EDGES)) == 46, len(edges.EDGES)


if __name__ == "__main__":
    ktap.run([(function.__name__.replace("_", " "), function) for function in (
        fixed_bytes, parse_fixed_bytes, checksums, wrong_checksum_refused, round_trip, options,
        deliberately_wrong, ip_headers, flag_letters, edge_list)])
