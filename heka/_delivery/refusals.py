"""The line on stderr, once in each process, that nothing listens at a UDP destination.

A datagram is sent before it is refused, so it counts as sent. The kernel reports the refusal with
the next call on the socket.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from heka._net.addresses import Address
from heka._net.defaults import DEFAULT_TO
from heka._runtime.reporter import Reporter

__all__ = ["tell", "was_refused"]

_LISTEN = "python -m heka listen"
_told = False


def was_refused(sock: Any) -> bool:
    """Return whether the kernel has a refusal to report for *sock*, and take it."""
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED)
    except OSError:  # closed by the program
        return False


def tell(address: Address) -> None:
    """Report that nothing listens at *address*, unless this process has reported one before."""
    global _told
    if _told:
        return
    _told = True
    url = str(Address("udp", host=address.host, port=address.port))
    Reporter().report(f"nothing listens at {url}; {_remedy(url, address)}")


def _remedy(url: str, address: Address) -> str:
    if url == DEFAULT_TO:
        return f"start '{_LISTEN}' or set HEKA_TO"
    if _is_here(address.host):
        place = url.removeprefix("udp://")
        return f"start '{_LISTEN} --udp {place}' or correct the address"
    return "start the receiver there or correct the address"


def _is_here(host: str) -> bool:
    """Return whether *host* is this machine, as far as its text says."""
    return host == "::1" or host.startswith("127.") or host.lower() == "localhost"


def _reset_after_fork() -> None:
    global _told
    _told = False


os.register_at_fork(after_in_child=_reset_after_fork)
