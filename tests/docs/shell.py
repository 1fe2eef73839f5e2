"""Commands of the documentation, and a session that runs those of one page.

Where a page says port 5565 or 8000, /var/spool/shop or logs.example.org, a session uses free ports,
a folder and a server of its own. What listens runs in the background until the session ends, or
starts the same program again.
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

from cli.support import PATIENCE, SGR, environment
from docs.pages import PAGES, blocks

#: Servers of web applications.
SERVERS = ("flask", "gunicorn", "uvicorn")
#: Programs that a test may run; a pipe runs if all of its programs are here.
RUN = {"heka", "python", "openssl", "curl", "ls", "cat", "export", *SERVERS}
#: Stands before the name of a program.
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
#: What differs from run to run.
_VARYING = [
    (re.compile(r"\d{20}-\d+-[0-9a-f]{8}"), "DIRECTORY"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+\d\d:\d\d|Z)"), "TIME"),
    (re.compile(r"\bpid \d+"), "pid N"),
    (re.compile(r"\bhost \S+"), "host H"),
    (re.compile(r"(udp|tcp) 127\.0\.0\.1:\d+"), r"\1 PEER"),
    (re.compile(r"\"[0-9a-f]{32}\""), '"ID"'),
    (re.compile(r"(?<=duration)( += )\S+ s"), r"\1N s"),
    (re.compile(r"(?<=│ )\d+$", re.MULTILINE), "N"),
]
#: What a program prints when it accepts connections.
_LISTENS = re.compile(rb"listening on|Running on|Listening at|running on")
_PROGRAM = re.compile(r"(?:[A-Za-z_]\w*=\S+ )*(heka listen|flask|gunicorn|uvicorn)\b")


#: A file that a page says to write, in a regular expression with MULTILINE and DOTALL.
FILE = (
    r"^```\{code-block\} python\n:caption: (?P<caption>[^\n]*)\n(?::[^\n]*\n)*"
    r"(?P<code>.*?)^```$"
)


def followed() -> list[Path]:
    """Return the pages with files: their files, commands and messages belong together."""
    found = re.compile(FILE, re.MULTILINE | re.DOTALL)
    return [page for page in PAGES if found.search(page.read_text(encoding="utf-8"))]


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
    starts = True
    for word in shlex.split(command, comments=True):
        if word in ("|", "&&"):
            starts = True
        elif starts and not _ASSIGNMENT.match(word):
            found.add(word)
            starts = False
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


def free_port() -> int:
    """Return a port that is free for UDP and for TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket() as tcp,
            contextlib.suppress(OSError),
        ):
            udp.bind(("127.0.0.1", 0))
            tcp.bind(udp.getsockname())
            return int(udp.getsockname()[1])


class Session:
    """Runs the commands of one page in the folder ``work`` below *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.web_port = free_port(), free_port()
        self.patience = PATIENCE * 2  # seconds for a command
        programs = folder / "bin"
        programs.mkdir()
        (folder / "work").mkdir()
        modules = {"heka": "-m heka", "python": "", **{name: f"-m {name}" for name in SERVERS}}
        for name, words in modules.items():
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
            path.chmod(0o755)
        # curl shows its progress unless standard output is a terminal, as it is for a reader.
        (folder / ".curlrc").write_text("silent\nshow-error\n")
        self.variables = environment(
            PATH=f"{programs}:{os.environ['PATH']}",
            HEKA_TO=f"udp://localhost:{self.port}",
            CURL_HOME=str(folder),
        )
        self.background: list[
            tuple[Command, subprocess.Popen[bytes], threading.Thread, list[bytes]]
        ] = []

    def here(self, text: str) -> str:
        """Return *text* with the port and the folder of this session."""
        text = text.replace("5565", str(self.port)).replace("logs.example.org", "localhost")
        text = text.replace(":8000", f":{self.web_port}").replace(
            "port 8000", f"port {self.web_port}"
        )
        return text.replace("/var/spool/shop", str(self.folder / "spool"))

    def run(self, command: Command) -> None:
        """Run *command* and compare its output; start it only, if it listens."""
        script = self.here(command.text)
        program = _PROGRAM.match(script)
        if program is not None and command.text != "heka listen --help":
            self.close(program[1], compare=True)  # the one before, which has the same port
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
            timeout=self.patience,
        )
        if not command.output:  # else what is printed says whether it fails
            assert done.returncode == 0, f"line {command.line}: {command.text}\n{done.stderr}"
        else:
            got = done.stdout + done.stderr
            said = self.here(command.output)
            assert prints(said, got), f"line {command.line}: said\n{said}\nbut printed\n{got}"
        exported = re.findall(r"^export (\w+)=(.*)$", script, re.MULTILINE)
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
            # A shell that runs the tests in its background has them ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        output: list[bytes] = []
        listens = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                output.append(line)
                if _LISTENS.search(line):
                    listens.set()
            listens.set()

        reader = threading.Thread(target=read)
        reader.start()
        self.background.append((command, process, reader, output))
        assert listens.wait(PATIENCE)
        assert _LISTENS.search(b"".join(output)), b"".join(output).decode()

    def close(self, program: str = "", *, compare: bool) -> None:
        """End *program*, or all that runs; *compare* its output with what the page says."""
        ending = [entry for entry in self.background if program in entry[0].text]
        for entry in ending:
            self.background.remove(entry)
            command, process, reader, output = entry
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
