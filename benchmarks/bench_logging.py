"""One log line, one counter and one timed call, through heka and through comparable libraries.

Every contender sends over UDP loopback to a socket that exists and is not read. The cost of
``NullHandler`` is subtracted from that of each handler: logging creates the record for all of them.
SysLogHandler is the reference, as the stdlib's handler for one line in one datagram. The other
libraries are configured as their documentation shows; one that is not installed (or not available
for this Python) is left out and named.

Usage: python benchmarks/bench_logging.py [--quick]
"""

import importlib
import logging
import logging.handlers
import socket
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from harness import (
    Contender,
    Panel,
    difference,
    draw,
    goal,
    keep,
    note,
    report,
    rounds_from,
    run,
    show_ns,
    table,
)

import heka
from heka.client import HekaClient
from heka.decorators import incr_count, timeit
from heka.filters import severity_max_provider
from heka.logging import HekaHandler

BASE = "logging, SysLogHandler"
NOTHING = "logging, NullHandler"
OURS = "heka HekaHandler"
LIMIT = 0.8
PEERS = ("structlog", "loguru", "picologging", "statsd", "datadog")

LINE = 'info("x %s", 1)'
COUNT = "heka client.incr"
TIMED = "heka @timeit"


def peer(name: str) -> ModuleType | None:
    """Import *name*; None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"left out: {name} is not installed", file=sys.stderr)
        return None


class Receiver:
    """A UDP socket that is read only to learn how large a datagram is."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.address: tuple[str, int] = self.socket.getsockname()
        self.url = f"udp://127.0.0.1:{self.address[1]}"

    def connected(self) -> socket.socket:
        """Return a socket that sends here."""
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.connect(self.address)
        return made

    def contender(self, label: str, statement: str, **scope: Any) -> Contender:
        """Return a contender after one call, which gives the size of its datagram."""
        exec(statement, dict(scope))
        return Contender(label, statement, scope, len(self.socket.recv(65_536)))


# ---- one line ------------------------------------------------------------------------------------


def stdlib_logger(handler: logging.Handler) -> logging.Logger:
    """Return a logger with one handler that does not propagate."""
    logger = logging.getLogger(f"bench.{id(handler)}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger


def stdlib_lines(to: Receiver) -> Iterator[Contender]:
    """Handlers of the stdlib's logging, ours among them."""
    filters = [severity_max_provider(severity=heka.ERROR)]
    handlers: dict[str, logging.Handler] = {
        OURS: HekaHandler(HekaClient(to.url, "bench")),
        f"{OURS}, by URL": HekaHandler(to.url),
        BASE: logging.handlers.SysLogHandler(to.address),
        "logging, DatagramHandler": logging.handlers.DatagramHandler(*to.address),
    }
    for label, handler in handlers.items():
        yield to.contender(label, f"logger.{LINE}", logger=stdlib_logger(handler))
    refused = HekaHandler(HekaClient(to.url, "bench", filters=filters))
    for label, silent in {f"{OURS}, filtered out": refused, NOTHING: logging.NullHandler()}.items():
        yield Contender(label, f"logger.{LINE}", {"logger": stdlib_logger(silent)})


def picologging_lines(to: Receiver) -> Iterator[Contender]:
    """picologging: logging in C++ with Python's network handlers."""
    picologging = peer("picologging")
    if picologging is not None:
        handlers = importlib.import_module("picologging.handlers")
        logger = picologging.Logger("bench", picologging.INFO)
        logger.addHandler(handlers.DatagramHandler(*to.address))
        yield to.contender("picologging, DatagramHandler", f"logger.{LINE}", logger=logger)


def structlog_lines(to: Receiver) -> Iterator[Contender]:
    """The filtering logger of structlog with its JSON renderer and with heka's."""
    structlog = peer("structlog")
    if structlog is None:
        return
    from heka.integrations.structlog import HekaRenderer

    sock = to.connected()

    class Output:
        """The output of structlog's last processor."""

        def info(self, line: str) -> None:
            sock.send(line.encode())

    def logger_with(*processors: Callable[..., Any]) -> Any:
        wrapper = structlog.make_filtering_bound_logger(logging.INFO)
        # bind() turns the lazy proxy into the logger that a program uses.
        return structlog.wrap_logger(
            Output(), processors=list(processors), wrapper_class=wrapper
        ).bind()

    ours = logger_with(HekaRenderer(HekaClient(to.url, "bench")))
    yield to.contender("heka behind structlog", f"logger.{LINE}", logger=ours)
    theirs = logger_with(
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    )
    yield to.contender("structlog, JSON to a socket", f"logger.{LINE}", logger=theirs)


def loguru_lines(to: Receiver) -> Iterator[Contender]:
    """A text sink and HekaSink; loguru has one logger, so each gets a copy."""
    loguru = peer("loguru")
    if loguru is None:
        return
    import copy

    from heka.integrations.loguru import HekaSink

    sock = to.connected()
    text = "{time} {level} {name}: {message}"
    sinks: dict[str, tuple[Callable[[Any], object], str]] = {
        "heka behind loguru": (HekaSink(HekaClient(to.url, "bench")), "{message}"),
        "loguru, text to a socket": (lambda message: sock.send(message.encode()), text),
    }
    loguru.logger.remove()
    for label, (sink, shape) in sinks.items():
        logger = copy.deepcopy(loguru.logger)
        logger.add(sink, format=shape, level="INFO")
        yield to.contender(label, 'logger.info("x {}", 1)', logger=logger)


# ---- one count, one timed call -------------------------------------------------------------------


def work(x: int) -> int:
    """Do next to nothing, so that the decorator's cost dominates."""
    return x


def measures(to: Receiver) -> tuple[list[Contender], list[Contender]]:
    """Counters, and decorated functions."""
    client = HekaClient(to.url, "bench")
    counters = [to.contender(COUNT, 'incr("n")', incr=client.incr)]
    timers = [
        to.contender(TIMED, "f(1)", f=timeit("n", client=client)(work)),
        to.contender("heka @incr_count", "f(1)", f=incr_count("n", client=client)(work)),
    ]
    statsd = peer("statsd")
    if statsd is not None:
        peer_client = statsd.StatsClient(*to.address)
        counters.append(to.contender("statsd, incr", 'incr("n")', incr=peer_client.incr))
        timers.append(to.contender("statsd, @timer", "f(1)", f=peer_client.timer("n")(work)))
    datadog = peer("datadog.dogstatsd")
    if datadog is not None:
        host, port = to.address
        # The default: a datagram per call. Its telemetry would send further datagrams.
        peer_client = datadog.DogStatsd(host, port, disable_telemetry=True)
        counters.append(to.contender("datadog, increment", 'incr("n")', incr=peer_client.increment))
        timers.append(to.contender("datadog, @timed", "f(1)", f=peer_client.timed("n")(work)))
    timers.append(Contender("the function alone", "f(1)", {"f": work}))
    return counters, timers


# ---- all of it -----------------------------------------------------------------------------------


def above_nothing(timings: dict[str, Any], labels: list[str]) -> dict[str, float]:
    """Print and return the cost of each handler minus that of NullHandler, in ns."""
    above = {label: difference(timings[label], timings[NOTHING]) for label in labels}
    print(f"\nlogger.{LINE}: above what it costs with NullHandler\n")
    rows = [(label, show_ns(ns), f"{ns / above[BASE]:.2f} x") for label, ns in above.items()]
    print(table(("handler", "median/message", "ratio"), rows), flush=True)
    return above


def panel(title: str, timings: dict[str, Any]) -> Panel:
    """Return the bars of one group: the least time of each."""
    rows = [(label, t.best / 1e3, show_ns(t.best)) for label, t in timings.items()]
    return Panel(f"{title} (less is better)", rows, "us a call, least of all rounds")


def main() -> None:
    """Run lines, counters and timers; print, keep, draw."""
    rounds = rounds_from(sys.argv[1:])
    to = Receiver()
    every = [*stdlib_lines(to)]
    handlers = [contender.label for contender in every if contender.label != NOTHING]
    for others in (picologging_lines, structlog_lines, loguru_lines):
        every += others(to)
    lines = run(every, rounds=rounds, what="one line")
    other = Receiver()  # an empty socket
    counters, timers = measures(other)
    counts = run(counters, rounds=rounds, what="one count")
    times = run(timers, rounds=rounds, what="one timed call")

    results: dict[str, Any] = {
        "one line": report("one line, from the call to the kernel, UDP loopback", lines, BASE),
        "one count": report("one count, from the call to the kernel", counts, COUNT),
        "one timed call": report("one call of a decorated function", times, TIMED),
    }
    above = above_nothing(lines, handlers)
    results["above NullHandler"] = {label: round(ns, 1) for label, ns in above.items()}
    goals = [
        goal(f"{label} / SysLogHandler, above NullHandler", LIMIT, above[label] / above[BASE], "x")
        for label in (OURS, f"{OURS}, by URL")
    ]
    keep("logging", results, goals, PEERS)
    bars = [(label, ns / 1e3, show_ns(ns)) for label, ns in above.items()]
    title = f"logger.{LINE}, above what NullHandler costs (less is better)"
    panels = [
        Panel(title, bars, "us a call, median over the rounds"),
        panel("One line in all, record and datagram", lines),
        panel("One count", counts),
        panel("One timed call of a function that does nothing", times),
    ]
    draw("logging", "One line, one count, one timed call over UDP", note(PEERS), panels)


if __name__ == "__main__":
    main()
