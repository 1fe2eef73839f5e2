"""Datagrams and files: UDP and unix servers that restart, FIFOs, and files that are moved."""

from __future__ import annotations

import os
import time

import pytest
from delivery.faults.identity import Watch, check
from delivery.faults.peers import serial_of
from delivery.faults.support import QUICK, settle, write_all
from delivery.support import SOON, Datagrams, Task, wait_until, within

import heka
from heka.streams import QueuedStream


def serials(data):
    reader = heka.StreamReader()
    found = [serial_of(one.message) for one in reader.feed(data)]
    assert (reader.discarded_bytes, reader.pending_bytes) == (0, 0)
    return found


@pytest.fixture
def there():
    peer = Datagrams()
    yield peer
    peer.close()


def test_datagrams_hold_whole_frames_up_to_their_size(there):
    """As many as fit, in order; a larger frame is sent alone."""
    options = {**QUICK, "linger": 0.1, "datagram_size": 1400}
    with QueuedStream(f"udp://127.0.0.1:{there.port}", **options) as stream, Watch(stream):
        accepted = write_all(stream, 100, size=30)
        accepted |= write_all(stream, 1, size=3000, start=100)
        accepted |= write_all(stream, 10, start=101)
        assert stream.flush(10)
        came = []
        while len(came) < len(accepted):
            data = there.take()
            found = serials(data)
            assert len(data) <= 1400 or found == [("a", 100)]
            came += found

    assert came == sorted(accepted, key=lambda serial: serial[1])
    assert there.is_empty()
    assert stream.stats()["sent"] == 111


def test_a_udp_server_that_restarts_gets_the_later_messages(server):
    """Datagrams to a closed port are lost; the queue continues, and everything is counted."""
    there = server("udp")
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        accepted = set()
        for n in range(5):
            accepted |= write_all(stream, 20, start=100 * n)
            assert stream.flush(10) in (True, False)
            there.wait_for(1)
            there.stop()
            write_all(stream, 5, "lost", start=100 * n)
            time.sleep(0.05)
            there.start()
            time.sleep(0.3)  # longer than the back-off
        last = write_all(stream, 20, start=1000)
        wait_until(lambda: last <= there.received.serials().keys())

    stats = stream.stats()
    assert stats["offered"] == 5 * 25 + 20
    came = there.received.serials()
    assert came.total() - len(came) <= stats["resent"]
    assert len(came) <= stats["sent"]
    assert len([s for s in accepted if s not in came]) <= stats["offered"] - len(came)


def test_a_unix_datagram_server_that_is_slow_gets_everything(server):
    """A full socket is waited for."""
    there = server("unixgram", pause=0.0005, start=False)
    options = {**QUICK, "datagram_size": 500}
    with QueuedStream(there.url, **options) as stream, Watch(stream):
        accepted = write_all(stream, 200)
        there.start()
        settle(stream, there, accepted)

    assert there.received.serials().keys() == accepted
    assert stream.stats()["resent"] == 0


def test_a_unix_datagram_server_that_restarts_loses_only_what_it_had(server):
    there = server("unixgram")
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        accepted = write_all(stream, 50)
        settle(stream, there, accepted)
        there.stop()
        accepted |= write_all(stream, 50, start=50)
        time.sleep(0.1)
        there.start()
        settle(stream, there, accepted)

    assert there.received.serials().keys() == accepted


def test_a_fifo_without_a_reader_is_waited_for(tmp_path):
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    with QueuedStream(f"file://{path}", **QUICK) as stream, Watch(stream):
        with within(SOON):
            accepted = write_all(stream, 500, size=300)
        with within(SOON):
            assert not stream.flush(0.1)
        data = bytearray()

        def read():
            with open(path, "rb") as fifo:
                while len(serials_so_far(data)) < 500:
                    data.extend(fifo.read1(3000))
                    time.sleep(0.001)

        reader = Task(read)
        assert stream.flush(20)
        reader.result()

    assert set(serials_so_far(data)) == accepted
    check(stream.stats())


def serials_so_far(data):
    return [serial_of(one.message) for one in heka.StreamReader().feed(bytes(data))]


def test_a_fifo_whose_reader_leaves_sends_the_rest_to_the_next_reader(tmp_path):
    """A pipe keeps nothing for the next reader: no message arrives twice."""
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    with QueuedStream(f"file://{path}", **QUICK) as stream, Watch(stream):
        first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        write_all(stream, 10)
        assert stream.flush(10)
        assert set(serials(os.read(first, 1 << 16))) == {("a", n) for n in range(10)}
        os.close(first)
        accepted = write_all(stream, 10, start=10)
        time.sleep(0.1)
        second = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert stream.flush(10)
        came = serials(os.read(second, 1 << 16))
        os.close(second)

    assert set(came) == accepted
    assert stream.stats()["sent"] == 20


def test_a_file_that_is_moved_away_is_made_again(tmp_path):
    path, moved = tmp_path / "log", tmp_path / "log.1"
    with QueuedStream(f"file://{path}", **QUICK) as stream, Watch(stream):
        write_all(stream, 100)
        assert stream.flush(10)
        path.rename(moved)
        write_all(stream, 100, start=100)
        assert stream.flush(10)

    assert serials(moved.read_bytes()) == [("a", n) for n in range(100)]
    assert serials(path.read_bytes()) == [("a", n) for n in range(100, 200)]


def test_a_directory_that_is_missing_for_a_while_loses_nothing(tmp_path):
    path = tmp_path / "later" / "log"
    with QueuedStream(f"file://{path}", **QUICK) as stream, Watch(stream):
        accepted = write_all(stream, 100)
        wait_until(lambda: stream.stats()["retries"] > 0, "a second try")
        path.parent.mkdir()
        assert stream.flush(10)

    assert set(serials(path.read_bytes())) == accepted
