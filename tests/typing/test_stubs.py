"""The stub matches the extension, and mypy accepts correct uses and refuses wrong ones."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import get_type_hints

import pytest

import heka
from heka.client import HekaClient
from heka.streams import NullStream

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
    sample = runpy.run_path(str(SAMPLE))

    sample["right"]()
    sample["right_fields"]()
    sample["right_decorators"]()
    assert sample["convertible"]()


def test_the_types_of_accounts_have_their_keys():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        account = HekaClient(NullStream(), "app").stats()

    assert set(account) == set(get_type_hints(heka.Stats))
    assert set(heka.stats()) == set(get_type_hints(heka.ProcessStats))


def test_types_are_imported_when_they_are_used():
    """Not with heka, where no call needs them."""
    code = "import sys, heka; heka.log; assert 'heka._typing' not in sys.modules; heka.FieldValue"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_pyright_finds_the_wrong_lines_and_no_others(tmp_path):
    """Its codes differ from those of mypy."""
    if shutil.which("basedpyright", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("basedpyright is not installed")
    text = SAMPLE.read_text(encoding="utf-8").splitlines()
    settings = {"extraPaths": [str(PACKAGES)], "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    shutil.copy(SAMPLE, tmp_path)
    wrong = {number for number, line in enumerate(text, 1) if re.search("# error: [a-z-]+$", line)}

    pyright = Path(sys.executable).parent / "basedpyright"
    checked = subprocess.run(
        [pyright, "--level", "error", "--outputjson", "--pythonpath", sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )

    found = {
        each["range"]["start"]["line"] + 1
        for each in json.loads(checked.stdout)["generalDiagnostics"]
        if each["severity"] == "error"
    }
    assert found == wrong, checked.stdout


def test_the_package_says_that_it_has_types():
    assert (PACKAGES / "heka" / "py.typed").is_file()
    assert (PACKAGES / "heka" / "_core.pyi").is_file()
