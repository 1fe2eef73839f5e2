"""All valid protobuf is read as Google's protobuf reads it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wire.oracle import (
    RawMessage,
    first_of_each_name,
    parse,
    view_of_google,
    view_of_ours,
)
from wire.pieces import (
    chunk,
    field,
    fixed32,
    fixed64,
    group,
    key,
    message,
    number,
    peculiarities,
    varint,
)
from wire.strategies import FIELDS, HEADS, message_pieces
from wire.test_encode_oracle import google_bytes

import heka


def expected_view(data):
    """Return what Google reads, with fields as in a dict."""
    view = view_of_google(RawMessage.FromString(data))
    return view | {"fields": first_of_each_name(view["fields"])}


def ours(data):
    """Return the decoded message; None when decoding fails."""
    try:
        return heka.Message.decode(data)
    except heka.DecodeError:
        return None


@settings(max_examples=200)
@given(message_pieces())
def test_entries_in_any_order_and_form(data):
    """Unknown tags, any order, unpacked, split, padded, repeated scalars: as Google reads them."""
    assert view_of_ours(heka.Message.decode(data)) == expected_view(data)


@settings(max_examples=100)
@given(message_pieces(), message_pieces())
def test_concatenation_merges(first, second):
    """Two concatenated messages are one: the last scalar wins, fields are appended."""
    assert view_of_ours(heka.Message.decode(first + second)) == expected_view(first + second)


@settings(max_examples=150)
@given(message_pieces())
def test_encode_brings_foreign_bytes_into_canonical_form(data):
    """Google reads the same from what encode writes, except fields without values."""
    view = view_of_google(RawMessage.FromString(data))
    view["fields"] = [entry for entry in view["fields"] if entry[-1]]

    again = heka.Message.decode(data).encode()

    assert view_of_google(RawMessage.FromString(again)) == view
    assert heka.Message.decode(again).encode() == again


@settings(max_examples=150)
@given(message_pieces())
def test_reading_fields_changes_no_byte(data):
    """What a dict cannot represent (duplicates, fields without values) is kept unchanged."""
    read, unread = heka.Message.decode(data), heka.Message.decode(data)
    for value in read.fields.values():
        assert value == list(value)

    assert read.encode() == unread.encode()
    assert read == unread


@settings(max_examples=150)
@given(HEADS, FIELDS, st.data())
def test_attributes_that_are_absent(head, fields, data):
    """Each header attribute may be missing; it then has the default of the schema."""
    absent = data.draw(st.sets(st.sampled_from(sorted(set(head) - {"uuid", "timestamp"}))))
    message = RawMessage.FromString(google_bytes(head, fields))
    for name in absent:
        message.ClearField(name)
    wire = message.SerializeToString()

    assert view_of_ours(heka.Message.decode(wire)) == expected_view(wire)


@pytest.mark.parametrize("inside", [0, 1, 50, 127, 128, 129, 130, 131, 16_384, 300_000])
def test_a_group_is_skipped_whatever_its_size(inside):
    """What is in it, and behind it, is read as Google reads it; encoding leaves it out."""
    extra = group(99, number(5, 1), group(3, chunk(6, b"x" * inside)))
    data = message(extra, number(5, 4), field(chunk(1, b"a"), extra, chunk(4, b"v")), extra)
    decoded = heka.Message.decode(data)

    assert view_of_ours(decoded) == expected_view(data)
    assert (decoded.severity, list(decoded.fields["a"])) == (4, ["v"])
    assert decoded.encode() == heka.Message.decode(decoded.encode()).encode()
    assert len(decoded.encode()) < 100


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut", "double"]),
        st.integers(0, 2**16),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


def mutated(data, mutations):
    out = bytearray(data)
    for kind, where, byte in mutations:
        at = where % (len(out) + 1)
        if kind == "set" and at < len(out):
            out[at] = byte
        elif kind == "insert":
            out.insert(at, byte)
        elif kind == "delete":
            del out[at : at + 1 + byte % 4]
        elif kind == "cut":
            del out[at:]
        elif kind == "double":
            out[at:at] = out[at : at + byte]
    return bytes(out)


def verdict(data):
    """Return the message that Google reads from *data*; None unless its uuid has 16 bytes."""
    message = parse(data)
    return None if message is None or len(message.uuid) != 16 else message


def check_against_google(data):
    """Check that both refuse or read the same, unless *data* has a listed peculiarity."""
    theirs, mine = verdict(data), ours(data)
    if theirs is None:
        assert mine is None
    elif mine is None:
        assert peculiarities(data) & {"wire type", "number 0"}
    else:
        view = view_of_google(theirs)
        view["fields"] = first_of_each_name(view["fields"])
        assert view_of_ours(mine) == view or "enum" in peculiarities(data)


@settings(max_examples=500)
@given(message_pieces() | st.builds(google_bytes, HEADS, FIELDS), MUTATIONS)
@example(message(number(5, 1)), [("cut", 3, 0)])
@example(message(b"[\n\0\\"), [("set", 21, 0)])
def test_mutated_bytes(data, mutations):
    """DecodeError exactly when Google fails, or when uuid or timestamp is missing."""
    check_against_google(mutated(data, mutations))


@settings(max_examples=200)
@given(st.binary(max_size=64))
def test_any_bytes(tail):
    """After the required attributes, where random bytes are sometimes valid."""
    check_against_google(message(tail))


@settings(max_examples=100)
@given(st.binary(max_size=40))
def test_any_bytes_of_a_field(tail):
    check_against_google(message(field(chunk(1, b"n"), tail)))


# ---- explicit examples of what Google does -------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([number(6, 1), number(6, 2)], [1, 2], id="unpacked-integers"),
        pytest.param([chunk(6, b"\1\2"), chunk(6, b"\3")], [1, 2, 3], id="split-integers"),
        pytest.param([chunk(6, b"\1"), number(6, 2)], [1, 2], id="packed-then-unpacked"),
        pytest.param([chunk(6, b""), chunk(6, b"\1")], [1], id="an-empty-block-adds-nothing"),
        pytest.param([number(6, 7, padding=3)], [7], id="a-padded-varint"),
        pytest.param([number(6, 2**64 - 1)], [-1], id="minus-one"),
        pytest.param([chunk(5, b"x"), number(6, 1)], [1], id="beside-another-array"),
    ],
)
def test_integers_in_foreign_forms(parts, expected):
    data = message(field(chunk(1, b"n"), number(2, 2), *parts))

    assert heka.Message.decode(data).fields["n"] == expected
    assert expected_view(data)["fields"]["n"][-1] == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([fixed64(7, 1.5), fixed64(7, -2.5)], [1.5, -2.5], id="unpacked-doubles"),
        pytest.param([chunk(7, bytes(16)), fixed64(7, 1.0)], [0.0, 0.0, 1.0], id="mixed-doubles"),
    ],
)
def test_doubles_in_foreign_forms(parts, expected):
    data = message(field(chunk(1, b"n"), number(2, 3), *parts))

    assert heka.Message.decode(data).fields["n"] == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([number(8, 1), number(8, 0)], [True, False], id="unpacked-bools"),
        pytest.param([number(8, 2), number(8, 128)], [True, True], id="anything-but-0-is-true"),
        pytest.param([chunk(8, b"\x80\x01\x00")], [True, False], id="a-bool-of-two-bytes"),
        pytest.param([chunk(8, b"\x80\x00")], [False], id="a-padded-false"),
    ],
)
def test_bools_in_foreign_forms(parts, expected):
    data = message(field(chunk(1, b"n"), number(2, 4), *parts))

    assert heka.Message.decode(data).fields["n"] == expected
    assert expected_view(data)["fields"]["n"][-1] == expected


def test_only_the_array_that_value_type_names_is_read():
    parts = [chunk(4, b"s"), chunk(5, b"b"), number(6, 1), fixed64(7, 2.0), number(8, 1)]
    shown = [
        list(heka.Message.decode(message(field(chunk(1, b"n"), number(2, t), *parts))).fields["n"])
        for t in range(5)
    ]

    assert shown == [["s"], [b"b"], [1], [2.0], [True]]


def test_a_field_without_a_value_type_is_a_string():
    shown = heka.Message.decode(message(field(chunk(1, b"n"), chunk(4, b"s")))).fields["n"]

    assert (list(shown), shown.value_type) == (["s"], heka.Field.STRING)


def test_last_scalar_wins():
    data = message(number(5, 1), chunk(3, b"a"), number(5, 2), chunk(3, b"b"), number(2, 9))
    decoded = heka.Message.decode(data)

    assert (decoded.severity, decoded.type, decoded.timestamp) == (2, "b", 9)


def test_the_last_uuid_counts_even_if_the_first_is_no_uuid():
    data = chunk(1, b"short") + message(uuid=b"0123456789abcdef")

    assert heka.Message.decode(data).uuid == b"0123456789abcdef"


def test_an_int32_of_64_bits_is_cut_as_google_cuts_it():
    data = message(number(5, 2**32 + 3), number(8, 2**31))
    decoded = heka.Message.decode(data)

    assert (decoded.severity, decoded.pid) == (3, -(2**31))
    assert (decoded.severity, decoded.pid) == (parse(data).severity, parse(data).pid)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(number(11, 5), id="varint"),
        pytest.param(chunk(11, b"abc"), id="bytes"),
        pytest.param(fixed32(2**29 - 1), id="largest-number"),
        pytest.param(fixed64(100, 1.0), id="64-bit"),
    ],
)
@pytest.mark.parametrize("place", ["message", "field"])
def test_unknown_tags_are_skipped(extra, place):
    """They are skipped and not written again: lua_sandbox drops a message with one."""
    known = field(chunk(1, b"n"), number(2, 2), chunk(3, b""), chunk(6, b"\1"))
    body = message(known)
    parts = [chunk(1, b"n"), number(2, 2), chunk(3, b""), chunk(6, b"\1"), extra]
    foreign = message(field(*parts)) if place == "field" else message(known, extra)

    assert heka.Message.decode(foreign).fields == heka.Message.decode(body).fields
    assert extra not in heka.Message.decode(foreign).encode()


def test_a_varint_s_bits_past_the_64th_are_dropped():
    data = chunk(1, bytes(16)) + key(2, 0) + b"\xff" * 9 + b"\x7f"

    assert heka.Message.decode(data).timestamp == -1
    assert parse(data).timestamp == -1


@pytest.mark.parametrize("padding", [0, 1, 8])
def test_padded_lengths(padding):
    """A length may be padded up to the five bytes that Google reads."""
    data = chunk(1, bytes(16), min(padding, 4)) + number(2, 3, padding)

    assert heka.Message.decode(data).timestamp == 3


def test_what_is_canonical_and_what_is_not_give_equal_messages():
    """Both decoders make the same Message, which encodes to the same bytes."""
    canonical = heka.Message("t", "l", 3, {"a": [1, 2], "b": "x"}, "p").encode()
    foreign = canonical + number(99, 1)

    assert heka.Message.decode(foreign) == heka.Message.decode(canonical)
    assert heka.Message.decode(foreign).encode() == canonical


def test_bytes_that_are_not_canonical_are_written_canonically():
    unpacked = message(field(chunk(1, b"n"), number(2, 2), number(6, 1), number(6, 2)))

    assert heka.Message.decode(unpacked).encode() == (
        b"\x0a\x10" + bytes(range(16)) + b"\x10\x05"
        b"\x1a\x00\x22\x00\x28\x07\x32\x00\x3a\x00\x40\x00\x4a\x00"
        b"\x52\x0b\x0a\x01n\x10\x02\x1a\x00\x32\x02\x01\x02"
    )


def test_every_attribute_is_written_though_it_was_absent():
    """A minimal message comes back with everything present, as receivers want it."""
    assert heka.Message.decode(message()).encode().hex() == (
        "0a10000102030405060708090a0b0c0d0e0f10051a002200280732003a0040004a00"
    )


def test_varint_helper_pads():
    """The tests above depend on it."""
    assert (varint(1, 2), varint(300), varint(0, 1)) == (b"\x81\x80\x00", b"\xac\x02", b"\x80\x00")
