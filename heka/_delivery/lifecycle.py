"""What becomes of queues when their process ends, and how it can be made to wait for them.

A process that ends by itself flushes its queues (atexit; in a child of ``multiprocessing``, which
runs no atexit handlers, a finalizer). One that a signal ends does so only if it was asked to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import weakref
from types import FrameType
from typing import Any, Protocol

from heka._core import IN_MAIN_INTERPRETER
from heka._runtime.exits import ExitHook

__all__ = ["EXIT_TIMEOUT", "flush_all", "flush_on_sigterm", "register", "work_has_begun"]

#: Seconds that the end of a process waits for all its queues together.
EXIT_TIMEOUT = 2.0


class Flushed(Protocol):
    """What is flushed and closed at the end."""

    def flush(self, deadline: float) -> bool:
        """Wait until *deadline*; True when all that was accepted has arrived."""

    def close(self, timeout: float | None = None) -> None:
        """Give up what has not arrived in *timeout* seconds."""

    def join(self) -> None:
        """Wait until the thread of a closed queue has ended."""


_queues: weakref.WeakSet[Any] = weakref.WeakSet()


def register(queue: Flushed) -> None:
    """Have *queue* flushed and closed when the process ends."""
    _queues.add(queue)


def flush_all(timeout: float) -> bool:
    """Flush every queue of the process within *timeout* seconds; True when all has arrived."""
    deadline = time.monotonic() + timeout
    return all([queue.flush(deadline) for queue in list(_queues)])


def _end() -> None:
    """Flush and close every queue, in EXIT_TIMEOUT seconds."""
    deadline = time.monotonic() + EXIT_TIMEOUT
    with contextlib.suppress(Exception):
        flush_all(EXIT_TIMEOUT)
    for queue in list(_queues):
        with contextlib.suppress(Exception):
            queue.close(max(0.0, deadline - time.monotonic()))
    if not IN_MAIN_INTERPRETER:  # which ends the process if it ends with a thread in it
        for queue in list(_queues):
            queue.join()


_exit = ExitHook(_end, -100)
#: To be called when the first thread of a process is at work: its end is noticed then.
work_has_begun = _exit.watch


def flush_on_sigterm(timeout: float = 2.0) -> None:
    """Have SIGTERM flush every queue for at most *timeout* seconds before it does what it did.

    SIGTERM ends a process without its atexit handlers, so what is queued in memory is lost unless a
    handler waits for it. To be called in the main thread, after the program's own handler is set,
    which is called then.

    Raises:
        ValueError: Called outside of the main thread, or *timeout* is no number of seconds.
    """
    if not timeout >= 0:
        raise ValueError(f"timeout must be seconds, 0 or more, got {timeout!r}")
    before = signal.getsignal(signal.SIGTERM)

    def handler(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(Exception):
            flush_all(timeout)
        if callable(before):
            before(number, frame)
        elif before != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handler)
