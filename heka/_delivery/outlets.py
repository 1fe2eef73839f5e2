"""Outlets, to which a drain sends frames: a socket, a file, an object with ``write``.

One thread, the drain's, uses an outlet. The outlet moves frames from a ring for a limited time and
returns why it stopped. The drain decides when to connect again, and when to give up.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from heka._core import Ring, Sink, monotonic
from heka._delivery.backoff import Hosts
from heka._delivery.refusals import tell, was_refused
from heka._delivery.writers import has_descriptor, name_of, sink_for, wait_until_ready
from heka._net.addresses import Address
from heka._net.options import QueueOptions
from heka._net.resolver import resolve
from heka._net.sockets import SocketTransport
from heka._net.transports import FileTransport, make_socket
from heka._runtime.reporter import Reporter

__all__ = [
    "BATCH",
    "FileOutlet",
    "LaterError",
    "Outcome",
    "Outlet",
    "SocketOutlet",
    "StreamOutlet",
    "WrittenOutlet",
]

#: Bytes of frames that are sent with one call.
BATCH = 65536
#: Bytes of a socket's send buffer. It limits what the kernel holds unacknowledged; a default socket
#: was measured to hold 3 MiB, 28,000 messages.
SEND_BUFFER = 256 * 1024
#: Seconds between two checks of ring.interrupted, while a stream takes nothing.
_SLICE = 0.05


def _ignore() -> None:
    """Do nothing."""


class LaterError(OSError):
    """The destination asks to be left alone for some time.

    Attributes:
        seconds: How long.
    """

    def __init__(self, seconds: float, text: str) -> None:
        """Say *text*; try again after *seconds*."""
        super().__init__(text)
        self.seconds = seconds


Event = Literal["tick", "interrupted", "drained", "closed", "failed"]


@dataclass(frozen=True)
class Outcome:
    """Why ``pump`` returned.

    Attributes:
        event: ``tick`` (the time is over), ``interrupted`` (by Ring.interrupt), ``drained`` (the
            ring is closed, and all is acknowledged), ``closed`` (by the peer), ``failed``.
        works: The connection has proved that it works: back-off ends.
        failure: The error, if the event is ``failed``.
    """

    event: Event
    works: bool = False
    failure: Exception | None = None


class Outlet(Protocol):
    """The interface of an outlet, as the drain uses it."""

    def is_open(self) -> bool:
        """Return whether ``pump`` can send without ``open``."""

    def open(self, deadline: float) -> None:
        """Connect; OSError when that fails or takes longer than *deadline*."""

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Move frames for *idle* seconds, or until another event of ``Outcome``.

        Args:
            ring: The queue to take frames from.
            idle: Seconds; 0: send what is there, and return.
            linger: Seconds that a frame waits for others, to be sent with them.
            patience: Seconds in which the peer must take at least one byte; else it has failed.
        """

    def has_other_host(self) -> bool:
        """Say whether, after a failure, another host can be tried at once."""

    def renew(self, deadline: float) -> bool:
        """Close the connection if a preferred host is available; True if it was closed."""

    def close(self, deadline: float) -> None:
        """Close in good order; at once when *deadline* has passed."""

    def check_refused(self) -> bool:
        """Count a UDP refusal that no send has reported yet; True if there was one.

        Any thread may call this.
        """

    def abandon(self) -> None:
        """In a child process: close the inherited descriptor, and send the peer nothing."""


class SocketOutlet:
    """A socket; C sends on it.

    Attributes:
        on_refused: Called when the kernel reports that a UDP datagram was refused.
    """

    def __init__(self, address: Address, options: QueueOptions) -> None:
        """Prepare to connect to *address*."""
        self._address = address
        self._datagram = 0
        if address.is_datagram:
            size = min(options.datagram_size, address.datagram)
            self._datagram = size if address.framed else 1  # one bare message a datagram
        self._hosts = Hosts(len(address.hosts), options.refresh, options.write_timeout)
        self._owed: tuple[int, int] | None = None
        self._lasts = False
        self._transport = self._make(address)
        self._was_refused = False  # a check outside of pump() has taken the error of the socket
        self.on_refused: Callable[[], object] = _ignore

    def _make(self, address: Address) -> SocketTransport:
        return make_socket(address, 0 if self._datagram else SEND_BUFFER)

    def is_open(self) -> bool:
        """Return whether the socket is connected."""
        was_open = self._transport.connected is not None
        is_open = self._transport.is_open()
        if was_open and not is_open:
            self._hosts.lose(failed=False)
        return is_open

    def open(self, deadline: float) -> None:
        """Resolve and connect."""
        self._owed, self._lasts, self._was_refused = None, False, False
        self._hosts.open(self._transport, deadline)

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Send frames in C, without the GIL."""
        descriptor = self._transport.fileno()
        if descriptor is None:
            return Outcome("failed", failure=OSError(errno.ENOTCONN, "not connected"))
        if self._was_refused or self.check_refused():
            self._transport.close()
            code = errno.ECONNREFUSED
            return self._failed(OSError(code, os.strerror(code)))
        event, code, moved = ring.pump(descriptor, self._datagram, linger, patience, idle)
        failure = OSError(code, os.strerror(code)) if event == "failed" else None
        if failure is not None:
            if code == errno.ECONNREFUSED and self._address.scheme == "udp":
                self._count_refused()
            self._transport.close()
            return self._failed(failure)
        if event == "closed":
            owed = 0
            with contextlib.suppress(OSError):
                owed = Ring.outstanding(descriptor)
            self._transport.close()
            return self._closed(owed > 0)
        works = moved > 0 if self._datagram else self._has_lasted(ring)
        return Outcome(event, works)

    def check_refused(self) -> bool:
        """Count a UDP refusal that no send has reported yet; True if there was one."""
        sock = self._transport.connected
        if self._address.scheme != "udp" or sock is None or not was_refused(sock):
            return False
        self._was_refused = True
        self._count_refused()
        return True

    def _count_refused(self) -> None:
        self.on_refused()
        tell(self._address)

    def _failed(self, failure: Exception) -> Outcome:
        """Return the outcome of *failure*, for which the host gets a penalty."""
        if getattr(failure, "errno", None) != errno.ECANCELED:  # the queue is closed
            self._hosts.lose(failed=True)
        return Outcome("failed", failure=failure)

    def _closed(self, unacknowledged: bool) -> Outcome:
        """Return the outcome of a connection that the peer has closed."""
        if self._hosts.lose(failed=unacknowledged):
            text = "the peer closed the connection " + (
                "before it had acknowledged everything" if unacknowledged else "at once"
            )
            return Outcome("failed", failure=ConnectionResetError(errno.ECONNRESET, text))
        return Outcome("closed")

    def _has_lasted(self, ring: Ring) -> bool:
        """Say whether the connection is old, and what was written until then has arrived."""
        if self._lasts or not self._hosts.is_old():
            return self._lasts
        account = ring.stats()
        if self._owed is None or self._owed[0] != id(ring):
            self._owed = (id(ring), account["sent"] + account["in_flight"])
        if account["sent"] >= self._owed[1]:
            self._lasts = True
            self._hosts.forgive()
        return self._lasts

    def has_other_host(self) -> bool:
        """Say whether another host has no penalty."""
        return self._hosts.has_other()

    def renew(self, deadline: float) -> bool:
        """Close the connection to a later host if an earlier one, without a penalty, accepts again.

        If the first host is connected, close it if its name no longer resolves to that address.
        """
        if self._address.scheme in ("unix", "unixgram") or not self.is_open():
            return False
        if self._transport.peer:
            order = self._hosts.better()
            if not order:
                return False
            better = self._make(self._address)
            try:
                better.open(deadline, order)
            except OSError:
                return False
            finally:
                for host in better.failed:
                    self._hosts.fail(host)
            better.close()
        elif not self._has_moved(deadline):
            return False
        self._transport.close()
        return True

    def _has_moved(self, deadline: float) -> bool:
        """Return whether the host name no longer resolves to the connected address."""
        address, sock = self._address, self._transport.connected
        try:
            ends = resolve(address.host, address.port, address.family, deadline)
            return sock is not None and sock.getpeername() not in [end for _, end in ends]
        except OSError:
            return False  # resolving failed: keep the connection

    def close(self, deadline: float) -> None:
        """Close in good order: the kernel still sends what it has in its buffer."""
        self.check_refused()
        self._transport.finish(deadline)

    def abandon(self) -> None:
        """Close the descriptor; the parent keeps its connection."""
        self._transport.close()
        self._transport = self._make(self._address)


class WrittenOutlet:
    """Base of outlets that write in Python: take frames, write them, acknowledge them."""

    #: Bytes taken for one write; 1: one frame.
    most = BATCH

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Write frames for *idle* seconds, or until another event of ``Outcome``."""
        end = monotonic() + idle
        moved = False
        while True:
            event = ring.wait(1, max(0.0, end - monotonic()))
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
                if monotonic() >= end or ring.interrupted:
                    break
            if event == "ready":
                self.flush_written()
            if monotonic() >= end:
                return Outcome("tick", moved)

    def write(self, ring: Ring, frames: bytes, patience: float) -> None:
        """Write *frames* and acknowledge or drop them; OSError: the drain tries them again."""
        raise NotImplementedError

    def holds_part(self) -> bool:
        """Return whether part of the frames in flight was written; then they are not rewound."""
        return False

    def flush_written(self) -> None:
        """Flush what was written; called when no more frames wait."""

    def check_refused(self) -> bool:
        """Return False: this is no UDP socket."""
        return False

    def renew(self, deadline: float) -> bool:
        """Return False: there is only one target."""
        return False

    def has_other_host(self) -> bool:
        """Return False: there is one way only."""
        return False


class FileOutlet(WrittenOutlet):
    """A file; frames are appended to it, many with one write."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        """Prepare to append to the file of *address*."""
        self._path = address.path
        self._transport = FileTransport(address.path)

    def is_open(self) -> bool:
        """Return whether the open file is the one that the path names now."""
        return self._transport.is_open()

    def open(self, deadline: float) -> None:
        """Open it for appending."""
        self._transport.open(deadline)

    def write(self, ring: Ring, frames: bytes, patience: float) -> None:
        """Append *frames*; if the file was moved away, open the path again first."""
        deadline = monotonic() + patience
        if not self._transport.is_open():
            self._transport.open(deadline)
        try:
            self._transport.send(frames, deadline)
        except OSError:
            if self._transport.kept:
                ring.acknowledge(len(frames) - self._transport.kept)
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


class StreamOutlet(WrittenOutlet):
    """An object with ``write(data)``, which is called once for each frame.

    A partly written frame stays in flight, so that no other frame is taken from its ring before the
    rest is written.
    """

    most = 1

    def __init__(self, stream: Any, reporter: Reporter) -> None:
        """Write to *stream*; what it raises is reported by *reporter*."""
        self._stream = stream
        self._reporter = reporter
        self._failure: Exception | None = None  # what the last write() raised
        self._ring: Ring | None = None  # whose frame is being written, or was written in part
        self._unflushed = False
        self._ending = False
        self._sink = sink_for(stream, reporter, failed=self._failed, wait=self._wait, flushes=False)

    def is_open(self) -> bool:
        """Return True: there is nothing to connect."""
        return True

    def open(self, deadline: float) -> None:
        """Do nothing."""

    def pump(self, ring: Ring, idle: float, linger: float, patience: float) -> Outcome:
        """Write the rest of a partly written frame, then frames as ``WrittenOutlet.pump`` does."""
        if idle:
            patience = min(patience, idle)  # so that the drain calls on_tick in time
        if self._unflushed:
            self.flush_written()
        if self._sink.pending and not self._finish(patience):
            return Outcome("failed", failure=self._failure or _unfinished())
        return super().pump(ring, idle, linger, patience)

    def write(self, ring: Ring, frames: bytes, patience: float) -> None:
        """Call ``write``; after OSError it is tried again, another exception drops the frame."""
        self._failure = None
        self._ring = ring
        try:
            self._write(ring, frames, patience)
        finally:
            if not self._sink.pending:
                self._ring = None  # an emptied ring's directory goes with its last reference

    def _write(self, ring: Ring, frames: bytes, patience: float) -> None:
        try:
            if self._sink.write_object(frames, patience):
                ring.acknowledge()
                return
        except BaseException as failure:  # SystemExit in this thread must not end it
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
        """Return whether the stream has taken part of the frame in flight."""
        return bool(self._sink.pending)

    def _finish(self, patience: float) -> bool:
        """Write the rest of the frame in flight; True when the stream has taken it."""
        self._failure = None
        try:
            finished = self._sink.finish(patience)
        except BaseException as failure:  # as in write()
            self._reporter.report(f"{name_of(self._stream)}.write() raised {failure!r}")
            return False
        if finished and self._ring is not None:
            self._ring.acknowledge()
            self._ring = None
        return finished

    def _failed(self, failure: Exception) -> str:
        """Keep what ``write()`` raised; the drain reports an OSError, and tries again."""
        self._failure = failure
        if not isinstance(failure, OSError):
            self._reporter.report(
                f"{name_of(self._stream)}.write() raised {failure!r}; the frame is dropped"
            )
        return "error"

    def _wait(self, stream: Any, seconds: float) -> bool:
        """Wait until *stream* takes more; False after *seconds*, or on an interrupt."""
        end = monotonic() + seconds
        while not (self._ring is not None and self._ring.interrupted and not self._ending):
            left = end - monotonic()
            if wait_until_ready(stream, min(max(0.0, left), _SLICE)):
                return True
            if left <= _SLICE or not has_descriptor(stream):
                return False
        return False

    def flush_written(self) -> None:
        """Call the stream's ``flush()``, if it has one."""
        flush = getattr(self._stream, "flush", None)
        self._unflushed = False
        if callable(flush) and getattr(self._stream, "closed", False) is not True:
            try:
                flush()
            except BlockingIOError:  # its buffer keeps the data in order; flush again later
                self._unflushed = True
            except Exception as failure:
                self._reporter.report(f"{name_of(self._stream)}.flush() raised {failure!r}")

    def close(self, deadline: float) -> None:
        """Write the rest of a frame. Does not close the stream: its owner does, if there is one.

        This is the end: the stream may be freed, although the queue still has its account.
        """
        self._ending = True
        if self._sink.pending:
            self._finish(max(0.0, deadline - monotonic()))
        if self._unflushed:
            self.flush_written()
        self._ending = False
        self._stream = None
        self._sink = _NOTHING

    def abandon(self) -> None:
        """Forget the ring; the parent writes the rest. The sink itself notices the fork."""
        self._ring = None
        self._unflushed = False


#: The sink of an outlet that has ended.
_NOTHING = Sink(lambda frame, written, timeout, ticket: "closed")


def _unfinished() -> OSError:
    return TimeoutError("the stream has taken a part of a frame")
