"""The uuid of a message: accepted values, refused values, and generated ones."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from python.unit.support import ways_of

import heka

ID = uuid.UUID("12345678-9abc-4def-8123-456789abcdef")
WAYS = ways_of("uuid")
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class Bytes(bytes):
    pass


class Text(str):
    pass


@every_way
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(ID.bytes, id="bytes"),
        pytest.param(Bytes(ID.bytes), id="bytes-subclass"),
        pytest.param(ID, id="UUID"),
        pytest.param(str(ID), id="text"),
        pytest.param(ID.hex, id="text-without-hyphens"),
        pytest.param(str(ID).upper(), id="upper-case"),
        pytest.param(Text(ID), id="str-subclass"),
    ],
)
def test_accepted_uuid_values(way, value):
    assert way(uuid=value) == ID.bytes


@every_way
@pytest.mark.parametrize("arguments", [{}, {"uuid": None}], ids=["absent", "None"])
def test_by_default_it_is_a_new_one_of_version_4(way, arguments):
    made = [uuid.UUID(bytes=way(**arguments)) for _ in range(1000)]

    assert {(one.version, one.variant) for one in made} == {(4, uuid.RFC_4122)}


@pytest.mark.parametrize(("way", "count"), [("Message", 50_000), ("pack", 2000), ("log", 2000)])
def test_new_ids_differ(way, count):
    assert len({WAYS[way]() for _ in range(count)}) == count


@every_way
@pytest.mark.parametrize("size", [0, 1, 15, 17, 32, 36])
def test_bytes_of_another_size(way, size):
    with pytest.raises(ValueError, match=f"uuid must be 16 bytes, got {size}"):
        way(uuid=bytes(size))


@every_way
@pytest.mark.parametrize("text", ["", "x" * 32, ID.hex[:-1], ID.hex + "0", "{" + str(ID) + "}"])
def test_text_that_is_not_a_uuid_is_refused(way, text):
    with pytest.raises(ValueError, match=r"uuid must be 32 hexadecimal digits, .* got '"):
        way(uuid=text)


@every_way
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, "int"),
        (ID.int, "int"),
        (bytearray(16), "bytearray"),
        (memoryview(bytes(16)), "memoryview"),
        ([0] * 16, "list"),
        (uuid.UUID, "type"),
    ],
)
def test_value_of_another_type_is_refused_as_uuid(way, value, kind):
    with pytest.raises(TypeError, match=f"uuid must be 16 bytes, uuid.UUID or str, not {kind}"):
        way(uuid=value)


class Short(uuid.UUID):
    """A UUID subclass with too few bytes."""

    @property
    def bytes(self) -> Any:
        return b"short"


class NoBytes(uuid.UUID):
    @property
    def bytes(self) -> Any:
        return "text"


@pytest.mark.parametrize(("kind", "error"), [(Short, ValueError), (NoBytes, TypeError)])
def test_uuid_subclass_whose_bytes_are_wrong_is_refused(kind, error):
    with pytest.raises(error, match="must be"):
        heka.Message(uuid=kind(int=1))


def test_the_attribute_takes_what_the_argument_takes():
    message = heka.Message()
    for value in (ID.bytes, ID, str(ID)):
        message.uuid = bytes(16)
        message.uuid = value

        assert message.uuid == ID.bytes


def test_the_attribute_is_not_set_by_none():
    """As an argument None means a new id; the attribute refuses None."""
    message = heka.Message(uuid=ID)

    with pytest.raises(TypeError, match="str, not None"):
        message.uuid = None

    assert message.uuid == ID.bytes


def test_the_size_has_a_name():
    assert heka.message.UUID_SIZE == 16 == len(heka.Message().uuid)
