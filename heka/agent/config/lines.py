"""Which line of a TOML document has which table and which key; ``tomllib`` does not say.

The document is valid: it was parsed before. Keys within an inline table have no line of their own.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["lines_of"]

_BASIC: Final = r'"(?:[^"\\\n]|\\[^\n])*"'
_LITERAL: Final = r"'[^'\n]*'"
_NAME: Final = rf"(?:[\w-]+|{_BASIC}|{_LITERAL})"
_PATH: Final = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
#: What a line begins with: ``[table]``, ``[[table]]`` or ``key =``.
_START: Final = re.compile(rf"[ \t]*(?:\[\[?[ \t]*({_PATH})[ \t]*\]\]?|({_PATH})[ \t]*=)")
#: The rest of it: strings of four kinds, comments, brackets, ends of lines, and anything else.
_TOKEN: Final = re.compile(
    rf"\"\"\"(?:[^\\]|\\.)*?\"\"\"+|'''.*?'''+|{_BASIC}|{_LITERAL}"
    r"|#[^\n]*|[\[\]{}]|\n|[^\"'#\[\]{}\n]+|.",
    re.DOTALL,
)


def lines_of(text: str) -> dict[tuple[str, ...], int]:
    """Return {path of keys: the first line, from 1, that has the last of them}."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    position, number = 0, 1
    while position < len(text):
        start = _START.match(text, position)
        if start is not None:
            position = start.end()
            if start[1] is not None:
                table = path = _keys(start[1])
            else:
                path = (*table, *_keys(start[2]))
            for end in range(1, len(path) + 1):
                lines.setdefault(path[:end], number)
        position, count = _end_of_line(text, position)
        number += count
    return lines


def _end_of_line(text: str, position: int) -> tuple[int, int]:
    """Return where the value at *position* and its line end, and how many lines that were."""
    depth = count = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        assert token is not None  # its last alternative is any character
        position = token.end()
        count += token[0].count("\n")
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            break
    return position, count


def _keys(path: str) -> tuple[str, ...]:
    """Return the keys of a dotted path, without their quotes."""
    names = re.findall(_NAME, path)
    return tuple(name[1:-1] if name[0] in "\"'" else name for name in names)
