"""Outputs over HTTP: what each answer means, and that a slow or hostile server holds nothing up."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from agent.support import block_of
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from heka._core import monotonic
from heka._delivery.outlets import LaterError
from heka.agent.http import target as target_module
from heka.agent.http.answers import check, excerpt
from heka.agent.http.target import Answer, Target
from heka.agent.outputs.blocks import TooLargeError
from heka.agent.outputs.encoders import PayloadEncoder
from heka.agent.outputs.otlp import OtlpOptions, OtlpOutput, partial_success
from heka.agent.queues import OutputQueue, QueueSettings
from heka.exceptions import ConfigError

KIND = "application/x-protobuf"
#: (status, headers, body) of an answer to the body of a request.
Answering = Callable[[bytes], tuple[int, dict[str, str], bytes]]


class Store:
    """A server that answers as it is told, and keeps the requests."""

    def __init__(self, answering: Answering) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                store.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                store.requests.append((self.path, dict(self.headers.items()), body))
                status, headers, text = answering(body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def records(self) -> list[str]:
        """Return the bodies of all records of all requests."""
        return [body for _, _, request in self.requests for body in bodies_of(request)]


def bodies_of(request: bytes) -> list[str]:
    logs = ExportLogsServiceRequest.FromString(gzip.decompress(request))
    return [
        record.body.string_value
        for resource in logs.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


@contextmanager
def serving(answering: Answering) -> Iterator[Store]:
    store = Store(answering)
    thread = threading.Thread(target=store.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield store
    finally:
        store.server.shutdown()
        thread.join()
        store.server.server_close()


def taken(body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": KIND}, b""


class Sending:
    """An OtlpOutput, its outlet and its queue, driven by hand."""

    def __init__(self, url: str, directory: Any, **options: Any) -> None:
        self.output = OtlpOutput("otlp", OtlpOptions(url=url, **options), None)
        settings = QueueSettings(dead_letter=str(directory / "dead"))
        self.queue = OutputQueue("otlp", str(directory / "queue"), settings)
        self.outlet: Any = self.output.outlet()
        self.outlet.queue = self.queue

    def send(self, *payloads: str) -> Any:
        if payloads:
            assert self.queue.offer(block_of(*payloads))
        ring = self.queue.ring
        ring.set_consumer()
        try:
            return self.outlet.pump(ring, 0.0, 0.0, 10.0)
        finally:
            ring.clear_consumer()


@pytest.fixture
def sending(tmp_path: Any) -> Iterator[Callable[..., Sending]]:
    made: list[Sending] = []

    def make(url: str, **options: Any) -> Sending:
        made.append(Sending(url, tmp_path, **options))
        return made[-1]

    yield make
    for each in made:
        each.queue.close()


# ---- OtlpOutput ---------------------------------------------------------------------------------


def test_messages_are_posted_in_order_and_acknowledged(sending: Any) -> None:
    with serving(taken) as store:
        otlp = sending(store.url, headers={"X-Token": "t"}, resource={"service.name": "shop"})
        assert otlp.send("a", "b").works
        assert otlp.send("c").works
    assert store.records() == ["a", "b", "c"]
    path, headers, body = store.requests[0]
    assert path == "/v1/logs"
    assert headers["X-Token"] == "t"
    assert headers["Content-Type"] == KIND
    [logs] = ExportLogsServiceRequest.FromString(gzip.decompress(body)).resource_logs
    assert logs.resource.attributes[0].key == "service.name"
    assert logs.resource.attributes[0].value.string_value == "shop"
    assert otlp.queue.account()["waiting"] == 0


def test_a_record_that_a_store_refuses_costs_itself(sending: Any) -> None:
    def picky(body: bytes) -> tuple[int, dict[str, str], bytes]:
        if "bad" in bodies_of(body):
            return 400, {"Content-Type": "text/plain"}, b"no"
        return taken(body)

    with serving(picky) as store:
        otlp = sending(store.url)
        payloads = [str(number) for number in range(50)] + ["bad"] + ["x", "y", "bad", "z"]
        assert otlp.send(*payloads).works
        good = [body for _, _, body in store.requests if "bad" not in bodies_of(body)]
        assert [text for body in good for text in bodies_of(body)] == [
            text for text in payloads if text != "bad"
        ]
    account = otlp.queue.account()
    assert account["waiting"] == 0
    assert account["rejected"] == {"bad-request": 2}


@pytest.mark.parametrize(
    ("status", "headers", "text"),
    [
        (500, {}, "answered 500"),
        (301, {"Location": "/x"}, "redirects are not followed"),
        (401, {}, "set headers or user and password"),
        (404, {}, "look at the path of url"),
        (200, {"Content-Type": "text/html"}, "expected an answer of application/x-protobuf, got t"),
    ],
)
def test_other_answers_keep_the_messages(
    sending: Any, status: int, headers: dict[str, str], text: str
) -> None:
    with serving(lambda body: (status, headers, b"<html>\x1b[31m")) as store:
        otlp = sending(store.url)
        outcome = otlp.send("a", "b")
        assert outcome.event == "failed"
        assert text in str(outcome.failure)
        assert "\x1b" not in str(outcome.failure)
        assert otlp.queue.account()["waiting"] == 2


def test_a_busy_store_says_when_to_come_again(sending: Any) -> None:
    with serving(lambda body: (429, {"Retry-After": "7"}, b"")) as store:
        failure = sending(store.url).send("a").failure
    assert isinstance(failure, LaterError)
    assert failure.seconds == 7.0


def test_what_is_refused_without_saying_which_is_counted(sending: Any) -> None:
    partial = ExportLogsPartialSuccess(rejected_log_records=1, error_message="bad\x07")
    body = ExportLogsServiceResponse(partial_success=partial).SerializeToString()
    with serving(lambda request: (200, {"Content-Type": KIND}, body)) as store:
        otlp = sending(store.url)
        assert otlp.send("a", "b").works
        assert otlp.output.account() == {"partly_refused": 1}
        assert otlp.send("c").works
        assert otlp.queue.account()["rejected"] == {"refused": 1}
    assert partial_success(body) == (1, "bad?")


@pytest.mark.parametrize(
    "body", [b"\xff", b"\x0a\xff", b"\x0a\x02\x08", b"\x0a\x0a\x08\x01", b"<h"]
)
def test_an_answer_that_cannot_be_read_refuses_nothing(body: bytes) -> None:
    assert partial_success(body)[0] == 0


def test_an_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="encoder: expected none"):
        OtlpOutput(
            "otlp", OtlpOptions(url="http://h"), PayloadEncoder("p", PayloadEncoder.Options())
        )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"url": "h:4318"}, "url: expected http://HOST"),
        ({"url": "ftp://h"}, "url: expected http://HOST"),
        ({"url": "http://h", "http_timeout": 0.0}, "http_timeout: expected 0.1"),
        ({"url": "http://h", "headers": {"a": "b\r\nc"}}, "headers: expected names and values"),
        ({"url": "http://secret:word@[bad/x"}, "url: expected http://HOST"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OtlpOptions(**options)
    assert text in str(caught.value)
    assert "secret" not in str(caught.value)


# ---- the deadline of a request ------------------------------------------------------------------


@contextmanager
def trickling(text: bytes, pause: float = 0.02) -> Iterator[tuple[str, threading.Event]]:
    """Serve one connection with *text*, a byte each *pause* seconds, after the request's head."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                for byte in text:
                    if ended.wait(pause):
                        return
                    try:
                        peer.sendall(bytes([byte]))
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", ended
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
    ],
    ids=["head", "body"],
)
def test_a_server_that_sends_a_byte_at_a_time_is_left_at_the_deadline(text: bytes) -> None:
    with trickling(text) as (url, _):
        began = monotonic()
        with pytest.raises(OSError, match=r"longer than its timeout|timed out"):
            Target(url).post(b"x", {}, began + 0.5)
        assert 0.4 < monotonic() - began < 60


def test_a_server_that_reads_nothing_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(OSError, match=r"longer than its timeout|timed out"):
            Target(url).post(b"x" * (1 << 24), {}, monotonic() + 0.3)


def test_an_error_shows_the_begin_of_a_text_only() -> None:
    for kind, shown in (("", " (no way)"), ("text/html", " (no way)"), ("image/png", "")):
        assert excerpt(Answer(500, kind, "", b" no \n way ")) == shown


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_module, "ANSWER_MAX", 1000)
    with (
        serving(lambda body: (200, {}, b"x" * 2000)) as store,
        pytest.raises(OSError, match="at most 1000 bytes"),
    ):
        Target(store.url).post(b"", {}, monotonic() + 30)


def test_a_connection_is_kept_and_made_again() -> None:
    with serving(taken) as store:
        target = Target(store.url)
        for _ in range(2):
            assert target.post(b"x", {}, monotonic() + 30).status == 200
        assert store.connections == 1
        target.close()
        assert target.post(b"x", {}, monotonic() + 30).status == 200
        assert store.connections == 2
        target.close()


def test_errors_do_not_show_user_password_and_query() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target = Target(f"http://user:secret@127.0.0.1:{port}/path?token=secret")
    with pytest.raises(OSError, match="Connection refused") as caught:
        target.post(b"", {}, monotonic() + 5)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "least", "most"), [("5", 5.0, 5.0), ("99999", 300.0, 300.0), ("soon", 0.0, 0.0)]
)
def test_retry_after_is_bounded(text: str, least: float, most: float) -> None:
    with pytest.raises(LaterError) as caught:
        check(Target("http://h"), Answer(503, "", text, b""), "")
    assert least <= caught.value.seconds <= most


def test_retry_after_may_be_a_date() -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    with pytest.raises(LaterError) as caught:
        check(Target("http://h"), Answer(503, "", date, b""), "")
    assert 50 < caught.value.seconds <= 100


def test_a_status_of_size_asks_for_smaller_parts() -> None:
    with pytest.raises(TooLargeError, match="answered 413"):
        check(Target("http://h"), Answer(413, "", "", b""), "")
