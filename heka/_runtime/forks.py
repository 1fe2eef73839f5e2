"""Reset registered objects in a child process after a fork.

A lock that another thread held during the fork stays locked for ever in the child, and a random
number generator repeats the numbers of the parent.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["ForkResettable", "register_fork_reset"]


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


os.register_at_fork(after_in_child=_reset_all)
