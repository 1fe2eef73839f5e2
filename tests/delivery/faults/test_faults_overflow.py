"""Each overflow policy with a full queue, and a server that is absent and comes back."""

from __future__ import annotations

import contextlib
import queue
import threading
import time

import pytest
from delivery.faults.identity import Watch, check
from delivery.faults.peers import frame
from delivery.faults.support import QUICK, arrives, settle, write_all
from delivery.support import SOON, Task, wait_until, within

import heka
from heka.exceptions import HekaError, QueueFullError
from heka.streams import QueuedStream

SMALL = {**QUICK, "capacity": "256 KiB"}


def numbers(serials):
    return sorted(number for _, number in serials)


def test_drop_new_keeps_the_oldest(server):
    there = server("tcp", start=False)
    with QueuedStream(there.url, **SMALL) as stream, Watch(stream):
        with within(SOON):
            accepted = write_all(stream, 1000, size=1000)
        stats = stream.stats()
        assert (stats["offered"], stats["queued"]) == (1000, len(accepted))
        assert stats["dropped"] == {"full": 1000 - len(accepted)}
        assert 100 < len(accepted) < 1000
        there.start()
        arrives(stream, there, accepted)

    assert numbers(accepted) == list(range(len(accepted)))


def test_drop_old_keeps_the_newest(server):
    """Every write is accepted; the dropped frames are consecutive and counted exactly."""
    there = server("tcp", start=False)
    with QueuedStream(there.url, overflow="drop_old", **SMALL) as stream, Watch(stream):
        with within(SOON):
            accepted = write_all(stream, 1000, size=1000)
        stats = stream.stats()
        assert len(accepted) == 1000
        assert stats["dropped"]["full"] == 1000 - stats["queued"] > 0
        there.start()
        settle(stream, there, accepted)

    came = numbers(there.received.serials())
    lost = sorted(set(range(1000)) - set(came))
    assert len(lost) == stream.stats()["dropped"]["full"]
    assert lost == list(range(lost[0], lost[-1] + 1)), "what is dropped is not one piece"
    assert came[-1] == 999


def test_drop_old_while_the_server_reads_drops_no_frame_in_flight(server):
    """The queue is always full: frames arrive whole, in order, and once."""
    there = server("tcp", buffer=4096, chunk=10000, pause=0.002)
    with QueuedStream(there.url, overflow="drop_old", **SMALL) as stream, Watch(stream):
        accepted = write_all(stream, 4000, size=1000)
        settle(stream, there, accepted)

    stats = stream.stats()
    assert stats["dropped"]["full"] > 0
    assert len(there.received.serials()) == 4000 - stats["dropped"]["full"]
    assert stats["resent"] == 0


def test_block_drops_the_new_frame_after_block_timeout(server):
    there = server("tcp", start=False)
    options = {**SMALL, "overflow": "block", "block_timeout": 0.2}
    with QueuedStream(there.url, **options) as stream, Watch(stream):
        number = 0
        began = time.monotonic()
        with within(4 * SOON):
            while stream.write(frame(number, size=1000)):
                number += 1
                began = time.monotonic()
        assert time.monotonic() - began > 0.15
        assert stream.stats()["dropped"] == {"full": 1}
        there.start()
        arrives(stream, there, {("a", n) for n in range(number)})


def test_block_goes_on_as_soon_as_there_is_room(server):
    there = server("tcp", start=False)
    options = {**SMALL, "overflow": "block", "block_timeout": 20}
    with QueuedStream(there.url, **options) as stream, Watch(stream):
        writer = Task(lambda: write_all(stream, 1000, size=1000))
        wait_until(lambda: stream.stats()["retries"] > 1, "a second try")
        assert stream.stats()["offered"] < 1000
        there.start()
        accepted = writer.result()
        arrives(stream, there, accepted)

    assert len(accepted) == 1000


def test_block_ends_with_close(server):
    """A writer that waits for room returns, and its frame is counted."""
    there = server("tcp", start=False)
    options = {**SMALL, "overflow": "block", "block_timeout": 20}
    stream = QueuedStream(there.url, **options)
    with Watch(stream):
        writer = Task(lambda: write_all(stream, 1000, size=1000))
        wait_until(lambda: stream.stats()["retries"] > 1, "a second try")
        with within(SOON):
            stream.close(0.1)
        with within(SOON):
            writer.result()

    stats = stream.stats()
    assert (stats["offered"], stats["queued"], stats["sent"]) == (1000, 0, 0)
    assert stats["dropped"]["closed"] > 0


def test_block_lets_other_threads_run(server):
    """A waiting writer releases the GIL."""
    there = server("tcp", start=False)
    options = {**SMALL, "overflow": "block", "block_timeout": 1.0}
    stream = QueuedStream(there.url, **options)
    filled = threading.Event()

    def fill():
        while stream.write(frame(0, size=1000)):
            filled.set()

    writer = Task(fill)
    filled.wait()
    ticks = 0
    while writer.is_alive():
        time.sleep(0.01)
        ticks += 1
    stream.close(0.1)
    assert ticks > 10


def test_raise_tells_the_caller(server):
    there = server("tcp", start=False)
    with QueuedStream(there.url, overflow="raise", **SMALL) as stream, Watch(stream):
        number = 0
        with contextlib.suppress(QueueFullError):
            while stream.write(frame(number, size=1000)):
                number += 1
        with pytest.raises(QueueFullError) as caught, within(SOON):
            stream.write(frame(number, size=1000))
        assert isinstance(caught.value, HekaError)
        assert isinstance(caught.value, queue.Full)
        assert stream.stats()["dropped"] == {"full": 2}
        there.start()
        arrives(stream, there, {("a", n) for n in range(number)})


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block", "raise"])
def test_a_frame_that_can_never_fit_is_refused_at_once(server, overflow):
    there = server("tcp")
    options = {**QUICK, "overflow": overflow, "block_timeout": 20}
    with QueuedStream(there.url, **options) as stream, Watch(stream):
        with within(SOON):
            assert not stream.write(frame(0, size=65400) + b"x" * 400)
        assert stream.stats()["dropped"] == {"oversize": 1}
        accepted = {("a", 0)} if stream.write(frame(0, size=60000)) else set()
        arrives(stream, there, accepted)


def test_the_largest_frame_and_the_smallest_arrive(server):
    there = server("tcp")
    large = heka.pack("t", "a", payload="1 " + "x" * 65400)
    with QueuedStream(there.url, **SMALL) as stream, Watch(stream):
        accepted = write_all(stream, 1)
        assert stream.write(large)
        arrives(stream, there, accepted | {("a", 1)})


def test_on_drop_is_called_for_each_frame_and_never_in_the_writer(server):
    there = server("tcp", start=False)
    heard = []
    options = {**SMALL, "on_drop": lambda *args: heard.append((*args, threading.get_ident()))}
    stream = QueuedStream(there.url, **options)
    write_all(stream, 1000, size=1000)
    full = stream.stats()["dropped"]["full"]
    wait_until(lambda: sum(count for _, count, _ in heard) >= full, "all that was dropped")

    assert {reason for reason, _, _ in heard} == {"full"}
    assert sum(count for _, count, _ in heard) == full
    assert threading.get_ident() not in {ident for _, _, ident in heard}
    stream.close(0.1)
    check(stream.stats())


@pytest.mark.parametrize("what", [ValueError, SystemExit, KeyboardInterrupt], ids=str)
def test_on_drop_may_raise(server, what):
    there = server("tcp", start=False)

    def on_drop(reason, count):
        raise what("of the program")

    with QueuedStream(there.url, on_drop=on_drop, **SMALL) as stream, Watch(stream):
        accepted = write_all(stream, 1000, size=1000)
        time.sleep(0.1)
        there.start()
        arrives(stream, there, accepted)


def test_on_drop_may_write_to_the_stream_that_calls_it(server):
    """For instance to report dropped frames: it does not recurse without end or deadlock."""
    there = server("tcp", start=False)
    stream = QueuedStream(
        there.url, on_drop=lambda *args: stream.write(frame(0, "drop", size=1000)), **SMALL
    )
    with Watch(stream):
        accepted = write_all(stream, 1000, size=1000)
        time.sleep(0.1)
        there.start()
        wait_until(lambda: accepted <= there.received.serials().keys(), "what was accepted")
    stream.close(5)
    check(stream.stats())
