"""Room on Python's stack for telling of an exception that used all of it.

A ``RecursionError`` is mostly caught a few calls from the limit, where nothing could be built.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from heka.forks import start_anew_in_child

#: Calls that building and sending an event may need, one in the other.
_MORE = 150


class _Room:
    """Raises the limit while at least one thread wants that."""

    def __init__(self) -> None:
        self.start_anew()
        start_anew_in_child(self)

    def start_anew(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = 0
        self._set = 0

    def take(self) -> None:
        with self._lock:
            if not self._users:
                self._before = sys.getrecursionlimit()
                self._set = self._before + _MORE
                sys.setrecursionlimit(self._set)
            self._users += 1

    def give_back(self) -> None:
        with self._lock:
            self._users -= 1
            # Unless the program has set another limit meanwhile.
            if not self._users and sys.getrecursionlimit() == self._set:
                # Too near to it for that: the next call lowers it, from where it is called.
                with contextlib.suppress(RecursionError):
                    sys.setrecursionlimit(self._before)


_room = _Room()


@contextlib.contextmanager
def more_stack(wanted: bool) -> Iterator[None]:
    """Allow more calls in the block, if *wanted*."""
    if not wanted:
        yield
        return
    _room.take()
    try:
        yield
    finally:
        _room.give_back()
