# SPDX-License-Identifier: GPL-2.0
"""A network namespace for this process, and a TUN device in it.

System calls only, no ip(8): a namespace for each scenario must be cheap on an
emulated machine, where a fork and exec costs more than the scenario.
"""
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x0001, 0x1000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFMTU = 0x8913, 0x8914, 0x8922
IFF_UP = 0x1
RTM_NEWADDR, NLM_F_REQUEST, NLM_F_ACK = 20, 1, 4
IFA_ADDRESS, IFA_LOCAL, IFA_F_NODAD = 1, 2, 2
RTF_LOCAL = 0x80000000

_libc = ctypes.CDLL(None, use_errno=True)


def enter_new_namespace():
    """Leave the old namespace for an empty one with lo up."""
    if _libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
    set_up("lo")


def enter(name):
    """Into a namespace that ip-netns(8) made"""
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns({name})")
    os.close(fd)


def sysctl_path(name):
    return "/proc/sys/" + name.replace(".", "/")


def sysctl(name, value):
    with open(sysctl_path(name), "w", encoding="ascii") as file:
        file.write(str(value))


def read_sysctl(name):
    with open(sysctl_path(name), encoding="ascii") as file:
        return file.read().strip()


def set_up(name, up=True):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack_from("16xH", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[0]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags))


def set_mtu(name, mtu):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFMTU, struct.pack("16si12x", name.encode(), mtu))


def add_address(name, address, prefix):
    """By netlink: only so can an IPv6 address be had without duplicate address
    detection, usable at once."""
    data = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    family = socket.AF_INET6 if len(data) == 16 else socket.AF_INET
    body = struct.pack("=BBBBi", family, prefix, IFA_F_NODAD, 0, socket.if_nametoindex(name))
    for kind in (IFA_LOCAL, IFA_ADDRESS):
        body += struct.pack("=HH", 4 + len(data), kind) + data
    header = struct.pack("=IHHII", 16 + len(body), RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.send(header + body)
        error = -struct.unpack_from("=i", sock.recv(4096), 16)[0]
    if error:
        raise OSError(error, f"{address} on {name}: {os.strerror(error)}")


def delivers_to(address):
    """Does the kernel take packets for this IPv6 address? The route that says so
    comes a moment after the address."""
    wanted = socket.inet_pton(socket.AF_INET6, address).hex()
    with open("/proc/net/ipv6_route", encoding="ascii") as file:
        lines = [line.split() for line in file]
    return any(line[0] == wanted and int(line[8], 16) & RTF_LOCAL for line in lines)


def tun_available():
    """Is there a /dev/net/tun? Its module is loaded, if need be."""
    if not os.path.exists("/dev/net/tun"):
        subprocess.run(["modprobe", "tun"], check=False)
    return os.path.exists("/dev/net/tun")


class Tun:
    """A TUN device: what is written the kernel receives, what is read it sent."""

    def __init__(self, name, address, prefix, mtu=1500):
        self.name = name
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        set_mtu(name, mtu)
        set_up(name)
        add_address(name, address, prefix)
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)

    def send(self, packet):
        """When this returns, the kernel has processed the packet (unless a
        process held the socket), and any immediate answer can be read."""
        os.write(self.fd, packet)

    def receive(self, deadline):
        """The next packet, or None when time.monotonic() passes the deadline."""
        while True:
            try:
                return os.read(self.fd, 65536)
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._poll.poll(max(1, int(left * 1000)))

    def close(self):
        os.close(self.fd)
