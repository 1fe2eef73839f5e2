"""Resolve host names to socket addresses within a deadline, in a thread of their own.

``getaddrinfo`` takes no timeout. It runs in a daemon thread, and a caller whose deadline has passed
returns without the result. Numeric addresses and localhost are resolved without the name service.
"""

from __future__ import annotations

import _socket
import socket
import sys
import threading
from typing import Any

from heka._core import monotonic
from heka._runtime.forks import call_in_child
from heka._runtime.greenlets import in_real_thread

#: What a socket connects to: an address family, and a sockaddr of that family.
Endpoint = tuple[int, Any]
_Query = tuple[str, int, int]

_FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
#: Seconds that a result is kept for the next caller. Otherwise a name service that is slower than
#: every caller's timeout would be asked again and again, and its answers never used.
_RESULT_TTL = 300.0
#: Lookups that run at the same time, each in a thread of its own.
_LOOKUPS_MAX = 64


class ResolutionError(OSError):
    """A host name could not be resolved, or not before the deadline."""


class Lookup:
    """One call of ``getaddrinfo``, shared by all callers that wait for the same name."""

    def __init__(self, query: _Query) -> None:
        self._query = query
        self._done = threading.Event()
        self._answer: list[Endpoint] = []
        self._problem = ""
        self._finished = 0.0

    def start(self) -> None:
        """Run in a new thread; RuntimeError when no thread can be started."""
        if sys.is_finalizing():  # the thread would never run, and start() waits until it does
            raise RuntimeError("the interpreter is closing")
        name = f"heka-resolve-{self._query[0]}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._answer = _getaddrinfo(*self._query, 0)
        except Exception as error:  # UnicodeError: the name has no IDNA form
            self._problem = f"{self._query[0]!r} does not resolve: {error}"
        finally:
            self._finished = monotonic()
            self._done.set()

    def is_done(self) -> bool:
        """Return whether the lookup has ended."""
        return self._done.is_set()

    def is_reusable(self) -> bool:
        """Return whether a new caller may use this lookup: it is running, or succeeded recently."""
        if not self._done.is_set():
            return True
        return not self._problem and monotonic() < self._finished + _RESULT_TTL

    def answer(self) -> list[Endpoint]:
        """Return the result of a lookup that has ended; an empty list when it failed."""
        return self._answer

    def discard(self) -> None:
        """Give the result to no further caller."""
        with _lock:
            if _lookups.get(self._query) is self:
                del _lookups[self._query]

    def wait(self, deadline: float) -> list[Endpoint]:
        """Return the result; ResolutionError when it failed, or has not ended at *deadline*."""
        left = max(0.0, deadline - monotonic())
        if not self._done.wait(min(left, threading.TIMEOUT_MAX)):
            raise ResolutionError(f"{self._query[0]!r} did not resolve in time")
        self.discard()
        if self._problem:
            raise ResolutionError(self._problem)
        return self._answer


# Reentrant: a signal handler or a finalizer may log while its thread holds the lock.
_lock = threading.RLock()
_lookups: dict[_Query, Lookup] = {}


def _reset_after_fork() -> None:
    """Forget, in a child process, the lookups that run in threads of its parent."""
    global _lock
    _lock = threading.RLock()
    _lookups.clear()


call_in_child(_reset_after_fork)


def _numeric(host: str, port: int) -> Endpoint | None:
    """Return the endpoint of a numeric address; None for a name or an unusual notation."""
    for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):  # ValueError: not encodable, or contains NUL
            continue
        return family, (host, port, *rest)
    return None


def _getaddrinfo(host: str, port: int, family: int, flags: int) -> list[Endpoint]:
    # As bytes: for a str, getaddrinfo imports the IDNA codec. A fork during that import would leave
    # the import lock locked for ever in the child.
    name = host.encode("ascii" if host.isascii() else "idna")
    getaddrinfo = _socket.getaddrinfo if in_real_thread() else socket.getaddrinfo
    infos = getaddrinfo(name, port, _FAMILIES[family], socket.SOCK_STREAM, 0, flags)
    return list(dict.fromkeys((info[0], info[4]) for info in infos))


def _find_lookup(query: _Query, *, anew: bool = False) -> Lookup:
    """Return the reusable lookup for *query*, or start one; *anew*: reuse no earlier result."""
    with _lock:
        lookup = _lookups.get(query)
        if lookup is not None and lookup.is_reusable() and not (anew and lookup.is_done()):
            return lookup
        if len(_lookups) >= _LOOKUPS_MAX:
            for old in [old for old, its in _lookups.items() if its.is_done()]:
                del _lookups[old]
        if len(_lookups) >= _LOOKUPS_MAX:
            raise ResolutionError(
                f"{query[0]!r} was not looked up: {_LOOKUPS_MAX} other lookups are still running"
            )
        lookup = _lookups[query] = Lookup(query)
        try:
            lookup.start()
        except BaseException:
            _lookups.pop(query, None)
            raise
        return lookup


def _is_localhost(host: str) -> bool:
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")  # RFC 6761, 6.3


def is_name(host: str) -> bool:
    """Return whether the name service is asked for *host*: it may name another address later."""
    return _numeric(host, 0) is None and not _is_localhost(host)


def begin(host: str, port: int, family: int) -> Lookup | None:
    """Resolve a name again without waiting for it; the next ``resolve`` gets the result.

    Returns:
        The lookup; None when no thread can be started for it.
    """
    if in_real_thread():
        return None  # a lookup uses locks of greenlets
    try:
        return _find_lookup((host, port, family), anew=True)
    except (RuntimeError, ResolutionError):
        return None


def resolve(host: str, port: int, family: int, deadline: float) -> list[Endpoint]:
    """Return the endpoints of *host* and *port*, in the order of the name service.

    Args:
        host: Name or address.
        port: 1 to 65535.
        family: 4, 6, or 0 for both.
        deadline: When to give up, in seconds of ``heka._core.monotonic()``.

    Raises:
        ResolutionError: The lookup failed, or has not ended at *deadline*. It may then go on in its
            thread, and the next caller gets its result.
    """
    endpoint = _numeric(host, port)  # getaddrinfo opens a descriptor even for an address
    if endpoint is not None:
        if endpoint[0] == _FAMILIES[family] or not family:
            return [endpoint]
        raise ResolutionError(
            f"{host!r} is not an IPv{family} address, but the destination says family={family}"
        )
    if _is_localhost(host):
        loopback: list[Endpoint] = [
            (socket.AF_INET, ("127.0.0.1", port)),
            (socket.AF_INET6, ("::1", port, 0, 0)),
        ]
        return [end for end in loopback if family in (0, 4 if end[0] == socket.AF_INET else 6)]
    try:
        return _getaddrinfo(host, port, family, socket.AI_NUMERICHOST)
    except OSError:
        pass  # a name, not an address in an unusual notation
    except UnicodeError as error:
        raise ResolutionError(f"{host!r} is not a valid host name: {error}") from None
    if in_real_thread():  # may block: no caller waits for it. Lookup uses locks of greenlets.
        try:
            return _getaddrinfo(host, port, family, 0)
        except OSError as error:
            raise ResolutionError(f"{host!r} does not resolve: {error}") from None
    try:
        lookup = _find_lookup((host, port, family))
    except RuntimeError as error:  # no more threads, or none allowed in this interpreter
        raise ResolutionError(
            f"{host!r} cannot be resolved: {error}; give an IP address, which needs no thread"
        ) from None
    return lookup.wait(deadline)
