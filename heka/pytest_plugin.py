"""The pytest fixture ``heka_capture``; pytest loads it when heka is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import heka.testing


@pytest.fixture
def heka_capture() -> Iterator[heka.testing.Captured]:
    """Capture every message that the test logs, as ``heka.testing.Captured``; send none."""
    with heka.testing.capture() as captured:
        yield captured
