# SPDX-License-Identifier: GPL-2.0
"""iperf3"""
import json

PORT = 5201
AMOUNT = "500K"


def measure(place, *options, amount=("-n", AMOUNT)):
    place.serve("iperf3", "-s", "-1", port=PORT)
    result = json.loads(place.run("iperf3", "-c", place.server, "-J", *amount, *options))
    assert "error" not in result, result["error"]
    end = result["end"]
    # how much it was does not vary where it was asked for
    return [(key, end[key]["bytes"] if amount[0] == "-n" and key == "sum_sent" else None)
            for key in sorted(end) if key.startswith("sum")], end.get("sender_tcp_congestion")


CASES = (
    ("from client to server", measure),
    ("-R", lambda place: measure(place, "-R")),
    ("-P 4", lambda place: measure(place, "-P", "4")[0][0][0]),
    ("--bidir", lambda place: measure(place, "--bidir", amount=("-t", "1"))),
    ("-C cubic, -M 1000", lambda place: measure(place, "-C", "cubic", "-M", "1000")),
    ("-Z: sendfile", lambda place: measure(place, "-Z")),
)
