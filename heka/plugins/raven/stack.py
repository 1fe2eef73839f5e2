"""Room on Python's stack for telling of an exception that used all of it.

A ``RecursionError`` is mostly caught a few calls from the limit, where nothing could be built.
"""

from __future__ import annotations

import contextlib
import sys
import threading

from heka._runtime.forks import register_fork_reset

#: Calls that building and sending an event may need, one in the other.
MORE = 150


class _Room:
    """Raises the limit while at least one thread wants that."""

    def __init__(self) -> None:
        self.reset_after_fork()
        register_fork_reset(self)

    def reset_after_fork(self) -> None:
        """Begin without users; in a child process those of the parent are not there."""
        self._lock = threading.Lock()
        self._users = 0
        #: The program's own limit, and ours; 0: the limit is the program's.
        self._before = 0
        self._set = 0

    @property
    def is_left(self) -> bool:
        """Say whether the limit is still raised, for nobody."""
        return bool(self._set) and not self._users

    def take(self, limit: int) -> None:
        """Keep the limit raised; *limit* is what it was before it was."""
        with self._lock:
            if not self._users:
                if not self._set:
                    self._before = limit
                self._set = self._before + MORE
            # Of several threads that raised it, the last may have come upon what another did.
            sys.setrecursionlimit(self._set)
            self._users += 1

    def give_back(self) -> None:
        """Lower it again, after the last user."""
        with self._lock:
            self._users -= 1
            self._lower()

    def settle(self) -> None:
        """Lower what could not be lowered before."""
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


room = _Room()
