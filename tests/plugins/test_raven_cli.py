"""``heka sentry show``: the forms of input, and events printed as tracebacks."""

from __future__ import annotations

import io
import json

import pytest
from plugins.raven_support import messages, raven_client
from plugins.sentry_support import GOLDEN, as_json_lines, fail, golden, run

from heka._display.style import PLAIN
from heka.cli.commands.sentry.events import read_events
from heka.cli.commands.sentry.traceback import render_event

PROFILES = ("raven3", "raven2", "sentry7")


# ---- what is read -------------------------------------------------------------------------------


def as_frames(client):
    return b"".join(client.stream.frames)


def as_blobs(client):
    return b"\n" + messages(client)[0].payload.encode() + b"\n"


@pytest.mark.parametrize("form", [as_frames, as_json_lines, as_blobs])
def test_event_is_found_in(form):
    client = raven_client()
    fail(client)

    (found,) = read_events(io.BytesIO(form(client)), "sentry")

    assert found.event["message"].startswith("ValueError: evil")


@pytest.mark.parametrize("indent", [None, 2])
def test_event_as_json_is_found(indent):
    data = json.dumps(golden("sentry7"), indent=indent).encode()

    (found,) = read_events(io.BytesIO(data), "sentry")

    assert found.event == golden("sentry7")


def test_message_of_another_type_is_found_when_asked_for():
    client = raven_client(type="stacktrace")
    fail(client)

    assert list(read_events(io.BytesIO(as_frames(client)), "sentry")) == []
    assert len(list(read_events(io.BytesIO(as_frames(client)), "stacktrace"))) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"nonsense\n", "zlib", id="line"),
        pytest.param(b'{"type": "sentry"\n', "JSON", id="json"),
        pytest.param(b'{"type": "sentry", "payload": "x"}\n', "", id="message"),
        pytest.param(b"{\n  nonsense", "JSON", id="many-lines"),
        pytest.param(b"\x1e\x02\x08\x05\x1f", "not part of a message", id="frame"),
    ],
)
def test_invalid_input_is_reported(data, problem):
    (found,) = read_events(io.BytesIO(data), "sentry")

    assert found.event is None
    assert problem in found.problem


def test_empty_input_is_valid():
    assert list(read_events(io.BytesIO(b"\n\n"), "sentry")) == []


# ---- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_traceback(profile):
    text = render_event(golden(profile), PLAIN)

    assert "Traceback (most recent call last):\n" in text
    assert '  File "/srv/shop/checkout.py", line 16, in share\n    per_buyer = total /' in text
    assert "      total = 31.5\n      buyers = []\nZeroDivisionError: float division" in text
    assert "      password = ********\n" in text


def test_chain_is_shown_as_python_does():
    client = raven_client(profile="sentry7")
    fail(client)
    (found,) = read_events(io.BytesIO(as_frames(client)), "sentry")

    text = render_event(found.event, PLAIN)

    cause, between, effect = text.partition("was the direct cause of the following exception:")
    assert "KeyError: 'key'\n" in cause
    assert between
    assert "ValueError: evil \\x1b[31m text\n" in effect
    assert "\x1b" not in text


@pytest.mark.parametrize("profile", PROFILES)
def test_values_are_shown_as_python_writes_them(profile):
    client = raven_client(profile=profile)

    def fail():
        order = {"id": 4711, "items": [None, True, 1.5]}
        raise ValueError(order)

    try:
        fail()
    except ValueError:
        client.raven()
    (found,) = read_events(io.BytesIO(as_frames(client)), "sentry")

    name = "'{}'" if profile == "raven3" else "{}"
    expected = f"{name.format('id')}: 4711, {name.format('items')}: [None, True, 1.5]"
    assert f"      order = {{{expected}}}\n" in render_event(found.event, PLAIN)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"exception": 5},
        {"exception": {"values": [5, {"stacktrace": {"frames": [5, {}]}}]}},
        {"sentry.interfaces.Exception": 5, "sentry.interfaces.Stacktrace": 5},
        {"exception": {"values": [{"stacktrace": {"frames": [{"vars": [1], "lineno": "x"}]}}]}},
        {"extra": 5, "logentry": "x", "event_id": ["\x1b"]},
        pytest.param({"extra": {"x": json.loads("[" * 500 + "]" * 500)}}, id="deep"),
    ],
    ids=repr,
)
def test_odd_event_is_shown(event):
    assert "\x1b" not in render_event(event, PLAIN)


def test_show_reads_standard_input(tmp_path):
    client = raven_client()
    fail(client)

    done = run("show", data=as_frames(client) + b"garbage")

    assert b"ValueError: evil \\x1b[31m text\n" in done.stdout
    assert b"7 bytes of the stream are not part of a message" in done.stderr
    assert done.returncode == 1


def test_show_reads_a_file():
    done = run("show", str(GOLDEN / "raven3.blob"))

    assert done.stdout.decode() == render_event(golden("raven3"), PLAIN)
    assert done.returncode == 0


def test_missing_file_is_an_error():
    done = run("show", "/nowhere")

    assert done.returncode == 1
    assert b"cannot read '/nowhere': No such file" in done.stderr
