"""Log lines: the methods ``log``, ``debug`` to ``critical`` and ``exception`` of a client.

A line is a message of the type ``oldstyle`` whose payload is a formatted text.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from heka._typing import FieldValue

    #: True for the exception being handled, an exception, or what ``sys.exc_info()`` returned.
    ExcInfo: TypeAlias = bool | BaseException | tuple[Any, Any, Any] | None
    Fields: TypeAlias = Mapping[str, FieldValue] | None

__all__ = ["Lines", "text_of"]


class Lines:
    """The log lines of a class that has ``heka`` and ``admits``."""

    heka: Callable[..., bool]
    admits: Callable[[str, Any], bool]
    #: Whether a message is counted as lost, as there is no stream to send it to.
    _is_inactive: Any

    def log(
        self,
        severity: int | str,
        msg: object,
        *args: Any,
        exc_info: ExcInfo = False,
        fields: Fields = None,
    ) -> bool:
        """Send ``msg % args`` as the payload of an 'oldstyle' message.

        Args:
            severity: 0 to 7, or a name such as ``'error'``; else ValueError.
            msg: Text; it is formatted only when there are *args*.
            args: Values to format it with, or one mapping.
            exc_info: True for the exception being handled, an exception, or what
                ``sys.exc_info()`` returned: its traceback is appended.
            fields: Mapping of name to value, as for ``heka``.
        """
        return self._wants(severity) and self._line(severity, msg, args, exc_info, fields)

    def _wants(self, severity: int | str) -> bool:
        """Return whether to call ``_line``: to send, or to count without a stream."""
        return self.admits("oldstyle", severity) or self._is_inactive

    def _line(
        self,
        severity: int | str,
        msg: object,
        args: tuple[Any, ...],
        exc_info: ExcInfo,
        fields: Fields,
    ) -> bool:
        if self._is_inactive:
            return self.heka("oldstyle", severity=severity)  # which counts it
        text = text_of(msg, args, exc_info)
        return self.heka("oldstyle", severity=severity, payload=text, fields=fields)

    def debug(
        self, msg: object, *args: Any, exc_info: ExcInfo = False, fields: Fields = None
    ) -> bool:
        """Log at DEBUG (7); arguments as of ``log``."""
        return self._wants(7) and self._line(7, msg, args, exc_info, fields)

    def info(
        self, msg: object, *args: Any, exc_info: ExcInfo = False, fields: Fields = None
    ) -> bool:
        """Log at INFORMATIONAL (6); arguments as of ``log``."""
        return self._wants(6) and self._line(6, msg, args, exc_info, fields)

    def notice(
        self, msg: object, *args: Any, exc_info: ExcInfo = False, fields: Fields = None
    ) -> bool:
        """Log at NOTICE (5); arguments as of ``log``."""
        return self._wants(5) and self._line(5, msg, args, exc_info, fields)

    def warning(
        self, msg: object, *args: Any, exc_info: ExcInfo = False, fields: Fields = None
    ) -> bool:
        """Log at WARNING (4); arguments as of ``log``."""
        return self._wants(4) and self._line(4, msg, args, exc_info, fields)

    warn = warning

    def error(
        self, msg: object, *args: Any, exc_info: ExcInfo = False, fields: Fields = None
    ) -> bool:
        """Log at ERROR (3); arguments as of ``log``."""
        return self._wants(3) and self._line(3, msg, args, exc_info, fields)

    def exception(
        self, msg: object, exc_info: ExcInfo = True, *args: Any, fields: Fields = None
    ) -> bool:
        """Log at ALERT (1) with the traceback of the exception being handled.

        *exc_info* comes before the values for *msg*, for compatibility with older versions.
        """
        return self._wants(1) and self._line(1, msg, args, exc_info, fields)

    def critical(
        self, msg: object, *args: Any, exc_info: ExcInfo = False, fields: Fields = None
    ) -> bool:
        """Log at CRITICAL (2); arguments as of ``log``."""
        return self._wants(2) and self._line(2, msg, args, exc_info, fields)


for _name in ("log", "debug", "info", "notice", "warning", "error", "exception", "critical"):
    getattr(Lines, _name).__qualname__ = f"HekaClient.{_name}"  # in the TypeErrors of wrong calls


def text_of(msg: object, args: tuple[Any, ...], exc_info: ExcInfo) -> str:
    """Return ``msg % args``, followed by the traceback of *exc_info*."""
    text = msg if isinstance(msg, str) else _writable(str(msg))
    if args:
        values: Any = args
        if len(args) == 1 and hasattr(args[0], "keys") and hasattr(args[0], "__getitem__"):
            values = args[0]
        text = _writable(text % values)
    return _with_traceback(text, exc_info) if exc_info else text


def _with_traceback(text: str, exc_info: ExcInfo) -> str:
    if isinstance(exc_info, BaseException):
        error: BaseException | None = exc_info
    elif isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = sys.exc_info()[1]
    import traceback  # takes longer than heka._core; a program that logs no exception saves it

    lines = "NoneType: None" if error is None else "".join(traceback.format_exception(error))
    lines = _writable(lines.rstrip("\n"))
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}{lines}"


def _writable(text: str) -> str:
    """Return *text* with lone surrogates escaped; for text that is not the caller's own."""
    return text.encode("utf-8", "backslashreplace").decode()
