"""A receiver of messages, servers as processes, and requests to them."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import heka

PATIENCE = 60.0  # seconds; waited for only when a test fails
APPS = Path(__file__).resolve().parent / "apps"
ROOT = Path(heka.__file__).resolve().parent.parent


class Receiver:
    """Reads messages from any number of connections."""

    def __init__(self) -> None:
        self._messages: list[heka.Message] = []
        self._changed = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        url = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}?queue=1"
        self.to = url
        #: For tests of the end of a process: nothing is sent unless something flushes the queue.
        self.to_at_end = f"{url}&linger=3600"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        reader = heka.StreamReader()
        with connection, contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                found = [frame.message for frame in reader.feed(data)]
                with self._changed:
                    self._messages += found
                    self._changed.notify_all()

    def wait_for(self, condition: Callable[[list[heka.Message]], Any], what: str = "it") -> Any:
        """Return the first true answer of *condition* about all messages so far."""
        with self._changed:
            found = self._changed.wait_for(lambda: condition(self._messages), PATIENCE)
            kinds = [(message.type, dict(message.fields)) for message in self._messages[-20:]]
        assert found, f"{what} did not come; the last messages: {kinds}"
        return found

    def of(self, request_id: str, *types: str) -> list[heka.Message]:
        """Wait for one message of each type with that request id; return all with it, in order."""

        def look(messages: list[heka.Message]) -> tuple[list[heka.Message]] | None:
            found = [one for one in messages if values(one).get("request_id") == request_id]
            return (found,) if {*types} <= {one.type for one in found} else None

        (found,) = self.wait_for(look, f"{types} of {request_id}")
        return list(found)

    def one(self, request_id: str, type: str) -> heka.Message:
        """Return the only message of that type and request."""
        (found,) = [one for one in self.of(request_id, type) if one.type == type]
        return found

    def close(self) -> None:
        self._listening.close()


def values(message: heka.Message) -> dict[str, Any]:
    """Return the fields of *message*, each with its first value."""
    return {name: value[0] for name, value in message.fields.items()}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Server:
    """A process that serves HTTP on a port of its own."""

    def __init__(self, port: int, process: subprocess.Popen[str], log: Path) -> None:
        self.port = port
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        """What the process has written."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.output
            with contextlib.suppress(OSError), self.connect() as connection:
                connection.request("GET", "/health")
                connection.getresponse().read()
                return
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def connect(self) -> contextlib.closing[http.client.HTTPConnection]:
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))

    def get(
        self, path: str, request_id: str = "", method: str = "GET", **headers: str
    ) -> tuple[int, bytes]:
        """Return status and body of the answer to one request."""
        if request_id:
            headers["X-Request-ID"] = request_id
        with self.connect() as connection:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def get_many(self, path: str, ids: list[str], at_once: int = 50) -> list[tuple[int, bytes]]:
        """Make one request for each id, *at_once* of them at a time."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda one: self.get(path.format(one), one), ids))

    def hang_up(self, path: str, request_id: str) -> None:
        """Read the beginning of an answer, then reset the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as sock:
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {request_id}\r\n\r\n"
            sock.sendall(head.encode())
            sock.recv(100)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def end(self) -> int:
        """End the process by SIGTERM; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def serving(log: Path, to: str, *command: object, **variables: str) -> Iterator[Server]:
    """Run ``python -m`` *command*, in which ``{port}`` is replaced, in the folder of the apps."""
    port = free_port()
    arguments = [str(part).replace("{port}", str(port)) for part in command]
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=APPS,
            env=environment(to, PORT=str(port), **variables),
            stdout=output,
            stderr=output,
            text=True,
        )
    server = Server(port, process, log)
    try:
        server.wait()
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def environment(to: str, **variables: str) -> dict[str, str]:
    """Return the environment of a process that sends to *to*."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", "HEKA_TO": to, **variables}


def check_health_checks_send_nothing(server: Any, receiver: Any, new_id: Any, path: str) -> None:
    """A request of what is ignored sends nothing; one of *path* after it does."""
    one, two = new_id(), new_id()

    server.get("/health", one)
    server.get(path, two)

    receiver.of(two, "http.request")
    assert receiver.of(one) == []


def check_a_trace_is_kept(server: Any, receiver: Any, new_id: Any, path: str, inside: str) -> None:
    """A traceparent is in the messages of a request to *path*, of which *inside* is the type."""
    one = new_id()
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

    server.get(path, one, traceparent=f"00-{trace}-{span}-01")

    for message in receiver.of(one, inside, "http.request"):
        fields = values(message)
        assert (fields["trace_id"], fields["parent_id"]) == (trace, span)
        assert "span_id" not in fields
