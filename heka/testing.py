"""Tests of programs that log: see their messages, freeze their clock.

::

    with heka.testing.capture() as captured:
        heka.log("login", fields={"user": "ann"})
    assert captured[0].fields["user"] == ["ann"]

    with heka.testing.capture(client) as captured:
        client.incr("logins")

Under pytest the fixture ``heka_capture`` does the same for one test.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, overload
from uuid import UUID

from heka._core import set_sources
from heka.api import _emitter
from heka.encoders import ProtobufEncoder
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


class _Client(Protocol):
    """What is asked of a client."""

    stream: Any
    sink: Any
    encoder: Any


@contextmanager
def capture(*clients: _Client) -> Iterator[Captured]:
    """Keep every message of ``heka.log`` in this process, and of *clients*, instead of sending it.

    Whatever ``to`` says, nothing is resolved, connected or sent, and ``heka.stats()`` counts
    nothing. Levels, filters, signers and the oversize policy apply as ever. Captures nest; the
    innermost has the messages.

    Args:
        *clients: Each has another stream meanwhile, which takes frames as large as its own does,
            and its own again afterwards; one that was inactive is active. Any encoder but
            ``ProtobufEncoder`` gives way to it, for what another one makes may be no message.
    """
    captured = Captured()
    before = _emitter.capture
    _emitter.capture = captured.add
    with ExitStack() as undo:
        undo.callback(setattr, _emitter, "capture", before)
        for client in clients:
            undo.callback(_give_back, client, client.stream, client.sink, client.encoder)
            client.stream = _Into(captured, getattr(client.stream, "max_frame", 0))
            if not isinstance(client.encoder, ProtobufEncoder):
                client.encoder = ProtobufEncoder()
        yield captured


class _Into:
    """The stream of a client that is captured."""

    def __init__(self, captured: Captured, max_frame: int) -> None:
        self.max_frame = max_frame
        self._captured = captured

    def write(self, data: bytes) -> None:
        self._captured.add(data)


def _give_back(client: _Client, stream: Any, sink: Any, encoder: Any) -> None:
    client.stream = stream
    client.sink = sink  # which has the account
    client.encoder = encoder


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
