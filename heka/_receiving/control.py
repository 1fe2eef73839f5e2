"""The control socket: another process asks for copies of what arrives, or makes other requests.

A unix stream socket with mode 0600. A request is one line of JSON, the reply is one line of JSON:

    {"request": "tap", "match": "Severity <= 3"}      match may be left out
    {"ok": true}                                      then plain Heka frames
    {"ok": false, "error": "..."}                     then the connection is closed

The owner of the socket may know further requests; after their reply another one may follow.

A reader that is slow does not delay the receiver: at most 4 MiB wait for it, further copies are
lost and counted. It is told by a message of type ``heka.tap`` and logger ``heka`` with the field
``lost``, as soon as there is room.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from heka._core import pack
from heka._receiving import endpoint
from heka._receiving.receiver import Event, Received
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.framing import Block
    from heka.matcher import Matcher

__all__ = ["TAP_LOGGER", "TAP_TYPE", "Control", "Reply", "Request", "Watcher", "control_path"]

TAP_TYPE: Final = "heka.tap"
TAP_LOGGER: Final = "heka"
_PENDING_MAX: Final = 4 * 1024 * 1024  # bytes that wait for one reader
_REQUEST_MAX: Final = 128 * 1024  # bytes of a request; an expression has at most 64 KiB
_PEERS_MAX: Final = 16
_WARNING: Final = 4


def control_path(text: str) -> str:
    """Return the path of the control socket *text*: a path, or a name in the runtime directory.

    Raises:
        ConfigError: *text* is a name, and ``XDG_RUNTIME_DIR`` is not set.
    """
    if "/" in text:
        return text
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if not runtime:
        raise ConfigError(
            f"{text!r} is a name in $XDG_RUNTIME_DIR/heka, and that variable is not set; give a "
            f"path, for instance ./{text}.sock"
        )
    return os.path.join(runtime, "heka", f"{text}.sock")


class Watcher(Protocol):
    """A loop over sockets, in one thread."""

    def watch(
        self, sock: socket.socket, call: Callable[[], object], *, writing: bool = False
    ) -> None:
        """Call *call* when *sock* can be read, with *writing* also when it can be written."""

    def unwatch(self, sock: socket.socket) -> None:
        """End what ``watch`` began."""


#: Sends the reply to a request; called once, at any time, in the thread of the loop.
Reply = Callable[[Mapping[str, object]], None]
#: Answers a request, the object of its line, by calling the reply.
Request = Callable[[Mapping[str, Any], Reply], None]


class Control:
    """Accepts requests in the thread of *watcher*, for instance of ``Receiver.poll``.

    Args:
        watcher: The loop that serves the socket.
        path: Of the socket; its directory is made with mode 0700 if it is missing.
        requests: What is known beside ``tap``, by name.

    Raises:
        ConfigError: There is a file at *path* that is not a socket.
        OSError: A program listens there, or a system call failed.
    """

    def __init__(
        self, watcher: Watcher, path: str, requests: Mapping[str, Request] | None = None
    ) -> None:
        self.lost = 0  # copies that slow readers did not get
        self.path = path
        self.requests = dict(requests or {})
        self.watcher = watcher
        self._peers: set[_Peer] = set()
        os.makedirs(os.path.dirname(path) or ".", 0o700, exist_ok=True)
        before = os.umask(0o177)
        try:
            self._sock = endpoint.listen_unix(path)
        finally:
            os.umask(before)
        self._sock.setblocking(False)
        found = os.stat(path)
        self._identity = (found.st_dev, found.st_ino)
        watcher.watch(self._sock, self._accept)

    @property
    def has_taps(self) -> bool:
        """Whether anybody asked for copies; any thread may ask."""
        return any(peer.is_tap for peer in tuple(self._peers))

    def offer(self, events: Iterable[Event]) -> None:
        """Send copies of what *events* have received to those who asked for it."""
        if not self._peers:
            return
        for event in events:
            if isinstance(event, Received):
                self.copy(event.block)

    def copy(self, block: Block) -> None:
        """Send a copy of *block* to those who asked for it."""
        for peer in list(self._peers):
            peer.offer(block)

    def close(self) -> None:
        """Close all connections, after what the kernel takes at once, and the socket."""
        for peer in list(self._peers):
            peer.close()
        self.watcher.unwatch(self._sock)
        self._sock.close()
        with contextlib.suppress(OSError):
            found = os.stat(self.path)
            if (found.st_dev, found.st_ino) == self._identity:
                os.unlink(self.path)

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except OSError:  # gone already, or no descriptor is left
            return
        if len(self._peers) >= _PEERS_MAX:
            sock.close()
            return
        sock.setblocking(False)
        self._peers.add(_Peer(self, sock))


class _Peer:
    """One connection: its request, and the copies that wait for it."""

    def __init__(self, control: Control, sock: socket.socket) -> None:
        self._control = control
        self._sock = sock
        self._request = bytearray()
        self._is_asked = False  # a request is answered, and the reply has not come yet
        self.is_tap = False
        self._matcher: Matcher | None = None
        self._out = bytearray()
        self._lost = 0  # not told yet
        control.watcher.watch(sock, self._on_event)

    def offer(self, block: Block) -> None:
        """Send a copy of what matches in *block*, or count it as lost."""
        if not self.is_tap:
            return
        if self._matcher is not None:
            block = self._matcher.filter(block)
        if not len(block):
            return
        if self._lost or len(self._out) + block.nbytes > _PENDING_MAX:
            self._lost += len(block)
            self._control.lost += len(block)
            return
        self._out += block
        self._send()

    def close(self) -> None:
        """Close the connection, after what the kernel takes at once of what waits."""
        with contextlib.suppress(OSError):
            self._sock.send(self._out)
        self._control.watcher.unwatch(self._sock)
        self._sock.close()
        self._control._peers.discard(self)

    def _on_event(self) -> None:
        if self._out:
            self._send()
        try:
            data = self._sock.recv(65_536)
        except (BlockingIOError, ValueError):
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        if not self.is_tap:
            self._request += data
            self._read_request()

    def _end(self) -> None:
        if self in self._control._peers:
            self.close()

    def _read_request(self) -> None:
        """Answer the first line of what has come, unless a reply is still to be sent."""
        if self._is_asked:
            return
        line, end, rest = self._request.partition(b"\n")
        if end:
            self._request = rest
            self._answer(bytes(line))
        elif len(self._request) > _REQUEST_MAX:
            self._refuse(f"a request is a line of at most {_REQUEST_MAX} bytes")

    def _answer(self, line: bytes) -> None:
        try:
            request: Any = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        name = request.get("request") if isinstance(request, dict) else None
        if name == "tap":
            self._begin_tap(request.get("match", "TRUE"))
        elif isinstance(name, str) and name in self._control.requests:
            self._is_asked = True
            self._control.requests[name](request, self._reply)
        else:
            more = "".join(f", {other!r}" for other in self._control.requests)
            self._refuse(
                'expected a line of JSON such as {"request": "tap", "match": "TRUE"}'
                + (f"; requests are 'tap'{more}" if more else "")
            )

    def _begin_tap(self, text: object) -> None:
        try:
            if not isinstance(text, str):
                raise ConfigError("match: expected text")
            if text != "TRUE":
                from heka import matcher

                self._matcher = matcher.compile(text)
        except ConfigError as problem:
            self._refuse(str(problem))
            return
        self.is_tap = True
        self._reply({"ok": True})

    def _reply(self, reply: Mapping[str, object]) -> None:
        if self not in self._control._peers:  # it has gone meanwhile
            return
        self._is_asked = False
        self._out += json.dumps(reply).encode() + b"\n"
        self._send()
        if self._request and not self.is_tap and self in self._control._peers:
            self._read_request()

    def _refuse(self, error: str) -> None:
        with contextlib.suppress(OSError):
            self._sock.send(json.dumps({"ok": False, "error": error}).encode() + b"\n")
        self.close()

    def _send(self) -> None:
        try:
            with memoryview(self._out) as view:
                sent = self._sock.send(view)
            del self._out[:sent]
        except BlockingIOError:
            pass
        except OSError:  # the reader has ended
            self.close()
            return
        if self._lost and len(self._out) <= _PENDING_MAX // 2:
            self._out += pack(
                TAP_TYPE,
                TAP_LOGGER,
                _WARNING,
                {"lost": self._lost},
                f"{self._lost} copies were lost: this reader is too slow",
            )
            self._lost = 0
        self._control.watcher.watch(self._sock, self._on_event, writing=bool(self._out))
