r"""A message as one line of JSON that jq reads, nothing shortened.

    {"time": "2026-03-01T13:02:11.123456789Z", "severity": "INFO", "type": "ads_served", ...
     "fields": {"size": {"value_type": "integer", "representation": "KiB", "values": [12]}}}

Pure ASCII: whatever a message contains is escaped as JSON escapes it. What JSON has no form for:
NaN and the infinities are the strings "NaN", "Infinity", "-Infinity"; bytes are base64; a byte that
is no UTF-8 is the lone surrogate of surrogateescape ("\udcff" is 0xff). ``timestamp_ns`` is exact;
tools that keep numbers as doubles (jq 1.6) round it, so ``time`` holds every digit as text.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any
from uuid import UUID

import heka
from heka.cli import values


def json_line(
    message: heka.Message,
    *,
    signer: str | None = None,
    signer_version: int | None = None,
    checked: bool = False,
    origin: str = "",
) -> str:
    """*message* as one line, its newline included; *checked*: signatures were looked at."""
    record = {
        "time": values.utc_time(message.timestamp),
        "timestamp_ns": message.timestamp,
        "uuid": str(UUID(bytes=message.uuid)),
        "severity": message.severity,
        "severity_name": values.severity_name(message.severity),
        "type": message.type,
        "logger": message.logger,
        "hostname": message.hostname,
        "pid": message.pid,
        "env_version": message.env_version,
        "payload": message.payload,
        "fields": {name: _field(field) for name, field in message.fields.items()},
        "signature_checked": checked,
        "signer": signer,
        "signer_version": signer_version,
        "from": origin,
    }
    return json.dumps(record, allow_nan=False) + "\n"


def _field(field: heka.Field) -> dict[str, Any]:
    return {
        "value_type": values.type_name(field),
        "representation": field.representation,
        "values": [_value(value) for value in values.values_of(field)],
    }


def _value(value: values.Value) -> bool | int | float | str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
