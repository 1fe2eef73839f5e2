"""Files: each frame appended with one write."""

from __future__ import annotations

import errno
import os
import time
from typing import Any

from heka._net.addresses import Address
from heka._net.transports import FileTransport
from heka.exceptions import ConfigError
from heka.streams.network import DestinationStream

__all__ = ["FileStream"]


class FileStream(DestinationStream):
    """Append to a file what the encoder made: frames as they are, text as UTF-8.

    A file that is moved away (logrotate) is opened anew; other processes may append to it too.

    Args:
        filepath: Opened at once, and made where it is missing. A relative one means this directory,
            wherever the program goes later.
        timeout: Seconds that one write may take, to a FIFO: a disk is waited for.

    Raises:
        ConfigError: *filepath* is no path.
        OSError: It cannot be opened.
    """

    def __init__(self, filepath: str | os.PathLike[str], *, timeout: float = 1.0) -> None:
        name: Any = os.fspath(filepath) if isinstance(filepath, (str, os.PathLike)) else None
        if not isinstance(name, str) or not name or "\0" in name:
            raise ConfigError(f"filepath: expected the path of a file, got {filepath!r}")
        path = os.path.abspath(name)
        super().__init__([Address("file", path=path)], timeout)
        _try(path)


def _try(path: str) -> None:
    """Open the file once, so that a wrong path is known when the program starts."""
    file = FileTransport(path)
    try:
        file.open(time.monotonic())
    except OSError as error:
        if error.errno != errno.ENXIO:  # a FIFO whose reader comes later
            error.filename = path
            raise
    finally:
        file.close()
