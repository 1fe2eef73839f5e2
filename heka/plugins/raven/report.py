"""``client.raven``: from the exception being handled to one message. Never raises."""

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
from heka._core import Client, Sink
from heka._runtime.reporter import Reporter
from heka.message import MAX_MESSAGE_SIZE, Field, Message
from heka.plugins import named
from heka.plugins.raven.blob import SMALL, as_json, escaped, packed, well_formed
from heka.plugins.raven.frames import Caught, caught
from heka.plugins.raven.kinds import LISTS, NUMBERS, VALUES
from heka.plugins.raven.limits import Limits
from heka.plugins.raven.options import Options
from heka.plugins.raven.profiles import FIXED, NAMES, PROFILES, Event
from heka.plugins.raven.scrub import MASK, Scrubber, argument_list, is_secret_name, text_of
from heka.plugins.raven.shrink import fit
from heka.plugins.raven.stack import MORE, room
from heka.plugins.raven.values import Variables, asked, class_of, module_of

Raised = tuple[type, BaseException | None, TracebackType | None]

#: Bytes that lengths in a frame may take beyond those of one without a payload.
_LENGTHS = 16
#: Characters of each text in fields, tried in this order where fields leave no room for an event.
_CUTS = (1 << 20, 4000, 1000, 200, 40)
_NAME = type.__dict__["__name__"]
_TRACEBACK = BaseException.__dict__["__traceback__"]
_busy = threading.local()


class Raven:
    """Tells of exceptions as *options* say."""

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
        """Send one message; True when the stream has it. What goes wrong is said on stderr.

        Raises:
            RecursionError: There are too few calls left for it; not where *is_deep* says that
                there are as many as there can be.
        """
        if getattr(_busy, "now", False):  # something in the exception reports one itself
            return False
        if room.is_left:
            room.settle()
        try:
            raised = _raised(exc_info)
            if raised is None and payload is None:
                return False
            if not is_deep and raised is not None and issubclass(raised[0], RecursionError):
                raise RecursionError  # it was caught a few calls from the limit
            _busy.now = True
            call = _Call(self, client, msg, logger, severity, fields, is_deep)
            return call.send(raised, payload)
        except Exception as error:
            if not is_deep and isinstance(error, RecursionError):
                raise
            self.complain(client, f"an exception is not reported: {_described(error)}")
            return False
        finally:
            _busy.now = False

    def report_deep(self, limit: int, *args: Any) -> bool:
        """Do the same where *limit*, which has been raised, was too near."""
        try:
            room.take(limit)
            try:
                return self.report(True, *args)
            finally:
                room.give_back()
        except RecursionError:
            return False

    def complain(self, client: Any, text: str) -> None:
        """Say *text* on stderr, without the secrets that this plugin knows."""
        scrubber = Scrubber()
        self.confide(scrubber, client)
        self._reporter.report(f"raven: {scrubber.clean(text)}")

    def confide(self, scrubber: Scrubber, client: Any) -> None:
        """Tell *scrubber* the secrets that are ours."""
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
        raven.confide(self._scrubber, client)
        self._msg = _as_text(msg)
        self._logger = None if logger is None else _as_text(logger)
        self._severity = _as_severity(severity, raven.options.severity)
        self._given = fields
        #: Calls a function, in another context where that of the call leaves no room.
        self._run: Callable[..., Any] = _called

    def send(self, raised: Raised | None, payload: object) -> bool:
        """Build what is to be sent, if anybody wants it, and send it."""
        options, client = self._options, self._client
        if client.sink is None or not client.admits(options.type, self._severity):
            return False
        # The id of the message is that of the event, its time too.
        own = Message(options.type)
        event = None
        if payload is None and raised is not None:
            event = self._event(raised, own)
        logger = client.logger if self._logger is None else self._logger
        logger = escaped(self._scrubber.clean(logger, self._limits.characters))
        fields = self._fields(own, event)
        text = escaped(_as_text(payload))
        if event is not None:
            text, fields = self._fitted(event, logger, fields)
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
            return self._bare(raised, own, error)
        except Exception as error:
            return self._bare(raised, own, error)

    def _bare(self, raised: Raised, own: Message, error: Exception) -> Event:
        """Return an event of the type alone, where looking further failed."""
        self._raven.complain(self._client, f"an event is incomplete: {_described(error)}")
        name = self._clean(_NAME.__get__(raised[0]))
        why = self._clean(f"<not captured: {type(error).__name__}>")
        one = Caught(name, why, self._clean(module_of(raised[0])), [], [], [])
        return self._around([one], own)

    def _made(self, raised: Raised, own: Message) -> Event:
        scrubber, limits = self._scrubber, self._limits
        scrubber.search(self._given)
        argv = getattr(sys, "argv", None)
        arguments = list(argv[: limits.items]) if type(argv) is list else []
        shown = argument_list(scrubber, arguments, limits.items)
        found = caught(*raised, limits, scrubber, self._options.repr == "full")
        event = self._around(found, own)
        event.argv = shown
        event.modules = _versions(found, limits.items)
        return event

    def _around(self, found: list[Caught], own: Message) -> Event:
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

    def _written(self, event: Event, level: int) -> str:
        """Return the payload; what two texts made together is scrubbed too."""
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
        # Cut where no message could hold it anyway.
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
        """Return the context's fields that hold a secret: the message's own win over them."""
        found = {}
        for name, value in bound().items():
            texts = value if isinstance(value, (list, tuple)) else [value]
            if is_secret_name(name) or any(
                type(text) is str and self._clean(text) != text for text in texts
            ):
                found[name] = value
        return found

    def _value(self, name: object, value: Any) -> Any:
        """Return the value of a field; no ``repr()`` of the program's own is called for one."""
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
                return [self._value("", one) for one in value]
        if kind is dict and value:
            return {
                self._clean(_as_text(key)): self._value(key, inner) for key, inner in value.items()
            }
        tree = Variables(self._limits, self._scrubber, False).value(name, value)
        return self._clean(str(tree))

    def _fitted(
        self, event: Event, logger: str, fields: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Return payload and fields of a message that the stream takes."""
        limit = self._client.sink.max_frame or MAX_MESSAGE_SIZE
        limit = min(limit, MAX_MESSAGE_SIZE)
        shown = fields
        for characters in _CUTS:
            if characters == _CUTS[1]:  # what is bound is too large, or the rest of the fields
                fields = {**self._all(bound()), **fields}
            shown = {name: _cut(value, characters) for name, value in fields.items()}
            if "dsn" in fields:
                shown["dsn"] = fields["dsn"]  # a part of it leads nowhere
            size = _size(self._client, self._options.type, logger, self._severity, shown)
            if size > limit * 3 // 4 and characters != _CUTS[-1]:
                continue
            payload = fit(event, self._written, limit - size - _LENGTHS)
            if payload is not None:
                return payload, shown
        shown = {name: shown[name] for name in ("msg", "dsn") if name in shown}
        self._run = contextvars.Context().run  # where nothing is bound
        size = self._run(_size, self._client, self._options.type, logger, self._severity, shown)
        payload = fit(event, self._written, limit - size - _LENGTHS)
        return self._written(event, SMALL) if payload is None else payload, shown


class _Probe(Client):
    """A client whose messages nobody gets: tells how large they are."""

    def _plan(self) -> None:
        self._set_plan((), 2**31 - 1, None, None, None, None, None)


def _called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _size(client: Any, type: str, logger: str, severity: int, fields: dict[str, Any]) -> int:
    """Return the bytes of the frame without a payload, the context's fields included."""
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
    """Return type, exception and traceback of what is to be reported."""
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
    # isinstance() would ask the value's __class__, which may be any code.
    return issubclass(type(value), BaseException)


def _versions(found: list[Caught], most: int) -> dict[str, str]:
    """Return the versions of the packages that frames are in, as these tell them."""
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
    text = asked(str, value)
    return class_of(value) if text is None else text


def _as_severity(value: object, default: int) -> int:
    number = value if type(value) is int else asked(_index, value)
    return int(number) if number is not None and 0 <= int(number) <= 7 else default


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
    return f"{type(error).__name__}: {asked(str, error) or ''}"


def method(raven: Raven) -> Callable[..., bool]:
    """Return the function that becomes ``client.raven``."""
    options = raven.options

    @named("raven")
    def heka_raven(
        self: Any,
        msg: str = "",
        exc_info: Any = True,
        logger: str | None = options.logger,
        severity: int = options.severity,
        *args: Any,
        payload: str | None = None,
        **fields: Any,
    ) -> bool:
        """Tell of the exception being handled, in one message. Never raises.

        Args:
            self: The client.
            msg: What you have to say of it.
            exc_info: True for the exception being handled, an exception, or what
                ``sys.exc_info()`` returned. Without one, nothing is sent.
            logger: Of the message.
            severity: Of the message.
            *args: Taken, and mean nothing, as ever.
            payload: Is sent as it is; nothing else is looked at.
            **fields: Further fields of the message.

        Returns:
            True when the stream has the message.
        """
        limit = sys.getrecursionlimit()
        try:
            return raven.report(False, self, msg, exc_info, logger, severity, payload, fields)
        except RecursionError:
            pass  # here, the exception being handled would be this one
        # Right here, where no further call may be left.
        sys.setrecursionlimit(limit + MORE)
        return raven.report_deep(limit, self, msg, exc_info, logger, severity, payload, fields)

    return heka_raven
