"""A destination whose sending can be replaced, as tests do by assigning a mock to a stream.

While an object is assigned to ``stream.socket`` or ``stream.write``, frames go to that object
instead of the kernel, from the hot path too.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any

from heka._delivery.direct import Destination
from heka._delivery.reasons import reason_of
from heka._net.addresses import Address
from heka._net.transports import SocketTransport
from heka._runtime.accounts import Account
from heka.streams.base import as_bytes, size_of, unframed

__all__ = ["Lane"]


class Lane(Destination):
    """A destination that counts from zero in a child process, and can be diverted."""

    def __init__(self, address: Address) -> None:
        self._account = Account()  # of frames that were diverted without using the sink
        self._parents: dict[str, Any] = {"dropped": {}}  # counts of the parent process
        self._call: Callable[[Any], object] | None = None
        self._lock = threading.Lock()
        self._inside: set[int] = set()  # threads inside _call; their frames go to the kernel
        super().__init__(address)

    @property
    def address(self) -> Address:
        """The address that frames are sent to."""
        return self._address

    # ---- instead of the kernel --------------------------------------------------------------

    def divert(self, call: Callable[[Any], object] | None) -> None:
        """Call *call* with each frame from now on; None: send to the kernel again.

        Calls do not overlap. A frame that is written during a call, in its thread, goes to the
        kernel, so that *call* may be a wrapper of what it replaces.
        """
        self._call = call
        self._hang_up()

    @property
    def diverted(self) -> bool:
        """Return whether frames go to an object instead of the kernel."""
        return self._call is not None

    @property
    def connected(self) -> socket | None:
        """The connected socket, or None."""
        transport = self._transport
        return transport.connected if isinstance(transport, SocketTransport) else None

    def write(self, data: Any, timeout: float) -> bool:
        """Send *data*, bytes or text, within *timeout* seconds; True when the kernel has it.

        Raises:
            TypeError: *data* is neither.
        """
        call = self._diversion()
        if call is None:
            frame = as_bytes(data)
            return self.sink.write(frame if self._address.framed else unframed(frame), timeout)
        if self.sink.closed:
            return self._account.count("closed")
        outcome = self._call_instead(call, data, timeout)
        return self._account.count(outcome if isinstance(outcome, str) else size_of(data))

    def write_past(self, data: Any, timeout: float) -> bool:
        """Send *data* to the kernel, even while diverted; otherwise like ``write``."""
        with self._past_diversion():
            return self.write(data, timeout)

    def _diversion(self) -> Callable[[Any], object] | None:
        """Return the function to call instead of the kernel; None inside a call of it."""
        return None if threading.get_ident() in self._inside else self._call

    @contextmanager
    def _past_diversion(self) -> Iterator[None]:
        """While this is entered, send what this thread writes to the kernel."""
        me = threading.get_ident()
        if me in self._inside:
            yield
            return
        self._inside.add(me)
        try:
            yield
        finally:
            self._inside.discard(me)

    def _call_instead(self, call: Callable[[Any], object], data: Any, timeout: float) -> bool | str:
        """Call *call* with *data*; return True, or the reason for which *data* is dropped."""
        if not self._lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
            return "timeout"
        try:
            with self._past_diversion():
                call(data)
        except Exception as failure:
            reason = reason_of(failure)
            self._reporter.report(f"cannot send to {self.name} ({reason}): {failure!r}")
            return reason
        finally:
            self._lock.release()
        return True

    # ---- called by the sink -----------------------------------------------------------------

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        call = self._diversion()
        if call is None or written:  # the rest of a frame goes where its first part went
            return super()._deliver(frame, written, timeout, ticket)
        return "closed" if self.sink.closed else self._call_instead(call, frame, timeout)

    def _leave(self, ticket: int, descriptor: int | None) -> None:
        # If it was diverted meanwhile, the hot path must not get the descriptor back.
        super()._leave(ticket, descriptor if self._call is None else None)

    # ---- the account ------------------------------------------------------------------------

    def reset_after_fork(self) -> None:
        """Reset in a child process, and count from zero."""
        self._lock = threading.Lock()
        self._inside = {threading.get_ident()} & self._inside
        super().reset_after_fork()
        self._parents = super().stats()

    def stats(self) -> dict[str, Any]:
        """Return the account: offered = sent + the sum of dropped."""
        now = super().stats()
        here = self._account.counts()
        dropped = Counter(now["dropped"]) + Counter(here["dropped"])
        dropped.subtract(self._parents["dropped"])
        return {
            name: dict(+dropped)
            if name == "dropped"
            else value + here.get(name, 0) - self._parents.get(name, 0)
            for name, value in now.items()
        }
