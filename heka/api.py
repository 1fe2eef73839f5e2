"""``heka.log`` and what belongs to it: defaults, destinations, the account.

One emitter serves the whole process. Its log method is C from the call to the kernel; this module
only tells it where a destination is, once for each.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Literal

from heka._core import Emitter, SignerConfig, Sink
from heka._delivery.direct import Destination, NoDestination, StreamDestination
from heka._delivery.queue import Queue, queue_for
from heka._net.addresses import Address, parse
from heka._net.defaults import DEFAULT_TO, TO_VARIABLE
from heka._runtime.accounts import total
from heka.exceptions import ConfigError

#: Destinations that are kept open; the oldest is closed when there are more.
DESTINATIONS_MAX = 256

_ABSENT: Final[Any] = object()
_AnyDestination = Destination | StreamDestination | NoDestination | Queue
_Key = Address | str | int

# Reentrant: a signal handler, or a finalizer, may log while its thread is in here.
_lock = threading.RLock()
_open: dict[_Key, _AnyDestination] = {}
#: Closed ones, some of whose frames may still be on their way.
_retired: list[_AnyDestination] = []
#: The account of those of which none is; empty or one.
_settled: list[dict[str, Any]] = []


def _key_of(to: object) -> _Key:
    """Return what *to* is kept under: an address, a wrong ``$HEKA_TO``, or a stream's id."""
    if to is None:
        to = os.environ.get(TO_VARIABLE)
        try:
            return parse(to or DEFAULT_TO)
        except ConfigError:
            return str(to)
    if not isinstance(to, (str, tuple, Address)) and callable(getattr(to, "write", None)):
        return id(to)
    return parse(to)


def _make(key: _Key, to: object) -> _AnyDestination:
    if isinstance(key, Address):
        try:
            return Destination(key) if key.queue is None else queue_for(key)
        except ConfigError as error:  # a file that it names is not there
            if to is not None:
                raise
            return NoDestination(f"${TO_VARIABLE}", f"environment variable {TO_VARIABLE}: {error}")
    if isinstance(key, int):
        return StreamDestination(to)
    return NoDestination(f"${TO_VARIABLE}", _problem_of(key))


def _problem_of(to: str) -> str:
    try:
        parse(to)
    except ConfigError as error:
        return f"environment variable {TO_VARIABLE}: {error}"
    return f"environment variable {TO_VARIABLE} has changed"


def _find(to: object) -> Sink:
    """Return the sink of *to*; the emitter asks once for each that it does not know."""
    key = _key_of(to)
    destination = _open.get(key)
    if destination is None or not _serves(destination, to):
        made = _make(key, to)  # without the lock: it asks a stream, which may do anything
        with _lock:
            destination = _open.setdefault(key, made)
            if destination is not made and isinstance(made, Queue):
                made.close()  # another thread was faster
            if not _serves(destination, to):
                _retire(key)
                destination = _open[key] = made
            if len(_open) > DESTINATIONS_MAX:
                _retire(next(iter(_open)))
    return destination.sink


def _serves(destination: _AnyDestination, to: object) -> bool:
    """Say whether it is for *to*, and not for a stream that had its id before."""
    return not isinstance(destination, StreamDestination) or destination.stream is to


def _retire(key: _Key) -> None:
    """Close one destination and keep its account."""
    destination = _open.pop(key, None)
    if destination is None:
        return  # a signal handler that logged came first
    _retired.append(destination)
    destination.close()
    _emitter.forget()
    if len(_retired) > DESTINATIONS_MAX:
        # The newer half may just have been found by a call that has not come to it yet.
        old = _retired[: DESTINATIONS_MAX // 2]
        done = [destination for destination in old if _is_done(destination)]
        kept = [destination for destination in _retired if destination not in done]
        _settled[:] = [total([*_settled, *(destination.stats() for destination in done)])]
        _retired[:] = kept


def _is_done(destination: _AnyDestination) -> bool:
    """Say whether every frame of a closed destination has its outcome."""
    return not destination.sink.pending and not destination.stats().get("queued")


_emitter = Emitter(_find)
log = _emitter.log


def configure(
    *,
    to: object = _ABSENT,
    signer: SignerConfig | None = _ABSENT,
    level: int = _ABSENT,
    logger: str = _ABSENT,
    oversize: Literal["truncate", "drop", "raise"] = _ABSENT,
    bad_values: Literal["raise", "repr"] = _ABSENT,
    default: Callable[[Any], Any] | None = _ABSENT,
    timeout: float = _ABSENT,
) -> None:
    """Set what ``heka.log`` does where its call does not say; what is not given stays.

    Args:
        to: Where messages go: any notation of ``heka.log(to=...)``, or None for ``$HEKA_TO`` or
            udp://localhost:5565.
        signer: Signs every message; None signs none.
        level: The largest severity that is sent, 0 to 7; 7 sends everything.
        logger: The logger of a call that names none.
        oversize: ``'truncate'``, ``'drop'`` or ``'raise'``.
        bad_values: ``'raise'`` or ``'repr'``.
        default: Called with a value that has no type on the wire, for one that has.
        timeout: Seconds that a call may take on the network.

    Raises:
        ConfigError: *to* is no destination.
        TypeError, ValueError: A setting of the wrong type, or none of its words. Nothing is
            changed by the settings behind it.
    """
    if to is not _ABSENT and to is not None and not callable(getattr(to, "write", None)):
        parse(to)
    settings = {
        "to": to,
        "signer": signer,
        "level": level,
        "logger": logger,
        "oversize": oversize,
        "bad_values": bad_values,
        "default": default,
        "timeout": timeout,
    }
    for name, value in settings.items():
        if value is not _ABSENT:
            setattr(_emitter, name, value)


def stats() -> dict[str, Any]:
    """Return what became of the messages that ``heka.log`` took, in this process.

    Returns:
        ``offered``, ``sent`` (the kernel has them), ``bytes`` of those, ``queued``, ``recovered``,
        ``resent``, ``high_water``, ``retries``, ``reconnects``, and ``dropped`` as {reason: count};
        offered + recovered = sent + the sum of dropped + queued. ``destinations`` holds the same
        for each destination that is open, by its URL, or its type where ``to`` was an object with
        ``write``. A message that is still on its way without a queue is not counted yet.
    """
    with _lock:
        each: dict[str, dict[str, Any]] = {}
        for destination in list(_open.values()):
            account = destination.stats()
            name = destination.name  # of streams: of their type
            each[name] = total([each[name], account]) if name in each else account
        closed = [destination.stats() for destination in list(_retired)]
        totals = total([*_settled, *closed, *each.values()])
    totals["destinations"] = each
    return totals


def flush(timeout: float = 1.0) -> bool:
    """Wait until nothing is queued, and no frame half written.

    Returns:
        True when that is so within *timeout* seconds, and nothing queued was dropped meanwhile.
    """
    deadline = time.monotonic() + timeout
    with _lock:
        destinations = list(_open.values())
    return all([destination.flush(deadline) for destination in destinations])


def _forget_parent() -> None:
    """Start a child process with its own account and its own connections."""
    global _lock
    _lock = threading.RLock()
    _emitter.forget()
    _open.clear()
    _retired.clear()
    _settled.clear()


os.register_at_fork(after_in_child=_forget_parent)
