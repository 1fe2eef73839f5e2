"""The time that the exit of a process may take: all waits of heka at exit share two seconds."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator

from heka._core import monotonic
from heka._runtime.exits import is_exiting
from heka._runtime.seconds import check_seconds

__all__ = ["EXIT_TIMEOUT", "Allowance", "allowance", "closing"]

#: Seconds that the exit of a process waits, for everything of heka together.
EXIT_TIMEOUT = 2.0


class Allowance:
    """Seconds that several waits may take together; each second without one gives a second back.

    So calls that follow one another share a limit, although none knows of the others.
    """

    def __init__(self, seconds: float) -> None:
        """Allow *seconds* in all."""
        self._seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Allow all the seconds again."""
        self._left = self._seconds
        self._ended = monotonic()  # the last wait

    @contextlib.contextmanager
    def wait(self, at_most: float = math.inf) -> Iterator[float]:
        """Yield the deadline of a wait, which the block is: at most *at_most* seconds from now."""
        began = monotonic()
        left = min(self._seconds, self._left + began - self._ended)
        try:
            yield began + min(left, at_most)
        finally:
            self._ended = monotonic()
            self._left = max(0.0, left - (self._ended - began))


#: Of ``logging.shutdown()``, of closing at exit, and of the hooks of this package.
allowance = Allowance(EXIT_TIMEOUT)


@contextlib.contextmanager
def closing(timeout: float | None, default: float = 1.0) -> Iterator[float]:
    """Yield the seconds that a ``close()`` with *timeout* may take; the block closes.

    None: *default* seconds; while the process exits, not more than is left of EXIT_TIMEOUT.
    """
    if timeout is not None:
        check_seconds(timeout)
    if timeout is None and is_exiting():
        with allowance.wait(default) as deadline:
            yield max(0.0, deadline - monotonic())
    else:
        yield default if timeout is None else timeout


os.register_at_fork(after_in_child=allowance.reset)
