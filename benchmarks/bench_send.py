"""From the call to the kernel over UDP loopback, idle and beside a busy thread.

The reference is one send of ready bytes from C with the GIL kept: a lower bound for any logging
call. heka.log encodes the message, frames it and sends it. ``socket.send`` sends the ready bytes
but releases the GIL around it, as Python's sockets do.

The receiver's socket exists and is not read: once its buffer is full the kernel drops datagrams.
That makes the send cheaper than with a reader, so the ratio is harder to meet; the goal applies to
this case. In a second group a process reads everything; the cost of waking it varies from call to
call.

Usage: python benchmarks/bench_send.py [--quick]
"""

import contextlib
import importlib.util
import multiprocessing
import shlex
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from harness import (
    HERE,
    OUT,
    QUICK_ROUNDS,
    Contender,
    Panel,
    draw,
    goal,
    keep,
    note,
    percentile,
    progress,
    ratio,
    report,
    rounds_from,
    run,
    sampler,
    show_ns,
    table,
)
from messages import CASES, M1, Case

import heka

BASE = "C send of ready bytes"
PLAIN = "socket.send of ready bytes"
CALL_LIMIT = 1.15
BUSY_LIMIT = 1.5

#: Calls timed one by one in a round, and the seconds after which the round is over.
CALLS = 1_000
SECONDS = 0.5

#: What the logging thread does between its calls: nothing, or wait as a server does for its next
#: request (it then waits for the GIL, which the busy thread holds for 5 ms at a time). The goal
#: applies to the first; after a wait even the bare send runs with cold caches.
BETWEEN = {"back to back": "pass", "after a wait": "sleep(0.0005)"}


def load_baresend() -> ModuleType:
    """Compile _baresend.c with the interpreter's own compiler and import it."""
    OUT.mkdir(exist_ok=True)
    target = OUT / f"baresend{sysconfig.get_config_var('EXT_SUFFIX')}"
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    include = sysconfig.get_path("include")
    command = [*compiler, "-O2", "-shared", "-fPIC", f"-I{include}", str(HERE / "_baresend.c")]
    subprocess.run([*command, "-o", str(target)], check=True)
    spec = importlib.util.spec_from_file_location("baresend", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def receiver() -> socket.socket:
    """Open a UDP socket on a free loopback port."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def read_all(made: socket.socket) -> None:
    """Read and discard, until killed."""
    buffer = bytearray(65_536)
    while True:
        made.recv_into(buffer)


@contextlib.contextmanager
def read_by_a_process(made: socket.socket) -> Iterator[None]:
    """Read *made* in another process during the block."""
    reader = multiprocessing.get_context("fork").Process(target=read_all, args=(made,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        reader.kill()
        reader.join()


def contenders(case: Case, bare: ModuleType, target: tuple[str, int]) -> list[Contender]:
    """Build the senders of *case* to *target*, each on a connected socket of its own."""
    ready = heka.pack(
        case.type, case.logger, case.severity, fields=case.fields, payload=case.payload
    )
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain.connect(target)
    scope = {"log": heka.log, "target": target, "payload": case.payload, "fields": case.fields}
    heka.configure(to=target)  # the usual case: a configured destination
    assert heka.log(case.type, fields=case.fields, payload=case.payload) is True
    assert heka.log(case.type, fields=case.fields, payload=case.payload, to=target) is True
    call = case.call_source
    call_ready = call.replace(case.fields_source, "fields")
    keep_open = {"sock": plain, "fd": plain.fileno(), "data": ready}
    return [
        Contender("heka.log", f"log({call})", scope, len(ready)),
        Contender("heka.log, fields at hand", f"log({call_ready})", scope, len(ready)),
        Contender("heka.log, to= in the call", f"log({call}, to=target)", scope, len(ready)),
        Contender(BASE, "send(fd, data)", {**keep_open, "send": bare.send}, len(ready)),
        Contender(
            "socket.send of ready bytes",
            "send(data)",
            {**keep_open, "send": plain.send},
            len(ready),
        ),
    ]


class Spinner:
    """A thread that computes without waiting, during a ``with`` block."""

    def __enter__(self) -> "Spinner":
        """Start it and wait until it runs."""
        self.stop = False
        started = threading.Event()
        self.thread = threading.Thread(target=self.spin, args=(started.set,), daemon=True)
        self.thread.start()
        started.wait()
        time.sleep(0.02)  # a few switch intervals, until both threads alternate
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop it and wait until it has."""
        self.stop = True
        self.thread.join()

    def spin(self, started: Callable[[], object]) -> None:
        """Count."""
        started()
        count = 0
        while not self.stop:
            count += 1


def beside_a_busy_thread(every: list[Contender], rounds: int, how: str) -> list[dict[str, Any]]:
    """Time calls one by one, idle and beside a busy thread, in alternating rounds."""
    samplers = {c.label: sampler(c.statement, c.scope, BETWEEN[how]) for c in every}
    spent: dict[str, dict[str, list[list[int]]]] = {
        label: {"idle": [], "busy": []} for label in samplers
    }
    shown = max(1, rounds // 5)
    for turn in range(rounds):
        if turn % shown == 0:
            progress(f"busy thread, {how}: round {turn + 1} of {rounds}")
        for label, sample in samplers.items():
            spent[label]["idle"].append(sample(CALLS, SECONDS / 5))
            with Spinner():
                spent[label]["busy"].append(sample(CALLS, SECONDS))
    if sys.stderr.isatty():
        progress("")
    rows = []
    for label, both in spent.items():
        row: dict[str, Any] = {"contender": label}
        for state, per_round in both.items():
            together = [ns for one in per_round for ns in one]
            row[f"{state}_calls"] = len(together)
            row[f"{state}_p50_ns"] = percentile(together, 50)
            row[f"{state}_p99_ns"] = percentile(together, 99)
            row[f"{state}_over_1_ms"] = sum(ns > 1e6 for ns in together) / len(together)
        row["p50_ratio"] = row["busy_p50_ns"] / row["idle_p50_ns"]
        rows.append(row)
    print(f"\nM1 beside one busy Python thread, {how} ({rounds} rounds, idle and busy in turn)\n")
    print(
        table(
            (
                "contender",
                "idle p50",
                "idle p99",
                "busy p50",
                "busy p99",
                "p50 busy/idle",
                "over 1 ms",
                "calls",
            ),
            (
                (
                    row["contender"],
                    *(
                        show_ns(row[key])
                        for key in ("idle_p50_ns", "idle_p99_ns", "busy_p50_ns", "busy_p99_ns")
                    ),
                    f"{row['p50_ratio']:.2f} x",
                    f"{row['busy_over_1_ms']:.1%}",
                    f"{row['busy_calls']:,}",
                )
                for row in rows
            ),
        ),
        flush=True,
    )
    return rows


def main() -> None:
    """Run the calls to an unread and a read socket and the busy thread; print, keep, draw."""
    rounds = rounds_from(sys.argv[1:])
    bare = load_baresend()
    results: dict[str, Any] = {}
    goals = []
    panels = []
    for case in CASES:
        for read in (False, True):
            name = f"{case.name}, {'read by a process' if read else 'not read'}"
            with receiver() as made, contextlib.ExitStack() as stack:
                if read:
                    stack.enter_context(read_by_a_process(made))
                every = contenders(case, bare, made.getsockname())
                timings = run(every, rounds=rounds, what=f"send {name}")
            results[name] = report(f"send {name}: call to kernel, UDP loopback", timings, BASE)
            if not read:
                value = ratio(timings["heka.log"], timings[BASE])
                goals.append(goal(f"heka.log {case.name} / {BASE}", CALL_LIMIT, value, "x"))
                value = ratio(timings["heka.log, fields at hand"], timings[BASE])
                what = f"heka.log {case.name}, fields at hand / {BASE}"
                goals.append(goal(what, CALL_LIMIT, value, "x"))
                panels.append(
                    Panel(
                        f"{case.name}: call to kernel, no other Python thread (less is better)",
                        [(label, t.best / 1e3, show_ns(t.best)) for label, t in timings.items()],
                        "us a call, least of all rounds",
                    )
                )
    busy_rounds = 3 if rounds == QUICK_ROUNDS else 15
    for how in BETWEEN:
        with receiver() as made:
            every = contenders(M1, bare, made.getsockname())
            busy = results[f"busy thread, {how}"] = beside_a_busy_thread(every, busy_rounds, how)
        if how == "back to back":
            what = "heka.log beside a busy thread, p50 / idle"
            goals.append(goal(what, BUSY_LIMIT, busy[0]["p50_ratio"], "x"))
        key = "busy_p50_ns" if how == "back to back" else "busy_p99_ns"
        point = "median" if how == "back to back" else "99th percentile"
        panels.append(
            Panel(
                f"M1 beside one busy Python thread, {how}: {point} (less is better)",
                [(row["contender"], row[key] / 1e3, show_ns(row[key])) for row in busy],
                "us a call, calls timed one by one",
            )
        )
    keep("send", results, goals)
    draw("send", "From the call to the kernel", note(), panels)


if __name__ == "__main__":
    main()
