"""Helpers for the client's tests: a stream that stores its writes, and how to read them."""

from __future__ import annotations

import heka
from heka.client import HekaClient


class Kept:
    """A stream with ``write`` and ``flush`` that stores its writes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.flushes = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def flush(self) -> None:
        self.flushes += 1

    @property
    def messages(self) -> list[heka.Message]:
        """The messages written; each write must be one frame."""
        return read(self.written)


def read(frames: list[bytes]) -> list[heka.Message]:
    """Return the messages of *frames*, each one whole frame."""
    messages = []
    for data in frames:
        reader = heka.StreamReader()
        (frame,) = reader.feed(data)
        messages.append(frame.message)
    return messages


def kept_by(client: HekaClient) -> Kept:
    """Return the stream of *client*, which must be a Kept."""
    assert isinstance(client.stream, Kept)
    return client.stream


def only_message(client: HekaClient) -> heka.Message:
    """Return the one message that *client* has sent."""
    (message,) = kept_by(client).messages
    return message


def payloads(client: HekaClient) -> list[str]:
    """Return the payload of each message that *client* has sent."""
    return [message.payload for message in kept_by(client).messages]
