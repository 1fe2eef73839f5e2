"""``python -m heka demo`` and the parser around it."""

from __future__ import annotations

import argparse
import subprocess
import sys

from cli.support import SGR, environment

from heka.cli.commands import demo


def test_demo_shows_typed_nested_signed_and_refused(start):
    run = start("demo")

    assert run.ended() == 0, run.out
    for text in (
        "size       = 12 KiB",
        "ad_ids     = 1, 2, 3",
        "request.user.id     = 42",
        "signed by ops v1 · tcp 127.0.0.1:",
        "unsigned · udp 127.0.0.1:",
        r"\x1b[2J\x1b[H",
        "  │ ValueError: card expired",
        "refused 1 frame (bad digest) from tcp 127.0.0.1:",
        "All 6 messages arrived as they were sent, and the forged one was refused.",
        "1 refused (bad digest), 0 bytes discarded",
    ):
        assert text in run.out
    assert "Nobody may ever see this" not in run.out
    assert "\x1b" not in run.out
    assert run.err == ""


def test_demo_sends_from_another_process(start):
    run = start("demo")

    assert run.ended() == 0
    assert f"pid {run.process.pid}" not in run.out
    assert " · pid " in run.out


def test_demo_in_colour_says_the_same(start):
    run = start("demo", env=environment(FORCE_COLOR="1"))

    assert run.ended() == 0
    assert "\x1b[32msigned by ops v1\x1b[0m" in run.out
    assert "  signed by ops v1 · tcp 127.0.0.1:" in SGR.sub("", run.out)


def test_demo_finds_its_own_package_from_anywhere(start, tmp_path):
    """The sending process does not import a heka from the caller's directory."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "heka.py").write_text("raise SystemExit('the wrong heka')\n")
    code = (
        "import os, sys; os.chdir('elsewhere'); from heka.cli import main; sys.exit(main(['demo']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", f"import heka; {code}"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_demo_says_what_is_missing(monkeypatch, capsys):
    def mute(ports):
        code = "import sys; sys.exit('could not\\x1b send')"
        return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)

    monkeypatch.setattr(demo, "_start_sender", mute)

    assert demo.run(argparse.Namespace()) == 1
    out = capsys.readouterr().out
    assert r"demo: the sending process ended with 1: could not\x1b send" in out
    assert "demo: demo.hello did not arrive\n" in out
    assert "demo: demo.forged was not refused as bad digest\n" in out
    assert "arrived as they were sent" not in out
