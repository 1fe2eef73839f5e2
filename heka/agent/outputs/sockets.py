"""TcpOutput and UdpOutput: Heka messages to another agent, a grater, hekad or Hindsight."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from heka._delivery.queue import outlet_for
from heka._net.addresses import Address, QueueOptions, parse
from heka._net.transports import SocketTransport, make_socket
from heka.agent.options import REQUIRED, option
from heka.agent.outputs.blocks import BlockOutlet, check_connected
from heka.agent.outputs.encoders import ProtobufEncoder
from heka.agent.outputs.tls import ClientTlsOptions
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder
    from heka.framing import Block

__all__ = ["TcpOptions", "TcpOutput", "UdpOptions", "UdpOutput"]


@dataclass(frozen=True)
class TcpOptions:
    """Options of ``TcpOutput``."""

    address: str = option(
        REQUIRED,
        "text",
        "HOST:PORT, several of them for failover as 'a:5565,b:5565', or a URL with the options "
        "of the client, as in tls://host:5565?ca=FILE.",
    )
    use_tls: bool = option(False, "boolean", "Connect over TLS.")
    tls: ClientTlsOptions = option(None, ClientTlsOptions, "Options of TLS.")


@dataclass(frozen=True)
class UdpOptions:
    """Options of ``UdpOutput``."""

    address: str = option(REQUIRED, "text", "HOST:PORT, or a URL as udp://host:5565.")
    max_message_size: int = option(
        64_000, "size", "Bytes of a datagram; several messages share one as long as they fit."
    )


class _Sockets:
    """What both have in common."""

    def __init__(self, address: Address, encoder: Encoder | None) -> None:
        self.address = address
        self._encoder = None if isinstance(encoder, ProtobufEncoder) else encoder

    def outlet(self) -> Outlet:
        """Return an outlet that sends frames in C, or one that encodes them first."""
        if self._encoder is None:
            return outlet_for(self.address, self.address.queue or QueueOptions())
        return BlockOutlet(_EncodedWriter(self.address, self._encoder))


class TcpOutput(_Sockets):
    """Sends over TCP or TLS; what the peer's kernel has acknowledged counts as delivered."""

    Options: ClassVar[type] = TcpOptions

    def __init__(self, name: str, options: TcpOptions, encoder: Encoder | None) -> None:
        scheme = "tls" if options.use_tls else "tcp"
        address = _address(name, options.address, scheme, ("tcp", "tls", "unix"))
        if options.tls is not None:
            if address.scheme != "tls":
                raise ConfigError(f"{name}: [{name}.tls] is given, but use_tls is not true")
            address = dataclasses.replace(address, tls=options.tls.for_address())
        super().__init__(address, encoder)


class UdpOutput(_Sockets):
    """Sends over UDP or a unix datagram socket; what the kernel has taken counts as delivered."""

    Options: ClassVar[type] = UdpOptions

    def __init__(self, name: str, options: UdpOptions, encoder: Encoder | None) -> None:
        address = _address(name, options.address, "udp", ("udp", "unixgram"))
        size = min(options.max_message_size, address.datagram)
        queue = dataclasses.replace(address.queue or QueueOptions(), datagram_size=size)
        super().__init__(dataclasses.replace(address, queue=queue), encoder)


def _address(name: str, text: str, scheme: str, allowed: tuple[str, ...]) -> Address:
    address = parse(text if "://" in text else f"{scheme}://{text}")
    if address.scheme not in allowed:
        expected = ", ".join(f"{other}://" for other in allowed)
        raise ConfigError(f"{name}: address: expected HOST:PORT or one of {expected}, got {text!r}")
    return address


class _EncodedWriter:
    """Writes encoded blocks to a socket; what the kernel has taken counts as delivered."""

    def __init__(self, address: Address, encoder: Encoder) -> None:
        self._encoder = encoder
        self._transport: SocketTransport = make_socket(address)
        self._each = address.is_datagram

    def is_open(self) -> bool:
        return self._transport.is_open()

    def open(self, deadline: float) -> None:
        self._transport.open(deadline)

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        check_connected(self._transport)
        parts = (block[i : i + 1] for i in range(len(block))) if self._each else (block,)
        for part in parts:
            data = self._encoder.encode(part)
            if data:
                self._transport.send(data, deadline)
        return {}

    def close(self, deadline: float) -> None:
        self._transport.finish(deadline)
