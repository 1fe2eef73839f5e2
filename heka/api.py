"""``heka.log``, ``incr``, ``gauge``, ``configure``, ``stats``, ``flush``: the process-wide logger.

One ``heka._core.Emitter`` serves the whole process. Its ``log``, ``incr`` and ``gauge`` are C down
to the system call; this module keeps the destinations, and gives the emitter the sink of each,
once.

The modules that send are imported by the first message, or by ``configure``: see ``load``.
"""

from __future__ import annotations

import os
import sys
import threading
from io import TextIOBase

from heka._core import ConfigError, Emitter, Sink, monotonic, set_converter
from heka._runtime.accounts import total
from heka._runtime.exits import begin
from heka._runtime.explaining import explained
from heka._runtime.forks import importing, is_importing
from heka._runtime.seconds import check_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Literal

    from heka._core import SignerConfig
    from heka._delivery import lifecycle
    from heka._delivery.direct import Destination, NoDestination, StreamDestination
    from heka._delivery.queue import Queue, queue_for
    from heka._net.addresses import Address, parse
    from heka._net.defaults import DEFAULT_TO, TO_VARIABLE
    from heka._runtime.debug import debug, debugging
    from heka._runtime.reporter import Reporter
    from heka._typing import ProcessStats

    _AnyDestination = Destination | StreamDestination | NoDestination | Queue
    _Key = Address | str | int

#: Whether ``configure`` was called: what names no destination may send then.
is_configured = False
#: Destinations that are kept open; opening another closes a random one. If the oldest were closed,
#: a program that uses one more in turn would find each one closed.
DESTINATIONS_MAX = 256

_ABSENT: Final[Any] = object()

# Reentrant: a signal handler or finalizer may log while its thread holds the lock.
_lock = threading.RLock()
_open: dict[_Key, _AnyDestination] = {}
#: How many handlers send to a destination.
_claims: dict[_Key, int] = {}
#: Closed destinations; some of their frames may still be queued or being sent.
_retired: list[_AnyDestination] = []
#: At most one account: the sum of closed destinations without such frames, which are freed.
_retired_total: list[dict[str, Any]] = []

begin()  # atexit handlers that the program registers from now on run before heka's

# ---- importing what sends ------------------------------------------------------------------------

_loaded = False
#: The thread that is in load(); 0: none is.
_loader = 0
#: Counts the messages that were dropped because load() could not import, by reason.
_unsent: dict[str, Sink] = {}
#: Why it could not; reported once it can.
_failure: Exception | None = None


def load() -> None:
    """Import all that sends to a destination; only TLS is imported by the first use of ``tls://``."""
    # Names of this module, not of another one: when the interpreter ends, it clears the modules of
    # heka._delivery, and finalizers that run later still log to what is open.
    global Destination, NoDestination, StreamDestination, Queue, queue_for, Address, parse
    global DEFAULT_TO, TO_VARIABLE, Reporter, debug, debugging, lifecycle
    global _loaded, _loader
    with importing():
        if not _loaded:
            before, _loader = _loader, threading.get_ident()
            try:
                from heka._delivery import lifecycle
                from heka._delivery.direct import Destination, NoDestination, StreamDestination
                from heka._delivery.queue import Queue, queue_for
                from heka._net.addresses import Address, parse
                from heka._net.defaults import DEFAULT_TO, TO_VARIABLE
                from heka._runtime.debug import debug, debugging
                from heka._runtime.reporter import Reporter

                _loaded = True
            finally:
                _loader = before


def _load_or_refuse() -> Sink | None:
    """Import what sends; return a sink that drops every message if that is not possible now."""
    global _failure
    if _loader == threading.get_ident():  # a signal handler or a finalizer, amid the import
        return _refusing("reentrant")
    if sys.is_finalizing() and is_importing():  # a thread that the interpreter has stopped
        return _refusing("closed")
    try:
        load()
    except (ImportError, OSError, RecursionError) as error:  # no descriptor is left, for example
        _failure = error
        return _refusing("closed" if sys.is_finalizing() else "error")
    failure, _failure = _failure, None
    if failure is not None:
        Reporter().report(f"messages were dropped (error): {failure!r}")
    return None


def _refusing(reason: str) -> Sink:
    """Return a sink that drops every message as *reason*; the emitter does not keep it."""
    _emitter.forget()
    sink = _unsent.get(reason)
    if sink is None:
        sink = _unsent[reason] = Sink(lambda frame, written, timeout, ticket: reason)
    return sink


def _load_converter() -> tuple[Callable[[Any], Any], Callable[[Any], str]] | None:
    """Import what ``bad_values="convert"`` needs; None: not now, which C calls again."""
    if sys.is_finalizing() and is_importing():  # a thread that the interpreter has stopped
        return None
    with importing():
        from heka._values import convert, show
    return convert, show


set_converter(_load_converter)

# ---- destinations --------------------------------------------------------------------------------


def _key_of(to: object) -> _Key:
    """Return the key of *to* in ``_open``: an address, an invalid ``$HEKA_TO``, or an id()."""
    if to is None:
        to = os.environ.get(TO_VARIABLE)
        try:
            return parse(to or DEFAULT_TO)
        except ConfigError:
            return str(to)
    if not isinstance(to, (str, tuple, Address)) and _is_stream(to):
        return id(to)
    return parse(to)


def _is_stream(to: object) -> bool:
    """Return whether *to* is an object with ``write(bytes)``.

    Raises:
        ConfigError: It is a text stream, whose ``write`` takes no bytes.
    """
    if not callable(getattr(to, "write", None)):
        return False
    if issubclass(type(to), TextIOBase):
        remedy = "give one of bytes, as of open(path, 'ab')"
        for name in ("stdout", "stderr"):
            if to is getattr(sys, name):
                remedy = f"did you mean {name!r}?"
        raise ConfigError(f"expected an object with write(bytes), got a text stream; {remedy}")
    return True


def _make(key: _Key, to: object) -> _AnyDestination:
    if isinstance(key, Address):
        try:
            return Destination(key) if key.queue is None else queue_for(key)
        except ConfigError as error:  # a file that the URL names is missing, for example
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
    """Return the sink of *to*; the emitter calls this once for each new *to*."""
    if not _loaded:
        refusing = _load_or_refuse()
        if refusing is not None:
            return refusing
    key = _key_of(to)
    destination = _open.get(key)
    if destination is None or not _serves(destination, to):
        made = _make(key, to)  # without the lock: it may run code of the stream's class
        if debugging():
            debug(made.name, f"used for the first time; it is {_origin(to)}")
        with _lock:
            destination = _open.setdefault(key, made)
            if destination is not made and isinstance(made, Queue):
                made.let_go()  # another thread has created one meanwhile
            if not _serves(destination, to):
                _retire(key)
                destination = _open[key] = made
            if len(_open) > DESTINATIONS_MAX:
                others = [one for one in list(_open) if one != key]
                _retire(others[int.from_bytes(os.urandom(4), "big") % len(others)])
    return destination.sink


def _origin(to: object) -> str:
    """Return where the destination *to* comes from, for a line on stderr."""
    if to is None:
        return f"that of {TO_VARIABLE}" if os.environ.get(TO_VARIABLE) else "the default"
    return "that of heka.configure" if to is _emitter.to else "that of a call or a handler"


def _serves(destination: _AnyDestination, to: object) -> bool:
    """Return whether *destination* is for *to*, not for a freed stream that had the same id()."""
    return not isinstance(destination, StreamDestination) or destination.stream is to


def _retire(key: _Key) -> None:
    """Close one destination and keep its account."""
    destination = _open.pop(key, None)
    if destination is None:
        return  # a signal handler that logged has closed it
    _retired.append(destination)
    destination.let_go()
    _emitter.forget()
    if len(_retired) > DESTINATIONS_MAX:
        # Not the newer half: a call may have looked one of these up and not used it yet.
        old = _retired[: DESTINATIONS_MAX // 2]
        done = [destination for destination in old if _is_done(destination)]
        kept = [destination for destination in _retired if destination not in done]
        accounts = [destination.stats() for destination in done]
        _retired_total[:] = [total([*_retired_total, *accounts])]
        _retired[:] = kept


def claim(to: str) -> None:
    """Keep the destination *to* open for a handler until it calls ``release``."""
    load()
    with _lock:
        key = _key_of(to)
        _claims[key] = _claims.get(key, 0) + 1


def release(to: str) -> None:
    """End a ``claim``: close *to*, without waiting, unless others send to it."""
    key = _key_of(to)
    with _lock:
        _claims[key] = _claims.get(key, 0) - 1
        _retire_unused(key)


def _retire_unused(key: _Key) -> None:
    """Close the destination of *key* if neither a handler nor the configuration names it.

    A later call that names it opens it again. An object with ``write()`` belongs to the program.
    """
    with _lock:
        if _claims.get(key, 0) <= 0:
            _claims.pop(key, None)
            if not isinstance(key, int) and key != _key_of(_emitter.to):
                _retire(key)


def _is_done(destination: _AnyDestination) -> bool:
    """Return whether every frame of a closed destination was sent or dropped."""
    return not destination.sink.pending and not destination.stats().get("queued")


_emitter = Emitter(_find)
#: Of the parent process.
_altered_before = 0
log = _emitter.log
incr = _emitter.incr
gauge = _emitter.gauge


@explained
def configure(
    *,
    to: object = _ABSENT,
    signer: SignerConfig | None = _ABSENT,
    level: int | str = _ABSENT,
    logger: str = _ABSENT,
    oversize: Literal["truncate", "drop", "raise"] = _ABSENT,
    bad_values: Literal["convert", "repr", "raise"] = _ABSENT,
    default: Callable[[Any], Any] | None = _ABSENT,
    timeout: float = _ABSENT,
    flush_on_sigterm: float = _ABSENT,
) -> None:
    """Set up what sends without a client of its own; omitted arguments keep their setting.

    That is ``heka.log``, ``incr``, ``gauge``, ``timer`` and ``exception``; and, as long as
    ``heka.holder`` has no default client, decorators, ``HekaHandler()``, structlog and loguru.

    The first call imports what sends, as otherwise the first message does. So call it, also without
    arguments, before a fork, and where the first message is logged when the interpreter ends.

    Args:
        to: The destination, in any notation of ``heka.log(to=...)``; None: ``$HEKA_TO`` if it is
            set, else udp://localhost:5565. The one before is closed, without waiting, unless it is
            an object with ``write``, or a handler sends there; what is queued is still sent.
        signer: Signs every message; None signs none.
        level: The largest severity that is sent, 0 to 7 or a name such as ``'info'``; 7 sends
            everything.
        logger: The logger of calls without ``logger=``.
        oversize: ``'truncate'``, ``'drop'`` or ``'raise'``.
        bad_values: ``'convert'``, ``'repr'`` or ``'raise'``: see ``heka.log``.
        default: Called with a field value of an unsupported type; returns one of a supported type.
        timeout: Seconds that a call may take on the network.
        flush_on_sigterm: Installs a handler of SIGTERM that waits at most that many seconds until
            the queues are empty, as ``heka.flush_on_sigterm``. Omitted, none is installed.

    Raises:
        ConfigError: *to* is no destination.
        TypeError, ValueError: A setting has the wrong type or an invalid value. The settings before
            it, in the order above, are changed; those after it are not.
    """
    global is_configured
    load()
    if to is not _ABSENT and to is not None and not _is_stream(to):
        parse(to)
    if to is not _ABSENT:
        before = _key_of(_emitter.to)
        _emitter.to = to
        _retire_unused(before)
    settings = {
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
    is_configured = True
    if flush_on_sigterm is not _ABSENT:
        lifecycle.flush_on_sigterm(flush_on_sigterm)
    if level is not _ABSENT and debugging():
        debug("heka.configure", f"messages of a severity over {_emitter.level} are not sent")


def stats() -> ProcessStats:
    """Return how many messages of ``heka.log`` were sent and dropped, in this process.

    Returns:
        ``offered``, ``sent`` (the kernel has them), ``bytes`` of those, ``queued``, ``recovered``,
        ``resent``, ``refused`` (UDP datagrams for which the kernel reported, after they were sent,
        that nothing listens there), ``high_water``, ``retries``, ``reconnects``, and ``dropped`` as
        {reason: count};
        offered + recovered = sent + the sum of dropped + queued. Outside of that sum, ``filtered``
        counts calls that the level or a *rate* held back, ``altered`` field values of calls, not of
        contexts, that were converted, replaced or left out, as ``bad_values`` says.
        ``destinations`` holds the same for each destination that is open, by its URL, or its type
        where ``to`` was an object with ``write``. Without a queue, a message is counted when its
        call has sent or dropped it.
    """
    with _lock:
        each: dict[str, dict[str, Any]] = {}
        for destination in list(_open.values()):
            account = destination.stats()
            name = destination.name  # several streams of one class have the same name
            each[name] = total([each[name], account]) if name in each else account
        closed = [destination.stats() for destination in list(_retired)]
        unsent = [sink.counts() for sink in list(_unsent.values())]
        totals: Any = total([*_retired_total, *unsent, *closed, *each.values()])
    totals["filtered"] = _emitter._filtered
    totals["altered"] = _emitter.altered - _altered_before
    totals["destinations"] = each
    return totals  # type: ignore[no-any-return]  # typing.cast() would import typing


@explained
def flush(timeout: float = 1.0) -> bool:
    """Wait at most *timeout* seconds until no frame is queued or partly written.

    Returns:
        True when all queued frames were delivered; False after the timeout, or if some were
        dropped meanwhile.

    Raises:
        TypeError: *timeout* is no number.
    """
    check_seconds(timeout)
    deadline = monotonic() + timeout
    with _lock:
        destinations = list(_open.values())
    return all([destination.flush(deadline) for destination in destinations])


def _reset_after_fork() -> None:
    """Reset accounts and connections in a child process."""
    global _lock, _loader, _altered_before
    _lock = threading.RLock()
    _loader = 0
    _altered_before = _emitter.altered
    _emitter.forget()
    _emitter._reset_filtered()
    _open.clear()
    _retired.clear()
    _retired_total.clear()
    _unsent.clear()


os.register_at_fork(after_in_child=_reset_after_fork)
