"""``HekaClient``: one program's, or one library's, way to log: defaults, filters, a stream.

Its calls are C (``heka._core.Client``); this module decides what they do. A filter that needs no
message is decided before anything is built; a stream that offers a sink is never called at all.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
import types
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from heka._core import Client, Message, Sink
from heka._delivery.writers import flush_stream, sink_for
from heka._runtime.accounts import total
from heka._runtime.forks import register_fork_reset
from heka._runtime.reporter import Reporter
from heka.client.timer import NO_TIMER, Timer
from heka.encoders import ProtobufEncoder
from heka.exceptions import ConfigError, EncodeError
from heka.filters import SeverityMax, TypeBlacklist, TypeSeverityMax, TypeWhitelist
from heka.path import resolve_name

__all__ = ["SEVERITY", "HekaClient"]

_NO_LIMIT = 2**31 - 1
_ExcInfo = bool | BaseException | tuple[Any, Any, Any] | None


class SEVERITY:
    """The severities of RFC 5424, as classic code spells them."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFORMATIONAL = 6
    DEBUG = 7


class HekaClient(Client):
    """Log messages to one stream, with defaults and filters.

    Safe across threads and ``fork()``. Bad arguments raise at the caller; what goes wrong behind
    them (filters, encoder, stream, network) never does: it is counted in ``stats()`` and said on
    stderr now and then.

    Attributes:
        logger, severity: Of a call that names none.
        stream: Where messages go; None: the client is inactive, and each call returns False.
        encoder: Makes what the stream's ``write`` takes.
        filters: Callables that take a ``heka.Message`` and say whether it is sent; a list that may
            be changed at any time.
        bad_values: What becomes of a field value without a type: ``'raise'`` or ``'repr'``.
        default: Called with such a value for one that has a type; or None.
        oversize: ``'truncate'``, ``'drop'`` or ``'raise'``.
        timeout: Seconds that a call may take on the network.
        env_version: Of the message format.
    """

    env_version = "0.8"
    #: What heka.config made this client from, as JSON.
    _config = "{}"

    def __init__(
        self,
        stream: Any,
        logger: str,
        severity: int = 6,
        disabled_timers: str | Iterable[str] | None = None,
        filters: Iterable[Callable[[Message], object]] | None = None,
        encoder: Any = "heka.encoders.ProtobufEncoder",
        hmc: Mapping[str, Any] | None = None,
    ) -> None:
        """Log to *stream*.

        Args:
            stream: An object with ``write(data)``, the dotted name of a class that needs no
                arguments, a URL as for ``heka.log(to=...)``, or None.
            logger: Of a call that names none.
            severity: Of a call that names none.
            disabled_timers: A name, or names, of timers that do nothing; ``'*'`` for all.
            filters: What decides whether a message is sent; in this order.
            encoder: A class, called with *hmc*, or its dotted name; or an object with
                ``encode(message)``.
            hmc: ``signer``, ``key_version``, ``hash_function`` (``'sha1'`` or ``'md5'``) and
                ``key``, to sign every message; or None.

        Raises:
            ConfigError: *hmc*, or a URL, makes no sense, or *stream* has no ``write``.
            ImportError, ValueError: A dotted name that leads nowhere.
        """
        self._dynamic_methods: dict[str, Callable[..., Any]] = {}
        self._noop_timer = NO_TIMER
        self._reporter = Reporter()
        self._late: tuple[Callable[[Message], object], ...] = ()
        self._stream: Any = None
        self._is_called = False
        self.setup(stream, encoder, hmc, logger, severity, disabled_timers, filters)
        register_fork_reset(self)

    def setup(
        self,
        stream: Any,
        encoder: Any = "heka.encoders.ProtobufEncoder",
        hmc: Mapping[str, Any] | None = None,
        logger: str = "",
        severity: int = 6,
        disabled_timers: str | Iterable[str] | None = None,
        filters: Iterable[Callable[[Message], object]] | None = None,
    ) -> None:
        """Configure the client anew, in place; arguments as of the constructor.

        Nothing changes when one of them is wrong.
        """
        made_encoder = _make_encoder(encoder, hmc)
        made_stream = _make_stream(stream)
        if isinstance(disabled_timers, str):
            disabled_timers = [disabled_timers]
        disabled = set(disabled_timers or ())
        chosen = list(filters or ())
        before = self.logger
        self.logger = logger
        try:
            self.severity = severity
        except BaseException:
            self.logger = before
            raise
        self._disabled_timers = disabled
        self.filters = chosen
        self.encoder = made_encoder
        self.stream = made_stream

    # ---- where messages go ------------------------------------------------------------------

    @property
    def stream(self) -> Any:
        """Where messages go."""
        return self._stream

    @stream.setter
    def stream(self, stream: Any) -> None:
        self._stream = _checked_stream(stream)
        offered = getattr(stream, "sink", None)
        self._is_called = type(offered) is not Sink
        if stream is None:
            self.sink = None
        else:
            self.sink = sink_for(stream, self._reporter) if self._is_called else offered

    @property
    def is_active(self) -> bool:
        """Whether there is a stream."""
        return self._stream is not None

    @property
    def hmc(self) -> Mapping[str, Any] | None:
        """What messages are signed with, as it was given."""
        return getattr(self.encoder, "hmc", None)

    @property
    def pid(self) -> int:
        """The id of this process."""
        return os.getpid()

    @property
    def hostname(self) -> str:
        """The name of this host."""
        return socket.gethostname()

    def reset_after_fork(self) -> None:
        """Count from zero, in a child process; streams with an account do so themselves."""
        if self._is_called and self._stream is not None:
            self.sink = sink_for(self._stream, self._reporter)
        self.__dict__.pop("_closed_account", None)

    # ---- what C asks for --------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; the encoder and ``send_message`` change what a call does."""
        super().__setattr__(name, value)
        if name in _PLANNED:
            self._replan()

    def __delattr__(self, name: str) -> None:
        """Delete an attribute."""
        super().__delattr__(name)
        if name in _PLANNED:
            self._replan()

    def _plan(self) -> None:
        """Tell C what filters, encoder and overridden methods come to."""
        filters = tuple(self.filters)
        own_way = self._sends_its_own_way()
        plan = _Plan([] if own_way else filters)
        self._late = filters[plan.decided :]
        protobuf = type(self.encoder) is ProtobufEncoder
        self.signer = self.encoder.signer if protobuf else None
        deliver: Callable[[Message], object] | None = None
        if own_way:
            deliver = self.send_message
        elif self._late or not protobuf:
            deliver = types.MethodType(_deliver, weakref.proxy(self))
        self._set_plan(
            filters,
            plan.threshold,
            frozenset(plan.blocked) or None,
            plan.allowed,
            plan.levels or None,
            (*plan.asked, *plan.asked_once) or None,
            deliver,
            len(plan.asked_once),
        )

    def _sends_its_own_way(self) -> bool:
        """Say whether ``send_message`` is somebody else's: a subclass's, or a mock."""
        return (
            "send_message" in self.__dict__
            or type(self).send_message is not HekaClient.send_message
        )

    def _make_timer(
        self,
        name: str,
        logger: str | None,
        severity: int | None,
        fields: Mapping[str, Any] | None,
        rate: float | None,
    ) -> Timer:
        return Timer(self, name, logger, severity, fields, rate)

    # ---- messages ---------------------------------------------------------------------------

    def send_message(self, msg: Message) -> bool:
        """Filter, encode and write *msg*, a message as it is; True when the stream took it."""
        return self.sink is not None and self._pass(msg, self.filters) and self._write(msg)

    def _pass(self, msg: Message, filters: Iterable[Callable[[Message], object]]) -> bool:
        """Ask *filters*; one that raises has not said that the message may be sent."""
        for admits in tuple(filters):
            try:
                if not admits(msg):
                    return False
            except Exception as error:
                self._drop("filter", f"filter {admits!r} raised {error!r}")
                return False
        return True

    def _write(self, msg: Message) -> bool:
        sink = self.sink
        if sink is None:
            return False
        if type(self.encoder) is ProtobufEncoder:
            try:
                return self._send(msg)
            except EncodeError as error:
                if self.oversize == "raise":
                    raise
                self._drop("encode", f"a filter left a message that cannot be encoded: {error}")
                return False
        try:
            data = self.encoder.encode(msg)
        except Exception as error:
            self._drop("encode", f"{type(self.encoder).__name__}.encode() raised {error!r}")
            return False
        if self._is_called:
            return sink.write_object(data, self.timeout)
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        if not isinstance(data, bytes):
            kind = type(data).__name__
            self._drop("encode", f"{type(self._stream).__name__} takes bytes or text, not {kind}")
            return False
        return sink.write(data, self.timeout)

    def _drop(self, reason: str, text: str) -> None:
        if self.sink is not None:
            self.sink.drop(reason)
        self._reporter.report(f"{text}; the message is dropped")

    # ---- log lines --------------------------------------------------------------------------

    def log(self, severity: int, msg: object, *args: Any, exc_info: _ExcInfo = False) -> bool:
        """Send ``msg % args`` as the payload of an 'oldstyle' message.

        Args:
            severity: 0 to 7.
            msg: Text; it is formatted only when there are *args*.
            args: Values for it, or one mapping.
            exc_info: True for the exception being handled, an exception, or what
                ``sys.exc_info()`` returned: its traceback is appended.
        """
        return self.admits("oldstyle", severity) and self._line(severity, msg, args, exc_info)

    def _line(self, severity: int, msg: object, args: tuple[Any, ...], exc_info: _ExcInfo) -> bool:
        text = str(msg)
        if args:
            values: Any = args
            if len(args) == 1 and hasattr(args[0], "keys") and hasattr(args[0], "__getitem__"):
                values = args[0]
            text = text % values
        if exc_info:
            text = _with_traceback(text, exc_info)
        return self.heka("oldstyle", severity=severity, payload=text)

    def debug(self, msg: object, *args: Any, exc_info: _ExcInfo = False) -> bool:
        """Log at DEBUG (7); arguments as of ``log``."""
        return self.admits("oldstyle", 7) and self._line(7, msg, args, exc_info)

    def info(self, msg: object, *args: Any, exc_info: _ExcInfo = False) -> bool:
        """Log at INFORMATIONAL (6); arguments as of ``log``."""
        return self.admits("oldstyle", 6) and self._line(6, msg, args, exc_info)

    def notice(self, msg: object, *args: Any, exc_info: _ExcInfo = False) -> bool:
        """Log at NOTICE (5); arguments as of ``log``."""
        return self.admits("oldstyle", 5) and self._line(5, msg, args, exc_info)

    def warning(self, msg: object, *args: Any, exc_info: _ExcInfo = False) -> bool:
        """Log at WARNING (4); arguments as of ``log``."""
        return self.admits("oldstyle", 4) and self._line(4, msg, args, exc_info)

    warn = warning

    def error(self, msg: object, *args: Any, exc_info: _ExcInfo = False) -> bool:
        """Log at ERROR (3); arguments as of ``log``."""
        return self.admits("oldstyle", 3) and self._line(3, msg, args, exc_info)

    def exception(self, msg: object, exc_info: _ExcInfo = True, *args: Any) -> bool:
        """Log at ALERT (1) with the traceback of the exception being handled.

        *exc_info* comes before the values for *msg*, as it always did here.
        """
        return self.admits("oldstyle", 1) and self._line(1, msg, args, exc_info)

    def critical(self, msg: object, *args: Any, exc_info: _ExcInfo = False) -> bool:
        """Log at CRITICAL (2); arguments as of ``log``."""
        return self.admits("oldstyle", 2) and self._line(2, msg, args, exc_info)

    # ---- methods of plugins -----------------------------------------------------------------

    def add_method(self, method: Callable[..., Any], override: str | bool = False) -> None:
        """Make *method*, a function whose first argument is the client, a method of this client.

        Args:
            method: Called ``method.heka_name``, unless *override* names it.
            override: The name to use, which may replace a method; True allows replacing one
                called ``heka_name``.

        Raises:
            SyntaxError: The name is in use, and *override* is False.
            TypeError: No function.
            AttributeError: The function has no name to go by.
        """
        if not isinstance(method, types.FunctionType):
            raise TypeError(f"method must be a function, not {type(method).__name__}")
        name: str = override if isinstance(override, str) else _name_of(method)
        if override is False and hasattr(self, name):
            raise SyntaxError(
                f"the name {name!r} is in use; override={name!r} replaces what it names"
            )
        self._dynamic_methods[name] = method
        setattr(self, name, types.MethodType(method, self))

    # ---- life -------------------------------------------------------------------------------

    def flush(self, timeout: float = 1.0) -> bool:
        """Flush the stream; True unless it says that it could not, or raises."""
        sink = self.sink
        if sink is None:
            return True
        # Streams of ours offer a sink, and their flush() waits; what others take nobody knows.
        timed = not self._is_called
        return flush_stream(self._stream, sink, timeout, self._reporter, timed=timed)

    def close(self, timeout: float = 1.0) -> None:
        """Flush and close the stream, for *timeout* seconds; from then on the client is inactive.

        What a queue in memory has not sent by then is dropped, and counted as ``closed``.
        """
        stream, sink, is_called = self._stream, self.sink, self._is_called
        if stream is None or sink is None:
            return
        deadline = time.monotonic() + timeout
        self.flush(timeout)
        if is_called:
            sink.close()  # which counts a frame that the stream has only a part of
        account = _account_of(stream, sink, is_called)
        self.stream = None
        self._closed_account = account
        close = getattr(stream, "close", None)
        if close is None:
            return
        try:
            if is_called:
                close()
            else:
                close(max(0.0, deadline - time.monotonic()))
        except Exception as error:
            self._reporter.report(f"{type(stream).__name__}.close() raised {error!r}")
        self._closed_account = _account_of(stream, sink, is_called)

    def stats(self) -> dict[str, Any]:
        """Return what became of the messages, in this process.

        Returns:
            ``offered``, ``sent``, ``bytes`` of those, ``queued``, ``recovered``, ``resent``,
            ``high_water``, ``retries``, ``reconnects``, and ``dropped`` as {reason: count};
            offered + recovered = sent + the sum of dropped + queued. What a filter held back is not
            counted. A stream that several clients share counts for all of them.
        """
        if self.sink is not None:
            return _account_of(self._stream, self.sink, self._is_called)
        return dict(self.__dict__.get("_closed_account", total([])))

    def __enter__(self) -> HekaClient:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()

    def __repr__(self) -> str:
        """Return the logger and the kind of stream; never what is secret."""
        stream = "inactive" if self._stream is None else type(self._stream).__name__
        return f"<{type(self).__name__} {self.logger!r} {stream}>"


#: Attributes that change what a call comes to.
_PLANNED = frozenset({"encoder", "send_message"})


class _Plan:
    """What the leading filters come to that need no message."""

    def __init__(self, filters: Iterable[Callable[[Message], object]]) -> None:
        self.threshold = _NO_LIMIT
        self.blocked: set[str] = set()
        self.allowed: frozenset[str] | None = None
        self.levels: dict[str, int] = {}
        self.asked: list[Callable[[str, int], object]] = []
        #: Those whose answer changes each time: only of a message that nothing else drops.
        self.asked_once: list[Callable[[str, int], object]] = []
        #: How many filters these are.
        self.decided = 0
        for one in filters:
            if not self._add(one):
                break
            self.decided += 1

    def _add(self, one: Any) -> bool:
        kind = type(one)
        if kind is SeverityMax:
            self.threshold = min(self.threshold, one.severity)
        elif kind is TypeBlacklist:
            self.blocked |= one.types
        elif kind is TypeWhitelist:
            self.allowed = one.types if self.allowed is None else self.allowed & one.types
        elif kind is TypeSeverityMax:
            for name, level in one.levels.items():
                self.levels[name] = min(level, self.levels.get(name, level))
        elif not isinstance(one, type) and callable(getattr(type(one), "admits", None)):
            asked = self.asked_once if getattr(one, "stateful", False) else self.asked
            asked.append(_guarded(one.admits))
        else:
            return False
        return True


def _guarded(admits: Callable[[str, int], object]) -> Callable[[str, int], object]:
    """Return *admits*, which says no when it raises: it has not said that it may be sent."""
    reporter = Reporter()

    def ask(type: str, severity: int) -> object:
        try:
            return admits(type, severity)
        except Exception as error:
            reporter.report(f"filter {admits!r} raised {error!r}; the message is dropped")
            return False

    return ask


def _deliver(client: HekaClient, msg: Message) -> bool:
    """Take a message from C whose hasty filters have been asked."""
    return client._pass(msg, client._late) and client._write(msg)


def _make_encoder(encoder: Any, hmc: Mapping[str, Any] | None) -> Any:
    if isinstance(encoder, str):
        encoder = resolve_name(encoder)
    if callable(encoder):
        return encoder(hmc)
    if callable(getattr(encoder, "encode", None)):
        if hmc is not None:
            raise ConfigError(f"hmc is for an encoder's class; {encoder!r} is made already")
        return encoder
    raise ConfigError(
        f"encoder must be a class, its dotted name, or have encode(message), got {encoder!r}"
    )


def _account_of(stream: Any, sink: Sink, is_called: bool) -> dict[str, Any]:
    """Return the account of the stream, or of the sink where the stream keeps none."""
    account = None if is_called else getattr(stream, "stats", None)
    return account() if callable(account) else total([sink.counts()])


def _make_stream(stream: Any) -> Any:
    if not isinstance(stream, str):
        return _checked_stream(stream)
    if "://" in stream:
        from heka.streams import UrlStream

        return UrlStream(stream)
    return _checked_stream(resolve_name(stream)())


def _checked_stream(stream: Any) -> Any:
    if stream is None or callable(getattr(stream, "write", None)):
        return stream
    remedy = ""
    if callable(getattr(stream, "send_message", None)):
        remedy = "; a sender becomes one when its send_message(msg) is called write(data)"
    raise ConfigError(f"stream: expected an object with write(data), got {stream!r}{remedy}")


def _name_of(method: Callable[..., Any]) -> str:
    for attribute in ("heka_name", "metlog_name"):
        name = getattr(method, attribute, None)
        if isinstance(name, str):
            return name
    raise AttributeError(
        f"{method.__qualname__}() has no heka_name, the name of the client's method; "
        "set it, or give override='name'"
    )


def _with_traceback(text: str, exc_info: _ExcInfo) -> str:
    if isinstance(exc_info, BaseException):
        error: BaseException | None = exc_info
    elif isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = sys.exc_info()[1]
    lines = "NoneType: None" if error is None else "".join(traceback.format_exception(error))
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}{lines.rstrip(chr(10))}"
