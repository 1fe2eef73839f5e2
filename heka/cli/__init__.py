"""The command line: the parser, the table of commands, and the exit codes.

A command is a module of ``heka.cli.commands`` with ``SUMMARY``, ``add_arguments`` and ``run``. To
add one, write the module and add it to ``COMMANDS``. Modules that commands share:

    keys          signing keys of the caller       show.terminal   colour, output, signals
    errors        the errors that end a command    show.account    a receiver's counters as text
    show.render   a message -> a block of text     show.jsonlines  a message -> a JSON line
    show.printer  both, as messages arrive         show.escape     escapes text from outside
    show.values   values of fields as text         show.meter      live display of a run's rate
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import Final, Protocol, TypedDict

import heka
from heka._secrets import masked
from heka.cli.commands import bench, demo, listen, sentry, spool
from heka.cli.errors import CommandError
from heka.cli.show.terminal import discard_stdout

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count


class Command(Protocol):
    """The interface of a command module."""

    @property
    def SUMMARY(self) -> str:
        """One line for the list of commands, without a capital and a full stop."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Add the command's arguments to *parser*."""

    def run(self, args: argparse.Namespace, /) -> int:
        """Run the command; return the exit code, or raise ``CommandError`` with one sentence."""


class _Described(TypedDict):
    """Arguments of a command's parser."""

    description: str
    formatter_class: type[argparse.RawDescriptionHelpFormatter]


COMMANDS: Final[dict[str, Command]] = {
    "bench": bench,
    "demo": demo,
    "listen": listen,
    "sentry": sentry,
    "spool": spool,
}


def program() -> str:
    """Return how this run was started: ``heka`` or ``python -m heka``."""
    return "heka" if os.path.basename(sys.argv[0]) == "heka" else "python -m heka"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (default: ``sys.argv[1:]``) and return its exit code.

    0: success. 1: failure, with one sentence on stderr. 2: wrong usage (argparse exits by itself).
    When the reader of standard output closes it, as ``head`` does, every command ends with 0 and
    writes no error.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    return _execute(COMMANDS[args.command], args, f"{parser.prog} {args.command}")


def mb(argv: Sequence[str] | None = None) -> int:
    """Run ``bench`` under its name in metlog."""
    parser = argparse.ArgumentParser(prog="mb", **_described(bench))
    bench.add_arguments(parser)
    return _execute(bench, parser.parse_args(argv), parser.prog)


def _execute(command: Command, args: argparse.Namespace, name: str) -> int:
    """Run *command* and return its exit code; *name* starts its error line on stderr."""
    try:
        code = command.run(args)
        sys.stdout.flush()
        return code
    except CommandError as exc:
        print(masked(f"{name}: {exc}"), file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        discard_stdout()
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command."""
    parser = argparse.ArgumentParser(
        prog=program(),
        description="Receive, show and send Heka messages.",
        epilog=f"Run '{program()} COMMAND --help' for the options of a command.",
    )
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        command.add_arguments(
            commands.add_parser(name, help=command.SUMMARY, **_described(command))
        )
    return parser


def _described(command: Command) -> _Described:
    """Return the parser arguments that describe *command*."""
    return {
        "description": command.SUMMARY[0].upper() + command.SUMMARY[1:] + ".",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def version() -> str:
    """Return the version as text: ``heka-py 2.0.0 (CPython 3.12.1)``."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"heka-py {heka.__version__} ({python})"
