"""Peers on loopback that the package's calls are made to, in a process of their own.

They take what comes and forget it; a thread of ours would have memory in use at any moment.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from delivery.support import free_port
from python.memory.ledger import worker_environment


class Peers:
    """A process with a peer of each kind, ended with this object."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "python.memory.peers", self._folder.name],
            stdin=subprocess.PIPE,  # whose end ends it
            stdout=subprocess.PIPE,
            env=worker_environment(),
            cwd=self._folder.name,  # which comes first among the places of modules
        )
        assert self._process.stdout is not None
        self.urls: dict[str, str] = json.loads(self._process.stdout.readline())
        self.absent = f"tcp://127.0.0.1:{free_port()}"
        self.stream = Forgetting()
        self.broken = Broken()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()


class Forgetting:
    """A stream that discards its writes."""

    def write(self, frame: bytes) -> None:
        """Take a frame."""


class Broken:
    """A stream that raises."""

    def write(self, frame: bytes) -> None:
        """Fail to take a frame."""
        raise OSError("on purpose")


def serve(folder: Path) -> None:
    """Print the addresses of the peers and read all data until the standard input ends."""
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())

        def bind(family: int, kind: int, address: object) -> str:
            sock = stack.enter_context(socket.socket(family, kind))
            sock.bind(address)  # type: ignore[arg-type]
            if kind == socket.SOCK_STREAM:
                sock.listen()
            selector.register(sock, selectors.EVENT_READ, kind == socket.SOCK_STREAM)
            name = sock.getsockname()
            return name if isinstance(name, str) else f"{name[0]}:{name[1]}"

        urls = {
            "udp": "udp://" + bind(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "tcp": "tcp://" + bind(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "unix": "unix://" + bind(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "s")),
            "unixgram": "unixgram://" + bind(socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "d")),
            "file": f"file://{folder / 'file'}",
        }
        print(json.dumps(urls), flush=True)
        while True:
            for key, _ in selector.select():
                take(selector, key)


def take(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    """Accept a connection, or read what is there."""
    sock = key.fileobj
    assert isinstance(sock, socket.socket)
    if key.data:
        selector.register(sock.accept()[0], selectors.EVENT_READ, False)
        return
    data = b""
    with contextlib.suppress(OSError):
        data = sock.recv(65536)
    if not data and sock.type == socket.SOCK_STREAM:
        selector.unregister(sock)
        sock.close()


if __name__ == "__main__":
    threading.Thread(target=serve, args=(Path(sys.argv[1]),), daemon=True).start()
    sys.stdin.read()
