"""The cost of ``client.raven`` compared with sentry-sdk's ``capture_exception``, same exception.

Both collect frames, source lines and variables, and neither sends: heka writes the serialized,
compressed and framed event to a stream that does nothing; sentry-sdk passes its event to a
transport that does nothing, without serializing it. sentry-sdk runs without integrations, as heka
has none. Of a container heka shows 50 items, sentry-sdk 10; heka searches 500 items for secrets,
sentry-sdk only looks at the names of variables.

Usage: python benchmarks/bench_raven.py [--quick]
"""

import random
import sys
from collections.abc import Callable
from typing import Any

import sentry_sdk
from harness import (
    Contender,
    Panel,
    draw,
    goal,
    keep,
    note,
    ratio,
    report,
    rounds_from,
    run,
    show_ns,
)
from sentry_sdk.transport import Transport

from heka.client import HekaClient
from heka.plugins.raven import capture, config_plugin
from heka.streams import NullStream

PEER = "sentry-sdk: capture_exception"
PEERS = ("sentry-sdk",)
LIMIT = 0.5


class Nothing(Transport):
    """Sends nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        """Do nothing."""


def caught(function: Callable[..., Any], *arguments: Any) -> ValueError:
    """Return the exception that *function* raises."""
    try:
        function(*arguments)
    except ValueError as error:
        return error
    raise AssertionError("not reached")


def descend(depth: int, order: dict[str, Any]) -> None:
    """Raise from *depth* calls further down, each with a few small variables."""
    numbers = list(range(depth))
    text = f"level {depth} of order {order['id']}"
    if depth:
        descend(depth - 1, order)
    raise ValueError(f"{text}: {len(numbers)}")


class Layer:
    """A layer of a web application: passes a request to the next layer; the last one raises."""

    def handle(self, environ: dict[str, Any], start_response: Any, depth: int) -> None:
        """Raise *depth* layers further in, with database rows among the variables."""
        if depth:
            following, options = Layer(), {"name": "shop", "timeout": 1.5}
            following.handle(environ, start_response, depth - 1)
            raise AssertionError(options)
        user = {"id": 7, "email": "ann@example.org", "roles": ["admin"], "password": "c0ffee99"}
        rows = [
            {"id": n, "name": f"row {n}", "price": 1.5 * n, "tags": ["a", "b"], "sold": True}
            for n in range(20)
        ]
        raise ValueError(f"no such order: {len(rows) + user['id']}")


ENVIRON = {
    **{f"HTTP_X_HEADER_{n}": f"value {n} of some length, as headers have" for n in range(40)},
    "PATH_INFO": "/checkout",
    "REQUEST_METHOD": "POST",
    "wsgi.errors": sys.stderr,
    "HTTP_COOKIE": "sid=abcdef0123; theme=dark",
    "HTTP_AUTHORIZATION": "Bearer abcdef012345",
}


def descend_with_much(depth: int) -> None:
    """Raise from *depth* calls further down, each with larger variables than either shows."""
    mapping = {f"key {n}": "v" * 500 for n in range(1000)}
    rows = [{"id": n, "name": f"name {n}", "tags": ["a", "b"]} for n in range(1000)]
    if depth:
        descend_with_much(depth - 1)
    raise ValueError(f"{len(mapping)} {len(rows)}")


def descend_with_noise(depth: int) -> None:
    """Raise from *depth* calls further down, each with texts that compress badly."""
    texts = [f"{NOISE.getrandbits(800):x}" for _ in range(40)]
    if depth:
        descend_with_noise(depth - 1)
    raise ValueError(f"{len(texts)} texts")


NOISE = random.Random(1)
#: (name, whether the goal applies, exception).
CASES = (
    ("3 calls, small variables", True, caught(descend, 3, {"id": 4711, "items": ["hat"]})),
    ("10 calls, small variables", True, caught(descend, 10, {"id": 4711, "items": ["hat"]})),
    ("30 calls, small variables", True, caught(descend, 30, {"id": 4711, "items": ["hat"]})),
    ("12 layers around a request", True, caught(Layer().handle, ENVIRON, print, 12)),
    ("10 calls, 1,000 items and more in each", False, caught(descend_with_much, 9)),
    ("10 calls, more than a message holds", False, caught(descend_with_noise, 9)),
)


def client(provider: Any) -> HekaClient:
    """Return a client with the plugin and a stream that does nothing."""
    made = HekaClient(NullStream(), "shop")
    made.add_method(provider({"dsn": "https://key@sentry.example/2"}))
    return made


def contenders(error: ValueError) -> list[Contender]:
    """Both, on *error*."""
    call = "c.raven(exc_info=error)"
    peer = {"capture": sentry_sdk.capture_exception, "error": error}
    return [
        Contender(PEER, "capture(error)", peer),
        Contender("heka: client.raven, raven3", call, {"c": client(config_plugin), "error": error}),
        Contender("heka: client.raven, sentry7", call, {"c": client(capture), "error": error}),
    ]


def main() -> None:
    """Measure, print, draw."""
    rounds = rounds_from(sys.argv[1:])
    sentry_sdk.init(
        dsn="https://key@sentry.example/2",
        transport=Nothing,
        default_integrations=False,
        auto_enabling_integrations=False,
    )
    kept, goals, panels = {}, [], []
    for name, has_goal, error in CASES:
        timings = run(contenders(error), rounds=rounds, what=f"raven, {name}")
        kept[name] = report(f"An exception: {name}", timings, PEER)
        goals += [
            goal(f"{label}, {name} / {PEER}", LIMIT, ratio(timing, timings[PEER]), "x")
            for label, timing in timings.items()
            if has_goal and label != PEER
        ]
        panels.append(
            Panel(
                f"{name} (less is better)",
                [(label, one.best / 1e3, show_ns(one.best)) for label, one in timings.items()],
                "us an exception, least of all rounds",
            )
        )
    keep("raven", kept, goals, PEERS)
    draw("raven", "Telling of an exception", note(PEERS), panels)


if __name__ == "__main__":
    main()
