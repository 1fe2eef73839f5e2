"""A received message as one line of JSON: that of ``heka.jsonlines``, with signer and origin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import heka
from heka import _core
from heka.jsonlines import record_of

#: Messages whose lines are made at once. With many more, the C library asks the system for memory
#: and returns it each time, which doubles the time of a line.
_AT_ONCE: Final = 128


def parts_of(block: heka.Block) -> Iterator[heka.Block]:
    """Yield *block* in parts of at most 128 messages."""
    for start in range(0, len(block), _AT_ONCE):
        yield block[start : start + _AT_ONCE]


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
