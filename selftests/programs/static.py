# SPDX-License-Identifier: GPL-2.0
"""Static programs, which no library reaches: busybox, as server and as client"""
import os

from programs import digest

PORT = 8081
BUSYBOX = "/run/tern/busybox"


def fetch(place):
    content = os.urandom(500000)
    place.write("root/file", content)
    place.serve(BUSYBOX, "httpd", "-f", "-p", f"{place.host}:{PORT}", "-h", place.path("root"),
                port=PORT)
    url = f"http://{place.host}:{PORT}"
    assert digest(place.run(BUSYBOX, "wget", "-q", "-O", "-", f"{url}/file")) == digest(content)
    place.run(BUSYBOX, "wget", "-q", "-O", "-", f"{url}/none", status=1)


CASES = (("busybox httpd and wget", fetch),)
