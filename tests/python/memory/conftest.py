"""Fixtures of these tests: peers that are closed with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def peer() -> Iterator[Callable[..., Any]]:
    """Makes peers of tests/delivery: ``peer(Datagrams)``; they are closed with the test."""
    made: list[Any] = []

    def make(kind: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        made.append(kind(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()
