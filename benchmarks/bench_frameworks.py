"""The cost of recording a request: each framework with the middleware compared with itself without.

The application answers five bytes and logs nothing; the middleware sends one message to a queue,
which _sink.c reads in another process. No server: what a request costs in the application's thread
is measured, in CPU time. Memory is that of the whole process after 100,000 requests.

Usage: python benchmarks/bench_frameworks.py [--quick]
"""

import asyncio
import contextlib
import gc
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

import django
import fastapi
import flask
from django.conf import settings
from harness import (
    QUICK_ROUNDS,
    Contender,
    Timing,
    difference,
    goal,
    keep,
    report,
    rounds_from,
    run,
)
from sinks import Sink, compile_sink

import heka
from heka.integrations import asgi, wsgi

PEERS = ("flask", "fastapi", "django")
#: Microseconds of CPU that a request may cost more with the middleware.
LIMITS = {"wsgi": 10.0, "flask": 10.0, "asgi": 15.0, "fastapi": 15.0, "django": 25.0}
MEMORY_REQUESTS = 100_000
MEMORY_LIMIT = 64.0  # KiB
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/items/7",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.input": io.BytesIO(),
    "wsgi.url_scheme": "http",
    "HTTP_X_REQUEST_ID": "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
}
SCOPE = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/items/7",
    "raw_path": b"/items/7",
    "query_string": b"",
    "root_path": "",
    "server": ("localhost", 80),
    "client": ("localhost", 1),
    "headers": [
        (b"host", b"localhost"),
        (b"user-agent", b"bench"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip"),
        (b"x-request-id", b"9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
    ],
}


def bare_wsgi(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


async def bare_asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def flask_app(is_recorded: bool) -> Any:
    app = flask.Flask("bench")
    app.add_url_rule("/items/<item>", view_func=lambda item: "hello")
    if is_recorded:
        app.wsgi_app = wsgi.HekaMiddleware(app.wsgi_app)  # type: ignore[method-assign]  # so says Flask
    return app


def fastapi_app(is_recorded: bool) -> Any:
    app = fastapi.FastAPI()

    @app.get("/items/{item}")
    async def item(item: str) -> str:
        return "hello"

    if is_recorded:
        app.add_middleware(asgi.HekaMiddleware)
    return app


def item(request: Any, item: str) -> Any:
    """Answer as a view of Django."""
    from django.http import HttpResponse

    return HttpResponse(b"hello")


def django_app(is_recorded: bool) -> Any:
    from django.core.handlers.wsgi import WSGIHandler

    settings.MIDDLEWARE = ["heka.integrations.django.HekaMiddleware"] if is_recorded else []
    return WSGIHandler()


def set_up_django() -> None:
    from django.urls import path

    urls = type(sys)("bench_urls")
    vars(urls)["urlpatterns"] = [path("items/<slug:item>", item)]
    sys.modules["bench_urls"] = urls
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="bench_urls", SECRET_KEY="x")
    django.setup()


def answer_wsgi(app: Any) -> Callable[[], None]:
    """Return a function that makes one request, as a server does."""

    def write(data: bytes) -> None:
        raise AssertionError

    def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        assert status == "200 OK"
        return write

    def once() -> None:
        result = app(dict(ENVIRON), start)
        assert b"".join(result) == b"hello"
        if hasattr(result, "close"):
            result.close()

    return once


def answer_asgi(app: Any, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Return a function that makes 20 requests in one run of the loop."""

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    async def many() -> None:
        for _ in range(20):
            await app(dict(SCOPE), receive, send)

    return lambda: loop.run_until_complete(many())


def contenders(loop: asyncio.AbstractEventLoop) -> Iterator[tuple[str, list[Contender]]]:
    """Yield each framework with its two contenders: bare, recorded."""

    def pair(name: str, bare: Any, recorded: Any, messages: int = 1) -> tuple[str, list[Contender]]:
        return name, [
            Contender(f"{name}, bare", "once()", {"once": bare}, messages=messages),
            Contender(
                f"heka: {name}",
                "once()",
                {"once": recorded},
                messages=messages,
                done=lambda: heka.flush(10.0),
            ),
        ]

    yield pair("wsgi", answer_wsgi(bare_wsgi), answer_wsgi(wsgi.HekaMiddleware(bare_wsgi)))
    yield pair("flask", answer_wsgi(flask_app(False)), answer_wsgi(flask_app(True)))
    yield pair("django", answer_wsgi(django_app(False)), answer_wsgi(django_app(True)))
    recorded = asgi.HekaMiddleware(bare_asgi)
    yield pair("asgi", answer_asgi(bare_asgi, loop), answer_asgi(recorded, loop), 20)
    yield pair(
        "fastapi", answer_asgi(fastapi_app(False), loop), answer_asgi(fastapi_app(True), loop), 20
    )


def memory_growth(once: Callable[[], None], requests: int) -> float:
    """Return by how many KiB the process grows over *requests*."""

    def resident() -> int:
        gc.collect()
        assert heka.flush(10.0)
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4

    for _ in range(2000):
        once()
    before = resident()
    for _ in range(requests):
        once()
    return float(resident() - before)


def main() -> None:
    rounds = rounds_from(sys.argv[1:])
    set_up_django()
    goals: list[dict[str, Any]] = []
    results: dict[str, Any] = {}
    loop = asyncio.new_event_loop()
    with Sink(compile_sink(), "tcp") as sink, contextlib.closing(loop):
        heka.configure(to=f"{sink.url}?queue=1&capacity=64MiB", logger="bench")
        for name, pair in contenders(loop):
            timings: dict[str, Timing] = run(pair, rounds=rounds, what=name)
            bare, recorded = timings.values()
            results[name] = report(name, timings, f"{name}, bare")
            cost = difference(recorded, bare) / 1e3
            goals.append(goal(f"{name}: a request, CPU more than bare", LIMITS[name], cost, "us"))
        requests = MEMORY_REQUESTS if rounds > QUICK_ROUNDS else 2000
        grown = memory_growth(answer_wsgi(flask_app(True)), requests)
        what = f"flask: memory over {requests:,} requests"
        goals.append(goal(what, MEMORY_LIMIT, grown, "KiB"))
    for one in goals:
        print(f"{one['what']}: {one['value']} {one['unit']}, at most {one['limit']}")
    keep("frameworks", results, goals, PEERS)


if __name__ == "__main__":
    main()
