"""What a terminal can show: colours, glyphs, the width of a line.

Knows text streams, no messages and no sockets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Final, TextIO

from heka._display.escape import ELLIPSIS, display_width

# SGR codes of the 16 basic colours, which themes define; the background stays unchanged.
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
_MIN_COLUMNS: Final = 20  # on narrower terminals, the terminal itself wraps lines
_DEFAULT_COLUMNS: Final = 80  # when the terminal does not report its width
_SGR: Final = re.compile(r"(\x1b\[[0-9;]*m)")
_RESET: Final = "\x1b[0m"
_GLYPHS: Final = {"dot": "\N{MIDDLE DOT}", "bar": "\N{BOX DRAWINGS LIGHT VERTICAL}"}
_ASCII_GLYPHS: Final = {"dot": "-", "bar": "|"}


class Style:
    """How text is coloured, encoded and wrapped.

    Args:
        colour: Whether ``paint`` adds colours.
        ascii_only: Write ASCII only, and escape everything else.
        measure: Returns the columns of a line; called for each message, because terminals are
            resized. None: lines are not wrapped.
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
        """Return *text* in the colour *name*; parts that have a colour already keep it."""
        if not self.colour or not text:
            return text
        start = f"\x1b[{_CODES[name]}m"
        return f"{start}{text.replace(_RESET, _RESET + start)}{_RESET}"

    def encodable(self, text: str) -> str:
        """Return *text*; with ``ascii_only``, other characters are escaped."""
        if not self._ascii_only:
            return text
        text = text.replace(ELLIPSIS, "...")
        return text.encode("ascii", "backslashreplace").decode("ascii")

    def columns(self) -> int | None:
        """Return the columns of a line now, at least 20; None: lines are not wrapped."""
        return None if self._measure is None else max(self._measure(), _MIN_COLUMNS)


def fold(line: str, columns: int, lead: str) -> str:
    """Wrap coloured *line* at *columns*; every continuation line starts with *lead*.

    A terminal would wrap the line itself, but continue in the first column. With padding of the
    right length, a message could then imitate the start of another message. *lead* must be shorter
    than a line.
    """
    if len(line) <= columns and line.isascii():
        return line
    out: list[str] = []
    colours = ""  # active at this position
    left = columns
    for part in _SGR.split(line):
        if part.startswith("\x1b"):
            colours = "" if part == _RESET else colours + part
            out.append(part)
            continue
        for char in part:
            # A combining mark counts as one column here: some terminals give it one.
            width = max(display_width(char), 1)
            if width > left:
                out.append(f"{_RESET if colours else ''}\n{lead}{colours}")
                left = columns - display_width(_SGR.sub("", lead))
            out.append(char)
            left -= width
    return "".join(out)


PLAIN: Final = Style()


def style_for(stream: TextIO, environ: Mapping[str, str] | None = None) -> Style:
    """Return the style that *stream* can show.

    ``NO_COLOR`` (any value) disables colour. Else ``FORCE_COLOR`` (any value) enables it, in a pipe
    too. Else a terminal gets colour unless ``TERM`` is ``dumb``. An empty variable counts as unset.
    Source: no-color.org, force-color.org; the order is that of CPython's tracebacks.
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
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_COLUMNS
    except (OSError, ValueError, AttributeError):  # the terminal was closed, or is none
        return _DEFAULT_COLUMNS


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
