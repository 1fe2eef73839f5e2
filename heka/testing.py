"""Test programs that log: capture their messages, replace the clock and the ids.

::

    with heka.testing.capture() as captured:
        heka.log("login", fields={"user": "ann"})
    assert captured[0].fields["user"] == ["ann"]

``capture(client)`` captures the messages of this client and of ``heka.log``, and no others. Under
pytest, the fixture ``heka_capture`` captures all messages of one test.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, overload
from uuid import UUID

from heka._core import capture_clients, set_sources
from heka.api import _emitter
from heka.encoders import ProtobufEncoder
from heka.framing import StreamReader
from heka.message import Message

__all__ = ["Captured", "capture", "sources"]


class Captured(Sequence[Message]):
    """The captured messages, oldest first; ``frames`` has their frames as bytes."""

    def __init__(self) -> None:
        """Start without messages."""
        self.frames: list[bytes] = []
        self._messages: list[Message] = []

    def add(self, frame: bytes) -> None:
        """Add the messages of one frame."""
        self._messages += [read.message for read in StreamReader().feed(frame)]
        self.frames.append(frame)

    def clear(self) -> None:
        """Remove all captured messages."""
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
        """Return one message, or a slice of them."""
        return self._messages[index]

    def __repr__(self) -> str:
        """Return the repr of the messages."""
        return f"Captured({self._messages!r})"


class _Client(Protocol):
    """The attributes of a client that are used here."""

    stream: Any
    sink: Any
    encoder: Any


class _Running:
    """A capture that has begun; ``before`` is what took the frames of ``heka.log`` until then."""

    def __init__(self, captured: Captured, clients: tuple[_Client, ...]) -> None:
        self.captured = captured
        self.clients = clients
        self.before = _emitter.capture

    def begin(self) -> None:
        _emitter.capture = self.captured.add
        _running.append(self)
        capture_clients(_capture_of)

    def end(self) -> None:
        """End; this need not be the innermost capture."""
        at = _running.index(self)
        del _running[at]
        if at < len(_running):
            _running[at].before = self.before
        else:
            _emitter.capture = self.before
        if not _running:
            capture_clients(None)


#: The captures of this process, the innermost last.
_running: list[_Running] = []


@contextmanager
def capture(*clients: _Client) -> Iterator[Captured]:
    """Capture every message of ``heka.log`` and of clients in this process; send none.

    Nothing is resolved, connected or sent, whatever ``to`` is; neither ``heka.stats()`` nor a
    client counts anything. Levels, filters, signers, ``max_frame`` of a stream and the oversize
    policy apply as usual. Clients without a stream are captured too. A client's encoder is not used
    unless it is ``ProtobufEncoder``: others need not write Heka messages. Captures nest: the
    innermost one gets the messages.

    Args:
        *clients: Capture the messages of these only, and of ``heka.log``. Within the block, each
            has another stream, and is active; its own is restored at the end. Without arguments,
            the messages of every ``HekaClient`` are captured.
    """
    for client in clients:
        if not hasattr(client, "encoder"):
            raise TypeError(f"capture: expected clients, got {repr(client)[:100]}")
    captured = Captured()
    running = _Running(captured, clients)
    running.begin()
    with ExitStack() as undo:
        undo.callback(running.end)
        for client in clients:
            undo.callback(_restore, client, client.stream, client.sink, client.encoder)
            client.stream = _CaptureStream(captured, getattr(client.stream, "max_frame", 0))
            if not isinstance(client.encoder, ProtobufEncoder):
                client.encoder = ProtobufEncoder()
        yield captured


def _capture_of(client: object) -> Callable[[bytes], object] | None:
    """Return what takes the frames of *client*; None: its stream, which may be a capture's."""
    for running in reversed(_running):
        if not running.clients:
            return running.captured.add
        if any(one is client for one in running.clients):
            return None
    return None


class _CaptureStream:
    """The stream of a client during a capture."""

    def __init__(self, captured: Captured, max_frame: int) -> None:
        self.max_frame = max_frame
        self._captured = captured

    def write(self, data: bytes) -> None:
        self._captured.add(data)


def _restore(client: _Client, stream: Any, sink: Any, encoder: Any) -> None:
    client.stream = stream
    client.sink = sink  # it has the counters
    client.encoder = encoder


@contextmanager
def sources(
    *,
    clock: int | Callable[[], int] | None = None,
    uuid: bytes | UUID | Callable[[], bytes | UUID] | None = None,
) -> Iterator[None]:
    """Replace the clock and the id generator of new messages.

    Args:
        clock: Nanoseconds since the epoch, or a function that returns them. None: the real clock.
        uuid: 16 bytes or a ``uuid.UUID``, or a function that returns one. None: random ids.

    Do not nest it: the end of the inner block restores the real clock and random ids.
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
        return value  # type: ignore[no-any-return]  # callable() does not tell the type
    return itertools.repeat(value).__next__
