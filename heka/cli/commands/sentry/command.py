"""``python -m heka sentry``: show events of the raven plugin, or post them to a Sentry server."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from heka._display.escape import counted, visible
from heka._display.style import style_for
from heka._secrets import masked
from heka.cli.commands.sentry.events import read_events
from heka.cli.commands.sentry.traceback import render_event
from heka.cli.errors import CommandError
from heka.cli.show.terminal import prepare_stdout
from heka.exceptions import ConfigError
from heka.plugins.raven.dsn import DSN

_EPILOG: Final = """\
input:
  FILE, or standard input, in one of these formats:
  - a stream of frames, for instance a file written by FileStream
  - JSON lines, as 'python -m heka listen --json' prints them
  - one payload of a message, or one event as JSON, per line
  Each event is processed as soon as it has been read.

examples:
  python -m heka listen --json | python -m heka sentry show
  export SENTRY_DSN=https://key@sentry.example/2
  python -m heka listen --json | python -m heka sentry forward
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two actions and their options."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    show = actions.add_parser("show", help="print each event as a traceback with variables")
    forward = actions.add_parser("forward", help="post each event to a Sentry server")
    for action in (show, forward):
        action.add_argument("file", metavar="FILE", nargs="?", default="-", help="default: stdin")
        action.add_argument(
            "--type", default="sentry", help="read messages of this type only (default sentry)"
        )
    forward.add_argument(
        "--dsn",
        metavar="URL",
        help="http(s)://key@host/project; other users can read command lines: prefer $SENTRY_DSN",
    )
    forward.add_argument(
        "--api",
        choices=("auto", "store", "envelope"),
        default="auto",
        help="auto (default): envelope for events in the current format, store for older ones",
    )
    forward.add_argument(
        "--ca",
        metavar="FILE",
        help="PEM file of the CAs to trust over https (default: those of the system)",
    )
    forward.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_positive(float),
        default=10.0,
        help="limit of one attempt (default 10)",
    )
    forward.add_argument(
        "--attempts",
        metavar="N",
        type=_positive(int),
        default=5,
        help="attempts for each event (default 5)",
    )


def run(args: argparse.Namespace) -> int:
    """Show or post the events; return 1 when input was not an event, or an event was lost."""
    with _opened(args.file) as stream:
        return _show(stream, args) if args.action == "show" else _forward(stream, args)


def _show(stream: BinaryIO, args: argparse.Namespace) -> int:
    out = prepare_stdout()
    style = style_for(out)
    failed = False
    first = True
    for found in read_events(stream, args.type):
        if found.event is None:
            failed = True
            _say(found.problem)
            continue
        out.write(("" if first else "\n") + render_event(found.event, style))
        out.flush()
        first = False
    return int(failed)


def _forward(stream: BinaryIO, args: argparse.Namespace) -> int:
    from heka.cli.commands.sentry.post import Endpoint  # importing http and ssl is slow

    dsn = _dsn(args.dsn or os.environ.get("SENTRY_DSN"))
    given = {"api": args.api, "timeout": args.timeout, "attempts": args.attempts}
    try:
        endpoint = Endpoint(dsn, ca=args.ca, say=_say, **given)
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"cannot read CA certificates from {args.ca!r}: {why}") from None
    sent = lost = bad = 0
    try:
        for found in read_events(stream, args.type):
            if found.event is None:
                bad += 1
                _say(found.problem)
                continue
            why = endpoint.post(found.event)
            sent += not why
            lost += bool(why)
            if why:
                _say(f"event {found.event.get('event_id', '?')} is lost: {why}")
    finally:
        _say(f"{counted(sent, 'event')} sent, {lost} lost, {bad} unreadable")
    return int(bool(lost or bad))


def _dsn(text: str | None) -> DSN:
    if not text:
        raise CommandError("expected a DSN to post to: give --dsn URL, or set SENTRY_DSN")
    try:
        dsn = DSN.parse(text)
    except ConfigError as error:
        raise CommandError(str(error)) from None
    if not dsn.text.lower().startswith(("http://", "https://")) or not dsn.public:
        raise CommandError(f"expected a DSN as in https://key@host/project, got {dsn}")
    return dsn


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise CommandError(f"cannot read {name!r}: {error.strerror}") from None
    with file:
        yield file


def _say(text: str) -> None:
    print(f"heka sentry: {visible(masked(text))}", file=sys.stderr, flush=True)


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
        return number

    return convert
