"""What a field holds, and when a message was made: the plain facts that every output shows.

Knows messages; no text layout, no sockets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

import heka

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
    heka.Field.STRING: "string",
    heka.Field.BYTES: "bytes",
    heka.Field.INTEGER: "integer",
    heka.Field.DOUBLE: "double",
    heka.Field.BOOL: "bool",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def severity_name(severity: int) -> str:
    """``ERROR``; ``SEVERITY 42`` outside the eight of syslog, which the wire permits."""
    known = 0 <= severity < len(SEVERITIES)
    return SEVERITIES[severity] if known else f"SEVERITY {severity}"


def type_name(field: heka.Field) -> str:
    """``integer``; ``type 9`` for a number that the protocol does not define."""
    if field.value_type is None:
        return "unknown"
    return _TYPES.get(field.value_type, f"type {field.value_type}")


def values_of(field: heka.Field) -> Sequence[Value]:
    """The field's values; empty for a field that came without any."""
    return list(field)


def local_time(timestamp: int) -> str:
    """``2026-03-01T14:02:11.123+01:00`` of ns since the epoch, in the machine's own zone."""
    moment = _moment(timestamp)
    with contextlib.suppress(OverflowError, OSError):  # a year the C library has no zone for
        moment = moment.astimezone()
    return moment.isoformat(timespec="milliseconds")


def _moment(timestamp: int) -> datetime:
    # Integer arithmetic: a float of seconds has no room for the microseconds of this century.
    return _EPOCH + timedelta(microseconds=timestamp // 1000)
