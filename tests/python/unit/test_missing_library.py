"""A shared library of the extension that cannot be loaded: which, and the package to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import heka
import heka._core
from heka._missing import PACKAGES, explanation

ROOT = str(Path(heka.__file__).parent.parent)


def needed(library: str) -> str:
    """Return the name of the file that the extension needs of *library*, as libuuid.so.1."""
    done = subprocess.run(["ldd", heka._core.__file__], capture_output=True, text=True, check=False)
    found = [line.split()[0] for line in done.stdout.splitlines() if f"{library}.so" in line]
    if not found:
        pytest.skip(f"this extension contains {library}, as wheels do")
    return found[0]


@pytest.mark.parametrize("library", PACKAGES)
def test_a_library_that_cannot_be_loaded_is_named_with_its_package(library, tmp_path):
    """A broken file stands for a missing one: the loader looks no further."""
    name = needed(library)
    (tmp_path / name).write_text("no library\n")
    code = (
        "try: import heka\n"
        "except ImportError as error: print(error); print(error.name); print(repr(error.__cause__))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=True,
    )

    text, module, cause = done.stdout.splitlines()
    assert text.startswith(
        f"heka cannot load the shared library {name}: install the Debian package"
    )
    assert PACKAGES[library] in text
    assert module == "heka._core"
    assert cause.startswith("ImportError(")
    assert name in cause


@pytest.mark.parametrize(
    ("problem", "file"),
    [
        pytest.param(
            "libuuid.so.1: cannot open shared object file: No such file or directory",
            "libuuid.so.1",
            id="glibc",
        ),
        pytest.param(
            "Error loading shared library libcrypto.so.3: No such file or directory (needed by x)",
            "libcrypto.so.3",
            id="musl",
        ),
        pytest.param("/lib/libprotobuf-c.so.1: file too short", "libprotobuf-c.so.1", id="path"),
    ],
)
def test_each_loader_is_understood(problem, file):
    text = explanation(problem)

    assert f"library {file}: install" in text
    assert text.endswith(problem)


@pytest.mark.parametrize(
    "problem",
    ["No module named 'heka._core'", "/opt/libuuid/heka/_core.so: undefined symbol: x", ""],
)
def test_other_problems_are_not_explained(problem):
    """They are raised as they are."""
    assert explanation(problem) == ""
