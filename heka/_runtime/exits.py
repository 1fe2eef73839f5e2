"""Exit hooks that also run in children of ``multiprocessing``.

Such a child runs the finalizers of ``multiprocessing``, but no atexit handlers. Knows processes
and nothing else.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["ExitHook"]


class ExitHook:
    """Calls one function when this process exits, and when a child process of it exits."""

    def __init__(self, end: Callable[[], object], priority: int) -> None:
        """Register *end*.

        Args:
            end: Called once in each process.
            priority: Order among the finalizers of ``multiprocessing``: the largest comes first.
                Among atexit handlers, the last one registered comes first.
        """
        self._end = end
        self._priority = priority
        self._finalized: set[int] = set()  # pids of processes with a registered finalizer
        atexit.register(end)

    def watch(self) -> None:
        """Register the finalizer if this is a child process; call when work begins in it."""
        util: Any = sys.modules.get("multiprocessing.util")
        process: Any = sys.modules.get("multiprocessing.process")
        if util is None or process is None or os.getpid() in self._finalized:
            return
        if process.parent_process() is not None:
            self._finalized.add(os.getpid())
            util.Finalize(None, self._end, exitpriority=self._priority)
