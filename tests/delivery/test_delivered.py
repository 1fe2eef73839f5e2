"""What is logged arrives, byte for byte, over every kind of destination and for every ``to=``."""

from __future__ import annotations

import io
import socket
import weakref

import pytest
from delivery.support import Datagrams, Listener, account, run

import heka
import heka.testing
from heka._net.addresses import parse

UUID = bytes(range(16))
NOW = 1_700_000_000_000_000_000
SIGNER = heka.SignerConfig("ann", 1, "key", "sha1")
CALL = {
    "type": "ads",
    "logger": "shop",
    "severity": heka.ERROR,
    "fields": {"ids": [1, 2, 3], "time": 0.5, "deep": {"är": True}},
    "payload": "some\0text",
    "timestamp_ns": NOW,
    "uuid": UUID,
}
PACKED = heka.pack(**CALL)


class Sinkhole:
    """Any kind of receiver: ``to`` is its address, ``take()`` returns the next bytes received."""

    def __init__(self, kind, peer, folder):
        self._path = folder / "peer"
        self._opened = None
        if kind in ("udp", "udp6"):
            self._peer = peer(Datagrams, socket.AF_INET6 if kind == "udp6" else socket.AF_INET)
        elif kind in ("tcp", "tcp6"):
            self._peer = peer(Listener, socket.AF_INET6 if kind == "tcp6" else socket.AF_INET)
        elif kind == "unix":
            self._peer = peer(Listener, socket.AF_UNIX, str(self._path))
        elif kind == "unixgram":
            self._peer = peer(Datagrams, socket.AF_UNIX, str(self._path))
        elif kind == "abstract":
            self._peer = peer(Datagrams, socket.AF_UNIX, f"\0heka-{self._path}")
        self.to = {
            "udp": lambda: f"udp://127.0.0.1:{self._peer.port}",
            "udp6": lambda: f"udp://[::1]:{self._peer.port}",
            "tcp": lambda: f"tcp://127.0.0.1:{self._peer.port}",
            "tcp6": lambda: f"tcp://[::1]:{self._peer.port}",
            "unix": lambda: f"unix://{self._path}",
            "unixgram": lambda: f"unixgram://{self._path}",
            "abstract": lambda: f"unixgram://@heka-{self._path}",
            "file": lambda: f"file://{self._path}",
        }[kind]()

    def take(self, size):
        if self.to.startswith("file:"):
            return self._path.read_bytes()
        if isinstance(self._peer, Datagrams):
            return self._peer.take()
        if self._opened is None:
            self._opened = self._peer.accept()
        data = b""
        while len(data) < size:
            data += self._opened.sock.recv(size - len(data))
        return data


KINDS = ["udp", "udp6", "tcp", "tcp6", "unix", "unixgram", "abstract", "file"]


@pytest.fixture(params=KINDS)
def sinkhole(request, peer, tmp_path):
    return Sinkhole(request.param, peer, tmp_path)


@pytest.mark.parametrize("signer", [None, SIGNER], ids=["unsigned", "signed"])
def test_every_destination_gets_what_pack_makes(sinkhole, signer):
    expected = heka.pack(**CALL, signer=signer)

    assert heka.log(**CALL, to=sinkhole.to, signer=signer) is True

    assert sinkhole.take(len(expected)) == expected


def test_one_frame_follows_the_other(sinkhole):
    """Python connects and sends the first frame; C sends the others, except to files."""
    frames = [heka.pack(**{**CALL, "payload": str(n)}) for n in range(3)]

    for n in range(3):
        assert heka.log(**{**CALL, "payload": str(n)}, to=sinkhole.to)

    total = sum(map(len, frames))
    taken = sinkhole.take(total)
    while len(taken) < total:
        taken += sinkhole.take(total)
    assert taken == b"".join(frames)
    counts = account(sinkhole.to)
    assert (counts["sent"], counts["bytes"], counts["dropped"]) == (3, total, {})
    assert counts["reconnects"] == 0


@pytest.mark.parametrize("kind", ["udp", "unixgram"])
def test_framing_none_sends_the_bare_message(peer, tmp_path, kind):
    sinkhole = Sinkhole(kind, peer, tmp_path)
    to = f"{sinkhole.to}?framing=none"

    assert heka.log(**CALL, to=to)

    assert sinkhole.take(0) == heka.Message(**CALL).encode()
    with pytest.raises(heka.ConfigError, match="framing=none cannot carry a signature"):
        heka.log(**CALL, to=to, signer=SIGNER)


@pytest.mark.parametrize(
    "notation",
    [
        pytest.param(lambda port: ("127.0.0.1", port), id="tuple"),
        pytest.param(lambda port: ("127.0.0.1", str(port)), id="tuple-of-text"),
        pytest.param(lambda port: f"127.0.0.1:{port}", id="host-and-port"),
        pytest.param(lambda port: ("localhost", port), id="tuple-of-a-name"),
        pytest.param(lambda port: f"localhost:{port}", id="name-and-port"),
        pytest.param(lambda port: f":{port}", id="port"),
        pytest.param(lambda port: f"udp://localhost:{port}", id="url"),
        pytest.param(lambda port: f"udp://127.0.0.1:{port}/", id="url-with-a-slash"),
        pytest.param(lambda port: f"udp://LOCALHOST.:{port}?family=4", id="url-with-an-option"),
        pytest.param(lambda port: parse(f":{port}"), id="address"),
    ],
)
def test_every_notation_reaches_the_same_place(peer, notation):
    there = peer(Datagrams)

    assert heka.log(**CALL, to=notation(there.port)) is True

    assert there.take() == PACKED


@pytest.mark.parametrize(
    "notation",
    [
        pytest.param(lambda port: ("::1", port), id="tuple"),
        pytest.param(lambda port: f"[::1]:{port}", id="brackets"),
        pytest.param(lambda port: f"udp://localhost:{port}?family=6", id="name-of-that-family"),
    ],
)
def test_ipv6_is_reached(peer, notation):
    there = peer(Datagrams, socket.AF_INET6)

    assert heka.log(**CALL, to=notation(there.port)) is True

    assert there.take() == PACKED


def test_udp_to_a_name_of_both_families_takes_ipv4(peer):
    """UDP does not notice that nothing listens on ::1."""
    six = peer(Datagrams, socket.AF_INET6)
    four = peer(Datagrams, socket.AF_INET, ("127.0.0.1", six.port))

    assert heka.log(**CALL, to=f"localhost:{six.port}")

    assert four.take() == PACKED
    assert six.is_empty()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def test_tcp_to_a_name_tries_both_families(peer, family):
    there = peer(Listener, family)

    assert heka.log(**CALL, to=f"tcp://localhost:{there.port}")

    assert there.accept().take(1)[0].uuid == UUID


def test_one_address_is_one_destination_whatever_the_notation(peer):
    there = peer(Listener)
    for to in (there.url, there.url + "/", there.url.upper()):
        assert heka.log("t", to=to)

    assert len(there.accept().take(3)) == 3
    assert not there.is_waiting()
    assert account(there.url)["sent"] == 3


# ---- where a call does not say -------------------------------------------------------------------


def test_configure_sets_the_destination(peer):
    here, there = peer(Datagrams), peer(Datagrams)

    heka.configure(to=("127.0.0.1", here.port))
    assert heka.log("one")
    heka.configure(to=f"udp://127.0.0.1:{there.port}")
    assert heka.log("two")
    assert heka.log("three", to=("127.0.0.1", here.port))

    assert [here.message().type, here.message().type] == ["one", "three"]
    assert there.message().type == "two"


ENVIRONMENT = """
    heka.configure(**json.loads(sys.argv[1]))
    sent = heka.log("t", timeout=0.5)
    tell(sent=sent, stats=heka.stats())
"""


def test_the_environment_sets_the_destination(peer):
    there = peer(Datagrams)

    done = run(ENVIRONMENT, "{}", HEKA_TO=f"127.0.0.1:{there.port}")

    assert done.facts["sent"] is True
    assert there.message().type == "t"


def test_configure_comes_before_the_environment(peer):
    there, not_there = peer(Datagrams), peer(Datagrams)

    run(ENVIRONMENT, f'{{"to": "127.0.0.1:{there.port}"}}', HEKA_TO=f"127.0.0.1:{not_there.port}")

    assert there.message().type == "t"
    assert not_there.is_empty()


def test_an_empty_environment_variable_counts_as_unset():
    done = run(ENVIRONMENT, "{}", HEKA_TO="")

    assert list(done.facts["stats"]["destinations"]) == ["udp://localhost:5565"]


@pytest.mark.parametrize(
    ("to", "says"),
    [
        pytest.param("tls://h:7?ca=/no", "ca=/no: No such file or directory", id="tls"),
        pytest.param("h:port", "the port must be from 1 to 65535, got 'port'", id="port"),
        pytest.param("udp://h?datagram=" + "9" * 5000, "datagram must be from", id="huge-number"),
        pytest.param("udp://\udcff h", r"is not a host name", id="no-utf-8"),
    ],
)
def test_a_wrong_environment_variable_is_counted_and_reported(to, says):
    """It is no error of the caller, so nothing is raised; stderr names the variable."""
    done = run(ENVIRONMENT, "{}", HEKA_TO=to)

    assert done.facts["sent"] is False
    assert done.facts["stats"]["dropped"] == {"misconfigured": 1}
    assert done.facts["stats"]["destinations"]["$HEKA_TO"]["offered"] == 1
    assert done.err.startswith("heka: environment variable HEKA_TO: ")
    assert says in done.err or len(done.err) >= 1000
    assert done.err.count("\n") == 1


# ---- objects with write() ------------------------------------------------------------------------


class Stream:
    """Keeps what is written."""

    def __init__(self, answer=None, max_frame=None):
        self.frames = []
        self.flushed = 0
        self.answer = answer
        self.max_frame = max_frame

    def write(self, frame):
        self.frames.append(frame)
        return self.answer

    def flush(self):
        self.flushed += 1


@pytest.mark.parametrize("answer", [None, 0, 3, "text"])
def test_an_object_with_write_is_called_with_each_frame(answer):
    """What its write() returns does not matter: it is no raw stream."""
    stream = Stream(answer)

    assert heka.log(**CALL, to=stream) is True
    assert heka.log(**CALL, to=stream) is True

    assert stream.frames == [PACKED, PACKED]
    assert all(type(frame) is bytes for frame in stream.frames)


def test_configure_takes_an_object_with_write():
    stream = Stream()
    heka.configure(to=stream)

    assert heka.log(**CALL)

    assert stream.frames == [PACKED]


def test_a_file_object_is_written_to(tmp_path):
    with open(tmp_path / "file", "wb") as file:
        assert heka.log(**CALL, to=file)

    assert (tmp_path / "file").read_bytes() == PACKED


class Raw(io.RawIOBase):
    """Takes *step* bytes at a time, *limit* in all; then None, as one that would block does."""

    def __init__(self, step, limit=1 << 20):
        self.taken = b""
        self._step = step
        self._limit = limit

    def writable(self):
        return True

    def write(self, data):
        size = min(self._step, self._limit - len(self.taken), len(data))
        self.taken += bytes(data[:size])
        return size or None


def test_a_raw_stream_is_called_with_the_rest():
    raw = Raw(step=7)

    assert heka.log(**CALL, to=raw) is True

    assert raw.taken == PACKED


def test_a_raw_stream_that_stops_taking_is_an_error(capfd):
    raw = Raw(step=7, limit=10)

    assert heka.log(**CALL, to=raw) is False

    assert f"only 10 of {len(PACKED)} bytes were taken" in capfd.readouterr().err


class Slotted:
    """Does not support weak references."""

    __slots__ = ("frames",)

    def __init__(self):
        self.frames = []

    def write(self, frame):
        self.frames.append(frame)


def test_a_stream_is_not_kept_alive(capfd):
    stream = Stream()
    assert heka.log("t", to=stream)
    gone = weakref.ref(stream)

    del stream

    assert gone() is None
    assert heka.flush()


@pytest.mark.parametrize("kind", [Stream, Slotted])
def test_a_stream_gets_no_messages_of_a_freed_stream_with_the_same_id(kind):
    """The next object probably has the address, and so the id, of the last one."""
    for n in range(20):
        stream = kind()
        assert heka.log(f"t{n}", to=stream)
        (frame,) = heka.StreamReader().feed(b"".join(stream.frames))
        assert frame.message.type == f"t{n}"
        del stream


def test_a_stream_that_is_configured_is_kept():
    heka.configure(to=Stream())

    assert heka.log("t")


class Failing(Stream):
    def write(self, frame):
        raise self.answer


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(OSError(28, "No space left"), id="oserror"),
        pytest.param(ValueError("closed file"), id="valueerror"),
        pytest.param(RecursionError("deep"), id="recursionerror"),
    ],
)
def test_exceptions_of_write_are_counted_and_reported(capfd, failure):
    stream = Failing(failure)
    before = heka.stats()["dropped"].get("error", 0)

    assert heka.log(**CALL, to=stream) is False

    assert heka.stats()["dropped"]["error"] == before + 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("heka: ")
    assert f"Failing raised {failure!r}" in line


def test_base_exceptions_of_write_reach_the_caller():
    """KeyboardInterrupt and SystemExit reach the caller."""
    before = heka.stats()["dropped"].get("interrupted", 0)

    with pytest.raises(SystemExit):
        heka.log(**CALL, to=Failing(SystemExit(3)))

    assert heka.stats()["dropped"]["interrupted"] == before + 1


def test_a_write_that_logs_to_itself_ends():
    class Loop(Stream):
        def write(self, frame):
            super().write(frame)
            self.inner = heka.log("inner", to=self)

    stream = Loop()
    before = heka.stats()["dropped"].get("reentrant", 0)

    assert heka.log(**CALL, to=stream) is True

    assert stream.inner is False
    assert stream.frames == [PACKED]
    assert heka.stats()["dropped"]["reentrant"] == before + 1


def test_a_stream_states_its_largest_frame():
    stream = Stream(max_frame=200)

    assert heka.log("t", payload="x" * 1000, to=stream)

    assert len(stream.frames[0]) <= 200


@pytest.mark.parametrize("limit", [None, "200", -1, 0, True, 10**30], ids=repr)
def test_a_largest_frame_that_is_no_size_is_no_limit(limit):
    """A mock has every attribute, so a wrong ``max_frame`` is no error of the caller."""
    stream = Stream(max_frame=limit)

    assert heka.log("t", payload="x" * 1000, to=stream)

    (frame,) = heka.StreamReader().feed(stream.frames[0])
    assert frame.message.payload == "x" * 1000


def test_flush_flushes_the_streams():
    stream = Stream()
    heka.log("t", to=stream)
    before = stream.flushed

    assert heka.flush() is True

    assert stream.flushed == before + 1


def test_a_flush_that_raises_makes_flush_false(capfd):
    class Unflushable(Stream):
        def flush(self):
            self.flushed += 1
            if self.flushed == 2:
                raise OSError("no")

    stream = Unflushable()
    assert heka.log("t", to=stream) is True  # the first flush

    assert heka.flush() is False

    assert "Unflushable.flush() raised OSError('no')" in capfd.readouterr().err
    assert heka.flush() is True
