"""How long to wait before the next try: exponential back-off with full jitter.

Knows numbers and nothing else. Full jitter draws each wait uniformly from zero to the bound, so
that the clients of a restarted server do not all reconnect at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["FIRST", "Backoff"]

#: Seconds: the bound of the first wait.
FIRST = 0.05


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


def _draw() -> float:
    """Return a number from 0 to 1.

    Not by ``random``: a program may seed that equally in all its processes.
    """
    return int.from_bytes(os.urandom(4), "big") / 2**32
