"""The base of streams that end in the kernel: each frame goes to every destination.

Knows destinations; which ones, and in which notation they were given, its subclasses know.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from heka._core import Sink
from heka._net.addresses import Address
from heka._runtime.accounts import total
from heka.exceptions import ConfigError
from heka.streams.base import Stream, as_bytes, as_seconds
from heka.streams.lanes import Lane

__all__ = ["DestinationStream"]


class DestinationStream(Stream):
    """Send each frame to one destination, or to each of several.

    Nothing is resolved or connected before the first frame; a destination that fails is in
    back-off, as those of ``heka.log`` are, and does not keep the others from getting theirs. Safe
    across threads, whose frames never mix, and ``fork()``: a child connects for itself.

    Attributes:
        timeout: Seconds that one ``write()`` may take, resolving and connecting included; each of
            several destinations gets its share. A client that sends through ``sink`` uses its own.
    """

    def __init__(self, addresses: Sequence[Address], timeout: float = 1.0) -> None:
        if not addresses:
            raise ConfigError(f"{type(self).__name__}: expected at least one destination, got none")
        self.timeout = as_seconds(timeout, "timeout")
        self._lanes = tuple(Lane(address) for address in addresses)

    @property
    def sink(self) -> Sink | None:
        """What C sends on by itself; None: ``write()`` has to be called.

        That is so for several destinations, and in a subclass with a ``write`` of its own. One that
        is replaced in an object is called by the sink.
        """
        own = type(self).write is DestinationStream.write
        return self._lanes[0].sink if own and len(self._lanes) == 1 else None

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; a ``write`` that a test puts here is called on the hot path too."""
        if name == "write" and getattr(value, "__func__", None) is type(self).write:
            self.__dict__.pop("write", None)  # a test that ends puts back what it found
            self._lanes[0].divert(None)
            return
        super().__setattr__(name, value)
        if name == "write" and self.sink is not None:
            self._lanes[0].divert(self.write)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute; without a ``write`` of its own, the object has its class's."""
        super().__delattr__(name)
        if name == "write":
            self._lanes[0].divert(None)

    @property
    def addresses(self) -> list[Address]:
        """Where the frames go."""
        return [lane.address for lane in self._lanes]

    @property
    def diverted(self) -> bool:
        """Say whether something else than the kernel has the frames of a destination."""
        return any(lane.diverted for lane in self._lanes)

    @property
    def max_frame(self) -> int:
        """Bytes of the largest frame that every destination takes; 0: a message's own limit."""
        return min((lane.sink.max_frame for lane in self._lanes if lane.sink.max_frame), default=0)

    @property
    def closed(self) -> bool:
        """Say whether ``close()`` was called."""
        return self._lanes[0].sink.closed

    def write(self, data: Any) -> bool:
        """Send *data*, a frame or text, everywhere; True when at least one kernel has it.

        Raises:
            TypeError: *data* is neither bytes nor text.
        """
        lanes = self._lanes
        if "write" in self.__dict__:  # whoever calls this one means it
            return any([lane.write_past(data, self.timeout) for lane in lanes])
        if len(lanes) == 1:
            return lanes[0].write(data, self.timeout)
        if not self.diverted:
            data = as_bytes(data)
        deadline = time.monotonic() + self.timeout
        sent = False
        for index, lane in enumerate(lanes):
            left = max(0.0, deadline - time.monotonic())
            sent |= lane.write(data, left / (len(lanes) - index))
        return sent

    def flush(self, timeout: float = 0.0) -> bool:
        """Return True when no frame is half written, within *timeout* seconds."""
        deadline = time.monotonic() + timeout
        return all([lane.flush(deadline) for lane in self._lanes])

    def close(self, timeout: float = 1.0) -> None:
        """Wait for frames that are half written, at most *timeout* seconds; then disconnect."""
        deadline = time.monotonic() + timeout
        self.flush(timeout)
        for lane in self._lanes:
            lane.close(deadline)

    def stats(self) -> dict[str, Any]:
        """Return what became of the frames, a frame being offered once to each destination.

        Returns:
            The numbers of ``heka.stats`` and ``dropped`` as {reason: count};
            ``destinations`` holds the same for each, by its URL.
        """
        accounts = [(lane.name, lane.stats()) for lane in self._lanes]
        each: dict[str, Any] = {}
        for name, account in accounts:
            each[name] = total([each[name], account]) if name in each else account
        return {**total(each.values()), "destinations": each}

    def __repr__(self) -> str:
        """Return the URLs."""
        return f"<{type(self).__name__} {', '.join(lane.name for lane in self._lanes)}>"
