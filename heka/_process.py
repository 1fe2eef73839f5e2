"""The process-wide logger, which ``heka.configure`` sets up, with the methods of a client.

For what takes a client and was given none: handlers, decorators, timers.
"""

from __future__ import annotations

import os
import sys

from heka import api
from heka._context import bound
from heka._core import Bound, Client, context_var
from heka._lines import Lines, text_of
from heka._net.addresses import parse
from heka._net.defaults import TO_VARIABLE
from heka._runtime.explaining import explained
from heka._runtime.forks import importing
from heka.severity import ERROR, INFORMATIONAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from heka._lines import ExcInfo
    from heka._timer import Timer
    from heka._typing import FieldValue, ProcessStats

__all__ = [
    "PROCESS",
    "ProcessClient",
    "check_severity",
    "configured_client",
    "exception",
    "timer",
]

#: Fields that ``client.raven`` would take for an argument of its own.
_RAVEN_ARGUMENTS = frozenset({"self", "msg", "exc_info", "logger", "severity", "payload"})


class _Checker(Client):
    """Checks arguments as every client does; sends nothing."""

    def _make_timer(self, *arguments: Any) -> tuple[Any, ...]:
        """Return the arguments of ``timer``."""
        return arguments


_CHECKER = _Checker()
#: ``Timer``, once a timer was made.
_timer_class: Any = None


def check_severity(severity: int | str) -> None:
    """Check that *severity* is one; raises ValueError if it is none."""
    _CHECKER.severity = severity


class ProcessClient(Lines):
    """Gives ``heka.log`` and its settings the interface of a ``HekaClient``."""

    stream = None
    severity = INFORMATIONAL
    is_active = True
    filters = ()
    _disabled_timers: frozenset[str] = frozenset()
    _is_inactive = False

    def __init__(self, to: Any = None) -> None:
        """Send to *to*, in any notation of ``heka.log(to=...)``; None: where ``heka.log`` sends."""
        if isinstance(to, str):
            parse(to)  # raises now for a wrong URL; heka.log looks up str faster than Address
        self._to = to

    @property
    def logger(self) -> str:
        """The logger that ``heka.configure`` has set."""
        return api._emitter.logger

    def admits(self, type: str, severity: int | str) -> bool:
        """Return whether ``heka.log`` sends messages of *severity*."""
        return api._emitter.admits(type, severity)

    def heka(
        self,
        type: str,
        logger: str | None = None,
        severity: int | str | None = None,
        payload: str = "",
        fields: Mapping[str, FieldValue] | None = None,
        timestamp: Any = None,
        *,
        timestamp_ns: Any = None,
        uuid: Any = None,
        bad_values: Any = None,
    ) -> bool:
        """Send one message; takes the arguments of ``HekaClient.heka``."""
        return api.log(
            type,
            logger,
            INFORMATIONAL if severity is None else severity,
            fields,
            payload,
            to=self._to,
            timestamp=timestamp,
            timestamp_ns=timestamp_ns,
            uuid=uuid,
            bad_values=bad_values,
        )

    metlog = heka

    def incr(self, *args: Any, **kwargs: Any) -> bool:
        """Send a counter; takes the arguments of ``HekaClient.incr``."""
        return api.incr(*args, to=self._to, **kwargs)

    def gauge(self, *args: Any, **kwargs: Any) -> bool:
        """Send a gauge; takes the arguments of ``HekaClient.gauge``."""
        return api.gauge(*args, to=self._to, **kwargs)

    def timer_send(self, *args: Any, **kwargs: Any) -> bool:
        """Send one measurement; takes the arguments of ``HekaClient.timer_send``."""
        return api._emitter.timer_send(*args, to=self._to, **kwargs)

    def timer(
        self,
        name: str,
        logger: str | None = None,
        severity: int | str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        rate: float = 1.0,
    ) -> Timer:
        """Return a timer; takes the arguments of ``HekaClient.timer``."""
        global _timer_class
        arguments: Any = _CHECKER.timer(name, logger, severity, fields, rate)
        if _timer_class is None:
            with importing():
                from heka._timer import Timer

                _timer_class = Timer
        timer: Timer = _timer_class(self, *arguments)
        return timer

    def stats(self) -> ProcessStats:
        """Return ``heka.stats()``."""
        return api.stats()

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait until queued and unfinished frames are sent; True when all are."""
        return api.flush(timeout)

    def __repr__(self) -> str:
        """Return what the client stands for."""
        return f"<ProcessClient of {'heka.configure' if self._to is None else repr(self._to)}>"


#: The client of everything that names none and finds no default client in ``heka.holder``.
PROCESS = ProcessClient()


def configured_client() -> ProcessClient | None:
    """Return PROCESS if ``heka.configure`` was called or $HEKA_TO is set, else None.

    For decorators: a library is decorated for programs that may know nothing of heka.
    """
    return PROCESS if api.is_configured or os.environ.get(TO_VARIABLE) else None


def timer(
    name: str,
    logger: str | None = None,
    severity: int | str | None = None,
    fields: Mapping[str, FieldValue] | None = None,
    rate: float = 1.0,
    *,
    to: object = None,
) -> Timer:
    """Return a context manager and decorator that sends how long its block took, in ms.

    ::

        with heka.timer("db.query") as timer:
            ...
        print(timer.result)

        @heka.timer("render")
        def render(): ...

    The message has the type 'timer'. Without ``heka.configure`` it goes where ``heka.log`` sends.

    Args:
        name: The name of the timer; the field ``name``.
        logger: As for ``heka.log``.
        severity: As for ``heka.log``.
        fields: As for ``heka.log``.
        rate: From 0 to 1, the share of blocks that is timed; receivers divide by it.
        to: As for ``heka.log``.
    """
    client = PROCESS if to is None else ProcessClient(to)
    return client.timer(name, logger, severity, fields, rate)


@explained
def exception(
    msg: object,
    *args: Any,
    exc_info: ExcInfo = True,
    logger: str | None = None,
    fields: Mapping[str, FieldValue] | None = None,
) -> bool:
    """Send ``msg % args`` and the traceback of the exception being handled, as an ERROR.

    ::

        try:
            pay(order)
        except PaymentError:
            heka.exception("order %s was not paid", order.id, fields={"order": order.id})

    The message has the type 'oldstyle'; text and traceback are its payload. If the default client
    of ``heka.holder`` has the raven plugin, that sends the exception instead, with its frames.

    Args:
        msg: Text; it is formatted only when there are *args*.
        args: Values to format it with, or one mapping. If that fails, the text says why, as an
            error here would replace the exception that is being handled.
        exc_info: True for the exception being handled, an exception, or what ``sys.exc_info()``
            returned.
        logger: As for ``heka.log``.
        fields: As for ``heka.log``.

    Returns:
        True when the kernel or the queue has the message.
    """
    holder = sys.modules.get("heka.holder")  # a program that has not imported it has no client
    client = getattr(getattr(holder, "CLIENT_HOLDER", None), "default_client", None)
    report = getattr(client, "raven", None)
    if callable(report) and _is_exception(exc_info):
        return _report(report, _exception_text(msg, args, False), exc_info, logger, fields or {})
    if not PROCESS.admits("oldstyle", ERROR):
        return False
    return PROCESS.heka("oldstyle", logger, ERROR, _exception_text(msg, args, exc_info), fields)


def _exception_text(msg: object, args: tuple[Any, ...], exc_info: ExcInfo) -> str:
    """Return ``text_of``; if *msg* cannot be formatted, it as it is, and why."""
    try:
        text = text_of(msg, args, False)
    except Exception as error:
        with importing():
            from heka._recording import as_text, describe  # which imports logging

        text = f"{as_text(msg)} (not formatted: {describe(error)})"
        text = text.encode("utf-8", "backslashreplace").decode()
    return text_of(text, (), exc_info)


def _is_exception(exc_info: ExcInfo) -> bool:
    """Return whether *exc_info* stands for an exception."""
    if isinstance(exc_info, tuple):
        return exc_info[1] is not None
    return isinstance(exc_info, BaseException) or (bool(exc_info) and sys.exc_info()[1] is not None)


def _report(
    report: Any, text: str, exc_info: ExcInfo, logger: str | None, fields: Mapping[str, Any]
) -> bool:
    """Call ``client.raven``; fields with the names of its arguments are bound to the context."""
    own = {str(name): value for name, value in fields.items() if name not in _RAVEN_ARGUMENTS}
    named = {} if logger is None else {"logger": logger}
    others = {name: fields[name] for name in _RAVEN_ARGUMENTS.intersection(fields)}
    token = context_var.set(Bound({**bound(), **others}))
    try:
        return bool(report(text, exc_info, severity=ERROR, **named, **own))
    finally:
        context_var.reset(token)
