"""UDP: one frame in each datagram."""

from __future__ import annotations

from socket import socket as Socket
from typing import Any

from heka._net.defaults import DEFAULT_PORT
from heka.streams.hosts import Host, Port, pair
from heka.streams.network import DestinationStream

__all__ = ["UdpStream"]


class UdpStream(DestinationStream):
    """Send each frame as a datagram to one host, or to each of several.

    Args:
        host: A name or address, or a sequence of them.
        port: A number, as int or text, or a sequence of them; zipped with the hosts. If there are
            fewer ports than hosts, the last port is repeated.
        timeout: Seconds that one write may take.

    Raises:
        ConfigError: *host* or *port* is invalid.
    """

    def __init__(self, host: Host, port: Port = DEFAULT_PORT, *, timeout: float = 1.0) -> None:
        super().__init__(pair("udp", host, port), timeout)
        self._replaced: Any = None

    @property
    def socket(self) -> Any:
        """The connected socket, the first one of several; None before the first frame.

        Assigning an object replaces the socket: ``socket.sendto(data, (host, port))`` is called for
        each destination. Assigning None, or deleting it, ends the replacement.
        """
        return self._lanes[0].connected if self._replaced is None else self._replaced

    @socket.setter
    def socket(self, value: Any) -> None:
        if value is self._lanes[0].connected or _is_closed(value):
            value = None
        self._replaced = value
        for lane in self._lanes:
            address = (lane.address.host, lane.address.port)
            lane.divert(None if value is None else _SendTo(value, address))

    @socket.deleter
    def socket(self) -> None:
        self.socket = None


def _is_closed(value: Any) -> bool:
    """Return whether *value* is a closed socket.

    A test that replaced ``socket`` may restore the former socket after this stream has closed it.
    """
    return isinstance(value, Socket) and value.fileno() < 0


class _SendTo:
    """Sends by ``sendto`` of an object that replaces the socket."""

    def __init__(self, other: Any, address: tuple[str, int]) -> None:
        self._other = other
        self._address = address

    def __call__(self, data: Any) -> None:
        self._other.sendto(data, self._address)
