"""The receiver: reads blocks of messages from sockets, and counts what it refuses and discards.

One thread, one selector, non-blocking sockets. Each TCP or unix connection has its own
BlockReader; each datagram is complete and gets a new one. No object is made for a message. Writes
no text, knows no terminal.

    receiver = Receiver(signers={("ops", 1): b"key"})
    receiver.add(endpoint.listen_udp("127.0.0.1", 5565))
    while running:
        for event in receiver.poll():
            ...                                     Received, Rejected or Ended
    last = receiver.close()

Input is not trusted. At most ``max_connections`` are open; a further one replaces the one that has
been idle for the longest time. A connection buffers at most one incomplete frame of
``max_message_size``. A peer that disappears, resets or sends garbage affects its own connection
only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from heka._core import monotonic
from heka._receiving import endpoint
from heka._receiving.tally import Tally
from heka._receiving.watching import Watching
from heka.framing import Block, BlockReader, frame
from heka.message import MESSAGE_MAX

if TYPE_CHECKING:
    from ssl import SSLContext

MESSAGE_LIMIT: Final = 16 * 1024 * 1024  # bytes; the largest limit that StreamReader takes
MAX_CONNECTIONS: Final = 256
_PENDING_LIMIT: Final = 256 * 1024 * 1024  # bytes of incomplete frames, over all connections
_CHUNK: Final = 256 * 1024  # bytes read at once; a datagram has at most 65,535
_TURN: Final = 4 * 1024 * 1024  # bytes after which poll returns, and goes on with the next call
_DATAGRAMS: Final = 64  # read per turn and socket: one busy socket cannot starve others
_ACCEPTS: Final = 32  # connections accepted per turn and socket, for the same reason
_ACCEPT_PAUSE: Final = 0.5  # seconds without accepting after descriptors ran out
_RECORD_SEPARATOR: Final = 0x1E  # first byte of a frame; no protobuf Message starts with it
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Reader(Protocol):
    """Makes blocks of the bytes of one peer: BlockReader, or another with its account.

    Of the bytes fed, each was delivered, refused, discarded, or is pending.
    """

    @property
    def delivered_bytes(self) -> int:
        """Bytes of what was delivered."""

    @property
    def refused(self) -> Mapping[str, int]:
        """Reason -> records that were refused."""

    @property
    def refused_bytes(self) -> int:
        """Bytes of what was refused."""

    @property
    def discarded_bytes(self) -> int:
        """Bytes outside of any record."""

    @property
    def last_refused(self) -> tuple[str, str, int] | None:
        """(reason, name, version) of the last refused record that names a signer."""

    def feed(self, chunk: memoryview, /) -> list[Block]:
        """Return the records that are complete with *chunk*."""

    def close(self) -> None:
        """End the input: what is incomplete is discarded."""


@dataclass(frozen=True)
class Received:
    """Complete messages of one peer, in the order in which it sent them.

    The block has their signer; None there: unsigned, or signatures are not checked.
    """

    block: Block
    origin: str  # "udp 127.0.0.1:41234"


@dataclass(frozen=True)
class Rejected:
    """The frames that one read refused, and the bytes that it discarded."""

    refused: Counter[str]  # reason -> frames
    discarded_bytes: int  # bytes outside of any frame
    origin: str
    #: (reason, name, version) of the last refused frame that names a signer; unproven
    signer: tuple[str, str, int] | None = None


@dataclass(frozen=True)
class Ended:
    """A connection that did not end in good order."""

    origin: str
    why: Literal["reset", "displaced"]  # by the peer; or here, idle, to accept a new one


Event = Received | Rejected | Ended


class Receiver(Watching):
    """Receives on any number of sockets; the module docstring shows the loop.

    Args:
        max_message_size: Bytes, 1 to 16 MiB; longer messages are refused as ``oversize``.
        signers: ``{(name, version): key}``; None: signatures are not checked.
        require_signature: Refuse unsigned messages.
        max_connections: Connections open at once; lowered so that their incomplete frames take at
            most 256 MiB together.
        make_reader: Called with the origin of each connection and datagram; None: BlockReaders.
    """

    def __init__(
        self,
        *,
        max_message_size: int = MESSAGE_MAX,
        signers: Mapping[tuple[str, int], bytes] | None = None,
        require_signature: bool = False,
        max_connections: int = MAX_CONNECTIONS,
        make_reader: Callable[[str], Reader] | None = None,
    ) -> None:
        self.tally = Tally()
        self.checked = signers is not None
        self.max_connections = max(1, min(max_connections, _PENDING_LIMIT // max_message_size))
        self._max_message_size = max_message_size
        self._signers = None if signers is None else dict(signers)
        self._require_signature = require_signature
        self._make_reader = make_reader
        super().__init__()
        self._ready: deque[tuple[Any, Any]] = deque()  # (source, socket) that can be read
        self._listeners: list[_Listener | _Datagrams] = []
        self._connections: set[_Connection] = set()
        self._accept_after: float | None = None  # monotonic time until which accepting is paused
        self._paths: dict[str, tuple[int, int]] = {}  # of our unix sockets: device and inode
        self._buffer = memoryview(bytearray(_CHUNK))
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, None)

    # ---- public methods --------------------------------------------------------------------------

    def add(self, sock: socket.socket, context: SSLContext | None = None) -> str:
        """Receive from *sock*, and close it in ``close``.

        Args:
            sock: A bound datagram socket or a listening stream socket.
            context: Of ``heka._receiving.encrypted``: receive over TLS.

        Returns:
            Its address as text, ``udp 127.0.0.1:5565``.
        """
        sock.setblocking(False)
        name = endpoint.name_of(sock)
        source: _Datagrams | _Listener
        if sock.type == socket.SOCK_DGRAM:
            source = _Datagrams(sock, name)
        else:
            if context is not None:
                name = name.replace("tcp ", "tls ", 1)
            source = _Listener(sock, name, context)
        self._listeners.append(source)
        self._selector.register(sock, selectors.EVENT_READ, source)
        if sock.family == socket.AF_UNIX:
            path = os.fsdecode(sock.getsockname())
            found = os.stat(path)
            self._paths[path] = (found.st_dev, found.st_ino)
        return name

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Wait at most *timeout* seconds (None: no limit) until data arrives.

        Returns:
            What arrived, in the order in which each peer sent it; an empty list after ``wake``, a
            timeout, or when only part of a frame came.
        """
        events: list[Event] = []
        if not self._ready:
            self._ready.extend(
                (key.data, key.fileobj)
                for key, _ in self._selector.select(self._select_timeout(timeout))
            )
        enough = self.tally.received_bytes + _TURN
        while self._ready and self.tally.received_bytes < enough:
            source, sock = self._ready.popleft()
            if isinstance(source, _Connection):
                if source in self._connections:  # not closed by an earlier event
                    self._read_stream(source, events)
            elif isinstance(source, _Datagrams):
                self._read_datagrams(source, events)
            elif isinstance(source, _Listener):
                self._accept(source, events)
            elif source is not None:
                if self._is_watched(sock):  # not ended by an earlier event
                    source()
            else:
                with contextlib.suppress(BlockingIOError):
                    self._wake_in.recv(4096)
        return events

    def fileno(self) -> int:
        """Return a descriptor that can be read when ``poll`` has something to do."""
        return self._selector.fileno()

    @property
    def due(self) -> float | None:
        """Seconds after which ``poll`` is to be called in any case; None: no such time."""
        return 0.0 if self._ready else self._select_timeout(None)

    def wake(self) -> None:
        """End the current ``poll``, or the next one; may be called from a signal handler."""
        with contextlib.suppress(OSError):
            self._wake_out.send(b"\0")

    @property
    def wake_descriptor(self) -> int:
        """A non-blocking socket: writing any byte to it is what ``wake`` does."""
        return self._wake_out.fileno()

    def close(self) -> list[Event]:
        """Close every socket; returns a Rejected for each incomplete frame, which is discarded."""
        events: list[Event] = []
        for connection in list(self._connections):
            self._drop(connection, events)
        for source in self._listeners:
            source.sock.close()
        for path, identity in self._paths.items():
            with contextlib.suppress(OSError):
                found = os.stat(path)
                if (found.st_dev, found.st_ino) == identity:
                    os.unlink(path)
        self._listeners.clear()
        self._paths.clear()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
        return events

    # ---- streams ---------------------------------------------------------------------------------

    def _accept(self, listener: _Listener, events: list[Event]) -> None:
        if self._accept_after is not None:  # paused after select returned
            return
        for _ in range(_ACCEPTS):
            try:
                sock, peer = listener.sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno in _EXHAUSTED:
                    self._pause_accepting(_ACCEPT_PAUSE)
                return
            sock.setblocking(False)
            with contextlib.suppress(OSError):  # closes connections whose host has disappeared
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if listener.context is not None:
                try:  # the handshake is done by recv_into
                    sock = listener.context.wrap_socket(
                        sock, server_side=True, do_handshake_on_connect=False
                    )
                except OSError:  # closed by the peer already
                    sock.close()
                    continue
            if len(self._connections) >= self.max_connections:
                self._displace(events)
            origin = listener.origin(peer)
            connection = _Connection(sock, origin, self._new_reader(origin))
            self._connections.add(connection)
            self._selector.register(sock, selectors.EVENT_READ, connection)

    def _read_stream(self, connection: _Connection, events: list[Event]) -> None:
        try:
            size = connection.sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except ConnectionResetError:
            self.tally.resets += 1
            self._drop(connection, events)
            events.append(Ended(connection.account.origin, "reset"))
            return
        except OSError:  # timed out or unreachable: the connection has ended
            size = 0
        if size == 0:
            self._drop(connection, events)
            return
        connection.read_at = monotonic()
        self._feed(connection.account, self._buffer[:size], events)

    def _displace(self, events: list[Event]) -> None:
        """Close the connection that has been idle for the longest time."""
        by_age = sorted(self._connections, key=lambda connection: connection.read_at)
        for connection in by_age:
            before = connection.read_at
            self._read_stream(connection, events)  # it may not be idle
            if connection not in self._connections:
                return
            if connection.read_at == before:
                break
        else:
            connection = by_age[0]
        self.tally.displaced += 1
        self._drop(connection, events)
        events.append(Ended(connection.account.origin, "displaced"))

    def _drop(self, connection: _Connection, events: list[Event]) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._connections.discard(connection)
        connection.account.reader.close()
        self._update_tally(connection.account, events)
        if self._accept_after is not None:
            self._resume_accepting()

    def _pause_accepting(self, seconds: float) -> None:
        """Leave new connections in the kernel's listen queue for *seconds*."""
        self._accept_after = monotonic() + seconds
        for source in self._listeners:
            if isinstance(source, _Listener):
                self._selector.unregister(source.sock)

    def _resume_accepting(self) -> None:
        self._accept_after = None
        for source in self._listeners:
            if isinstance(source, _Listener):
                self._selector.register(source.sock, selectors.EVENT_READ, source)

    def _select_timeout(self, timeout: float | None) -> float | None:
        """Return the timeout for select: at most until a pause in accepting ends."""
        if self._accept_after is None or self._accept_after == float("inf"):
            return timeout
        left = self._accept_after - monotonic()
        if left <= 0:
            self._resume_accepting()
            return timeout
        return left if timeout is None else min(left, timeout)

    # ---- datagrams -------------------------------------------------------------------------------

    def _read_datagrams(self, source: _Datagrams, events: list[Event]) -> None:
        for _ in range(_DATAGRAMS):
            try:
                size, peer = source.sock.recvfrom_into(self._buffer)
            except OSError:  # no more data, or an error of an earlier datagram
                return
            data = self._buffer[:size]
            origin = source.origin(peer)
            is_framed = self._make_reader is not None or (size and data[0] == _RECORD_SEPARATOR)
            if size and (is_framed or not self._read_bare(data, origin, events)):
                account = _Account(self._new_reader(origin), origin)
                self._feed(account, data, events, last=True)

    def _read_bare(self, data: memoryview, origin: str, events: list[Event]) -> bool:
        """Read *data* as one Message without a frame (``?framing=none``); False: it is none."""
        size = len(data)
        blocks = BlockReader().feed(frame(data))
        if not blocks:
            return False
        reason = (
            "oversize"
            if size > self._max_message_size
            else "unsigned"
            if self.checked and self._require_signature
            else None
        )
        self.tally.received_bytes += size
        if reason is None:
            self.tally.messages += 1
            self.tally.delivered_bytes += size
            events.append(Received(blocks[0], origin))
        else:
            self.tally.refused[reason] += 1
            self.tally.refused_bytes += size
            events.append(Rejected(Counter({reason: 1}), 0, origin))
        return True

    # ---- streams and datagrams -------------------------------------------------------------------

    def _new_reader(self, origin: str) -> Reader:
        if self._make_reader is not None:
            return self._make_reader(origin)
        return BlockReader(
            max_message_size=self._max_message_size,
            signers=self._signers,
            require_signature=self._require_signature,
        )

    def _feed(
        self, account: _Account, data: memoryview, events: list[Event], *, last: bool = False
    ) -> None:
        self.tally.received_bytes += len(data)
        for block in account.reader.feed(data):
            self.tally.messages += len(block)
            events.append(Received(block, account.origin))
        if last:
            account.reader.close()
        self._update_tally(account, events)

    def _update_tally(self, account: _Account, events: list[Event]) -> None:
        """Add what the reader has counted since the last call to the tally."""
        reader, seen = account.reader, account.seen
        refused = Counter(reader.refused) - seen.refused
        discarded = reader.discarded_bytes - seen.discarded_bytes
        self.tally.refused += refused
        self.tally.discarded_bytes += discarded
        self.tally.refused_bytes += reader.refused_bytes - seen.refused_bytes
        self.tally.delivered_bytes += reader.delivered_bytes - seen.delivered_bytes
        seen.refused += refused
        seen.discarded_bytes = reader.discarded_bytes
        seen.refused_bytes = reader.refused_bytes
        seen.delivered_bytes = reader.delivered_bytes
        if refused or discarded:
            last = reader.last_refused
            signer = last if last is not None and refused[last[0]] else None
            events.append(Rejected(refused, discarded, account.origin, signer))


class _Account:
    """A reader, and the part of its counts that the tally includes already."""

    __slots__ = ("origin", "reader", "seen")

    def __init__(self, reader: Reader, origin: str) -> None:
        self.reader = reader
        self.origin = origin
        self.seen = Tally()


class _Connection:
    """An accepted connection."""

    __slots__ = ("account", "read_at", "sock")

    def __init__(self, sock: socket.socket, origin: str, reader: Reader) -> None:
        self.sock = sock
        self.account = _Account(reader, origin)
        self.read_at = monotonic()


class _Listener:
    """A listening stream socket."""

    __slots__ = ("context", "name", "sock")

    def __init__(self, sock: socket.socket, name: str, context: SSLContext | None) -> None:
        self.sock = sock
        self.name = name
        self.context = context

    def origin(self, peer: object) -> str:
        """Return the peer's address as text; that of the socket itself for a unix socket."""
        if isinstance(peer, tuple):
            transport = "tcp" if self.context is None else "tls"
            return f"{transport} {endpoint.format_address(peer)}"
        return self.name


class _Datagrams:
    """A bound datagram socket."""

    __slots__ = ("name", "sock")

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.sock = sock
        self.name = name

    def origin(self, peer: object) -> str:
        """Return the peer's address as text; that of the socket itself for a unix socket."""
        return f"udp {endpoint.format_address(peer)}" if isinstance(peer, tuple) else self.name
