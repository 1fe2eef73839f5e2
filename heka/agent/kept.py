"""What plugins keep on disk over a restart: small JSON files, which are never half written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["RottenError", "hash_of", "load", "name_of", "save"]

#: Bytes of a file that are read.
_SIZE_MAX: Final = 64 * 1024 * 1024
_NAME_MAX: Final = 200


class RottenError(ValueError):
    """A file does not have the contents that were written."""


def hash_of(data: bytes) -> str:
    """Return the SHA-1 of *data*, which is no secret."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def save(path: str, values: Mapping[str, Any]) -> None:
    """Write *values* to *path*, which has the old or the new contents at any time; OSError."""
    text = json.dumps(values, indent=1)
    new = path + ".new"
    with open(new, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{hash_of(text.encode('utf-8', 'surrogateescape'))}\n{text}\n")
    os.replace(new, path)


def load(path: str) -> dict[str, Any] | None:
    """Return what was saved in *path*; None: there is no such file.

    Raises:
        RottenError: It has other contents than were written.
        OSError: It cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            contents = file.read(_SIZE_MAX)
    except FileNotFoundError:
        return None
    digest, _, text = contents.partition("\n")
    text = text.removesuffix("\n")
    if digest != hash_of(text.encode("utf-8", "surrogateescape")):
        raise RottenError(f"{path!r} does not have the contents that were written")
    try:
        values = json.loads(text)
    except ValueError as failure:
        raise RottenError(f"{path!r} has no JSON: {failure}") from None
    if not isinstance(values, dict):
        raise RottenError(f"{path!r} has no object")
    return values


def name_of(text: str) -> str:
    """Return *text* as the name of a file: what is not harmless becomes %XX."""
    raw = os.fsencode(text)
    name = "".join(
        chr(byte) if byte < 128 and (chr(byte).isalnum() or byte in b"-_") else f"%{byte:02X}"
        for byte in raw
    )
    return name if len(name) <= _NAME_MAX else f"{name[:150]}-{hash_of(raw)}"
