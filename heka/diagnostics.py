"""What heka says of its own troubles: one line on stderr now and then.

Never through ``logging``: a handler that logs about itself is a loop.
"""

from __future__ import annotations

import contextlib
import sys
import time

#: Seconds between two lines about the same thing.
INTERVAL = 60.0


class Reporter:
    """Says a thing at most once in each INTERVAL, and how often it was not said."""

    def __init__(self) -> None:
        """Start silent; the first report is said."""
        self._next = 0.0
        self._silent = 0

    def report(self, text: str) -> None:
        """Write ``heka: text`` to stderr, unless that was done lately. Never raises."""
        now = time.monotonic()
        if now < self._next:
            self._silent += 1
            return
        more = f" ({self._silent} more like this)" if self._silent else ""
        self._next = now + INTERVAL
        self._silent = 0
        # stderr may be None, closed, full or somebody's object: none of that is our caller's fault.
        with contextlib.suppress(Exception):
            if sys.stderr is not None:
                sys.stderr.write(f"heka: {text}{more}\n")
