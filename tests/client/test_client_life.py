"""Clients: streams that fail, encoders, overridden and added methods, setup, close, fork."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import socket
import weakref
from unittest import mock

import pytest
from client.messages import Kept, kept_by, read

import heka
from heka._runtime.accounts import total
from heka.client import HekaClient
from heka.encoders import JSONEncoder, NullEncoder, ProtobufEncoder
from heka.filters import SeverityMax
from heka.logging import HekaHandler
from heka.streams import QueuedStream


class Broken(Kept):
    """A stream whose write raises *error*."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, data):
        raise self.error


# --- streams ---


def test_client_without_a_stream_is_inactive():
    client = HekaClient(None, "tests")

    assert not client.is_active
    assert client.heka("t") is False
    assert client.incr("n") is False
    assert client.error("a line") is False
    with client.timer("n"):
        pass
    assert client.admits("t", 0) is False
    assert client.send_message(heka.Message("t")) is False
    assert client.flush() is True
    assert client.stats() == {**total([]), "offered": 5, "dropped": {"inactive": 5}, "altered": 0}


def test_flush_takes_seconds():
    for client in (HekaClient(None, "tests"), HekaClient(Kept(), "tests")):
        with pytest.raises(TypeError, match=r"^timeout must be seconds \(int or float\), not str$"):
            client.flush("x")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda c: c.heka("t"), id="heka"),
        pytest.param(lambda c: c.incr("n"), id="incr"),
        pytest.param(lambda c: c.gauge("n", 1), id="gauge"),
        pytest.param(lambda c: c.timer_send("n", 1), id="timer_send"),
        pytest.param(lambda c: c.timer("n").__enter__().__exit__(None, None, None), id="timer"),
        pytest.param(lambda c: c.log(6, "%d", "text"), id="log"),
        pytest.param(lambda c: c.info("a line"), id="info"),
        pytest.param(lambda c: c.exception("a line"), id="exception"),
        pytest.param(lambda c: c.send_message(heka.Message("t", severity=6)), id="send_message"),
        pytest.param(lambda c: c._send(heka.Message("t", severity=6)), id="_send"),
        pytest.param(
            lambda c: HekaHandler(c).emit(logging.makeLogRecord({"levelno": 20})), id="HekaHandler"
        ),
    ],
)
def test_call_without_a_stream_is_counted_by_reason(call):
    inactive = HekaClient(None, "tests")
    closed = HekaClient(Kept(), "tests")
    closed.heka("sent")
    closed.close()

    call(inactive)
    call(closed)
    call(closed)

    assert (inactive.stats()["offered"], inactive.stats()["dropped"]) == (1, {"inactive": 1})
    assert (closed.stats()["offered"], closed.stats()["dropped"]) == (3, {"closed": 2})
    assert closed.stats()["sent"] == 1


def test_message_that_a_filter_holds_back_without_a_stream_is_not_counted():
    client = HekaClient(None, "tests", filters=[SeverityMax(4)])
    client.debug("held back")
    client.heka("t", severity=7)
    client.heka("t", severity=4)

    assert client.stats()["dropped"] == {"inactive": 1}


def test_message_from_before_there_was_a_stream_stays_counted():
    client = HekaClient(None, "tests")
    client.heka("t")
    client.setup(Kept(), logger="tests")
    client.heka("t")

    account = client.stats()
    assert (account["offered"], account["sent"], account["dropped"]) == (2, 1, {"inactive": 1})


@pytest.mark.parametrize(
    "error",
    [OSError(28, "disk full"), UnicodeError("no text"), ValueError("wrong"), TypeError("a bug")],
    ids=lambda error: type(error).__name__,
)
def test_exception_of_a_stream_is_counted_and_reported_once_without_the_message(error, capfd):
    client = HekaClient(Broken(error), "tests")
    calls = [
        lambda: client.heka("t", payload="a secret"),
        lambda: client.incr("n"),
        lambda: client.error("a secret"),
        lambda: client.timer_send("n", 1),
        lambda: client.send_message(heka.Message("t", payload="a secret")),
    ]

    assert [call() for call in calls * 200] == [False] * 1000
    account = total([{"offered": 1000, "dropped": {"error": 1000}}])
    assert client.stats() == {**account, "altered": 0}
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"Broken raised {error!r}" in lines[0]
    assert "secret" not in lines[0]


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_exception_that_ends_the_program_passes_through_a_stream(ending):
    client = HekaClient(Broken(ending()), "tests")
    with pytest.raises(ending):
        client.heka("t")

    assert client.stats()["dropped"] == {"interrupted": 1}


def test_stream_that_logs_through_its_own_client_does_not_recurse():
    class Loop(Kept):
        def write(self, data):
            super().write(data)
            client.heka("again")

    client = HekaClient(Loop(), "tests")

    assert client.heka("t") is True
    assert client.stats()["dropped"] == {"reentrant": 1}
    assert [m.type for m in kept_by(client).messages] == ["t"]


def test_replaced_write_method_of_a_stream_is_called():
    """Tests of older programs patch the client's stream."""
    client = HekaClient(Kept(), "tests")
    with mock.patch.object(client.stream, "write") as write:
        client.heka("t")

    assert [m.type for m in read([call.args[0] for call in write.call_args_list])] == ["t"]
    assert kept_by(client).written == []


def test_mock_is_a_stream():
    stream = mock.Mock()
    client = HekaClient(stream, "tests")
    client.heka("t")

    (call,) = stream.write.call_args_list
    assert [m.type for m in read([call.args[0]])] == ["t"]
    assert stream.flush.call_count == 1


def test_stream_with_a_limit_gets_smaller_messages():
    stream = Kept()
    stream.max_frame = 500
    client = HekaClient(stream, "tests")
    client.heka("t", payload="x" * 1000)

    assert len(stream.written[0]) <= 500
    assert stream.messages[0].fields["heka.truncated"] == [1000]


@pytest.mark.parametrize("filtered", [False, True])
def test_oversize_raise(filtered):
    client = HekaClient(Kept(), "tests", filters=[lambda m: True] if filtered else None)
    client.oversize = "raise"

    with pytest.raises(heka.EncodeError, match="70"):
        client.heka("t", payload="x" * 70_000)


class Sender:
    """A stream of metlog, which has no write()."""

    def send_message(self, msg):
        """Take a message."""


@pytest.mark.parametrize(
    ("stream", "remedy"),
    [
        pytest.param(object(), r"write\(data\), got <object", id="object"),
        pytest.param(Sender(), "called write", id="sender"),
        pytest.param("builtins.dict", r"got \{\}", id="dotted-name"),
    ],
)
def test_stream_without_write_is_refused_and_changes_nothing(stream, remedy):
    before = Kept()
    client = HekaClient(before, "tests")

    with pytest.raises(heka.ConfigError, match=remedy):
        HekaClient(stream, "tests")
    with pytest.raises(heka.ConfigError, match=remedy):
        client.setup(stream, logger="other")
    if not isinstance(stream, str):
        with pytest.raises(heka.ConfigError, match=remedy):
            client.stream = stream

    assert (client.stream, client.logger) == (before, "tests")
    assert client.info("as before") is True


def test_stream_by_its_dotted_name():
    client = HekaClient("client.messages:Kept", "tests")

    assert client.heka("t") is True


def test_stream_by_url():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        with HekaClient(f"udp://127.0.0.1:{receiver.getsockname()[1]}", "tests") as client:
            assert client.heka("t") is True
            assert [m.type for m in read([receiver.recv(65536)])] == ["t"]


# --- encoders ---


def test_encoder_decides_what_is_written():
    client = HekaClient(Kept(), "tests", encoder=JSONEncoder)
    client.heka("t", fields={"a": 1})

    assert json.loads(kept_by(client).written[0])["type"] == "t"
    assert client.stats()["sent"] == 1


def test_null_encoder_passes_the_message_to_the_stream():
    client = HekaClient(Kept(), "tests", encoder="heka.encoders.NullEncoder")
    client.heka("t", fields={"a": 1})

    (message,) = kept_by(client).written
    assert (message.type, message.fields) == ("t", {"a": [1]})


@pytest.mark.parametrize("given", ["class", "object"])
def test_encoder_may_be_a_class_or_an_object_of_the_program(given):
    """A class is created with the client's hmc."""

    class Shout:
        def __init__(self, hmc=None):
            self.hmc = hmc

        def encode(self, message):
            return message.type.upper()

    hmc = {"signer": "ops", "key_version": 1, "hash_function": "SHA1", "key": "k"}
    if given == "class":
        client = HekaClient(Kept(), "tests", encoder=Shout, hmc=hmc)
    else:
        client = HekaClient(Kept(), "tests", encoder=Shout(hmc))
    client.heka("t")

    assert kept_by(client).written == ["T"]
    assert client.encoder.hmc == hmc


def test_encoder_is_protobuf_by_default_and_may_be_replaced():
    client = HekaClient(Kept(), "tests")
    assert type(client.encoder) is ProtobufEncoder
    client.encoder = NullEncoder(None)
    client.heka("t")
    client.encoder = ProtobufEncoder(None)
    client.heka("u")

    null, protobuf = kept_by(client).written
    assert (null.type, read([protobuf])[0].type) == ("t", "u")


def test_encoder_that_raises_is_counted(capfd):
    class Broken:
        def encode(self, message):
            raise KeyError("lost")

    client = HekaClient(Kept(), "tests", encoder=Broken())

    assert client.heka("t") is False
    assert client.stats()["dropped"] == {"encode": 1}
    assert "KeyError('lost')" in capfd.readouterr().err


def test_object_without_encode_is_refused_as_encoder():
    with pytest.raises(heka.ConfigError, match="encode"):
        HekaClient(Kept(), "tests", encoder=5)


# --- methods ---


def test_subclass_may_override_send_message():
    class Mine(HekaClient):
        def send_message(self, msg):
            msg.payload = "mine"
            return super().send_message(msg)

    client = Mine(Kept(), "tests", filters=[lambda message: message.payload == "mine"])
    client.incr("n")

    assert [m.payload for m in kept_by(client).messages] == ["mine"]


def test_send_message_may_be_patched():
    client = HekaClient(Kept(), "tests")
    with mock.patch.object(client, "send_message") as send:
        client.heka("t")
    client.heka("u")

    assert [call.args[0].type for call in send.call_args_list] == ["t"]
    assert [m.type for m in kept_by(client).messages] == ["u"]


def hello(client, name):
    return client.heka("hello", payload=name)


hello.heka_name = "greet"


def test_added_method_is_bound_under_its_name():
    client = HekaClient(Kept(), "tests")
    client.add_method(hello)

    assert client.greet(name="you") is True
    assert [m.payload for m in kept_by(client).messages] == ["you"]
    assert client._dynamic_methods == {"greet": hello}
    assert not hasattr(HekaClient(Kept(), "other"), "greet")


def test_name_in_use_is_refused_unless_overridden():
    client = HekaClient(Kept(), "tests")
    client.add_method(hello)
    with pytest.raises(SyntaxError, match="'greet'"):
        client.add_method(hello)
    client.add_method(hello, override="incr")
    client.incr("you")

    assert [m.type for m in kept_by(client).messages] == ["hello"]


def test_override_true_replaces_the_method_of_the_same_name():
    def incr(self, name):
        return f"not {name}"

    incr.heka_name = "incr"
    client = HekaClient(Kept(), "tests")
    client.add_method(incr, override=True)

    assert client.incr("n") == "not n"


@pytest.mark.parametrize(
    ("method", "error"), [(5, TypeError), (len, TypeError), (lambda client: 0, AttributeError)]
)
def test_object_that_cannot_be_a_method_is_refused(method, error):
    with pytest.raises(error, match=r"function|heka_name"):
        HekaClient(Kept(), "tests").add_method(method)


# --- set-up, closing ---


def test_setup_changes_a_client_in_place():
    client = HekaClient(None, "")
    client.heka("lost")
    client.setup(Kept(), "heka.encoders.NullEncoder", None, "tests", 3, ["t"], [])
    client.heka("t")

    (message,) = kept_by(client).written
    assert (message.logger, message.severity) == ("tests", 3)
    assert client._disabled_timers == {"t"}
    assert client.is_active is True


def test_settings_of_the_caller_are_not_changed():
    disabled = ["slow"]
    hmc = {"signer": "ops", "key_version": "2", "hash_function": "SHA1", "key": "k"}
    before = dict(hmc)
    client = HekaClient(Kept(), "tests", disabled_timers=disabled, hmc=hmc)
    client._disabled_timers.add("another")
    client.heka("t")

    assert disabled == ["slow"]
    assert hmc == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"severity": "x"},
        {"encoder": 5},
        {"stream": "no.such.module"},
        {"hmc": {"signer": "ops"}},
        {"logger": 5},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_setup_changes_nothing(wrong):
    stream = Kept()
    client = HekaClient(stream, "tests")
    with pytest.raises((TypeError, ValueError, ImportError)):
        client.setup(**{"stream": Kept(), "logger": "other", **wrong})

    assert (client.stream, client.logger, client.severity) == (stream, "tests", 6)


def test_closed_client_is_inactive_and_keeps_its_account():
    class Closing(Kept):
        closed = False

        def close(self):
            self.closed = True

    stream = Closing()
    with HekaClient(stream, "tests") as client:
        client.heka("t")

    assert stream.closed
    assert client.heka("t") is False
    assert client.stats()["sent"] == 1
    client.close()


def test_message_whose_field_closes_the_client_is_counted():
    client = HekaClient(Kept(), "app")
    client.default = lambda value: client.close()

    assert client.heka("t", fields={"thing": object()}) is False

    account = client.stats()
    assert (account["offered"], account["dropped"]) == (1, {"closed": 1})


def test_message_that_is_sent_while_the_client_closes_is_counted():
    """The account is read after the stream was taken away: what is sent meanwhile is in it."""

    class Late(HekaClient):
        def _plan(self):
            super()._plan()
            if self._stream is None and held:
                held.pop().write(heka.pack("late"), 1.0)

    held = []
    client = Late(Kept(), "app")
    held.append(client.sink)
    client.heka("t")

    client.close()

    assert held == []
    assert client.stats()["offered"] == 2


def test_close_shares_its_timeout_and_counts_messages_left_in_the_queue():
    asked = []

    class Recorded(QueuedStream):
        def flush(self, timeout=1.0):
            asked.append(timeout)
            return super().flush(timeout)

        def close(self, timeout=1.0):
            asked.append(timeout)
            super().close(timeout)

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # refuses: it does not listen
        client = HekaClient(Recorded(f"tcp://127.0.0.1:{nobody.getsockname()[1]}"), "tests")
        client.info("lost")
        client.close(0.05)

    assert asked == [0.05, 0.0]
    assert client.stats()["dropped"] == {"closed": 1}
    assert client.stats()["queued"] == 0


class Cyclic(HekaClient):
    """A client that is its own filter."""

    def admits_all(self, message):
        return True


def test_client_in_a_cycle_is_freed():
    client = Cyclic(Kept(), "tests")
    client.filters.append(client.admits_all)
    client.heka("t")
    gone = weakref.ref(client)
    del client
    gc.collect()

    assert gone() is None


def test_client_without_cycles_is_freed_at_once():
    gc.disable()
    try:
        client = HekaClient(Kept(), "tests", encoder=JSONEncoder)
        client.heka("t")
        gone = weakref.ref(client)
        del client
        assert gone() is None
    finally:
        gc.enable()


def _report(client, queue):
    client.heka("t")
    message = kept_by(client).messages[-1]
    queue.put((message.pid, message.uuid, client.pid))


def test_forked_child_has_its_own_pid_and_ids():
    client = HekaClient(Kept(), "tests")
    client.heka("t")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_report, args=(client, queue))
    child.start()
    pid, uuid, seen = queue.get(timeout=30)
    child.join()
    client.heka("t")

    assert pid == seen == child.pid != os.getpid()
    assert uuid not in {message.uuid for message in kept_by(client).messages}


def _count(client, queue):
    before = client.stats()["offered"]
    client.heka("t")
    queue.put((before, client.stats()["offered"], client.stats()["sent"]))


@pytest.mark.parametrize("kind", ["called", "url"])
def test_forked_child_counts_from_zero(kind):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        client = HekaClient(Kept() if kind == "called" else url, "tests")
        client.heka("t")
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_count, args=(client, queue))
        child.start()
        counted = queue.get(timeout=30)
        child.join()

        assert counted == (0, 1, 1)
        assert client.stats()["sent"] == 1
        client.close()


def test_repr_shows_no_secret():
    client = HekaClient(
        Kept(),
        "tests",
        hmc={"signer": "ops", "key_version": 1, "hash_function": "sha1", "key": "hush-hush"},
    )

    assert "hush" not in repr(client)
    assert "tests" in repr(client)
