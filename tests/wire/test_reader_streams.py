"""StreamReader against the model of its rules: any stream, in any chunks, under any settings."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wire import model
from wire.frames import KEY, account, cut, feed, framed, payload, signed
from wire.oracle import RawHeader
from wire.pieces import chunk, field, fixed32, fixed64, message, number
from wire.strategies import UNKNOWN_FLAT

import heka

SIGNERS = {("ops", 1): KEY, ("ops", 2): b"other", ("", 0): b"nameless", ("dé", 7): b"\0"}
LIMIT = 300

BODIES = st.sampled_from(
    [
        payload(),
        payload("text", a=1),
        payload("\x1e\x1f" * 20),
        payload("x" * 150),
        payload("x" * LIMIT),
        message(),
        message(field(chunk(1, b"n")), number(99, 1)),
        payload(heka.frame(payload("hidden")).decode("latin-1")),
        b"",
        b"no message",
        payload()[:-3],
        payload() + b"\x52",
    ]
)
GOOD_SIGNATURES = st.sampled_from(
    [
        lambda body: heka.frame(body),
        lambda body: signed(body),
        lambda body: signed(body, b"ops", 2, b"other", "md5"),
        lambda body: signed(body, None, None, b"nameless", "md5"),
        lambda body: signed(body, "dé".encode(), 7, b"\0"),
    ]
)
BAD_SIGNATURES = st.sampled_from(
    [
        lambda body: signed(body, key=b"wrong"),
        lambda body: signed(body, digest=b""),
        lambda body: signed(body, hash_name="md5", number_=1),
        lambda body: signed(body, number_=2),
        lambda body: signed(body, number_=2**32 - 1),
        lambda body: signed(body, b"nobody", 1),
        lambda body: signed(body, b"ops", 3),
        lambda body: signed(body, b"\xff\xfe", 1),
        lambda body: signed(body, None, None),
        lambda body: framed(number(1, len(body)) + chunk(4, b"ops"), body),
        lambda body: framed(chunk(4, b"ops") + number(1, len(body)), body),
    ]
)
ODD_FRAMES = st.sampled_from(
    [
        lambda body: framed(b"", body),
        lambda body: framed(chunk(4, b"ops"), body),
        lambda body: framed(number(1, len(body) + 1), body),
        lambda body: framed(number(1, len(body) + 40), body),
        lambda body: framed(number(1, max(0, len(body) - 1)), body),
        lambda body: framed(number(1, 2**24), body),
        lambda body: framed(number(1, 2**24 + 1), body),
        lambda body: framed(number(1, 2**32 + len(body)), body),
        lambda body: framed(number(1, len(body)), body).replace(b"\x1f", b"\x1e", 1),
        lambda body: framed(number(1, len(body), padding=2), body),
        lambda body: framed(number(1, 7) + number(1, len(body)), body),
        lambda body: framed(number(99, 1) + fixed32(50) + number(1, len(body)), body),
        lambda body: framed(number(1, len(body)) + b"\x08", body),
        lambda body: framed(number(1, len(body)) + b"\x22\x7fx", body),
        lambda body: framed(number(1, len(body)) + b"\x0b\x0c", body),
        lambda body: framed(number(1, len(body)) + chunk(5, b"\1"), body),
    ]
)
FRAMES = st.builds(
    lambda make, body: make(body), GOOD_SIGNATURES | BAD_SIGNATURES | ODD_FRAMES, BODIES
)
GARBAGE = st.binary(max_size=12) | st.lists(
    st.sampled_from([b"\x1e", b"\x1f", b"\x1e\xff", b"\x1e\x02\x08", b"\x08", b"\0", b"a"])
).map(b"".join)
STREAMS = st.lists(FRAMES | FRAMES | GARBAGE, max_size=8).map(b"".join)
CUTS = st.lists(st.integers(0, 3000), max_size=12)
SETTINGS = st.fixed_dictionaries(
    {
        "max_message_size": st.sampled_from([1, 40, LIMIT, 65536]),
        "signers": st.sampled_from([None, {}, SIGNERS]),
        "require_signature": st.booleans(),
    }
).filter(lambda s: s["signers"] is not None or not s["require_signature"])


def check(stream, chunks, reader_settings):
    """Frames and counters of the reader equal the model's; every byte is counted at each step."""
    expected = model.read(stream, **reader_settings)
    reader = heka.StreamReader(**reader_settings)

    frames = feed(reader, chunks)

    assert [(f.payload, f.signer, f.signer_version) for f in frames] == expected.frames
    assert reader.refused == expected.refused
    assert account(reader) == {
        "delivered": expected.delivered_bytes,
        "refused": expected.refused_bytes,
        "discarded": expected.discarded_bytes,
        "pending": expected.pending_bytes,
    }
    for frame in frames:
        assert isinstance(frame.message, heka.Message)


@settings(max_examples=250)
@given(STREAMS, CUTS, SETTINGS)
@example(b"\x1e\xff", [], {})
@example(heka.frame(b""), [], {})
def test_any_stream_in_any_chunks(stream, cuts, reader_settings):
    check(stream, cut(stream, cuts), reader_settings)


@settings(max_examples=80)
@given(STREAMS, SETTINGS)
def test_byte_by_byte(stream, reader_settings):
    check(stream, [stream[i : i + 1] for i in range(len(stream))], reader_settings)


@settings(max_examples=60)
@given(STREAMS, st.integers(0, 3000), st.integers(0, 255), CUTS)
def test_one_byte_changed(stream, where, byte, cuts):
    """A changed byte loses no frame that the model still reads."""
    damaged = bytearray(stream)
    if damaged:
        damaged[where % len(damaged)] = byte
    check(bytes(damaged), cut(bytes(damaged), cuts), {"signers": SIGNERS})


@settings(max_examples=60)
@given(st.binary(max_size=200).map(lambda b: b.replace(b"\x05", b"\x1e")), CUTS)
def test_noise(noise, cuts):
    check(noise, cut(noise, cuts), {})


def test_every_way_to_cut_two_frames_in_three():
    """Exhaustive, unlike hypothesis."""
    stream = b"x" + signed(payload("a")) + b"\x1e" + heka.frame(payload("b"))[:-1]
    stream = stream[:60] + stream[-20:]  # short enough for all pairs of places
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            parts = [stream[:first], stream[first:second], stream[second:]]
            check(stream, parts, {})


HEADER_PIECES = st.one_of(
    st.builds(number, st.just(1), st.integers(0, 60), st.integers(0, 2)),
    st.builds(number, st.just(3), st.sampled_from([0, 1]), st.integers(0, 2)),
    st.builds(chunk, st.just(4), st.binary(max_size=20)),
    st.builds(number, st.just(5), st.integers(0, 2**32 - 1), st.integers(0, 2)),
    st.builds(chunk, st.just(6), st.binary(max_size=20)),
    UNKNOWN_FLAT,
    st.builds(fixed64, st.just(2), st.floats()),
)


@settings(max_examples=150)
@given(st.lists(HEADER_PIECES, max_size=5))
def test_headers_are_read_as_google_reads_them(parts):
    """Entries in any order, repeated, padded, unknown: the Message begins where Google says."""
    body = payload()
    header = b"".join([*parts, number(1, len(body))])
    if len(header) > 255:
        return
    google = RawHeader.FromString(header)
    key = b"key"
    digest = heka.SignerConfig("", 0, key, "md5" if google.hmac_hash_function == 0 else "sha1")
    header = b"".join([*parts, number(1, len(body)), chunk(6, digest.sign(body))])
    if len(header) > 255:
        return
    name = google.hmac_signer.decode("utf-8", "surrogateescape")
    signers = {} if not name.isprintable() else {(name, google.hmac_key_version): key}
    reader = heka.StreamReader(signers=signers)

    frames = reader.feed(framed(header, body))

    if signers:
        assert [(f.signer, f.signer_version) for f in frames] == [(name, google.hmac_key_version)]
    else:
        assert (frames, reader.refused) == ([], {"unknown_signer": 1})


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_feed_takes_whatever_has_bytes(kind):
    (frame,) = heka.StreamReader().feed(kind(heka.frame(payload("x"))))

    assert frame.payload == payload("x")


def test_a_chunk_may_be_reused_after_feed():
    """Pending bytes were copied, and returned frames own their bytes."""
    stream = heka.frame(payload("first")) + heka.frame(payload("second"))
    reader = heka.StreamReader()
    buffer = bytearray(50)
    frames = []
    for start in range(0, len(stream), 50):
        part = stream[start : start + 50]
        buffer[: len(part)] = part
        frames += reader.feed(memoryview(buffer)[: len(part)])
        buffer[:] = b"\xff" * 50

    assert [frame.message.payload for frame in frames] == ["first", "second"]
