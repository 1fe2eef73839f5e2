"""``client.raven`` never raises: problems are written to stderr, and the program goes on."""

from __future__ import annotations

import json

import pytest
from plugins.raven_support import DSN, event, messages, raven_client, reported

from heka.plugins.raven import report


@pytest.mark.parametrize("error", [MemoryError("no more"), RecursionError("too deep")], ids=type)
def test_fatal_error_is_captured(error):
    def fail():
        raise error

    assert reported(fail)["message"] == f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("failure", [MemoryError, RecursionError, ValueError])
def test_event_that_cannot_be_built_is_reported_by_its_type(monkeypatch, failure, capsys):
    def caught(*args):
        raise failure("while looking")

    monkeypatch.setattr(report, "caught", caught)
    client = raven_client(dsn=DSN)

    assert client.raven("kept", exc_info=KeyError("lost"))

    found = event(client)
    assert found["message"] == f"KeyError: <not captured: {failure.__name__}>"
    assert found["extra"]["msg"] == "'kept'"
    assert "heka: raven: an event is incomplete: " in capsys.readouterr().err


def test_failing_stream_does_not_raise_in_the_caller(capsys):
    client = raven_client()

    def write(data):
        raise OSError("disk full")

    client.stream.write = write

    assert client.raven(exc_info=ValueError("x")) is False


def test_failing_client_does_not_raise_in_the_caller(monkeypatch, capsys):
    client = raven_client(dsn=DSN)

    def heka(*args, **kwargs):
        raise OSError("of udp://4f2a:c0ffee99@sentry.example")

    monkeypatch.setattr(client, "heka", heka)

    assert client.raven(exc_info=ValueError("x")) is False
    said = capsys.readouterr().err
    assert "heka: raven: an exception is not reported: OSError" in said
    assert "c0ffee99" not in said


def test_exception_is_reported_after_an_earlier_failure(monkeypatch, capsys):
    client = raven_client()
    with monkeypatch.context() as patch:
        patch.setattr(client, "heka", None)
        assert client.raven(exc_info=ValueError("x")) is False

    assert client.raven(exc_info=ValueError("y"))
    assert len(messages(client)) == 1


def test_exception_is_not_kept_alive():
    import gc
    import weakref

    class Held:
        pass

    client = raven_client()

    def fail():
        held = Held()
        seen.append(weakref.ref(held))
        raise ValueError

    seen: list[weakref.ref[Held]] = []
    try:
        fail()
    except ValueError:
        client.raven()
    gc.collect()

    assert seen[0]() is None


def test_variables_are_not_changed():
    value = {"password": "x" * 10, "list": [1, 2]}
    before = json.dumps(value)

    def fail():
        local = value  # noqa: F841
        raise ValueError

    reported(fail)

    assert json.dumps(value) == before
