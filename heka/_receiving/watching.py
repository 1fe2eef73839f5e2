"""Sockets that somebody watches beside those of a loop: what a receiver and the agent share."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

__all__ = ["Watching"]


class Watching:
    """A loop over one selector, which calls what ``watch`` was given; one thread uses it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(
        self, sock: socket.socket, call: Callable[[], object], *, writing: bool = False
    ) -> None:
        """Call *call* when *sock* can be read, with *writing* also when it can be written."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        if sock in self._selector.get_map():
            self._selector.modify(sock, events, call)
        else:
            self._selector.register(sock, events, call)

    def unwatch(self, sock: socket.socket) -> None:
        """End what ``watch`` began."""
        if self._is_watched(sock):
            self._selector.unregister(sock)

    def _is_watched(self, sock: socket.socket) -> bool:
        return sock.fileno() >= 0 and sock in self._selector.get_map()
