"""Text of the program's objects, read without running code of the program."""

from __future__ import annotations

from typing import Any


def text_of(value: object, most: int) -> str | None:
    """Return *value* as text if it is a str, bytes or bytearray; subclasses count.

    Of bytes the first *most*, as latin-1. Only methods of the base classes are called.
    """
    kind = type(value)
    if issubclass(kind, str):
        return str.__str__(value)
    for base in (bytes, bytearray):
        if issubclass(kind, base):
            read: Any = base.__getitem__
            return str(read(value, slice(most)).decode("latin-1"))
    return None
