"""A handler that sends records of stdlib ``logging``, and maps between levels and severities.

::

    logging.getLogger("app").addHandler(HekaHandler("udp://localhost:5565", fields=["lineno"]))
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Mapping

from heka._recording import FILTERING, LOGLEVEL_MAP, NESTED_MAX, RECORD_MARK, as_text, describe
from heka._runtime.exits import is_exiting
from heka._runtime.explaining import explained
from heka._runtime.forks import importing
from heka.severity import (
    CRITICAL,
    DEBUG,
    ERROR,
    INFORMATIONAL,
    NOTICE,
    WARNING,
    severity_from,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from heka._bridge import Client

__all__ = ["LOGLEVEL_MAP", "SEVERITY_MAP", "HekaHandler", "hook_logger", "severity_of"]

#: {level of ``logging``: severity}. A program may add its own levels.
SEVERITY_MAP: dict[int, int | str] = {
    logging.NOTSET: DEBUG,
    logging.DEBUG: DEBUG,
    logging.INFO: INFORMATIONAL,
    logging.WARNING: WARNING,
    logging.ERROR: ERROR,
    logging.CRITICAL: CRITICAL,
}
#: The exact int of each severity, whatever number SEVERITY_MAP has for it.
_EXACT: dict[object, int] = {number: number for number in range(8)}
#: A level in this range that has no name is taken for a port.
_PORTS = range(1024, 65536)
#: Calls between ``logging.shutdown`` and ``flush()`` that are looked at.
_CALLERS_MAX = 8
#: Attributes of a record without `extra`.
_STANDARD = tuple(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
_STANDARD_COUNT = len(_STANDARD)
# Formatter.format() adds message and asctime; Python 3.12 adds taskName.
_NO_FIELDS = frozenset(_STANDARD) | {"message", "asctime", "taskName", RECORD_MARK}
#: The same formatter as ``logging`` uses for a handler that has none.
_DEFAULT = logging.Formatter()


def severity_of(level: int) -> int:
    """Return the severity of *level*: from SEVERITY_MAP, else that of the next lower level.

    A value in SEVERITY_MAP that is no severity is ignored; it may be a number or a name.

    Exceptions: a level between INFO and WARNING is NOTICE, which ``logging`` has no name for.
    Levels below INFO are DEBUG.
    """
    severity = severity_from(SEVERITY_MAP.get(level))
    if severity is not None:
        return severity
    if level >= logging.CRITICAL:
        return CRITICAL
    if level >= logging.ERROR:
        return ERROR
    if level >= logging.WARNING:
        return WARNING
    return NOTICE if level > logging.INFO else DEBUG


def _refuse_port(level: int) -> None:
    """Raise ConfigError if *level* is a port, which the program meant for the host."""
    if logging.getLevelName(level) == f"Level {level}":  # the program has not named it
        from heka.exceptions import ConfigError

        raise ConfigError(
            f"HekaHandler: the second argument is level, got {level}; a port belongs to the URL, "
            f"as in HekaHandler('udp://localhost:{level}')"
        )


class HekaHandler(logging.Handler):
    """Sends each record as one message.

    The payload is the text of the handler's formatter, or of ``record.getMessage()`` without one,
    followed by traceback and stack. The values of ``extra=`` become fields; a value of a type that
    Heka does not have is converted, as by ``bad_values='convert'``. The timestamp is that of the
    record. The logger of the message is that of the client or of ``heka.configure``, or that of the
    record if this is not set; the field ``loglevel`` holds the record's level.

    Args:
        client: A ``HekaClient``; a URL, as for ``heka.log(to=...)``; the name of a client in
            ``heka.holder``, which may be configured later; or None for the holder's default client
            and, as long as there is none, what ``heka.configure`` has set up.
        level: The lowest level that is sent.
        type: The type of the messages.
        fields: Attributes of the record that become fields too, such as ``name``, ``pathname``,
            ``lineno``, ``funcName`` and ``threadName``; or a mapping {field: attribute}. Attributes
            that are None are left out.
        heka_client: The old name of the argument *client*.

    Threads do not block each other: the handler takes no lock. A record that a value's ``__str__``
    logs while another record is formatted is sent first. A record that the client's own stream or
    filter logs is refused, so that logging cannot recurse. The handler raises no exception:
    ``stats()`` counts errors, and ``handleError`` reports them on stderr, at most once a minute,
    unless ``logging.raiseExceptions`` is false.

    Raises:
        ConfigError: The URL is not a valid destination, or *level* is a port.
        TypeError: An argument has another type than described, or *client* is given twice.
    """

    @explained
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
            raise TypeError("HekaHandler: expected client or heka_client, its old name, got both")
        with importing():
            from heka._bridge import Bridge  # and with it all that sends

        if isinstance(client, str) and isinstance(level, int) and level in _PORTS:
            _refuse_port(level)
        self._bridge = Bridge(heka_client if client is None else client, type, "HekaHandler")
        self._client = self._bridge.fixed
        self._local = self._bridge.local
        self._type = type
        self._fields = _attributes(fields)
        super().__init__(level)

    @property
    def heka_client(self) -> Client | None:
        """The client that was given, or the client that now has the given name, or None."""
        return self._bridge.find()

    def sends_to(self, client: object) -> bool:
        """Return whether this handler was created with *client*."""
        target = self._bridge.target
        return target is client or (isinstance(client, str) and target == client)

    def handle(self, record: logging.LogRecord) -> bool:
        """Send *record* if the handler's filters accept it; does not take the handler's lock."""
        if self.filters:
            passed: Any = self.filter(record)  # from Python 3.12 on this may be another record
            if not passed:
                self._bridge.count("filtered")
                return False
            if isinstance(passed, logging.LogRecord):
                record = passed
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Send *record* without comparing its level. Never raises."""
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
            severity = _EXACT.get(SEVERITY_MAP.get(level))
            if severity is None:
                severity = severity_of(level)
            client = self._client or self._bridge.find()
            if client is None or not client.admits(self._type, severity):
                self._bridge.count_unsent(client, self._type, severity)
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
            # record.__dict__ makes CPython build a dict of the attributes, so it is read last.
            has_extra = len(record.__dict__) != _STANDARD_COUNT
            if has_extra or self._fields:
                if has_extra and RECORD_MARK in record.__dict__ and self._bridge.logs(client):
                    self._bridge.count("reentrant")
                    return
                self._add_fields(record, fields)
            if client.filters:
                depth[0] = FILTERING
            client.heka(
                self._type, logger, severity, payload, fields, created, bad_values="convert"
            )
        except Exception:
            depth[0] = before
            self._send_fallback(record, payload)
        finally:
            depth[0] = before

    def _add_fields(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        """Add to *fields* the requested attributes, then the values of ``extra``."""
        attributes = record.__dict__
        for name, attribute in self._fields:
            value = attributes.get(attribute)
            if value is not None:
                fields[name] = value
        # extra is set after the standard attributes, so the loop from the end stops at the last of
        # these. A record of a subclass may have attributes before them: all are looked at.
        last = _STANDARD[-1] if type(record) is logging.LogRecord else None
        extra = []
        for name in reversed(attributes):
            if name == last:
                break
            if name not in _NO_FIELDS:
                extra.append(name)
        if "_logger" in extra and "_name" in extra:  # structlog's, for its ProcessorFormatter
            extra = [name for name in extra if name not in ("_logger", "_name")]
        for name in reversed(extra):
            fields[name] = attributes[name]

    def _send_fallback(self, record: logging.LogRecord, payload: object) -> None:
        """Send the parts of *record* that can be sent, after an error; call ``handleError``."""
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
        """Report on stderr, rate-limited, which error *record* caused."""
        if logging.raiseExceptions:
            place = f"{as_text(record.pathname)}:{as_text(record.lineno)}"
            self._bridge.report(
                f"a record of logger {as_text(record.name)!r}, logged at {place}, was sent in "
                f"part: {describe(sys.exc_info()[1])}"
            )

    def flush(self) -> None:
        """Wait up to 1 s until queued messages are sent.

        ``logging.shutdown`` calls this for each handler; then all handlers together wait for at
        most 2 s, which include what the exit of the process waits.
        """
        self._bridge.flush(ends=is_exiting() or _in_shutdown())

    def close(self) -> None:
        """Close the destination of a URL, without waiting, unless others send to it.

        A client that was given is not closed. What is queued is still sent. ``dictConfig`` calls
        this for the handlers that it replaces, ``logging.shutdown`` for all.
        """
        self._bridge.close()
        super().close()

    def stats(self) -> dict[str, int]:
        """Return the counts of records that this handler did not send unchanged, by reason.

        Returns:
            ``altered``: records that could not be formatted or sent unchanged and were sent in
            part. ``reentrant``: records refused because they were logged while another one was
            sent. ``error``: records lost because of an exception, such as one of the encoder.
            ``filtered``: records that a filter of this handler held back. ``inactive``: records
            lost because there was no client of the given name. Reasons without records are left
            out. What the client holds back or loses is counted by the client's ``stats()``, or by
            ``heka.stats()`` without a client.
        """
        return self._bridge.stats()

    def __repr__(self) -> str:
        """Return class, client or destination, and level."""
        level = logging.getLevelName(self.level)
        return f"<{type(self).__name__} {self._bridge.target!r} ({level})>"


def _in_shutdown() -> bool:
    """Return whether ``logging.shutdown`` has called, maybe through ``flush()`` of a subclass.

    ``logging`` calls it at exit, and ``dictConfig`` calls it before it makes other handlers.
    """
    frame = sys._getframe(1)
    for _ in range(_CALLERS_MAX):
        if frame.f_code is logging.shutdown.__code__:
            return True
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False


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
    """Return the text of *record*; if that cannot be formatted, its parts one after another."""
    with contextlib.suppress(Exception):
        return _DEFAULT.format(record)  # works if only the handler's own formatter failed
    parts = [as_text(record.msg)]
    with contextlib.suppress(Exception):
        parts.append(repr(record.args))
    with contextlib.suppress(Exception):
        if record.exc_info:
            parts.append("\n" + _DEFAULT.formatException(record.exc_info))
    return " ".join(parts)


_hooking = threading.RLock()


def _forget_parent() -> None:
    """Renew the lock in a child process: another thread may have held it at the fork."""
    global _hooking
    _hooking = threading.RLock()


os.register_at_fork(after_in_child=_forget_parent)


def hook_logger(logger_name: str | None, client: object) -> HekaHandler:
    """Add a HekaHandler for *client* to the logger *logger_name* (None: the root), once.

    Returns:
        The new handler, or the one that the logger already has for this client.
    """
    logger = logging.getLogger(logger_name)
    with _hooking:
        for handler in logger.handlers:
            if isinstance(handler, HekaHandler) and handler.sends_to(client):
                return handler
        handler = HekaHandler(client)
        logger.addHandler(handler)
        return handler
