"""The base of streams that send through the kernel: each frame goes to every destination.

Knows destinations; its subclasses parse the notation of their addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heka._core import Sink, monotonic
from heka._net.addresses import Address
from heka._runtime.accounts import total
from heka._runtime.allowance import closing
from heka.exceptions import ConfigError
from heka.streams.base import Stream, as_bytes, as_seconds
from heka.streams.lanes import Lane

__all__ = ["DestinationStream"]


class DestinationStream(Stream):
    """Send each frame to one destination, or to each of several.

    The first frame resolves and connects. A destination that fails is in back-off, as with
    ``heka.log``; the others still receive each frame. Safe across threads, whose frames are never
    interleaved, and across ``fork()``: a child process connects for itself.

    Attributes:
        timeout: Seconds that one ``write()`` may take, including resolving and connecting; several
            destinations share it. A client that sends through ``sink`` uses its own timeout.
    """

    _lanes: tuple[Lane, ...] = ()

    def __init__(self, addresses: Sequence[Address], timeout: float = 1.0) -> None:
        if not addresses:
            raise ConfigError(f"{type(self).__name__}: expected at least one destination, got none")
        self.timeout = as_seconds(timeout, "timeout")
        self._lanes = tuple(Lane(address) for address in addresses)

    @property
    def sink(self) -> Sink | None:
        """The sink that C sends on without calling ``write()``; None: ``write()`` must be called.

        It is None with several destinations, and in a subclass that overrides ``write``. The sink
        calls a ``write`` that is assigned to the object.
        """
        own = type(self).write is DestinationStream.write
        return self._lanes[0].sink if own and len(self._lanes) == 1 else None

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; a ``write`` that is set here is called from the hot path too."""
        if name == "write" and getattr(value, "__func__", None) is type(self).write:
            self.__dict__.pop("write", None)  # the class's own write again, as mock.patch restores
            self._lanes[0].divert(None)
            return
        super().__setattr__(name, value)
        if name == "write" and self.sink is not None:
            self._lanes[0].divert(self.write)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute; after deleting ``write``, the class's ``write`` is used again."""
        super().__delattr__(name)
        if name == "write":
            self._lanes[0].divert(None)

    @property
    def addresses(self) -> list[Address]:
        """The addresses that frames are sent to."""
        return [lane.address for lane in self._lanes]

    @property
    def diverted(self) -> bool:
        """Return whether frames of a destination go to an object instead of the kernel."""
        return any(lane.diverted for lane in self._lanes)

    @property
    def max_frame(self) -> int:
        """Bytes of the largest frame that every destination takes; 0: no limit of their own."""
        return min((lane.sink.max_frame for lane in self._lanes if lane.sink.max_frame), default=0)

    @property
    def closed(self) -> bool:
        """Return whether ``close()`` was called."""
        return self._lanes[0].sink.closed

    def write(self, data: Any) -> bool:
        """Send *data*, a frame or text, to every destination; True if the kernel took one.

        Raises:
            TypeError: *data* is neither bytes nor text.
        """
        lanes = self._lanes
        if "write" in self.__dict__:  # called by the write that replaces it
            return any([lane.write_past(data, self.timeout) for lane in lanes])
        if len(lanes) == 1:
            return lanes[0].write(data, self.timeout)
        if not self.diverted:
            data = as_bytes(data)
        deadline = monotonic() + self.timeout
        sent = False
        for index, lane in enumerate(lanes):
            left = max(0.0, deadline - monotonic())
            sent |= lane.write(data, left / (len(lanes) - index))
        return sent

    def flush(self, timeout: float = 0.0) -> bool:
        """Wait at most *timeout* seconds; True when no frame is partly written."""
        deadline = monotonic() + timeout
        return all([lane.flush(deadline) for lane in self._lanes])

    def close(self, timeout: float | None = None) -> None:
        """Wait at most *timeout* seconds for partly written frames; then disconnect.

        None: 1 s; while the process exits, what is left of the 2 s that all closings share.
        """
        with closing(timeout) as seconds:
            deadline = monotonic() + seconds
            self.flush(seconds)
            for lane in self._lanes:
                lane.close(deadline)

    def _let_go(self) -> None:
        for lane in self._lanes:
            lane.let_go()

    def stats(self) -> dict[str, Any]:
        """Return the account of the frames; each frame counts once for each destination.

        Returns:
            The numbers of ``heka.stats`` and ``dropped`` as {reason: count};
            ``destinations`` maps the URL of each destination to the same numbers.
        """
        accounts = [(lane.name, lane.stats()) for lane in self._lanes]
        each: dict[str, Any] = {}
        for name, account in accounts:
            each[name] = total([each[name], account]) if name in each else account
        return {**total(each.values()), "destinations": each}

    def __repr__(self) -> str:
        """Return the URLs."""
        return f"<{type(self).__name__} {', '.join(lane.name for lane in self._lanes)}>"
