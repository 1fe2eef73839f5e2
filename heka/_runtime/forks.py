"""Reset registered objects in a child process after a fork; imports that a fork waits for.

A lock that another thread held during the fork stays locked for ever in the child, and a random
number generator repeats the numbers of the parent.
"""

from __future__ import annotations

import os
import threading
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class ForkResettable(Protocol):
        """An object that is reset in every child process."""

        def reset_after_fork(self) -> None:
            """Replace all state that must not be shared with the parent. No other thread runs."""


__all__ = ["call_in_child", "importing", "is_importing", "register_fork_reset"]

#: Seconds that a fork, or another import, waits for an import in another thread.
_IMPORT_MAX = 5.0

_known: weakref.WeakSet[ForkResettable] = weakref.WeakSet()
_functions: list[Callable[[], object]] = []


def register_fork_reset(thing: ForkResettable) -> None:
    """Call ``thing.reset_after_fork()`` in each child process while *thing* exists."""
    _known.add(thing)


def call_in_child(function: Callable[[], object]) -> None:
    """Call *function* in each child process, after all objects are reset.

    Unlike ``os.register_at_fork``, this keeps its place before the handlers that the program
    registers after it has imported heka, even if the caller is a module that is imported later.
    """
    _functions.append(function)


def _reset_all() -> None:
    for thing in list(_known):
        thing.reset_after_fork()
    for function in _functions:
        function()


# Reentrant: an imported module may import more, or fork.
_imports = threading.RLock()
_forking = threading.local()


class importing:
    """Import modules in the block; a fork in another thread waits until it ends.

    The import system has a lock for each module, and nothing resets it after a fork. A child would
    wait for ever for a module that another thread was importing during the fork.
    """

    def __enter__(self) -> None:
        """Wait until no other thread imports in such a block, _IMPORT_MAX seconds at most.

        Without a limit, two threads could wait for each other: one here, in a finalizer that runs
        while it imports a module, and the other in such a block, for that module.
        """
        lock = _imports
        self._lock = lock if lock.acquire(timeout=_IMPORT_MAX) else None

    def __exit__(self, *raised: object) -> None:
        """Let forks and other threads continue."""
        if self._lock is not None:
            self._lock.release()


def is_importing() -> bool:
    """Return whether another thread is in an ``importing`` block."""
    lock = _imports
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False


def _wait_for_imports() -> None:
    _forking.lock = _imports if _imports.acquire(timeout=_IMPORT_MAX) else None


def _end_wait() -> None:
    lock, _forking.lock = _forking.lock, None
    if lock is not None:
        lock.release()


def _reset_in_child() -> None:
    global _imports
    _imports = threading.RLock()
    _reset_all()


os.register_at_fork(
    before=_wait_for_imports, after_in_parent=_end_wait, after_in_child=_reset_in_child
)
