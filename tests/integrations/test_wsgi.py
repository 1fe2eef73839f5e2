"""The WSGI middleware around applications that do as they please: nothing of theirs changes."""

from __future__ import annotations

import gc
import io
import sys
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest
from integrations.support import values
from integrations.test_vocabulary import SPAN, TRACE, opentelemetry

import heka
import heka.testing
from heka.client import HekaClient
from heka.config import client_from_dict_config
from heka.integrations._recorder import Request
from heka.integrations.wsgi import HekaMiddleware, worker_exit
from heka.streams import FileStream, NullStream


@pytest.fixture
def captured():
    with heka.testing.capture() as found:
        yield found


def serve(app, **environ):
    """Return (what the server writes to the client, what it writes to its log)."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.0", **environ}
    setup_testing_defaults(environ)
    out, err = io.BytesIO(), io.StringIO()
    handler = SimpleHandler(io.BytesIO(), out, err, environ, multithread=False)
    handler.run(app)
    # The date of the answer and the addresses in a traceback differ from run to run.
    lines = [line for line in out.getvalue().split(b"\r\n") if not line.startswith(b"Date:")]
    return lines, err.getvalue().splitlines()[-1:]


def start_and(result, status="200 OK"):
    def app(environ, start):
        start(status, [("Content-Type", "text/plain")])
        return result() if callable(result) else result

    return app


def written(environ, start):
    write = start("200 OK", [("Content-Type", "text/plain")])
    write(b"one")
    write(b"two")
    return [b"three"]


def generated(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    yield b"one"
    yield b""
    yield b"two"


def late(environ, start):
    """Starts its response when its first part is asked for."""
    yield from generated(environ, start)


def raising_first(environ, start):
    raise ValueError("before")


def raising_after_start(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    raise ValueError("after start_response")


def raising_amid(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    yield b"one"
    raise ValueError("amid")


class RaisingAtClose:
    def __init__(self):
        self.parts = iter([b"one"])

    def __iter__(self):
        return self.parts

    def close(self):
        raise ValueError("at close")


def replaced(environ, start):
    """Replaces its response by that of an error, as PEP 3333 has it."""
    start("200 OK", [("Content-Type", "text/plain")])
    try:
        raise ValueError("inner")
    except ValueError:
        start("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"oops"]


def replaced_too_late(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    yield b"one"
    try:
        raise ValueError("too late")
    except ValueError:
        start("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())


def file(environ, start):
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "9000")])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"f" * 9000))


class Sized:
    """One part, by whose number wsgiref sets Content-Length."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return [b"sized"][index]


APPLICATIONS = {
    "list": start_and([b"one", b"two"]),
    "one-part": start_and([b"one"]),
    "tuple": start_and((b"one",)),
    "empty": start_and([]),
    "sized": start_and(Sized),
    "generator": generated,
    "late": late,
    "write": written,
    "file": file,
    "replaced": replaced,
    "replaced-too-late": replaced_too_late,
    "raises-first": raising_first,
    "raises-after-start": raising_after_start,
    "raises-amid": raising_amid,
    "raises-at-close": start_and(RaisingAtClose),
    "none": start_and(None),
    "number": start_and(7),
    "text": start_and(["text"]),
    "numbers": start_and([7]),
    "bytes": start_and(b"abc"),
    "bad-status": start_and([b"x"], "OK"),
    "bytes-status": start_and([b"x"], b"200 OK"),
    "no-start": lambda environ, start: [b"x"],
    "exits": start_and(lambda: sys.exit(3)),
}
#: Status, bytes and severity of the message of each; None: any.
RECORDED = {
    "list": (200, 6),
    "sized": (200, 5),
    "generator": (200, 6),
    "late": (200, 6),
    "write": (200, 11),
    "file": (200, 9000),
    "replaced": (500, 4),
    "replaced-too-late": (200, 3),
    "raises-first": (500, 0),
    "raises-after-start": (500, 0),
    "raises-amid": (200, 3),
    "raises-at-close": (200, 3),
    "exits": (499, 0),
}
#: What raises, or makes the server's start_response raise.
RAISING = {
    *(name for name in APPLICATIONS if name.startswith("raises")),
    *("replaced-too-late", "bad-status", "bytes-status"),
}


def outcome(app):
    try:
        return serve(app)
    except BaseException as error:
        return type(error), str(error)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_answer_is_that_of_the_bare_application(captured, name):
    app = APPLICATIONS[name]
    middleware = HekaMiddleware(app)

    assert outcome(middleware) == outcome(app)

    (last,) = [message for message in captured if message.type == "http.request"]
    if name in RECORDED:
        assert (values(last)["status"], values(last)["bytes"]) == RECORDED[name]
    raised = [message for message in captured if message.type == "oldstyle"]
    assert len(raised) == (name in RAISING)
    assert middleware.stats() == {}
    assert heka.bound() == {}


def test_what_the_application_is_given_and_returns_is_its_own(captured):
    given, result = [], [b"x"]

    def app(environ, start):
        given.append(environ)
        start("200 OK", [])
        return result

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    answer = HekaMiddleware(app)(environ, lambda *args: None)

    assert answer is result
    assert given[0] is environ


def test_a_file_stays_one_of_the_server(captured):
    """Servers compare, and send it by sendfile()."""
    opened = io.BytesIO(b"f" * 9000)

    def app(environ, start):
        start("200 OK", [])
        return environ["wsgi.file_wrapper"](opened)

    environ = {"wsgi.file_wrapper": FileWrapper}
    result = HekaMiddleware(app)(environ, lambda *args: None)

    assert type(result) is FileWrapper
    assert not captured
    result.close()
    assert opened.closed
    assert [message.type for message in captured] == ["http.request"]


def test_a_server_whose_file_wrapper_is_a_function_gets_back_what_it_returned(captured):
    """As of uWSGI."""
    returned = object()

    def app(environ, start):
        start("200 OK", [("Content-Length", "12")])
        return environ["wsgi.file_wrapper"](io.BytesIO(), 100)

    environ = {"wsgi.file_wrapper": lambda file, size: returned}

    assert HekaMiddleware(app)(environ, lambda *args: None) is returned
    assert values(captured[0])["bytes"] == 12


def test_a_generator_that_is_closed_early_is_closed_once(captured):
    closed = []

    def app(environ, start):
        start("200 OK", [])
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.append(heka.bound()["request_id"])

    result = iter(body := HekaMiddleware(app)({}, lambda *args: None))
    next(result)
    body.close()
    body.close()

    assert len(closed) == 1
    assert values(captured[0])["bytes"] == 3
    assert len(captured) == 1


def test_a_generator_is_an_iterator_for_what_is_around_the_middleware(captured):
    result = HekaMiddleware(APPLICATIONS["generator"])({}, lambda *args: None)

    first = next(result)

    assert [first, *result] == [*APPLICATIONS["generator"]({}, lambda *args: None)]
    assert len(captured) == 1


def test_what_a_generator_binds_is_bound_between_its_parts_only(captured):
    def app(environ, start):
        start("200 OK", [])
        heka.bind(user="ann")
        yield b"one"
        yield heka.bound()["user"].encode()

    with heka.context(service="shop"):
        result = iter(HekaMiddleware(app)({}, lambda *args: None))
        next(result)
        assert heka.bound() == {"service": "shop"}
        assert next(result) == b"ann"
        assert list(result) == []

    (last,) = captured
    assert values(last)["user"] == "ann"
    assert values(last)["service"] == "shop"


def test_two_middlewares_send_one_message(captured):
    app = HekaMiddleware(HekaMiddleware(APPLICATIONS["generator"]))

    serve(app)

    assert [message.type for message in captured] == ["http.request"]


def test_an_environment_that_is_used_again_has_a_message_each_time(captured):
    """By a middleware that tries again."""
    app = HekaMiddleware(APPLICATIONS["list"])
    environ = {"REQUEST_METHOD": "GET"}

    for _ in range(2):
        app(environ, lambda *args: None)

    assert [message.type for message in captured] == ["http.request"] * 2


@pytest.mark.parametrize(
    "given",
    ["x" * (1 << 20), "x" * 129, "a\x01b", "a\r\nb", "", "  "],
    ids=lambda given: repr(given)[:9],
)
def test_a_request_id_that_is_refused_is_replaced(captured, given):
    serve(HekaMiddleware(APPLICATIONS["list"]), HTTP_X_REQUEST_ID=given)

    found = values(captured[0])["request_id"]
    assert len(found) == 32
    assert found != given.strip()


def test_the_header_of_the_request_id_may_have_another_name(captured):
    app = HekaMiddleware(APPLICATIONS["list"], request_id_header="X-Trace-Me")

    serve(app, HTTP_X_TRACE_ME="one", HTTP_X_REQUEST_ID="two")

    assert values(captured[0])["request_id"] == "one"


def test_a_trace_that_lies_is_left_out(captured):
    serve(HekaMiddleware(APPLICATIONS["list"]), HTTP_TRACEPARENT="00-zz-zz-01")

    assert not {"trace_id", "parent_id", "span_id"} & set(values(captured[0]))


def test_ten_thousand_headers(captured):
    headers = {f"HTTP_X_{number}": "x" * 10 for number in range(10_000)}

    serve(HekaMiddleware(APPLICATIONS["list"]), **headers)

    assert values(captured[0])["status"] == 200


def test_a_current_span_of_opentelemetry_is_bound(captured, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", opentelemetry())

    serve(HekaMiddleware(APPLICATIONS["list"]), HTTP_TRACEPARENT=f"00-{TRACE}-{SPAN[::-1]}-01")

    fields = values(captured[0])
    assert (fields["trace_id"], fields["span_id"]) == (TRACE, SPAN)
    assert fields["parent_id"] == SPAN[::-1]


def test_the_path_and_the_query_are_nowhere(captured):
    serve(HekaMiddleware(APPLICATIONS["list"]), PATH_INFO="/s3cret", QUERY_STRING="k=s3cret")

    assert b"s3cret" not in captured.frames[0]


def test_ignored_paths_send_exceptions_and_no_message(captured):
    app = HekaMiddleware(raising_first, ignore=["/health", "/static/*"])

    serve(app, PATH_INFO="/health")
    serve(app, PATH_INFO="/static/a.css")

    assert [message.type for message in captured] == ["oldstyle", "oldstyle"]


def test_exceptions_go_through_raven_where_the_client_has_it(tmp_path):
    client = client_from_dict_config(
        {
            "to": f"file://{tmp_path}/out",
            "plugins": {"raven": ("heka.plugins.raven:capture", {})},
        }
    )
    with heka.testing.capture(client) as found:
        serve(HekaMiddleware(raising_first, client=client), HTTP_X_REQUEST_ID="one")
    client.close()

    assert [message.type for message in found] == ["sentry", "http.request"]
    assert values(found[0])["request_id"] == "one"
    assert values(found[0])["msg"] == "GET a request: unhandled exception"


def test_a_client_that_fails_costs_its_messages_only(capfd):
    class Failing(HekaClient):
        def heka(self, *args, **options):
            raise heka.QueueFullError("full")

    client = Failing(FileStream("/dev/null"), "app")
    middleware = HekaMiddleware(APPLICATIONS["generator"], client=client)

    assert outcome(middleware) == outcome(APPLICATIONS["generator"])

    assert middleware.stats() == {"error": 1}
    assert "a message is lost: QueueFullError: full" in capfd.readouterr().err


def test_an_unknown_destination_is_refused_at_once():
    with pytest.raises(heka.ConfigError):
        HekaMiddleware(APPLICATIONS["list"], client="ucp://localhost")
    with pytest.raises(TypeError, match="ignore must be a list"):
        HekaMiddleware(APPLICATIONS["list"], ignore="/health")


def test_gunicorns_hook_flushes_what_is_queued(tmp_path):
    to = f"file://{tmp_path}/out?queue=1"
    heka.log("queued", to=to)

    worker_exit(None, None)

    (frame,) = heka.StreamReader().feed((tmp_path / "out").read_bytes())
    assert frame.message.type == "queued"


def test_a_request_is_no_garbage(captured):
    """It is freed when it ends, without the collector."""
    middleware = HekaMiddleware(APPLICATIONS["list"])
    serve(middleware)
    gc.collect()
    gc.disable()
    try:
        before = sum(type(one) is Request for one in gc.get_objects())
        serve(middleware)
        assert sum(type(one) is Request for one in gc.get_objects()) == before
    finally:
        gc.enable()


@pytest.mark.slow
def test_memory_is_flat_over_100_000_requests():
    client = HekaClient(NullStream(), "app")
    app = HekaMiddleware(APPLICATIONS["generator"], client=client)

    def run(count):
        for _ in range(count):
            body = app({"HTTP_X_REQUEST_ID": "one"}, lambda *args: lambda data: None)
            for _ in body:
                pass
            body.close()
        gc.collect()
        return sys.getallocatedblocks()

    before = run(1000)

    assert run(100_000) - before < 500
