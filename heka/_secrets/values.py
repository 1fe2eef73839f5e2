"""Finds the end of a value in text: quoted, in brackets, a YAML block, or one word.

Positions only move forward, so a search for value after value reads a text once.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from heka._secrets.pattern import Pattern


class Found(NamedTuple):
    """One secret in a text.

    Attributes:
        start, end: Its place.
        texts: Secrets to search for elsewhere; empty if the value may be an ordinary word.
    """

    start: int
    end: int
    texts: tuple[str, ...]


#: A quotation mark: escaped any number of times, or as URLs and HTML write it.
QUOTE = r"(?:\\{0,32}(?:\"\"\"|'''|[\"'`])|&(?:quot|apos|#34|#39);|%2[27]|\\{1,32}u002[27])"
_OPENING = Pattern(rf"(?:[A-Za-z]{{1,2}}(?=\\{{0,32}}[\"']))?(?P<q>{QUOTE})")
_MARK = Pattern(r"\\+[\"'`]?|[\"'`]")
_CALL = Pattern(r"(?:[A-Za-z_][\w.]{0,100})?(?=[(\[{])")
_SIGN = Pattern(r"\\+[\"']?|[\"'()\[\]{}]")
_WORD = Pattern(r"[^\s\"'&;,()\[\]{}<>=][^\s\"'&;,()\[\]{}<>]*")
_TO_SEMICOLON = Pattern(r"[^;\n\"']+")
_REST = Pattern(r"(?:[ \t]+[^\s\"'&;,()\[\]{}<>=:]+)*[ \t]*(?=\r?\n|\\{1,32}n|\\{0,32}[\"']|\Z)")
_SCHEME = Pattern(
    r"(?:basic|bearer|digest|token|negotiate|ntlm|apikey|hawk|mac|jwt|oauth)[ \t]{1,5}", re.I
)
#: Values that are no secret: empty, a type, a placeholder, a mask.
_HARMLESS = Pattern(
    r"(?:none|true|false|null|nil|undefined|str|bytes|int|bool|float|string|object|any"
    r"|optional|\*+|\.\.\.|\?|%s|%\(\w*\)s?|\$\d+|:\w+|\$\{\w+\}|)\Z",
    re.I,
)
_HARMLESS_QUOTED = Pattern(r"(?:\*+|\.\.\.|\?|%s|%\(\w*\)s?|\$\{\w+\}|)\Z")
#: Words that follow "password: " and "token: " in a sentence about one.
_PROSE = frozenset(
    {
        *("a", "absent", "an", "and", "are", "argument", "at", "auth", "authentication", "bad"),
        *("be", "because", "but", "by", "can", "cannot", "closed", "could", "created", "denied"),
        *("disabled", "does", "empty", "enabled", "error", "expected", "expired", "failed"),
        *("failure", "field", "flag", "for", "from", "granted", "has", "have", "header", "if"),
        *("in", "incorrect", "instead", "into", "invalid", "is", "it", "longer", "may"),
        *("mismatch", "missing", "must", "no", "not", "of", "ok", "on", "only", "option", "or"),
        *("please", "present", "refused", "rejected", "required", "revoked", "scheme", "set"),
        *("should", "started", "succeeded", "success", "than", "that", "the", "this", "timeout"),
        *("to", "token", "tokens", "too", "try", "unavailable", "unexpected", "unknown", "unset"),
        *("use", "used", "valid", "value", "verified", "was", "were", "what", "when", "which"),
        *("will", "with", "without", "wrong", "yes", "you", "your"),
    }
)
_NEXT_WORD = Pattern(r"[ \t]+[A-Za-z'\"<]")
_NEWLINE = r"(?:\r?\n|\\{1,32}r\\{1,32}n|\\{1,32}n)"
_BLOCK = Pattern(rf"(?:[|>][-+0-9]{{0,2}})?[ \t]*(?={_NEWLINE})")
_BLOCK_LINE = Pattern(rf"{_NEWLINE}(?P<indent>[ \t]*)(?P<text>(?:[^\n\\]|\\(?!\\{0, 8}[rn]))*)")
_LITERAL = Pattern(r"(['\"])(?P<v>[^'\"\\]{1,2048})\\{0,32}\1")


def is_prose(word: str, text: str, end: int) -> bool:
    """Return whether *word*, which ends at *end*, belongs to a sentence about a secret."""
    if word.lower().strip(".:!?") not in _PROSE:
        return False
    return end >= len(text) or text[end] in ",.;\n)" or _NEXT_WORD.match(text, end) is not None


def is_harmless(value: str) -> bool:
    """Return whether *value* is no secret: empty, a placeholder, a mask."""
    return _HARMLESS.match(value.strip()) is not None


def quoted(text: str, at: int) -> tuple[int, int, int] | None:
    """Return (start, end, position after the closing mark) of the text that is quoted at *at*.

    Without a closing mark the text was cut: the value ends with it.
    """
    opening = _OPENING.match(text, at)
    if opening is None:
        return None
    start, mark = opening.end(), opening["q"]
    sign = mark.lstrip("\\")
    if len(sign) > 1:  # three marks, or an entity
        end = text.find(sign, start)
        return (start, end, end + len(sign)) if end >= 0 else (start, len(text), len(text))
    if text.startswith(2 * mark, start):  # three marks, escaped
        start += 2 * len(mark)
        end = text.find(3 * mark, start)
        return (start, end, end + 3 * len(mark)) if end >= 0 else (start, len(text), len(text))
    end, after = end_of_quoted(text, start, sign, len(mark) - 1)
    return start, end, after


def end_of_quoted(text: str, start: int, sign: str, slashes: int) -> tuple[int, int]:
    """Return (end, position after the mark) of a text opened by *slashes* and *sign*."""
    for found in _MARK.finditer(text, start):
        if not found[0].endswith(sign):
            continue
        count = len(found[0]) - 1
        # Each level of escaping doubles the backslashes and adds one.
        if count < slashes:  # the enclosing text ends here
            return found.start(), found.end()
        if count and text[found.end() : found.end() + 1].isalnum() and count != slashes:
            continue  # a repr doubled the backslashes, but did not escape the quotes
        if count % (2 * (slashes + 1)) == slashes:
            return found.end() - 1 - slashes, found.end()
    return len(text), len(text)


def balanced(text: str, at: int) -> int:
    """Return the position after the bracket that closes the one at *at*, or the end of the text."""
    depth = 0
    while True:
        found = _SIGN.search(text, at)
        if found is None:
            return len(text)
        at = found.end()
        sign = found[0][-1]
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth <= 0:
                return at
        elif sign != "\\":
            at = end_of_quoted(text, at, sign, len(found[0]) - 1)[1]


def literals(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the places of the quoted texts in brackets from *start* to *end*."""
    return [found.span("v") for found in _LITERAL.finditer(text, start, end)]


def value_at(text: str, at: int, *, is_line: bool = False, is_list: bool = False) -> Found | None:
    """Return the value that begins at *at*, after a name and an operator; None if it is harmless.

    Args:
        text: The whole text.
        at: Position after the operator and blanks.
        is_line: The name begins its line, so the value may be the rest of it, as in YAML.
        is_list: Settings are separated by semicolons, so the value may contain blanks.
    """
    within = quoted(text, at)
    if within is not None:
        start, end, _ = within
        value = text[start:end]
        return None if _HARMLESS_QUOTED.match(value) else Found(start, end, (value,))
    if text.startswith("%(", at):  # a placeholder of a statement
        return None
    call = _CALL.match(text, at)
    if call is not None:
        end = balanced(text, call.end())
        inner = [text[a:b] for a, b in literals(text, call.end(), end)]
        empty = end - call.end() <= 2
        return None if empty else Found(at, end, tuple(inner))
    scheme = _SCHEME.match(text, at)
    start = at if scheme is None else scheme.end()
    found = (_TO_SEMICOLON if is_list else _WORD).match(text, start)
    if found is None:
        return None
    end = found.end()
    word = found[0]
    if is_harmless(word) or (not is_list and is_prose(word, text, end)):
        return None
    if is_line:
        rest = _REST.match(text, end)
        end = end if rest is None else rest.end()
    value = text[start:end].rstrip()
    return Found(start, start + len(value), () if value.isalpha() and value.islower() else (value,))


def block_at(text: str, at: int, name_at: int) -> Found | None:
    """Return the lines below a name that are indented deeper: a YAML block."""
    begin = _BLOCK.match(text, at)
    if begin is None:
        return None
    line = max(text.rfind("\n", max(0, name_at - 200), name_at), name_at - 200) + 1
    before = text[line:name_at].rpartition("\\n")[2]
    outer = len(before) - len(before.lstrip(" \t-"))
    lines: list[str] = []
    end = begin.end()
    start = end
    while True:
        found = _BLOCK_LINE.match(text, end)
        if found is None:
            break
        if not found["text"] and lines and found.end() > end:  # a blank line within the block
            end = found.end()
            continue
        if not found["text"] or len(found["indent"]) <= outer:
            break
        start = start if lines else found.start("text")
        lines.append(found["text"].strip())
        end = found.end()
    return Found(start, end, tuple(lines)) if lines else None
