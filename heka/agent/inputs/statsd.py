"""StatsdInput: lines of statsd over UDP, TCP, unix sockets, into the table of a StatAccumInput.

It has a thread of its own. Datagrams go from the socket into the table in C, without the GIL; the
lines of a stream by its connection. It makes no messages: the StatAccumInput does.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from heka._core import monotonic
from heka._receiving import endpoint
from heka._receiving.receiver import Receiver
from heka.agent.inputs.losses import count_losses, lost_datagrams
from heka.agent.inputs.stat_accum import accumulator
from heka.agent.options import choice, option
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from heka._core import StatTable
    from heka.agent.graph import Feed
    from heka.framing import Block

    _Find = Callable[[], StatTable]

__all__ = ["StatsdInput", "StatsdOptions"]

_NETS = choice("udp", "udp4", "udp6", "tcp", "tcp4", "tcp6", "unixgram", "unix")
#: Seconds of one call of ``receive``: signals and a replaced StatAccumInput are seen after it.
_TURN: Final = 0.5
_DATAGRAM_MAX: Final = 65_535  # bytes of the longest UDP datagram
_WRAP: Final = 1 << 32  # the kernel's count of losses has 32 bits


@dataclass(frozen=True)
class StatsdOptions:
    """Options of ``StatsdInput``."""

    address: str = option(
        "127.0.0.1:8125", "text", "HOST:PORT to listen on; of a unix socket, its path."
    )
    net: str = option("udp", _NETS, "The kind of the socket.")
    stat_accum_name: str = option(
        "StatAccumInput", "text", "Section of the StatAccumInput that gets the stats."
    )
    max_msg_size: int = option(
        8192,
        "size",
        "Bytes of a datagram, or of a line of a stream; a longer one is cut to its whole lines and "
        "counted.",
    )
    max_connections: int = option(256, "integer", "Connections open at once, of a stream.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not 1 <= self.max_msg_size <= _DATAGRAM_MAX:
            raise ConfigError(f"max_msg_size: expected 1 to 65535 bytes, got {self.max_msg_size}")
        if self.max_connections < 1:
            raise ConfigError(f"max_connections: expected 1 or more, got {self.max_connections}")
        if not self.net.startswith("unix"):
            self.parsed()

    def parsed(self) -> tuple[str, int]:
        """Return the host and the port of ``address``."""
        try:
            return endpoint.parse_address(self.address)
        except ValueError as problem:
            raise ConfigError(f"address: {problem}") from None


class StatsdInput:
    """Reads statsd lines into the table of a StatAccumInput."""

    Options: ClassVar[type] = StatsdOptions

    def __init__(self, name: str, options: StatsdOptions, feed: Feed) -> None:
        """Keep the arguments; opens nothing."""
        self.name = name
        self.addresses: list[str] = []  # as bound: "udp 127.0.0.1:8125"
        self._options = options
        self._feed = feed
        self._server: _DatagramServer | _StreamServer | None = None
        self._account: dict[str, object] = {}

    def start(self) -> None:
        """Bind and begin to read; ConfigError when there is no such StatAccumInput."""
        self._table()
        options = self._options
        if options.net in ("unix", "tcp", "tcp4", "tcp6"):
            self._server = _StreamServer(self._table, options)
        else:
            self._server = _DatagramServer(self._table, options)
        self.addresses = [self._server.address]
        self._server.start(self.name)

    def stop(self, deadline: float) -> None:
        """Read what the kernel has already, then close; what was read is in the table."""
        server = self._server
        if server is not None:
            server.stop(deadline)
            self._account = server.account()
            self._server = None

    def account(self) -> Mapping[str, object]:
        """Return how much was read, what was cut, and what the kernel has dropped."""
        server = self._server
        return self._account if server is None else server.account()

    def _table(self) -> StatTable:
        """Return the table now: the section of the StatAccumInput may have been replaced."""
        return accumulator(self._feed.world, self._options.stat_accum_name, self.name).table


class _DatagramServer:
    """A datagram socket and its thread, which is in C nearly always."""

    def __init__(self, table: _Find, options: StatsdOptions) -> None:
        self._find = table
        self._size = options.max_msg_size
        if options.net == "unixgram":
            self._socket = endpoint.listen_unixgram(options.address)
            found = os.stat(options.address)
            self._path = (options.address, found.st_dev, found.st_ino)
        else:
            self._socket = endpoint.listen_udp(*options.parsed())
            self._path = ("", 0, 0)
        self._socket.setblocking(False)
        count_losses(self._socket)
        self.address = endpoint.name_of(self._socket)
        self._wake_in, self._wake_out = os.pipe()
        self._stopping = False
        self._counts = {"datagrams": 0, "cut": 0, "lost": 0}
        self._thread: threading.Thread | None = None

    def start(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=f"heka {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        table = self._find()
        while not self._stopping:
            self._receive(table, _TURN)
            with contextlib.suppress(ConfigError):  # between two sections of that name
                table = self._find()
        self._receive(table, 0.0)  # what the kernel has already

    def _receive(self, table: StatTable, seconds: float) -> None:
        counts = self._counts
        fd = self._socket.fileno()
        datagrams, cut, lost = table.receive(fd, self._wake_in, seconds, self._size)
        counts["datagrams"] += datagrams
        counts["cut"] += cut
        counts["lost"] = _later(counts["lost"], lost)

    def account(self) -> dict[str, object]:
        counts = self._counts
        if self._socket.fileno() >= 0:
            counts["lost"] = _later(counts["lost"], lost_datagrams(self._socket))
        return dict(counts)

    def stop(self, deadline: float) -> None:
        self._stopping = True
        os.write(self._wake_out, b"x")
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - monotonic()))
            if self._thread.is_alive():
                return  # its descriptors are still in use
        self.account()
        self._socket.close()
        os.close(self._wake_in)
        os.close(self._wake_out)
        path, device, inode = self._path
        if path:
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(path)
                if (found.st_dev, found.st_ino) == (device, inode):
                    os.unlink(path)


def _later(before: int, now: int) -> int:
    """Return the count *before*, raised to *now*, which the kernel counts modulo 2**32."""
    gain = (now - before) % _WRAP
    return before + gain if gain < _WRAP // 2 else before


class _StreamServer:
    """A Receiver whose readers feed lines into the table, and its thread."""

    def __init__(self, table: _Find, options: StatsdOptions) -> None:
        self._find = table
        self._size = options.max_msg_size
        self._receiver = Receiver(
            max_connections=options.max_connections, make_reader=self._make_reader
        )
        if options.net == "unix":
            sock = endpoint.listen_unix(options.address)
        else:
            sock = endpoint.listen_tcp(*options.parsed())
        self.address = self._receiver.add(sock)
        self._stopping = False
        self._thread: threading.Thread | None = None

    def _make_reader(self, origin: str) -> LinesReader:
        return LinesReader(self._find, self._size)

    def start(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=f"heka {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping:
            self._receiver.poll(_TURN)
        self._receiver.close()

    def account(self) -> dict[str, object]:
        tally = self._receiver.tally
        return {
            "received_bytes": tally.received_bytes,
            "cut": tally.refused.get("oversize", 0),
            "displaced": tally.displaced,
        }

    def stop(self, deadline: float) -> None:
        self._stopping = True
        self._receiver.wake()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - monotonic()))
        else:
            self._receiver.close()


class LinesReader:
    """Feeds the whole lines of one connection into a table; a reader for a Receiver.

    Attributes:
        delivered_bytes, refused, refused_bytes, discarded_bytes, last_refused: As of BlockReader;
            what the table refuses is in its own account.
    """

    def __init__(self, table: _Find, longest: int) -> None:
        """Begin without a line; one of more than *longest* bytes is refused."""
        self.delivered_bytes = 0
        self.refused: dict[str, int] = {}
        self.refused_bytes = 0
        self.discarded_bytes = 0
        self.last_refused: tuple[str, str, int] | None = None
        self._find = table
        self._table = table()
        self._longest = longest
        self._pending = b""
        self._passing_over = False  # the rest of a line that was too long

    def feed(self, chunk: bytes | memoryview, /) -> list[Block]:
        """Feed the lines that end in *chunk*; makes no messages."""
        lines, newline, rest = (self._pending + chunk).rpartition(b"\n")
        if newline and self._passing_over:
            passed, _, lines = lines.partition(b"\n")
            self.refused_bytes += len(passed) + 1
            self._passing_over = False
            newline = newline if lines else b""
        if newline:
            with contextlib.suppress(ConfigError):  # between two sections of that name
                self._table = self._find()
            self._table.feed(lines)
            self.delivered_bytes += len(lines) + 1
        if self._passing_over or len(rest) > self._longest:
            if not self._passing_over:
                self.refused["oversize"] = self.refused.get("oversize", 0) + 1
                self._table.refuse(1)
            self._passing_over = True
            self.refused_bytes += len(rest)
            rest = b""
        self._pending = rest
        return []

    def close(self) -> None:
        """Feed the last line, which needs no newline."""
        if self._pending:
            self._table.feed(self._pending)
            self.delivered_bytes += len(self._pending)
            self._pending = b""
