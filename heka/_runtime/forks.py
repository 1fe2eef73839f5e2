"""Objects that begin anew in a child process.

Knows that processes fork and nothing else. A lock that another thread held while its process forked
is held for ever in the child, and a generator of random numbers repeats what the parent draws.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["StartsAnew", "start_anew_in_child"]


class StartsAnew(Protocol):
    """What a child process calls on each object that asked for it."""

    def start_anew(self) -> None:
        """Replace what must not be shared with the parent; no other thread is there yet."""


_known: weakref.WeakSet[StartsAnew] = weakref.WeakSet()


def start_anew_in_child(thing: StartsAnew) -> None:
    """Have ``thing.start_anew()`` called in each child process, for as long as *thing* lives."""
    _known.add(thing)


def _start_anew() -> None:
    for thing in list(_known):
        thing.start_anew()


os.register_at_fork(after_in_child=_start_anew)
