"""``heka.Message``: arguments, attributes, comparing, copying, encoding."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from python.unit.support import ARGUMENTS, HEAD, TEXTS, BoomError, Index, Text, boom, sample

import heka

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

#: The attributes of a message made with ARGUMENTS.
ATTRIBUTES = {**ARGUMENTS, "fields": {"a": [1]}, "timestamp": 1_500_000_000}


def attributes(message: heka.Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in ATTRIBUTES}


# ---- construction -----------------------------------------------------------------------------


def test_defaults():
    message = heka.Message()

    assert {name: getattr(message, name) for name in TEXTS[:4]} == {
        "type": "",
        "logger": "",
        "payload": "",
        "env_version": "0.8",
    }
    assert (message.severity, message.fields) == (7, {})
    assert (message.pid, message.hostname) == (os.getpid(), socket.gethostname())


def test_arguments_by_position():
    assert attributes(heka.Message(*ARGUMENTS.values())) == ATTRIBUTES


def test_arguments_by_name():
    assert attributes(heka.Message(**ARGUMENTS)) == ATTRIBUTES


@pytest.mark.parametrize("count", range(len(ARGUMENTS) + 1))
def test_arguments_partly_by_position(count):
    """Keyword arguments in any order after the positional ones."""
    items = list(ARGUMENTS.items())
    by_name = dict(reversed(items[count:]))

    message = heka.Message(*[value for _, value in items[:count]], **by_name)

    assert attributes(message) == ATTRIBUTES


def test_timestamp_ns_has_no_position():
    message = heka.Message(timestamp_ns=5)

    assert message.timestamp == 5
    with pytest.raises(TypeError, match="from 0 to 10 positional arguments but 11 were given"):
        heka.Message(*ARGUMENTS.values(), 5)


@pytest.mark.parametrize("name", ["fields", "pid", "hostname", "timestamp", "uuid", "timestamp_ns"])
def test_none_is_the_default(name):
    message = heka.Message(**{name: None})

    assert message.fields == {}
    assert (message.pid, message.hostname) == (os.getpid(), socket.gethostname())
    assert len(message.uuid) == 16


@pytest.mark.parametrize("name", ["type", "logger", "severity", "payload", "env_version"])
def test_none_is_no_value_elsewhere(name):
    kind = "int" if name == "severity" else "str"
    with pytest.raises(TypeError, match=f"{name} must be {kind}, not None"):
        heka.Message(**{name: None})


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["", "a\0b", "é", "€", "😀", "x" * 70_000], ids=ascii)
def test_any_text(name, text):
    assert getattr(heka.Message(**{name: text}), name) == text


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_a_subclass_is_kept_as_plain_str(name):
    value = getattr(heka.Message(**{name: Text("é sub")}), name)

    assert (value, type(value)) == ("é sub", str)


@pytest.mark.parametrize("name", ["severity", "pid"])
@pytest.mark.parametrize(
    "number", [0, -1, 8, INT32_MIN, INT32_MAX, True, pytest.param(Index(3), id="index")]
)
def test_any_int32(name, number):
    assert getattr(heka.Message(**{name: number}), name) == number.__index__()


def test_new_makes_the_same():
    assert attributes(heka.Message.__new__(heka.Message, **ARGUMENTS)) == ATTRIBUTES
    assert heka.Message.__new__(heka.Message).env_version == "0.8"


# ---- attributes -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), ATTRIBUTES.items())
def test_attributes_are_writable(name, value):
    message = heka.Message()

    setattr(message, name, value)

    assert getattr(message, name) == value
    assert getattr(heka.Message.decode(message.encode()), name) == value


WRONG_TYPES = [
    *[(name, value, "str") for name in TEXTS for value in (1, b"x", None, ["x"])],
    *[(name, value, "int") for name in ("severity", "pid") for value in (1.0, "1", None, [1])],
    *[("uuid", value, "16 bytes, uuid.UUID or str") for value in (1, None, bytearray(16))],
    *[("fields", value, "a mapping or None") for value in (1, "ab", [("a", 1)])],
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG_TYPES)
def test_attributes_of_a_wrong_type(name, value, expected):
    message = sample()
    kind = "None" if value is None else type(value).__name__

    with pytest.raises(TypeError) as error:
        setattr(message, name, value)

    assert str(error.value) == f"{name} must be {expected}, not {kind}"
    assert attributes(message) == ATTRIBUTES


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [row for row in WRONG_TYPES if row[1] is not None or row[0] not in ("pid", "hostname", "uuid")],
)
def test_arguments_of_a_wrong_type(name, value, expected):
    with pytest.raises(TypeError) as error:
        heka.Message(**{name: value})

    kind = "None" if value is None else type(value).__name__
    assert str(error.value) == f"{name} must be {expected}, not {kind}"


@pytest.mark.parametrize("value", [1.5, "1", None])
def test_the_timestamp_attribute_is_in_nanoseconds(value):
    message = sample()

    with pytest.raises(TypeError, match="timestamp must be nanoseconds since the epoch as int"):
        message.timestamp = value

    assert attributes(message) == ATTRIBUTES


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("severity", INT32_MAX + 1, "severity must fit in 32 bits, got 2147483648"),
        ("severity", INT32_MIN - 1, "severity must fit in 32 bits, got -2147483649"),
        ("pid", 2**64, "pid must fit in 32 bits, got 18446744073709551616"),
        ("timestamp", 2**63, "timestamp must fit in 64 bits, got 9223372036854775808"),
        ("uuid", b"short", "uuid must be 16 bytes, got 5"),
    ],
)
def test_attributes_out_of_range(name, value, text):
    message = sample()

    with pytest.raises(ValueError, match=text):
        setattr(message, name, value)

    assert attributes(message) == ATTRIBUTES


@pytest.mark.parametrize("name", TEXTS)
def test_a_lone_surrogate_is_refused_at_once(name):
    message = sample()

    for make in (lambda: setattr(message, name, "€\ud800"), lambda: sample(**{name: "€\ud800"})):
        with pytest.raises(heka.EncodeError) as error:
            make()

        assert str(error.value).startswith(f"{name} holds the lone surrogate U+D800 at index 1, ")
        assert "replace it" in str(error.value)
    assert attributes(message) == ATTRIBUTES


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_cannot_be_deleted(name):
    message = sample()

    with pytest.raises(AttributeError, match=f"Message.{name} cannot be deleted"):
        delattr(message, name)

    assert attributes(message) == ATTRIBUTES


@pytest.mark.parametrize("name", ["severity", "pid", "timestamp"])
def test_a_number_whose_own_code_raises(name):
    message = sample()

    with pytest.raises(BoomError):
        setattr(message, name, Index(act=boom))
    with pytest.raises(BoomError):
        heka.Message(**{name: Index(act=boom)})

    assert attributes(message) == ATTRIBUTES


def test_fields_none_removes_them():
    message = sample()

    message.fields = None

    assert message.fields == {}


# ---- comparing --------------------------------------------------------------------------------


def test_messages_of_the_same_content_are_equal():
    assert sample() == sample()
    assert (sample() != sample()) is False


CHANGES = {
    **dict.fromkeys(TEXTS, "other"),
    "severity": 4,
    "pid": 43,
    "timestamp": 1_500_000_001,
    "uuid": bytes(16),
    "fields": {"a": 2},
}


@pytest.mark.parametrize(("name", "value"), CHANGES.items())
def test_each_attribute_counts(name, value):
    other = sample()
    setattr(other, name, value)

    assert sample() != other
    assert (sample() == other) is False


def test_a_message_is_equal_to_itself_whatever_it_holds():
    message = sample()
    message.fields["a"] = [float("nan")]

    assert message == message


@pytest.mark.parametrize("other", [None, 1, "x", b"", {}, object()])
def test_nothing_else_is_equal(other):
    assert sample() != other
    assert (sample() == other) is False


@pytest.mark.parametrize("order", ["__lt__", "__le__", "__gt__", "__ge__"])
def test_messages_have_no_order(order):
    assert getattr(sample(), order)(sample()) is NotImplemented


def test_unhashable():
    """A message is mutable."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(sample())


# ---- showing ----------------------------------------------------------------------------------


def test_repr():
    assert repr(sample()) == (
        "Message(type='counter', logger='ads', severity=3, "
        "fields={'a': Field([1], value_type=Field.INTEGER)}, payload='text', env_version='0.9', "
        "pid=42, hostname='db1', timestamp_ns=1500000000, "
        "uuid='00010203-0405-0607-0809-0a0b0c0d0e0f')"
    )


def test_repr_makes_the_message_again():
    message = sample(fields={"size": heka.Field(12, "KiB"), "s": ["a", "é"], "ok": True})

    made = eval(repr(message), {"Message": heka.Message, "Field": heka.Field})

    assert made == message


def test_repr_is_short_whatever_the_message_holds():
    message = heka.Message(**dict.fromkeys(TEXTS, "x" * 10_000), fields={"k": ["y" * 10_000] * 4})

    assert len(repr(message)) < 2000
    assert "xxx..." in repr(message)


class Silent:
    def __repr__(self) -> str:
        return boom()


def test_repr_does_not_fail_for_what_somebody_put_into_the_fields():
    message = sample()
    message.fields["bad"] = Silent()

    assert "<dict object, repr() failed>" in repr(message)


def test_repr_of_a_message_that_holds_itself():
    message = sample()
    message.fields["me"] = message

    assert "'me': Message(...)" in repr(message)


def test_repr_shows_bytes_that_are_no_utf8():
    message = heka.Message.decode(
        heka.Message("bad: ?", **HEAD).encode().replace(b"bad: ?", b"bad: \xff")
    )

    assert "type='bad: \\udcff'" in repr(message)
    repr(message).encode("ascii")
