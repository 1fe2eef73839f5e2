"""``client.raven``: its arguments and the message that it sends."""

from __future__ import annotations

import sys

import pytest
from plugins.raven_support import (
    DSN,
    Kept,
    event,
    fields,
    frames,
    message,
    messages,
    raven_client,
)

from heka.client import HekaClient
from heka.filters import severity_max_provider
from heka.plugins.raven import config_plugin


def fail(client, *args, **kwargs):
    """Report a ZeroDivisionError and return what the call returned."""
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        return client.raven(*args, **kwargs)


def test_message_of_the_exception_being_handled():
    client = raven_client(dsn=DSN)

    taken = fail(client, "some message")

    sent = message(client)
    assert taken is True
    assert (sent.type, sent.severity, sent.logger) == ("sentry", 3, "app")
    assert fields(sent) == {"msg": "some message", "dsn": DSN}
    assert event(client)["message"] == "ZeroDivisionError: division by zero"


def test_nothing_to_report_sends_nothing():
    client = raven_client()

    assert client.raven("all is well") is False
    assert messages(client) == []


@pytest.mark.parametrize(
    "nothing",
    [(None, None, None), (), (None,), 5, "x", object()],
    ids=lambda value: repr(value)[:9],
)
def test_no_exception_sends_nothing(nothing):
    client = raven_client()

    assert client.raven(exc_info=nothing) is False
    assert messages(client) == []


@pytest.mark.parametrize("payload", ["some payload data", ""])
def test_explicit_payload_goes_as_it_is(payload):
    client = raven_client(dsn=DSN)

    assert client.raven(payload=payload)

    assert message(client).payload == payload
    assert fields(message(client)) == {"msg": "", "dsn": DSN}


def test_explicit_payload_wins_over_an_exception():
    client = raven_client()

    fail(client, payload="verbatim")

    assert message(client).payload == "verbatim"


def caught():
    """Return an exception that was raised and caught."""
    try:
        raise LookupError("gone")
    except LookupError as error:
        return error, sys.exc_info()


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda: caught()[0], id="exception"),
        pytest.param(lambda: caught()[1], id="exc-info"),
        pytest.param(lambda: (None, caught()[0], None), id="exception-in-a-tuple"),
    ],
)
def test_exception_may_be_given(form):
    client = raven_client()

    assert client.raven(exc_info=form())

    assert event(client)["message"] == "LookupError: gone"
    assert [frame["function"] for frame in frames(event(client))] == ["caught"]


@pytest.mark.parametrize("word", [True, None, False])
def test_current_exception_is_reported_for(word):
    client = raven_client()

    fail(client, exc_info=word)

    assert event(client)["message"].startswith("ZeroDivisionError")


def test_type_without_an_exception():
    client = raven_client()

    assert client.raven(exc_info=(KeyError, None, None))

    assert event(client)["message"] == "KeyError"


def test_logger_and_severity_of_the_call_and_of_the_configuration():
    client = raven_client(logger="client", severity=1)
    fail(client)
    fail(client, logger="call", severity=4)
    other = raven_client(severity="2")
    fail(other)

    sent = [(one.logger, one.severity) for one in messages(client)]
    assert sent == [("client", 1), ("call", 4)]
    assert message(other).severity == 2


def test_logger_of_the_configuration_wins_over_the_client():
    client = HekaClient(Kept(), "client")
    client.add_method(config_plugin({"logger": "plugin"}))
    fail(client)

    assert message(client).logger == "plugin"


@pytest.mark.parametrize(
    ("given", "severity", "logger"),
    [
        pytest.param({"severity": object()}, 3, "app", id="severity-object"),
        pytest.param({"severity": None}, 3, "app", id="severity-none"),
        pytest.param({"logger": 5}, 3, "5", id="logger-number"),
        pytest.param({"logger": None}, 3, "app", id="logger-none"),
        pytest.param({"msg": None}, 3, "app", id="msg-none"),
        pytest.param({"msg": object()}, 3, "app", id="msg-object"),
    ],
)
def test_wrong_argument_loses_no_message(given, severity, logger):
    client = raven_client()

    assert fail(client, **given)

    assert (message(client).severity, message(client).logger) == (severity, logger)


def test_other_keywords_are_fields():
    client = raven_client()

    fail(client, user="ann", tries=3, ratio=0.5, ok=True, tags=["a", "b"], nested={"a": 1})

    sent = fields(message(client))
    assert sent == {
        "msg": "",
        "user": "ann",
        "tries": 3,
        "ratio": 0.5,
        "ok": True,
        "tags": ["a", "b"],
        "nested.a": 1,
    }


class Hostile:
    """An object whose repr must not be called."""

    def __repr__(self):
        raise AssertionError("asked")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "None", id="none"),
        pytest.param(Hostile(), f"<{__name__}.Hostile object>", id="object"),
        pytest.param([], "[]", id="empty"),
    ],
)
def test_field_without_a_type_is_shown(value, text):
    client = raven_client()

    assert fail(client, odd=value)

    assert fields(message(client))["odd"] == text


@pytest.mark.parametrize(
    ("option", "dsn"),
    [
        pytest.param("full", DSN, id="full"),
        pytest.param("public", "udp://4f2a@sentry.example:9001/2", id="public"),
        pytest.param("none", None, id="none"),
        pytest.param(None, None, id="None"),
    ],
)
def test_dsn_field(option, dsn):
    client = raven_client(dsn=DSN, dsn_field=option)

    fail(client)

    assert fields(message(client)).get("dsn") == dsn
    assert event(client)["project"] == "2"


def test_without_a_dsn_there_is_no_such_field():
    client = raven_client(sentry_project_id=7)

    fail(client)

    assert fields(message(client)) == {"msg": ""}
    assert event(client)["project"] == "7"


def test_options_add_fields():
    client = raven_client(epoch_timestamp=True, summary=True, type="stacktrace")

    fail(client)

    sent = message(client)
    assert sent.type == "stacktrace"
    assert fields(sent) == {
        "msg": "",
        "epoch_timestamp": pytest.approx(sent.timestamp / 1e9, abs=1e-3),
        "culprit": f"{__name__} in fail",
        "exc_type": "ZeroDivisionError",
    }


def test_filtered_message_is_not_built(monkeypatch):
    client = raven_client()
    client.filters = [severity_max_provider(severity=2)]
    monkeypatch.setattr("heka.plugins.raven.report.caught", None)  # would be called, and fail

    assert fail(client) is False
    assert messages(client) == []


def test_inactive_client_builds_nothing():
    client = raven_client()
    client.stream = None

    assert fail(client) is False


def test_extra_positional_arguments_are_ignored():
    client = raven_client()

    assert fail(client, "msg", True, "logger", 3, "more", 5)
    assert message(client).logger == "logger"
