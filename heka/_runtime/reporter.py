"""Report heka's own problems on stderr, rate-limited.

Never uses ``logging``: a handler that reports its failures through logging would call itself.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TextIO

from heka._runtime.waiting import is_ready
from heka._secrets import masked

#: Seconds between two lines of one reporter.
INTERVAL = 60.0
#: Longest line in characters: a pipe that polls as writable takes this much without blocking.
LINE_MAX = 1000


class Reporter:
    """Reports at most one line per INTERVAL, with the number of lines left out before it."""

    def __init__(self) -> None:
        """Start with nothing reported: the first report is written."""
        self._next = 0.0
        self._suppressed = 0

    def report(self, text: str) -> None:
        """Write ``heka: text`` to stderr; within INTERVAL only count it. Never raises or blocks."""
        now = time.monotonic()
        if now < self._next:
            self._suppressed += 1
            return
        more = f" ({self._suppressed} more like this)" if self._suppressed else ""
        self._next = now + INTERVAL
        self._suppressed = 0
        # stderr may be None, closed, full or replaced: no reason to fail in the caller.
        with contextlib.suppress(Exception):
            if sys.stderr is not None and _is_writable(sys.stderr):
                sys.stderr.write(f"heka: {_printable(masked(text))[:LINE_MAX]}{more}\n")


def _is_writable(stream: TextIO) -> bool:
    """Return whether a write to *stream* returns at once; a full pipe would block."""
    try:
        descriptor = stream.fileno()
    except Exception:
        return True  # stderr was replaced by an object without a descriptor
    # Also True when the descriptor has an error: the write then fails at once.
    return is_ready(descriptor, write=True, timeout=0.0)


def _printable(text: str) -> str:
    """Escape control characters: paths and names may hold any."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
