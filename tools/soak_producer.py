"""A program of the soak test: writes numbered messages into one queue from several threads.

    soak_producer.py PLAN

PLAN is JSON: ``name``, ``url``, ``options`` of QueuedStream, ``threads``, ``rate`` in messages per
second and thread, ``size`` in bytes, ``folder``, ``forks`` (whether it forks children that log).
It runs until its standard input ends, then flushes and closes. Every second, and at the end, it
prints a line of JSON. It may be killed at any moment: each thread records in a mapped file which
messages it has tried and finished, and in another file which were refused.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

from delivery.faults.identity import check, check_growth
from delivery.faults.peers import frame

from heka.streams import QueuedStream

#: Progress of one thread: messages tried, set before a write; messages finished, set after it.
PROGRESS = struct.Struct("=QQ")


class Source:
    """The messages of one thread; numbers continue where an earlier process has ended."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        path = folder / f"{name}.progress"
        if not path.exists():
            path.write_bytes(bytes(PROGRESS.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), PROGRESS.size)
        tried, done = PROGRESS.unpack(self._map)
        self._number: int = tried
        if tried != done:  # killed during a write: the message may have been accepted or not
            with open(folder / f"{name}.unknown", "a") as file:
                file.write(f"{done}\n")
        self._refused = os.open(
            folder / f"{name}.refused", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600
        )

    def write(self, stream: QueuedStream, size: int) -> bool:
        """Write the next message, and record the result before the next one is tried."""
        number = self._number
        self._number += 1
        self._map[:8] = struct.pack("=Q", self._number)
        accepted = bool(stream.write(frame(number, self.name, size)))
        if not accepted:
            os.write(self._refused, b"%d\n" % number)
        self._map[8:] = struct.pack("=Q", self._number)
        return accepted


def produce(stream: QueuedStream, source: Source, plan: dict[str, Any], stopping: Any) -> None:
    """Write in bursts, on average at the rate of the plan."""
    rng = random.Random(plan["name"] + source.name)
    while not stopping.is_set():
        burst = rng.choice((1, 5, 20, 100))
        for _ in range(burst):
            source.write(stream, rng.randrange(plan["size"]))
        stopping.wait(burst / plan["rate"])


def fork_child(stream: QueuedStream, folder: Path, name: str) -> threading.Thread | None:
    """Fork a child that logs into the same stream; return a thread that waits for it."""
    pid = os.fork()
    if pid:
        waiter = threading.Thread(target=wait_for, args=(pid, name))
        waiter.start()
        return waiter
    status = 1
    try:
        check(stream.stats())
        assert stream.stats()["offered"] == 0, "the child inherited the counters of its parent"
        source = Source(folder, name)
        for _ in range(20):
            source.write(stream, 100)
        if not stream.flush(60):
            raise RuntimeError(f"the child's messages were not sent: {stream.stats()}")
        with open(folder / f"{name}.account", "w") as file:
            json.dump(stream.stats(), file)
        status = 0
    except BaseException as failure:
        report(name, error=repr(failure))
    finally:
        os._exit(status)


def wait_for(pid: int, name: str) -> None:
    """Wait for the child, and report if it fails."""
    status = os.waitpid(pid, 0)[1]
    if status:
        report(name, error=f"ended with {os.waitstatus_to_exitcode(status)}")


def report(name: str, **facts: Any) -> None:
    """Print one line of JSON with a single write."""
    os.write(1, (json.dumps({"name": name, **facts}) + "\n").encode())


def main() -> None:
    """Produce until standard input ends."""
    plan = json.loads(sys.argv[1])
    folder, name = Path(plan["folder"]), plan["name"]
    stream = QueuedStream(plan["url"], **plan["options"])
    stopping = threading.Event()
    threads = [
        threading.Thread(
            target=produce, args=(stream, Source(folder, f"{name}.{n}"), plan, stopping)
        )
        for n in range(plan["threads"])
    ]
    for thread in threads:
        thread.start()

    def watch_stdin() -> None:
        sys.stdin.buffer.read()
        stopping.set()

    threading.Thread(target=watch_stdin, daemon=True).start()
    before = stream.stats()
    said = 0.0
    children: list[Any] = []
    try:
        while not stopping.wait(0.05):
            now = stream.stats()
            check(now, name)
            check_growth(before, now)
            before = now
            if time.monotonic() - said > 1:
                said = time.monotonic()
                report(name, stats=now)
                if plan.get("forks"):
                    children.append(fork_child(stream, folder, f"{name}.child{len(children)}"))
        for thread in (*threads, *children):
            thread.join()
        began = time.monotonic()
        flushed = stream.flush(60)
        stats = stream.stats()
        check(stats, name)
        report(name, stats=stats, flushed=flushed, took=time.monotonic() - began)
        stream.close(5)
        check(stream.stats(), name)
    except BaseException as failure:
        report(name, error=repr(failure))
        stopping.set()
        raise


if __name__ == "__main__":
    main()
