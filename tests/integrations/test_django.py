"""Django under gunicorn, uvicorn and runserver; LOGGING, management commands."""

from __future__ import annotations

import subprocess
import sys

import pytest
from integrations.support import (
    APPS,
    check_a_trace_is_kept,
    check_health_checks_send_nothing,
    environment,
    serving,
    values,
)

pytest.importorskip("django")
COMMANDS = {
    "gunicorn": ("gunicorn", "-b", "127.0.0.1:{port}", "--workers", "2", "django_app:wsgi"),
    "uvicorn": ("uvicorn", "django_app:asgi", "--port", "{port}", "--lifespan", "off"),
    "runserver": ("django_app", "runserver", "--noreload", "127.0.0.1:{port}"),
}


@pytest.fixture(scope="module", params=COMMANDS)
def server(request, receiver, tmp_path_factory):
    log = tmp_path_factory.mktemp("django") / "log"
    with serving(log, receiver.to, *COMMANDS[request.param]) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "route"),
    [
        pytest.param("/items/7", "/items/<slug:item>", id="sync"),
        pytest.param("/async/7", "/async/<slug:item>", id="async"),
        pytest.param("/inner/7", "/inner/<slug:item>", id="included"),
    ],
)
def test_a_request_has_its_message_and_its_fields_in_all_others(
    server, receiver, new_id, path, route
):
    one = new_id()

    assert server.get(path + "?token=secret", one) == (200, b"item 7")

    *inside, last = receiver.of(one, "oldstyle", "http.request")
    context = {"request_id": one, "method": "GET", "route": route}
    assert len(inside) == (2 if "async" in path else 1)
    for message in inside:
        assert message.payload == "inside 7"
        assert values(message).items() >= context.items()
    fields = values(last)
    assert 0 < fields.pop("duration") < 60
    assert fields == {"status": 200, "bytes": 6, **context}
    assert (last.severity, last.logger) == (6, "shop")


def test_200_requests_at_once_have_one_message_each(server, receiver, new_id):
    ids = [new_id() for _ in range(200)]

    answers = server.get_many("/async/{}", ids[:100]) + server.get_many("/items/{}", ids[100:])

    assert answers == [(200, f"item {one}".encode()) for one in ids]
    for one in ids:
        *inside, last = receiver.of(one, "oldstyle", "http.request")
        assert {message.payload for message in inside} == {f"inside {one}"}
        assert last.type == "http.request"


@pytest.mark.parametrize("path", ["/fails/7", "/async-fails/7"])
def test_an_exception_has_its_frames_and_no_secret(server, receiver, new_id, path):
    one = new_id()

    assert server.get(path, one)[0] == 500

    error, last = receiver.of(one, "oldstyle", "http.request")
    assert error.severity == last.severity == 3
    assert f"GET {path[:-1]}<slug:item>: unhandled exception\n" in error.payload
    assert "in fails" in error.payload
    assert "hunter2" not in error.payload
    assert values(last)["status"] == 500


@pytest.mark.parametrize("path", ["/streams", "/async-streams"])
def test_a_stream_keeps_the_fields_and_ends_with_its_last_part(server, receiver, new_id, path):
    one = new_id()

    assert server.get(path, one) == (200, b"x" * 3000)

    *inside, last = receiver.of(one, "oldstyle", "http.request")
    assert [message.payload for message in inside] == ["inside 0", "inside 1", "inside 2"]
    assert (last.type, values(last)["bytes"]) == ("http.request", 3000)


def test_a_file_is_sent_as_without_the_middleware(server, receiver, new_id):
    one = new_id()
    expected = (APPS / "django_app.py").read_bytes()

    assert server.get("/file", one) == (200, expected)
    assert values(receiver.one(one, "http.request"))["bytes"] == len(expected)


def test_a_page_that_is_not_there_is_no_exception(server, receiver, new_id):
    one = new_id()

    assert server.get("/nowhere/secret", one)[0] == 404
    (last,) = receiver.of(one, "http.request")
    assert "route" not in values(last)
    assert last.severity == 6


def test_health_checks_send_nothing(server, receiver, new_id):
    check_health_checks_send_nothing(server, receiver, new_id, "/items/1")


def test_a_trace_is_kept(server, receiver, new_id):
    check_a_trace_is_kept(server, receiver, new_id, "/items/1", "oldstyle")


def test_a_management_command_logs(receiver):
    """Also what is queued when it ends."""
    done = subprocess.run(
        [sys.executable, "django_app.py", "greet"],
        cwd=APPS,
        env=environment(receiver.to_at_end),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout == "greeted\n", done.stderr
    receiver.wait_for(
        lambda messages: [m for m in messages if (m.logger, m.payload) == ("shop", "greetings")]
    )


def test_an_unknown_setting_is_refused(receiver):
    script = """
import django_app
from django.conf import settings
from heka.integrations.django import HekaMiddleware
settings.HEKA = {"ingore": []}
HekaMiddleware(None)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=APPS,
        env=environment(receiver.to),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    expected = "HEKA: expected client, ignore, request_id_header, got 'ingore'"
    assert done.stderr.endswith(f"ImproperlyConfigured: {expected}\n")
