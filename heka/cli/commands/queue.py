"""``python -m heka queue``: list, show, check, skip and send what waits in queues on disk."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from heka._core import FRAME_MAX, BlockReader, Ring, StreamReader, lock_file, monotonic, unlock_file
from heka._delivery.drain import Drain
from heka._delivery.queue import outlet_for
from heka._delivery.spool import holder_of
from heka._display.escape import counted, visible
from heka._display.style import style_for
from heka._display.values import local_time
from heka._net.addresses import parse
from heka._net.options import QueueOptions
from heka.cli.arguments import add_timeout_argument
from heka.cli.commands import cat
from heka.cli.errors import CommandError
from heka.cli.show.moments import parse_moment
from heka.cli.show.terminal import prepare_stdout
from heka.exceptions import ConfigError

_EPILOG: Final = """\
PATH is a queue, or a directory with queues: base_dir of an agent, its directory
'queues', or a spool (stream option spool=PATH). 'skip' and 'replay' need queues
that no process uses: stop the agent first. The others only read.

examples:
  heka queue ls /var/cache/heka
  heka queue cat /var/cache/heka/queues/TcpOutput --tail 5
  heka queue verify /var/cache/heka
  heka queue skip /var/cache/heka/queues/TcpOutput --count 1
  heka queue replay /var/cache/heka/queues/TcpOutput --to tcp://localhost:5565
"""
_CURSOR: Final = "cursor"
_SEGMENT: Final = re.compile(r"\d{20}\.heka")
_LOCK: Final = "lock"
_CHUNK: Final = 256 * 1024
_WINDOW: Final = 256 * 1024
_CAPACITY: Final = 1 << 60
#: Seconds of one try to send, and between two of them.
_STEP: Final = 1.0
_POLL: Final = 0.02
_COLUMNS: Final = ("queue", "held by", "files", "waiting", "bytes", "oldest")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    shown = actions.add_parser("ls", help="print what waits in each queue")
    showing = actions.add_parser(
        "cat",
        help="show messages in the files",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cat.add_arguments(showing)
    checked = actions.add_parser(
        "verify", help="look for what is no whole frame; exit code 1: some"
    )
    skipped = actions.add_parser("skip", help="drop the messages that wait longest")
    sent = actions.add_parser("replay", help="send what waits to another destination")
    for action in (shown, checked, skipped, sent):
        action.add_argument("path", metavar="PATH", help="a queue, or a directory of queues")
    which = skipped.add_mutually_exclusive_group(required=True)
    which.add_argument("--count", type=int, metavar="N", help="drop N messages")
    which.add_argument(
        "--until", metavar="TIME", help="drop those before the first that is not older"
    )
    which.add_argument("--all", action="store_true", help="drop all")
    sent.add_argument("--to", metavar="URL", required=True, help="as tcp://host:5565")
    sent.add_argument("--keep", action="store_true", help="do not change the queue")
    add_timeout_argument(sent)


def run(args: argparse.Namespace) -> int:
    """Run ``args.action``, and return the exit code."""
    if args.action == "cat":
        return cat.run(args)
    try:
        found = _queues_in(args.path)
        if not found:
            raise CommandError(f"there is no queue in {args.path!r}; expected base_dir or a queue")
        if args.action == "ls":
            return _list(found)
        if args.action == "verify":
            return max([_verify(path) for path in found])
        if args.action == "skip":
            return max([_skip(path, args) for path in found])
        return max([_replay(path, args) for path in found])
    except ConfigError as failure:
        raise CommandError(str(failure)) from failure
    except OSError as failure:
        raise CommandError(f"cannot use the queue {args.path!r}: {failure}") from failure


def _segments(path: str) -> list[str]:
    return sorted(name for name in os.listdir(path) if _SEGMENT.fullmatch(name))


def _is_queue(path: str) -> bool:
    return os.path.isdir(path) and (
        os.path.exists(os.path.join(path, _LOCK)) or bool(_segments(path))
    )


def _queues_in(path: str) -> list[str]:
    """Return the directories of the queues at or below *path*."""
    if not os.path.isdir(path):
        raise CommandError(f"there is no directory {path!r}; expected base_dir or a queue")
    if _is_queue(path):
        return [path]
    for place in (path, os.path.join(path, "queues")):
        if os.path.isdir(place):
            inside = [os.path.join(place, name) for name in sorted(os.listdir(place))]
            if found := [directory for directory in inside if _is_queue(directory)]:
                return found
    return []


@contextlib.contextmanager
def _held(path: str) -> Iterator[Ring]:
    """Open the queue at *path*, which no other process uses meanwhile."""
    try:
        lock = lock_file(os.path.join(path, _LOCK))
    except BlockingIOError:
        holder = holder_of(path)
        by = f"process {holder}" if holder else "another process"
        raise CommandError(f"{path}: is in use by {by}; stop it first") from None
    ring = None
    try:
        ring = _open(path)
        yield ring
    finally:
        del ring  # the last reference closes its files
        unlock_file(lock)


def _open(path: str) -> Ring:
    ring = Ring(_CAPACITY, FRAME_MAX, _WINDOW, path, segment=1 << 20, lazy=True)
    ring.close()
    return ring


# ---- ls -------------------------------------------------------------------------------------


def _list(paths: list[str]) -> int:
    prepare_stdout()
    style = style_for(sys.stdout)
    rows = [_COLUMNS, *map(_row, paths)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for index, row in enumerate(rows):
        cells = [
            cell.rjust(width) if 2 <= column <= 4 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        print(style.paint("dim", line) if index == 0 else line)
    return 0


def _row(path: str) -> tuple[str, ...]:
    names = _segments(path)
    waiting, size, oldest = _look(path, names)
    holder = holder_of(path)
    by = {None: "nobody", 0: "a process"}.get(holder, f"process {holder}")
    return (
        visible(os.path.basename(os.path.abspath(path))),
        by,
        f"{len(names):,}",
        f"{waiting:,}",
        f"{size:,}",
        "" if oldest is None else local_time(oldest),
    )


def _look(path: str, names: list[str]) -> tuple[int, int, int | None]:
    """Return messages, bytes, and the timestamp of the oldest message that wait at *path*.

    Names and sizes say how much waits, so a queue of empty files beside the cursor says it too; the
    first and the last file are copied.
    """
    with tempfile.TemporaryDirectory(prefix="heka-queue-") as place:
        for name in [_CURSOR, *names]:  # the cursor first: it must not know more than the files
            with contextlib.suppress(FileNotFoundError):
                _copy(path, place, name, whole=name in (_CURSOR, *names[-1:]))
        ring = _open(place)
        waiting, size = ring.stats()["queued"], ring.queued_bytes
        del ring  # what is acknowledged is removed now
        for name in _segments(place)[:1]:
            with contextlib.suppress(FileNotFoundError):
                _copy(path, place, name, whole=True)
            for frame in StreamReader().feed(_open(place).oldest()):
                return waiting, size, frame.message.timestamp
        return waiting, size, None


def _copy(path: str, place: str, name: str, *, whole: bool) -> None:
    source, copy = os.path.join(path, name), os.path.join(place, name)
    if whole:
        shutil.copyfile(source, copy, follow_symlinks=False)
        return
    size = os.stat(source, follow_symlinks=False).st_size
    with open(copy, "wb") as file:
        file.truncate(size)


# ---- verify ---------------------------------------------------------------------------------


def _verify(path: str) -> int:
    prepare_stdout()
    frames = damaged = 0
    for name in _segments(path):
        with contextlib.suppress(FileNotFoundError):  # acknowledged meanwhile
            found, lost = _verify_file(os.path.join(path, name))
            frames += found
            damaged += lost > 0
            if lost:
                print(f"{visible(os.path.join(path, name))}: {lost:,} bytes are no whole frame")
    files = counted(damaged, "file")
    print(f"{visible(path)}: {counted(frames, 'frame')}, {files} with damage")
    return 1 if damaged else 0


def _verify_file(path: str) -> tuple[int, int]:
    """Return the frames of a file, and the bytes that are none; zeros at its end are room."""
    reader = BlockReader()
    frames = whole = end = 0
    with open(path, "rb") as file:
        at = 0
        while chunk := file.read(_CHUNK):
            for block in reader.feed(chunk):
                frames += len(block)
                whole += block.nbytes
            kept = len(chunk.rstrip(b"\0"))
            end = at + kept if kept else end
            at += len(chunk)
    return frames, max(0, end - whole)


# ---- skip -----------------------------------------------------------------------------------


def _skip(path: str, args: argparse.Namespace) -> int:
    with _held(path) as ring:
        if args.all:
            dropped = ring.drop_all("closed")
        elif args.count is not None:
            dropped = _drop(ring, args.count, None)
        else:
            dropped = _drop(ring, None, parse_moment(args.until, time.time_ns()))
        left = ring.stats()["queued"]
    print(f"{visible(path)}: {counted(dropped, 'message')} dropped, {left:,} wait")
    return 0


def _drop(ring: Ring, count: int | None, until: int | None) -> int:
    """Drop *count* messages, or those before the first with a timestamp of *until* or later."""
    dropped = 0
    while (count is None or dropped < count) and (frame := ring.take(1)):
        if until is not None and any(
            found.message.timestamp >= until for found in StreamReader().feed(frame)
        ):
            ring.rewind(len(frame))
            break
        dropped += ring.acknowledge()
    return dropped


# ---- replay ---------------------------------------------------------------------------------


def _replay(path: str, args: argparse.Namespace) -> int:
    address = parse(args.to)
    options = replace(address.queue or QueueOptions(), spool=None)
    with contextlib.ExitStack() as stack:
        ring = stack.enter_context(_held(path))
        if args.keep:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="heka-queue-"))
            for name in [_CURSOR, *_segments(path)]:
                _copy(path, place, name, whole=True)
            ring = _open(place)
        drain = Drain(str(address), outlet_for(address, options), options)
        left = _drain(ring, drain, args.timeout)
        sent = ring.stats()["sent"]
        del ring
    print(f"{visible(path)}: {counted(sent, 'message')} sent to {address}")
    if left:
        raise CommandError(f"{counted(left, 'message')} not sent; try again later")
    return 0


def _drain(ring: Ring, drain: Drain, timeout: float) -> int:
    """Send what is in *ring*; return how many are left after *timeout* seconds without progress."""
    left = int(ring.stats()["queued"])
    deadline = monotonic() + timeout
    while left and monotonic() < deadline:
        drain.run_once(ring, min(deadline, monotonic() + _STEP), wait_acknowledged=True)
        now = int(ring.stats()["queued"])
        if now < left:
            left, deadline = now, monotonic() + timeout
        else:
            time.sleep(_POLL)
    drain.end(monotonic() + _STEP)
    return left
