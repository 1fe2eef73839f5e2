"""``heka.frame`` and ``heka.pack``: one framed message."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from python.unit.support import HEAD, BoomError, Index, boom

import heka

MAX = 65_536
SIGNER = heka.SignerConfig("ops", 1, "key", "sha1")
SIGNERS = {
    "unsigned": None,
    "sha1": SIGNER,
    "md5": heka.SignerConfig("é" * 50, 2**32 - 1, b"\0", "md5"),
}
every_signer = pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)


# ---- frame ------------------------------------------------------------------------------------


def test_an_unsigned_frame():
    """Record separator, length of the header, header (the message's length), unit separator."""
    assert heka.frame(b"abc") == b"\x1e\x02\x08\x03\x1fabc"
    assert heka.frame(b"") == b"\x1e\x02\x08\x00\x1f"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@every_signer
def test_the_payload_may_be_whatever_has_bytes(kind, signer):
    assert heka.frame(kind(b"abc"), signer) == heka.frame(b"abc", signer)
    assert type(heka.frame(kind(b"abc"), signer)) is bytes


def test_arguments_by_name():
    assert heka.frame(signer_config=SIGNER, payload=b"abc") == heka.frame(b"abc", SIGNER)
    assert heka.frame(b"abc", signer_config=None) == heka.frame(b"abc")


@pytest.mark.parametrize("payload", ["text", None, 5, [1], heka.Message()])
def test_a_payload_without_bytes(payload):
    with pytest.raises(TypeError, match="a bytes-like object is required, not"):
        heka.frame(payload)


def test_a_payload_with_gaps():
    with pytest.raises(BufferError):
        heka.frame(memoryview(b"a-b-")[::2])


@pytest.mark.parametrize("signer", ["ops", ("ops", 1, "key", "sha1"), 5, heka.SignerConfig])
def test_object_that_is_not_a_signer_is_refused(signer):
    with pytest.raises(TypeError, match="signer_config must be SignerConfig or None, not"):
        heka.frame(b"", signer)
    with pytest.raises(TypeError, match="signer must be SignerConfig or None, not"):
        heka.pack(signer=signer)


@every_signer
@pytest.mark.parametrize("size", [MAX + 1, 10 * MAX])
def test_more_than_65536_bytes(signer, size):
    """Receivers silently drop a larger message, so it is an error that names both sizes."""
    with pytest.raises(heka.EncodeError) as error:
        heka.frame(bytes(size), signer)

    assert str(error.value) == (
        f"a message of {size} bytes; receivers take at most {MAX}, shorten its payload or fields"
    )


def test_frame_does_not_validate_the_message():
    """frame() does not validate the message; a reader does."""
    assert heka.StreamReader().feed(heka.frame(b"no message")) == []


# ---- pack -------------------------------------------------------------------------------------

ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"type": "t", "logger": "l", "severity": 3, "payload": "p", "env_version": "1"},
    {"fields": {"a": 1, "b": [1.5, 2.5], "c": {"d": "x", "e": b"\xff"}, "f": True}},
    {"fields": {"size": heka.Field(12, "KiB"), "n": Index(5)}},
    {"payload": "é€😀" * 3000},
    {"payload": "x" * 60_000},
    {"type": "é", "logger": "€", "hostname": "😀"},
    {"severity": -1, "pid": -(2**31)},
]


@every_signer
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_pack_is_frame_of_encode(arguments, signer):
    """Byte for byte."""
    arguments = {**HEAD, **arguments}

    packed = heka.pack(**arguments, signer=signer)

    assert packed == heka.frame(heka.Message(**arguments).encode(), signer)


def test_pack_takes_the_positions_of_message():
    arguments = ("t", "l", 6, {"a": 1}, "p", "0.8", 1, "h", 1.5, bytes(16))

    assert heka.pack(*arguments) == heka.frame(heka.Message(*arguments).encode())


@every_signer
def test_pack_takes_what_fits_exactly(signer):
    room = MAX - len(heka.Message(payload="x" * 60_000, **HEAD).encode()) + 60_000

    packed = heka.pack(payload="x" * room, **HEAD, signer=signer)

    assert packed == heka.frame(heka.Message(payload="x" * room, **HEAD).encode(), signer)
    with pytest.raises(heka.EncodeError, match="a message of 65537 bytes; receivers take at most"):
        heka.pack(payload="x" * (room + 1), **HEAD, signer=signer)


@pytest.mark.parametrize(
    "arguments",
    [
        {"payload": "x" * (2**24 + 1)},
        {"fields": {"k": "x" * (2**24 + 1)}},
        {"fields": {"k": b"x" * (2**24 + 1)}},
        {"fields": {"k": itertools.repeat("x" * 1000)}},
        {"fields": {"x" * (2**24 + 1): 1}},
        {"fields": {"x" * (2**24 + 1): {"y": 1}}},
    ],
    ids=["payload", "str", "bytes", "endless-iterator", "name", "outer-name"],
)
def test_endless_iterator_is_refused_soon(arguments):
    """An endless iterator must not use all memory."""
    with pytest.raises(heka.EncodeError, match=r"more than 16777216 bytes; .* at most 65536"):
        heka.pack(**arguments)


@pytest.mark.parametrize("name", ["severity", "pid", "timestamp_ns"])
def test_exception_of_a_values_own_code_is_passed_on(name):
    with pytest.raises(BoomError):
        heka.pack(**{name: Index(act=boom)})
