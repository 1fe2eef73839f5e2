"""Reads tests/wire/vectors/matcher.txt, the table that the C tests read too."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

TABLE = Path(__file__).resolve().parents[2] / "wire" / "vectors" / "matcher.txt"


class Row(NamedTuple):
    """One expression and its answer for a message, or its error."""

    dialect: str
    outcome: str
    subject: str
    text: str
    error: str


def read_table() -> tuple[dict[str, bytes], list[Row]]:
    """Return the encoded messages by name, and the rows."""
    messages: dict[str, bytes] = {}
    rows = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("message "):
            _, name, digits = line.split(" ")
            messages[name] = bytes.fromhex(digits)
        elif line and not line.startswith("#"):
            dialect, outcome, subject, text, *error = line.split("\t")
            decoded = unquote_to_bytes(text).decode("utf-8", "surrogateescape")
            rows.append(Row(dialect, outcome, subject, decoded, "".join(error)))
    return messages, rows
