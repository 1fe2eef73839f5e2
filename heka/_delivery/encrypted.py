"""TLS connections: encrypts batches of frames, and maps ciphertext offsets to frame offsets.

The kernel reports acknowledgements in bytes of ciphertext. For each batch, the outlet keeps the end
offset in ciphertext and in frames, so that it knows which frames have been acknowledged.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections import deque
from typing import Literal

from heka._core import Ring, monotonic
from heka._delivery.outlets import BATCH, Outcome, SocketOutlet
from heka._net.addresses import Address
from heka._net.options import QueueOptions
from heka._net.sockets import wait_writable
from heka._net.tls import TlsTransport

__all__ = ["TlsOutlet"]

#: Bytes of a TLS record, and records sent with one call. Frames are acknowledged per record, so
#: that a connection that breaks again and again still makes progress.
_RECORD = 16384
_RECORDS = 4
#: Seconds of waiting for room, between two checks of ring.interrupted.
_SLICE = 0.05
#: Seconds between two checks for acknowledgements: the shortest interval, and the longest.
_POLL_LEAST = 0.001
_POLL_MOST = 0.02


class TlsOutlet(SocketOutlet):
    """A TLS connection; the frames in flight on it are at most the ring's window."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        """Prepare to connect to *address*; ConfigError: its certificates cannot be used."""
        super().__init__(address, options)
        self._patience = options.write_timeout
        self._start()

    def _start(self) -> None:
        """Reset the offsets for a new connection: nothing is in flight."""
        self._written = 0  # bytes of ciphertext
        self._taken = 0  # bytes of frames that were taken from the ring
        self._arrived = 0  # of those, how many were acknowledged
        self._batches: deque[tuple[int, int]] = deque()  # (written, taken) at the end of each
        self._poll = _POLL_LEAST
        self._progress = monotonic()

    @property
    def _tls(self) -> TlsTransport:
        transport = self._transport
        assert isinstance(transport, TlsTransport)
        return transport

    def open(self, deadline: float) -> None:
        """Resolve, connect, and do the TLS handshake."""
        super().open(deadline)
        self._start()

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Encrypt and send for *idle* seconds, or until the connection or the queue ends it."""
        self._patience = patience
        end = monotonic() + idle
        transport = self._tls
        try:
            while True:
                transport.read_pending()
                self._acknowledge(ring)
                event = self._next(ring, end, linger)
                if event:
                    return Outcome(event, self._has_lasted(ring))
        except OSError as failure:
            with contextlib.suppress(OSError):
                self._acknowledge(ring)  # a socket reports this after a reset too
            owes = bool(self._batches)
            transport.close()
            ring.rewind()
            if not owes and failure.errno in (errno.EPIPE, errno.ECONNRESET):
                return self._closed(False)
            return self._failed(failure)

    def _next(
        self, ring: Ring, end: float, linger: float
    ) -> Literal["", "interrupted", "drained", "tick"]:
        """Wait for frames and send some; return the event that ends the pumping, or ''."""
        left = end - monotonic()
        event = ring.wait(1, max(0.0, min(left, self._poll) if self._batches else left))
        if ring.interrupted:
            return "interrupted"
        if event == "ready":
            if linger and not self._batches:
                ring.wait(BATCH, linger)
            if not self._send(ring):
                ring.sleep(self._poll)
        elif event == "drained" and not self._batches:
            return "drained"
        elif event == "drained":
            ring.sleep(self._poll)
        return "tick" if monotonic() >= end else ""

    def _send(self, ring: Ring) -> bool:
        """Send what waits, four records at most; False when the window in flight is full."""
        if not self._batches:
            self._progress = monotonic()
        records: list[bytes] = []
        end = self._written
        while len(records) < _RECORDS and (frames := ring.take(_RECORD)):
            self._taken += len(frames)
            records.append(self._tls.encrypt(frames))
            end += len(records[-1])
            self._batches.append((end, self._taken))
        self._write(ring, memoryview(b"".join(records)))
        return bool(records)

    def _write(self, ring: Ring, data: memoryview) -> None:
        """Write all of *data* to the socket, and count the bytes that the kernel takes."""
        sock = self._socket()
        while data:
            try:
                taken = sock.send(data, getattr(socket, "MSG_NOSIGNAL", 0))
            except BlockingIOError:
                now = monotonic()
                late = self._progress + self._patience
                if ring.interrupted:
                    raise OSError(errno.ECANCELED, "the queue is closed") from None
                if now >= late:
                    raise TimeoutError(errno.ETIMEDOUT, "the peer takes nothing") from None
                with contextlib.suppress(TimeoutError):
                    wait_writable(sock.fileno(), min(late, now + _SLICE))
            else:
                self._written += taken
                self._progress = monotonic()
                data = data[taken:]

    def _socket(self) -> socket.socket:
        sock = self._tls.connected
        if sock is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return sock

    def _acknowledge(self, ring: Ring) -> None:
        """Acknowledge the frames of every batch that the peer's kernel has received whole."""
        if not self._batches:
            return
        arrived = self._written - Ring.outstanding(self._socket().fileno())
        done = self._arrived
        while self._batches and self._batches[0][0] <= arrived:
            done = self._batches.popleft()[1]
        now = monotonic()
        if done > self._arrived:
            self._arrived, self._progress, self._poll = done, now, _POLL_LEAST
            ring.acknowledge(self._taken - done)
        elif now > self._progress + self._patience:
            raise TimeoutError(errno.ETIMEDOUT, "the peer acknowledges nothing")
        else:
            self._poll = min(2 * self._poll, _POLL_MOST)
