# SPDX-License-Identifier: GPL-2.0
"""iperf3"""
import json

PORT = 5201
AMOUNT = "500K"


def measure(place, *options, amount=("-n", AMOUNT), exactly=True):
    place.serve("iperf3", "-s", "-1", port=PORT)
    result = json.loads(place.run("iperf3", "-c", place.server, "-J", *amount, *options))
    assert "error" not in result, result["error"]
    end = result["end"]
    return (sorted(key for key in end if key.startswith("sum")),
            end["sum_sent"]["bytes"] if exactly else None, end.get("sender_tcp_congestion"))


CASES = (
    ("from client to server", measure),
    ("-R", lambda place: measure(place, "-R")),
    ("-P 4", lambda place: measure(place, "-P", "4", exactly=False)),
    ("--bidir", lambda place: measure(place, "--bidir", amount=("-t", "1"), exactly=False)),
    ("-C cubic, -M 1000", lambda place: measure(place, "-C", "cubic", "-M", "1000")),
    ("-Z: sendfile", lambda place: measure(place, "-Z")),
)
