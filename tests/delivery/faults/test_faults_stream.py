"""Wrapped streams that raise, return False, block, call back, or have only write()."""

from __future__ import annotations

import threading
import time
import warnings

import pytest
from delivery.faults.identity import Watch, check
from delivery.faults.peers import frame, serial_of
from delivery.faults.support import QUICK, write_all
from delivery.support import SOON, wait_until, within

import heka
from heka.streams import QueuedStream


class Inner:
    """Keeps what is written; ``plan(number, attempt)`` may raise or return something instead."""

    def __init__(self, plan=lambda number, tries: None):
        self.plan = plan
        self.tries = {}
        self.came = []
        self.threads = set()

    def write(self, data):
        self.threads.add(threading.current_thread())
        (one,) = heka.StreamReader().feed(data)
        serial = serial_of(one.message)
        self.tries[serial] = self.tries.get(serial, 0) + 1
        outcome = self.plan(serial[1], self.tries[serial])
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is not False:
            self.came.append(serial)
        return outcome


class UnusualError(BaseException):
    pass


def in_order(count, but=()):
    return [("a", number) for number in range(count) if number not in but]


def test_an_os_error_is_tried_again_until_it_is_over():
    inner = Inner(lambda number, tries: OSError("no") if number % 5 == 3 and tries < 3 else None)
    with QueuedStream(inner, linger=0.005, backoff_max=0.01) as stream, Watch(stream):
        write_all(stream, 20)
        assert stream.flush(20)

    assert inner.came == in_order(20)
    assert stream.stats()["sent"] == 20
    assert stream.stats()["dropped"] == {}
    assert threading.current_thread() not in inner.threads


@pytest.mark.parametrize(
    "failure",
    [
        ValueError("no"),
        RuntimeError("no"),
        RecursionError("no"),
        MemoryError(),
        StopIteration(),
        UnicodeDecodeError("utf-8", b"", 0, 1, "no"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        UnusualError("no"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_any_other_exception_costs_that_frame_only(failure):
    """The thread continues, whatever is raised in it."""
    inner = Inner(lambda number, tries: failure if number % 5 == 3 else None)
    with QueuedStream(inner, **QUICK) as stream, Watch(stream):
        write_all(stream, 20)
        with within(10):
            assert not stream.flush(20), "frames were dropped: not all has arrived"

    assert inner.came == in_order(20, but=(3, 8, 13, 18))
    assert set(inner.tries.values()) == {1}
    assert stream.stats()["sent"] == 16
    reason = "error" if isinstance(failure, Exception) else "interrupted"
    assert stream.stats()["dropped"] == {reason: 4}


def test_false_counts_as_dropped_by_the_stream():
    inner = Inner(lambda number, tries: False if number == 3 else None)
    with QueuedStream(inner, **QUICK) as stream, Watch(stream):
        write_all(stream, 10)
        assert not stream.flush(20)

    assert inner.came == in_order(10, but=(3,))
    assert stream.stats()["dropped"] == {"stream": 1}


@pytest.mark.parametrize("value", [None, True, 0, 1, "", object()], ids=repr)
def test_any_other_result_of_write_means_taken(value):
    inner = Inner(lambda number, tries: value)
    with QueuedStream(inner, **QUICK) as stream, Watch(stream):
        write_all(stream, 10)
        assert stream.flush(20)

    assert stream.stats()["sent"] == 10


def test_a_stream_that_blocks_does_not_block_the_writer():
    """close() does not wait for it either."""
    gate = threading.Event()
    inner = Inner(lambda number, tries: gate.wait(20) and None)
    stream = QueuedStream(inner, **QUICK)
    with Watch(stream):
        with within(SOON):
            write_all(stream, 100)
        with within(SOON):
            assert not stream.flush(0.1)
        with within(SOON):
            stream.close(0.1)
        check(stream.stats())
        gate.set()
        time.sleep(0.05)

    stats = stream.stats()
    assert stats["offered"] == 100
    assert stats["queued"] == 0
    assert stats["sent"] in (len(inner.came), len(inner.came) - 1)


def test_a_stream_that_blocks_for_a_while_gets_everything():
    gate = threading.Event()
    inner = Inner(lambda number, tries: gate.wait(20) and None)
    with QueuedStream(inner, **QUICK) as stream, Watch(stream):
        write_all(stream, 100)
        gate.set()
        assert stream.flush(20)

    assert inner.came == in_order(100)


def test_a_stream_that_fails_for_ever_ends_with_close():
    inner = Inner(lambda number, tries: OSError("never"))
    stream = QueuedStream(inner, **QUICK)
    with Watch(stream):
        write_all(stream, 10)
        wait_until(lambda: inner.tries.get(("a", 0), 0) > 2, "a third try")
        with within(SOON):
            stream.close(0.1)

    assert stream.stats()["sent"] == 0
    assert sum(stream.stats()["dropped"].values()) == 10


def test_a_stream_may_write_to_the_queue_that_calls_it():
    """For instance to log its own state: the frame is queued, without a deadlock."""
    inner = Inner()
    stream = QueuedStream(inner, **QUICK)
    inner.plan = lambda number, tries: (
        stream.write(frame(number + 100)) and None if number < 5 else None
    )
    with Watch(stream):
        write_all(stream, 5)
        wait_until(lambda: len(inner.came) == 10, "ten messages")
    stream.close(5)

    assert {number for _, number in inner.came} == {*range(5), *range(100, 105)}


def test_a_stream_may_flush_the_queue_that_calls_it():
    """flush() cannot succeed there, and must not hang."""
    said = []
    inner = Inner()
    stream = QueuedStream(inner, **QUICK)
    inner.plan = lambda number, tries: said.append(stream.flush(0.1))
    with within(4 * SOON):
        write_all(stream, 2)
        wait_until(lambda: len(inner.came) == 2, "two messages")
    stream.close(5)

    assert said[0] is False


def test_a_stream_may_close_the_queue_that_calls_it():
    inner = Inner()
    stream = QueuedStream(inner, **QUICK)
    inner.plan = lambda number, tries: stream.close(0.1)
    with within(4 * SOON):
        write_all(stream, 10)
        wait_until(lambda: stream.closed, "its end")
        stream.close(1)

    check(stream.stats())
    assert stream.stats()["queued"] == 0


def test_what_a_stream_logs_in_the_thread_of_a_queue_goes_nowhere(server):
    """heka.log inside write() is refused, for another destination too; the frames are sent."""
    there = server("tcp")
    told = []
    inner = Inner(lambda number, tries: told.append(heka.log("t", payload="x", to=there.url)))
    with QueuedStream(inner, **QUICK) as stream:
        write_all(stream, 10)
        assert stream.flush(20)
        assert stream.stats()["sent"] == 10

    assert told == [False] * 10
    assert heka.stats()["destinations"][there.url]["dropped"] == {"reentrant": 10}


@pytest.mark.parametrize("name", ["flush", "close"])
def test_exceptions_of_flush_and_close_are_not_raised(name):
    inner = Inner()
    called = []

    def fail(*args):
        called.append(args)
        raise ValueError("no")

    setattr(inner, name, fail)
    stream = QueuedStream(inner, **QUICK)
    write_all(stream, 10)
    stream.flush(5)
    stream.close(5)

    assert inner.came == in_order(10)
    check(stream.stats())


def test_something_without_write_is_refused_at_once():
    for wrong in (None, 5, object(), b"tcp://x"):
        with pytest.raises((TypeError, ValueError)), warnings.catch_warnings():
            QueuedStream(wrong)
