"""Fixtures of the queue's tests, beside those of tests/delivery: servers and certificates."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from delivery.faults.peers import Server, certificates

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]  # exact ends need BPF


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
