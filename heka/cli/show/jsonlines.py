"""A received message as one line of JSON: that of ``heka.jsonlines``, with signer and origin."""

from __future__ import annotations

import json

import heka
from heka import _core
from heka.jsonlines import record_of


def json_line(
    message: heka.Message,
    *,
    signer: str | None = None,
    signer_version: int | None = None,
    checked: bool = False,
    origin: str = "",
) -> str:
    """Return *message* as one line with its newline; *checked*: signatures were verified."""
    line = _core.json_line(message, checked, signer, signer_version, origin)
    if line is not None:
        return line
    record = {
        **record_of(message),
        "signature_checked": checked,
        "signer": signer,
        "signer_version": signer_version,
        "from": origin,
    }
    return json.dumps(record, allow_nan=False) + "\n"
