"""Calls of httpx to a local server: their headers, their messages, their errors."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from integrations.support import free_port, values

import heka
import heka.testing
from heka.integrations._recorder import current_trace
from heka.integrations._vocabulary import read_trace

httpx = pytest.importorskip("httpx")
from heka.integrations.httpx import AsyncClient, Client  # noqa: E402  # after the skip

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
BODY = gzip.compress(b"x" * 1000)


class Handler(BaseHTTPRequestHandler):
    """Answers with the status in the path; keeps the headers of each request."""

    protocol_version = "HTTP/1.1"
    seen: list[dict[str, str]]

    def do_GET(self):
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/200")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(int(self.path[1:4]))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
        if self.path.endswith("cut"):
            self.close_connection = True

    do_POST = do_GET

    def log_message(self, *args):
        """Print nothing."""


@pytest.fixture(scope="module")
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


@pytest.fixture
def captured():
    Handler.seen = []
    with heka.testing.capture() as found:
        yield found


def sync_get(url, *, stream=False, method="GET", headers=None, **options):
    with Client(**options) as client:
        if not stream:
            return client.request(method, url, headers=headers, follow_redirects=True).content
        with client.stream(method, url, headers=headers) as response:
            return b"".join(response.iter_bytes())


def async_get(url, *, stream=False, method="GET", headers=None, **options):
    async def run():
        async with AsyncClient(**options) as client:
            if not stream:
                answer = await client.request(method, url, headers=headers, follow_redirects=True)
                return answer.content
            async with client.stream(method, url, headers=headers) as response:
                return b"".join([part async for part in response.aiter_bytes()])

    return asyncio.run(run())


both = pytest.mark.parametrize("get", [sync_get, async_get], ids=["sync", "async"])


@both
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("status", "severity"), [(200, 6), (404, 6), (503, 3)])
def test_a_call_has_one_message(server, captured, get, stream, status, severity):
    body = get(f"http://user:pw@{server}/{status}?token=secret", stream=stream)

    assert body == b"x" * 1000
    (call,) = captured
    fields = values(call)
    assert 0 < fields.pop("duration") < 60
    assert fields == {"method": "GET", "host": server, "status": status, "bytes": len(BODY)}
    assert call.type == "http.call"
    assert call.severity == severity
    assert call.fields["duration"].representation == "s"
    assert call.fields["bytes"].representation == "B"
    for secret in (b"secret", b"user", b"pw"):
        assert secret not in captured.frames[0]


@both
def test_request_id_and_trace_are_passed_on(server, captured, get):
    token = current_trace.set(read_trace(TRACE))
    with heka.context(request_id="one"):
        get(f"http://{server}/200")
    current_trace.reset(token)

    (seen,) = Handler.seen
    assert (seen["x-request-id"], seen["traceparent"]) == ("one", TRACE)
    assert values(captured[0])["request_id"] == "one"


@both
def test_headers_of_the_program_are_kept(server, captured, get):
    token = current_trace.set(read_trace(TRACE))
    with heka.context(request_id="one"):
        get(f"http://{server}/200", headers={"X-Request-ID": "own", "Traceparent": "mine"})
    current_trace.reset(token)

    (seen,) = Handler.seen
    assert (seen["x-request-id"], seen["traceparent"]) == ("own", "mine")


@both
def test_outside_of_a_request_no_header_is_added(server, captured, get):
    get(f"http://{server}/200")

    assert not {"x-request-id", "traceparent"} & set(Handler.seen[0])


@both
@pytest.mark.parametrize("value", ["", "a" * 129, "a\r\nb: c", "ä", 7])
def test_an_id_that_is_no_header_is_not_passed_on(server, captured, get, value):
    with heka.context(request_id=value):
        get(f"http://{server}/200")

    assert "x-request-id" not in Handler.seen[0]


@both
def test_redirects_are_one_call(server, captured, get):
    get(f"http://{server}/redirect")

    assert [values(call)["status"] for call in captured] == [200]
    assert len(Handler.seen) == 2


@both
def test_a_call_that_fails_raises_as_of_httpx(captured, get):
    port = free_port()

    with pytest.raises(httpx.ConnectError):
        get(f"http://127.0.0.1:{port}/")

    (call,) = captured
    fields = values(call)
    del fields["duration"]
    assert fields == {"method": "GET", "host": f"127.0.0.1:{port}", "error": "ConnectError"}
    assert call.severity == 3


@both
def test_ignored_hosts_send_nothing(server, captured, get):
    get(f"http://{server}/200", heka_ignore=["127.0.0.1"])

    assert not captured


@both
def test_a_body_that_is_closed_early_ends_the_call(server, captured, get):
    if get is sync_get:
        with Client() as client, client.stream("GET", f"http://{server}/200"):
            pass
    else:

        async def run():
            async with AsyncClient() as client, client.stream("GET", f"http://{server}/200"):
                pass

        asyncio.run(run())

    assert [values(call)["status"] for call in captured] == [200]


def test_a_cancelled_call_ends(captured):
    async def run():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            async with AsyncClient(timeout=60) as client:
                task = asyncio.create_task(client.get(url))
                connection, _ = await asyncio.get_running_loop().sock_accept(listening)
                with connection:
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task

    asyncio.run(run())

    (call,) = captured
    assert values(call)["error"] == "CancelledError"
    assert call.severity == 6


def test_the_clients_are_httpx_clients():
    assert issubclass(Client, httpx.Client)
    assert issubclass(AsyncClient, httpx.AsyncClient)
    with pytest.raises(TypeError, match="nonsense"):
        Client(nonsense=1)
