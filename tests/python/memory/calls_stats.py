"""Calls on StatTable: feeding, receiving, flushing, wrong arguments."""

from __future__ import annotations

import socket
from functools import partial as do
from typing import Any

from python.memory.table import Calls

from heka._core import StatTable

CALLS = Calls()
add = CALLS.add

LINES = b"a:1|c\nb:2|ms:3|ms\nc:x|s\nd:+1|g|#t:1\nnothing\n"
PREFIXES = ("s", "c", "t", "g", "u", "n")


def whole_life(dialect: str) -> list[bytes]:
    """Feed, flush with idle keys, and flush again when they go."""
    table = StatTable(dialect, 1, prefixes=PREFIXES, idle_flushes=2)
    table.feed(LINES)
    table.feed(LINES * 400)  # without the GIL
    table.refuse(2)
    table.account()
    return table.flush(1, 2048) + table.flush(2, 60_000) + table.flush(3, 60_000)


def receive(*args: Any) -> tuple[int, int, int]:
    """Receive two datagrams, one of which is cut."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        here.send(LINES)
        here.send(LINES * 5)
        return StatTable().receive(there.fileno(), there.fileno(), *(args or (0, 100)))


for dialect in ("heka", "statsd"):
    add(f"stats-{dialect}", lambda w, dialect=dialect: do(whole_life, dialect))
add("stats-receive", lambda w: do(receive))
add("stats-receive-closed", lambda w: do(StatTable().receive, 1 << 20, 0, 0, 100), OSError)
add("stats-receive-count", lambda w: do(StatTable().receive, 0), TypeError)
add("stats-receive-fd", lambda w: do(StatTable().receive, w.text, 0, 0, 100), TypeError)
add("stats-receive-wake", lambda w: do(StatTable().receive, 0, w.text, 0, 100), TypeError)
add("stats-receive-seconds", lambda w: do(receive, -1, 100), ValueError)
add("stats-receive-size-type", lambda w: do(receive, 0, w.text), TypeError)
add("stats-receive-size", lambda w: do(receive, 0, 65_536), ValueError)
add("stats-feed-type", lambda w: do(StatTable().feed, w.text), TypeError)
add("stats-refuse-type", lambda w: do(StatTable().refuse, w.text), TypeError)
add("stats-refuse", lambda w: do(StatTable().refuse, -1), ValueError)
add("stats-flush-count", lambda w: do(StatTable().flush, 1), TypeError)
add("stats-flush-seconds", lambda w: do(StatTable().flush, w.text, 2048), TypeError)
add("stats-flush-most-type", lambda w: do(StatTable().flush, 1, w.text), TypeError)
add("stats-flush-most", lambda w: do(StatTable().flush, 1, 2047), ValueError)
for name, raises, options in (
    ("dialect", ValueError, {"dialect": "influx"}),
    ("interval-type", TypeError, {"interval": "1"}),
    ("interval", ValueError, {"interval": 0}),
    ("percents-type", TypeError, {"percents": [90]}),
    ("percents-item", TypeError, {"percents": ("x",)}),
    ("percents-many", ValueError, {"percents": tuple(range(1, 18))}),
    ("percents", ValueError, {"percents": (0,)}),
    ("prefixes-type", TypeError, {"prefixes": ["a"] * 6}),
    ("prefixes-count", TypeError, {"prefixes": ("a",)}),
    ("prefixes-item", TypeError, {"prefixes": ("a", 1, "a", "a", "a", "a")}),
    ("prefixes-surrogate", UnicodeEncodeError, {"prefixes": ("\ud800",) * 6}),
    ("prefixes-long", ValueError, {"prefixes": ("x" * 129,) * 6}),
    ("idle-type", TypeError, {"idle_flushes": "1"}),
    ("idle", ValueError, {"idle_flushes": -1}),
    ("max-stats", ValueError, {"max_stats": 1 << 32}),
    ("max-values", ValueError, {"max_values": -1}),
):
    add(f"stats-new-{name}", lambda w, options=options: do(StatTable, **options), raises)
