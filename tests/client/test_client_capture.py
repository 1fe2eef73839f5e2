"""``heka.testing.capture`` captures messages of clients with any stream and encoder."""

from __future__ import annotations

import contextlib

import pytest

import heka
from heka._core import capture_clients
from heka.api import _emitter
from heka.client import HekaClient
from heka.holder import HekaClientHolder
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


# ---- without arguments: every client ----------------------------------------------------------


def names(captured):
    return [message.fields["name"][0] for message in captured]


def test_every_client_is_captured_without_being_named():
    """Those of before, those made meanwhile, those without a stream; in order with heka.log."""
    before, holder = HekaClient(Written(), "before"), HekaClientHolder()

    with capture() as captured:
        meanwhile = HekaClient(Written(), "meanwhile")
        assert before.incr("a")
        assert heka.log("b", "nobody")
        assert meanwhile.info("c %d", 5)
        assert holder.get_client("not.configured").heka("d")

    assert [message.logger for message in captured] == [
        *("before", "nobody", "meanwhile", "not.configured")
    ]
    assert captured[2].payload == "c 5"
    assert before.stream.data == meanwhile.stream.data == []
    assert before.stats()["offered"] == meanwhile.stats()["offered"] == 0
    assert holder.get_client("not.configured").stats()["offered"] == 0


def test_a_client_sends_again_after_the_block():
    client = HekaClient(Written(), "app")

    with contextlib.suppress(KeyError), capture():
        client.incr("a")
        raise KeyError

    assert client.incr("b")
    assert len(client.stream.data) == 1
    assert not HekaClient(None, "app").incr("c")


@pytest.mark.parametrize("encoder", ["NullEncoder", "JSONEncoder", "StdlibPayloadEncoder"])
def test_encoder_of_no_client_is_used(encoder):
    client = HekaClient(DebugCaptureStream(), "app", encoder=f"heka.encoders.{encoder}")

    with capture() as captured:
        assert client.incr("a")
        assert client.send_message(heka.Message("note", fields={"name": "b"}))

    assert names(captured) == ["a", "b"]
    assert len(client.stream.msgs) == 0


def test_filters_signature_and_largest_frame_are_those_of_each_client():
    client = HekaClient(Written(), "app", filters=[lambda msg: msg.type != "counter"], hmc=HMC)

    with capture() as captured:
        assert client.incr("a") is False
        assert client.heka("note", payload="x" * 5000)
        client.oversize = "drop"
        assert client.heka("note", payload="x" * 5000) is False

    reader = heka.StreamReader(signers={("ops", 1): "k"}, require_signature=True)
    (frame,) = reader.feed(captured.frames[0])
    assert frame.message.fields["heka.truncated"] == [5000]
    assert len(captured.frames[0]) <= 900
    assert len(captured) == 1
    assert client.stats()["offered"] == 0


def test_a_filter_that_raises_is_not_counted_while_capturing(capsys):
    client = HekaClient(Written(), "app", filters=[lambda msg: 1 / 0])

    with capture() as captured:
        assert client.heka("a") is False

    assert len(captured) == 0
    assert client.stats()["dropped"] == {}
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_overridden_send_message_is_called():
    class Own(HekaClient):
        def send_message(self, msg: heka.Message) -> bool:
            msg.payload = "own"
            return super().send_message(msg)

    client = Own(Written(), "app")

    with capture() as captured:
        assert client.heka("a")

    assert captured[0].payload == "own"


def test_admits_is_asked_of_a_client_without_a_stream():
    client = HekaClient(None, "app")

    with capture():
        assert client.admits("a", "error")
        assert client._is_captured
    assert not client.admits("a", "error")
    assert not client._is_captured


def test_the_innermost_capture_that_takes_a_client_gets_its_messages():
    one, other = HekaClient(Written(), "one"), HekaClient(Written(), "other")

    with capture() as everything:
        with capture(one) as named:
            one.incr("a")
            other.incr("b")
            with capture() as inner:
                one.incr("c")
            one.incr("d")
        one.incr("e")
    one.incr("f")

    assert (names(everything), names(named), names(inner)) == (["b", "e"], ["a", "d"], ["c"])
    assert len(one.stream.data) == 1


def test_a_named_capture_leaves_other_clients_alone():
    one, other = HekaClient(Written(), "one"), HekaClient(Written(), "other")

    with capture(one) as captured:
        other.incr("a")
        assert not HekaClient(None, "app").incr("b")

    assert len(captured) == 0
    assert len(other.stream.data) == 1


def test_a_capture_may_end_before_the_one_in_it():
    client = HekaClient(Written(), "app")
    outer, inner = capture(), capture()
    outer_messages, inner_messages = outer.__enter__(), inner.__enter__()

    outer.__exit__(None, None, None)
    client.incr("a")
    heka.log("b")
    inner.__exit__(None, None, None)
    client.incr("c")

    assert (len(outer_messages), len(inner_messages)) == (0, 2)
    assert len(client.stream.data) == 1
    assert _emitter.capture is None


@pytest.mark.parametrize(
    ("find", "error"),
    [
        pytest.param(lambda client: 5, TypeError, id="no-callable"),
        pytest.param(lambda client: 1 / 0, ZeroDivisionError, id="raises"),
        pytest.param(lambda client: lambda frame: 1 / 0, ZeroDivisionError, id="frame"),
    ],
)
@pytest.mark.parametrize("stream", [None, Written()])
def test_error_of_what_captures_is_passed_on(find, error, stream):
    """It is code of the test."""
    client = HekaClient(stream, "app")

    capture_clients(find)
    try:
        with pytest.raises(error):
            client.heka("a")
    finally:
        capture_clients(None)


def test_what_captures_is_callable():
    with pytest.raises(TypeError, match="find must be callable or None"):
        capture_clients(5)
