"""Where a drain's frames go: a socket, a TLS connection, a file, an object with ``write``.

An outlet is used by one thread, the drain's. It moves frames from a ring for a while and says how
that ended; when to connect again, and when to give up, the drain decides.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from heka._core import Ring
from heka._delivery.writers import has_descriptor, name_of, sink_for, wait_until_ready
from heka._net.addresses import Address
from heka._net.options import QueueOptions
from heka._net.resolver import resolve
from heka._net.sockets import SocketTransport
from heka._net.transports import FileTransport, make_socket
from heka._runtime.reporter import Reporter

__all__ = ["BATCH", "FileOutlet", "Outcome", "Outlet", "SocketOutlet", "StreamOutlet"]

#: Bytes of frames that are sent with one call.
BATCH = 65536
#: Bytes of a socket's buffer, which bounds what the kernel may hold unacknowledged: 3 MiB, 28,000
#: messages, were seen in one default socket.
SEND_BUFFER = 256 * 1024
#: Seconds between two looks at whether the drain is wanted, while a stream takes nothing.
_SLICE = 0.05

Event = Literal["tick", "interrupted", "drained", "closed", "failed"]


@dataclass(frozen=True)
class Outcome:
    """How a while of sending ended.

    Attributes:
        event: ``tick`` (the time is over), ``interrupted`` (somebody wants the drain), ``drained``
            (the ring is closed, and all has arrived), ``closed`` (by the peer), ``failed``.
        moved: Some bytes were taken.
        failure: What failed.
    """

    event: Event
    moved: bool = False
    failure: Exception | None = None


class Outlet(Protocol):
    """What a drain needs of the place where frames go."""

    def is_open(self) -> bool:
        """Say whether ``pump`` would find something to send on."""

    def open(self, deadline: float) -> None:
        """Connect; OSError when that is not done by *deadline*."""

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Move frames for *idle* seconds, or until something happens.

        Args:
            ring: Where frames come from.
            idle: Seconds; 0: what is there, and back.
            linger: Seconds that a frame waits for others to be sent along with.
            patience: Seconds without a byte that the peer takes, after which it is lost.
        """

    def renew(self, deadline: float) -> bool:
        """Look whether there is a better connection, and take it; True when it has changed."""

    def close(self, deadline: float) -> None:
        """Say good-bye to the peer, and close; at once when there is no time left."""

    def abandon(self) -> None:
        """Close what a child process has inherited, without a word to the peer."""


class SocketOutlet:
    """A connected socket that C sends on."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        """Prepare to connect to *address*."""
        self._address = address
        self._datagram = 0
        if address.is_datagram:
            size = min(options.datagram_size, address.datagram)
            self._datagram = size if address.framed else 1  # bare messages travel alone
        self._transport = self._make(address)

    def _make(self, address: Address) -> SocketTransport:
        return make_socket(address, 0 if self._datagram else SEND_BUFFER)

    def is_open(self) -> bool:
        """Say whether a connected socket is there."""
        return self._transport.is_open()

    def open(self, deadline: float) -> None:
        """Resolve and connect."""
        self._transport.open(deadline)

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Send frames in C, without the GIL."""
        descriptor = self._transport.fileno()
        if descriptor is None:
            return Outcome("failed", failure=OSError(errno.ENOTCONN, "not connected"))
        event, code, moved = ring.pump(descriptor, self._datagram, linger, patience, idle)
        failure = OSError(code, os.strerror(code)) if event == "failed" else None
        if failure is not None or event == "closed":
            self._transport.close()
        return Outcome(event, moved > 0, failure)

    def renew(self, deadline: float) -> bool:
        """Connect to the first host where another stands in for it, or to where its name moved."""
        if self._address.scheme in ("unix", "unixgram") or not self.is_open():
            return False
        if self._transport.peer:
            better = self._make(replace(self._address, alternates=()))
            try:
                better.open(deadline)
            except OSError:
                return False
            better.close()
        elif not self._has_moved(deadline):
            return False
        self._transport.close()
        return True

    def _has_moved(self, deadline: float) -> bool:
        """Say whether the name of the host stands for other addresses by now."""
        address, sock = self._address, self._transport.connected
        try:
            ends = resolve(address.host, address.port, address.family, deadline)
            return sock is not None and sock.getpeername() not in [end for _, end in ends]
        except OSError:
            return False  # what is connected works as long as it works

    def close(self, deadline: float) -> None:
        """Close in good order: what the kernel has still goes out."""
        self._transport.finish(deadline)

    def abandon(self) -> None:
        """Close the descriptor; the parent's connection goes on."""
        self._transport.close()
        self._transport = self._make(self._address)


class _Written:
    """The base of outlets whose frames go through Python: take, write, acknowledge."""

    #: Bytes of one call; 1: a frame.
    most = BATCH

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Write frames until there are none, or the time is over."""
        end = time.monotonic() + idle
        moved = False
        while True:
            event = ring.wait(1, max(0.0, end - time.monotonic()))
            if event == "drained":
                return Outcome("drained", moved)
            if ring.interrupted:
                return Outcome("interrupted", moved)
            if linger and self.most > 1:
                ring.wait(BATCH, linger)
            while frames := ring.take(self.most):
                try:
                    self.write(ring, frames, patience)
                except OSError as failure:
                    if not self.holds_part():
                        ring.rewind()
                    return Outcome("failed", moved, failure)
                moved = True
                if time.monotonic() >= end or ring.interrupted:
                    break
            if event == "ready":
                self.settle()
            if time.monotonic() >= end:
                return Outcome("tick", moved)

    def write(self, ring: Ring, frames: bytes, patience: float) -> None:
        """Write *frames* and acknowledge or drop them; OSError: they are to be tried again."""
        raise NotImplementedError

    def holds_part(self) -> bool:
        """Say whether a part of the frames in flight was written, and the rest is kept."""
        return False

    def settle(self) -> None:
        """Have what was written go on; nothing more waits."""

    def renew(self, deadline: float) -> bool:
        """Return False: there is one way only."""
        return False


class FileOutlet(_Written):
    """A file that frames are appended to, many with one write."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        """Prepare to append to the file of *address*."""
        self._path = address.path
        self._transport = FileTransport(address.path)

    def is_open(self) -> bool:
        """Say whether the file that the path names now is open."""
        return self._transport.is_open()

    def open(self, deadline: float) -> None:
        """Open it for appending."""
        self._transport.open(deadline)

    def write(self, ring: Ring, frames: bytes, patience: float) -> None:
        """Append *frames*; a file that was moved away is opened anew first."""
        deadline = time.monotonic() + patience
        if not self._transport.is_open():
            self._transport.open(deadline)
        try:
            self._transport.send(frames, deadline)
        except OSError:
            self._transport.close()
            raise
        ring.acknowledge()

    def close(self, deadline: float) -> None:
        """Close the file."""
        self._transport.close()

    def abandon(self) -> None:
        """Close the descriptor."""
        self._transport.close()
        self._transport = FileTransport(self._path)


class StreamOutlet(_Written):
    """An object with ``write(data)``, which gets one frame a call.

    The frame of which the stream has a part stays in flight, so that nothing else is taken from its
    ring before the rest is written.
    """

    most = 1

    def __init__(self, stream: Any, reporter: Reporter) -> None:
        """Write to *stream*; what it raises is reported by *reporter*."""
        self._stream = stream
        self._reporter = reporter
        self._failure: Exception | None = None  # what the last write() raised
        self._ring: Ring | None = None  # whose frame is being written
        self._unflushed = False
        self._ending = False
        self._sink = sink_for(stream, reporter, failed=self._failed, wait=self._wait, flushes=False)

    def is_open(self) -> bool:
        """Return True: there is nothing to connect."""
        return True

    def open(self, deadline: float) -> None:
        """Do nothing."""

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Write frames until there are none, or the time is over."""
        if idle:
            patience = min(patience, idle)  # the drain looks up from its work now and then
        if self._unflushed:
            self.settle()
        if self._sink.pending and not self._finish(patience):
            return Outcome("failed", failure=self._failure or _unfinished())
        return super().pump(ring, idle, linger, patience)

    def write(self, ring: Ring, frames: bytes, patience: float) -> None:
        """Call ``write``; OSError is tried again, another exception is this frame's fault."""
        self._failure = None
        self._ring = ring
        try:
            if self._sink.write_object(frames, patience):
                ring.acknowledge()
                return
        except BaseException as failure:  # not the program's end: this thread is nobody's
            self._reporter.report(f"{name_of(self._stream)}.write() raised {failure!r}")
            if not self._sink.pending:
                ring.drop_in_flight("interrupted")
                return
        if isinstance(self._failure, OSError):
            raise self._failure
        if self._sink.pending:
            raise _unfinished() from self._failure
        ring.drop_in_flight("stream" if self._failure is None else "error")

    def holds_part(self) -> bool:
        """Say whether the stream has a part of the frame in flight."""
        return bool(self._sink.pending)

    def _finish(self, patience: float) -> bool:
        """Have the stream take the rest of the frame in flight; True when it has it."""
        self._failure = None
        try:
            finished = self._sink.finish(patience)
        except BaseException as failure:  # as in write()
            self._reporter.report(f"{name_of(self._stream)}.write() raised {failure!r}")
            return False
        if finished and self._ring is not None:
            self._ring.acknowledge()
        return finished

    def _failed(self, failure: Exception) -> str:
        """Keep what ``write()`` has raised; what is to be tried again, the drain reports."""
        self._failure = failure
        if not isinstance(failure, OSError):
            self._reporter.report(
                f"{name_of(self._stream)}.write() raised {failure!r}; the frame is dropped"
            )
        return "error"

    def _wait(self, stream: Any, seconds: float) -> bool:
        """Wait until *stream* takes more; False after *seconds*, or on an interrupt."""
        end = time.monotonic() + seconds
        while not (self._ring is not None and self._ring.interrupted and not self._ending):
            left = end - time.monotonic()
            if wait_until_ready(stream, min(max(0.0, left), _SLICE)):
                return True
            if left <= _SLICE or not has_descriptor(stream):
                return False
        return False

    def settle(self) -> None:
        """Call the stream's ``flush()``, if it has one."""
        flush = getattr(self._stream, "flush", None)
        self._unflushed = False
        if callable(flush) and getattr(self._stream, "closed", False) is not True:
            try:
                flush()
            except BlockingIOError:  # what it has in its buffer stays there, and in order
                self._unflushed = True
            except Exception as failure:
                self._reporter.report(f"{name_of(self._stream)}.flush() raised {failure!r}")

    def close(self, deadline: float) -> None:
        """Have the stream take the rest of a frame; it is its owner's to close."""
        self._ending = True
        if self._sink.pending:
            self._finish(max(0.0, deadline - time.monotonic()))
        if self._unflushed:
            self.settle()
        self._ending = False

    def abandon(self) -> None:
        """Leave the rest of a frame to the parent; the sink knows that this is another process."""
        self._ring = None
        self._unflushed = False


def _unfinished() -> OSError:
    return TimeoutError("the stream has taken a part of a frame")
