"""Several streams as one: each gets every message."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from heka._core import Sink
from heka._delivery.direct import reason_of
from heka._runtime.accounts import Account, total
from heka._runtime.reporter import Reporter
from heka.exceptions import ConfigError
from heka.streams.base import Stream

__all__ = ["FanOutStream"]


class FanOutStream(Stream):
    """Write each message to every one of *streams*, in their order.

    One that raises does not keep the others from getting theirs; one that waits does, unless it is
    a QueuedStream.

    Args:
        streams: Objects with ``write(data)``. Those of this package are closed with this one.

    Raises:
        ConfigError: There is none, or one has no ``write``.
    """

    def __init__(self, streams: Iterable[Any]) -> None:
        self._streams = tuple(streams)
        if not self._streams:
            raise ConfigError("streams: expected at least one stream, got none")
        for stream in self._streams:
            if not callable(getattr(stream, "write", None)):
                raise ConfigError(f"streams: expected objects with write(data), got {stream!r}")
        self._failed = Account()  # of streams without an account of their own
        self._reporter = Reporter()
        self._sink = Sink(self._deliver)
        self._sink.max_frame = self.max_frame

    @property
    def sink(self) -> Sink:
        """What clients send on; each stream's ``write`` is called."""
        return self._sink

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        return True if self.write(frame) else "stream"

    @property
    def streams(self) -> tuple[Any, ...]:
        """The streams."""
        return self._streams

    @property
    def max_frame(self) -> int:
        """Bytes of the largest frame that every stream takes; 0: a message's own limit."""
        limits = (getattr(stream, "max_frame", 0) for stream in self._streams)
        return min((limit for limit in limits if type(limit) is int and limit > 0), default=0)

    def write(self, data: Any) -> bool:
        """Write *data* to every stream; True when one of them took it."""
        taken = False
        for stream in self._streams:
            try:
                taken |= stream.write(data) is not False
            except Exception as failure:
                self._failed.count(reason_of(failure))
                self._reporter.report(f"{type(stream).__name__}.write() raised {failure!r}")
        return taken

    def flush(self, timeout: float = 0.0) -> bool:
        """Flush every stream that can be; True unless one says that it could not, or raises."""
        deadline = time.monotonic() + timeout
        return all([self._flush(stream, deadline) for stream in self._streams])

    def _flush(self, stream: Any, deadline: float) -> bool:
        flush = getattr(stream, "flush", None)
        if flush is None:
            return True
        try:
            if isinstance(stream, Stream):
                return stream.flush(max(0.0, deadline - time.monotonic()))
            return flush() is not False
        except Exception as failure:
            self._reporter.report(f"{type(stream).__name__}.flush() raised {failure!r}")
            return False

    def close(self, timeout: float = 1.0) -> None:
        """Close the streams of this package; others are their owners' to close."""
        deadline = time.monotonic() + timeout
        for stream in self._streams:
            if isinstance(stream, Stream):
                stream.close(max(0.0, deadline - time.monotonic()))

    def stats(self) -> dict[str, Any]:
        """Return the sum of the streams' accounts; a message is offered once to each."""
        accounts = [stream.stats() for stream in self._streams if isinstance(stream, Stream)]
        return total([*accounts, self._failed.counts()])

    def __repr__(self) -> str:
        """Return the streams."""
        return f"<FanOutStream {', '.join(map(repr, self._streams))}>"
