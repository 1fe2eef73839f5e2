"""Transports: sockets and files that whole frames are written to, within a deadline.

Knows sockets and files only: no messages, no policy. Every failure is an OSError.
A deadline limits waiting: what can be done at once is done even after the deadline.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
from collections.abc import Callable, Iterator
from typing import Protocol

from heka._core import StreamReader
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
from heka._runtime.debug import debug, debugging
from heka._runtime.forks import importing
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
    "without_sigpipe",
]


class Transport(Protocol):
    """What a destination writes frames to.

    ``fileno()`` is the descriptor that the C path may send on, or None: every frame must go through
    ``send``.
    """

    def is_open(self) -> bool:
        """Return whether ``send`` may be called without ``open``."""

    peer: int
    failed: list[int]

    def open(self, deadline: float, order: list[int] | None = None) -> None:
        """Connect the socket or open the file; OSError when that fails or *deadline* passes.

        Several hosts are tried in *order*, see ``SocketTransport.open``.
        """

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Write ``frame[start:]``; OSError when not all of it is written by *deadline*."""

    def finish(self, deadline: float) -> None:
        """Close in order, so that the peer gets all that was sent; raises no OSError."""

    def close(self) -> None:
        """Close at once, if open; the peer may lose what it has not read."""

    def fileno(self) -> int | None:
        """Return the descriptor that C may send on, or None."""


def make(address: Address) -> Transport:
    """Return a transport for *address*, not yet open.

    Raises:
        ConfigError: A TLS file of *address* is missing, or does not hold what it should.
    """
    return FileTransport(address.path) if address.scheme == "file" else make_socket(address)


def make_socket(address: Address, send_buffer: int = 0) -> SocketTransport:
    """Return a socket transport for *address*, which is not a ``file``; not yet open.

    Args:
        address: Where to connect to.
        send_buffer: SO_SNDBUF in bytes; 0 keeps the kernel's default.

    Raises:
        ConfigError: As ``make``.
    """
    if address.scheme == "tls":
        with importing():
            from heka._net.tls import TlsTransport  # importing ssl is slow

        return TlsTransport(address, send_buffer)
    return SocketTransport(address, send_buffer)


class FileTransport:
    """A file to which frames are appended, each with one write.

    ``O_APPEND`` keeps the frames of several processes apart. ``is_open`` compares the path with the
    open file, so that a file which was moved away (logrotate) is opened again.

    Attributes:
        kept: Bytes of the last ``send`` that are in the file, whole frames.
    """

    def __init__(
        self,
        path: str,
        *,
        mode: int = 0o644,
        whole: Callable[[memoryview], int | None] | None = None,
    ) -> None:
        """Keep *path*; nothing is opened yet.

        Args:
            path: The file.
            mode: Of a file that is made, less the umask.
            whole: Given what was written when the disk was full: how many bytes of it stay in the
                file; None: nothing is cut off. Left out: as many as are whole frames.
        """
        self._mode = mode
        self._whole = whole or _whole_frames
        self.peer = 0
        self.failed: list[int] = []
        self._path = path
        self._fd: int | None = None
        self._identity: Identity | None = None
        self._is_regular = self._is_fifo = False
        self.kept = 0

    def is_open(self) -> bool:
        """Return whether the open file is the one at the path now."""
        if self._fd is None:
            return False
        try:
            status = os.stat(self._path)
        except OSError:
            return False
        named = (status.st_dev, status.st_ino)
        return named == self._identity and identity_of(self._fd) == named

    def fileno(self) -> int | None:
        """Return None: a file is written by ``send``, which releases the GIL."""
        return None

    def open(self, deadline: float, order: list[int] | None = None) -> None:
        """Open the file for appending; create it if it is missing."""
        self.close()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        fd = os.open(
            self._path, flags | os.O_NONBLOCK, self._mode
        )  # a FIFO without a reader: ENXIO
        try:
            status = os.fstat(fd)
            if stat.S_ISDIR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                raise OSError(
                    errno.EINVAL, "not a regular file, FIFO or character device", self._path
                )
        except BaseException:
            os.close(fd)
            raise
        self._is_fifo = stat.S_ISFIFO(status.st_mode)
        self._is_regular = stat.S_ISREG(status.st_mode)
        self._identity = (status.st_dev, status.st_ino)
        self._fd = fd
        if debugging():
            debug(f"file://{self._path}", "opened for appending")

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Append ``frame[start:]``, one frame or several.

        If the disk is full in the middle of a frame, what was written of it is cut off again, so
        that the file ends with a whole frame; ``kept`` says how much stays. Nothing is cut off if
        another process has appended to the file meanwhile, or if it is no regular file.

        Raises:
            NothingSentError: A FIFO stayed full until the deadline; no byte of the frame was
                written.
            OSError: Writing failed.
        """
        if self._fd is None:
            raise OSError(errno.EBADF, "not open")
        at = start
        self.kept = 0
        view = memoryview(frame)
        ends: list[int] = []  # offsets in the file behind each write that took a part
        try:
            with without_sigpipe() if self._is_fifo else contextlib.nullcontext():
                while at < len(frame):
                    try:
                        at += os.write(self._fd, view[at:])
                        if at < len(frame) and self._is_regular:
                            ends.append(os.lseek(self._fd, 0, os.SEEK_CUR) - at)
                    except BlockingIOError:  # the FIFO is full
                        if at == 0:
                            self._wait_to_begin(deadline)
                        else:
                            wait_writable(self._fd, deadline)
        except BaseException:
            if ends and len(set(ends)) == 1:  # nobody has appended in between
                self._cut_back(view[:at], ends[0])
            raise

    def _cut_back(self, written: memoryview, begin: int) -> None:
        """Cut off what is not whole of *written*, which is at offset *begin*."""
        whole = self._whole(written)
        if whole is None:
            return
        with contextlib.suppress(OSError):
            self.kept = whole
            if self._fd is not None and os.fstat(self._fd).st_size == begin + len(written):
                os.ftruncate(self._fd, begin + whole)

    def _wait_to_begin(self, deadline: float) -> None:
        if self._fd is None:
            raise OSError(errno.EBADF, "not open")
        try:
            wait_writable(self._fd, deadline)
            pause(min(PAUSE / 10, remaining(deadline)))  # there may be too little room
        except TimeoutError as late:
            raise NothingSentError(*late.args) from None

    def finish(self, deadline: float) -> None:
        """Close the file, if it is open: all frames are written."""
        self.close()

    def close(self) -> None:
        """Close the file, if it is open."""
        fd, self._fd = self._fd, None
        if fd is not None and identity_of(fd) == self._identity:
            os.close(fd)


def _whole_frames(written: memoryview) -> int | None:
    """Return the bytes of *written* that are whole frames; None if it is something else."""
    reader = StreamReader()
    reader.feed(written)
    return None if reader.discarded_bytes else len(written) - reader.pending_bytes


@contextlib.contextmanager
def without_sigpipe() -> Iterator[None]:
    """Within the block, writing to a FIFO without a reader raises EPIPE but no SIGPIPE.

    SIGPIPE ends a program that has not ignored it. Only sockets have a flag against it.
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
