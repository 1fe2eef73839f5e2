"""The receiver in the test process: real sockets, limits, and faulty peers."""

from __future__ import annotations

import errno
import os
import resource
import socket
import struct
import time

import pytest

import heka
from heka._receiving import endpoint
from heka._receiving.encrypted import server_context
from heka._receiving.receiver import Ended, Received, Receiver, Rejected


@pytest.fixture
def make():
    """Make receivers; they are closed after the test."""
    made = []

    def maker(**kwargs):
        made.append(Receiver(**kwargs))
        return made[-1]

    yield maker
    for receiver in made:
        receiver.close()


def listen(receiver, open_=endpoint.listen_tcp):
    sock = open_("127.0.0.1", 0)
    receiver.add(sock)
    return sock.getsockname()


def connect(address):
    return socket.create_connection(address, 10)


def gather(receiver, count):
    """Poll until *count* messages and other events have arrived; return all events."""
    events = []
    deadline = time.monotonic() + 20
    while (
        sum(len(event.block) if isinstance(event, Received) else 1 for event in events) < count
        and time.monotonic() < deadline
    ):
        events += receiver.poll(1)
    return events


def types(events):
    return [
        frame.message.type
        for event in events
        if isinstance(event, Received)
        for frame in event.block
    ]


def account_is_balanced(tally):
    return tally.received_bytes == (
        tally.delivered_bytes + tally.refused_bytes + tally.discarded_bytes
    )


def test_a_connection_too_many_replaces_the_one_that_is_idle_for_the_longest_time(make):
    receiver = make(max_connections=2)
    address = listen(receiver)
    with connect(address) as first, connect(address) as second:
        for name, sock in (("1", first), ("2", second), ("3", first)):
            sock.sendall(heka.pack(name))
            assert types(gather(receiver, 1)) == [name]

        with connect(address) as third:
            third.sendall(heka.pack("third"))
            events = []
            while not types(events):
                events += receiver.poll(20)

            assert types(events) == ["third"]
            (ended,) = [event for event in events if isinstance(event, Ended)]
            assert ended.why == "displaced"
            assert ended.origin.endswith(f":{second.getsockname()[1]}")
            assert receiver.tally.displaced == 1
            assert second.recv(1) == b"", "it is told"
            first.sendall(heka.pack("4"))
            assert types(gather(receiver, 1)) == ["4"]


def test_what_a_replaced_connection_has_sent_is_read_first(make):
    receiver = make(max_connections=2)
    address = listen(receiver)
    with connect(address) as first, connect(address) as second, connect(address) as third:
        for name, sock in (("first", first), ("second", second), ("third", third)):
            sock.sendall(heka.pack(name))
        events = []
        while len(types(events)) < 3:
            events += receiver.poll(20)
        assert sorted(types(events)) == ["first", "second", "third"]


def test_a_reset_is_told_and_counted(make):
    receiver = make()
    address = listen(receiver)
    with connect(address) as peer:
        peer.sendall(heka.pack("t"))
        assert types(gather(receiver, 1)) == ["t"]
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    events = []
    while not events:
        events = receiver.poll(20)
    assert [event.why for event in events] == ["reset"]
    assert receiver.tally.resets == 1


def test_large_messages_lower_the_number_of_connections():
    receiver = Receiver(max_message_size=16 * 1024 * 1024)
    receiver.close()

    assert receiver.max_connections == 16


def test_running_out_of_descriptors_is_survived(make):
    receiver = make()
    address = listen(receiver)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with connect(address) as peer:
        peer.sendall(heka.pack("patient"))
        spare = os.dup(0)
        os.close(spare)  # the lowest free number: no more descriptors
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
        try:
            assert receiver.poll(5) == []
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        assert types(gather(receiver, 1)) == ["patient"]


def test_a_reset_costs_its_own_connection_only(make):
    receiver = make()
    address = listen(receiver)
    data = heka.pack("whole")
    with connect(address) as stays:
        leaves = connect(address)
        leaves.sendall(data + data[:-1])
        assert types(gather(receiver, 1)) == ["whole"]
        leaves.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaves.close()
        lost, ended = gather(receiver, 2)
        assert ended.why == "reset"
        stays.sendall(data)
        assert types(gather(receiver, 1)) == ["whole"]

    assert isinstance(lost, Rejected)
    assert lost.discarded_bytes == len(data) - 1
    receiver.close()
    assert account_is_balanced(receiver.tally)


def test_what_is_incomplete_at_the_end_is_discarded(make):
    receiver = make()
    with connect(listen(receiver)) as peer:
        data = heka.pack("never")
        peer.sendall(heka.pack("once") + data[:-1])
        gather(receiver, 1)

        (last,) = receiver.close()

    assert last.discarded_bytes == len(data) - 1
    assert account_is_balanced(receiver.tally)
    assert receiver.close() == []


def test_every_byte_of_a_mixed_stream_is_accounted_for(make):
    receiver = make(signers={("ops", 1): b"key"}, max_message_size=1000)
    wrong = heka.SignerConfig("ops", 1, "wrong", "sha1")
    stream = b"".join(
        (
            b"\x1e\xff junk",
            heka.pack("good"),
            heka.pack("bad", signer=wrong),
            heka.pack("big", payload="x" * 2000),
            b"\x1e" * 100,
            heka.pack("last"),
        )
    )
    with connect(listen(receiver)) as peer:
        peer.sendall(stream)
        events = []
        while "last" not in types(events):
            events += gather(receiver, 1)
    receiver.close()

    assert types(events) == ["good", "last"]
    assert receiver.tally.received_bytes == len(stream)
    assert receiver.tally.refused.total() == 2
    assert receiver.tally.discarded_bytes == 107
    assert account_is_balanced(receiver.tally)


@pytest.mark.parametrize("checked", [False, True])
def test_bare_datagrams_follow_the_rules_of_unsigned_frames(make, checked):
    receiver = make(signers={} if checked else None, require_signature=checked)
    address = listen(receiver, endpoint.listen_udp)
    bare = heka.Message("bare").encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(bare, address)
        sock.sendto(b"", address)
        sock.sendto(bare[:-1], address)
        sock.sendto(heka.pack("framed")[:-1], address)
        events = gather(receiver, 3)

    assert types(events) == ([] if checked else ["bare"])
    assert receiver.tally.refused["unsigned"] == checked
    assert receiver.tally.discarded_bytes == len(bare) - 1 + len(heka.pack("framed")) - 1
    assert account_is_balanced(receiver.tally)


def test_an_incomplete_datagram_does_not_affect_the_next(make):
    """A stream would join the two parts; datagrams are independent."""
    receiver = make()
    address = listen(receiver, endpoint.listen_udp)
    data = heka.pack("halves")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(data[:30], address)
        sock.sendto(data[30:], address)
        events = gather(receiver, 2)

    assert types(events) == []
    assert receiver.tally.discarded_bytes == len(data)


def test_wake_ends_a_wait_and_may_come_first(make):
    receiver = make()
    for _ in range(100_000):  # more than the buffer of the socket pair
        receiver.wake()

    started = time.monotonic()
    assert receiver.poll(20) == []
    assert time.monotonic() - started < 10
    receiver.close()
    receiver.wake()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":5566", ("127.0.0.1", 5566)),
        ("", ("127.0.0.1", 5565)),
        ("example.org", ("example.org", 5565)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:5565", ("::1", 5565)),
        ("[::1]", ("::1", 5565)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
        ("[fe80::1%25eth0]:1", ("fe80::1%eth0", 1)),
        ("5570", ("127.0.0.1", 5570)),
    ],
)
def test_addresses(text, expected):
    assert endpoint.parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [":65536", "65536", "a:b", "::1", "[::1", "a:1:2", ":-1", "[a]b:1", "a:", "a: 1", "a:\u0661"],
)
def test_bad_addresses_say_what_was_expected(text):
    with pytest.raises(ValueError, match=r"expected HOST:PORT"):
        endpoint.parse_address(text)


# ---- errors of opening: without option names of the command line ---------------------------------


def test_a_port_in_use_is_the_system_s_error():
    with (
        endpoint.listen_tcp("127.0.0.1", 0) as taken,
        pytest.raises(OSError, match="in use") as error,
    ):
        endpoint.listen_tcp(*taken.getsockname())

    assert error.value.errno == errno.EADDRINUSE


def test_a_name_that_does_not_resolve_is_a_config_error():
    with pytest.raises(heka.ConfigError, match=r"^cannot listen on udp no\.such\.invalid:5565: "):
        endpoint.listen_udp("no.such.invalid", 5565)


def test_a_file_in_the_way_of_a_unix_socket_is_a_config_error(tmp_path):
    path = tmp_path / "file"
    path.write_text("kept")

    with pytest.raises(heka.ConfigError, match="the file there is not a socket"):
        endpoint.listen_unix(str(path))
    assert path.read_text() == "kept"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param({}, "cert ", id="the-argument"),
        pytest.param({"names": ("cert_file", "key_file", "ca_file")}, "cert_file ", id="caller-s"),
    ],
)
def test_an_absent_certificate_is_a_config_error_in_the_caller_s_words(tmp_path, names, said):
    path = tmp_path / "none.pem"

    with pytest.raises(heka.ConfigError) as error:
        server_context(str(path), None, None, **names)

    assert str(error.value) == f"{said}{path}: No such file or directory; expected a PEM file"
