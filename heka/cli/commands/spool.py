"""``python -m heka spool``: inspect queues on disk, and send what ended processes have left."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Final

from heka._core import monotonic
from heka._delivery.snapshot import Part, copied, parts_of
from heka._delivery.spool import Spool, size_of
from heka._display.escape import counted, visible
from heka._display.style import Style, style_for
from heka._display.values import local_time
from heka.cli.arguments import add_timeout_argument
from heka.cli.errors import CommandError
from heka.cli.show.terminal import prepare_stdout
from heka.exceptions import ConfigError
from heka.streams.queued import QueuedStream

_EPILOG: Final = """\
A spool has one directory for each process that logs through it (stream option
spool=PATH), with files of plain Heka frames. The next process that uses the
spool sends what an ended process has left; 'replay' does the same without such
a process. Directories that a running process uses are never changed.

examples:
  python -m heka spool inspect /var/spool/heka
  python -m heka spool replay /var/spool/heka --to tcp://localhost:5565
"""
_POLL: Final = 0.05  # seconds
_CLOSE: Final = 2.0  # seconds that closing the stream may take
_CAPACITY_MIN: Final = 8 * 1024 * 1024
_COLUMNS: Final = ("directory", "held by", "files", "frames", "sent", "waiting", "bytes", "oldest")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two actions and their options."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    inspect = actions.add_parser("inspect", help="print the contents of each directory")
    replay = actions.add_parser(
        "replay", help="send the frames in directories that no process uses"
    )
    for action in (inspect, replay):
        action.add_argument("path", metavar="PATH", help="directory of the spool")
    replay.add_argument(
        "--to", metavar="URL", required=True, help="destination, for instance tcp://host:5565"
    )
    replay.add_argument(
        "--all",
        action="store_true",
        help="also send frames that were sent before and are still in the files",
    )
    replay.add_argument("--keep", action="store_true", help="do not change or remove the files")
    add_timeout_argument(replay)


def run(args: argparse.Namespace) -> int:
    """Run ``args.action``, and return the exit code."""
    if not os.path.isdir(args.path):
        raise CommandError(f"there is no directory {args.path!r}; expected the path of a spool")
    try:
        if args.action == "inspect":
            return _inspect(args.path)
        return _replay(args)
    except ConfigError as exc:
        raise CommandError(str(exc)) from exc
    except OSError as exc:
        raise CommandError(f"cannot use the spool {args.path!r}: {exc}") from exc


# ---- inspect --------------------------------------------------------------------------------


def _inspect(path: str) -> int:
    prepare_stdout()
    style = style_for(sys.stdout)
    rows: list[tuple[str, ...]] = []
    waiting = corrupt = 0
    for part in parts_of(path):
        rows.append(_row(part))
        waiting += part.frames - part.acknowledged
        corrupt += part.corrupt
    if not rows:
        print(f"{visible(path)}: no queues")
        return 0
    _print_table([_COLUMNS, *rows], style)
    print(
        f"{counted(waiting, 'frame')} waiting in {counted(len(rows), 'directory', 'directories')}"
    )
    if corrupt:
        print(style.paint("bad", f"{counted(corrupt, 'corrupt part')} in the files"))
    return 0


def _row(part: Part) -> tuple[str, ...]:
    holder = {None: "nobody", 0: "a process"}.get(part.holder, f"process {part.holder}")
    return (
        visible(os.path.basename(part.directory)),
        holder,
        f"{part.segments:,}",
        f"{part.frames:,}",
        f"{part.acknowledged:,}",
        f"{part.frames - part.acknowledged:,}",
        f"{part.bytes:,}",
        "" if part.oldest is None else local_time(part.oldest),
    )


def _print_table(rows: Sequence[Sequence[str]], style: Style) -> None:
    """Print *rows*, with the heading first; numbers are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, row in enumerate(rows):
        cells = [
            cell.rjust(width) if 2 <= column <= 6 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        print(style.paint("dim", line) if index == 0 else line)


# ---- replay ---------------------------------------------------------------------------------


def _replay(args: argparse.Namespace) -> int:
    if not args.keep and not args.all:
        return _drain(args.path, args.to, args.timeout)
    with (
        _locked(args.path) as directories,
        tempfile.TemporaryDirectory(prefix="heka-spool-") as place,
    ):
        for directory in directories:
            copy = os.path.join(place, os.path.basename(directory))
            os.mkdir(copy, 0o700)
            copied(directory, copy, acknowledged=args.all)
        code = _drain(place, args.to, args.timeout)
        if code == 0 and not args.keep:
            for directory in directories:
                shutil.rmtree(directory)
        return code


@contextlib.contextmanager
def _locked(path: str) -> Iterator[list[str]]:
    """Lock every directory that no process uses, for the block."""
    spool = Spool(path, "replay")
    try:
        yield spool.adopt()
    finally:
        spool.close()


def _drain(path: str, url: str, timeout: float) -> int:
    """Send what is in *path* with a queue; wait until all is sent or *timeout* has passed."""
    size = sum(size_of(entry.path) for entry in os.scandir(path) if entry.is_dir())
    stream = QueuedStream(url, capacity=max(_CAPACITY_MIN, size), spool=path)
    try:
        found = stream.stats()["recovered"]
        last = left = -1
        deadline = monotonic() + timeout
        while left != 0 and monotonic() < deadline:
            left = stream.stats()["queued"]
            if left != last:
                deadline = monotonic() + timeout
                last = left
            _show(found - left, found)
            if left:
                time.sleep(_POLL)
        stats = stream.stats()
    finally:
        stream.close(_CLOSE)
    return _report(stats, url)


def _show(done: int, found: int) -> None:
    """Show the progress if stderr is a terminal."""
    if sys.stderr.isatty():
        print(f"\r{done:,} of {counted(found, 'frame')}", end="", file=sys.stderr, flush=True)


def _report(stats: dict[str, int | dict[str, int]], url: str) -> int:
    """Print what happened to the frames, and return the exit code."""
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    sent, queued, dropped = stats["sent"], stats["queued"], stats["dropped"]
    assert isinstance(sent, int)
    assert isinstance(queued, int)
    assert isinstance(dropped, dict)
    lost = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()) if count)
    print(f"{counted(sent, 'frame')} sent to {url}" + (f"; dropped: {lost}" if lost else ""))
    if queued:
        raise CommandError(
            f"{counted(queued, 'frame')} not sent: {url} does not accept them; try again later"
        )
    return 1 if lost else 0
