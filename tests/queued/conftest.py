"""Fixtures of the queue's tests: peers that are closed, and an account that is looked at."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from queued.peers import Server, certificates

import heka

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]  # exact ends need BPF


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No destination but the test's own."""
    monkeypatch.delenv("HEKA_TO", raising=False)
    heka.configure(to=None)
    yield
    heka.configure(to=None, timeout=1.0, signer=None, oversize="truncate")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers: ``server("tcp", pause=0.1)``."""
    made: list[Server] = []
    numbers = itertools.count()

    def make(*args: Any, **options: Any) -> Server:
        made.append(Server(tmp_path / f"server-{next(numbers)}", *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Certificates: of an authority, of a server, of a client."""
    return certificates(tmp_path_factory.mktemp("pki"))
