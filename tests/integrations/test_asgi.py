"""The ASGI middleware around applications and servers that do as they please."""

from __future__ import annotations

import asyncio
import copy
import pickle
from types import SimpleNamespace

import pytest
from integrations.support import values

import heka
import heka.testing
from heka.integrations.asgi import HekaMiddleware

START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"hello"}


@pytest.fixture
def captured():
    with heka.testing.capture() as found:
        yield found


def scope(**more):
    return {"type": "http", "method": "GET", "path": "/", "headers": [], "root_path": "", **more}


def call(app, given=None, receive=None):
    """Return what *app* has sent, or the exception that it has raised."""
    sent = []

    async def send(message):
        sent.append(message)

    try:
        asyncio.run(app(scope() if given is None else given, receive, send))
    except BaseException as error:
        return sent, type(error), str(error)
    return sent


def sending(*messages, error=None):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        if error is not None:
            raise error

    return app


class Base(BaseException):
    """An exception that is no error."""


PART = {"type": "http.response.body", "body": b"one", "more_body": True}
#: Applications; status and bytes of their messages; whether an exception is reported.
APPLICATIONS = {
    "whole": (sending(START, END), (200, 5), False),
    "parts": (sending(START, PART, PART, END), (200, 11), False),
    "empty": (sending(START, {"type": "http.response.body"}), (200, 0), False),
    "nothing": (sending(), (500, 0), False),
    "incomplete": (sending(START, PART), (200, 3), False),
    "raises-first": (sending(error=ValueError("first")), (500, 0), True),
    "raises-amid": (sending(START, PART, error=ValueError("amid")), (200, 3), True),
    "raises-after": (sending(START, END, error=ValueError("after")), (200, 5), True),
    "cancelled": (sending(error=asyncio.CancelledError()), (499, 0), False),
    "cancelled-amid": (sending(START, PART, error=asyncio.CancelledError()), (200, 3), False),
    "no-error": (sending(error=Base("base")), (499, 0), False),
    "trailers": (
        sending({**START, "trailers": True}, END, {"type": "http.response.trailers"}),
        (200, 5),
        False,
    ),
    "path": (sending(START, {"type": "http.response.pathsend", "path": "/x"}), (200, 0), False),
    "early-hints": (sending({"type": "http.response.early_hint"}, START, END), (200, 5), False),
    "nonsense": (
        sending({}, 7, None, {"type": "http.response.start"}, START, END),
        (200, 5),
        False,
    ),
    "bad-body": (sending(START, {"type": "http.response.body", "body": 7}), (200, 0), False),
}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_what_is_sent_is_that_of_the_bare_application(captured, name):
    app, recorded, is_reported = APPLICATIONS[name]
    middleware = HekaMiddleware(app)

    assert call(middleware) == call(app)

    (last,) = [message for message in captured if message.type == "http.request"]
    assert (values(last)["status"], values(last)["bytes"]) == recorded
    assert last.severity == (3 if recorded[0] >= 500 else 6)
    assert len(captured) == 1 + is_reported
    assert middleware.stats() == {}


def test_an_error_of_the_connection_is_none_of_the_application(captured):
    async def send(message):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(HekaMiddleware(sending(START, END))(scope(), None, send))

    assert [message.type for message in captured] == ["http.request"]


def test_messages_are_the_applications_own_objects(captured):
    (start, end) = call(HekaMiddleware(sending(START, END)))

    assert start is START
    assert end is END


def test_what_is_written_to_the_scope_is_seen_outside(captured):
    """By the server and by middlewares around this one, when the response begins and at the end."""
    seen = []

    async def app(scope, receive, send):
        scope["endpoint"] = "one"
        await send(START)
        scope["more"] = "two"

    async def run():
        given = scope()

        async def send(message):
            seen.append(given["endpoint"])

        await HekaMiddleware(app)(given, None, send)
        seen.append(given["more"])

    asyncio.run(run())

    assert seen == ["one", "two"]


def test_the_scope_is_a_dict_with_what_the_server_gave(captured):
    given = scope(state={"a": 1})

    async def app(scope, receive, send):
        assert isinstance(scope, dict)
        assert {name: scope[name] for name in given} == given
        assert scope["state"] is given["state"]

    assert call(HekaMiddleware(app), given) == []


def test_the_scope_may_be_changed_in_every_way_of_a_dict(captured):
    seen = []

    async def app(scope, receive, send):
        scope.update(a=1)
        scope.update([("b", 2)])
        scope.update({"c": 3}, d=4)
        scope.update()
        scope |= {"e": 5, "route": SimpleNamespace(path="/items/{item}")}
        scope.update(f=6)
        seen.append(copy.deepcopy(scope))
        seen.append(pickle.loads(pickle.dumps(dict(scope))))
        del scope["heka.request"]
        await sending(START, END)(scope, receive, send)

    given = scope()
    middleware = HekaMiddleware(app)

    assert call(middleware, given) == [START, END]
    assert [given[name] for name in "abcdef"] == [1, 2, 3, 4, 5, 6]
    assert values(captured[0])["route"] == "/items/{item}"
    assert middleware.stats() == {}
    assert seen[0]["route"].path == seen[1]["route"].path == "/items/{item}"
    assert seen[1]["heka.request"] is None


@pytest.mark.parametrize("kind", ["lifespan", "unknown"])
def test_other_scopes_pass_through(captured, kind):
    given = {"type": kind}

    async def app(scope, receive, send):
        assert scope is given
        await send({"type": "x"})
        raise ValueError("not supported")

    assert call(HekaMiddleware(app), given) == ([{"type": "x"}], ValueError, "not supported")
    assert not captured


def test_the_queues_are_flushed_before_the_server_is_told_of_the_end(tmp_path):
    async def app(scope, receive, send):
        heka.log("queued", to=f"file://{tmp_path}/out?queue=1")
        await send({"type": "lifespan.shutdown.complete"})

    async def send(message):
        assert (tmp_path / "out").stat().st_size > 0

    asyncio.run(HekaMiddleware(app)({"type": "lifespan"}, None, send))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(b"x-%d" % number, b"x") for number in range(10_000)], id="10,000"),
        pytest.param([(b"x-request-id", b"\xff" * (1 << 20))], id="1-MB"),
        pytest.param([(b"x-request-id", b"a\r\nb"), (b"traceparent", b"\xff")], id="lies"),
        pytest.param(iter([[b"x-request-id", b"\0"]]), id="iterator-of-lists"),
    ],
)
def test_headers_that_are_refused(captured, headers):
    assert call(HekaMiddleware(sending(START, END)), scope(headers=headers)) == [START, END]

    fields = values(captured[0])
    assert len(fields["request_id"]) == 32
    assert "trace_id" not in fields


def test_a_server_without_headers_costs_the_message_only(captured, capfd):
    given = {"type": "http"}
    middleware = HekaMiddleware(sending(START, END))

    assert call(middleware, given) == [START, END]
    assert not captured
    assert middleware.stats() == {"error": 1}
    assert "a message is lost: KeyError" in capfd.readouterr().err


def test_two_middlewares_send_one_message(captured):
    call(HekaMiddleware(HekaMiddleware(sending(START, END))))

    assert len(captured) == 1


def test_a_scope_that_is_used_again_has_a_message_each_time(captured):
    middleware = HekaMiddleware(sending(START, END))
    given = scope()
    before = dict(given)

    for _ in range(2):
        call(middleware, given)

    assert given == before
    assert [message.type for message in captured] == ["http.request"] * 2


def test_a_flask_application_within_keeps_the_request_id(captured):
    """Two frameworks in one process: each has its message, both the same id."""
    from heka.integrations.wsgi import HekaMiddleware as Inner

    def flask_like(environ, start):
        start("204 No Content", [])
        return []

    async def app(scope, receive, send):
        Inner(flask_like)({"REQUEST_METHOD": "GET"}, lambda *args: None)
        await send(START)
        await send(END)

    call(HekaMiddleware(app), scope(headers=[(b"x-request-id", b"one")]))

    assert [values(message)["status"] for message in captured] == [204, 200]
    assert {values(message)["request_id"] for message in captured} == {"one"}


def test_requests_side_by_side_keep_their_fields(captured):
    async def app(scope, receive, send):
        for _ in range(3):
            await asyncio.sleep(0)
            heka.log("inside", fields={"path": scope["path"]})
        await send(START)
        await send(END)

    async def send(message):
        await asyncio.sleep(0)

    async def run():
        middleware = HekaMiddleware(app)
        ids = [str(number) for number in range(100)]
        await asyncio.gather(
            *(
                middleware(scope(path=one, headers=[(b"x-request-id", one.encode())]), None, send)
                for one in ids
            )
        )

    asyncio.run(run())

    inside = [values(message) for message in captured if message.type == "inside"]
    assert len(inside) == 300
    assert all(fields["path"] == fields["request_id"] for fields in inside)
    assert heka.bound() == {}


def test_a_websocket_whose_client_is_gone_is_no_error(captured):
    starlette = pytest.importorskip("starlette.websockets")

    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "ä"})
        raise starlette.WebSocketDisconnect(1006)

    given = {"type": "websocket", "path": "/", "headers": [], "root_path": ""}
    _, kind, _ = call(HekaMiddleware(app), given)

    assert kind is starlette.WebSocketDisconnect
    assert [message.type for message in captured] == ["http.request"]
    assert (values(captured[0])["status"], values(captured[0])["bytes"]) == (101, 2)
