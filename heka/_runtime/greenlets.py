"""What gevent and eventlet have put other things in the place of, as it was before.

A thread that is a real one among greenlets must touch nothing of theirs: the first thing that it
waits for would make a loop of its own, and the locks of imports are theirs too.
"""

from __future__ import annotations

import _thread
import os
import select
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

__all__ = ["in_real_thread", "is_patched", "poll", "start_thread"]

#: Native numbers of real threads in a program of greenlets, and what their ``select.poll`` was.
_real: dict[int, Callable[[], Any]] = {}
os.register_at_fork(after_in_child=_real.clear)


def is_patched() -> bool:
    """Say whether new threads are greenlets in this process."""
    return not isinstance(_thread.start_new_thread, types.BuiltinFunctionType)


def original(module: str, name: str) -> Any:
    """Return *name* of *module* as it was before it was patched.

    Raises:
        RuntimeError: Somebody has replaced it whom we do not know.
    """
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched(module):
        return monkey.get_original(module, name)
    patcher: Any = sys.modules.get("eventlet.patcher")
    if patcher is not None:
        return getattr(patcher.original(module), name)
    raise RuntimeError(f"{module}.{name} was replaced by an unknown library")


def start_thread(body: Callable[[], None]) -> None:
    """Run *body* in a real thread, in a program where threads are greenlets.

    Raises:
        RuntimeError: There is none to be had.
    """
    make_poll = original("select", "poll")

    def run() -> None:
        me = threading.get_native_id()
        _real[me] = make_poll
        try:
            body()
        finally:
            del _real[me]

    original("_thread", "start_new_thread")(run, ())


def in_real_thread() -> bool:
    """Say whether this is a thread that ``start_thread`` has made."""
    return bool(_real) and threading.get_native_id() in _real


def poll() -> Any | None:
    """Return a new ``select.poll()``, one of this thread's kind; None where there is none."""
    make = _real.get(threading.get_native_id()) if _real else None
    make = make or getattr(select, "poll", None)
    return None if make is None else make()
