"""Counters of what happened to the frames that a destination was given.

``offered + recovered = sent + sum(dropped) + queued`` at every moment. Without a queue,
``recovered`` and ``queued`` are 0.
"""

from __future__ import annotations

import threading
from collections import Counter

from heka._runtime.forks import register_fork_reset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

__all__ = ["NUMBERS", "Account", "total"]

#: The counters of every account beside ``dropped``. They count frames, except ``refused`` (UDP
#: datagrams that the kernel reported as refused, after they were sent), ``bytes`` (of the frames in
#: ``sent``), ``retries`` (failed attempts to connect) and ``reconnects`` (connections after the
#: first). ``high_water`` is the largest value of ``queued``.
NUMBERS = (
    *("offered", "recovered", "sent", "resent", "refused", "queued"),
    *("bytes", "high_water", "retries", "reconnects"),
)


class Account:
    """Counters of one process; a child process starts at zero. Safe across threads."""

    def __init__(self) -> None:
        self.reset_after_fork()
        register_fork_reset(self)

    def reset_after_fork(self) -> None:
        """Set every counter to zero."""
        # Reentrant: a signal handler or a finalizer may log while its thread holds the lock.
        self._lock = threading.RLock()
        self._sent = 0
        self._bytes = 0
        self._dropped: Counter[str] = Counter()

    def count(self, outcome: int | str) -> bool:
        """Count one frame: its size in bytes if sent, or the drop reason. True: sent."""
        with self._lock:
            if isinstance(outcome, str):
                self._dropped[outcome] += 1
                return False
            self._sent += 1
            self._bytes += outcome
            return True

    def counts(self) -> dict[str, Any]:
        """Return ``offered``, ``sent``, ``bytes`` of the sent, ``dropped`` as {reason: count}."""
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
    """Return the sum of *accounts*: each of NUMBERS, 0 if no account has it, and ``dropped``.

    ``filtered`` is 0: only a caller knows what it has held back, and no destination does.
    """
    sums: dict[str, Any] = {**dict.fromkeys(NUMBERS, 0), "filtered": 0}
    dropped: Counter[str] = Counter()
    for account in accounts:
        dropped.update(account["dropped"])
        for name in NUMBERS:
            sums[name] += account.get(name, 0)
    return {**sums, "dropped": dict(dropped)}
