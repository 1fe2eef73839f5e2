"""Fixtures for tests of queues under failures: servers and certificates."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from delivery.faults.peers import Server, certificates

collect_ignore_glob = (
    [] if sys.platform == "linux" else ["test_*.py"]
)  # stopping without loss needs BPF


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers: ``server("tcp", pause=0.1)``."""
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
    """Certificates of a CA, a server and a client."""
    return certificates(tmp_path_factory.mktemp("pki"))
