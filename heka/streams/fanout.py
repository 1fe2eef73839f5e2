"""A stream that writes every message to several streams."""

from __future__ import annotations

import types
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from heka._core import Sink, monotonic
from heka._delivery.writers import flush_stream, frame_limit, sink_for
from heka._runtime.accounts import total
from heka._runtime.allowance import closing
from heka._runtime.forks import register_fork_reset
from heka._runtime.reporter import Reporter
from heka.exceptions import ConfigError
from heka.streams.base import Stream

__all__ = ["FanOutStream"]

#: Timeout of one ``write()`` in seconds, the same as in the other streams.
_TIMEOUT = 1.0
#: Drop reason of a frame that no stream has taken; each stream counts its own drop.
_UNTAKEN = "stream"
#: Drop reasons that the streams have counted already: the above, and those of exceptions.
_COUNTED_BY_STREAMS = (_UNTAKEN, "error", "interrupted")


class FanOutStream(Stream):
    """Write each message to every one of *streams*, in their order.

    When one raises, the message still goes to the others. When one blocks, the others wait; a
    QueuedStream does not block.

    Args:
        streams: Objects with ``write(data)``. ``close()`` also closes those of this package.

    Raises:
        ConfigError: *streams* is empty, or one has no ``write``.
    """

    def __init__(self, streams: Iterable[Any]) -> None:
        self._streams = tuple(streams)
        if not self._streams:
            raise ConfigError("streams: expected at least one stream, got none")
        for stream in self._streams:
            if not callable(getattr(stream, "write", None)):
                raise ConfigError(f"streams: expected objects with write(data), got {stream!r}")
        self._reporter = Reporter()
        # Weak, so that a stream that is dropped is freed at once.
        self._sink = Sink(types.MethodType(type(self)._deliver, weakref.proxy(self)))
        self._sink.max_frame = self.max_frame
        self.reset_after_fork()
        register_fork_reset(self)

    def reset_after_fork(self) -> None:
        """Count from zero in a child process."""
        #: Each calls the ``write()`` of one stream, and counts for streams without ``stats()``.
        self._sinks = [
            sink_for(stream, self._reporter, flushes=not isinstance(stream, Stream))
            for stream in self._streams
        ]
        self._before = Counter(self._sink.counts()["dropped"])  # counts of the parent

    @property
    def sink(self) -> Sink:
        """The sink that clients send on; it calls each stream's ``write``."""
        return self._sink

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        return True if self._write(frame, timeout) else _UNTAKEN

    @property
    def streams(self) -> tuple[Any, ...]:
        """The streams."""
        return self._streams

    @property
    def max_frame(self) -> int:
        """Bytes of the largest frame that every stream takes; 0: no limit of their own."""
        limits = map(frame_limit, self._streams)
        return min((limit for limit in limits if limit), default=0)

    def write(self, data: Any) -> bool:
        """Write *data* to every stream; True when one of them took it."""
        return self._write(data, _TIMEOUT)

    def _write(self, data: Any, timeout: float) -> bool:
        deadline = monotonic() + timeout
        taken = False
        for sink in self._sinks:
            taken |= sink.write_object(data, max(0.0, deadline - monotonic()))
        return taken

    def flush(self, timeout: float = 0.0) -> bool:
        """Flush every stream that has ``flush``; False if one returns False or raises."""
        deadline = monotonic() + timeout
        return all(
            [
                self._flush(stream, sink, deadline)
                for stream, sink in zip(self._streams, self._sinks, strict=True)
            ]
        )

    def _flush(self, stream: Any, sink: Sink, deadline: float) -> bool:
        left = max(0.0, deadline - monotonic())
        return flush_stream(stream, sink, left, self._reporter, timed=isinstance(stream, Stream))

    def close(self, timeout: float | None = None) -> None:
        """Close the streams of this package; the owners of the others close them.

        None: 1 s; while the process exits, what is left of the 2 s that all closings share.
        """
        with closing(timeout) as seconds:
            deadline = monotonic() + seconds
            for stream, sink in zip(self._streams, self._sinks, strict=True):
                sink.finish(max(0.0, deadline - monotonic()))
                sink.close()  # counts a frame that the stream has taken only part of as dropped
                if isinstance(stream, Stream):
                    stream.close(max(0.0, deadline - monotonic()))

    def stats(self) -> dict[str, Any]:
        """Return the sum of the streams' accounts; a message is offered once to each."""
        accounts: list[dict[str, Any]] = []
        for stream, sink in zip(self._streams, self._sinks, strict=True):
            account = sink.counts()
            if isinstance(stream, Stream):  # counts itself, except exceptions of its write()
                accounts.append(stream.stats())
                account = _of_drops(account["dropped"], _UNTAKEN)
            accounts.append(account)
        # Frames that a client dropped before writing: each stream missed them.
        missed = Counter(self._sink.counts()["dropped"]) - self._before
        accounts += [_of_drops(missed, *_COUNTED_BY_STREAMS)] * len(self._streams)
        return total(accounts)

    def __repr__(self) -> str:
        """Return the streams."""
        return f"<FanOutStream {', '.join(map(repr, self._streams))}>"


def _of_drops(dropped: Mapping[str, int], *left_out: str) -> dict[str, Any]:
    """Return an account of the *dropped* counts, without the reasons *left_out*."""
    kept = {reason: count for reason, count in dropped.items() if reason not in left_out}
    return {"offered": sum(kept.values()), "dropped": kept}
