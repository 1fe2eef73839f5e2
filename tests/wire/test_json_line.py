"""The JSON line written in C is, byte for byte, what json.dumps writes of the message's record."""

from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wire import pieces
from wire.strategies import FIELDS, HEADS, RAW_TEXT, TEXT, message_pieces

import heka
from heka import _core
from heka.cli.show.jsonlines import json_line as line_of_listen
from heka.jsonlines import line_of, message_of, record_of, wire_of

ORIGIN = ("signature_checked", "signer", "signer_version", "from")


def dumped(message, **more):
    """Return the line that Python alone writes."""
    return json.dumps({**record_of(message), **more}, allow_nan=False) + "\n"


def line(data, *origin):
    """Return the line of *data* from C, the same from its bytes and from a Message."""
    text = _core.json_line(data, *origin)
    assert _core.json_line(heka.Message.decode(data), *origin) == text
    assert text.isascii()
    return text


def canonical(head, fields):
    """Return the bytes of a message made from values."""
    values = {
        name: heka.Field(values, representation, value_type)
        for name, (value_type, representation, values) in fields.items()
    }
    rest = {name: value for name, value in head.items() if name != "timestamp"}
    return heka.Message(timestamp_ns=head["timestamp"], fields=values, **rest).encode()


@settings(max_examples=60)
@given(HEADS, FIELDS)
def test_canonical_messages(head, fields):
    """The line gives the bytes back; but JSON has one NaN only, without a sign and other bits."""
    data = canonical(head, fields)

    assert line(data) == dumped(heka.Message.decode(data))
    if '"NaN"' not in line(data):
        assert message_of(line(data)).encode() == data
        assert wire_of(line(data)) == data


@settings(max_examples=150)
@given(message_pieces())
@example(pieces.message(pieces.field(pieces.chunk(1, b"n"), pieces.number(2, 4))))
@example(pieces.message(*[pieces.field(pieces.chunk(1, b"n"), pieces.chunk(4, b"v"))] * 40))
def test_messages_in_any_form(data):
    """Bytes that are not UTF-8, doubled names, fields without values, unknown entries."""
    assert line(data) == dumped(heka.Message.decode(data))
    assert line(wire_of(line(data))) == line(data)


@settings(max_examples=40)
@given(
    message_pieces(),
    st.booleans(),
    st.none()
    | st.tuples(
        RAW_TEXT.map(lambda raw: raw.decode("utf-8", "surrogateescape")), st.integers(0, 2**32 - 1)
    ),
    TEXT,
)
def test_the_line_of_listen(data, checked, signed, origin):
    """With the four keys of a receiver."""
    signer, version = signed or (None, None)
    expected = dumped(
        heka.Message.decode(data),
        **dict(zip(ORIGIN, (checked, signer, version, origin), strict=True)),
    )

    assert line(data, checked, signer, version, origin) == expected
    shown = line_of_listen(
        heka.Message.decode(data),
        signer=signer,
        signer_version=version,
        checked=checked,
        origin=origin,
    )
    assert shown == expected


def doubles(values):
    block = struct.pack(f"<{len(values)}d", *values)
    return pieces.message(
        pieces.field(pieces.chunk(1, b"d"), pieces.number(2, 3), pieces.chunk(7, block))
    )


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.floats(),
            st.integers(0, 2**64 - 1).map(
                lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]
            ),
            st.builds(
                lambda n, e: n * 10.0**e, st.integers(-(10**17), 10**17), st.integers(-25, 5)
            ),
        ),
        min_size=50,
        max_size=100,
    )
)
def test_doubles(values):
    """Each is written as repr writes it."""
    assert line(doubles(values)) == dumped(heka.Message.decode(doubles(values)))


def test_doubles_next_to_powers():
    """Around each power of two and ten, where the digits and the distance of doubles change."""
    middle = [math.ldexp(1, e) for e in range(-1074, 1024)] + [
        float(f"1e{e}") for e in range(-323, 309)
    ]
    values = [
        near
        for one in middle
        for near in (math.nextafter(one, 0), one, math.nextafter(one, math.inf))
    ]

    for start in range(0, len(values), 1000):
        data = doubles(values[start : start + 1000])
        assert line(data) == dumped(heka.Message.decode(data))


def test_fields_that_were_read_are_left_to_python():
    """They may have been changed: the line has what the dict has now."""
    message = heka.Message("t", fields={"a": 1})
    message.fields["b"] = "new"

    assert _core.json_line(message) is None
    assert json.loads(line_of(message))["fields"]["b"]["values"] == ["new"]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((), TypeError, "takes from 1 to 5 positional arguments but 0"),
        ((b"", True), TypeError, "but 2 were given; either 1 or all 5"),
        ((None,), TypeError, "bytes-like object is required"),
        ((b"",), heka.DecodeError, "uuid"),
        ((heka.Message(), True, None, None, None), TypeError, "origin must be str, not None"),
        ((heka.Message(), True, 1, 1, ""), TypeError, "signer must be str or None, not int"),
        ((heka.Message(), True, "ops", None, ""), ValueError, "given both, or None"),
        ((heka.Message(), True, "ops", "1", ""), TypeError, "signer_version"),
        ((heka.Message(), True, "ops", -1, ""), ValueError, "from 0 to 4294967295, got -1"),
        (
            (heka.Message(), True, "ops", 1, "\ud800"),
            heka.EncodeError,
            "signer or origin holds the lone surrogate",
        ),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error, match=text):
        _core.json_line(*arguments)


def test_checked_is_any_truth():
    class Undecided:
        def __bool__(self):
            raise RuntimeError("undecided")

    with pytest.raises(RuntimeError, match="undecided"):
        _core.json_line(heka.Message(), Undecided(), None, None, "")
    assert '"signature_checked": true' in _core.json_line(heka.Message(), [1], None, None, "")


# ---- back to bytes -------------------------------------------------------------------------------

UUID = bytes(range(16))
TEXTS = ("t", "", "", "", "")


def raw(*fields, uuid=UUID, timestamp=1, severity=7, pid=0, texts=TEXTS):
    return _core.encode_raw(uuid, timestamp, severity, pid, texts, list(fields))


def test_what_no_new_message_has_comes_back():
    """Bytes that are not UTF-8, and a field without values, as a decoded message has them."""
    data = raw(("\udcff", "\udcfe", 0, ["\udc80a"]), ("none", "", 2, []), texts=("\udc80",) * 5)
    message = heka.Message.decode(data)

    assert message.fields == {"\udcff": ["\udc80a"], "none": []}
    assert (message.type, message.hostname) == ("\udc80", "\udc80")
    assert wire_of(line(data)) == data
    with pytest.raises(heka.DecodeError, match="surrogate"):
        message_of(line(data))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"uuid": b"short"}, ValueError, "16 bytes"),
        ({"timestamp": 2**63}, ValueError, "timestamp_ns"),
        ({"severity": "3"}, TypeError, "severity"),
        ({"pid": 2**31}, ValueError, "pid"),
        ({"texts": ("a",) * 4}, TypeError, "a tuple of five str"),
        ({"texts": (b"a",) * 5}, TypeError, "an attribute must be str"),
        ({"texts": ("\ud800",) * 5}, heka.EncodeError, "an attribute holds a lone surrogate"),
        ({"texts": ("a" * 65_536, "", "", "", "")}, heka.EncodeError, "receivers take at most"),
    ],
)
def test_wrong_attributes(change, error, text):
    with pytest.raises(error, match=text):
        raw(**change)


@pytest.mark.parametrize(
    ("field", "error", "text"),
    [
        (["n", "", 0, []], TypeError, "list of values"),
        (("n", "", 0), TypeError, "list of values"),
        (("n", "", 0, ()), TypeError, "list of values"),
        (("n", "", "0", []), TypeError, "list of values"),
        ((1, "", 0, []), TypeError, "a field's name must be str"),
        (("n", None, 0, []), TypeError, "a representation must be str"),
        (("n", "", 5, []), ValueError, "value_type must be from 0 to 4, got 5"),
        (("n", "", 2**40, []), ValueError, "value_type"),
        (("\ud800", "", 0, []), heka.EncodeError, "a field's name or representation holds"),
        (("n", "", 0, [b""]), TypeError, "a string value must be str"),
        (("n", "", 0, ["\udc00"]), heka.EncodeError, "a string value holds a lone surrogate"),
        (("n", "", 1, [""]), TypeError, "a bytes value must be bytes"),
        (("n", "", 2, [1.0]), TypeError, "an integer value must be int"),
        (("n", "", 2, [2**63]), ValueError, "must fit in 64 bits"),
        (("n", "", 3, [1]), TypeError, "a double value must be float"),
        (("n", "", 4, [1]), TypeError, "a bool value must be bool"),
    ],
)
def test_wrong_fields(field, error, text):
    with pytest.raises(error, match=text):
        raw(field)


def test_wrong_number_of_arguments():
    with pytest.raises(TypeError, match="takes 6 positional arguments but 1 was given"):
        _core.encode_raw(UUID)
    with pytest.raises(TypeError, match="fields must be list"):
        _core.encode_raw(UUID, 1, 7, 0, TEXTS, ())


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"pid": 0', '"pid": 1e400', "pid: expected an integer, got inf"),
        ('"values": [1.5]', '"values": [1' + "0" * 400 + "]", "too large"),
        ('"values": [1.5]', '"values": ["x"]', "expected a number"),
        ('"fields": {', '"fields": 1, "more": {', "fields: expected an object, got 1"),
        ('"type": "t"', '"type": "\\ud800"', "lone surrogate"),
    ],
)
def test_lines_that_are_no_message(old, new, text):
    good = line(raw(("d", "", 3, [1.5])))
    assert old in good

    with pytest.raises(heka.DecodeError, match=text):
        wire_of(good.replace(old, new))


# ---- lines of a block ----------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(message_pieces(), min_size=1, max_size=5), st.booleans(), TEXT, st.booleans())
def test_the_lines_of_a_block(messages, checked, origin, is_signed):
    """They are those of its messages, one by one."""
    signer = heka.SignerConfig("ops", 7, b"key", "sha1") if is_signed else None
    keys = {("ops", 7): b"key"} if is_signed else None
    stream = b"".join(heka.frame(data, signer) for data in messages)
    (block,) = heka.BlockReader(signers=keys).feed(stream)
    known = ("ops", 7) if is_signed else (None, None)

    assert _core.json_lines(block).decode() == "".join(map(_core.json_line, messages))
    assert _core.json_lines(block, checked, origin).decode() == "".join(
        _core.json_line(data, checked, *known, origin) for data in messages
    )


def test_the_lines_of_large_blocks():
    """More than was allocated at first, as each byte takes six; and without the GIL."""
    wide = raw(texts=("\udcff" * 60_000, "", "", "", ""))
    for messages in ([wide] * 3, [raw(timestamp=n) for n in range(1000)]):
        (block,) = heka.BlockReader().feed(b"".join(map(heka.frame, messages)))
        assert _core.json_lines(block).decode() == "".join(map(_core.json_line, messages))


@pytest.mark.parametrize(
    ("more", "error", "text"),
    [
        ((True,), TypeError, "from 1 to 3 positional arguments but 2 were given"),
        ((True, None), TypeError, "origin must be str, not None"),
        ((True, "\ud800"), UnicodeEncodeError, "surrogates not allowed"),
    ],
)
def test_wrong_arguments_for_lines(more, error, text):
    (block,) = heka.BlockReader().feed(heka.pack("t"))

    with pytest.raises(error, match=text):
        _core.json_lines(block, *more)
    with pytest.raises(TypeError, match="block must be a heka\\.Block"):
        _core.json_lines(b"")
