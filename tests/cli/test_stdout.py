"""Standard output that takes nothing, full or closed, ends a command with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.support import PATIENCE, environment, pack

from heka.cli.show.filing import FileError, MessageFile

COMMANDS = [
    pytest.param(["cat", "one.heka"], 1, id="cat"),
    pytest.param(["cat", "one.heka", "--format", "json"], 1, id="cat-json"),
    pytest.param(["cat", "one.heka", "--format", "heka"], 1, id="cat-heka"),
    pytest.param(["cat", "one.heka", "--stats"], 1, id="cat-stats"),
    pytest.param(["match", "TRUE", "one.heka"], 2, id="match"),
    pytest.param(["match", "TRUE"], 2, id="match-explains"),
]


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        pytest.param(">/dev/full", "No space left on device", id="full"),
        pytest.param(">&-", "it is closed", id="closed"),
    ],
)
@pytest.mark.parametrize(("command", "code"), COMMANDS)
def test_output_that_takes_nothing(command, code, redirection, reason, tmp_path: Path):
    """The exit code is that of a failure, which is 2 for ``match``: 1 says that nothing matched."""
    (tmp_path / "one.heka").write_bytes(pack("t"))

    result = subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-m", "heka", *command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )

    expected = f"python -m heka {command[0]}: cannot write to standard output: {reason}\n"
    assert (result.returncode, result.stderr) == (code, expected)


def test_match_without_output_needs_none(tmp_path: Path):
    """``--quiet`` works with a closed standard output."""
    (tmp_path / "one.heka").write_bytes(pack("t"))
    command = [sys.executable, "-m", "heka", "match", "-q", "TRUE", "one.heka"]

    result = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command],
        capture_output=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, b"")


def test_an_output_that_nobody_reads_is_an_error(tmp_path: Path):
    """``listen --output`` does not wait for the reader of a FIFO."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    with pytest.raises(FileError, match=r"cannot open .*fifo.*: No such device or address"):
        MessageFile(str(path), "heka", rotate=None, checked=False)
