"""Events hold no lone surrogates: strict readers of JSON refuse a whole event for one.

Python makes them of file names, arguments and variables of the environment that are not UTF-8.
"""

from __future__ import annotations

import json

import pytest
from plugins.raven_support import event, fields, message, raven_client

NAME = "caf\udce9"
SHOWN = "caf\\udce9"
CAPTURE = "heka.plugins.raven:capture"
PROFILES = [
    pytest.param({"provider": CAPTURE}, id="sentry7"),
    pytest.param({}, id="raven3"),
    pytest.param({"profile": "raven2"}, id="raven2"),
]


def fail(text):
    variable = {text: [text]}  # noqa: F841
    raise ValueError(f"cannot read {text}")


def sent(text, given="", **options):
    """Return the client that has told of an exception with *text*, its message *given*."""
    client = raven_client(**options)
    try:
        fail(text)
    except ValueError:
        assert client.raven(given)
    return client


@pytest.mark.parametrize("options", PROFILES)
@pytest.mark.parametrize("text", [NAME, "\ud83d", "\ud83d\ude00", "\U0001f600\udce9"], ids=ascii)
def test_text_of_an_exception_is_unicode_in_the_event(options, text):
    found = event(sent(text, **options))

    shown = text.encode("utf-8", "backslashreplace").decode()
    assert f"cannot read {shown}" in json.dumps(found, ensure_ascii=False).replace("\\\\", "\\")
    json.dumps(found, ensure_ascii=False).encode()  # raises for a lone surrogate


@pytest.mark.parametrize("options", PROFILES)
def test_message_of_the_program_is_unicode_in_event_and_field(options):
    client = sent("x", f"in {NAME}", **options)

    json.dumps(event(client), ensure_ascii=False).encode()
    assert fields(message(client))["msg"] == f"in {SHOWN}"


def test_astral_characters_stay_as_they_are():
    assert "\U0001f600" in json.dumps(event(sent("\U0001f600")), ensure_ascii=False)


def test_logger_fields_and_payload_are_sent_with_escapes():
    client = raven_client()

    assert client.raven(payload=NAME, logger=NAME, note=NAME, many=[NAME])

    found = message(client)
    assert (found.payload, found.logger) == (SHOWN, SHOWN)
    assert fields(found) == {"msg": "", "note": SHOWN, "many": SHOWN}


def test_two_names_that_escape_to_one_are_both_shown():
    found = event(sent(NAME, given=SHOWN))

    assert json.dumps(found).count("caf") >= 4
