"""``heka completion``: the script of bash, run by bash."""

from __future__ import annotations

import subprocess
import sys

import pytest

from heka import cli

ASK = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_heka
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "heka"
    with path.open("w") as out:
        subprocess.run([sys.executable, "-m", "heka", "completion", "bash"], stdout=out, check=True)
    return path


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["lis"], ["listen"]),
        (["s"], ["send", "sentry", "spool"]),
        (["cat", "--fo"], ["--format", "--follow"]),
        (["cat", "--format", ""], ["text", "json", "csv", "heka"]),
        (["spool", "re"], ["replay"]),
        (["cat", "mess"], ["messages.heka"]),
        (["listen", "--key-file", "mess"], ["messages.heka"]),
    ],
)
def test_bash_completes(script, tmp_path, words, answer):
    (tmp_path / "messages.heka").touch()

    done = subprocess.run(
        ["bash", "--norc", "-c", ASK, "bash", script, "heka", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (answer, "")


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_the_other_shells_have_a_script(shell, capsys):
    assert cli.main(["completion", shell]) == 0

    assert "listen" in capsys.readouterr().out


def test_without_shtab_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)

    assert cli.main(["completion", "bash"]) == 1
    assert capsys.readouterr().err.endswith(
        "the package shtab is not installed; run: pip install 'heka-py[cli]'\n"
    )
