"""What became of the frames that a destination was given.

Counts and nothing else. ``offered + recovered = sent + sum(dropped) + queued``, read at one moment;
what sends without a queue has nothing recovered, and nothing queued.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from heka._runtime.forks import start_anew_in_child

__all__ = ["NUMBERS", "Account", "total"]

#: What every account has beside ``dropped``, in frames but for ``bytes`` (of the frames in
#: ``sent``), ``retries`` (tries to connect that failed) and ``reconnects`` (connections after the
#: first); ``high_water`` is the most that were ever ``queued``.
NUMBERS = (
    *("offered", "recovered", "sent", "resent", "queued"),
    *("bytes", "high_water", "retries", "reconnects"),
)


class Account:
    """Counters of one process: a child begins at zero. Safe across threads."""

    def __init__(self) -> None:
        self.start_anew()
        start_anew_in_child(self)

    def start_anew(self) -> None:
        """Forget everything."""
        # Reentrant: a signal handler, or a finalizer, may log while its thread counts.
        self._lock = threading.RLock()
        self._sent = 0
        self._bytes = 0
        self._dropped: Counter[str] = Counter()

    def count(self, outcome: int | str) -> bool:
        """Count one frame: the size of one that was sent, or the reason of a drop. True: sent."""
        with self._lock:
            if isinstance(outcome, str):
                self._dropped[outcome] += 1
                return False
            self._sent += 1
            self._bytes += outcome
            return True

    def counts(self) -> dict[str, Any]:
        """Return ``offered``, ``sent``, ``bytes`` of those, and ``dropped`` as {reason: count}."""
        with self._lock:
            dropped = dict(self._dropped)
            sent, size = self._sent, self._bytes
        return {
            "offered": sent + sum(dropped.values()),
            "sent": sent,
            "bytes": size,
            "dropped": dropped,
        }


def total(accounts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sum of *accounts*: each of NUMBERS, 0 where none has it, and of ``dropped``."""
    sums: dict[str, Any] = dict.fromkeys(NUMBERS, 0)
    dropped: Counter[str] = Counter()
    for account in accounts:
        dropped.update(account["dropped"])
        for name in NUMBERS:
            sums[name] += account.get(name, 0)
    return {**sums, "dropped": dict(dropped)}
