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
        """Begin without users; in a child process those of the parent are not there."""
        self._lock = threading.Lock()
        self._users = 0
        #: The program's own limit, and ours; 0: the limit is the program's.
        self._before = 0
        self._set = 0

    def take(self) -> None:
        """Raise the limit."""
        with self._lock:
            if not self._users:
                self._lower()
                if not self._set:
                    self._before = sys.getrecursionlimit()
                self._set = self._before + _MORE
                sys.setrecursionlimit(self._set)
            self._users += 1

    def give_back(self) -> None:
        """Lower it again, after the last user."""
        with self._lock:
            self._users -= 1
            self._lower()

    def settle(self) -> None:
        """Lower what could not be lowered before."""
        if self._set and not self._users:
            with self._lock:
                self._lower()

    def _lower(self) -> None:
        if self._users or not self._set:
            return
        if sys.getrecursionlimit() != self._set:  # the program has set another one meanwhile
            self._set = 0
            return
        # It may not be less than the calls at present: as near as it goes, the rest another time.
        for limit in range(self._before, self._set):
            with contextlib.suppress(RecursionError):
                sys.setrecursionlimit(limit)
                self._set = 0 if limit == self._before else limit
                return


_room = _Room()


@contextlib.contextmanager
def more_stack(wanted: bool) -> Iterator[None]:
    """Allow more calls in the block, if *wanted*."""
    if not wanted:
        _room.settle()
        yield
        return
    _room.take()
    try:
        yield
    finally:
        _room.give_back()
