"""The parser and the table of commands."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli.support import environment

import heka
from heka import cli


def test_version(start):
    run = start("--version")

    assert run.ended() == 0
    assert run.out.startswith("heka-py ")


def test_no_command_is_help_on_stderr(start):
    run = start()

    assert run.ended() == 2
    assert "demo" in run.err
    assert "listen" in run.err


def test_every_command_explains_itself(capsys):
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as end:
            cli.main([name, "--help"])
        assert end.value.code == 0
        assert f"usage: python -m heka {name}" in capsys.readouterr().out


def test_help_recommends_a_key_file(start):
    run = start("listen", "--help")

    run.ended()
    assert "prefer --key-file" in run.out


def test_importing_the_command_line_starts_nothing():
    """It opens no socket, sets no signal handler, and imports only the standard library.

    The parser with the arguments of all commands imports their modules.
    """
    code = (
        "import sys, heka.cli\n"
        "heka.cli.build_parser()\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)\n"
        "             - {'heka', '__main__'}))"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=environment(),
        cwd=os.path.dirname(os.path.dirname(heka.__file__)),
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "[]\n"


def test_a_transport_without_an_address_takes_the_default():
    args = cli.build_parser().parse_args(["listen", "--udp", "--tcp", "[::1]:9"])

    assert args.udp == [("127.0.0.1", heka.DEFAULT_PORT)]
    assert args.tcp == [("::1", 9)]
    assert args.unix is None


def test_an_interrupt_is_an_exit_code(monkeypatch):
    def run(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.command_of("demo"), "run", run)

    assert cli.main(["demo"]) == 130
