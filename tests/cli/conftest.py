"""Fixtures of the command line tests."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.support import Watched, environment

from heka.cli import main


@pytest.fixture(autouse=True)
def heed_interrupts() -> Iterator[None]:
    """Restore SIGINT: a shell starts background jobs with it ignored, and children inherit that."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Start ``python -m heka ARGS``; processes that still run after the test are killed."""
    running: list[Watched] = []

    def starter(*args: str, **kwargs: Any) -> Watched:
        running.append(Watched(tmp_path, *args, **kwargs))
        return running[-1]

    yield starter
    for process in running:
        process.kill()


LINE = re.compile(r"(ok|warning|problem) +(\S+) +(.+)")


class Said:
    """What a run of ``doctor`` has printed, by lines."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err
        *lines, self.summary = out.splitlines()
        found = [LINE.fullmatch(line) for line in lines]
        self.lines = [match.groups() for match in found if match is not None]
        assert len(self.lines) == len(lines), out

    def __call__(self, subject: str) -> tuple[str, str]:
        """Return (level, text) of the one line about *subject*."""
        (found,) = self.all(subject)
        return found

    def all(self, subject: str) -> list[tuple[str, str]]:
        """Return (level, text) of each line about *subject*."""
        return [(level, text) for level, of, text in self.lines if of == subject]

    @property
    def problems(self) -> list[str]:
        """The texts of the problems."""
        return [text for level, _, text in self.lines if level == "problem"]


@pytest.fixture
def doctor(start: Callable[..., Watched]) -> Callable[..., Said]:
    """Run ``doctor ARGS`` in another process; the environment has no variable of heka."""

    def runner(*args: str, **variables: str) -> Said:
        clean = {k: v for k, v in environment().items() if not k.startswith("HEKA_")}
        run = start("doctor", *args, env={**clean, **variables})
        code = run.ended()
        assert "Traceback" not in run.err
        return Said(code, run.out, run.err)

    return runner


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run ``doctor ARGS`` in this process, whose modules a test may change."""

    def runner(*args: str) -> Said:
        code = main(["doctor", *args])
        written = capsys.readouterr()
        return Said(code, written.out, written.err)

    return runner
