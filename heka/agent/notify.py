"""Tell systemd how far the agent is: sd_notify, without a library.

The protocol is a datagram of ``NAME=value`` lines to the unix socket in ``$NOTIFY_SOCKET``.
Source: sd_notify(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

__all__ = ["notify", "watchdog_interval"]


def notify(*lines: str) -> bool:
    """Send *lines*, as ``READY=1``; False when no service manager asked for it or it is gone."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    if "RELOADING=1" in lines:
        lines = (*lines, f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(address)
        sock.send("\n".join(lines).encode())
        return True
    return False


def watchdog_interval() -> float | None:
    """Return the seconds in which the service manager wants a ``WATCHDOG=1``; None: it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    for_pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or for_pid != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 / 2
