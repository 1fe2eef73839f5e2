"""The C loop that sends a ring's frames on a stream socket, with real peers of each kind.

test_pump_end.py tests the end of a connection, test_pump_datagrams.py datagrams.
"""

from __future__ import annotations

import errno
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from delivery.rings import (
    Pair,
    account,
    clog,
    frames,
    pairs,
    pump,
    pump_until,
    receive,
    rest,
    ring_with,
    tcp_pair,
    unix_pair,
)
from delivery.support import PATIENCE, SOON, Task, wait_until, within


@pytest.fixture
def connect() -> Iterator[Callable[..., Pair]]:
    """Make pairs of connected sockets, ours and the peer's; they are closed after the test."""
    with pairs() as make:
        yield make


each_kind = pytest.mark.parametrize("kind", [tcp_pair, unix_pair], ids=["tcp", "unix"])


# ---- everything is well --------------------------------------------------------------------------


@each_kind
def test_frames_arrive_in_order_and_count_once_they_are_read(connect, kind):
    ours, theirs = connect(kind)
    some = frames(50)
    ring = ring_with(some)
    reader = Task(lambda: receive(theirs, 5000))

    event, code, moved = pump(ring, ours, idle=0.5)

    assert (event, code, moved) == ("tick", 0, 5000)
    assert reader.result() == b"".join(some)
    stats = account(ring)
    assert (stats["sent"], stats["bytes"], stats["queued"], stats["resent"]) == (50, 5000, 0, 0)


@each_kind
def test_a_closed_ring_ends_once_all_has_arrived(connect, kind):
    """With many batches, and frames that fill a whole batch."""
    ours, theirs = connect(kind)
    some = frames(3000) + frames(8, 60_000, first=3000) + frames(100, 99, first=3008)
    ring = ring_with(some)
    ring.close()
    size = sum(map(len, some))
    reader = Task(lambda: receive(theirs, size))

    assert pump(ring, ours, idle=PATIENCE) == ("drained", 0, size)

    assert reader.result() == b"".join(some)
    assert account(ring)["sent"] == len(some)


@each_kind
def test_nothing_to_send_is_a_tick(connect, kind):
    ours, _ = connect(kind)
    ring = ring_with()

    with within(SOON):
        assert pump(ring, ours, idle=0.05) == ("tick", 0, 0)
        assert pump(ring, ours, idle=0) == ("tick", 0, 0)


def test_a_frame_that_comes_meanwhile_wakes_the_loop(connect):
    ours, theirs = connect(tcp_pair)
    ring = ring_with()
    pumping = Task(lambda: pump(ring, ours, idle=PATIENCE))
    time.sleep(0.05)  # it probably sleeps by now; the test passes otherwise too

    ring.put(b"a frame")
    with within(SOON):
        assert receive(theirs, 7) == b"a frame"
    ring.close()

    assert pumping.result() == ("drained", 0, 7)


def test_data_from_the_peer_is_discarded_by_the_pump(connect):
    """Otherwise a peer that cannot send might stop reading."""
    ours, theirs = connect(unix_pair)
    talking = Task(lambda: theirs.sendall(b"hello" * 200_000))
    ring = ring_with()
    count = 0
    end = time.monotonic() + PATIENCE
    while talking.is_alive() and time.monotonic() < end:
        ring.put(frames(1)[0])
        assert pump(ring, ours, idle=0) == ("tick", 0, 100)
        assert receive(theirs, 100)
        count += 1

    talking.result()
    pump(ring, ours)
    assert account(ring)["sent"] == count


def test_a_peer_that_sends_without_end_does_not_stop_sending(connect):
    """Faster than it can be read: three processes write at the same time."""
    ours, theirs = connect(unix_pair)
    theirs.setblocking(True)
    talk = [sys.executable, "-c", "import os\nwhile True: os.write(1, bytes(1 << 20))"]
    talkers = [subprocess.Popen(talk, stdout=theirs, cwd=tempfile.gettempdir()) for _ in range(3)]
    wait_until(lambda: select.select([ours], [], [], 0)[0])
    ring = ring_with(frames(1))
    pumping = Task(lambda: pump(ring, ours, idle=0.5))

    pumping.join(PATIENCE / 3)
    hangs = pumping.is_alive()
    for talker in talkers:
        talker.kill()
        talker.wait()

    assert pumping.result() == ("tick", 0, 100)
    assert not hangs


def test_linger_waits_for_more_frames_for_a_limited_time(connect):
    ours, theirs = connect(unix_pair)
    ring = ring_with(frames(1))
    pumping = Task(lambda: pump(ring, ours, linger=1.5, idle=2.0))
    theirs.settimeout(0.1)

    with pytest.raises(TimeoutError):
        theirs.recv(1)
    ring.put(b"the second")
    theirs.settimeout(PATIENCE)

    assert len(theirs.recv(1000)) == 110, "both came with one write"
    assert pumping.result()[0] == "tick"


def test_a_flush_ends_the_linger(connect):
    ours, theirs = connect(unix_pair)
    ring = ring_with(frames(1))
    ring.clear_consumer()  # or flush would not know the drainer from this thread
    reader = Task(lambda: receive(theirs, 100))
    pumping = Task(lambda: pump(ring, ours, linger=PATIENCE, idle=0.1))

    with within(SOON):
        assert ring.flush(PATIENCE)

    assert reader.result()
    assert pumping.result()[0] == "tick"


# ---- acknowledgement -----------------------------------------------------------------------------


def test_bytes_that_a_unix_peer_has_not_read_are_not_counted_as_sent(connect):
    """Both ends share one kernel: when the peer dies, what it has not read is lost."""
    ours, theirs = connect(unix_pair)
    ring = ring_with(frames(3))

    assert pump(ring, ours) == ("tick", 0, 300)
    stats = account(ring)
    assert (stats["sent"], stats["in_flight"]) == (0, 3)

    receive(theirs, 300)
    assert pump(ring, ours) == ("tick", 0, 0)
    assert account(ring)["sent"] == 3


@each_kind
def test_a_run_sees_what_was_acknowledged_since_the_last_one(connect, kind):
    """Also without another frame to send; otherwise flush and close would never end."""
    ours, theirs = connect(kind, 4096)
    ring = ring_with()
    count = clog(ring, ours)

    receive(theirs, 100 * count)
    wait_until(lambda: not ring.outstanding(ours.fileno()))

    assert pump(ring, ours, idle=0.02) == ("tick", 0, 0)
    assert account(ring)["sent"] == count


def test_a_closed_ring_is_not_drained_before_all_has_arrived(connect):
    ours, theirs = connect(unix_pair)
    ring = ring_with(frames(3))
    ring.close()

    assert pump(ring, ours)[0] == "tick"
    assert pump(ring, ours)[0] == "tick"
    assert account(ring)["in_flight"] == 3
    receive(theirs, 300)

    assert pump(ring, ours, idle=PATIENCE) == ("drained", 0, 0)
    assert account(ring)["sent"] == 3


def test_a_full_window_waits_for_its_peer(connect):
    """At most the window is in flight; the rest waits in the queue."""
    ours, theirs = connect(unix_pair)
    some = frames(10, 500)
    ring = ring_with(some, max_frame=1000, window=2000)

    assert pump(ring, ours) == ("tick", 0, 2000)
    assert account(ring)["in_flight"] == 4
    data = b""
    while len(data) < 5000:
        data += theirs.recv(500)
        pump(ring, ours, idle=0.02)
        assert account(ring)["in_flight"] <= 4

    assert data == b"".join(some)
    pump(ring, ours)
    assert account(ring)["sent"] == 10


@each_kind
def test_a_slow_reader_gets_everything_once(connect, kind):
    """With the smallest possible buffers, one piece at a time."""
    ours, theirs = connect(kind, 4096)
    some = frames(400, 700)
    ring = ring_with(some)
    ring.close()
    pumping = Task(lambda: pump_until(ring, ours, "drained", "failed", "closed", idle=0.02))
    data = b""

    while len(data) < 400 * 700:
        data += theirs.recv(3001)
        assert account(ring)["sent"] <= len(data) // 700 + 64, "more than buffers hold"
        if len(data) % 5 == 0:
            time.sleep(0.001)

    assert pumping.result()[0] == "drained"
    assert data == b"".join(some)
    stats = account(ring)
    assert (stats["sent"], stats["resent"], stats["bytes"]) == (400, 0, len(data))


# ---- time ----------------------------------------------------------------------------------------


@each_kind
def test_a_peer_that_takes_nothing_is_given_up(connect, kind):
    """During a write, however long the run may take."""
    ours, _ = connect(kind, 4096)
    ring = ring_with(frames(100, 1000))

    with within(SOON + 1):
        event, code, moved = pump(ring, ours, write_timeout=0.3, idle=PATIENCE)

    assert (event, code) == ("failed", errno.ETIMEDOUT)
    assert moved > 0
    assert account(ring)["queued"] > 0


@pytest.mark.parametrize("idle", [PATIENCE, 0.05], ids=["one run", "many runs"])
@pytest.mark.parametrize("window", [256 * 1024, 1500], ids=["all written", "window full"])
def test_a_peer_that_acknowledges_nothing_is_given_up(connect, idle, window):
    """The timeout does not restart with each run of the loop."""
    ours, _ = connect(unix_pair)
    ring = ring_with(frames(20), max_frame=1000, window=window)

    with within(PATIENCE / 2):
        event, code, _ = pump_until(ring, ours, "failed", write_timeout=0.5, idle=idle)

    assert (event, code) == ("failed", errno.ETIMEDOUT)
    stats = account(ring)
    assert (stats["sent"], stats["queued"]) == (0, 20)
    assert len(rest(ring)) == (20 if window > 2000 else 15), "all that the window holds"


def test_the_write_timeout_begins_with_the_first_byte_sent(connect):
    """The timeout does not start with the last frame before, which may be hours old."""
    ours, theirs = connect(unix_pair)
    ring = ring_with(frames(1))
    pump(ring, ours)
    receive(theirs, 100)
    pump(ring, ours, write_timeout=0.3, idle=0.5)

    ring.put(b"later")

    assert pump(ring, ours, write_timeout=0.3, idle=0.05) == ("tick", 0, 5)
    assert account(ring)["in_flight"] == 1


def test_a_peer_that_takes_a_little_now_and_then_is_not_given_up(connect):
    ours, theirs = connect(unix_pair, 4096)
    ring = ring_with(frames(40, 1000))
    ring.close()
    pumping = Task(lambda: pump_until(ring, ours, "drained", "failed", write_timeout=1.5, idle=0.1))
    size = 0
    end = time.monotonic() + 2.0  # more than the timeout

    while size < 20_000 or time.monotonic() < end:
        size += len(theirs.recv(1000 if size < 39_000 else 1))
        time.sleep(0.05)
    receive(theirs, 40_000 - size)

    assert pumping.result()[0] == "drained"


def test_what_a_peer_acknowledges_is_progress_too(connect):
    """Everything is written; the peer reads frame by frame, longer than the timeout in total."""
    ours, theirs = connect(unix_pair)
    ring = ring_with()
    for one in frames(20):  # one write each
        ring.put(one)
        pump(ring, ours, idle=0)
    ring.close()
    pumping = Task(lambda: pump(ring, ours, write_timeout=1.0, idle=PATIENCE))

    for _ in range(20):
        time.sleep(0.1)
        receive(theirs, 100)

    assert pumping.result() == ("drained", 0, 0)
    assert account(ring)["sent"] == 20


def test_a_socket_that_is_full_already_is_waited_for(connect):
    """Data that others have written does not use up the timeout of the first frame."""
    ours, theirs = connect(unix_pair, 4096)
    ours.setblocking(False)
    before = 0
    while select.select([], [ours], [], 0)[1]:
        before += ours.send(b"x" * 1000)
    ring = ring_with(frames(1))
    ring.close()
    pumping = Task(lambda: pump(ring, ours, write_timeout=SOON, idle=PATIENCE))
    time.sleep(0.1)

    assert receive(theirs, before + 100).endswith(frames(1)[0])

    assert pumping.result() == ("drained", 0, 100)


def test_acknowledgements_between_runs_are_counted_first(connect):
    """A Python callback may take longer than the timeout of the peer."""
    ours, theirs = connect(unix_pair)
    ring = ring_with(frames(1))
    pump(ring, ours)
    receive(theirs, 100)
    time.sleep(0.4)

    assert pump(ring, ours, write_timeout=0.2, idle=0.02) == ("tick", 0, 0)
    assert account(ring)["sent"] == 1


# ---- interrupt -----------------------------------------------------------------------------------


def test_an_interrupt_before_the_loop_sends_nothing(connect):
    ours, _ = connect(tcp_pair)
    ring = ring_with(frames(1))
    ring.interrupt()

    assert pump(ring, ours, idle=PATIENCE) == ("interrupted", 0, 0)
    assert account(ring)["in_flight"] == 0
    ring.clear_interrupt()
    assert pump(ring, ours) == ("tick", 0, 100)


@pytest.mark.parametrize("some", [[], frames(1)], ids=["idle", "lingering"])
def test_an_interrupt_ends_every_sleep(connect, some):
    ours, _ = connect(tcp_pair)
    ring = ring_with(some)
    pumping = Task(lambda: pump(ring, ours, linger=PATIENCE, idle=PATIENCE))
    time.sleep(0.05)

    with within(SOON):
        ring.interrupt()
        assert pumping.result()[0] == "interrupted"


def test_an_interrupt_ends_the_wait_for_acknowledgement(connect):
    ours, _ = connect(unix_pair)
    ring = ring_with(frames(1))
    pumping = Task(lambda: pump(ring, ours, idle=PATIENCE))
    wait_until(lambda: account(ring)["in_flight"])

    with within(SOON):
        ring.interrupt()
        assert pumping.result() == ("interrupted", 0, 100)
    assert account(ring)["in_flight"] == 1, "the connection is as good as before"


def test_an_interrupt_in_the_middle_of_a_write_ends_the_connection(connect):
    """The peer may have part of a frame; the frame is sent again."""
    ours, _ = connect(unix_pair, 4096)
    some = frames(100, 1000)
    ring = ring_with(some)
    pumping = Task(lambda: pump(ring, ours, idle=PATIENCE))
    wait_until(lambda: account(ring)["in_flight"])

    with within(SOON):
        ring.interrupt()
        event, code, moved = pumping.result()

    assert (event, code) == ("failed", errno.ECANCELED)
    assert 0 < moved < 100_000
    assert account(ring)["sent"] == 0
    assert rest(ring) == some
    assert 0 < account(ring)["resent"] <= moved // 1000 + 1


def test_drop_all_in_the_middle_of_a_write_keeps_the_counters_balanced(connect):
    """As close does after its timeout, while producers continue."""
    ours, _ = connect(unix_pair, 4096)
    ring = ring_with(frames(100, 1000))
    pumping = Task(lambda: pump(ring, ours, idle=PATIENCE))
    wait_until(lambda: account(ring)["in_flight"])

    assert ring.drop_all("closed") == 100
    for one in frames(50, 1000):
        ring.put(one)
    ring.interrupt()

    assert pumping.result()[:2] == ("failed", errno.ECANCELED)
    stats = account(ring)
    assert (stats["sent"], stats["queued"], stats["dropped"]) == (0, 50, {"closed": 100})
    assert rest(ring) == frames(50, 1000)


# ---- the GIL -------------------------------------------------------------------------------------


@pytest.mark.parametrize("some", [[], frames(100, 1000)], ids=["idle", "in a write"])
def test_other_threads_go_on_meanwhile(connect, some):
    ours, _ = connect(unix_pair, 4096)
    ring = ring_with(some)
    turns = 0
    done = threading.Event()

    def turn() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1

    other = Task(turn)
    wait_until(lambda: turns)
    before = turns
    pump(ring, ours, write_timeout=0.3, idle=0.3)
    after = turns
    done.set()
    other.result()

    assert after - before > 5000
