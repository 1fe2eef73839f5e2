"""Report heka's own problems on stderr, rate-limited.

Never uses ``logging``: a handler that reports its failures through logging would call itself.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO

from heka._core import monotonic
from heka._runtime.waiting import is_ready
from heka._secrets import masked

#: Seconds between two lines of one reporter.
INTERVAL = 60.0
#: Longest line in characters: a pipe that polls as writable takes this much without blocking.
LINE_MAX = 1000
#: Environment variable: if it is set, and not to 0, nothing is written.
QUIET_VARIABLE = "HEKA_QUIET"


class Reporter:
    """Reports at most one line in an interval, with the number of lines left out before it."""

    def __init__(self, interval: float = INTERVAL) -> None:
        """Start with nothing reported: the first report is written.

        Args:
            interval: Seconds between two lines.
        """
        self._interval = interval
        self._next = 0.0
        self._suppressed = 0

    def report(self, text: str) -> None:
        """Write ``heka: text`` to stderr; within the interval only count it.

        Never raises or blocks. Writes nothing while ``$HEKA_QUIET`` is set.
        """
        if os.environ.get(QUIET_VARIABLE, "0") not in ("", "0"):
            return
        now = monotonic()
        if now < self._next:
            self._suppressed += 1
            return
        more = f" ({self._suppressed} more like this)" if self._suppressed else ""
        self._next = now + self._interval
        self._suppressed = 0
        # stderr may be None, closed, full or replaced: no reason to fail in the caller.
        with contextlib.suppress(Exception):
            if sys.stderr is not None:
                _write(sys.stderr, f"heka: {_printable(masked(text))[:LINE_MAX]}{more}\n")


def _write(stream: TextIO, line: str) -> None:
    """Write *line*, unless the write would block because *stream* is a full pipe.

    The buffer of an ordinary file object has a lock. A child that was forked while another thread
    held it would wait for ever, so the line goes to the descriptor of the file. A closed file
    raises: its number may belong to another file by now. Any other object is called.
    """
    file = file_of(stream)
    try:
        descriptor = stream.fileno() if file is None else file.fileno()
    except Exception:
        if file is not None:
            raise
        stream.write(line)  # stderr was replaced by an object without a descriptor
        return
    # Also True when the descriptor has an error: the write then fails at once.
    if not is_ready(descriptor, write=True, timeout=0.0):
        return
    if file is None:
        stream.write(line)
    else:
        os.write(descriptor, line.encode(stream.encoding, "backslashreplace"))


def file_of(stream: TextIO) -> io.FileIO | None:
    """Return the file below *stream*; None unless *stream* is an ordinary text file object."""
    if type(stream) is not io.TextIOWrapper:
        return None
    buffer = stream.buffer
    file = buffer.raw if type(buffer) is io.BufferedWriter else buffer  # python -u: no buffer
    return file if type(file) is io.FileIO else None


def _printable(text: str) -> str:
    """Escape control characters: paths and names may hold any."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
