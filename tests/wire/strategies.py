"""Strategies for hypothesis: texts, values, header attributes, and messages in pieces."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st
from wire import pieces

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
DATA = st.binary(max_size=40)
UUIDS = st.binary(min_size=16, max_size=16)

#: The values of one field, by value_type.
VALUES = [
    st.lists(TEXT, min_size=1, max_size=5),
    st.lists(DATA, min_size=1, max_size=5),
    st.lists(INT64, min_size=1, max_size=20),
    st.lists(st.floats(), min_size=1, max_size=20),
    st.lists(st.booleans(), min_size=1, max_size=20),
]


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[int, str, list[Any]]:
    """(value_type, representation, values)."""
    value_type = draw(st.integers(0, 4))
    return value_type, draw(st.just("") | TEXT), draw(VALUES[value_type])


HEADS = st.fixed_dictionaries(
    {
        "uuid": UUIDS,
        "timestamp": INT64,
        "type": TEXT,
        "logger": TEXT,
        "severity": INT32,
        "payload": TEXT | st.text("aä€🙂", min_size=100, max_size=300),
        "env_version": TEXT,
        "pid": INT32,
        "hostname": TEXT,
    }
)
FIELDS = st.dictionaries(TEXT, typed_values(), max_size=6)

# ---- messages in pieces ------------------------------------------------------------------------

PADDING = st.integers(0, 2)
RAW_TEXT = DATA | TEXT.map(str.encode)
NUMBERS = st.integers(1, 40)
#: Numbers that the schema does not have; 2^29 - 1 is the largest.
UNKNOWN_FLAT = st.one_of(
    st.builds(pieces.number, st.integers(11, 40), INT64, PADDING),
    st.builds(pieces.chunk, st.integers(11, 2**29 - 1), DATA),
    st.builds(pieces.fixed64, st.integers(11, 40), st.floats()),
    st.builds(pieces.fixed32, st.integers(11, 40)),
)
#: With groups, which only messages may have: a header with one is no header.
UNKNOWN = st.one_of(
    UNKNOWN_FLAT,
    # What is in a group may have any number.
    st.recursive(
        st.builds(pieces.group, st.integers(11, 40), st.builds(pieces.chunk, NUMBERS, DATA)),
        lambda inner: st.builds(pieces.group, st.integers(11, 40), inner, inner),
        max_leaves=4,
    ),
)


def _packed(tag: int, values: list[bytes]) -> bytes:
    return pieces.chunk(tag, b"".join(values))


VARINTS = st.lists(st.builds(pieces.varint, INT64, PADDING), max_size=5)
DOUBLES = st.lists(st.floats().map(lambda x: struct.pack("<d", x)), max_size=5)
#: An entry of a Field that may come any number of times, anywhere.
FIELD_PIECE = st.one_of(
    st.builds(pieces.number, st.just(2), st.integers(0, 4), PADDING),
    st.builds(pieces.chunk, st.just(3), RAW_TEXT),
    st.builds(pieces.chunk, st.just(4), RAW_TEXT),
    st.builds(pieces.chunk, st.just(5), DATA),
    st.builds(pieces.number, st.just(6), INT64, PADDING),
    st.builds(_packed, st.just(6), VARINTS),
    st.builds(pieces.fixed64, st.just(7), st.floats()),
    st.builds(_packed, st.just(7), DOUBLES),
    st.builds(pieces.number, st.just(8), INT64, PADDING),
    st.builds(_packed, st.just(8), VARINTS),
    st.builds(pieces.chunk, st.just(1), RAW_TEXT),
    UNKNOWN,
)


@st.composite
def field_pieces(draw: st.DrawFn) -> bytes:
    """One Field, its entries in any order, its name at least once."""
    parts = draw(st.lists(FIELD_PIECE, max_size=6))
    parts.insert(draw(st.integers(0, len(parts))), pieces.chunk(1, draw(RAW_TEXT)))
    return pieces.field(*parts)


MESSAGE_PIECE = st.one_of(
    st.builds(pieces.chunk, st.sampled_from([3, 4, 6, 7, 9]), RAW_TEXT, PADDING),
    st.builds(pieces.number, st.sampled_from([2, 5, 8]), INT64, PADDING),
    st.builds(pieces.chunk, st.just(1), UUIDS),
    field_pieces(),
    field_pieces(),
    UNKNOWN,
)


@st.composite
def message_pieces(draw: st.DrawFn) -> bytes:
    """A valid Message, its entries in any order, uuid and timestamp at least once."""
    parts = draw(st.lists(MESSAGE_PIECE, max_size=8))
    for needed in (pieces.chunk(1, draw(UUIDS)), pieces.number(2, draw(INT64))):
        parts.insert(draw(st.integers(0, len(parts))), needed)
    return b"".join(parts)
