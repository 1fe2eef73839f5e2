"""Exit hooks that also run in children of ``multiprocessing``.

Such a child runs the finalizers of ``multiprocessing``, but no atexit handlers. ``import heka``
registers one atexit handler for all hooks, whenever the modules with hooks are imported: atexit
handlers run in reverse order, so the program's own, which may log, run before it. Knows processes
and nothing else.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ExitHook", "begin", "is_exiting"]

#: (negative priority, function) of each hook.
_hooks: list[tuple[int, Callable[[], object]]] = []
_has_begun = False
_is_ending = False


def is_exiting() -> bool:
    """Return whether the main thread has ended, or the hooks of this process have begun."""
    return _is_ending or not threading.main_thread().is_alive()


def _reset_after_fork() -> None:
    global _is_ending
    _is_ending = False


os.register_at_fork(after_in_child=_reset_after_fork)


def begin() -> None:
    """Register the atexit handler, once."""
    global _has_begun
    if not _has_begun:
        _has_begun = True
        atexit.register(_run_hooks)


def _run_hooks() -> None:
    """Call the function of every hook, in the order of their priorities."""
    global _is_ending
    _is_ending = True
    failure: BaseException | None = None
    for _, end in sorted(_hooks, key=lambda hook: hook[0]):
        try:
            end()
        except BaseException as error:  # the others run all the same, as atexit would have it
            failure = error
    if failure is not None:
        raise failure


class ExitHook:
    """Calls one function when this process exits, and when a child process of it exits."""

    def __init__(self, end: Callable[[], object], priority: int) -> None:
        """Register *end*.

        Args:
            end: Called once in each process.
            priority: Order among the hooks, and among the finalizers of ``multiprocessing``: the
                largest comes first.
        """
        self._end = end
        self._priority = priority
        self._finalized: set[int] = set()  # pids of processes with a registered finalizer
        _hooks.append((-priority, end))
        begin()

    def watch(self) -> None:
        """Register the finalizer if this is a child process; call when work begins in it."""
        util: Any = sys.modules.get("multiprocessing.util")
        process: Any = sys.modules.get("multiprocessing.process")
        if util is None or process is None or os.getpid() in self._finalized:
            return
        if process.parent_process() is not None:
            self._finalized.add(os.getpid())
            util.Finalize(None, self._finalize, exitpriority=self._priority)

    def _finalize(self) -> None:
        global _is_ending
        _is_ending = True
        self._end()
