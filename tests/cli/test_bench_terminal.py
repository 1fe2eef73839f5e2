"""The live display of ``bench``, with rich and without; the terminal is left clean."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.support import PATIENCE, SGR, environment

from heka.cli.show import meter
from heka.cli.show.meter import LineDisplay, Meter, Reading


class Terminal:
    """A pseudo-terminal of 24 lines; its output is read as it arrives."""

    def __init__(self, columns: int) -> None:
        self._ours, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._chunks: list[bytes] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """Return everything written so far."""
        return b"".join(self._chunks).decode()

    def wait_for(self, pattern: str) -> None:
        """Wait until *pattern* matches the text written, without colours."""
        with self._news:
            there = self._news.wait_for(
                lambda: re.search(pattern, SGR.sub("", self.text)), PATIENCE
            )
        assert there, self.text

    def close(self) -> None:
        """Read to the end."""
        os.close(self.theirs)
        self._reader.join(PATIENCE)
        os.close(self._ours)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the other side is closed
            while chunk := os.read(self._ours, 65536):
                with self._news:
                    self._chunks.append(chunk)
                    self._news.notify_all()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    pty = Terminal(columns=100)
    yield pty
    with contextlib.suppress(OSError):
        pty.close()


@pytest.fixture
def run(terminal, tmp_path):
    """Run ``bench ARGS`` with a terminal as standard error, sending to a socket of the test."""
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sink.bind(("127.0.0.1", 0))
        port = str(sink.getsockname()[1])
        command = [sys.executable, "-m", "heka", "bench", "127.0.0.1", port, "--raw"]
        running = []

        def starter(*args: str, **env: str) -> subprocess.Popen[str]:
            running.append(
                subprocess.Popen(
                    [*command, "--rate", "100", *args],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=terminal.theirs,
                    cwd=tmp_path,
                    env=environment(**{"TERM": "xterm-256color", **env}),
                    text=True,
                )
            )
            return running[-1]

        yield starter
        for process in running:
            process.kill()
            process.communicate()


def without_rich(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which rich cannot be imported."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "rich.py").write_text("raise ImportError('not installed')\n")
    return {"PYTHONPATH": os.pathsep.join((str(hidden), environment()["PYTHONPATH"]))}


def ended(process: subprocess.Popen[str], number: signal.Signals | None = None) -> str:
    """Send a signal if given, wait for the exit, and return standard output."""
    if number is not None:
        process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return out


def test_rich_draws_rate_total_and_time(run, terminal):
    process = run("--duration", "60")

    terminal.wait_for(r"\d of 60 s\r\n[\d.]+ messages/s +[\d.]+ kB/s +\S+\r\n\d+ messages sent")
    out = ended(process, signal.SIGINT)
    terminal.close()

    assert "━" in terminal.text
    assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h") == 1
    assert terminal.text.rstrip().endswith("\x1b[2K")  # the display was erased
    assert re.match(r"\d+ messages? in ", out)


def test_rich_of_a_run_without_an_end_has_no_bar(run, terminal):
    process = run()

    terminal.wait_for(r"\d s\r\n[\d.]+ messages/s")
    ended(process, signal.SIGINT)

    assert "━" not in terminal.text


def test_rich_without_colour(run, terminal):
    process = run(NO_COLOR="1")

    terminal.wait_for(r"\d messages sent")
    ended(process, signal.SIGINT)
    terminal.close()

    assert not re.search(r"\x1b\[[\d;]*3\dm", terminal.text)


def test_without_rich_one_line_is_overwritten(run, terminal, tmp_path):
    process = run("--duration", "60", **without_rich(tmp_path))

    terminal.wait_for(r"\r\d of 60 s  [\d.]+ messages/s  [\d.]+ kB/s  \d+ sent  0 not sent *\r")
    ended(process, signal.SIGINT)
    terminal.close()

    drawn = terminal.text.partition("\n")[2]
    assert "\n" not in drawn
    assert re.search(r"\r +\r$", drawn)  # and is empty at the end


def test_a_dumb_terminal_gets_lines(run, terminal):
    process = run(TERM="dumb")

    terminal.wait_for(r" \d+\.\d s  +[\d.]+ messages/s .*\r\n")
    ended(process, signal.SIGINT)
    terminal.close()

    assert "\x1b" not in terminal.text


def test_a_narrow_terminal_keeps_to_one_line(tmp_path):
    class Narrow(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Narrow()
    display = meter.StatusDisplay(stream, meter.Style(measure=lambda: 30))

    display.show(Reading(1.0, 1_000_000, 0, 68_000_000), 1e6, 68e6)
    display.show(Reading(2.0, 1, 0, 68), 1.0, 68.0)
    display.clear()

    assert max(map(len, stream.getvalue().split("\r"))) == 29


def test_the_rate_is_that_of_the_last_second():
    seen = []

    class Display:
        pause = 0.5

        def show(self, now: Reading, rate: float, volume: float) -> None:
            seen.append((round(rate), round(volume)))

    timed = Meter(Display())
    for step in range(1, 9):  # 100 a second for two seconds, then 10
        elapsed = step * 0.5
        sent = round(100 * min(elapsed, 2.0) + 10 * max(elapsed - 2.0, 0.0))
        assert timed.due(elapsed)
        timed.read(Reading(elapsed, sent, 0, sent * 70))
        assert not timed.due(elapsed)

    assert seen[3] == (100, 7000)
    assert seen[-1] == (10, 700)


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0"), (0.5, "0.5"), (12.34, "12.3"), (99.96, "100"), (100, "100"), (81234.6, "81,235")],
)
def test_a_rate_has_its_significant_digits(rate, text):
    assert meter.per_second(rate) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (19_000_000, "19.0 MB"), (5e12, "5,000.0 GB")],
)
def test_bytes_have_a_prefix(number, text):
    assert meter.size(number) == text


def test_bars_are_as_high_as_their_rates():
    assert meter.bars(deque([0.0, 4.0, 8.0]), "_-=") == "_-="
    assert meter.bars(deque([0.0, 0.0]), "_-=") == "__"
    assert meter.bars(deque(), "_-=") == ""


def test_a_log_line_is_complete():
    stream = io.StringIO()

    LineDisplay(stream).show(Reading(1.5, 1234, 5, 70_000), 1000.0, 46_666.0)

    assert stream.getvalue() == ("    1.5 s  1,000 messages/s  46.7 kB/s  1,234 sent  5 not sent\n")
