"""The stub matches the extension, and mypy accepts correct uses and refuses wrong ones."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import heka

pytest.importorskip("mypy", reason="installed with the extra 'test'")
if os.environ.get("HEKA_SANITIZER"):
    pytest.skip("types do not depend on how the C code was built", allow_module_level=True)

SAMPLE = Path(__file__).with_name("sample.py")
PACKAGES = Path(heka.__file__).resolve().parent.parent
#: Seconds: mypy reads all of its own stubs, on a machine that may be busy.
PATIENCE = 100


def run(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of mypy outside of the source tree, on the heka under test."""
    env = {**os.environ, "MYPYPATH": str(PACKAGES), "PYTHONPATH": str(PACKAGES)}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_stub_and_module_are_the_same(tmp_path):
    """Every name, argument, default and kind; without a list of exceptions."""
    checked = run(tmp_path, "mypy.stubtest", "heka._core")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues found in 1 module" in checked.stdout


def test_mypy_finds_the_wrong_lines_and_no_others(tmp_path):
    text = SAMPLE.read_text(encoding="utf-8")
    expected = {
        (number, code)
        for number, line in enumerate(text.splitlines(), 1)
        for code in re.findall(r"# error: ([a-z-]+)$", line)
    }

    checked = run(
        tmp_path,
        *("mypy", "--strict", "--hide-error-context", "--no-error-summary", "--config-file="),
        *("--cache-dir", str(tmp_path / "cache"), str(SAMPLE)),
    )

    found = {
        (int(number), code)
        for number, code in re.findall(r":(\d+): error: .*\[([a-z-]+)\]$", checked.stdout, re.M)
    }
    assert found == expected, checked.stdout + checked.stderr
    assert len(expected) > 20


def test_what_the_type_checker_takes_runs():
    runpy.run_path(str(SAMPLE))["right"]()


def test_the_package_says_that_it_has_types():
    assert (PACKAGES / "heka" / "py.typed").is_file()
    assert (PACKAGES / "heka" / "_core.pyi").is_file()
