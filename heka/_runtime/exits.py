"""What is called at the end of a process, in children of ``multiprocessing`` too.

Knows processes and nothing else. A child of ``multiprocessing`` runs its own finalizers, but
no atexit handlers.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["ExitHook"]


class ExitHook:
    """Has one function called when this process ends, and when a child of it does."""

    def __init__(self, end: Callable[[], object], priority: int) -> None:
        """Register *end*.

        Args:
            end: Called once in each process.
            priority: Of the finalizers of ``multiprocessing``, the largest is called first; of
                atexit handlers, the one that was registered last.
        """
        self._end = end
        self._priority = priority
        self._finalized: set[int] = set()  # processes whose finalizer is set
        atexit.register(end)

    def watch(self) -> None:
        """Have the end of this process noticed; to be called when work begins in it."""
        util: Any = sys.modules.get("multiprocessing.util")
        process: Any = sys.modules.get("multiprocessing.process")
        if util is None or process is None or os.getpid() in self._finalized:
            return
        if process.parent_process() is not None:
            self._finalized.add(os.getpid())
            util.Finalize(None, self._end, exitpriority=self._priority)
