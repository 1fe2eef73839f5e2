"""Connections that are slow, hang, end in the middle of a frame, are reset, or break repeatedly."""

from __future__ import annotations

import threading
import time

import pytest
from delivery.faults.identity import Watch, check, compare, in_order
from delivery.faults.support import QUICK, arrives, settle, write_all, write_during
from delivery.support import SOON, Task, wait_until, within

from heka.streams import QueuedStream


@pytest.fixture(params=["tcp", "unix"])
def kind(request):
    return request.param


def test_a_slow_reader_gets_everything_in_order(server, kind):
    there = server(kind, buffer=4096, chunk=20000, pause=0.01)
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        with within(SOON):
            accepted = write_all(stream, 1000, size=500)
        arrives(stream, there, accepted)

    assert stream.stats()["resent"] == 0
    assert [in_order(record.serials) for record in there.received.read_on()] == [True]


def test_a_reader_that_hangs_does_not_delay_the_writer(server):
    there = server("tcp", buffer=4096)
    with QueuedStream(there.url, capacity="256 KiB", **QUICK) as stream, Watch(stream):
        first = write_all(stream, 1)
        assert stream.flush(10)
        there.hang()
        with within(2 * SOON):
            accepted = first | write_all(stream, 3000, size=1000, start=1)
        with within(SOON):
            assert not stream.flush(0.1)
        assert stream.stats()["dropped"]["full"] == 3001 - len(accepted) > 0
        there.go_on()
        settle(stream, there, accepted)

    assert there.received.serials().keys() == accepted


def test_a_reader_that_hangs_longer_than_write_timeout_is_disconnected(server):
    """A new connection is made, and unacknowledged frames are sent on it."""
    there = server("tcp", buffer=4096)
    options = {**QUICK, "write_timeout": 0.3}
    with QueuedStream(there.url, **options) as stream, Watch(stream):
        there.hang()
        accepted = write_all(stream, 2000, size=1000)
        wait_until(lambda: stream.stats()["reconnects"] > 0, "a second connection")
        there.go_on()
        arrives(stream, there, accepted)

    assert len(there.received.read_on()) > 1


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_connection_cut_within_a_frame_loses_nothing(server, how):
    """Each connection ends after about 20 KB, in the middle of a frame; the rest is sent again."""
    there = server("tcp", cut=20000, how=how, buffer=4096)
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        accepted = write_all(stream, 300, size=700)
        arrives(stream, there, accepted)

    records = there.received.read_on()
    assert len(records) > 3
    assert sum(record.tail > 0 for record in records) > 1, "no frame was cut"
    assert all(in_order(record.serials) for record in records)
    stats = stream.stats()
    assert stats["reconnects"] == len([r for r in records if r.serials or r.tail]) - 1


def test_a_connection_closed_while_idle_is_noticed_before_the_next_message(server, kind):
    """A message written after the end of the connection is not lost."""
    there = server(kind)
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        accepted = write_all(stream, 10)
        settle(stream, there, accepted)
        for n in range(1, 4):
            there.stop()
            time.sleep(0.1)
            there.start()
            accepted |= write_all(stream, 10, start=10 * n)
            arrives(stream, there, accepted)

    assert stream.stats()["resent"] == 0


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_twenty_restarts_under_load_lose_nothing(server, kind, how):
    there = server(kind, how=how)
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):

        def restart():
            for n in range(20):
                there.restart(pause=0.02 if n % 3 == 0 else 0)

        accepted = write_during(stream, restart)
        arrives(stream, there, accepted)

    stats = stream.stats()
    assert stats["reconnects"] >= 15
    assert stats["dropped"] == {}


def test_twenty_kills_under_load_lose_only_what_the_peers_kernel_had(server):
    """SIGKILL: what was acknowledged but not read is lost, and no sender can detect that."""
    there = server("tcp", buffer=8192)
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):

        def restart():
            for _ in range(20):
                before = there.received.serials().total()
                wait_until(lambda b=before: there.received.serials().total() > b)
                there.kill()
                there.start()

        accepted = write_during(stream, restart)
        assert stream.flush(20)
        there.stop()

    stats = stream.stats()
    check(stats)
    came = there.received.serials()
    assert stats["sent"] == len(accepted)
    assert came.keys() <= accepted
    assert came.total() - len(came) <= stats["resent"]
    lost = len(accepted) - len(came)
    assert lost <= 20 * 2 * 8192 // 200, "more than the buffers of twenty kernels hold"


def test_what_a_killed_unix_server_had_not_read_is_sent_to_the_next(server):
    """Both ends share one kernel, which discards it as if it had been read."""
    there = server("unix")
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        accepted = write_all(stream, 20)
        settle(stream, there, accepted)
        there.hang()
        accepted |= write_all(stream, 20, start=20)
        assert not stream.flush(0.2)
        there.kill()
        there.start()
        arrives(stream, there, accepted)

    assert stream.stats()["resent"] == 20


def test_data_from_the_peer_is_discarded(server):
    """Data from the peer neither ends the connection nor fills its buffer."""
    there = server("tcp", chatty=True)
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        accepted = set()
        for n in range(20):
            accepted |= write_all(stream, 20, start=20 * n)
            time.sleep(0.005)
        arrives(stream, there, accepted)

    assert stream.stats()["reconnects"] == 0


def test_close_sends_what_is_queued_and_then_ends_the_connection(server, kind):
    there = server(kind)
    stream = QueuedStream(there.url, **QUICK)
    accepted = write_all(stream, 2000, size=300)
    with within(10 + SOON):
        stream.close(10)

    assert stream.stats()["sent"] == 2000
    there.wait_for(2000)
    there.stop()
    compare(stream.stats(), there.received.serials(), accepted)
    assert [record.tail for record in there.received.read_on()] == [0]


def test_a_second_close_and_a_flush_afterwards_return_at_once(server):
    there = server("tcp")
    stream = QueuedStream(there.url, **QUICK)
    accepted = write_all(stream, 10)
    stream.close(10)
    stream.close(10)

    assert stream.closed
    assert stream.flush(1) in (True, False)
    there.wait_for(10)
    compare(stream.stats(), there.received.serials(), accepted)


@pytest.mark.parametrize("threads", [1, 4])
def test_after_flush_returns_true_everything_has_arrived(server, threads):
    """In every round, while the server restarts: after True, everything has arrived."""
    there = server("tcp")
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        over = threading.Event()

        def restart():
            while not over.wait(0.1):
                there.stop()
                there.start()

        restarter = Task(restart)
        written = set()

        def write_and_flush(source):
            for n in range(10):
                mine = write_all(stream, 20, source, start=20 * n)
                written.update(mine)
                assert stream.flush(20)
                came.append((mine, time.monotonic()))

        came = []
        tasks = [Task(lambda s=f"s{i}": write_and_flush(s)) for i in range(threads)]
        for task in tasks:
            task.result()
        over.set()
        restarter.result()
        arrives(stream, there, written)
