"""Signatures and frame headers, compared with ``hmac`` and Google's protobuf."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wire.oracle import RawHeader

import heka

HASHES = ("sha1", "md5")
NUMBERS = {"md5": 0, "sha1": 1}
PAYLOAD = heka.Message("t", payload="signed").encode()


@pytest.mark.parametrize("hash_name", HASHES)
def test_every_key_length(hash_name):
    """1 to 200 bytes: HMAC hashes keys that are longer than its block of 64 bytes."""
    for size in range(1, 201):
        key = bytes((7 * i + size) % 256 for i in range(size))
        signer = heka.SignerConfig("ops", 1, key, hash_name)

        assert signer.sign(PAYLOAD) == hmac.digest(key, PAYLOAD, hash_name), size


@pytest.mark.parametrize("hash_name", HASHES)
@given(st.binary(min_size=1, max_size=150), st.binary(max_size=5000))
@settings(max_examples=60)
@example(b"\0", b"")
def test_sign(hash_name, key, data):
    signer = heka.SignerConfig("ops", 1, key, hash_name)

    assert signer.sign(data) == hmac.digest(key, data, hash_name)


@pytest.mark.parametrize("hash_name", HASHES)
def test_one_signer_signs_many_messages(hash_name):
    """A signature does not change the stored key."""
    signer = heka.SignerConfig("ops", 1, "key", hash_name)
    messages = [bytes([i]) * i for i in range(200)]

    assert [signer.sign(m) for m in messages] == [
        hmac.digest(b"key", m, hash_name) for m in messages
    ]


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=1, max_size=80),
    st.sampled_from(HASHES),
    st.binary(max_size=400),
)
@settings(max_examples=150)
@example("ops", 2**32 - 1, b"\0", "md5", b"")
def test_frame_is_separators_google_s_header_and_payload(name, version, key, hash_name, payload):
    signer = heka.SignerConfig(name, version, key, hash_name)
    header = RawHeader(
        message_length=len(payload),
        hmac_hash_function=NUMBERS[hash_name],
        hmac_signer=name.encode(),
        hmac_key_version=version,
        hmac=hmac.digest(key, payload, hash_name),
    ).SerializeToString(deterministic=True)

    expected = b"\x1e" + bytes([len(header)]) + header + b"\x1f" + payload
    assert heka.frame(payload, signer) == expected


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_unsigned_frame(payload):
    header = RawHeader(message_length=len(payload)).SerializeToString()

    assert heka.frame(payload) == b"\x1e" + bytes([len(header)]) + header + b"\x1f" + payload


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 65_535, 65_536])
@pytest.mark.parametrize("hash_name", [None, *HASHES])
def test_header_at_each_length_of_its_varint(size, hash_name):
    signer = hash_name and heka.SignerConfig("ops", 300, "key", hash_name)
    payload = b"p" * size
    framed = heka.frame(payload, signer)
    header = RawHeader.FromString(framed[2 : 2 + framed[1]])

    assert framed[2 + framed[1]] == 0x1F
    assert framed[3 + framed[1] :] == payload
    assert framed[2] == 0x08  # Hindsight reads nothing but the length, and only at the front
    assert header.message_length == size
    assert header.HasField("hmac") == (signer is not None)


@pytest.mark.parametrize("length", range(80, 201, 8))
def test_headers_over_127_bytes(length):
    """The length of the header is unsigned: 128 to 255 are sizes, not negative numbers."""
    signer = heka.SignerConfig("n" * length, 1, "key", "sha1")
    framed = heka.frame(PAYLOAD, signer)
    reader = heka.StreamReader(signers={("n" * length, 1): "key"})

    (frame,) = reader.feed(framed)

    assert framed[1] == len(framed) - 3 - len(PAYLOAD)
    assert (frame.signer, frame.payload) == ("n" * length, PAYLOAD)


@pytest.mark.parametrize("hash_name", HASHES)
def test_verify_takes_the_one_digest_that_hmac_makes(hash_name):
    signer = heka.SignerConfig("ops", 1, "key", hash_name)
    digest = hmac.digest(b"key", PAYLOAD, hash_name)

    assert signer.verify(PAYLOAD, digest) is None
    for at in range(len(digest)):
        for bit in (0x01, 0x80):
            wrong = bytearray(digest)
            wrong[at] ^= bit
            with pytest.raises(heka.SignatureError):
                signer.verify(PAYLOAD, wrong)


@pytest.mark.parametrize("hash_name", HASHES)
@pytest.mark.parametrize("cut", [0, 1, 15, -1])
def test_verify_takes_no_part_of_a_digest(hash_name, cut):
    signer = heka.SignerConfig("ops", 1, "key", hash_name)
    digest = hmac.digest(b"key", PAYLOAD, hash_name)

    with pytest.raises(heka.SignatureError):
        signer.verify(PAYLOAD, digest[:cut])
    with pytest.raises(heka.SignatureError):
        signer.verify(PAYLOAD, digest + b"\0")


def test_verify_takes_no_digest_of_the_other_hash():
    signer = heka.SignerConfig("ops", 1, "key", "sha1")

    with pytest.raises(heka.SignatureError):
        signer.verify(PAYLOAD, hmac.digest(b"key", PAYLOAD, "md5"))
