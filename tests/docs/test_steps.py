"""The tutorial and other pages with files, followed from the first line to the last.

Their files are written, their commands run, and what they say the live view shows has to appear
there. By default the commands that install are skipped: the programs are those of the test. With
HEKA_TUTORIAL=fresh those of the tutorial run, too, in a new environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.support import PATIENCE
from docs.pages import DOCS, ROOT, name_of
from docs.shell import FILE, RUN, Command, Session, followed, prints, programs

FRESH = os.environ.get("HEKA_TUTORIAL") == "fresh"
PAGES = [DOCS / "tutorial.md"] if FRESH else followed()

_STEP = re.compile(
    rf"{FILE}"
    r"|^```console\n(?P<console>.*?)^```$"
    r"|^```text\n(?P<text>.*?)^```$"
    r"|^% stop (?P<stop>[^\n]*)$",
    re.MULTILINE | re.DOTALL,
)


def steps(page: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, the named groups of _STEP that matched) of each step of *page*."""
    text = page.read_text(encoding="utf-8")
    for found in _STEP.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield line, {name: part for name, part in found.groupdict().items() if part}


def write(folder: Path, caption: str, code: str) -> None:
    """Write a file, or replace one line of it."""
    name, _, place = caption.partition(", line ")
    if place:
        lines = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if line.startswith("heka.configure("))
        assert at == int(place) - 1
        code = "".join([*lines[:at], code, *lines[at + 1 :]])
    (folder / name).write_text(code, encoding="utf-8")


def wait_until_shown(session: Session, text: str, line: int) -> None:
    """Wait until ``heka listen`` has printed *text*."""
    (output,) = [out for command, _, _, out in session.background if "heka listen" in command.text]
    deadline = time.monotonic() + PATIENCE
    while not prints(f"...{text}...", b"".join(output).decode()):
        shown = b"".join(output).decode()
        assert time.monotonic() < deadline, f"line {line}: {text}\nis not in\n{shown}"
        time.sleep(0.05)


def check_out(folder: Path) -> None:
    """Put a checkout of the last commit into *folder*: building in ROOT would disturb its build."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


@pytest.mark.slow
@pytest.mark.timeout(600 if FRESH else 240)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the pages send requests with curl")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_can_be_followed(page, tmp_path):
    """Step by step, in the order of the page."""
    session = Session(tmp_path)
    work = tmp_path / "work"
    if FRESH:
        session.patience *= 8  # pip builds
        shutil.rmtree(tmp_path / "bin")
        check_out(tmp_path / "heka-py")
        session.variables.pop("PYTHONPATH")
        session.variables["PATH"] = f"{work}/venv/bin:{os.environ['PATH']}"
    allowed = RUN | ({"python3", "pip"} if FRESH else set())
    try:
        for line, step in steps(page):
            if "stop" in step:
                session.close(step["stop"], compare=False)
            elif "text" in step:
                wait_until_shown(session, step["text"].rstrip("\n"), line)
            elif "code" in step:
                write(work, step["caption"], session.here(step["code"]))
            else:
                for found in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", step["console"], re.M):
                    if programs(found[1]) <= allowed:
                        session.run(Command(found[1], line, found[2].strip()))
    finally:
        session.close(compare=False)
