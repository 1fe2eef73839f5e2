"""Real OS threads, even under gevent and eventlet, and the check whether one can be started.

The thread that drains a queue waits in C, without the GIL. A greenlet that does that would block
all others.
"""

from __future__ import annotations

import _thread
import contextlib
import sys
import threading
import time
from collections.abc import Callable

from heka._core import mark_own_thread, monotonic
from heka._runtime.greenlets import is_patched, start_thread

__all__ = ["Worker", "cooperative_sleep", "run_detached"]

#: Seconds between two checks whether a thread has ended, where it cannot be joined.
_RECHECK = 0.002


def _would_run() -> bool:
    """Return whether a thread would get the GIL: uWSGI holds it unless threads are enabled."""
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    return not isinstance(options, dict) or "enable-threads" in options or "threads" in options


def cooperative_sleep() -> Callable[[float], None] | None:
    """Return a sleep function that lets other greenlets run; None without greenlets."""
    return time.sleep if is_patched() else None


def run_detached(body: Callable[[], None]) -> bool:
    """Run *body* in a daemon thread of its own; False when no thread can be started.

    Does not wait, and takes no lock of ``threading``, so a finalizer may call it.
    """
    if sys.is_finalizing() or not _would_run():
        return False

    def run() -> None:
        mark_own_thread(True)
        body()

    with contextlib.suppress(RuntimeError, MemoryError, ImportError, AttributeError):
        if is_patched():
            start_thread(run)
        else:
            _thread.start_new_thread(run, ())
        return True
    return False


class Worker:
    """One daemon thread, started once: it does not keep the program running."""

    def __init__(self, body: Callable[[], None], name: str) -> None:
        """Prepare to run *body* in a thread called *name*."""
        self._body = body
        self._name = name
        self._thread: threading.Thread | None = None
        self._ended = False

    def start(self) -> bool:
        """Start it; False when no thread can be started, for example at interpreter shutdown."""
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
        mark_own_thread(True)  # what a stream or a callback logs here would never end
        try:
            self._body()
        finally:
            self._ended = True

    def join(self, deadline: float) -> bool:
        """Wait until it has ended, not longer than *deadline* (of ``monotonic``)."""
        if self._thread is not None:
            left = max(0.0, deadline - monotonic())
            self._thread.join(min(left, threading.TIMEOUT_MAX))
            return not self._thread.is_alive()
        while not self._ended and monotonic() < deadline:
            time.sleep(_RECHECK)
        return self._ended
