"""The command line: one parser, one table of commands, one place that ends a run.

A command is a module of heka.cli.commands with ``SUMMARY``, ``add_arguments`` and ``run``; adding
one means writing the module and naming it in ``COMMANDS``. What commands share:

    keys          signing keys from the caller     show.terminal   colour, output, signals
    errors        the errors that end a command    show.account    a receiver's counts in words
    show.render   a message -> a block of text     show.jsonlines  a message -> a JSON line
    show.printer  both, as messages arrive         show.escape     foreign text -> harmless text
    show.values   values of fields as text         show.meter      a run's rate while it goes on
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import Final, Protocol, TypedDict

import heka
from heka.cli.commands import bench, demo, listen, sentry, spool
from heka.cli.errors import CommandError
from heka.cli.show.terminal import abandon_stdout

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count


class Command(Protocol):
    """What a command module offers."""

    @property
    def SUMMARY(self) -> str:
        """One line for the list of commands."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Declare the command's options on *parser*."""

    def run(self, args: argparse.Namespace, /) -> int:
        """Do it; returns the exit code, or raises ``CommandError`` with one sentence."""


class _Described(TypedDict):
    """Arguments of a parser."""

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
    """How this run was started: ``heka``, or ``python -m heka``."""
    return "heka" if os.path.basename(sys.argv[0]) == "heka" else "python -m heka"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that *argv* names (``sys.argv`` without it) and return its exit code.

    0: done. 1: failed, with one sentence on stderr. 2: called wrongly (argparse exits by itself).
    A reader of standard output that goes away, as ``head`` does, ends any command quietly with 0.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    return _execute(COMMANDS[args.command], args, f"{parser.prog} {args.command}")


def mb(argv: Sequence[str] | None = None) -> int:
    """Run ``bench`` under the name that it has had since metlog."""
    parser = argparse.ArgumentParser(prog="mb", **_described(bench))
    bench.add_arguments(parser)
    return _execute(bench, parser.parse_args(argv), parser.prog)


def _execute(command: Command, args: argparse.Namespace, name: str) -> int:
    """Run *command*; what ends it becomes an exit code, and a sentence that *name* begins."""
    try:
        code = command.run(args)
        sys.stdout.flush()
        return code
    except CommandError as exc:
        print(f"{name}: {exc}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        abandon_stdout()
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(
        prog=program(),
        description="Structured messages over sockets: see them arrive.",
        epilog=f"'{program()} COMMAND --help' explains a command.",
    )
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        command.add_arguments(
            commands.add_parser(name, help=command.SUMMARY, **_described(command))
        )
    return parser


def _described(command: Command) -> _Described:
    """How the parser of *command* explains it."""
    return {
        "description": command.SUMMARY[0].upper() + command.SUMMARY[1:] + ".",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def version() -> str:
    """``heka-py 2.0.0 (CPython 3.12.1)``."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"heka-py {heka.__version__} ({python})"
