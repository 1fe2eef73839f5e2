"""``doctor``: one line for each check, against real sockets, and the exit code."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import socket
import struct
import sys
import termios
import threading

import pytest
from cli.support import PATIENCE, SGR, environment
from delivery.support import Datagrams, Listener, free_port, has_ipv6

from heka._net.defaults import DEFAULT_TO


class Peer:
    """A TCP server that calls ``behave(sock)`` with each connection, in a thread."""

    def __init__(self, behave):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(16)
        self.port = self.sock.getsockname()[1]
        self.kept = []
        threading.Thread(target=self._serve, args=(behave,), daemon=True).start()

    def _serve(self, behave):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.kept.append(sock)
            threading.Thread(target=self._one, args=(behave, sock), daemon=True).start()

    @staticmethod
    def _one(behave, sock):
        try:
            behave(sock)
        except OSError:
            return

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        for sock in (self.sock, *self.kept):
            sock.close()


@pytest.fixture
def peer():
    made = []

    def maker(behave):
        made.append(Peer(behave))
        return made[-1].port

    yield maker
    for one in made:
        one.close()


def read_some(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end is closed
        return b""


def close(sock):
    sock.close()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def chatter(sock):
    while True:
        sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 100)


def drip(sock, end=threading.Event()):  # noqa: B008  # never set
    while True:
        sock.sendall(b"\x16")
        end.wait(0.05)


def wait(sock):
    sock.recv(1)
    threading.Event().wait()


# --- which destination ---


def test_without_a_url_the_default_is_checked(doctor):
    said = doctor()

    level, text = said("destination")
    assert (level, text) == ("ok", f"{DEFAULT_TO}, from the default, as HEKA_TO is not set")
    assert said("meaning")[1].startswith("UDP: one datagram for each message")


def test_the_environment_names_the_destination(doctor):
    port = free_port()
    said = doctor(HEKA_TO=f"tcp://127.0.0.1:{port}")

    text = f"tcp://127.0.0.1:{port}, from the environment variable HEKA_TO"
    assert said("destination") == ("ok", text)
    assert said("environment") == ("ok", "HEKA_TO is set: the default destination")


def test_a_variable_that_is_empty_is_not_set(doctor):
    said = doctor(HEKA_TO="")

    assert said("environment")[1].startswith("none of HEKA_TO, ")
    assert said("destination")[1].endswith("from the default, as HEKA_TO is not set")


def test_an_argument_that_differs_from_the_environment_is_a_warning(doctor):
    said = doctor(f"tcp://127.0.0.1:{free_port()}", HEKA_TO="udp://elsewhere.invalid")

    levels = [level for level, _ in said.all("destination")]
    assert levels == ["ok", "warning"]
    assert "run 'heka doctor' without a URL" in said.all("destination")[1][1]


def test_an_argument_that_is_the_environment_s_is_no_warning(doctor):
    port = free_port()
    said = doctor(f"udp://localhost:{port}", HEKA_TO=f"localhost:{port}")

    assert said("destination")[0] == "ok"


def test_an_invalid_environment_is_a_problem(doctor):
    said = doctor(HEKA_TO="ucp://user:hunter2@h")

    level, text = said("destination")
    assert (said.code, level) == (1, "problem")
    assert "'misconfigured'" in text
    assert "correct HEKA_TO" in text
    assert "hunter2" not in said.out + said.err


@pytest.mark.parametrize(
    "url",
    [
        "tcp://user:hunter2@localhost:1",
        "tcp://user:hun ter2@localhost:1",
        "user:hunter2@localhost",
        "tls://user:hunter2/x@localhost",
        "ucp://user:hunter2@localhost",
        "udp://localhost:1?bogus=1",
    ],
)
def test_a_url_that_is_none_is_wrong_usage_and_shows_no_password(start, url):
    run = start("doctor", url)

    assert run.ended() == 2
    assert "error: argument URL: " in run.err
    assert "ter2" not in run.out + run.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "601"])
def test_a_timeout_that_is_none_is_wrong_usage(start, seconds):
    run = start("doctor", "--timeout", seconds)

    assert run.ended() == 2
    assert "expected seconds" in run.err


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("udp://127.0.0.1:1?framing=none", "without a frame"),
        ("udp://127.0.0.1:1?datagram=1400", "at most 1,400 bytes"),
        ("tcp://127.0.0.1:1,127.0.0.1:2", "2 hosts, of which the first that accepts is used"),
        ("tcp://localhost:1?family=4", "IPv4 only"),
        ("stdout", "standard output: readable on a terminal"),
    ],
)
def test_the_meaning_of_a_url(doctor, url, text):
    assert text in doctor(url)("meaning")[1]


def test_a_queue_in_memory_tells_what_sigterm_does(doctor):
    text = doctor("udp://127.0.0.1:1?queue=1&overflow=block")("sending")[1]

    assert "queue in memory" in text
    assert "overflow=block" in text
    assert "heka.flush_on_sigterm()" in text


# --- environment and versions ---


def test_versions_of_all_parts(doctor):
    level, text = doctor(f"udp://127.0.0.1:{free_port()}")("versions")

    assert level == "ok"
    assert re.match(r"heka-py \S+, \w+ 3\.\d+\.\S+, OpenSSL 3\.\S+ .*, protobuf-c 1\.\d", text)


def test_variables_that_hide_the_cause_are_warnings_without_values(doctor):
    said = doctor(
        f"udp://127.0.0.1:{free_port()}", HEKA_QUIET="1", HEKA_DEBUGG="hunter2", HEKA_KEY="hunter3"
    )

    found = said.all("environment")
    assert [level for level, _ in found] == ["warning", "warning"]
    assert found[0][1].endswith(
        "set HEKA_DEBUG if you meant that (heka writes its decisions to stderr)"
    )
    assert "HEKA_QUIET is set" in found[1][1]
    assert "hunter" not in said.out


# --- names ---


def test_a_name_that_does_not_resolve(doctor):
    said = doctor("tcp://no-such-host.invalid:5565")

    level, text = said("resolve")
    assert (said.code, level) == (1, "problem")
    assert "'no-such-host.invalid' does not resolve" in text
    assert "/etc/resolv.conf" in text
    assert said.all("connect") == []


def test_an_address_of_the_other_family(doctor):
    level, text = doctor("udp://127.0.0.1:1?family=6")("resolve")

    assert level == "problem"
    assert text.endswith("remove family=6, or give an address of that family")


def test_all_addresses_of_a_name_are_shown(doctor):
    assert "localhost: 127.0.0.1, ::1" in doctor("tcp://localhost:1")("resolve")[1]


# --- TCP ---


def test_a_receiver_that_accepts_is_ok(doctor):
    listener = Listener()
    said = doctor(listener.url)
    listener.close()

    assert said.code == 0
    assert re.fullmatch(r"\S+ accepted in [\d.]+ m?s and stays open", said("connect")[1])
    assert said.summary == "0 problems, 0 warnings"


def test_nobody_listens(doctor):
    port = free_port()
    said = doctor(f"tcp://127.0.0.1:{port}")

    level, text = said("connect")
    assert (said.code, level) == (1, "problem")
    assert f"127.0.0.1:{port}: refused, nothing listens there" in text
    assert f"'heka listen --tcp 127.0.0.1:{port}'" in text


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6")
def test_one_address_of_a_name_that_refuses_is_no_problem(doctor):
    listener = Listener()
    said = doctor(f"tcp://localhost:{listener.port}")
    listener.close()

    assert said.code == 0
    assert [level for level, _ in said.all("connect")] == ["ok", "ok"]
    assert "heka uses another address" in said.all("connect")[1][1]


@pytest.mark.parametrize(
    ("behave", "level", "text"),
    [
        (close, "problem", "closed at once"),
        (reset, "problem", "reset at once"),
        (chatter, "warning", 'the peer sent "SSH-2.0-'),
    ],
)
def test_what_the_peer_does_after_it_has_accepted(here, monkeypatch, peer, behave, level, text):
    monkeypatch.setattr("heka.cli.commands.doctor.network._AT_ONCE", PATIENCE)
    said = here("--timeout", str(PATIENCE), f"tcp://127.0.0.1:{peer(behave)}")

    assert said("connect")[0] == level
    assert text in said("connect")[1]
    assert said.code == (level == "problem")


def test_a_peer_whose_kernel_does_not_answer(doctor):
    listener = Listener(backlog=0)
    waiting = listener.fill()
    said = doctor("--timeout", "0.5", listener.url)
    listener.close()
    for sock in waiting:
        sock.close()

    level, text = said("connect")
    assert (said.code, level) == (1, "problem")
    assert "no answer in" in text
    assert "firewall" in text


def test_a_failover_host_that_refuses_is_a_warning(doctor):
    listener = Listener()
    said = doctor(f"tcp://127.0.0.1:{free_port()},127.0.0.1:{listener.port}")
    listener.close()

    assert said.code == 0
    assert [level for level, _ in said.all("connect")] == ["warning", "ok"]


def test_failover_hosts_that_all_refuse_are_problems(doctor):
    said = doctor(f"tcp://127.0.0.1:{free_port()},127.0.0.1:{free_port()},no-such-host.invalid")

    assert said.code == 1
    assert len(said.problems) == 3


# --- UDP ---


def test_udp_that_is_refused(doctor):
    port = free_port(socket.SOCK_DGRAM)
    said = doctor(f"udp://127.0.0.1:{port}")

    level, text = said("connect")
    assert (said.code, level) == (1, "problem")
    assert "reported as refused" in text
    assert f"'heka listen --udp 127.0.0.1:{port}'" in text


def test_udp_on_this_machine_that_is_not_refused(doctor):
    receiver = Datagrams()
    said = doctor(f"udp://127.0.0.1:{receiver.port}")

    assert receiver.take() == b""
    receiver.close()
    assert said.code == 0
    assert "a program has bound the port" in said("connect")[1]


def test_udp_that_answers_nothing_cannot_be_told(doctor):
    """192.0.2.0/24 is for documentation: nobody answers, or the network reports an error."""
    said = doctor("udp://192.0.2.1:5565")

    level, text = said("connect")
    if level == "warning":
        assert "a firewall or a listener, UDP cannot tell" in text
        assert said.code == 0
    else:
        assert said.code == 1


# --- Unix sockets ---


def test_a_unix_socket_that_is_missing(doctor, tmp_path):
    said = doctor(f"unix://{tmp_path}/missing.sock")

    level, text = said("connect")
    assert (said.code, level) == (1, "problem")
    assert "there is no such path" in text
    assert "heka listen --unix" in text


def test_a_unix_socket_that_an_ended_program_has_left(doctor, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)

    assert "refused, nothing listens there" in doctor(f"unix://{path}")("connect")[1]


@pytest.mark.parametrize(
    ("kind", "scheme", "text"),
    [
        (socket.SOCK_STREAM, "unix", "accepted in"),
        (socket.SOCK_DGRAM, "unixgram", "a program has bound"),
        (socket.SOCK_DGRAM, "unix", "of another kind; use unixgram://"),
        (socket.SOCK_STREAM, "unixgram", "of another kind; use unix://"),
    ],
)
def test_a_unix_socket(doctor, tmp_path, kind, scheme, text):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.bind(path)
        if kind == socket.SOCK_STREAM:
            sock.listen()
        said = doctor(f"{scheme}://{path}")

    assert text in said("connect")[1]
    assert said.code == ("another kind" in text)


def test_a_unix_socket_that_is_a_file(doctor, tmp_path):
    (tmp_path / "f").write_text("")
    said = doctor(f"unix://{tmp_path}/f")

    assert said.code == 1
    assert f"use file://{tmp_path}/f" in said("connect")[1]


# --- peers that stall ---


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
@pytest.mark.parametrize("behave", [wait, drip, chatter, close, reset])
def test_every_peer_is_done_with_in_time(doctor, peer, scheme, behave):
    said = doctor("--timeout", "0.2", "--send", f"{scheme}://127.0.0.1:{peer(behave)}")

    assert said.all("connect")
    if scheme == "tls":
        assert said.problems
        assert said.code == 1


# --- the output ---


def test_a_pipe_gets_plain_lines(doctor):
    assert not SGR.search(doctor(f"udp://127.0.0.1:{free_port()}").out)


def test_colours_where_they_are_asked_for(start):
    run = start(
        "doctor", f"tcp://127.0.0.1:{free_port()}", env={**environment(), "FORCE_COLOR": "1"}
    )
    run.ended()

    assert "\x1b[32mok     \x1b[0m" in run.out
    assert "\x1b[31mproblem\x1b[0m" in run.out


@pytest.mark.parametrize("columns", [30, 60, 100])
def test_a_terminal_gets_lines_that_fit_and_keep_words(tmp_path, columns):
    url = f"tcp://127.0.0.1:{free_port()}"
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(environment(TERM="dumb"))
        os.chdir(tmp_path)  # not the source tree, whose heka would come before the one under test
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        os.execv(sys.executable, [sys.executable, "-m", "heka", "doctor", url])
    shown = b""
    while chunk := read_some(terminal):
        shown += chunk
    os.close(terminal)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    told = next(line for line in lines if line.startswith("problem  connect"))
    if columns > 44:
        assert max(map(len, lines)) <= columns
        assert re.search(r"there; start\s+the\s+receiver", "\n".join(lines))
    else:
        assert told.endswith(" there")  # too narrow: the terminal wraps it


def test_a_terminal_of_ascii_gets_ascii(start, tmp_path):
    env = {**environment(), "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    run = start("doctor", f"unix://{tmp_path}/caf\N{LATIN SMALL LETTER E WITH ACUTE}", env=env)

    assert run.ended() == 1
    assert run.out.isascii()
    assert "/caf\\x" in run.out


def test_every_line_that_is_not_ok_ends_in_a_remedy(doctor):
    said = doctor("--send", "tls://127.0.0.1:1,no-such-host.invalid?verify=0", HEKA_QUIET="1")

    bad = [text for level, _, text in said.lines if level != "ok"]
    assert len(bad) >= 4
    assert all("; " in text for text in bad)
