"""``heka tap`` and the control socket: copies of what arrives, which never slow the receiver."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.support import environment, pack, send_tcp

import heka
from heka._receiving import endpoint
from heka._receiving.control import TAP_TYPE, Control, control_path
from heka._receiving.receiver import Received, Receiver

PATIENCE = 30.0  # seconds


class Listener:
    """A receiver with a control socket in this process."""

    def __init__(self, path: Path) -> None:
        self.receiver = Receiver()
        listening = endpoint.listen_tcp("127.0.0.1", 0)
        self.receiver.add(listening)
        self.control = Control(self.receiver, str(path))
        self.sender = socket.create_connection(listening.getsockname(), PATIENCE)
        self.received = 0

    def turn(self) -> None:
        events = self.receiver.poll(0.05)
        self.control.offer(events)
        self.received += sum(len(one.block) for one in events if isinstance(one, Received))

    def ask(self, request: Any) -> socket.socket:
        """Connect, and send *request*; the reply is still to be read."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(PATIENCE)
        peer.connect(self.control.path)
        peer.sendall(json.dumps(request).encode() + b"\n")
        return peer

    def close(self) -> None:
        self.control.close()
        self.receiver.close()
        self.sender.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path / "below" / "control.sock")
    yield made
    made.close()


def reply(listener: Listener, peer: socket.socket) -> bytes:
    """Serve *peer* until its reply is there, and return it."""
    peer.settimeout(0.0)
    data = b""
    for _ in range(600):
        listener.turn()
        try:
            part = peer.recv(65_536)
        except BlockingIOError:
            continue
        data += part
        if b"\n" in data or not part:
            return data
    raise AssertionError("no reply")


def test_only_its_user_may_connect_and_nothing_is_left(listener):
    path = Path(listener.control.path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    listener.close()
    assert not path.exists()


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({"request": "stop"}, "expected a line of JSON such as"),
        (["tap"], "expected a line of JSON such as"),
        ({"request": "tap", "match": 5}, "match: expected text"),
        ({"request": "tap", "match": "Type = 1"}, "column 6"),
    ],
)
def test_requests_that_are_refused(listener, request_, problem):
    """With the reason; then the connection is closed, and the receiver goes on."""
    peer = listener.ask(request_)

    answer = json.loads(reply(listener, peer).partition(b"\n")[0])

    assert answer["ok"] is False
    assert problem in answer["error"]
    assert not listener.control._peers
    peer.close()


def test_a_request_without_an_end(listener):
    """It is refused before it takes much memory."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.connect(listener.control.path)
    peer.setblocking(False)
    listener.turn()
    while listener.control._peers:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            peer.send(b"x" * 65_536)
        listener.turn()

    assert b"a request is a line of at most 131072 bytes" in reply(listener, peer)
    peer.close()


def test_a_slow_reader_loses_copies_and_is_told_how_many(listener):
    """It gets whole frames; what it got and what it lost is what came. The receiver gets all."""
    slow = listener.ask({"request": "tap"})
    assert reply(listener, slow) == b'{"ok": true}\n'
    frame = pack("t", payload="x" * 60_000)
    listener.sender.settimeout(PATIENCE)
    count = 200
    for number in range(count):
        listener.sender.sendall(frame)
        while listener.received < number:
            listener.turn()
    while listener.received < count:
        listener.turn()
    assert listener.control.lost > 0

    reader = heka.StreamReader()
    got, lost = 0, 0
    while got + lost < count:
        listener.turn()
        try:
            frames = reader.feed(slow.recv(1 << 20))
        except BlockingIOError:
            continue
        for one in frames:
            if one.message.type == TAP_TYPE:
                lost += one.message.fields["lost"][0]
            else:
                got += 1

    assert (got + lost, lost) == (count, listener.control.lost)
    assert (reader.discarded_bytes, listener.received) == (0, count)
    slow.close()


def test_a_reader_that_disappears(listener):
    gone = listener.ask({"request": "tap", "match": "Severity == 6"})
    assert reply(listener, gone) == b'{"ok": true}\n'
    gone.close()
    for _ in range(3):
        listener.sender.sendall(pack("t"))
        listener.turn()

    while listener.received < 3:
        listener.turn()
    assert not listener.control._peers


def test_names_of_sockets(monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert control_path("shop") == "/run/user/1000/heka/shop.sock"
    assert control_path("./shop") == "./shop"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    with pytest.raises(heka.ConfigError, match="that variable is not set; give a path, for inst"):
        control_path("shop")


def test_tap_as_a_process(start, tmp_path):
    """By name; it ends by Ctrl-C alone, or when the listener ends."""
    env = environment(XDG_RUNTIME_DIR=str(tmp_path))
    listen = start("listen", "--tcp", ":0", "--quiet", "--control", "shop", env=env)
    (address,) = listen.listening()
    listen.wait_for(lambda out, err: f"control socket {tmp_path}/heka/shop.sock\n" in err)
    taps = [
        start("tap", "shop", "--match", "Type == 'b'", "--format", "json", env=env),
        start("tap", os.path.join("heka", "shop.sock"), "--format", "json", env=env),
    ]
    while not all(tap.out for tap in taps):  # until both are connected
        send_tcp(address, pack("a") + pack("b"))
    assert taps[0].stop() == 0

    send_tcp(address, pack("last"))
    taps[1].wait_for(lambda out, err: '"last"' in out)
    assert listen.stop() == 0
    assert taps[1].ended() == 0

    assert {json.loads(line)["type"] for line in taps[0].out.splitlines()} == {"b"}
    assert {json.loads(line)["type"] for line in taps[1].out.splitlines()} == {"a", "b", "last"}
    assert taps[0].err == ""
    assert taps[1].err == "heka tap: the listener has ended\n"
    assert listen.out == ""
    late = start("tap", "shop", env=env)
    assert late.ended() == 1
    assert "nothing listens at" in late.err
    assert "start 'heka listen --control shop'" in late.err
