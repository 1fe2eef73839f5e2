"""HekaClient's messages: heka, incr, gauge, timer_send, log lines."""

from __future__ import annotations

import datetime
import os
import random
import socket
import sys

import pytest
from client.messages import Kept, kept_by

import heka
from heka.client import SEVERITY, HekaClient


@pytest.fixture
def client():
    return HekaClient(Kept(), "tests")


def one(client):
    """Return the one message that was sent."""
    (message,) = kept_by(client).messages
    return message


# --- heka ---


def test_heka_fills_in_the_defaults(client):
    assert client.heka("t", payload="p") is True

    message = one(client)
    assert (message.type, message.logger, message.severity, message.payload) == (
        "t",
        "tests",
        6,
        "p",
    )
    assert (message.pid, message.hostname) == (os.getpid(), socket.gethostname())
    assert (message.env_version, message.fields) == (client.env_version, {})


def test_heka_takes_payload_before_fields(client):
    """The positional order of the classic call."""
    client.heka("t", "l", 2, "p", {"a": 1}, 1.5)

    message = one(client)
    assert (message.logger, message.severity, message.payload) == ("l", 2, "p")
    assert (message.fields, message.timestamp) == ({"a": [1]}, 1_500_000_000)


def test_none_means_the_clients_own(client):
    client.logger, client.severity = "other", 3
    client.heka("t", logger=None, severity=None, fields=None, timestamp=None)

    assert (one(client).logger, one(client).severity) == ("other", 3)


def test_naive_datetime_is_local_time_with_its_microseconds(client):
    when = datetime.datetime(2026, 11, 21, 12, 0, 0, 123456)
    client.heka("t", timestamp=when)

    assert one(client).timestamp == int(when.timestamp()) * 10**9 + 123_456_000


def test_bad_field_raises_at_the_caller_and_sends_nothing(client):
    with pytest.raises(heka.FieldError, match="foo"):
        client.heka("t", fields={"foo": None})

    assert kept_by(client).written == []
    assert client.stats()["offered"] == 0


def test_bad_values_repr_loses_no_message(client):
    client.bad_values = "repr"
    client.heka("t", fields={"a": None})

    assert one(client).fields == {"a": ["None"]}


def test_fields_are_not_changed(client):
    fields = {"a": 1, "name": "mine"}
    client.heka("t", fields=fields)
    client.incr("n", fields=fields)
    client.gauge("n", 1, fields=fields)
    client.timer_send("n", 1, fields=fields)

    assert fields == {"a": 1, "name": "mine"}


def test_each_write_is_followed_by_flush(client):
    client.heka("t")
    client.heka("t")

    assert kept_by(client).flushes == 2


def test_context_fields_are_merged(client):
    with heka.context(request_id="r1", name="context"):
        client.incr("n")

    assert one(client).fields == {"name": ["n"], "rate": [1.0], "request_id": ["r1"]}


def test_signed_with_hmc():
    client = HekaClient(
        Kept(),
        "tests",
        hmc={"signer": "ops", "key_version": "1", "hash_function": "SHA1", "key": "secret"},
    )
    client.heka("t")

    (frame,) = heka.StreamReader(signers={("ops", 1): "secret"}).feed(kept_by(client).written[0])
    assert (frame.signer, frame.signer_version) == ("ops", 1)


def test_signer_name_that_makes_a_header_of_over_127_bytes():
    name = "s" * 200
    client = HekaClient(
        Kept(),
        "tests",
        hmc={"signer": name, "key_version": 1, "hash_function": "md5", "key": "secret"},
    )
    client.heka("t")

    (frame,) = heka.StreamReader(signers={(name, 1): "secret"}).feed(kept_by(client).written[0])
    assert frame.signer == name


def test_old_name_of_the_call(client):
    client.metlog("t", payload="p")

    assert one(client).payload == "p"


# --- counters, gauges, timers ---


def test_incr_counts_one(client):
    client.incr("hits")

    message = one(client)
    assert (message.type, message.payload) == ("counter", "1")
    assert message.fields == {"name": ["hits"], "rate": [1.0]}


def test_incr_counts_what_it_is_told(client):
    client.incr("hits", 10, "l", 3, {"a": 1})

    message = one(client)
    assert (message.payload, message.logger, message.severity) == ("10", "l", 3)
    assert message.fields == {"a": [1], "name": ["hits"], "rate": [1.0]}


def test_rate_is_a_double_on_the_wire(client):
    """Receivers refuse the message otherwise; int and bool rates are converted."""
    client.incr("a", rate=1)
    client.timer_send("a", 5, rate=2)

    for message in kept_by(client).messages:
        assert message.fields["rate"].value_type == heka.Field.DOUBLE


def test_name_and_rate_win_over_the_callers_fields(client):
    client.incr("hits", fields={"rate": "x", "name": "y", "z": 1})

    assert one(client).fields == {"z": [1], "name": ["hits"], "rate": [1.0]}


def test_gauge_tells_a_value(client):
    client.gauge("load", 0.5)

    assert (one(client).type, one(client).payload) == ("gauge", "0.5")


def test_timer_send_tells_milliseconds(client):
    client.timer_send("query", 12)

    message = one(client)
    assert (message.type, message.payload) == ("timer", "12")
    assert message.fields == {"name": ["query"], "rate": [1.0]}


@pytest.mark.parametrize("call", ["incr", "gauge"])
def test_rate_is_the_share_that_is_sent(client, call):
    for _ in range(2000):
        getattr(client, call)("n", 1, rate=0.25)

    sent = len(kept_by(client).written)
    assert 350 < sent < 650
    assert kept_by(client).messages[0].fields["rate"] == [0.25]


def test_rate_zero_sends_nothing(client):
    assert client.incr("n", rate=0) is False
    assert kept_by(client).written == []


def test_timer_send_is_never_sampled(client):
    assert client.timer_send("n", 1, rate=0.0) is True


def test_the_programs_random_numbers_are_its_own(client):
    random.seed(42)
    expected = [random.random() for _ in range(3)]
    random.seed(42)

    HekaClient(Kept(), "other")
    client.incr("n", rate=0.5)
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
        pytest.param(lambda c: c.heka("t", severity="x"), "severity", id="severity"),
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

    message = one(client)
    assert (message.type, message.severity, message.payload) == ("oldstyle", severity, "text")


def test_log_takes_a_severity(client):
    client.log(SEVERITY.EMERGENCY, "text %d", 5)

    assert (one(client).severity, one(client).payload) == (0, "text 5")


def test_log_line_is_formatted(client):
    client.warn("%s, %s", "a", "b")

    assert one(client).payload == "a, b"


def test_log_line_takes_one_mapping(client):
    client.info("%(a)s, %(b)s", {"a": 1, "b": 2})

    assert one(client).payload == "1, 2"


def test_percent_sign_without_arguments_is_text(client):
    client.info("100 %")

    assert one(client).payload == "100 %"


def test_exc_info_appends_the_traceback(client):
    try:
        raise KeyError("lost")
    except KeyError:
        client.error("text", exc_info=True)

    lines = one(client).payload.splitlines()
    assert lines[:2] == ["text", "Traceback (most recent call last):"]
    assert lines[-1] == "KeyError: 'lost'"


@pytest.mark.parametrize("kind", ["tuple", "exception"])
def test_exc_info_may_be_given(client, kind):
    try:
        raise KeyError("lost")
    except KeyError as error:
        given = sys.exc_info() if kind == "tuple" else error
    client.critical("text", exc_info=given)

    assert one(client).payload.endswith("KeyError: 'lost'")


def test_exception_is_an_alert_with_its_traceback(client):
    try:
        raise KeyError("lost")
    except KeyError:
        client.exception("text")

    assert one(client).severity == SEVERITY.ALERT
    assert one(client).payload.endswith("KeyError: 'lost'")
