"""``client.raven``: sends the exception being handled as one message. Never raises."""

from __future__ import annotations

import contextvars
import operator
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

from heka._context import bound
from heka._core import SEVERITY_CHOICES, Client, Sink, severities
from heka._runtime.reporter import Reporter
from heka.message import MAX_MESSAGE_SIZE, Field, Message
from heka.plugins import named
from heka.plugins.raven.blob import SMALL, as_json, escaped, packed, well_formed
from heka.plugins.raven.frames import Caught, caught
from heka.plugins.raven.kinds import LISTS, NUMBERS, VALUES
from heka.plugins.raven.limits import Limits
from heka.plugins.raven.options import Options
from heka.plugins.raven.profiles import FIXED, NAMES, PROFILES, Event
from heka.plugins.raven.scrub import (
    MASK,
    Scrubber,
    argument_list,
    hidden_arguments,
    is_secret_name,
    text_of,
)
from heka.plugins.raven.shrink import fit
from heka.plugins.raven.stack import MORE, room
from heka.plugins.raven.values import Variables, call_safely, class_of, module_of

Raised = tuple[type, BaseException | None, TracebackType | None]

#: Bytes by which a payload may lengthen the length fields of a frame.
_LENGTHS = 16
#: Limits of each text in fields, tried in order until the event fits too.
_CUTS = (1 << 20, 4000, 1000, 200, 40)
_NAME = type.__dict__["__name__"]
_TRACEBACK = BaseException.__dict__["__traceback__"]
_busy = threading.local()


class Raven:
    """Reports exceptions as *options* say."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._limits = replace(Limits(), seconds=options.time_budget)
        self._reporter = Reporter()

    def report(
        self,
        is_deep: bool,
        client: Any,
        msg: object,
        exc_info: object,
        logger: object,
        severity: object,
        payload: object,
        fields: dict[str, Any],
    ) -> bool:
        """Send one message; True when the stream accepted it. Problems are written to stderr.

        Raises:
            RecursionError: Too few nested calls are left; never if *is_deep*, when the limit has
                already been raised.
        """
        if getattr(
            _busy, "now", False
        ):  # code of the program calls client.raven while we build an event
            return False
        if room.is_left:
            room.restore_limit()
        try:
            raised = _raised(exc_info)
            if raised is None and payload is None:
                return False
            if not is_deep and raised is not None and issubclass(raised[0], RecursionError):
                raise RecursionError  # it was caught a few calls below the limit
            _busy.now = True
            call = _Call(self, client, msg, logger, severity, fields, is_deep)
            return call.send(raised, payload)
        except Exception as error:
            if not is_deep and isinstance(error, RecursionError):
                raise
            self.warn_on_stderr(client, f"an exception is not reported: {_described(error)}")
            return False
        finally:
            _busy.now = False

    def report_deep(self, limit: int, *args: Any) -> bool:
        """Report again after the recursion limit has been raised from *limit*."""
        try:
            room.take(limit)
            try:
                return self.report(True, *args)
            finally:
                room.release()
        except RecursionError:
            return False

    def warn_on_stderr(self, client: Any, text: str) -> None:
        """Write *text* to stderr without secrets."""
        scrubber = Scrubber()
        self.learn_own_secrets(scrubber, client)
        self._reporter.report(f"raven: {scrubber.clean(text)}")

    def learn_own_secrets(self, scrubber: Scrubber, client: Any) -> None:
        """Add the DSN's secret and the signing key to *scrubber*."""
        if self.options.dsn is not None:
            for secret in self.options.dsn.secrets():
                scrubber.learn(secret)
        hmc = getattr(client, "hmc", None)
        if isinstance(hmc, Mapping):
            scrubber.learn_value(hmc.get("key"))


class _Call:
    """One call of ``client.raven``."""

    def __init__(
        self,
        raven: Raven,
        client: Any,
        msg: object,
        logger: object,
        severity: object,
        fields: dict[str, Any],
        is_deep: bool,
    ) -> None:
        self._raven = raven
        self._is_deep = is_deep
        self._options = raven.options
        self._limits = raven._limits
        self._client = client
        self._scrubber = Scrubber()
        raven.learn_own_secrets(self._scrubber, client)
        self._msg = _as_text(msg)
        self._logger = None if logger is None else _as_text(logger)
        self._severity = checked_severity(severity, raven.options.severity)
        self._given = fields
        #: Calls a function; in an empty context when bound fields leave no room.
        self._run: Callable[..., Any] = _called

    def send(self, raised: Raised | None, payload: object) -> bool:
        """Build and send the message, unless the client filters it out."""
        options, client = self._options, self._client
        if client._is_inactive:
            return bool(client.heka(options.type, severity=self._severity))  # which counts it
        if not client.admits(options.type, self._severity):
            return False
        # Message and event have the same id and time.
        own = Message(options.type)
        event = None
        if payload is None and raised is not None:
            event = self._event(raised, own)
        logger = client.logger if self._logger is None else self._logger
        logger = escaped(self._scrubber.clean(logger, self._limits.characters))
        fields = self._fields(own, event)
        text = escaped(_as_text(payload))
        if event is not None:
            text, fields = self._fit_to_stream(event, logger, fields)
        return bool(
            self._run(
                client.heka,
                options.type,
                logger,
                self._severity,
                text,
                fields,
                timestamp_ns=own.timestamp,
                uuid=own.uuid,
                bad_values="repr",
            )
        )

    # ---- the event --------------------------------------------------------------------------

    def _event(self, raised: Raised, own: Message) -> Event:
        try:
            return self._made(raised, own)
        except RecursionError as error:
            if not self._is_deep:
                raise
            return self._minimal_event(raised, own, error)
        except Exception as error:
            return self._minimal_event(raised, own, error)

    def _minimal_event(self, raised: Raised, own: Message, error: Exception) -> Event:
        """Return an event with nothing but the type, used when capturing failed."""
        self._raven.warn_on_stderr(self._client, f"an event is incomplete: {_described(error)}")
        name = self._clean(_NAME.__get__(raised[0]))
        why = self._clean(f"<not captured: {type(error).__name__}>")
        one = Caught(name, why, self._clean(module_of(raised[0])), [], [], [])
        return self._event_of([one], own)

    def _made(self, raised: Raised, own: Message) -> Event:
        scrubber, limits = self._scrubber, self._limits
        scrubber.search(self._given)
        argv = getattr(sys, "argv", None)
        arguments = list(argv[: limits.items]) if type(argv) is list else []
        shown = argument_list(scrubber, arguments, limits.items)
        found = caught(*raised, limits, scrubber, self._options.repr == "full")
        event = self._event_of(found, own)
        event.argv = shown
        event.modules = _versions(found, limits.items)
        return event

    def _event_of(self, found: list[Caught], own: Message) -> Event:
        limits = self._limits
        logger = self._client.logger if self._logger is None else self._logger
        return Event(
            id=own.uuid.hex(),
            nanoseconds=own.timestamp,
            caught=found,
            msg=self._scrubber.clean(self._msg, limits.text),
            logger=self._scrubber.clean(logger, limits.text),
            severity=self._severity,
            project=self._options.project,
            server_name=self._scrubber.clean(socket.gethostname(), limits.characters),
            release=self._options.release,
            environment=self._options.environment,
        )

    def _payload_of(self, event: Event, level: int) -> str:
        """Return the payload; secrets that two texts form together are masked too."""
        found = PROFILES[self._options.profile](event)
        data = as_json(found)
        if "\\ud" in data:  # surrogates, which may be in pairs
            found = well_formed(found)
            data = as_json(found)
        if self._scrubber.occurs_in(data):
            cleaned = self._scrubber.clean_tree(found, NAMES)
            data = as_json(cleaned | {name: found[name] for name in FIXED if name in found})
        return packed(data, level)

    # ---- the message ------------------------------------------------------------------------

    def _clean(self, text: str) -> str:
        # No message can hold more.
        return escaped(self._scrubber.clean(text, MAX_MESSAGE_SIZE))

    def _fields(self, own: Message, event: Event | None) -> dict[str, Any]:
        options = self._options
        fields: dict[str, Any] = {"msg": self._clean(self._msg)}
        if options.epoch_timestamp:
            fields["epoch_timestamp"] = own.timestamp / 1e9
        if event is not None and options.summary:
            fields["culprit"] = self._clean(event.culprit)
            fields["exc_type"] = self._clean(event.caught[0].type)
        fields |= self._all({**self._bound(), **self._given})
        if options.dsn is not None and options.dsn_field != "none" and "dsn" not in self._given:
            dsn = options.dsn
            fields["dsn"] = dsn.text if options.dsn_field == "full" else dsn.without_secret
        return fields

    def _all(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {
            self._clean(_as_text(name)): self._value(name, value) for name, value in fields.items()
        }

    def _bound(self) -> dict[str, Any]:
        """Return the context's fields that hold a secret; the message's fields replace them."""
        found = {}
        for name, value in bound().items():
            texts = value if isinstance(value, (list, tuple)) else [value]
            if is_secret_name(name) or any(
                type(text) is str and self._clean(text) != text for text in texts
            ):
                found[name] = value
        return found

    def _value(self, name: object, value: Any) -> Any:
        """Return the value of a field, without calling ``repr()`` of the program."""
        if is_secret_name(name) and value is not None and type(value) is not bool:
            self._scrubber.learn_value(value)
            return str(MASK)
        kind = type(value)
        if kind is str:
            return self._clean(value)
        if id(kind) in NUMBERS:
            return value
        if kind is bytes:
            text = value.decode("latin-1")
            return self._clean(text).encode("latin-1", "replace")
        if issubclass(kind, Field):
            return Field([self._value("", one) for one in value], value.representation)
        if id(kind) in LISTS and value:
            kinds = {id(type(one)) for one in value}
            if len(kinds) == 1 and kinds <= VALUES:
                return [
                    self._value("", one) if shown is one else str(MASK)
                    for one, shown in zip(
                        value, hidden_arguments(value, self._scrubber), strict=True
                    )
                ]
        if kind is dict and value:
            return {
                self._clean(_as_text(key)): self._value(key, inner) for key, inner in value.items()
            }
        tree = Variables(self._limits, self._scrubber, False).value(name, value)
        return self._clean(str(tree))

    def _fit_to_stream(
        self, event: Event, logger: str, fields: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Return payload and fields of a message that fits the stream."""
        limit = self._client.sink.max_frame or MAX_MESSAGE_SIZE
        limit = min(limit, MAX_MESSAGE_SIZE)
        shown = fields
        for characters in _CUTS:
            if characters == _CUTS[1]:  # fields are too large: cut the bound ones too
                fields = {**self._all(bound()), **fields}
            shown = {name: _cut(value, characters) for name, value in fields.items()}
            if "dsn" in fields:
                shown["dsn"] = fields["dsn"]  # useless if cut
            size = _size(self._client, self._options.type, logger, self._severity, shown)
            if size > limit * 3 // 4 and characters != _CUTS[-1]:
                continue
            payload = fit(event, self._payload_of, limit - size - _LENGTHS)
            if payload is not None:
                return payload, shown
        shown = {name: shown[name] for name in ("msg", "dsn") if name in shown}
        self._run = contextvars.Context().run  # without bound fields
        size = self._run(_size, self._client, self._options.type, logger, self._severity, shown)
        payload = fit(event, self._payload_of, limit - size - _LENGTHS)
        return self._payload_of(event, SMALL) if payload is None else payload, shown


class _Probe(Client):
    """A client that sends nothing, to measure messages."""

    def _plan(self) -> None:
        self._set_plan((), 2**31 - 1, None, None, None, None, None)


def _called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _size(client: Any, type: str, logger: str, severity: int, fields: dict[str, Any]) -> int:
    """Return the size of the frame without a payload, the context's fields included."""
    sizes = []

    def take(frame: bytes, written: int, timeout: float, ticket: int) -> bool:
        sizes.append(len(frame))
        return True

    probe = _Probe()
    probe.signer = client.signer
    probe.sink = Sink(take)
    probe.heka(type, logger, severity, "", fields, bad_values="repr")
    return sizes[0] if sizes else MAX_MESSAGE_SIZE


def _raised(exc_info: object) -> Raised | None:
    """Return type, exception and traceback of the exception to report."""
    if _is_exception(exc_info):
        error: Any = exc_info
        return type(error), error, _TRACEBACK.__get__(error)
    if issubclass(type(exc_info), tuple) and exc_info:
        given: Any = exc_info
        kind, error, traceback = (*given, None, None)[:3]
        if _is_exception(error):
            return type(error), error, traceback or _TRACEBACK.__get__(error)
        if issubclass(type(kind), type) and issubclass(kind, BaseException):
            return kind, None, traceback
        return None
    kind, error, traceback = sys.exc_info()
    return None if kind is None else (kind, error, traceback)


def _is_exception(value: object) -> bool:
    # isinstance() would read the value's __class__, which may run code of the program.
    return issubclass(type(value), BaseException)


def _versions(found: list[Caught], most: int) -> dict[str, str]:
    """Return the ``__version__`` of the packages that frames are in."""
    versions: dict[str, str] = {}
    names = {module.partition(".")[0] for one in found for module, _ in one.calls[-1000:]}
    for name in sorted(names):
        module = sys.modules.get(name)
        version = vars(module).get("__version__") if type(module) is type(sys) else None
        if type(version) is str and len(versions) < most:
            versions[name] = version[:100]
    return versions


def _as_text(value: object) -> str:
    text = text_of(value)
    if text is not None:
        return text
    if value is None or id(type(value)) in NUMBERS:
        return "" if value is None else str(value)
    text = call_safely(str, value)
    return class_of(value) if text is None else text


def checked_severity(value: object, default: int) -> int:
    """Return *value* as a severity; *default* if it is None, or an object that is no number.

    Raises:
        ValueError: It is a number that is not from 0 to 7, a text that is no name, or a bool.
    """
    if type(value) is int and 0 <= value <= 7:
        return value
    if type(value) is str:
        named = severities.get(value.lower())
        if named is None:
            raise ValueError(f"severity must be {SEVERITY_CHOICES}, got {value[:100]!r}")
        return named
    text = call_safely(_index, value)
    if text is None:
        return default
    number = int(text)
    is_bool = type(value) is bool
    if is_bool or not 0 <= number <= 7:
        raise ValueError(
            f"severity must be {SEVERITY_CHOICES}, got "
            f"{bool(number) if is_bool else number}; "
            "heka.logging.severity_of(level) converts a level of logging"
        )
    return number


def _index(value: Any) -> str:
    return str(operator.index(value))


def _cut(value: Any, characters: int) -> Any:
    if isinstance(value, str) and len(value) > characters:
        return f"{value[:characters]}..."
    if isinstance(value, bytes) and len(value) > characters:
        return value[:characters]
    if isinstance(value, Field):
        return value if len(value) * 8 <= characters else Field(value[:8], value.representation)
    if isinstance(value, list):
        return [_cut(one, characters) for one in value[: max(1, characters // 8)]]
    if isinstance(value, dict):
        inner = list(value.items())[: max(1, characters // 8)]
        return {name: _cut(one, characters) for name, one in inner}
    return value


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {call_safely(str, error) or ''}"


def method(raven: Raven) -> Callable[..., bool]:
    """Return the function that becomes ``client.raven``."""
    options = raven.options

    @named("raven")
    def heka_raven(
        self: Any,
        msg: str = "",
        exc_info: Any = True,
        logger: str | None = options.logger,
        severity: int | str = options.severity,
        *args: Any,
        payload: str | None = None,
        **fields: Any,
    ) -> bool:
        """Report the exception being handled in one message. Raises for a wrong severity only.

        Args:
            self: The client.
            msg: The field ``msg``.
            exc_info: True for the exception being handled, an exception, or what
                ``sys.exc_info()`` returned. Without one, nothing is sent.
            logger: Logger of the message.
            severity: Severity of the message: 0 to 7, or a name such as ``'error'``.
            *args: Ignored, for compatibility.
            payload: Sent unchanged instead of an event.
            **fields: Further fields of the message.

        Returns:
            True when the stream accepted the message.

        Raises:
            ValueError: *severity* is a number that is not from 0 to 7, a text that is no name, or
                a bool.
        """
        limit = sys.getrecursionlimit()
        try:
            if type(severity) is not int or not 0 <= severity <= 7:
                severity = checked_severity(severity, options.severity)
            return raven.report(False, self, msg, exc_info, logger, severity, payload, fields)
        except RecursionError:
            pass  # inside this block, sys.exc_info() would be the RecursionError
        # Not in a function: no further call may be possible.
        sys.setrecursionlimit(limit + MORE)
        return raven.report_deep(limit, self, msg, exc_info, logger, severity, payload, fields)

    return heka_raven
