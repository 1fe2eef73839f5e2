"""A peer that closes an idle connection: the next message goes over a new one, and arrives."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from delivery.support import PATIENCE, wait_until

import heka
import heka.testing
from heka.client import HekaClient


class ClosingServer:
    """Closes each connection after the first message; *speaks*: sends data before that."""

    def __init__(self, address, speaks=False):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.bind(address)
        self.sock.listen(16)
        self.speaks = speaks
        self.received = b""
        self.closed = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.sock.accept()
                self.received += sock.recv(65536)
                if self.speaks:
                    sock.sendall(b"220 hello\r\n")
                sock.shutdown(socket.SHUT_RDWR)
                sock.close()
                self.closed += 1

    def close(self):
        self.sock.close()


@pytest.fixture(params=["tcp", "unix", "tcp that speaks"])
def server(request, tmp_path):
    if request.param == "unix":
        there = ClosingServer(str(tmp_path / "at"))
        there.url = f"unix://{tmp_path}/at"
    else:
        there = ClosingServer(("127.0.0.1", 0), speaks="speaks" in request.param)
        there.url = f"tcp://127.0.0.1:{there.sock.getsockname()[1]}"
    yield there
    there.close()


@contextlib.contextmanager
def log(url):
    yield lambda text: heka.log("t", payload=text, to=url)


@contextlib.contextmanager
def client(url):
    made = HekaClient(url, "shop")
    yield made.info
    made.close()


@contextlib.contextmanager
def connection(url):
    with heka.HekaConnection(url) as made:
        yield lambda text: made.send_message(heka.Message("t", payload=text)) is None


WAYS = [log, client, connection]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_message_arrives_although_the_peer_closes_after_each(server, way):
    with way(server.url) as send:
        for number in range(5):
            assert send(f"message {number}.")
            wait_until(lambda n=number: server.closed == n + 1, "the end of the connection")
            time.sleep(0.02)  # a connection is idle after 10 ms

    for number in range(5):
        assert f"message {number}.".encode() in server.received


def test_the_end_is_noticed_under_a_replaced_clock(server):
    """The clock of a test stands still; the age of a connection does not depend on it."""
    with log(server.url) as send, heka.testing.sources(clock=10**18):
        assert send("first.")
        wait_until(lambda: server.closed == 1, "the end of the connection")
        time.sleep(0.02)
        assert send("second.")
    wait_until(lambda: b"second." in server.received, "the second message")


def test_a_connection_without_a_pause_is_not_asked_for_its_end(monkeypatch):
    """The kernel is asked only after 10 ms without a message."""
    listener = socket.create_server(("127.0.0.1", 0))
    connection = heka.HekaConnection(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
    asked = []
    transport = connection._transport
    monkeypatch.setattr(transport, "has_hung_up", lambda: asked.append(1))
    connection.timeout = PATIENCE
    connection.send(b"x")
    count = len(asked)
    connection._sent_at = time.monotonic() + 1.0
    connection.send(b"x")
    assert len(asked) == count
    connection.close()
    listener.close()


def test_an_object_in_place_of_the_socket_is_not_asked():
    listener = socket.create_server(("127.0.0.1", 0))
    connection = heka.HekaConnection(f"tcp://127.0.0.1:{listener.getsockname()[1]}")

    class Other:
        sent = b""

        def send(self, data):
            self.sent += data
            return len(data)

    peer, _ = listener.accept()
    connection.socket.close()
    connection.socket = other = Other()
    peer.close()
    time.sleep(0.02)
    connection.send_message(heka.Message("t", payload="to the object"))
    assert b"to the object" in other.sent
    connection.close()
    listener.close()
