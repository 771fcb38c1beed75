#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tools/scapy/tern.py against the packet scripts' own idea of the format
(lib/ternwire.py), and the programs of Documentation/scapy.rst as they stand there."""
import os
import random
import sys
import tempfile

from lib import doors, ktap, netns, page, ternwire
from lib.tool import must_be, output

PAGE = "scapy.rst"
LAYER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools/scapy")
ADDRESSES = (("192.0.2.2", "192.0.2.1"), ("2001:db8::2", "2001:db8::1"))
RANDOM = random.Random(253)


def skip_or_import():
    if not os.path.isdir(LAYER):
        ktap.skip_all("tools/scapy is not here")
    sys.path.insert(0, LAYER)
    try:
        import tern     # pylint: disable=import-outside-toplevel
    except ImportError as error:
        ktap.skip_all(str(error))
    return tern


tern = skip_or_import()
from scapy.layers.inet import ICMP, IP      # noqa: E402
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6    # noqa: E402


def rebuilt(packet):
    """The bytes made again from the fields, and not those that it came with"""
    packet = packet.copy()
    packet.clear_cache()
    return bytes(packet)


def some_options():
    """For scapy and for ternwire"""
    number = lambda bits: RANDOM.getrandbits(bits)     # noqa: E731
    blocks = [(number(32), number(32)) for _ in range(RANDOM.randint(1, 4))]
    mss, tag, junk = number(16), number(32), RANDOM.randbytes(RANDOM.randint(0, 20))
    pairs = [(("MSS", mss), ternwire.mss_option(mss)),
             (("TAG", tag), ternwire.tag_option(tag)),
             (("SACK", blocks), ternwire.sack_option(*blocks)),
             ((99, junk), (99, junk)),
             (("PAD", None), (ternwire.OPT_PAD, b""))]
    return list(zip(*RANDOM.choices(pairs, k=RANDOM.randint(1, 5)))) if number(2) else [(), ()]


def same_bytes():
    for _ in range(200):
        for (src, dst), ip in zip(ADDRESSES, (IP, IPv6)):
            fields = {name: RANDOM.getrandbits(32) for name in
                      ("seq", "ack", "window", "tag", "ts", "tsecr")}
            fields.update(sport=RANDOM.getrandbits(16), dport=RANDOM.getrandbits(16),
                          flags=RANDOM.getrandbits(8) & ~ternwire.RESERVED)
            ours, theirs = some_options()
            payload = RANDOM.randbytes(RANDOM.choice((0, 1, 2, 1001)))
            packet = ip(src=src, dst=dst) / tern.Tern(options=list(ours), **fields) / payload
            wanted = ternwire.Segment(payload=payload, options=list(theirs), **fields)
            data = wanted.build(src, dst)
            must_be(bytes(packet)[-len(data):].hex(), data.hex())

            got = ip(bytes(packet))[tern.Tern]
            for name, value in fields.items():
                must_be(int(getattr(got, name)), value)
            must_be(bytes(got.payload), payload)
            must_be(got.options[:len(ours)], list(ours))
            must_be(rebuilt(got.underlayer), bytes(packet))


def junk_stays():
    for _ in range(300):
        junk = RANDOM.randbytes(RANDOM.randint(tern.HEADER_LEN, 300))
        if RANDOM.getrandbits(1):       # a header length that has options in it
            words = RANDOM.randint(8, len(junk) // 4)
            junk = junk[:8] + bytes([1 << 6 | min(words, 63)]) + junk[9:]
        packet = ternwire.ip_packet(*ADDRESSES[0], junk)
        must_be(rebuilt(IP(packet)).hex(), packet.hex())


def short_ones():
    for length in range(tern.HEADER_LEN):
        packet = ternwire.ip_packet(*ADDRESSES[0], bytes(range(length)))
        must_be((tern.Tern in IP(packet), rebuilt(IP(packet))), (False, packet))


def refused():
    for options in ([("URG", 1)], [(256, b"")], [(-1, b"")], [(77, 5)], [("MSS", 65536)],
                    [("TAG", -1)], [("SACK", [(1,)])], [(9, bytes(300))],
                    [("SACK", [(1, 2)] * 40)]):
        try:
            bytes(tern.Tern(options=options))
        except (ValueError, tern.struct.error):
            continue
        raise AssertionError(f"{options} accepted")


def given_stays():
    data = bytes(IP() / tern.Tern(version=3, hlen=5, chksum=0x1234, options=[b"\1\1\1"]))[20:]
    must_be((data[8], data[10:12], data[32:]), (3 << 6 | 5, b"\x12\x34", b"\1\1\1"))


def answers():
    syn = tern.syn(80, 7, sport=1000, seq=5)
    syn_ack = tern.Tern(sport=80, dport=1000, flags="SA", seq=9, ack=6, options=[("TAG", 8)])
    ack = tern.ack_of(syn_ack, ts=3)
    reset = tern.Tern(sport=80, dport=1000, flags="R", seq=10)
    must_be((ack.seq, ack.ack, ack.tag, ack.sport, ack.dport), (6, 10, 8, 1000, 80))
    pairs = {"syn_ack, syn": (syn_ack, syn), "ack, syn_ack": (ack, syn_ack),
             "syn_ack, ack": (syn_ack, ack), "syn, syn_ack": (syn, syn_ack),
             "ack, syn": (ack, syn), "reset, ack": (reset, ack), "reset, syn": (reset, syn),
             "ack, reset": (ack, reset)}
    must_be([name for name, (answer, question) in pairs.items() if answer.answers(question)],
            ["syn_ack, syn", "ack, syn_ack", "reset, ack"])


def quoted():
    for (src, dst), ip, (kind, layer) in zip(ADDRESSES, (IP, IPv6),
                                             ((3, ICMP), (2, ICMPv6PacketTooBig))):
        packet = ip(src=src, dst=dst) / tern.Tern(sport=1, dport=2, seq=0xfffffffe)
        error = ip(ternwire.icmp_error(dst, src, kind, 4, bytes(packet), 1280))
        quote = error[tern.TernError]
        must_be((layer in error, quote.sport, quote.dport, quote.seq), (True, 1, 2, 0xfffffffe))
        must_be((quote.answers(packet[tern.Tern]), quote.answers(tern.Tern(sport=1, dport=2))),
                (1, 0))


def run_program(text, wanted):
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "program.py")
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        must_be(output(sys.executable, name, env={**os.environ, "PYTHONPATH": LAYER}), wanted)


def with_the_kernel(text, wanted):
    if os.geteuid() != 0:
        raise ktap.Skip("network namespaces need root")
    if doors.why_unavailable():
        raise ktap.Skip(doors.why_unavailable())
    if not netns.tun_available():
        raise ktap.Skip("no /dev/net/tun, and modprobe tun does not bring it")
    netns.enter_new_namespace()
    run_program(text, wanted)


def main():
    functions = [same_bytes, junk_stays, short_ones, refused, given_stays, answers, quoted]
    cases = [(function.__name__.replace("_", " "), function) for function in functions]
    if os.path.exists(page.path(PAGE)):
        runners = {"segment.py": run_program, "handshake.py": with_the_kernel}
        programs, wanted = page.programs(PAGE), page.outputs(PAGE)
        assert list(programs) == list(runners) and len(wanted) == len(programs)
        cases += [(name, lambda run=run, text=text, prints=prints: run(text, prints))
                  for (name, run), text, prints in
                  zip(runners.items(), programs.values(), wanted)]
    ktap.run(cases)


if __name__ == "__main__":
    main()
