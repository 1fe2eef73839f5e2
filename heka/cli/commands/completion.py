"""``python -m heka completion``: print the script with which a shell completes the command line."""

from __future__ import annotations

import argparse
import importlib
from typing import Any, Final

from heka.cli.errors import CommandError

_EPILOG: Final = """\
The script completes the command 'heka': commands, options, and the names of
files. It needs the package shtab, which heka-py[cli] installs; the script
itself needs nothing.

examples:
  heka completion bash > ~/.local/share/bash-completion/completions/heka
  heka completion zsh > ~/.zfunc/_heka
  heka completion tcsh > ~/.heka.csh   # and 'source ~/.heka.csh' in ~/.tcshrc
"""
_SHELLS: Final = ("bash", "zsh", "tcsh")
#: Words in the name of an argument whose value is the path of a file or directory.
_PATHS: Final = ("FILE", "PATH", "SPOOL", "SOCKET")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``completion``."""
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=_SHELLS, help="the shell")


def run(args: argparse.Namespace) -> int:
    """Print the script for the shell in *args*.

    Raises:
        CommandError: shtab is not installed.
    """
    try:
        shtab = importlib.import_module("shtab")
    except ImportError as exc:
        raise CommandError(
            "the package shtab is not installed; run: pip install 'heka-py[cli]'"
        ) from exc
    parser = args.build_parser()
    parser.prog = "heka"
    _complete_paths(parser, shtab.FILE)
    print(shtab.complete(parser, shell=args.shell))
    return 0


def _complete_paths(parser: argparse.ArgumentParser, how: Any) -> None:
    """Let each argument of *parser* that is a path be completed as *how* says."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_paths(below, how)
        elif any(word in str(action.metavar) for word in _PATHS):
            action.complete = how  # type: ignore[attr-defined]  # what shtab reads
