# SPDX-License-Identifier: GPL-2.0
"""The edges of the state table, and which of them a test run has not taken.

  edges.py --missing FILE...    print the edges that no FILE counts; status 1 if any
  edges.py --list               print all

A FILE is a copy of /proc/net/tern/transitions: "STATE EVENT NEXT COUNT" lines.
"""
import argparse
import os
import sys

TRANSITIONS = "/proc/net/tern/transitions"

# Each line: state, events, next state. One edge for every event.
TABLE = """
CLOSED        OPEN_PASSIVE           LISTEN
CLOSED        OPEN_ACTIVE            SYN_SENT
LISTEN        RCV_SYN                SYN_RECEIVED
LISTEN        CLOSE                  CLOSED
SYN_SENT      RCV_SYN_ACK            ESTABLISHED
SYN_SENT      RCV_SYN                SYN_RECEIVED
SYN_SENT      RCV_RST                CLOSED
SYN_SENT      CLOSE                  CLOSED
SYN_SENT      TIMEOUT                CLOSED
SYN_SENT      ICMP_ERROR             CLOSED
SYN_RECEIVED  RCV_ACK                ESTABLISHED
SYN_RECEIVED  CLOSE                  FIN_WAIT_1
SYN_RECEIVED  RCV_RST                CLOSED
SYN_RECEIVED  ABORT                  CLOSED
SYN_RECEIVED  TIMEOUT                CLOSED
SYN_RECEIVED  ICMP_ERROR             CLOSED
ESTABLISHED   CLOSE                  FIN_WAIT_1
ESTABLISHED   RCV_FIN                CLOSE_WAIT
ESTABLISHED   RCV_RST,ABORT,TIMEOUT  CLOSED
FIN_WAIT_1    RCV_ACK_OF_FIN         FIN_WAIT_2
FIN_WAIT_1    RCV_FIN                CLOSING
FIN_WAIT_1    RCV_RST,ABORT,TIMEOUT  CLOSED
FIN_WAIT_2    RCV_FIN                TIME_WAIT
FIN_WAIT_2    RCV_RST,ABORT,TIMEOUT  CLOSED
CLOSE_WAIT    CLOSE                  LAST_ACK
CLOSE_WAIT    RCV_RST,ABORT,TIMEOUT  CLOSED
CLOSING       RCV_ACK_OF_FIN         TIME_WAIT
CLOSING       RCV_RST,ABORT,TIMEOUT  CLOSED
LAST_ACK      RCV_ACK_OF_FIN         CLOSED
LAST_ACK      RCV_RST,ABORT,TIMEOUT  CLOSED
TIME_WAIT     TIMEOUT                CLOSED
TIME_WAIT     RCV_RST                CLOSED
TIME_WAIT     RCV_SYN                CLOSED
TIME_WAIT     OPEN_ACTIVE            CLOSED
"""

EDGES = [f"{state} {event} {target}"
         for state, events, target in map(str.split, TABLE.strip().splitlines())
         for event in events.split(",")]


def read_counts(path=TRANSITIONS):
    """ {"STATE EVENT NEXT": count}, summed over repeated lines """
    counts = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if len(words) == 4 and words[3].isdigit():
                edge = " ".join(words[:3])
                counts[edge] = counts.get(edge, 0) + int(words[3])
    return counts


def save(path=None):
    """Append the counts to /tmp/tern-edges.PID, before the module that keeps them
    is unloaded: who sums up reads these files, too."""
    path = path or f"/tmp/tern-edges.{os.getpid()}"
    with open(TRANSITIONS, encoding="ascii") as counts, open(path, "a", encoding="ascii") as out:
        out.write(counts.read())


def missing(paths):
    taken = set()
    for path in paths:
        taken |= {edge for edge, count in read_counts(path).items() if count}
    return [edge for edge in EDGES if edge not in taken], sorted(taken - set(EDGES))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--missing", nargs="+", metavar="FILE",
                        help="copies of /proc/net/tern/transitions")
    parser.add_argument("--list", action="store_true", help="print every edge")
    args = parser.parse_args()
    if args.list:
        print("\n".join(EDGES))
    if args.missing:
        untaken, unknown = missing(args.missing)
        for edge in unknown:
            print(f"not in the table: {edge}")
        for edge in untaken:
            print(edge)
        sys.exit(1 if untaken or unknown else 0)


if __name__ == "__main__":
    main()
