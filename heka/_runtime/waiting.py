"""Waiting until a descriptor can be read or written, at most for a while.

Knows descriptors and nothing else. ``select.poll`` takes any descriptor, but eventlet removes it
from programs that it patches, where ``select.select`` lets other greenlets run.
"""

from __future__ import annotations

import select
import time

from heka._runtime.greenlets import in_real_thread, poll

__all__ = ["is_ready", "pause"]

#: Milliseconds of one poll(), which counts them in an int.
_POLL_MAX = 2**31 - 1
_POLLIN = 1  # where there is no poll, select has no name for it either
_POLLOUT = 4


def is_ready(descriptor: int, *, write: bool, timeout: float) -> bool:
    """Wait for at most *timeout* seconds until *descriptor* has room, or bytes to read.

    True: it has, or an error to tell, which the next call on it raises.
    """
    poller = poll()
    if poller is None:
        watched = [descriptor]
        return any(select.select([] if write else watched, watched if write else [], [], timeout))
    poller.register(descriptor, _POLLOUT if write else _POLLIN)
    return bool(poller.poll(min(timeout * 1000, _POLL_MAX)))


def pause(seconds: float) -> None:
    """Sleep; other greenlets go on, and a real thread among them sleeps for itself."""
    poller = poll() if in_real_thread() else None
    if poller is None:
        time.sleep(seconds)
    else:
        poller.poll(seconds * 1000)
