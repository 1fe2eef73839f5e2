"""The unpatched originals of functions that gevent or eventlet has patched, and real OS threads.

A real OS thread in a patched program must not call patched functions: the first one that waits
would start an event loop of its own in that thread. Import locks are patched too, so such a thread
must not import.
"""

from __future__ import annotations

import _thread
import select
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from heka._runtime.forks import call_in_child

__all__ = ["in_real_thread", "is_patched", "poll", "start_thread"]

#: Native ids of the real OS threads in a patched program, and the unpatched ``select.poll``.
_real: dict[int, Callable[[], Any]] = {}
call_in_child(_real.clear)


def is_patched() -> bool:
    """Return whether new threads of this process are greenlets."""
    return not isinstance(_thread.start_new_thread, types.BuiltinFunctionType)


def original(module: str, name: str) -> Any:
    """Return *name* of *module* as it was before it was patched.

    Raises:
        RuntimeError: A library other than gevent and eventlet has replaced it.
    """
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched(module):
        return monkey.get_original(module, name)
    patcher: Any = sys.modules.get("eventlet.patcher")
    if patcher is not None:
        return getattr(patcher.original(module), name)
    raise RuntimeError(f"{module}.{name} was replaced by an unknown library")


def start_thread(body: Callable[[], None]) -> None:
    """Run *body* in a real OS thread, in a program where threads are greenlets.

    Raises:
        RuntimeError: The original functions are not known, or no thread can be started.
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
    """Return whether the current thread was started by ``start_thread``."""
    return bool(_real) and threading.get_native_id() in _real


def poll() -> Any | None:
    """Return a new ``select.poll()``, unpatched in a real OS thread; None if it does not exist."""
    make = _real.get(threading.get_native_id()) if _real else None
    make = make or getattr(select, "poll", None)
    return None if make is None else make()
