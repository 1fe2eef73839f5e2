"""Eight threads use every shared object: no data is mixed up, torn or lost."""

from __future__ import annotations

import hashlib
import hmac
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from delivery.support import Connection, Datagrams, Listener, Task, run_threads

import heka

THREADS = 8
TURNS = 50
KEYS = {("n", 1): "key"}


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    """Set the shortest switch interval."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    heka.configure(to=None, signer=None, logger="", level=7, default=None, bad_values="convert")


def beside(
    read: Callable[[int], Any],
    write: Callable[[int], Any],
    enough: Callable[[], bool] = lambda: True,
) -> None:
    """Run *read* in half of the threads while *write* runs in the others.

    The writers go on until every reader has had its TURNS among theirs, and it is *enough*.
    """
    done = threading.Event()
    turns = [0] * (THREADS // 2)

    def reading(number: int) -> None:
        while not done.is_set():
            read(number)
            turns[number] += 1

    tasks = [Task(lambda n=n: reading(n)) for n in range(len(turns))]  # type: ignore[misc]

    def writing(number: int) -> None:
        write(number)
        while not (min(turns) >= TURNS and enough()) and all([t.is_alive() for t in tasks]):
            write(number)

    try:
        run_threads(THREADS - len(turns), writing)
    finally:
        done.set()
    for task in tasks:
        task.result()


# ---- packing and reading -------------------------------------------------------------------------


def test_each_thread_gets_the_messages_that_it_packed():
    shared = {"shared": [1, 2, 3], "inner": {"text": "ä" * 100}}

    def work(number: int) -> set[bytes]:
        ids = set()
        for i in range(300):
            fields = {"number": number, "i": i, "text": f"{number}-{i}" * 20, **shared}
            frame = heka.pack(f"type{number}", f"logger{i}", fields=fields, payload="x" * i)
            (read,) = heka.StreamReader().feed(frame)
            message = read.message
            assert (message.type, message.logger) == (f"type{number}", f"logger{i}")
            assert message.payload == "x" * i
            assert message.fields == {
                "number": [number],
                "i": [i],
                "text": [f"{number}-{i}" * 20],
                "shared": [1, 2, 3],
                "inner.text": ["ä" * 100],
            }
            ids.add(message.uuid)
        return ids

    ids = run_threads(THREADS, work)

    assert len(set().union(*ids)) == THREADS * 300


def test_a_dict_that_others_change_is_packed_as_it_was_at_one_moment():
    """C code holds the GIL; if user code runs, a copy is read."""
    shared: dict[str, Any] = {"a": 0, "b": [0, 0]}

    class Slow:
        def __index__(self) -> int:
            return 7

    def change(number: int) -> None:
        for i in range(200):
            shared[f"new{number}"] = [i, Slow()] if i % 3 else i
            shared["b"] = [i, i]
            shared.pop(f"new{number}", None)

    def pack(number: int) -> None:
        fields = heka.StreamReader().feed(heka.pack(fields=shared))[0].message.fields
        first, second = fields["b"]
        assert first == second

    beside(pack, change)


# ---- one message ---------------------------------------------------------------------------------

TEXTS = ["a", "b" * 40, "ä" * 30, "€" * 2000]
FIELDS: list[dict[str, Any]] = [
    {},
    {"one": [1]},
    {f"name{i}": ["text" * i] for i in range(1, 30)},
    {"long": ["x" * 5000], "list": list(range(500))},
]


def test_attributes_of_a_shared_message_are_always_one_of_those_that_were_set():
    shared = heka.Message("a", "a", 1, None, "a", "a", 1, "a", 10**9, bytes(16))
    names = ("type", "logger", "payload", "hostname", "env_version")

    def write(number: int) -> None:
        for i in range(40):
            for name in names:
                setattr(shared, name, TEXTS[i % 4])
            shared.severity = shared.pid = i % 4
            shared.timestamp = 10**18 + i % 4
            shared.uuid = bytes([i % 4]) * 16

    def read(number: int) -> None:
        for message in (shared, heka.Message.decode(shared.encode())):
            for name in names:
                assert getattr(message, name) in TEXTS
            assert message.severity in range(4)
            assert message.timestamp - 10**18 in range(4)
            assert message.uuid in [bytes([i]) * 16 for i in range(4)]
        repr(shared)

    beside(read, write)


def test_fields_of_a_shared_message_are_always_one_set_of_them():
    """The fields are replaced while other threads read, encode, compare and copy them."""
    shared = heka.Message("t", fields=FIELDS[0])

    def write(number: int) -> None:
        for i in range(50):
            shared.fields = FIELDS[(i + number) % 4]

    def read(number: int) -> None:
        assert shared.fields in FIELDS
        assert heka.Message.decode(shared.encode()).fields in FIELDS
        assert heka.Message.decode(shared.__copy__().encode()).fields in FIELDS
        repr(shared)

    beside(read, write)


def test_the_dict_of_a_shared_message_is_encoded_as_it_was_at_one_moment():
    shared = heka.Message("t", fields={"pair": [0, 0]})

    def write(number: int) -> None:
        fields = shared.fields
        for i in range(200):
            fields["pair"] = [i, i]
            fields[f"own{number}"] = heka.Field(str(i), "unit")
            del fields[f"own{number}"]

    def read(number: int) -> None:
        first, second = heka.Message.decode(shared.encode()).fields["pair"]
        assert first == second
        assert (shared == shared.__copy__()) in (True, False)  # it may change in between

    beside(read, write)


def test_all_threads_get_the_same_dict_of_a_message_and_the_same_message_of_a_frame():
    for _ in range(50):
        (frame,) = heka.StreamReader().feed(heka.pack("t", fields=FIELDS[2]))
        barrier = threading.Barrier(THREADS)

        def look(number: int, frame: heka.Frame = frame, at: threading.Barrier = barrier) -> Any:
            at.wait()
            return frame.message, frame.message.fields

        found = run_threads(THREADS, look)

        assert len({id(message) for message, _ in found}) == 1
        assert len({id(fields) for _, fields in found}) == 1
        assert found[0][1] == FIELDS[2]


# ---- one reader, one signer ----------------------------------------------------------------------


def test_a_shared_reader_delivers_every_frame_once():
    reader = heka.StreamReader(signers=KEYS)
    signer = heka.SignerConfig("n", 1, "key", "sha1")
    wrong = heka.SignerConfig("n", 1, "wrong", "md5")
    good = [heka.pack("t", fields={"i": i}, signer=signer) for i in range(500)]
    bad = heka.pack("t", signer=wrong)

    def feed(number: int) -> list[int]:
        delivered = []
        for i in range(number, 500, THREADS):
            for frame in reader.feed(b"garbage" + good[i] + bad + good[i]):
                assert frame.signer == "n"
                delivered.append(frame.message.fields["i"][0])
        return delivered

    delivered = Counter(i for part in run_threads(THREADS, feed) for i in part)

    assert delivered == dict.fromkeys(range(500), 2)
    assert reader.refused == {"bad_digest": 500}
    assert reader.delivered_bytes == 2 * sum(map(len, good))
    assert reader.discarded_bytes == 500 * len(b"garbage")
    assert reader.refused_bytes == 500 * len(bad)
    assert reader.pending_bytes == 0


def test_a_shared_reader_accounts_for_every_byte():
    """Frames cut between threads are discarded, but every byte is counted once."""
    reader = heka.StreamReader()
    frames = [heka.pack("t", payload="x" * i) for i in range(200)]

    def feed(number: int) -> int:
        fed = 0
        for frame in frames:
            for at in range(0, len(frame), 37):
                piece = frame[at : at + 37]
                reader.feed(piece)
                fed += len(piece)
        return fed

    fed = sum(run_threads(THREADS, feed))

    kinds = (reader.delivered_bytes, reader.discarded_bytes, reader.refused_bytes)
    assert sum(kinds) + reader.pending_bytes == fed


@pytest.mark.parametrize("name", ["sha1", "md5"])
def test_a_shared_signer_signs_and_verifies_for_all(name):
    signer = heka.SignerConfig("n", 1, "key", name)

    def work(number: int) -> None:
        for i in range(400):
            data = f"{number}-{i}".encode() * (i % 50)
            digest = hmac.digest(b"key", data, getattr(hashlib, name))
            assert signer.sign(data) == digest
            signer.verify(data, digest)
            with pytest.raises(heka.SignatureError):
                signer.verify(data + b"x", digest)

    run_threads(THREADS, work)


# ---- logging -------------------------------------------------------------------------------------


@pytest.fixture(params=["udp", "tcp", "unix"])
def there(request, peer, tmp_path) -> Any:
    """Return a destination, and a task that reads a number of messages from it."""
    if request.param == "udp":
        datagrams = peer(Datagrams)
        datagrams.sock.setsockopt(1, 8, 1 << 20)  # SOL_SOCKET, SO_RCVBUF
        return f"udp://127.0.0.1:{datagrams.port}", lambda n: [
            datagrams.message() for _ in range(n)
        ]
    if request.param == "tcp":
        listener = peer(Listener)
    else:
        import socket

        listener = peer(Listener, socket.AF_UNIX, str(tmp_path / "peer"))

    def read(count: int) -> list[heka.Message]:
        connection: Connection = listener.accept()
        try:
            return connection.take(count)
        finally:
            connection.close()

    return listener.url, read


def test_every_message_of_every_thread_arrives_whole(there):
    url, read = there
    reading = Task(lambda: read(THREADS * 60))

    def log(number: int) -> None:
        for i in range(60):
            fields = {"number": number, "i": i, "text": "y" * (i * 10)}
            assert heka.log("t", fields=fields, to=url, timeout=20)

    before = heka.stats()["sent"]
    run_threads(THREADS, log)
    messages = reading.result()

    found = Counter((m.fields["number"][0], m.fields["i"][0]) for m in messages)
    assert found == dict.fromkeys(((n, i) for n in range(THREADS) for i in range(60)), 1)
    assert all(m.fields["text"] == ["y" * (m.fields["i"][0] * 10)] for m in messages)
    assert len({message.uuid for message in messages}) == THREADS * 60
    assert heka.stats()["sent"] - before == THREADS * 60


def test_messages_follow_one_configuration_or_the_other_while_it_changes(peer):
    """Each setting is read once per call."""
    listener = peer(Listener)
    urls = [listener.url, f"tcp://localhost:{listener.port}"]
    signers = [heka.SignerConfig("n", 1, "key", name) for name in ("sha1", "md5")]
    loggers = ["first", "the second " * 30]
    for url in urls:
        heka.api.claim(url)  # as a handler does: configure() does not close what it replaces
    heka.configure(to=urls[0], signer=None, logger="", bad_values="repr")
    frames: list[list[heka.Frame]] = [[], []]

    def read(connection: Connection, frames: list[heka.Frame]) -> None:
        reader = heka.StreamReader(signers=KEYS)
        while not any(frame.message.type == "end" for frame in frames[-1:]):
            frames.extend(reader.feed(connection.sock.recv(65536)))
        assert reader.refused == {}
        assert reader.discarded_bytes == reader.pending_bytes == 0

    def configure(number: int) -> None:
        for i in range(30):
            heka.configure(
                to=urls[i % 2],
                signer=[*signers, None][i % 3],
                logger=loggers[i % 2],
                default=[str, None][i % 2],
                level=[7, 6][i % 2],
            )

    sent: list[bool] = []

    def log(number: int) -> None:
        fields = {"n": number, "a": listener}
        sent.append(heka.log("t", severity=6, fields=fields, timeout=20))

    def all_frames() -> list[heka.Frame]:
        """Read so far, but for what begins and ends each connection."""
        return [frame for part in frames for frame in part if frame.message.type == "t"]

    readings = []
    for url, into in zip(urls, frames, strict=True):
        heka.configure(to=url)
        assert heka.log("first", timeout=20)
        connection = listener.accept()
        readings.append(Task(lambda c=connection, into=into: read(c, into)))  # type: ignore[misc]
    beside(log, configure, enough=lambda: {None, "n"} == {f.signer for f in all_frames()})
    for url, reading in zip(urls, readings, strict=True):
        assert heka.log("end", to=url, timeout=20)
        reading.result()
        heka.api.release(url)

    messages = [frame.message for frame in all_frames()]
    assert len(messages) == sum(sent)
    assert {m.logger for m in messages} <= {"", *loggers}
    shown = {str(listener), repr(listener)}
    assert {m.fields["a"][0] for m in messages} <= shown
