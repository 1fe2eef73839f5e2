"""A stream's destination, of heka._delivery.direct, with what programs put in the kernel's place.

An object that was assigned to ``stream.socket`` or ``stream.write`` is called, on the hot path too,
until it is taken away again.
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
        self._account = Account()  # of what was diverted before it came to the sink
        self._parents: dict[str, Any] = {"dropped": {}}
        self._call: Callable[[Any], object] | None = None
        self._lock = threading.Lock()
        self._inside: set[int] = set()  # threads in a call, whose frames go to the kernel
        super().__init__(address)

    @property
    def address(self) -> Address:
        """Where the frames go."""
        return self._address

    # ---- instead of the kernel --------------------------------------------------------------

    def divert(self, call: Callable[[Any], object] | None) -> None:
        """Have *call* called with each frame from now on; None: the kernel has them again.

        One call at a time. What is written from inside of it goes to the kernel: it may wrap what
        it replaces.
        """
        self._call = call
        self._hang_up()

    @property
    def diverted(self) -> bool:
        """Say whether something else than the kernel has the frames."""
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
        """Send *data* to the kernel, whatever stands in its place; else as ``write``."""
        with self._past_diversion():
            return self.write(data, timeout)

    def _diversion(self) -> Callable[[Any], object] | None:
        """Return what is to be called instead of the kernel; None from inside of it."""
        return None if threading.get_ident() in self._inside else self._call

    @contextmanager
    def _past_diversion(self) -> Iterator[None]:
        """Send what this thread writes meanwhile to the kernel."""
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
        """Call what stands in the kernel's place: True, or why *data* is dropped."""
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
        # Diverted meanwhile: the hot path must not get the descriptor back.
        super()._leave(ticket, descriptor if self._call is None else None)

    # ---- the account ------------------------------------------------------------------------

    def leave_to_parent(self) -> None:
        """Start anew in a child process, whose account begins at zero."""
        self._lock = threading.Lock()
        self._inside = {threading.get_ident()} & self._inside
        super().leave_to_parent()
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
