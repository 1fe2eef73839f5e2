"""HekaConnection: when it connects, what it sends, and what it raises."""

from __future__ import annotations

import errno
import os
import socket
from unittest import mock

import pytest
from delivery.support import (
    SOON,
    Datagrams,
    Listener,
    Task,
    free_port,
    run_threads,
    within,
)

import heka
from heka._net.resolver import ResolutionError

SIGNER = heka.SignerConfig("ann", 1, "key", "sha1")
MESSAGE = heka.Message("type", "logger", payload="text")
PAYLOAD = MESSAGE.encode()
FRAME = heka.frame(PAYLOAD)


@pytest.fixture
def connect():
    """Make connections; they are closed after the test."""
    made = []

    def make(*args, **kwargs):
        made.append(heka.HekaConnection(*args, **kwargs))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "peer")


# ---- where to ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notation", "host"),
    [
        pytest.param(lambda port: f"localhost:{port}", "localhost", id="name"),
        pytest.param(lambda port: f"127.0.0.1:{port}", "127.0.0.1", id="address"),
        pytest.param(lambda port: ("127.0.0.1", port), "127.0.0.1", id="tuple"),
        pytest.param(lambda port: f"udp://127.0.0.1:{port}", "127.0.0.1", id="url"),
    ],
)
def test_host_and_port_are_udp(peer, connect, notation, host):
    there = peer(Datagrams)
    address = notation(there.port)

    connection = connect(address)
    connection.send_message(MESSAGE)

    assert there.take() == FRAME
    assert (connection.address, connection.host, connection.port) == (address, host, there.port)
    assert connection.socket.type == socket.SOCK_DGRAM


@pytest.mark.parametrize("notation", ["[::1]:{}", "udp://[::1]:{}"])
def test_ipv6_is_read(peer, connect, notation):
    there = peer(Datagrams, socket.AF_INET6)

    connection = connect(notation.format(there.port))
    connection.send_message(MESSAGE)

    assert there.take() == FRAME
    assert (connection.host, connection.port) == ("::1", there.port)


def test_the_default_is_port_5565_of_this_host(connect):
    connection = connect(lazy=True)

    assert (connection.address, connection.host, connection.port) == (
        "localhost:5565",
        "localhost",
        5565,
    )


@pytest.mark.parametrize("scheme", ["tcp", "unix", "unixgram"])
def test_the_other_sockets_are_urls(peer, connect, path, scheme):
    there = {
        "tcp": lambda: peer(Listener),
        "unix": lambda: peer(Listener, socket.AF_UNIX, path),
        "unixgram": lambda: peer(Datagrams, socket.AF_UNIX, path),
    }[scheme]()
    url = f"unixgram://{path}" if scheme == "unixgram" else there.url

    connection = connect(url, SIGNER)
    assert connection.send(PAYLOAD) == len(heka.frame(PAYLOAD, SIGNER))

    data = there.take() if scheme == "unixgram" else there.accept().sock.recv(65536)
    (frame,) = heka.StreamReader(signers={("ann", 1): "key"}).feed(data)
    assert (frame.payload, frame.signer) == (PAYLOAD, "ann")
    if scheme != "tcp":
        assert (connection.host, connection.port) == ("", 0)


@pytest.mark.parametrize(
    ("address", "signer", "kind", "says"),
    [
        pytest.param("file:///x", None, heka.ConfigError, "needs a socket; heka.log", id="file"),
        pytest.param("tls://h?ca=/no", None, heka.ConfigError, "ca=/no: No such file", id="tls"),
        pytest.param("h:0", None, heka.ConfigError, "port must be from 1", id="port"),
        pytest.param(None, None, heka.ConfigError, "got None", id="none"),
        pytest.param(
            "udp://h?framing=none", SIGNER, heka.ConfigError, "cannot carry a sig", id="bare"
        ),
        pytest.param("h:1", "ann", TypeError, "SignerConfig or None, not str", id="signer"),
    ],
)
def test_a_wrong_address_is_refused_before_connecting(address, signer, kind, says):
    with pytest.raises(kind, match=says):
        heka.HekaConnection(address, signer)


# ---- when it connects ----------------------------------------------------------------------------


def test_connects_at_once_unless_told(peer, connect):
    there = peer(Listener)

    connection = connect(there.url)

    assert there.accept()
    assert isinstance(connection.socket, socket.socket)
    assert repr(connection) == f"<HekaConnection {there.url} connected>"


def test_a_lazy_one_connects_with_the_first_send(peer, connect):
    there = peer(Listener)
    connection = connect(there.url, lazy=True)
    assert connection.socket is None
    assert not there.is_waiting()
    assert repr(connection) == f"<HekaConnection {there.url} not connected>"

    connection.send(PAYLOAD)

    assert there.accept().take(1)[0].payload == "text"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        pytest.param(
            lambda port, path: f"tcp://127.0.0.1:{port}", ConnectionRefusedError, id="tcp"
        ),
        pytest.param(lambda port, path: f"unix://{path}", FileNotFoundError, id="unix"),
        pytest.param(lambda port, path: f"unixgram://{path}", FileNotFoundError, id="unixgram"),
        pytest.param(lambda port, path: "tcp://127.0.0.1:1?family=6", ResolutionError, id="name"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_a_failed_connection_raises_oserror(path, address, kind, lazy):
    assert issubclass(kind, OSError)

    with pytest.raises(kind):
        heka.HekaConnection(address(free_port(), path), lazy=lazy).send(PAYLOAD)


def test_connecting_takes_no_longer_than_its_timeout(peer, connect):
    there = peer(Listener, backlog=0)
    waiting = there.fill()
    connection = connect(there.url, lazy=True)
    connection.timeout = 0.2

    with within(SOON), pytest.raises(TimeoutError):
        connection.send(PAYLOAD)

    for sock in waiting:
        sock.close()


def test_close_and_the_next_send_connects_anew(peer, connect):
    there = peer(Listener)
    with connect(there.url) as connection:
        connection.send(PAYLOAD)
    assert connection.socket is None
    assert len(there.accept().read_to_end()) == 1
    connection.close()

    connection.send(PAYLOAD)

    assert len(there.accept().take(1)) == 1


# ---- what it sends -------------------------------------------------------------------------------


def test_send_returns_the_bytes_sent_and_send_message_returns_none(peer, connect):
    there = peer(Datagrams)
    connection = connect(("127.0.0.1", there.port))

    assert connection.send(PAYLOAD) == len(FRAME)
    assert connection.send(bytearray(PAYLOAD)) == len(FRAME)
    assert connection.send_message(MESSAGE) is None

    assert [there.take() for _ in range(3)] == [FRAME] * 3


def test_a_bare_message_goes_out_as_it_is(peer, connect):
    there = peer(Datagrams)
    connection = connect(f"udp://127.0.0.1:{there.port}?framing=none")

    assert connection.send(memoryview(PAYLOAD)) == len(PAYLOAD)

    assert there.take() == PAYLOAD


@pytest.mark.parametrize("framing", ["heka", "none"])
@pytest.mark.parametrize("payload", [5, "text", None, [1]], ids=repr)
def test_only_bytes_are_sent(connect, framing, payload):
    connection = connect(f"udp://127.0.0.1:9?framing={framing}")

    with pytest.raises(TypeError, match="bytes-like"):
        connection.send(payload)


@pytest.mark.parametrize(
    ("options", "size", "says"),
    [
        pytest.param("?datagram=1000", 1001, "a frame of 10.. bytes; .* holds 1000", id="datagram"),
        pytest.param("?framing=none", 9000, "a frame of 9000 bytes; .* holds 8192", id="bare"),
        pytest.param("", 65_537, "65537", id="message"),
    ],
)
def test_too_much_is_refused(connect, options, size, says):
    with pytest.raises(heka.EncodeError, match=says):
        connect(f"udp://127.0.0.1:9{options}").send(bytes(size))


def test_udp_without_a_receiver_is_sent(connect):
    """The error of an earlier datagram is not an error of this one."""
    connection = connect(("127.0.0.1", free_port(socket.SOCK_DGRAM)))

    assert [connection.send(PAYLOAD) for _ in range(5)] == [len(FRAME)] * 5


def test_threads_share_a_udp_connection(peer, connect):
    there = peer(Datagrams)
    connection = connect(("127.0.0.1", there.port))

    run_threads(8, lambda n: [connection.send(PAYLOAD) for _ in range(10)])

    assert [there.take() for _ in range(80)] == [FRAME] * 80


# ---- what breaks ---------------------------------------------------------------------------------


def test_a_peer_that_reset_raises_and_the_next_send_connects_anew(peer, connect):
    there = peer(Listener)
    connection = connect(there.url)
    there.accept().reset()

    with pytest.raises(ConnectionError):
        connection.send(PAYLOAD)
    assert connection.socket is None
    connection.send(PAYLOAD)

    assert len(there.accept().take(1)) == 1


def test_a_unix_datagram_peer_that_was_bound_anew_is_found_by_the_next_send(peer, connect, path):
    """The kernel disconnects the old socket permanently."""
    first = peer(Datagrams, socket.AF_UNIX, path)
    connection = connect(f"unixgram://{path}")
    first.close()
    with pytest.raises(OSError, match=r"refused|not connected"):
        connection.send(PAYLOAD)
    os.unlink(path)
    there = peer(Datagrams, socket.AF_UNIX, path)

    connection.send(PAYLOAD)

    assert there.take() == FRAME


def send_for_ever(connection, payload, sent):
    while True:
        sent.append(connection.send(payload))


def test_a_partly_sent_frame_closes_the_connection(peer, connect):
    there = peer(Listener, buffer=4096)
    connection = connect(there.url)
    connection.timeout = 0.1
    big = heka.Message("big", payload="x" * 60_000).encode()
    sent = []
    with pytest.raises(TimeoutError):
        send_for_ever(connection, big, sent)
    connection.send(PAYLOAD)

    first = there.accept()
    assert len(first.read_to_end()) == len(sent)
    assert first.tail > 0
    assert there.accept().take(1)[0].type == "type"


@pytest.mark.parametrize("kind", ["unix", "unixgram"])
def test_a_connection_is_kept_if_nothing_of_the_frame_was_sent(peer, connect, path, kind):
    if kind == "unix":
        there = peer(Listener, socket.AF_UNIX, path)
    else:
        there = peer(Datagrams, socket.AF_UNIX, path)
    connection = connect(f"{kind}://{path}")
    before = connection.socket
    connection.timeout = 0.05

    with pytest.raises(TimeoutError, match="the peer does not read"):
        send_for_ever(connection, PAYLOAD, [])

    assert connection.socket is before
    assert there


def test_a_datagram_too_large_for_the_kernel_keeps_the_connection(peer, connect, path):
    there = peer(Datagrams, socket.AF_UNIX, path)
    connection = connect(f"unixgram://{path}?datagram=65507")
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)

    with pytest.raises(OSError, match="too long") as raised:
        connection.send(bytes(60_000))
    connection.send(PAYLOAD)

    assert raised.value.errno == errno.EMSGSIZE
    assert there.take() == FRAME


def test_a_slow_reader_gets_the_frame_in_time(peer, connect):
    there = peer(Listener, buffer=4096)
    connection = connect(there.url)
    big = heka.Message("big", payload="x" * 60_000).encode()

    reader = Task(lambda: there.accept().take(100))
    sent = [connection.send(big) for _ in range(100)]

    assert sent == [len(heka.frame(big))] * 100
    assert len(reader.result()) == 100


# ---- objects in place of the socket --------------------------------------------------------------


def test_a_mock_in_its_place_is_called_with_each_frame(connect):
    connection = connect("localhost:5565", lazy=True)
    connection.socket = mock.Mock()

    assert connection.send(PAYLOAD) == len(FRAME)
    connection.send_message(MESSAGE)

    assert connection.socket.send.call_args_list == [mock.call(FRAME)] * 2


def test_a_mock_is_called_instead_of_the_connected_socket(peer, connect):
    there = peer(Datagrams)
    connection = connect(("127.0.0.1", there.port))
    connection.socket = mock.Mock()
    connection.socket.send.return_value = 3

    assert connection.send(PAYLOAD) == 3
    assert there.is_empty()
    connection.socket = None
    connection.send(PAYLOAD)

    assert there.take() == FRAME


def test_mock_patch_puts_the_connected_socket_back(peer, connect):
    there = peer(Datagrams)
    connection = connect(("127.0.0.1", there.port))
    with mock.patch.object(connection, "socket") as patched:
        patched.send.return_value = 3
        assert connection.send(PAYLOAD) == 3

    assert connection.send(PAYLOAD) == len(FRAME)
    assert there.take() == FRAME


class Wrapped(socket.socket):
    """A subclass may override send(), as TLS sockets do."""

    def send(self, data, flags=0):
        return super().send(bytes(data[:7]), flags)


def test_a_subclass_is_called_with_the_rest_until_all_is_taken(peer, connect):
    there = peer(Listener)
    connection = connect(there.url, lazy=True)
    with Wrapped(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.connect(("127.0.0.1", there.port))
        connection.socket = sock

        assert connection.send(PAYLOAD) == len(FRAME)

        assert there.accept().take(1)[0].payload == "text"


def test_a_plain_socket_in_its_place_is_sent_on(peer, connect):
    there = peer(Datagrams)
    connection = connect("127.0.0.1:9", lazy=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", there.port))
        connection.socket = sock

        assert connection.send(PAYLOAD) == len(FRAME)

    assert there.take() == FRAME


def test_exceptions_of_the_mock_reach_the_caller(connect):
    connection = connect("localhost:5565", lazy=True)
    connection.socket = mock.Mock()
    connection.socket.send.side_effect = BlockingIOError

    with pytest.raises(BlockingIOError):
        connection.send(PAYLOAD)

    assert isinstance(connection.socket, mock.Mock), "it is the program's to keep or to drop"
