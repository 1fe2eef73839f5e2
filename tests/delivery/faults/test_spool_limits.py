"""What earlier processes left is never dropped to fit; the size of the whole spool is bounded."""

from __future__ import annotations

import pytest
from delivery.faults.spools import NOWHERE, Logger
from delivery.support import wait_until

import heka
from heka.exceptions import ConfigError, QueueFullError
from heka.streams import QueuedStream

FRAME = heka.pack("t", payload="x" * 1000)


def test_all_that_eight_killed_workers_left_is_sent_by_one(tmp_path, server):
    """They left eight times the capacity; one directory after the other is adopted."""
    spool = tmp_path / "spool"
    loggers = [Logger(spool, NOWHERE, 1000 * n, 1000, "die") for n in range(8)]
    accepted = [logger.last() - 1000 * n for n, logger in enumerate(loggers)]
    assert accepted == [1000] * 8
    there = server("tcp")

    with QueuedStream(there.url, spool=spool, capacity="128 KiB") as stream:
        assert stream.flush(30.0), stream.stats()
        account = stream.stats()

    assert account["recovered"] == account["sent"] == 8000
    assert account["dropped"] == {}


def test_one_directory_is_open_at_a_time(tmp_path):
    spool = tmp_path / "spool"
    for n in range(3):
        assert Logger(spool, NOWHERE, 1000 * n, 10, "die").last() == 1000 * n + 10

    with QueuedStream(NOWHERE, spool=spool) as stream:
        assert stream.stats()["recovered"] == 10
        assert not stream.flush(0.05)
        stream.close(0.0)


def fill(stream, most=10_000):
    count = 0
    while count < most and stream.write(FRAME):
        count += 1
    return count


def test_starting_again_and_again_does_not_fill_the_disk(tmp_path):
    """Each run leaves a full queue; over the limit a new one takes nothing."""
    taken = []
    for _ in range(6):
        stream = QueuedStream(NOWHERE, spool=tmp_path, capacity="256 KiB", spool_max="600 KiB")
        taken.append(fill(stream))
        dropped = stream.stats()["dropped"]
        stream.close(0.0)
        assert dropped["full"] >= 1
    assert taken[0] > 0
    assert taken[-1] == 0
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.heka"))
    assert size <= (600 + 256) * 1024


def test_the_limit_is_sixteen_times_the_capacity_unless_it_is_given(tmp_path):
    full = 0
    for _ in range(40):
        stream = QueuedStream(NOWHERE, spool=tmp_path, capacity="128 KiB")
        full += fill(stream) == 0
        stream.close(0.0)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.heka"))
    assert full > 0
    assert 14 * 128 * 1024 <= size <= 17 * 128 * 1024


def test_frames_are_taken_again_once_there_is_room(tmp_path, server):
    first = QueuedStream(NOWHERE, spool=tmp_path, capacity="256 KiB")
    fill(first)
    first.close(0.0)
    there = server("tcp", start=False)
    with QueuedStream(there.url, spool=tmp_path, capacity="256 KiB", spool_max=100_000) as stream:
        assert not stream.write(FRAME)
        there.start()
        wait_until(lambda: stream.write(FRAME), "room")


def test_raise_raises_over_the_limit(tmp_path):
    first = QueuedStream(NOWHERE, spool=tmp_path, capacity="256 KiB")
    fill(first)
    first.close(0.0)
    with QueuedStream(NOWHERE, spool=tmp_path, spool_max=100_000, overflow="raise") as stream:
        with pytest.raises(QueueFullError):
            stream.write(FRAME)
        assert stream.stats()["dropped"] == {"full": 1}
        stream.close(0.0)


def test_a_limit_without_a_spool_is_refused():
    with pytest.raises(ConfigError, match="spool_max"):
        QueuedStream(NOWHERE, spool_max=100_000)
