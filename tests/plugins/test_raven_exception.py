"""``heka.exception`` reports through the raven plugin where the default client has it."""

from __future__ import annotations

import pytest
from plugins.raven_support import event, fields, message, raven_client

import heka
from heka.client import HekaClient
from heka.holder import CLIENT_HOLDER
from heka.testing import capture


@pytest.fixture
def client(monkeypatch):
    """The default client; it has the plugin."""
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)
    made = raven_client(severity=5)
    CLIENT_HOLDER.set_client("app", made)
    return made


def test_the_exception_is_sent_with_its_frames(client):
    try:
        raise KeyError("door")
    except KeyError:
        assert heka.exception("order %d", 5, fields={"order": 5}) is True

    sent = message(client)
    assert (sent.type, sent.severity, sent.logger) == ("sentry", heka.ERROR, "app")
    assert fields(sent)["order"] == 5
    assert fields(sent)["msg"] == "order 5"
    assert "door" in str(event(client))


def test_fields_may_have_the_names_of_the_plugins_arguments(client):
    given = {"severity": 1, "payload": "p", "self": "s", "exc_info": 2, "logger": "l", "other": 3}

    assert heka.exception("x", exc_info=ValueError("y"), logger="own", fields=given)

    sent = message(client)
    assert (sent.severity, sent.logger) == (heka.ERROR, "own")
    assert fields(sent).items() >= given.items()


def test_without_an_exception_the_text_is_sent_to_where_log_sends(client):
    with capture() as captured:
        heka.exception("nothing")

    assert [(sent.logger, sent.payload) for sent in captured] == [("", "nothing\nNoneType: None")]


def test_without_the_plugin_it_is_sent_to_where_log_sends(client):
    CLIENT_HOLDER.set_client("app", HekaClient(None, "other"))

    with capture() as captured:
        heka.exception("x", exc_info=ValueError("y"))

    assert [(sent.logger, sent.payload) for sent in captured] == [("", "x\nValueError: y")]
