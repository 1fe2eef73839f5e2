"""The examples of README.md and docs/ run, and each drawing is what its script draws.

Blocks marked ``python`` of one page run in order and share their names; ``pycon`` blocks are
compared with what they say is printed. What they log goes to a socket of the test, unless they say
where.
"""

from __future__ import annotations

import doctest
import re
import runpy
import socket
import sys
from pathlib import Path

import pytest

import heka

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in DOCS.rglob("*.md") if not page.is_relative_to(DOCS / "_build")),
]


def blocks(page: Path, kind: str) -> list[tuple[int, str]]:
    """Return (line number, text) of each fenced block of *kind*."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in found]


@pytest.fixture(autouse=True)
def receiver(tmp_path, monkeypatch):
    """A socket that takes what examples log without saying where."""
    path = tmp_path / "heka.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        monkeypatch.setenv("HEKA_TO", f"unixgram://{path}")
        monkeypatch.chdir(tmp_path)
        yield sock
        heka.configure(to=None, logger="")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_python_blocks_run(page):
    names = {"__name__": "__main__"}
    for line, text in blocks(page, "python"):
        # Line numbers of a traceback are those of the page.
        exec(compile("\n" * line + text, str(page), "exec"), names)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "pycon")], ids=lambda page: page.name
)
def test_pycon_blocks_print_what_they_say(page):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for line, text in blocks(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), line)
        runner.run(test, out=sys.stdout.write)

    assert runner.failures == 0


def test_readme_example_is_at_most_15_lines():
    ((_, text),) = blocks(ROOT / "README.md", "python")

    assert len(text.splitlines()) <= 15


@pytest.mark.parametrize("name", ["frame", "delivery"])
def test_drawing_is_what_its_script_draws(name):
    script = runpy.run_path(str(ROOT / "docs" / f"draw_{name}.py"))

    assert script["PICTURE"].read_text(encoding="utf-8") == script["svg"]()
