"""Helpers for tests of old interfaces: a capturing client, and its messages."""

from __future__ import annotations

from collections import deque
from typing import Any

import heka
from heka.client import HekaClient
from heka.streams import DebugCaptureStream


def capturing(**options: Any) -> HekaClient:
    """Return a client whose stream captures every message, not only the last hundred."""
    stream = DebugCaptureStream()
    stream.msgs = deque()
    return HekaClient(stream, "tests", **options)


def messages(client: HekaClient) -> list[heka.Message]:
    """What the client has sent since the last call, oldest first."""
    found = [frame.message for frame in read(b"".join(client.stream.msgs))]
    client.stream.msgs.clear()
    return found


def message(client: HekaClient) -> heka.Message:
    """The one message that the client has sent."""
    (only,) = messages(client)
    return only


def read(data: bytes, **options: Any) -> list[heka.Frame]:
    """The frames in *data*, which holds nothing else."""
    reader = heka.StreamReader(**options)
    frames = reader.feed(data)
    reader.close()
    assert reader.discarded_bytes == 0
    return frames
