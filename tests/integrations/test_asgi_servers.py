"""FastAPI under uvicorn: tasks, threads, background tasks, streams and websockets."""

from __future__ import annotations

import signal

import pytest
from integrations.support import (
    check_a_trace_is_kept,
    check_health_checks_send_nothing,
    serving,
    values,
)

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
connect = pytest.importorskip("websockets.sync.client").connect
COMMAND = ("uvicorn", "fastapi_app:app", "--port", "{port}", "--log-level", "warning")


@pytest.fixture(scope="module")
def server(receiver, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("uvicorn") / "log", receiver.to, *COMMAND) as made:
        yield made


def test_a_request_has_its_message_and_its_fields_in_all_others(server, receiver, new_id):
    one = new_id()

    assert server.get("/items/7?token=secret", one) == (200, b'"7"')

    inside, task, last = receiver.of(one, "inside", "task", "http.request")
    context = {"request_id": one, "method": "GET", "route": "/items/{item}"}
    assert values(inside) == {"item": "7", **context}
    assert values(task) == context
    fields = values(last)
    assert 0.01 <= fields.pop("duration") < 60
    assert fields == {"status": 200, "bytes": 3, **context}
    assert (last.severity, last.logger) == (6, "shop")
    assert last.fields["duration"].representation == "s"
    assert last.fields["bytes"].representation == "B"


def test_200_requests_at_once_have_one_message_each(server, receiver, new_id):
    ids = [new_id() for _ in range(200)]

    answers = server.get_many("/items/{}", ids)

    assert answers == [(200, f'"{one}"'.encode()) for one in ids]
    for one in ids:
        found = receiver.of(one, "inside", "http.request")
        assert [message.type for message in found] == ["inside", "task", "http.request"]
        assert values(found[0])["item"] == one


@pytest.mark.parametrize(
    ("path", "route"),
    [
        pytest.param("/threads/7", "/threads/{item}", id="in-a-thread"),
        pytest.param("/api/deep/7", "/api/deep/{item}", id="of-a-router"),
        pytest.param("/mounted/acme/7", "/mounted/{tenant}/{item}", id="of-a-mounted-application"),
    ],
)
def test_the_route_is_a_pattern(server, receiver, new_id, path, route):
    one = new_id()

    server.get(path, one)

    for message in receiver.of(one, "inside", "http.request"):
        assert values(message)["route"] == route


def test_an_exception_has_its_frames_and_no_secret(server, receiver, new_id):
    one = new_id()

    assert server.get("/fails/7", one)[0] == 500

    error, last = receiver.of(one, "oldstyle", "http.request")
    assert error.severity == last.severity == 3
    assert error.payload.startswith("GET /fails/{item}: unhandled exception\n")
    assert "in fails" in error.payload
    assert "ValueError: no item: password=" in error.payload
    assert "hunter2" not in error.payload
    assert values(last)["status"] == 500


def test_background_tasks_keep_the_fields_and_do_not_delay_the_message(server, receiver, new_id):
    one = new_id()

    assert server.get("/later", one)[0] == 200

    last, inside, error = receiver.of(one, "http.request", "background", "oldstyle")
    assert [last.type, inside.type] == ["http.request", "background"]
    assert values(last)["status"] == 200
    assert "LookupError: in the background" in error.payload


def test_a_stream_keeps_the_fields_and_ends_with_its_last_part(server, receiver, new_id):
    one = new_id()

    assert server.get("/streams?parts=3", one) == (200, b"x" * 3000)

    found = receiver.of(one, "closed", "http.request")
    assert [m.type for m in found] == ["part", "part", "part", "closed", "http.request"]
    assert values(found[-1])["bytes"] == 3000


def test_a_client_that_hangs_up_ends_the_request(server, receiver, new_id):
    one = new_id()

    server.hang_up("/streams?parts=1000000", one)

    last = receiver.one(one, "http.request")
    assert values(last)["status"] == 200
    assert last.severity == 6
    assert not [m for m in receiver.of(one, "http.request") if m.type == "oldstyle"]


def test_a_websocket_has_one_message_at_its_end(server, receiver, new_id):
    one = new_id()
    headers = {"X-Request-ID": one}
    url = f"ws://127.0.0.1:{server.port}/talk/"

    with connect(url + "7", additional_headers=headers) as websocket:
        websocket.send("hello")
        assert websocket.recv() == "hellohello"

    heard, last = receiver.of(one, "heard", "http.request")
    context = {"request_id": one, "method": "GET", "route": "/talk/{room}"}
    assert values(heard) == context
    fields = values(last)
    del fields["duration"]
    assert fields == {"status": 101, "bytes": 10, **context}


def test_a_websocket_that_is_refused(server, receiver, new_id):
    one = new_id()
    with (
        pytest.raises(Exception, match="403"),
        connect(
            f"ws://127.0.0.1:{server.port}/talk/closed", additional_headers={"X-Request-ID": one}
        ),
    ):
        pass

    assert values(receiver.one(one, "http.request"))["status"] == 403


def test_requests_on_one_connection_share_nothing(server, receiver, new_id):
    with server.connect() as connection:
        for _ in range(3):
            one = new_id()
            connection.request("GET", "/bound", headers={"X-Request-ID": one})
            answer = connection.getresponse()
            body = answer.read().decode()
            assert f'"request_id":"{one}"' in body
            assert '"route":"/bound"' in body


def test_health_checks_send_nothing(server, receiver, new_id):
    check_health_checks_send_nothing(server, receiver, new_id, "/threads/1")


def test_a_trace_is_kept(server, receiver, new_id):
    check_a_trace_is_kept(server, receiver, new_id, "/threads/1", "inside")


def test_what_is_queued_is_sent_when_sigterm_ends_uvicorn(receiver, tmp_path, new_id):
    """By the lifespan; uvicorn ends by the signal that it was sent, without exit handlers."""
    with serving(tmp_path / "log", receiver.to_at_end, *COMMAND) as server:
        ids = [new_id() for _ in range(50)]
        server.get_many("/threads/{}", ids, at_once=10)

        assert server.end() == -signal.SIGTERM

    for one in ids:
        receiver.of(one, "http.request")
