"""Peers on loopback, processes, and shims that make the C library fail."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import heka

PATIENCE = 30.0  # seconds; waited for only when a test fails
SOON = 2.0  # seconds; upper limit for a few tenths of a second on a busy machine
ROOT = str(Path(heka.__file__).resolve().parent.parent)

#: For programs that fork. child(work) runs work in a child, which then ends with os._exit;
#: wait_for(*pids) fails if one of these children has.
CHILD = """
    def child(work):
        pid = os.fork()
        if pid:
            return pid
        faulthandler.register(signal.SIGALRM, chain=True)  # the parent's timer is not the child's
        signal.alarm(15)
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    def wait_for(*pids):
        for pid in pids:
            assert os.waitpid(pid, 0)[1] == 0, "the child failed"
"""


def wait_until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait until a condition is true, by polling."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.002)


def account(to: str) -> dict[str, Any]:
    """Return the counters of one destination, and check that they balance."""
    counts: dict[str, Any] = heka.stats()["destinations"][to]
    assert counts["offered"] == counts["sent"] + sum(counts["dropped"].values())
    return counts


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Check that the block takes at most *seconds*: it must not hang."""
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    assert took < seconds, f"took {took:.2f} s"


class Datagrams:
    """A bound datagram socket."""

    def __init__(self, family: int = socket.AF_INET, address: Any = None) -> None:
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind(address or ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.sock.settimeout(PATIENCE)

    @property
    def port(self) -> int:
        port: int = self.sock.getsockname()[1]
        return port

    def take(self) -> bytes:
        """Return the next datagram."""
        return self.sock.recv(65536)

    def message(self) -> heka.Message:
        """Return the message of the next datagram."""
        (frame,) = heka.StreamReader().feed(self.take())
        return frame.message

    def is_empty(self) -> bool:
        """Return whether no datagram is waiting."""
        return not select.select([self.sock], [], [], 0)[0]

    def close(self) -> None:
        self.sock.close()


class Connection:
    """One accepted connection; any thread may read it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.reader = heka.StreamReader()
        self.messages: list[heka.Message] = []
        self.tail = 0  # bytes of an incomplete frame at the end of the stream

    def read_some(self, size: int = 65536) -> bool:
        """Read once; False at the end of the stream."""
        try:
            data = self.sock.recv(size)
        except ConnectionResetError:
            data = b""
        self.messages += [frame.message for frame in self.reader.feed(data)]
        return bool(data)

    def take(self, count: int) -> list[heka.Message]:
        """Read until *count* messages are there."""
        while len(self.messages) < count:
            assert self.read_some(), f"the stream ended after {len(self.messages)} messages"
        taken, self.messages = self.messages[:count], self.messages[count:]
        return taken

    def read_to_end(self) -> list[heka.Message]:
        """Read to the end: whole frames, and at most one incomplete frame at the end."""
        while self.read_some():
            pass
        assert self.reader.discarded_bytes == 0, "something stands between two frames"
        assert self.reader.refused == {}
        self.tail = self.reader.pending_bytes
        return self.messages

    def reset(self) -> None:
        """Reset the connection (RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


class Listener:
    """A listening stream socket; the test accepts connections itself."""

    def __init__(
        self, family: int = socket.AF_INET, address: Any = None, backlog: int = 16, buffer: int = 0
    ) -> None:
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.bind(address or ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.sock.listen(backlog)
        self.sock.settimeout(PATIENCE)
        self._accepted: list[Connection] = []

    @property
    def port(self) -> int:
        port: int = self.sock.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        name = self.sock.getsockname()
        return f"unix://{name}" if isinstance(name, str) else f"tcp://127.0.0.1:{name[1]}"

    def accept(self) -> Connection:
        connection = Connection(self.sock.accept()[0])
        self._accepted.append(connection)
        return connection

    def fill(self) -> list[socket.socket]:
        """Fill the listen queue, so that the kernel does not answer further connections."""
        waiting = []
        while not waiting or select.select([], [waiting[-1]], [], 0.2)[1]:
            waiting.append(socket.socket(self.sock.family, socket.SOCK_STREAM))
            waiting[-1].setblocking(False)
            if (
                waiting[-1].connect_ex(self.sock.getsockname()) == errno.EAGAIN
            ):  # a unix socket reports a full queue
                break
        return waiting

    def is_waiting(self) -> bool:
        """A connection waits to be accepted."""
        return bool(select.select([self.sock], [], [], 0)[0])

    def close(self) -> None:
        """Close the listener and its connections."""
        self.sock.close()
        for connection in self._accepted:
            connection.close()


class Task(threading.Thread):
    """A thread; ``result()`` returns its result or raises its exception."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._result: Any = None
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as failure:
            self._failure = failure

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "the thread hangs"
        if self._failure is not None:
            raise self._failure
        return self._result


def run_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run ``work(0)`` to ``work(count - 1)`` in parallel; return their results."""
    tasks = [Task(lambda i=i: work(i)) for i in range(count)]  # type: ignore[misc]
    return [task.result() for task in tasks]


def has_ipv6() -> bool:
    """Return whether the machine has IPv6 loopback; containers often have none."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """Return a port on which nothing listens."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


# ---- processes -----------------------------------------------------------------------------------

PREAMBLE = """
import atexit, faulthandler, json, os, signal, socket, sys, threading, time
faulthandler.dump_traceback_later(25, exit=True)
import heka
def tell(**facts):
    os.write(1, (json.dumps(facts) + "\\n").encode())
def insist(*args, **kwargs):
    while not heka.log(*args, **kwargs):
        time.sleep(0.01)
def dropped():
    return heka.stats()["dropped"]
"""


def environment(preload: Path | None = None, **changes: str) -> dict[str, str]:
    """Return the environment for child processes, with the heka under test first on the path."""
    env = {k: v for k, v in os.environ.items() if k != "HEKA_TO"}
    path = os.pathsep.join(filter(None, (ROOT, env.get("PYTHONPATH"))))
    if preload is not None:  # a sanitizer must be loaded first
        changes["LD_PRELOAD"] = " ".join(filter(None, (env.get("LD_PRELOAD"), str(preload))))
    return {**env, "PYTHONPATH": path, "PYTHONUTF8": "1", **changes}


def command(script: str, *args: object) -> list[str]:
    return [sys.executable, "-c", PREAMBLE + textwrap.dedent(script), *map(str, args)]


class Outcome:
    """The result of a process."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that the process has printed, in order."""
        told: dict[str, Any] = {}
        for line in self.out.splitlines():
            told.update(json.loads(line))
        return told


def run(script: str, *args: object, preload: Path | None = None, **changes: str) -> Outcome:
    """Run *script* in a new process, which must exit with 0."""
    done = subprocess.run(
        command(script, *args),
        capture_output=True,
        text=True,
        env=environment(preload, **changes),
        cwd=tempfile.gettempdir(),
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return Outcome(done)


def compile_shim(source: str, folder: Path) -> Path:
    """Build a shim library for LD_PRELOAD."""
    code = folder / "shim.c"
    library = folder / "shim.so"
    code.write_text("#define _GNU_SOURCE\n#include <dlfcn.h>\n" + textwrap.dedent(source))
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, code, "-ldl"], check=True, timeout=60
    )
    return library
