#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Every edge of the state table is taken by a scenario that bears its name.

The other end is played segment by segment (lib/wire.py). A scenario checks the
state in /proc/net/tern/sockets, what was sent and what the program is told; the
runner checks that /proc/net/tern/transitions counted the edge. The same runs on
TCP, as the reference, where TCP's timers are not fixed at a minute.
"""
import errno
import os
import socket

from lib.doors import TCP_LINGER2, TCP_USER_TIMEOUT, disconnect
from lib.scenario import TERN, main, scenario
from lib.wire import PORT, Conn, World, check, check_equal, wait_for

SOL_TCP = socket.IPPROTO_TCP
TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT = 4, 5, 6, 7

# (type, code) of ICMP errors, for IPv4 and IPv6
HOST_UNREACHABLE = {4: (3, 1), 6: (1, 3)}
NET_UNREACHABLE = {4: (3, 0), 6: (1, 0)}
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
# what ends a half-open connection too
FATAL_UNREACHABLE = {4: (3, 1), 6: (1, 4)}


def user_timeout(conn, milliseconds=300):
    conn.sock.setsockopt(SOL_TCP, TCP_USER_TIMEOUT, milliseconds)


# --- the way to each state ------------------------------------------------------

def syn_sent(w):
    c = w.connecting()
    c.expect_syn()
    c.state("SYN_SENT")
    return c


def syn_received(w):
    """A SYN object at a listener"""
    listener = w.listen()
    c = Conn(w)
    c.listener = listener
    c.send_syn()
    c.expect("SA", seq=0, ack=1)
    c.state("SYN_RECEIVED")
    return c


def crossed_syns(w):
    """A socket in SYN_RECEIVED: simultaneous open"""
    c = syn_sent(w)
    c.send_syn()
    c.expect("SA", seq=0, ack=1)
    c.state("SYN_RECEIVED")
    return c


def established(w):
    c = w.established()
    c.state("ESTABLISHED")
    return c


def fin_wait_1(w):
    c = established(w)
    c.shutdown()
    c.expect("FA", seq=1, ack=1, len=0)
    c.state("FIN_WAIT_1")
    return c


def fin_wait_2(w):
    c = fin_wait_1(w)
    c.send("A")
    c.state("FIN_WAIT_2")
    c.expect_none()
    return c


def close_wait(w):
    c = established(w)
    c.send("FA")
    c.expect("A", seq=1, ack=2, len=0)
    c.state("CLOSE_WAIT")
    c.read_eof()
    return c


def closing(w):
    c = fin_wait_1(w)
    c.send("FA", ack=1)
    c.expect("A", seq=2, ack=2, len=0)
    c.state("CLOSING")
    return c


def last_ack(w):
    c = close_wait(w)
    c.shutdown()
    c.expect("FA", seq=1, ack=2, len=0)
    c.state("LAST_ACK")
    return c


def time_wait(w, close=False):
    c = fin_wait_2(w)
    if close:
        c.close()
    c.send("FA")
    c.expect("A", seq=2, ack=2, len=0)
    c.state("TIME_WAIT")
    return c


# --- open -----------------------------------------------------------------------

@scenario("CLOSED OPEN_PASSIVE LISTEN", edge="CLOSED OPEN_PASSIVE LISTEN")
def listen(w):
    w.listen()
    check_equal(w.states_of(PORT, 0), ["LISTEN"], "state of a listening socket")


@scenario("CLOSED OPEN_ACTIVE SYN_SENT", edge="CLOSED OPEN_ACTIVE SYN_SENT")
def connect(w):
    syn_sent(w)


@scenario("LISTEN RCV_SYN SYN_RECEIVED", edge="LISTEN RCV_SYN SYN_RECEIVED")
def listener_receives_syn(w):
    syn_received(w)
    check_equal(w.states_of(PORT, 0), ["LISTEN"], "state of the listener")


@scenario("LISTEN CLOSE CLOSED", edge="LISTEN CLOSE CLOSED")
def close_listener(w):
    w.listen().close()
    check_equal(w.entries(), [], "sockets after close()")


@scenario("LISTEN CLOSE CLOSED by shutdown(SHUT_RD)", edge="LISTEN CLOSE CLOSED")
def shut_listener_down(w):
    listener = w.listen()
    listener.shutdown(socket.SHUT_RD)
    check_equal(w.states_of(PORT, 0), [], "state after shutdown()")
    listener.listen(1)
    check_equal(w.states_of(PORT, 0), ["LISTEN"], "state after a second listen()")


@scenario("LISTEN ignores RST")
def listener_receives_rst(w):
    w.listen()
    c = Conn(w)
    for flags in ("R", "RA"):
        c.send(flags, seq=0)
        c.expect_none()
    check_equal(w.states_of(PORT, 0), ["LISTEN"], "state of the listener")


@scenario("SYN_SENT RCV_SYN_ACK ESTABLISHED", edge="SYN_SENT RCV_SYN_ACK ESTABLISHED")
def active_open(w):
    c = syn_sent(w)
    c.send_syn_ack()
    c.expect("A", seq=1, ack=1, len=0)
    c.state("ESTABLISHED")
    check_equal(c.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0, "SO_ERROR")
    c.alive()


@scenario("SYN_SENT RCV_SYN SYN_RECEIVED", edge="SYN_SENT RCV_SYN SYN_RECEIVED")
def simultaneous_open(w):
    crossed_syns(w)


@scenario("SYN_SENT RCV_RST CLOSED", edge="SYN_SENT RCV_RST CLOSED")
def connection_refused(w):
    c = syn_sent(w)
    c.send("RA", seq=0, ack=1, tag=c.peer_tag)
    c.state("CLOSED")
    c.socket_error(errno.ECONNREFUSED)
    c.expect_none()


@scenario("SYN_SENT CLOSE CLOSED", edge="SYN_SENT CLOSE CLOSED")
def close_while_connecting(w):
    c = syn_sent(w)
    c.close()
    c.state("CLOSED")
    c.expect_none()
    # who answers a SYN-ACK now is nobody
    c.send_syn_ack()
    c.expect("R", seq=1, tag=c.peer_tag)


@scenario("SYN_SENT TIMEOUT CLOSED after syn_retries", slow=True, edge="SYN_SENT TIMEOUT CLOSED")
def connect_times_out(w):
    w.sysctl("syn_retries", 1)
    c = syn_sent(w)
    c.expect("S", seq=0)
    c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


@scenario("SYN_SENT TIMEOUT CLOSED by TCP_USER_TIMEOUT", slow=True, edge="SYN_SENT TIMEOUT CLOSED")
def connect_hits_user_timeout(w):
    c = w.connecting(options=[(SOL_TCP, TCP_USER_TIMEOUT, 500)])
    c.expect_syn()
    c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


@scenario("SYN_SENT TIMEOUT CLOSED after TCP_SYNCNT", slow=True, edge="SYN_SENT TIMEOUT CLOSED")
def connect_counts_to_syncnt(w):
    c = w.connecting(options=[(SOL_TCP, TCP_SYNCNT, 1)])
    c.expect_syn()
    c.expect("S", seq=0)
    c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


def icmp_ends_connect(kinds, number):
    def run(w):
        c = syn_sent(w)
        w.icmp_error(c.last.packet, *kinds[w.version])
        c.state("CLOSED")
        c.socket_error(number)
        c.expect_none()
    return run


for _name, _kinds, _number in (("host unreachable", HOST_UNREACHABLE, errno.EHOSTUNREACH),
                               ("network unreachable", NET_UNREACHABLE, errno.ENETUNREACH),
                               ("port unreachable", PORT_UNREACHABLE, errno.ECONNREFUSED)):
    scenario(f"SYN_SENT ICMP_ERROR CLOSED, {_name}",
             edge="SYN_SENT ICMP_ERROR CLOSED")(icmp_ends_connect(_kinds, _number))


@scenario("SYN_RECEIVED RCV_ACK ESTABLISHED", edge="SYN_RECEIVED RCV_ACK ESTABLISHED")
def passive_open(w):
    c = syn_received(w)
    c.send("A")
    c.state("ESTABLISHED")
    c.expect_none()
    c.sock = w.accept(c.listener)
    c.alive()


@scenario("SYN_RECEIVED RCV_ACK ESTABLISHED, crossed SYN-ACKs",
          edge="SYN_RECEIVED RCV_ACK ESTABLISHED", variants=TERN)
def simultaneous_open_by_syn_acks(w):
    c = crossed_syns(w)
    c.send_syn_ack()
    c.state("ESTABLISHED")
    c.expect_maybe("A", seq=1, ack=1, len=0)
    c.alive()


@scenario("SYN_RECEIVED RCV_ACK ESTABLISHED, crossed SYNs",
          edge="SYN_RECEIVED RCV_ACK ESTABLISHED")
def simultaneous_open_by_ack(w):
    c = crossed_syns(w)
    c.send("A", seq=1, ack=1)
    c.state("ESTABLISHED")
    c.expect_none()
    c.alive()


@scenario("SYN_RECEIVED CLOSE FIN_WAIT_1", edge="SYN_RECEIVED CLOSE FIN_WAIT_1")
def close_in_simultaneous_open(w):
    c = crossed_syns(w)
    c.close()
    c.expect("FA", seq=1, ack=1, len=0)
    c.state("FIN_WAIT_1")
    c.send("A")
    c.state("FIN_WAIT_2")


@scenario("SYN_RECEIVED RCV_RST CLOSED", edge="SYN_RECEIVED RCV_RST CLOSED")
def half_open_reset(w):
    c = syn_received(w)
    c.send("R")
    c.state("CLOSED")
    check_equal(w.states_of(PORT, 0), ["LISTEN"], "state of the listener")
    c.expect_none()


@scenario("SYN_RECEIVED RCV_RST CLOSED, crossed SYNs", edge="SYN_RECEIVED RCV_RST CLOSED")
def simultaneous_open_reset(w):
    c = crossed_syns(w)
    c.send("R", seq=1)
    c.state("CLOSED")
    check(c.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in
          (errno.ECONNREFUSED, errno.ECONNRESET), "SO_ERROR after the reset")


@scenario("SYN_RECEIVED ABORT CLOSED, listener closed", edge="SYN_RECEIVED ABORT CLOSED")
def half_open_listener_closed(w):
    c = syn_received(w)
    c.listener.close()
    c.state("CLOSED")
    c.send("A")
    c.expect("R", seq=1, tag=c.peer_tag)


@scenario("SYN_RECEIVED ABORT CLOSED, crossed SYNs", edge="SYN_RECEIVED ABORT CLOSED")
def simultaneous_open_aborted(w):
    c = crossed_syns(w)
    c.abort()
    c.expect_rst(seq=1)
    c.state("CLOSED")


@scenario("SYN_RECEIVED TIMEOUT CLOSED after synack_retries", slow=True,
          edge="SYN_RECEIVED TIMEOUT CLOSED")
def half_open_times_out(w):
    w.sysctl("synack_retries", 1)
    c = syn_received(w)
    c.expect("SA", seq=0, ack=1)
    c.state("CLOSED")
    check_equal(w.states_of(PORT, 0), ["LISTEN"], "state of the listener")


@scenario("SYN_RECEIVED TIMEOUT CLOSED, crossed SYNs", slow=True,
          edge="SYN_RECEIVED TIMEOUT CLOSED")
def simultaneous_open_times_out(w):
    c = crossed_syns(w)
    user_timeout(c)
    c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


@scenario("SYN_RECEIVED ICMP_ERROR CLOSED", edge="SYN_RECEIVED ICMP_ERROR CLOSED")
def half_open_unreachable(w):
    c = syn_received(w)
    w.icmp_error(c.last.packet, *FATAL_UNREACHABLE[w.version])
    c.state("CLOSED")
    check_equal(w.states_of(PORT, 0), ["LISTEN"], "state of the listener")


@scenario("SYN_RECEIVED ICMP_ERROR CLOSED, crossed SYNs", edge="SYN_RECEIVED ICMP_ERROR CLOSED")
def simultaneous_open_unreachable(w):
    c = crossed_syns(w)
    w.icmp_error(c.last.packet, *HOST_UNREACHABLE[w.version])
    c.state("CLOSED")
    c.socket_error(errno.EHOSTUNREACH)


# --- close ----------------------------------------------------------------------

@scenario("ESTABLISHED CLOSE FIN_WAIT_1 by close()", edge="ESTABLISHED CLOSE FIN_WAIT_1")
def active_close(w):
    c = established(w)
    c.close()
    c.expect("FA", seq=1, ack=1, len=0)
    c.state("FIN_WAIT_1")


@scenario("ESTABLISHED CLOSE FIN_WAIT_1 by shutdown()", edge="ESTABLISHED CLOSE FIN_WAIT_1")
def active_half_close(w):
    fin_wait_1(w)


@scenario("ESTABLISHED RCV_FIN CLOSE_WAIT", edge="ESTABLISHED RCV_FIN CLOSE_WAIT")
def passive_close(w):
    close_wait(w)


@scenario("FIN_WAIT_1 RCV_ACK_OF_FIN FIN_WAIT_2", edge="FIN_WAIT_1 RCV_ACK_OF_FIN FIN_WAIT_2")
def fin_acknowledged(w):
    fin_wait_2(w)


@scenario("FIN_WAIT_1 stays at an ACK that does not cover the FIN")
def fin_not_acknowledged(w):
    c = established(w)
    c.write(100)
    c.expect("A", seq=1, len=100)
    c.shutdown()
    c.expect("FA", seq=101, len=0)
    c.send("A", ack=101)
    c.state("FIN_WAIT_1")
    c.send("A", ack=102)
    c.state("FIN_WAIT_2")


@scenario("FIN_WAIT_1 RCV_FIN CLOSING", edge="FIN_WAIT_1 RCV_FIN CLOSING")
def simultaneous_close(w):
    closing(w)


@scenario("FIN_WAIT_1 to TIME_WAIT by FIN and ACK in one",
          edge=["FIN_WAIT_1 RCV_ACK_OF_FIN FIN_WAIT_2", "FIN_WAIT_2 RCV_FIN TIME_WAIT"])
def fin_answered_with_fin(w):
    c = fin_wait_1(w)
    c.send("FA")
    c.expect("A", seq=2, ack=2, len=0)
    c.state("TIME_WAIT")


@scenario("FIN_WAIT_2 RCV_FIN TIME_WAIT", edge="FIN_WAIT_2 RCV_FIN TIME_WAIT")
def normal_close(w):
    c = time_wait(w)
    c.read_eof()


@scenario("FIN_WAIT_2 RCV_FIN TIME_WAIT, program gone", edge="FIN_WAIT_2 RCV_FIN TIME_WAIT")
def orphan_close(w):
    time_wait(w, close=True)


@scenario("CLOSE_WAIT CLOSE LAST_ACK by close()", edge="CLOSE_WAIT CLOSE LAST_ACK")
def passive_close_answered(w):
    c = close_wait(w)
    c.close()
    c.expect("FA", seq=1, ack=2, len=0)
    c.state("LAST_ACK")


@scenario("CLOSE_WAIT CLOSE LAST_ACK by shutdown()", edge="CLOSE_WAIT CLOSE LAST_ACK")
def passive_close_shut_down(w):
    last_ack(w)


@scenario("CLOSING RCV_ACK_OF_FIN TIME_WAIT", edge="CLOSING RCV_ACK_OF_FIN TIME_WAIT")
def simultaneous_close_acknowledged(w):
    c = closing(w)
    c.send("A", ack=2)
    c.state("TIME_WAIT")
    c.expect_none()


@scenario("LAST_ACK RCV_ACK_OF_FIN CLOSED", edge="LAST_ACK RCV_ACK_OF_FIN CLOSED")
def last_acknowledgment(w):
    c = last_ack(w)
    c.send("A")
    c.state("CLOSED")
    c.expect_none()
    c.close()


# --- RST, abort and timeout in each state ---------------------------------------

REACH = {"ESTABLISHED": established, "FIN_WAIT_1": fin_wait_1, "FIN_WAIT_2": fin_wait_2,
         "CLOSE_WAIT": close_wait, "CLOSING": closing, "LAST_ACK": last_ack,
         "TIME_WAIT": time_wait}
# what the program of a connection that is reset is told, as on TCP
RESET_ERRNO = {"CLOSE_WAIT": errno.EPIPE}


def reset_in(state):
    def run(w):
        c = REACH[state](w)
        c.send("R")
        c.state("CLOSED")
        if state != "TIME_WAIT":
            c.socket_error(RESET_ERRNO.get(state, errno.ECONNRESET))
        c.expect_none()
    return run


def abort_in(state):
    def run(w):
        c = REACH[state](w)
        c.abort()
        if state not in ("CLOSING", "LAST_ACK"):
            c.expect_rst(seq=2 if state.startswith("FIN") else 1)
        c.state("CLOSED")
        c.expect_none()
    return run


def timeout_in(state):
    """The other end is silent from here on."""
    def run(w):
        c = REACH[state](w)
        user_timeout(c)
        if state in ("ESTABLISHED", "CLOSE_WAIT"):
            c.write(10)
            c.expect("A", seq=1, len=10)
        c.state("CLOSED")
        c.socket_error(errno.ETIMEDOUT)
    return run


for _state in REACH:
    scenario(f"{_state} RCV_RST CLOSED", edge=f"{_state} RCV_RST CLOSED")(reset_in(_state))
    if _state == "TIME_WAIT":
        continue
    scenario(f"{_state} ABORT CLOSED by SO_LINGER 0",
             edge=f"{_state} ABORT CLOSED")(abort_in(_state))
    if _state != "FIN_WAIT_2":
        scenario(f"{_state} TIMEOUT CLOSED by TCP_USER_TIMEOUT", slow=True,
                 edge=f"{_state} TIMEOUT CLOSED")(timeout_in(_state))


@scenario("ESTABLISHED ABORT CLOSED, unread data", edge="ESTABLISHED ABORT CLOSED")
def close_with_unread_data(w):
    c = established(w)
    c.send(len=100)
    c.expect("A", ack=101)
    with w.counts(AbortOnClose=1):
        c.close()
        c.expect_rst(seq=1)
    c.state("CLOSED")


@scenario("ESTABLISHED ABORT CLOSED by connect() to AF_UNSPEC", edge="ESTABLISHED ABORT CLOSED")
def disconnected(w):
    c = established(w)
    disconnect(c.sock)
    c.expect_rst(seq=1)
    c.state("CLOSED")


@scenario("ESTABLISHED ABORT CLOSED, closed before it was accepted",
          edge="ESTABLISHED ABORT CLOSED")
def listener_closed_before_accept(w):
    c = syn_received(w)
    c.send("A")
    c.state("ESTABLISHED")
    c.listener.close()
    c.expect_rst(seq=1)
    c.state("CLOSED")


@scenario("FIN_WAIT_1 ABORT CLOSED, namespace deleted", edge="FIN_WAIT_1 ABORT CLOSED",
          variants=TERN)
def namespace_deleted(w):
    """The program ends, its connection cannot, then their namespace goes away."""
    variant = f"tern{w.version}"
    edge = "FIN_WAIT_1 ABORT CLOSED"
    before = w.edge_counts()[edge]
    child = os.fork()
    if child == 0:
        fin_wait_1(World(variant))
        os._exit(0)
    check_equal(os.waitpid(child, 0)[1], 0, "status of the child")
    wait_for(lambda: w.edge_counts()[edge] > before, "the connection goes with its namespace")


@scenario("ESTABLISHED TIMEOUT CLOSED after retries", slow=True,
          edge="ESTABLISHED TIMEOUT CLOSED")
def retransmissions_given_up(w):
    w.sysctl("rto_min_ms", 200)
    w.sysctl("retries", 2)
    c = established(w)
    with w.counts(AbortOnTimeout=1, Timeouts=(1, None)):
        c.write(10)
        c.expect("A", seq=1, len=10)
        c.expect("A", seq=1, len=10)
        c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


@scenario("ESTABLISHED TIMEOUT CLOSED by keepalive", slow=True,
          edge="ESTABLISHED TIMEOUT CLOSED")
def keepalive_unanswered(w):
    c = established(w)
    with w.counts(KeepAlives=2):
        for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1), (TCP_KEEPCNT, 2)):
            c.sock.setsockopt(SOL_TCP, option, value)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        c.expect("A", seq=0, len=0)
        c.expect("A", seq=0, len=0)
        c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


@scenario("ESTABLISHED TIMEOUT CLOSED by TCP_USER_TIMEOUT at a closed window", slow=True,
          edge="ESTABLISHED TIMEOUT CLOSED")
def window_never_opens(w):
    w.sysctl("rto_min_ms", 200)
    c = established(w)
    c.set_window(0)
    user_timeout(c)
    c.write(10)
    # not a single probe is answered
    c.state("CLOSED")
    c.socket_error(errno.ETIMEDOUT)


@scenario("FIN_WAIT_1 TIMEOUT CLOSED, program gone", slow=True,
          edge="FIN_WAIT_1 TIMEOUT CLOSED")
def orphan_gives_up(w):
    w.sysctl("rto_min_ms", 200)
    w.sysctl("orphan_retries", 1)
    c = established(w)
    c.close()
    c.expect("FA", seq=1)
    c.expect("FA", seq=1)
    c.state("CLOSED")


@scenario("FIN_WAIT_2 TIMEOUT CLOSED after fin_timeout", slow=True,
          edge="FIN_WAIT_2 TIMEOUT CLOSED")
def orphan_in_fin_wait_2(w):
    w.sysctl("fin_timeout", 1)
    c = fin_wait_2(w)
    c.close()
    c.state("FIN_WAIT_2")
    c.state("CLOSED")


@scenario("FIN_WAIT_2 TIMEOUT CLOSED after TCP_LINGER2", slow=True,
          edge="FIN_WAIT_2 TIMEOUT CLOSED")
def orphan_with_linger2(w):
    c = fin_wait_2(w)
    c.sock.setsockopt(SOL_TCP, TCP_LINGER2, 1)
    c.close()
    c.state("CLOSED")


@scenario("FIN_WAIT_2 RCV_RST CLOSED, program gone", edge="FIN_WAIT_2 RCV_RST CLOSED")
def orphan_reset(w):
    c = fin_wait_2(w)
    c.close()
    c.send("R")
    c.state("CLOSED")


# --- TIME_WAIT ------------------------------------------------------------------

@scenario("TIME_WAIT TIMEOUT CLOSED", slow=True, edge="TIME_WAIT TIMEOUT CLOSED", variants=TERN)
def time_wait_ends(w):
    w.sysctl("timewait", 1)
    c = time_wait(w, close=True)
    c.state("CLOSED")
    c.send("A")
    c.expect("R", seq=2, tag=c.peer_tag)


@scenario("TIME_WAIT answers a retransmitted FIN")
def time_wait_acknowledges_again(w):
    c = time_wait(w, close=True)
    for _ in range(3):
        c.send("FA", seq=1)
        c.expect("A", seq=2, ack=2, len=0)
    c.state("TIME_WAIT")


@scenario("TIME_WAIT RCV_SYN CLOSED and the port is used again",
          edge=["TIME_WAIT RCV_SYN CLOSED", "LISTEN RCV_SYN SYN_RECEIVED"])
def time_wait_reopened(w):
    c = time_wait(w, close=True)
    again = Conn(w, sport=c.sport, iss=c.iss + 100000)
    again.clock = c.now() + 5000000
    with w.counts(TWRecycled=1):
        again.send_syn()
        again.expect("SA", seq=0, ack=1)
    again.send("A")
    again.state("ESTABLISHED")
    again.sock = w.accept(c.listener)
    again.alive()


@scenario("TIME_WAIT keeps its port from an old SYN")
def time_wait_refuses_old_syn(w):
    c = time_wait(w, close=True)
    c.send_syn(ts=(c.now() - 2000000) & 0xffffffff)
    c.expect("A", seq=2, ack=2, len=0)
    c.state("TIME_WAIT")


@scenario("TIME_WAIT ignores a RST of the wrong sequence number")
def time_wait_ignores_blind_rst(w):
    c = time_wait(w, close=True)
    c.send("R", seq=c.snd_nxt + 1000)
    c.state("TIME_WAIT")


if __name__ == "__main__":
    main()
