"""Helpers of the fault tests: programs, writing messages, and checks at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from delivery.faults.identity import compare
from delivery.faults.peers import Serial, Server, frame
from delivery.support import PATIENCE, PREAMBLE, ROOT, Outcome, Task, environment, wait_until

TESTS = Path(__file__).resolve().parents[2]
#: Queue options with short times.
QUICK: dict[str, Any] = {"linger": 0.005, "backoff_max": 0.1, "connect_timeout": 1.0}

#: Added to delivery.support.PREAMBLE for programs.
TOOLS = """
import heka._delivery.lifecycle
from heka.streams import QueuedStream
from delivery.faults.identity import Watch, check
from delivery.faults.peers import frame
from delivery.faults.support import QUICK, write_all
"""


def write_all(
    stream: Any, count: int, source: str = "a", size: int = 0, start: int = 0
) -> set[Serial]:
    """Write *count* messages; return the accepted ones."""
    return {
        (source, number)
        for number in range(start, start + count)
        if stream.write(frame(number, source, size))
    }


def write_during(stream: Any, work: Callable[[], object], size: int = 200) -> set[Serial]:
    """Write without a pause while *work* runs; return the accepted messages."""
    over = threading.Event()
    accepted: set[Serial] = set()

    def write() -> None:
        number = 0
        while not over.is_set():
            accepted.update(write_all(stream, 20, size=size, start=number))
            number += 20
            time.sleep(0.001)

    writer = Task(write)
    try:
        work()
    finally:
        over.set()
        writer.result()
    return accepted


def settle(stream: Any, there: Server, accepted: set[Serial], timeout: float = PATIENCE) -> None:
    """Check that all accepted messages arrive, except dropped ones, and that the counters agree."""
    if not stream.flush(timeout):  # which tells, once, that messages were refused
        assert stream.stats()["dropped"].get("full"), stream.stats()
        assert stream.flush(timeout), stream.stats()
    sent = stream.stats()["sent"]
    wait_until(lambda: there.received.count() >= sent, f"{sent} messages")
    compare(stream.stats(), there.received.serials(), accepted)


def arrives(stream: Any, there: Server, accepted: set[Serial]) -> None:
    """Check that all accepted messages arrive and none is dropped."""
    settle(stream, there, accepted)
    assert there.received.serials().keys() == accepted


class Program(subprocess.Popen[str]):
    """A running script in another process, with TOOLS; *first* is run before any import."""

    def __init__(
        self,
        script: str,
        *args: object,
        first: str = "",
        preload: Path | None = None,
        **changes: str,
    ) -> None:
        path = os.pathsep.join(filter(None, (ROOT, str(TESTS), os.environ.get("PYTHONPATH"))))
        super().__init__(
            [
                *(sys.executable, "-c"),
                textwrap.dedent(first) + PREAMBLE + TOOLS + textwrap.dedent(script),
                *map(str, args),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment(preload, **changes), "PYTHONPATH": path},
            cwd="/",  # -c looks for modules there first
        )

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.stdout is not None
        return self.stdout.readline()

    def end(self, code: int | None = 0) -> Outcome:
        """Wait for its exit with status *code*; None: any status."""
        out, err = self.communicate(timeout=PATIENCE)
        assert code is None or self.returncode == code, f"ended {self.returncode}:\n{out}\n{err}"
        return Outcome(subprocess.CompletedProcess(self.args, self.returncode, out, err))

    def __exit__(self, *args: Any) -> None:
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)
        super().__exit__(*args)


def run(script: str, *args: object, code: int | None = 0, **options: Any) -> Outcome:
    """Run *script* and wait for its exit."""
    with Program(script, *args, **options) as program:
        return program.end(code)
