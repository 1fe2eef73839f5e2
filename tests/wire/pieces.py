"""Protobuf by hand, in forms that Google's encoder never produces: entries in any order.

An entry is a key and its value, as bytes; a message is any concatenation of entries. ``entries``
parses one, ``peculiarities`` names the forms that our decoder reads differently from Google's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
UUID = bytes(range(16))

#: The wire types that each number of Message and of Field may have.
MESSAGE_WIRES = {number: {BYTES} for number in (1, 3, 4, 6, 7, 9, 10)} | {
    number: {VARINT} for number in (2, 5, 8)
}
FIELD_WIRES = {number: {BYTES} for number in (1, 3, 4, 5)} | {
    2: {VARINT},
    6: {VARINT, BYTES},
    7: {FIXED64, BYTES},
    8: {VARINT, BYTES},
}


def varint(value: int, padding: int = 0) -> bytes:
    """Return *value* as a varint with *padding* redundant bytes, at most 10 in total."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    padding = min(padding, 9 - len(out))
    out.append(value | 0x80 if padding else value)
    if padding:
        out += b"\x80" * (padding - 1) + b"\0"
    return bytes(out)


def key(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def number(tag: int, value: int, padding: int = 0) -> bytes:
    """Return an entry that is a varint."""
    return key(tag, VARINT) + varint(value, padding)


def chunk(tag: int, data: bytes, padding: int = 0) -> bytes:
    """Return an entry that is length-delimited."""
    return key(tag, BYTES) + varint(len(data), padding) + data


def fixed64(tag: int, value: float) -> bytes:
    return key(tag, FIXED64) + struct.pack("<d", value)


def fixed32(tag: int, value: bytes = b"\1\2\3\4") -> bytes:
    return key(tag, FIXED32) + value


def group(tag: int, *parts: bytes) -> bytes:
    """Return a group that consists of *parts*."""
    return key(tag, GROUP) + b"".join(parts) + key(tag, GROUP_END)


def field(*parts: bytes) -> bytes:
    """Return the entry of one Field that consists of *parts*."""
    return chunk(10, b"".join(parts))


def message(*parts: bytes, uuid: bytes = UUID, timestamp: int = 5) -> bytes:
    """Return a Message with its required attributes, then *parts*."""
    return chunk(1, uuid) + number(2, timestamp) + b"".join(parts)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & ((1 << 64) - 1), at + index + 1
    raise ValueError("a varint of more than ten bytes")


def entries(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield (number, wire type, value); ValueError or IndexError if torn. A group has no value.

    Of what is in a group only entries with the number 0, which protobuf forbids, are yielded.
    """
    at = 0
    opened: list[int] = []
    while at < len(data):
        tag, at = _read_varint(data, at)
        wire = tag & 7
        value: int | bytes = 0
        if wire == VARINT:
            value, at = _read_varint(data, at)
        elif wire in (FIXED64, FIXED32, BYTES):
            size = 8 if wire == FIXED64 else 4
            if wire == BYTES:
                size, at = _read_varint(data, at)
            value = data[at : at + size]
            at += size
            if at > len(data):
                raise ValueError("torn")
        if not opened or tag >> 3 == 0:
            yield tag >> 3, wire, value
        if wire == GROUP:
            opened.append(tag >> 3)
        elif wire == GROUP_END and (not opened or opened.pop() != tag >> 3):
            raise ValueError("the end of another group")
    if opened:
        raise ValueError("torn")


def peculiarities(data: bytes) -> set[str]:
    """Return the forms in *data* that we intentionally treat differently from Google.

    ``wire type``: a known number with a wire type that is not its own; we refuse it as corrupt,
    Google keeps it among the unknown.
    ``enum``: a value_type that proto2 does not know; we read STRING whatever came before it,
    Google keeps the last one that it knows.
    ``number 0``: an entry with that number; we refuse it, Google passes over it in a group.
    """
    found = set()
    for number_, wire, value in entries(data):
        if number_ == 0:
            found.add("number 0")
        elif number_ in MESSAGE_WIRES and wire not in MESSAGE_WIRES[number_]:
            found.add("wire type")
        elif number_ == 10 and isinstance(value, bytes):
            for inner, inner_wire, inner_value in entries(value):
                if inner == 0:
                    found.add("number 0")
                elif inner in FIELD_WIRES and inner_wire not in FIELD_WIRES[inner]:
                    found.add("wire type")
                elif inner == 2 and inner_value not in range(5):
                    found.add("enum")
    return found
