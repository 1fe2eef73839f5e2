"""A stream that sends nothing, but checks, encodes and counts every message."""

from __future__ import annotations

from typing import Any, NoReturn

from heka._core import Sink
from heka._runtime.accounts import total
from heka.streams.base import Stream, as_bytes

__all__ = ["NullStream"]


class NullStream(Stream):
    """Take every message and send none; each is counted as sent.

    Messages are checked, encoded and framed as for any stream, so a program gets the same errors
    with this stream as with another.
    """

    def __init__(self) -> None:
        self.sink = Sink(_no_delivery)
        self.sink.discard()

    def write(self, data: Any) -> bool:
        """Count *data*, bytes or text."""
        return self.sink.write(as_bytes(data), 0.0)

    def close(self, timeout: float | None = None) -> None:
        """Do nothing: the stream has no resources."""

    def stats(self) -> dict[str, Any]:
        """Return the account: ``offered``, ``sent``, ``bytes`` and ``dropped``."""
        return total([self.sink.counts()])

    def __repr__(self) -> str:
        """Return its name."""
        return "<NullStream>"


def _no_delivery(frame: bytes, written: int, timeout: float, ticket: int) -> NoReturn:
    raise AssertionError("a sink that discards delivers nothing")
