"""Ways to the kernel: sockets and files that take whole frames within a deadline.

Knows sockets and files and nothing else: no messages, no policy. Everything here raises OSError.
A deadline bounds waiting; what needs no waiting is done even when there is no time left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import stat
import time
from collections.abc import Iterator
from typing import Protocol

from heka.addresses import Address
from heka.exceptions import ConfigError
from heka.resolver import Endpoint, resolve

#: The kernel has no room now; wait, and try again.
WOULD_BLOCK = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
#: Seconds between two tries where the kernel has no event to wait for.
_PAUSE = 0.01
#: Seconds of one poll(), which counts milliseconds in an int.
_POLL_MAX = 3600.0


class NothingSentError(TimeoutError):
    """The peer took not a byte of the frame in time: the connection is as good as before."""


def is_passing(failure: BaseException) -> bool:
    """Say whether the connection is as good as before *failure*: it is no fault of the peer's."""
    return isinstance(failure, NothingSentError) or (
        isinstance(failure, OSError) and failure.errno == errno.EMSGSIZE
    )


class Transport(Protocol):
    """What a destination needs of a way to the kernel.

    ``fileno()`` is the descriptor that the hot path may send on, or None where each write has to
    come through ``send``.
    """

    def is_open(self) -> bool:
        """Say whether ``send`` would find something to send on."""

    def open(self, deadline: float) -> None:
        """Connect, or open; OSError when that is not done by *deadline*."""

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Give ``frame[start:]`` to the kernel; OSError when not all of it is by *deadline*."""

    def close(self) -> None:
        """Close what is open, if anything is."""

    def fileno(self) -> int | None:
        """Return the descriptor to send on, or None."""


def make(address: Address) -> Transport:
    """Return the transport for *address*, closed."""
    if address.scheme == "file":
        return FileTransport(address.path)
    return SocketTransport(address)


def remaining(deadline: float) -> float:
    """Return the seconds until *deadline*; TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(errno.ETIMEDOUT, "no time left")
    return left


def wait_writable(descriptor: int, deadline: float) -> None:
    """Return once it takes bytes, or has an error to tell; TimeoutError at the deadline."""
    poller = select.poll()
    poller.register(descriptor, select.POLLOUT)
    while True:
        left = max(0.0, deadline - time.monotonic())
        if poller.poll(min(left, _POLL_MAX) * 1000):
            return
        if left <= _POLL_MAX:
            raise TimeoutError(errno.ETIMEDOUT, "the peer takes nothing")


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
                    time.sleep(min(_PAUSE, remaining(deadline)))
            except TimeoutError as late:
                if at == 0:
                    raise NothingSentError(*late.args) from None
                raise


#: Device and inode, which tell one open file from another.
Identity = tuple[int, int]


def _identity(descriptor: int) -> Identity | None:
    """Return what is open as *descriptor* now; None when nothing is."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class SocketTransport:
    """UDP, TCP, unix stream or unix datagram; connected, non-blocking.

    A name is resolved when it connects and not before it connects again: that keeps the name
    service out of the logging path.
    """

    def __init__(self, address: Address) -> None:
        """Keep *address*; nothing is opened yet."""
        if address.scheme == "tls":
            raise ConfigError(
                f"{str(address)!r}: tls is not there yet; send over tcp:// to a TLS proxy on this "
                "host"
            )
        self._address = address
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

        Each endpoint of a name gets its share of the time that is left, so that one which hangs
        does not keep the next from being tried.

        Raises:
            ResolutionError: The name does not resolve.
            OSError: No endpoint took the connection; the error is the last one's.
        """
        self.close()
        endpoints = self._endpoints(deadline)
        failure: OSError = OSError(errno.EADDRNOTAVAIL, "no address of the wanted family")
        for index, (family, sockaddr) in enumerate(endpoints):
            now = time.monotonic()
            share = max(0.0, deadline - now) / (len(endpoints) - index)
            try:
                self._socket = self._connect(family, sockaddr, now + share)
            except OSError as error:
                failure = error
            else:
                self._identity = _identity(self._socket.fileno())
                return
        raise failure

    def _endpoints(self, deadline: float) -> list[Endpoint]:
        address = self._address
        if address.scheme in ("unix", "unixgram"):
            path = address.path
            return [(socket.AF_UNIX, "\0" + path[1:] if path.startswith("@") else path)]
        endpoints = resolve(address.host, address.port, address.family, deadline)
        if address.scheme == "udp":
            # A datagram cannot notice that nobody listens on ::1; IPv4 first (the sort is stable).
            endpoints = sorted(endpoints, key=lambda end: end[0] != socket.AF_INET)
        return endpoints

    def _connect(self, family: int, sockaddr: object, deadline: float) -> socket.socket:
        kind = socket.SOCK_DGRAM if self._address.is_datagram else socket.SOCK_STREAM
        sock = socket.socket(family, kind)
        try:
            sock.setblocking(False)
            if family != socket.AF_UNIX and kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "SO_NOSIGPIPE"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_NOSIGPIPE, 1)
            code = sock.connect_ex(sockaddr)  # type: ignore[arg-type]  # a sockaddr of its family
            while code == errno.EAGAIN and family == socket.AF_UNIX:  # the listener's queue is full
                time.sleep(min(_PAUSE, remaining(deadline)))
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

    def close(self) -> None:
        """Close the socket, if there is one."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        if _identity(sock.fileno()) == self._identity:
            sock.close()
        else:
            sock.detach()  # a program that closes every descriptor: the number is another's by now


class FileTransport:
    """A file that frames are appended to, each with one write.

    ``O_APPEND`` keeps the frames of several processes apart. The path is looked at before each
    write, so that a file which was moved away (logrotate) is opened anew.
    """

    def __init__(self, path: str) -> None:
        """Keep *path*; nothing is opened yet."""
        self._path = path
        self._fd: int | None = None
        self._identity: Identity | None = None
        self._is_fifo = False

    def is_open(self) -> bool:
        """Say whether the file that the path names now is open."""
        if self._fd is None:
            return False
        try:
            status = os.stat(self._path)
        except OSError:
            return False
        named = (status.st_dev, status.st_ino)
        return named == self._identity and _identity(self._fd) == named

    def fileno(self) -> int | None:
        """Return None: a file is written through ``send``, which lets other threads run."""
        return None

    def open(self, deadline: float) -> None:
        """Open the file for appending, made with mode 0644 less the umask where it is missing."""
        self.close()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        fd = os.open(self._path, flags | os.O_NONBLOCK, 0o644)  # a FIFO without reader: ENXIO
        try:
            status = os.fstat(fd)
            if stat.S_ISDIR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                raise OSError(errno.EINVAL, "this is no file", self._path)
        except BaseException:
            os.close(fd)
            raise
        self._is_fifo = stat.S_ISFIFO(status.st_mode)
        self._identity = (status.st_dev, status.st_ino)
        self._fd = fd

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Append ``frame[start:]``; an OSError leaves what the disk still took.

        Raises:
            NothingSentError: A FIFO was full until the deadline, and has nothing of the frame.
            OSError: As the kernel has it.
        """
        if self._fd is None:
            raise OSError(errno.EBADF, "not open")
        at = start
        view = memoryview(frame)
        with _without_sigpipe() if self._is_fifo else contextlib.nullcontext():
            while at < len(frame):
                try:
                    at += os.write(self._fd, view[at:])
                except BlockingIOError:  # a FIFO that is full
                    if at == 0:
                        self._wait_to_begin(deadline)
                    else:
                        wait_writable(self._fd, deadline)

    def _wait_to_begin(self, deadline: float) -> None:
        if self._fd is None:
            raise OSError(errno.EBADF, "not open")
        try:
            wait_writable(self._fd, deadline)
            time.sleep(min(_PAUSE / 10, remaining(deadline)))  # there is room, maybe not enough
        except TimeoutError as late:
            raise NothingSentError(*late.args) from None

    def close(self) -> None:
        """Close the file, if it is open."""
        fd, self._fd = self._fd, None
        if fd is not None and _identity(fd) == self._identity:
            os.close(fd)


@contextlib.contextmanager
def _without_sigpipe() -> Iterator[None]:
    """Let a FIFO that lost its reader raise EPIPE and nothing else.

    Only sockets can be written without the signal, which ends a program that has set it to its
    default.
    """
    if signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN or not hasattr(signal, "sigtimedwait"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    pending = signal.SIGPIPE in signal.sigpending()
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
        yield
    finally:
        if not pending and signal.SIGPIPE in signal.sigpending():
            signal.sigtimedwait([signal.SIGPIPE], 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
