"""The pytest fixture ``heka_capture``; pytest finds it by itself once heka is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import heka.testing


@pytest.fixture
def heka_capture() -> Iterator[heka.testing.Captured]:
    """Every message that the test logs, as ``heka.testing.Captured``; nothing is sent."""
    with heka.testing.capture() as captured:
        yield captured
