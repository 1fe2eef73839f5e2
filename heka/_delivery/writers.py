"""Sinks for objects with ``write()``: heka.log's, a client's, a queue's, a FanOutStream's.

``heka._core.Sink`` calls ``write()`` and interprets its return value. This module decides under
which reason an exception is counted, waits for a stream that takes no more, and flushes it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from heka._core import Sink, monotonic
from heka._delivery.reasons import reason_of
from heka._runtime.debug import tell_drops
from heka._runtime.reporter import Reporter
from heka._runtime.waiting import is_ready, pause

__all__ = [
    "flush_stream",
    "frame_limit",
    "has_descriptor",
    "name_of",
    "sink_for",
    "wait_until_ready",
]

#: Seconds between two calls of ``write()`` on a descriptor that is writable but takes nothing.
_PAUSE = 0.001


def name_of(stream: object) -> str:
    """Return the qualified name of the stream's class, for messages."""
    return f"{type(stream).__module__}.{type(stream).__qualname__}"


def frame_limit(stream: object) -> int:
    """Return the largest frame that *stream* takes, its ``max_frame`` in bytes.

    0 means no limit of its own. So does every value that is not an int from 1 to 2^63 - 1, for
    example None, a bool, or the attribute of a mock.
    """
    limit = getattr(stream, "max_frame", 0)
    return limit if type(limit) is int and 0 < limit <= sys.maxsize else 0


def wait_until_ready(stream: Any, seconds: float) -> bool:
    """Wait at most *seconds* until *stream* may take more bytes; False: do not try again.

    A stream without a descriptor gives False: there is nothing to wait for.
    """
    began = monotonic()
    try:
        ready = is_ready(stream.fileno(), write=True, timeout=seconds)
    except (OSError, ValueError, AttributeError):  # the caller reports what was not taken
        return False
    if ready and monotonic() - began < _PAUSE:
        pause(min(seconds, _PAUSE))
    return ready


def has_descriptor(stream: Any) -> bool:
    """Return whether *stream* has a descriptor to wait for."""
    try:
        stream.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def sink_for(
    stream: Any,
    reporter: Reporter,
    *,
    failed: Callable[[Exception], str] | None = None,
    wait: Callable[[Any, float], bool] = wait_until_ready,
    weak: bool = False,
    flushes: bool = True,
) -> Sink:
    """Return a sink that gives every frame to ``stream.write()``.

    Args:
        stream: The object with ``write()``.
        reporter: Reports exceptions of ``write()``.
        failed: Called with the exception, returns the drop reason; None: ``reason_of``.
        wait: Called as ``wait(stream, seconds)`` when a stream that can take part of a frame takes
            nothing; False ends the call.
        weak: Do not keep the stream alive.
        flushes: Call ``flush()`` after each frame, where there is one.
    """
    sink = Sink(_no_delivery)
    sink.max_frame = frame_limit(stream)
    name = name_of(stream)
    tell_drops(sink, name)

    def report(error: Exception) -> str:
        reporter.report(f"{name} raised {error!r}; what it does not take is dropped and counted")
        return reason_of(error)

    sink.attach_stream(stream, failed or report, wait=wait, weak=weak, flushes=flushes)
    return sink


def flush_stream(
    stream: Any, sink: Sink, timeout: float, reporter: Reporter, *, timed: bool
) -> bool:
    """Write the rest of a partly written frame to *stream*, then call its ``flush()``.

    Args:
        stream: The object with ``write()``; None: it was freed.
        sink: Its sink.
        timeout: Seconds for both.
        reporter: Reports what ``flush()`` raises.
        timed: ``flush()`` takes a timeout in seconds, as that of heka's own streams does.

    Returns:
        True unless part of a frame is left, or ``flush()`` raises or returns False.
    """
    finished = True
    if sink.pending:
        deadline = monotonic() + timeout
        finished = sink.finish(timeout)
        timeout = max(0.0, deadline - monotonic())
    try:
        flush = getattr(stream, "flush", None)
        if flush is None or getattr(stream, "closed", False) is True:
            return finished
        flushed = flush(timeout) if timed else flush()
    except Exception as error:
        reporter.report(f"{name_of(stream)}.flush() raised {error!r}")
        return False
    return finished and flushed is not False


def _no_delivery(frame: bytes, written: int, timeout: float, ticket: int) -> NoReturn:
    raise AssertionError("a sink with a stream delivers nothing itself")
