# SPDX-License-Identifier: GPL-2.0
"""socat: both directions, and half closed"""
import os

PORT = 7777


def relay(place):
    address = f"TCP{place.version}-LISTEN:{PORT},fork,reuseaddr,bind={place.host}"
    place.serve("socat", address, "EXEC:cat", port=PORT)
    content = os.urandom(400000)
    got = place.run("socat", "-t", "60", "-", f"TCP{place.version}:{place.host}:{PORT},nodelay",
                    input=content)
    assert got == content, (len(got), len(content))
    text = place.run("socat", "-t", "60", "-", f"TCP:{place.host}:{PORT},keepalive,rcvbuf=20000",
                     input=b"once more\n")
    return text


def options(place):
    place.serve("socat", f"TCP{place.version}-LISTEN:{PORT},bind={place.host},mss=800,keepalive,"
                "keepidle=7,keepintvl=3,keepcnt=4", "SYSTEM:echo $SOCAT_PEERADDR; cat", port=PORT)
    return place.text("socat", "-t", "60", "-", f"TCP:{place.host}:{PORT},linger=5,tcp-cork",
                      input=b"hello\n")


CASES = (("there and back", relay), ("options", options))
