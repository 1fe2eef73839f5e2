"""The commands in the documentation run, and print what the page says.

The commands of one page share a folder and their exported variables. Where a page says port 5565,
/var/spool/shop or logs.example.org, the test uses a free port, a folder and a server of its own.
What listens runs in the background until the page ends or listens again; its output is compared
then. Commands for programs that are not in RUN change the machine, or need what a test does not
have: only their syntax is checked.
"""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import shlex
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli.support import PATIENCE, SGR, environment
from docs.pages import ROOT, blocks, name_of, pages_with

import heka
from heka.streams import QueuedStream

#: Programs that a test may run; a pipe runs if all of its programs are here.
RUN = {"heka", "python", "openssl", "ls", "cat", "export"}
#: Stands before the name of a program.
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
#: What differs from run to run.
_VARYING = [
    (re.compile(r"\d{20}-\d+-[0-9a-f]{8}"), "DIRECTORY"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+\d\d:\d\d|Z)"), "TIME"),
    (re.compile(r"\bpid \d+"), "pid N"),
]
_FRAMES = 300  # in the spool that a page inspects


class Command(NamedTuple):
    """A command, the number of its line, and what the page says it prints ("" if nothing)."""

    text: str
    line: int
    output: str


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of the blocks of *page*: lines of ``sh``, lines after ``$`` of others."""
    for block in blocks(page, "sh", "console"):
        text = block.text.replace("\\\n", "\\\0")
        if block.kind == "sh":
            text = "".join(f"$ {line}\n" for line in text.splitlines() if line.strip())
        for found in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            line = block.line + text.count("\n", 0, found.start()) + 1
            yield Command(found[1].replace("\0", "\n"), line, found[2].replace("\0", "\n").strip())


def programs(command: str) -> set[str]:
    """Return the programs that *command* runs."""
    found = set()
    for part in re.split(r"\s\|\s|\s&&\s", command):
        words = shlex.split(part, comments=True)
        found.add(next(word for word in words if not _ASSIGNMENT.match(word)))
    return found


def shown(text: str) -> str:
    """Return *text* without colours, and with fixed words for what differs from run to run."""
    text = SGR.sub("", text).replace("python -m heka", "heka")
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def prints(said: str, got: str) -> bool:
    """Return whether *got* is what a page *said*, with ``...`` for what it leaves out."""
    checker = doctest.OutputChecker()
    how = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE  # columns are as wide as what is in them
    return checker.check_output(f"{shown(said)}\n", f"{shown(got)}\n", how)


class Session:
    """Runs the commands of one page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        programs = folder / "bin"
        programs.mkdir()
        for name, words in {"heka": "-m heka", "python": ""}.items():
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
            path.chmod(0o755)
        self.variables = environment(
            PATH=f"{programs}:{os.environ['PATH']}", HEKA_TO=f"udp://localhost:{self.port}"
        )
        self.background: list[
            tuple[Command, subprocess.Popen[bytes], threading.Thread, list[bytes]]
        ] = []

    def here(self, text: str) -> str:
        """Return *text* with the port and the folder of this session."""
        text = text.replace("5565", str(self.port)).replace("logs.example.org", "localhost")
        return text.replace("/var/spool/shop", str(self.folder / "spool"))

    def run(self, command: Command) -> None:
        """Run *command* and compare its output; start it only, if it listens."""
        script = self.here(command.text)
        if "heka listen" in script:
            self.close(compare=True)  # the one before, which has the same port
            if not re.search(r" --(udp|tcp|tls|unix)\b", script):
                default = self.here("heka listen --udp :5565 --tcp :5565")
                script = script.replace("heka listen", default)
            self.start(command, script)
            return
        with self.server() if "logs.example.org" in command.text else contextlib.nullcontext():
            self.finish(command, script)

    def server(self) -> contextlib.AbstractContextManager[object]:
        """Return a server that takes what is sent to the port of this session over TCP."""

        class Reader(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.read(65536):
                    pass

        server = socketserver.ThreadingTCPServer(("localhost", self.port), Reader)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        stack = contextlib.ExitStack()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        return stack

    def finish(self, command: Command, script: str) -> None:
        """Run *command* to its end and compare its output."""
        done = subprocess.run(
            ["bash", "-c", script],
            env=self.variables,
            cwd=self.folder / "work",
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
        )
        assert done.returncode == 0, f"line {command.line}: {command.text}\n{done.stderr}"
        if command.output:
            got = done.stdout + done.stderr
            said = self.here(command.output)
            assert prints(said, got), f"line {command.line}: said\n{said}\nbut printed\n{got}"
        exported = re.findall(r"^export (\w+)=(.*)$", command.text, re.MULTILINE)
        self.variables |= {name: shlex.split(value)[0] for name, value in exported}

    def start(self, command: Command, script: str) -> None:
        """Start *command*, and wait until it listens."""
        process = subprocess.Popen(
            ["bash", "-c", script],
            env=self.variables,
            cwd=self.folder / "work",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output: list[bytes] = []
        listens = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                output.append(line)
                if b"listening on" in line:
                    listens.set()
            listens.set()

        reader = threading.Thread(target=read)
        reader.start()
        self.background.append((command, process, reader, output))
        assert listens.wait(PATIENCE)
        assert b"listening on" in b"".join(output), b"".join(output).decode()

    def close(self, *, compare: bool) -> None:
        """End what runs in the background; *compare* its output with what the page says."""
        while self.background:
            command, process, reader, output = self.background.pop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE)
            reader.join(PATIENCE)
            assert process.stdout is not None
            process.stdout.close()
            got = b"".join(output).decode()
            if compare and command.output:
                said = f"...{self.here(command.output)}..."
                assert prints(said, got), f"line {command.line}: said\n{said}\nbut printed\n{got}"


@pytest.fixture
def session(tmp_path):
    """A session in a folder of its own."""
    (tmp_path / "work").mkdir()
    session = Session(tmp_path)
    yield session
    session.close(compare=False)


@pytest.mark.parametrize("page", pages_with("sh", "console"), ids=name_of)
def test_commands_print_what_the_page_says(page, session, tmp_path):
    """Every command is valid for bash; those that can run here do."""
    for command in commands(page):
        valid = subprocess.run(["bash", "-n", "-c", command.text], capture_output=True, text=True)
        assert valid.returncode == 0, f"line {command.line}: {valid.stderr}"
        if not programs(command.text) <= RUN:
            continue
        if "/var/spool/shop" in command.text and not (tmp_path / "spool").exists():
            leave_messages(tmp_path / "spool")
        session.run(command)
    session.close(compare=True)


def leave_messages(spool: Path) -> None:
    """Make a queue on disk with messages that an ended process has left."""
    stream = QueuedStream("tcp://127.0.0.1:1", spool=spool)
    frame = heka.pack(
        "shop.order", payload="order accepted", pid=1, hostname="web-3", uuid=bytes(16)
    )
    for _ in range(_FRAMES):
        stream.write(frame)
    stream.close(0.1)


def test_make_targets_exist():
    """Every ``make`` that a page names."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    named = {
        word
        for page in pages_with("sh", "console")
        for command in commands(page)
        if programs(command.text) == {"make"} and " -C " not in command.text
        for word in shlex.split(command.text, comments=True)[1:]
        if "=" not in word
    }

    assert named
    assert named <= targets
