"""The golden vectors, made by Google's protobuf: messages, frames and streams, both ways."""

from __future__ import annotations

import pytest
from wire.oracle import (
    VECTORS,
    Message,
    comparable,
    first_of_each_name,
    google_message,
    value_from_json,
    view_of_ours,
)

import heka

MESSAGES = [pytest.param(vector, id=vector["name"]) for vector in VECTORS["messages"]]
FRAMES = [pytest.param(vector, id=vector["name"]) for vector in VECTORS["frames"]]
STREAMS = [pytest.param(vector, id=vector["name"]) for vector in VECTORS["streams"]]
HEAD = ("type", "logger", "severity", "payload", "env_version", "pid", "hostname")


def arguments(content):
    """Return the arguments of heka.Message for a vector with unique field names."""
    return {
        **{name: content[name] for name in HEAD},
        "uuid": bytes.fromhex(content["uuid"]),
        "timestamp_ns": content["timestamp"],
        "fields": {
            field["name"]: heka.Field(
                map(value_from_json, field["values"]), field["representation"], field["value_type"]
            )
            for field in content["fields"]
        },
    }


def has_unique_names(vector):
    names = [field["name"] for field in vector["message"]["fields"]]
    return len(set(names)) == len(names)


UNIQUE = [
    pytest.param(vector, id=vector["name"])
    for vector in VECTORS["messages"]
    if has_unique_names(vector)
]


def signer_of(vector):
    signer = vector["signer"]
    return signer and heka.SignerConfig(**{**signer, "key": bytes.fromhex(signer["key"])})


def test_nearly_every_vector_has_unique_names():
    """So the tests over UNIQUE leave out only what a dict cannot represent."""
    left_out = {v["name"] for v in VECTORS["messages"] if not has_unique_names(v)}

    assert left_out == {"duplicate-names"}


@pytest.mark.parametrize("vector", MESSAGES)
def test_the_vectors_are_google_s(vector):
    """The bytes in the file are what Google's protobuf writes for the content in it."""
    wire = google_message(vector["message"]).SerializeToString(deterministic=True)

    assert wire.hex() == vector["wire"]


@pytest.mark.parametrize("vector", UNIQUE)
def test_encode(vector):
    assert heka.Message(**arguments(vector["message"])).encode().hex() == vector["wire"]


@pytest.mark.parametrize("vector", UNIQUE)
def test_pack(vector):
    wire = bytes.fromhex(vector["wire"])

    assert heka.pack(**arguments(vector["message"])) == heka.frame(wire)


@pytest.mark.parametrize("vector", MESSAGES)
def test_decode(vector):
    """Every attribute and every value comes out as it went in."""
    content = vector["message"]
    fields = [
        (
            field["name"],
            field["value_type"],
            field["representation"],
            comparable([value_from_json(value) for value in field["values"]]),
        )
        for field in content["fields"]
    ]

    assert view_of_ours(heka.Message.decode(bytes.fromhex(vector["wire"]))) == {
        **{name: content[name] for name in HEAD},
        "uuid": bytes.fromhex(content["uuid"]),
        "timestamp": content["timestamp"],
        "fields": first_of_each_name(fields),
    }


@pytest.mark.parametrize("vector", MESSAGES)
def test_decoded_message_encodes_to_the_same_bytes_before_and_after_its_fields_are_read(vector):
    """The duplicates of a name, which the dict does not show, are kept as well."""
    message = heka.Message.decode(bytes.fromhex(vector["wire"]))

    assert message.encode().hex() == vector["wire"]
    for field in message.fields.values():
        list(field)
    assert message.encode().hex() == vector["wire"]


@pytest.mark.parametrize("vector", FRAMES)
def test_frame(vector):
    framed = heka.frame(bytes.fromhex(vector["message"]), signer_of(vector))

    assert framed.hex() == vector["frame"]


@pytest.mark.parametrize("vector", FRAMES)
def test_read_frame(vector):
    signer = signer_of(vector)
    signers = {(signer.name, signer.version): signer.key} if signer else {}
    reader = heka.StreamReader(signers=signers)

    (frame,) = reader.feed(bytes.fromhex(vector["frame"]))

    assert frame.payload.hex() == vector["message"]
    assert frame.signer == (signer and signer.name)
    assert frame.signer_version == (signer and signer.version)
    assert frame.message.encode() == frame.payload


@pytest.mark.parametrize("vector", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_stream(vector, size):
    """The same messages and the same count of discarded bytes, whatever the chunks are."""
    stream = bytes.fromhex(vector["stream"])
    reader = heka.StreamReader()

    frames = []
    for start in range(0, len(stream), size):
        frames += reader.feed(stream[start : start + size])

    assert [frame.payload.hex() for frame in frames] == vector["messages"]
    assert reader.discarded_bytes == vector["discarded"]
    assert reader.pending_bytes == len(stream) - reader.discarded_bytes - reader.delivered_bytes
    assert (reader.pending_bytes > 0) == (vector["name"] == "incomplete-tail")


def test_the_oracle_reads_the_schema_s_defaults():
    """Google returns the defaults of the .proto file for absent attributes."""
    message = Message()

    assert (message.severity, message.type, message.pid) == (7, "", 0)
    assert [field.number for field in Message.DESCRIPTOR.fields] == list(range(1, 11))
