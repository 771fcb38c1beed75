# SPDX-License-Identifier: GPL-2.0
# send.py FILE HOST PORT: a file into a Tern connection.

import socket
import sys

file, host, port = sys.argv[1:]

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 253)
s.connect((host, int(port)))
s.sendfile(open(file, "rb"))
s.shutdown(socket.SHUT_WR)
s.recv(1)               # wait for the receiver's end
