"""Threads that are threads, and where there are none to be had.

The thread that drains a queue waits in C, without the GIL; as a greenlet it would stop all others,
so under gevent and eventlet it is a real one all the same.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable

from heka._runtime.greenlets import is_patched, start_thread

__all__ = ["Worker", "cooperative_sleep"]

#: Seconds between two looks at whether a thread has ended, where it cannot be waited for.
_RECHECK = 0.002


def _would_run() -> bool:
    """Say whether a thread would get the GIL: uWSGI keeps it unless it was told of threads."""
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    return not isinstance(options, dict) or "enable-threads" in options or "threads" in options


def cooperative_sleep() -> Callable[[float], None] | None:
    """Return what sleeps while other greenlets run; None where there are none."""
    return time.sleep if is_patched() else None


class Worker:
    """One thread, started once. It is no reason for the program to stay."""

    def __init__(self, body: Callable[[], None], name: str) -> None:
        """Run *body* in a thread of that *name* when it is started."""
        self._body = body
        self._name = name
        self._thread: threading.Thread | None = None
        self._ended = False

    def start(self) -> bool:
        """Start it; False when there is no thread to be had, as at the interpreter's end."""
        if sys.is_finalizing() or not _would_run():  # start() would wait for it
            return False
        with contextlib.suppress(RuntimeError, MemoryError, ImportError, AttributeError):
            if is_patched():
                start_thread(self._run)
            else:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            return True
        return False

    def _run(self) -> None:
        try:
            self._body()
        finally:
            self._ended = True

    def join(self, deadline: float) -> bool:
        """Wait until it has ended, not longer than *deadline* (of ``time.monotonic``)."""
        if self._thread is not None:
            left = max(0.0, deadline - time.monotonic())
            self._thread.join(min(left, threading.TIMEOUT_MAX))
            return not self._thread.is_alive()
        while not self._ended and time.monotonic() < deadline:
            time.sleep(_RECHECK)
        return self._ended
