"""Calls of the package around the C part, to real peers."""

from __future__ import annotations

import signal
from functools import partial as do
from typing import Any

from python.memory.table import Calls
from python.memory.world import World

import heka
import heka.testing
from heka._delivery.queue import Queue
from heka.streams import FanOutStream, QueuedStream

CALLS = Calls()
add = CALLS.add

for scheme in ("udp", "tcp", "unix", "unixgram", "file"):
    add(
        f"log-{scheme}",
        lambda w, scheme=scheme: do(heka.log, w.text, fields=w.fields, to=w.peers.urls[scheme]),
    )
add("log-stream", lambda w: do(heka.log, w.text, to=w.peers.stream))
add("log-broken-stream", lambda w: do(heka.log, w.text, to=w.peers.broken))
add("log-refused", lambda w: do(heka.log, w.text, to=w.peers.absent, timeout=0.1))
add("log-no-destination", lambda w: do(heka.log, w.text, to=w.thing), heka.ConfigError)
add("log-bad-url", lambda w: do(heka.log, w.text, to="odd://host"), heka.ConfigError)
add("log-reopened", lambda w: do(reopened, w))
add("log-crowd", lambda w: do(crowd, w))
add("stats", lambda w: heka.stats)
add("flush", lambda w: heka.flush)
add("configure", lambda w: do(configured, w))
add("configure-bad", lambda w: do(heka.configure, level=w.text), ValueError)
for scheme in ("udp", "tcp"):
    add(f"connection-{scheme}", lambda w, scheme=scheme: do(connected, w, scheme))
add(
    "connection-refused",
    lambda w: do(heka.HekaConnection, w.peers.absent),
    ConnectionRefusedError,
)
add("capture", lambda w: do(captured, w))

for scheme in ("udp", "tcp", "unix", "unixgram", "file"):
    add(f"queued-{scheme}", lambda w, scheme=scheme: do(queued, w, w.peers.urls[scheme]))
    add(f"log-queued-{scheme}", lambda w, scheme=scheme: do(logged, w, w.peers.urls[scheme]))
add("queued-stream", lambda w: do(queued, w, w.peers.stream))
add("queued-refused", lambda w: do(abandoned, w, w.peers.absent))
add("queued-unused", lambda w: do(QueuedStream, w.peers.absent))
add("queued-bad-url", lambda w: do(QueuedStream, "odd://host"), heka.ConfigError)
add("queued-small", lambda w: do(QueuedStream, w.peers.absent, 10), heka.ConfigError)
add("queued-policy", lambda w: do(QueuedStream, w.peers.absent, overflow="x"), heka.ConfigError)
add("queued-full", lambda w: do(overflowing, w), heka.QueueFullError)
add("fan-out", lambda w: do(fanned, w))
add("fan-out-nothing", lambda w: do(FanOutStream, []), heka.ConfigError)
add("flush-on-sigterm", lambda w: do(terminable))
add("flush-on-sigterm-bad", lambda w: do(heka.flush_on_sigterm, -1), ValueError)


def queued(w: World, inner: Any) -> None:
    """Send through a new queue."""
    stream = QueuedStream(inner, linger=0)
    for _ in range(5):
        assert stream.write(w.frame)
    assert stream.flush(20)
    stream.close(20)
    assert stream.stats()["sent"] == 5


def logged(w: World, url: str) -> None:
    """Log through the queue that a URL asks for."""
    to = f"{url}?queue=1&linger=0"
    assert heka.log(w.text, fields=w.fields, to=to)
    assert heka.flush(20)
    queues = [one for one in heka.api._open.values() if isinstance(one, Queue)]
    for key in list(heka.api._open):  # as where there are more than may be open
        heka.api._retire(key)
    for queue in queues:
        queue.join()  # its thread holds the frames until it ends
    heka.api._reset_after_fork()


def abandoned(w: World, inner: Any) -> None:
    """Close a queue whose peer is dead, with frames in it."""
    stream = QueuedStream(inner, on_drop=w.list.index)
    stream.write(w.frame)
    assert not stream.flush(0.01)
    stream.close(0)


def overflowing(w: World) -> None:
    """Fill a queue that raises when it is full."""
    stream = QueuedStream(w.peers.absent, 4096, "raise")
    try:
        for _ in range(100):
            stream.write(w.frame)
    finally:
        stream.close(0)


def fanned(w: World) -> None:
    """Write to several streams."""
    stream = FanOutStream([w.peers.stream, QueuedStream(w.peers.urls["udp"]), w.peers.broken])
    stream.write(w.frame)
    stream.stats()
    stream.close()


def terminable() -> None:
    """Install the SIGTERM handler and remove it."""
    before = signal.getsignal(signal.SIGTERM)
    heka.flush_on_sigterm()
    signal.signal(signal.SIGTERM, before)


def reopened(w: World) -> Any:
    """Log over new connections."""
    heka.api._reset_after_fork()  # as a child process does
    return [heka.log(w.text, to=w.peers.urls[scheme]) for scheme in ("udp", "file")]


def crowd(w: World) -> None:
    """Log to more destinations than are kept open."""
    for number in range(heka.api.DESTINATIONS_MAX + 20):
        heka.log(w.text, to=("127.0.0.1", 20_000 + number))
    heka.api._reset_after_fork()


def configured(w: World) -> None:
    """Configure every setting, then restore it."""
    heka.configure(to=w.peers.urls["udp"], signer=w.signer, logger=w.text, default=str)
    heka.log(w.text, fields={"a": w.thing})
    heka.configure(to=None, signer=None, logger="", default=None)


def connected(w: World, scheme: str) -> None:
    """Send over an explicit connection."""
    with heka.HekaConnection(w.peers.urls[scheme], w.signer) as connection:
        connection.send_message(w.message)


def captured(w: World) -> None:
    """Capture messages with a frozen clock."""
    with heka.testing.capture() as messages, heka.testing.sources(clock=1, uuid=bytes(16)):
        heka.log(w.text, fields=w.fields)
        assert messages[0].fields["name"] == [w.text]
