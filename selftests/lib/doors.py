# SPDX-License-Identifier: GPL-2.0
"""Stream sockets through Tern's two doors, and TCP's for reference.

The protocol door, socket(AF_INET or AF_INET6, SOCK_STREAM, 253), needs nothing
special. Python cannot encode addresses of a family that it does not know, so
the family door's socket calls libc for whatever takes or gives an address.
"""
import ctypes
import errno
import os
import socket
import struct

AF_TERN = 18
IPPROTO_TERN = 253

TCP_LINGER2 = 8
TCP_USER_TIMEOUT = 18

_libc = ctypes.CDLL(None, use_errno=True)


def _parameter(name, default):
    try:
        with open(f"/sys/module/tern/parameters/{name}", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return default


def family_number():
    return _parameter("family", AF_TERN)


def protocol_number():
    return _parameter("protocol", IPPROTO_TERN)


def encode_address(address, port):
    """struct sockaddr_tern"""
    if ":" not in address:
        address = f"::ffff:{address}"
    return struct.pack("=H", family_number()) + struct.pack("!HI", port, 0) + \
        socket.inet_pton(socket.AF_INET6, address) + struct.pack("=I", 0)


def decode_address(data):
    port = struct.unpack_from("!H", data, 2)[0]
    address = socket.inet_ntop(socket.AF_INET6, data[8:24])
    return (address[7:] if address.startswith("::ffff:") else address, port)


def _check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


class FamilySocket(socket.socket):
    """socket(AF_TERN, SOCK_STREAM, 0); addresses are (host, port) pairs"""

    def __init__(self, fileno=None):
        super().__init__(family_number(), socket.SOCK_STREAM, 0, fileno)

    def bind(self, address):
        data = encode_address(*address)
        _check(_libc.bind(self.fileno(), data, len(data)))

    def connect(self, address):
        data = encode_address(*address)
        _check(_libc.connect(self.fileno(), data, len(data)))

    def connect_ex(self, address):
        try:
            self.connect(address)
        except OSError as error:
            return error.errno
        return 0

    def _named(self, call):
        data, size = ctypes.create_string_buffer(128), ctypes.c_uint(128)
        result = _check(call(self.fileno(), data, ctypes.byref(size)))
        return result, decode_address(data.raw[:size.value])

    def accept(self):
        fd, address = self._named(lambda *where: _libc.accept4(*where, os.O_CLOEXEC))
        return FamilySocket(fd), address

    def getsockname(self):
        return self._named(_libc.getsockname)[1]

    def getpeername(self):
        return self._named(_libc.getpeername)[1]


def open_socket(door, version):
    """door: "family", "protocol" or "tcp"; version: 4 or 6"""
    if door == "family":
        return FamilySocket()
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    protocol = socket.IPPROTO_TCP if door == "tcp" else protocol_number()
    return socket.socket(family, socket.SOCK_STREAM, protocol)


def why_unavailable():
    """None if Tern sockets can be opened (the module autoloads), else the reason."""
    try:
        open_socket("protocol", 4).close()
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
            return "no Tern in this kernel: is tern.ko loaded?"
        raise
    return None


def disconnect(sock):
    """connect() to AF_UNSPEC: abort, and make the socket fresh again"""
    _check(_libc.connect(sock.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16))


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
