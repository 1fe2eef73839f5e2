"""``python -m heka cat``: show the messages in files, on standard input and in spools."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from heka import matcher
from heka._display.escape import counted, visible
from heka._display.style import style_for
from heka._receiving.files import STDIN, Files
from heka._receiving.tally import Tally
from heka.cli.arguments import (
    add_key_arguments,
    add_output_arguments,
    add_size_argument,
    argument,
    writer_of,
)
from heka.cli.errors import CommandError
from heka.cli.keys import collect_keys
from heka.cli.show.account import reasons
from heka.cli.show.moments import parse_moment
from heka.cli.show.statistics import Statistics
from heka.cli.show.terminal import prepare_stdout
from heka.framing import Block

_EPILOG: Final = """\
inputs:
  FILE holds Heka frames one behind the other. A directory is a spool (stream
  option spool=PATH), or one queue of it: every frame that is still in its files
  is shown, sent or not. Files are only read; a spool may be in use. Without an
  input, or for -, standard input is read.

formats:
  text   as 'listen' shows messages; text of messages is escaped
  json   one JSON line for each message, see heka.jsonlines
  csv    a line with the names of the columns, and a record for each message
         (RFC 4180). --fields names the columns: attributes, signer, and fields;
         Fields[type] is the field that has the name of an attribute
  heka   the frames as they are, for a file or another program

times (--since, --until):
  2026-03-01T13:02:11Z, 2026-03-01 (local time without a zone), or the time
  before now: 90s, 15m, 2h, 1d

At the end, one line on standard error counts what is no whole frame and what
was refused, if there is any; with --strict the exit code is then 1.

examples:
  heka cat messages.heka --tail 20
  heka cat messages.heka --match "Type == 'login' && Severity <= 3"
  heka cat messages.heka --since 15m --format json | jq .payload
  heka cat messages.heka --format csv --fields time,type,amount > orders.csv
  heka cat /var/spool/heka --stats
  heka cat app.heka --follow
  heka cat a.heka b.heka --until 2026-03-01 --format heka > february.heka
"""
EXIT_LOST: Final = 1
_TAIL_MAX: Final = 1_000_000  # messages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cat``."""
    parser.epilog = _EPILOG
    moment = argument(lambda text: parse_moment(text, time.time_ns()))
    parser.add_argument(
        "inputs", metavar="FILE|-|SPOOL", nargs="*", help="what to read; default standard input"
    )
    parser.add_argument(
        "--match",
        metavar="E",
        type=argument(matcher.compile),
        help='show messages that match this expression, for instance "Severity <= 3"',
    )
    add_output_arguments(parser)
    parser.add_argument(
        "--tail", metavar="N", type=argument(_count), help="show the last N messages only"
    )
    parser.add_argument("--limit", metavar="N", type=argument(_count), help="end after N messages")
    parser.add_argument("--since", metavar="T", type=moment, help="show messages from T on")
    parser.add_argument("--until", metavar="T", type=moment, help="show messages before T")
    parser.add_argument(
        "--follow",
        action="store_true",
        help="wait for more, also when a file is rotated or truncated; Ctrl-C ends it",
    )
    parser.add_argument("--stats", action="store_true", help="show counts instead of messages")
    parser.add_argument(
        "--strict", action="store_true", help="exit code 1 if anything was cut, rotten or refused"
    )
    add_key_arguments(parser)
    add_size_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Show the messages, and return the exit code.

    Raises:
        CommandError: Options contradict each other, or a key cannot be used.
    """
    prepare_stdout()
    _check(args)
    keys, warnings = collect_keys(args.key, args.key_file)
    for warning in warnings:
        _say(f"note: {warning}", "warn")
    files = Files(
        max_message_size=args.max_message,
        signers=keys or None,
        follow=args.follow,
        notice=lambda text: _say(visible(text), "dim"),
    )
    statistics = Statistics() if args.stats else None
    writer = None if args.stats else writer_of(args, checked=bool(keys))
    blocks = files.read(args.inputs or [STDIN])
    with contextlib.closing(blocks), _until_interrupted(args.follow):
        for block in _chosen(blocks, args):
            if block is None:
                if writer is not None:
                    writer.flush()
            elif statistics is not None:
                statistics.add(block)
            elif writer is not None:
                writer.write(block)
    if statistics is not None:
        out = prepare_stdout()
        out.writelines(f"{line}\n" for line in statistics.lines())
    if writer is not None:
        writer.flush()
    sys.stdout.flush()
    return _close(files, args.match, strict=args.strict)


def _check(args: argparse.Namespace) -> None:
    """Raise a CommandError for options that contradict each other."""
    if args.follow and args.tail is not None:
        raise CommandError("--tail needs an end of the input, which --follow has not; give one")
    if args.fields is not None and args.stats:
        raise CommandError("--fields needs messages as text; leave out --stats")
    if args.inputs.count(STDIN) > 1:
        raise CommandError("standard input can be read once; give - once")


@contextlib.contextmanager
def _until_interrupted(is_normal: bool) -> Iterator[None]:
    """Let Ctrl-C end the block; if that is not the normal end, it goes on to the caller."""
    try:
        yield
    except KeyboardInterrupt:
        if not is_normal:
            raise


# ---- choosing messages ---------------------------------------------------------------------------


def _chosen(blocks: Iterator[Block | None], args: argparse.Namespace) -> Iterator[Block | None]:
    """Yield what the options leave of *blocks*."""
    if args.match is not None:
        matching = args.match.filter
        blocks = (None if block is None else matching(block) for block in blocks)
    if args.since is not None or args.until is not None:
        blocks = (
            None if block is None else block.between(args.since, args.until) for block in blocks
        )
    if args.tail is not None:
        blocks = _last(blocks, args.tail)
    if args.limit is not None:
        blocks = _first(blocks, args.limit)
    return blocks


def _first(blocks: Iterator[Block | None], count: int) -> Iterator[Block | None]:
    left = count
    while left > 0:
        block = next(blocks, ...)
        if block is ...:
            return
        if block is not None:
            block = block[:left]
            left -= len(block)
        yield block


def _last(blocks: Iterator[Block | None], count: int) -> Iterator[Block | None]:
    """Yield the last *count* messages, of which no more bytes are kept than they have."""
    kept: deque[Block] = deque()
    held = 0
    for block in blocks:
        if block is None or not block or not count:
            continue
        # A block shares the chunk that was read; parts of it have bytes of their own.
        half = len(block) // 2
        for part in (block[:half], block[half:]) if half else (block,):
            kept.append(part)
            held += len(part)
        while held - len(kept[0]) >= count:
            held -= len(kept.popleft())
    if held > count:
        kept[0] = kept[0][held - count :]
    yield from kept


# ---- the end -------------------------------------------------------------------------------------


def _close(files: Files, match: matcher.Matcher | None, *, strict: bool) -> int:
    """Write the closing line, if anything was lost, and return the exit code."""
    for path, reason in files.unread:
        print(f"heka cat: {visible(path)}: {reason}", file=sys.stderr)
    lost = _losses(files.tally)
    if lost:
        _say(lost, "bad")
    for clause, count in ({} if match is None else match.limits).items():
        _say(
            f"{visible(clause)}: stopped at the limit of a regular expression for "
            f"{counted(count, 'message')}, which do not match",
            "warn",
        )
    return EXIT_LOST if files.unread or (lost and strict) else 0


def _losses(tally: Tally) -> str:
    """Return what was not shown because it is not whole or was refused; empty: nothing."""
    parts = []
    if tally.discarded_bytes:
        parts.append(f"{counted(tally.discarded_bytes, 'byte')} in no whole frame")
    if tally.refused.total():
        parts.append(f"{counted(tally.refused.total(), 'frame')} refused{reasons(tally.refused)}")
    return f"not shown: {', '.join(parts)}" if parts else ""


def _say(text: str, colour: str) -> None:
    print(style_for(sys.stderr).paint(colour, text), file=sys.stderr, flush=True)


# ---- arguments -----------------------------------------------------------------------------------


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _TAIL_MAX):
        raise ValueError(f"expected a number from 0 to {_TAIL_MAX:,}, got {text!r}")
    return int(text)
