"""Fixtures of the command line tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.support import Watched


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
