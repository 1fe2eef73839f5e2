"""A message as a document of JSON, as stores of documents index it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from uuid import UUID

from heka.message import Field, Message

__all__ = ["document_of", "moment_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment_of(message: Message) -> datetime:
    """Return the time of *message* in UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=message.timestamp // 1000)


def document_of(message: Message) -> dict[str, Any]:
    """Return what is indexed of *message*.

    Fields are members of ``fields`` with their values; several are a list, bytes are hexadecimal
    digits, NaN and infinity, which JSON has not, are texts. Bytes that are no UTF-8 are U+FFFD.
    """
    stamp = moment_of(message).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "@timestamp": f"{stamp}.{message.timestamp % 1_000_000_000:09d}Z",
        "uuid": str(UUID(bytes=message.uuid)),
        "type": text_of(message.type),
        "logger": text_of(message.logger),
        "severity": message.severity,
        "hostname": text_of(message.hostname),
        "pid": message.pid,
        "env_version": text_of(message.env_version),
        "payload": text_of(message.payload),
        "fields": {text_of(name): _value(field) for name, field in message.fields.items()},
    }


def text_of(text: str) -> str:
    """Return *text* with U+FFFD for each byte that was no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _value(field: Any) -> Any:
    values = [_plain(each) for each in (field if isinstance(field, Field) else [])]
    return values[0] if len(values) == 1 else values


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
