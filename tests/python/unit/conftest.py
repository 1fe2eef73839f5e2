"""Checks after each test that it has left the settings of ``heka.log`` as they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heka.api import _emitter

SETTINGS = (
    *("to", "signer", "level", "logger", "oversize", "bad_values", "default", "timeout"),
    "capture",
)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fail the test that changes a setting for the next one, which need not be in each run."""
    before = {name: getattr(_emitter, name) for name in SETTINGS}
    yield
    after = {name: getattr(_emitter, name) for name in SETTINGS}
    for name in SETTINGS:
        setattr(_emitter, name, before[name])
    assert after == before
