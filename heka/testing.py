"""Tests of programs that log: see their messages, freeze their clock.

::

    with heka.testing.capture() as captured:
        heka.log("login", fields={"user": "ann"})
    assert captured[0].fields["user"] == ["ann"]

Under pytest the fixture ``heka_capture`` does the same for one test.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, overload
from uuid import UUID

from heka._core import set_sources
from heka.api import _emitter
from heka.framing import StreamReader
from heka.message import Message

__all__ = ["Captured", "capture", "sources"]


class Captured(Sequence[Message]):
    """The messages that were logged, oldest first; ``frames`` holds their bytes."""

    def __init__(self) -> None:
        """Start empty."""
        self.frames: list[bytes] = []
        self._messages: list[Message] = []

    def add(self, frame: bytes) -> None:
        """Take one frame."""
        self._messages += [read.message for read in StreamReader().feed(frame)]
        self.frames.append(frame)

    def clear(self) -> None:
        """Forget what was captured."""
        self.frames.clear()
        self._messages.clear()

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        """Return one message, or some."""
        return self._messages[index]

    def __repr__(self) -> str:
        """Return the messages' own."""
        return f"Captured({self._messages!r})"


@contextmanager
def capture() -> Iterator[Captured]:
    """Keep every message of ``heka.log`` in this process instead of sending it.

    Whatever ``to`` says, nothing is resolved, connected or sent, and ``heka.stats()`` counts
    nothing. Levels, signers and the oversize policy apply as ever. Captures nest; the innermost
    has the messages.
    """
    captured = Captured()
    before = _emitter.capture
    _emitter.capture = captured.add
    try:
        yield captured
    finally:
        _emitter.capture = before


@contextmanager
def sources(
    *,
    clock: int | Callable[[], int] | None = None,
    uuid: bytes | UUID | Callable[[], bytes | UUID] | None = None,
) -> Iterator[None]:
    """Replace where new messages take their time and id from, for ``heka.log`` and ``Message``.

    Args:
        clock: Nanoseconds since the epoch, or what is called for them.
        uuid: 16 bytes or a ``uuid.UUID``, or what is called for one.

    One replacement at a time: they do not nest.
    """
    set_sources(_source(clock), _source(uuid))
    try:
        yield
    finally:
        set_sources()


def _source(value: Any) -> Callable[[], Any] | None:
    if value is None:
        return None
    if callable(value):
        return value  # type: ignore[no-any-return]  # callable() cannot say of what
    return itertools.repeat(value).__next__
