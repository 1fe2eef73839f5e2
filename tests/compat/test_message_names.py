"""Names of heka.message and heka.signing that older programs import, beside the classes."""

from __future__ import annotations

import hashlib
import hmac
from types import SimpleNamespace

import pytest

import heka
import heka.message
import heka.signing


def test_limits_are_those_of_the_wire():
    assert heka.message.MAX_HEADER_SIZE == 255
    assert heka.message.MAX_MESSAGE_SIZE == 64 * 1024
    assert heka.message.UUID_SIZE == 16


def test_separators_are_those_of_a_frame():
    framed = heka.pack("t")

    assert framed[0] == heka.message.RECORD_SEPARATOR
    assert framed[2 + framed[1]] == heka.message.UNIT_SEPARATOR


def test_a_message_that_cannot_be_encoded_is_an_invalid_message():
    message = heka.message.Message("t", payload="x" * heka.message.MAX_MESSAGE_SIZE)

    with pytest.raises(heka.message.InvalidMessage, match="65536"):
        message.encode()


def test_a_program_may_raise_invalid_message_itself():
    with pytest.raises(heka.HekaError, match="16 bytes"):
        raise heka.message.InvalidMessage("UUID must be 16 bytes long")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("one", 5, id="one-value"),
        pytest.param("several", "a", id="first-of-several"),
        pytest.param("outer.inner", 1.5, id="nested"),
        pytest.param("flag", False, id="false"),
        pytest.param("absent", None, id="absent"),
    ],
)
def test_first_value_of_a_message_and_of_what_arrives(name, value):
    fields = {"one": 5, "several": ["a", "b"], "outer": {"inner": 1.5}, "flag": False}
    sent = heka.Message("t", fields=fields)
    arrived = heka.Message.decode(sent.encode())

    assert heka.message.first_value(sent, name) == value
    assert heka.message.first_value(arrived, name) == value
    assert type(heka.message.first_value(arrived, name)) is type(value)


def test_first_value_of_two_fields_of_one_name_is_that_of_the_first():
    once = heka.Message("t", fields={"n": "first"}, uuid=bytes(16), timestamp=1)
    field = once.encode()[len(heka.Message("t", uuid=bytes(16), timestamp=1).encode()) :]
    twice = heka.Message.decode(once.encode() + field.replace(b"first", b"other"))

    assert heka.message.first_value(twice, "n") == "first"


@pytest.mark.parametrize(
    ("value", "first"),
    [
        pytest.param("text", "text", id="text-is-one-value"),
        pytest.param([3, 4], 3, id="list"),
        pytest.param([], None, id="empty"),
    ],
)
def test_first_value_of_a_field_that_was_just_set(value, first):
    message = heka.Message("t")
    message.fields["n"] = value

    assert heka.message.first_value(message, "n") == first


@pytest.mark.parametrize(("name", "number"), [("md5", 0), ("sha1", 1)])
def test_sign_header_fills_any_object(name, number):
    header = SimpleNamespace(message_length=7)
    config = heka.SignerConfig("vic", 2, "some_key", name.upper())

    heka.signing.sign_header(header, b"payload", config)

    assert vars(header) == {
        "message_length": 7,
        "hmac_signer": "vic",
        "hmac_key_version": 2,
        "hmac_hash_function": number,
        "hmac": hmac.new(b"some_key", b"payload", getattr(hashlib, name)).digest(),
    }


def test_sign_header_signs_as_frame_does():
    payload = heka.Message("t").encode()
    config = heka.SignerConfig("vic", 1, b"key", "sha1")
    header = SimpleNamespace()

    heka.signing.sign_header(header, payload, config)

    assert header.hmac in heka.frame(payload, config)
