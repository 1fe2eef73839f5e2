"""Fixtures of the command line's tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.support import Watched


@pytest.fixture(autouse=True)
def heed_interrupts() -> Iterator[None]:
    """A shell starts background jobs deaf to SIGINT, and their children would be deaf too."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Starts ``python -m heka ARGS``; whatever still runs at the end of the test is ended."""
    running: list[Watched] = []

    def starter(*args: str, **kwargs: Any) -> Watched:
        running.append(Watched(tmp_path, *args, **kwargs))
        return running[-1]

    yield starter
    for process in running:
        process.kill()
