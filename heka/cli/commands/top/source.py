"""Reads blocks for ``heka top`` in a thread: copies from a control socket, or a file."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
from collections.abc import Iterator

from heka import matcher
from heka._display.escape import visible
from heka._receiving.control import TAP_LOGGER, TAP_TYPE
from heka._receiving.files import Files
from heka.cli.commands import tap
from heka.cli.commands.top.model import Model
from heka.framing import Block, BlockReader
from heka.matcher import Matcher

_MESSAGE_MAX = 16 * 1024 * 1024  # bytes; as of a listener with the largest --max-message


class Source:
    """Gives blocks that match to the model.

    ``state`` says what it does: live, end, or why it has ended. The reader chooses messages itself,
    so that another expression needs no new connection and costs the listener nothing.
    """

    def __init__(self, model: Model, text: str, match: Matcher | None, *, follow: bool) -> None:
        self.state = "live"
        self.match = match
        self.text = text
        self._model = model
        self._follow = follow
        self._sock: socket.socket | None = None
        self._rest = b""
        self._run = 0  # number of the thread whose blocks count
        self._is_file = is_file(text)
        if not self._is_file:
            self._sock = tap.connect(text)
            self._rest = tap.ask(self._sock, None)

    def start(self) -> None:
        """Begin to read."""
        self._run += 1
        threading.Thread(target=self._read, args=(self._run,), name="heka top", daemon=True).start()

    def choose(self, match: Matcher | None) -> None:
        """Count again from now on, or a file from its beginning, what matches."""
        self.match = match
        self._model.reset()
        if self._is_file:
            self.state = "live"
            self.start()

    def close(self) -> None:
        """End."""
        self._run += 1
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()

    def _read(self, run: int) -> None:
        try:
            for block in self._of_file() if self._sock is None else self._of_socket(self._sock):
                if run != self._run:
                    return
                if block is not None:
                    self._model.add(block if self.match is None else self.match.filter(block))
        except OSError as problem:
            if run == self._run:
                self.state = f"ended: {problem.strerror or problem}"
            return
        if run == self._run and self.state == "live":
            self.state = "end of file" if self._is_file else "the listener has ended"

    def _of_file(self) -> Iterator[Block | None]:
        files = Files(follow=self._follow)
        yield from files.read([self.text])
        for _, reason in files.unread:
            self.state = f"ended: {visible(reason)}"

    def _of_socket(self, sock: socket.socket) -> Iterator[Block]:
        reader = BlockReader(_MESSAGE_MAX)
        told = matcher.compile(f"Type == '{TAP_TYPE}' && Logger == '{TAP_LOGGER}'")
        others = matcher.compile(f"Type != '{TAP_TYPE}' || Logger != '{TAP_LOGGER}'")
        chunk = self._rest
        while True:
            for block in reader.feed(chunk):
                lost = told.filter(block)
                if len(lost):
                    self._model.lose(tap.lost_copies(lost))
                yield others.filter(block) if len(lost) else block
            chunk = sock.recv(tap.CHUNK)
            if not chunk:
                return


def is_file(text: str) -> bool:
    """Return whether *text* is the path of a file or directory, not of a socket."""
    try:
        return not stat.S_ISSOCK(os.stat(text).st_mode)
    except OSError:
        return False
