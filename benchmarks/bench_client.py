"""The cost of a client's call above ``heka.pack``, and of a call that sends nothing.

A stream written in Python is called for each frame: two Python calls, which no client of such a
stream can avoid. ``NullStream`` has a sink, as network streams do, and is written to from C.

Usage: python benchmarks/bench_client.py [--quick]
"""

import logging
import sys
from typing import Any

from harness import (
    Contender,
    Panel,
    draw,
    goal,
    keep,
    note,
    ratio,
    report,
    rounds_from,
    run,
    show_ns,
)
from messages import M1

import heka
from heka.client import HekaClient
from heka.filters import severity_max_provider
from heka.streams import NullStream

BASE = "heka.pack"
CALL_LIMIT = 1.6
DROPPED_LIMIT = 0.15  # us


class Nothing:
    """A Python stream that does nothing."""

    def write(self, data: bytes) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""


class WriteOnly:
    """The same without flush, which the stream contract does not require."""

    def write(self, data: bytes) -> None:
        """Do nothing."""


def client(stream: Any, **settings: Any) -> HekaClient:
    """Return a client with the logger of M1."""
    return HekaClient(stream, M1.logger, **settings)


def sending() -> list[Contender]:
    """Calls that send M1, or count."""
    call = f"heka({M1.type!r}, fields={M1.fields_source})"
    return [
        Contender(BASE, f"pack({M1.call_source})", {"pack": heka.pack}),
        Contender("heka: client.heka, NullStream", f"c.{call}", {"c": client(NullStream())}),
        Contender("heka: client.heka, write()", f"c.{call}", {"c": client(WriteOnly())}),
        Contender("heka: client.heka, write() and flush()", f"c.{call}", {"c": client(Nothing())}),
        Contender("heka: client.incr, NullStream", "c.incr('hits')", {"c": client(NullStream())}),
        Contender("heka: client.incr, write()", "c.incr('hits')", {"c": client(WriteOnly())}),
    ]


def dropping() -> list[Contender]:
    """Calls that send nothing, and a disabled call of logging for comparison."""
    logger = logging.getLogger("bench.client")
    logger.setLevel(logging.CRITICAL)
    calm = client(NullStream(), filters=[severity_max_provider(severity=3)], disabled_timers="off")
    scope = {"c": calm, "logger": logger}
    call = f"c.heka({M1.type!r}, fields={M1.fields_source})"
    return [
        Contender("logging: disabled debug()", "logger.debug('text')", scope),
        Contender("heka: severity filtered out", "c.heka('ads_served')", scope),
        Contender("heka: the same, its fields built by the caller", call, scope),
        Contender("heka: client.timer, disabled", "c.timer('off')", scope),
        Contender("heka: with client.timer, disabled", "with c.timer('off'): pass", scope),
        Contender("heka: client.debug, filtered out", "c.debug('text')", scope),
    ]


def main() -> None:
    """Measure, print, draw."""
    rounds = rounds_from(sys.argv[1:])
    sent = run(sending(), rounds=rounds, what="client, M1")
    rows = report("A message of M1, from the call to the stream", sent, BASE)
    dropped = run(dropping(), rounds=rounds, what="client, nothing sent")
    rows_dropped = report("Nothing is sent", dropped, "logging: disabled debug()")
    goals = [
        goal(f"{label} / {BASE}", CALL_LIMIT, ratio(timing, sent[BASE]), "x")
        for label, timing in sent.items()
        if label != BASE
    ]
    goals += [
        goal(label, DROPPED_LIMIT, timing.best / 1e3, "us")
        for label, timing in dropped.items()
        if label.startswith("heka") and "built by" not in label
    ]
    keep("client", {"sent": rows, "dropped": rows_dropped}, goals)
    draw(
        "client",
        "A client's call",
        note(),
        [
            Panel(
                "M1 to a stream that does nothing (less is better)",
                [(label, t.best, show_ns(t.best)) for label, t in sent.items()],
                "ns a call, least of all rounds",
            ),
            Panel(
                "Nothing sent (less is better)",
                [(label, t.best, show_ns(t.best)) for label, t in dropped.items()],
                "ns a call, least of all rounds",
            ),
        ],
    )


if __name__ == "__main__":
    main()
