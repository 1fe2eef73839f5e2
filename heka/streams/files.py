"""Files: each frame appended with one write."""

from __future__ import annotations

import errno
import os
from typing import Any

from heka._core import monotonic
from heka._net.addresses import Address
from heka._net.transports import FileTransport
from heka.exceptions import ConfigError
from heka.streams.network import DestinationStream

__all__ = ["FileStream"]


class FileStream(DestinationStream):
    """Append encoded messages to a file: bytes unchanged, text as UTF-8.

    After the file is moved away (logrotate), the path is opened again. Other processes may append
    to the same file.

    Args:
        filepath: The file; it is opened at once, and created if it is missing. A relative path is
            resolved now, against the working directory.
        timeout: Seconds that one write to a FIFO may take; a write to disk has no timeout.

    Raises:
        ConfigError: *filepath* is no path.
        OSError: It cannot be opened.
    """

    def __init__(self, filepath: str | os.PathLike[str], *, timeout: float = 1.0) -> None:
        name: Any = os.fspath(filepath) if isinstance(filepath, (str, os.PathLike)) else None
        if not isinstance(name, str) or not name or "\0" in name:
            raise ConfigError(f"filepath: expected the path of a file, got {filepath!r}")
        if name.startswith("file://"):
            raise ConfigError(f"filepath: expected a path, got a URL: UrlStream({name!r}) takes it")
        path = os.path.abspath(name)
        super().__init__([Address("file", path=path)], timeout)
        _try(path)


def _try(path: str) -> None:
    """Open the file once, so that a wrong path raises when the stream is created."""
    file = FileTransport(path)
    try:
        file.open(monotonic())
    except OSError as error:
        if error.errno != errno.ENXIO:  # ENXIO: a FIFO that has no reader yet
            error.filename = path
            raise
    finally:
        file.close()
