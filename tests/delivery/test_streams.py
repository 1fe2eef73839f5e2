"""TCP and unix streams: peers that refuse, hang, are slow, close, reset, and come back."""

from __future__ import annotations

import contextlib
import os
import socket
import time

import pytest
from delivery.support import (
    PATIENCE,
    SOON,
    Listener,
    Task,
    account,
    free_port,
    run_threads,
    wait_until,
    within,
)

import heka
from heka._core import monotonic
from heka._delivery import backoff, direct

BIG = "x" * 60_000


@pytest.fixture(params=["tcp", "unix"])
def listen(request, peer, tmp_path):
    """Make a TCP or unix listener; a second one replaces the first at its address."""
    port = free_port()
    path = str(tmp_path / "peer")

    def make(**kwargs):
        if request.param == "tcp":
            return peer(Listener, address=("127.0.0.1", port), **kwargs)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return peer(Listener, socket.AF_UNIX, path, **kwargs)

    make.url = f"tcp://127.0.0.1:{port}" if request.param == "tcp" else f"unix://{path}"
    make.is_tcp = request.param == "tcp"
    return make


def insist(to, type="t", **kwargs):
    """Log until a message is sent: the destination may be in back-off."""
    wait_until(lambda: heka.log(type, to=to, **kwargs), f"a way to {to}")


def log_until_full(to, **kwargs):
    """Log until the buffers are full; return the number of messages sent."""
    count = 0
    while heka.log("t", to=to, **kwargs):
        count += 1
    return count


def test_eight_threads_connect_once(listen):
    there = listen()
    read = Task(lambda: there.accept().take(400))

    sent = run_threads(8, lambda n: [heka.log(f"t{n}", to=there.url) for _ in range(50)])

    assert all(map(all, sent))
    types = sorted(message.type for message in read.result())
    assert types == sorted([f"t{n}" for n in range(8)] * 50)
    assert not there.is_waiting()


def test_nothing_is_connected_before_the_first_message(listen):
    there = listen()

    heka.configure(to=there.url)

    assert not there.is_waiting()


def test_a_refusal_is_counted_reported_and_starts_a_back_off(listen, capfd):
    with within(SOON):
        assert heka.log("t", to=listen.url, timeout=PATIENCE) is False
        assert heka.log("t", to=listen.url, timeout=PATIENCE) is False

    assert account(listen.url)["dropped"] == {"refused": 1, "backoff": 1}
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"heka: cannot send to {listen.url} (refused): [Errno ")
    assert line.endswith("; messages are dropped and counted, next try in 0.1 s")


def test_a_peer_that_comes_is_found(listen):
    assert heka.log("lost", to=listen.url) is False
    there = listen()

    insist(listen.url, type="found")

    assert there.accept().take(1)[0].type == "found"


def test_a_peer_that_goes_and_comes_back_is_found(listen):
    there = listen()
    assert heka.log("one", to=listen.url)
    connection = there.accept()
    assert connection.take(1)[0].type == "one"
    connection.close()
    there.close()
    wait_until(lambda: not heka.log("lost", to=listen.url), "a failure")
    there = listen()

    insist(listen.url, type="two")

    assert there.accept().take(1)[0].type == "two"
    assert account(listen.url)["reconnects"] == 1


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_peer_that_only_closed_this_connection_is_connected_anew(listen, end):
    """Its end is noticed before the next frame is written."""
    there = listen()
    assert heka.log("one", to=listen.url)
    connection = there.accept()
    connection.take(1)
    getattr(connection, end)()

    assert heka.log("two", to=listen.url), "no back-off: nothing but the connection is gone"

    assert there.accept().take(1)[0].type == "two"
    counts = account(listen.url)
    assert (counts["reconnects"], counts["dropped"]) == (1, {})


def test_a_broken_connection_is_renewed_once(listen):
    """Eight threads get its error; the first one makes the new connection for all."""
    there = listen()
    assert heka.log("t", to=listen.url)
    there.accept().reset()

    run_threads(8, lambda n: [heka.log("t", to=listen.url) for _ in range(20)])

    assert account(listen.url)["reconnects"] == 1
    there.accept()
    assert not there.is_waiting()


def test_a_full_listen_queue_blocks_no_longer_than_the_timeout(listen):
    """The peer does not answer at all."""
    there = listen(backlog=0)
    waiting = there.fill()

    start = time.monotonic()
    assert heka.log("t", to=listen.url, timeout=0.2) is False
    took = time.monotonic() - start
    assert heka.log("t", to=listen.url, timeout=PATIENCE) is False

    assert 0.2 <= took < SOON
    assert account(listen.url)["dropped"] == {"timeout": 1, "backoff": 1}
    for sock in waiting:
        sock.close()


@pytest.mark.parametrize("first", ["hangs", "refuses"])
def test_the_next_address_of_a_name_is_tried_in_time(peer, monkeypatch, first):
    """An address that hangs gets only its share of the time."""
    dead, there = peer(Listener, backlog=0), peer(Listener)
    waiting = dead.fill() if first == "hangs" else []
    dead_port = dead.port if first == "hangs" else free_port()
    ends = [(socket.AF_INET, ("127.0.0.1", port)) for port in (dead_port, there.port)]
    monkeypatch.setattr("heka._net.sockets.resolve", lambda *args: ends)

    assert heka.log("t", to=f"tcp://both-{first}.test:1", timeout=1) is True

    assert there.accept().take(1)[0].type == "t"
    for sock in waiting:
        sock.close()


def test_a_call_waits_for_a_connection_no_longer_than_its_own_timeout(listen):
    there = listen(backlog=0)
    waiting = there.fill()
    slow = Task(lambda: heka.log("t", to=listen.url, timeout=SOON))
    wait_until(lambda: destinations_of(listen.url).sink.busy, "the one who connects")

    with within(SOON / 2):
        assert heka.log("t", to=listen.url, timeout=0.1) is False

    assert account(listen.url)["dropped"] == {"timeout": 1}
    assert slow.result() is False
    for sock in waiting:
        sock.close()


def destinations_of(to):
    """Return the open destination of *to*."""
    (found,) = [d for d in direct._all if d.name == to and not d.sink.closed]
    return found


def test_a_timeout_of_zero_can_send(listen):
    """What needs no waiting is done; on loopback, connecting does not wait."""
    there = listen()

    for n in range(3):
        assert heka.log(f"t{n}", to=listen.url, timeout=0) is True

    assert [message.type for message in there.accept().take(3)] == ["t0", "t1", "t2"]


def test_an_endless_timeout_can_send(listen):
    there = listen()

    assert heka.log("t", to=listen.url, timeout=float("inf")) is True

    assert there.accept().take(1)[0].type == "t"


# ---- slow readers --------------------------------------------------------------------------------


def test_a_full_socket_blocks_no_longer_than_the_timeout(listen):
    there = listen(buffer=4096)

    with within(SOON):
        count = log_until_full(listen.url, payload=BIG, timeout=0.1)

    counts = account(listen.url)
    assert (counts["sent"], counts["dropped"]) == (count, {"timeout": 1})
    connection = there.accept()
    assert len(connection.take(count)) == count


def test_a_reader_that_comes_in_time_gets_the_frame(listen):
    """The waiting call writes the rest, and returns True."""
    there = listen(buffer=4096)
    assert heka.log("t", to=listen.url)
    connection = there.accept()
    sink = destinations_of(listen.url).sink

    def work():
        return [heka.log("t", payload=BIG, to=listen.url, timeout=PATIENCE) for _ in range(200)]

    task = Task(work)
    wait_until(lambda: sink.pending, "a call that waits")
    messages = connection.take(201)

    assert all(task.result())
    assert [len(message.payload) for message in messages] == [0] + [60_000] * 200
    assert account(listen.url)["reconnects"] == 0


def test_a_partly_sent_frame_closes_its_connection(peer):
    """TCP sends part of a frame when the buffer is full; no other frame may follow that part."""
    there = peer(Listener, buffer=4096)
    count = log_until_full(there.url, payload=BIG, timeout=0)
    insist(there.url, type="whole")

    first = there.accept()
    assert len(first.read_to_end()) == count
    assert first.tail > 0
    assert there.accept().take(1)[0].type == "whole"
    assert account(there.url)["reconnects"] == 1


def test_a_slow_peer_that_has_only_whole_frames_keeps_its_connection_once(peer, tmp_path):
    """A unix stream accepts a small frame whole or not at all, so the connection is kept."""
    there = peer(Listener, socket.AF_UNIX, str(tmp_path / "peer"))
    count = log_until_full(there.url, timeout=0)
    connection = there.accept()
    assert len(connection.take(count)) == count

    insist(there.url, type="more", timeout=0)

    assert connection.take(1)[0].type == "more"
    assert account(there.url)["reconnects"] == 0


def test_a_slow_peer_is_closed_after_the_second_timeout(peer, tmp_path):
    there = peer(Listener, socket.AF_UNIX, str(tmp_path / "peer"))
    count = log_until_full(there.url, timeout=0)
    wait_until(lambda: not heka.log("t", to=there.url, timeout=0) and timeouts(there.url) == 2)

    connection = there.accept()

    assert len(connection.read_to_end()) == count
    assert connection.tail == 0


def timeouts(to):
    return account(to)["dropped"]["timeout"]


def test_a_reset_in_the_middle_of_a_frame_is_an_end(peer, capfd):
    """The rest is not sent on the next connection; waiting calls return at once."""
    there = peer(Listener, buffer=4096)
    assert heka.log("t", to=there.url)
    connection = there.accept()
    sink = destinations_of(there.url).sink

    def work():
        while heka.log("lost", payload=BIG, to=there.url, timeout=PATIENCE):
            pass

    task = Task(work)
    wait_until(lambda: sink.busy, "half a frame")
    with within(SOON):
        connection.reset()
        task.result()
    assert account(there.url)["dropped"] == {"closed": 1}
    assert f"cannot send to {there.url} (closed): [Errno " in capfd.readouterr().err
    insist(there.url, type="whole")

    second = there.accept()
    assert second.take(1)[0].type == "whole"
    assert second.reader.discarded_bytes == 0


def test_others_drop_at_once_after_one_has_failed(listen):
    """Seven calls wait for the eighth; its failure ends them all, without seven more attempts."""
    there = listen(backlog=0)
    waiting = there.fill()

    with within(SOON):
        sent = run_threads(8, lambda n: heka.log("t", to=listen.url, timeout=0.2))

    assert not any(sent)
    dropped = account(listen.url)["dropped"]
    assert dropped["timeout"] + dropped.get("backoff", 0) == 8
    for sock in waiting:
        sock.close()


# ---- back-off ------------------------------------------------------------------------------------


@pytest.fixture
def ahead(monkeypatch):
    """Advance the clock of the destinations: ``ahead(seconds)``."""

    class Clock:
        offset = 0.0

        def __call__(self, seconds):
            self.offset += seconds

        def monotonic(self):
            return monotonic() + self.offset

    clock = Clock()
    monkeypatch.setattr(direct, "monotonic", clock.monotonic)
    monkeypatch.setattr(backoff, "monotonic", clock.monotonic)
    return clock


def test_back_off_doubles_from_a_tenth_of_a_second_to_thirty(ahead):
    to = f"tcp://127.0.0.1:{free_port()}"
    waits = [min(30.0, 0.1 * 2**n) for n in range(12)]
    for n, wait in enumerate(waits):
        assert heka.log("t", to=to) is False
        assert account(to)["dropped"]["refused"] == n + 1, "the wait was over"
        if wait > 1:  # shorter ones may pass meanwhile
            ahead(wait - 1)
            assert heka.log("t", to=to) is False
            assert account(to)["dropped"]["refused"] == n + 1, "the wait was not over"
            ahead(1)
        else:
            ahead(wait)

    assert waits[-2:] == [30.0, 30.0]


def test_a_connection_that_has_lasted_ends_the_back_off(ahead, peer):
    to = f"tcp://127.0.0.1:{free_port()}"
    for _ in range(9):
        heka.log("t", to=to)
        ahead(40)
    there = peer(Listener, address=("127.0.0.1", int(to.rpartition(":")[2])))
    assert heka.log("t", to=to)
    ahead(11)
    there.accept().reset()
    there.close()

    assert heka.log("t", to=to) is False
    ahead(0.2)
    assert heka.log("t", to=to) is False

    assert account(to)["dropped"]["refused"] == 11
