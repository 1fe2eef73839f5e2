"""Invalid messages: DecodeError with the offset of the wrong byte, in linear time.

Also the forms in which our decoder intentionally differs from Google's, each with its reason.
"""

from __future__ import annotations

import time

import pytest
from wire.oracle import parse
from wire.pieces import (
    BYTES,
    FIXED32,
    FIXED64,
    GROUP,
    GROUP_END,
    VARINT,
    chunk,
    field,
    fixed32,
    fixed64,
    group,
    key,
    message,
    number,
    varint,
)

import heka

NAME = chunk(1, b"n")
START = len(message())  # offset of the parts in message()


def refusal(data):
    with pytest.raises(heka.DecodeError) as caught:
        heka.Message.decode(data)
    return caught.value


# ---- what Google refuses as well ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        pytest.param(b"", 0, id="nothing"),
        pytest.param(number(2, 1), 2, id="no-uuid"),
        pytest.param(chunk(1, bytes(16)), 18, id="no-timestamp"),
        pytest.param(message(b"\x80"), START, id="torn-key"),
        pytest.param(message(b"\x28"), START + 1, id="torn-varint-missing"),
        pytest.param(message(b"\x28\x80\x80"), START + 1, id="torn-varint"),
        pytest.param(message(b"\x32"), START + 1, id="torn-length"),
        pytest.param(message(b"\x32\x05abcd"), START + 1, id="torn-string"),
        pytest.param(message(b"\x59\0\0\0"), START + 1, id="torn-64-bit"),
        pytest.param(message(b"\x5d\0\0\0"), START + 1, id="torn-32-bit"),
        pytest.param(message(b"\x28" + b"\xff" * 10 + b"\1"), START + 1, id="long-varint"),
        pytest.param(message(b"\0\0"), START, id="field-number-0"),
        pytest.param(message(b"\x5e"), START, id="wire-type-6"),
        pytest.param(message(b"\x5f"), START, id="wire-type-7"),
        pytest.param(message(b"\x88\x80\x80\x80\x80\1\1"), START, id="key-of-six-bytes"),
        pytest.param(message(field(b"")), START + 2, id="field-without-a-name"),
        pytest.param(message(field(number(2, 2))), START + 2, id="field-with-only-a-type"),
        pytest.param(message(b"\x52\x03\x0a\x05n"), START + 3, id="name-past-its-field"),
        pytest.param(message(field(NAME, chunk(6, b"\x80"))), START + 7, id="torn-packed-integer"),
        pytest.param(message(field(NAME, chunk(7, bytes(7)))), START + 7, id="7-bytes-of-double"),
        pytest.param(message(field(NAME, chunk(8, b"\x80"))), START + 7, id="torn-packed-bool"),
    ],
)
def test_refused_at(data, offset):
    """The offset is that of the wrong byte, from the start of the input."""
    error = refusal(data)

    assert error.offset == offset
    assert str(error).endswith(f"(byte {offset})")
    assert parse(data) is None


@pytest.mark.parametrize("size", [0, 1, 15, 17, 32, 36])
def test_a_uuid_of_another_size(size):
    """Google does not know how long a uuid is; lua_sandbox drops what is not 16 bytes."""
    error = refusal(message(uuid=bytes(size)))

    assert error.offset == 2
    assert f"expected a uuid of 16 bytes, got {size}" in str(error)


def test_a_last_uuid_of_another_size():
    assert refusal(message() + chunk(1, b"short")).offset == START + 2


def test_a_length_of_ten_gigabytes():
    """The length is compared with what is left; nothing is allocated for it."""
    data = message(key(6, BYTES) + varint(10 * 2**30) + b"x")
    error = refusal(data)

    assert error.offset == START + 1
    assert parse(data) is None


@pytest.mark.parametrize("claim", [2**31 - 1, 2**31, 2**32 - 1, 2**35 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("place", ["message", "field"])
def test_lengths_around_the_limits_of_integers(claim, place):
    """No length wraps round into the buffer."""
    lying = key(3, BYTES) + varint(claim) + b"x"
    data = message(field(NAME, lying) if place == "field" else lying)

    refusal(data)

    assert parse(data) is None


def test_every_truncation():
    """A prefix is a message only where an entry ends; nothing is read past the end."""
    data = heka.Message("t", "l", 3, {"a": [1, 2], "b": "x", "c": b"y", "d": 1.5}, "p").encode()
    for size in range(len(data)):
        whole = parse(data[:size]) is not None
        if whole:
            assert heka.Message.decode(data[:size]).uuid == data[2:18]
        else:
            assert refusal(data[:size]).offset <= size


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_decode_takes_whatever_has_bytes(kind):
    data = heka.Message("t", fields={"a": 1}).encode()

    assert heka.Message.decode(kind(data)).encode() == data


def test_decoding_does_not_keep_the_buffer():
    """Decoded values do not change when the buffer is reused."""
    buffer = bytearray(heka.Message("type", fields={"a": "value"}).encode())
    decoded = heka.Message.decode(buffer)
    expected = bytes(buffer)
    buffer[:] = b"\xff" * len(buffer)
    buffer.clear()

    assert decoded.encode() == expected


def test_decode_needs_contiguous_bytes():
    with pytest.raises(BufferError):
        heka.Message.decode(memoryview(bytes(40))[::2])


@pytest.mark.parametrize("place", ["message", "field"])
@pytest.mark.parametrize(
    ("parts", "text"),
    [
        pytest.param(key(20, GROUP), "the bytes end inside a group", id="without-an-end"),
        pytest.param(group(20, key(21, GROUP)), "expected the end of group 21", id="inner-open"),
        pytest.param(key(20, GROUP) + key(21, GROUP_END), "expected the end of", id="another-end"),
        pytest.param(key(20, GROUP_END), "group 20 ends, but has not begun", id="end-only"),
        pytest.param(key(20, GROUP) + key(1, VARINT), "inside a varint", id="torn-inside"),
        pytest.param(group(20, key(3, 6)), "wire type 6", id="unknown-wire-type"),
    ],
)
def test_groups_that_do_not_match_are_refused(place, parts, text):
    data = message(field(NAME, parts) if place == "field" else parts)

    assert text in str(refusal(data))
    assert parse(data) is None


# ---- intentional differences from Google ---------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        pytest.param(number(1, 1), "uuid", id="uuid"),
        pytest.param(chunk(2, b"\5"), "timestamp", id="timestamp"),
        pytest.param(number(3, 1), "type", id="type"),
        pytest.param(fixed64(4, 1.0), "logger", id="logger"),
        pytest.param(chunk(5, b"\5"), "severity", id="severity"),
        pytest.param(fixed32(5), "severity", id="severity-as-32-bit"),
        pytest.param(number(6, 1), "payload", id="payload"),
        pytest.param(number(7, 1), "env_version", id="env_version"),
        pytest.param(fixed64(8, 1.0), "pid", id="pid"),
        pytest.param(fixed32(9), "hostname", id="hostname"),
        pytest.param(number(10, 1), "fields", id="fields"),
        pytest.param(field(NAME, number(1, 1)), "Field.name", id="name"),
        pytest.param(field(NAME, chunk(2, b"\2")), "Field.value_type", id="value_type"),
        pytest.param(field(NAME, number(3, 1)), "Field.representation", id="representation"),
        pytest.param(field(NAME, number(4, 1)), "Field.value_string", id="value_string"),
        pytest.param(field(NAME, fixed64(5, 1.0)), "Field.value_bytes", id="value_bytes"),
        pytest.param(field(NAME, fixed64(6, 1.0)), "Field.value_integer", id="value_integer"),
        pytest.param(field(NAME, number(7, 1)), "Field.value_double", id="value_double"),
        pytest.param(field(NAME, fixed32(7)), "Field.value_double", id="double-as-32-bit"),
        pytest.param(field(NAME, fixed32(8)), "Field.value_bool", id="value_bool"),
    ],
)
def test_a_known_number_with_a_foreign_wire_type_is_refused(entry, name):
    """Google treats it as unknown, which would hide a damaged or foreign message."""
    data = message(entry)

    assert f"expected {name} as " in str(refusal(data))
    assert parse(data) is not None


@pytest.mark.parametrize("value_type", [5, 100, 2**31, 2**32 - 1, 2**64 - 1])
def test_an_unknown_value_type_is_read_as_string(value_type):
    """It counts as absent, even after a known one, which a proto2 reader would keep."""
    data = message(field(NAME, number(2, 2), number(2, value_type), chunk(4, b"s"), number(6, 1)))
    shown = heka.Message.decode(data).fields["n"]

    assert (list(shown), shown.value_type) == (["s"], heka.Field.STRING)


def test_foreign_bytes_over_a_mebibyte_are_refused():
    """protobuf-c needs up to 60 bytes of memory for each byte; canonical input is read in place.

    1 MiB is sixteen times what receivers take.
    """
    size = 1024 * 1024
    room = size - len(message(chunk(6, bytes(2**20 - 100)), number(99, 1))) + 2**20 - 100
    fits = message(chunk(6, bytes(room)), number(99, 1))
    assert len(fits) == size

    assert len(heka.Message.decode(fits).payload) == room
    too_long = message(chunk(6, bytes(room + 1)), number(99, 1))
    assert "at most 1048576 bytes, got 1048577" in str(refusal(too_long))


def test_canonical_bytes_over_a_mebibyte_are_read():
    data = message(chunk(3, b""), chunk(6, b"p" * 3_000_000))

    assert len(heka.Message.decode(data).payload) == 3_000_000


# ---- time and memory ----------------------------------------------------------------------------


def nested(depth, tag=10):
    """A length-delimited entry inside another, *depth* times."""
    data = b""
    for _ in range(depth):
        data = chunk(tag, data)
    return data


@pytest.mark.parametrize("tag", [10, 11])
def test_ten_thousand_nested_keys(tag):
    """Only one level is known; the content of unknown entries is not parsed."""
    data = message(nested(10_000, tag))
    if tag == 10:
        refusal(data)
    else:
        assert heka.Message.decode(data).fields == {}


def test_ten_thousand_nested_groups():
    """A hundred are read, as by Google."""
    data = message(nested_groups(10_000))

    assert "nested deeper than 100" in str(refusal(data))
    assert parse(data) is None
    assert heka.Message.decode(message(nested_groups(100))).fields == {}
    assert parse(message(nested_groups(100))) is not None


def nested_groups(depth):
    return key(11, GROUP) * depth + key(11, GROUP_END) * depth


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(number(99, 1), id="unknown-tags"),
        pytest.param(group(99), id="groups"),
        pytest.param(chunk(10, NAME + group(99) * 8), id="groups-in-fields"),
        pytest.param(chunk(10, NAME), id="fields-without-values"),
        pytest.param(chunk(3, b""), id="repeated-scalars"),
        pytest.param(chunk(10, NAME + number(2, 2) + number(6, 1) * 8), id="unpacked-integers"),
        pytest.param(chunk(10, NAME + number(99, 1) * 8), id="unknown-tags-in-fields"),
    ],
)
def test_a_mebibyte_of_small_entries_takes_linear_time(unit):
    """Some 10 ms. Work that grew with the square of the entries would take minutes."""
    data = message(unit * (((1 << 20) - 64) // len(unit)))

    start = time.perf_counter()
    heka.Message.decode(data)
    assert time.perf_counter() - start < 2


def test_wire_type_constants():
    """The tests above depend on them."""
    assert [VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32] == [0, 1, 2, 3, 4, 5]
