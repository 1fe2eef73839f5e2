"""Values, types, severities and times of messages as text.

Knows messages; no text layout, no sockets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

from heka.message import Field

SEVERITIES: Final = (
    "EMERGENCY",
    "ALERT",
    "CRITICAL",
    "ERROR",
    "WARNING",
    "NOTICE",
    "INFO",
    "DEBUG",
)

Value = bool | int | float | str | bytes

_TYPES: Final = {
    Field.STRING: "string",
    Field.BYTES: "bytes",
    Field.INTEGER: "integer",
    Field.DOUBLE: "double",
    Field.BOOL: "bool",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def severity_name(severity: int) -> str:
    """Return ``ERROR``; ``SEVERITY 42`` for a number above 7, which the wire permits."""
    known = 0 <= severity < len(SEVERITIES)
    return SEVERITIES[severity] if known else f"SEVERITY {severity}"


def type_name(field: Field) -> str:
    """Return ``integer``; ``type 9`` for a number that the protocol does not define."""
    if field.value_type is None:
        return "unknown"
    return _TYPES.get(field.value_type, f"type {field.value_type}")


def values_of(field: Field) -> Sequence[Value]:
    """Return the values of *field*; empty for a field that was received without any."""
    return list(field)


def local_time(timestamp: int) -> str:
    """Return ns since the epoch as ``2026-03-01T14:02:11.123+01:00``, in local time."""
    moment = _moment(timestamp)
    with contextlib.suppress(OverflowError, OSError):  # a year that the C library does not support
        moment = moment.astimezone()
    return moment.isoformat(timespec="milliseconds")


def _moment(timestamp: int) -> datetime:
    # Integer arithmetic: a float of seconds since the epoch cannot hold microseconds exactly.
    return _EPOCH + timedelta(microseconds=timestamp // 1000)
