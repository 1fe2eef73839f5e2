"""``python -m heka send``: what arrives at real listeners, and what is said of the rest."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest
from cli.support import KEY, PATIENCE, SGR, environment

import heka
from heka import _core, cli

HEAD = (bytes(range(16)), 1_772_370_131_123_456_789, 3, -5)
TEXTS = ("type", "logger", "pay\nload", "0.8", "host")
#: What no new message has, and what a reader of JSON may change.
FIELDS = [
    ("text", "unit", 0, ["a", "", "\udcff\u20ac\U0001f600\x7f"]),
    ("bytes", "", 1, [b"\0\xff", b""]),
    ("integer", "", 2, [2**63 - 1, -(2**63), 0]),
    ("double", "", 3, [1.0, -0.0, 1e300, 5e-324, 0.1, float("inf")]),
    ("bool", "", 4, [True, False]),
    ("none", "", 3, []),
    ("", "", 0, ["no name"]),
]


def lines_of(*messages: bytes) -> bytes:
    """Return the lines of ``listen --json`` for these messages."""
    origin = (True, "ops", 1, "tcp 127.0.0.1:5")
    return "".join(_core.json_line(data, *origin) for data in messages).encode()


def ended(process, given: bytes = b"") -> int:
    """Write *given* to the process's standard input, close it, and return the exit code."""
    process.process.stdin.write(given)
    process.process.stdin.close()
    return process.ended()


@pytest.fixture
def sink():
    """A listening TCP socket, its URL, and what a sender has sent until it disconnects."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(PATIENCE)

        def received() -> list[heka.Frame]:
            sock, _ = server.accept()
            with sock:
                sock.settimeout(PATIENCE)
                reader = heka.StreamReader()
                frames = []
                while chunk := sock.recv(65_536):
                    frames += reader.feed(chunk)
                assert reader.pending_bytes == reader.discarded_bytes == 0
                return frames

        yield f"tcp://127.0.0.1:{server.getsockname()[1]}", received


def closed_port(kind: int) -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_one_message_of_options(start, transport):
    """Each option is an attribute or a field; a name that is repeated has several values."""
    listen = start("listen", "--json", f"--{transport}", ":0")
    ((host, port),) = listen.listening()

    send = start(
        *("send", f"{transport}://{host}:{port}", "--type", "order", "--logger", "shop"),
        *("--severity", "error", "--payload", "caf\u00e9", "--field", "name=a=b"),
        *("--field:int", "n=3", "--field:int", "n=-4", "--field:float", "x=0.5"),
        *("--field:bool", "ok=yes", "--field:bool", "ok=False", "--field:bytes", "raw=\u00e9"),
    )

    assert send.ended() == 0
    assert (send.out, send.err) == ("", "")
    listen.wait_for(lambda out, err: out.endswith("\n"))
    (record,) = map(json.loads, listen.out.splitlines())
    attributes = ("type", "logger", "severity", "payload", "pid", "hostname")
    assert [record[name] for name in attributes] == [
        *("order", "shop", 3, "caf\u00e9", send.process.pid, socket.gethostname())
    ]
    found = {
        name: (field["value_type"], field["values"]) for name, field in record["fields"].items()
    }
    assert found == {
        "name": ("string", ["a=b"]),
        "n": ("integer", [3, -4]),
        "x": ("double", [0.5]),
        "ok": ("bool", [True, False]),
        "raw": ("bytes", ["w6k="]),
    }


def test_messages_of_lines_come_back(start, sink):
    """The bytes that arrive are those of which the lines were made, in their order."""
    url, received = sink
    messages = [
        _core.encode_raw(*HEAD, TEXTS, FIELDS),
        _core.encode_raw(*HEAD, ("\udc80",) * 5, []),
        _core.encode_raw(bytes(16), -1, -(2**31), 2**31 - 1, ("",) * 5, []),
        *(heka.Message(f"t{number}", fields={"n": number}).encode() for number in range(300)),
    ]

    send = start("send", url, "--json", stdin=subprocess.PIPE)
    code = ended(send, lines_of(*messages))

    assert (code, send.out) == (0, "")
    assert send.err == f"{len(messages)} messages sent to {url}\n"
    assert [frame.payload for frame in received()] == messages


def test_lines_without_the_keys_of_a_receiver(start, sink):
    """Those of to="stdout", and a last line without its newline."""
    url, received = sink
    data = heka.Message("t").encode()
    given = f"\n{_core.json_line(data)}  \n{_core.json_line(data)}".rstrip("\n").encode()

    send = start("send", url, "--json", stdin=subprocess.PIPE)

    assert ended(send, given) == 0
    assert [frame.payload for frame in received()] == [data, data]


def test_wrong_lines_are_counted_and_the_others_sent(start, sink):
    """The first ten are told by number, nothing in them reaches the terminal as it is."""
    url, received = sink
    good = lines_of(heka.Message("good").encode())
    large = lines_of(heka.Message("large", payload="x" * 65_000).encode()).replace(b"x", b"xx", 600)
    wrong = [b"{\n", b'{"type": 1}\n', b"\x1b[2J\xff\n", large, b"[]\n", *[b"no\n"] * 20]

    send = start("send", url, "--json", stdin=subprocess.PIPE)
    code = ended(send, good + b"".join(wrong) + good)

    assert code == 1
    assert len(received()) == 2
    *told, sent, closing_line = send.err.splitlines()
    assert [line.partition(":")[0] for line in told] == [f"line {n}" for n in range(2, 12)]
    assert "65,6" in told[3] or "receivers take at most" in told[3]
    assert "\x1b" not in send.err
    assert max(map(len, told)) < 300
    assert (sent, closing_line) == (f"2 messages sent to {url}", "25 wrong lines skipped")


def test_a_signature(start, tmp_path):
    """The receiver verifies it; --sign does the same as --sign-file."""
    path = tmp_path / "key"
    path.write_text(f"ops:7:{KEY}\n")
    path.chmod(0o600)
    listen = start("listen", "--json", "--tcp", ":0", "--key-file", "key", "--require-signature")
    url = f"tcp://127.0.0.1:{listen.listening()[0][1]}"

    by_file = start("send", url, "--type", "a", "--sign-file", "key", "--hash", "md5")
    assert by_file.ended() == 0
    by_key = start("send", url, "--type", "b", "--sign", f"ops:7:{KEY}")
    assert by_key.ended() == 0

    listen.wait_for(lambda out, err: out.count("\n") == 2)
    records = [json.loads(line) for line in listen.out.splitlines()]
    assert [(r["type"], r["signer"], r["signer_version"]) for r in records] == [
        ("a", "ops", 7),
        ("b", "ops", 7),
    ]


def test_a_rate_is_never_exceeded(start, sink):
    url, received = sink
    data = lines_of(heka.Message("t").encode())
    send = start("send", url, "--json", "--rate", "10", stdin=subprocess.PIPE)
    send.process.stdin.write(data * 5)
    send.process.stdin.flush()
    began = time.monotonic()

    frames = received() if ended(send) == 0 else []

    assert len(frames) == 5
    assert time.monotonic() - began >= 0.3  # less the time until the first was read


@pytest.mark.parametrize(
    ("transport", "kind", "text"),
    [
        ("udp", socket.SOCK_DGRAM, "1 datagram refused: nothing listens there"),
        ("tcp", socket.SOCK_STREAM, "1 message not delivered"),
    ],
)
def test_nobody_listens(start, transport, kind, text):
    url = f"{transport}://127.0.0.1:{closed_port(kind)}"

    send = start("send", url, "--type", "t", "--timeout", "0.3")

    assert send.ended() == 1
    assert text in send.err
    assert "Traceback" not in send.err


def test_a_peer_that_reads_nothing_ends_it(start):
    """Once the kernels and the queue are full, nothing moves: it gives up and says where."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        line = lines_of(heka.Message("t", payload="x" * 60_000).encode())
        send = start("send", url, "--json", "--timeout", "0.3", stdin=subprocess.PIPE)
        with contextlib.suppress(BrokenPipeError):
            for _ in range(10_000):  # far more than kernels and queue hold
                send.process.stdin.write(line)
                send.process.stdin.flush()

        assert send.ended() == 1
        assert " not delivered" in send.err
        assert "stopped at line " in send.err
        with contextlib.suppress(BrokenPipeError):  # for the part of a line that is left
            send.process.stdin.close()


def test_ctrl_c_tells_what_was_sent(start, sink):
    url, _received = sink
    send = start("send", url, "--json", stdin=subprocess.PIPE)
    send.process.stdin.write(lines_of(*[heka.Message("t").encode()] * 3) + b"wrong\n")
    send.process.stdin.flush()
    send.wait_for(lambda out, err: "line 4: " in err)

    assert send.stop(signal.SIGINT) == 130
    assert " sent to " in send.err
    assert "1 wrong line skipped" in send.err
    assert "Traceback" not in send.err
    send.process.stdin.close()


def test_a_terminal_shows_the_progress(sink, tmp_path):
    """One line, which the closing line replaces."""
    url, received = sink
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "heka", "send", url, "--json", "--rate", "10"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=theirs, cwd=tmp_path, env=environment()
    ) as process:
        process.stdin.write(lines_of(*[heka.Message("t").encode()] * 6))
        process.stdin.close()
        assert len(received()) == 6
        assert process.wait(PATIENCE) == 0
    os.close(theirs)
    text = ""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while chunk := os.read(ours, 65_536):
            text += chunk.decode()
    os.close(ours)

    assert re.search(r"\r\d sent, \d waiting\x1b\[K", text)
    assert SGR.sub("", text).endswith(f"\r\x1b[K6 messages sent to {url}\r\n")


def test_a_payload_from_standard_input(start, sink):
    url, received = sink
    send = start("send", url, "--payload", "-", stdin=subprocess.PIPE)

    assert ended(send, "caf\u00e9\n".encode()) == 0

    (frame,) = received()
    assert frame.message.payload == "caf\u00e9\n"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (b"ab\xff", "is not UTF-8 at byte 2"),
        ("\u20ac".encode() * 30_000, "receivers take at most 65536"),
    ],
)
def test_a_payload_that_no_message_has(start, given, text):
    send = start("send", "localhost:1", "--payload", "-", stdin=subprocess.PIPE)

    assert ended(send, given) == 1
    assert text in send.err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "nothing to send: give --type, --field, --payload, or --json"),
        (["--json", "--type", "t"], "leave --type out"),
        (["--json", "--field", "a=b"], "leave --field out"),
        (["--field", "a"], "expected NAME=VALUE, got 'a'"),
        (["--field", "=a"], "expected NAME=VALUE, got '=a'"),
        (["--field:int", "a=1.5"], "expected an integer of 64 bits, got '1.5'"),
        (["--field:int", f"a={2**63}"], "expected an integer of 64 bits"),
        (["--field:float", "a=x"], "expected a number, got 'x'"),
        (["--field:bool", "a=maybe"], "expected true or false, got 'maybe'"),
        (["--severity", "8"], "expected a severity"),
        (["--rate", "0"], "expected a number above 0, got '0'"),
        (["--timeout", "inf"], "expected a number above 0, got 'inf'"),
        (["--sign", "ops:1"], "expected NAME:VERSION:KEY"),
        (["--type", "t", "--sign", "a:1:k", "--sign-file", "f"], "not both"),
    ],
)
def test_wrong_usage(options, text, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["send", "localhost:1", *options])

    assert caught.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["no://where", "--type", "t"], "unknown scheme 'no'"),
        (["localhost:1", "--field", "a=b", "--field:int", "a=1"], "two types, str and int"),
        (["localhost:1", "--type", "\udcff"], "lone surrogate"),
        (["localhost:1", "--type", "t", "--sign", f"{'a' * 300}:1:k"], "name"),
        (["localhost:1", "--type", "t", "--sign-file", "missing"], "cannot read the key file"),
    ],
)
def test_what_cannot_be_sent(arguments, text, capsys):
    assert cli.main(["send", *arguments]) == 1
    assert text in capsys.readouterr().err


def test_one_key_signs(tmp_path, capsys):
    path = tmp_path / "keys"
    path.write_text("a:1:k\nb:1:k\n")

    assert cli.main(["send", "localhost:1", "--type", "t", "--sign-file", str(path)]) == 1

    err = capsys.readouterr().err
    assert "chmod 600" in err
    assert "2 keys; one of them is to sign" in err
