"""UDP to nobody: sent, and what the kernel reports afterwards is counted and told once."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from delivery.support import PATIENCE, Datagrams, account, free_port, run, wait_until

import heka
from heka._core import monotonic
from heka._delivery import refusals
from heka._net.addresses import parse
from heka._net.transports import SocketTransport
from heka._runtime.accounts import total
from heka.client import HekaClient
from heka.streams import QueuedStream, UdpStream

DEVELOPMENT = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    """Nothing has been told in this process yet, and no destination has a refusal pending."""
    heka.flush()
    monkeypatch.setattr(refusals, "_told", False)


@pytest.fixture
def nobody():
    """The URL of a UDP port on which nothing listens."""
    return f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"


def line(url):
    place = url.removeprefix("udp://")
    return (
        f"heka: nothing listens at {url}; "
        f"start 'python -m heka listen --udp {place}' or correct the address\n"
    )


# ---- without a queue -----------------------------------------------------------------------------


def test_a_message_to_nobody_is_sent_and_the_refusal_is_told_and_counted(nobody, capfd):
    """This host refuses at once, so that the first message tells."""
    assert heka.log("t", to=nobody)

    assert (account(nobody)["sent"], account(nobody)["refused"]) == (1, 1)
    assert capfd.readouterr().err == line(nobody)


@pytest.mark.parametrize("first", ["log", "flush"])
def test_a_receiver_that_goes_away_is_told_by_the_next_message_or_flush(peer, first, capfd):
    there = peer(Datagrams)
    to = f"udp://127.0.0.1:{there.port}"
    assert heka.log("t", to=to)
    there.close()
    assert heka.log("lost", to=to)
    assert (account(to)["sent"], account(to)["refused"]) == (2, 0)

    assert heka.log("t", to=to) if first == "log" else heka.flush()

    assert account(to)["refused"] == (2 if first == "log" else 1)
    assert account(to)["reconnects"] == 0
    assert capfd.readouterr().err == line(to)


def test_refusals_are_outside_of_the_sum(nobody):
    for _ in range(10):
        assert heka.log("t", to=nobody)
    heka.flush()

    stats = heka.stats()
    assert stats["offered"] == stats["sent"] + sum(stats["dropped"].values())
    assert account(nobody)["refused"] == 10


def test_the_total_of_accounts_has_them(nobody):
    stream = UdpStream(*nobody.removeprefix("udp://").split(":"))
    stream.write(heka.pack("t"))
    stream.flush()

    assert stream.stats()["refused"] == 1
    assert total([stream.stats(), stream.stats()])["refused"] == 2
    stream.close()


@pytest.mark.parametrize("end", ["close", "flush"])
def test_the_last_message_of_a_client_is_told_too(nobody, end, capfd):
    client = HekaClient(nobody, "shop")
    assert client.info("t")

    getattr(client, end)()

    assert client.stats()["refused"] == 1
    assert capfd.readouterr().err == line(nobody)
    client.close()


def test_a_receiver_that_comes_gets_every_later_message(nobody, peer):
    for _ in range(3):
        assert heka.log("lost", to=nobody)
    there = peer(Datagrams, address=("127.0.0.1", int(nobody.rpartition(":")[2])))

    assert [heka.log(name, to=nobody) for name in "abc"] == [True] * 3

    assert [there.message().type for _ in range(3)] == ["a", "b", "c"]
    assert account(nobody)["refused"] == 3
    assert account(nobody)["reconnects"] == 0


def test_a_receiver_that_listens_refuses_nothing(peer, capfd):
    there = peer(Datagrams)
    to = f"udp://127.0.0.1:{there.port}"
    for _ in range(5):
        assert heka.log("t", to=to)
    heka.flush()

    assert account(to)["refused"] == 0
    assert to not in capfd.readouterr().err


def test_a_unix_datagram_socket_does_not_count(tmp_path, capfd):
    """There the failing send itself is refused, and the message is dropped."""
    to = f"unixgram://{tmp_path}/absent"
    assert not heka.log("t", to=to)
    heka.flush()

    assert (account(to)["refused"], account(to)["dropped"]) == (0, {"refused": 1})
    assert "nothing listens at unixgram" not in capfd.readouterr().err


def test_a_send_of_python_counts_too(nobody):
    refused = []
    transport = SocketTransport(parse(nobody))
    transport.on_refused = lambda: refused.append(1)
    transport.open(monotonic() + PATIENCE)

    for _ in range(3):
        transport.send(b"x", monotonic() + PATIENCE)

    assert refused == [1, 1]
    transport.close()


def test_another_pending_error_is_not_counted():
    class Socket:
        def getsockopt(self, level, option):
            return errno.EHOSTUNREACH

    class Closed:
        def getsockopt(self, level, option):
            raise OSError(errno.EBADF, "closed")

    assert not refusals.was_refused(Socket())
    assert not refusals.was_refused(Closed())


# ---- the line ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "remedy"),
    [
        ("udp://localhost:5565", "start 'python -m heka listen' or set HEKA_TO"),
        ("udp://localhost:5565?queue=1", "start 'python -m heka listen' or set HEKA_TO"),
        (
            "udp://localhost:5570",
            "start 'python -m heka listen --udp localhost:5570' or correct the address",
        ),
        (
            "udp://[::1]:5565",
            "start 'python -m heka listen --udp [::1]:5565' or correct the address",
        ),
        ("udp://logs.example:5565", "start the receiver there or correct the address"),
    ],
)
def test_the_line_names_the_destination_and_the_remedy(to, remedy, capfd):
    refusals.tell(parse(to))

    assert capfd.readouterr().err == f"heka: nothing listens at {to.partition('?')[0]}; {remedy}\n"


def test_it_is_told_once_in_a_process(nobody, capfd):
    other = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    for to in (nobody, other, nobody, other):
        heka.log("t", to=to)
        heka.flush()

    assert capfd.readouterr().err == line(nobody)
    assert (account(nobody)["refused"], account(other)["refused"]) == (2, 2)


def test_a_child_process_tells_it_again(nobody):
    done = run(
        """
        heka.log("t", to=sys.argv[1])
        heka.flush()
        if os.fork() == 0:
            assert heka.stats()["refused"] == 0
            heka.log("t", to=sys.argv[1])
            heka.flush()
            assert heka.stats()["refused"] == 1
            os._exit(0)
        assert os.wait()[1] == 0
        """,
        nobody,
        PYTHONWARNINGS="ignore::DeprecationWarning",  # of fork beside threads
    )

    assert done.err == line(nobody) * 2


def test_the_stream_of_a_child_process_counts_from_zero(nobody):
    host, port = nobody.removeprefix("udp://").split(":")
    done = run(
        """
        from heka.streams import UdpStream
        stream = UdpStream(sys.argv[1], sys.argv[2])
        def refused():
            stream.write(heka.pack("t"))
            stream.flush()
            return stream.stats()["refused"]
        tell(parent=[refused(), refused()])
        if os.fork() == 0:
            tell(first=stream.stats()["refused"], child=[refused(), refused()])
            os._exit(0)
        os.wait()
        """,
        host,
        port,
        HEKA_QUIET="1",
        PYTHONWARNINGS="ignore::DeprecationWarning",  # of fork beside threads
    )

    assert done.facts == {"parent": [1, 2], "first": 0, "child": [1, 2]}
    assert done.err == ""


# ---- exit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?queue=1"])
@pytest.mark.parametrize("count", [1, 5])
def test_a_program_that_just_ends_is_told(nobody, query, count):
    """No ResourceWarning either: the socket is left to the sink."""
    done = run(
        "for _ in range(int(sys.argv[2])): assert heka.log('t', to=sys.argv[1])",
        nobody + query,
        count,
        **DEVELOPMENT,
    )

    assert [one for one in done.err.splitlines(True) if "cannot send" not in one] == [line(nobody)]


def test_a_child_of_multiprocessing_that_just_ends_is_told(nobody):
    """Such a child runs no atexit handlers."""
    done = run(
        """
        import multiprocessing
        child = multiprocessing.get_context("fork").Process(
            target=heka.log, args=("t",), kwargs={"to": sys.argv[1]}
        )
        child.start()
        child.join()
        """,
        nobody,
    )

    assert done.err == line(nobody)


def test_refusals_after_module_teardown_disturb_nothing(nobody):
    done = run(
        """
        class Last:
            def __del__(self, log=heka.log, to=sys.argv[1], write=os.write):
                write(1, b'{"sent": %d}' % sum([log("t", to=to) for _ in range(3)]))
        heka.log("t", to=sys.argv[1])
        json.last = Last()
        """,
        nobody,
        **DEVELOPMENT,
    )

    assert done.facts["sent"] == 3
    assert done.err == line(nobody)


@pytest.mark.parametrize(
    "url", ["udp://{}", "udp://{}?queue=1", "tcp://{}", "unix://@heka-{}", "unixgram://@heka-{}"]
)
@pytest.mark.parametrize("client", ["HekaClient({!r}, 'shop')", "a stream", "heka.log"])
def test_a_program_that_just_ends_warns_of_no_open_socket(peer, url, client):
    family = socket.AF_UNIX if "unix" in url else socket.AF_INET
    is_stream = url.startswith(("tcp:", "unix:"))
    there = socket.socket(family, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM)
    with there:
        there.bind(f"\0heka-{os.getpid()}" if "unix" in url else ("127.0.0.1", 0))
        if is_stream:
            there.listen()
        place = os.getpid() if "unix" in url else f"127.0.0.1:{there.getsockname()[1]}"
        done = run(
            """
            from heka.client import HekaClient
            from heka.streams import UrlStream
            url, kind = sys.argv[1:]
            if kind == "heka.log":
                assert heka.log("t", to=url)
            elif kind == "a stream":
                stream = UrlStream(url)
                assert stream.write(heka.pack("t"))
            else:
                client = HekaClient(url, "shop")
                assert client.info("t")
            """,
            url.format(place),
            client,
            **DEVELOPMENT,
        )

    assert done.err == ""


def test_what_is_logged_after_the_exit_hook_warns_of_no_open_socket(peer):
    """An atexit handler that was registered before heka was imported runs last."""
    there = peer(Datagrams)
    done = run(
        """
        client = []
        def last():
            from heka.client import HekaClient
            client.append(HekaClient(sys.argv[1], "shop"))
            assert client[0].info("late")
        from heka._delivery import direct
        atexit.unregister(direct._end)
        atexit.register(last)
        atexit.register(direct._end)
        """,
        f"udp://127.0.0.1:{there.port}",
        **DEVELOPMENT,
    )

    assert done.err == ""
    assert there.message().payload == "late"


# ---- with a queue --------------------------------------------------------------------------------


def test_a_queue_counts_the_refusal_of_its_last_datagram_at_the_flush(nobody, capfd):
    stream = QueuedStream(nobody)
    stream.write(heka.pack("t"))

    # The kernel may know of it a little after the send.
    wait_until(lambda: stream.flush(PATIENCE) and stream.stats()["refused"], "the refusal")

    assert (stream.stats()["sent"], stream.stats()["refused"]) == (1, 1)
    assert capfd.readouterr().err.startswith(line(nobody))
    stream.close()


def test_after_a_refusal_that_a_flush_has_found_the_queue_backs_off(nobody):
    """Otherwise one more datagram would be lost for each flush."""
    stream = QueuedStream(nobody, linger=0, backoff_max=0.05)
    stream.write(heka.pack("t"))
    assert stream.flush(PATIENCE)

    wait_until(lambda: stream.stats()["retries"] >= 1, "the back-off")

    assert stream.stats()["refused"] == 1
    stream.close(0.0)


def test_a_queue_counts_one_refusal_for_each_attempt(nobody):
    stream = QueuedStream(nobody, linger=0, backoff_max=0.01)
    for _ in range(5):
        sent = stream.stats()["sent"]
        stream.write(heka.pack("t"))
        assert stream.flush(PATIENCE)
        wait_until(lambda before=sent: stream.stats()["sent"] > before, "the datagram")

    # The kernel may know of it a little after the send.
    wait_until(lambda: stream.flush(PATIENCE) and stream.stats()["refused"], "a refusal")
    stats = stream.stats()
    assert stats["offered"] == stats["sent"] == 5
    assert stats["refused"] <= 5
    stream.close()


def test_the_queue_of_a_child_process_counts_from_zero(nobody):
    done = run(
        """
        from heka.streams import QueuedStream
        stream = QueuedStream(sys.argv[1])
        stream.write(heka.pack("t"))
        stream.flush(20)
        tell(parent=stream.stats()["refused"])
        if os.fork() == 0:
            tell(child=stream.stats()["refused"])
            os._exit(0)
        os.wait()
        """,
        nobody,
    )

    assert done.facts == {"parent": 1, "child": 0}


# ---- silence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "quiet"), [("1", True), ("yes", True), ("0", False), ("", False)]
)
def test_heka_quiet_silences_every_line(nobody, value, quiet):
    done = run(
        """
        heka.log("t", to=sys.argv[1])
        heka.flush()
        heka.log("t", to=sys.argv[2])
        tell(**heka.stats())
        """,
        nobody,
        f"tcp://127.0.0.1:{free_port()}",
        HEKA_QUIET=value,
    )

    assert bool(done.err) is not quiet
    assert done.facts["refused"] == 1
    assert done.facts["dropped"] == {"refused": 1}
