"""``python -m heka top``: rates, names and newest messages of a listener or a file, full screen."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

from heka import matcher
from heka.cli.arguments import argument
from heka.cli.errors import CommandError

_EPILOG: Final = """\
SOCKET is the PATH or the NAME that 'heka listen --control' was given. The
listener sends copies and never waits; copies that are lost are shown. FILE
holds Heka frames, or is a spool; with --follow more is waited for.

keys:
  /  change the expression    p  pause the display    s  sort
  up, down, Enter  show one message whole    ?  help    q  quit

It needs the package textual, which heka-py[cli] installs, and a terminal.

examples:
  heka top shop
  heka top ./shop.sock --match "Severity <= 3"
  heka top app.heka --follow
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``top``."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "source", metavar="SOCKET|FILE", help="control socket of a listener, or a file of frames"
    )
    parser.add_argument(
        "--match",
        metavar="E",
        type=argument(matcher.compile),
        help='count messages that match this expression, for instance "Severity <= 3"',
    )
    parser.add_argument("--follow", action="store_true", help="wait for more of a FILE")


def run(args: argparse.Namespace) -> int:
    """Show the screen until ``q``; return the exit code.

    Raises:
        CommandError: textual or a terminal is missing, or there is no such socket.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise CommandError("the full screen needs a terminal; use 'heka tap' or 'heka cat' instead")
    try:
        from heka.cli.commands.top.screen import Top
    except ImportError as exc:
        raise CommandError(
            "the package textual is not installed; run: pip install 'heka-py[cli]'"
        ) from exc
    from heka.cli.commands.top.model import Model
    from heka.cli.commands.top.source import Source

    model = Model()
    source = Source(model, args.source, args.match, follow=args.follow)
    source.start()
    try:
        Top(model, source).run()
    finally:
        source.close()
    return 0
