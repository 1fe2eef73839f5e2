"""Standard output of a command, and the signals that end it.

Knows standard streams and signals, no messages and no sockets.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TextIO


def prepare_stdout() -> TextIO:
    """Return standard output, set to escape characters that its encoding does not have.

    Raises:
        OSError: EBADF: it is closed.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return sys.stdout


def discard_stdout() -> None:
    """Discard what is still buffered for standard output, whose reader has closed it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # None: it is closed
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextlib.contextmanager
def stop_signals(wake: Callable[[], object], descriptor: int = -1) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether SIGINT (Ctrl-C) or SIGTERM has come in the block.

    The signal handler calls *wake*, which must end a wait. The first signal also restores the
    previous handlers, so that a second signal ends a program that hangs. A signal that was ignored
    before (``nohup``, a background job) stays ignored. For the main thread only.

    *descriptor* is a non-blocking socket that ends the wait when it is written to. A signal that
    arrives just before a system call begins to wait runs no Python handler until the call returns,
    so *wake* is not called; but C has then written to *descriptor* already.
    """
    stopped = False
    before: int | None = None  # the descriptor that signals woke before
    previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def restore() -> None:
        nonlocal before
        if before is not None:
            signal.set_wakeup_fd(before)
            before = None
        while previous:
            signal.signal(*previous.popitem())

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        restore()
        wake()

    if descriptor >= 0:
        before = signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if handler is not signal.SIG_IGN:
            previous[number] = handler
            signal.signal(number, on_signal)
    try:
        yield lambda: stopped
    finally:
        restore()
