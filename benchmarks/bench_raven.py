"""What ``client.raven`` costs beside sentry-sdk's ``capture_exception``, for the same exception.

Both take frames, source lines and variables, and neither sends: ours ends in a stream that does
nothing, the event written, compressed and framed; theirs in a transport that does nothing, the
event not written at all. Theirs runs without integrations, as ours has none.

Usage: python benchmarks/bench_raven.py [--quick]
"""

import sys
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
LIMIT = 0.5
#: Calls between where the exception is raised and where it is caught.
DEPTHS = (3, 10, 30)


class Nothing(Transport):
    """Sends nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        """Do nothing."""


def caught(depth: int) -> ValueError:
    """Return an exception that went through *depth* calls."""
    try:
        descend(depth, {"id": 4711, "items": ["hat", "gloves"], "total": 31.5})
    except ValueError as error:
        return error
    raise AssertionError("not reached")


def descend(depth: int, order: dict[str, Any]) -> None:
    """Raise from *depth* calls further down."""
    numbers = list(range(depth))
    text = f"level {depth} of order {order['id']}"
    if depth:
        descend(depth - 1, order)
    raise ValueError(f"{text}: {len(numbers)}")


def client(provider: Any) -> HekaClient:
    """Return a client with the plugin whose messages go nowhere."""
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
    for depth in DEPTHS:
        timings = run(contenders(caught(depth)), rounds=rounds, what=f"raven, {depth} calls")
        kept[str(depth)] = report(f"An exception that went through {depth} calls", timings, PEER)
        goals += [
            goal(f"{label}, {depth} calls / {PEER}", LIMIT, ratio(timing, timings[PEER]), "x")
            for label, timing in timings.items()
            if label != PEER
        ]
        panels.append(
            Panel(
                f"{depth} calls (less is better)",
                [(label, one.best, show_ns(one.best)) for label, one in timings.items()],
                "ns an exception, least of all rounds",
            )
        )
    keep("raven", kept, goals)
    draw("raven", "Telling of an exception", note(), panels)


if __name__ == "__main__":
    main()
