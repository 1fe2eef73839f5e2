r"""Escape text from outside, so that a terminal shows it and does not interpret it.

Knows characters only: no messages, no terminals. The result of ``visible`` contains no character
that moves the cursor, ends a line, changes the writing direction or is invisible. Escapes:

    \n \r \t           newline, carriage return, tab
    \x1b \xff          one byte: a control character, or a byte that is not UTF-8
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
    r"""Return *text* with every character escaped that is not visible.

    Args:
        text: Any string, lone surrogates included.
        quoted: Escape ``"`` and ``\`` too, so that the result in quotes is unambiguous.
        mark: Applied to each run of escapes, for instance to colour it.

    Without *quoted* a backslash is not escaped, so ``\n`` in the result may stand for two
    characters of *text*. *mark* shows which it is, and text with many backslashes stays readable.
    """
    if text.isprintable() and not (quoted and ("\\" in text or '"' in text)):
        return text

    def is_plain(char: str) -> bool:
        # isprintable is False for every space but U+0020; wide spaces are common in CJK text.
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
    if 0xDC80 <= code <= 0xDCFF:  # a byte that surrogateescape has decoded
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shortened(text: str, limit: int) -> str:
    """Return at most *limit* characters of *text*, and how many more: ``... +1,200 characters``.

    The count that is appended is not part of *limit*.
    """
    cut = len(text) - limit
    return text if cut <= 0 else f"{text[:limit]}{ELLIPSIS} +{counted(cut, 'character')}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return *number* with its noun: ``1 byte``, ``2,048 bytes``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def display_width(text: str) -> int:
    """Return the terminal columns of *text*: 2 for a wide character, 0 for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
