r"""Text from outside made harmless and visible.

Knows characters and nothing else: no messages, no terminals. What comes out of ``visible`` holds no
character that moves a cursor, ends a line, changes the direction of writing or shows nothing:

    \n \r \t           the three that everyone knows
    \x1b \xff          one byte on the wire: a control character, or a byte that is no UTF-8
    \u202e \U000e0041  one code point: invisible, unassigned, a bidirectional control, C1
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import groupby
from typing import Final

ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"

_SHORT: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\"}


def visible(text: str, *, quoted: bool = False, mark: Callable[[str], str] = str) -> str:
    r"""Return *text* with everything that is not plainly visible escaped.

    Args:
        text: Any string, lone surrogates included.
        quoted: Escape ``"`` and ``\`` too, so that the result between quotes has one reading.
        mark: Applied to each run of escapes, to colour it for instance.

    Without *quoted* a backslash stays as it is, so ``\n`` in the result may have been two
    characters; *mark* tells them apart, and a payload full of backslashes stays readable.
    """
    if text.isprintable() and not (quoted and ("\\" in text or '"' in text)):
        return text

    def is_plain(char: str) -> bool:
        # isprintable refuses every space but U+0020; the wide ones are ordinary in CJK text.
        shown = char.isprintable() or unicodedata.category(char) == "Zs"
        return shown and not (quoted and char in '"\\')

    return "".join(
        "".join(run) if plain else mark("".join(map(_escaped, run)))
        for plain, run in groupby(text, key=is_plain)
    )


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that surrogateescape carried through
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shortened(text: str, limit: int) -> str:
    """At most *limit* characters of *text*; what was cut is said, as ``... +1,200 characters``.

    For text that was made visible or will be; the mark itself is not counted.
    """
    cut = len(text) - limit
    return text if cut <= 0 else f"{text[:limit]}{ELLIPSIS} +{counted(cut, 'character')}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 byte``, ``2,048 bytes``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def display_width(text: str) -> int:
    """How many terminal columns visible *text* takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
