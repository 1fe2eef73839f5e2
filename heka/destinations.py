"""Where frames go: a sink for the hot path, and what happens when it cannot take one.

``heka._core.Sink`` sends on a connected descriptor, and comes here for everything else: to connect,
to wait, to give up and to count. A destination that failed is in back-off, and drops at once until
its time is up.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import weakref
from typing import Any

from heka._core import Sink
from heka.addresses import Address
from heka.defaults import BACKOFF_FIRST, BACKOFF_MAX
from heka.diagnostics import Reporter
from heka.resolver import ResolutionError
from heka.transports import WOULD_BLOCK, Transport, make

_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ENOENT: "refused",  # a unix socket that nobody has bound
    errno.EMSGSIZE: "oversize",
    errno.EPIPE: "closed",
    errno.ECONNRESET: "closed",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
}


def reason_of(error: OSError) -> str:
    """Return the word that counts *error* in ``stats()['dropped']``."""
    if isinstance(error, ResolutionError):
        return "unresolved"
    if isinstance(error, TimeoutError):
        return "timeout"
    return _REASONS.get(error.errno or 0, "error")


class Destination:
    """One address, its connection, its back-off and its account."""

    def __init__(self, address: Address) -> None:
        """Prepare to send to *address*; it is connected by the first frame."""
        self.name = str(address)
        self.sink = Sink(self._deliver)
        self.sink.max_frame = address.max_frame
        self.sink.framed = address.framed
        self.reconnects = 0
        self._address = address
        self._transport: Transport = make(address)
        self._reporter = Reporter()
        self._closed = False
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        """Start without a connection and without a past."""
        self._idle = threading.Condition(threading.Lock())
        self._failures = 0
        self._retry_at = 0.0
        self._connected_once = False
        self.sink.detach()
        self.sink.release()
        self._transport.close()

    # ---- called by the sink -----------------------------------------------------------------

    def _deliver(self, frame: bytes, written: int, error: int, timeout: float) -> bool:
        """Send what the hot path could not: True when the kernel has it, else it is counted.

        Args:
            frame: The whole frame.
            written: Bytes of it that the hot path has written; then this thread alone may go on.
            error: The errno that stopped the hot path, 0 when it had no descriptor.
            timeout: Seconds for everything together.
        """
        deadline = time.monotonic() + timeout
        if written:
            with self._idle:
                return self._finish(frame, written, deadline)
        if time.monotonic() < self._retry_at:
            return self._drop("backoff")
        if not self._idle.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
            return self._drop("timeout")
        try:
            if not self._wait_idle(deadline):
                return self._drop("timeout")
            if self._closed:
                return self._drop("closed")
            if time.monotonic() < self._retry_at:  # another thread has just failed
                return self._drop("backoff")
            return self._send(frame, error, deadline)
        finally:
            self._idle.release()

    def _wait_idle(self, deadline: float) -> bool:
        """Take the descriptor from the hot path, and wait for the frame it may have begun."""
        self.sink.detach()
        while self.sink.busy:
            if not self._idle.wait(max(0.0, deadline - time.monotonic())) and self.sink.busy:
                return False
            self.sink.detach()
        return True

    def _send(self, frame: bytes, error: int, deadline: float) -> bool:
        if error and error not in WOULD_BLOCK and error != errno.EMSGSIZE:
            self._transport.close()  # the peer has gone; nothing of this frame was written
        try:
            if not self._transport.is_open():
                self._transport.open(deadline)
                self.reconnects += self._connected_once
                self._connected_once = True
            self._transport.send(frame, deadline)
        except OSError as failure:
            return self._fail(failure)
        except BaseException:  # KeyboardInterrupt: the peer may have half a frame
            self._transport.close()
            raise
        return self._succeed()

    def _finish(self, frame: bytes, written: int, deadline: float) -> bool:
        """Write the rest of a frame that the hot path has begun."""
        try:
            self._transport.send(frame, deadline, written)
        except OSError as failure:
            return self._fail(failure)
        except BaseException:
            self._transport.close()
            raise
        else:
            return self._succeed()
        finally:
            self.sink.release()
            self._idle.notify_all()

    # ---- outcomes ---------------------------------------------------------------------------

    def _succeed(self) -> bool:
        self._failures = 0
        descriptor = self._transport.fileno()
        if descriptor is not None:
            self.sink.attach(descriptor, datagram=self._address.is_datagram)
        return True

    def _fail(self, failure: OSError) -> bool:
        reason = reason_of(failure)
        if reason == "oversize":  # the frame's fault, not the destination's
            return self._drop(reason)
        self._transport.close()
        wait = min(BACKOFF_MAX, BACKOFF_FIRST * 2**self._failures)
        self._failures = min(self._failures + 1, 32)
        self._retry_at = time.monotonic() + wait
        self._reporter.report(
            f"cannot send to {self.name} ({reason}): {failure}; messages are dropped and counted, "
            f"next try in {wait:.1f} s"
        )
        return self._drop(reason)

    def _drop(self, reason: str) -> bool:
        self.sink.drop(reason)
        return False

    # ---- called by heka.api -----------------------------------------------------------------

    def flush(self, deadline: float) -> bool:
        """Wait until no frame is half written; True when that is so."""
        if not self._idle.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return False
        try:
            return self._wait_idle(deadline) and self._reattach()
        finally:
            self._idle.release()

    def _reattach(self) -> bool:
        descriptor = self._transport.fileno()
        if descriptor is not None and not self._closed:
            self.sink.attach(descriptor, datagram=self._address.is_datagram)
        return True

    def close(self) -> None:
        """Close the connection; what is offered from now on is dropped as 'closed'."""
        with self._idle:
            self._closed = True
            self.sink.detach()
            if not self.sink.busy:
                self._transport.close()

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        return account(self.sink, self.reconnects)


class StreamDestination:
    """An object with ``write(bytes)``; whatever it raises is counted, never passed on."""

    def __init__(self, stream: Any) -> None:
        """Send to *stream*, which may state the largest frame it takes as ``max_frame``."""
        self.name = f"{type(stream).__module__}.{type(stream).__qualname__}"
        self.stream = stream
        self.sink = Sink(self._deliver)
        self.sink.max_frame = getattr(stream, "max_frame", None) or 0
        self._reporter = Reporter()

    def _deliver(self, frame: bytes, written: int, error: int, timeout: float) -> bool:
        try:
            self.stream.write(frame)
        except Exception as failure:
            self.sink.drop("error")
            self._reporter.report(f"{self.name}.write() raised {failure!r}; the message is dropped")
            return False
        return True

    def flush(self, deadline: float) -> bool:
        """Call the stream's ``flush()`` where it has one; True unless it raises."""
        flush = getattr(self.stream, "flush", None)
        if flush is None:
            return True
        try:
            flush()
        except Exception as failure:
            self._reporter.report(f"{self.name}.flush() raised {failure!r}")
            return False
        return True

    def close(self) -> None:
        """Do nothing: the stream is its owner's."""

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        return account(self.sink, 0)


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

    def _deliver(self, frame: bytes, written: int, error: int, timeout: float) -> bool:
        self._reporter.report(f"{self._problem}; messages are dropped and counted")
        self.sink.drop("misconfigured")
        return False

    def flush(self, deadline: float) -> bool:
        """Return True: nothing is under way."""
        return True

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        return account(self.sink, 0)


def account(sink: Sink, reconnects: int) -> dict[str, Any]:
    """Return the counters of one sink."""
    return {
        "offered": sink.offered,
        "sent": sink.sent,
        "bytes": sink.bytes,
        "reconnects": reconnects,
        "dropped": sink.dropped,
    }


_all: weakref.WeakSet[Destination] = weakref.WeakSet()


def _forget_parent() -> None:
    """Leave the parent's connections and locks alone; a child connects for itself."""
    for destination in list(_all):
        destination._reset()


os.register_at_fork(after_in_child=_forget_parent)
