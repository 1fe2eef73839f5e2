"""A file that gets every message, begun anew when it is large.

Knows blocks and files: no sockets, no terminal.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final

from heka._core import json_lines
from heka._display.render import render
from heka._runtime.rotation import move_away
from heka.framing import Block

FORMATS: Final = ("heka", "json", "text")
_BUFFER: Final = 1024 * 1024  # bytes


class FileError(Exception):
    """The file cannot be opened or written; the text says which and why."""


@contextlib.contextmanager
def _named(path: str, what: str) -> Iterator[None]:
    """Turn an OSError of the block into a FileError."""
    try:
        yield
    except OSError as exc:
        raise FileError(f"cannot {what} {path!r}: {exc.strerror or exc}") from exc


def _open_now(path: str, flags: int) -> int:
    """Open without waiting: a FIFO that no process reads is an error, ENXIO."""
    fd = os.open(path, flags | os.O_NONBLOCK, 0o666)
    os.set_blocking(fd, True)
    return fd


class MessageFile:
    """Appends messages to a file; ``flush`` writes what is buffered.

    Args:
        path: The file; made if it does not exist.
        form: ``heka`` for frames as they came, ``json`` for the lines of ``listen --json``, or
            ``text``.
        rotate: Bytes over which the file is renamed to ``path.N``, N being 1 or one more than the
            largest there, and a new one is begun; a block is never split. None: never.
        checked: Whether signatures were verified.

    Raises:
        FileError: The file cannot be opened. The methods raise it when it cannot be written.
    """

    def __init__(self, path: str, form: str, *, rotate: int | None, checked: bool) -> None:
        self.path = path
        self._form = form
        self._rotate = rotate
        self._checked = checked
        with _named(path, "open"):
            self._open()

    def write(self, block: Block, origin: str) -> None:
        """Append the messages of *block*, which came from *origin*."""
        data = self._bytes_of(block, origin)
        size = len(data) if isinstance(data, bytes) else block.nbytes
        with _named(self.path, "write"):
            if self._rotate is not None and self._size and self._size + size > self._rotate:
                self._begin_anew()
            self._file.write(data)
        self._size += size

    def flush(self) -> None:
        """Hand what is buffered to the kernel."""
        with _named(self.path, "write"):
            self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        with _named(self.path, "write"):
            self._file.close()

    def _open(self) -> None:
        self._file = open(  # noqa: SIM115  # close() closes it
            self.path, "ab", buffering=_BUFFER, opener=_open_now
        )
        self._size = os.fstat(self._file.fileno()).st_size

    def _begin_anew(self) -> None:
        self._file.close()
        move_away(self.path)
        self._open()

    def _bytes_of(self, block: Block, origin: str) -> bytes | Block:
        if self._form == "heka":
            return block
        if self._form == "json":
            return json_lines(block, self._checked, origin)
        texts = (
            render(
                frame.message,
                signer=frame.signer,
                signer_version=frame.signer_version,
                checked=self._checked,
                origin=origin,
            )
            for frame in block
        )
        return "".join(f"{text}\n" for text in texts).encode("utf-8", "backslashreplace")
