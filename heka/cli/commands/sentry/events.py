"""Read events of the raven plugin from frames, JSON lines, payloads, or events as JSON.

Reads in pieces, so that a pipe works. Input that is not an event is reported and skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import heka
from heka.exceptions import DecodeError
from heka.jsonlines import message_of
from heka.plugins.raven.blob import decode

_CHUNK: Final = 65_536
_FRAME: Final = b"\x1e"  # first byte of every frame
#: Longest line in bytes: the largest event that fits a message is shorter as JSON.
_LONGEST: Final = 64 << 20
#: Every event has at least one of these keys.
_KEYS: Final = ("exception", "sentry.interfaces.Exception", "event_id")


@dataclass(frozen=True, slots=True)
class Found:
    """One event, or why input could not be read as one."""

    event: dict[str, Any] | None
    problem: str = ""


def read_events(stream: BinaryIO, type: str) -> Iterator[Found]:
    """Yield the events in *stream* as soon as they have been read.

    Args:
        stream: Frames of the Heka stream format, or lines: messages of ``listen --json``, payloads,
            events. A file with one event may have several lines.
        type: The type of messages that contain events; others are skipped.
    """
    data = _read(stream)
    if data.startswith(_FRAME):
        yield from _from_frames(data, stream, type)
    else:
        yield from _from_lines(data, stream, type)


def _read(stream: BinaryIO) -> bytes:
    """Return what can be read without waiting, at least one byte; b"" at the end."""
    read: Any = getattr(stream, "read1", stream.read)
    return bytes(read(_CHUNK))


def _from_frames(data: bytes, stream: BinaryIO, type: str) -> Iterator[Found]:
    reader = heka.StreamReader()
    while data:
        for frame in reader.feed(data):
            found = _of_message(frame.message, type)
            if found is not None:
                yield found
        data = _read(stream)
    reader.close()
    lost = reader.discarded_bytes + reader.refused_bytes
    if lost:
        yield Found(None, f"{lost:,} bytes of the stream are not part of a message")


def _from_lines(data: bytes, stream: BinaryIO, type: str) -> Iterator[Found]:
    rest = b""
    while data:
        *lines, rest = (rest + data).split(b"\n")
        if lines and lines[0].strip() in (b"{", b"["):  # one event, indented over several lines
            yield _of_line(b"\n".join([*lines, rest]) + _all(stream), type) or Found(None)
            return
        for line in lines:
            found = _of_line(line, type)
            if found is not None:
                yield found
        if len(rest) > _LONGEST:
            yield Found(None, f"expected lines of at most {_LONGEST:,} bytes")
            return
        data = _read(stream)
    found = _of_line(rest, type)
    if found is not None:
        yield found


def _all(stream: BinaryIO) -> bytes:
    return stream.read(_LONGEST)


def _of_message(message: heka.Message, type: str) -> Found | None:
    return _of_blob(message.payload) if message.type == type else None


def _of_line(line: bytes, type: str) -> Found | None:
    line = line.strip()
    if not line:
        return None
    if not line.startswith(b"{"):
        return _of_blob(line)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Found(None, f"expected a line of JSON: {error}")
    if any(key in record for key in _KEYS):
        return Found(record)
    try:
        return _of_message(message_of(line), type)
    except (DecodeError, ValueError) as error:
        return Found(None, str(error))


def _of_blob(blob: str | bytes) -> Found:
    try:
        return Found(decode(blob))
    except DecodeError as error:
        return Found(None, str(error))
