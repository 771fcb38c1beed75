# SPDX-License-Identifier: GPL-2.0
"""redis: its server, its command line, its benchmark"""

PORT = 6379


def serve(place):
    place.serve("redis-server", "--port", str(PORT), "--bind", place.server, "--save", "",
                "--protected-mode", "no", "--dir", place.directory, port=PORT)


def commands(place):
    serve(place)
    cli = ("redis-cli", "-h", place.server)
    value = "x" * 300000
    place.run(*cli, "-x", "SET", "large", input=value.encode())
    assert place.text(*cli, "GET", "large") == value + "\n"
    return place.text(*cli, input=b"SET a 1\nINCR a\nLPUSH l 1 2 3\nLRANGE l 0 -1\nNONSENSE\n"
                                  b"MULTI\nINCR a\nEXEC\nDBSIZE\n")


def benchmark(place):
    serve(place)
    text = place.text("redis-benchmark", "-h", place.server, "-n", "1000", "-c", "50", "-P", "4",
                      "-t", "ping,set,get,lrange_100", "--csv")
    # the others are speeds
    return [line.split(",")[0] for line in text.splitlines()]


CASES = (("redis-cli", commands), ("redis-benchmark", benchmark))
