"""Stdlib ``logging`` to Heka: a handler, and the maps between levels and severities.

::

    logging.getLogger("app").addHandler(HekaHandler("udp://localhost:5565", fields=["lineno"]))
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from heka._bridge import FILTERING, NESTED_MAX, Bridge, Client, as_text, describe
from heka.encoders import LOGLEVEL_MAP
from heka.severity import CRITICAL, DEBUG, ERROR, INFORMATIONAL, NOTICE, WARNING
from heka.streams.logging import RECORD_MARK, StdLibLoggingStream

__all__ = ["LOGLEVEL_MAP", "SEVERITY_MAP", "HekaHandler", "hook_logger", "severity_of"]

#: Level of ``logging`` -> severity. A program may add its own levels.
SEVERITY_MAP = {
    logging.NOTSET: DEBUG,
    logging.DEBUG: DEBUG,
    logging.INFO: INFORMATIONAL,
    logging.WARNING: WARNING,
    logging.ERROR: ERROR,
    logging.CRITICAL: CRITICAL,
}
# What a record has when nobody gave it `extra`; Formatter.format() adds two, Python 3.12 the last.
_BARE = tuple(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
_BARE_COUNT = len(_BARE)
_NO_FIELDS = frozenset(_BARE) | {"message", "asctime", "taskName", RECORD_MARK}
#: As ``logging`` itself formats for a handler that has no formatter.
_DEFAULT = logging.Formatter()


def severity_of(level: int) -> int:
    """Return the severity of *level*: from SEVERITY_MAP, else that of the next level below.

    Levels between INFO and WARNING are NOTICE, which has no name in ``logging``; those below INFO,
    DEBUG.
    """
    severity = SEVERITY_MAP.get(level)
    if severity is not None:
        return severity
    if level >= logging.CRITICAL:
        return CRITICAL
    if level >= logging.ERROR:
        return ERROR
    if level >= logging.WARNING:
        return WARNING
    return NOTICE if level > logging.INFO else DEBUG


class HekaHandler(logging.Handler):
    """Sends each record as one message.

    The payload is what ``record.getMessage()`` says, or the handler's formatter where it has one;
    traceback and stack follow it. The values of ``extra=`` become fields of their own types, others
    than Heka has as their ``repr``. The time is the record's.

    Args:
        client: A ``HekaClient``; a URL, as ``heka.log(to=...)`` takes it; the name of a client in
            ``heka.holder``, which may be configured later; None: the holder's default client or, as
            long as it has none, where ``heka.log`` sends.
        level: The least level that is sent.
        type: The type of the messages.
        fields: Attributes of the record that become fields too, such as ``name``, ``pathname``,
            ``lineno``, ``funcName`` and ``threadName``; a mapping gives {field: attribute}. Those
            that are None are left out.
        heka_client: What older programs call *client*.

    The logger of the message is the client's, or the record's where the client has none; the field
    ``loglevel`` holds the record's level.

    Threads do not wait for each other: there is no lock, clients need none. What a value's
    ``__str__`` logs while its record is made is sent before it; what the client's own stream or
    filters log comes back to the client, which ends it there. No error leaves the handler:
    ``stats()`` counts it, and ``handleError`` says so on stderr, once a minute, unless
    ``logging.raiseExceptions`` is false.

    Raises:
        ConfigError: The URL names no destination.
        TypeError: An argument is none of these.
    """

    def __init__(
        self,
        client: object = None,
        level: int | str = logging.NOTSET,
        *,
        type: str = "oldstyle",
        fields: Iterable[str] | Mapping[str, str] = (),
        heka_client: object = None,
    ) -> None:
        if client is not None and heka_client is not None:
            raise TypeError("HekaHandler: client and heka_client are the same; give one of them")
        self._bridge = Bridge(heka_client if client is None else client, type, "HekaHandler")
        self._client = self._bridge.fixed
        self._local = self._bridge.local
        self._type = type
        self._fields = _attributes(fields)
        super().__init__(level)

    @property
    def heka_client(self) -> Client | None:
        """The client, or whichever stands under the name at present; None where none does."""
        return self._bridge.find()

    def sends_to(self, client: object) -> bool:
        """Say whether *client* is what this handler was made with."""
        target = self._bridge.target
        return target is client or (isinstance(client, str) and target == client)

    def handle(self, record: logging.LogRecord) -> bool:
        """Send *record* if the handler's filters let it through; without the handler's lock."""
        if self.filters:
            passed: Any = self.filter(record)  # a record from Python 3.12 on
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):
                record = passed
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Send *record*, whatever its level. Never raises."""
        try:
            depth = self._local.depth
        except AttributeError:
            depth = self._bridge.depth()
        before = depth[0]
        if before >= NESTED_MAX:
            self._bridge.count("reentrant")
            return
        payload = None
        try:
            depth[0] = before + 1
            level = record.levelno
            severity = SEVERITY_MAP.get(level)
            if severity is None:
                severity = severity_of(level)
            client = self._client or self._bridge.find()
            if client is None or not client.admits(self._type, severity):
                return
            if self.formatter is not None:
                payload = as_text(self.formatter.format(record))
            elif record.exc_info or record.exc_text or record.stack_info:
                payload = _DEFAULT.format(record)
            else:
                payload = record.getMessage()
            logger = client.logger or record.name
            created = record.created
            fields: dict[str, Any] = {"loglevel": level}
            # From here on Python has to make a dict of what the record holds, and reads that.
            more = len(record.__dict__) != _BARE_COUNT
            if more or self._fields:
                if more and RECORD_MARK in record.__dict__ and _logs(client):
                    self._bridge.count("reentrant")
                    return
                self._add_fields(record, fields)
            if client.filters:
                depth[0] = FILTERING
            client.heka(self._type, logger, severity, payload, fields, created, bad_values="repr")
        except Exception:
            depth[0] = before
            self._send_anyhow(record, payload)
        finally:
            depth[0] = before

    def _add_fields(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        """Add to *fields* the attributes that are asked for, then what came as ``extra``."""
        attributes = record.__dict__
        for name, attribute in self._fields:
            value = attributes.get(attribute)
            if value is not None:
                fields[name] = value
        # In the order of setting: behind the last that a bare record has, if nothing came before.
        last = _BARE[-1] if type(record) is logging.LogRecord else None
        for name in reversed(attributes):
            if name == last:
                break
            if name not in _NO_FIELDS:
                fields[name] = attributes[name]

    def _send_anyhow(self, record: logging.LogRecord, payload: object) -> None:
        """Send as much of *record* as can be sent; ``handleError`` tells what stood in the way."""
        if payload is None:
            payload = _unformatted(record)
        fields: dict[str, Any] = {}
        severity = WARNING
        with contextlib.suppress(Exception):
            fields["loglevel"] = record.levelno
            self._add_fields(record, fields)
            severity = severity_of(record.levelno)
        self._bridge.count("altered")
        self._bridge.send(record.name, severity, payload, fields)
        self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say on stderr what is wrong with *record*, unless something was said lately."""
        if logging.raiseExceptions:
            place = f"{as_text(record.pathname)}:{as_text(record.lineno)}"
            self._bridge.report(
                f"a record of logger {as_text(record.name)!r}, made at {place}, is sent as far as "
                f"it goes: {describe(sys.exc_info()[1])}"
            )

    def flush(self) -> None:
        """Wait for what is under way, a second at most; ``logging.shutdown`` calls this."""
        self._bridge.flush()

    def stats(self) -> dict[str, int]:
        """Return how often something went wrong here, {} when nothing did.

        Returns:
            ``altered``: records that could not be formatted or sent as they were, and were sent as
            far as they went. ``reentrant``: records refused because they came of sending another
            one. ``error``: records lost for an error, such as one of the encoder. What the stream
            loses is in the client's own ``stats()``.
        """
        return self._bridge.stats()

    def __repr__(self) -> str:
        """Return the level and where records go."""
        level = logging.getLevelName(self.level)
        return f"<{type(self).__name__} {self._bridge.target!r} ({level})>"


def _logs(client: Client) -> bool:
    """Say whether what *client* sends is logged: then it is no place for what came from there.

    Its thread tells a stream that logs; behind a queue there is another thread, and only a mark.
    """
    return isinstance(getattr(client, "stream", None), StdLibLoggingStream)


def _attributes(fields: Iterable[str] | Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return (field, attribute of the record) for each of *fields*."""
    pairs = tuple(fields.items() if isinstance(fields, Mapping) else ((f, f) for f in fields))
    if isinstance(fields, str) or not all(isinstance(text, str) for pair in pairs for text in pair):
        raise TypeError(
            "HekaHandler: fields must be names of record attributes, such as ['name', 'lineno'], "
            f"or a mapping {{field: attribute}}; got {fields!r}"
        )
    return pairs


def _unformatted(record: logging.LogRecord) -> str:
    """Return the text of *record* with its arguments behind it, not in it."""
    with contextlib.suppress(Exception):
        return _DEFAULT.format(record)  # it was the handler's own formatter that failed
    parts = [as_text(record.msg)]
    with contextlib.suppress(Exception):
        parts.append(repr(record.args))
    with contextlib.suppress(Exception):
        if record.exc_info:
            parts.append("\n" + _DEFAULT.formatException(record.exc_info))
    return " ".join(parts)


_hooking = threading.RLock()


def hook_logger(logger_name: str | None, client: object) -> HekaHandler:
    """Have what is logged to *logger_name* (None: the root) sent by *client*, once.

    Returns:
        The handler: a new one, or the one that the logger has for this client already.
    """
    logger = logging.getLogger(logger_name)
    with _hooking:
        for handler in logger.handlers:
            if isinstance(handler, HekaHandler) and handler.sends_to(client):
                return handler
        handler = HekaHandler(client)
        logger.addHandler(handler)
        return handler
