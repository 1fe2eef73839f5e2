"""Callbacks of a ring: start, which starts a consumer, and pause, which sleeps for greenlets."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref

import pytest
from delivery.rings import SMALL, Start, account, frame, full_ring, rest, ring_with
from delivery.support import PATIENCE, SOON, Task, wait_until, within

import heka
from heka._core import Ring, Sink
from heka.exceptions import QueueFullError


@pytest.fixture
def unraisable(monkeypatch):
    """The exceptions reported as unraisable."""
    told: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: told.append(args.exc_value))
    return told


# ---- who drains ----------------------------------------------------------------------------------


def test_start_is_called_until_there_is_a_consumer():
    ring = Ring(SMALL, 1000)
    start = ring.start = Start()

    ring.put(b"1")
    ring.put(b"2")
    assert start.calls == 2, "nobody came"
    ring.start = started = Start(ring.set_consumer)
    ring.put(b"3")
    ring.put(b"4")
    assert (started.calls, ring.has_consumer) == (1, True)
    ring.clear_consumer()
    assert not ring.has_consumer
    ring.put(b"5")

    assert started.calls == 2


def test_start_is_not_called_for_a_frame_that_is_dropped():
    ring = Ring(SMALL, 1000)
    start = ring.start = Start()

    ring.put(bytes(2000))
    ring.close()
    ring.put(b"late")

    assert start.calls == 0


@pytest.mark.parametrize("overflow", ["block", "raise", "drop_old"])
def test_a_full_ring_without_a_consumer_calls_start(overflow):
    """With ``block``, start is called before the wait, which would otherwise never end."""
    ring = full_ring(overflow, block_timeout=PATIENCE, full_error=QueueFullError)
    start = ring.start = Start(lambda: rest(ring), ring.acknowledge)

    if overflow == "raise":
        with pytest.raises(QueueFullError):
            ring.put(frame(4, 1000))
    else:
        with within(SOON):
            assert ring.put(frame(4, 1000))
        assert start.calls >= 1


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), RecursionError("x"), MemoryError("x")])
@pytest.mark.parametrize("overflow", ["drop_new", "block"])
def test_an_exception_of_start_is_not_raised_in_the_producer(error, overflow, unraisable):
    ring = Ring(SMALL, 1000)
    ring.overflow = overflow
    ring.start = Start(error)

    assert ring.put(b"a frame") is True

    assert unraisable == [error]
    assert account(ring)["queued"] == 1


def test_an_exception_of_start_does_not_end_a_wait(unraisable):
    ring = full_ring("block", block_timeout=0.2, start=Start(ZeroDivisionError("x")))

    assert ring.put(frame(4, 1000)) is False

    assert set(map(type, unraisable)) == {ZeroDivisionError}
    assert account(ring)["dropped"] == {"full": 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_a_base_exception_of_start_is_raised_in_the_producer(error, unraisable):
    """The interrupt came during the put by chance; the frame stays in the ring."""
    ring = Ring(SMALL, 1000)
    ring.start = Start(error)

    with pytest.raises(type(error)):
        ring.put(b"a frame")

    assert unraisable == []
    assert account(ring)["queued"] == 1
    assert rest(ring) == [b"a frame"]


def test_a_base_exception_of_start_in_a_wait_drops_the_frame():
    ring = full_ring("block", block_timeout=PATIENCE, start=Start(KeyboardInterrupt()))

    with within(SOON), pytest.raises(KeyboardInterrupt):
        ring.put(frame(4, 1000))

    assert account(ring)["dropped"] == {"interrupted": 1}


def test_start_may_put_frames_itself(unraisable):
    ring = Ring(SMALL, 1000)
    inner = Start(ring.set_consumer)

    def put() -> None:
        ring.start = inner
        assert ring.put(b"from start")

    ring.start = Start(put)
    assert ring.put(b"a frame")

    assert inner.calls == 1
    assert unraisable == []
    assert rest(ring) == [b"a frame", b"from start"]


def test_start_that_recurses_without_end_is_ended(unraisable):
    ring = Ring(1 << 20, 1000)
    ring.start = lambda: ring.put(b"from start")

    assert ring.put(b"a frame") is True

    assert set(map(type, unraisable)) <= {RecursionError}
    assert account(ring)["queued"] > 10


def test_start_may_flush_close_and_replace_itself():
    ring = Ring(SMALL, 1000)

    def start() -> None:
        ring.start = None
        gc.collect()
        assert ring.flush(0) is False
        ring.close()

    ring.start = start
    del start

    assert ring.put(b"a frame") is True
    assert ring.put(b"late") is False
    assert account(ring)["dropped"] == {"closed": 1}


def test_a_ring_that_start_releases_lives_until_the_producer_returns():
    """The sink drops the only reference to the ring while a frame is put."""
    sink = Sink(print)
    ring = Ring(SMALL, 1000)

    def start() -> None:
        sink.attach_ring(None)
        raise ZeroDivisionError

    ring.start = start
    gone = weakref.ref(start)
    sink.attach_ring(ring)
    del ring, start
    hook, sys.unraisablehook = sys.unraisablehook, lambda args: None
    try:
        assert sink.write(b"a frame", 0) is True
    finally:
        sys.unraisablehook = hook
    gc.collect()

    assert gone() is None


def test_a_ring_that_is_replaced_while_a_producer_waits():
    sink = Sink(print)
    waits = threading.Event()
    ring = full_ring("block", block_timeout=0.3, start=waits.set)
    sink.attach_ring(ring)
    del ring
    writing = Task(lambda: sink.write(frame(4, 1000), 0))
    assert waits.wait(PATIENCE)

    sink.attach_ring(Ring(SMALL, 1000))
    gc.collect()

    assert writing.result() is False
    assert sink.write(b"a frame", 0) is True


# ---- greenlets instead of threads ----------------------------------------------------------------


def test_pause_is_called_instead_of_waiting():
    ring = full_ring("block", block_timeout=PATIENCE)
    spans: list[float] = []

    def pause(seconds: float) -> None:
        spans.append(seconds)
        if len(spans) == 3:
            ring.take(1)

    ring.pause = pause

    assert ring.put(frame(4, 1000)) is True
    assert len(spans) == 3
    assert all(0 < span < 0.1 for span in spans)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("call", ["put", "flush"])
def test_exceptions_of_pause_reach_the_caller(error, call):
    """For instance gevent's Timeout."""
    ring = full_ring("block", block_timeout=PATIENCE)

    def pause(seconds: float) -> None:
        ring.pause = None
        raise error

    ring.pause = pause
    with within(SOON), pytest.raises(error):
        ring.put(frame(4, 1000)) if call == "put" else ring.flush(PATIENCE)

    assert account(ring)["dropped"] == ({"interrupted": 1} if call == "put" else {})


def test_a_wait_by_pause_ends_after_its_timeout():
    ring = full_ring("block", block_timeout=0.1, pause=time.sleep)

    with within(SOON):
        assert ring.put(frame(4, 1000)) is False
        assert ring.flush(0.1) is False


# ---- a sink with a ring --------------------------------------------------------------------------


def test_a_sink_puts_its_frames_into_the_ring_which_counts_them():
    ring = ring_with(max_frame=1000)
    sink = Sink(print)
    sink.attach_ring(ring)

    assert sink.write(b"frame", 0) is True
    assert sink.write(bytes(2000), 0) is False
    sink.drop("filter")
    sink.drop("a reason of its own")

    assert sink.counts() == {"offered": 0, "sent": 0, "bytes": 0, "dropped": {}}
    assert account(ring)["dropped"] == {"oversize": 1, "filter": 1, "error": 1}
    assert rest(ring) == [b"frame"]


def test_full_error_is_raised_by_a_log_call():
    sink = Sink(print)
    ring = full_ring("raise", full_error=QueueFullError)
    sink.attach_ring(ring)
    emitter = heka._core.Emitter(lambda to: sink)

    with pytest.raises(QueueFullError):
        emitter.log("t", payload="x" * 900)
    assert emitter.log("t", payload="x" * 2000) is False

    assert account(ring)["dropped"] == {"full": 1, "oversize": 1}


@pytest.mark.parametrize("value", [5, "ring", object(), Sink(print)])
def test_attach_ring_refuses_other_types(value):
    sink = Sink(print)
    ring = ring_with()
    sink.attach_ring(ring)

    with pytest.raises(TypeError, match="ring must be Ring or None"):
        sink.attach_ring(value)

    sink.write(b"x", 0)
    assert account(ring)["queued"] == 1


def test_after_attach_ring_none_frames_go_to_the_descriptor_again():
    got: list[bytes] = []
    sink = Sink(lambda frame, *rest: not got.append(frame))
    ring = ring_with()
    sink.attach_ring(ring)
    sink.attach_ring(ring)
    sink.write(b"1", 0)
    sink.attach_ring(None)
    sink.attach_ring(None)
    sink.write(b"2", 0)

    assert got == [b"2"]
    assert account(ring)["queued"] == 1
    wait_until(lambda: sys.getrefcount(ring) == 2)
