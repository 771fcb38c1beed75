# SPDX-License-Identifier: GPL-2.0
# recv.py FILE PORT: what a Tern connection brings into a file.

import socket
import sys

file, port = sys.argv[1:]

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 253)
s.bind(("", int(port)))
s.listen()
peer, address = s.accept()
with open(file, "wb") as f:
    while data := peer.recv(65536):
        f.write(data)
