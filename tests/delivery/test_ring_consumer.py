"""The consumer side of a ring: wait, take, acknowledge, rewind, and interrupts."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from delivery.rings import FULL, SMALL, account, frame, frames, full_ring, rest, ring_with
from delivery.support import PATIENCE, SOON, Task, run_threads, within

from heka._core import Ring

HUGE = 2**63 - 1
TIMES = ("linger", "write_timeout", "idle")


# ---- taking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "count"),
    [(0, 1), (1, 1), (99, 1), (100, 1), (199, 1), (200, 2), (350, 3), (500, 5), (HUGE, 5)],
)
def test_take_returns_whole_frames_up_to_a_size_and_at_least_one(most, count):
    ring = ring_with(frames(5))

    assert ring.take(most) == b"".join(frames(count))

    stats = account(ring)
    assert (stats["queued"], stats["in_flight"], stats["sent"]) == (5, count, 0)


def test_take_returns_at_most_a_batch():
    ring = ring_with(frames(1000))

    assert len(ring.take(HUGE)) == 655 * 100


def test_take_of_nothing_is_empty():
    ring = ring_with()

    assert ring.take(1) == b""
    ring.put(b"x")
    assert [ring.take(1), ring.take(1)] == [b"x", b""]


@pytest.mark.parametrize("value", [-1, "1", None, 1.0, 2**64, -(2**70)])
@pytest.mark.parametrize("call", ["take", "acknowledge", "rewind"])
def test_invalid_sizes_of_consumer_calls_are_refused(call, value):
    ring = ring_with(frames(3))
    ring.take(200)

    with pytest.raises((TypeError, ValueError)):
        getattr(ring, call)(value)

    assert account(ring)["in_flight"] == 2


def test_the_window_limits_bytes_in_flight():
    ring = full_ring()

    assert [len(ring.take(1)) for _ in range(3)] == [1000, 1000, 0]
    assert ring.wait(1, 0) == "ready", "there are frames; to acknowledge comes first"
    ring.acknowledge(1000)
    assert ring.take(1) == FULL[2]


# ---- acknowledging -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outstanding", "sent"),
    [(0, 5), (1, 4), (99, 4), (100, 4), (101, 3), (400, 1), (401, 0), (500, 0), (HUGE, 0)],
)
def test_a_frame_with_outstanding_bytes_is_not_acknowledged(outstanding, sent):
    ring = ring_with(frames(5))
    ring.take(500)

    ring.acknowledge(outstanding)

    stats = account(ring)
    assert (stats["sent"], stats["bytes"], stats["in_flight"]) == (sent, 100 * sent, 5 - sent)
    ring.acknowledge(outstanding=0)
    assert account(ring)["sent"] == 5


def test_acknowledging_nothing_does_nothing():
    ring = ring_with(frames(2))

    ring.acknowledge()
    ring.acknowledge(HUGE)

    assert account(ring)["sent"] == 0
    assert rest(ring) == frames(2)


# ---- taking again --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unsent", "resent"),
    [(0, 5), (1, 5), (99, 5), (100, 4), (199, 4), (250, 3), (499, 1), (500, 0), (HUGE, 0)],
)
def test_after_a_rewind_frames_in_flight_are_taken_again_and_sent_ones_count_as_resent(
    unsent, resent
):
    ring = ring_with(frames(7))
    ring.take(500)

    ring.rewind(unsent)

    assert rest(ring) == frames(7)
    stats = account(ring)
    assert (stats["resent"], stats["sent"], stats["offered"]) == (resent, 0, 7)


def test_a_frame_counts_as_resent_each_time_and_as_sent_once():
    ring = ring_with(frames(1))
    for _ in range(3):
        ring.take(1)
        ring.rewind()
    ring.take(1)
    ring.acknowledge()

    stats = account(ring)
    assert (stats["resent"], stats["sent"]) == (3, 1)


def test_acknowledged_frames_are_not_taken_again():
    ring = ring_with(frames(5))
    ring.take(500)
    ring.acknowledge(250)

    ring.rewind()

    assert rest(ring) == frames(3, first=2)


def test_a_rewind_of_nothing_does_nothing():
    ring = ring_with(frames(2))

    ring.rewind()
    ring.rewind(unsent=HUGE)

    assert rest(ring) == frames(2)
    assert account(ring)["resent"] == 0


# ---- dropping ------------------------------------------------------------------------------------


def test_drop_in_flight_keeps_waiting_and_rewound_frames():
    ring = ring_with(frames(5))
    ring.take(300)
    ring.rewind(100)
    assert ring.take(1) == frame(0)

    assert ring.drop_in_flight("error") == 1
    assert ring.drop_in_flight("error") == 0

    assert rest(ring) == frames(4, first=1)
    stats = account(ring)
    assert (stats["dropped"], stats["resent"]) == ({"error": 1}, 2)


def test_drop_all_drops_frames_in_flight_too():
    ring = ring_with(frames(5))
    ring.take(300)
    ring.rewind()
    ring.take(100)

    assert ring.drop_all("closed") == 5
    assert ring.drop_all("closed") == 0

    stats = account(ring)
    assert (stats["dropped"], stats["queued"]) == ({"closed": 5}, 0)
    assert rest(ring) == []
    ring.acknowledge()
    ring.rewind()
    assert account(ring)["sent"] == 0


# ---- waiting -------------------------------------------------------------------------------------


def test_wait_returns_the_state_of_the_ring():
    ring = ring_with()

    assert ring.wait(0, 0) == ring.wait(1, 0) == ring.wait(1, 0.01) == "woken"
    ring.put(frame(0))
    assert ring.wait(1, PATIENCE) == ring.wait(100, PATIENCE) == "ready"
    assert ring.wait(101, 0.01) == "woken"
    ring.take(1)
    assert ring.wait(1, 0) == "woken"
    ring.rewind()
    assert ring.wait(HUGE, PATIENCE) == "ready", "what is to be taken again need not grow"
    ring.take(1)
    ring.put(frame(1))
    ring.close()
    assert ring.wait(HUGE, PATIENCE) == "ready", "it will not grow any more"
    ring.take(1)
    assert ring.wait(HUGE, float("inf")) == "drained"


def test_wait_returns_when_enough_bytes_are_queued():
    ring = ring_with()
    waiting = Task(lambda: ring.wait(250, PATIENCE))
    for number in range(2):
        ring.put(frame(number))
    time.sleep(0.05)
    assert waiting.is_alive()

    with within(SOON):
        ring.put(frame(2))
        assert waiting.result() == "ready"


@pytest.mark.parametrize(
    ("act", "event"),
    [
        (lambda ring: ring.interrupt(), "woken"),
        (lambda ring: ring.close(), "drained"),
        (lambda ring: [ring.put(frame(0)), ring.close()], "ready"),
    ],
    ids=["interrupt", "close", "close with frames"],
)
def test_wait_is_ended(act, event):
    ring = ring_with()
    waiting = Task(lambda: ring.wait(HUGE, float("inf")))
    time.sleep(0.05)

    with within(SOON):
        act(ring)
        assert waiting.result() == event


def test_a_full_ring_ends_the_wait_for_more():
    """A wait for more than the capacity would never end."""
    ring = Ring(SMALL, 1000, 2000)
    waiting = Task(lambda: ring.wait(HUGE, PATIENCE))

    with within(SOON):
        while waiting.is_alive():
            ring.put(frame(0, 1000))

    assert waiting.result() == "woken"
    assert account(ring)["queued"] == 4


@pytest.mark.parametrize(
    "arguments", [(-1, 0), (1, -1), (1, float("nan")), ("1", 0), (1, "0"), (1, None), (2**64, 0)]
)
def test_wait_refuses_invalid_sizes_and_timeouts(arguments):
    with pytest.raises((TypeError, ValueError)):
        ring_with().wait(*arguments)


# ---- interrupt -----------------------------------------------------------------------------------


def test_sleep_ends_after_its_timeout_or_an_interrupt():
    ring = ring_with()

    assert ring.sleep(0) is False
    assert ring.sleep(0.05) is False
    ring.interrupt()
    assert ring.interrupted
    with within(SOON):
        assert ring.sleep(PATIENCE) is True
        assert ring.sleep(float("inf")) is True
    ring.clear_interrupt()
    assert not ring.interrupted
    assert ring.sleep(0.01) is False


def test_an_interrupt_ends_a_sleep():
    ring = ring_with()
    sleeping = Task(lambda: ring.sleep(PATIENCE))
    time.sleep(0.05)

    with within(SOON):
        ring.interrupt()
        assert sleeping.result() is True


def test_frames_do_not_end_a_sleep():
    """It is the back-off after a failure."""
    ring = ring_with()
    sleeping = Task(lambda: ring.sleep(0.2))
    for one in frames(100):
        ring.put(one)
        time.sleep(0.001)
    ring.close()

    assert sleeping.result() is False


def test_an_interrupt_is_not_lost_whenever_it_comes():
    ring = ring_with()

    def sleep(number: int) -> bool:
        return all([ring.sleep(PATIENCE) for _ in range(200)])

    def interrupt(number: int) -> bool:
        for _ in range(200):
            ring.interrupt()
            ring.clear_interrupt()
        ring.interrupt()
        return True

    with within(PATIENCE):
        assert run_threads(3, lambda number: (sleep if number else interrupt)(number)) == [True] * 3


@pytest.mark.parametrize("value", [-1, float("nan"), "1", None])
def test_sleep_refuses_invalid_seconds(value):
    with pytest.raises((TypeError, ValueError), match="seconds"):
        ring_with().sleep(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in TIMES for value in (-1, float("nan"), "1", None)],
        *[(name, value) for name in ("datagram", "fd") for value in (2**70, 1.0, "1", None)],
        *[("datagram", -1), ("fd", 2**31), ("fd", -(2**31) - 1)],
    ],
)
def test_pump_refuses_arguments_by_their_name(name, value):
    arguments = {"fd": -1, "datagram": 0, "linger": 0, "write_timeout": 0, "idle": 0, name: value}

    with pytest.raises((TypeError, ValueError), match=name):
        ring_with().pump(**arguments)


# ---- threads -------------------------------------------------------------------------------------


def test_the_consumer_is_the_thread_that_called_set_consumer():
    ring = Ring(SMALL, 1000)
    ring.overflow, ring.block_timeout = "block", 0.2
    Task(ring.set_consumer).result()
    assert ring.has_consumer
    for one in FULL:
        ring.put(one)
    start = time.monotonic()
    assert ring.put(FULL[0]) is False
    assert time.monotonic() - start >= 0.2, "the drainer is another, for which we wait"

    ring.set_consumer()
    ring.set_consumer()
    ring.block_timeout = PATIENCE
    with within(SOON):
        assert ring.put(FULL[0]) is False
    ring.clear_consumer()
    ring.clear_consumer()
    assert not ring.has_consumer


def test_eight_producers_and_a_consumer_lose_nothing():
    """Frames of a producer keep their order; each arrives once."""
    ring = Ring(64 * 1024, 1000, 4096)
    ring.overflow, ring.block_timeout = "block", PATIENCE
    done = threading.Event()
    taken: list[bytes] = []

    def drain() -> None:
        ring.set_consumer()
        turn = 0
        while not done.is_set() or ring.stats()["queued"]:
            if ring.wait(500, 0.01) == "drained":
                return
            turn += 1
            batch = ring.take(700)
            if turn % 7 == 0:
                ring.rewind(len(batch))
            else:
                taken.append(batch)
                ring.acknowledge()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        draining = Task(drain)
        run_threads(8, lambda n: [ring.put(frame(n * 10_000 + i, 50)) for i in range(1000)])
        done.set()
        draining.result()
    finally:
        sys.setswitchinterval(before)

    data = b"".join(taken)
    numbers = [int(data[at : at + 8]) for at in range(0, len(data), 50)]
    assert [
        [number for number in numbers if number // 10_000 == producer] for producer in range(8)
    ] == [[producer * 10_000 + i for i in range(1000)] for producer in range(8)]
    assert account(ring)["sent"] == 8000


def test_concurrent_calls_of_every_method_keep_the_counters_balanced():
    """Not a sensible use, but nothing crashes, and every frame is counted once."""
    ring = Ring(SMALL, 1000, 2000)
    ring.start = int

    def work(number: int) -> None:
        acts = [
            lambda: ring.put(frame(number, 90)),
            lambda: ring.put(frame(number, 900)),
            lambda: ring.take(300),
            lambda: ring.acknowledge(number),
            lambda: ring.rewind(number),
            lambda: ring.drop_in_flight("error"),
            lambda: ring.drop_all("closed") if number == 3 else None,
            lambda: ring.flush(0.0001),
            lambda: ring.wait(1, 0),
            lambda: setattr(ring, "overflow", ["drop_new", "drop_old"][number % 2]),
            lambda: setattr(ring, "start", lambda: None),
            lambda: (
                ring.interrupt(),
                ring.clear_interrupt(),
                ring.set_consumer(),
                ring.clear_consumer(),
            ),
            lambda: (ring.pump(-1, number, 0, 0, 0), ring.stats(), ring.count()),
        ]
        for turn in range(300):
            acts[(turn * 7 + number) % len(acts)]()

    run_threads(8, work)

    account(ring)
    ring.drop_all("closed")
    assert account(ring)["queued"] == 0
