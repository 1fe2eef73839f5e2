"""Peers that send without end, and more destinations than are kept open: time stays bounded."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from delivery.support import within

import heka
from heka import api
from heka.streams import QueuedStream

#: A record with a HelloRequest, which a client ignores in a handshake.
HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"


@pytest.fixture
def endless():
    """Return the port of a server that sends HelloRequests without end; ``pause`` after each."""
    servers = []
    threads = []

    def serve(pause):
        listener = socket.create_server(("127.0.0.1", 0))
        servers.append(listener)

        def run():
            with contextlib.suppress(OSError):
                sock, _ = listener.accept()
                with sock:
                    sock.recv(65536)
                    while True:
                        sock.sendall(HELLO_REQUEST * (1 if pause else 1000))
                        time.sleep(pause)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return listener.getsockname()[1]

    yield serve
    for listener in servers:
        listener.close()
    for thread in threads:
        thread.join(10)


@pytest.mark.parametrize("pause", [0.0, 0.0002], ids=["fast", "dripping"])
def test_a_tls_server_that_sends_records_without_end_is_given_up_in_time(endless, pause):
    to = f"tls://127.0.0.1:{endless(pause)}?verify=0"
    with within(5.0):
        assert heka.log("t", to=to, timeout=1.0) is False
    dropped = heka.stats()["destinations"][to]["dropped"]
    assert dropped in ({"timeout": 1}, {"tls": 1})


@pytest.mark.parametrize("to", ["direct", "queued", "connection"])
def test_a_tls_handshake_has_a_budget_of_bytes(endless, to, capfd):
    """Long before the timeout: a fast peer could send gigabytes until then."""
    url = f"tls://127.0.0.1:{endless(0.0)}?verify=0"
    with within(15.0):
        if to == "connection":
            with pytest.raises(OSError, match="over 1048576 bytes before any end"):
                heka.HekaConnection(url)
        elif to == "direct":
            assert heka.log("t", to=url, timeout=60.0) is False
            assert heka.stats()["destinations"][url]["dropped"] == {"tls": 1}
        else:
            stream = QueuedStream(url, connect_timeout=60.0)
            stream.write(heka.pack("t"))
            while not stream.stats()["retries"]:
                time.sleep(0.01)
            stream.close(0.0)
    if to != "connection":
        assert (
            "sent over 1048576 bytes before any end of the TLS handshake" in capfd.readouterr().err
        )


def test_one_destination_more_than_are_kept_open_costs_few_connections(monkeypatch):
    made = []
    real = api._make
    monkeypatch.setattr(api, "_open", {})  # without what other tests have left open
    monkeypatch.setattr(api, "_make", lambda key, to: made.append(key) or real(key, to))
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    places = [f"udp://127.0.{n}.1:{port}" for n in range(256)] + [f"udp://127.1.0.1:{port}"]
    for _ in range(5):
        for to in places:
            heka.log("t", to=to)
        assert len(api._open) <= api.DESTINATIONS_MAX
    listener.close()
    for key in list(api._open):
        api._retire(key)
    assert len(made) < len(places) + 100
