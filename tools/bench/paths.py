#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tern and the kernel's TCP (CUBIC) in turn on the same emulated paths, and
together on one bottleneck; and how long a lost last segment delays a response.

client -- r1 -- r2 -- server: four namespaces. The bottleneck is r1's queue
towards r2 (tbf, drop-tail); r2 and, for the way back, r1 delay, lose and
reorder (netem), where packets pass and none waits for a sender. Hosts send one
packet for each segment, as they would to a network card. 40 Mbit/s is little
enough that an emulated CPU is not the limit (on 80 both fall short of a clean
link), and enough that 0.1 % of loss matters: on 20 TCP fills the link all the
same. Flows that share a bottleneck share 20.

Run in the test machine by `make bench-paths`; needs root and the module.
"""

import argparse
import json
import os
import select
import socket
import statistics
import struct
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../selftests"))
from lib import netns  # pylint: disable=wrong-import-position

SERVER = "10.2.0.2"
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "tern": 253}
TCP_INFO_RTT, TCP_INFO_RETRANS, TCP_INFO_SIZE = 68, 100, 104
CHUNK = 1 << 16

# name, Mbit/s, RTT in ms, buffer in BDPs, netem there, netem back, seconds, event
PATHS = (
    ("10 ms, clean", 40, 10, 1, "", "", 8, None),
    ("100 ms, clean", 40, 100, 1, "", "", 12, None),
    ("20 ms, loss 0.1 %", 40, 20, 1, "loss 0.1%", "", 16, None),
    ("20 ms, loss 1 %", 40, 20, 1, "loss 1%", "", 16, None),
    ("20 ms, loss 3 %", 40, 20, 1, "loss 3%", "", 16, None),
    ("20 ms, loss 1 % both ways", 40, 20, 1, "loss 1%", "loss 1%", 16, None),
    ("20 ms, reordering 5 % by 5 ms", 40, 20, 1, "reorder", "", 8, None),
    ("20 ms, jitter 3 ms", 40, 20, 1, "jitter", "", 8, None),
    ("20 ms, buffer 1/10 BDP", 40, 20, 0.1, "", "", 8, None),
    ("20 ms, outage of 2 s", 40, 20, 1, "", "", 10, "outage"),
    ("20 ms, MTU drops, no ICMP", 40, 20, 1, "", "", 10, "mtu"),
)
# flows of each protocol, RTT in ms
FAIRNESS = ((1, 10), (1, 50), (4, 10), (4, 50))
LATE = 0.004                # seconds that a link may make up for
EVENT_AT = 3
OUTAGE = 2
# RTT in ms of the paths on which the last segment of a response is lost
TAIL_LOSS = (20, 100)
LOST_OF = 8                 # one of so many packets that end a response
LOST_TAILS = 5
RESPONSES = LOST_TAILS * (LOST_OF - 1)
FULL_SEGMENTS = 10
LAST_SEGMENT = 100          # bytes; no other packet is as long


def run(*words):
    subprocess.run(words, check=True)


def batch(program, namespace, *lines):
    subprocess.run([program, "-n", namespace, "-batch", "-"], check=True, text=True,
                   input="\n".join(lines) + "\n")


def build():
    for name in ("client", "r1", "r2", "server"):
        run("ip", "netns", "add", name)
    links = (("client", "r1", "10.1.0"), ("r1", "r2", "10.3.0"), ("r2", "server", "10.2.0"))
    for left, right, net in links:
        run("ip", "link", "add", right, "netns", left, "type", "veth",
            "peer", "name", left, "netns", right)
        hosts = {left: 1, right: 2}
        for here, there in ((left, right), (right, left)):
            batch("ip", here, f"addr add {net}.{hosts[here]}/24 dev {there}",
                  f"link set {there} gso_max_segs 1 up", "link set lo up")
    batch("ip", "client", "route add default via 10.1.0.2")
    batch("ip", "server", "route add default via 10.2.0.1")
    batch("ip", "r1", "route add 10.2.0.0/24 via 10.3.0.2")
    batch("ip", "r2", "route add 10.1.0.0/24 via 10.3.0.1")
    for name in ("r1", "r2"):
        run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def netem(there, rtt):
    """Delay of the way there and back, and what else happens on the way there"""
    if there == "reorder":      # one packet of twenty is not delayed, and overtakes
        return "delay 5ms reorder 5%", rtt - 5
    if there == "jitter":
        return f"delay {rtt / 2}ms 3ms distribution normal", rtt / 2
    return f"delay {rtt / 2}ms {there}", rtt / 2


def set_path(mbit, rtt, bdps=1, there="", back=""):
    limit = max(int(mbit * 1e6 / 8 * rtt / 1e3 * bdps), 2 * 1514)
    # an emulated machine's timers are late by a millisecond or two, which must not
    # make the link a slower one; and the bucket is no second buffer
    burst = max(min(int(mbit * 1e6 / 8 * LATE), limit // 4), 2 * 1550)
    way_there, delay_back = netem(there, rtt)
    batch("tc", "r1", f"qdisc replace dev r2 root tbf rate {mbit}mbit burst {burst} limit {limit}",
          f"qdisc replace dev client root netem limit 10000 delay {delay_back}ms {back}")
    batch("tc", "r2", f"qdisc replace dev server root netem limit 10000 {way_there}")
    # the link's other end takes less than this one believes, and nobody tells
    run("ip", "-n", "r2", "link", "set", "r1", "mtu", "1500")


def outage(on, rtt):
    loss = "loss 100%" if on else ""
    batch("tc", "r2", f"qdisc change dev server root netem limit 10000 delay {rtt / 2}ms {loss}")
    batch("tc", "r1", f"qdisc change dev client root netem limit 10000 delay {rtt / 2}ms {loss}")


def happen(event, rtt):
    """What changes in the middle of a transfer; takes as long as it takes."""
    if event == "outage":
        outage(True, rtt)
        time.sleep(OUTAGE)
        outage(False, rtt)
    elif event == "mtu":
        run("ip", "-n", "r2", "link", "set", "r1", "mtu", "1300")


def open_socket(protocol):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, PROTOCOLS[protocol])
    sock.setsockopt(socket.SOL_TCP, socket.TCP_CONGESTION, b"cubic")
    return sock


def receive(protocol, port, warm_up, seconds, report):
    """Count what arrives after the warm-up."""
    netns.enter("server")
    listener = open_socket(protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((SERVER, port))
    listener.listen()
    os.write(report, b"listening\n")
    peer = listener.accept()[0]
    begin = time.monotonic()
    buffer = bytearray(4 * CHUNK)
    counted = 0
    peer.setblocking(False)
    while (now := time.monotonic() - begin) < seconds:
        if not select.select([peer], [], [], seconds - now)[0]:
            continue
        size = peer.recv_into(buffer)
        if not size:
            break
        if now >= warm_up:
            counted += size
    os.write(report, f"{counted}\n".encode())


def send(protocol, port, seconds, report):
    """Send for so long; mean RTT as the sender saw it, and retransmissions."""
    netns.enter("client")
    sock = open_socket(protocol)
    sock.connect((SERVER, port))
    begin = time.monotonic()
    data = bytes(CHUNK)
    rtts, retrans, sample_at = [], 0, 0
    sock.setblocking(False)
    while (now := time.monotonic() - begin) < seconds:
        try:
            if select.select([], [sock], [], min(0.1, seconds - now))[1]:
                sock.send(data)
            if now >= sample_at:
                sample_at = now + 0.1
                info = sock.getsockopt(socket.SOL_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
                rtts.append(struct.unpack_from("=I", info, TCP_INFO_RTT)[0])
                retrans = struct.unpack_from("=I", info, TCP_INFO_RETRANS)[0]
        except ConnectionError:
            break
    os.write(report, f"{statistics.mean(rtts) / 1e3} {retrans}\n".encode())


class Process:
    """A function in a child process, and the lines it reports"""

    def __init__(self, function, *args):
        reading, writing = os.pipe()
        self.report = os.fdopen(reading)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                function(*args, writing)
            finally:
                sys.stdout.flush()
                os._exit(0)
        os.close(writing)

    def line(self):
        words = self.report.readline().split()
        if not words:
            raise SystemExit("paths: a transfer failed")
        return words

    def end(self):
        os.waitpid(self.pid, 0)
        self.report.close()


def flows(protocols, seconds, warm_up=0, meanwhile=lambda: None):
    """Runs a flow of each protocol at once; [(Mbit/s, mean RTT in ms, retransmissions)]"""
    receivers = [Process(receive, protocol, 7100 + n, warm_up, seconds)
                 for n, protocol in enumerate(protocols)]
    for receiver in receivers:
        receiver.line()
    senders = [Process(send, protocol, 7100 + n, seconds) for n, protocol in enumerate(protocols)]
    meanwhile()
    results = []
    for receiver, sender in zip(receivers, senders):
        rate = int(receiver.line()[0]) * 8 / (seconds - warm_up) / 1e6
        rtt, retrans = sender.line()
        results.append((rate, float(rtt), int(retrans)))
    for process in receivers + senders:
        process.end()
    return results


def counter(protocol, name):
    """Of the client; spurious retransmissions are those the peer reports as duplicates"""
    tern = protocol == "tern"
    path = "/proc/net/tern/snmp" if tern else "/proc/net/netstat"
    text = subprocess.run(["ip", "netns", "exec", "client", "cat", path], check=True,
                          capture_output=True, text=True).stdout
    if tern:
        return int(dict(line.split() for line in text.splitlines())[name])
    names, values = (line.split() for line in text.splitlines()[:2])
    return int(values[names.index("TCP" + name)])


def drop_tails(header):
    """Of the packets with a last segment in them one now and then is lost; what
    repairs it is never the next one to be."""
    length = 20 + header + LAST_SEGMENT
    batch("tc", "r1", "qdisc replace dev client clsact",
          f"filter replace dev client ingress protocol ip prio 1 u32 "
          f"match u16 {length} 0xffff at 2 action pass random determ drop {LOST_OF}")


def responses(protocol, size, report):
    """In the client's namespace, which answers a request of one byte"""
    netns.enter("client")
    listener = open_socket(protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("10.1.0.1", 7200))
    listener.listen()
    os.write(report, b"listening\n")
    peer = listener.accept()[0]
    peer.setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, 1)
    data = bytes(size)
    while peer.recv(1):
        peer.sendall(data)


def requests(protocol, size, report):
    """Median time in ms of all responses, and of those that took longest"""
    netns.enter("server")
    sock = open_socket(protocol)
    sock.connect(("10.1.0.1", 7200))
    times = []
    for _ in range(RESPONSES):
        begin = time.monotonic()
        sock.sendall(b"?")
        left = size
        while left:
            left -= len(sock.recv(left))
        times.append(time.monotonic() - begin)
    longest = statistics.median(sorted(times)[-LOST_TAILS:])
    os.write(report, f"{statistics.median(times) * 1e3} {longest * 1e3}\n".encode())


def response_times(protocol, size):
    server = Process(responses, protocol, size)
    server.line()
    client = Process(requests, protocol, size)
    times = [float(word) for word in client.line()]
    client.end()
    server.end()
    return times


def measure_tail_loss(rtt):
    """Delay of a response by the loss of its last segment, in round trips"""
    set_path(40, rtt)
    found = {"tail_loss": f"{rtt} ms", "rtt_ms": rtt}
    mss = 1448          # with 32 bytes of header, for both
    size = FULL_SEGMENTS * mss + LAST_SEGMENT
    for protocol in ("tern", "tcp"):
        drop_tails(32)
        clean, delayed = response_times(protocol, size)
        batch("tc", "r1", "qdisc del dev client clsact")
        found[f"{protocol}_rtts"] = round((delayed - clean) / rtt, 2)
    return found


def median(results, column):
    return statistics.median(result[column] for result in results)


def measure_path(path, rounds):
    name, mbit, rtt, bdps, there, back, seconds, event = path

    def meanwhile():
        if event:
            time.sleep(EVENT_AT)
            happen(event, rtt)

    results = {"tern": [], "tcp": []}
    duplicates = {"tern": 0, "tcp": 0}
    for _ in range(rounds):
        for protocol, got in results.items():
            set_path(mbit, rtt, bdps, there, back)
            before = counter(protocol, "DSACKRecvSegs")
            got += flows([protocol], seconds, meanwhile=meanwhile)
            duplicates[protocol] += counter(protocol, "DSACKRecvSegs") - before
    found = {"path": name, "mbit": mbit, "rtt_ms": rtt, "rounds": rounds}
    for protocol, got in results.items():
        found[f"{protocol}_mbps"] = round(median(got, 0), 2)
        found[f"{protocol}_rounds"] = [round(rate, 2) for rate, _, _ in got]
        found[f"{protocol}_queue_ms"] = round(median(got, 1) - rtt, 1)
        found[f"{protocol}_retrans"] = median(got, 2)
        sent = sum(rate for rate, _, _ in got) * 1e6 / 8 * seconds / 1448
        found[f"{protocol}_spurious_percent"] = round(100 * duplicates[protocol] / sent, 3)
    found["ratio"] = round(found["tern_mbps"] / max(found["tcp_mbps"], 0.01), 3)
    return found


def measure_fairness(each, rtt, rounds, seconds):
    shares, indices = [], []
    for _ in range(rounds):
        set_path(20, rtt)
        rates = [rate for rate, _, _ in flows(["tern", "tcp"] * each, seconds, seconds / 3)]
        shares.append(sum(rates[::2]) / sum(rates))
        indices.append(sum(rates) ** 2 / (len(rates) * sum(rate ** 2 for rate in rates)))
    return {"flows": 2 * each, "rtt_ms": rtt, "tern_share": round(statistics.median(shares), 3),
            "tern_shares": [round(share, 3) for share in shares],
            "jain": round(statistics.median(indices), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--path", default="", help="only those with this in their name")
    parser.add_argument("--fairness-seconds", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="all figures again, in a last line")
    args = parser.parse_args()

    build()
    found = []
    print(f"{'path':31} {'Tern':>6} {'TCP':>6} {'ratio':>6}   sent again    queue, ms"
          "    spurious, %", flush=True)
    for path in PATHS:
        if args.path not in path[0]:
            continue
        line = measure_path(path, args.rounds)
        found.append(line)
        print("{path:31} {tern_mbps:6.2f} {tcp_mbps:6.2f} {ratio:6.3f} "
              "{tern_retrans:6.0f} {tcp_retrans:5.0f} {tern_queue_ms:6.1f} {tcp_queue_ms:5.1f} "
              "{tern_spurious_percent:8.3f} {tcp_spurious_percent:5.3f}"
              .format(**line), flush=True)
    for rtt in TAIL_LOSS:
        if args.path not in "tail loss":
            continue
        line = measure_tail_loss(rtt)
        found.append(line)
        print("lost last segment, {rtt_ms} ms: repaired {tern_rtts:.2f} RTTs later, "
              "with TCP {tcp_rtts:.2f}".format(**line), flush=True)
    for each, rtt in FAIRNESS:
        if args.path not in "fairness":
            continue
        line = measure_fairness(each, rtt, args.rounds, args.fairness_seconds)
        found.append(line)
        print("{flows} flows, {rtt_ms} ms: Tern's share {tern_share:.3f}, Jain {jain:.3f}"
              .format(**line), flush=True)
    if args.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
