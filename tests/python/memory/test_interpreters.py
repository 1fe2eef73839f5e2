"""Several interpreters in one process: each has its own heka and frees all of it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile

import pytest
from delivery.support import environment
from python.memory.ledger import UNCOUNTED
from python.memory.workers import run_worker

MODULE = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
needs_interpreters = pytest.mark.skipif(
    importlib.util.find_spec(MODULE) is None, reason=f"this Python has no {MODULE}"
)
#: Bytes that may stay of each interpreter, beside the names that CPython interns from 3.12 on.
STAYING = 1_000 if sys.version_info < (3, 12) else 3_000


@needs_interpreters
@pytest.mark.skipif(bool(UNCOUNTED), reason=UNCOUNTED)
def test_closing_interpreters_frees_everything_of_heka():
    facts = run_worker("interpreting", "level").facts

    names = 0 if sys.version_info < (3, 12) else facts["names"]
    assert facts["with_heka"] - facts["without_heka"] < names + STAYING
    assert facts["uuids"] == facts["messages"] == 90
    assert facts["interpreters"] == 9


@needs_interpreters
def test_interpreters_work_in_parallel():
    """They share the C core: ids are unique, and captures are separate."""
    report = run_worker("interpreting", "parallel")

    assert report.failures == []
    assert report.facts == {"messages": 150, "uuids": 150, "interpreters": 15}


@pytest.mark.skipif(
    importlib.util.find_spec("_testcapi") is None, reason="this Python has no _testcapi"
)
def test_interpreters_that_share_everything_work_too():
    """As in mod_wsgi: with the GIL and the allocator of the main interpreter."""
    script = """
import _testcapi, heka
work = '''
import heka
message = heka.Message.decode(heka.Message("t", fields={"a": [1, 2]}).encode())
assert message.fields == {"a": [1, 2]}
assert heka.pack(signer=heka.SignerConfig("n", 1, "k", "md5"))
'''
for number in range(5):
    assert _testcapi.run_in_subinterp(work) == 0
    assert heka.Message("t", fields={"a": 1}).fields == {"a": [1]}
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
