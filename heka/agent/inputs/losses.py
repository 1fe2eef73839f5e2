"""How many datagrams the kernel has dropped because a socket's buffer was full.

With SO_RXQ_OVFL the kernel says so beside each datagram that follows; ``/proc/net/udp`` also when
none does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Final

__all__ = ["count_losses", "lost_datagrams"]

#: Linux's option, which the socket module does not name.
_SO_RXQ_OVFL: Final = 40
_INODE, _DROPS = 9, 12  # columns of /proc/net/udp


def count_losses(sock: socket.socket) -> None:
    """Let the kernel say with each datagram of *sock* how many it dropped before it (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # unknown to this kernel: /proc/net/udp is left
            sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)


def lost_datagrams(sock: socket.socket) -> int:
    """Return how many datagrams to *sock* were dropped since it was made.

    0 for a socket of another kind (a sender to a unix socket waits), and where ``/proc/net`` does
    not say it.
    """
    if sock.type != socket.SOCK_DGRAM or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return 0
    inode = str(os.fstat(sock.fileno()).st_ino)
    name = "udp6" if sock.family == socket.AF_INET6 else "udp"
    try:
        with open(f"/proc/net/{name}", encoding="ascii") as table:
            next(table)
            for line in table:
                columns = line.split()
                if len(columns) > _DROPS and columns[_INODE] == inode:
                    return int(columns[_DROPS])
    except OSError:
        pass  # not Linux, or /proc is hidden: the caller has what SO_RXQ_OVFL says
    return 0
