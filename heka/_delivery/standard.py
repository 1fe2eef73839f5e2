"""``to="stdout"`` and ``to="stderr"``: a message as text for a person, or as one line of JSON.

A terminal, and the output of a notebook's cell, get the block of lines that ``heka listen`` prints;
everything else (a pipe, a file, an object in the place of ``sys.stdout``) gets a line of JSON. The
stream is looked up for each message, because programs and tests replace it. What the program has
printed before comes first: its text is flushed, and that waits for a pipe's reader as ``print``
does. Nothing else is done to the stream, and nothing is closed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
import termios
from contextlib import nullcontext
from typing import Any, Final

from heka._core import Message, json_line
from heka._display.render import render
from heka._display.style import Style, style_for
from heka._net.transports import NothingSentError, remaining, wait_writable, without_sigpipe
from heka._runtime.reporter import file_of
from heka._runtime.waiting import pause
from heka.exceptions import DecodeError

__all__ = ["StandardTransport", "as_text", "is_terminal"]

#: Bytes that a pipe which polls as writable takes at once, and in one piece (PIPE_BUF of Linux).
_PIECE: Final = 4096
#: Seconds between two looks at whether a pipe has room for a longer line; poll() does not tell.
_PAUSE: Final = 0.001
_RECORD_SEPARATOR: Final = 0x1E


class StandardTransport:
    """Writes to ``sys.stdout`` or ``sys.stderr``, as a ``heka._net.transports.Transport``."""

    def __init__(self, name: str) -> None:
        """Write to the stream that *name*, ``stdout`` or ``stderr``, is at each message."""
        self.peer = 0
        self.failed: list[int] = []
        self._name = name
        self._is_torn = False  # the last line was cut off by a pipe that nobody read

    def is_open(self) -> bool:
        """Return True: the stream is the program's."""
        return True

    def open(self, deadline: float, order: list[int] | None = None) -> None:
        """Do nothing."""

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Write the message in *frame*, or *frame* itself if it is text of an encoder.

        Raises:
            NothingSentError: The reader of a full pipe took nothing until *deadline*.
            OSError: The stream is closed or None, or writing failed.
        """
        stream = getattr(sys, self._name, None)
        if stream is None or getattr(stream, "closed", False) is True:
            raise BrokenPipeError(errno.EPIPE, f"sys.{self._name} is closed")
        text = as_text(frame, stream)
        file = file_of(stream)
        if file is None:
            _write_to(stream, text)
            return
        data = text.encode(stream.encoding, "backslashreplace")
        if self._is_torn:
            data = b"\n" + data
        descriptor = file.fileno()
        try:
            wait_writable(descriptor, deadline)
        except TimeoutError as late:
            raise NothingSentError(errno.ETIMEDOUT, "its reader does not read") from late
        stream.flush()
        self._write(descriptor, data, deadline)

    def _write(self, descriptor: int, data: bytes, deadline: float) -> None:
        """Write *data*: with one call, unless it is longer than a pipe or socket can hold."""
        mode = os.fstat(descriptor).st_mode
        is_file = stat.S_ISREG(mode) or os.isatty(descriptor)
        view = memoryview(data)
        at = 0
        try:
            most = len(data)
            if stat.S_ISFIFO(mode) and len(data) > _PIECE:
                most = _wait_for_room(descriptor, len(data), deadline)
            elif stat.S_ISSOCK(mode):
                most = min(most, _PIECE)
            with nullcontext() if is_file else without_sigpipe():
                while at < len(data):
                    if at:
                        wait_writable(descriptor, deadline)
                    try:
                        at += os.write(descriptor, view[at : at + most])
                    except BlockingIOError:  # the program has made it non-blocking
                        wait_writable(descriptor, deadline)
        except TimeoutError as late:
            if at == 0:
                raise NothingSentError(errno.ETIMEDOUT, "its reader does not read") from late
            raise
        finally:
            self._is_torn = 0 < at < len(data) or (at == 0 and self._is_torn)

    def finish(self, deadline: float) -> None:
        """Do nothing: the stream is the program's."""

    def close(self) -> None:
        """Do nothing, as ``finish``."""

    def fileno(self) -> int | None:
        """Return None: C must not write frames there."""
        return None


def _wait_for_room(descriptor: int, size: int, deadline: float) -> int:
    """Wait until a pipe takes *size* bytes without blocking; return how many to write at once.

    Then the line is written in one piece: other threads print between lines, not within. A line
    that is longer than the pipe waits until that is empty, and is written in pieces.

    Raises:
        TimeoutError: There was too little room until *deadline*.
    """
    capacity = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
    fits = size <= capacity - 2 * _PIECE
    while True:
        unread = int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
        # Twice: writes that do not fit into the rest of a page leave it, up to a half, unused.
        if unread == 0 or (fits and size + 2 * unread <= capacity - 2 * _PIECE):
            return size if fits else _PIECE
        pause(min(_PAUSE, remaining(deadline)))


def as_text(data: bytes, stream: Any) -> str:
    """Return what *stream* gets for *data*, a frame or the text of an encoder, with its newline."""
    if not data or data[0] != _RECORD_SEPARATOR:
        return _as_line(data)
    is_line = not is_terminal(stream)
    try:
        payload = data[3 + data[1] :]
        if is_line:
            return json_line(payload)
        message = Message.decode(payload)
    except (DecodeError, IndexError):
        return _as_line(data)
    return render(message, checked=None, style=_style_of(stream)) + "\n"


def _as_line(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return text if text.endswith("\n") else f"{text}\n"


def is_terminal(stream: Any) -> bool:
    """Return whether a person reads *stream*: a terminal, or the output of a notebook's cell."""
    try:
        return stream.isatty() is True or _is_notebook(stream)
    except Exception:  # of an object in the place of sys.stdout
        return False


def _is_notebook(stream: Any) -> bool:
    return any(base.__module__.partition(".")[0] == "ipykernel" for base in type(stream).__mro__)


def _style_of(stream: Any) -> Style:
    if _is_notebook(stream):  # which shows colours, and wraps lines itself
        return Style(colour=not os.environ.get("NO_COLOR"))
    return style_for(stream)


def _write_to(stream: Any, text: str) -> None:
    """Write *text* with one call to an object in the place of ``sys.stdout``, and flush it."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    flush = getattr(stream, "flush", None)
    if flush is not None:
        flush()
