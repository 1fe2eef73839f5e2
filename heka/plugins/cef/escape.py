"""Escapes any text as a value of a CEF line: it can add neither a key nor a line."""

from __future__ import annotations

import re

_NOT_IN_KEY = re.compile(r"[^A-Za-z0-9_.-]")
# Characters that end a line or a text for some reader, move a cursor, or have no UTF-8. CR and LF
# have their own escapes.
_UNSAFE = re.compile("[\0-\t\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HEADER = str.maketrans({"\\": r"\\", "|": r"\|", "\r": r"\r", "\n": r"\n"})
_EXTENSION = str.maketrans({"\\": r"\\", "=": r"\=", "\r": r"\r", "\n": r"\n"})
_CUT = "..."


def text_of(value: object) -> str:
    """Return any value as text. Never raises, even if ``__str__`` does."""
    try:
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "backslashreplace")
        return str.__str__(value) if isinstance(value, str) else str.__str__(str(value))
    except Exception:
        return f"<{type(value).__name__}>"


def environ_text(value: object) -> str:
    """Return a value of a WSGI environ, where servers decode bytes as Latin-1."""
    text = text_of(value)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def header(text: str, most: int | None = None) -> str:
    """Return *text* escaped for the header, in at most *most* bytes."""
    return _escaped(text, _HEADER, most)


def extension(text: str, most: int | None = None) -> str:
    """Return *text* escaped as the value of an extension, in at most *most* bytes."""
    return _escaped(text, _EXTENSION, most)


def key_of(name: str) -> str:
    """Return *name* with each character that is invalid in a key replaced by an underscore."""
    return _NOT_IN_KEY.sub("_", name) or "_"


def size_of(text: str) -> int:
    """Return the size of *text* in bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def _escaped(text: str, table: dict[int, str], most: int | None) -> str:
    if most is None:
        return _UNSAFE.sub(_shown, text).translate(table)
    whole = _escaped(text[: most + 1], table, None)  # a character is a byte at least
    if size_of(whole) <= most and len(text) <= most:
        return whole
    mark = _CUT[:most]
    cut = whole.encode()[: most - len(mark)].decode("utf-8", "ignore")
    if (len(cut) - len(cut.rstrip("\\"))) % 2:
        cut = cut[:-1]  # half an escape would escape the next character
    return cut + mark


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
