"""Flask under gunicorn: prefork, preloaded and with threads."""

from __future__ import annotations

import contextlib

import pytest
from integrations.support import (
    check_a_trace_is_kept,
    check_health_checks_send_nothing,
    serving,
    values,
)

pytest.importorskip("flask")
pytest.importorskip("gunicorn")

CONFIGURATIONS = {
    "prefork": ("--workers", "2"),
    "preload": ("--workers", "2", "--preload"),
    "threads": ("--workers", "1", "--worker-class", "gthread", "--threads", "8"),
}


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def server(request, receiver, tmp_path_factory):
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    options = CONFIGURATIONS[request.param]
    with serving(
        log, receiver.to, "gunicorn", "-b", "127.0.0.1:{port}", *options, "flask_app:app"
    ) as made:
        yield made


def test_a_request_has_its_message_and_its_fields_in_all_others(server, receiver, new_id):
    one = new_id()

    assert server.get("/items/7?token=secret", one) == (200, b"item 7")

    inside, last = receiver.of(one, "inside", "http.request")
    assert values(inside) == {
        "item": "7",
        "pid": inside.pid,
        "request_id": one,
        "method": "GET",
        "route": "/items/<item>",
    }
    fields = values(last)
    assert 0 < fields.pop("duration") < 60
    assert fields == {
        "method": "GET",
        "route": "/items/<item>",
        "status": 200,
        "bytes": 6,
        "request_id": one,
    }
    assert (last.type, last.severity, last.logger) == ("http.request", 6, "shop")
    assert last.fields["duration"].representation == "s"
    assert last.fields["bytes"].representation == "B"
    assert inside.pid == last.pid != server.process.pid


def test_200_requests_at_once_have_one_message_each(server, receiver, new_id):
    ids = [new_id() for _ in range(200)]

    answers = server.get_many("/items/{}", ids)

    assert answers == [(200, f"item {one}".encode()) for one in ids]
    for one in ids:
        inside, last = receiver.of(one, "inside", "http.request")
        assert values(inside)["item"] == one
        assert values(last)["bytes"] == len(one) + 5


def test_an_exception_has_its_frames_and_no_secret(server, receiver, new_id):
    one = new_id()

    status, _ = server.get("/fails/7", one)

    assert status == 500
    error, last = receiver.of(one, "oldstyle", "http.request")
    assert error.severity == last.severity == 3
    assert error.payload.startswith("GET /fails/<item>: unhandled exception\nTraceback (most ")
    assert "in fails" in error.payload
    assert "ValueError: no item: password=" in error.payload
    assert "hunter2" not in error.payload
    assert values(last)["status"] == 500


def test_a_stream_keeps_the_fields_and_ends_with_its_last_part(server, receiver, new_id):
    one = new_id()

    assert server.get("/streams?parts=3", one) == (200, b"x" * 3000)

    found = receiver.of(one, "closed", "http.request")
    assert [m.type for m in found] == ["part", "part", "part", "closed", "http.request"]
    assert values(found[-1])["bytes"] == 3000


def test_a_client_that_hangs_up_ends_the_request(server, receiver, new_id):
    one = new_id()

    server.hang_up("/streams?parts=100000", one)

    last = receiver.one(one, "http.request")
    assert values(last)["status"] == 200
    assert 1000 <= values(last)["bytes"] < 100_000_000
    assert "closed" in {message.type for message in receiver.of(one, "http.request")}


def test_an_application_that_breaks_in_the_middle(server, receiver, new_id):
    one = new_id()
    with contextlib.suppress(Exception):  # the answer is incomplete
        server.get("/breaks", one)

    error, last = receiver.of(one, "oldstyle", "http.request")
    assert "KeyError: 'in the middle'" in error.payload
    assert (values(last)["status"], values(last)["bytes"]) == (200, 1000)


def test_a_file_is_sent_as_without_the_middleware(server, receiver, new_id):
    one = new_id()

    assert server.get("/file", one) == (200, b"f" * 5000)
    assert values(receiver.one(one, "http.request"))["bytes"] == 5000


def test_what_a_request_binds_ends_with_it(server, receiver, new_id):
    for _ in range(8):
        one = new_id()
        server.get("/binds", one)
        assert values(receiver.one(one, "http.request"))["user"] == "ann"
        status, body = server.get("/bound", one)
        assert status == 200
        assert b"ann" not in body


def test_health_checks_send_nothing(server, receiver, new_id):
    check_health_checks_send_nothing(server, receiver, new_id, "/items/1")


def test_a_trace_is_kept(server, receiver, new_id):
    check_a_trace_is_kept(server, receiver, new_id, "/items/1", "inside")


@pytest.mark.parametrize("status", [200, 404, 499, 500, 503])
def test_the_severity_is_that_of_the_status(server, receiver, new_id, status):
    one = new_id()

    server.get(f"/status/{status}", one)

    last = receiver.one(one, "http.request")
    assert values(last)["status"] == status
    assert last.severity == (3 if status >= 500 else 6)


def test_an_unknown_path_has_no_route(server, receiver, new_id):
    one = new_id()

    assert server.get("/nowhere/secret", one)[0] == 404
    assert "route" not in values(receiver.one(one, "http.request"))


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_what_is_queued_is_sent_when_sigterm_ends_gunicorn(receiver, tmp_path, new_id, options):
    """The destination has the server's messages before its last worker has ended."""
    command = ("gunicorn", "-b", "127.0.0.1:{port}", *options, "flask_app:app")
    with serving(tmp_path / "log", receiver.to_at_end, *command) as server:
        ids = [new_id() for _ in range(50)]
        server.get_many("/items/{}", ids, at_once=10)

        assert server.end() == 0

    for one in ids:
        receiver.of(one, "http.request")
