"""A process with a spool is killed, and the next process sends what it has logged."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest
from cli.support import environment
from delivery.faults.spools import NOWHERE, PATIENCE, Logger, Peer, parts

from heka._delivery.snapshot import parts_of
from heka.streams import QueuedStream


@pytest.fixture
def peer():
    made = Peer()
    yield made
    made.close()


@pytest.mark.parametrize("end", ["die", "exit"])
def test_logged_messages_survive_the_process(tmp_path, peer, end):
    """SIGKILL and os._exit run no handler; nothing could be sent before."""
    spool = tmp_path / "spool"
    assert Logger(spool, NOWHERE, 0, 1000, end).last() == 1000
    assert len(parts(spool)) == 1

    logger = Logger(spool, peer.url, 1000, 10, "flush")

    assert logger.wait_for("open") == "1000"
    assert logger.wait_for("flushed") == "True"
    logger.last()
    peer.wait_for(range(1010))
    assert peer.payloads == [str(number) for number in range(1010)]
    assert parts(spool) == []


def test_killed_at_any_moment_it_loses_nothing(tmp_path, peer):
    """Twelve processes, one after the other, each killed while it logs and sends."""
    spool = tmp_path / "spool"
    dice = random.Random(4)
    accepted: list[range] = []
    for run in range(12):
        first = 100_000 * run
        logger = Logger(spool, peer.url, first, 40_000, "wait")
        logger.wait_for("accepted")
        time.sleep(dice.random() * 0.2)
        accepted.append(range(first, max(first + 50, logger.kill())))
    last = Logger(spool, peer.url, 9_000_000, 1, "flush")

    assert last.wait_for("flushed") == "True"
    last.last()
    for numbers in accepted:
        peer.wait_for(numbers)
    assert parts(spool) == []
    for run in range(12):  # the order of each process is kept, except for resent frames
        mine = [int(p) for p in peer.payloads if int(p) // 100_000 == run]
        assert list(dict.fromkeys(mine)) == sorted(set(mine))
        assert sorted(set(mine)) == list(range(100_000 * run, max(mine) + 1))


def test_small_queue_adopts_what_is_left(tmp_path, peer):
    """Adopted frames are limited by the capacity, however small it is."""
    spool = tmp_path / "spool"
    assert Logger(spool, NOWHERE, 0, 20, "die").last() == 20
    assert (
        Logger(spool, NOWHERE, 20, 0, "die").last() == 20
    )  # which has truncated the file to its contents

    stream = QueuedStream(peer.url, spool=spool, capacity=4096)

    assert stream.flush(30.0)
    peer.wait_for(range(20))
    stream.close()
    assert stream.stats()["recovered"] == 20


FORKING = """
import os, signal, sys
import heka
from heka.streams import QueuedStream

stream = QueuedStream("tcp://127.0.0.1:1", spool=sys.argv[1])
for number in range(10):
    stream.write(heka.pack("test", payload=str(number)))
for child in range(3):
    pid = os.fork()
    if pid == 0:
        for number in range(5 * child):
            stream.write(heka.pack("test", payload=f"{child}{number:02}"))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_children_have_directories_of_their_own(tmp_path, peer):
    """The first frame makes it; frames of the parent stay in its directory and are sent once."""
    spool = tmp_path / "spool"
    command = [sys.executable, "-c", FORKING, str(spool)]
    subprocess.run(command, env=environment(), timeout=PATIENCE, check=False)

    assert sorted(part.frames for part in parts_of(str(spool))) == [5, 10, 10]

    logger = Logger(spool, peer.url, 10, 1, "flush")
    assert logger.wait_for("flushed") == "True"
    logger.last()
    children = [f"{child}{number:02}" for child in (1, 2) for number in range(5 * child)]
    assert sorted(peer.payloads) == sorted([*map(str, range(11)), *children])
