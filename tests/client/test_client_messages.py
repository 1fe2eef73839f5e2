"""HekaClient's messages: heka, incr, gauge, timer_send, log lines."""

from __future__ import annotations

import contextlib
import copy
import datetime
import logging
import os
import random
import socket
import sys
import time

import pytest
from client.messages import Kept, kept_by, only_message

import heka
from heka.client import SEVERITY, HekaClient
from heka.decorators import incr_count, timeit
from heka.filters import SeverityMax

# --- heka ---


def test_heka_fills_in_the_defaults(client):
    before = time.time_ns()
    assert client.heka("t", payload="p") is True
    after = time.time_ns()

    message = only_message(client)
    assert before <= message.timestamp <= after
    assert (message.type, message.logger, message.severity, message.payload) == (
        "t",
        "tests",
        6,
        "p",
    )
    assert (message.pid, message.hostname) == (os.getpid(), socket.gethostname())
    assert client.hostname == message.hostname
    assert message.env_version == client.env_version == "0.8"
    assert message.fields == {}


def test_heka_takes_payload_before_fields(client):
    """The positional order of the classic call."""
    client.heka("t", "l", 2, "p", {"a": 1}, 1.5)

    message = only_message(client)
    assert (message.logger, message.severity, message.payload) == ("l", 2, "p")
    assert (message.fields, message.timestamp) == ({"a": [1]}, 1_500_000_000)


def test_none_means_the_clients_default_and_zero_does_not(client):
    client.logger, client.severity = "other", 3
    client.heka("t", logger=None, severity=None, fields=None, timestamp=None)
    client.heka("t", "", 0)

    default, given = kept_by(client).messages
    assert (default.logger, default.severity) == ("other", 3)
    assert (given.logger, given.severity) == ("", SEVERITY.EMERGENCY)


def test_datetime_keeps_its_microseconds_and_its_time_zone(client):
    """A naive one is local time."""
    local = datetime.datetime(2013, 4, 26, 12, 30, 0, 123456)
    zone = datetime.timezone(datetime.timedelta(hours=5))
    client.heka("t", timestamp=local)
    client.heka("t", timestamp=local.replace(tzinfo=zone))

    naive, aware = kept_by(client).messages
    assert naive.timestamp == int(local.timestamp()) * 10**9 + 123_456_000
    assert aware.timestamp == 1_366_961_400_123_456_000


def test_fields_keep_their_types_and_nest(client):
    client.heka("t", fields={"n": 5, "x": 0.5, "s": "x", "on": True, "outer": {"in": {"n": 1}}})

    assert {name: (list(f), f.value_type) for name, f in only_message(client).fields.items()} == {
        "n": ([5], heka.Field.INTEGER),
        "x": ([0.5], heka.Field.DOUBLE),
        "s": (["x"], heka.Field.STRING),
        "on": ([True], heka.Field.BOOL),
        "outer.in.n": ([1], heka.Field.INTEGER),
    }


@pytest.mark.parametrize("call", ["heka", "incr", "gauge", "timer_send"])
def test_field_without_a_type_raises_at_the_caller_and_sends_nothing(client, call):
    arguments = ("t",) if call in ("heka", "incr") else ("t", 1)
    client.bad_values = "raise"

    with pytest.raises(heka.FieldError, match="foo"):
        getattr(client, call)(*arguments, fields={"foo": None})

    assert kept_by(client).written == []
    assert client.stats()["offered"] == 0


def test_bad_values_repr_loses_no_message(client):
    client.bad_values = "repr"
    client.heka("t", fields={"a": None})

    assert only_message(client).fields == {"a": ["None"]}


def test_fields_of_the_caller_are_not_changed(client):
    fields = {"a": [1, 2], "outer": {"inner": "x"}, "name": "mine", "rate": 0.1}
    before = copy.deepcopy(fields)
    for _ in range(2):
        client.heka("t", fields=fields)
        client.incr("n", fields=fields)
        client.gauge("n", 1, fields=fields)
        client.timer_send("n", 1, fields=fields)
        with client.timer("n", fields=fields):
            pass

    assert fields == before
    assert len(kept_by(client).written) == 10


def test_each_write_is_followed_by_flush(client):
    client.heka("t")
    client.heka("t")

    assert kept_by(client).flushes == 2


def test_context_fields_are_merged(client):
    with heka.context(request_id="r1", name="context"):
        client.incr("n")

    assert only_message(client).fields == {"name": ["n"], "rate": [1.0], "request_id": ["r1"]}


@pytest.mark.parametrize("version", [2, "2"], ids=["int", "text"])
@pytest.mark.parametrize("hash_function", ["SHA1", "sha1", "MD5"])
def test_messages_are_signed_with_hmc(version, hash_function):
    """The version is text where it comes from an INI file."""
    hmc = {"signer": "ops", "key_version": version, "hash_function": hash_function, "key": "secret"}
    client = HekaClient(Kept(), "tests", hmc=hmc)
    client.heka("t")

    reader = heka.StreamReader(signers={("ops", 2): "secret"}, require_signature=True)
    (frame,) = reader.feed(kept_by(client).written[0])
    assert (frame.signer, frame.signer_version) == ("ops", 2)


def test_signer_name_that_makes_a_header_of_over_127_bytes():
    name = "s" * 200
    client = HekaClient(
        Kept(),
        "tests",
        hmc={"signer": name, "key_version": 1, "hash_function": "md5", "key": "secret"},
    )
    client.heka("t")

    (data,) = kept_by(client).written
    assert data[1] > 127
    (frame,) = heka.StreamReader(signers={(name, 1): "secret"}).feed(data)
    assert frame.signer == name


def test_metlog_is_the_old_name_of_heka(client):
    client.metlog("t", "l", 3, "p", {"a": 1})

    message = only_message(client)
    assert (message.type, message.logger, message.severity) == ("t", "l", 3)
    assert (message.payload, message.fields) == ("p", {"a": [1]})


# --- counters, gauges, timers ---


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
def test_measurement_has_its_value_as_payload_and_name_and_rate(
    client, call, arguments, type, payload
):
    assert getattr(client, call)("a.name", *arguments) is True

    message = only_message(client)
    assert (message.type, message.payload) == (type, payload)
    assert (message.logger, message.severity) == ("tests", 6)
    assert message.fields == {"name": ["a.name"], "rate": [1.0]}
    assert message.fields["rate"].value_type == heka.Field.DOUBLE


@pytest.mark.parametrize(("call", "rate"), [("incr", 1), ("gauge", 1), ("timer_send", 2)])
def test_measurement_takes_logger_severity_fields_and_rate_by_position(client, call, rate):
    """An int rate becomes a DOUBLE: receivers refuse the message otherwise."""
    getattr(client, call)("n", 2, "other", 3, {"extra": "x"}, rate)

    message = only_message(client)
    assert (message.logger, message.severity) == ("other", 3)
    assert message.fields == {"extra": ["x"], "name": ["n"], "rate": [float(rate)]}
    assert message.fields["rate"].value_type == heka.Field.DOUBLE


def test_name_and_rate_override_the_callers_fields(client):
    client.incr("hits", fields={"rate": "x", "name": "y", "z": 1})

    assert only_message(client).fields == {"z": [1], "name": ["hits"], "rate": [1.0]}


@pytest.mark.parametrize("call", ["incr", "gauge"])
def test_rate_is_the_probability_of_being_sent(client, call):
    for _ in range(2000):
        getattr(client, call)("n", 1, rate=0.25)

    sent = len(kept_by(client).written)
    assert 350 < sent < 650
    assert {message.fields["rate"][0] for message in kept_by(client).messages} == {0.25}


@pytest.mark.parametrize("call", ["incr", "gauge"])
def test_rate_zero_sends_nothing(client, call):
    assert {getattr(client, call)("n", 1, rate=0) for _ in range(50)} == {False}
    assert kept_by(client).written == []


def test_timer_send_is_never_sampled(client):
    assert client.timer_send("n", 1, rate=0.0) is True


@pytest.mark.parametrize("severity", [-1, 8, logging.ERROR, True, False])
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda c, s: c.heka("t", severity=s), id="heka"),
        pytest.param(lambda c, s: c.metlog("t", severity=s), id="metlog"),
        pytest.param(lambda c, s: c.incr("n", severity=s, rate=0.0), id="incr"),
        pytest.param(lambda c, s: c.gauge("n", 1, severity=s, rate=0.0), id="gauge"),
        pytest.param(lambda c, s: c.timer_send("n", 1, severity=s), id="timer_send"),
        pytest.param(lambda c, s: c.timer("n", severity=s), id="timer"),
        pytest.param(lambda c, s: c.log(s, "text"), id="log"),
        pytest.param(lambda c, s: c.admits("t", s), id="admits"),
        pytest.param(lambda c, s: HekaClient(Kept(), "", severity=s), id="HekaClient"),
    ],
)
def test_severity_of_a_call_is_from_0_to_7(call, severity):
    """Also where a filter holds back such messages, and where there is no stream."""
    filtered = HekaClient(Kept(), "tests", filters=[SeverityMax(3)])
    for client in (HekaClient(Kept(), "tests"), filtered, HekaClient(None, "tests")):
        with pytest.raises(ValueError, match=r"0 \(emergency\) to 7 \(debug\).*heka\.logging"):
            call(client, severity)
        assert client.stats()["offered"] == 0


@pytest.mark.parametrize("decorator", [timeit, incr_count])
def test_decorator_with_a_wrong_severity_is_refused(client, decorator):
    with pytest.raises(TypeError, match=r"0 \(emergency\) to 7 \(debug\)"):
        decorator("n", severity=logging.ERROR, client=client)(abs)


def test_sampling_does_not_use_the_programs_random_generator(client):
    random.seed(42)
    expected = [random.random() for _ in range(3)]
    random.seed(42)

    HekaClient(Kept(), "other")
    for _ in range(20):
        client.incr("n", rate=0.5)
        client.gauge("n", 1, rate=0.5)
        with client.timer("n", rate=0.5):
            pass

    assert [random.random() for _ in range(3)] == expected


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(
            lambda c: c.incr(), "missing 1 required positional argument: 'name'", id="none"
        ),
        pytest.param(lambda c: c.incr(3), "name must be str", id="name"),
        pytest.param(lambda c: c.incr("n", rate="x"), "rate must be a number", id="rate"),
        pytest.param(lambda c: c.gauge("n"), "'value'", id="no-value"),
        pytest.param(lambda c: c.heka(), "'type'", id="no-type"),
        pytest.param(lambda c: c.heka("t", sevrity=1), "unexpected keyword", id="unknown"),
        pytest.param(lambda c: c.heka(5), "type must be str", id="type"),
        pytest.param(lambda c: c.heka("t", fields=[1]), "mapping", id="fields"),
        pytest.param(lambda c: c.timer(5), "name must be str", id="timer"),
    ],
)
def test_wrong_arguments_raise(client, call, error):
    with pytest.raises(TypeError, match=error):
        call(client)

    assert kept_by(client).written == []


# --- log lines ---


@pytest.mark.parametrize(
    ("call", "severity"),
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
def test_log_line_has_its_severity(client, call, severity):
    getattr(client, call)("text")

    message = only_message(client)
    assert (message.type, message.severity, message.payload) == ("oldstyle", severity, "text")


def test_log_takes_a_severity(client):
    client.log(SEVERITY.EMERGENCY, "text %d", 5)

    assert (only_message(client).severity, only_message(client).payload) == (0, "text 5")


@pytest.mark.parametrize(
    ("text", "args", "payload"),
    [
        pytest.param("1: %s\n2: %s", ("shoe", "door"), "1: shoe\n2: door", id="positional"),
        pytest.param("%(a)s, %(b)s", ({"a": 1, "b": 2},), "1, 2", id="mapping"),
        pytest.param("100 %", (), "100 %", id="no-arguments-no-formatting"),
        pytest.param("%s", ((1, 2),), "(1, 2)", id="a-tuple-is-one-argument"),
        pytest.param("\u00e9%s", ("\u20ac",), "\u00e9\u20ac", id="not-ascii"),
    ],
)
def test_log_line_is_formatted(client, text, args, payload):
    client.warn(text, *args)

    assert only_message(client).payload == payload


def test_exc_info_appends_the_traceback(client):
    try:
        raise KeyError("lost")
    except KeyError:
        client.error("text", exc_info=True)

    lines = only_message(client).payload.splitlines()
    assert lines[:2] == ["text", "Traceback (most recent call last):"]
    assert lines[-1] == "KeyError: 'lost'"
    assert "test_client_messages.py" in lines[2]


@pytest.mark.parametrize("kind", ["tuple", "exception"])
def test_exc_info_may_be_an_earlier_exception(client, kind):
    """A text that ends with a newline gets no empty line before the traceback."""
    try:
        raise KeyError("lost")
    except KeyError as error:
        given = sys.exc_info() if kind == "tuple" else error
    client.critical("text\n", exc_info=given)

    assert only_message(client).payload.startswith("text\nTraceback")
    assert only_message(client).payload.endswith("KeyError: 'lost'")


def test_exception_is_an_alert_with_its_traceback(client):
    try:
        raise KeyError("lost")
    except KeyError:
        client.exception("text")

    assert only_message(client).severity == SEVERITY.ALERT
    assert only_message(client).payload.startswith("text\nTraceback")
    assert only_message(client).payload.endswith("KeyError: 'lost'")


def test_exception_outside_of_a_handler_is_sent(client):
    client.exception("nothing was raised")

    assert only_message(client).payload.startswith("nothing was raised")


# --- text of exceptions ---

LONE = "caf\udce9"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda c, e: c.exception("it failed"), id="exception"),
        pytest.param(lambda c, e: c.error("it failed", exc_info=True), id="exc_info"),
        pytest.param(lambda c, e: c.error("it failed", exc_info=e), id="exc_info-given"),
        pytest.param(lambda c, e: c.error(e), id="as-the-message"),
        pytest.param(lambda c, e: c.error("it failed: %s", e), id="as-an-argument"),
        pytest.param(lambda c, e: c.error("it failed: %(e)s", {"e": e}), id="in-a-mapping"),
    ],
)
def test_lone_surrogate_in_an_exceptions_text_is_escaped(client, call):
    failure = ValueError(LONE)
    with contextlib.suppress(ValueError):
        try:
            raise failure
        finally:
            sent = call(client, failure)

    assert sent is True
    assert r"caf\udce9" in only_message(client).payload


def test_lone_surrogate_in_the_callers_own_text_is_refused(client):
    client.bad_values = "raise"
    with pytest.raises(heka.EncodeError, match="payload holds the lone surrogate"):
        client.error(LONE)
