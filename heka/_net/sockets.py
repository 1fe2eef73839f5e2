"""Connect sockets and send whole frames, within a deadline.

Knows sockets only: no messages, no policy. Every failure is an OSError.
A deadline limits waiting: what can be done at once is done even after the deadline.
"""

from __future__ import annotations

import _socket
import errno
import os
import socket
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from heka._core import Sink, monotonic
from heka._net.addresses import Address
from heka._net.resolver import Endpoint, resolve
from heka._runtime.allowance import allowance
from heka._runtime.debug import debug, debugging
from heka._runtime.exits import ExitHook
from heka._runtime.greenlets import in_real_thread
from heka._runtime.waiting import is_ready, pause

#: Error numbers of a full send buffer: wait, then try again.
WOULD_BLOCK = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
#: Seconds between two attempts where the kernel offers no event to wait for.
PAUSE = 0.01
#: Longest single wait in seconds: no system call overflows with it.
_WAIT_MAX = 3600.0
#: Seconds that the exit of the process waits for all peers together to close their connections: at
#: most, if so much of the exit's time is left, and at least.
_FINISH_MOST = 1.0
_FINISH_LEAST = 0.1


def _ignore(text: str) -> None:
    """Do nothing."""


class NothingSentError(TimeoutError):
    """No byte of the frame was sent before the deadline; the connection stays usable."""


def is_passing(failure: BaseException) -> bool:
    """Return whether the connection stays usable after *failure*: nothing was sent."""
    return isinstance(failure, NothingSentError) or (
        isinstance(failure, OSError) and failure.errno == errno.EMSGSIZE
    )


def remaining(deadline: float) -> float:
    """Return the seconds until *deadline*; TimeoutError when it has passed."""
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError(errno.ETIMEDOUT, "no time left")
    return left


def share_of(deadline: float, parts: int) -> float:
    """Return the deadline of the first of *parts* steps that share the time until *deadline*."""
    now = monotonic()
    return now + max(0.0, deadline - now) / parts


def wait_writable(descriptor: int, deadline: float) -> None:
    """Wait until *descriptor* is writable or has an error; TimeoutError at *deadline*."""
    if not _wait(descriptor, True, deadline):
        raise TimeoutError(errno.ETIMEDOUT, "the peer does not read")


def wait_readable(descriptor: int, deadline: float) -> None:
    """Wait until *descriptor* is readable or has an error; TimeoutError at *deadline*."""
    if not _wait(descriptor, False, deadline):
        raise TimeoutError(errno.ETIMEDOUT, "the peer sends nothing")


def _wait(descriptor: int, write: bool, deadline: float) -> bool:
    while True:
        left = max(0.0, deadline - monotonic())
        if is_ready(descriptor, write=write, timeout=min(left, _WAIT_MAX)):
            return True
        if left <= _WAIT_MAX:
            return False


def send_all(
    sock: socket.socket,
    frame: bytes,
    deadline: float,
    *,
    datagram: bool,
    start: int = 0,
    on_refused: Callable[[], object] | None = None,
) -> None:
    """Send ``frame[start:]`` on a socket, without blocking in the kernel.

    *on_refused* is called when the kernel reports that an earlier datagram was refused.

    Raises:
        NothingSentError: The deadline passed before the first byte of the frame was sent.
        OSError: Sending failed. On a stream, part of the frame may have been sent: the caller must
            close the connection.
    """
    refused = False
    at = start
    view = memoryview(frame)
    while at < len(frame):
        try:
            at += sock.send(view[at:], socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED and datagram:
                if on_refused is not None:
                    on_refused()
                if not refused:
                    refused = True  # reports an earlier datagram: this one was not sent
                    continue
            if error.errno not in WOULD_BLOCK:
                raise
            try:
                wait_writable(sock.fileno(), deadline)
                if error.errno == errno.ENOBUFS:  # no event reports room in the queue
                    pause(min(PAUSE, remaining(deadline)))
            except TimeoutError as late:
                if at == 0:
                    raise NothingSentError(*late.args) from None
                raise


#: How far an attempt to connect got, and the error that ended it.
_Failure = tuple[int, OSError]
#: Errors that are an answer of the host.
_ANSWERS = (errno.ECONNREFUSED, errno.ECONNRESET)
_CONNECTED = 3

#: Device and inode: identify an open file.
Identity = tuple[int, int]


def identity_of(descriptor: int) -> Identity | None:
    """Return the identity of what *descriptor* refers to now; None when it is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def close_or_detach(sock: socket.socket, identity: Identity | None) -> None:
    """Close *sock*, unless its descriptor number is another file by now: leave that one open."""
    if identity_of(sock.fileno()) == identity:
        sock.close()
    else:
        sock.detach()


class SocketTransport:
    """UDP, TCP, unix stream or unix datagram; connected, non-blocking.

    The name is resolved each time it connects, and only then: no write waits for the name service.
    Of several hosts the first one that accepts the connection is used.

    Attributes:
        peer: Index of the host that is, or was last, connected; 0 is the first.
        failed: Indexes of the hosts that the last ``open`` has tried in vain.
        on_refused: Called when the kernel reports that an earlier UDP datagram was refused.
    """

    def __init__(self, address: Address, send_buffer: int = 0) -> None:
        """Keep *address*; nothing is opened yet.

        Args:
            address: Where to connect to.
            send_buffer: SO_SNDBUF in bytes; 0 keeps the kernel's default.
        """
        self.peer = 0
        self.failed: list[int] = []
        self.on_refused: Callable[[], object] | None = None
        self._address = address
        self._send_buffer = send_buffer
        self._socket: socket.socket | None = None
        self._identity: Identity | None = None

    @property
    def connected(self) -> socket.socket | None:
        """The connected socket, or None."""
        return self._socket

    def is_open(self) -> bool:
        """Return whether the socket is connected."""
        return self._socket is not None

    def has_hung_up(self) -> bool:
        """Return whether the peer of a stream has closed the connection in good order."""
        if self._socket is None or self._address.is_datagram:
            return False
        return Sink.has_hung_up(self._socket.fileno())

    def fileno(self) -> int | None:
        """Return the descriptor, or None."""
        return None if self._socket is None else self._socket.fileno()

    def open(self, deadline: float, order: list[int] | None = None) -> None:
        """Resolve and connect.

        The hosts are tried in *order*, given as indexes; None: from the first to the last. Every
        host gets an equal share of the time that is left, and every endpoint of a host an equal
        share of that: an endpoint that does not answer cannot use up the time of the next.

        Raises:
            ResolutionError: The name does not resolve.
            OSError: No endpoint accepted the connection. Of several endpoints of a host, the error
                is that of the attempt which got farthest. Of several hosts, it is a TLS error if
                there was one, else the last one, and its text names the failure of each.
        """
        self.close()
        hosts = self._address.hosts
        order = list(range(len(hosts))) if order is None else order
        self.failed = []
        failures: list[_Failure] = []
        for index in order:
            host, port = hosts[index]
            failure = self._open_host(host, port, share_of(deadline, len(order) - len(failures)))
            if failure is None:
                self.peer = index
                return
            self.failed.append(index)
            failures.append(failure)
        tried = [hosts[index] for index in order]
        chosen = next((one for one in failures if one[0] > _CONNECTED), failures[-1])
        raise _combined_error(tried, [error for _, error in failures], chosen[1])

    def _open_host(self, host: str, port: int, deadline: float) -> _Failure | None:
        """Connect to one host; return the failure of the attempt that got farthest, or None."""
        tell = self._teller(host, port)
        try:
            endpoints = self._endpoints(host, port, deadline)
        except OSError as error:
            tell(f"cannot connect: {error}")
            return 0, error
        tell(f"addresses: {', '.join(_end_text(end) for _, end in endpoints)}")
        failures = [(0, OSError(errno.EADDRNOTAVAIL, "no address of the wanted family"))]
        for index, (family, sockaddr) in enumerate(endpoints):
            end = share_of(deadline, len(endpoints) - index)
            connected = False
            try:
                sock = self._connect(family, sockaddr, end)
                connected = True
                try:
                    self._set_up(sock, host, end)
                except BaseException:
                    sock.close()
                    raise
            except OSError as error:
                tell(f"cannot connect to {_end_text(sockaddr)}: {error}")
                failures.append((self._progress(error, connected=connected), error))
            else:
                tell(f"connected to {_end_text(sockaddr)}")
                self._socket = sock
                self._identity = identity_of(sock.fileno())
                return None
        return _farthest(failures)

    def _teller(self, host: str, port: int) -> Callable[[str], object]:
        """Return a function that tells of one attempt to connect, if such things are told."""
        if not debugging():
            return _ignore
        scheme, path = self._address.scheme, self._address.path
        return partial(debug, f"{scheme}://{path or f'{host}:{port}'}")

    def _set_up(self, sock: socket.socket, host: str, deadline: float) -> None:
        """Set up a new connection by *deadline*; OSError when it cannot be used."""

    def _progress(self, error: OSError, *, connected: bool) -> int:
        """Return how far an attempt got that ended with *error*: the larger, the farther.

        Over _CONNECTED: the server has spoken the protocol.

        A name such as localhost has several addresses. If a server listens on one of them and is
        not understood, that explains more than that nothing listens on the others.
        """
        if connected:
            return _CONNECTED
        if error.errno in _ANSWERS:
            return 2
        return 1 if isinstance(error, TimeoutError) else 0

    def _endpoints(self, host: str, port: int, deadline: float) -> list[Endpoint]:
        address = self._address
        if address.scheme in ("unix", "unixgram"):
            path = address.path
            return [(socket.AF_UNIX, "\0" + path[1:] if path.startswith("@") else path)]
        endpoints = resolve(host, port, address.family, deadline)
        if address.scheme == "udp":
            # UDP does not notice when nothing listens on ::1: IPv4 first (the sort is stable).
            endpoints = sorted(endpoints, key=lambda end: end[0] != socket.AF_INET)
        return endpoints

    def _connect(self, family: int, sockaddr: object, deadline: float) -> socket.socket:
        kind = socket.SOCK_DGRAM if self._address.is_datagram else socket.SOCK_STREAM
        sock = _new_socket(family, kind)
        try:
            sock.setblocking(False)
            if family != socket.AF_UNIX and kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._send_buffer:  # before connecting, which announces the window
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
            if hasattr(socket, "SO_NOSIGPIPE"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_NOSIGPIPE, 1)
            code = sock.connect_ex(sockaddr)  # type: ignore[arg-type]  # a sockaddr of its family
            while code == errno.EAGAIN and family == socket.AF_UNIX:  # the listener's queue is full
                pause(min(PAUSE, remaining(deadline)))
                code = sock.connect_ex(sockaddr)  # type: ignore[arg-type]  # as above
            if code == errno.EINPROGRESS:
                wait_writable(sock.fileno(), deadline)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            tcp = kind == socket.SOCK_STREAM and family != socket.AF_UNIX
            if code == 0 and tcp and sock.getsockname() == sock.getpeername():
                # Nothing listens, and the kernel has chosen the peer's port as this socket's own:
                # TCP then connects the socket to itself (simultaneous open). It would read what it
                # writes, and keep the port in use.
                code = errno.ECONNREFUSED
            if code != 0:
                raise OSError(code, os.strerror(code))
        except BaseException:
            sock.close()
            raise
        return sock

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Send ``frame[start:]``.

        Raises:
            NothingSentError: No byte of the frame was sent.
            OSError: Sending failed; a stream must be closed.
        """
        if self._socket is None:
            raise OSError(errno.ENOTCONN, "not connected")
        send_all(
            self._socket,
            frame,
            deadline,
            datagram=self._address.is_datagram,
            start=start,
            on_refused=self.on_refused,
        )

    def let_go(self) -> None:
        """Forget the socket, whose descriptor somebody else closes."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.detach()

    def finish(self, deadline: float) -> None:
        """Close the socket, if there is one; the kernel still sends what is in its buffer."""
        self.close()

    def close(self) -> None:
        """Close the socket, if there is one."""
        sock, self._socket = self._socket, None
        if sock is not None:
            close_or_detach(sock, self._identity)


def _new_socket(family: int, kind: int) -> socket.socket:
    """Return a new socket; in a real OS thread of a patched program, an unpatched one."""
    make = _socket.socket if in_real_thread() else socket.socket
    return make(family, kind)  # type: ignore[return-value]  # both have the methods used here


def _end_text(sockaddr: Any) -> str:
    """Return the address of an endpoint as text; a path is that of a unix socket."""
    return str(sockaddr) if isinstance(sockaddr, str) else f"{sockaddr[0]} port {sockaddr[1]}"


def _farthest(failures: list[_Failure]) -> _Failure:
    """Return the failure of the attempt that got farthest; of several, the last."""
    return max(reversed(failures), key=lambda failure: failure[0])


def _combined_error(
    hosts: list[tuple[str, int]], failures: list[OSError], chosen: OSError
) -> OSError:
    """Return *chosen*, one of *failures*, with a text that names the failure of each host."""
    if len(hosts) == 1:
        return chosen
    text = "; ".join(
        f"{host}:{port}: {failure.strerror or failure}"
        for (host, port), failure in zip(hosts, failures, strict=True)
    )
    if chosen.errno is None:
        return type(chosen)(text)
    chosen.strerror = text
    return chosen


#: Transports to finish when the process exits.
_to_finish: weakref.WeakSet[SocketTransport] = weakref.WeakSet()


def finish_at_exit(transport: SocketTransport) -> None:
    """Call ``transport.finish()`` when the process exits, if the transport exists then."""
    _to_finish.add(transport)
    _exit.watch()


def _finish_all() -> None:
    transports = list(_to_finish)
    with allowance.wait(_FINISH_MOST) as limit:
        deadline = max(limit, monotonic() + _FINISH_LEAST)
        for index, transport in enumerate(transports):
            transport.finish(share_of(deadline, len(transports) - index))


# After the queues (-100) have sent their frames.
_exit = ExitHook(_finish_all, -200)
