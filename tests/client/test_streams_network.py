"""Network streams: sockets, several destinations, threads, fork, close."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from delivery.support import SOON, Datagrams, Listener, free_port, run, run_threads, within

import heka
from heka._core import Sink
from heka.exceptions import ConfigError
from heka.streams import TcpStream, UdpStream, UnixStream, UrlStream
from heka.streams.lanes import Lane

FRAME = heka.pack("t", payload="p")


def identity_holds(account):
    return account["offered"] == account["sent"] + sum(account["dropped"].values())


# ---- one destination -----------------------------------------------------------------------------


def test_udp_sends_each_write_as_one_datagram(keep):
    peer = keep(Datagrams())
    stream = keep(UdpStream("127.0.0.1", peer.port))

    assert [stream.write(b"one"), stream.write(b"two")] == [True, True]
    assert [peer.take(), peer.take()] == [b"one", b"two"]


def test_tcp_sends_frames_one_behind_the_other(keep):
    peer = keep(Listener())
    stream = keep(TcpStream("127.0.0.1", peer.port))

    stream.write(heka.pack("a"))
    stream.write(heka.pack("b"))

    assert [message.type for message in keep(peer.accept()).take(2)] == ["a", "b"]


def test_unix_stream(keep, tmp_path):
    peer = keep(Listener(socket.AF_UNIX, str(tmp_path / "s")))
    stream = keep(UnixStream(tmp_path / "s"))

    assert stream.write(FRAME)
    assert keep(peer.accept()).take(1)[0].payload == "p"


def test_unix_datagrams(keep, tmp_path):
    peer = keep(Datagrams(socket.AF_UNIX, str(tmp_path / "s")))
    stream = keep(UnixStream(str(tmp_path / "s"), "datagram"))

    assert stream.write(FRAME)
    assert peer.take() == FRAME


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="abstract names are Linux's")
def test_an_abstract_unix_socket(keep):
    name = f"heka-{os.getpid()}"
    peer = keep(Datagrams(socket.AF_UNIX, f"\0{name}"))
    stream = keep(UnixStream(f"@{name}", kind="datagram"))

    stream.write(FRAME)

    assert peer.take() == FRAME


def test_a_relative_unix_path_is_resolved_when_the_stream_is_created(keep, tmp_path, monkeypatch):
    peer = keep(Datagrams(socket.AF_UNIX, str(tmp_path / "s")))
    monkeypatch.chdir(tmp_path)
    stream = keep(UnixStream("s", kind="datagram"))
    monkeypatch.chdir("/")

    assert stream.write(FRAME)
    assert peer.take() == FRAME


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        pytest.param("", "stream", "path: expected the path of a unix socket, got ''", id="empty"),
        pytest.param("a\0b", "stream", "path: expected the path", id="nul"),
        pytest.param(None, "stream", "path: expected one path or a sequence", id="none"),
        pytest.param([3], "stream", "path: expected the path .* got 3", id="int-in-list"),
        pytest.param("/" + "x" * 120, "stream", "121 bytes, a unix socket's at most", id="long"),
        pytest.param("/s", "seqpacket", "kind: expected 'stream' or 'datagram'", id="kind"),
    ],
)
def test_invalid_path_or_kind_of_a_unix_socket_is_refused(path, kind, said):
    with pytest.raises(ConfigError, match=said):
        UnixStream(path, kind)


@pytest.mark.parametrize(
    "notation",
    [
        pytest.param(lambda port: ("127.0.0.1", port), id="tuple"),
        pytest.param(lambda port: f"127.0.0.1:{port}", id="host-and-port"),
        pytest.param(lambda port: f"udp://127.0.0.1:{port}", id="url"),
        pytest.param(lambda port: [f"udp://127.0.0.1:{port}"], id="list-of-one"),
    ],
)
def test_a_url_in_each_notation_of_heka_log(keep, notation):
    peer = keep(Datagrams())
    stream = keep(UrlStream(notation(peer.port)))

    stream.write(FRAME)

    assert peer.take() == FRAME
    assert list(stream.stats()["destinations"]) == [f"udp://127.0.0.1:{peer.port}"]


@pytest.mark.parametrize(
    "url", [None, 5, [], "", "tls://a?ca=/no", "gopher://a", ["udp://a:1", None]]
)
def test_invalid_url_is_refused(url):
    with pytest.raises(ConfigError):
        UrlStream(url)


def test_a_url_may_name_a_file(keep, tmp_path):
    stream = keep(UrlStream(f"file://{tmp_path}/f"))

    stream.write(FRAME)

    assert (tmp_path / "f").read_bytes() == FRAME


def test_without_framing_bare_messages_are_sent(keep):
    peer = keep(Datagrams())
    stream = keep(UrlStream(f"udp://127.0.0.1:{peer.port}?framing=none"))

    stream.write(FRAME)
    stream.write('{"json": 1}\n')

    assert heka.Message.decode(peer.take()).payload == "p"
    assert peer.take() == b'{"json": 1}\n'


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        pytest.param(bytearray(b"x"), b"x", id="bytearray"),
        pytest.param(memoryview(b"x"), b"x", id="memoryview"),
        pytest.param("é", b"\xc3\xa9", id="text-is-utf-8"),
        pytest.param("a\udcffb", b"a\xffb", id="surrogateescape-is-its-byte"),
        pytest.param("a\ud800", b"a\\ud800", id="another-surrogate-is-shown"),
    ],
)
def test_types_that_may_be_written(keep, data, sent):
    peer = keep(Datagrams())

    assert keep(UdpStream("127.0.0.1", peer.port)).write(data)
    assert peer.take() == sent


@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["127.0.0.1", "127.0.0.1"]], ids=["one", "two"])
def test_object_that_no_encoder_produces_is_a_type_error(keep, hosts):
    stream = keep(UdpStream(hosts, 9))

    with pytest.raises(TypeError, match=r"expected bytes or str, got Message; .* ProtobufEncoder"):
        stream.write(heka.Message("t"))
    assert stream.stats()["offered"] == 0


# ---- the sink ------------------------------------------------------------------------------------


def test_one_destination_offers_its_sink_to_c(keep):
    peer = keep(Datagrams())
    stream = keep(UdpStream("127.0.0.1", peer.port))

    assert type(stream.sink) is Sink
    assert stream.sink.write(FRAME, 1.0)
    assert stream.sink.attached
    assert peer.take() == FRAME
    assert stream.stats()["sent"] == 1


def test_several_destinations_offer_no_sink(keep):
    assert keep(UdpStream(["a", "b"], 1)).sink is None


def test_an_overridden_write_of_a_subclass_is_called(keep):
    class Own(UdpStream):
        def write(self, data):
            return super().write(data)

    assert keep(Own("a", 1)).sink is None


@pytest.mark.parametrize(
    ("stream", "size"),
    [
        pytest.param(lambda: UdpStream("a", 1), 8192, id="udp"),
        pytest.param(lambda: TcpStream("a", 1), 0, id="tcp"),
        pytest.param(lambda: UnixStream("/a", "datagram"), 8192, id="unixgram"),
        pytest.param(
            lambda: UrlStream(["udp://a?datagram=900", "tcp://a", "udp://b"]), 900, id="smallest"
        ),
    ],
)
def test_the_largest_frame_is_an_attribute(keep, stream, size):
    assert keep(stream()).max_frame == size


def test_heka_log_takes_a_stream(keep):
    peers = [keep(Datagrams()), keep(Datagrams())]
    stream = keep(UdpStream(["127.0.0.1"] * 2, [peer.port for peer in peers]))

    assert heka.log("both", to=stream)
    assert [peer.message().type for peer in peers] == ["both", "both"]


# ---- several -------------------------------------------------------------------------------------


def test_every_destination_gets_each_frame(keep):
    peers = [keep(Datagrams()) for _ in range(3)]
    stream = keep(UdpStream(["127.0.0.1"] * 3, [peer.port for peer in peers]))

    assert [stream.write(b"1"), stream.write(b"2")] == [True, True]
    assert [peer.take() + peer.take() for peer in peers] == [b"12"] * 3
    assert stream.stats()["sent"] == 6


@pytest.mark.parametrize("first", [True, False], ids=["the-first-fails", "the-last-fails"])
def test_a_failing_destination_does_not_stop_the_others(keep, first, capsys):
    peer, dead = keep(Listener()), free_port()
    ports = [dead, peer.port] if first else [peer.port, dead]
    stream = keep(TcpStream(["127.0.0.1"] * 2, ports))

    assert [stream.write(heka.pack(name)) for name in ("a", "b")] == [True, True]

    assert [message.type for message in keep(peer.accept()).take(2)] == ["a", "b"]
    stats = stream.stats()
    each = stats["destinations"]
    assert (each[peer.url]["sent"], each[peer.url]["dropped"]) == (2, {})
    assert each[f"tcp://127.0.0.1:{dead}"]["dropped"] == {"refused": 1, "backoff": 1}
    assert (stats["offered"], stats["sent"]) == (4, 2)
    assert capsys.readouterr().err.count("cannot send to") == 1


def test_write_is_false_and_counted_if_no_destination_took_the_frame(keep, capsys):
    stream = keep(TcpStream(["127.0.0.1"] * 2, [free_port(), free_port()]))

    assert stream.write(FRAME) is False
    assert stream.stats()["dropped"] == {"refused": 2}
    assert identity_holds(stream.stats())


def test_several_destinations_share_the_timeout_of_one_write(keep, capsys):
    """Two hanging destinations leave time for the third, and the write meets its timeout."""
    full = [keep(Listener(backlog=0)) for _ in range(2)]
    for one in full:  # the backlog is full: the kernel answers nobody
        for _ in range(3):
            sock = keep(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", one.port))
    peer = keep(Listener())
    ports = [full[0].port, full[1].port, peer.port]
    stream = keep(TcpStream(["127.0.0.1"] * 3, ports, timeout=0.3))

    with within(SOON):
        assert stream.write(heka.pack("a")) is True

    assert keep(peer.accept()).take(1)[0].type == "a"
    assert stream.stats()["dropped"] == {"timeout": 2}


def test_remaining_time_is_divided_by_the_remaining_destinations(keep, monkeypatch):
    """The remaining time is divided by the number of remaining destinations."""
    shares = []

    def write(lane, data, timeout):
        shares.append(timeout)
        return False

    monkeypatch.setattr(Lane, "write", write)
    keep(TcpStream(["a", "b", "c"], 1, timeout=60)).write(b"x")

    assert [round(share) for share in shares] == [20, 30, 60]


def test_the_same_destination_twice_gets_two_frames_under_one_name(keep):
    peer = keep(Datagrams())
    stream = keep(UdpStream(["127.0.0.1", "127.0.0.1"], peer.port))

    stream.write(b"x")

    assert [peer.take(), peer.take()] == [b"x", b"x"]
    assert [account["sent"] for account in stream.stats()["destinations"].values()] == [2]


# ---- threads and processes -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2], ids=["one-destination", "two"])
def test_frames_of_threads_are_never_interleaved(keep, count):
    """With small buffers most frames are written in parts."""
    peers = [keep(Listener(buffer=4096)) for _ in range(count)]
    stream = keep(TcpStream(["127.0.0.1"] * count, [peer.port for peer in peers], timeout=60.0))
    body = "x" * 30_000

    def work(index):
        if index < 4:
            return [stream.write(heka.pack(f"t{index}", payload=body)) for _ in range(10)]
        connection = keep(peers[index - 4].accept())
        return connection, connection.take(40)

    results = run_threads(4 + count, work)

    assert all(all(sent) for sent in results[:4])
    for connection, messages in results[4:]:
        assert {message.payload for message in messages} == {body}
        assert sorted({message.type for message in messages}) == ["t0", "t1", "t2", "t3"]
        assert connection.reader.discarded_bytes == 0


def test_a_child_connects_for_itself_and_counts_from_zero(keep):
    peer = keep(Listener())
    told = run(
        """
        from heka.streams import TcpStream
        stream = TcpStream("127.0.0.1", sys.argv[1])
        stream.write(heka.pack("parent"))
        before = stream.stats()
        child = os.fork()
        if child == 0:
            after_fork = stream.stats()
            stream.write(heka.pack("child"))
            tell(after_fork=after_fork, child=stream.stats())
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        stream.write(heka.pack("parent again"))
        tell(before=before, parent=stream.stats())
        stream.close()
        """,
        peer.port,
    ).facts

    first, second = keep(peer.accept()), keep(peer.accept())
    assert [message.type for message in first.read_to_end()] == ["parent", "parent again"]
    assert [message.type for message in second.read_to_end()] == ["child"]
    assert told["before"]["sent"] == 1
    assert (told["after_fork"]["offered"], told["after_fork"]["dropped"]) == (0, {})
    assert (told["child"]["sent"], told["parent"]["sent"]) == (1, 2)


# ---- flush and close -----------------------------------------------------------------------------


def test_flush_of_a_synchronous_stream_returns_at_once(keep):
    assert keep(UdpStream("a", 1)).flush() is True


def test_flush_is_false_while_a_frame_is_half_written(keep):
    peer = keep(Listener(buffer=4096))
    stream = keep(TcpStream("127.0.0.1", peer.port, timeout=60.0))
    stream.write(heka.pack("first"))
    connection = keep(peer.accept())
    big = heka.pack("big", payload="x" * 65_000)
    writer = threading.Thread(target=lambda: [stream.write(big) for _ in range(200)])
    writer.start()
    try:
        while not stream.sink.busy:
            assert writer.is_alive()
        assert stream.flush() is False
        with within(SOON):
            assert stream.flush(0.1) is False
    finally:
        connection.take(201)
        writer.join()
    assert stream.flush() is True


def test_after_close_frames_are_dropped_and_counted(keep, capsys):
    peer = keep(Datagrams())
    stream = UdpStream("127.0.0.1", peer.port)
    stream.write(FRAME)
    stream.close()

    assert stream.write(FRAME) is False
    assert stream.closed
    assert stream.stats()["dropped"] == {"closed": 1}
    assert stream.stats()["sent"] == 1


def test_a_with_block_closes(keep):
    peer = keep(Listener())
    with TcpStream("127.0.0.1", peer.port) as stream:
        stream.write(heka.pack("t"))

    assert stream.closed
    assert [message.type for message in keep(peer.accept()).read_to_end()] == ["t"]


def test_close_twice(keep):
    stream = UdpStream("a", 1)
    stream.close()
    stream.close()

    assert stream.closed


def test_repr_names_the_destinations(keep):
    assert repr(keep(UdpStream(["a", "b"], 1))) == "<UdpStream udp://a:1, udp://b:1>"
