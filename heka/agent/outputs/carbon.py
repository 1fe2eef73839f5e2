"""CarbonOutput: lines of payloads to carbon, the store of Graphite."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from heka._core import carbon_lines
from heka._net.addresses import parse
from heka._net.transports import SocketTransport, make_socket
from heka.agent.options import choice, option
from heka.agent.outputs.blocks import BlockOutlet, check_connected
from heka.agent.outputs.encoders import PayloadEncoder
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka._net.addresses import Address
    from heka.agent.plugin import Encoder
    from heka.framing import Block

__all__ = ["CarbonOptions", "CarbonOutput"]

#: Lines of a write over TCP; bytes of a datagram, which passes every network whole.
_LINES: Final = 500
_DATAGRAM: Final = 1400
_TAG: Final = re.compile(r"[^;!^=\s]+")
_TAG_VALUE: Final = re.compile(r"[^;~\s][^;\s]*")
_REFUSED: Final = ("too_long", "malformed", "not_text")


@dataclass(frozen=True)
class CarbonOptions:
    """Options of ``CarbonOutput``."""

    address: str = option("localhost:2003", "text", "HOST:PORT of carbon's plain text protocol.")
    protocol: str = option("tcp", choice("tcp", "udp"), "Over UDP, lines may be lost uncounted.")
    tcp_keep_alive: bool = option(True, "boolean", "No effect: the connection is always kept.")
    tags: dict[str, str] = option(
        {}, "texts", "Tags behind each key, as ;NAME=VALUE: for Graphite 1.1 or later."
    )

    def __post_init__(self) -> None:
        """Check the tags; ConfigError."""
        for name, value in self.tags.items():
            if not (_TAG.fullmatch(name) and _TAG_VALUE.fullmatch(value) and value.isprintable()):
                raise ConfigError("tags: expected names and values without ; blanks ! ^ = and ~")


class CarbonOutput:
    """Sends the lines ``key value time`` of payloads, as StatAccumInput writes them.

    Lines that carbon would lose are refused and counted. Carbon answers nothing: what its kernel
    has taken counts as delivered; a block that was cut off is sent again, which changes no value.
    """

    Options: ClassVar[type] = CarbonOptions

    def __init__(self, name: str, options: CarbonOptions, encoder: Encoder | None) -> None:
        if encoder is not None and not isinstance(encoder, PayloadEncoder):
            raise ConfigError(f"{name}: encoder: expected none, carbon takes lines of payloads")
        if "://" in options.address or "," in options.address:
            raise ConfigError(f"address: expected HOST:PORT, got {options.address!r}")
        self.address = parse(f"{options.protocol}://{options.address}")
        self._tags = "".join(f";{key}={value}" for key, value in options.tags.items()).encode()
        self._counts: Counter[str] = Counter(dict.fromkeys(("lines", *_REFUSED), 0))

    def outlet(self) -> Outlet:
        """Return an outlet that sends lines."""
        return BlockOutlet(_LinesWriter(self.address, self._tags, self._counts))

    def account(self) -> Mapping[str, object]:
        """Return how many lines were sent, and why others were refused."""
        counts = self._counts
        return {
            "lines": counts["lines"],
            "bad_lines": {name: counts[name] for name in _REFUSED if counts[name]},
        }


class _LinesWriter:
    """Sends the lines of blocks to a socket."""

    def __init__(self, address: Address, tags: bytes, counts: Counter[str]) -> None:
        self._transport: SocketTransport = make_socket(address)
        self._limits = (0, _DATAGRAM) if address.is_datagram else (_LINES, 0)
        self._tags = tags
        self._counts = counts

    def is_open(self) -> bool:
        return self._transport.is_open()

    def open(self, deadline: float) -> None:
        self._transport.open(deadline)

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        check_connected(self._transport)
        pieces, counts = carbon_lines(block, self._tags, *self._limits)
        for piece in pieces:
            self._transport.send(piece, deadline)
        self._counts.update(dict(zip(("lines", *_REFUSED), counts, strict=True)))
        return {}

    def close(self, deadline: float) -> None:
        self._transport.finish(deadline)
