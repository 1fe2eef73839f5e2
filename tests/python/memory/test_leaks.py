"""No repeated call grows the memory of Python, the core or libcrypto by a byte."""

from __future__ import annotations

import pytest
from python.memory.groups import ALL
from python.memory.ledger import UNCOUNTED
from python.memory.workers import run_worker

pytestmark = pytest.mark.skipif(bool(UNCOUNTED), reason=UNCOUNTED)


@pytest.mark.parametrize("group", ALL)
def test_repeated_calls_do_not_grow_memory(group):
    report = run_worker("repeating", group)

    assert report.failures == []
    assert report.calls == len(ALL[group])
