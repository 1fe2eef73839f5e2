"""The command line: the parser, the table of commands, and the exit codes.

A command is a module of ``heka.cli.commands`` with ``add_arguments`` and ``run``; only the one that
is used is imported. To add one, write the module and add it to ``COMMANDS`` and ``command_of``.
Modules that commands share:

    keys          signing keys of the caller       show.terminal   colour, output, signals
    errors        the errors that end a command    show.account    a receiver's counters as text
    show.render   a message -> a block of text     show.jsonlines  a message -> a JSON line
    show.printer  both, as messages arrive         show.escape     escapes text from outside
    show.values   values of fields as text         show.meter      live display of a run's rate
"""

from __future__ import annotations

import argparse
import os
import sys

import heka

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from typing import Any, Final, Protocol, TypedDict

    class Command(Protocol):
        """The interface of a command module."""

        def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
            """Add the command's arguments to *parser*."""

        def run(self, args: argparse.Namespace, /) -> int:
            """Run the command; return the exit code, or raise ``CommandError``."""

    class Described(TypedDict):
        """Arguments of a command's parser."""

        description: str
        formatter_class: type[argparse.HelpFormatter]


EXIT_USAGE: Final = 2
#: Characters of an argument that an error text quotes.
_SHOWN_MAX: Final = 80

#: One line for each command, without a capital and a full stop.
COMMANDS: Final[dict[str, str]] = {
    "agent": "take in messages and statistics, and forward them",
    "bench": "send messages as fast as possible, and print the rate",
    "cat": "show the messages in files, on standard input and in spools",
    "completion": "print the script with which a shell completes the command line",
    "demo": "send messages from one process to another, and show them",
    "doctor": "find out why nothing arrives at a destination",
    "grater": "aggregate what agents forward, and give it to stores",
    "listen": "receive messages and show them, until Ctrl-C",
    "match": "check a matcher expression, explain it, and try it on messages",
    "queue": "list, show, check, skip and send what waits in queues on disk",
    "send": "send one message, or those of JSON lines",
    "sentry": "show exceptions of the raven plugin, or post them to Sentry",
    "spool": "inspect queues on disk, and send what ended processes have left",
    "tap": "show copies of what a listener receives, without slowing it",
    "top": "show rates, names and newest messages of a listener or a file, full screen",
}


def command_of(name: str) -> Command:
    """Import and return the module of the command *name*."""
    match name:
        case "agent":
            from heka.cli.commands import agent

            return agent
        case "bench":
            from heka.cli.commands import bench

            return bench
        case "cat":
            from heka.cli.commands import cat

            return cat
        case "completion":
            from heka.cli.commands import completion

            return completion
        case "demo":
            from heka.cli.commands import demo

            return demo
        case "doctor":
            from heka.cli.commands import doctor

            return doctor
        case "grater":
            from heka.cli.commands import grater

            return grater
        case "listen":
            from heka.cli.commands import listen

            return listen
        case "match":
            from heka.cli.commands import match

            return match
        case "queue":
            from heka.cli.commands import queue

            return queue
        case "send":
            from heka.cli.commands import send

            return send
        case "sentry":
            from heka.cli.commands import sentry

            return sentry
        case "tap":
            from heka.cli.commands import tap

            return tap
        case "top":
            from heka.cli.commands import top

            return top
        case "spool":
            from heka.cli.commands import spool

            return spool
    raise ValueError(f"there is no command {name!r}")


def program() -> str:
    """Return how this run was started: ``heka`` or ``python -m heka``."""
    return "heka" if os.path.basename(sys.argv[0]) == "heka" else "python -m heka"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (default: ``sys.argv[1:]``) and return its exit code.

    0: success. 1: failure, with one sentence on stderr. 2: wrong usage (argparse exits by itself).
    When the reader of standard output closes it, as ``head`` does, every command ends with 0 and
    writes no error.
    """
    argv = sys.argv[1:] if argv is None else argv
    # Options before the command take no values, so this is what argparse takes for the command.
    used = next((argument for argument in argv if not argument.startswith("-")), "")
    parser = build_parser([used])
    if used and used not in COMMANDS:
        parser.error(f"there is no command {_cut(used)!r}{_hint(used, COMMANDS)}")
    args, extra = parser.parse_known_args(argv)
    if extra:
        known = _options_of(parser, args.command)
        given = extra[0].partition("=")[0]
        parser.error(f"unrecognized arguments: {_cut(' '.join(extra))}{_hint(given, known)}")
    if args.command is None:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    return _run(args.command, args, f"{parser.prog} {args.command}")


def _hint(given: str, known: Iterable[str]) -> str:
    """Return which of *known* is nearest to *given*, or all of them."""
    names = {name.lstrip("-"): name for name in known}  # equal dashes are no likeness
    meant = heka._core.nearest(given.lstrip("-"), list(names))
    if meant:
        return f"; did you mean {names[meant]!r}?"
    return f"; known are {', '.join(names.values())}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _options_of(parser: argparse.ArgumentParser, command: str | None) -> list[str]:
    """Return the options of *command*, or those before a command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and command in action.choices:
            parser = action.choices[command]
    return list(parser._option_string_actions)


def mb(argv: Sequence[str] | None = None) -> int:
    """Run ``bench`` under its name in metlog."""
    parser = argparse.ArgumentParser(prog="mb", **_described("bench"))
    command_of("bench").add_arguments(parser)
    return _run("bench", parser.parse_args(argv), parser.prog)


def _run(name: str, args: argparse.Namespace, prefix: str) -> int:
    from heka.cli.running import execute

    return execute(command_of(name).run, args, prefix)


def build_parser(used: Container[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser with every command; those in *used* also have their arguments."""
    parser = argparse.ArgumentParser(
        prog=program(),
        description="Receive, show and send Heka messages.",
        epilog=f"Run '{program()} COMMAND --help' for the options of a command.",
        formatter_class=_Formatter,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show program's version number and exit"
    )
    parser.set_defaults(build_parser=build_parser)  # `completion` asks for all commands
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        below = commands.add_parser(name, help=summary, **_described(name))
        if name in used:
            command_of(name).add_arguments(below)
    return parser


def _described(name: str) -> Described:
    """Return the parser arguments that describe the command *name*."""
    summary = COMMANDS[name]
    return {
        "description": summary[0].upper() + summary[1:] + ".",
        "formatter_class": _RawFormatter,
    }


class _Formatter(argparse.HelpFormatter):
    """The default formatter, which imports ``shutil`` to find the width of the terminal."""

    def __init__(self, prog: str, **options: Any) -> None:
        options.setdefault("width", _columns() - 2)
        super().__init__(prog, **options)


class _RawFormatter(_Formatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of descriptions and epilogs."""


def _columns() -> int:
    """Return the columns of the terminal, as ``shutil.get_terminal_size()`` does."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    stdout = sys.__stdout__
    if stdout is None:  # the program was started without one
        return 80
    try:
        return os.get_terminal_size(stdout.fileno()).columns or 80
    except (AttributeError, ValueError, OSError):
        return 80


class _Version(argparse.Action):
    """Print the version, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> None:
        parser._print_message(f"{version()}\n", sys.stdout)
        parser.exit()


def version() -> str:
    """Return the version as text: ``heka-py 2.0.0 (CPython 3.12.1)``."""
    import platform

    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"heka-py {heka.__version__} ({python})"
