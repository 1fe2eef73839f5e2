"""``heka.testing.capture(client)`` captures messages of any stream and encoder."""

from __future__ import annotations

import contextlib

import pytest

import heka
from heka.client import HekaClient
from heka.streams import DebugCaptureStream
from heka.testing import capture

HMC = {"signer": "ops", "key_version": 1, "hash_function": "sha1", "key": "k"}


class Written:
    """A stream that stores its writes."""

    max_frame = 900

    def __init__(self) -> None:
        self.data: list[object] = []

    def write(self, data: object) -> None:
        self.data.append(data)


def test_messages_of_clients_and_of_log_are_kept_in_order():
    one, other = HekaClient(Written(), "one"), HekaClient(Written(), "other")

    with capture(one, other) as captured:
        one.incr("a")
        heka.log("b", "nobody")
        other.info("c")

    assert [message.logger for message in captured] == ["one", "nobody", "other"]
    assert one.stream.data == other.stream.data == []


def test_client_gets_its_stream_back():
    client = HekaClient(Written(), "app")
    stream = client.stream
    client.incr("before")

    with contextlib.suppress(KeyError), capture(client):
        client.incr("meanwhile")
        raise KeyError

    assert client.incr("after")
    assert client.stream is stream
    assert len(stream.data) == 2
    assert client.stats()["offered"] == 2


def test_inactive_client_is_active_while_capturing():
    client = HekaClient(None, "app")

    with capture(client) as captured:
        assert client.incr("a")

    assert len(captured) == 1
    assert not client.is_active
    assert not client.incr("b")


def test_stream_with_a_sink_sends_nothing(tmp_path):
    path = tmp_path / "frames"
    client = HekaClient(f"file://{path}", "app")

    with capture(client) as captured:
        client.incr("a")
    client.incr("b")
    client.close()

    (frame,) = heka.StreamReader().feed(path.read_bytes())
    assert captured[0].fields["name"] == ["a"]
    assert frame.message.fields["name"] == ["b"]


@pytest.mark.parametrize("encoder", ["NullEncoder", "JSONEncoder", "StdlibPayloadEncoder"])
def test_encoder_of_the_client_is_not_used_while_capturing(encoder):
    client = HekaClient(DebugCaptureStream(), "app", encoder=f"heka.encoders.{encoder}")
    before = client.encoder

    with capture(client) as captured:
        assert client.incr("a")

    assert [message.type for message in captured] == ["counter"]
    assert client.encoder is before
    client.incr("b")
    assert len(client.stream.msgs) == 1


def test_filters_signature_and_largest_frame_are_those_of_the_client():
    client = HekaClient(Written(), "app", filters=[lambda msg: msg.type != "counter"], hmc=HMC)

    with capture(client) as captured:
        client.incr("a")
        client.heka("note", payload="x" * 5000)

    reader = heka.StreamReader(signers={("ops", 1): "k"}, require_signature=True)
    (frame,) = reader.feed(captured.frames[0])
    assert frame.message.fields["heka.truncated"] == [5000]
    assert len(captured.frames[0]) <= 900
    assert len(captured) == 1


def test_captures_nest():
    client = HekaClient(Written(), "app")

    with capture(client) as outer:
        with capture(client) as inner:
            client.incr("a")
        client.incr("b")

    assert [message.fields["name"] for message in (*inner, *outer)] == [["a"], ["b"]]
