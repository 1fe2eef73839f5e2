"""Raises the recursion limit while an exception that exhausted it is reported.

A ``RecursionError`` is often caught a few calls below the limit, too few to build an event.
"""

from __future__ import annotations

import contextlib
import sys
import threading

from heka._runtime.forks import register_fork_reset

#: Nested calls that building and sending an event may need.
MORE = 150


class _RecursionLimit:
    """Keeps the limit raised while at least one thread needs it."""

    def __init__(self) -> None:
        self.reset_after_fork()
        register_fork_reset(self)

    def reset_after_fork(self) -> None:
        """Reset all state: the parent's threads do not exist in a child process."""
        self._lock = threading.Lock()
        self._users = 0
        #: The program's limit, and the raised one; 0 while it is not raised.
        self._before = 0
        self._set = 0

    @property
    def is_left(self) -> bool:
        """Whether the limit is still raised though no thread needs it."""
        return bool(self._set) and not self._users

    def take(self, limit: int) -> None:
        """Keep the limit raised; *limit* is its value before it was raised."""
        with self._lock:
            if not self._users:
                if not self._set:
                    self._before = limit
                self._set = self._before + MORE
            # Another thread may have raised it already: set the same value.
            sys.setrecursionlimit(self._set)
            self._users += 1

    def release(self) -> None:
        """Lower the limit again after the last user."""
        with self._lock:
            self._users -= 1
            self._lower()

    def restore_limit(self) -> None:
        """Lower the limit as far as it could not be lowered before."""
        with self._lock:
            self._lower()

    def _lower(self) -> None:
        if self._users or not self._set:
            return
        if sys.getrecursionlimit() != self._set:  # the program has set another one meanwhile
            self._set = 0
            return
        # Python refuses a limit below the present depth: lower as far as possible, the rest later.
        for limit in range(self._before, self._set):
            with contextlib.suppress(RecursionError):
                sys.setrecursionlimit(limit)
                self._set = 0 if limit == self._before else limit
                return


room = _RecursionLimit()
