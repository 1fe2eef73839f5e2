"""Clients with each kind of stream, encoder and filter."""

from __future__ import annotations

import json
import logging
import sys
from unittest.mock import Mock, patch

import pytest
from delivery.support import Datagrams, Listener, free_port, run

import heka
from heka.client import HekaClient
from heka.encoders import NullEncoder
from heka.filters import RateLimit, Sample, SeverityMax
from heka.streams import (
    DebugCaptureStream,
    FileStream,
    FormatterStream,
    StdLibLoggingStream,
    StdOutStream,
    TcpStream,
    UdpStream,
    UrlStream,
)

HMC = {"signer": "vic", "key_version": "1", "hash_function": "SHA1", "key": "some_key"}


def account(client):
    stats = client.stats()
    assert stats["offered"] == stats["sent"] + sum(stats["dropped"].values())
    return stats["sent"], stats["dropped"]


def test_one_destination_is_sent_to_in_c(keep):
    peer = keep(Datagrams())
    client = keep(HekaClient(UdpStream("127.0.0.1", str(peer.port)), "app", hmc=HMC))

    assert client.incr("n") is True

    (frame,) = heka.StreamReader(signers={("vic", 1): "some_key"}).feed(peer.take())
    assert (frame.message.type, frame.signer) == ("counter", "vic")
    assert client.stream.sink.attached
    assert client.stream.stats()["sent"] == client.stats()["sent"] == 1


def test_several_destinations_each_get_the_message(keep):
    peers = [keep(Datagrams()), keep(Datagrams())]
    stream = UdpStream(["127.0.0.1"] * 2, [peer.port for peer in peers])
    client = keep(HekaClient(stream, "app"))

    assert client.heka("t") is True
    assert [peer.message().type for peer in peers] == ["t", "t"]


def test_message_that_no_destination_took_is_counted_as_dropped_by_the_client(keep, capsys):
    stream = TcpStream(["127.0.0.1"] * 2, [free_port(), free_port()])
    client = keep(HekaClient(stream, "app"))

    assert client.heka("t") is False
    assert account(client) == (0, {"stream": 1})
    assert stream.stats()["dropped"] == {"refused": 2}


@pytest.mark.parametrize("encoder", ["Protobuf", "JSON"])
def test_message_to_a_closed_stdout_is_counted_as_dropped_by_the_client(keep, monkeypatch, encoder):
    client = keep(HekaClient(StdOutStream(), "app", encoder=f"heka.encoders.{encoder}Encoder"))
    monkeypatch.setattr(sys, "stdout", None)

    assert client.heka("t") is False
    assert account(client) == (0, {"stream": 1})


def test_heka_log_returns_false_for_a_dropped_message(monkeypatch):
    stream = StdOutStream()
    monkeypatch.setattr(sys, "stdout", None)

    assert heka.log("t", to=stream) is False
    assert heka.stats()["destinations"]["heka.streams.dev.StdOutStream"]["dropped"]["stream"] == 1


@pytest.mark.parametrize("answer", [None, 0, "", Mock()])
def test_other_answers_of_write_say_nothing(answer):
    client = HekaClient(Mock(spec=["write"], **{"write.return_value": answer}), "app")

    assert client.heka("t") is True
    assert account(client) == (1, {})


def test_a_socket_replaced_after_the_client_was_made_is_called(keep):
    client = keep(HekaClient(UdpStream("127.0.0.1", 9), "app"))

    with patch.object(client.stream, "socket") as sock:
        assert client.heka("t") is True

    (data, address), _ = sock.sendto.call_args
    assert heka.StreamReader().feed(data)[0].message.type == "t"
    assert address == ("127.0.0.1", 9)


def test_a_tcp_socket_replaced_after_the_client_was_made_is_connected_and_called(keep):
    client = keep(HekaClient(TcpStream("127.0.0.1", 9), "app"))
    replaced = client.stream.sockets[0] = Mock()

    client.incr("n")
    client.incr("n")

    sent = b"".join(bytes(call.args[0]) for call in replaced.sendall.call_args_list)
    assert [frame.message.type for frame in heka.StreamReader().feed(sent)] == ["counter"] * 2
    replaced.connect.assert_called_once_with(("127.0.0.1", 9))


@pytest.mark.parametrize("encoder", ["Protobuf", "JSON"])
def test_a_write_replaced_after_the_client_was_made_is_called(keep, encoder):
    client = keep(
        HekaClient(UdpStream("127.0.0.1", 9), "app", encoder=f"heka.encoders.{encoder}Encoder")
    )

    with patch.object(client.stream, "write") as write:
        assert client.heka("t") is True

    assert write.call_count == 1


def test_json_lines_to_a_socket(keep):
    peer = keep(Listener())
    client = keep(HekaClient(UrlStream(peer.url), "app", encoder="heka.encoders.JSONEncoder"))

    client.heka("a", fields={"n": 2**53 + 1})
    client.heka("b")

    lines = keep(peer.accept()).sock.makefile("rb")
    records = [json.loads(lines.readline()) for _ in range(2)]
    assert [record["type"] for record in records] == ["a", "b"]
    assert records[0]["fields"]["n"]["values"] == [2**53 + 1]


def test_json_lines_to_stdout(keep, capsys):
    client = keep(HekaClient(StdOutStream(), "app", encoder="heka.encoders.JSONEncoder"))

    client.info("text")

    record = json.loads(capsys.readouterr().out)
    assert (record["payload"], record["severity_name"]) == ("text", "INFO")


def test_frames_to_a_file(keep, tmp_path):
    client = keep(HekaClient(FileStream(tmp_path / "f"), "app"))

    client.heka("a")
    client.heka("b")

    frames = heka.StreamReader().feed((tmp_path / "f").read_bytes())
    assert [frame.message.type for frame in frames] == ["a", "b"]


def test_messages_to_a_formatter(capsys):
    stream = FormatterStream("sys.stderr", lambda message: f"{message.type}: {message.payload}")
    client = HekaClient(stream, "app", encoder=NullEncoder)

    client.info("text")

    assert capsys.readouterr().err == "oldstyle: text\n"


def test_exceptions_reach_logging(caplog):
    """``exception()`` has severity ALERT, for which heka-py 0.30 had no level."""
    client = HekaClient(
        StdLibLoggingStream("streams_client"),
        "app",
        encoder="heka.encoders.StdlibPayloadEncoder",
    )
    try:
        raise ValueError("the reason")
    except ValueError:
        client.exception("failed")

    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert record.getMessage().startswith("oldstyle: failed\nTraceback")
    assert "the reason" in record.getMessage()


# ---- filters that count --------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["heka", "info"])
def test_a_rate_limit_is_called_once_per_message(call):
    stream = DebugCaptureStream()
    client = HekaClient(stream, "app", filters=[RateLimit(1, burst=6, clock=lambda: 1.0)])

    sent = [getattr(client, call)("text") for _ in range(10)]

    assert sent == [True] * 6 + [False] * 4
    assert len(stream.msgs) == 6
    assert client.filters[0].dropped == 4


def test_a_rate_limit_after_a_filter_that_needs_the_message_is_called_once():
    client = HekaClient(
        DebugCaptureStream(),
        "app",
        filters=[lambda message: True, RateLimit(1, burst=6, clock=lambda: 1.0)],
    )

    assert [client.info("text") for _ in range(8)] == [True] * 6 + [False] * 2


@pytest.mark.parametrize("call", ["heka", "info"])
def test_a_sample_is_drawn_once_per_message(call):
    numbers = iter([0.1, 0.9, 0.2])
    client = HekaClient(
        DebugCaptureStream(), "app", filters=[Sample(0.5, random=lambda: next(numbers))]
    )

    assert [getattr(client, call)("text") for _ in range(3)] == [True, False, True]


def test_message_dropped_by_another_filter_is_not_counted_by_a_rate_limit():
    """Whether the other filter comes before or after it."""
    limit = RateLimit(1, burst=1, clock=lambda: 1.0)
    client = HekaClient(DebugCaptureStream(), "app", filters=[limit, SeverityMax(5)])

    assert [client.info("6"), client.notice("5"), client.notice("5")] == [False, True, False]


def test_client_admits_ignores_stateful_filters():
    """admits() may be called any number of times."""
    limit = RateLimit(1, burst=1, clock=lambda: 1.0)
    client = HekaClient(DebugCaptureStream(), "app", filters=[limit, SeverityMax(5)])

    assert [client.admits("t", 5) for _ in range(3)] == [True] * 3
    assert client.admits("t", 6) is False
    assert limit.dropped == 0


def test_admits_asks_a_filter_of_the_programs_own(keep):
    """The filter has no attribute ``stateful``."""

    class Quiet:
        def admits(self, type, severity):
            return severity < 4

        def __call__(self, message):
            return self.admits(message.type, message.severity)

    limit = RateLimit(1, burst=1, clock=lambda: 1.0)
    client = HekaClient(DebugCaptureStream(), "app", filters=[limit, Quiet()])

    assert [client.admits("t", severity) for severity in (3, 4)] == [True, False]
    assert [client.heka("t", severity=severity) for severity in (4, 3, 3)] == [False, True, False]


# ---- processes -----------------------------------------------------------------------------------


def test_a_prefork_server_sends_from_each_worker(keep):
    """The client is created and used before the workers are forked."""
    peer = keep(Datagrams())
    run(
        """
        from heka.client import HekaClient
        from heka.streams import UdpStream
        client = HekaClient(UdpStream("127.0.0.1", sys.argv[1]), "app")
        client.heka("parent")
        for worker in range(3):
            child = os.fork()
            if child == 0:
                sent = client.heka(f"worker{worker}", fields={"pid": os.getpid()})
                os._exit(0 if sent and client.stream.stats()["sent"] == 1 else 1)
            assert os.waitpid(child, 0)[1] == 0
        client.close()
        """,
        peer.port,
    )

    messages = [peer.message() for _ in range(4)]
    assert [message.type for message in messages] == ["parent", "worker0", "worker1", "worker2"]
    assert all(message.fields["pid"] == [message.pid] for message in messages[1:])
    assert len({message.pid for message in messages}) == 4
