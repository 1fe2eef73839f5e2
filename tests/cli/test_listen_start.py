"""How ``listen`` starts, or reports in one sentence why not: addresses, keys, wrong usage."""

from __future__ import annotations

import os
import select
import signal
import socket
from pathlib import Path

import pytest
from cli.support import PATIENCE, pack, send_udp, signer

from heka.cli.show.terminal import stop_signals


def test_keys_come_from_a_file_and_are_never_printed(start, tmp_path):
    """Comments and empty lines are skipped, a key may hold colons and any byte."""
    path = tmp_path / "keys"
    path.write_bytes(b"# for tests\n\nops:1:wrong\nops:2:a:b\xff \r\n")
    path.chmod(0o600)
    listen = start("listen", "--udp", ":0", "--key-file", str(path))

    send_udp(listen.listening()[0], pack("kept", signer(version=2, key=b"a:b\xff ")))
    listen.wait_for(lambda out, err: "kept" in out)
    listen.stop()

    assert "signed by ops v2" in listen.out
    assert "note:" not in listen.err


def test_a_key_file_that_others_may_read_is_noted(start, tmp_path):
    path = tmp_path / "keys"
    path.write_text("ops:1:secret\n")
    path.chmod(0o644)
    listen = start("listen", "--udp", ":0", "--key-file", str(path))

    listen.wait_for(lambda out, err: "run 'chmod 600' on it" in err)

    assert "secret" not in listen.err


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param("ops:1", "found 1 of its 2 colons", id="no-key"),
        pytest.param(":1:secret", "the name is empty", id="no-name"),
        pytest.param("ops:1:", "the key is empty", id="empty-key"),
        pytest.param("ops:one:secret", "not a number from 0 to 4294967295", id="version-in-words"),
        pytest.param(
            "ops:4294967296:secret", "not a number from 0 to 4294967295", id="version-too-big"
        ),
        pytest.param("ops:1:a\nops:1:b", "two keys for 'ops' version 1", id="twice"),
        pytest.param("# nothing", "contains no key", id="empty"),
    ],
)
def test_a_bad_key_file_ends_with_its_line_and_without_its_key(start, tmp_path, line, complaint):
    path = tmp_path / "keys"
    path.write_text(line)
    listen = start("listen", "--udp", ":0", "--key-file", str(path))

    assert listen.ended() == 1
    assert complaint in listen.err
    assert listen.err.count("\n") == 1
    assert "secret" not in listen.err


def test_a_missing_key_file_is_named(start):
    listen = start("listen", "--udp", ":0", "--key-file", "nowhere")

    assert listen.ended() == 1
    assert "cannot read the key file 'nowhere': No such file" in listen.err


def test_require_signature_without_a_key_is_refused(start):
    listen = start("listen", "--require-signature")

    assert listen.ended() == 1
    assert "--require-signature needs a key" in listen.err


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_port_in_use_is_one_sentence_with_the_remedy(start, transport):
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if transport == "tcp":
            taken.listen()
        port = taken.getsockname()[1]
        listen = start("listen", f"--{transport}", f":{port}")

        assert listen.ended() == 1

    assert f"cannot listen on {transport} 127.0.0.1:{port}: the port is in use" in listen.err
    assert f"--{transport} :PORT" in listen.err
    assert listen.err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        pytest.param(["--udp", "1.2.3"], "does not resolve", id="no-host"),
        pytest.param(["--tcp", "192.0.2.1:0"], "no such address", id="not-ours"),
    ],
)
def test_an_unavailable_address_is_one_sentence(start, args, complaint):
    listen = start("listen", *args)

    assert listen.ended() == 1
    assert listen.err.count("\n") == 1
    assert complaint in listen.err or "cannot listen on udp 1.2.3:5565" in listen.err


@pytest.mark.parametrize(
    "args",
    [
        ["--udp", "host:port"],
        ["--udp", ":65536"],
        ["--tcp", "::1:5565"],
        ["--max-message", "0"],
        ["--max-message", "16777217"],
        ["--key", "ops:1"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_exits_with_two(start, args):
    listen = start("listen", *args)

    assert listen.ended() == 2
    assert "Traceback" not in listen.err


def test_a_port_alone_is_loopback(start):
    listen = start("listen", "--udp", ":0", "--tcp", "localhost:0")

    assert [host for host, _ in listen.listening(2)] == ["127.0.0.1", "127.0.0.1"]


def test_a_public_address_is_noted(start):
    listen = start("listen", "--udp", "0.0.0.0:0")

    listen.wait_for(lambda out, err: "every host that can reach udp 0.0.0.0:" in err)


def test_unix_socket_is_made_and_removed(start, tmp_path):
    """A socket left by a killed receiver is replaced, one in use is not."""
    path = tmp_path / "heka.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    listen = start("listen", "--unix", "heka.sock")
    listen.wait_for(lambda out, err: "listening on unix heka.sock\n" in err)

    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(pack("by.path"))
    listen.wait_for(lambda out, err: "by.path" in out)
    second = start("listen", "--unix", "heka.sock")

    assert second.ended() == 1
    assert "another program listens there" in second.err
    assert listen.stop() == 0
    assert "unix heka.sock" in listen.out
    assert not path.exists()


def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(start, tmp_path):
    (tmp_path / "data").write_text("precious")
    listen = start("listen", "--unix", "data")

    assert listen.ended() == 1
    assert "the file there is not a socket; remove it" in listen.err
    assert (tmp_path / "data").read_text() == "precious"


def test_a_second_receiver_on_the_default_port_is_refused(start, tmp_path: Path):
    """Without options, UDP and TCP on 127.0.0.1:5565 are both opened, or neither."""
    first = start("listen")
    first.wait_for(lambda out, err: err.endswith("\n"))
    if "in use" in first.err:
        pytest.skip("port 5565 is taken on this machine")
    first.wait_for(lambda out, err: "tcp 127.0.0.1:5565\n" in err)
    second = start("listen")

    assert second.ended() == 1
    assert "udp 127.0.0.1:5565: the port is in use" in second.err
    assert "listening on udp 127.0.0.1:5565\n" in first.err


def test_a_signal_just_before_the_wait_ends_it():
    """Python runs no handler then, and C has written to the descriptor: select returns."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs, stop_signals(lambda: None, theirs.fileno()) as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([ours], [], [], PATIENCE)[0] == [ours]
        assert stopped()
        assert signal.set_wakeup_fd(-1) == -1  # the first signal restores what was before
