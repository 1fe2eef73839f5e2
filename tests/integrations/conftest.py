"""The receiver that the applications of a module send to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from integrations.support import Receiver


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def new_id() -> Callable[[], str]:
    """Make request ids that no other test has."""
    return lambda: uuid.uuid4().hex
