"""How the C loop reports the end of a connection, and what happens to its frames."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from delivery.rings import (
    Pair,
    account,
    clog,
    drain_stream,
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
from delivery.support import PATIENCE, SOON, Task, run, wait_until, within

#: Outcomes that the end of a connection may have.
LOST = (errno.ECONNRESET, errno.EPIPE)


@pytest.fixture
def connect() -> Iterator[Callable[..., Pair]]:
    """Make pairs of connected sockets, ours and the peer's; they are closed after the test."""
    with pairs() as make:
        yield make


each_kind = pytest.mark.parametrize("kind", [tcp_pair, unix_pair], ids=["tcp", "unix"])


def reset(sock: socket.socket) -> None:
    """Reset the connection (RST)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# ---- the end of a connection ---------------------------------------------------------------------


@each_kind
def test_a_peer_that_closes_is_noticed_without_a_frame(connect, kind):
    ours, theirs = connect(kind)
    ring = ring_with()
    assert pump(ring, ours)[0] == "tick"

    theirs.close()

    assert pump_until(ring, ours, "closed") == ("closed", 0, 0)


@each_kind
def test_no_frame_goes_to_a_peer_that_has_closed(connect, kind):
    """The kernel would accept the first frame after the end."""
    ours, theirs = connect(kind)
    theirs.close()
    wait_until(lambda: ours.recv(1, socket.MSG_DONTWAIT) == b"")
    ring = ring_with(frames(3))

    assert pump(ring, ours) == ("closed", 0, 0)

    assert rest(ring) == frames(3)
    assert account(ring)["resent"] == 0


@each_kind
def test_a_half_closed_connection_counts_as_closed(connect, kind):
    """A receiver has no reason to close only its sending side; a receiver that exits does so."""
    ours, theirs = connect(kind)
    theirs.shutdown(socket.SHUT_WR)
    wait_until(lambda: ours.recv(1, socket.MSG_DONTWAIT) == b"")
    ring = ring_with(frames(1))

    assert pump(ring, ours) == ("closed", 0, 0)
    assert account(ring)["queued"] == 1


def test_a_reset_is_reported_as_a_failure(connect):
    ours, theirs = connect(tcp_pair)
    ring = ring_with()
    reset(theirs)

    event, code, moved = pump_until(ring, ours, "failed", "closed")

    assert (event, moved) == ("failed", 0)
    assert code in LOST


def test_frames_in_flight_at_the_end_are_taken_again(connect):
    """Each frame counts separately: acknowledged ones are sent, the others are sent again."""
    ours, theirs = connect(tcp_pair, 4096)
    some = frames(200, 500)
    ring = ring_with(some)
    event, code, moved = pump(ring, ours, write_timeout=0.2, idle=PATIENCE)
    assert (event, code) == ("failed", errno.ETIMEDOUT)
    assert 0 < moved < 100_000
    stats = account(ring)
    assert 0 < stats["sent"] < 200

    ours.close()
    first = drain_stream(theirs)
    second = b"".join(rest(ring))

    whole = len(first) // 500
    assert first == b"".join(some)[: len(first)]
    assert second == b"".join(some[stats["sent"] :])
    assert stats["sent"] <= whole
    resent = account(ring)["resent"]
    assert whole - stats["sent"] <= resent <= moved // 500 + 1 - stats["sent"]


def test_what_had_arrived_when_the_peer_closed_is_not_sent_again(connect):
    """The loop checks periodically; what was acknowledged since the last check counts."""
    ours, theirs = connect(tcp_pair, 4096)
    ring = ring_with()
    count = clog(ring, ours)
    pumping = Task(lambda: pump(ring, ours, idle=1.0))

    receive(theirs, 100 * count)
    theirs.close()

    assert pumping.result() == ("closed", 0, 0)
    assert account(ring)["sent"] == count
    assert rest(ring) == []


@pytest.mark.parametrize("read", [0, 2, 5])
def test_bytes_that_a_unix_peer_discards_are_not_counted_as_sent(connect, read):
    """What it had read before it closed may count as sent; the rest is sent again."""
    ours, theirs = connect(unix_pair)
    ring = ring_with()
    some = frames(5)
    for one in some:  # one write each
        ring.put(one)
        pump(ring, ours, idle=0.01)
    assert account(ring)["in_flight"] == 5

    receive(theirs, 100 * read)
    theirs.close()
    pump_until(ring, ours, "closed", "failed")

    sent = account(ring)["sent"]
    assert sent <= read
    assert rest(ring) == some[sent:]


def test_frames_counted_as_sent_were_read_by_a_unix_peer_that_died(connect):
    """The loop may check the socket while the kernel discards the peer's queue."""
    some = frames(300, 300)
    for turn in range(60):
        ours, theirs = connect(unix_pair, 16_384)
        ring = ring_with(some)
        pumping = Task(
            lambda ring=ring, ours=ours: pump_until(ring, ours, "closed", "failed", idle=0.01)
        )
        read = len(receive(theirs, 300 * turn))
        theirs.close()

        pumping.result()

        sent = account(ring)["sent"]
        assert sent * 300 <= read
        assert rest(ring) == some[sent:]
        ours.close()


def test_the_end_of_a_connection_in_the_middle_of_a_write(connect):
    ours, theirs = connect(unix_pair, 4096)
    some = frames(100, 1000)
    ring = ring_with(some)
    pumping = Task(lambda: pump(ring, ours, idle=PATIENCE))
    wait_until(lambda: account(ring)["in_flight"] > 0)

    theirs.close()
    event, code, _ = pumping.result()

    assert (event, code in LOST) == ("failed", True)
    assert account(ring)["sent"] == 0
    assert rest(ring) == some


def test_the_end_of_a_connection_raises_no_sigpipe():
    """Python ignores SIGPIPE; a program that embeds it may not."""
    facts = run(
        """
    from heka._core import Ring
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ring = Ring(1 << 20, 1000)
    ring.set_consumer()
    for _ in range(100):
        ring.put(bytes(1000))
    def close():
        while not ring.stats()["in_flight"]:
            time.sleep(0.001)
        time.sleep(0.05)
        theirs.close()
    threading.Thread(target=close).start()
    tell(event=ring.pump(ours.fileno(), 0, 0, 20, 20)[0], queued=ring.stats()["queued"])
    """
    ).facts

    assert facts == {"event": "failed", "queued": 100}


# ---- descriptors that are of no use --------------------------------------------------------------


def closed_descriptor() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    return writing


@pytest.mark.parametrize("datagram", [0, 1400], ids=["stream", "datagram"])
@pytest.mark.parametrize(
    "make", [lambda: -1, lambda: -(2**31), lambda: 2**31 - 1, closed_descriptor]
)
def test_a_bad_descriptor_fails_and_keeps_the_frames(make, datagram):
    ring = ring_with(frames(3))

    assert pump(ring, make(), datagram=datagram) == ("failed", errno.EBADF, 0)

    assert account(ring)["queued"] == 3
    assert rest(ring) == frames(3)
    assert account(ring)["resent"] == 0


@pytest.mark.parametrize("datagram", [0, 1400], ids=["stream", "datagram"])
def test_a_descriptor_that_is_no_socket_fails_and_keeps_the_frames(tmp_path, datagram):
    reading, writing = os.pipe()
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    for descriptor in (reading, writing, file):
        ring = ring_with(frames(3))
        with within(SOON):
            event, code, moved = pump(ring, descriptor, datagram=datagram)
        assert (event, code, moved) == ("failed", errno.ENOTSOCK, 0)
        assert account(ring)["queued"] == 3
        os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b""


@each_kind
def test_frames_in_flight_on_a_closed_descriptor_are_sent_again(connect, kind):
    """It is unknown what has arrived."""
    ours, theirs = connect(kind, 4096)
    ring = ring_with()
    count = clog(ring, ours)
    sent = account(ring)["sent"]

    descriptor = ours.detach()
    os.close(descriptor)
    drain_stream(theirs)

    assert pump(ring, descriptor) == ("failed", errno.EBADF, 0)
    assert account(ring)["sent"] == sent < count
    assert rest(ring) == frames(count)[sent:]


def test_a_socket_that_is_not_connected_fails():
    for kind, datagram in ((socket.SOCK_STREAM, 0), (socket.SOCK_DGRAM, 1400)):
        ring = ring_with(frames(1))
        with socket.socket(socket.AF_INET, kind) as sock, within(SOON):
            event, _, moved = pump(ring, sock, datagram=datagram)
        assert event in ("closed", "failed")
        assert moved == 0
        assert account(ring)["queued"] == 1


def test_outstanding_of_a_descriptor_that_is_closed_is_an_error(connect):
    """It must not be taken as "everything has arrived"."""
    ours, theirs = connect(unix_pair)
    ring = ring_with()
    assert ring.outstanding(ours.fileno()) == 0
    ours.send(b"x" * 1000)
    assert ring.outstanding(ours.fileno()) >= 1000
    receive(theirs, 1000)
    assert ring.outstanding(ours.fileno()) == 0

    with pytest.raises(OSError, match="Bad file descriptor"):
        ring.outstanding(closed_descriptor())
