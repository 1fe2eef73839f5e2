"""Failover from a host that accepts connections and takes no messages, with and without a queue."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

import pytest
from delivery.support import PATIENCE, wait_until

import heka
from heka._delivery.backoff import Hosts
from heka.streams import QueuedStream, UrlStream


class BadHost:
    """Accepts every connection, and then behaves as *how* says."""

    def __init__(self, how):
        self.how = how
        self.accepted = 0
        self.kept = []
        self.sock = socket.socket()
        if how in ("never reads", "drips"):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(64)
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.sock.accept()
                self.accepted += 1
                if self.how == "resets":
                    sock.recv(1)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if self.how in ("closes", "resets"):
                    sock.close()
                    continue
                self.kept.append(sock)
                if self.how == "drips":
                    threading.Thread(target=self._drip, args=(sock,), daemon=True).start()

    def _drip(self, sock):
        with contextlib.suppress(OSError):
            while sock.recv(1):
                time.sleep(0.05)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for sock in self.kept:
            sock.close()


@pytest.fixture(params=["never reads", "closes", "resets", "drips", "answers no TLS"])
def pair(request, server, pki):
    """Return the bad host, the good one, and the URL that names them in this order."""
    bad = BadHost(request.param)
    tls = request.param == "answers no TLS"
    good = server("tcp", **({"cert": pki["server.pem"], "key": pki["server.key"]} if tls else {}))
    hosts = f"127.0.0.1:{bad.port},127.0.0.1:{good.at}"
    yield bad, good, f"tls://{hosts}?ca={pki['ca.pem']}" if tls else f"tcp://{hosts}"
    bad.close()


@pytest.mark.parametrize("on_disk", [False, True], ids=["queue", "spool"])
def test_a_queue_goes_on_to_the_next_host(pair, on_disk, tmp_path):
    _, good, url = pair
    spool = {"spool": tmp_path / "spool"} if on_disk else {}
    options = {"write_timeout": 0.5, "connect_timeout": 0.5, "linger": 0.0, **spool}
    with QueuedStream(url, **options) as stream:
        for number in range(2000):
            stream.write(heka.pack("t", "a", payload=f"{number} {'x' * 1000}"))
        assert stream.flush(10)
        assert stream.stats()["dropped"] == {}
        wait_until(lambda: good.received.count() >= 1500, "messages at the second host")


def test_direct_messages_go_on_to_the_next_host(pair):
    bad, good, url = pair
    with UrlStream(url, timeout=0.3) as stream:
        deadline = time.monotonic() + PATIENCE
        number = 0
        while good.received.count() == 0:
            assert time.monotonic() < deadline, stream.stats()
            stream.write(heka.pack("t", "a", payload=f"{number} {'x' * 20000}"))
            number += 1
        assert bad.accepted <= 2


def test_a_single_host_that_closes_at_once_is_not_tried_without_end():
    bad = BadHost("closes")
    with QueuedStream(f"tcp://127.0.0.1:{bad.port}", linger=0.0) as stream:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            stream.write(heka.pack("t"))
            time.sleep(0.01)
        assert 2 <= bad.accepted <= 40, "back-off grows although each connection takes a message"
        stream.close(0.0)
    bad.close()


# ---- penalties -----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr("heka._delivery.backoff.monotonic", clock.monotonic)
    return clock


class Transport:
    peer = 0
    failed = ()

    def open(self, deadline, order=None):
        self.peer = order[0]


def test_a_host_that_failed_is_tried_after_those_that_did_not(clock):
    hosts = Hosts(3, 300.0, 10.0)
    hosts.fail(0)
    assert hosts.order() == [1, 2, 0]
    hosts.fail(2)
    assert hosts.order() == [1, 0, 2]
    clock.now += 1.1
    assert hosts.order() == [0, 1, 2]


def test_each_further_failure_doubles_the_penalty_up_to_refresh(clock):
    hosts = Hosts(2, 5.0, 10.0)
    for expected in (1.0, 2.0, 4.0, 5.0, 5.0):
        hosts.fail(0)
        clock.now += expected - 0.01
        assert hosts.order() == [1, 0]
        clock.now += 0.02
        assert hosts.order() == [0, 1]


def test_an_idle_close_is_no_failure_and_an_early_one_is(clock):
    hosts = Hosts(2, 300.0, 10.0)
    hosts.open(Transport(), 0.0)
    clock.now += 1.5
    assert not hosts.lose(failed=False)
    assert hosts.order() == [0, 1]
    hosts.open(Transport(), 0.0)
    clock.now += 0.5
    assert hosts.lose(failed=False)
    assert hosts.order() == [1, 0]


def test_the_penalty_ends_when_a_connection_has_lasted(clock):
    hosts = Hosts(2, 300.0, 10.0)
    for _ in range(5):
        hosts.fail(0)
    clock.now += 20.0
    hosts.open(Transport(), 0.0)
    clock.now += 9.0
    assert not hosts.is_old()
    clock.now += 1.0
    assert hosts.is_old()
    hosts.forgive()
    hosts.fail(0)
    clock.now += 1.1
    assert hosts.order() == [0, 1], "the penalty is one second again"
