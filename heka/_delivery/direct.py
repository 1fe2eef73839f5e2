"""Destinations without a queue: a socket or file, an object with ``write()``, a misconfigured one.

``heka._core.Sink`` sends on a connected descriptor. It calls this module to connect, to wait and to
give up, and counts the result. After a failure a destination is in back-off: until that ends, it
drops every frame at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

from heka._core import Ring, Sink, monotonic
from heka._delivery import lifecycle
from heka._delivery.backoff import Backoff, Hosts, when
from heka._delivery.reasons import reason_of
from heka._delivery.refusals import tell
from heka._delivery.threads import run_detached
from heka._delivery.writers import flush_stream, name_of, sink_for
from heka._net.addresses import Address
from heka._net.defaults import BACKOFF_FIRST, BACKOFF_MAX, CLOSE_TIMEOUT
from heka._net.options import QueueOptions
from heka._net.resolver import Lookup, begin, is_name
from heka._net.transports import NothingSentError, SocketTransport, Transport, make
from heka._runtime.allowance import allowance
from heka._runtime.debug import tell_drops
from heka._runtime.exits import ExitHook, is_exiting
from heka._runtime.forks import call_in_child, importing
from heka._runtime.reporter import Reporter
from heka._runtime.waiting import pause

#: Seconds after which a waiting call checks its condition again without a notification.
_RECHECK = 0.05
#: Seconds between two looks at whether a name has been resolved again.
_LOOKUP_RECHECK = 0.05
#: Seconds between two checks at exit whether a TLS session has ended.
_END_CHECK = 0.005


class _Notifier:
    """Wakes one waiting call, without a lock that a thread could be killed or forked with."""

    def __init__(self) -> None:
        self._pending: queue.SimpleQueue[None] = queue.SimpleQueue()

    def notify(self) -> None:
        """Wake one call of ``wait()``; if there is none, the next ``wait()`` returns at once."""
        if self._pending.empty():
            self._pending.put(None)

    def wait(self, deadline: float) -> bool:
        """Wait for ``notify()``, _RECHECK at most; False when *deadline* has passed.

        The caller checks its condition after each return.
        """
        left = deadline - monotonic()
        if left <= 0:
            return False
        with contextlib.suppress(queue.Empty):
            self._pending.get(timeout=min(left, _RECHECK))
        return True


def _transport_for(address: Address) -> Transport:
    if not address.is_standard:
        return make(address)
    with importing():
        from heka._delivery.standard import StandardTransport  # few programs write messages there

    return StandardTransport(address.scheme)


class Destination:
    """One address, its connection, its back-off and its account.

    Either the hot path owns the connection, or the one call whose ticket ``sink.acquire`` has
    accepted. Only that call may send on it or close it, until ``sink.release`` returns it to the
    hot path. When the hot path has sent part of a frame, it passes its own ticket on with the
    frame. The owner changes only between two frames.
    """

    def __init__(self, address: Address) -> None:
        """Prepare to send to *address*; it is connected by the first frame."""
        self.name = str(address)
        self.sink = Sink(self._deliver)
        tell_drops(self.sink, self.name)
        self.sink.max_frame = address.max_frame
        self.sink.framed = address.framed
        self.sink.udp = address.scheme == "udp"
        self.reconnects = 0
        self._address = address
        self._reporter = Reporter()
        self._start()
        _all.add(self)

    def _start(self) -> None:
        """Reset all state; nothing is connected."""
        # New objects: after a fork, a call of another thread may have left the old ones half used.
        self._transport: Transport = _transport_for(self._address)
        self._notifier = _Notifier()
        self._owner = 0  # the thread whose call owns the connection
        # No jitter: calls in between are dropped, so a fixed wait causes no burst of connects.
        self._backoff = Backoff(BACKOFF_MAX, BACKOFF_FIRST, draw=lambda: 1.0)
        count = len(self._address.hosts)
        self._hosts = Hosts(count, QueueOptions.refresh, QueueOptions.write_timeout)
        self._bytes_before = 0  # that were sent before this connection
        self._retry_at = 0.0
        self._connected_once = False
        self._lookup: Lookup | None = None  # of a name that is being resolved again
        self._refresh_at = 0.0
        self._has_name = self._address.scheme == "udp" and is_name(self._address.host)
        self.sink.reset()
        self.sink.refresh = self._address.refresh if self._has_name else 0.0
        self._refused_before = self._refused_told = self.sink.refused  # in the parent process
        if isinstance(self._transport, SocketTransport) and self.sink.udp:
            self._transport.on_refused = self.sink.count_refused

    def reset_after_fork(self) -> None:
        """Reset all state in a child process; the parent keeps its connection."""
        inherited = self._transport
        self._start()
        with contextlib.suppress(OSError):
            inherited.close()

    # ---- called by the sink -----------------------------------------------------------------

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        """Send a frame that the hot path could not send.

        Args:
            frame: The whole frame.
            written: Bytes of it that the hot path has written; if not 0, this call already owns the
                connection.
            timeout: Seconds for connecting, waiting and sending together.
            ticket: Identifies this call as owner of the connection.

        Returns:
            True when the kernel has the frame, else the reason under which it is dropped.
        """
        deadline = monotonic() + timeout
        if not written:
            reason = self._enter(ticket, deadline)
            if reason:
                return reason
        self._owner = threading.get_ident()
        transport = self._transport
        connected = written > 0
        try:
            if not written:
                self._refresh(transport)
                self._connect(transport, deadline)
                connected = True
            transport.send(frame, deadline, written)
        except Exception as failure:
            return self._fail(transport, failure, ticket, connected)
        except BaseException:  # KeyboardInterrupt: the peer may have half a frame
            self._owner = 0
            transport.close()
            raise  # the sink then marks the connection as torn and releases it
        if not self._is_connection:  # a connection has to last first, see _end_connection
            self._backoff.succeed()
        self._retry_at = 0.0
        self._leave(ticket, transport.fileno())
        self._tell_refused()
        return True

    def _enter(self, ticket: int, deadline: float) -> str:
        """Acquire the connection for *ticket*; "" on success, else the drop reason."""
        reason = self._refusal()
        if reason:
            return reason
        while not self.sink.acquire(ticket):
            if self._owner == threading.get_ident():
                return "reentrant"  # a signal handler or finalizer of the owner: would deadlock
            if not self._notifier.wait(deadline):
                return "timeout"
        if self.sink.torn:  # the peer has closed, or has received part of a frame
            self._end_connection(failed=not self.sink.hung_up)
            self._transport.close()
        reason = self._refusal()  # another thread may have failed meanwhile
        if reason:
            self._leave(ticket, None)
        return reason

    def _refusal(self) -> str:
        if self.sink.closed:
            return "closed"
        return "backoff" if monotonic() < self._retry_at else ""

    def _connect(self, transport: Transport, deadline: float) -> None:
        """Open *transport*, unless it is open."""
        was_open = self._is_connected(transport)
        if transport.is_open():
            return
        if was_open:  # over TLS: the peer has ended the session
            self._end_connection(failed=False)
        self._hosts.open(transport, deadline)
        if transport is not self._transport:
            raise OSError(errno.ECANCELED, "the process forked while it connected")
        self._bytes_before = self.sink.counts()["bytes"]
        self.reconnects += self._connected_once
        self._connected_once = True
        self._refresh_at = monotonic() + self._address.refresh
        _exit.watch()

    def _refresh(self, transport: Transport) -> None:
        """Have the name of a UDP host resolved again, when it is time, without waiting for it.

        The socket is closed when the name has got another address; the frame goes to that one.
        """
        if not self._has_name or not self._is_connected(transport):
            return
        address, lookup, now = self._address, self._lookup, monotonic()
        if lookup is None:
            if now < self._refresh_at:
                return
            self._lookup = begin(address.host, address.port, address.family)
        elif lookup.is_done():
            self._lookup = None
            if self._has_moved(transport, lookup):
                transport.close()
            else:
                lookup.discard()
        self._refresh_at = now + address.refresh
        self.sink.refresh = address.refresh if self._lookup is None else _LOOKUP_RECHECK

    @staticmethod
    def _has_moved(transport: Transport, lookup: Lookup) -> bool:
        """Return whether the connected address is none of those that *lookup* has found."""
        sock = transport.connected if isinstance(transport, SocketTransport) else None
        with contextlib.suppress(OSError):
            ends = [end for _, end in lookup.answer()]
            return bool(ends) and sock is not None and sock.getpeername() not in ends
        return False

    @property
    def _is_connection(self) -> bool:
        return self._address.scheme in ("tcp", "tls", "unix")

    @staticmethod
    def _is_connected(transport: Transport) -> bool:
        return isinstance(transport, SocketTransport) and transport.connected is not None

    def _end_connection(self, *, failed: bool) -> None:
        """Judge the connection, which ends now: did it work, and has its host failed?"""
        transport = self._transport
        if not self._is_connection or not isinstance(transport, SocketTransport):
            self._hosts.lose(failed=failed)
            return
        sock = transport.connected
        if sock is None:
            return
        left = 0
        with contextlib.suppress(OSError):
            left = Ring.outstanding(sock.fileno())
        # A peer that never reads acknowledges what its kernel has room for, and most is left.
        arrived = self.sink.counts()["bytes"] - self._bytes_before - left
        if self._hosts.is_old() and arrived >= left:
            self._hosts.forgive()
            self._backoff.succeed()
        failed = failed or left > 0 or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
        self._hosts.lose(failed=failed)

    # ---- outcomes ---------------------------------------------------------------------------

    def _leave(self, ticket: int, descriptor: int | None) -> None:
        """Release the connection; the hot path sends on *descriptor*, if it is not None."""
        self._owner = 0
        self.sink.release(
            ticket, -1 if descriptor is None else descriptor, self._address.is_datagram
        )
        if self.sink.closed:
            self._hang_up()
        elif _is_ending:
            self.end()
        self._notifier.notify()

    def _fail(self, transport: Transport, failure: Exception, ticket: int, connected: bool) -> str:
        reason = reason_of(failure)
        if reason == "oversize":  # the frame's fault, not the destination's
            self._leave(ticket, transport.fileno())
            return reason
        another = connected and self._hosts.has_other()
        # A slow peer, which took nothing, keeps its connection until the second failure in a row.
        if not isinstance(failure, NothingSentError) or self._backoff.failures or another:
            if connected:
                self._end_connection(failed=True)
            transport.close()
        wait = 0.0 if another else self._backoff.fail()
        self._retry_at = monotonic() + wait
        self._leave(ticket, None)
        then = "the next goes to another host" if another else when(wait)
        self._reporter.report(
            f"cannot send to {self.name} ({reason}): {failure}; messages are dropped and counted, "
            f"{then}"
        )
        return reason

    # ---- called by heka.api -----------------------------------------------------------------

    def flush(self, deadline: float) -> bool:
        """Wait until no frame is partly written; False if one still is at *deadline*."""
        while self.sink.busy:
            if self._owner == threading.get_ident() or not self._notifier.wait(deadline):
                return False
        self._notifier.notify()  # another call may wait for the same
        self._tell_refused()
        return True

    def _tell_refused(self) -> None:
        """Count a UDP refusal that no send has reported yet; report the first one on stderr."""
        if self.sink.udp:
            self.sink.check_refused()
            refused = self.sink.refused
            if refused > self._refused_told:
                self._refused_told = refused
                tell(self._address)

    def end(self) -> None:
        """Prepare for the end of the interpreter, until which calls may send on the connection.

        The sink gets the descriptor: it needs no Python code, and no socket object is left that
        would be reported as unclosed (ResourceWarning).
        """
        self._tell_refused()
        transport = self._transport
        if isinstance(transport, SocketTransport) and self.sink.keep():
            transport.let_go()

    def close(self, deadline: float | None = None) -> None:
        """Close the connection; if a call owns it, that call closes it. Later frames are dropped.

        Args:
            deadline: Until when the closing handshake of TLS may wait for the peer; None: for
                CLOSE_TIMEOUT seconds.
        """
        self._tell_refused()
        self.sink.close()
        self._hang_up(deadline)

    def let_go(self) -> None:
        """Close without waiting, for finalizers: the end of a TLS session is waited for elsewhere.

        If a call owns the connection, that call closes it.
        """
        self._tell_refused()
        self.sink.close()
        ticket = self.sink.acquire()
        if ticket:
            try:
                if self._address.scheme == "tls" and self._transport.is_open():
                    _Farewell(self._transport).begin()
                else:
                    self._transport.close()
            finally:
                self.sink.release(ticket)

    def _hang_up(self, deadline: float | None = None) -> None:
        ticket = self.sink.acquire()
        if ticket:
            try:
                self._transport.finish(
                    monotonic() + CLOSE_TIMEOUT if deadline is None else deadline
                )
            finally:
                self.sink.release(ticket)

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        refused = self.sink.refused - self._refused_before
        return {**self.sink.counts(), "refused": refused, "reconnects": self.reconnects}


class _Farewell:
    """The end of a TLS session, in a thread: the peer has to end it too before the socket closes.

    The exit of the process waits for it as for a queue.
    """

    def __init__(self, transport: Transport) -> None:
        """Prepare to finish *transport*, which nobody else uses from now on."""
        self._transport = transport
        self._pid = os.getpid()
        self._ended = False
        lifecycle.register(self)

    def begin(self) -> None:
        """Start the thread; without one, wait for the peer only if the process exits."""
        if run_detached(self._run):
            return
        if is_exiting():
            with allowance.wait(CLOSE_TIMEOUT) as deadline:
                self._finish(deadline)
        else:
            self._finish(monotonic())

    def _run(self) -> None:
        self._finish(monotonic() + CLOSE_TIMEOUT)

    def _finish(self, deadline: float) -> None:
        try:
            self._transport.finish(deadline)
        finally:
            self._ended = True

    def flush(self, deadline: float) -> bool:
        """Wait until *deadline* for the thread; True when it has ended, or is the parent's."""
        while not self._ended and self._pid == os.getpid():
            if monotonic() >= deadline:
                return False
            pause(_END_CHECK)
        return True

    def close(self, timeout: float) -> None:
        """Do nothing: the thread ends by itself."""

    def join(self) -> None:
        """Wait until the thread has ended; it does not wait longer than CLOSE_TIMEOUT."""
        self.flush(monotonic() + 2 * CLOSE_TIMEOUT)


class StreamDestination:
    """An object with ``write(bytes)``; whatever it raises is counted, never passed on.

    A weak reference is held where its class allows one: this does not keep the stream alive.
    """

    def __init__(self, stream: Any) -> None:
        """Send to *stream*, which may state the largest frame it takes as ``max_frame``."""
        self.name = name_of(stream)
        self._stream: Callable[[], Any]
        try:
            self._stream = weakref.ref(stream)
        except TypeError:  # a class with __slots__, or written in C
            self._stream = lambda: stream
        # heka's own streams have a sink: no flush() after each frame, and flush() takes a timeout.
        self._is_heka_stream = isinstance(getattr(stream, "sink", None), Sink)
        self._reporter = Reporter()
        self.sink = sink_for(stream, self._reporter, weak=True, flushes=not self._is_heka_stream)

    @property
    def stream(self) -> Any:
        """The stream; None after it was freed."""
        return self._stream()

    def flush(self, deadline: float) -> bool:
        """Call the stream's ``flush()``, if it has one and is open; True unless that raises."""
        left = max(0.0, deadline - monotonic())
        timed = self._is_heka_stream
        return flush_stream(self.stream, self.sink, left, self._reporter, timed=timed)

    def let_go(self) -> None:
        """Drop later frames. Does not close the stream: its owner does."""
        self.sink.close()

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped + queued."""
        return {**self.sink.counts(), "reconnects": 0}


class NoDestination:
    """Replaces a destination whose address in the environment is invalid.

    The program must not fail for that: messages are dropped as ``misconfigured``, and a line on
    stderr states the problem.
    """

    def __init__(self, name: str, problem: str) -> None:
        """Drop everything; *problem* is the text on stderr."""
        self.name = name
        self.sink = Sink(self._deliver)
        tell_drops(self.sink, name)
        self._problem = problem
        self._reporter = Reporter()

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        self._reporter.report(f"{self._problem}; messages are dropped and counted")
        return "misconfigured"

    def flush(self, deadline: float) -> bool:
        """Return True: nothing is ever being sent."""
        return True

    def let_go(self) -> None:
        """Close the sink, so that the next call reads the environment again."""
        self.sink.close()

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        return {**self.sink.counts(), "reconnects": 0}


_all: weakref.WeakSet[Destination] = weakref.WeakSet()


_is_ending = False


def _end() -> None:
    """Report refusals, and leave the connections to the sinks."""
    global _is_ending
    _is_ending = True
    for destination in list(_all):
        destination.end()


# atexit handlers run in reverse order of registration: those of the program run earlier.
_exit = ExitHook(_end, -150)


def _reset_after_fork() -> None:
    """Replace the parent's connections and locks; a child process connects for itself."""
    global _is_ending
    _is_ending = False
    for destination in list(_all):
        destination.reset_after_fork()


call_in_child(_reset_after_fork)
