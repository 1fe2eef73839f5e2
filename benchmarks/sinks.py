"""The receiver of the queue's benchmarks: compiles _sink.c and runs it in a process.

Linux only: other systems have no recvmmsg().
"""

import shlex
import socket
import subprocess
import sysconfig
from pathlib import Path
from typing import NamedTuple

from harness import HERE, OUT


class Seen(NamedTuple):
    """Counts of a sink; times are those of ``time.monotonic_ns()``, 0 before the first frame."""

    frames: int
    bytes: int
    first_ns: int
    last_ns: int


def compile_sink() -> Path:
    """Compile _sink.c with the interpreter's own compiler; returns the program."""
    OUT.mkdir(exist_ok=True)
    target = OUT / "_sink"
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    subprocess.run([*compiler, "-O2", "-o", str(target), str(HERE / "_sink.c")], check=True)
    return target


class Sink:
    """A process that counts the frames sent to ``url``, during a ``with`` block."""

    def __init__(self, program: Path, scheme: str, port: int = 0) -> None:
        """Start the process and wait until it listens on *port*; 0 means a free port."""
        self._process = subprocess.Popen(
            [str(program), scheme, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.port, self.since_ns = self._read()
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def _read(self) -> list[int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the sink ended with status {self._process.wait()}")
        return [int(word) for word in line.split()]

    def seen(self) -> Seen:
        """Return the counts so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        return Seen(*self._read())

    def kill(self) -> None:
        """Kill the process, as a crash would."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()


class DeadServer:
    """A bound TCP port on loopback that does not listen, so connections are refused."""

    def __init__(self) -> None:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
