"""Where a stream is: the place of the next byte, how the file is known again, and the file of it.

::

    {incarnation, device, inode, SHA-1 of the first n bytes, offset, SHA-1 of the 500 bytes before}

The **incarnation** is drawn at random when a file is first seen, or found to be written anew. It is
on disk before its first line is in a queue: the uuids of lines come from it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict, dataclass
from typing import Final

from heka.agent import kept
from heka.agent.kept import RottenError, hash_of
from heka.agent.logs.files import LogFile

__all__ = [
    "PREFIX_MAX",
    "TAIL_MAX",
    "Position",
    "load",
    "new_incarnation",
    "path_of",
    "save",
]

#: Bytes at the begin of a file by which it is known again.
PREFIX_MAX: Final = 1024
#: Bytes before the place that are compared.
TAIL_MAX: Final = 500
_INCARNATION_BITS: Final = 60
_VERSION: Final = 1


def new_incarnation() -> int:
    """Draw an incarnation."""
    return secrets.randbits(_INCARNATION_BITS)


@dataclass
class Position:
    """The place of the next byte.

    Attributes:
        incarnation: Of the file.
        device, inode: Of the file.
        path: Of the file when it was written, for people.
        prefix_size, prefix: How many bytes at its begin were hashed, and their SHA-1.
        offset: Of the next byte, in the uncompressed text.
        tail: SHA-1 of the TAIL_MAX bytes before it, fewer at the begin.
        passing_over: The byte belongs to a line that was too long.
        time: Seconds since 1970, when it was written.
    """

    incarnation: int
    device: int
    inode: int
    path: str
    prefix_size: int
    prefix: str
    offset: int
    tail: str
    passing_over: bool
    time: float

    @property
    def id(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    def is_in(self, file: LogFile) -> bool:
        """Return whether *file* has the bytes that were before this place."""
        begin = file.read(0, self.prefix_size)
        if len(begin) < self.prefix_size or hash_of(begin) != self.prefix:
            return False
        size = min(TAIL_MAX, self.offset)
        before = file.read(self.offset - size, size)
        return len(before) == size and hash_of(before) == self.tail


def save(path: str, position: Position) -> None:
    """Write *position* to *path*; OSError."""
    kept.save(path, {"version": _VERSION, **asdict(position)})


def load(path: str) -> Position | None:
    """Return the position in *path*; None: there is no such file.

    Raises:
        RottenError: It has other contents than were written.
        OSError: It cannot be read.
    """
    values = kept.load(path)
    if values is None:
        return None
    if values.pop("version", None) != _VERSION:
        raise RottenError(f"{path!r} is of another version")
    try:
        return Position(**values)
    except TypeError as failure:
        raise RottenError(f"{path!r} has no position: {failure}") from None


def path_of(directory: str, name: str) -> str:
    """Return the position file of the stream *name*."""
    return os.path.join(directory, kept.name_of(name))
