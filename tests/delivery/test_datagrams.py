"""UDP and unix datagrams: peers that are absent, come back, are slow, or stop reading."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from delivery.support import (
    SOON,
    Datagrams,
    account,
    free_port,
    run,
    run_threads,
    wait_until,
    within,
)

import heka
from heka._delivery.direct import reason_of
from heka._net.resolver import ResolutionError


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "peer")


def test_udp_without_a_receiver_is_sent(capfd, monkeypatch):
    """Each send reports that the datagram before it was refused: it is sent again."""
    monkeypatch.setattr("heka._delivery.refusals._told", False)  # it is told once a process
    to = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"

    assert all([heka.log("t", to=to) for _ in range(20)])

    counts = account(to)
    assert (counts["sent"], counts["dropped"], counts["reconnects"]) == (20, {}, 0)
    assert counts["refused"] == 19
    assert capfd.readouterr().err.startswith(f"heka: nothing listens at {to}; ")


def test_the_first_datagram_to_a_peer_that_came_arrives(peer):
    """The pending error of the socket belongs to an earlier datagram."""
    port = free_port(socket.SOCK_DGRAM)
    assert heka.log("lost", to=("127.0.0.1", port))
    there = peer(Datagrams, address=("127.0.0.1", port))

    assert heka.log("arrives", to=("127.0.0.1", port))

    assert there.message().type == "arrives"
    assert there.is_empty()


@pytest.mark.parametrize("kind", ["udp", "unixgram"])
def test_datagrams_of_eight_threads_arrive_whole(peer, path, kind):
    there = peer(Datagrams) if kind == "udp" else peer(Datagrams, socket.AF_UNIX, path)
    to = f"udp://127.0.0.1:{there.port}" if kind == "udp" else f"unixgram://{path}"

    def work(n):
        for _ in range(20):
            assert heka.log(f"t{n}", payload="x" * 100 * n, to=to, timeout=20)
            taken = there.message()  # any of them
            assert len(taken.payload) == 100 * int(taken.type[1:])

    run_threads(8, work)

    assert there.is_empty()
    assert account(to)["sent"] == 160


def test_a_datagram_too_large_for_the_kernel_causes_no_back_off(peer, path, small_sockets):
    """It is counted as oversize, and the next small one goes out at once."""
    there = peer(Datagrams, socket.AF_UNIX, path)

    done = run(
        """
        to = sys.argv[1]
        sent = [heka.log("t", payload="x" * size, to=to) for size in (10, 60000, 10, 60000, 10)]
        tell(answers=sent, **heka.stats())
        """,
        f"unixgram://{path}?datagram=65507",
        preload=small_sockets,
        SHIM_SNDBUF="4608",
    )

    assert done.facts["answers"] == [True, False, True, False, True]
    assert done.facts["dropped"] == {"oversize": 2}
    assert done.facts["reconnects"] == 0
    assert done.err == ""
    assert [len(there.message().payload) for _ in range(3)] == [10, 10, 10]


def test_a_full_datagram_arrives(peer):
    there = peer(Datagrams)
    to = f"udp://127.0.0.1:{there.port}?datagram=65507"

    assert heka.log("t", payload="x" * 70_000, to=to)

    (frame,) = heka.StreamReader().feed(there.take())
    assert 65_400 < len(frame.payload) <= 65_507
    assert frame.message.fields["heka.truncated"] == [70_000]


# ---- unix datagrams ------------------------------------------------------------------------------


def test_a_missing_unix_socket_counts_as_refused(path, capfd):
    assert heka.log("t", to=f"unixgram://{path}") is False
    assert heka.log("t", to=f"unixgram://{path}") is False

    assert account(f"unixgram://{path}")["dropped"] == {"refused": 1, "backoff": 1}
    assert f"cannot send to unixgram://{path} (refused): " in capfd.readouterr().err


@pytest.mark.parametrize("stale", [True, False], ids=["file-stays", "file-goes"])
def test_a_unix_socket_that_vanishes_and_comes_back_is_found(peer, path, stale):
    to = f"unixgram://{path}"
    there = peer(Datagrams, socket.AF_UNIX, path)
    assert heka.log("one", to=to)
    assert there.message().type == "one"
    there.close()
    if not stale:
        os.unlink(path)

    assert heka.log("lost", to=to) is False
    assert account(to)["dropped"] == {"refused": 1}
    if stale:
        os.unlink(path)
    there = peer(Datagrams, socket.AF_UNIX, path)
    wait_until(lambda: heka.log("two", to=to), "the new socket")

    assert there.message().type == "two"
    assert account(to)["reconnects"] == 1


def test_a_unix_socket_that_was_bound_anew_gets_the_next_message(peer, path):
    """A restarted receiver causes no loss and no back-off."""
    to = f"unixgram://{path}"
    there = peer(Datagrams, socket.AF_UNIX, path)
    assert heka.log("one", to=to)
    there.close()
    os.unlink(path)
    there = peer(Datagrams, socket.AF_UNIX, path)

    assert heka.log("two", to=to) is True

    assert there.message().type == "two"
    assert account(to)["dropped"] == {}


def test_a_receiver_that_reads_nothing_costs_no_more_than_the_timeout(peer, path):
    to = f"unixgram://{path}"
    there = peer(Datagrams, socket.AF_UNIX, path)
    count = 0
    with within(SOON):
        while heka.log("t", to=to, timeout=0.1):
            count += 1
    assert account(to)["dropped"] == {"timeout": 1}

    for _ in range(count):
        there.take()
    wait_until(lambda: heka.log("more", to=to), "room")

    assert there.message().type == "more"
    assert account(to)["reconnects"] == 0


# ---- what failures are called --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param(ResolutionError("no"), "unresolved", id="name"),
        pytest.param(TimeoutError(errno.ETIMEDOUT, "late"), "timeout", id="ours"),
        pytest.param(OSError(errno.ETIMEDOUT, "late"), "timeout", id="the-kernels"),
        pytest.param(OSError(errno.ECONNREFUSED, "no"), "refused", id="refused"),
        pytest.param(OSError(errno.ENOENT, "no"), "refused", id="no-unix-socket"),
        pytest.param(OSError(errno.ENXIO, "no"), "refused", id="no-reader-of-a-fifo"),
        pytest.param(OSError(errno.EPIPE, "no"), "closed", id="pipe"),
        pytest.param(OSError(errno.ECONNRESET, "no"), "closed", id="reset"),
        pytest.param(OSError(errno.ENETUNREACH, "no"), "unreachable", id="no-net"),
        pytest.param(OSError(errno.EHOSTUNREACH, "no"), "unreachable", id="no-host"),
        pytest.param(OSError(errno.EMSGSIZE, "no"), "oversize", id="size"),
        pytest.param(OSError(errno.ENOSPC, "no"), "error", id="disk"),
        pytest.param(OSError("no errno"), "error", id="no-errno"),
        pytest.param(ValueError("no"), "error", id="no-oserror"),
    ],
)
def test_a_failure_has_one_reason(failure, reason):
    assert reason_of(failure) == reason
