"""Where frames go: a sink for the hot path, and what happens when it cannot take one.

``heka._core.Sink`` sends on a connected descriptor, and comes here for everything else: to connect,
to wait, and to give up; it counts what comes of it. A destination that failed is in back-off, and
drops at once until its time is up.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from heka._core import Sink
from heka._delivery.backoff import Backoff
from heka._delivery.reasons import reason_of
from heka._delivery.writers import flush_stream, name_of, sink_for
from heka._net.addresses import Address
from heka._net.defaults import BACKOFF_FIRST, BACKOFF_MAX, CLOSE_TIMEOUT
from heka._net.transports import NothingSentError, Transport, make
from heka._runtime.reporter import Reporter

#: Seconds after which one who waits looks for itself, should nobody have called it.
_RECHECK = 0.05


class _Bell:
    """Wakes one who waits. No lock is held by anyone, so none is lost with its holder."""

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """Wake one; with nobody waiting, the next who would wait does not."""
        if self._rings.empty():
            self._rings.put(None)

    def wait(self, deadline: float) -> bool:
        """Wait for a ring, not for long: the caller looks and comes back. False: time is over."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        with contextlib.suppress(queue.Empty):
            self._rings.get(timeout=min(left, _RECHECK))
        return True


class Destination:
    """One address, its connection, its back-off and its account.

    The connection belongs to the hot path, or to the one call whose ticket ``sink.acquire`` has
    taken (a frame of which the hot path has sent a part brings its ticket along): only that call
    may send on it or close it, until ``sink.release`` gives it back between two frames.
    """

    def __init__(self, address: Address) -> None:
        """Prepare to send to *address*; it is connected by the first frame."""
        self.name = str(address)
        self.sink = Sink(self._deliver)
        self.sink.max_frame = address.max_frame
        self.sink.framed = address.framed
        self.reconnects = 0
        self._address = address
        self._reporter = Reporter()
        self._start()
        _all.add(self)

    def _start(self) -> None:
        """Begin without a connection and without a past."""
        # Anew: in a child process, a call that was interrupted by the fork may still hold the old.
        self._transport: Transport = make(self._address)
        self._bell = _Bell()
        self._holder = 0  # the thread whose call has the connection
        # The bound itself: calls between are dropped, so there is nothing to spread.
        self._backoff = Backoff(BACKOFF_MAX, BACKOFF_FIRST, draw=lambda: 1.0)
        self._retry_at = 0.0
        self._connected_once = False
        self.sink.reset()

    def leave_to_parent(self) -> None:
        """Start anew in a child process; what is connected stays the parent's."""
        inherited = self._transport
        self._start()
        with contextlib.suppress(OSError):
            inherited.close()

    # ---- called by the sink -----------------------------------------------------------------

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        """Send what the hot path could not: True when the kernel has it, else why it is dropped.

        Args:
            frame: The whole frame.
            written: Bytes of it that the hot path has written; then this call has the connection.
            timeout: Seconds for everything together.
            ticket: What this call owns the connection with.
        """
        deadline = time.monotonic() + timeout
        if not written:
            reason = self._enter(ticket, deadline)
            if reason:
                return reason
        self._holder = threading.get_ident()
        transport = self._transport
        try:
            if not written:
                self._connect(transport, deadline)
            transport.send(frame, deadline, written)
        except Exception as failure:
            return self._fail(transport, failure, ticket)
        except BaseException:  # KeyboardInterrupt: the peer may have half a frame
            self._holder = 0
            transport.close()
            raise  # which the sink notices: it marks the connection torn, and frees it
        self._backoff.succeed()
        self._retry_at = 0.0
        self._leave(ticket, transport.fileno())
        return True

    def _enter(self, ticket: int, deadline: float) -> str:
        """Get the connection for *ticket*; else return the reason why the frame is dropped."""
        reason = self._refusal()
        if reason:
            return reason
        while not self.sink.acquire(ticket):
            if self._holder == threading.get_ident():
                return "reentrant"  # a signal handler, or a finalizer: waiting would be for itself
            if not self._bell.wait(deadline):
                return "timeout"
        if self.sink.torn:  # the peer has gone, or has half a frame
            self._transport.close()
        reason = self._refusal()  # another thread may have failed meanwhile
        if reason:
            self._leave(ticket, None)
        return reason

    def _refusal(self) -> str:
        if self.sink.closed:
            return "closed"
        return "backoff" if time.monotonic() < self._retry_at else ""

    def _connect(self, transport: Transport, deadline: float) -> None:
        """Have *transport* open."""
        if transport.is_open():
            return
        transport.open(deadline)
        if transport is not self._transport:
            raise OSError(errno.ECANCELED, "this is a child process now, and not its connection")
        self.reconnects += self._connected_once
        self._connected_once = True

    # ---- outcomes ---------------------------------------------------------------------------

    def _leave(self, ticket: int, descriptor: int | None) -> None:
        """Give the connection back, to the hot path where there is a *descriptor* for it."""
        self._holder = 0
        self.sink.release(
            ticket, -1 if descriptor is None else descriptor, self._address.is_datagram
        )
        if self.sink.closed:
            self._hang_up()
        self._bell.ring()

    def _fail(self, transport: Transport, failure: Exception, ticket: int) -> str:
        reason = reason_of(failure)
        if reason == "oversize":  # the frame's fault, not the destination's
            self._leave(ticket, transport.fileno())
            return reason
        # A peer that is slow gets a second chance before its connection is given up.
        if not isinstance(failure, NothingSentError) or self._backoff.failures:
            transport.close()
        wait = self._backoff.fail()
        self._retry_at = time.monotonic() + wait
        self._leave(ticket, None)
        self._reporter.report(
            f"cannot send to {self.name} ({reason}): {failure}; messages are dropped and counted, "
            f"next try in {wait:.1f} s"
        )
        return reason

    # ---- called by heka.api -----------------------------------------------------------------

    def flush(self, deadline: float) -> bool:
        """Wait until no frame is half written; True when that is so."""
        while self.sink.busy:
            if self._holder == threading.get_ident() or not self._bell.wait(deadline):
                return False
        self._bell.ring()  # for whoever else has waited
        return True

    def close(self, deadline: float | None = None) -> None:
        """Close the connection, or let the call that has it do so; what comes now is dropped.

        Args:
            deadline: When a peer that is told of the end (over TLS) has to have answered; None: in
                CLOSE_TIMEOUT seconds.
        """
        self.sink.close()
        self._hang_up(deadline)

    def _hang_up(self, deadline: float | None = None) -> None:
        ticket = self.sink.acquire()
        if ticket:
            try:
                self._transport.finish(
                    time.monotonic() + CLOSE_TIMEOUT if deadline is None else deadline
                )
            finally:
                self.sink.release(ticket)

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        return {**self.sink.counts(), "reconnects": self.reconnects}


class StreamDestination:
    """An object with ``write(bytes)``; whatever it raises is counted, never passed on.

    It is not kept alive where its class allows weak references: its end is its owner's affair.
    """

    def __init__(self, stream: Any) -> None:
        """Send to *stream*, which may state the largest frame it takes as ``max_frame``."""
        self.name = name_of(stream)
        self._stream: Callable[[], Any]
        try:
            self._stream = weakref.ref(stream)
        except TypeError:  # a class with __slots__, or written in C
            self._stream = lambda: stream
        # Streams of ours offer a sink: they need no flush, and theirs waits.
        self._is_ours = isinstance(getattr(stream, "sink", None), Sink)
        self._reporter = Reporter()
        self.sink = sink_for(stream, self._reporter, weak=True, flushes=not self._is_ours)

    @property
    def stream(self) -> Any:
        """The stream; None when it is no more."""
        return self._stream()

    def flush(self, deadline: float) -> bool:
        """Call the stream's ``flush()``, if it has one and is open; True unless that raises."""
        left = max(0.0, deadline - time.monotonic())
        return flush_stream(self.stream, self.sink, left, self._reporter, timed=self._is_ours)

    def close(self) -> None:
        """Let go of the stream, which is its owner's to close."""
        self.sink.close()

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped + queued."""
        return {**self.sink.counts(), "reconnects": 0}


class NoDestination:
    """What stands in for a destination that the environment names wrongly.

    The program is not at fault and must not fail for it: messages are dropped as
    ``misconfigured``, and stderr says what is wrong.
    """

    def __init__(self, name: str, problem: str) -> None:
        """Drop everything, for *problem*."""
        self.name = name
        self.sink = Sink(self._deliver)
        self._problem = problem
        self._reporter = Reporter()

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        self._reporter.report(f"{self._problem}; messages are dropped and counted")
        return "misconfigured"

    def flush(self, deadline: float) -> bool:
        """Return True: nothing is under way."""
        return True

    def close(self) -> None:
        """Be asked for anew."""
        self.sink.close()

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        return {**self.sink.counts(), "reconnects": 0}


_all: weakref.WeakSet[Destination] = weakref.WeakSet()


def _forget_parent() -> None:
    """Leave the parent's connections and locks alone; a child connects for itself."""
    for destination in list(_all):
        destination.leave_to_parent()


os.register_at_fork(after_in_child=_forget_parent)
