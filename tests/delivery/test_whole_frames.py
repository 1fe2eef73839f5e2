"""A stream receiver gets whole frames only, with many senders and slow reading."""

from __future__ import annotations

import random
import select
import socket
import threading
import time

import pytest
from delivery.support import PATIENCE, Listener, Task, account, run, run_threads

import heka

THREADS = 8


class SlowReader:
    """Reads connections in small pieces, with pauses."""

    def __init__(self, listener, pauses):
        self._listener = listener
        self._pauses = pauses
        self._enough = threading.Event()
        self._expected = 0
        self.connections = []
        self._task = Task(self._read)

    def _read(self):
        rng = random.Random(1)
        reads = 0
        open_ones = []
        while not self._enough.is_set() or self.count() < self._expected:
            ready = select.select([self._listener.sock, *(c.sock for c in open_ones)], [], [], 0.05)
            if self._listener.sock in ready[0]:
                self.connections.append(self._listener.accept())
                open_ones.append(self.connections[-1])
            for connection in list(open_ones):
                if connection.sock in ready[0] and not connection.read_some(rng.randint(1, 20_000)):
                    open_ones.remove(connection)
            reads += 1
            if reads % 50 == 0 and self._pauses:
                time.sleep(self._pauses.pop())

    def count(self):
        return sum(len(connection.messages) for connection in self.connections)

    def finish(self, expected):
        """Return the messages in order of arrival once *expected* have arrived."""
        self._expected = expected
        self._enough.set()
        self._task.result()
        return [message for connection in self.connections for message in connection.messages]


@pytest.fixture(params=["tcp", "unix"])
def there(request, peer, tmp_path):
    if request.param == "tcp":
        return peer(Listener, buffer=4096)
    return peer(Listener, socket.AF_UNIX, str(tmp_path / "peer"))


def check_order(messages):
    """Each thread's messages arrive in the order of its calls, none twice."""
    for n in range(THREADS):
        indexes = [int(message.logger) for message in messages if message.type == f"t{n}"]
        assert indexes == sorted(set(indexes))


@pytest.mark.parametrize("size", [100, 30_000])
def test_eight_threads_and_a_slow_reader_lose_nothing_that_can_wait(there, size):
    """One connection, no partial frame, none inside another."""
    reader = SlowReader(there, [0.1, 0.1])
    count = 30 if size > 1000 else 300

    def work(n):
        rng = random.Random(n)
        return [
            heka.log(f"t{n}", str(i), payload="x" * rng.randint(0, size), to=there.url, timeout=60)
            for i in range(count)
        ]

    sent = run_threads(THREADS, work)

    assert all(map(all, sent))
    messages = reader.finish(THREADS * count)
    assert len(messages) == THREADS * count
    check_order(messages)
    (connection,) = reader.connections
    assert (connection.reader.discarded_bytes, connection.reader.pending_bytes) == (0, 0)
    assert account(there.url)["reconnects"] == 0


def test_eight_threads_with_short_timeouts_and_a_slow_reader_match_the_counters(there):
    """Partly sent frames are abandoned; the next one is whole, and on a new connection."""
    reader = SlowReader(there, [0.5, 0.3, 0.3])

    def work(n):
        rng = random.Random(n)
        left = 25
        deadline = time.monotonic() + PATIENCE
        for i in range(1_000_000):
            payload = "x" * rng.randint(0, 60_000)
            # Each failure costs a back-off, so the last messages get the time that they need.
            timeout = rng.choice((0, 0.01, 0.2)) if left > 22 else 60.0
            if heka.log(f"t{n}", str(i), payload=payload, to=there.url, timeout=timeout):
                left -= 1
            else:
                time.sleep(0.005)
            if not left:
                return
            assert time.monotonic() < deadline

    run_threads(THREADS, work)

    messages = reader.finish(THREADS * 25)
    assert len(messages) == THREADS * 25 == account(there.url)["sent"]
    check_order(messages)
    assert account(there.url)["dropped"]["timeout"] > 0
    assert [c.reader.discarded_bytes for c in reader.connections] == [0] * len(reader.connections)
    assert len(reader.connections) == account(there.url)["reconnects"] + 1


def test_interrupts_in_the_middle_of_a_frame_end_its_connection(peer):
    """KeyboardInterrupt may come at any line; a partly sent frame is never continued."""
    there = peer(Listener, buffer=4096)
    reader = SlowReader(there, [])
    done = run(
        """
        import random
        random.seed(int(sys.argv[2]))
        class Stop(BaseException):
            pass
        def stop(*args):
            raise Stop
        signal.signal(signal.SIGALRM, stop)
        heka.configure()  # interrupted all the time, the import of what sends might never end
        sent = stops = 0
        while sent < 150:
            try:
                while sent < 150:
                    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.004))
                    if heka.log("t", payload="x" * 50_000, to=sys.argv[1], timeout=0.5):
                        sent += 1
                    else:
                        time.sleep(0.002)
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Stop:
                stops += 1
        tell(stops=stops, counted=heka.stats())
        """,
        there.url,
        7,
    )

    counted = done.facts["counted"]
    messages = reader.finish(counted["sent"])
    assert done.facts["stops"] > 0
    assert counted["dropped"]["interrupted"] > 0
    assert len(messages) >= counted["sent"] >= 150, "a frame may be sent, and then interrupted"
    assert [c.reader.discarded_bytes for c in reader.connections] == [0] * len(reader.connections)
