"""Host names to socket addresses, off the caller's thread and within a deadline.

``getaddrinfo`` cannot be told to hurry: it runs in a daemon thread of its own, and a caller whose
time is up goes on without its answer. Addresses, and localhost, never reach the name service.
"""

from __future__ import annotations

import _socket
import os
import socket
import sys
import threading
import time
from typing import Any

from heka._runtime.greenlets import in_real_thread

#: What connects: address family and the sockaddr of that family.
Endpoint = tuple[int, Any]
_Question = tuple[str, int, int]

_FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
#: Seconds that an answer waits for somebody to ask again. Without it, a name service slower than
#: everybody's timeout would be asked for ever and never be heard.
_KEPT = 300.0
#: Names that are asked for at the same time: each that hangs costs a thread.
_LOOKUPS_MAX = 64


class ResolutionError(OSError):
    """A name that did not resolve in time, or at all."""


class _Lookup:
    """One call of getaddrinfo, shared by all who wait for the same name."""

    def __init__(self, question: _Question) -> None:
        self._question = question
        self._done = threading.Event()
        self._answer: list[Endpoint] = []
        self._problem = ""
        self._finished = 0.0

    def start(self) -> None:
        """Ask in a new thread; RuntimeError without one."""
        if sys.is_finalizing():  # it would never run, and start() waits until it does
            raise RuntimeError("the interpreter is closing")
        name = f"heka-resolve-{self._question[0]}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._answer = _ask(*self._question, 0)
        except Exception as error:  # UnicodeError where there is no IDNA form
            self._problem = f"{self._question[0]!r} does not resolve: {error}"
        finally:
            self._finished = time.monotonic()
            self._done.set()

    def is_done(self) -> bool:
        """Say whether the answer is there."""
        return self._done.is_set()

    def is_of_use(self) -> bool:
        """Say whether one who asks now may have the answer: it is to come, or good and recent."""
        if not self._done.is_set():
            return True
        return not self._problem and time.monotonic() < self._finished + _KEPT

    def wait(self, deadline: float) -> list[Endpoint]:
        left = max(0.0, deadline - time.monotonic())
        if not self._done.wait(min(left, threading.TIMEOUT_MAX)):
            raise ResolutionError(f"{self._question[0]!r} did not resolve in time")
        with _lock:
            if _lookups.get(self._question) is self:
                del _lookups[self._question]
        if self._problem:
            raise ResolutionError(self._problem)
        return self._answer


# Reentrant: a signal handler, or a finalizer, may log while its thread is in here.
_lock = threading.RLock()
_lookups: dict[_Question, _Lookup] = {}


def _forget_parent() -> None:
    """Drop what only the parent process's threads could have finished."""
    global _lock
    _lock = threading.RLock()
    _lookups.clear()


os.register_at_fork(after_in_child=_forget_parent)


def _numeric(host: str, port: int) -> Endpoint | None:
    """Return the endpoint of an address; None for a name, and for the rarer notations."""
    for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):  # ValueError: what has no bytes, or a NUL
            continue
        return family, (host, port, *rest)
    return None


def _ask(host: str, port: int, family: int, flags: int) -> list[Endpoint]:
    # As bytes: a str loads the IDNA codec, whatever is in it, and a fork meanwhile would leave the
    # lock of that import locked for ever in the child.
    name = host.encode("ascii" if host.isascii() else "idna")
    ask = _socket.getaddrinfo if in_real_thread() else socket.getaddrinfo
    infos = ask(name, port, _FAMILIES[family], socket.SOCK_STREAM, 0, flags)
    return list(dict.fromkeys((info[0], info[4]) for info in infos))


def _find_lookup(question: _Question) -> _Lookup:
    """Return the lookup that runs for *question*, or start one."""
    with _lock:
        lookup = _lookups.get(question)
        if lookup is not None and lookup.is_of_use():
            return lookup
        if len(_lookups) >= _LOOKUPS_MAX:
            for old in [old for old, its in _lookups.items() if its.is_done()]:
                del _lookups[old]
        if len(_lookups) >= _LOOKUPS_MAX:
            raise ResolutionError(
                f"{question[0]!r} is not asked for: {_LOOKUPS_MAX} names are waiting for an answer"
            )
        lookup = _lookups[question] = _Lookup(question)
        try:
            lookup.start()
        except BaseException:
            _lookups.pop(question, None)
            raise
        return lookup


def resolve(host: str, port: int, family: int, deadline: float) -> list[Endpoint]:
    """Return where to connect to for *host* and *port*, in the order of the name service.

    Args:
        host: Name or address.
        port: 1 to 65535.
        family: 4, 6, or 0 for both.
        deadline: ``time.monotonic()`` after which nobody waits for the answer.

    Raises:
        ResolutionError: No answer, or not in time; a thread may go on waiting for one, and what it
            hears is kept for who asks next.
    """
    end = _numeric(host, port)  # getaddrinfo wants a descriptor even for an address
    if end is not None:
        if end[0] == _FAMILIES[family] or not family:
            return [end]
        raise ResolutionError(f"{host!r} is no IPv{family} address, which ?family={family} wants")
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
        loopback: list[Endpoint] = [
            (socket.AF_INET, ("127.0.0.1", port)),
            (socket.AF_INET6, ("::1", port, 0, 0)),
        ]
        return [end for end in loopback if family in (0, 4 if end[0] == socket.AF_INET else 6)]
    try:
        return _ask(host, port, family, socket.AI_NUMERICHOST)
    except OSError:
        pass  # a name, not an address in one of the rarer notations
    except UnicodeError as error:
        raise ResolutionError(f"{host!r} is no host name: {error}") from None
    if in_real_thread():  # one that nobody waits for, and whose locks are not those of threads
        try:
            return _ask(host, port, family, 0)
        except OSError as error:
            raise ResolutionError(f"{host!r} does not resolve: {error}") from None
    try:
        lookup = _find_lookup((host, port, family))
    except RuntimeError as error:  # no threads left, or none in this interpreter
        raise ResolutionError(
            f"{host!r} cannot be resolved: {error}; its address would need no thread"
        ) from None
    return lookup.wait(deadline)
