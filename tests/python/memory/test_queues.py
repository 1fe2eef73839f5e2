"""Queues that are collected, forked, or used in finalizers."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import tempfile
import threading
import weakref
from typing import Any

import pytest
from delivery.rings import account, frame, frames, rest, ring_with
from delivery.support import Datagrams, Listener, Task, run, run_threads, wait_until
from python.memory.ledger import worker_environment
from python.memory.test_forks import IN_CHILD
from python.memory.test_interpreters import needs_interpreters

import heka
from heka._core import Emitter, Ring, Sink
from heka.streams import QueuedStream


def identity(stats: dict[str, Any]) -> bool:
    """Say whether every frame is in the account once."""
    settled = stats["sent"] + sum(stats["dropped"].values()) + stats["queued"]
    return bool(stats["offered"] + stats["recovered"] == settled)


# ---- collected -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 100], ids=["unused", "used and closed"])
def test_an_unreferenced_queue_is_collected(count, peer):
    """Its ring refers to it through ``start``."""
    stream = QueuedStream(f"udp://127.0.0.1:{peer(Datagrams).port}")
    for number in range(count):
        stream.write(frame(number))
    if count:
        assert stream.flush(20)
        stream.close(20)
    gone = [weakref.ref(stream), *[weakref.ref(queue) for queue in stream._queues]]
    del stream

    gc.collect()

    assert [reference() for reference in gone] == [None, None]


def test_closing_queues_ends_their_threads(peer):
    to = peer(Datagrams)
    before = threading.active_count()
    for _ in range(10):
        stream = QueuedStream(f"udp://127.0.0.1:{to.port}")
        stream.write(frame(1))
        stream.close(20)

    wait_until(lambda: threading.active_count() == before)


def test_queued_frames_keep_no_objects_of_the_program_alive():
    """A ring stores copies."""

    class Frame(bytes):
        pass

    ring = ring_with()
    data = Frame(b"a frame")
    before = sys.getrefcount(data)
    for _ in range(100):
        ring.put(data)
        ring.take(1)

    assert sys.getrefcount(data) == before


# ---- finalizers ----------------------------------------------------------------------------------


class Logging:
    """An object whose finalizer logs."""

    def __init__(self, log: Any, count: list[int]) -> None:
        self.itself = self
        self._log = log
        self._count = count

    def __del__(self) -> None:
        self._count.append(1)
        self._log("from a finalizer", fields={"a": [1, 2, 3]})


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block", "raise"])
def test_a_finalizer_may_log_into_the_ring_that_its_thread_is_in(overflow, monkeypatch):
    """A collection may begin at any allocation, also in ``start``."""
    ring = Ring(8192, 1000)
    ring.overflow, ring.block_timeout = overflow, 0.001
    sink = Sink(print)
    sink.attach_ring(ring)
    emitter = Emitter(lambda to: sink)
    count: list[int] = []
    monkeypatch.setattr(sys, "unraisablehook", bool)  # a full ring may raise in a finalizer

    def start() -> None:
        Logging(emitter.log, count)
        [[] for _ in range(20)]
        ring.set_consumer()
        gc.collect()

    ring.start = start
    before = gc.get_threshold()
    try:
        for threshold in (1, 2, 3, 5, 7):
            gc.set_threshold(threshold, 1, 1)
            for number in range(30):
                Logging(emitter.log, count)
                if number % 10 == 0:
                    ring.clear_consumer()
                with contextlib.suppress(heka.HekaError):
                    emitter.log("t", fields={"number": number, "list": [str(number)] * 3})
                ring.stats()
    finally:
        gc.set_threshold(*before)
    gc.collect()

    assert len(count) > 150
    stats = account(ring)
    assert stats["offered"] == 150 + len(count)
    assert stats["dropped"]["full"] > 0


def test_finalizers_in_many_threads_log_into_the_queue_they_share(peer):
    """While frames are sent, acknowledged and reported by callbacks."""
    listener = peer(Listener)
    stream = QueuedStream(listener.url, linger=0, on_drop=lambda reason, count: gc.collect())
    count: list[int] = []
    emitter = Emitter(lambda to: stream.sink)
    reading = Task(lambda: listener.accept().read_to_end())

    def work(number: int) -> None:
        for turn in range(200):
            Logging(emitter.log, count)
            assert emitter.log("t", fields={"number": number, "turn": [turn] * 5})
            if turn % 50 == 0:
                gc.collect()

    run_threads(8, work)
    gc.collect()
    assert stream.flush(20)
    stats = stream.stats()
    stream.close(20)

    assert len(reading.result()) == 3200
    assert len(count) == 1600
    assert (stats["offered"], stats["sent"]) == (3200, 3200)
    assert identity(stats)


# ---- forks ---------------------------------------------------------------------------------------


def test_forks_among_threads_that_use_a_ring_leave_every_child_whole():
    """The threads may be at any point and may hold the lock."""
    facts = run(
        IN_CHILD
        + """
    from heka._core import Ring
    ours, theirs = socket.socketpair()
    ring = Ring(16 * 1024, 1000, 4096)
    ring.start = int
    done = threading.Event()
    def put(overflow):
        while not done.is_set():
            ring.overflow = overflow
            ring.put(bytes(500))
            ring.flush(0.0001)
            ring.stats()
    def drain():
        ring.set_consumer()
        while not done.is_set():
            ring.pump(ours.fileno(), 0, 0, 5, 0.001)
            ring.sleep(0.0001)
            ring.interrupt()
            ring.clear_interrupt()
    def read():
        while not done.is_set():
            theirs.recv(65536)
    works = [lambda: put("drop_new"), lambda: put("drop_old"), lambda: put("drop_old"), drain, read]
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    def child():
        ring.after_fork()
        first = ring.stats()
        ring.start = ring.set_consumer
        made = [ring.put(b"%d" % number) for number in range(20)]
        taken = b"".join(iter(lambda: ring.take(1), b""))
        ring.acknowledge()
        ring.interrupt()
        return first["offered"], made == [True] * 20, len(taken), ring.sleep(9), ring.flush(9)
    results = [in_child(child) for _ in range(15)]
    done.set()
    ring.put(bytes(500))
    for thread in threads[:4]:
        thread.join(9)
    stats = ring.stats()
    tell(results=results, stats=stats, count=ring.count())
    """
    ).facts

    assert facts["results"] == [[0, True, 30, True, True]] * 15
    assert identity(facts["stats"])
    assert facts["count"] == facts["stats"]["queued"]


def test_a_ring_of_the_parent_s_is_freed_in_the_child():
    """Threads of the parent wait on the ring's locks and do not exist in the child."""
    facts = run(
        IN_CHILD
        + """
    from heka._core import Ring
    import gc
    rings = [Ring(4096, 1000, 2000) for _ in range(20)]
    for ring in rings:
        ring.put(b"x")
        threading.Thread(target=ring.flush, args=(20,), daemon=True).start()
        threading.Thread(target=ring.sleep, args=(20,), daemon=True).start()
    time.sleep(0.1)
    def child():
        rings.clear()
        gc.collect()
        again = Ring(4096, 1000, 2000)
        return again.put(b"x")
    tell(child=in_child(child))
    os._exit(0)
    """
    ).facts

    assert facts["child"] is True


def test_frames_in_flight_in_the_parent_are_not_sent_by_the_child():
    """Nor is the pump's state of the connection kept."""
    facts = run(
        IN_CHILD
        + """
    from heka._core import Ring
    ours, theirs = socket.socketpair()
    ring = Ring(16 * 1024, 1000, 4096)
    ring.set_consumer()
    ring.put(bytes(500))
    assert ring.pump(ours.fileno(), 0, 0, 5, 0) == ("tick", 0, 500)
    def child():
        ring.after_fork()
        mine, yours = socket.socketpair()
        ring.put(b"y" * 100)
        event = ring.pump(mine.fileno(), 0, 0, 5, 0)
        unread = ring.stats()
        yours.recv(1000)
        ring.pump(mine.fileno(), 0, 0, 5, 0)
        return event, unread["sent"], ring.stats()["sent"]
    child = in_child(child)
    theirs.recv(1000)
    tell(child=child, event=ring.pump(ours.fileno(), 0, 0, 5, 0), sent=ring.stats()["sent"])
    """
    ).facts

    assert facts["child"] == [["tick", 0, 100], 0, 1]
    assert facts["event"] == ["tick", 0, 0]
    assert facts["sent"] == 1


# ---- interpreters --------------------------------------------------------------------------------

QUEUING = """
import sys
sys.path[:] = {path!r}
import heka
from heka.streams import QueuedStream
stream = QueuedStream({url!r})
for number in range({count}):
    assert stream.write(heka.pack("t", payload=str(number)))
"""

ENDING = """
import sys, heka
from heka.streams import QueuedStream
mode, code = sys.argv[1:]
if mode == "shared":
    import _testcapi
    assert _testcapi.run_in_subinterp(code) == 0
else:
    from python.memory.interpreting import in_a_new_one
    in_a_new_one(code)
assert heka.Message("t").encode()
print("whole")
"""


def end_an_interpreter(mode: str, url: str, count: int) -> subprocess.CompletedProcess[str]:
    """Run a process with a second interpreter, which ends with frames in its queue."""
    pytest.importorskip("_testcapi" if mode == "shared" else "python.memory.interpreting")
    code = QUEUING.format(path=sys.path, url=url, count=count)
    return subprocess.run(
        [sys.executable, "-c", ENDING, mode, code],
        env=worker_environment(),
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


each_mode = pytest.mark.parametrize(
    "mode", ["shared", pytest.param("isolated", marks=needs_interpreters)]
)


@each_mode
def test_an_interpreter_that_ends_sends_what_it_has_queued(mode, peer):
    listener = peer(Listener)
    reading = Task(lambda: listener.accept().read_to_end())

    done = end_an_interpreter(mode, listener.url, 500)

    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")
    assert [message.payload for message in reading.result()] == [
        str(number) for number in range(500)
    ]


@each_mode
def test_an_interpreter_that_ends_with_a_dead_peer_does_not_end_the_process(mode, peer):
    """The process goes on; the frames are lost after the timeout."""
    listener = peer(Listener)
    url = listener.url
    listener.close()

    done = end_an_interpreter(mode, url, 500)

    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


@each_mode
def test_an_interpreter_that_ends_while_it_connects_does_not_end_the_process(mode, peer):
    """A remaining thread would end the process."""
    listener = peer(Listener, backlog=0)
    waiting = listener.fill()
    try:
        done = end_an_interpreter(mode, listener.url, 50)
    finally:
        for sock in waiting:
            sock.close()

    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


def test_rings_of_many_sizes_hold_and_return_their_frames():
    """Each takes frames until it is full, and gives back exactly those."""
    for capacity in (4096, 4097, 5000, 8191, 65_536, 1_000_001):
        for max_frame in (1, 7, 8, 1000, 2000):
            ring = Ring(capacity, max_frame, max(max_frame, 1000))
            put = [one[-max_frame:] for one in frames(20, 1000)]
            taken = [one for one in put if ring.put(one)]
            got = []
            while some := rest(ring):
                got += some
                ring.acknowledge()
            assert got == taken
            assert account(ring)["sent"] == len(taken)
            assert len(taken) >= 2
