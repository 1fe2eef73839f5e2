"""A received message as one line of JSON: heka.jsonlines, and where the message comes from."""

from __future__ import annotations

import json

import heka
from heka.jsonlines import record_of


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
        **record_of(message),
        "signature_checked": checked,
        "signer": signer,
        "signer_version": signer_version,
        "from": origin,
    }
    return json.dumps(record, allow_nan=False) + "\n"
