"""The producer side of a ring: put, and the overflow policies."""

from __future__ import annotations

import queue
import signal
import threading
import time

import pytest
from delivery.rings import FULL, SMALL, account, frame, frames, full_ring, rest, ring_with
from delivery.support import PATIENCE, SOON, Task, run_threads, within

import heka
from heka._core import Ring
from heka.exceptions import QueueFullError


@pytest.fixture
def alarm():
    """Call a function; shortly after, a signal arrives whose handler raises."""

    def ring_alarm(number, frame):
        raise ZeroDivisionError("from a signal's handler")

    before = signal.signal(signal.SIGALRM, ring_alarm)
    yield lambda act: (signal.setitimer(signal.ITIMER_REAL, 0.1), act())
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


# ---- making one ----------------------------------------------------------------------------------


def test_a_new_ring_has_zero_counters_and_default_attributes():
    ring = Ring(100_000)

    assert (ring.capacity, ring.max_frame) == (100_000, 65_794)
    assert (ring.overflow, ring.block_timeout) == ("drop_new", 1.0)
    assert (ring.start, ring.pause, ring.full_error) == (None, None, heka.HekaError)
    assert (ring.has_consumer, ring.interrupted) == (False, False)
    assert ring.stats() == {
        **dict.fromkeys(["offered", "recovered", "sent", "resent", "bytes"], 0),
        **dict.fromkeys(["queued", "in_flight", "high_water"], 0),
        "dropped": {},
    }


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((1000, 2000), ValueError),
        ((4096, 0), ValueError),
        ((100_000, 65_795), ValueError),
        ((100_000, 2000, 1999), ValueError),
        ((0,), ValueError),
        ((-1,), ValueError),
        ((10_000, -1), ValueError),
        ((10_000, 1000, -1), ValueError),
        ((2**63,), ValueError),
        ((2**200,), ValueError),
        ((2**63 - 1,), ValueError),
        ((2**62, 1000), ValueError),
        ((100_000, 1000, 2**62), ValueError),
        ((2**60, 1000), MemoryError),
        (("4096",), TypeError),
        ((4096.0,), TypeError),
        ((4096, None), TypeError),
        ((100_000, 1000, 2000, 5), TypeError),
        ((100_000, 1000, 2000, "a\0b"), ValueError),
    ],
)
def test_invalid_sizes_are_refused(arguments, error):
    with pytest.raises(error):
        Ring(*arguments)


def test_a_missing_directory_is_an_error(tmp_path):
    with pytest.raises((heka.HekaError, OSError, ValueError)):
        Ring(1_000_000, 1000, directory=tmp_path / "absent")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("overflow", "drop", ValueError),
        ("overflow", "DROP_NEW", ValueError),
        ("overflow", b"block", TypeError),
        ("overflow", None, TypeError),
        ("block_timeout", -1, ValueError),
        ("block_timeout", float("nan"), ValueError),
        ("block_timeout", "1", TypeError),
        ("block_timeout", None, TypeError),
        ("start", 5, TypeError),
        ("pause", "sleep", TypeError),
        ("full_error", ValueError("made already"), TypeError),
        ("full_error", int, TypeError),
        ("full_error", None, TypeError),
        ("capacity", 5, AttributeError),
        ("has_consumer", True, AttributeError),
    ],
)
def test_attributes_refuse_invalid_values_and_name_themselves(name, value, error):
    ring = Ring(SMALL, 1000)
    before = getattr(ring, name)

    with pytest.raises(error, match=name):
        setattr(ring, name, value)
    with pytest.raises(AttributeError, match=name):
        delattr(ring, name)

    assert getattr(ring, name) == before


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block", "raise"])
def test_attributes_store_valid_values(overflow):
    ring = Ring(SMALL, 1000)
    ring.overflow = overflow
    ring.block_timeout = float("inf")
    ring.start = ring.pause = print
    ring.full_error = queue.Full

    assert (ring.overflow, ring.block_timeout) == (overflow, float("inf"))
    assert (ring.start, ring.pause, ring.full_error) == (print, print, queue.Full)
    ring.start = ring.pause = None
    assert (ring.start, ring.pause) == (None, None)


# ---- putting -------------------------------------------------------------------------------------


def test_a_frame_may_be_any_contiguous_buffer():
    ring = ring_with()

    for one in (b"bytes", bytearray(b"array"), memoryview(b"xviewx")[1:-1]):
        assert ring.put(one) is True
    with pytest.raises(TypeError):
        ring.put("text")
    with pytest.raises(BufferError):
        ring.put(memoryview(b"with gaps")[::2])

    assert rest(ring) == [b"bytes", b"array", b"view"]
    assert account(ring)["offered"] == 3


def test_the_frame_is_a_copy():
    ring = ring_with()
    data = bytearray(b"before")
    ring.put(data)
    data[:] = b"after!"

    assert ring.take(1) == b"before"


@pytest.mark.parametrize(
    ("size", "reason"), [(0, "encode"), (1001, "oversize"), (100_000, "oversize")]
)
@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block", "raise"])
def test_a_frame_that_can_never_fit_is_dropped_at_once(size, reason, overflow):
    """It drops no other frame, waits for nothing, and does not raise."""
    ring = full_ring(overflow, block_timeout=PATIENCE)

    with within(SOON):
        assert ring.put(bytes(size)) is False

    assert account(ring)["dropped"] == {reason: 1}
    assert account(ring)["queued"] == 4


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block", "raise"])
def test_a_closed_ring_refuses_frames_and_returns_queued_ones(overflow):
    ring = full_ring(overflow, block_timeout=PATIENCE)
    ring.close()
    ring.close()

    with within(SOON):
        assert ring.put(b"late") is False

    assert account(ring)["dropped"] == {"closed": 1}
    assert rest(ring) == FULL[:2], "what the window holds"


def test_refuse_counts_one_frame_offered_and_dropped():
    ring = ring_with()

    ring.refuse("filter")
    ring.refuse("filter")
    ring.refuse("misconfigured")

    stats = account(ring)
    assert (stats["offered"], stats["dropped"]) == (3, {"filter": 2, "misconfigured": 1})


@pytest.mark.parametrize("method", ["refuse", "drop_in_flight", "drop_all"])
def test_only_known_reasons_are_accepted(method):
    ring = ring_with(frames(1))

    for value, error in (
        ("nonsense", ValueError),
        ("", ValueError),
        ("full\0", ValueError),
        ("f\udc80ll", ValueError),
        ("FULL", ValueError),
        (b"full", TypeError),
        (5, TypeError),
        (None, TypeError),
    ):
        with pytest.raises(error):
            getattr(ring, method)(value)

    assert account(ring)["offered"] == 1
    assert account(ring)["queued"] == 1


def test_every_reason_is_counted_under_its_name():
    names = [
        *("full", "oversize", "closed", "encode", "error", "stream", "refused", "unresolved"),
        *("unreachable", "timeout", "interrupted", "corrupt", "tls", "misconfigured"),
        *("filter", "reentrant"),
    ]
    ring = ring_with()
    for count, name in enumerate(names, 1):
        for _ in range(count):
            ring.refuse(name)

    assert account(ring)["dropped"] == {name: count for count, name in enumerate(names, 1)}


# ---- no room -------------------------------------------------------------------------------------


def test_drop_new_drops_the_frame():
    ring = full_ring("drop_new")

    assert ring.put(frame(4, 1000)) is False

    stats = account(ring)
    assert (stats["offered"], stats["dropped"], stats["high_water"]) == (5, {"full": 1}, 4)
    assert ring.take(2000) == FULL[0] + FULL[1]


def test_drop_old_drops_the_oldest_that_wait():
    ring = full_ring("drop_old")
    assert ring.take(1) == FULL[0], "under way: no longer theirs to drop"

    for number in range(4, 9):
        assert ring.put(frame(number, 1000)) is True
    ring.acknowledge()

    assert [ring.take(1) for _ in range(2)] == frames(2, 1000, first=5)
    stats = account(ring)
    assert (stats["sent"], stats["dropped"], stats["queued"]) == (1, {"full": 4}, 4)


def test_raise_raises_and_counts():
    ring = full_ring("raise", full_error=QueueFullError)

    with pytest.raises(QueueFullError, match=r"the queue is full: 4096 bytes, 4 frames wait; .*"):
        ring.put(frame(4, 1000))
    with pytest.raises(queue.Full):
        ring.put(frame(5, 1000))

    assert account(ring)["dropped"] == {"full": 2}


class Unmakeable(Exception):
    """An exception that cannot be constructed from a text."""

    def __init__(self, first: object, second: object) -> None:
        super().__init__(first, second)


@pytest.mark.parametrize("error", [Unmakeable, KeyboardInterrupt, SystemExit])
def test_full_error_of_any_exception_class_raises(error):
    ring = full_ring("raise", full_error=error)

    with pytest.raises((error, TypeError)):
        ring.put(frame(4, 1000))

    assert account(ring)["dropped"] == {"full": 1}


def test_block_waits_for_room():
    ring = full_ring("block", block_timeout=PATIENCE)
    putting = Task(lambda: ring.put(frame(4, 1000)))
    time.sleep(0.1)
    assert putting.is_alive()

    with within(SOON):
        ring.take(1)
        assert putting.result() is True

    stats = account(ring)
    assert (stats["offered"], stats["dropped"], stats["queued"]) == (5, {}, 5)


@pytest.mark.parametrize("seconds", [0, 0.2])
def test_block_gives_up_after_block_timeout(seconds):
    ring = full_ring("block", block_timeout=seconds)
    start = time.monotonic()

    with within(SOON):
        assert ring.put(frame(4, 1000)) is False

    assert time.monotonic() - start >= seconds
    assert account(ring)["dropped"] == {"full": 1}


def test_block_ends_when_the_ring_is_closed():
    ring = full_ring("block", block_timeout=PATIENCE)
    putting = Task(lambda: ring.put(frame(4, 1000)))
    time.sleep(0.05)

    with within(SOON):
        ring.close()
        assert putting.result() is False

    assert account(ring)["dropped"] == {"closed": 1}


def test_block_in_the_consumer_does_not_wait_for_itself():
    """The consumer thread may log, for instance in a resolver; only itself could make room."""
    ring = full_ring("block", block_timeout=PATIENCE)
    ring.set_consumer()

    with within(SOON):
        assert ring.put(frame(4, 1000)) is False

    assert account(ring)["dropped"] == {"full": 1}


def test_block_lets_other_threads_run():
    ring = full_ring("block", block_timeout=0.3)
    turns = 0
    putting = Task(lambda: ring.put(frame(4, 1000)))
    while putting.is_alive():
        turns += 1

    assert putting.result() is False
    assert turns > 5000


def test_block_is_ended_by_a_signal_whose_handler_raises(alarm):
    ring = full_ring("block", block_timeout=PATIENCE)

    with within(SOON), pytest.raises(ZeroDivisionError):
        alarm(lambda: ring.put(frame(4, 1000)))

    assert account(ring)["dropped"] == {"interrupted": 1}


def test_block_goes_on_after_a_signal_whose_handler_does_not():
    ring = full_ring("block", block_timeout=0.5)
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with within(SOON):
            assert ring.put(frame(4, 1000)) is False
    finally:
        signal.signal(signal.SIGALRM, before)

    assert seen == [signal.SIGALRM]
    assert account(ring)["dropped"] == {"full": 1}


def test_frames_of_many_blocking_producers_are_all_queued():
    ring = Ring(SMALL, 1000, 2000)
    ring.overflow, ring.block_timeout = "block", PATIENCE
    taken: list[bytes] = []
    done = threading.Event()

    def drain() -> None:
        ring.set_consumer()
        while not done.is_set() or ring.stats()["queued"]:
            ring.wait(1, 0.05)
            while one := ring.take(1):
                taken.append(one)
                ring.acknowledge()

    draining = Task(drain)
    results = run_threads(4, lambda n: [ring.put(frame(100 * n + i, 900)) for i in range(50)])
    done.set()
    draining.result()

    assert results == [[True] * 50] * 4
    expected = [frame(100 * n + i, 900) for n in range(4) for i in range(50)]
    assert sorted(taken) == expected
    assert account(ring)["sent"] == 200
