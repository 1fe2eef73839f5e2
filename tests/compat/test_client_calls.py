"""Every call of the old client: what it takes, and the message that it makes of it."""

from __future__ import annotations

import datetime
import os
import socket
import sys
import time

import pytest
from compat.support import capturing, message, messages

import heka
from heka.client import SEVERITY, HekaClient
from heka.encoders import NullEncoder, ProtobufEncoder
from heka.message import first_value
from heka.streams import DebugCaptureStream


@pytest.fixture
def client() -> HekaClient:
    return capturing()


def broken() -> None:
    """Fails with a NameError, as a typing error does."""
    undefined_name  # noqa: B018, F821


# ---- heka ---------------------------------------------------------------------------------------


def test_defaults_are_those_of_the_client_and_the_process(client):
    before = time.time_ns()
    assert client.heka("testtype", payload="this is a test") is True
    after = time.time_ns()

    sent = message(client)
    assert before <= sent.timestamp <= after
    assert (sent.type, sent.payload) == ("testtype", "this is a test")
    assert (sent.logger, sent.severity) == ("tests", 6)
    assert (sent.pid, sent.hostname) == (os.getpid(), socket.gethostname())
    assert sent.env_version == client.env_version == "0.8"
    assert sent.fields == {}


def test_positions_are_type_logger_severity_payload_fields_timestamp(client):
    client.heka("bawlp", "alternate", 2, "another test", {"foo": "bar"}, 12.5)

    sent = message(client)
    assert (sent.type, sent.logger, sent.severity) == ("bawlp", "alternate", 2)
    assert sent.payload == "another test"
    assert sent.fields == {"foo": ["bar"]}
    assert sent.timestamp == 12_500_000_000


def test_none_is_the_default_and_zero_is_not(client):
    client.heka("t", None, None, "", None, None)
    client.heka("t", "", 0)

    default, given = messages(client)
    assert (default.logger, default.severity) == ("tests", 6)
    assert (given.logger, given.severity) == ("", SEVERITY.EMERGENCY)


def test_a_timestamp_in_seconds_becomes_nanoseconds(client):
    now = time.time()

    client.heka("t", timestamp=now)

    assert message(client).timestamp == int(now * 1_000_000_000)


def test_a_datetime_keeps_its_microseconds_and_its_zone(client):
    """The old client dropped the one and ignored the other."""
    zone = datetime.timezone(datetime.timedelta(hours=5))
    local = datetime.datetime(2013, 4, 26, 12, 30, 0, 123456)

    client.heka("t", timestamp=local)
    client.heka("t", timestamp=local.replace(tzinfo=zone))

    naive, aware = messages(client)
    assert naive.timestamp == round(local.timestamp() * 1e6) * 1000
    assert aware.timestamp == 1_366_961_400_123_456_000


def test_fields_keep_their_types_and_nest(client):
    fields = {"count": 5, "ratio": 0.5, "name": "x", "on": True, "outer": {"inner": {"n": 1}}}

    client.heka("t", fields=fields)

    sent = message(client)
    assert {name: first_value(sent, name) for name in sent.fields} == {
        "count": 5,
        "ratio": 0.5,
        "name": "x",
        "on": True,
        "outer.inner.n": 1,
    }
    assert sent.fields["on"].value_type == heka.Field.BOOL


@pytest.mark.parametrize("call", ["heka", "incr", "gauge", "timer_send"])
def test_a_field_without_a_type_raises_at_its_caller(client, call):
    arguments = {"heka": (), "incr": (1,), "gauge": (1,), "timer_send": (1,)}[call]

    with pytest.raises(ValueError, match="'foo'") as raised:
        getattr(client, call)("name", *arguments, fields={"foo": None})

    assert isinstance(raised.value, heka.FieldError)
    assert messages(client) == []


def test_metlog_is_heka(client):
    client.metlog("t", "l", 3, "p", {"a": 1})

    sent = message(client)
    assert (sent.type, sent.logger, sent.severity, sent.payload) == ("t", "l", 3, "p")


# ---- counters, gauges, timers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "arguments", "type", "payload"),
    [
        pytest.param("incr", (), "counter", "1", id="incr"),
        pytest.param("incr", (10,), "counter", "10", id="incr-by"),
        pytest.param("incr", (-3,), "counter", "-3", id="incr-negative"),
        pytest.param("gauge", (42,), "gauge", "42", id="gauge"),
        pytest.param("gauge", (1.5,), "gauge", "1.5", id="gauge-float"),
        pytest.param("timer_send", (17,), "timer", "17", id="timer-send"),
    ],
)
def test_a_measurement_is_a_payload_with_name_and_rate(client, call, arguments, type, payload):
    assert getattr(client, call)("a.name", *arguments) is True

    sent = message(client)
    assert (sent.type, sent.payload) == (type, payload)
    assert (sent.logger, sent.severity) == ("tests", 6)
    assert sent.fields == {"name": ["a.name"], "rate": [1.0]}
    assert sent.fields["rate"].value_type == heka.Field.DOUBLE


@pytest.mark.parametrize(
    ("call", "arguments"), [("incr", (2,)), ("gauge", (2,)), ("timer_send", (2,))]
)
def test_a_measurement_takes_logger_severity_fields_and_rate(client, call, arguments):
    """Positions are those of the old client; a rate is a DOUBLE even when given as an int."""
    getattr(client, call)("n", *arguments, "other", 3, {"extra": "x"}, 1)

    sent = message(client)
    assert (sent.logger, sent.severity) == ("other", 3)
    assert {name: list(values) for name, values in sent.fields.items()} == {
        "extra": ["x"],
        "name": ["n"],
        "rate": [1.0],
    }
    assert sent.fields["rate"].value_type == heka.Field.DOUBLE


def test_timer_send_is_not_sampled(client):
    for _ in range(50):
        client.timer_send("n", 1, rate=0.0001)

    assert len(messages(client)) == 50


@pytest.mark.parametrize("call", ["incr", "gauge"])
def test_counters_and_gauges_are_sampled(client, call):
    for _ in range(400):
        getattr(client, call)("n", 1, rate=0.5)

    sent = messages(client)
    assert 0 < len(sent) < 400  # otherwise by chance once in 2**399
    assert {first_value(one, "rate") for one in sent} == {0.5}


@pytest.mark.parametrize("call", ["incr", "gauge"])
def test_rate_0_sends_nothing(client, call):
    results = {getattr(client, call)("n", 1, rate=0) for _ in range(50)}

    assert messages(client) == []
    assert results == {False}


# ---- old style ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "severity"),
    [
        ("debug", SEVERITY.DEBUG),
        ("info", SEVERITY.INFORMATIONAL),
        ("notice", SEVERITY.NOTICE),
        ("warn", SEVERITY.WARNING),
        ("warning", SEVERITY.WARNING),
        ("error", SEVERITY.ERROR),
        ("critical", SEVERITY.CRITICAL),
    ],
)
def test_a_line_has_the_severity_of_its_method(client, method, severity):
    getattr(client, method)("a line")

    sent = message(client)
    assert (sent.type, sent.severity, sent.payload) == ("oldstyle", severity, "a line")


def test_log_takes_the_severity(client):
    client.log(SEVERITY.ALERT, "%s!", "fire")

    sent = message(client)
    assert (sent.severity, sent.payload) == (SEVERITY.ALERT, "fire!")


@pytest.mark.parametrize(
    ("text", "args", "payload"),
    [
        pytest.param("1: %s\n2: %s", ("shoe", "door"), "1: shoe\n2: door", id="positional"),
        pytest.param("1: %(a)s", ({"a": "shoe"},), "1: shoe", id="mapping"),
        pytest.param("100 %", (), "100 %", id="no-arguments-no-formatting"),
        pytest.param("%s", ((1, 2),), "(1, 2)", id="a-tuple-is-one-argument"),
        pytest.param("\u00e9%s", ("\u20ac",), "\u00e9\u20ac", id="not-ascii"),
    ],
)
def test_arguments_are_formatted_into_the_line(client, text, args, payload):
    client.warn(text, *args)

    assert message(client).payload == payload


def test_exc_info_appends_the_traceback(client):
    try:
        broken()
    except NameError:
        client.error("traceback ahead -->", exc_info=True)

    first, *rest = message(client).payload.split("\n")
    assert first == "traceback ahead -->"
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1].startswith("NameError: name 'undefined_name' is not defined")
    assert "test_client_calls.py" in "".join(rest)


@pytest.mark.parametrize("form", ["tuple", "exception"])
def test_exc_info_that_was_kept_is_used_later(client, form):
    try:
        broken()
    except NameError as error:
        kept = sys.exc_info() if form == "tuple" else error

    client.critical("later\n", exc_info=kept)

    payload = message(client).payload
    assert payload.startswith("later\nTraceback")  # no empty line between them
    assert "NameError" in payload


def test_exception_is_an_alert_with_the_traceback(client):
    try:
        broken()
    except NameError:
        client.exception("it failed")

    sent = message(client)
    assert sent.severity == SEVERITY.ALERT
    assert sent.payload.startswith("it failed\nTraceback")


def test_exception_without_one_is_still_sent(client):
    client.exception("nothing was raised")

    assert message(client).payload.startswith("nothing was raised")


# ---- set-up -------------------------------------------------------------------------------------


def test_a_client_without_a_stream_is_not_active_and_sends_nothing():
    client = HekaClient(None, "tests")

    assert client.is_active is False
    assert client.heka("t") is False
    assert client.incr("n") is False
    assert client.error("a line") is False
    with client.timer("n"):
        pass


def test_setup_reconfigures_in_place(client):
    stream = DebugCaptureStream()

    client.setup(stream, "heka.encoders.NullEncoder", None, "other", 4, ["slow"], [])
    client.heka("t")

    (sent,) = stream.msgs
    assert (sent.logger, sent.severity) == ("other", 4)
    assert client._disabled_timers == {"slow"}
    assert client.is_active is True


def test_stream_and_encoder_may_be_dotted_names():
    client = HekaClient(
        "heka.streams.DebugCaptureStream", "tests", encoder="heka.encoders:NullEncoder"
    )

    client.heka("t")

    assert type(client.stream) is DebugCaptureStream
    assert type(client.encoder) is NullEncoder
    assert [sent.type for sent in client.stream.msgs] == ["t"]


class Sender:
    """What metlog sent by."""

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
def test_a_stream_without_write_is_refused_at_once(client, stream, remedy):
    before = client.stream

    with pytest.raises(heka.ConfigError, match=remedy):
        HekaClient(stream, "tests")
    with pytest.raises(heka.ConfigError, match=remedy):
        client.setup(stream, logger="other")

    assert client.stream is before
    assert client.logger == "tests"


def test_a_stream_without_write_cannot_be_set(client):
    with pytest.raises(heka.ConfigError, match="write"):
        client.stream = Sender()

    assert client.info("as before") is True


def test_an_encoder_may_be_a_class_of_the_program_and_is_given_the_hmac():
    class Shouting:
        def __init__(self, hmc):
            self.hmc = hmc

        def encode(self, msg):
            return msg.payload.upper().encode()

    hmc = {"signer": "vic", "key_version": 1, "hash_function": "SHA1", "key": "k"}
    client = capturing(encoder=Shouting, hmc=hmc)

    client.heka("t", payload="quiet")

    assert list(client.stream.msgs) == [b"QUIET"]
    assert client.encoder.hmc == hmc


def test_the_encoder_is_protobuf_unless_told():
    assert type(capturing().encoder) is ProtobufEncoder


def test_filters_are_a_live_list_and_all_must_agree(client):
    client.filters.append(lambda msg: msg.severity <= 4)
    client.filters.append(lambda msg: msg.payload != "secret")

    assert client.error("kept") is True
    assert client.info("too quiet") is False
    assert client.error("secret") is False
    client.filters.clear()
    client.info("again")

    assert [sent.payload for sent in messages(client)] == ["kept", "again"]


def test_a_filter_may_change_the_message(client):
    def blot(msg):
        msg.payload = msg.payload.replace("4711", "****")
        return True

    client.filters.append(blot)
    client.heka("t", payload="card 4711")

    assert message(client).payload == "card ****"


def test_send_message_takes_a_message_of_the_program(client):
    made = heka.Message("made", "elsewhere", 1, {"a": 1}, "by hand")

    assert client.send_message(made) is True

    assert message(client) == made


# ---- methods of the program ---------------------------------------------------------------------


def dummy(self, *args, **kwargs):
    """A method as a plugin makes it."""
    return self, args, kwargs


dummy.heka_name = "dummy"


def test_a_method_is_bound_to_its_client(client):
    client.add_method(dummy)

    assert client.dummy(1, two=2) == (client, (1,), {"two": 2})
    assert client._dynamic_methods == {"dummy": dummy}
    assert not hasattr(capturing(), "dummy")


def test_a_name_that_is_taken_is_a_syntax_error(client):
    client.add_method(dummy)

    with pytest.raises(SyntaxError, match="dummy"):
        client.add_method(dummy)


def test_override_names_what_is_replaced(client):
    client.add_method(dummy, override="exception")

    assert client.exception("x") == (client, ("x",), {})


def test_override_true_replaces_the_method_of_its_own_name(client):
    def incr(self, name):
        return f"not {name}"

    incr.heka_name = "incr"
    client.add_method(incr, override=True)

    assert client.incr("n") == "not n"
