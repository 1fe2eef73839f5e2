"""What heka says of its own troubles: one line on stderr now and then.

Never through ``logging``: a handler that logs about itself is a loop.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TextIO

from heka._runtime.waiting import is_ready

#: Seconds between two lines about the same thing.
INTERVAL = 60.0
#: Characters of a line; a pipe that polls as writable takes as many without blocking.
LINE_MAX = 1000


class Reporter:
    """Says a thing at most once in each INTERVAL, and how often it was not said."""

    def __init__(self) -> None:
        """Start silent; the first report is said."""
        self._next = 0.0
        self._silent = 0

    def report(self, text: str) -> None:
        """Write ``heka: text`` to stderr, unless that was done lately. Never raises, nor blocks."""
        now = time.monotonic()
        if now < self._next:
            self._silent += 1
            return
        more = f" ({self._silent} more like this)" if self._silent else ""
        self._next = now + INTERVAL
        self._silent = 0
        # stderr may be None, closed, full or somebody's object: none of that is our caller's fault.
        with contextlib.suppress(Exception):
            if sys.stderr is not None and _takes_bytes(sys.stderr):
                sys.stderr.write(f"heka: {_printable(text)[:LINE_MAX]}{more}\n")


def _takes_bytes(stream: TextIO) -> bool:
    """Say whether writing to *stream* returns at once: nobody may be reading the pipe it is."""
    try:
        descriptor = stream.fileno()
    except Exception:
        return True  # an object in stderr's place, without a descriptor
    # An error counts: writing then fails, and at once.
    return is_ready(descriptor, write=True, timeout=0.0)


def _printable(text: str) -> str:
    """Escape what a terminal would obey; paths and names may hold anything."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
