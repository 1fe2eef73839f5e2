"""The C loop that sends a ring's frames in datagrams, with real peers."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from delivery.rings import account, frame, frames, pump, rest, ring_with
from delivery.support import PATIENCE, SOON, Task, free_port, wait_until, within

Pair = tuple[socket.socket, socket.socket]


def udp_pair() -> Pair:
    theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    theirs.bind(("127.0.0.1", 0))
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.connect(theirs.getsockname())
    return ours, theirs


def unix_pair() -> Pair:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


@pytest.fixture
def connect() -> Iterator[Callable[..., Pair]]:
    """Make pairs of sockets, ours and the peer's; they are closed after the test."""
    made: list[socket.socket] = []

    def make(kind: Callable[[], Pair], buffer: int = 0) -> Pair:
        pair = kind()
        pair[1].settimeout(PATIENCE)
        if buffer:
            pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        made.extend(pair)
        return pair

    yield make
    for sock in made:
        sock.close()


each_kind = pytest.mark.parametrize("kind", [udp_pair, unix_pair], ids=["udp", "unixgram"])


def datagrams(sock: socket.socket, count: int) -> list[bytes]:
    """Receive datagrams until *count* bytes have arrived."""
    taken: list[bytes] = []
    while sum(map(len, taken)) < count:
        taken.append(sock.recv(70_000))
    return taken


# ---- packing -------------------------------------------------------------------------------------


@each_kind
def test_whole_frames_share_a_datagram_up_to_its_size(connect, kind):
    ours, theirs = connect(kind)
    ring = ring_with(frames(40))
    reader = Task(lambda: datagrams(theirs, 4000))

    assert pump(ring, ours, datagram=1400, idle=0.2) == ("tick", 0, 4000)

    taken = reader.result()
    assert [len(one) for one in taken] == [1400, 1400, 1200]
    assert b"".join(taken) == b"".join(frames(40))
    stats = account(ring)
    assert (stats["sent"], stats["bytes"], stats["queued"]) == (40, 4000, 0)


@each_kind
@pytest.mark.parametrize(
    ("datagram", "sizes", "expected"),
    [
        pytest.param(300, [100, 100, 100], [300], id="just enough"),
        pytest.param(299, [100, 100, 100], [200, 100], id="a byte too little"),
        pytest.param(1, [100, 50], [100, 50], id="each alone"),
        pytest.param(200, [100, 500, 50, 50], [100, 500, 100], id="a larger one goes alone"),
        pytest.param(2**62, [100] * 20, [2000], id="no limit of its own"),
    ],
)
def test_no_frame_is_split(connect, kind, datagram, sizes, expected):
    ours, theirs = connect(kind)
    ring = ring_with(frame(number, size) for number, size in enumerate(sizes))
    reader = Task(lambda: datagrams(theirs, sum(sizes)))

    pump(ring, ours, datagram=datagram, idle=0.2)

    assert [len(one) for one in reader.result()] == expected


def test_linger_lets_frames_share_a_datagram(connect):
    ours, theirs = connect(udp_pair)
    ring = ring_with(frames(1))
    pumping = Task(lambda: pump(ring, ours, datagram=1400, linger=1.5, idle=2.0))
    theirs.settimeout(0.1)

    with pytest.raises(TimeoutError):
        theirs.recv(1)
    ring.put(frame(1))
    theirs.settimeout(PATIENCE)

    assert theirs.recv(2000) == b"".join(frames(2))
    pumping.result()


def test_a_datagram_that_the_kernel_has_taken_counts_as_sent(connect):
    """Datagrams have no acknowledgement."""
    ours, theirs = connect(unix_pair)
    ring = ring_with(frames(1))
    ring.close()

    assert pump(ring, ours, datagram=1400, idle=PATIENCE) == ("drained", 0, 100)

    assert account(ring)["sent"] == 1
    assert theirs.recv(1000) == frame(0)


# ---- too large -----------------------------------------------------------------------------------


def test_only_the_frame_that_is_too_large_for_a_datagram_is_dropped(connect):
    ours, theirs = connect(udp_pair)
    large = frame(1, 65_600)
    ring = ring_with([frame(0), large, frame(2)])

    pump(ring, ours, datagram=1400, idle=0.2)

    assert datagrams(theirs, 200) == [frame(0), frame(2)]
    stats = account(ring)
    assert (stats["sent"], stats["dropped"], stats["queued"]) == (2, {"oversize": 1}, 0)


@pytest.mark.parametrize("idle", [1.0, 0], ids=["one run", "many runs"])
@pytest.mark.parametrize(
    ("sizes", "lost"),
    [
        pytest.param([1000] * 6, [], id="too large together"),
        pytest.param([3000, 3000], [], id="two are too large together"),
        pytest.param([6000, 100, 100], [0], id="the first is too large"),
        pytest.param([100, 6000, 100, 100], [1], id="the second is too large"),
        pytest.param([100, 100, 6000], [2], id="the last is too large"),
        pytest.param([6000, 6001, 100, 6002, 6003, 100], [0, 1, 3, 4], id="most are too large"),
        pytest.param([100, 6000] * 30, list(range(1, 60, 2)), id="every other one"),
    ],
)
def test_a_datagram_that_is_too_large_is_split_and_only_what_must_be_is_dropped(
    connect, sizes, lost, idle
):
    ours, theirs = connect(unix_pair, 2304)
    some = [frame(number, size) for number, size in enumerate(sizes)]
    ring = ring_with(some)
    good = [one for number, one in enumerate(some) if number not in lost]
    reader = Task(lambda: datagrams(theirs, sum(map(len, good))))

    while account(ring)["queued"]:
        assert pump(ring, ours, datagram=30_000, idle=idle)[0] == "tick"

    assert b"".join(reader.result()) == b"".join(good)
    stats = account(ring)
    assert stats["sent"] == len(good)
    assert stats["dropped"] == ({"oversize": len(lost)} if lost else {})
    assert stats["resent"] == 0, "what was too large was never sent"


def test_after_a_split_frames_share_datagrams_again(connect):
    ours, theirs = connect(unix_pair, 2304)
    ring = ring_with([*frames(2, 100), frame(2, 4800), *frames(2, 2000, first=3)])
    reader = Task(lambda: datagrams(theirs, 200 + 4000 + 2000))

    pump(ring, ours, datagram=5000, idle=0.2)
    for one in frames(20):
        ring.put(one)
    pump(ring, ours, datagram=5000, idle=0.2)

    sizes = [len(one) for one in reader.result()]
    assert sizes == [100, 100, 4000, 2000]


# ---- refusals ------------------------------------------------------------------------------------


def test_a_refusal_is_the_answer_to_an_earlier_datagram(connect):
    """The frame whose send reports it was not sent, and is sent again later."""
    port = free_port(socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.connect(("127.0.0.1", port))
        ring = ring_with(frames(1))
        assert pump(ring, ours, datagram=1400) == ("tick", 0, 100)
        ring.put(frame(1))

        assert pump(ring, ours, datagram=1400) == ("failed", errno.ECONNREFUSED, 0)

        stats = account(ring)
        assert (stats["sent"], stats["queued"]) == (1, 1)
        assert pump(ring, ours, datagram=1400) == ("tick", 0, 100), "the socket is as good"
    stats = account(ring)
    assert (stats["sent"], stats["resent"]) == (2, 0)


def test_a_unix_peer_that_is_gone_fails_and_keeps_the_frames(connect, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as theirs:
            theirs.bind(path)
            ours.connect(path)
        ring = ring_with(frames(3))

        event, code, moved = pump(ring, ours, datagram=1400)

    assert (event, moved) == ("failed", 0)
    assert code in (errno.ECONNREFUSED, errno.ENOTCONN, errno.ECONNRESET)
    assert rest(ring) == frames(3)
    assert account(ring)["resent"] == 0


# ---- no room -------------------------------------------------------------------------------------


def test_a_reader_that_is_slow_gets_everything_once(connect):
    ours, theirs = connect(unix_pair, 2304)
    some = frames(200, 500)
    ring = ring_with(some)
    ring.close()
    pumping = Task(lambda: pump(ring, ours, datagram=1400, idle=PATIENCE))
    taken: list[bytes] = []

    while len(taken) < 100:
        taken.append(theirs.recv(2000))
        if len(taken) % 10 == 0:
            time.sleep(0.002)

    assert pumping.result() == ("drained", 0, 100_000)
    assert b"".join(taken) == b"".join(some)
    assert account(ring)["sent"] == 200


def test_a_reader_that_takes_nothing_is_given_up(connect):
    ours, theirs = connect(unix_pair, 2304)
    some = frames(100, 1000)
    ring = ring_with(some)

    with within(SOON):
        event, code, moved = pump(ring, ours, datagram=1400, write_timeout=0.2, idle=PATIENCE)

    assert (event, code) == ("failed", errno.ETIMEDOUT)
    sent = account(ring)["sent"]
    assert moved == 1000 * sent
    assert [theirs.recv(2000) for _ in range(sent)] == some[:sent]
    assert rest(ring) == some[sent:]
    assert account(ring)["resent"] == 0


def test_an_interrupt_ends_the_wait_for_room(connect):
    ours, _ = connect(unix_pair, 2304)
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(b"before", socket.MSG_DONTWAIT)
    ring = ring_with(frames(100, 1000))
    pumping = Task(lambda: pump(ring, ours, datagram=1400, idle=PATIENCE))
    wait_until(lambda: account(ring)["in_flight"])

    with within(SOON):
        ring.interrupt()
        assert pumping.result() == ("failed", errno.ECANCELED, 0)

    assert len(rest(ring)) == 100
    assert account(ring)["resent"] == 0


@each_kind
def test_a_loop_that_sends_returns_after_its_idle_time(connect, kind):
    """New frames may arrive without end."""
    ours, theirs = connect(kind)
    ring = ring_with(frames(500, 1000))
    reader = Task(lambda: [theirs.recv(2000) for _ in range(2)])

    assert pump(ring, ours, datagram=1000, idle=0) == ("tick", 0, 1000)
    assert pump(ring, ours, datagram=1000, idle=0) == ("tick", 0, 1000)

    assert reader.result() == frames(2, 1000)
    assert account(ring)["queued"] == 498


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_device_is_no_socket():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    ring = ring_with(frames(1))

    assert pump(ring, descriptor, datagram=1400) == ("failed", errno.ENOTSOCK, 0)

    os.close(descriptor)
    assert account(ring)["queued"] == 1
