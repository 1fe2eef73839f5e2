"""``HekaClient``: the logging client of a program or library: defaults, filters, a stream.

The logging calls are implemented in C (``heka._core.Client``); this module configures them. Filters
that do not need the message are evaluated before it is built. If the stream has a ``sink``, C sends
on that, and ``write()`` is not called.
"""

from __future__ import annotations

import os
import socket
import types
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from heka._core import Client, Message, Sink, monotonic
from heka._delivery.writers import flush_stream, name_of, sink_for
from heka._lines import Lines
from heka._runtime.accounts import total
from heka._runtime.allowance import closing
from heka._runtime.debug import debug, debugging
from heka._runtime.explaining import explained
from heka._runtime.forks import register_fork_reset
from heka._runtime.reporter import Reporter
from heka._runtime.seconds import check_seconds
from heka._timer import NO_TIMER, Timer
from heka._typing import Stats
from heka.client.parts import checked_filters, checked_stream, make_encoder, make_stream
from heka.client.plan import Plan
from heka.encoders import ProtobufEncoder
from heka.exceptions import ConfigError, EncodeError

__all__ = ["SEVERITY", "HekaClient"]


class SEVERITY:
    """The severities of RFC 5424, with the names that older versions used."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFORMATIONAL = 6
    DEBUG = 7


class HekaClient(Client, Lines):
    """Log messages to one stream, with defaults and filters.

    Safe across threads and ``fork()``. A call raises for bad arguments only. Failures of filters,
    encoder, stream and network are counted in ``stats()`` and reported on stderr, rate-limited.

    Attributes:
        logger, severity: Defaults for calls that omit them; a severity is set by number or name.
        stream: The stream that messages are written to; None: the client is inactive, and each call
            returns False.
        encoder: Encodes a message for the stream's ``write``.
        filters: Callables that take a ``heka.Message`` and return whether to send it; a list, which
            may be changed at any time.
        bad_values: For a field value of an unsupported type: ``'convert'``, ``'repr'`` or
            ``'raise'``, as for ``heka.log``.
        default: Called with such a value, returns one of a supported type; or None.
        oversize: ``'truncate'``, ``'drop'`` or ``'raise'``.
        timeout: Seconds that a call may take on the network.
        env_version: Of the message format.
    """

    env_version = "0.8"
    #: Tells that a filter has refused a message; None: that is not told.
    _refused: Callable[[object, str, int], object] | None = None
    #: ``altered`` of the parent process.
    _altered_before = 0
    #: The configuration that heka.config made this client from, as JSON.
    _config = "{}"

    @explained
    def __init__(
        self,
        stream: Any,
        logger: str,
        severity: int | str = 6,
        disabled_timers: str | Iterable[str] | None = None,
        filters: Iterable[Callable[[Message], object]] | None = None,
        encoder: Any = "heka.encoders.ProtobufEncoder",
        hmc: Mapping[str, Any] | None = None,
    ) -> None:
        """Log to *stream*.

        Args:
            stream: An object with ``write(data)``, the dotted name of a class that needs no
                arguments, a URL, ``'stdout'`` or ``'stderr'`` as for ``heka.log(to=...)``, or None.
            logger: Default for calls that omit it.
            severity: Default for calls that omit it: 0 to 7, or a name such as ``'error'``.
            disabled_timers: Name or names of timers that do nothing; ``'*'`` for all.
            filters: Called in this order; each returns whether to send the message.
            encoder: A class, called with *hmc*, or its dotted name; or an object with
                ``encode(message)``.
            hmc: ``signer``, ``key_version``, ``hash_function`` (``'sha1'`` or ``'md5'``) and
                ``key``, to sign every message; or None.

        Raises:
            ConfigError: *hmc* or a URL is invalid, *stream* has no ``write``, or a filter cannot be
                called.
            ImportError, ValueError: A dotted name cannot be resolved.
        """
        self._dynamic_methods: dict[str, Callable[..., Any]] = {}
        self._noop_timer = NO_TIMER
        self._reporter = Reporter()
        self._unsent: Counter[str] = Counter()
        self._message_filters: tuple[Callable[[Message], object], ...] = ()
        self._stream: Any = None
        self._is_called = False
        self._owned: Callable[[], Any] = _nothing
        self.setup(stream, encoder, hmc, logger, severity, disabled_timers, filters)
        register_fork_reset(self)

    @explained
    def setup(
        self,
        stream: Any,
        encoder: Any = "heka.encoders.ProtobufEncoder",
        hmc: Mapping[str, Any] | None = None,
        logger: str = "",
        severity: int | str = 6,
        disabled_timers: str | Iterable[str] | None = None,
        filters: Iterable[Callable[[Message], object]] | None = None,
    ) -> None:
        """Configure the client again, in place; takes the arguments of the constructor.

        If one of them is invalid, nothing changes. A stream that was made from a URL, a dotted name
        or a configuration is closed, without waiting; one that was given as an object is not.
        """
        if not isinstance(logger, str):
            raise TypeError(f"logger must be str, not {type(logger).__name__}")
        made_encoder = make_encoder(encoder, hmc)
        made_stream = make_stream(stream)
        replaced = self._owned()
        if isinstance(disabled_timers, str):
            disabled_timers = [disabled_timers]
        if not isinstance(disabled_timers, Iterable | None):
            raise ConfigError(f"disabled_timers: expected names, got {disabled_timers!r}")
        disabled = set(disabled_timers or ())
        chosen = checked_filters(() if filters is None else filters)
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
        self._own(made_stream if isinstance(stream, str) else None)
        if replaced is not None and replaced is not made_stream:
            from heka.streams.base import let_go

            try:
                let_go(replaced)
            except Exception as error:  # of a class of the program
                self._reporter.report(f"{type(replaced).__name__}.close() raised {error!r}")

    def _own(self, stream: Any) -> None:
        """Close *stream* when ``setup`` replaces it: it was made from a URL or a configuration."""
        try:
            self._owned = weakref.ref(stream) if stream is not None else _nothing
        except TypeError:  # a class with __slots__
            self._owned = lambda: stream

    # ---- the stream -------------------------------------------------------------------------

    @property
    def stream(self) -> Any:
        """The stream that messages are written to."""
        return self._stream

    @stream.setter
    def stream(self, stream: Any) -> None:
        self._count_unsent()
        self._stream = checked_stream(stream)
        if debugging():
            place = "has no stream" if stream is None else f"writes to {name_of(stream)}"
            debug(f"client {self.logger!r}", place)
        offered = getattr(stream, "sink", None)
        self._is_called = type(offered) is not Sink
        if stream is None:
            self.sink = None
            self._plan()  # what the filters hold back is not counted
        else:
            self.sink = sink_for(stream, self._reporter) if self._is_called else offered

    @property
    def is_active(self) -> bool:
        """Whether the client has a stream."""
        return self._stream is not None

    @property
    def hmc(self) -> Mapping[str, Any] | None:
        """The argument *hmc* of the encoder, unchanged: the key that messages are signed with."""
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
        """Count from zero in a child process; streams with an account reset it themselves."""
        if self._is_called and self._stream is not None:
            self.sink = sink_for(self._stream, self._reporter)
        self.__dict__.pop("_closed_account", None)
        self._reset_filtered()
        self._altered_before = self.altered
        self._take_unsent()
        self._unsent.clear()

    def _count_unsent(self) -> None:
        """Count the messages of calls that found no stream, by the reason why there is none."""
        count = self._take_unsent()
        if count:
            closed = "_closed_account" in self.__dict__
            self._unsent["closed" if closed else "inactive"] += count

    # ---- the plan that C evaluates ----------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; the encoder and ``send_message`` change the plan."""
        if name == "filters":
            value = checked_filters(value)
        elif name == "encoder" and (
            isinstance(value, str) or not callable(getattr(value, "encode", None))
        ):
            raise ConfigError(f"encoder: expected an object with encode(message), got {value!r}")
        super().__setattr__(name, value)
        if name in _PLANNED:
            self._replan()

    def __delattr__(self, name: str) -> None:
        """Delete an attribute."""
        super().__delattr__(name)
        if name in _PLANNED:
            self._replan()

    def _plan(self) -> None:
        """Compile filters, encoder and an overridden send_message into a plan for C."""
        filters = tuple(self.filters)
        overridden = self._overrides_send_message()
        drop = types.MethodType(HekaClient._drop, weakref.proxy(self))
        if debugging():
            self._refused = types.MethodType(_tell_refused, weakref.proxy(self))
        plan = Plan([] if overridden else filters, drop, self._refused)
        self._message_filters = filters[plan.compiled :]
        protobuf = type(self.encoder) is ProtobufEncoder
        self.signer = self.encoder.signer if protobuf else None
        deliver: Callable[[Message], object] | None = None
        if overridden:
            deliver = self.send_message
        elif self._message_filters or not protobuf:
            deliver = types.MethodType(_deliver, weakref.proxy(self))
        self._set_plan(
            filters,
            plan.threshold,
            frozenset(plan.blocked) or None,
            plan.allowed,
            plan.levels or None,
            (*plan.stateless, *plan.stateful) or None,
            deliver,
            len(plan.stateful),
            tuple(plan.matchers) or None,
        )

    def _overrides_send_message(self) -> bool:
        """Return whether a subclass, or an attribute of the object, overrides ``send_message``."""
        return (
            "send_message" in self.__dict__
            or type(self).send_message is not HekaClient.send_message
        )

    def _make_timer(
        self,
        name: str,
        logger: str | None,
        severity: int | str | None,
        fields: Mapping[str, Any] | None,
        rate: float | None,
    ) -> Timer:
        return Timer(self, name, logger, severity, fields, rate)

    # ---- messages ---------------------------------------------------------------------------

    def send_message(self, msg: Message) -> bool:
        """Filter, encode and write *msg*, unchanged; True when the stream took it."""
        return self._pass(msg, self.filters) and self._write(msg)

    def _pass(self, msg: Message, filters: Iterable[Callable[[Message], object]]) -> bool:
        """Return whether all *filters* admit the message; one that raises does not."""
        for admits in tuple(filters):
            try:
                if not admits(msg):
                    if self._refused is not None:
                        self._refused(admits, msg.type, msg.severity)
                    return self._count_filtered()
            except Exception as error:
                self._drop("filter", f"filter {admits!r} raised {error!r}")
                return False
        return True

    def _write(self, msg: Message) -> bool:
        sink = self.sink
        if sink is None:
            return self._send(msg)  # which counts it, unless it is captured
        if type(self.encoder) is ProtobufEncoder or self._is_captured:
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
        if self._is_captured:
            pass  # heka.testing counts nothing
        elif self.sink is not None:
            self.sink.drop(reason)
        else:
            self._unsent[reason] += 1
        self._reporter.report(f"{text}; the message is dropped")

    # ---- methods of plugins -----------------------------------------------------------------

    def add_method(self, method: Callable[..., Any], override: str | bool = False) -> None:
        """Add the function *method*, whose first argument is the client, as a method.

        Args:
            method: Its attribute ``heka_name`` is the method's name, unless *override* is a name.
            override: The name to use, which may be in use already; True: ``heka_name`` may be in
                use already.

        Raises:
            SyntaxError: The name is in use, and *override* is False.
            TypeError: *method* is not a function.
            AttributeError: The function has no ``heka_name``, and *override* is no name.
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
        """Flush the stream in *timeout* seconds; False if its ``flush`` returns False or raises.

        Raises:
            TypeError: *timeout* is no number.
        """
        check_seconds(timeout)
        sink = self.sink
        if sink is None:
            return True
        # heka's own streams have a sink, and their flush() takes a timeout.
        timed = not self._is_called
        return flush_stream(self._stream, sink, timeout, self._reporter, timed=timed)

    def close(self, timeout: float | None = None) -> None:
        """Flush and close the stream within *timeout* seconds; then the client is inactive.

        None: 1 s; while the process exits, what is left of the 2 s that all closings share.
        Frames that a queue in memory has not sent by then are dropped, and counted as ``closed``.
        """
        with closing(timeout) as seconds:
            self._close(seconds)

    def _close(self, timeout: float) -> None:
        stream, sink, is_called = self._stream, self.sink, self._is_called
        if stream is None or sink is None:
            return
        deadline = monotonic() + timeout
        self.flush(timeout)
        if is_called:
            sink.close()  # counts a frame that the stream has taken only part of as dropped
        account = _account_of(stream, sink, is_called)
        self.stream = None
        self._owned = _nothing
        self._closed_account = account  # for those who ask until the stream is closed
        close = getattr(stream, "close", None)
        try:
            if close is None:
                pass
            elif is_called:
                close()
            else:
                close(max(0.0, deadline - monotonic()))
        except Exception as error:
            self._reporter.report(f"{type(stream).__name__}.close() raised {error!r}")
        # Read again: other threads may have sent until the stream was taken away.
        self._closed_account = _account_of(stream, sink, is_called)

    def stats(self) -> Stats:
        """Return how many messages were sent and dropped, in this process.

        Returns:
            ``offered``, ``sent``, ``bytes`` of those, ``queued``, ``recovered``, ``resent``,
            ``refused``, ``high_water``, ``retries``, ``reconnects``, ``altered`` (field values that
            this client converted, replaced or left out, as ``bad_values`` says), and ``dropped`` as
            {reason: count};
            offered + recovered = sent + the sum of dropped + queued. Outside of that sum,
            ``filtered`` counts the messages of this client that a filter, or the *rate* of a
            counter or gauge, held back. A call without a stream counts as dropped: ``closed`` after
            ``close()``, else ``inactive``. A stream that several clients share counts the messages
            of all.
        """
        if self.sink is not None:
            account = _account_of(self._stream, self.sink, self._is_called)
        else:
            account = dict(self.__dict__.get("_closed_account", total([])))
        self._count_unsent()
        if self._unsent:
            dropped = Counter(account["dropped"]) + self._unsent
            account = {
                **account,
                "offered": account["offered"] + self._unsent.total(),
                "dropped": dict(dropped),
            }
        altered = self.altered - self._altered_before
        counted: Any = {**account, "filtered": self._filtered, "altered": altered}
        return counted  # type: ignore[no-any-return]  # its keys are those of total()

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
        """Return the logger and the type of the stream; no secrets."""
        stream = "inactive" if self._stream is None else type(self._stream).__name__
        return f"<{type(self).__name__} {self.logger!r} {stream}>"


def _nothing() -> None:
    """No stream that the client has to close."""


#: Attributes that are part of the plan.
_PLANNED = frozenset({"encoder", "send_message"})


def _deliver(client: HekaClient, msg: Message) -> bool:
    """Called by C with a message that passed the plan: apply the other filters, and write it."""
    return client._pass(msg, client._message_filters) and client._write(msg)


def _tell_refused(client: HekaClient, one: Any, type: str, severity: int) -> None:
    """Tell that the filter *one* has refused a message."""
    name = getattr(one, "__name__", None) or one.__class__.__name__
    text = f"filter {name} refused a message of type {type!r}, severity {severity}"
    debug(f"client {client.logger!r}", text, kind=f"filter {name}")


def _account_of(stream: Any, sink: Sink, is_called: bool) -> dict[str, Any]:
    """Return the account of the stream, or that of the sink if the stream has no ``stats``."""
    account = None if is_called else getattr(stream, "stats", None)
    return account() if callable(account) else total([sink.counts()])


def _name_of(method: Callable[..., Any]) -> str:
    for attribute in ("heka_name", "metlog_name"):
        name = getattr(method, attribute, None)
        if isinstance(name, str):
            return name
    raise AttributeError(
        f"{method.__qualname__}() has no heka_name, the name of the client's method; "
        "set it, or give override='name'"
    )
