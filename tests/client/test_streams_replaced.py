"""Objects that replace a stream's socket or write() are called."""

from __future__ import annotations

import os
import socket
import threading
from unittest.mock import Mock, call, patch

import pytest
from delivery.support import PATIENCE, Datagrams, Listener, Task, free_port, run_threads

import heka
from heka.streams import TcpStream, UdpStream


def udp_pair(keep):
    peer = keep(Datagrams())
    return peer, keep(UdpStream("127.0.0.1", peer.port))


def tcp_pair(keep):
    peer = keep(Listener())
    return peer, keep(TcpStream("127.0.0.1", peer.port))


# ---- UdpStream.socket ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port", "ends"),
    [
        pytest.param("127.0.0.1", 5565, [("127.0.0.1", 5565)], id="one"),
        pytest.param(["a", "b"], [1, "2"], [("a", 1), ("b", 2)], id="two"),
        pytest.param(["a", "b"], 1, [("a", 1), ("b", 1)], id="fewer-ports"),
    ],
)
def test_sendto_is_called_for_each_destination(keep, host, port, ends):
    """As the tests of heka-py 0.30 do, with text too."""
    stream = keep(UdpStream(host=host, port=port))

    with patch.object(stream, "socket") as sock:
        assert stream.write('{"this": "is"}') is True

    assert sock.sendto.call_args_list == [call('{"this": "is"}', end) for end in ends]


def test_a_replaced_socket_is_called_by_the_hot_path_too(keep):
    """A client stores the sink, which must not go on sending on the old descriptor."""
    peer, stream = udp_pair(keep)
    sink = stream.sink
    sink.write(b"before", 1.0)
    stream.socket = Mock()

    assert sink.write(b"frame", 1.0) is True

    stream.socket.sendto.assert_called_once_with(b"frame", ("127.0.0.1", peer.port))
    assert peer.take() == b"before"
    assert peer.is_empty()
    assert stream.stats()["sent"] == 2


@pytest.mark.parametrize("how", ["delete", "none", "monkeypatch", "patch"])
def test_frames_go_to_the_kernel_again_after_the_socket_is_restored(keep, how):
    peer, stream = udp_pair(keep)
    stream.write(b"1")
    if how == "monkeypatch":
        with pytest.MonkeyPatch.context() as context:
            context.setattr(stream, "socket", Mock())
            stream.write(b"2")
    elif how == "patch":
        with patch.object(stream, "socket"):
            stream.write(b"2")
    else:
        stream.socket = Mock()
        stream.write(b"2")
        if how == "delete":
            del stream.socket
        else:
            stream.socket = None

    stream.write(b"3")

    assert [peer.take(), peer.take()] == [b"1", b"3"]
    assert stream.sink.attached
    assert isinstance(stream.socket, socket.socket)
    assert stream.stats()["sent"] == 3


def test_the_socket_is_none_before_the_first_frame(keep):
    _, stream = udp_pair(keep)

    assert stream.socket is None


def test_a_socket_of_the_programs_own_is_used(keep):
    """For example one with SO_BROADCAST."""
    peer, stream = udp_pair(keep)
    own = keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    own.bind(("127.0.0.1", 0))
    stream.socket = own

    stream.write(b"x")

    assert peer.sock.recvfrom(9) == (b"x", own.getsockname())
    assert stream.socket is own


@pytest.mark.parametrize("through", ["write", "sink"])
def test_exception_of_a_replaced_socket_is_counted_and_the_next_frame_is_tried(
    keep, through, capsys
):
    stream = keep(UdpStream("127.0.0.1", 9))
    stream.socket = Mock()
    stream.socket.sendto.side_effect = [OSError("no"), None]
    send = stream.write if through == "write" else lambda data: stream.sink.write(data, 1.0)

    assert [send(b"1"), send(b"2")] == [False, True]
    assert stream.stats()["dropped"] == {"error": 1}
    assert stream.stats()["offered"] == 2
    assert "cannot send to udp://127.0.0.1:9 (error): OSError('no')" in capsys.readouterr().err


def test_a_socket_that_fails_for_one_destination_is_called_for_the_other(keep, capsys):
    stream = keep(UdpStream(["a", "b"], 1))
    stream.socket = Mock()
    stream.socket.sendto.side_effect = [OSError("no"), None]

    assert stream.write(b"x") is True
    each = stream.stats()["destinations"]
    assert [each[f"udp://{host}:1"]["sent"] for host in "ab"] == [0, 1]


def test_an_interrupt_of_a_replaced_socket_passes_and_releases_the_lock(keep):
    stream = keep(UdpStream("127.0.0.1", 9))
    stream.socket = Mock()
    stream.socket.sendto.side_effect = [KeyboardInterrupt, None]

    with pytest.raises(KeyboardInterrupt):
        stream.write(b"1")
    assert stream.write(b"2") is True


def test_a_replaced_socket_is_not_called_after_close(keep):
    stream = keep(UdpStream("127.0.0.1", 9))
    stream.socket = Mock()
    stream.close()

    assert stream.write(b"x") is False
    assert stream.sink.write(b"x", 1.0) is False
    assert stream.socket.sendto.call_count == 0
    assert stream.stats()["dropped"] == {"closed": 2}


def test_a_socket_replaced_during_a_back_off_is_called(keep, capsys):
    stream = keep(TcpStream("127.0.0.1", free_port()))
    assert stream.write(b"x") is False
    stream.sockets[0] = Mock()

    assert stream.write(b"y") is True


# ---- TcpStream.sockets ---------------------------------------------------------------------------


def test_sockets_are_connected_once_then_sendall_is_called(keep):
    stream = keep(TcpStream(["a", "b"], [1, 2]))
    first, second = Mock(), Mock()
    stream.sockets = [first, second]

    stream.write(b"1")
    stream.write(b"2")

    assert first.mock_calls == [call.connect(("a", 1)), call.sendall(b"1"), call.sendall(b"2")]
    assert second.mock_calls == [call.connect(("b", 2)), call.sendall(b"1"), call.sendall(b"2")]


def test_one_of_several_may_be_replaced(keep):
    peer = keep(Listener())
    stream = keep(TcpStream(["127.0.0.1", "b"], [peer.port, 2]))
    stream.sockets[1] = Mock()

    stream.write("text")

    assert keep(peer.accept()).sock.recv(9) == b"text"
    stream.sockets[1].sendall.assert_called_once_with("text")


def test_a_connected_socket_of_the_programs_own_is_not_connected_again(keep):
    peer, stream = tcp_pair(keep)
    own = keep(socket.create_connection(("127.0.0.1", peer.port)))
    stream.sockets[0] = own

    assert stream.write(b"x") is True
    assert keep(peer.accept()).sock.recv(9) == b"x"


def test_a_socket_of_the_programs_own_is_connected(keep):
    peer, stream = tcp_pair(keep)
    stream.sockets = [keep(socket.socket())]

    assert stream.write(b"x") is True
    assert keep(peer.accept()).sock.recv(9) == b"x"


@pytest.mark.parametrize("how", ["item", "list", "patch", "monkeypatch"])
def test_the_connection_is_made_again_after_the_socket_is_restored(keep, how):
    peer, stream = tcp_pair(keep)
    stream.write(b"1")
    before = stream.sockets[0]
    assert isinstance(before, socket.socket)
    if how == "patch":
        with patch.object(stream, "sockets", [Mock()]):
            stream.write(b"2")
    elif how == "monkeypatch":
        with pytest.MonkeyPatch.context() as context:
            context.setattr(stream, "sockets", [Mock()])
            stream.write(b"2")
    elif how == "list":
        stream.sockets = [Mock()]
        stream.write(b"2")
        stream.sockets = [before]
    else:
        stream.sockets[0] = Mock()
        stream.write(b"2")
        stream.sockets[0] = None

    assert stream.write(b"3") is True

    connections = [keep(peer.accept()) for _ in range(2)]
    assert [connection.sock.recv(9) for connection in connections] == [b"1", b"3"]


def test_as_many_sockets_as_destinations(keep):
    stream = keep(TcpStream(["a", "b"], 1))

    with pytest.raises(ValueError, match="one socket for each of 2 destinations, got 1"):
        stream.sockets = [Mock()]
    assert (len(stream.sockets), list(stream.sockets)) == (2, [None, None])
    assert repr(stream.sockets) == "[None, None]"


def test_calls_of_threads_do_not_overlap(keep):
    """sendall() may write in parts."""
    inside, most = [], []

    def sendall(data):
        inside.append(data)
        most.append(len(inside))
        threading.Event().wait(0.001)
        inside.pop()

    stream = keep(TcpStream("a", 1, timeout=PATIENCE))
    stream.sockets[0] = Mock(sendall=sendall)

    results = run_threads(4, lambda index: [stream.write(b"x") for _ in range(10)])

    assert all(map(all, results))
    assert set(most) == {1}


def test_a_socket_that_hangs_blocks_another_thread_for_its_timeout_only(keep):
    entered, go_on = threading.Event(), threading.Event()

    def sendall(data):
        entered.set()
        assert go_on.wait(PATIENCE)

    stream = keep(TcpStream("a", 1, timeout=0.1))
    stream.sockets[0] = Mock(sendall=sendall)

    def work(index):
        if index == 0:
            return stream.write(b"1")
        assert entered.wait(PATIENCE)
        try:
            return stream.write(b"2")
        finally:
            go_on.set()

    assert run_threads(2, work) == [True, False]
    assert stream.stats()["dropped"] == {"timeout": 1}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of 3.12
def test_a_call_in_progress_during_a_fork_does_not_block_the_child(keep):
    """A thread is inside sendall() while the process forks."""
    entered, go_on = threading.Event(), threading.Event()

    def sendall(data):
        if data == b"parent":
            entered.set()
            assert go_on.wait(PATIENCE)

    stream = keep(TcpStream("a", 1, timeout=PATIENCE))
    stream.sockets[0] = Mock(sendall=sendall)
    writer = threading.Thread(target=stream.write, args=(b"parent",))
    writer.start()
    assert entered.wait(PATIENCE)
    stream.timeout = 5.0
    child = os.fork()
    if child == 0:
        os._exit(0 if stream.write(b"child") and stream.stats()["sent"] == 1 else 1)
    go_on.set()
    writer.join()

    assert os.waitpid(child, 0)[1] == 0


def test_a_half_written_frame_is_finished_on_the_socket_where_it_began(keep):
    """The rest goes to the old socket, the next frame to the replacement."""
    peer = keep(Listener(buffer=4096))
    stream = keep(TcpStream("127.0.0.1", peer.port, timeout=PATIENCE))
    stream.write(heka.pack("first"))
    connection = keep(peer.accept())
    big = heka.pack("big", payload="x" * 65_000)
    sent = [1]

    def fill():
        while stream.sockets[0] is None or not isinstance(stream.sockets[0], Mock):
            stream.write(big)
            sent[0] += 1

    writer = threading.Thread(target=fill)
    writer.start()
    while not stream.sink.busy:
        assert writer.is_alive()
    stream.sockets[0] = mock = Mock()
    reading = Task(connection.read_to_end)
    writer.join(PATIENCE)
    stream.sink.write(b"for the mock", 1.0)

    assert not stream.sink.attached
    assert mock.sendall.call_args == call(b"for the mock")
    stream.close()
    assert len(reading.result()) + mock.sendall.call_count == sent[0] + 1
    assert connection.tail == 0


def test_the_hot_path_may_have_begun_a_frame_in_the_moment_of_replacing(keep):
    """The hot path loses the descriptor only after the frame is whole."""
    peer = keep(Listener(buffer=4096))
    stream = keep(TcpStream("127.0.0.1", peer.port, timeout=PATIENCE))
    stream.write(heka.pack("first"))
    connection = keep(peer.accept())
    reading = Task(connection.read_to_end)
    lane = stream._lanes[0]
    lane._call = Mock()  # the first half of divert()
    big = heka.pack("big", payload="x" * 65_000)
    count = 0
    while stream.sink.attached:
        stream.sink.write(big, PATIENCE)
        count += 1
    stream.close()

    assert len(reading.result()) + lane._call.call_count == 1 + count
    assert connection.tail == 0


# ---- write ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["patch", "monkeypatch"])
def test_a_replaced_write_is_called_by_the_hot_path(keep, how):
    peer, stream = udp_pair(keep)
    sink = stream.sink
    sink.write(b"1", 1.0)
    if how == "patch":
        with patch.object(stream, "write") as write:
            sink.write(b"2", 1.0)
        write.assert_called_once_with(b"2")
    else:
        seen = []
        with pytest.MonkeyPatch.context() as context:
            context.setattr(stream, "write", seen.append)
            sink.write(b"2", 1.0)
        assert seen == [b"2"]
    sink.write(b"3", 1.0)
    stream.write(b"4")

    assert [peer.take() for _ in range(3)] == [b"1", b"3", b"4"]
    assert sink.attached


@pytest.mark.parametrize("through", ["write", "sink"])
def test_a_replaced_write_may_call_what_it_replaced(keep, through):
    peer, stream = udp_pair(keep)

    with patch.object(stream, "write", wraps=stream.write) as write:
        if through == "sink":
            stream.sink.write(b"x", 1.0)
        else:
            stream.write(b"x")

    assert peer.take() == b"x"
    write.assert_called_once_with(b"x")


def test_setting_another_attribute_changes_nothing(keep):
    stream = keep(UdpStream("a", 1))
    stream.note = 5
    del stream.note

    assert not hasattr(stream, "note")


def test_a_socket_that_logs_through_the_stream_does_not_deadlock(keep):
    """Messages logged inside the object's call go to the kernel."""
    peer, stream = udp_pair(keep)
    stream.socket = Mock(sendto=lambda data, address: stream.write(b"inner"))

    assert stream.write(b"outer") is True
    assert peer.take() == b"inner"


def test_heka_log_reaches_the_replaced_socket(keep):
    stream = keep(UdpStream("127.0.0.1", 9))
    stream.socket = Mock()

    heka.log("t", to=stream)

    assert stream.socket.sendto.call_count == 1
