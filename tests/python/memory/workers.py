"""Worker processes that run a group of the table; a crash report names the call."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from python.memory.ledger import worker_environment
from python.memory.table import Call

#: Seconds; only ever waited for when something hangs.
PATIENCE = 100.0


class Report(NamedTuple):
    """The report of a worker."""

    calls: int
    failures: list[str]
    facts: dict[str, Any]


def run_worker(
    module: str, *args: str, preload: Path | None = None, allocator: str = "malloc"
) -> Report:
    """Run ``python -m memory.MODULE ARGS`` to its end; AssertionError where it did not come to one.

    Sanitizers and signals end a process: the call it was at is named.
    """
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder, "at")
        at.touch()
        done = subprocess.run(
            [sys.executable, "-m", f"python.memory.{module}", str(at), *args],
            capture_output=True,
            text=True,
            env=worker_environment(preload, allocator),
            cwd=folder,
            timeout=PATIENCE,
            check=False,
        )
        where = at.read_text().strip() or "its start"
        assert done.returncode == 0, (
            f"{module} {' '.join(args)} ended with {_cause(done.returncode)} at {where}:\n"
            f"{done.stdout[-2000:]}\n{done.stderr[-8000:]}"
        )
    return Report(**json.loads(done.stdout.splitlines()[-1]))


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"status {code}"


def work(
    at: str, calls: list[Call], check: Callable[[Call], str | None], facts: dict[str, Any]
) -> None:
    """Check each call, and report to ``run_worker``; *facts* are read at the end."""
    faulthandler.enable(sys.__stderr__)
    failures = []
    with open(at, "wb", buffering=0) as file:
        for call in calls:
            os.pwrite(file.fileno(), f"{call.name:80}".encode(), 0)
            failure = check(call)
            if failure:
                failures.append(f"{call.name}: {failure}")
    print(json.dumps(Report(len(calls), failures, facts)._asdict()))
