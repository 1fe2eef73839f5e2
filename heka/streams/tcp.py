"""TCP: a stream of frames on a connection; a broken connection is made again."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from socket import socket as Socket
from typing import Any

from heka._net.defaults import DEFAULT_PORT
from heka.streams.hosts import Host, Port, pair
from heka.streams.lanes import Lane
from heka.streams.network import DestinationStream

__all__ = ["TcpStream"]


class TcpStream(DestinationStream):
    """Send each frame over a connection to one host, or to each of several.

    Args:
        host: A name or address, or a sequence of them.
        port: A number, as int or text, or a sequence of them; zipped with the hosts. If there are
            fewer ports than hosts, the last port is repeated.
        timeout: Seconds that one write may take, including connecting.

    Raises:
        ConfigError: *host* or *port* is invalid.
    """

    def __init__(self, host: Host, port: Port = DEFAULT_PORT, *, timeout: float = 1.0) -> None:
        super().__init__(pair("tcp", host, port), timeout)
        self._sockets = _Sockets(self._lanes)

    @property
    def sockets(self) -> _Sockets:
        """The connected sockets, one for each destination; None before its first frame.

        Assigning an object replaces a socket: frames are sent by ``sendall(data)`` of the object,
        after ``connect((host, port))`` before the first frame, unless it is a connected socket.
        Assigning None ends the replacement.
        """
        return self._sockets

    @sockets.setter
    def sockets(self, values: Sequence[Any] | _Sockets) -> None:
        if values is self._sockets:  # ends the replacement, as mock.patch restores an attribute
            values = [None] * len(self._lanes)
        if len(values) != len(self._lanes):
            raise ValueError(
                f"expected one socket for each of {len(self._lanes)} destinations, "
                f"got {len(values)}"
            )
        for index, value in enumerate(values):
            self._sockets[index] = value

    @sockets.deleter
    def sockets(self) -> None:
        self.sockets = self._sockets


class _Sockets:
    """A view of the lanes' sockets whose items can be replaced."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._replaced: list[Any] = [None] * len(lanes)

    def __len__(self) -> int:
        return len(self._lanes)

    def __getitem__(self, index: int) -> Any:
        replaced = self._replaced[index]
        return self._lanes[index].connected if replaced is None else replaced

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __setitem__(self, index: int, value: Any) -> None:
        lane = self._lanes[index]
        if value is lane.connected or (isinstance(value, Socket) and value.fileno() < 0):
            value = None  # the socket that was connected here, restored after a replacement
        self._replaced[index] = value
        address = (lane.address.host, lane.address.port)
        lane.divert(None if value is None else _SendAll(value, address))

    def __repr__(self) -> str:
        return repr(list(self))


class _SendAll:
    """Sends by ``sendall`` of an object that replaces a socket."""

    def __init__(self, other: Any, address: tuple[str, int]) -> None:
        self._other = other
        self._address = address
        self._begun = False

    def __call__(self, data: Any) -> None:
        if not self._begun:
            if not self._is_connected():
                self._other.connect(self._address)
            self._begun = True
        self._other.sendall(data)

    def _is_connected(self) -> bool:
        if not isinstance(self._other, Socket):
            return False
        try:
            self._other.getpeername()
        except OSError as error:
            return error.errno != errno.ENOTCONN
        return True
