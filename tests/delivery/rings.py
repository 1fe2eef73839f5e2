"""Rings for tests: numbered frames, checks of the counters, and socket pairs."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from delivery.support import PATIENCE

from heka._core import Ring

Pair = tuple[socket.socket, socket.socket]

CAPACITY = 1 << 20
FRAME_MAX = 65_794


def frame(number: int, size: int = 100) -> bytes:
    """Return frame *number*, arbitrary bytes: a ring does not read its frames."""
    return b"%08d" % number + b"." * (size - 8)


def frames(count: int, size: int = 100, first: int = 0) -> list[bytes]:
    """Return frames with consecutive numbers."""
    return [frame(number, size) for number in range(first, first + count)]


def ring_with(
    some: Iterable[bytes] = (),
    *,
    capacity: int = CAPACITY,
    max_frame: int = FRAME_MAX,
    window: int = 256 * 1024,
) -> Ring:
    """Return a ring with a consumer and with *some* frames in it."""
    ring = Ring(capacity, max_frame, window)
    ring.set_consumer()
    for one in some:
        assert ring.put(one)
    return ring


def account(ring: Ring) -> dict[str, Any]:
    """Return the counters, and check that they balance and that the queued frames are there.

    They are two calls, between which another thread may take or acknowledge frames.
    """
    stats, count, after = ring.stats(), ring.count(), ring.stats()
    while stats != after:
        stats, count, after = after, ring.count(), ring.stats()
    assert stats["offered"] + stats["recovered"] == (
        stats["sent"] + sum(stats["dropped"].values()) + stats["queued"]
    )
    assert count == stats["queued"] >= stats["in_flight"]
    return stats


def rest(ring: Ring) -> list[bytes]:
    """Take all frames, one by one; they are in flight then."""
    taken = []
    while one := ring.take(1):
        taken.append(one)
    return taken


def pump(
    ring: Ring,
    sock: socket.socket | int,
    *,
    datagram: int = 0,
    linger: float = 0.0,
    write_timeout: float = 30.0,
    idle: float = 0.05,
) -> tuple[str, int, int]:
    """Run the pump once; return the outcome, the errno, and the bytes that the kernel accepted."""
    descriptor = sock if isinstance(sock, int) else sock.fileno()
    return ring.pump(descriptor, datagram, linger, write_timeout, idle)


def receive(sock: socket.socket, size: int) -> bytes:
    """Read exactly *size* bytes of a stream."""
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, f"the stream ended after {len(data)} of {size} bytes"
        data += piece
    return data


def drain_stream(sock: socket.socket) -> bytes:
    """Read to the end of a stream, or to its reset."""
    data = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


# ---- small rings, and their consumers ----------------------------------------------------------

#: Capacity in bytes for four frames of 1000 bytes.
SMALL = 4096
FULL = frames(4, 1000)


def full_ring(overflow: str = "drop_new", **attributes: object) -> Ring:
    """Return a ring that is full with four frames, and has no consumer."""
    ring = Ring(SMALL, 1000, 2000)
    for one in FULL:
        assert ring.put(one)
    ring.overflow = overflow
    for name, value in attributes.items():
        setattr(ring, name, value)
    return ring


class Start:
    """A start callback for a ring: counts its calls, and calls what the test gives it."""

    def __init__(self, *acts: BaseException | Callable[[], object]) -> None:
        self.calls = 0
        self._acts = acts

    def __call__(self) -> None:
        self.calls += 1
        for act in self._acts:
            if isinstance(act, BaseException):
                raise act
            act()


# ---- pairs of sockets ----------------------------------------------------------------------------


def tcp_pair(buffer: int = 0) -> Pair:
    """Connect over TCP on loopback; *buffer*: receive buffer of the peer, send buffer of ours."""
    with socket.socket() as listener:
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = socket.socket()
        if buffer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        ours.connect(listener.getsockname())
        return ours, listener.accept()[0]


def unix_pair(buffer: int = 0) -> Pair:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    if buffer:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    return ours, theirs


@contextlib.contextmanager
def pairs() -> Iterator[Callable[..., Pair]]:
    """Make pairs of connected sockets, ours and the peer's; they are closed after the test."""
    made: list[socket.socket] = []

    def make(kind: Callable[..., Pair], buffer: int = 0) -> Pair:
        pair = kind(buffer)
        pair[1].settimeout(PATIENCE)
        made.extend(pair)
        return pair

    yield make
    for sock in made:
        sock.close()


def clog(ring: Ring, sock: socket.socket) -> int:
    """Send small frames until some stay unacknowledged; return the number sent."""
    count = 0
    while True:
        if not ring.outstanding(sock.fileno()):
            assert ring.put(frame(count))
            count += 1
        pump(ring, sock, idle=0)
        if ring.outstanding(sock.fileno()):
            pump(ring, sock, idle=0.05)
            if account(ring)["in_flight"]:
                return count


def pump_until(
    ring: Ring, sock: socket.socket, *events: str, **options: Any
) -> tuple[str, int, int]:
    """Run the pump repeatedly, as a drain does, until it returns one of *events*."""
    deadline = time.monotonic() + PATIENCE
    while True:
        outcome = pump(ring, sock, **options)
        if outcome[0] in events:
            return outcome
        assert time.monotonic() < deadline, f"still {outcome}, {account(ring)}"
