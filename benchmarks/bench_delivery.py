"""Delivery through a queue: messages per second at the receiver, memory, and recovery time.

End to end, from ``client.heka`` in a Python program through the ring, its drain thread and loopback
to _sink.c, which counts complete frames. The producers wait when the queue is full, so the result
is the throughput of the whole path. Producer, drain thread, kernel and sink share two cores;
therefore each figure is shown with the rate of the encoder alone, in the same number of processes
that send nothing. Producers are separate processes. In the rows "ready frames" a loop puts frames
into the ring, one per call, without encoding.

Memory: growth of a process that logs a million messages to a queue whose server is down. Recovery:
time from the restart of a killed server to its first message, at default settings.

Usage: python benchmarks/bench_delivery.py [--quick]
"""

import contextlib
import multiprocessing
import random
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from harness import (
    QUICK_ROUNDS,
    Panel,
    draw,
    goal,
    keep,
    note,
    percentile,
    progress,
    rounds_from,
    table,
)
from messages import M1
from sinks import DeadServer, Sink, compile_sink

import heka
from heka.client import HekaClient
from heka.streams import QueuedStream

FORK = multiprocessing.get_context("fork")

#: Goals in messages per second, and the share of the encoder's rate that also meets the goal.
UDP_RATE = 1.5e6
TCP_RATE = 3.0e6
OF_ENCODER = 0.8
#: Bytes of growth that are allowed beside the capacity.
EXTRA = 128 * 1024
RECOVERY = 1.0  # s

#: Messages that a producer sends before the clock starts, and the most seconds it waits.
WARM = 2_000
PATIENCE = 60.0

#: A producer's loop: (times, client or stream).
Loop = Callable[[int, Any], None]


def compile_loop(statement: str, **scope: Any) -> Loop:
    """Return a function that runs *statement*, in which ``c`` is the client or stream."""
    names = dict(scope)
    source = f"def loop(times, c):\n    for _ in range(times):\n        {statement}\n"
    exec(compile(source, "<producer>", "exec"), names)
    loop: Loop = names["loop"]
    return loop


READY = heka.pack(M1.type, M1.logger, M1.severity, fields=M1.fields)
MAKE = compile_loop(f"pack({M1.call_source})", pack=heka.pack)
SEND = compile_loop(f"c.heka({M1.type!r}, fields={M1.fields_source})")
PUT = compile_loop("c(ready, 0.0)", ready=READY)


# ---- end to end ----------------------------------------------------------------------------------


def produce(pipe: Connection, loop: Loop, url: str, times: int) -> None:
    """Run as producer: warm up, wait for the start, run *loop*; report when it began and ended."""
    if not url:
        loop(WARM, None)
        pipe.send(None)
        pipe.recv()
        begun = time.monotonic_ns()
        loop(times, None)
        pipe.send((begun, time.monotonic_ns(), 0))
        return
    stream = QueuedStream(url, overflow="block", block_timeout=PATIENCE)
    target: Any = stream.sink.write if loop is PUT else HekaClient(stream, M1.logger)
    loop(WARM, target)
    assert stream.flush(PATIENCE)
    pipe.send(None)
    pipe.recv()
    begun = time.monotonic_ns()
    loop(times, target)
    done = time.monotonic_ns()
    assert stream.flush(PATIENCE)
    account = stream.stats()
    assert account["sent"] == times + WARM, account
    pipe.send((begun, done, account["sent"]))
    stream.close()


def rate(loop: Loop, processes: int, times: int, sink: Sink | None) -> tuple[float, float]:
    """Run *processes* producers of *times* messages each; return messages per second, share lost.

    With a sink: received messages, from the first call to the last frame's arrival. Without:
    encoded messages, until the last process was done.
    """
    pipes = []
    for _ in range(processes):
        ours, theirs = FORK.Pipe()
        url = sink.url if sink else ""
        FORK.Process(target=produce, args=(theirs, loop, url, times), daemon=True).start()
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    before = settled(sink) if sink else 0
    for pipe in pipes:
        pipe.send(None)
    ends = [pipe.recv() for pipe in pipes]
    begun = min(end[0] for end in ends)
    if sink is None:
        return processes * times / (max(end[1] for end in ends) - begun) * 1e9, 0.0
    came = settled(sink) - before
    return came / (sink.seen().last_ns - begun) * 1e9, 1 - came / (processes * times)


def settled(sink: Sink) -> int:
    """Wait until no more frames arrive and return their number."""
    frames = -1
    while (now := sink.seen().frames) != frames:
        frames = now
        time.sleep(0.05)
    return frames


def end_to_end(program: Path, rounds: int, times: int) -> dict[str, dict[str, Any]]:
    """Run every way in turn; returns label -> rates."""
    with Sink(program, "udp") as udp, Sink(program, "tcp") as tcp:
        ways: dict[str, tuple[Loop, int, Sink | None]] = {
            ENCODER: (MAKE, 1, None),
            ENCODERS: (MAKE, 2, None),
            "heka: UDP packed, 1 process": (SEND, 1, udp),
            "heka: UDP packed, 2 processes": (SEND, 2, udp),
            "heka: UDP packed, ready frames": (PUT, 1, udp),
            "heka: TCP, 1 process": (SEND, 1, tcp),
            "heka: TCP, 2 processes": (SEND, 2, tcp),
            "heka: TCP, ready frames": (PUT, 1, tcp),
            "heka: TCP, ready frames, 2 processes": (PUT, 2, tcp),
        }
        rates: dict[str, list[tuple[float, float]]] = {label: [] for label in ways}
        for turn in range(rounds):
            progress(f"end to end: round {turn + 1} of {rounds}")
            order = list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]
            for label in order:
                loop, processes, sink = ways[label]
                rates[label].append(rate(loop, processes, times // processes, sink))
    if sys.stderr.isatty():
        progress("")
    found = {}
    for label, each in rates.items():
        of = ENCODERS if "2 processes" in label else ENCODER
        parts = [mine / base for (mine, _), (base, _) in zip(each, rates[of], strict=True)]
        found[label] = {
            "median": median(mine for mine, _ in each),
            "best": max(mine for mine, _ in each),
            "of_encoder": median(parts),
            "lost": median(lost for _, lost in each),
        }
    print(f"\nEnd to end, {times:,} messages of M1, {rounds} rounds, time on the wall\n")
    print(
        table(
            ("way", "median M/s", "best M/s", "of the encoder alone", "lost on the way"),
            (
                (
                    label,
                    f"{one['median'] / 1e6:.2f}",
                    f"{one['best'] / 1e6:.2f}",
                    f"{one['of_encoder']:.0%}",
                    f"{one['lost']:.2%}",
                )
                for label, one in found.items()
            ),
        ),
        flush=True,
    )
    return found


ENCODER = "heka.pack alone, 1 process"
ENCODERS = "heka.pack alone, 2 processes"


# ---- memory --------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process that are in memory and its own."""
    fields = dict(
        line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    )
    return sum(int(fields[name].split()[0]) * 1024 for name in ("Private_Dirty", "Private_Clean"))


def grow(pipe: Connection, url: str, options: dict[str, Any], times: int) -> None:
    """Be a program whose server is dead; tell what it has grown by."""
    import gc

    # What every queue shares is loaded by another one: the code, the resolver's and the drain's.
    other = QueuedStream(url, "64 KiB", **options)
    SEND(100, HekaClient(other, M1.logger))
    time.sleep(1.0)
    other.close(0.0)
    gc.collect()
    before = resident()
    stream = QueuedStream(url, CAPACITY, **options)
    client = HekaClient(stream, M1.logger)
    SEND(times // 2, client)
    half = resident()
    SEND(times - times // 2, client)
    time.sleep(1.0)
    after = resident()
    pipe.send({"grown": after - before, "second_half": after - half, "stats": stream.stats()})
    stream.close(0.0)


CAPACITY = 8 * 1024 * 1024


def memory(dead: DeadServer, times: int) -> dict[str, dict[str, Any]]:
    """Return what a process grows by, for each policy."""
    found = {}
    for overflow in ("drop_new", "drop_old"):
        ours, theirs = FORK.Pipe()
        options = {"overflow": overflow}
        process = FORK.Process(target=grow, args=(theirs, dead.url, options, times))
        process.start()
        found[overflow] = ours.recv()
        process.join()
    print(f"\nMemory, {times:,} messages to a dead server, capacity {CAPACITY:,} bytes\n")
    print(
        table(
            ("policy", "grown by", "beside the capacity", "of that in the second half", "queued"),
            (
                (
                    overflow,
                    f"{one['grown']:,} bytes",
                    f"{one['grown'] - CAPACITY:+,}",
                    f"{one['second_half']:+,}",
                    f"{one['stats']['queued']:,}",
                )
                for overflow, one in found.items()
            ),
        ),
        flush=True,
    )
    return found


# ---- recovery ------------------------------------------------------------------------------------


class Chatter:
    """A thread that logs a hundred times a second, for the length of a ``with`` block."""

    def __init__(self, client: HekaClient) -> None:
        self.client = client
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.talk, daemon=True)

    def talk(self) -> None:
        while not self.stop.wait(0.01):
            SEND(1, self.client)

    def __enter__(self) -> "Chatter":
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self.thread.join()


def recovery(program: Path, turns: int) -> list[float]:
    """Kill the server and start it again, *turns* times; seconds until the first message."""
    draw_from = random.Random(1)
    with contextlib.ExitStack() as stack:
        sink = Sink(program, "tcp")
        stream = QueuedStream(sink.url)
        stack.callback(stream.close, 0.0)
        stack.enter_context(Chatter(HekaClient(stream, M1.logger)))
        found = []
        for turn in range(turns):
            progress(f"recovery: {turn + 1} of {turns}")
            while not sink.seen().frames:
                time.sleep(0.01)
            sink.kill()
            time.sleep(draw_from.uniform(0.3, 4.0))
            sink = Sink(program, "tcp", sink.port)
            while not (seen := sink.seen()).frames:
                time.sleep(0.01)
            found.append((seen.first_ns - sink.since_ns) / 1e9)
        sink.kill()
    if sys.stderr.isatty():
        progress("")
    found.sort()
    print(f"\nRecovery: from listen() of the new server to its first message, {turns} times\n")
    print(
        f"least {found[0]:.3f} s, median {median(found):.3f} s, most {found[-1]:.3f} s", flush=True
    )
    return found


# ---- all of it -----------------------------------------------------------------------------------


def main() -> None:
    """Run rates, memory and recovery; print, keep, draw."""
    quick = rounds_from(sys.argv[1:]) == QUICK_ROUNDS
    program = compile_sink()
    dead = DeadServer()
    rates = end_to_end(program, 2 if quick else 15, 200_000 if quick else 1_000_000)
    grown = memory(dead, 1_000_000)
    times = recovery(program, 4 if quick else 40)

    goals = []
    for label, one in rates.items():
        if label.startswith("heka: "):
            wanted = UDP_RATE if "UDP" in label else TCP_RATE
            # The goal is met by the rate, or by the share of the encoder's rate.
            reached = max(one["median"] / wanted, one["of_encoder"] / OF_ENCODER)
            goals.append(goal(f"wanted rate / that of {label[6:]}", 1.0, 1 / reached, "x"))
    for overflow, one in grown.items():
        what = f"a million messages without a server, {overflow}, beside the capacity"
        goals.append(goal(what, EXTRA, one["grown"] - CAPACITY, "bytes"))
    goals.append(goal("recovery after a restart, the longest of all", RECOVERY, times[-1], "s"))
    results = {"end to end": rates, "memory": grown, "recovery_s": times}
    keep("delivery", results, goals, ())
    spread = {"least": times[0], "median": median(times)}
    spread["90th percentile"] = percentile(times, 90)
    spread["longest"] = times[-1]
    draw(
        "delivery",
        "From the program to the receiver, through a queue",
        note(()),
        [
            Panel(
                "M1 over loopback, counted by the receiver (more is better)",
                [
                    (label, one["median"] / 1e6, f"{one['median'] / 1e6:.2f} M")
                    for label, one in rates.items()
                ],
                "million messages a second, median of the rounds",
            ),
            Panel(
                f"A server killed and started again {len(times)} times (less is better)",
                [(f"heka: {label}", s, f"{s:.2f} s") for label, s in spread.items()],
                "seconds from its listen() to its first message",
            ),
        ],
    )


if __name__ == "__main__":
    main()
