"""The sink: what C sends itself, when it calls Python, and which call owns the connection."""

from __future__ import annotations

import gc
import os
import socket
import sys
import weakref

import pytest
from delivery.support import wait_until

from heka._core import Sink

FRAME = b"\x1e some frame, which is bytes to a sink"


FREE = (False, False, False)


def state(sink):
    """Return (attached, busy, torn)."""
    return (sink.attached, sink.busy, sink.torn)


class Deliver:
    """The Python callback: keeps its arguments, and returns what the test sets."""

    def __init__(self):
        self.calls = []
        self.answer = True

    def __call__(self, *args):
        self.calls.append(args)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer(*args) if callable(self.answer) else self.answer


@pytest.fixture
def deliver():
    return Deliver()


@pytest.fixture
def sink(deliver):
    return Sink(deliver)


@pytest.fixture
def connect(sink):
    """Attach one end of a socket pair with small buffers to the sink; return both ends."""
    ends = []

    def make(kind=socket.SOCK_STREAM):
        ends.extend(socket.socketpair(socket.AF_UNIX, kind))
        ends[-2].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
        assert sink.release(sink.acquire(), ends[-2].fileno(), kind == socket.SOCK_DGRAM)
        return ends[-2:]

    yield make
    for end in ends:
        end.close()


def test_a_new_sink_has_no_connection_and_zero_counters(sink):
    assert (state(sink), sink.closed, sink.pending) == (FREE, False, 0)
    assert (sink.max_frame, sink.framed) == (0, True)
    assert sink.counts() == {"offered": 0, "sent": 0, "bytes": 0, "dropped": {}}


# ---- the hot path --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_frame_that_the_kernel_takes_at_once_does_not_call_deliver(sink, deliver, connect, kind):
    _, theirs = connect(kind)

    assert sink.write(FRAME, 1.0) is True
    assert sink.write(memoryview(FRAME), 0) is True

    assert theirs.recv(len(FRAME)) == theirs.recv(len(FRAME)) == FRAME
    assert sink.counts() == {"offered": 2, "sent": 2, "bytes": 2 * len(FRAME), "dropped": {}}
    assert deliver.calls == []


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_full_socket_calls_deliver_and_stays_attached(sink, deliver, connect, kind):
    _, theirs = connect(kind)
    while not deliver.calls:
        sink.write(FRAME, 0.25)

    ((frame, written, timeout, ticket),) = deliver.calls
    assert (frame, written, timeout) == (FRAME, 0, 0.25)
    assert ticket > 0
    assert sink.attached
    assert not sink.busy
    before = sink.counts()["bytes"]
    theirs.recv(4096)
    while len(deliver.calls) == 1 and sink.counts()["bytes"] == before:
        sink.write(FRAME, 0)
    assert len(deliver.calls) == 1, "there is room again, which the hot path sees"


def test_a_partial_send_calls_deliver_with_the_owners_ticket(sink, deliver, connect):
    """No other call gets the connection until that one releases it."""
    _, theirs = connect()
    whole = FRAME * 1000
    seen = []

    def answer(frame, written, timeout, ticket):
        seen.append((sink.busy, sink.attached, sink.pending, sink.acquire()))
        assert theirs.recv(len(whole)) == whole[:written]
        assert sink.acquire(ticket) == ticket
        return sink.release(ticket)

    deliver.answer = answer

    assert sink.write(whole, 1.0) is True

    ((frame, written, _, _),) = deliver.calls
    assert frame == whole
    assert 0 < written < len(whole)
    assert seen == [(True, False, 1, 0)]
    assert (state(sink), sink.pending) == (FREE, 0)
    assert sink.counts()["bytes"] == len(whole)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_broken_connection_is_marked_torn_once(sink, deliver, connect, kind):
    """A connection that another call makes is not closed for an error of the old one."""
    _, theirs = connect(kind)
    theirs.close()

    sink.write(FRAME, 1.0)

    assert state(sink) == (False, False, True)
    assert [written for _, written, _, _ in deliver.calls] == [0]
    connect(kind)
    assert not sink.torn
    assert sink.write(FRAME, 1.0)
    assert len(deliver.calls) == 1


def test_a_datagram_too_large_for_the_kernel_keeps_the_connection_attached(sink, deliver, connect):
    connect(socket.SOCK_DGRAM)

    sink.write(bytes(20_000), 1.0)

    assert (len(deliver.calls), sink.torn, sink.attached) == (1, False, True)


def test_a_refused_datagram_is_sent_once_more(sink, deliver):
    """The error belongs to an earlier datagram; on a stream it would end the connection."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
            theirs.bind(("127.0.0.1", 0))
            ours.connect(theirs.getsockname())
        sink.release(sink.acquire(), ours.fileno(), True)

        assert [sink.write(FRAME, 1.0) for _ in range(4)] == [True] * 4
        assert deliver.calls == []
        sink.release(sink.acquire(), ours.fileno(), False)
        sink.write(FRAME, 1.0)

    assert len(deliver.calls) == 1
    assert sink.torn


def test_a_child_process_does_not_send_on_its_parents_descriptor(sink, deliver, connect):
    _, theirs = connect()
    child = os.fork()
    if child == 0:
        fine = not sink.attached and sink.write(FRAME, 1.0) and len(deliver.calls) == 1
        os._exit(0 if fine else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert sink.attached
    assert sink.write(b"parent", 1.0)
    assert theirs.recv(100) == b"parent"


# ---- what Python answers -------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [True, 1, b"x", [0]], ids=repr)
def test_a_true_result_of_deliver_counts_as_sent(sink, deliver, answer):
    deliver.answer = answer

    assert sink.write(FRAME, 1.0) is True

    assert sink.counts() == {"offered": 1, "sent": 1, "bytes": len(FRAME), "dropped": {}}


@pytest.mark.parametrize(
    ("answer", "reason"), [("late", "late"), ("", ""), (False, "error"), (None, "error")]
)
def test_a_str_result_of_deliver_is_the_drop_reason(sink, deliver, answer, reason):
    deliver.answer = answer

    assert sink.write(FRAME, 1.0) is False
    assert sink.write(FRAME, 1.0) is False

    assert sink.counts() == {"offered": 2, "sent": 0, "bytes": 0, "dropped": {reason: 2}}


@pytest.fixture
def unraisable(monkeypatch):
    """What was reported as unraisable."""
    said = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: said.append(what.exc_value))
    return said


def test_an_exception_of_deliver_is_reported_and_counted(sink, deliver, unraisable):
    deliver.answer = ZeroDivisionError("a bug")

    assert sink.write(FRAME, 1.0) is False

    assert unraisable == [deliver.answer]
    assert sink.counts()["dropped"] == {"error": 1}


class BadTruth:
    def __bool__(self):
        raise ZeroDivisionError("no truth")


def test_a_result_whose_bool_raises_is_reported_and_counted(sink, deliver, unraisable):
    deliver.answer = BadTruth()

    assert sink.write(FRAME, 1.0) is False

    assert [type(said) for said in unraisable] == [ZeroDivisionError]
    assert sink.counts()["dropped"] == {"error": 1}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_base_exception_of_deliver_is_raised_and_counted(sink, deliver, unraisable, kind):
    deliver.answer = kind()

    with pytest.raises(kind):
        sink.write(FRAME, 1.0)

    assert unraisable == []
    assert sink.counts()["dropped"] == {"interrupted": 1}
    assert sink.pending == 0


# ---- owner of the connection ---------------------------------------------------------------------


def test_one_call_owns_the_connection_until_release(sink):
    mine = sink.acquire()

    assert sink.busy
    assert sink.acquire() == 0
    assert sink.acquire(mine) == mine
    assert sink.release(mine + 1) is False
    assert sink.busy
    assert sink.release(mine) is True
    assert sink.release(mine) is False
    assert not sink.busy


def test_tickets_are_unique(sink):
    first = sink.acquire()
    sink.release(first)

    assert sink.acquire() > first


def test_release_without_ownership_does_nothing(sink, connect):
    """0 is no ticket."""
    ours, _ = connect()

    assert sink.release(0, ours.fileno()) is False

    assert sink.attached


def test_a_call_that_ends_without_release_leaves_the_connection_torn(sink, deliver):
    """After a KeyboardInterrupt between two lines of Python, or a MemoryError."""
    deliver.answer = lambda frame, written, timeout, ticket: bool(sink.acquire(ticket))

    assert sink.write(FRAME, 1.0) is True

    assert (sink.busy, sink.torn) == (False, True)
    sink.release(sink.acquire())
    assert not sink.torn


def test_a_call_does_not_release_the_connection_of_another(sink, deliver):
    other = sink.acquire()

    assert sink.write(FRAME, 1.0) is True

    assert (sink.busy, sink.torn) == (True, False)
    assert sink.release(other) is True


def test_reset_ends_the_ownership_of_any_call(sink, connect):
    connect()
    old = sink.acquire()

    sink.reset()

    assert state(sink) == FREE
    assert sink.release(old) is False


def test_a_closed_sink_is_never_attached_again(sink, connect):
    ours, _ = connect()
    sink.close()

    ticket = sink.acquire()
    assert sink.release(ticket, ours.fileno()) is True

    assert sink.closed
    assert not sink.attached


# ---- wrong arguments -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        pytest.param(lambda s: Sink(), TypeError, "missing 1 required .*'deliver'", id="new-none"),
        pytest.param(lambda s: Sink(1), TypeError, "deliver must be callable", id="new-type"),
        pytest.param(lambda s: s.write(b""), TypeError, "takes 2 .* 1 was given", id="write-one"),
        pytest.param(lambda s: s.write(), TypeError, "takes 2 .* 0 were given", id="write-none"),
        pytest.param(lambda s: s.write("", 1), TypeError, "bytes-like", id="write-type"),
        pytest.param(lambda s: s.write(b"", "1"), TypeError, "real number", id="write-timeout"),
        pytest.param(lambda s: s.acquire(-1), OverflowError, "negative", id="acquire-range"),
        pytest.param(lambda s: s.acquire("1"), TypeError, "int", id="acquire-type"),
        pytest.param(lambda s: s.acquire(1, 2), TypeError, "takes at most 1|from 0 to 1", id="two"),
        pytest.param(lambda s: s.release(), TypeError, "missing", id="release-none"),
        pytest.param(lambda s: s.release(1, "1"), TypeError, "fd", id="release-type"),
        pytest.param(lambda s: s.release(1, 1 << 40), ValueError, "fd", id="release-range"),
        pytest.param(lambda s: setattr(s, "max_frame", -1), ValueError, "negative", id="size"),
        pytest.param(
            lambda s: setattr(s, "max_frame", "1"), TypeError, "max_frame", id="size-type"
        ),
        pytest.param(
            lambda s: delattr(s, "max_frame"), AttributeError, "set it to 0", id="size-del"
        ),
    ],
)
def test_a_wrong_argument_is_named(sink, call, kind, says):
    with pytest.raises(kind, match=says):
        call(sink)

    assert not sink.busy
    assert sink.counts()["offered"] == 0


def test_attributes_are_stored(sink):
    sink.max_frame = 8192
    sink.framed = False

    assert (sink.max_frame, sink.framed) == (8192, False)
    del sink.framed
    assert sink.framed is True


def test_a_reference_cycle_through_deliver_is_collected():
    class Owner:
        def __init__(self):
            self.sink = Sink(self.deliver)

        def deliver(self, *args):
            return True

    owner = weakref.ref(Owner())
    wait_until(lambda: gc.collect() < 0 or owner() is None)  # unless another thread collects


def test_a_finalizer_in_the_same_cycle_can_still_write(unraisable):
    """Finalizers of the cycle run before its references are cleared."""
    counts = []

    class Owner:
        def __init__(self):
            self.sink = Sink(self.deliver)

        def deliver(self, *args):
            return True

        def __del__(self):
            self.sink.write(FRAME, 1.0)
            counts.append(self.sink.counts()["offered"])

    Owner()
    wait_until(lambda: gc.collect() < 0 or counts)

    assert counts == [1]
