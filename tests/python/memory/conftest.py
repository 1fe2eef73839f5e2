"""Fixtures of these tests: peers that are closed at the end of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def peer() -> Iterator[Callable[..., Any]]:
    """``peer(Datagrams)`` creates a peer of tests/delivery and closes it at the end of the test."""
    made: list[Any] = []

    def make(kind: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        made.append(kind(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()
