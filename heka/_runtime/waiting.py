"""Wait until a descriptor is readable or writable, with a timeout.

``select.poll`` takes every descriptor number, but eventlet removes it from a patched program; there
``select.select`` is used, which lets other greenlets run.
"""

from __future__ import annotations

import select
import time

from heka._runtime.greenlets import in_real_thread, poll

__all__ = ["is_ready", "pause"]

#: Longest timeout of poll() in milliseconds: a C int.
_POLL_MAX = 2**31 - 1
_POLLIN = 1  # select.POLLIN does not exist where select.poll does not
_POLLOUT = 4


def is_ready(descriptor: int, *, write: bool, timeout: float) -> bool:
    """Wait at most *timeout* seconds until *descriptor* is readable or, with *write*, writable.

    Returns:
        True when it is, or when it has an error, which the next call on it raises; False after the
        timeout.
    """
    poller = poll()
    if poller is None:
        watched = [descriptor]
        return any(select.select([] if write else watched, watched if write else [], [], timeout))
    poller.register(descriptor, _POLLOUT if write else _POLLIN)
    return bool(poller.poll(min(timeout * 1000, _POLL_MAX)))


def pause(seconds: float) -> None:
    """Sleep; in a patched program, greenlets let others run and a real OS thread just sleeps."""
    poller = poll() if in_real_thread() else None
    if poller is None:
        time.sleep(seconds)
    else:
        poller.poll(seconds * 1000)
