"""Fixtures of the client's tests: a client, the decorators' clock, objects to close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from client.decorating import Clock
from client.messages import Kept

from heka.client import HekaClient


@pytest.fixture
def keep() -> Iterator[Callable[[Any], Any]]:
    """``keep(thing)`` returns *thing* and closes it at the end of the test."""
    with ExitStack() as stack:

        def keep(thing: Any) -> Any:
            stack.callback(thing.close)
            return thing

        yield keep


@pytest.fixture
def client() -> HekaClient:
    """A client whose stream stores its writes."""
    return HekaClient(Kept(), "tests")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The decorators' clock in ns, which only the test advances."""
    made = Clock()
    monkeypatch.setattr("heka.decorators.stats.perf_counter_ns", made)
    return made
