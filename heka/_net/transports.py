"""Ways to the kernel: sockets and files that take whole frames within a deadline.

Knows sockets and files and nothing else: no messages, no policy. Everything here raises OSError.
A deadline bounds waiting; what needs no waiting is done even when there is no time left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
from collections.abc import Iterator
from typing import Protocol

from heka._net.addresses import Address
from heka._net.sockets import (
    PAUSE,
    Identity,
    NothingSentError,
    SocketTransport,
    identity_of,
    is_passing,
    remaining,
    send_all,
    wait_writable,
)
from heka._runtime.waiting import pause

__all__ = [
    "FileTransport",
    "NothingSentError",
    "SocketTransport",
    "Transport",
    "is_passing",
    "make",
    "make_socket",
    "remaining",
    "send_all",
    "wait_writable",
]


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

    def finish(self, deadline: float) -> None:
        """Close what is open in good order, so that the peer gets all; no OSError."""

    def close(self) -> None:
        """Close what is open, if anything is, at once and whatever the peer has got."""

    def fileno(self) -> int | None:
        """Return the descriptor to send on, or None."""


def make(address: Address) -> Transport:
    """Return the transport for *address*, closed.

    Raises:
        ConfigError: A file that it names for TLS is not there, or no such file.
    """
    return FileTransport(address.path) if address.scheme == "file" else make_socket(address)


def make_socket(address: Address, send_buffer: int = 0) -> SocketTransport:
    """Return the transport for *address*, which is no file, closed.

    Args:
        address: Where to connect to.
        send_buffer: Bytes of the kernel's buffer, where that can be said; 0 leaves it to the
            kernel.

    Raises:
        ConfigError: As ``make``.
    """
    if address.scheme == "tls":
        from heka._net.tls import TlsTransport  # ssl takes a while to import

        return TlsTransport(address, send_buffer)
    return SocketTransport(address, send_buffer)


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
        return named == self._identity and identity_of(self._fd) == named

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
            pause(min(PAUSE / 10, remaining(deadline)))  # there is room, maybe not enough
        except TimeoutError as late:
            raise NothingSentError(*late.args) from None

    def finish(self, deadline: float) -> None:
        """Close the file, if it is open: all is written."""
        self.close()

    def close(self) -> None:
        """Close the file, if it is open."""
        fd, self._fd = self._fd, None
        if fd is not None and identity_of(fd) == self._identity:
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
