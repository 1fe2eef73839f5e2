"""When to connect again after a failure, and to which of several hosts.

``Backoff`` is exponential with full jitter: each wait is drawn uniformly from zero to the bound, so
that the clients of a restarted server do not all reconnect at the same time. ``Hosts`` gives a
penalty to each host that fails, so that the next connection goes to another one. Knows no sockets.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from heka._core import monotonic

__all__ = ["FIRST", "PENALTY", "Backoff", "Hosts", "when"]

#: Seconds: the bound of the first wait.
FIRST = 0.05
#: Seconds: the first penalty of a host. A connection that ends earlier than this has failed.
PENALTY = 1.0


def when(wait: float) -> str:
    """Return when the next try is, for a report: *wait* seconds from now."""
    return f"next try in {wait:.1f} s" if wait >= 0.05 else "the next try is at once"


class Backoff:
    """Draws waits whose bound doubles with each failure."""

    def __init__(
        self, longest: float, first: float = FIRST, draw: Callable[[], float] | None = None
    ) -> None:
        """Begin without a failure.

        Args:
            longest: Upper bound of every wait, in seconds.
            first: Upper bound of the first wait, in seconds.
            draw: Returns a float from 0 to 1; tests replace it.
        """
        self._first = first
        self._longest = longest
        self._draw = draw or _draw
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures since the last success."""
        return self._failures

    def fail(self) -> float:
        """Count a failure, and return the seconds to wait."""
        bound = min(self._longest, self._first * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return bound * self._draw()

    def succeed(self) -> None:
        """Forget the failures."""
        self._failures = 0


class Connectable(Protocol):
    """What ``Hosts.open`` connects: a transport."""

    @property
    def peer(self) -> int:
        """Index of the host that is connected."""

    @property
    def failed(self) -> list[int]:
        """Indexes of the hosts that the last ``open`` has tried in vain."""

    def open(self, deadline: float, order: list[int] | None = None) -> None:
        """Connect to the first host of *order* that accepts; OSError when none does."""


class Hosts:
    """The hosts of one destination: which are to be tried next, in which order.

    A failure gives a host a penalty: it is tried after all hosts that have none. Each further
    failure doubles the penalty. It ends for good with ``forgive``, when a connection has lasted.
    """

    def __init__(self, count: int, longest: float, lasting: float) -> None:
        """Begin without penalties.

        Args:
            count: The number of hosts.
            longest: Seconds that no penalty is over.
            lasting: Seconds after which a connection may have proved that its host works.
        """
        self._longest = longest
        self._lasting = lasting
        self._failures = [0] * count
        self._ends = [0.0] * count  # of the penalties
        self._connected = 0  # index of the host that is, or was last, connected
        self._since = 0.0

    def order(self) -> list[int]:
        """Return the indexes: hosts without a penalty, then the others, the first to end first."""
        now = monotonic()
        ends = [end if end > now else 0.0 for end in self._ends]
        return sorted(range(len(ends)), key=ends.__getitem__)

    def better(self) -> list[int]:
        """Return the hosts without a penalty that come before the connected one."""
        now = monotonic()
        return [index for index in range(self._connected) if self._ends[index] <= now]

    def has_other(self) -> bool:
        """Return whether a host other than the connected one has no penalty."""
        now = monotonic()
        return any(end <= now for index, end in enumerate(self._ends) if index != self._connected)

    def open(self, transport: Connectable, deadline: float) -> None:
        """Connect *transport*; OSError, and a penalty for each host, when none accepts."""
        try:
            transport.open(deadline, self.order())
        finally:
            for host in transport.failed:
                self.fail(host)
        self._connected = transport.peer
        self._since = monotonic()

    def fail(self, host: int) -> None:
        """Give *host* a penalty, or a longer one."""
        penalty = min(self._longest, PENALTY * 2.0 ** min(self._failures[host], 32))
        self._failures[host] += 1
        self._ends[host] = monotonic() + penalty

    def lose(self, *, failed: bool) -> bool:
        """Judge the end of the connection; return whether it gave its host a penalty.

        Args:
            failed: It was reset, exceeded a timeout, or ended with frames unacknowledged. A peer
                that closes in good order has failed only if it does so at once.
        """
        failed = failed or monotonic() < self._since + PENALTY
        if failed:
            self.fail(self._connected)
        return failed

    def is_old(self) -> bool:
        """Return whether the connection has lived long enough to have proved that it works."""
        return monotonic() >= self._since + self._lasting

    def forgive(self) -> None:
        """End the penalty of the connected host: its connection works."""
        self._failures[self._connected] = 0
        self._ends[self._connected] = 0.0


def _draw() -> float:
    """Return a number from 0 to 1.

    Not by ``random``: a program may seed that equally in all its processes.
    """
    return int.from_bytes(os.urandom(4), "big") / 2**32
