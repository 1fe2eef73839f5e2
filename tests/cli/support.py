"""Helpers of the command line tests: a running command, and hand-made wire bytes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import heka

PATIENCE = 30.0  # seconds; a sanitizer build on a busy machine starts slowly
ROOT = str(Path(heka.__file__).resolve().parent.parent)
SGR = re.compile(r"\x1b\[[0-9;]*m")


def environment(**changes: str) -> dict[str, str]:
    """Return the environment for commands: the heka under test, and no colour variables."""
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    path = os.pathsep.join(filter(None, (ROOT, env.get("PYTHONPATH"))))
    return {**env, "PYTHONPATH": path, "PYTHONUTF8": "1", **changes}


class Watched:
    """``python -m heka ARGS`` in another process; its output is read as it arrives."""

    def __init__(
        self,
        cwd: Path,
        *args: str,
        stdout: int = subprocess.PIPE,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        env: dict[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "heka", *args],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=cwd,  # not the source tree, whose heka would come before the one under test
            env=environment() if env is None else env,
        )
        self._text = {"out": "", "err": ""}
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    @property
    def out(self) -> str:
        """Standard output so far."""
        with self._news:
            return self._text["out"]

    @property
    def err(self) -> str:
        """Standard error so far."""
        with self._news:
            return self._text["err"]

    def wait_for(self, condition: Callable[[str, str], object]) -> None:
        """Wait until ``condition(out, err)`` is true; after a timeout, fail with both texts."""
        with self._news:
            done = self._news.wait_for(
                lambda: condition(self._text["out"], self._text["err"]), PATIENCE
            )
            assert done, f"did not come; stdout: {self._text['out']!r}, err: {self._text['err']!r}"

    def listening(self, count: int = 1) -> list[tuple[str, int]]:
        """Return the addresses of the ``listening on udp|tcp`` lines once there are *count*."""
        self.wait_for(lambda out, err: err.count("listening on ") >= count and err.endswith("\n"))
        found = re.findall(
            r"listening on (?:udp|tcp) \[?([^\]\s]+?)\]?:(\d+)\n", SGR.sub("", self.err)
        )
        return [(host, int(port)) for host, port in found]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, wait for the exit and all output; return the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the exit and all output; return the exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def kill(self) -> None:
        """Kill it, and close its pipes."""
        self.process.kill()
        self.ended()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        try:
            while chunk := os.read(stream.fileno(), 65536):
                with self._news:
                    self._text[name] += chunk.decode("utf-8", "backslashreplace")
                    self._news.notify_all()
        except (OSError, ValueError):  # closed by a test
            return


# ---- ordinary messages ------------------------------------------------------------------------

LOCAL = ("--udp", ":0", "--tcp", ":0")
KEY = "correct horse"


def pack(type: str, signer: heka.SignerConfig | None = None, **kwargs: Any) -> bytes:
    """Return a frame with severity INFO and logger ``test``."""
    return heka.pack(type, "test", 6, signer=signer, **kwargs)


def send_udp(address: tuple[str, int], *datagrams: bytes) -> None:
    """Send datagrams from one socket."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        for data in datagrams:
            sock.sendto(data, address)


def send_tcp(address: tuple[str, int], data: bytes) -> None:
    """Send *data* over a new connection."""
    with socket.create_connection(address, PATIENCE) as sock:
        sock.sendall(data)


def signer(name: str = "ops", version: int = 1, key: str | bytes = KEY) -> heka.SignerConfig:
    """Return a signer with SHA1, by default with the right key."""
    return heka.SignerConfig(name, version, key, "sha1")


# ---- messages by hand, which no encoder would write --------------------------------------------


def varint(number: int) -> bytes:
    """Return *number* as a varint; a negative one has ten bytes."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def block(tag: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(tag << 3 | 2) + varint(len(data)) + data


def wire_field(name: bytes, value_type: int, values: bytes, unit: bytes = b"") -> bytes:
    """Return a Field of a Message; *values* have their tags, for instance ``block(4, b"text")``."""
    inner = block(1, name) + b"\x10" + varint(value_type) + block(3, unit) + values
    return block(10, inner)


def wire_message(
    *,
    type: bytes = b"",
    logger: bytes = b"",
    severity: int = 6,
    payload: bytes = b"",
    hostname: bytes = b"",
    pid: int = 1,
    timestamp: int = 1_700_000_000_123_456_789,
    fields: Iterable[bytes] = (),
) -> bytes:
    """Return a Message with arbitrary bytes as text."""
    return b"".join(
        (
            block(1, bytes(range(16))),
            b"\x10" + varint(timestamp),
            block(3, type),
            block(4, logger),
            b"\x28" + varint(severity),
            block(6, payload),
            block(7, b"0.8"),
            b"\x40" + varint(pid),
            block(9, hostname),
            *fields,
        )
    )
