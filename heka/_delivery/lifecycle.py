"""Flushes and closes the queues when the process exits; on SIGTERM if the program asks for it.

A normal exit flushes them in an atexit handler, or, in a child of ``multiprocessing``, which runs
no atexit handlers, in a finalizer. A process that a signal ends flushes them only if
``flush_on_sigterm`` was called.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import weakref
from types import FrameType
from typing import Any, Protocol

from heka._core import IN_MAIN_INTERPRETER, monotonic
from heka._runtime.allowance import EXIT_TIMEOUT, allowance
from heka._runtime.exits import ExitHook
from heka._runtime.seconds import check_seconds

__all__ = ["EXIT_TIMEOUT", "flush_all", "flush_on_sigterm", "register", "work_has_begun"]


class Flushed(Protocol):
    """A queue, as this module uses it."""

    def flush(self, deadline: float) -> bool:
        """Wait until *deadline*; True when all accepted frames were delivered."""

    def close(self, timeout: float) -> None:
        """Close, and drop what is not delivered within *timeout* seconds."""

    def join(self) -> None:
        """Wait until the thread of a closed queue has ended."""


_queues: weakref.WeakSet[Any] = weakref.WeakSet()


def register(queue: Flushed) -> None:
    """Have *queue* flushed and closed when the process ends."""
    _queues.add(queue)


def flush_all(timeout: float) -> bool:
    """Flush every queue of the process within *timeout* seconds; True when all is delivered."""
    deadline = monotonic() + timeout
    return all([queue.flush(deadline) for queue in list(_queues)])


def _end() -> None:
    """Flush and close every queue, in what is left of EXIT_TIMEOUT."""
    with allowance.wait(EXIT_TIMEOUT) as deadline:
        with contextlib.suppress(Exception):
            flush_all(max(0.0, deadline - monotonic()))
        for queue in list(_queues):
            with contextlib.suppress(Exception):
                queue.close(max(0.0, deadline - monotonic()))
    if not IN_MAIN_INTERPRETER:  # a subinterpreter aborts the process if it ends with a thread
        for queue in list(_queues):
            queue.join()


_exit = ExitHook(_end, -100)
#: Call this when a process starts its first thread: it registers the finalizer of this process.
work_has_begun = _exit.watch


class _Handler:
    """The handler of SIGTERM: flushes every queue, then does what was done before."""

    def __init__(self, timeout: float, before: Any) -> None:
        self.timeout = timeout
        self._before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Flush, and call the previous handler, or end by the signal."""
        with contextlib.suppress(Exception):
            flush_all(self.timeout)
        if callable(self._before):
            self._before(number, frame)
        elif self._before != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            os._exit(128 + number)  # process 1 of a container: the kernel keeps that signal from it


# A forked child of CPython forgets the signals that came before it could run: without the handler
# such a SIGTERM would have ended it. So the signal waits while a thread forks.
_forking = threading.local()


def _hold_sigterm() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _let_sigterm_come() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


@functools.cache
def _watch_forks() -> None:
    os.register_at_fork(
        before=_hold_sigterm, after_in_parent=_let_sigterm_come, after_in_child=_let_sigterm_come
    )


def flush_on_sigterm(timeout: float = 2.0) -> None:
    """Install a SIGTERM handler that flushes every queue, then calls the previous handler.

    SIGTERM ends a process without its atexit handlers, so frames queued in memory are lost unless a
    handler flushes them. Call this in the main thread, after the program has set its own handler:
    one that is set later replaces this one. A second call replaces the timeout. Process 1 of a
    container, which no signal ends, exits with 143.

    Args:
        timeout: Seconds that the handler waits for all queues together.

    Raises:
        TypeError: *timeout* is no number.
        ValueError: *timeout* is negative, or this is not the main thread.
    """
    check_seconds(timeout, "flush_on_sigterm")
    if not timeout >= 0:
        raise ValueError(f"flush_on_sigterm: timeout must be seconds, 0 or more, got {timeout!r}")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError(
            "flush_on_sigterm: only the main thread can set a signal's handler; call it there, or "
            "heka.flush() where the program ends"
        )
    handler = signal.getsignal(signal.SIGTERM)
    if not isinstance(handler, _Handler):
        handler = _Handler(timeout, handler)
        _watch_forks()
    signal.signal(signal.SIGTERM, handler)
    handler.timeout = timeout
