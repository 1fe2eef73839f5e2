"""TLS connections: a batch of frames becomes ciphertext, and both ends of it are remembered.

What the peer's kernel has acknowledged is told in bytes of ciphertext; the batches tell how many
bytes of frames that is.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from typing import Literal

from heka._core import Ring
from heka.addresses import Address
from heka.delivery.outlets import BATCH, Outcome, SocketOutlet
from heka.options import QueueOptions
from heka.sockets import send_all
from heka.tls import TlsTransport

__all__ = ["TlsOutlet"]

#: Seconds between two looks at what has been acknowledged: the shortest wait, and the longest.
_NAP_LEAST = 0.001
_NAP_MOST = 0.02


class TlsOutlet(SocketOutlet):
    """A TLS connection; at most a ring's window of frames is under way on it."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        """Prepare to connect to *address*; ConfigError: its certificates are of no use."""
        super().__init__(address, options)
        self._start()

    def _start(self) -> None:
        """Begin a connection: nothing is under way."""
        self._written = 0  # bytes of ciphertext
        self._taken = 0  # bytes of frames that were taken from the ring
        self._arrived = 0  # of those, how many were acknowledged
        self._batches: deque[tuple[int, int]] = deque()  # (written, taken) behind each
        self._nap = _NAP_LEAST
        self._progress = time.monotonic()

    @property
    def _tls(self) -> TlsTransport:
        transport = self._transport
        assert isinstance(transport, TlsTransport)
        return transport

    def open(self, deadline: float) -> None:
        """Resolve, connect and agree on keys."""
        super().open(deadline)
        self._start()

    def pump(self, ring: Ring, idle: float, linger: float) -> Outcome:
        """Encrypt and send until there is nothing to send, or the time is over."""
        end = time.monotonic() + idle
        before = self._written
        transport = self._tls
        try:
            while True:
                transport.feed()
                self._acknowledge(ring)
                event = self._next(ring, end, linger)
                if event:
                    return Outcome(event, self._written > before)
        except OSError as failure:
            transport.close()
            ring.rewind()
            moved = self._written > before
            if failure.errno in (errno.EPIPE, errno.ECONNRESET) and not self._batches:
                return Outcome("closed", moved)
            return Outcome("failed", moved, failure)

    def _next(
        self, ring: Ring, end: float, linger: float
    ) -> Literal["", "summoned", "drained", "tick"]:
        """Wait for frames and send some; return the event that ends the pumping, or ''."""
        left = end - time.monotonic()
        event = ring.wait(1, max(0.0, min(left, self._nap) if self._batches else left))
        if ring.summoned:
            return "summoned"
        if event == "ready":
            if linger and not self._batches:
                ring.wait(BATCH, linger)
            frames = ring.take(BATCH)
            if frames:
                self._send(frames)
            else:  # the window is full
                ring.sleep(self._nap)
        elif event == "drained" and not self._batches:
            return "drained"
        elif event == "drained":
            ring.sleep(self._nap)
        return "tick" if time.monotonic() >= end else ""

    def _send(self, frames: bytes) -> None:
        transport = self._tls
        if not self._batches:
            self._progress = time.monotonic()
        self._taken += len(frames)
        data = transport.encrypt(frames)
        deadline = time.monotonic() + self._options.write_timeout
        if transport.connected is None:
            raise OSError(errno.ENOTCONN, "not connected")
        send_all(transport.connected, data, deadline, datagram=False)
        self._written += len(data)
        self._batches.append((self._written, self._taken))

    def _acknowledge(self, ring: Ring) -> None:
        """Let go of the frames of every batch that the peer's kernel has whole."""
        if not self._batches:
            return
        sock = self._tls.connected
        if sock is None:
            raise OSError(errno.ENOTCONN, "not connected")
        arrived = self._written - Ring.outstanding(sock.fileno())
        done = self._arrived
        while self._batches and self._batches[0][0] <= arrived:
            done = self._batches.popleft()[1]
        now = time.monotonic()
        if done > self._arrived:
            self._arrived, self._progress, self._nap = done, now, _NAP_LEAST
            ring.acknowledge(self._taken - done)
        elif now > self._progress + self._options.write_timeout:
            raise TimeoutError(errno.ETIMEDOUT, "the peer acknowledges nothing")
        else:
            self._nap = min(2 * self._nap, _NAP_MOST)
