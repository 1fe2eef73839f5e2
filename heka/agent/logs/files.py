"""One log file that is open for reading: plain, or compressed by gzip."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from typing import Final

__all__ = ["LogFile", "NoLogError", "is_archive", "unpacked"]

_ENDING: Final = ".gz"
_PIECE: Final = 256 * 1024


def is_archive(path: str) -> bool:
    """Return whether a file of that name is compressed."""
    return path.endswith(_ENDING)


def unpacked(path: str) -> str:
    """Return the path of the file that an archive was made of."""
    return path.removesuffix(_ENDING)


class NoLogError(OSError):
    """It is no regular file: a directory, a FIFO, a device."""


class LogFile:
    """A file, by the descriptor that was opened: renaming and deleting do not matter.

    Attributes:
        path: As it was opened.
        id: Device and inode.
        is_archive: Whether it is compressed; offsets are then those of the uncompressed text.
        is_broken: An archive is cut or rotten: it ends where its whole part ends.
    """

    def __init__(self, path: str) -> None:
        """Open *path*; OSError, and NoLogError for what is no regular file."""
        # Without O_NONBLOCK, a FIFO would wait for a writer.
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(self._fd)
            raise NoLogError(f"{path!r} is no regular file")
        self.path = path
        self.id = (found.st_dev, found.st_ino)
        self.is_archive = is_archive(path)
        self.is_broken = False
        self._unpacked: gzip.GzipFile | None = None
        self._at = 0  # of self._unpacked

    def close(self) -> None:
        """Close it."""
        self._close_unpacked()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def stat(self) -> tuple[int, int]:
        """Return bytes on disk and time of the last change, in nanoseconds."""
        found = os.fstat(self._fd)
        return found.st_size, found.st_mtime_ns

    def read(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes at *offset*; fewer than *size* only at the end."""
        if not self.is_archive:
            return os.pread(self._fd, size, offset)
        if self._unpacked is None or offset < self._at:
            self._close_unpacked()
            os.lseek(self._fd, 0, os.SEEK_SET)
            packed = io.FileIO(self._fd, closefd=False)
            self._unpacked = gzip.GzipFile(fileobj=packed, mode="rb")
            self._at = 0
        while self._at < offset:
            if not self._unpack(min(_PIECE, offset - self._at)):
                return b""
        pieces = []
        while size > 0 and (piece := self._unpack(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _unpack(self, size: int) -> bytes:
        assert self._unpacked is not None
        try:
            piece = self._unpacked.read1(size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            self.is_broken = True
            piece = b""
        self._at += len(piece)
        return piece

    def _close_unpacked(self) -> None:
        if self._unpacked is not None:
            self._unpacked.close()
            self._unpacked = None
