"""Fixtures of the client's tests: ``keep`` closes an object at the end of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest


@pytest.fixture
def keep() -> Iterator[Callable[[Any], Any]]:
    """``keep(thing)`` returns *thing* and closes it at the end of the test."""
    with ExitStack() as stack:

        def keep(thing: Any) -> Any:
            stack.callback(thing.close)
            return thing

        yield keep
