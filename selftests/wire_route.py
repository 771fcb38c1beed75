#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What happens to the route of a connection: another gateway, another MTU, none
at all for a while. The scenario tells the kernel as routers and operators do,
by ICMP and by ip(8)."""
import errno
import struct
import subprocess

from lib import netns
from lib.scenario import TERN, main, scenario
from lib.ternwire import ICMP, ICMPV6, address_bytes, internet_checksum, ip_packet, pseudo_header
from lib.wire import PORT, Conn, check_equal, wait_for

ICMP_REDIRECT, REDIRECT_HOST = 5, 1
NDISC_REDIRECT, ND_OPT_REDIRECT_HEADER, ND_HOP_LIMIT = 137, 4, 255


def ip(w, *words):
    command = subprocess.run(["ip", f"-{w.version}", *words], check=True, capture_output=True,
                             text=True)
    return command.stdout.split()


def routers(w):
    """Two of them on the link of the host"""
    return ("192.0.2.77", "192.0.2.88") if w.version == 4 else ("fe80::77", "fe80::88")


def behind_a_router(w):
    """A connection to the remote host, which is reached through the first router"""
    ip(w, "route", "add", w.remote, "via", routers(w)[0], "dev", "tun0")
    check_equal(gateway(w), routers(w)[0], "gateway")
    c = w.established()
    # ip(8) takes its time, and of TCP's timeout the other route knows
    c.repeats_ok = True
    return c


def gateway(w):
    words = ip(w, "route", "get", w.remote)
    return words[words.index("via") + 1] if "via" in words else None


def redirect(w, quoted):
    """The first router says that the second is nearer (RFC 792, RFC 4861 4.5)"""
    old, new = routers(w)
    if w.version == 4:
        message = struct.pack("!BBH4s", ICMP_REDIRECT, REDIRECT_HOST, 0, address_bytes(new))
        message += quoted[:28]
        checksum = internet_checksum(message)
    else:
        quoted = quoted[:len(quoted) // 8 * 8]
        message = struct.pack("!BBHI16s16sBB6x", NDISC_REDIRECT, 0, 0, 0, address_bytes(new),
                              address_bytes(w.remote), ND_OPT_REDIRECT_HEADER,
                              1 + len(quoted) // 8) + quoted
        checksum = internet_checksum(pseudo_header(old, w.local, ICMPV6, len(message)) + message)
    message = message[:2] + struct.pack("!H", checksum) + message[4:]
    w.inject_packet(ip_packet(old, w.local, message, ICMP if w.version == 4 else ICMPV6,
                              ttl=ND_HOP_LIMIT))


@scenario("a redirect: the other gateway from now on")
def redirected(w):
    c = behind_a_router(w)
    c.write(100)
    redirect(w, c.expect("A", seq=1, len=100).packet)
    check_equal(gateway(w), routers(w)[1], "gateway")
    c.send("A", ack=101)
    c.alive()


@scenario("a redirect that quotes what is not in flight is ignored")
def forged_redirect(w):
    c = behind_a_router(w)
    c.write(100)
    data = c.expect("A", seq=1, len=100)
    quoted = bytearray(data.packet)
    at = (20 if w.version == 4 else 40) + 4
    struct.pack_into("!I", quoted, at, (struct.unpack_from("!I", quoted, at)[0] - 5000) % 2**32)
    with w.counts(IcmpIgnored=1):
        redirect(w, bytes(quoted))
    check_equal(gateway(w), routers(w)[0], "gateway")
    c.send("A", ack=101)
    c.alive()


# TCP of Linux 6.12 first sends 36 bytes over IPv4: it takes the MTU of the device
# that a route has which is no longer one
@scenario("a new route with a smaller MTU: smaller segments", variants=TERN)
def smaller_mtu(w):
    c = behind_a_router(w)
    c.write(w.mss)
    c.expect("A", seq=1, len=w.mss)
    c.send("A", ack=1 + w.mss)
    ip(w, "route", "change", w.remote, "via", routers(w)[1], "dev", "tun0", "mtu", "1300")
    c.write(w.mss)
    c.expect("A", seq=1 + w.mss, len=w.mss - 200)
    c.send("A", ack=1 + 2 * w.mss - 200)
    c.expect("A", seq=1 + 2 * w.mss - 200, len=200)
    c.send("A", ack=1 + 2 * w.mss)
    c.alive()


@scenario("a rule for source ports: of the port that connect() has chosen")
def port_rule(w):
    netns.sysctl("net.ipv4.ip_local_port_range", "50000 50000")
    ip(w, "rule", "add", "pref", "1", "sport", "50000", "prohibit")
    sock = w.socket()
    check_equal(sock.connect_ex((w.remote, PORT)), errno.EACCES, "errno of connect()")
    ip(w, "rule", "del", "pref", "1")
    check_equal(sock.connect_ex((w.remote, PORT)), errno.EINPROGRESS, "errno of connect()")


@scenario("no route for a while: what was sent goes again later", variants=TERN)
def no_route(w):
    w.sysctl("rto_min_ms", 200)
    c = w.established()
    c.repeats_ok = True
    c.write(100)
    c.expect("A", seq=1, len=100)
    timeouts = w.counters()["Timeouts"]
    ip(w, "route", "add", "unreachable", w.remote)
    wait_for(lambda: w.counters()["Timeouts"] > timeouts, "a timeout")
    c.write(100)
    ip(w, "route", "del", "unreachable", w.remote)
    c.expect("A", seq=1, len=100)
    c.send("A", ack=101)
    c.expect("A", seq=101, len=100)
    c.send("A", ack=201)
    c.alive()


# TCP leaves room for its options
@scenario("a route with an MSS of its own: that is what the peer is told", variants=TERN)
def advmss(w):
    ip(w, "route", "add", w.remote, "dev", "tun0", "advmss", "1000")
    w.connecting().expect_syn(mss=1000)
    w.listen()
    c = Conn(w)
    c.send_syn()
    c.expect("SA", seq=0, ack=1, mss=1000)


if __name__ == "__main__":
    main()
