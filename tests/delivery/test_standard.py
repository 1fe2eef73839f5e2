"""``to="stdout"`` and ``"stderr"``: readable on a terminal, one line of JSON everywhere else."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import logging
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import heka
from heka._net.addresses import Address, parse
from heka.client import HekaClient
from heka.config import client_from_text_config
from heka.jsonlines import message_of
from heka.logging import HekaHandler
from heka.streams import QueuedStream, StdOutStream

PATIENCE = 60


def program(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


def run(code: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        program(code), capture_output=True, timeout=PATIENCE, check=False, **options
    )


def on_terminal(code: str, columns: int = 80, **environ: str) -> str:
    """Run *code* with all standard streams on a terminal; return what the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    env = {**env, "TERM": "xterm", "PYTHONUTF8": "1", **environ}
    with subprocess.Popen(program(code), stdin=theirs, stdout=theirs, stderr=theirs, env=env) as it:
        os.close(theirs)
        parts = []
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while part := os.read(ours, 65536):
                parts.append(part)
        os.close(ours)
        assert it.wait(PATIENCE) == 0
    return b"".join(parts).decode("utf-8").replace("\r\n", "\n")


def account(name: str = "stdout") -> dict[str, Any]:
    return heka.stats()["destinations"][name]


@pytest.fixture(autouse=True)
def fresh():
    """Close the destinations of the test: a failure of one test is no back-off of the next."""
    yield
    heka.configure(to=None)
    for name in ("stdout", "stderr"):
        heka.api._retire(parse(name))


LOG = """
import heka
heka.log("shop.order", "shop", heka.ERROR, {"total": heka.Field(31.5, "EUR")}, "two\\nlines €",
         to="stdout", timestamp=1e9)
"""
BLOCK = re.compile(
    r"2001-09-0\dT\d\d:\d\d:40\.000[+-]\d\d:\d\d  ERROR      shop\.order\n"
    r"  logger shop · host \S+ · pid \d+\n"
    r"  │ two\n"
    r"  │ lines €\n"
    r"  total = 31\.5 EUR  double\n"
    r"\n"
)


# ---- where it is shown ------------------------------------------------------------------------


def test_a_terminal_gets_the_block_that_listen_prints():
    shown = on_terminal(LOG)

    assert "\x1b[31mERROR" in shown
    assert BLOCK.fullmatch(re.sub(r"\x1b\[[0-9;]*m", "", shown))


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colour(environ):
    assert BLOCK.fullmatch(on_terminal(LOG, **environ))


def test_a_terminal_that_is_no_utf8():
    shown = on_terminal(LOG, NO_COLOR="1", PYTHONUTF8="0", PYTHONIOENCODING="ascii")

    assert shown.isascii()
    assert "  | two\n  | lines \\u20ac\n" in shown
    assert "logger shop - host" in shown


def test_long_lines_are_wrapped_at_the_width_of_the_terminal():
    shown = on_terminal(
        'import heka; heka.log("t", payload="x" * 100, to="stdout")', columns=40, NO_COLOR="1"
    )

    assert "  │ " + "x" * 36 + "\n  │ " + "x" * 36 + "\n" in shown


def test_text_of_a_message_cannot_control_the_terminal():
    code = 'import heka; heka.log("t", payload="\\x1b[2J\\r", to="stdout")'
    shown = on_terminal(code, NO_COLOR="1")

    assert "\\x1b[2J\\r" in shown
    assert "\x1b" not in shown


def test_one_line_starts_it():
    """The first line that a new user types."""
    code = 'import heka; heka.log("hello", to="stdout")'

    assert "INFO       hello\n" in on_terminal(code, NO_COLOR="1")
    assert json.loads(run(code).stdout)["type"] == "hello"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_pipe_gets_one_line_of_json(name):
    done = run(LOG.replace('to="stdout"', f'to="{name}"'))
    lines = getattr(done, name).decode().splitlines()

    assert (done.returncode, len(lines)) == (0, 1)
    message = message_of(lines[0])
    assert (message.type, message.payload) == ("shop.order", "two\nlines €")
    assert message.fields["total"].representation == "EUR"
    assert done.stdout + done.stderr == getattr(done, name)


def test_the_order_of_what_is_printed_and_logged_is_kept():
    done = run(
        """
        import heka
        for i in range(3):
            print("printed", i)
            heka.log(f"logged {i}", to="stdout")
        """
    )
    lines = [
        json.loads(line)["type"] if line.startswith("{") else line
        for line in done.stdout.decode().splitlines()
    ]

    assert lines == [f"{word} {i}" for i in range(3) for word in ("printed", "logged")]


@pytest.mark.parametrize("flags", [["-u"], ["-X", "utf8"]])
def test_a_line_is_written_with_one_call(flags, tmp_path):
    """Each message is in a pipe before its call returns, whole."""
    reader, writer = os.pipe()
    code = """
    import heka, os
    for i in range(3):
        assert heka.log("t", payload="x" * 1000, to="stdout") is True
        os.read(0, 1)
    """
    with subprocess.Popen(
        [sys.executable, *flags, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=writer
    ) as it:
        os.close(writer)
        for _ in range(3):
            part = os.read(reader, 65536)
            assert part.count(b"\n") == 1
            assert len(json.loads(part)["payload"]) == 1000
            assert it.stdin is not None
            it.stdin.write(b"x")
            it.stdin.flush()
    os.close(reader)
    assert it.returncode == 0


def test_lines_of_threads_stay_whole():
    done = run(
        """
        import heka, sys, threading
        def log(number):
            for _ in range(50):
                heka.log("t", payload=str(number) * 20_000, to="stdout", timeout=60)
                sys.stdout.write("printed\\n")  # print() writes the end of the line on its own
                sys.stdout.flush()
        threads = [threading.Thread(target=log, args=(n,)) for n in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        """
    )
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]

    assert done.stderr == b""
    assert done.stdout.count(b"printed\n") == 200
    assert len([m for m in messages if len(set(m["payload"])) == 1]) == 200


# ---- which stream -----------------------------------------------------------------------------


def test_pytest_and_programs_may_replace_the_stream(capsys):
    assert heka.log("one", to="stdout") is True
    assert json.loads(capsys.readouterr().out)["type"] == "one"

    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert heka.log("two", to="stdout") is True
    assert json.loads(out.getvalue())["type"] == "two"
    assert capsys.readouterr().out == ""


def test_capfd_sees_it_too(capfd):
    assert heka.log("one", to="stderr") is True
    assert json.loads(capfd.readouterr().err)["type"] == "one"


class Notebook(io.StringIO):
    """As ipykernel's: no terminal, and a descriptor that is not the notebook."""

    __module__ = "ipykernel.iostream"

    def fileno(self) -> int:
        return 1


def test_a_notebook_gets_the_block(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    with contextlib.redirect_stdout(Notebook()) as out:
        assert heka.log("t", severity=3, to="stdout") is True

    assert "\x1b[31mERROR" in out.getvalue()


class Odd:
    """An object with ``write`` only."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)


class OddTerminal(Odd):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("make", [Odd, OddTerminal])
def test_an_object_in_its_place_is_called_once_for_a_message(monkeypatch, make):
    out = make()
    monkeypatch.setattr(sys, "stdout", out)

    assert heka.log("t", payload="é", to="stdout") is True
    assert len(out.parts) == 1


def test_an_object_that_logs_when_it_is_written_to(monkeypatch):
    class Echo(Odd):
        def write(self, text: str) -> None:
            super().write(text)
            heka.log("echo", to="stdout")

    out = Echo()
    monkeypatch.setattr(sys, "stdout", out)

    assert heka.log("t", to="stdout") is True
    assert len(out.parts) == 1
    assert account()["dropped"] == {"reentrant": 1}


# ---- failures ---------------------------------------------------------------------------------


def closed() -> io.TextIOWrapper:
    out = io.TextIOWrapper(io.BytesIO())
    out.close()
    return out


class Failing(Odd):
    def write(self, text: str) -> None:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(lambda: None, "closed"), (closed, "closed"), (Failing, "error")],
    ids=["None", "closed", "raises"],
)
def test_a_stream_that_takes_nothing_is_counted(monkeypatch, capsys, make, reason):
    monkeypatch.setattr(sys, "stdout", make())

    assert heka.log("t", to="stdout") is False
    assert account()["dropped"] == {reason: 1}
    assert capsys.readouterr().err.count("heka: cannot send to stdout") == 1


def test_stdout_and_stderr_that_are_closed_change_nothing_of_the_program(tmp_path):
    done = run(
        f"""
        import sys
        sys.stdout.close()
        sys.stderr.close()
        import heka
        results = [heka.log("t", to=name) for name in ("stdout", "stderr")]
        open({str(tmp_path / "out")!r}, "w").write(repr((results, heka.stats()["dropped"])))
        """
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "out").read_text() == "([False, False], {'closed': 2})"


def test_a_program_without_descriptors_1_and_2(tmp_path):
    out = tmp_path / "out"
    code = f"""
    import sys, heka
    answers = [heka.log("t", to="stdout"), heka.log("t", to="stderr")]
    open({str(out)!r}, "w").write(repr((sys.stdout, answers)))
    """
    subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&- 2>&-', "sh", *program(code)], timeout=PATIENCE, check=True
    )

    assert out.read_text() == "(None, [False, False])"


@pytest.mark.parametrize("ignored", [True, False])
def test_a_broken_pipe_is_counted(ignored):
    """Also where the program has SIGPIPE end it: its own writes do, heka's do not."""
    reader, writer = os.pipe()
    os.close(reader)
    code = f"""
    import heka, signal, sys
    if not {ignored}:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    assert heka.log("t", to="stdout") is False
    print(heka.stats()["dropped"], file=sys.stderr)
    """
    env = {**os.environ, "HEKA_QUIET": "1"}
    with subprocess.Popen(program(code), stdout=writer, stderr=subprocess.PIPE, env=env) as it:
        os.close(writer)
        assert it.stderr is not None
        assert it.stderr.read() == b"{'closed': 1}\n"
    assert it.returncode == 0


@contextlib.contextmanager
def full_pipe() -> Iterator[int]:
    """Make ``sys.stdout`` a pipe that is full; yield its reading end."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)
    with os.fdopen(writer, "w") as out, contextlib.redirect_stdout(out):
        yield reader
    os.close(reader)


def all_of(descriptor: int) -> bytes:
    """Return what a pipe holds now."""
    os.set_blocking(descriptor, False)
    parts = []
    with contextlib.suppress(BlockingIOError):
        while True:
            parts.append(os.read(descriptor, 65536))
    return b"".join(parts)


def test_a_full_pipe_ends_the_call_at_its_timeout(capfd):
    with full_pipe():
        began = time.monotonic()

        assert heka.log("t", to="stdout", timeout=0.05) is False
        assert time.monotonic() - began < PATIENCE
    assert account()["dropped"] == {"timeout": 1}
    assert capfd.readouterr().err.count("heka: cannot send to stdout (timeout)") == 1


def test_a_socket_that_nobody_reads_ends_the_call_at_its_timeout(monkeypatch, capfd):
    here, there = socket.socketpair()
    with here, there, open(here.fileno(), "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stdout", stream)

        for _ in range(40):
            heka.log("t", payload="x" * 60_000, to="stdout", timeout=0.05)

        assert account()["dropped"]["timeout"] >= 1
        monkeypatch.undo()


@pytest.mark.parametrize("size", [0, 20_000, 200_000])
def test_a_full_pipe_that_is_read_gets_the_line(size):
    """Of messages that fit into one write, that fit into the pipe, and that do not."""
    parts = []
    with full_pipe() as reader:

        def read() -> None:
            while not parts or not parts[-1].endswith(b"\n"):
                parts.append(os.read(reader, 65536))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        fields = {"text": heka.Field(["\0" * 50] * (size // 300 or 1))}
        assert heka.log("t", fields=fields, to="stdout", timeout=PATIENCE) is True
        thread.join(PATIENCE)
    line = b"".join(parts).lstrip(b".")
    assert len(line) > size
    assert json.loads(line)["type"] == "t"


def test_a_non_blocking_pipe_gets_the_whole_line():
    with full_pipe() as reader:
        os.set_blocking(sys.stdout.fileno(), False)
        os.read(reader, 65536)
        assert heka.log("t", payload="x" * 30_000, to="stdout", timeout=PATIENCE) is True
        assert len(json.loads(all_of(reader).lstrip(b"."))["payload"]) == 30_000


def test_a_line_that_was_cut_off_does_not_spoil_the_next(capfd):
    """A line that is longer than the pipe, which nobody reads, ends where the next one begins."""
    with full_pipe() as reader:
        all_of(reader)
        fields = {"text": heka.Field(["\0" * 50] * 1000)}
        assert heka.log("t", fields=fields, to="stdout", timeout=0.05) is False
        got = all_of(reader)
        deadline = time.monotonic() + PATIENCE
        while not heka.log("next", to="stdout"):  # until the back-off ends
            assert time.monotonic() < deadline
            time.sleep(0.01)
        got += all_of(reader)

    lines = got.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(b'{"time"')
    assert json.loads(lines[1])["type"] == "next"


def test_a_child_process_counts_for_itself(capfd):
    assert heka.log("parent", to="stdout") is True
    child = os.fork()
    if child == 0:
        fine = heka.log("child", to="stdout") and account()["sent"] == 1
        os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    types = [json.loads(line)["type"] for line in capfd.readouterr().out.splitlines()]
    assert types == ["parent", "child"]


# ---- where it may be named --------------------------------------------------------------------


def test_the_words_are_streams_and_all_else_is_a_host():
    assert parse("stdout") == Address("stdout")
    assert str(parse("stderr")) == "stderr"
    assert parse("udp://stdout") == Address("udp", "stdout", 5565)
    assert parse("stdout:5565") == parse(("stdout", 5565)) == Address("udp", "stdout", 5565)
    assert parse("tcp://stderr").scheme == "tcp"


def types_in(text: str) -> list[str]:
    return [json.loads(line)["type"] for line in text.splitlines()]


def test_configure_and_the_environment(capsys, monkeypatch):
    heka.configure(to="stdout")
    heka.log("one")
    heka.configure(to=None)
    monkeypatch.setenv("HEKA_TO", "stderr")
    heka.api._emitter.forget()
    heka.log("two")
    heka.api._emitter.forget()
    out, err = capsys.readouterr()

    assert (types_in(out), types_in(err)) == (["one"], ["two"])


def test_a_client(capsys):
    with HekaClient("stdout", "app") as client:
        assert client.heka("one") is True
        assert client.stats()["sent"] == 1

    assert types_in(capsys.readouterr().out) == ["one"]


def test_a_client_with_an_encoder_of_text(capsys):
    with HekaClient("stdout", "app", encoder="heka.encoders.JSONEncoder") as client:
        assert client.heka("one") is True

    assert types_in(capsys.readouterr().out) == ["one"]


def test_a_configuration(capsys):
    with client_from_text_config("[heka]\nlogger = app\nto = stderr", "heka") as client:
        assert client.heka("one") is True

    assert types_in(capsys.readouterr().err) == ["one"]


def test_a_logging_handler(capsys):
    logger = logging.Logger("app")
    handler = HekaHandler("stdout")
    logger.addHandler(handler)
    logger.info("hello")
    handler.close()

    assert json.loads(capsys.readouterr().out)["payload"] == "hello"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: heka.HekaConnection("stdout"), "a connection needs a socket"),
        (lambda: QueuedStream("stdout"), "stdout: is written in the call, without a queue"),
        (lambda: heka.log("t", to="stdout?queue=1"), "is the whole destination"),
    ],
    ids=["connection", "queue", "query"],
)
def test_what_cannot_be_is_a_config_error(make, text):
    with pytest.raises(heka.ConfigError, match=re.escape(text)):
        make()


# ---- StdOutStream of old configurations -------------------------------------------------------


def test_std_out_stream_shows_frames_on_a_terminal_only():
    code = """
    from heka.client import HekaClient
    client = HekaClient("heka.streams.StdOutStream", "app")
    assert client.heka("t", payload="text") is True
    """

    assert "INFO       t\n" in on_terminal(code, NO_COLOR="1")
    frames = heka.StreamReader().feed(run(code).stdout)
    assert [frame.message.type for frame in frames] == ["t"]


def test_std_out_stream_counts_the_bytes_of_the_frame(monkeypatch):
    out = OddTerminal()
    monkeypatch.setattr(sys, "stdout", out)
    stream = StdOutStream()
    frame = heka.pack("t")

    assert stream.write(frame) is True
    assert stream.write("text\n") is True
    assert stream.stats()["bytes"] == len(frame) + 5
    assert out.parts[1:] == ["text\n"]
