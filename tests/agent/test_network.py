"""TcpInput and UdpInput on the intake: what arrives, what is refused, and how a pause is felt."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent.support import WORLD, Shelf
from delivery.support import wait_until

import heka
from heka._core import SignerConfig, monotonic, pack
from heka.agent.graph import Feed, Graph
from heka.agent.inputs.network import SignerOptions, TcpInput, TcpOptions, UdpInput, UdpOptions
from heka.agent.intake import Intake


class Site:
    """An intake with inputs whose messages end on one shelf."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.graph = Graph([self.shelf.consumer])
        self.intake = Intake()
        self.intake.start()
        self.inputs: list[Any] = []
        self.socks: list[socket.socket] = []

    def add(self, plugin: type, options: Any) -> Any:
        made = plugin("X", options, Feed(self.graph, "X", WORLD))
        made.start()
        self.intake.add(made)
        self.inputs.append(made)
        return made

    def connect(self, made: Any) -> socket.socket:
        kind, _, address = made.addresses[0].partition(" ")
        if kind.startswith("unix"):
            style = socket.SOCK_STREAM if kind == "unix" else socket.SOCK_DGRAM
            sock = socket.socket(socket.AF_UNIX, style)
            sock.connect(address)
        else:
            host, _, port = address.rpartition(":")
            style = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
            sock = socket.socket(socket.AF_INET, style)
            sock.connect((host, int(port)))
        self.socks.append(sock)
        return sock

    def close(self) -> None:
        for made in self.inputs:
            self.intake.remove(made)
            made.stop(monotonic() + 5)
        assert self.intake.stop(monotonic() + 5)
        for sock in self.socks:
            sock.close()
        assert self.intake.failures == 0


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def frames(first: int, last: int) -> bytes:
    return b"".join(pack(payload=str(number)) for number in range(first, last))


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


@pytest.mark.parametrize(
    ("plugin", "options"),
    [
        (TcpInput, TcpOptions(address="127.0.0.1:0")),
        (TcpInput, TcpOptions(address="stream", net="unix")),
        (UdpInput, UdpOptions(address="127.0.0.1:0")),
        (UdpInput, UdpOptions(address="datagrams", net="unixgram")),
    ],
    ids=["tcp", "unix", "udp", "unixgram"],
)
def test_heka_messages(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: type, options: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    made = site.add(plugin, options)
    sock = site.connect(made)
    for number in range(0, 50, 10):
        sock.send(frames(number, number + 10))
    wait_until(lambda: len(site.shelf.payloads) == 50, "50 messages")
    assert site.shelf.payloads == numbers(0, 50)
    assert made.account()["refused"] == {}


@pytest.mark.parametrize("plugin", [TcpInput, UdpInput])
def test_lines(site: Site, plugin: Any) -> None:
    options = plugin.Options(address="127.0.0.1:0", splitter="TokenSplitter", max_message_size=20)
    made = site.add(plugin, options)
    sock = site.connect(made)
    sock.send(
        b"one\r\n\ntwo\n" + b"long" * 10 + b"\nthr\xffee" + (b"\n" if plugin is TcpInput else b"")
    )
    wait_until(lambda: len(site.shelf.payloads) == 3, "3 lines")
    assert site.shelf.payloads == ["one", "two", "thr�ee"]
    assert made.account()["refused"] == {"oversize": 1}
    if plugin is TcpInput:
        sock.send(b"torn")
        sock.close()
        wait_until(lambda: "incomplete" in made.account()["refused"], "the end")


@pytest.mark.parametrize("line", [b"x" * 65_530, b"\xff" * 30_000], ids=["head", "replaced"])
def test_a_line_that_is_too_long_as_a_message_is_refused(site: Site, line: bytes) -> None:
    options = TcpOptions(address="127.0.0.1:0", splitter="TokenSplitter")
    made = site.add(TcpInput, options)
    site.connect(made).sendall(line + b"\nnext\n")
    wait_until(lambda: site.shelf.payloads, "the next line")
    assert site.shelf.payloads == ["next"]
    account = made.account()
    assert account["refused"] == {"oversize": 1}
    assert account["received_bytes"] == len(line) + 6


def test_a_message_over_what_queues_hold_is_refused(site: Site) -> None:
    made = site.add(TcpInput, TcpOptions(address="127.0.0.1:0", max_message_size=1 << 20))
    payload = b"\x32\xa0\x8d\x06" + b"y" * 100_000  # 100,000 bytes
    message = heka.Message().encode() + payload
    size = len(message)
    header = b"\x08" + bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
    sock = site.connect(made)
    sock.sendall(b"\x1e" + bytes([len(header)]) + header + b"\x1f" + message + frames(0, 1))
    wait_until(lambda: site.shelf.payloads, "the next message")
    assert site.shelf.payloads == ["0"]
    assert made.account()["refused"] == {"oversize": 1}


def test_while_a_queue_is_full_the_peer_waits_and_nothing_is_lost(site: Site) -> None:
    site.shelf.room = 0
    made = site.add(TcpInput, TcpOptions(address="127.0.0.1:0"))
    other = site.add(TcpInput, TcpOptions(address="127.0.0.1:0"))
    sock = site.connect(made)
    sock.settimeout(0.2)
    data = frames(0, 1000)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 64 * 1024 * 1024:  # the buffers of the kernel, and one turn of the receiver
            sent += sock.send(data)
    assert made.is_paused
    assert not other.is_paused
    received = made.account()["received_bytes"]
    assert received < sent
    site.shelf.room = None
    rest = len(data) - sent % len(data)
    sock.settimeout(30)
    sock.sendall(data[len(data) - rest :])
    expected = (sent + rest) // len(data) * 1000
    wait_until(lambda: len(site.shelf.payloads) == expected, "all messages")
    assert site.shelf.payloads == numbers(0, 1000) * (expected // 1000)


def test_datagrams_that_the_kernel_has_no_room_for_are_counted(site: Site) -> None:
    site.shelf.room = 0
    made = site.add(UdpInput, UdpOptions(address="127.0.0.1:0"))
    sock = site.connect(made)
    sock.send(frames(0, 1))
    wait_until(lambda: made.is_paused, "the pause")
    datagram = pack(payload="x" * 1000)
    for _ in range(20_000):
        sock.send(datagram)
    lost = made.account()["lost"]
    assert lost > 0
    site.shelf.room = None
    wait_until(lambda: len(site.shelf.payloads) == 20_001 - lost, "what was not lost")
    assert made.account()["lost"] == lost


def test_signed_messages_only(site: Site) -> None:
    options = TcpOptions(
        address="127.0.0.1:0", signer={"ops_1": SignerOptions("key")}, require_signature=True
    )
    made = site.add(TcpInput, options)
    sock = site.connect(made)
    good = pack(payload="good", signer=SignerConfig("ops", 1, "key", "sha1"))
    wrong = pack(payload="wrong", signer=SignerConfig("ops", 1, "another", "sha1"))
    sock.sendall(wrong + pack(payload="unsigned") + good)
    wait_until(lambda: site.shelf.payloads, "the signed message")
    assert site.shelf.payloads == ["good"]
    assert sum(made.account()["refused"].values()) == 2


def test_one_input_that_raises_does_not_end_the_others(site: Site) -> None:
    class Broken:
        name, is_paused, due, calls = "broken", False, None, 0

        def __init__(self) -> None:
            self.ends = socket.socketpair()

        def fileno(self) -> int:
            return self.ends[0].fileno()

        def read(self) -> None:
            self.ends[0].recv(1)
            raise RuntimeError("broken")

        def retry(self) -> bool:
            return True

    broken = Broken()
    site.intake.add(broken)
    made = site.add(TcpInput, TcpOptions(address="127.0.0.1:0"))
    broken.ends[1].send(b"x")
    wait_until(lambda: site.intake.failures, "the failure")
    site.connect(made).sendall(frames(0, 1))
    wait_until(lambda: site.shelf.payloads, "a message")
    site.intake.failures = 0
    site.intake.remove(broken)
    for end in broken.ends:
        end.close()


def test_what_was_read_before_the_stop_is_given(site: Site) -> None:
    site.shelf.room = 0
    made = site.add(TcpInput, TcpOptions(address="127.0.0.1:0"))
    site.connect(made).sendall(frames(0, 10))
    wait_until(lambda: made.is_paused, "the pause")
    site.intake.remove(made)
    site.inputs.clear()
    site.shelf.room = None
    made.stop(monotonic() + 5)
    assert site.shelf.payloads == numbers(0, 10)
