"""Message ids, compared with the ``uuid`` module: version 4, and parsing of text."""

from __future__ import annotations

import threading
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.strategies import UUIDS

import heka


def test_every_free_bit_takes_both_values():
    """122 of the 128 bits are random: none is constant."""
    made = [int.from_bytes(heka.Message().uuid, "big") for _ in range(200)]
    ones, zeros = 0, 0
    for number in made:
        ones |= number
        zeros |= ~number
    free = ones & zeros & (2**128 - 1)

    assert free == 0xFFFFFFFF_FFFF_0FFF_3FFF_FFFFFFFFFFFF


def test_threads_make_different_ids():
    """Each thread has a generator of its own, and each its own seed."""
    made: list[bytes] = []

    def make():
        made.extend(heka.pack("t")[6:22] for _ in range(2000))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 16_000


@given(UUIDS)
@settings(max_examples=60)
def test_text_is_read_as_uuid_reads_it(data):
    expected = uuid.UUID(bytes=data)
    forms = [
        str(expected),
        expected.hex,
        str(expected).upper(),
        expected.hex.upper(),
        expected,
        data,
    ]

    assert [heka.Message(uuid=form).uuid for form in forms] == [data] * 6


@given(UUIDS)
@settings(max_examples=40)
def test_repr_prints_it_as_uuid_does(data):
    assert f"uuid='{uuid.UUID(bytes=data)}')" in repr(heka.Message(uuid=data))


@given(st.text("0123456789abcdefABCDEF-{}:urn gG\0é", max_size=40))
@settings(max_examples=150)
def test_no_text_is_read_differently(text):
    """We accept the common forms only, and each gives the same as ``uuid.UUID``."""
    try:
        ours = heka.Message(uuid=text).uuid
    except ValueError:
        return
    assert ours == uuid.UUID(text).bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 31,
        "0" * 33,
        "0" * 31 + "g",
        "0" * 31 + "\0",
        "00000000-0000-0000-0000-00000000000",
        "00000000-0000-0000-00000-0000000000",
        "0000000-00000-0000-0000-000000000000",
        "00000000_0000_0000_0000_000000000000",
        "{00000000-0000-0000-0000-000000000000}",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
        "+" + "0" * 31,
        " " + "0" * 31,
        "0x" + "0" * 30,
        "٠" * 32,
        "\ud800" * 32,
    ],
)
def test_text_that_is_no_uuid(text):
    with pytest.raises(ValueError, match=r"uuid|surrogates"):
        heka.Message(uuid=text)


def test_a_uuid_of_any_version_is_kept():
    """A given id may have any version; only ids that we make are version 4."""
    for data in (bytes(16), b"\xff" * 16, uuid.uuid1().bytes):
        assert heka.Message(uuid=data).uuid == data
