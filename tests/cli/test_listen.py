"""``python -m heka listen``, run as a process with real sockets."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from cli.support import (
    KEY,
    LOCAL,
    PATIENCE,
    SGR,
    environment,
    pack,
    send_tcp,
    send_udp,
    signer,
    wire_message,
)

import heka


def test_shows_what_arrives_over_udp_and_tcp(start):
    listen = start("listen", *LOCAL)
    udp, tcp = listen.listening(2)

    send_udp(udp, pack("by.datagram", fields={"size": heka.Field(12, "KiB")}))
    send_tcp(tcp, pack("by.stream", payload="one\ntwo"))
    listen.wait_for(lambda out, err: "by.datagram" in out and "two" in out)

    assert listen.stop() == 0
    assert "  size = 12 KiB  integer\n" in listen.out
    assert "  │ one\n  │ two\n" in listen.out
    assert re.search(r"^  not verified · udp 127\.0\.0\.1:\d+ · logger test ", listen.out, re.M)
    assert re.search(r"^  not verified · tcp 127\.0\.0\.1:\d+ · logger test ", listen.out, re.M)


def test_output_in_a_pipe_has_no_escape_sequences(start):
    listen = start("listen", *LOCAL)
    udp, _ = listen.listening(2)

    send_udp(udp, pack("plain", payload="\x1b[31mred\x1b[0m \x07\u202e"))
    listen.wait_for(lambda out, err: "red" in out)
    listen.stop()

    assert "\x1b" not in listen.out + listen.err
    assert r"  │ \x1b[31mred\x1b[0m \x07\u202e" in listen.out


@pytest.mark.parametrize(
    ("changes", "coloured"),
    [
        pytest.param({}, True, id="terminal"),
        pytest.param({"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param({"NO_COLOR": ""}, True, id="empty-NO_COLOR-is-none"),
        pytest.param({"TERM": "dumb"}, False, id="dumb"),
        pytest.param({"TERM": "dumb", "FORCE_COLOR": "1"}, True, id="FORCE_COLOR"),
        pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="NO_COLOR-wins"),
    ],
)
def test_colour_on_a_terminal(start, changes, coloured):
    """Colours appear exactly when the terminal and the environment allow them."""
    master, slave = os.openpty()
    env = environment(**{"TERM": "xterm-256color", **changes})
    try:
        listen = start("listen", "--udp", ":0", stdout=slave, env=env)
        os.close(slave)
        send_udp(listen.listening()[0], pack("on.a.terminal"))
        seen = b""
        while b"on.a.terminal" not in seen or not seen.endswith(b"\n\r\n"):
            seen += os.read(master, 65536)
        assert listen.stop() == 0
    finally:
        os.close(master)

    text = seen.decode()
    assert ("\x1b[34mINFO" in text) is coloured
    assert ("\x1b" in text) is coloured
    assert "INFO       on.a.terminal" in SGR.sub("", text)


def test_a_terminal_is_measured_each_time(start):
    """Long lines are wrapped with a bar, also after the terminal was resized."""
    master, slave = os.openpty()
    try:
        listen = start("listen", "--udp", ":0", stdout=slave, env=environment(TERM="xterm"))
        (udp,) = listen.listening()
        for columns in (40, 30):
            size = struct.pack("HHHH", 24, columns, 0, 0)
            fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
            send_udp(udp, pack("wide", payload="x" * (columns - 4) + "forged"))
            seen = b""
            while b"forged" not in seen:
                seen += os.read(master, 65536)
            assert b"x\r\n  \x1b[2m\xe2\x94\x82\x1b[0m forged\r\n" in seen
    finally:
        os.close(slave)
        os.close(master)


def test_force_color_colours_a_pipe(start):
    listen = start("listen", "--udp", ":0", env=environment(FORCE_COLOR="1"))

    send_udp(listen.listening()[0], pack("piped"))
    listen.wait_for(lambda out, err: "piped" in out)

    assert "\x1b[34mINFO" in listen.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_summary_accounts_for_every_byte(start, number):
    """Messages, bytes, refused by reason and discarded, at Ctrl-C and at SIGTERM alike."""
    good, bad = pack("good", signer()), pack("bad", signer(key="wrong"))
    stranger, unsigned = pack("stranger", signer("nobody")), pack("unsigned")
    listen = start("listen", "--tcp", ":0", "--key", f"ops:1:{KEY}")
    (tcp,) = listen.listening()

    stream = b"garbage" + good + bad + bad + stranger + unsigned
    with socket.create_connection(tcp, PATIENCE) as sock:
        sock.sendall(stream + good[:20])  # an incomplete frame: not a message
        listen.wait_for(lambda out, err: "unsigned" in out)
        assert listen.stop(number) == 0

    assert listen.err.splitlines()[-1] == (
        f"2 messages, {len(stream) + 20:,} bytes, "
        "3 refused (bad digest 2, unknown signer 1), 27 bytes discarded"
    )
    assert "signed by ops v1" in listen.out
    assert re.search(r"INFO +unsigned\n  unsigned · tcp", listen.out)
    assert "stranger" not in listen.out
    assert "bad" not in listen.out


def test_an_ignored_interrupt_stays_ignored(start):
    """As with ``nohup`` and background jobs; SIGTERM still ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listen = start("listen", "--udp", ":0")
    (udp,) = listen.listening()

    listen.process.send_signal(signal.SIGINT)
    send_udp(udp, pack("still.there"))
    listen.wait_for(lambda out, err: "still.there" in out)

    assert listen.stop(signal.SIGTERM) == 0
    assert "1 message," in listen.err


@pytest.mark.parametrize(
    ("sender", "told"),
    [
        (
            signer("nobody", version=3),
            '(unknown signer) from {}; signer "nobody" version 3 is not known; '
            "give its key with --key-file",
        ),
        (
            signer(version=2),
            '(unknown signer) from {}; signer "ops" version 2: the known key has version 1',
        ),
        (
            signer(key="wrong"),
            '(bad digest) from {}; the key of signer "ops" version 1 is another one here, '
            "or the message was changed",
        ),
        (
            signer("a\x1b[2Jb"),
            '(unknown signer) from {}; signer "a\\x1b[2Jb" version 1 is not known; ',
        ),
    ],
    ids=["name", "version", "key", "control-characters"],
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_refusal_names_the_signer(start, transport, sender, told):
    listen = start("listen", f"--{transport}", ":0", "--key", f"ops:1:{KEY}")
    (there,) = listen.listening()

    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.connect(there)
        host, port = sock.getsockname()
        sock.send(pack("refused", sender))
        line = "refused 1 frame " + told.format(f"{transport} {host}:{port}")
        listen.wait_for(lambda out, err: line in err)

    listen.stop()
    assert listen.out == ""


def test_of_several_refusals_the_last_signer_is_named(start):
    listen = start("listen", "--tcp", ":0", "--key", f"ops:1:{KEY}", "--require-signature")
    frames = [pack("a", signer("nobody")), pack("b", signer(key="wrong")), pack("c")]

    with socket.create_connection(listen.listening()[0], PATIENCE) as sock:
        sock.sendall(b"".join(frames))
        listen.wait_for(lambda out, err: "refused 3 frames (" in err)

    listen.stop()
    assert '; last: the key of signer "ops" version 1 is another one here, or the' in listen.err


def test_a_refusal_without_a_signer_names_none(start):
    """Also after one with a signer on the same connection."""
    listen = start("listen", "--tcp", ":0", "--key", f"ops:1:{KEY}", "--require-signature")

    with socket.create_connection(listen.listening()[0], PATIENCE) as sock:
        sock.sendall(pack("a", signer("nobody")))
        listen.wait_for(lambda out, err: 'signer "nobody"' in err)
        time.sleep(1.1)  # a second passes between two notices
        sock.sendall(pack("b"))
        listen.wait_for(lambda out, err: "refused 1 frame (unsigned)" in err)

    listen.stop()
    (line,) = [line for line in listen.err.splitlines() if "(unsigned) from" in line]
    assert 'signer "' not in line


def test_refusals_are_reported_when_they_happen(start):
    listen = start("listen", "--udp", ":0", "--key", f"ops:1:{KEY}", "--require-signature")

    send_udp(listen.listening()[0], pack("unsigned"))
    listen.wait_for(lambda out, err: "refused 1 frame (unsigned) from udp 127.0.0.1:" in err)

    listen.stop()
    assert listen.out == ""
    assert "0 messages" in listen.err
    assert "1 refused (unsigned)" in listen.err


def test_ipv6(start):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    listen = start("listen", "--udp", "[::1]:0", "--tcp", "[::1]:0")
    udp, tcp = listen.listening(2)

    send_udp(udp, pack("six.udp"))
    send_tcp(tcp, pack("six.tcp"))
    listen.wait_for(lambda out, err: "six.udp" in out and "six.tcp" in out)

    assert "listening on udp [::1]:" in listen.err
    assert "tcp [::1]:" in listen.out


def test_json_holds_everything(start):
    """One object per line, exact values: 64-bit integers, bytes, NaN, bytes that are not UTF-8."""
    listen = start("listen", "--udp", ":0", "--json", "--key", f"ops:1:{KEY}")
    (udp,) = listen.listening()
    fields = {
        "big": 2**63 - 1,
        "ratio": [0.1, float("inf"), float("-inf"), float("nan")],
        "raw": b"\x00\xff",
        "ok": [True, False],
        "user.name": "a\u2028b",
        "size": heka.Field(12, "KiB"),
    }
    sent = heka.Message(
        "json", "test", 3, fields, "a\nb\x1b", timestamp_ns=1_700_000_000_123_456_789
    )

    send_udp(udp, heka.frame(sent.encode(), signer()))
    send_udp(udp, heka.frame(wire_message(type=b"bad\xff", timestamp=-1)))
    listen.wait_for(lambda out, err: out.count("\n") == 2)
    listen.stop()

    first, second = map(json.loads, listen.out.splitlines())
    assert listen.out.isascii()
    assert first["time"] == "2023-11-14T22:13:20.123456789Z"
    assert first["timestamp_ns"] == sent.timestamp
    assert first["payload"] == sent.payload
    assert (first["severity"], first["severity_name"]) == (3, "ERROR")
    assert (first["signer"], first["signer_version"]) == ("ops", 1)
    assert first["pid"] == os.getpid()
    assert first["from"].startswith("udp 127.0.0.1:")
    assert first["fields"] == {
        "big": {"value_type": "integer", "representation": "", "values": [2**63 - 1]},
        "ratio": {
            "value_type": "double",
            "representation": "",
            "values": [0.1, "Infinity", "-Infinity", "NaN"],
        },
        "raw": {"value_type": "bytes", "representation": "", "values": ["AP8="]},
        "ok": {"value_type": "bool", "representation": "", "values": [True, False]},
        "user.name": {"value_type": "string", "representation": "", "values": ["a\u2028b"]},
        "size": {"value_type": "integer", "representation": "KiB", "values": [12]},
    }
    assert second["type"] == "bad\udcff"
    assert second["time"] == "1969-12-31T23:59:59.999999999Z"
    assert (second["signature_checked"], second["signer"]) == (True, None)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_reads_it(start):
    listen = start("listen", "--udp", ":0", "--json")
    send_udp(listen.listening()[0], pack("for.jq", fields={"size": 12, "bad": float("nan")}))
    listen.wait_for(lambda out, err: "\n" in out)

    answer = subprocess.run(
        ["jq", "-r", ".type, .fields.size.values[0]"],
        input=listen.out,
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout == "for.jq\n12\n"


def test_a_closed_output_pipe_ends_it_without_an_error(start):
    read_end, write_end = os.pipe()
    try:
        listen = start("listen", "--udp", ":0", stdout=write_end)
        os.close(write_end)
        (udp,) = listen.listening()
        send_udp(udp, pack("seen"))
        assert b"seen" in os.read(read_end, 65536)
    finally:
        os.close(read_end)
    before = listen.err
    send_udp(udp, pack("unseen"))

    assert listen.ended() == 0
    assert listen.err == before


def test_oversize_messages_are_refused_by_reason(start):
    listen = start("listen", *LOCAL, "--max-message", "300")
    udp, tcp = listen.listening(2)

    send_tcp(tcp, pack("long", payload="x" * 400) + pack("short"))
    send_udp(udp, heka.Message("bare.long", payload="x" * 400).encode())
    listen.wait_for(lambda out, err: "short" in out)
    send_udp(udp, pack("last"))
    listen.wait_for(lambda out, err: "last" in out)
    listen.stop()

    assert "2 refused (oversize), 0 bytes discarded" in listen.err
    assert "xxxx" not in listen.out


def test_a_bare_message_in_a_datagram_is_read(start):
    """``udp://host?framing=none`` sends Messages without frames; several framed ones fit too."""
    listen = start("listen", "--udp", ":0")

    send_udp(
        listen.listening()[0],
        heka.Message("bare").encode(),
        pack("first") + pack("second"),
    )
    listen.wait_for(lambda out, err: all(word in out for word in ("bare", "first", "second")))

    listen.stop()
    assert "3 messages" in listen.err
    assert "0 refused, 0 bytes discarded" in listen.err


def test_random_bytes_are_discarded_to_the_last_one(start):
    noise = random.Random(5565)
    listen = start("listen", *LOCAL, "--key", f"ops:1:{KEY}")
    udp, tcp = listen.listening(2)
    datagrams = [noise.randbytes(noise.randrange(1, 1400)) for _ in range(50)]
    stream = noise.randbytes(1_000_000) + b"\x1e\xff" + b"\x1e" * 5000 + pack("after")

    send_udp(udp, *datagrams)
    send_tcp(tcp, stream)
    listen.wait_for(lambda out, err: "after" in out)
    send_udp(udp, pack("end"))
    listen.wait_for(lambda out, err: "end\n" in out)

    assert listen.stop() == 0
    summary = listen.err.splitlines()[-1]
    fed = len(stream) + sum(map(len, datagrams)) + len(pack("end"))
    useful = len(pack("after")) + len(pack("end"))
    assert summary == (f"2 messages, {fed:,} bytes, 0 refused, {fed - useful:,} bytes discarded")
    assert "Traceback" not in listen.err


def test_a_hundred_connections_come_and_go(start):
    """Opened at once, some dropped with a reset, some in the middle of a frame."""
    listen = start("listen", "--tcp", ":0")
    (tcp,) = listen.listening()
    half = pack("never.complete")[:-1]

    peers = [socket.create_connection(tcp, PATIENCE) for _ in range(100)]
    for number, peer in enumerate(peers):
        if number % 2:
            peer.sendall(half)
        if number % 3 == 0:  # close() resets the connection
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
    send_tcp(tcp, pack("after.all"))
    listen.wait_for(lambda out, err: "after.all" in out)

    assert listen.stop() == 0
    assert "1 message," in listen.err
    assert "never.complete" not in listen.out


def test_a_slow_peer_and_a_torn_frame(start):
    """A frame that arrives byte by byte is one message; other peers do not wait for it."""
    listen = start("listen", "--tcp", ":0")
    (tcp,) = listen.listening()
    data = pack("slow")

    with socket.create_connection(tcp, PATIENCE) as slow:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data[:-1]:
            slow.sendall(bytes([byte]))
        send_tcp(tcp, pack("fast"))
        listen.wait_for(lambda out, err: "fast" in out)
        assert "slow" not in listen.out
        slow.sendall(data[-1:])
        listen.wait_for(lambda out, err: "slow" in out)

    listen.stop()
    assert "2 messages" in listen.err


def test_what_heka_log_sends_is_shown(start):
    listen = start("listen", *LOCAL)
    udp, tcp = listen.listening(2)

    assert heka.log("from.log", "test", to=f"udp://127.0.0.1:{udp[1]}")
    assert heka.log("from.log.tcp", "test", to=f"tcp://127.0.0.1:{tcp[1]}")

    listen.wait_for(lambda out, err: "from.log.tcp" in out and "from.log\n" in out)


def test_a_latin_terminal_gets_ascii_glyphs(start):
    """A character that standard output cannot encode does not end the receiver."""
    env = environment(PYTHONUTF8="0", PYTHONIOENCODING="ascii", PYTHONCOERCECLOCALE="0")
    listen = start("listen", "--udp", ":0", env=env)

    send_udp(listen.listening()[0], pack("zoë", payload="\u2603"))
    listen.wait_for(lambda out, err: "u2603" in out)

    assert r"INFO       zo\xeb" in listen.out
    assert r"  | \u2603" in listen.out
    assert " - logger test - " in listen.out
