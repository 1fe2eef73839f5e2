"""``heka sentry forward`` to a server that drips, or sends without end: an attempt has a limit."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time

import pytest

from heka.cli.commands.sentry.post import Endpoint
from heka.plugins.raven.dsn import DSN

#: Seconds of one attempt, and what it may take on a busy machine.
TIMEOUT, LIMIT = 0.4, 2.5

OK = b"HTTP/1.1 200 OK\r\n"
RECORD = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"  # TLS: HelloRequest, which a client ignores


def dripped(data):
    """Yield a byte of *data*, again and again, often enough that no single read times out."""
    for byte in itertools.cycle(data):
        yield bytes([byte])
        time.sleep(0.05)


def endless(begin, again):
    yield begin
    while True:
        yield again


ANSWERS = {
    "dripped-status": lambda: dripped(b"H"),
    "dripped-header": lambda: itertools.chain([OK, b"X-Long: "], dripped(b"x")),
    "dripped-headers": lambda: itertools.chain([OK], dripped(b"X-A: b\r\n")),
    "endless-continue": lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "dripped-continue": lambda: dripped(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless-status": lambda: endless(b"", b"H" * 1000),
    "nothing": lambda: dripped(b""),
}
HANDSHAKES = {
    "dripped-handshake": lambda: dripped(RECORD),
    "endless-handshake": lambda: endless(b"", RECORD * 1000),
    "no-handshake": lambda: iter(()),
}


@pytest.fixture
def slow():
    """Return a function that serves one of the above, and returns the port."""
    over = threading.Event()
    listeners, threads = [], []

    def serve(parts):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer(sock):
            with contextlib.suppress(OSError), sock:
                sock.recv(65_536)
                for part in parts():
                    if over.is_set():
                        return
                    sock.sendall(part)
                over.wait(10)

        def run():
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    threads.append(threading.Thread(target=answer, args=(sock,), daemon=True))
                    threads[-1].start()

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return listener.getsockname()[1]

    yield serve
    over.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(10)


def post(scheme, host, port):
    endpoint = Endpoint(DSN.parse(f"{scheme}://key@{host}:{port}/3"), timeout=TIMEOUT, attempts=1)
    began = time.monotonic()
    why = endpoint.post({"exception": {}})
    assert time.monotonic() - began < LIMIT
    return why


@pytest.mark.parametrize("how", ANSWERS)
def test_answer_has_a_limit(slow, how):
    why = post("http", "127.0.0.1", slow(ANSWERS[how]))

    assert any(text in why for text in ("TimeoutError", "over", "LineTooLong", "BadStatusLine"))


@pytest.mark.parametrize("how", HANDSHAKES)
def test_handshake_has_a_limit(slow, how):
    why = post("https", "127.0.0.1", slow(HANDSHAKES[how]))

    assert "TimeoutError" in why or "does it speak TLS?" in why


def test_continue_without_end_is_given_up_by_its_size(slow, monkeypatch):
    """Also where the clock stands still."""
    port = slow(ANSWERS["endless-continue"])
    endpoint = Endpoint(DSN.parse(f"http://key@127.0.0.1:{port}/3"), timeout=60, attempts=1)

    assert "the server sent over 1048576 bytes" in endpoint.post({"exception": {}})


@pytest.mark.parametrize("body", [lambda: dripped(b"x"), lambda: endless(b"", b"x" * 1000)])
def test_body_of_an_answer_delays_but_does_not_change_it(slow, body):
    """The event is not posted again: the server has accepted it."""
    port = slow(lambda: itertools.chain([OK, b"\r\n"], body()))

    assert post("http", "127.0.0.1", port) == ""


def test_name_that_does_not_resolve_in_time(monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr(
        "heka._net.resolver._getaddrinfo",
        lambda host, port, family, flags: asked.wait(10) and [] if not flags else _not_numeric(),
    )
    try:
        assert "did not resolve in time" in post("http", "slow.test", 80)
    finally:
        asked.set()


def _not_numeric():
    raise socket.gaierror(socket.EAI_NONAME, "no address")
