"""Peers on loopback that start, stop, hang and die, and record which messages they received."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from delivery.support import PATIENCE, wait_until

import heka

SERVER = Path(__file__).with_name("server.py")
#: Ports outside of the ephemeral range: connect() could connect to itself in that range.
PORTS = range(20000, 32000)
#: How many of them one run of the tests has for itself: a server that is stopped holds its port no
#: more, and the programs of another run on this machine must not get it.
SHARE = 600

#: Identity of a message: its source, and its number in that source.
Serial = tuple[str, int]


def frame(number: int, source: str = "a", size: int = 0) -> bytes:
    """Return the frame of message *number*, with *size* more bytes of payload."""
    return heka.pack("t", source, payload=f"{number} {'x' * size}")


def serial_of(message: heka.Message) -> Serial:
    return message.logger, int(message.payload.split()[0])


@functools.cache
def _own_ports() -> range:
    """Return the ports of this run; a locked file, held until the process ends, marks them."""
    shares = list(range(PORTS.start, PORTS.stop, SHARE))
    random.shuffle(shares)
    for start in shares:
        path = Path(tempfile.gettempdir(), f"heka-tests-ports-{start}")
        try:
            file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:  # of another user
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return range(start, start + SHARE)
        except OSError:  # another run has them
            os.close(file)
    return PORTS


def quiet_port() -> int:
    """Return a free port that no other program gets by chance."""
    while True:
        port = random.choice(_own_ports())
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as sock:
                    sock.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port


class Record:
    """What was received over one connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.serials: list[Serial] = []
        self._file = path.open("rb")
        self._reader = heka.StreamReader()

    def read_on(self) -> None:
        """Read new whole frames; an incomplete one may only be at the end."""
        while data := self._file.read(1 << 20):
            self.serials += [serial_of(one.message) for one in self._reader.feed(data)]
        assert self._reader.discarded_bytes == 0, f"{self.path}: something between two frames"
        assert self._reader.refused == {}

    @property
    def tail(self) -> int:
        """Return the bytes of an incomplete frame at the end of the connection."""
        return self._reader.pending_bytes

    def close(self) -> None:
        self._file.close()


class Received:
    """All records of a folder; a message received over two connections counts twice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._records: dict[str, Record] = {}

    def read_on(self) -> list[Record]:
        """Return the connections in the order of accepting, with all that was received."""
        for name in sorted(os.listdir(self.folder)):
            if name not in self._records:
                self._records[name] = Record(self.folder / name)
            self._records[name].read_on()
        return list(self._records.values())

    def serials(self) -> Counter[Serial]:
        """Return how often each message was received."""
        return Counter(serial for record in self.read_on() for serial in record.serials)

    def count(self) -> int:
        """Return the number of different messages received."""
        return len(self.serials())

    def connections(self) -> int:
        """Return the number of connections with a message."""
        return sum(bool(record.serials) for record in self.read_on())

    def close(self) -> None:
        for record in self._records.values():
            record.close()


class Server:
    """A receiver in another process, always at the same address.

    Options: ``pause`` seconds after each read of ``chunk`` bytes; ``buffer`` bytes of SO_RCVBUF;
    ``cut``: bytes after which a connection is closed, ``how`` 'fin' or 'rst'; ``deaf``: nothing is
    accepted, with ``backlog``; ``chatty``: it sends data; ``cert``, ``key``: TLS; ``ca``: clients
    must have a certificate of this CA.
    """

    def __init__(self, folder: Path, kind: str = "tcp", start: bool = True, **options: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.at: Any = str(folder / "at") if kind.startswith("unix") else quiet_port()
        self.kind = kind
        self.options = options
        (folder / "came").mkdir()
        self.received = Received(folder / "came")
        self._process: subprocess.Popen[bytes] | None = None
        if start:
            self.start()

    @property
    def url(self) -> str:
        if self.kind.startswith("unix"):
            return f"{self.kind}://{self.at}"
        scheme = "tls" if "cert" in self.options else self.kind
        return f"{scheme}://127.0.0.1:{self.at}"

    def start(self, **options: Any) -> None:
        """Listen, with *options* changed from now on."""
        assert self._process is None, "it runs"
        self.options.update(options)
        told = json.dumps({"kind": self.kind, "at": self.at, **self.options})
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SERVER), str(self.received.folder), told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"]},  # no sanitizer, no shim
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the server did not start"

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        assert process is not None, "it does not run"
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        process.wait(PATIENCE)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()

    def stop(self) -> None:
        """Stop it without loss: everything that its kernel has acknowledged is recorded."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it: what it had not read is lost."""
        self._end(signal.SIGKILL)

    def hang(self) -> None:
        """Stop the process (SIGSTOP); the kernel receives until its buffers are full."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @property
    def is_up(self) -> bool:
        return self._process is not None

    def wait_for(self, count: int) -> None:
        """Wait until *count* different messages were received."""
        wait_until(lambda: self.received.count() >= count, f"{count} messages")

    def restart(self, pause: float = 0.0) -> None:
        """Stop and start it; return when a message was received over a new connection."""
        before = self.received.connections()
        self.stop()
        time.sleep(pause)
        self.start()
        wait_until(lambda: self.received.connections() > before, "a message over a new connection")

    def close(self) -> None:
        if self._process is not None:
            self.kill()
        self.received.close()


def certificates(folder: Path) -> dict[str, str]:
    """Make a CA and certificates of a server and a client; return their paths."""

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=60)

    folder.mkdir(parents=True, exist_ok=True)
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python 3.13 is strict
    ca = ("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    openssl("req", "-x509", *new, *ca, *usage)
    for name in ("server", "client"):
        (folder / "extensions").write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n"
        )
        openssl(
            "req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
        )
        by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *by)
    names = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
    return {name: str(folder / name) for name in names}
