"""Files and archives as one thing: bytes at an offset of the text.

A plain file is read with its descriptor, so it can be read to its end after it was renamed or
deleted. An archive (gzip) is decompressed as a stream, within bounded memory.
"""

from __future__ import annotations

import os
import stat
import zlib
from typing import Final, Protocol

__all__ = ["Archive", "NotAFileError", "Plain", "Source", "is_archive", "open_source", "unpacked"]

_PIECE: Final = 64 * 1024
#: Bytes that stay readable before the offset that was read last.
_BEHIND: Final = 512
_GZIP: Final = 31  # the window of zlib, and that a header of gzip is expected


class NotAFileError(OSError):
    """What has that name is a directory, a pipe or a device."""


class Source(Protocol):
    """Bytes of a text.

    Attributes:
        device, inode: Of the file.
        damage: Why an archive cannot be read to its end; empty: it can, as far as is known.
    """

    device: int
    inode: int
    damage: str

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes at *offset*; fewer at the end only."""

    def size(self) -> int:
        """Return the bytes of the text as it is now; of an archive, this reads all of it."""

    def modified(self) -> float:
        """Return when the file was last written to."""

    def close(self) -> None:
        """Close the descriptor."""


def is_archive(path: str) -> bool:
    """Whether the file of that name is read as an archive."""
    return path.endswith(".gz")


def unpacked(path: str) -> str:
    """Return the path of the file that an archive was made of."""
    return path.removesuffix(".gz")


def open_source(path: str) -> Source:
    """Open *path*; OSError, NotAFileError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotAFileError("it is not a regular file")
    except BaseException:
        os.close(descriptor)
        raise
    return (Archive if is_archive(path) else Plain)(descriptor, found)


class Plain:
    """A file of text."""

    damage = ""

    def __init__(self, descriptor: int, found: os.stat_result) -> None:
        """Own *descriptor*."""
        self.device, self.inode = found.st_dev, found.st_ino
        self._descriptor = descriptor

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes at *offset*."""
        return os.pread(self._descriptor, size, offset)

    def size(self) -> int:
        """Return the bytes of the file."""
        return os.fstat(self._descriptor).st_size

    def modified(self) -> float:
        """Return when it was last written to."""
        return os.fstat(self._descriptor).st_mtime

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class Archive:
    """A file of gzip, of one member or several."""

    def __init__(self, descriptor: int, found: os.stat_result) -> None:
        """Own *descriptor*."""
        self.device, self.inode = found.st_dev, found.st_ino
        self.damage = ""
        self._descriptor = descriptor
        self._rewind()

    def _rewind(self) -> None:
        self._read = 0  # bytes of the file
        self._at = 0  # offset in the text of the first byte of _text
        self._text = b""
        self._ended = False
        self._inner = zlib.decompressobj(_GZIP)
        self._begun = False  # the member that is being read has bytes

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes at *offset* of the text."""
        keep = max(0, offset - _BEHIND)
        if keep < self._at:
            self._rewind()
        while self._at + len(self._text) < offset + size and self._more():
            self._pass(keep)
        self._pass(keep)
        begin = offset - self._at
        return self._text[begin : begin + size]

    def _pass(self, keep: int) -> None:
        """Forget the text before the offset *keep*."""
        passed = min(keep - self._at, len(self._text))
        if passed > 0:
            self._text = self._text[passed:]
            self._at += passed

    def _more(self) -> bool:
        """Decompress some; False: there is no more."""
        if self._ended:
            return False
        try:
            packed = self._inner.unconsumed_tail
            if not packed:
                packed = os.pread(self._descriptor, _PIECE, self._read)
                self._read += len(packed)
            if not packed:
                self._ended = True
                self.damage = "it ends within a member" if self._begun else ""
                return False
            if not self._begun:
                packed = packed.lstrip(b"\0")  # padding between members
                self._begun = bool(packed)
            self._text += self._inner.decompress(packed, _PIECE)
            if self._inner.eof:
                rest = self._inner.unused_data
                self._read -= len(rest)
                self._inner = zlib.decompressobj(_GZIP)
                self._begun = False
        except zlib.error as failure:
            self._ended, self.damage = True, str(failure)
            return False
        return True

    def size(self) -> int:
        """Return the bytes of the text; reads to the end."""
        while not self._ended:
            self.read_at(self._at + len(self._text), _PIECE)
        return self._at + len(self._text)

    def modified(self) -> float:
        """Return when the file was last written to."""
        return os.fstat(self._descriptor).st_mtime

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)
