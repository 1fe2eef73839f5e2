r"""Convert a message to one line of JSON, and back. Knows no streams and no files.

    {"time": "2026-03-01T13:02:11.123456789Z", "severity": 6, "type": "ads_served", ...
     "fields": {"size": {"value_type": "integer", "representation": "KiB", "values": [12]}}}

The line is ASCII: other characters are escaped as JSON escapes them. Integers keep every digit.
Values that JSON cannot represent: NaN and the infinities are the strings "NaN", "Infinity" and
"-Infinity"; bytes are base64; a byte that is not UTF-8 is the lone surrogate of surrogateescape
("\udcff" is 0xff). ``timestamp_ns`` is exact, but tools that keep numbers as doubles (jq 1.6) round
it, so ``time`` has every digit as text. If several fields of a received message have the same name,
the first one is written.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from heka._core import encode_raw, json_line
from heka.exceptions import DecodeError
from heka.message import Field, Message

__all__ = ["SEVERITY_NAMES", "line_of", "message_of", "record_of", "utc_time", "wire_of"]

SEVERITY_NAMES: Final = (
    *("EMERGENCY", "ALERT", "CRITICAL", "ERROR"),
    *("WARNING", "NOTICE", "INFO", "DEBUG"),
)
_TYPE_NAMES: Final = {
    Field.STRING: "string",
    Field.BYTES: "bytes",
    Field.INTEGER: "integer",
    Field.DOUBLE: "double",
    Field.BOOL: "bool",
}
_EPOCH: Final = datetime(1970, 1, 1)
_LINE_SHOWN = 60  # characters of a wrong line in the error text


def line_of(message: Message) -> str:
    """Return *message* as one line of JSON, with its newline."""
    return json_line(message) or json.dumps(record_of(message), allow_nan=False) + "\n"


def record_of(message: Message) -> dict[str, Any]:
    """Return *message* as a dict of types that JSON has."""
    return {
        "time": utc_time(message.timestamp),
        "timestamp_ns": message.timestamp,
        "uuid": str(UUID(bytes=message.uuid)),
        "severity": message.severity,
        "severity_name": severity_name(message.severity),
        "type": message.type,
        "logger": message.logger,
        "hostname": message.hostname,
        "pid": message.pid,
        "env_version": message.env_version,
        "payload": message.payload,
        "fields": {name: _record_of_field(one) for name, one in _typed_fields(message).items()},
    }


def severity_name(severity: int) -> str:
    """Return ``ERROR``; ``SEVERITY 42`` for a number above 7, which the wire permits."""
    known = 0 <= severity < len(SEVERITY_NAMES)
    return SEVERITY_NAMES[severity] if known else f"SEVERITY {severity}"


def utc_time(timestamp: int) -> str:
    """Return ns since the epoch as ``2026-03-01T13:02:11.123456789Z``, with every digit."""
    # Integer arithmetic: a float of seconds since the epoch cannot hold nanoseconds exactly.
    moment = _EPOCH + timedelta(seconds=timestamp // 1_000_000_000)
    return f"{moment.isoformat()}.{timestamp % 1_000_000_000:09d}Z"


def _typed_fields(message: Message) -> dict[str, Field]:
    """Return the fields as ``Field`` objects; a filter may have put plain values among them."""
    fields = message.fields
    if not all(
        isinstance(value, Field) and value.value_type is not None for value in fields.values()
    ):
        fields = Message.decode(message.encode()).fields
    return fields


def _record_of_field(field: Field) -> dict[str, Any]:
    kind = -1 if field.value_type is None else field.value_type
    return {
        "value_type": _TYPE_NAMES.get(kind, f"type {kind}"),
        "representation": field.representation,
        "values": [_json_of(value) for value in field],
    }


def _json_of(value: Any) -> bool | int | float | str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value  # type: ignore[no-any-return]  # a field holds values of wire types only


# ---- reading -----------------------------------------------------------------------------------


def message_of(line: str | bytes | bytearray) -> Message:
    """Return the message in *line*, as ``line_of`` has written it; unknown keys are ignored.

    Raises:
        DecodeError: *line* has another form, or its message contains a byte that is not UTF-8 or a
            field without values, which a new message cannot contain; ``wire_of`` accepts both.
    """
    record = _record_in(line)
    try:
        return Message(
            type=_take(record, "type", str),
            logger=_take(record, "logger", str),
            severity=_take(record, "severity", int),
            payload=_take(record, "payload", str),
            env_version=_take(record, "env_version", str),
            pid=_take(record, "pid", int),
            hostname=_take(record, "hostname", str),
            uuid=_take(record, "uuid", str),
            timestamp_ns=_take(record, "timestamp_ns", int),
            fields={
                name: Field(values, unit, kind) for name, unit, kind, values in _fields(record)
            },
        )
    except (TypeError, ValueError, OverflowError) as problem:
        raise _failure(line, str(problem)) from None


def wire_of(line: str | bytes | bytearray) -> bytes:
    """Return the encoded message in *line*, as ``line_of`` has written it; to be framed and sent.

    All of the message comes back, as bytes that are not UTF-8 and fields without values do. The
    bytes are those of the original if a client of Heka has encoded it.

    Raises:
        DecodeError: *line* has another form, or its message exceeds 65,536 bytes.
    """
    record = _record_in(line)
    try:
        return encode_raw(
            _take(record, "uuid", str),
            _take(record, "timestamp_ns", int),
            _take(record, "severity", int),
            _take(record, "pid", int),
            (
                _take(record, "type", str),
                _take(record, "logger", str),
                _take(record, "payload", str),
                _take(record, "env_version", str),
                _take(record, "hostname", str),
            ),
            list(_fields(record)),
        )
    except (TypeError, ValueError, OverflowError) as problem:
        raise _failure(line, str(problem)) from None


def _record_in(line: str | bytes | bytearray) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise _failure(line, f"not JSON ({problem})") from None
    if not isinstance(record, dict):
        raise _failure(line, "not a JSON object")
    return record


def _take(record: dict[str, Any], name: str, kind: type) -> Any:
    value = record.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wanted = {str: "text", int: "an integer", dict: "an object", list: "a list"}[kind]
        found = f"got {value!r}" if name in record else "found none"
        raise ValueError(f"{name}: expected {wanted}, {found}")
    return value


def _fields(record: dict[str, Any]) -> Iterator[tuple[str, str, int, list[Any]]]:
    """Yield name, representation, value type and values of each field."""
    for field, value in _take(record, "fields", dict).items():
        if not isinstance(value, dict):
            raise ValueError(f"fields: expected an object for each, got {value!r}")
        name = _take(value, "value_type", str)
        reader = _READERS.get(name)
        if reader is None:
            raise ValueError(f"value_type: expected one of {', '.join(_READERS)}, got {name!r}")
        kind, read = reader
        values = [read(one) for one in _take(value, "values", list)]
        yield field, _take(value, "representation", str), kind, values


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {value!r}")
    return value


def _bytes(value: Any) -> bytes:
    return base64.b64decode(_string(value), validate=True)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"expected an integer, got {value!r}")
    return value


def _double(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise ValueError(f"expected a number, NaN, Infinity or -Infinity, got {value!r}")


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")
    return value


_READERS: Final[dict[str, tuple[int, Callable[[Any], Any]]]] = {
    "string": (Field.STRING, _string),
    "bytes": (Field.BYTES, _bytes),
    "integer": (Field.INTEGER, _integer),
    "double": (Field.DOUBLE, _double),
    "bool": (Field.BOOL, _bool),
}


def _failure(line: str | bytes | bytearray, problem: str) -> DecodeError:
    error = DecodeError(f"expected a JSON line of a message: {problem}; got {line[:_LINE_SHOWN]!r}")
    error.offset = 0
    return error
