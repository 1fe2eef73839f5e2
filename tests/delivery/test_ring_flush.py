"""flush() waits until every accepted frame has arrived; and the ring in a child process."""

from __future__ import annotations

import signal
import sys
import threading
import time

import pytest
from delivery.rings import SMALL, Start, account, frame, full_ring, rest
from delivery.support import PATIENCE, SOON, Task, run, within

from heka._core import Ring


@pytest.fixture
def alarm():
    """Call a function; shortly after, a signal arrives whose handler raises."""

    def ring_alarm(number, frame):
        raise ZeroDivisionError("from a signal's handler")

    before = signal.signal(signal.SIGALRM, ring_alarm)
    yield lambda act: (signal.setitimer(signal.ITIMER_REAL, 0.1), act())
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def unraisable(monkeypatch):
    """The exceptions reported as unraisable."""
    told: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: told.append(args.exc_value))
    return told


def flush(ring):
    """Flush in another thread; return once the flush has started to wait."""
    waits = threading.Event()
    ring.start = waits.set
    flushing = Task(lambda: ring.flush(PATIENCE))
    assert waits.wait(PATIENCE)
    return flushing


# ---- flush ---------------------------------------------------------------------------------------


def test_flush_of_an_empty_ring_is_true_at_once():
    ring = Ring(SMALL, 1000)
    start = ring.start = Start()

    assert ring.flush(0) is True
    assert ring.flush(float("inf")) is True
    assert start.calls == 0


def test_flush_waits_for_acknowledgement():
    ring = full_ring()
    flushing = Task(lambda: ring.flush(PATIENCE))
    for _ in range(4):
        assert ring.take(1)
        assert flushing.is_alive()
        if _ == 1:
            ring.acknowledge()
    time.sleep(0.05)
    assert flushing.is_alive()

    with within(SOON):
        ring.acknowledge()
        assert flushing.result() is True


def test_flush_does_not_wait_for_later_frames():
    ring = full_ring()
    flushing = flush(ring)
    ring.take(2000)
    ring.acknowledge()
    ring.put(frame(4, 1000))
    ring.take(2000)
    ring.acknowledge()

    with within(SOON):
        assert flushing.result() is True
    assert account(ring)["queued"] == 1


@pytest.mark.parametrize("how", ["drop_all", "drop_in_flight", "drop_old"])
def test_flush_is_false_if_a_frame_was_dropped(how):
    ring = full_ring("drop_old" if how == "drop_old" else "drop_new")
    flushing = flush(ring)
    if how == "drop_all":
        ring.drop_all("closed")
    elif how == "drop_in_flight":
        ring.take(1)
        ring.drop_in_flight("error")
    else:
        ring.put(frame(4, 1000))
    while rest(ring):
        ring.acknowledge()

    with within(SOON):
        assert flushing.result() is False


def test_flush_ends_after_its_timeout():
    ring = full_ring()

    for seconds in (0, 0.1):
        with within(SOON):
            assert ring.flush(seconds) is False


@pytest.mark.parametrize("value", [-1, float("nan"), "1", None, b""])
def test_flush_refuses_invalid_seconds(value):
    with pytest.raises((TypeError, ValueError), match="timeout"):
        full_ring().flush(value)


def test_flush_in_the_consumer_does_not_wait_for_itself():
    ring = full_ring()
    ring.set_consumer()

    with within(SOON):
        assert ring.flush(PATIENCE) is False


def test_flush_calls_start_without_a_consumer():
    ring = full_ring()
    start = ring.start = Start(
        lambda: [ring.acknowledge() for _ in iter(lambda: ring.take(1), b"")]
    )

    with within(SOON):
        assert ring.flush(PATIENCE) is True
    assert start.calls == 1


def test_flush_is_ended_by_a_signal_whose_handler_raises(alarm):
    ring = full_ring()

    with within(SOON), pytest.raises(ZeroDivisionError):
        alarm(lambda: ring.flush(PATIENCE))


def test_flush_is_ended_by_a_base_exception_of_start(unraisable):
    ring = full_ring(start=Start(KeyboardInterrupt()))

    with within(SOON), pytest.raises(KeyboardInterrupt):
        ring.flush(PATIENCE)


# ---- a child process -----------------------------------------------------------------------------


def test_a_child_has_an_empty_ring_that_works():
    """Whatever the threads of the parent did: one sleeps in wait, one in flush."""
    facts = run(
        """
    from heka._core import Ring
    ring = Ring(4096, 1000, 2000)
    ring.overflow = "raise"
    ring.start = int
    for _ in range(3):
        ring.put(bytes(900))
    ring.refuse("filter")
    ring.take(1)
    ring.interrupt()
    def sleep():
        ring.set_consumer()
        ring.wait(100_000, 20)
        ring.sleep(20)
    threading.Thread(target=sleep, daemon=True).start()
    threading.Thread(target=ring.flush, args=(20,), daemon=True).start()
    while not ring.has_consumer:
        time.sleep(0.001)
    time.sleep(0.1)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(15)
        ring.start = None
        ring.after_fork()
        first = [ring.stats()["offered"], ring.count(), ring.has_consumer, ring.interrupted]
        ring.put(b"x")
        ring.set_consumer()
        seen = [ring.wait(1, 1), ring.take(100).decode(), ring.sleep(0.01)]
        ring.acknowledge()
        ring.interrupt()
        ring.put(b"y")
        seen += [ring.sleep(10), ring.flush(0.01), ring.has_consumer]
        stats = ring.stats()
        del ring
        os.write(writing, json.dumps([first, seen, stats]).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        child = json.load(file)
    assert os.waitpid(pid, 0)[1] == 0
    tell(child=child, ours=ring.stats(), count=ring.count())
    os._exit(0)
    """
    ).facts

    first, seen, stats = facts["child"]
    assert first == [0, 0, False, False]
    assert seen == ["ready", "x", False, True, False, True]
    assert (stats["offered"], stats["sent"], stats["queued"]) == (2, 1, 1)
    ours = facts["ours"]
    assert (ours["offered"], ours["queued"], ours["dropped"]) == (4, 3, {"filter": 1})
    assert facts["count"] == 3


def test_a_closed_ring_is_closed_in_the_child_too():
    facts = run(
        """
    from heka._core import Ring
    ring = Ring(4096, 1000, 2000)
    ring.close()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ring.put(b"x") is False and ring.wait(0, 5) == "drained" else 1)
    tell(code=os.waitpid(pid, 0)[1])
    """
    ).facts

    assert facts["code"] == 0
