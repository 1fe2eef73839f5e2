"""Arguments that several commands have, and converters whose error texts argparse shows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Final, TypeVar

from heka._display.style import style_for
from heka._receiving.receiver import MESSAGE_LIMIT
from heka.cli.errors import CommandError
from heka.cli.keys import parse_key
from heka.cli.show.dump import Csv, Frames, JsonLines, Text, Writer
from heka.cli.show.terminal import prepare_stdout
from heka.message import MESSAGE_MAX

_T = TypeVar("_T")
_NAMES_MAX: Final = 256  # of --fields


def argument(convert: Callable[[str], _T]) -> Callable[[str], _T]:
    """Return *convert* for argparse, which shows the text of an ArgumentTypeError only."""

    def converted(text: str) -> _T:
        try:
            return convert(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None

    return converted


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--key-file`` and ``--key``; ``heka.cli.keys.collect_keys`` reads them."""
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        action="append",
        default=[],
        help="verify signatures with the keys in FILE; repeatable",
    )
    parser.add_argument(
        "--key",
        metavar="NAME:VERSION:KEY",
        action="append",
        default=[],
        type=argument(lambda text: parse_key(text.encode("utf-8", "surrogateescape"))),
        help="verify signatures with this key, which other users can see; repeatable",
    )


def add_timeout_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--timeout`` of a command that sends what waits."""
    parser.add_argument(
        "--timeout",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="give up after this time without progress (default 30)",
    )


def add_size_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--max-message``."""
    parser.add_argument(
        "--max-message",
        metavar="BYTES",
        type=argument(_message_size),
        default=MESSAGE_MAX,
        help=f"refuse longer messages (default {MESSAGE_MAX}, at most {MESSAGE_LIMIT})",
    )


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` and ``--fields``; ``writer_of`` reads them."""
    parser.add_argument(
        "--format", choices=("text", "json", "csv", "heka"), default="text", help="default text"
    )
    parser.add_argument(
        "--fields",
        metavar="A,B",
        type=argument(_names),
        help="show these fields only; with --format csv, these attributes and fields are the "
        "columns; not with --format heka",
    )


def writer_of(args: argparse.Namespace, *, checked: bool) -> Writer:
    """Return the writer to standard output that *args* ask for.

    Raises:
        CommandError: Binary data would go to a terminal, or cannot be what is asked for.
    """
    if args.format == "heka":
        if args.fields is not None:
            raise CommandError("--fields needs messages as text; leave out --format heka")
        if sys.stdout.isatty():
            raise CommandError(
                "--format heka writes binary data, not for a terminal; redirect it to a file or "
                "program"
            )
        return Frames(sys.stdout.buffer)
    if args.format == "csv":
        return Csv(sys.stdout.buffer, args.fields, checked=checked)
    if args.format == "json":
        return JsonLines(sys.stdout.buffer, args.fields, checked=checked)
    out = prepare_stdout()
    return Text(out, style_for(out), args.fields, checked=checked)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if len(names) > _NAMES_MAX:
        raise ValueError(f"expected at most {_NAMES_MAX} names, got {len(names):,}")
    return names


def _message_size(text: str) -> int:
    size = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= size <= MESSAGE_LIMIT:
        raise ValueError(f"expected 1 to {MESSAGE_LIMIT} bytes, got {text!r}")
    return size
