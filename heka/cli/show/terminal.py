"""The terminal: colour or none, glyphs, where a line is full, and what ends a command.

Knows standard streams and signals, no messages and no sockets.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Final, TextIO

from heka.cli.show.escape import ELLIPSIS, display_width

# SGR codes of the 16 colours that every theme redefines to taste; no background is touched.
_CODES: Final[Mapping[str, str]] = {
    "strong": "1",
    "dim": "2",
    "escape": "35",
    "good": "32",
    "bad": "31",
    "fatal": "1;31",
    "warn": "33",
    "notice": "36",
    "info": "34",
    "unit": "36",
}
_FEWEST_COLUMNS: Final = 20  # narrower terminals break lines by themselves
_USUAL_COLUMNS: Final = 80  # where a terminal does not know
_SGR: Final = re.compile(r"(\x1b\[[0-9;]*m)")
_RESET: Final = "\x1b[0m"
_GLYPHS: Final = {"dot": "\N{MIDDLE DOT}", "bar": "\N{BOX DRAWINGS LIGHT VERTICAL}"}
_ASCII_GLYPHS: Final = {"dot": "-", "bar": "|"}


class Style:
    """How text is dressed.

    Args:
        colour: Whether ``paint`` paints.
        ascii_only: ASCII in the place of everything else.
        measure: Tells the columns of a line, each time anew since terminals are resized; None:
            lines have no end.
    """

    def __init__(
        self,
        *,
        colour: bool = False,
        ascii_only: bool = False,
        measure: Callable[[], int] | None = None,
    ) -> None:
        self.colour = colour
        self._measure = measure
        glyphs = _ASCII_GLYPHS if ascii_only else _GLYPHS
        self.dot = glyphs["dot"]
        self.bar = glyphs["bar"]
        self._ascii_only = ascii_only

    def paint(self, name: str, text: str) -> str:
        """*text* in the colour *name*, painted parts of it kept; unchanged without colour."""
        if not self.colour or not text:
            return text
        start = f"\x1b[{_CODES[name]}m"
        return f"{start}{text.replace(_RESET, _RESET + start)}{_RESET}"

    def settle(self, text: str) -> str:
        """*text* in the characters of this style: in ASCII, what is none is escaped."""
        if not self._ascii_only:
            return text
        text = text.replace(ELLIPSIS, "...")
        return text.encode("ascii", "backslashreplace").decode("ascii")

    def columns(self) -> int | None:
        """The columns of a line now, at least 20; None: lines have no end."""
        return None if self._measure is None else max(self._measure(), _FEWEST_COLUMNS)


def fold(line: str, columns: int, lead: str) -> str:
    """Break painted *line* where it is full; what follows a break is led by *lead*.

    A terminal breaks a long line by itself, but goes on in its first column, where padding of the
    right length would let a message begin a line of its own. *lead* must be shorter than a line.
    """
    if len(line) <= columns and line.isascii():
        return line
    out: list[str] = []
    colours = ""  # in force at this place
    left = columns
    for part in _SGR.split(line):
        if part.startswith("\x1b"):
            colours = "" if part == _RESET else colours + part
            out.append(part)
            continue
        for char in part:
            # A combining mark takes no column, but here it counts: some terminals give it one.
            width = max(display_width(char), 1)
            if width > left:
                out.append(f"{_RESET if colours else ''}\n{lead}{colours}")
                left = columns - display_width(_SGR.sub("", lead))
            out.append(char)
            left -= width
    return "".join(out)


PLAIN: Final = Style()


def style_for(stream: TextIO, environ: Mapping[str, str] | None = None) -> Style:
    """The style that *stream* can show.

    ``NO_COLOR`` (any value) forbids colour; else ``FORCE_COLOR`` (any value) wants it, in a pipe
    too; else a terminal gets it, unless ``TERM`` is ``dumb``. Empty variables count as unset.
    Source: no-color.org, force-color.org; the order is that of CPython's own tracebacks.
    """
    env = os.environ if environ is None else environ
    if env.get("NO_COLOR"):
        colour = False
    elif env.get("FORCE_COLOR"):
        colour = True
    else:
        colour = stream.isatty() and env.get("TERM") != "dumb"
    return Style(
        colour=colour,
        ascii_only=not _can_show(stream, "".join(_GLYPHS.values())),
        measure=(lambda: _columns_of(stream)) if stream.isatty() else None,
    )


def _columns_of(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except OSError:  # it has gone
        return _USUAL_COLUMNS


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def prepare_stdout() -> TextIO:
    """Standard output that never fails for a character it has not: it is escaped instead."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return sys.stdout


def abandon_stdout() -> None:
    """Standard output has no reader any more: let what is still buffered go nowhere, quietly."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextlib.contextmanager
def stop_signals(wake: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Within the block, Ctrl-C and SIGTERM ask to stop; yields a function that says whether.

    *wake* is called from the signal handler to end a wait. The first signal also puts the old
    handlers back, so a second one ends a program that does not get to its end. A signal that was
    ignored from the start (``nohup``, a background job) stays ignored. Main thread only.
    """
    stopped = False
    previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def restore() -> None:
        while previous:
            signal.signal(*previous.popitem())

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        restore()
        wake()

    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if handler is not signal.SIG_IGN:
            previous[number] = handler
            signal.signal(number, on_signal)
    try:
        yield lambda: stopped
    finally:
        restore()
