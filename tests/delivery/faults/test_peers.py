"""The test servers themselves: they record what they received, and stop without loss."""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import termios
import time
from collections import Counter

import pytest
from delivery.faults.identity import check, check_growth, compare, in_order
from delivery.faults.peers import frame
from delivery.support import wait_until

GOOD = {"offered": 4, "recovered": 1, "sent": 2, "queued": 3, "high_water": 3}
GOOD |= {"resent": 0, "bytes": 9, "retries": 0, "reconnects": 0}


def connect(there):
    if there.kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(there.at)
        return sock
    return socket.create_connection(("127.0.0.1", there.at))


def unacknowledged(sock):
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


def send_until_refused(sock, there, end):
    """Send without a pause, call *end* meanwhile; return how many messages were written whole."""
    sock.settimeout(0.3)
    number = 0
    try:
        while True:
            sock.sendall(frame(number, size=300))
            number += 1
            if number == 2000:
                end()
    except OSError:
        return number


@pytest.mark.parametrize("kind", ["tcp", "unix", "udp", "unixgram"])
def test_a_server_counts_what_it_got(server, kind):
    there = server(kind)
    family = socket.AF_UNIX if kind.startswith("unix") else socket.AF_INET
    sort = socket.SOCK_STREAM if kind in ("tcp", "unix") else socket.SOCK_DGRAM

    with socket.socket(family, sort) as sock:
        sock.connect(there.at if family == socket.AF_UNIX else ("127.0.0.1", there.at))
        for number in (1, 2, 2):
            sock.send(frame(number))

        there.wait_for(2)
    wait_until(lambda: there.received.serials().total() == 3)
    assert there.received.serials() == {("a", 1): 1, ("a", 2): 2}


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_what_was_acknowledged_before_an_exact_end_is_written_down(server, how):
    there = server("tcp", how=how)
    with connect(there) as sock:
        there.received.read_on()
        written = []
        count = send_until_refused(sock, there, lambda: written.append(there.stop()))

    got = there.received.serials()
    assert 0 < len(got) <= count + 1
    assert got.keys() == {("a", number) for number in range(len(got))}


def test_what_an_exact_end_did_not_take_is_still_the_senders(server):
    """Bytes written = bytes in the files + unacknowledged bytes, as the kernel reports."""
    there = server("tcp")
    with connect(there) as sock:
        sock.setblocking(False)
        there.hang()
        written = 0
        while True:  # both buffers are full
            try:
                written += sock.send(frame(7, size=1000))
            except BlockingIOError:
                if unacknowledged(sock):
                    break
        there.stop()
        left = unacknowledged(sock)

    (record,) = there.received.read_on()
    assert record.path.stat().st_size + left == written
    assert left > 0


def test_a_killed_server_has_written_down_a_part(server):
    there = server("tcp", pause=0.01, chunk=1000)
    with connect(there) as sock:
        count = send_until_refused(sock, there, there.kill)

    assert 0 < there.received.count() < count


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_server_closes_in_the_middle_of_a_frame(server, how):
    there = server("tcp", cut=1000, how=how, buffer=4096)
    with connect(there) as sock:
        sock.settimeout(5)
        sock.sendall(frame(1, size=60000)[:20000])
        try:
            end = sock.recv(1)
        except ConnectionResetError:
            end = None

    assert end == (b"" if how == "fin" else None)
    (record,) = there.received.read_on()
    assert record.serials == []
    assert record.tail >= 1000


def test_a_server_comes_back_at_its_address(server):
    there = server("tcp")
    for number in range(3):
        with connect(there) as sock:
            sock.sendall(frame(number))
            there.wait_for(number + 1)
            there.stop()
            with pytest.raises(ConnectionRefusedError):
                connect(there)
            there.start()

    assert there.received.serials() == {("a", number): 1 for number in range(3)}


def test_a_hanging_server_takes_what_its_kernel_takes(server):
    there = server("tcp")
    there.hang()
    with connect(there) as sock:
        sock.sendall(frame(1))
        time.sleep(0.05)
        assert there.received.count() == 0
        there.go_on()
        there.wait_for(1)


def test_a_tls_server_counts_what_it_got(server, pki):
    there = server("tcp", cert=pki["server.pem"], key=pki["server.key"], ca=pki["ca.pem"])
    context = ssl.create_default_context(cafile=pki["ca.pem"])
    context.load_cert_chain(pki["client.pem"], pki["client.key"])

    with context.wrap_socket(connect(there), server_hostname="127.0.0.1") as sock:
        for number in range(100):
            sock.sendall(frame(number, size=1000))
        there.wait_for(100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"offered": 5},
        {"sent": 1},
        {"dropped": {"full": 1}},
        {"queued": 2},
        {"queued": -1, "offered": 1},
        {"high_water": 2},
        {"high_water": 9},
        {"bytes": None},
        {"offered": 5, "dropped": {"full": 1, "closed": 0}},
    ],
)
def test_an_account_that_does_not_balance_is_found(wrong):
    check({**GOOD, "dropped": {}})

    with pytest.raises(AssertionError):
        check({**GOOD, "dropped": {}, **wrong})
    with pytest.raises(AssertionError):
        check({**GOOD, "dropped": {}, "destinations": {"x": {**GOOD, "dropped": {}, **wrong}}})


def test_a_count_that_goes_back_is_found():
    before = {**GOOD, "dropped": {"full": 1}, "offered": 5}

    check_growth(before, {**before, "queued": 0, "sent": 4})
    for wrong in ({"offered": 4}, {"sent": 1}, {"dropped": {}}):
        with pytest.raises(AssertionError):
            check_growth(before, {**before, **wrong})


def test_a_message_that_is_lost_doubled_or_strange_is_found():
    account = {**GOOD, "dropped": {}, "offered": 2, "recovered": 0, "queued": 0}
    first, second, third = (("a", number) for number in range(3))
    received = {first: 1, second: 1}

    def compared(now, **changes):
        compare({**account, **changes}, Counter(now), {first, second})

    compared(received, high_water=2)
    compared({**received, second: 2}, high_water=2, resent=1)
    for wrong in ({first: 1}, {**received, second: 2}, {**received, third: 1}):
        with pytest.raises(AssertionError):
            compared(wrong, high_water=2)


def test_order_is_that_of_each_source():
    assert in_order([("a", 1), ("b", 1), ("a", 2), ("b", 5)])
    assert not in_order([("a", 1), ("a", 1)])
    assert not in_order([("a", 2), ("b", 1), ("a", 1)])
