"""Checks of the counters of a queue: they balance, and agree with what the receiver got."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType
from typing import Any, Protocol

from delivery.faults.peers import Serial

COUNTED = ("offered", "recovered", "sent", "resent", "bytes", "queued", "high_water")
CONNECTED = ("retries", "reconnects")
GROWING = tuple(name for name in (*COUNTED, *CONNECTED) if name != "queued")


class HasStats(Protocol):
    def stats(self) -> dict[str, Any]: ...


def check(stats: dict[str, Any], name: str = "the stream") -> None:
    """Check that the counters balance, and those of each destination."""
    for key in (*COUNTED, *CONNECTED):
        assert type(stats[key]) is int, f"{name}: {key} is {stats.get(key)!r}"
        assert stats[key] >= 0, f"{name}: {key} is {stats[key]}"
    assert all(type(n) is int and n > 0 for n in stats["dropped"].values()), stats["dropped"]
    came = stats["offered"] + stats["recovered"]
    left = stats["sent"] + sum(stats["dropped"].values()) + stats["queued"]
    assert came == left, f"{name}: offered + recovered = {came}, all else = {left}: {stats}"
    assert stats["queued"] <= stats["high_water"] <= came, f"{name}: {stats}"
    for url, one in stats.get("destinations", {}).items():
        check(one, url)


def check_growth(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Check that no counter has decreased."""
    for key in GROWING:
        assert before[key] <= after[key], f"{key} went from {before[key]} to {after[key]}"
    for reason, count in before["dropped"].items():
        assert count <= after["dropped"].get(reason, 0), f"{reason} was {count}: {after}"


class Watch:
    """Checks the counters continuously from another thread while the block runs."""

    def __init__(self, *streams: HasStats, pause: float = 0.001) -> None:
        self._streams = streams
        self._pause = pause
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self.looks = 0
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def _run(self) -> None:
        before = [stream.stats() for stream in self._streams]
        try:
            while not self._over.wait(self._pause):
                now = [stream.stats() for stream in self._streams]
                for old, new in zip(before, now, strict=True):
                    check(new)
                    check_growth(old, new)
                before = now
                self.looks += 1
        except BaseException as failure:
            self._failure = failure

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        for stream in self._streams:
            check(stream.stats())


def compare(stats: dict[str, Any], received: Counter[Serial], accepted: set[Serial]) -> None:
    """Check that the counters agree with the receiver: nothing lost or doubled is uncounted.

    Only when nothing is in flight any more, and with receivers that were stopped without loss.
    """
    check(stats)
    unexpected = set(received) - accepted
    assert not unexpected, f"received, but refused or never written: {sorted(unexpected)[:5]}"
    extra = received.total() - len(received)
    assert extra <= stats["resent"], f"{extra} received again, but resent is {stats['resent']}"
    assert stats["sent"] == len(received), f"{len(received)} different messages received: {stats}"
    assert stats["queued"] == 0, stats


def in_order(serials: list[Serial]) -> bool:
    """Check that each connection has the messages of each source in the order of writing."""
    last: dict[str, int] = {}
    for source, number in serials:
        if number <= last.get(source, -1):
            return False
        last[source] = number
    return True
