"""Reset registered objects in a child process after a fork; imports that a fork waits for.

A lock that another thread held during the fork stays locked for ever in the child, and a random
number generator repeats the numbers of the parent.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Protocol

__all__ = ["ForkResettable", "importing", "register_fork_reset"]

#: Seconds that a fork waits for an import in another thread.
_IMPORT_MAX = 5.0


class ForkResettable(Protocol):
    """An object that is reset in every child process."""

    def reset_after_fork(self) -> None:
        """Replace all state that must not be shared with the parent. No other thread runs yet."""


_known: weakref.WeakSet[ForkResettable] = weakref.WeakSet()


def register_fork_reset(thing: ForkResettable) -> None:
    """Call ``thing.reset_after_fork()`` in each child process while *thing* exists."""
    _known.add(thing)


def _reset_all() -> None:
    for thing in list(_known):
        thing.reset_after_fork()


# Reentrant: an imported module may import more, or fork.
_imports = threading.RLock()
_forking = threading.local()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import modules in the block; a fork in another thread waits until it ends.

    The import system has a lock for each module, and nothing resets it after a fork. A child would
    wait for ever for a module that another thread was importing during the fork.
    """
    lock = _imports
    with lock:
        yield


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
