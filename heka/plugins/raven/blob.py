"""The payload of a 'sentry' message: base64 of zlib of JSON."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from heka.exceptions import DecodeError

__all__ = ["RavenClient", "decode", "encode"]

#: Largest event that is read, in bytes of JSON; 64 KiB may decompress to 1,000 times that.
_LARGEST = 16 << 20
#: Compression levels: FAST takes a third of the time of SMALL and 10 % more bytes.
FAST = 3
SMALL = 6
_as_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def encode(event: Mapping[str, Any]) -> str:
    """Return *event* as the payload of a message."""
    return packed(as_json(event))


def as_json(event: Mapping[str, Any]) -> str:
    """Return *event* as JSON in ASCII."""
    return _as_json(event)


def well_formed(tree: Any) -> Any:
    """Return *tree*, made of what JSON knows, with lone surrogates as escapes.

    Strict readers of JSON refuse a whole event for one of them.
    """
    if isinstance(tree, str):
        return escaped(tree)
    if isinstance(tree, list):
        return [well_formed(value) for value in tree]
    if isinstance(tree, dict):
        made: dict[str, Any] = {}
        for name, value in tree.items():
            shown = escaped(name)
            while shown in made:
                shown += "*"
            made[shown] = well_formed(value)
        return made
    return tree


def escaped(text: str) -> str:
    r"""Return *text* with ``\udce9`` in six characters for a lone surrogate."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def packed(data: str, level: int = SMALL) -> str:
    """Return *data*, JSON in ASCII, as the payload of a message."""
    return base64.b64encode(zlib.compress(data.encode("ascii"), level)).decode("ascii")


def decode(blob: str | bytes) -> dict[str, Any]:
    """Return the event that *blob* encodes.

    Raises:
        DecodeError: *blob* is invalid; names the layer (base64, zlib, JSON) that is.
    """
    try:
        packed = base64.b64decode(blob, validate=False)
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"expected an event in base64: {error}") from None
    opener = zlib.decompressobj()
    try:
        data = opener.decompress(packed, _LARGEST)
    except zlib.error as error:
        raise DecodeError(f"expected an event compressed by zlib: {error}") from None
    if not opener.eof:
        cut = "is cut" if len(data) < _LARGEST else f"has more than {_LARGEST:,} bytes"
        raise DecodeError(f"expected a whole event; this one {cut}")
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"expected an event as JSON: {error}") from None
    if not isinstance(event, dict):
        raise DecodeError(f"expected an event, a JSON object, got {type(event).__name__}")
    return event


class RavenClient:
    """Encodes and decodes events, under the name of raven's class.

    It sends nothing, and ignores the arguments that raven's client takes.
    """

    def __init__(self, dsn: str | None = None, project: Any = None, **options: Any) -> None:
        """Ignore all arguments."""

    encode = staticmethod(encode)
    decode = staticmethod(decode)
