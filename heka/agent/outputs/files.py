"""FileOutput and LogOutput: messages into files, and onto standard output."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from heka._net.transports import FileTransport
from heka._runtime.rotation import move_away
from heka.agent.options import REQUIRED, option
from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.outputs.encoders import PayloadEncoder, PayloadOptions

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder
    from heka.framing import Block

__all__ = ["FileOptions", "FileOutput", "LogOptions", "LogOutput"]


@dataclass(frozen=True)
class FileOptions:
    """Options of ``FileOutput``."""

    path: str = option(
        REQUIRED,
        "text",
        "The file; messages are appended. It may have directives of strftime in UTC, as in "
        "/var/log/heka-%Y-%m-%d.log: a new name begins a new file.",
    )
    perm: str = option("644", "mode", "Mode of a file that is made, octal.")
    folder_perm: str = option("700", "mode", "Mode of a directory that is made, octal.")
    rotate_size: int | None = option(
        None, "size", "Bytes over which the file is renamed to PATH.N, and a new one is begun."
    )


class FileOutput:
    """Appends to a file; opens it again when its path names another file (logrotate)."""

    Options: ClassVar[type] = FileOptions

    def __init__(self, name: str, options: FileOptions, encoder: Encoder | None) -> None:
        self._options = options
        self._encoder = encoder

    def outlet(self) -> Outlet:
        """Return an outlet that appends."""
        return BlockOutlet(_FileWriter(self._options, self._encoder))


class _FileWriter:
    """Appends encoded blocks to the file of the moment."""

    def __init__(self, options: FileOptions, encoder: Encoder | None) -> None:
        self._options = options
        self._encoder = encoder
        self._path = ""
        self._transport = FileTransport("")

    def is_open(self) -> bool:
        return self._path == self._path_now() and self._transport.is_open()

    def open(self, deadline: float) -> None:
        options = self._options
        self._transport.close()
        self._path = self._path_now()
        folder = os.path.dirname(self._path)
        if folder and not os.path.isdir(folder):
            os.makedirs(folder, int(options.folder_perm, 8), exist_ok=True)
        self._transport = FileTransport(self._path, mode=int(options.perm, 8), whole=lambda _: 0)
        self._transport.open(deadline)

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        data = bytes(block) if self._encoder is None else self._encoder.encode(block)
        if not self.is_open():
            self.open(deadline)
        limit = self._options.rotate_size
        if limit is not None and self._is_over(limit, len(data)):
            move_away(self._path)
            self.open(deadline)
        self._transport.send(data, deadline)
        return {}

    def close(self, deadline: float) -> None:
        self._transport.close()

    def _is_over(self, limit: int, more: int) -> bool:
        found = os.stat(self._path)
        return stat.S_ISREG(found.st_mode) and found.st_size > 0 and found.st_size + more > limit

    def _path_now(self) -> str:
        path = self._options.path
        return time.strftime(path, time.gmtime()) if "%" in path else path


@dataclass(frozen=True)
class LogOptions:
    """Options of ``LogOutput``: none."""


class LogOutput:
    """Writes to standard output, by default the payload of each message on a line."""

    Options: ClassVar[type] = LogOptions

    def __init__(self, name: str, options: LogOptions, encoder: Encoder | None) -> None:
        self._encoder = encoder or PayloadEncoder(name, PayloadOptions())

    def outlet(self) -> Outlet:
        """Return an outlet that writes to standard output."""
        return BlockOutlet(_StdoutWriter(self._encoder))


class _StdoutWriter:
    """Writes encoded blocks to standard output, which it never closes."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def is_open(self) -> bool:
        return True

    def open(self, deadline: float) -> None:
        """Do nothing: it is open, or the process was started without."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "the process has no standard output")
        sys.stdout.buffer.write(self._encoder.encode(block))
        sys.stdout.buffer.flush()
        return {}

    def close(self, deadline: float) -> None:
        """Do nothing."""
