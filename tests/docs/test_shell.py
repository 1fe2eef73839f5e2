"""The commands in the documentation run, and print what the page says.

The commands of one page share a folder and their exported variables. Commands for programs that are
not in RUN change the machine, or need what a test does not have: only their syntax is checked.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from docs.pages import ROOT, name_of, pages_with
from docs.shell import RUN, Session, commands, followed, programs

import heka
from heka.streams import QueuedStream

#: Without those that test_steps.py follows.
PAGES = [page for page in pages_with("sh", "console") if page not in followed()]
_FRAMES = 300  # in the spool that a page inspects


@pytest.fixture
def session(tmp_path):
    """A session in a folder of its own."""
    session = Session(tmp_path)
    yield session
    session.close(compare=False)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_print_what_the_page_says(page, session, tmp_path):
    """Every command is valid for bash; those that can run here do."""
    for command in commands(page):
        valid = subprocess.run(["bash", "-n", "-c", command.text], capture_output=True, text=True)
        assert valid.returncode == 0, f"line {command.line}: {valid.stderr}"
        if not programs(command.text) <= RUN:
            continue
        if "/var/spool/shop" in command.text and not (tmp_path / "spool").exists():
            leave_messages(tmp_path / "spool")
        session.run(command)
    session.close(compare=True)


def leave_messages(spool: Path) -> None:
    """Make a queue on disk with messages that an ended process has left."""
    stream = QueuedStream("tcp://127.0.0.1:1", spool=spool)
    frame = heka.pack(
        "shop.order", payload="order accepted", pid=1, hostname="web-3", uuid=bytes(16)
    )
    for _ in range(_FRAMES):
        stream.write(frame)
    stream.close(0.1)


def test_make_targets_exist():
    """Every ``make`` that a page names."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    named = {
        word
        for page in pages_with("sh", "console")
        for command in commands(page)
        if programs(command.text) == {"make"} and " -C " not in command.text
        for word in shlex.split(command.text, comments=True)[1:]
        if "=" not in word
    }

    assert named
    assert named <= targets
