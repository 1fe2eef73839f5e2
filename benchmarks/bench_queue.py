"""The cost of a call with a queue between the program and the network.

Three measurements. The cost of ``client.heka`` into the ring compared with ``heka.pack``, which
encodes the same bytes: with a receiver that reads everything, and without a server, when the queue
is full. The wall-clock time of the slowest calls, beside a busy Python thread and without a server.
And the cost of one line through ``logging`` above ``NullHandler``, compared with SysLogHandler,
which sends synchronously, and QueueHandler, the stdlib's queue.

The receiver is _sink.c, a separate process; bench_delivery.py measures it, the drain thread and the
kernel.

Usage: python benchmarks/bench_queue.py [--quick]
"""

import contextlib
import logging
import logging.handlers
import queue
import socket
import sys
import tempfile
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

from bench_logging import LINE, NOTHING, stdlib_logger
from bench_send import BETWEEN, Spinner
from harness import (
    QUICK_ROUNDS,
    Contender,
    Panel,
    Timing,
    difference,
    draw,
    goal,
    keep,
    note,
    progress,
    ratio,
    report,
    rounds_from,
    run,
    sampler,
    show_ns,
    table,
)
from messages import M1
from sinks import DeadServer, Sink, compile_sink

import heka
from heka.client import HekaClient
from heka.logging import HekaHandler
from heka.streams import NullStream, QueuedStream

BASE = "heka.pack"
OURS = "heka: client.heka into the ring"
SPOOLED = "heka: client.heka into a spool"
CALL = f"c.heka({M1.type!r}, fields={M1.fields_source})"

CALL_LIMIT = 1.8
SPOOL_LIMIT = 1.3
SLOW_LIMIT = 50.0  # us
HANDLER_LIMIT = 0.33

#: Calls timed one by one in a round, and the seconds after which it is over.
CALLS = 20_000
SECONDS = 1.0


def client(to: Any, **options: Any) -> HekaClient:
    """Return a client of M1's logger behind a queue to *to*."""
    return HekaClient(QueuedStream(to, **options), M1.logger)


def into(label: str, to: Any, **options: Any) -> Contender:
    """Return the contender whose messages go into a queue to *to*."""
    return Contender(label, CALL, {"c": client(to, **options)})


# ---- the call ------------------------------------------------------------------------------------


def calls(tcp: Sink, udp: Sink, dead: DeadServer, spool: str) -> list[Contender]:
    """Calls that encode M1 and pass it to each kind of stream."""
    heka.configure(to=f"{tcp.url}?queue=1", logger=M1.logger)
    return [
        Contender(BASE, f"pack({M1.call_source})", {"pack": heka.pack}),
        Contender("heka: client.heka, NullStream", CALL, {"c": HekaClient(NullStream(), "ads")}),
        into(OURS, tcp.url),
        into("heka: the same, UDP", udp.url),
        Contender("heka: heka.log into the ring", f"log({M1.call_source})", {"log": heka.log}),
        into("heka: into the ring, no server, full: drop_new", dead.url),
        into("heka: into the ring, no server, full: drop_old", dead.url, overflow="drop_old"),
        into(SPOOLED, tcp.url, spool=spool),
    ]


def check(every: list[Contender]) -> None:
    """Report receivers that did not keep up: then the cost of a full queue was measured."""
    for contender in every:
        if "c" in contender.scope and "no server" not in contender.label:
            dropped = contender.scope["c"].stats()["dropped"]
            if dropped:
                print(f"{contender.label}: dropped {dropped}", file=sys.stderr)


# ---- the slowest calls ---------------------------------------------------------------------------


def slowest(every: list[Contender], rounds: int, how: str) -> list[dict[str, Any]]:
    """Time calls one by one beside a busy thread; returns their percentiles."""
    samplers = {c.label: sampler(c.statement, c.scope, BETWEEN[how]) for c in every}
    spent: dict[str, list[list[int]]] = {label: [] for label in samplers}
    for turn in range(rounds):
        if turn % max(1, rounds // 5) == 0:
            progress(f"busy thread, {how}: round {turn + 1} of {rounds}")
        with Spinner():
            for label, sample in samplers.items():
                spent[label].append(sample(CALLS, SECONDS))
    if sys.stderr.isatty():
        progress("")
    rows = []
    for label, per_round in spent.items():
        together = quantiles((ns for one in per_round for ns in one), n=1000, method="inclusive")
        each = [quantiles(one, n=1000, method="inclusive")[998] for one in per_round]
        rows.append(
            {
                "contender": label,
                "p50_ns": together[499],
                "p99_ns": together[989],
                "p99.9_ns": together[998],
                "p99.9_median_round_ns": median(each),
                "worst_ns": max(max(one) for one in per_round),
                "calls": sum(map(len, per_round)),
            }
        )
    print(f"\nM1 beside one busy Python thread, {how} ({rounds} rounds, time on the wall)\n")
    head = ("contender", "p50", "p99", "p99.9", "p99.9 of the median round", "worst", "calls")
    print(
        table(
            head,
            (
                (
                    row["contender"],
                    *(show_ns(row[key]) for key in list(row)[1:-1]),
                    f"{row['calls']:,}",
                )
                for row in rows
            ),
        ),
        flush=True,
    )
    return rows


def slowest_panel(rows: list[dict[str, Any]], how: str) -> Panel:
    """Return the bars of the 99.9th percentile; after a wait, which is slow, of the 99th."""
    key, point = ("p99.9_ns", "99.9") if how == "back to back" else ("p99_ns", "99")
    return Panel(
        f"Beside a busy Python thread, {how}: {point}th percentile",
        [(row["contender"], row[key] / 1e3, show_ns(row[key])) for row in rows],
        "us a call, calls timed one by one (less is better)",
    )


def waiting_calls(udp: Sink, dead: DeadServer) -> list[Contender]:
    """Calls whose slowest ones are measured."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", udp.port))
    ready = heka.pack(M1.type, M1.logger, M1.severity, fields=M1.fields)
    return [
        Contender(BASE, f"pack({M1.call_source})", {"pack": heka.pack}),
        into("heka: into the ring, no server", dead.url, capacity="256 MiB"),
        into("heka: into the ring, no server, full: drop_new", dead.url),
        into("heka: into the ring, no server, full: drop_old", dead.url, overflow="drop_old"),
        Contender(
            "socket.send of ready bytes, UDP", "send(data)", {"send": sock.send, "data": ready}
        ),
    ]


# ---- one line of logging -------------------------------------------------------------------------


@contextlib.contextmanager
def handlers(udp: Sink) -> Iterator[list[Contender]]:
    """Handlers that send over UDP to a socket that is read, synchronously or from a queue."""
    address = ("127.0.0.1", udp.port)
    at_once = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # never read: SysLog's are no frames
    at_once.bind(("127.0.0.1", 0))
    lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
    unread = at_once.getsockname()
    listener = logging.handlers.QueueListener(lines, logging.handlers.SysLogHandler(unread))
    listener.start()
    queued = QueuedStream(("127.0.0.1", udp.port))
    made: dict[str, tuple[logging.Handler, Any]] = {
        HANDLER: (HekaHandler(HekaClient(queued, "bench")), None),
        f"{HANDLER}, by URL": (HekaHandler(f"udp://127.0.0.1:{address[1]}?queue=1"), None),
        "heka HekaHandler, sent at once": (HekaHandler(HekaClient(udp.url, "bench")), None),
        SYSLOG: (logging.handlers.SysLogHandler(unread), None),
        "logging, QueueHandler": (logging.handlers.QueueHandler(lines), lines.empty),
        NOTHING: (logging.NullHandler(), None),
    }
    yield [
        Contender(label, f"logger.{LINE}", {"logger": stdlib_logger(handler)}, done=done)
        for label, (handler, done) in made.items()
    ]
    listener.stop()


HANDLER = "heka HekaHandler into the ring"
SYSLOG = "logging, SysLogHandler"


def above_nothing(timings: dict[str, Timing]) -> dict[str, float]:
    """Print and return the cost of each handler minus that of NullHandler, in ns."""
    above = {label: difference(t, timings[NOTHING]) for label, t in timings.items()}
    del above[NOTHING]
    print(f"\nlogger.{LINE}: above what it costs with NullHandler\n")
    rows = [(label, show_ns(ns), f"{ns / above[SYSLOG]:.2f} x") for label, ns in above.items()]
    print(table(("handler", "median/message", "ratio"), rows), flush=True)
    return above


# ---- all of it -----------------------------------------------------------------------------------


def main() -> None:
    """Run calls, slowest calls and lines; print, keep, draw."""
    rounds = rounds_from(sys.argv[1:])
    quick = rounds == QUICK_ROUNDS
    program = compile_sink()
    dead = DeadServer()
    with Sink(program, "tcp") as tcp, Sink(program, "udp") as udp:
        with tempfile.TemporaryDirectory(prefix="heka-spool-") as spool:
            every = calls(tcp, udp, dead, spool)
            called = run(every, rounds=rounds, what="queue, M1")
            check(every)
        slow = {how: slowest(waiting_calls(udp, dead), 3 if quick else 20, how) for how in BETWEEN}
        with handlers(udp) as every:
            lines = run(every, rounds=rounds, what="one line")
        heka.configure(to=None, logger="")

    results: dict[str, Any] = {
        "one message": report("M1, from the call into the queue", called, BASE),
        "beside a busy thread": slow,
        "one line": report("one line, from the call to the queue or the kernel", lines, SYSLOG),
    }
    above = above_nothing(lines)
    results["above NullHandler"] = {label: round(ns, 1) for label, ns in above.items()}
    goals = [
        goal(f"{label} / {BASE}", CALL_LIMIT, ratio(timing, called[BASE]), "x")
        for label, timing in called.items()
        if "into the ring" in label
    ]
    goals.append(
        goal(f"{SPOOLED} / {OURS}", SPOOL_LIMIT, ratio(called[SPOOLED], called[OURS]), "x")
    )
    # After a wait the caches are cold: heka.pack alone is as slow then.
    goals += [
        goal(f"{row['contender']}, p99.9", SLOW_LIMIT, row["p99.9_ns"] / 1e3, "us")
        for row in slow["back to back"]
        if row["contender"].startswith("heka: ")
    ]
    what = f"{HANDLER} / SysLogHandler, above NullHandler"
    goals.append(goal(what, HANDLER_LIMIT, above[HANDLER] / above[SYSLOG], "x"))
    keep("queue", results, goals, ())
    draw(
        "queue",
        "What a call costs with a queue behind it",
        note(()),
        [
            Panel(
                "M1, from the call into the queue (less is better)",
                [(label, t.best, show_ns(t.best)) for label, t in called.items()],
                "ns a call, least of all rounds",
            ),
            *(slowest_panel(rows, how) for how, rows in slow.items()),
            Panel(
                f"logger.{LINE}, above what NullHandler costs (less is better)",
                [(label, ns / 1e3, show_ns(ns)) for label, ns in above.items()],
                "us a call, median over the rounds",
            ),
        ],
    )


if __name__ == "__main__":
    main()
