"""Objects with write(): what their answers mean, the same for all four who call them."""

from __future__ import annotations

import pytest
from client.writing import balances, every_user, until

import heka
from heka.client import HekaClient
from heka.streams import FanOutStream, FileStream


@every_user
def test_a_file_is_flushed(make, tmp_path):
    """Frame by frame without a queue; a queue flushes once it is drained."""
    path = tmp_path / "frames"
    with open(path, "wb") as file:
        user = make(file)

        assert user.send("one") is True
        if user.queued:
            until(lambda: path.stat().st_size)

        (frame,) = heka.StreamReader().feed(path.read_bytes())
        assert frame.message.payload == "one"
        assert user.flush()
    assert balances(user.stats())["sent"] == 1


# ---- other objects -------------------------------------------------------------------------------


class Object:
    """Keeps what is written to it."""

    def __init__(self, answer=None, **attributes):
        self.frames = []
        self.answer = answer
        self.__dict__.update(attributes)

    def write(self, frame):
        self.frames.append(frame)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [None, 0, 3, -1, True, "", 10**30], ids=repr)
@every_user
def test_what_another_object_returns_means_done(make, answer):
    stream = Object(answer)
    user = make(stream)

    assert user.send() is True

    assert user.flush() is True
    assert len(stream.frames) == 1
    account = balances(user.stats())
    assert (account["offered"], account["sent"]) == (1, 1)


@every_user
def test_false_from_another_object_means_dropped(make):
    stream = Object(False)
    user = make(stream)

    user.send()
    if user.queued:
        until(lambda: not user.stats()["queued"])

    assert balances(user.stats())["dropped"] == {"stream": 1}


@every_user
def test_an_object_that_raises_is_an_error(make):
    user = make(Object(ValueError("broken")))

    user.send()
    if user.queued:
        until(lambda: not user.stats()["queued"])

    assert balances(user.stats())["dropped"] == {"error": 1}


@pytest.mark.parametrize("limit", [-1, 0, 10**30, 2**63, True, False, None, "200", 9.5], ids=repr)
@every_user
def test_a_max_frame_that_is_no_size_is_no_limit(make, limit):
    stream = Object(max_frame=limit)
    user = make(stream)

    assert user.send("x" * 1000) is True

    assert user.flush() is True
    assert len(stream.frames[0]) > 1000


@pytest.mark.parametrize("limit", [200, 2**63 - 1])
@every_user
def test_a_max_frame_from_1_to_2_to_the_63_is_one(make, limit):
    stream = Object(max_frame=limit)
    user = make(stream)

    assert user.send("x" * 1000) is True

    assert user.flush() is True
    assert (len(stream.frames[0]) <= 200) == (limit == 200)


# ---- several streams -----------------------------------------------------------------------------


def test_a_fan_out_counts_a_message_once_for_each_stream():
    good, bad = Object(), Object(ValueError("broken"))
    one, two = HekaClient(FanOutStream([good]), "l"), HekaClient(FanOutStream([good, bad]), "l")

    assert all(one.heka("t") for _ in range(5))
    assert all(two.heka("t") for _ in range(5))

    account = balances(one.stats())
    assert (account["offered"], account["sent"], account["dropped"]) == (5, 5, {})
    account = balances(two.stats())
    assert (account["offered"], account["sent"], account["dropped"]) == (10, 5, {"error": 5})


def test_a_fan_out_counts_what_is_dropped_before_its_streams():
    """A message that is too large: none of the two gets it."""
    client = HekaClient(FanOutStream([Object(), Object()]), "l")
    client.oversize = "drop"

    assert client.heka("t", payload="x" * 70000) is False

    account = balances(client.stats())
    assert (account["offered"], account["dropped"]) == (2, {"oversize": 2})


def test_a_fan_out_of_our_own_streams_counts_their_accounts(tmp_path):
    """And what their write() raises, which they do not count."""
    own = FileStream(tmp_path / "file")
    client = HekaClient(FanOutStream([own, Object()]), "l")

    assert client.heka("t") is True
    client.stream.write(3.5)  # no bytes: a TypeError of the FileStream

    account = balances(client.stats())
    assert (account["offered"], account["sent"], account["dropped"]) == (4, 3, {"error": 1})
    client.close()
