"""Helpers of the spool tests: processes that log into a spool and die, and a receiving peer."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from cli.support import environment

import heka

PATIENCE = 60.0  # seconds

LOGGER = """
import os, signal, sys, time
import heka
from heka.streams import QueuedStream

spool, url, first, count, then = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5]), sys.argv[5]
stream = QueuedStream(url, spool=spool, capacity="64 MiB", backoff_max=0.1)
print("open", stream.stats()["recovered"], flush=True)
number = first
while number < first + count:
    if stream.write(heka.pack("test", payload=str(number))):
        number += 1
        if number % 50 == 0:
            print("accepted", number, flush=True)
print("accepted", number, flush=True)
if then == "die":
    os.kill(os.getpid(), signal.SIGKILL)
elif then == "exit":
    os._exit(0)
elif then == "flush":
    print("flushed", stream.flush(30.0), flush=True)
    stream.close(5.0)
else:
    time.sleep(600)
"""

NOWHERE = "tcp://127.0.0.1:1"


class Logger:
    """A process that logs ``count`` messages, payloads from ``first`` on, into *spool*."""

    def __init__(self, spool: Path, url: str, first: int, count: int, then: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOGGER, str(spool), url, str(first), str(count), then],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            text=True,
        )

    def wait_for(self, word: str) -> str:
        """Return the rest of the next line that begins with *word*."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(word):
                return line.split()[1]
        raise AssertionError(f"the process ended without saying {word!r}")

    def kill(self) -> int:
        """Kill it; return the last number that it printed."""
        self.process.send_signal(signal.SIGKILL)
        return self.last()

    def last(self) -> int:
        """Wait for its exit; return the last number that it printed."""
        assert self.process.stdout is not None
        lines = [
            line.split()
            for line in self.process.stdout
            if line.startswith("accepted") and line.endswith("\n")  # else it was killed
        ]
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        return int(lines[-1][1]) if lines else 0


class Peer:
    """Listens, and keeps the received payloads in order."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self._news = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while self._open:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        reader = heka.StreamReader()
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                payloads = [frame.message.payload for frame in reader.feed(data)]
                with self._news:
                    self.payloads += payloads
                    self._news.notify_all()

    def wait_for(self, numbers: range) -> None:
        """Wait until each of *numbers* was received."""
        wanted = {str(number) for number in numbers}
        with self._news:
            done = self._news.wait_for(lambda: wanted <= set(self.payloads), PATIENCE)
            missing = wanted - set(self.payloads)
        assert done, f"{len(missing)} are missing, {sorted(missing, key=int)[:5]} for instance"

    def close(self) -> None:
        """Stop listening."""
        self._open = False
        self._listener.close()


def parts(spool: Path) -> list[Path]:
    """Return the directories of processes in *spool*, the oldest first."""
    return sorted(path for path in spool.iterdir() if path.is_dir())


def modes(path: Path) -> set[str]:
    """Return the permissions of everything in *path*; names of directories end with a slash."""
    return {
        f"{entry.stat().st_mode & 0o777:o}{'/' if entry.is_dir() else ''}"
        for entry in path.rglob("*")
    }


def is_alive(pid: int) -> bool:
    """Return whether the process exists."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
