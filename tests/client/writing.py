"""The four who give frames to an object with write(), and objects to give them to.

heka.log(to=stream), HekaClient(stream), a QueuedStream and a FanOutStream.
"""

from __future__ import annotations

import contextlib
import io
import os
import time

import pytest

import heka
from heka._runtime.accounts import total
from heka.client import HekaClient
from heka.streams import FanOutStream, QueuedStream

PAYLOAD = "x" * 5000  # more than PIPE_BUF, so that a pipe takes a part


class ByLog:
    """heka.log(to=stream)."""

    queued = False

    def __init__(self, stream):
        self.stream = stream
        self.destination = None

    def send(self, payload="", timeout=0.02):
        sent = heka.log("t", payload=payload, to=self.stream, timeout=timeout)
        self.destination = heka.api._open.get(id(self.stream), self.destination)
        return sent

    def flush(self, timeout=5.0):
        return heka.flush(timeout)

    def close(self):
        """Have heka.log make room for other destinations."""
        heka.api._retire(id(self.stream))

    def stats(self):
        """Return the share of this stream in heka.stats()."""
        return total([] if self.destination is None else [self.destination.stats()])


class ByClient:
    """HekaClient(stream)."""

    queued = False

    def __init__(self, stream):
        self.client = HekaClient(self.wrap(stream), "written")

    def wrap(self, stream):
        return stream

    def send(self, payload="", timeout=0.02):
        self.client.timeout = timeout
        return self.client.heka("t", payload=payload)

    def flush(self, timeout=5.0):
        return self.client.flush(timeout)

    def close(self):
        self.client.close(0.02)

    def stats(self):
        return self.client.stats()


class ByQueue(ByClient):
    """HekaClient(QueuedStream(stream))."""

    queued = True

    def wrap(self, stream):
        return QueuedStream(stream, write_timeout=0.05, backoff_max=0.05)


class ByFanOut(ByClient):
    """HekaClient(FanOutStream([stream]))."""

    def wrap(self, stream):
        return FanOutStream([stream])


DIRECT = [ByLog, ByClient, ByFanOut]
ALL = [*DIRECT, ByQueue]
every_user = pytest.mark.parametrize("make", ALL, ids=lambda one: one.__name__)
every_direct_user = pytest.mark.parametrize("make", DIRECT, ids=lambda one: one.__name__)


def balances(account):
    """Check the account's one rule, and return the account."""
    outcomes = account["sent"] + sum(account["dropped"].values()) + account["queued"]
    assert account["offered"] + account["recovered"] == outcomes
    return account


class Pipe:
    """A pipe whose write end does not block."""

    def __init__(self, buffering=0):
        self.reader, writer = os.pipe()
        os.set_blocking(writer, False)
        os.set_blocking(self.reader, False)
        self.stream = os.fdopen(writer, "wb", buffering=buffering)
        self.read = b""

    def drain(self):
        """Read what is in there now."""
        try:
            while data := os.read(self.reader, 1 << 16):
                self.read += data
        except BlockingIOError:
            pass

    def frames(self):
        """Return the whole frames that were read; nothing else may stand between them."""
        reader = heka.StreamReader()
        found = reader.feed(self.read)
        assert reader.discarded_bytes == 0
        return found

    def close(self):
        with contextlib.suppress(OSError):  # what is in its buffer, nobody reads
            self.stream.close()
        os.close(self.reader)


def until(condition, seconds=10.0):
    """Wait until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


class Step(io.RawIOBase):
    """Takes *step* bytes a call, *room* in all; has no descriptor."""

    def __init__(self, step=7, room=1 << 20):
        super().__init__()
        self.taken = b""
        self.step = step
        self.room = room

    def write(self, data):
        size = min(self.step, self.room - len(self.taken), len(data))
        self.taken += bytes(data[:size])
        return size or None
