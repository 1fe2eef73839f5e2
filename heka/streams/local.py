"""The base of streams that end in this process: an object of Python takes what they are given.

Knows no sockets. What a subclass raises is counted and reported, never passed on.
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
        """Return the size of *data* once it is written, or why it is dropped; may raise."""
        raise NotImplementedError

    def write(self, data: Any) -> bool:
        """Pass *data* on; False when it is lost, and counted.

        A write that comes from inside another one of the same thread is dropped as ``reentrant``:
        what this stream writes to logs through it, which would never end.
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

    def close(self, timeout: float = 1.0) -> None:
        """Drop what is written from now on; what this stream writes to is its owner's to close."""
        self.flush(timeout)
        self._closed = True

    @property
    def closed(self) -> bool:
        """Say whether ``close()`` was called."""
        return self._closed

    def stats(self) -> dict[str, Any]:
        """Return what became of everything that this process wrote."""
        return total([self._account.counts()])
