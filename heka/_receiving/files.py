"""Blocks of messages from files, standard input and spool directories, which are only read.

::

    files = Files(max_message_size=65_536)
    for block in files.read(["messages.heka", "/var/spool/heka"]):
        ...                                    None: nothing new yet (follow only)
    files.tally, files.unread                  what was lost, and what could not be read

A spool may be in use. Its files are reserved in advance: zeros after the last frame are no loss,
nor is what follows the last frame of the file that a running process writes. Writes no text.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Final

from heka._delivery.spool import SEGMENT, directories, holder_of
from heka._receiving.tally import Tally
from heka.framing import Block, BlockReader
from heka.message import MESSAGE_MAX

__all__ = ["STDIN", "Files"]

STDIN: Final = "-"
_CHUNK: Final = 256 * 1024  # bytes read at once
_PAUSE: Final = 0.2  # seconds between two looks at files that are followed


def _ignore(text: str) -> None:
    """Take a notice for nobody."""


class Files:
    """Reads files one after the other, or all at once and without an end with *follow*.

    Args:
        max_message_size: Bytes; longer messages are refused.
        signers: ``{(name, version): key}``; None: signatures are not checked.
        follow: Wait for more at the end of each file, also when it is rotated or truncated.
        notice: Called with a sentence when a file that is followed is replaced or truncated.
    """

    def __init__(
        self,
        *,
        max_message_size: int = MESSAGE_MAX,
        signers: Mapping[tuple[str, int], bytes] | None = None,
        follow: bool = False,
        notice: Callable[[str], object] = _ignore,
    ) -> None:
        self.tally = Tally()
        self.unread: list[tuple[str, str]] = []  # path and reason
        self._max_message_size = max_message_size
        self._signers = signers
        self._follow = follow
        self._notice = notice

    def read(self, paths: Sequence[str]) -> Generator[Block | None, None, None]:
        """Yield the blocks of all *paths*; with *follow* also None, when there is nothing new."""
        if not self._follow:
            for path in paths:
                yield from self._read_path(path)
            return
        followed = [_Followed(self, path) for path in paths]
        try:
            while True:
                count = 0
                for one in followed:
                    for block in one.more():
                        count += len(block)
                        yield block
                if all(one.ended for one in followed):
                    return
                if not count:
                    yield None
                    time.sleep(_PAUSE)
        finally:
            for one in followed:
                one.close()

    # ---- without following -----------------------------------------------------------------------

    def _read_path(self, path: str) -> Iterator[Block]:
        try:
            if path == STDIN:
                yield from self._read_stream(path, 0)
            elif stat.S_ISDIR(os.stat(path).st_mode):
                yield from self._read_spool(path)
            else:
                fd = self._open(path)
                try:
                    yield from self._read_stream(path, fd)
                finally:
                    os.close(fd)
        except BrokenPipeError:
            raise
        except OSError as problem:
            self._cannot_read(path, problem.strerror or str(problem))

    def _read_stream(self, path: str, fd: int) -> Iterator[Block]:
        reader = self.new_reader()
        received = 0
        while chunk := _read(fd):
            received += len(chunk)
            yield from self.feed(reader, chunk)
        self.end(reader)
        if not received and _is_fifo(fd):
            self._cannot_read(path, "a FIFO that no process writes to")

    def _read_spool(self, path: str) -> Iterator[Block]:
        queues = queues_of(path)
        if not queues:
            self._cannot_read(path, "a directory, but not that of a spool: it has no queues")
        for queue in queues:
            names = segments_of(queue)
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # sent and removed meanwhile
                    fd = self._open(os.path.join(queue, name))
                    try:
                        yield from self._read_segment(fd, queue, is_last=name == names[-1])
                    finally:
                        os.close(fd)

    def _read_segment(self, fd: int, queue: str, *, is_last: bool) -> Iterator[Block]:
        reader = self.new_reader()
        zeros = 0  # at the end of what was read
        while chunk := _read(fd):
            zeros = trailing_zeros(chunk, zeros)
            if zeros >= len(chunk) and not reader.pending_bytes:
                break  # the reserved rest, up to 256 MiB
            yield from self.feed(reader, chunk)
        forgiven = min(zeros, reader.tail_bytes)
        if is_last and is_held(queue):
            forgiven = reader.tail_bytes
        self.end(reader, forgiven)

    # ---- for what is followed, too ---------------------------------------------------------------

    def new_reader(self) -> BlockReader:
        """Return a reader with the settings of all files."""
        return BlockReader(self._max_message_size, self._signers)

    def feed(self, reader: BlockReader, chunk: bytes) -> Iterator[Block]:
        """Yield the blocks of *chunk*."""
        self.tally.received_bytes += len(chunk)
        for block in reader.feed(chunk):
            self.tally.messages += len(block)
            yield block

    def end(self, reader: BlockReader, forgiven: int = 0) -> None:
        """Count what *reader* has lost, less the last *forgiven* bytes, which are no loss."""
        reader.close()
        forgiven = min(forgiven, reader.discarded_bytes)
        self.tally.received_bytes -= forgiven
        self.tally.delivered_bytes += reader.delivered_bytes
        self.tally.discarded_bytes += reader.discarded_bytes - forgiven
        self.tally.refused_bytes += reader.refused_bytes
        self.tally.refused += Counter(reader.refused)

    def tell(self, text: str) -> None:
        """Pass a notice on."""
        self._notice(text)

    def _open(self, path: str) -> int:
        """Return a descriptor; opening a FIFO that nobody writes does not wait for a writer."""
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)

    def _cannot_read(self, path: str, reason: str) -> None:
        self.unread.append((path, reason))


class _Followed:
    """One path that is followed: a file by its name and inode, standard input, or a spool."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path
        self._reader = files.new_reader()
        self._fd = 0 if path == STDIN else -1
        self._at = 0  # bytes of the file that were read
        self._was_there = False
        self._segments: dict[str, _Segment] = {}
        self.ended = False

    def more(self) -> Iterator[Block]:
        """Yield what has been added since the last call."""
        if self.ended:
            return
        try:
            if self._path != STDIN and os.path.isdir(self._path):
                yield from self._more_of_spool()
            else:
                yield from self._more_of_file()
        except BrokenPipeError:
            raise
        except OSError as problem:
            self._files.unread.append((self._path, problem.strerror or str(problem)))
            self.close()

    def close(self) -> None:
        """Close the file, and count what is incomplete."""
        if not self.ended:
            self.ended = True
            self._files.end(self._reader)
            if self._fd > 0:
                os.close(self._fd)
            for segment in self._segments.values():
                segment.close()

    def _more_of_file(self) -> Iterator[Block]:
        if self._fd < 0 and not self._reopen():
            return
        is_at_end = yield from self._to_the_end()
        if self._path == STDIN:
            if is_at_end:
                self.close()
            return
        here = os.fstat(self._fd)
        if not stat.S_ISREG(here.st_mode):
            return
        if here.st_size < self._at:
            self._files.tell(f"{self._path} was truncated; reading it from its beginning")
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._restart()
            yield from self._to_the_end()
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return  # renamed; what still writes to it is read until the name is there again
        if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            yield from self._to_the_end()
            os.close(self._fd)
            self._fd = -1
            self._restart()
            self._files.tell(f"{self._path} was replaced; reading the new file")
            if self._reopen():
                yield from self._to_the_end()

    def _reopen(self) -> bool:
        """Open the path; False while it is missing after it was there."""
        try:
            self._fd = self._files._open(self._path)
        except FileNotFoundError:
            if not self._was_there:
                raise
            return False
        self._was_there = True
        return True

    def _restart(self) -> None:
        self._files.end(self._reader)
        self._reader = self._files.new_reader()
        self._at = 0

    def _to_the_end(self) -> Generator[Block, None, bool]:
        """Yield what can be read without waiting; return whether the end of the file was read."""
        while _is_ready(self._fd):
            chunk = _read(self._fd)
            if not chunk:
                return True
            self._at += len(chunk)
            yield from self._files.feed(self._reader, chunk)
        return False

    def _more_of_spool(self) -> Iterator[Block]:
        found = [
            os.path.join(queue, name)
            for queue in queues_of(self._path)
            for name in segments_of(queue)
        ]
        for path in found:
            if path not in self._segments:
                with contextlib.suppress(FileNotFoundError):
                    self._segments[path] = _Segment(self._files, self._files._open(path))
        for path in list(self._segments):
            segment = self._segments[path]
            yield from segment.more()
            if path not in found:  # sent and removed
                yield from segment.more()
                segment.close()
                del self._segments[path]


class _Segment:
    """A file of a spool that is followed: read on from the end of its last whole frame."""

    def __init__(self, files: Files, fd: int) -> None:
        self._files = files
        self._fd = fd
        self._at = 0

    def more(self) -> Iterator[Block]:
        reader = self._files.new_reader()
        fed = 0
        while chunk := os.pread(self._fd, _CHUNK, self._at + fed):
            if not reader.pending_bytes and not chunk.strip(b"\0"):
                break
            fed += len(chunk)
            yield from self._files.feed(reader, chunk)
        tail = reader.tail_bytes  # not written yet; or rotten, which a later frame will show
        self._at += fed - tail
        self._files.end(reader, tail)

    def close(self) -> None:
        os.close(self._fd)


def queues_of(path: str) -> list[str]:
    """Return the directories of the queues in the spool *path*, the oldest first."""
    if segments_of(path):
        return [path]  # the directory of one queue
    return list(directories(path))


def segments_of(queue: str) -> list[str]:
    """Return the names of the files with frames in the directory of a queue, in their order."""
    return sorted(name for name in os.listdir(queue) if name.endswith(SEGMENT))


def is_held(queue: str) -> bool:
    """Return whether a process uses the queue."""
    return holder_of(queue) is not None


def trailing_zeros(chunk: bytes, before: int) -> int:
    """Return the zeros at the end of a stream whose last bytes are *chunk*, *before* in front."""
    if chunk[-1]:
        return 0
    zeros = len(chunk) - len(chunk.rstrip(b"\0"))
    return zeros if zeros < len(chunk) else before + zeros


def _read(fd: int) -> bytes:
    """Read a chunk; wait while a FIFO or a terminal that is open has nothing."""
    while True:
        try:
            return os.read(fd, _CHUNK)
        except BlockingIOError:
            select.select([fd], [], [])


def _is_fifo(fd: int) -> bool:
    return stat.S_ISFIFO(os.fstat(fd).st_mode) and fd != 0


def _is_ready(fd: int) -> bool:
    """Return whether reading would not wait."""
    return bool(select.select([fd], [], [], 0)[0])
