"""TcpInput and UdpInput: Heka messages and lines over TCP, TLS, unix sockets and UDP.

Each has a Receiver of its own, which the intake reads. What arrives is offered to the feed; while
that is paused nothing is read, and what has been read already waits here.
"""

from __future__ import annotations

import errno
import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from heka._receiving import endpoint
from heka._receiving.receiver import Reader, Received, Receiver
from heka._receiving.tally import Tally
from heka.agent.inputs.lines import LineReader
from heka.agent.inputs.losses import lost_datagrams
from heka.agent.options import REQUIRED, choice, option, tables_of
from heka.exceptions import ConfigError
from heka.message import MESSAGE_MAX

if TYPE_CHECKING:
    from ssl import SSLContext

    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["TcpInput", "TcpOptions", "UdpInput", "UdpOptions"]

_SPLITTERS = choice("HekaFramingSplitter", "TokenSplitter")


@dataclass(frozen=True)
class SignerOptions:
    """Options of ``[X.signer.NAME_VERSION]``."""

    hmac_key: str = option(REQUIRED, "text", "The key with which NAME signs its messages.")


@dataclass(frozen=True)
class ServerTlsOptions:
    """Options of ``[X.tls]`` of an input, with hekad's names."""

    cert_file: str = option(REQUIRED, "text", "PEM file with the certificate of this agent.")
    key_file: str = option("", "text", "PEM file with its private key; else it is in cert_file.")
    client_cafile: str = option(
        "", "text", "PEM file of CAs; clients must show a certificate of one of them."
    )


@dataclass(frozen=True)
class NetworkOptions:
    """Options that both have."""

    splitter: str = option(
        "HekaFramingSplitter",
        _SPLITTERS,
        "HekaFramingSplitter reads Heka messages, TokenSplitter lines of text.",
    )
    delimiter: str = option("\n", "text", "What ends a line of TokenSplitter.")
    max_message_size: int = option(
        MESSAGE_MAX,
        "size",
        "Bytes of a message or a line; a longer one is refused and counted. A queue holds messages "
        "of at most 64 KiB: a larger number means the same.",
    )
    signer: dict[str, SignerOptions] | None = option(
        None,
        tables_of(SignerOptions),
        "Keys by NAME_VERSION: signed messages must verify. Without it signatures are not checked.",
    )
    require_signature: bool = option(False, "boolean", "Refuse unsigned messages.")
    max_connections: int = option(
        1024,
        "integer",
        "Connections open at once; a further one replaces the one that was idle for longest.",
    )

    def __post_init__(self) -> None:
        """Check what belongs together; ConfigError."""
        if not self.delimiter:
            raise ConfigError("delimiter: expected at least one character, got ''")
        if not 1 <= self.max_message_size <= 16 * 1024 * 1024:
            raise ConfigError(
                f"max_message_size: expected 1 to 16 MiB, got {self.max_message_size}"
            )
        if self.max_connections < 1:
            raise ConfigError(f"max_connections: expected 1 or more, got {self.max_connections}")
        if self.require_signature and self.signer is None:
            raise ConfigError("require_signature: needs keys; give [X.signer.NAME_VERSION]")
        if self.splitter == "TokenSplitter" and self.signer is not None:
            raise ConfigError("signer: lines of text are not signed; use HekaFramingSplitter")
        self.signers()

    def signers(self) -> dict[tuple[str, int], bytes] | None:
        """Return the keys as a Receiver takes them; None: signatures are not checked."""
        if self.signer is None:
            return None
        found = {}
        for name, options in self.signer.items():
            signer, _, version = name.rpartition("_")
            if not signer or not (version.isascii() and version.isdecimal()):
                raise ConfigError(
                    f"signer: expected NAME_VERSION as in [X.signer.ops_1], got {name!r}"
                )
            found[signer, int(version)] = options.hmac_key.encode()
        return found


@dataclass(frozen=True)
class TcpOptions(NetworkOptions):
    """Options of ``TcpInput``."""

    address: str = option(
        REQUIRED, "text", "HOST:PORT to listen on; with net = 'unix' the path of the socket."
    )
    net: str = option("tcp", choice("tcp", "tcp4", "tcp6", "unix"), "The kind of the socket.")
    use_tls: bool = option(False, "boolean", "Accept TLS connections only.")
    tls: ServerTlsOptions | None = option(None, ServerTlsOptions, "Files for TLS.")

    def __post_init__(self) -> None:
        """Check what belongs together; ConfigError."""
        super().__post_init__()
        if self.use_tls != (self.tls is not None):
            given = "use_tls is not true" if self.tls else "[X.tls] is missing"
            raise ConfigError(f"use_tls: expected both use_tls = true and [X.tls], but {given}")
        if self.net != "unix":
            _parsed(self.address)


@dataclass(frozen=True)
class UdpOptions(NetworkOptions):
    """Options of ``UdpInput``."""

    address: str = option(
        REQUIRED, "text", "HOST:PORT to listen on; with net = 'unixgram' the path of the socket."
    )
    net: str = option("udp", choice("udp", "udp4", "udp6", "unixgram"), "The kind of the socket.")

    def __post_init__(self) -> None:
        """Check what belongs together; ConfigError."""
        super().__post_init__()
        if self.net != "unixgram":
            _parsed(self.address)


def _parsed(address: str) -> tuple[str, int]:
    try:
        return endpoint.parse_address(address)
    except ValueError as problem:
        raise ConfigError(f"address: {problem}") from None


class _Network(ABC):
    """What both have in common: the receiver, the feed, and what waits for it."""

    def __init__(self, name: str, options: Any, feed: Feed) -> None:
        self.name = name
        self.addresses: list[str] = []  # as bound, "tcp 127.0.0.1:5565"
        self._options = options
        self._feed = feed
        self._waiting: deque[Block] = deque()
        self._receiver: Receiver | None = None
        self._tally = Tally()
        self._bound: list[socket.socket] = []
        self._lost = 0  # datagrams that the kernel had no room for

    @abstractmethod
    def _sockets(self) -> list[socket.socket]:
        """Return the sockets, bound; OSError or ConfigError."""

    def _context(self) -> SSLContext | None:
        return None

    def start(self) -> None:
        """Bind; OSError or ConfigError when that fails."""
        options = self._options
        receiver = Receiver(
            max_message_size=min(options.max_message_size, MESSAGE_MAX),
            signers=options.signers(),
            require_signature=options.require_signature,
            max_connections=options.max_connections,
            make_reader=self._make_reader if options.splitter == "TokenSplitter" else None,
        )
        try:
            context = self._context()
            for sock in self._sockets():
                self.addresses.append(receiver.add(sock, context))
                self._bound.append(sock)
        except BaseException:
            receiver.close()
            raise
        self._receiver = receiver
        self._tally = receiver.tally

    def _make_reader(self, origin: str) -> Reader:
        transport, _, address = origin.partition(" ")
        host = address.rpartition(":")[0] if transport in ("udp", "tcp", "tls") else ""
        options = self._options
        return LineReader(
            self.name,
            host.strip("[]") or self._feed.world.hostname,
            delimiter=options.delimiter.encode(),
            longest=min(options.max_message_size, MESSAGE_MAX),
            whole=transport in ("udp", "unixgram"),
        )

    # ---- what the intake calls ----------------------------------------------------------------

    def fileno(self) -> int:
        """Return the descriptor of all its sockets."""
        return self._running().fileno()

    @property
    def is_paused(self) -> bool:
        """Whether something that was read waits for room in a queue."""
        return self._feed.paused_since is not None

    @property
    def due(self) -> float | None:
        """Seconds after which ``read`` is to be called in any case; None: no such time."""
        return self._running().due

    def read(self) -> None:
        """Read what has come, and offer it."""
        events = self._running().poll(0)
        self._waiting.extend(event.block for event in events if isinstance(event, Received))
        self._offer_waiting()

    def retry(self) -> bool:
        """Offer again what waits; True: it was accepted."""
        return self._feed.retry() and self._offer_waiting()

    def _offer_waiting(self) -> bool:
        while self._waiting:
            if not self._feed.offer(self._waiting.popleft()):
                return False
        return True

    # ---- the end, and the account --------------------------------------------------------------

    def stop(self, deadline: float) -> None:
        """Close the sockets, then give what was read; the intake does not read it any more.

        What the kernel has and nobody has read is lost, as with every receiver of Heka's TCP.
        """
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        self._count_losses()
        self._bound.clear()
        receiver.close()
        self._feed.retry_until(deadline)
        while self._waiting:
            self._feed.offer(self._waiting.popleft())
            self._feed.retry_until(deadline)

    def account(self) -> Mapping[str, object]:
        """Return what the kernel has lost, what was refused by reason, and what was discarded."""
        tally = self._tally
        self._count_losses()
        return {
            "lost": self._lost,
            "received_bytes": tally.received_bytes,
            "refused": dict(tally.refused),
            "discarded_bytes": tally.discarded_bytes,
            "displaced": tally.displaced,
        }

    def _count_losses(self) -> None:
        bound = [sock for sock in tuple(self._bound) if sock.fileno() >= 0]
        self._lost = max(self._lost, sum(map(lost_datagrams, bound)))

    def _running(self) -> Receiver:
        if self._receiver is None:
            raise OSError(errno.EBADF, f"{self.name} is not started")
        return self._receiver


class TcpInput(_Network):
    """Heka messages or lines over TCP, TLS or a unix stream socket."""

    Options: ClassVar[type] = TcpOptions

    def _sockets(self) -> list[socket.socket]:
        options = self._options
        if options.net == "unix":
            return [endpoint.listen_unix(options.address)]
        return [endpoint.listen_tcp(*_parsed(options.address))]

    def _context(self) -> SSLContext | None:
        tls = self._options.tls
        if tls is None:
            return None
        from heka._receiving.encrypted import server_context

        names = ("cert_file", "key_file", "client_cafile")
        return server_context(
            tls.cert_file, tls.key_file or None, tls.client_cafile or None, names=names
        )


class UdpInput(_Network):
    """Heka messages or lines over UDP or a unix datagram socket."""

    Options: ClassVar[type] = UdpOptions

    def _sockets(self) -> list[socket.socket]:
        options = self._options
        if options.net == "unixgram":
            return [endpoint.listen_unixgram(options.address)]
        return [endpoint.listen_udp(*_parsed(options.address))]
