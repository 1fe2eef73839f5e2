"""Reads the contents of a spool from copies of its files, so that it can be in use meanwhile.

Knows files and which process holds them; a ring opened on the copy reads the frames.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from heka._core import FRAME_MAX, Ring, StreamReader
from heka._delivery.spool import SEGMENT, directories, holder_of, size_of

__all__ = ["Part", "copied", "parts_of"]

_CURSOR = "cursor"


@dataclass(frozen=True)
class Part:
    """One process's directory of a spool.

    Attributes:
        directory: Its path.
        holder: Pid of the process that holds it; 0: the pid is unknown; None: no process holds it.
        segments: Files of frames.
        frames: Frames in them.
        acknowledged: Of those, how many have been sent; the others wait.
        bytes: Bytes of those files.
        corrupt: Parts of the files that are not valid frames.
        oldest: Timestamp of the first frame that waits, in ns; None: none does.
    """

    directory: str
    holder: int | None
    segments: int
    frames: int
    acknowledged: int
    bytes: int
    corrupt: int
    oldest: int | None


def parts_of(path: str) -> Iterator[Part]:
    """Yield what is in each directory of the spool at *path*, the oldest first.

    Raises:
        OSError: The spool cannot be read.
    """
    for directory in directories(path):
        with contextlib.suppress(FileNotFoundError):  # emptied and removed meanwhile
            yield _look(directory)


def copied(directory: str, place: str, *, acknowledged: bool = False) -> None:
    """Copy the files of one process's *directory* to *place*.

    Args:
        directory: The directory of one queue; its process may be using it.
        place: An existing directory.
        acknowledged: In the copy, frames that were acknowledged count as waiting.
    """
    names = [name for name in sorted(os.listdir(directory)) if name.endswith(SEGMENT)]
    # The cursor first: it must not know of frames that are written after their file was copied. It
    # may name segments that were removed meanwhile; those are ignored.
    for name in names if acknowledged else [_CURSOR, *names]:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(
                os.path.join(directory, name), os.path.join(place, name), follow_symlinks=False
            )


def _look(directory: str) -> Part:
    with contextlib.ExitStack() as stack:
        there, all_of_it = (
            stack.enter_context(tempfile.TemporaryDirectory(prefix="heka-spool-")) for _ in "12"
        )
        copied(directory, there)
        copied(directory, all_of_it, acknowledged=True)
        segments = sum(name.endswith(SEGMENT) for name in os.listdir(all_of_it))
        ring = _open(there)
        account = ring.stats()
        first = StreamReader().feed(ring.take(1))
        frames = max(_open(all_of_it).stats()["queued"], account["queued"])
        return Part(
            directory=directory,
            holder=holder_of(directory),
            segments=segments,
            frames=frames,
            acknowledged=frames - account["queued"],
            bytes=size_of(directory),
            corrupt=account["dropped"].get("corrupt", 0),
            oldest=first[0].message.timestamp if first else None,
        )


def _open(place: str) -> Ring:
    """Return the queue stored in *place*; it accepts no frames, so any capacity will do."""
    return Ring(2 * FRAME_MAX, FRAME_MAX, 2 * FRAME_MAX, place)
