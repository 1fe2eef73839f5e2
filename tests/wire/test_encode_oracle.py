"""What we write is byte for byte what Google's protobuf writes for the same content."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.oracle import VALUE_ARRAYS, Message
from wire.strategies import FIELDS, HEADS, INT64, TEXT, VALUES

import heka

FAST = settings(max_examples=150)


def google_bytes(head, fields):
    """Return Google's bytes of a message in which everything is present."""
    message = Message(**head)
    for name, (value_type, representation, values) in fields.items():
        field = message.fields.add(name=name, value_type=value_type, representation=representation)
        getattr(field, VALUE_ARRAYS[value_type]).extend(values)
    return message.SerializeToString(deterministic=True)


def our_arguments(head, fields):
    return {
        **{name: value for name, value in head.items() if name != "timestamp"},
        "timestamp_ns": head["timestamp"],
        "fields": {
            name: heka.Field(values, representation, value_type)
            for name, (value_type, representation, values) in fields.items()
        },
    }


@FAST
@given(HEADS, FIELDS)
def test_message(head, fields):
    assert heka.Message(**our_arguments(head, fields)).encode() == google_bytes(head, fields)


@FAST
@given(HEADS, FIELDS)
def test_message_set_attribute_by_attribute(head, fields):
    """A message built from nothing by assignment is the one that was built at once."""
    message = heka.Message()
    for name, value in head.items():
        setattr(message, name, value)
    message.fields.update(our_arguments(head, fields)["fields"])

    assert message.encode() == google_bytes(head, fields)


@FAST
@given(HEADS, FIELDS)
def test_pack(head, fields):
    """One call makes the frame of the encoded message: the arguments straight to bytes."""
    assert heka.pack(**our_arguments(head, fields)) == heka.frame(google_bytes(head, fields))


@FAST
@given(HEADS, st.dictionaries(TEXT, st.integers(0, 4).flatmap(lambda t: VALUES[t]), max_size=6))
def test_plain_lists(head, fields):
    """Lists of built-in values need no Field to get their type."""
    types = {str: 0, bytes: 1, int: 2, float: 3, bool: 4}
    described = {name: (types[type(values[0])], "", values) for name, values in fields.items()}

    arguments = our_arguments(head, {}) | {"fields": fields}

    assert heka.Message(**arguments).encode() == google_bytes(head, described)


LEAVES = st.recursive(
    st.dictionaries(TEXT.filter(lambda name: "." not in name), INT64, max_size=3),
    lambda inner: st.dictionaries(
        TEXT.filter(lambda name: "." not in name), INT64 | inner, max_size=3
    ),
    max_leaves=12,
)


def flattened(mapping, prefix=""):
    for name, value in mapping.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", (2, "", [value])


@FAST
@given(HEADS, LEAVES)
def test_nested_dicts(head, nested):
    """A nested dict is written like its flat form, in depth-first order."""
    arguments = our_arguments(head, {}) | {"fields": nested}

    assert heka.Message(**arguments).encode() == google_bytes(head, dict(flattened(nested)))


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 129, 16_382, 16_383, 16_384, 60_000])
@pytest.mark.parametrize(("value_type", "unit"), [(0, "x"), (1, b"x"), (2, 1), (3, 1.0), (4, True)])
def test_lengths_around_the_sizes_of_a_varint(size, value_type, unit):
    """A length starts as one byte and may grow: the bytes after it stay the same."""
    if value_type < 2:
        values = [unit * size]
    else:
        values = [unit] * max(1, size // (8 if value_type == 3 else 1))
    head = {"uuid": bytes(16), "timestamp": 1, "type": "t", "logger": "", "severity": 7}
    head |= {"payload": "", "env_version": "0.8", "pid": 1, "hostname": "h"}
    fields = {"f": (value_type, "unit", values), "after": (2, "", [7])}

    assert heka.Message(**our_arguments(head, fields)).encode() == google_bytes(head, fields)


@pytest.mark.parametrize("name", ["type", "logger", "payload", "env_version", "hostname"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("é" * 100, id="latin-1"),
        pytest.param("€" * 100, id="two-bytes-a-character"),
        pytest.param("🙂" * 100, id="four-bytes-a-character"),
        pytest.param("a" * 63 + "é", id="one-letter-behind-ascii"),
        pytest.param("\0", id="nul"),
        pytest.param("\ud7ff\ue000￿\U0010ffff", id="around-the-surrogates"),
    ],
)
def test_text_of_each_kind(name, text):
    """CPython keeps text in three widths; each becomes the UTF-8 that str.encode makes."""
    data = heka.Message(**{"type": "", name: text}).encode()

    assert text.encode() in data
    assert getattr(heka.Message.decode(data), name) == text
