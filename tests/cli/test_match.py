"""``heka match``: expressions are checked and explained, with and without messages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.support import KEY, environment, pack, signer

from heka.cli import main

FRAMES = [pack("step", fields={"n": n}, payload="x" * n) for n in range(6)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with six messages, n from 0 to 5."""
    path = tmp_path / "steps.heka"
    path.write_bytes(b"".join(FRAMES))
    return path


@pytest.fixture
def match(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run ``match ARGS`` in this process; return its exit code, output and errors."""

    def runner(*args: str | Path) -> tuple[int, str, str]:
        code = main(["match", *map(str, args)])
        out, err = capfd.readouterr()
        return code, out, err

    return runner


# ---- the expression ------------------------------------------------------------------------------


def test_parts_are_shown_with_column_and_cost(match):
    code, out, err = match("Type == 'é' && (Logger =~ /^a|b$/ || Payload !~ /a+b/)")

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "column 1    Type == 'é'        compares",
        "column 17   Logger =~ /^a|b$/  compares",
        "column 38   Payload !~ /a+b/   needs a regular expression engine",
    ]


@pytest.mark.parametrize(
    ("expression", "column", "reason"),
    [
        pytest.param("Typ == 'a'", 1, "did you mean 'Type'?", id="name"),
        pytest.param("Type == 'a' &&", 15, "expected", id="end"),
        pytest.param("Payload =~ /a(?=b)/", 14, "(?P<name>..)", id="regex"),
        pytest.param("Payload =~ /" + "(" * 9999 + "/", 213, "at most 200 groups", id="deep"),
    ],
)
def test_a_mistake_has_its_column_and_ends_with_2(match, expression, column, reason):
    code, out, err = match(expression)

    assert (code, out) == (2, "")
    assert err.startswith("heka match: ")
    assert f"column {column}" in err
    assert reason in err
    if len(expression) < 40:
        assert err.splitlines()[1:] == [f"  {expression}", " " * (column + 1) + "^"]
    assert len(err) < 500


def test_extensions_need_their_dialect(match):
    assert match("Fields[n] > -1")[0] == 2
    assert match("Fields[n] > -1", "--dialect", "heka2")[0] == 0


def test_nothing_harmful_reaches_the_terminal(match):
    code, out, err = match("Type == '\x1b[2J\u202e'")
    wrong = match("Type == '\x1b[2J")

    assert (code, err) == (0, "")
    assert "\x1b" not in out + wrong[2]
    assert "\u202e" not in out
    assert wrong[0] == 2


# ---- with messages -------------------------------------------------------------------------------


def test_messages_are_explained_and_counted(match, file):
    code, out, err = match("Type == 'step' && Fields[n] > 3", file, "--limit", "5")

    assert (code, err) == (0, "")
    assert out.count("  no match\n    true   Type == 'step'\n    false  Fields[n] > 3\n") == 4
    assert out.count("  matches\n    true   Type == 'step'\n    true   Fields[n] > 3\n") == 1
    assert out.endswith("\n2 of 6 messages matched\n")


def test_no_message_matches(match, file):
    code, out, err = match("Fields[n] > 5", file, "--limit", "0")

    assert (code, out, err) == (1, "0 of 6 messages matched\n", "")


def test_quiet_prints_nothing(match, file):
    assert match("-q", "Fields[n] == 5", file) == (0, "", "")
    assert match("-q", "Fields[n] == 6", file) == (1, "", "")
    assert match("--quiet", "TRUE") == (0, "", "")


def test_a_file_that_cannot_be_read_is_an_error(match, tmp_path):
    code, out, err = match("TRUE", tmp_path / "missing.heka")

    assert code == 2
    assert out == "0 of 0 messages matched\n"
    assert err.startswith("heka match: ")
    assert "missing.heka" in err


def test_what_is_no_frame_is_counted(match, file):
    file.write_bytes(b"rotten" + file.read_bytes()[:-3])

    code, out, err = match("TRUE", file, "--limit", "0")

    assert (code, out) == (0, "5 of 5 messages matched\n")
    assert "in no whole frame" in err


def test_limits_are_told(match, tmp_path):
    path = tmp_path / "a.heka"
    path.write_bytes(pack("t", payload="a" * 5000))

    code, out, _ = match("Payload !~ /(a|aa)+[0-9]/", path, "--limit", "0")

    assert code == 1
    assert "1 search of Payload !~ /(a|aa)+[0-9]/ reached a limit" in out


def test_the_signer_is_known_with_a_key(match, tmp_path):
    path = tmp_path / "signed.heka"
    path.write_bytes(pack("t", signer=signer()))
    expression = f"Signer == '{signer().name}'"

    assert match(expression, path, "--dialect", "heka2", "-q")[0] == 1
    assert match(expression, path, "--dialect", "heka2", "-q", "--key", f"ops:1:{KEY}")[0] == 0
    with pytest.raises(SystemExit, match="2"):
        match(expression, path, "--key", "nonsense")


def test_standard_input_in_a_pipe(tmp_path):
    """As a process: frames of a pipe, and an exit code for the shell."""
    command = [sys.executable, "-m", "heka", "match", "Fields[n] == 2", "-", "--limit", "0"]

    result = subprocess.run(
        command,
        input=b"".join(FRAMES),
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == b"1 of 6 messages matched\n"
