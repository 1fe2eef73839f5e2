"""The base of streams that pass messages to a Python object in this process.

Knows no sockets. An exception of a subclass is counted and reported, never passed on.
"""

from __future__ import annotations

import threading
from typing import Any

from heka._delivery.reasons import reason_of
from heka._runtime.accounts import Account, total
from heka._runtime.reporter import Reporter
from heka.streams.base import Stream

__all__ = ["LocalStream"]


class LocalStream(Stream):
    """Calls ``take(data)`` of its subclass once for each write. Safe across threads."""

    def __init__(self) -> None:
        self._account = Account()
        self._reporter = Reporter()
        self._thread = threading.local()
        self._closed = False

    def take(self, data: Any) -> int | str:
        """Write *data*; return its size, or the reason for which it is dropped; may raise."""
        raise NotImplementedError

    def write(self, data: Any) -> bool:
        """Pass *data* to ``take``; False when it is dropped, which is counted.

        A write inside another write of the same thread is dropped as ``reentrant``: it happens when
        the target of the stream logs through the stream, which would recurse without end.
        """
        if self._closed:
            return self._account.count("closed")
        if getattr(self._thread, "writes", False):
            return self._account.count("reentrant")
        self._thread.writes = True
        try:
            outcome = self.take(data)
        except Exception as failure:
            outcome = reason_of(failure)
            self._reporter.report(f"{type(self).__name__}: {failure!r}; the message is dropped")
        finally:
            self._thread.writes = False
        return self._account.count(outcome)

    def close(self, timeout: float | None = None) -> None:
        """Flush, and drop later writes. Does not close the target: its owner does."""
        self.flush(1.0 if timeout is None else timeout)
        self._closed = True

    @property
    def closed(self) -> bool:
        """Return whether ``close()`` was called."""
        return self._closed

    def stats(self) -> dict[str, Any]:
        """Return the account of everything that this process wrote."""
        return total([self._account.counts()])
