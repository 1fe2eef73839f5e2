"""Directories of a spool are removed once their frames have been sent."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

import heka
from heka.streams import QueuedStream

LEAVES = """
import os, sys
from heka.streams import QueuedStream
class Dead:
    def write(self, frame):
        raise OSError("no")
QueuedStream(Dead(), spool=sys.argv[1]).write(bytes.fromhex(sys.argv[2]))
os._exit(0)
"""


class Kept(list):
    def write(self, frame):
        self.append(frame)


@pytest.fixture
def spool(tmp_path):
    """A spool in which a process that died has left one frame."""
    frame = heka.pack("t")
    subprocess.run([sys.executable, "-c", LEAVES, tmp_path / "spool", frame.hex()], check=True)
    return tmp_path / "spool"


def test_an_adopted_directory_is_removed_when_its_frames_were_sent(spool):
    kept = Kept()
    stream = QueuedStream(kept, spool=spool)
    flushed = stream.flush(10)
    stream.close()

    assert flushed
    assert len(kept) == 1
    assert os.listdir(spool) == []


def test_it_is_removed_later_if_a_flush_is_running(spool):
    stream = QueuedStream(Kept(), spool=spool)
    (queue,) = stream._queues
    flushing = queue._rings.in_order()  # as flush() holds them meanwhile
    stream.flush(10)
    deadline = time.monotonic() + 10
    while queue._rings.left() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    del flushing
    stream.close()

    assert os.listdir(spool) == []
