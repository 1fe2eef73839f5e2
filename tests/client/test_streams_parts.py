"""Streams that may take a part of a frame: raw and buffered ones over a descriptor that is full."""

from __future__ import annotations

import io
import os
import signal
import threading
import time

import pytest
from client.writing import (
    PAYLOAD,
    ByClient,
    ByFanOut,
    ByLog,
    ByQueue,
    Pipe,
    Step,
    balances,
    every_direct_user,
    every_user,
    until,
)

import heka
from heka.client import HekaClient
from heka.streams import QueuedStream


@pytest.fixture
def pipe():
    made = Pipe()
    yield made
    made.close()


# ---- raw streams that take a part, or nothing ----------------------------------------------------


@every_direct_user
def test_what_a_full_pipe_has_not_taken_is_not_sent(make, pipe):
    """Sent is what a reader finds whole; a frame that was begun is queued."""
    user = make(pipe.stream)

    answers = [user.send(PAYLOAD) for _ in range(30)]

    pipe.drain()
    account = balances(user.stats())
    assert account["sent"] == answers.count(True) == len(pipe.frames())
    assert 0 < account["sent"] < 30
    assert account["offered"] == 30
    assert account["queued"] == 1
    assert account["dropped"] == {"timeout": 29 - account["sent"]}


@every_direct_user
def test_the_rest_of_a_frame_goes_first_at_the_next_call(make, pipe):
    """No torn frame is followed by a whole one."""
    user = make(pipe.stream)
    while user.send(PAYLOAD):
        pass
    sent = user.stats()["sent"]
    pipe.drain()

    assert user.send("next") is True

    pipe.drain()
    frames = pipe.frames()
    assert [len(frame.message.payload) for frame in frames[-2:]] == [len(PAYLOAD), 4]
    account = balances(user.stats())
    assert account["sent"] == sent + 2 == len(frames)
    assert account["queued"] == 0
    assert account["bytes"] == len(pipe.read)


@every_direct_user
def test_a_call_waits_for_the_descriptor(make, pipe):
    """Within its timeout, and with the GIL given up: the reader is another thread."""
    user = make(pipe.stream)
    while user.send(PAYLOAD):
        pass

    def read():
        time.sleep(0.1)
        pipe.drain()

    reader = threading.Thread(target=read)
    reader.start()
    assert user.send("late", timeout=10) is True
    reader.join()

    pipe.drain()
    assert pipe.frames()[-1].message.payload == "late"


@every_direct_user
def test_a_stream_that_takes_nothing_is_waited_for_once(make, pipe):
    """A program does not wait for each of its messages when nobody reads."""
    user = make(pipe.stream)
    while user.send(PAYLOAD):
        pass

    began = time.monotonic()
    answers = [user.send(PAYLOAD, timeout=0.3) for _ in range(20)]

    assert not any(answers)
    assert time.monotonic() - began < 2.0


@every_user
def test_flush_finishes_a_frame(make, pipe):
    user = make(pipe.stream)
    for _ in range(30):
        user.send(PAYLOAD)
    if user.queued:
        until(lambda: user.stats()["sent"])
    assert user.flush(0.05) is False

    reading = threading.Thread(target=lambda: until(lambda: pipe.drain() or done.is_set()))
    done = threading.Event()
    reading.start()
    try:
        assert user.flush() is True
    finally:
        done.set()
        reading.join()

    pipe.drain()
    account = balances(user.stats())
    assert account["sent"] == len(pipe.frames())
    assert account["queued"] == 0


def test_a_queue_has_every_frame_taken_once_and_in_order(pipe):
    """Its drain tries again; the frame that was begun stays in flight meanwhile."""
    user = ByQueue(pipe.stream)
    for n in range(60):
        assert user.send(f"{n:02d}" + PAYLOAD)

    until(lambda: pipe.drain() or len(pipe.frames()) == 60)

    assert [frame.message.payload[:2] for frame in pipe.frames()] == [f"{n:02d}" for n in range(60)]
    assert user.flush() is True
    account = balances(user.stats())
    assert (account["offered"], account["sent"], account["dropped"]) == (60, 60, {})


def test_a_queue_that_drops_the_oldest_keeps_the_frame_that_was_begun(pipe):
    """Otherwise the rest of it would come before another frame."""
    stream = QueuedStream(
        pipe.stream, capacity=65536, overflow="drop_old", write_timeout=0.05, backoff_max=0.05
    )
    client = HekaClient(stream, "written")
    for n in range(100):
        client.heka("t", payload=f"{n:02d}" + PAYLOAD)
        time.sleep(0.002)

    until(lambda: pipe.drain() or client.stats()["queued"] == 0)

    pipe.drain()
    numbers = [int(frame.message.payload[:2]) for frame in pipe.frames()]
    assert numbers == sorted(set(numbers))
    account = balances(client.stats())
    assert account["sent"] == len(numbers)
    assert account["dropped"] == {"full": 100 - len(numbers)}


@every_user
def test_closing_a_queue_or_client_counts_the_frame_that_was_begun(make, pipe):
    """Nobody takes the rest, so it is dropped as closed."""
    user = make(pipe.stream)
    for _ in range(30):
        user.send(PAYLOAD)
    if user.queued:
        until(lambda: user.stats()["sent"] and not user.flush(0.1))
    sent = user.stats()["sent"]

    user.close()

    pipe.drain()
    account = balances(user.stats())
    assert account["sent"] == sent == len(pipe.frames())
    assert account["queued"] == 0
    assert account["dropped"]["closed"] >= 1


@pytest.mark.parametrize("make", [ByClient, ByFanOut], ids=lambda one: one.__name__)
def test_text_that_a_raw_stream_does_not_take_is_dropped(make):
    """None is nothing, for what another encoder made too."""

    class Text(io.RawIOBase):
        def write(self, data):
            written.append(data)

    written = []
    user = make(Text())
    user.client.encoder = heka.encoders.JSONEncoder(None)

    assert user.send() is False

    assert len(written) == 1
    assert balances(user.stats())["dropped"] == {"timeout": 1}


@every_direct_user
def test_a_stream_without_a_descriptor_is_not_waited_for(make, capfd):
    stream = Step(room=10)
    user = make(stream)

    began = time.monotonic()
    assert user.send(timeout=30) is False

    assert time.monotonic() - began < 10
    assert "only 10 of " in capfd.readouterr().err
    assert balances(user.stats())["queued"] == 1
    stream.room = 1 << 20
    assert user.send("second") is True
    first, second = heka.StreamReader().feed(stream.taken)
    assert (first.message.payload, second.message.payload) == ("", "second")
    assert balances(user.stats())["sent"] == 2


@every_user
def test_a_raw_stream_is_called_with_the_rest(make):
    stream = Step()
    user = make(stream)

    assert user.send("whole") is True
    assert user.flush() is True

    (frame,) = heka.StreamReader().feed(stream.taken)
    assert frame.message.payload == "whole"
    assert balances(user.stats())["sent"] == 1


@pytest.mark.parametrize("answer", [-1, True, False, 10**9, 10**30, "3", 2.0], ids=repr)
@every_user
def test_an_answer_that_is_no_number_of_bytes_is_an_error(make, answer, capfd):
    class Lying(io.RawIOBase):
        def write(self, data):
            return answer

    stream = Lying()
    user = make(stream)
    user.send()
    if user.queued:
        until(lambda: not user.stats()["queued"])

    assert balances(user.stats())["dropped"] == {"error": 1}
    assert f"the bytes that it took, got {answer!r}" in capfd.readouterr().err


@every_direct_user
def test_an_exception_in_the_middle_of_a_frame_leaves_its_rest(make):
    """The next call begins with it."""

    class Failing(Step):
        def write(self, data):
            if len(self.taken) == 14:
                self.taken += b""
                failures.append(len(data))
                if len(failures) == 1:
                    raise OSError(5, "input/output error")
            return super().write(data)

    failures = []
    stream = Failing()
    user = make(stream)

    assert user.send("first") is False
    assert balances(user.stats())["queued"] == 1
    assert user.send("second") is True

    frames = heka.StreamReader().feed(stream.taken)
    assert [frame.message.payload for frame in frames] == ["first", "second"]
    assert balances(user.stats())["sent"] == 2


@every_direct_user
def test_threads_do_not_mix_their_frames(make):
    """A stream that takes seven bytes a call, and lets others run in between."""

    class Slow(Step):
        def write(self, data):
            time.sleep(0.00001)
            return super().write(data)

    stream = Slow(step=40)
    user = make(stream)

    def send(name):
        for n in range(20):
            assert user.send(f"{name}{n}", timeout=30)

    threads = [threading.Thread(target=send, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    reader = heka.StreamReader()
    payloads = [frame.message.payload for frame in reader.feed(stream.taken)]
    assert reader.discarded_bytes == 0
    assert len(payloads) == 80
    for name in "abcd":
        assert [p for p in payloads if p[0] == name] == [f"{name}{n}" for n in range(20)]


@every_direct_user
def test_a_thread_waits_no_longer_than_its_timeout_for_another_one(make):
    class Stuck(Step):
        def write(self, data):
            entered.set()
            assert leave.wait(30)
            return super().write(data)

    entered, leave = threading.Event(), threading.Event()
    stream = Stuck(step=1 << 20)
    user = make(stream)
    other = threading.Thread(target=user.send, args=("other", 30))
    other.start()
    assert entered.wait(30)

    assert user.send("late", timeout=0.05) is False

    leave.set()
    other.join()
    account = balances(user.stats())
    assert (account["sent"], account["dropped"]) == (1, {"timeout": 1})


@every_direct_user
def test_a_raw_write_that_logs_ends(make):
    class Loop(Step):
        def write(self, data):
            self.inner = user.send("inner")
            return super().write(data)

    stream = Loop()
    user = make(stream)

    assert user.send("outer") is True

    assert stream.inner is False
    (frame,) = heka.StreamReader().feed(stream.taken)
    assert frame.message.payload == "outer"
    assert set(balances(user.stats())["dropped"]) == {"reentrant"}


@every_direct_user
def test_an_interrupt_while_waiting_leaves_the_rest(make, pipe):
    """The exception is the program's; the frame that was begun is finished by the next call."""

    class Interrupted(BaseException):
        pass

    def interrupt(number, frame):
        raise Interrupted

    user = make(pipe.stream)
    while user.stats()["queued"] == 0:
        user.send(PAYLOAD, timeout=0)
    before = user.stats()
    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(Interrupted):
            user.send("interrupted", timeout=30)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)

    account = balances(user.stats())
    assert account["queued"] == 1
    assert account["dropped"]["interrupted"] == before["dropped"].get("interrupted", 0) + 1
    pipe.drain()
    assert user.send("next") is True
    pipe.drain()
    assert [len(frame.message.payload) for frame in pipe.frames()[-2:]] == [len(PAYLOAD), 4]


@pytest.mark.parametrize("make", [ByLog, ByClient, ByFanOut], ids=lambda one: one.__name__)
def test_a_child_does_not_continue_its_parents_frame(make):
    """It begins with a whole frame of its own, and counts from zero."""
    stream = Step(room=10)
    user = make(stream)
    assert user.send("parent") is False
    reader, writer = os.pipe()

    pid = os.fork()
    if pid == 0:
        stream.room, stream.taken = 1 << 20, b""
        sent = user.send("child", timeout=1)
        account = balances(user.stats())
        found = [frame.message.payload for frame in heka.StreamReader().feed(stream.taken)]
        os.write(writer, repr((sent, account["offered"], account["queued"], found)).encode())
        os._exit(0)
    os.waitpid(pid, 0)

    assert os.read(reader, 1000).decode() == repr((True, 1, 0, ["child"]))
    os.close(reader)
    os.close(writer)
    stream.room = 1 << 20
    assert user.send("after") is True
    frames = heka.StreamReader().feed(stream.taken)
    assert [frame.message.payload for frame in frames] == ["parent", "after"]


@every_direct_user
def test_a_write_that_forks_leaves_the_frame_to_the_parent(make):
    class Forking(Step):
        def write(self, data):
            if not pids:
                pids.append(os.fork())
            return super().write(data)

    pids = []
    reader, writer = os.pipe()
    stream = Forking()
    user = make(stream)

    sent = user.send("one", timeout=5)
    if pids == [0]:
        again = user.send("two", timeout=5)
        (own,) = heka.StreamReader().feed(stream.taken[7:])  # behind the part of the parent's
        os.write(writer, repr((sent, again, own.message.payload)).encode())
        os._exit(0)
    os.waitpid(pids[0], 0)
    answer = os.read(reader, 1000).decode()
    os.close(reader)
    os.close(writer)

    assert sent is True
    (frame,) = heka.StreamReader().feed(stream.taken)
    assert answer == repr((False, True, "two"))
    assert frame.message.payload == "one"


# ---- buffered streams ----------------------------------------------------------------------------


@every_user
def test_a_buffered_writer_that_would_block_tears_no_frame(make):
    """Its BlockingIOError says how many bytes it has put into its buffer."""
    pipe = Pipe(buffering=6000)
    user = make(pipe.stream)
    for _ in range(40):
        user.send(PAYLOAD)
    if user.queued:
        until(lambda: user.stats()["sent"])
    balances(user.stats())

    def all_read():
        pipe.drain()
        return user.flush(0.01)

    until(all_read)

    pipe.drain()
    account = balances(user.stats())
    assert account["sent"] == len(pipe.frames())
    assert account["queued"] == 0
    assert set(account["dropped"]) <= {"timeout"}
    pipe.close()
