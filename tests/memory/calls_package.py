"""Calls of the package around the C part, to real peers."""

from __future__ import annotations

from functools import partial as do
from typing import Any

from memory.table import Calls
from memory.world import World

import heka
import heka.testing

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
add("configure-bad", lambda w: do(heka.configure, level=w.text), TypeError)
for scheme in ("udp", "tcp"):
    add(f"connection-{scheme}", lambda w, scheme=scheme: do(connected, w, scheme))
add(
    "connection-refused",
    lambda w: do(heka.HekaConnection, w.peers.absent),
    ConnectionRefusedError,
)
add("capture", lambda w: do(captured, w))


def reopened(w: World) -> Any:
    """Log over connections that are made for it."""
    heka.api._forget_parent()  # as a child process does
    return [heka.log(w.text, to=w.peers.urls[scheme]) for scheme in ("udp", "file")]


def crowd(w: World) -> None:
    """Log to more destinations than are kept open."""
    for number in range(heka.api.DESTINATIONS_MAX + 20):
        heka.log(w.text, to=("127.0.0.1", 20_000 + number))
    heka.api._forget_parent()


def configured(w: World) -> None:
    """Configure everything, and take it back."""
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
