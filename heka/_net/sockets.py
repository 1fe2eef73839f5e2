"""Sockets that connect, and take whole frames, within a deadline.

Knows sockets and nothing else: no messages, no policy. Everything here raises OSError.
A deadline bounds waiting; what needs no waiting is done even when there is no time left.
"""

from __future__ import annotations

import _socket
import atexit
import errno
import os
import socket
import sys
import time
import weakref
from typing import Any

from heka._net.addresses import Address
from heka._net.resolver import Endpoint, resolve
from heka._runtime.greenlets import in_real_thread
from heka._runtime.waiting import is_ready, pause

#: The kernel has no room now; wait, and try again.
WOULD_BLOCK = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
#: Seconds between two tries where the kernel has no event to wait for.
PAUSE = 0.01
#: Seconds of one wait, so that the numbers of no system are too small.
_WAIT_MAX = 3600.0
#: Seconds that the end of the process waits for all the peers that are told of it.
EXIT_TIMEOUT = 1.0


class NothingSentError(TimeoutError):
    """The peer took not a byte of the frame in time: the connection is as good as before."""


def is_passing(failure: BaseException) -> bool:
    """Say whether the connection is as good as before *failure*: it is no fault of the peer's."""
    return isinstance(failure, NothingSentError) or (
        isinstance(failure, OSError) and failure.errno == errno.EMSGSIZE
    )


def remaining(deadline: float) -> float:
    """Return the seconds until *deadline*; TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(errno.ETIMEDOUT, "no time left")
    return left


def share_of(deadline: float, parts: int) -> float:
    """Return the deadline of the first of *parts* things that have to be done by *deadline*."""
    now = time.monotonic()
    return now + max(0.0, deadline - now) / parts


def wait_writable(descriptor: int, deadline: float) -> None:
    """Return once it takes bytes, or has an error to tell; TimeoutError at the deadline."""
    if not _wait(descriptor, True, deadline):
        raise TimeoutError(errno.ETIMEDOUT, "the peer takes nothing")


def wait_readable(descriptor: int, deadline: float) -> None:
    """Return once it has bytes, its end or an error to tell; TimeoutError at the deadline."""
    if not _wait(descriptor, False, deadline):
        raise TimeoutError(errno.ETIMEDOUT, "the peer sends nothing")


def _wait(descriptor: int, write: bool, deadline: float) -> bool:
    while True:
        left = max(0.0, deadline - time.monotonic())
        if is_ready(descriptor, write=write, timeout=min(left, _WAIT_MAX)):
            return True
        if left <= _WAIT_MAX:
            return False


def send_all(
    sock: socket.socket, frame: bytes, deadline: float, *, datagram: bool, start: int = 0
) -> None:
    """Send ``frame[start:]`` on a socket, without blocking in the kernel.

    Raises:
        NothingSentError: The time is over, and the peer has nothing of the frame.
        OSError: Nothing, or only a part, went out; of a stream the peer then has half a frame, so
            the connection has to be closed.
    """
    refused = False
    at = start
    view = memoryview(frame)
    while at < len(frame):
        try:
            at += sock.send(view[at:], socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED and datagram and not refused:
                refused = True  # the answer to an earlier datagram: this one is not sent yet
                continue
            if error.errno not in WOULD_BLOCK:
                raise
            try:
                wait_writable(sock.fileno(), deadline)
                if error.errno == errno.ENOBUFS:  # no event tells when the interface has room
                    pause(min(PAUSE, remaining(deadline)))
            except TimeoutError as late:
                if at == 0:
                    raise NothingSentError(*late.args) from None
                raise


#: Device and inode, which tell one open file from another.
Identity = tuple[int, int]


def identity_of(descriptor: int) -> Identity | None:
    """Return what is open as *descriptor* now; None when nothing is."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def shut(sock: socket.socket, identity: Identity | None) -> None:
    """Close *sock*, unless its number is another's by now: some programs close every descriptor."""
    if identity_of(sock.fileno()) == identity:
        sock.close()
    else:
        sock.detach()


class SocketTransport:
    """UDP, TCP, unix stream or unix datagram; connected, non-blocking.

    A name is resolved when it connects and not before it connects again: that keeps the name
    service out of the logging path. Of several hosts the first one that takes the connection has
    it, beginning with the first each time.

    Attributes:
        peer: Which host is connected, or was the last time; 0 is the first.
    """

    def __init__(self, address: Address, send_buffer: int = 0) -> None:
        """Keep *address*; nothing is opened yet.

        Args:
            address: Where to connect to.
            send_buffer: Bytes that the kernel may keep unacknowledged; 0 leaves that to the kernel.
        """
        self.peer = 0
        self._address = address
        self._send_buffer = send_buffer
        self._socket: socket.socket | None = None
        self._identity: Identity | None = None

    @property
    def connected(self) -> socket.socket | None:
        """The connected socket, or None."""
        return self._socket

    def is_open(self) -> bool:
        """Say whether a connected socket is there."""
        return self._socket is not None

    def fileno(self) -> int | None:
        """Return the descriptor, or None."""
        return None if self._socket is None else self._socket.fileno()

    def open(self, deadline: float) -> None:
        """Resolve and connect.

        Each host gets its share of the time that is left, and each endpoint of its name a share of
        that, so that one which hangs does not keep the next from being tried.

        Raises:
            ResolutionError: The name does not resolve.
            OSError: No endpoint took the connection; the error is that of the one which got
                farthest, of the last one among equals. With several hosts it tells of each.
        """
        self.close()
        hosts = self._address.hosts
        failures: list[OSError] = []
        for index, (host, port) in enumerate(hosts):
            try:
                self._open_host(host, port, share_of(deadline, len(hosts) - index))
            except OSError as error:
                failures.append(error)
            else:
                self.peer = index
                return
        raise _tell_all(hosts, failures, self._telling(failures))

    def _open_host(self, host: str, port: int, deadline: float) -> None:
        endpoints = self._endpoints(host, port, deadline)
        failures = [OSError(errno.EADDRNOTAVAIL, "no address of the wanted family")]
        for index, (family, sockaddr) in enumerate(endpoints):
            end = share_of(deadline, len(endpoints) - index)
            try:
                sock = self._connect(family, sockaddr, end)
                try:
                    self._begin(sock, host, end)
                except BaseException:
                    sock.close()
                    raise
            except OSError as error:
                failures.append(error)
            else:
                self._socket = sock
                self._identity = identity_of(sock.fileno())
                return
        raise self._telling(failures)

    def _begin(self, sock: socket.socket, host: str, deadline: float) -> None:
        """Do by *deadline* what is due on a new connection; OSError: it is of no use."""

    def _telling(self, failures: list[OSError]) -> OSError:
        """Return which of *failures* says most about why there is no connection."""
        return failures[-1]

    def _endpoints(self, host: str, port: int, deadline: float) -> list[Endpoint]:
        address = self._address
        if address.scheme in ("unix", "unixgram"):
            path = address.path
            return [(socket.AF_UNIX, "\0" + path[1:] if path.startswith("@") else path)]
        endpoints = resolve(host, port, address.family, deadline)
        if address.scheme == "udp":
            # A datagram cannot notice that nobody listens on ::1; IPv4 first (the sort is stable).
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
            if self._send_buffer:  # before it connects: the window is announced then
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
                # Nobody listens, and the kernel has chosen the peer's port for this end: TCP
                # connects a socket to itself. It would swallow all, and keep the port taken.
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
            NothingSentError: The peer has nothing of the frame.
            OSError: A stream has to be closed.
        """
        if self._socket is None:
            raise OSError(errno.ENOTCONN, "not connected")
        send_all(self._socket, frame, deadline, datagram=self._address.is_datagram, start=start)

    def finish(self, deadline: float) -> None:
        """Close the socket, if there is one; the kernel goes on sending what it has."""
        self.close()

    def close(self) -> None:
        """Close the socket, if there is one."""
        sock, self._socket = self._socket, None
        if sock is not None:
            shut(sock, self._identity)


def _new_socket(family: int, kind: int) -> socket.socket:
    """Return a new socket; in a real thread among greenlets, one that knows nothing of those."""
    make = _socket.socket if in_real_thread() else socket.socket
    return make(family, kind)  # type: ignore[return-value]  # what is used of it both have


def _tell_all(
    hosts: tuple[tuple[str, int], ...], failures: list[OSError], telling: OSError
) -> OSError:
    """Return *telling*, one of *failures*, with the text of all; each is of one host."""
    if len(hosts) == 1:
        return telling
    text = "; ".join(
        f"{host}:{port}: {failure.strerror or failure}"
        for (host, port), failure in zip(hosts, failures, strict=True)
    )
    if telling.errno is None:
        return type(telling)(text)
    telling.strerror = text
    return telling


#: Transports whose peers are told when the process ends.
_to_finish: weakref.WeakSet[SocketTransport] = weakref.WeakSet()
#: Child processes of multiprocessing, which run no atexit handlers, whose finalizer is set.
_finalized: set[int] = set()


def finish_at_exit(transport: SocketTransport) -> None:
    """Have ``transport.finish()`` called at the end of the process, should it still be open."""
    _to_finish.add(transport)
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None or os.getpid() in _finalized:
        return
    if process.parent_process() is not None:
        _finalized.add(os.getpid())
        util.Finalize(None, _finish_all, exitpriority=-200)  # after queues, which have -100


def _finish_all() -> None:
    transports = list(_to_finish)
    deadline = time.monotonic() + EXIT_TIMEOUT
    for index, transport in enumerate(transports):
        transport.finish(share_of(deadline, len(transports) - index))


# Registered by a low module, and so done late: after queues have sent what they hold.
atexit.register(_finish_all)
