"""How far a file was read, and whether another file has the same content up to there.

::

    0          prefix            the last mark   offset
    |---SHA-1---|.........|--500 B, SHA-1--|.....|--500 B, SHA-1--| not read
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from heka.agent import kept
from heka.agent.kept import RottenError, hash_of
from heka.agent.logs.files import Source

__all__ = ["PREFIX_MAX", "TAIL", "Place", "load", "path_of", "save"]

#: Bytes at the begin of a file that are hashed.
PREFIX_MAX: Final = 1024
#: Bytes before a mark that are hashed.
TAIL: Final = 500
_INCARNATION_BITS: Final = 60
_VERSION: Final = 2
#: Marks of a place; the last one is its offset.
_MARKS: Final = 8


@dataclass
class Place:
    """How far one content of a file was read.

    Attributes:
        path: Where the file was last.
        device, inode: Of the file; inode 0: it was written anew or is another file now.
        incarnation: Random bits, drawn for this content.
        offset: Bytes of the text that were read and accepted by every queue.
        prefix: How many bytes at the begin are hashed, and their SHA-1.
        marks: Offsets, and the SHA-1 of up to TAIL bytes before each; the last is ``offset``.
        passing_over: The offset is within a line that was cut.
        seen: When the file was last found, in seconds since 1970.
        size: Bytes of the file then.
        complete: An archive was read to its end.
    """

    path: str
    device: int
    inode: int
    incarnation: int = field(default_factory=lambda: secrets.randbits(_INCARNATION_BITS))
    offset: int = 0
    prefix: tuple[int, str] = (0, "")
    marks: list[tuple[int, str]] = field(default_factory=list)
    passing_over: bool = False
    seen: float = 0.0
    size: int = 0
    complete: bool = False

    def begin(self, source: Source) -> None:
        """Hash the begin of *source*, of which nothing was read yet."""
        head = source.read_at(0, PREFIX_MAX)
        self.prefix = (len(head), hash_of(head))

    def move(self, offset: int, source: Source) -> None:
        """Set the offset, and hash what is before it in *source*."""
        self.offset, self.passing_over = offset, False
        self.begin(source)
        before = min(TAIL, offset)
        self.marks = [(offset, hash_of(source.read_at(offset - before, before)))] if offset else []

    def advance(self, data: bytes, before: int, used: int, passing_over: bool) -> None:
        """Go on by *used* bytes of *data*, which has *before* bytes before the offset."""
        begin = self.offset - before
        self.offset, self.passing_over = self.offset + used, passing_over
        end = before + used
        if begin == 0 and self.prefix[0] < min(PREFIX_MAX, end):
            head = data[: min(PREFIX_MAX, end)]
            self.prefix = (len(head), hash_of(head))
        self.marks.append((self.offset, hash_of(data[max(0, end - TAIL) : end])))
        del self.marks[:-_MARKS]

    def is_behind(self, data: bytes) -> bool:
        """Whether *data* are the bytes before the offset, as many as were hashed."""
        return not self.marks or hash_of(data) == self.marks[-1][1]

    def is_in(self, source: Source) -> bool:
        """Whether *source* has the content that was read, and perhaps more after it."""
        return self._has_prefix(source) and (
            not self.marks or self._has_mark(self.marks[-1], source) is True
        )

    def part_in(self, source: Source) -> bool:
        """Whether *source* is a copy that ends before the offset: all of it was read."""
        if not self.marks or not self._has_prefix(source):
            return False
        for mark in reversed(self.marks):
            found = self._has_mark(mark, source)
            if found is not None:
                return found and mark[0] > PREFIX_MAX + TAIL
        return False

    def _has_prefix(self, source: Source) -> bool:
        size, digest = self.prefix
        return size == 0 or hash_of(source.read_at(0, size)) == digest

    @staticmethod
    def _has_mark(mark: tuple[int, str], source: Source) -> bool | None:
        """Whether the bytes before *mark* are the same; None: *source* ends before it."""
        offset, digest = mark
        begin = max(0, offset - TAIL)
        data = source.read_at(begin, offset - begin)
        return hash_of(data) == digest if len(data) == offset - begin else None

    def as_json(self) -> dict[str, Any]:
        """Return what ``from_json`` takes."""
        return {**vars(self), "incarnation": f"{self.incarnation:016x}"}

    @property
    def id(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> Place:
        """Return the place of *table*; KeyError, TypeError, ValueError if it is none."""
        return cls(
            path=str(table["path"]),
            device=int(table["device"]),
            inode=int(table["inode"]),
            incarnation=int(table["incarnation"], 16),
            offset=int(table["offset"]),
            prefix=(int(table["prefix"][0]), str(table["prefix"][1])),
            marks=[(int(offset), str(digest)) for offset, digest in table["marks"]],
            passing_over=bool(table["passing_over"]),
            seen=float(table["seen"]),
            size=int(table["size"]),
            complete=bool(table["complete"]),
        )


def save(path: str, places: Iterable[Place]) -> None:
    """Write *places* to *path*; OSError leaves it as it was."""
    kept.save(path, {"version": _VERSION, "places": [place.as_json() for place in places]})


def load(path: str) -> list[Place] | None:
    """Return the places in *path*; None: there is no such file.

    Raises:
        RottenError: It has other contents than were written.
        OSError: It cannot be read.
    """
    values = kept.load(path)
    if values is None:
        return None
    if values.get("version") != _VERSION:
        raise RottenError(f"{path!r} is of another version")
    try:
        return [Place.from_json(table) for table in values["places"]]
    except (KeyError, TypeError, ValueError, IndexError) as failure:
        raise RottenError(f"{path!r} has no positions: {failure!r}") from None


def path_of(directory: str, name: str) -> str:
    """Return the position file of the stream *name*."""
    return os.path.join(directory, kept.name_of(name))
