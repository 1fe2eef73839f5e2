"""Unix sockets: frames to a process on the same host."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, Literal

from heka._net.addresses import Address
from heka.exceptions import ConfigError
from heka.streams.hosts import values_of
from heka.streams.network import DestinationStream

__all__ = ["UnixStream"]

#: Bytes of a path that sockaddr_un holds, its NUL not counted.
_PATH_MAX = 107 if sys.platform == "linux" else 103
_SCHEMES = {"stream": "unix", "datagram": "unixgram"}

_Path = str | os.PathLike[str]


class UnixStream(DestinationStream):
    """Send each frame to one Unix socket, or to each of several.

    Args:
        path: Path of the socket, or a sequence of paths; a leading ``@`` names an abstract socket.
        kind: ``'stream'``, or ``'datagram'`` with one frame in each datagram.
        timeout: Seconds that one write may take, including connecting.

    Raises:
        ConfigError: *path* is not a path, or too long for a socket; or *kind* is invalid.
    """

    def __init__(
        self,
        path: _Path | Iterable[_Path],
        kind: Literal["stream", "datagram"] = "stream",
        *,
        timeout: float = 1.0,
    ) -> None:
        if kind not in _SCHEMES:
            raise ConfigError(f"kind: expected 'stream' or 'datagram', got {kind!r}")
        paths = values_of(path, "path", (str, os.PathLike))
        super().__init__([Address(_SCHEMES[kind], path=_checked(one)) for one in paths], timeout)


def _checked(path: Any) -> str:
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(name, str) or not name or "\0" in name:
        raise ConfigError(f"path: expected the path of a unix socket, got {path!r}")
    if not name.startswith("@"):
        name = os.path.abspath(name)  # a daemon may change the working directory later
    size = len(os.fsencode(name))
    if size > _PATH_MAX:
        raise ConfigError(
            f"path: {name!r} has {size} bytes, a unix socket's at most {_PATH_MAX}; "
            "bind it at a shorter path"
        )
    return name
