"""Host names to socket addresses, off the caller's thread and within a deadline.

``getaddrinfo`` cannot be told to hurry: it runs in a daemon thread of its own, and a caller whose
time is up goes on without its answer. Addresses, and localhost, never reach the name service.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

#: What connects: address family and the sockaddr of that family.
Endpoint = tuple[int, Any]

_FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class ResolutionError(OSError):
    """A name that did not resolve in time, or at all."""


class _Lookup:
    """One call of getaddrinfo, shared by all who wait for the same name."""

    def __init__(self, host: str, port: int, family: int) -> None:
        self._question = (host, port, family)
        self._done = threading.Event()
        self._answer: list[Endpoint] = []
        self._error: OSError | None = None

    def run(self) -> None:
        host, port, family = self._question
        try:
            self._answer = _ask(host, port, family, 0)
        except (OSError, UnicodeError) as error:  # UnicodeError: no IDNA form
            self._error = ResolutionError(f"{host!r} does not resolve: {error}")
        finally:
            with _lock:
                _running.pop(self._question, None)
            self._done.set()

    def wait(self, deadline: float) -> list[Endpoint]:
        if not self._done.wait(max(0.0, deadline - time.monotonic())):
            raise ResolutionError(f"{self._question[0]!r} did not resolve in time")
        if self._error is not None:
            raise self._error
        return self._answer


_lock = threading.Lock()
_running: dict[tuple[str, int, int], _Lookup] = {}


def _forget_parent() -> None:
    """Drop what only the parent process's threads could have finished."""
    global _lock
    _lock = threading.Lock()
    _running.clear()


os.register_at_fork(after_in_child=_forget_parent)


def _ask(host: str, port: int, family: int, flags: int) -> list[Endpoint]:
    infos = socket.getaddrinfo(host, port, _FAMILIES[family], socket.SOCK_STREAM, 0, flags)
    return list(dict.fromkeys((info[0], info[4]) for info in infos))


def resolve(host: str, port: int, family: int, deadline: float) -> list[Endpoint]:
    """Return where to connect to for *host* and *port*, in the order of the name service.

    Args:
        host: Name or address.
        port: 1 to 65535.
        family: 4, 6, or 0 for both.
        deadline: ``time.monotonic()`` after which nobody waits for the answer.

    Raises:
        ResolutionError: No answer, or not in time; a thread may go on waiting for one.
    """
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        loopback: list[Endpoint] = [
            (socket.AF_INET, ("127.0.0.1", port)),
            (socket.AF_INET6, ("::1", port, 0, 0)),
        ]
        return [end for end in loopback if family in (0, 4 if end[0] == socket.AF_INET else 6)]
    try:
        return _ask(host, port, family, socket.AI_NUMERICHOST)
    except OSError:
        pass  # a name, not an address
    except UnicodeError as error:
        raise ResolutionError(f"{host!r} is no host name: {error}") from None

    question = (host, port, family)
    with _lock:
        lookup = _running.get(question)
        if lookup is None:
            lookup = _running[question] = _Lookup(*question)
            thread = threading.Thread(target=lookup.run, name=f"heka-resolve-{host}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no threads left, or the interpreter is closing
                del _running[question]
                raise ResolutionError(f"{host!r} cannot be resolved: {error}") from None
    return lookup.wait(deadline)
