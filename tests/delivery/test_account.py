"""Counters of what was logged, what flush() waits for, and eviction of destinations."""

from __future__ import annotations

import threading

import pytest
from delivery.support import (
    SOON,
    Datagrams,
    Listener,
    Task,
    account,
    free_port,
    run,
    run_threads,
    wait_until,
    within,
)

import heka
from heka import api
from heka._delivery import direct

BIG = "x" * 60_000


class Stream:
    def __init__(self):
        self.frames = []

    def write(self, frame):
        self.frames.append(frame)


def opened(to):
    """Return the open destination of *to*."""
    (found,) = [d for d in direct._all if d.name == to and not d.sink.closed]
    return found


def test_every_frame_is_counted_once(peer):
    """With eight threads, for destinations that work and that fail."""
    there = peer(Datagrams)
    before = heka.stats()
    works, fails = f"udp://127.0.0.1:{there.port}", f"tcp://127.0.0.1:{free_port()}"

    def work(n):
        return [heka.log(f"t{n}", to=to) for _ in range(100) for to in (works, fails)]

    sent = sum(map(sum, run_threads(8, work)))

    after = heka.stats()
    assert after["offered"] - before["offered"] == 1600
    assert after["sent"] - before["sent"] == sent == account(works)["sent"] == 800
    assert sum(account(fails)["dropped"].values()) == 800
    assert account(fails)["dropped"]["refused"] >= 1
    assert after["offered"] == after["sent"] + sum(after["dropped"].values())


def test_bytes_are_those_of_frames(peer):
    there = peer(Datagrams)
    to = f"udp://127.0.0.1:{there.port}"

    for size in (0, 1, 1000):
        heka.log("t", payload="x" * size, to=to)

    assert account(to)["bytes"] == sum(len(there.take()) for _ in range(3))


def test_streams_of_one_type_share_counters():
    streams = [Stream() for _ in range(3)]
    before = heka.stats()["destinations"].get(f"{__name__}.Stream", {"sent": 0})["sent"]

    for stream in streams:
        heka.log("t", to=stream)

    assert heka.stats()["destinations"][f"{__name__}.Stream"]["sent"] == before + 3


def test_wrong_arguments_are_not_counted(peer):
    there = peer(Listener)
    before = heka.stats()

    with pytest.raises(heka.FieldError, match="'a'"):
        heka.log("t", fields={"a": None}, to=there.url, bad_values="raise")
    with pytest.raises(TypeError):
        heka.log(5, to=there.url)

    assert heka.stats() == before
    assert not there.is_waiting(), "nothing was connected either"


def test_a_frame_is_counted_when_its_call_ends(peer):
    there = peer(Listener, buffer=4096)
    stop = threading.Event()

    def work():
        count = 0
        while not stop.is_set():
            count += heka.log("t", payload=BIG, to=there.url, timeout=SOON * 10)
        return count

    task = Task(work)
    wait_until(lambda: there.url in heka.stats()["destinations"] and opened(there.url).sink.busy)
    wait_until(lambda: account(there.url)["sent"] and opened(there.url).sink.pending)
    counts = account(there.url)
    stop.set()
    sent = len(there.accept().take(counts["sent"] + 1))

    assert task.result() == sent == account(there.url)["offered"] == counts["offered"] + 1


# ---- flush ---------------------------------------------------------------------------------------


def test_flush_returns_at_once_between_frames(peer):
    there = peer(Listener)
    heka.log("t", to=there.url)

    assert heka.flush(0) is True


def test_flush_waits_for_half_a_frame_and_no_longer_than_its_timeout(peer):
    there = peer(Listener, buffer=4096)

    def work():
        while heka.log("t", payload=BIG, to=there.url, timeout=SOON * 10):
            if there.is_read:
                return

    there.is_read = False
    task = Task(work)
    wait_until(lambda: there.url in heka.stats()["destinations"] and account(there.url)["sent"])
    wait_until(lambda: opened(there.url).sink.busy)

    with within(SOON):
        assert heka.flush(0.1) is False
    there.is_read = True
    reader = Task(lambda: there.accept().read_to_end())
    assert heka.flush(SOON * 10) is True
    task.result()

    opened(there.url).close()
    assert len(reader.result()) == account(there.url)["sent"]


def test_threads_may_flush_at_the_same_time(peer):
    there = peer(Listener, buffer=4096)
    ticket = None
    heka.log("t", to=there.url)
    sink = opened(there.url).sink
    ticket = sink.acquire()
    flushing = [Task(lambda: heka.flush(SOON * 10)) for _ in range(4)]

    sink.release(ticket)

    assert [task.result() for task in flushing] == [True] * 4


@pytest.mark.parametrize("timeout", ["1", None], ids=repr)
def test_flush_refuses_invalid_seconds(timeout):
    with pytest.raises(TypeError):
        heka.flush(timeout)


# ---- eviction ------------------------------------------------------------------------------------

MANY = """
    from heka import api
    def open_many(first, count):
        for n in range(first, first + count):
            heka.log("t", to=f"udp://127.0.0.1:{1000 + n}")
"""


def test_at_most_256_destinations_are_open_and_all_are_in_the_account(peer):
    there = peer(Listener)

    done = run(
        MANY
        + """
    heka.log("t", to=sys.argv[1])
    before = len(os.listdir("/proc/self/fd"))
    totals = []
    for n in range(0, 1200, 200):
        open_many(n, 200)
        totals.append(heka.stats()["offered"])
    tell(opened=len(heka.stats()["destinations"]), totals=totals,
         descriptors=len(os.listdir("/proc/self/fd")) - before,
         kept=len(api._retired), settled=len(api._retired_total))
    """,
        there.url,
    )

    assert done.facts["opened"] == 256
    assert done.facts["descriptors"] <= 256
    assert done.facts["totals"] == [201, 401, 601, 801, 1001, 1201]
    assert done.facts["kept"] <= 256
    assert done.facts["settled"] == 1
    assert len(there.accept().read_to_end()) == 1, "the oldest was closed"


def test_an_evicted_destination_is_opened_again(peer):
    there = peer(Listener)

    run(
        MANY
        + """
    heka.configure(to=sys.argv[1])
    heka.log("one")
    heka.log("two", to=sys.argv[1])
    opened = 0
    while sys.argv[1] in heka.stats()["destinations"]:  # a random one is closed for each new one
        open_many(opened, 100)
        opened += 100
        assert opened < 20_000
    heka.log("three")
    heka.log("four", to=sys.argv[1])
    assert heka.stats()["destinations"][sys.argv[1]]["sent"] == 2
    assert heka.stats()["sent"] == 4 + opened
    """,
        there.url,
    )

    assert [m.type for m in there.accept().read_to_end()] == ["one", "two"]
    assert [m.type for m in there.accept().read_to_end()] == ["three", "four"]


def test_an_evicted_destination_finishes_its_frame_first(peer, monkeypatch):
    """The call that is using the evicted destination closes it, and its result is counted."""
    there = peer(Listener, buffer=4096)
    before = heka.stats()["offered"]
    results = []

    def work():
        while not results or opened_now():
            results.append(heka.log("t", payload=BIG, to=there.url, timeout=SOON * 10))

    def opened_now():
        return there.url in heka.stats()["destinations"]

    task = Task(work)
    wait_until(lambda: opened_now() and account(there.url)["sent"])
    wait_until(lambda: opened(there.url).sink.busy)
    with api._lock:
        for key in [key for key, it in api._open.items() if it.name == there.url]:
            api._retire(key)
    connection = there.accept()

    assert len(connection.read_to_end()) == len(results) or task.result() is None
    task.result()
    assert all(results)
    assert connection.tail == 0
    assert heka.stats()["offered"] == before + len(results)


def test_a_destination_may_have_been_evicted_already(peer):
    """A signal handler that logs may evict the oldest destination before this call closes it."""
    stream = Stream()
    heka.log("t", to=stream)
    before = heka.stats()["offered"]

    with api._lock:
        api._retire(id(stream))
        api._retire(id(stream))

    assert heka.stats()["offered"] == before


# ---- policies, over real sockets -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "limit"),
    [("", 8192), ("?datagram=1000", 1000), ("?datagram=65507", 65507), ("?framing=none", 8192)],
)
def test_a_datagram_is_cut_to_what_its_destination_takes(peer, options, limit):
    there = peer(Datagrams)

    assert heka.log("t", payload="€" * 40_000, to=f"udp://127.0.0.1:{there.port}{options}")

    data = there.take()
    assert limit - 8 <= len(data) <= limit
    if "none" in options:
        message = heka.Message.decode(data)
    else:
        message = heka.StreamReader().feed(data)[0].message
    assert set(message.payload) == {"€"}
    assert message.fields["heka.truncated"] == [120_000]


@pytest.mark.parametrize("kind", ["tcp", "file"])
def test_a_message_of_64_kib_is_sent_over_streams_and_files(peer, tmp_path, kind):
    there = peer(Listener)
    to = there.url if kind == "tcp" else f"file://{tmp_path}/file"

    assert heka.log("t", payload="x" * 100_000, to=to)

    if kind == "tcp":
        (message,) = there.accept().take(1)
    else:
        (frame,) = heka.StreamReader().feed((tmp_path / "file").read_bytes())
        message = frame.message
    assert len(message.encode()) == 65_536


def test_a_frame_dropped_for_its_size_is_counted_and_not_sent(peer):
    there = peer(Datagrams)
    to = f"udp://127.0.0.1:{there.port}"

    assert heka.log("t", payload=BIG, to=to, oversize="drop") is False
    assert heka.log("sentry", payload=BIG, to=to) is False
    with pytest.raises(heka.EncodeError, match="takes at most"):
        heka.log("t", payload=BIG, to=to, oversize="raise")

    assert account(to)["dropped"] == {"oversize": 2}
    assert there.is_empty()


def test_bad_values_repr_sends_the_repr(peer):
    there = peer(Datagrams)

    assert heka.log("t", fields={"a": None}, to=("127.0.0.1", there.port), bad_values="repr")

    assert there.message().fields == {"a": ["None"]}
